"""The tables of template.yaml, as the simulated DynamoDB takes them, and how they may be read."""

from functools import cache
from typing import Final

from cashback.adapters.dynamo import store_keys
from dev.template import table_definition
from tests.simulation.dynamo import SimulatedDynamo, TableSpec

__all__ = ["inconsistent_reads", "table_specs"]

_MAY_LAG: Final = {("State", store_keys.STORES)}
"""Partitions that may be read as they were. The stores: only the daily walk asks for them all, and what it misses of a
store that was opened a moment ago it does when it next comes round."""


@cache
def table_specs() -> tuple[TableSpec, ...]:
    """Ledger and State, with their indexes, under their logical ids."""
    return tuple(TableSpec.from_definition(table_definition(name), name) for name in ("Ledger", "State"))


def inconsistent_reads(dynamo: SimulatedDynamo) -> list[str]:
    """Each partition that was read without asking for what was last committed, though it could have been asked for: by
    its key, or by an index of its own. Neither this store nor the local engine need show what may then be missing."""
    read = dynamo.engine.inconsistent - _MAY_LAG
    return sorted(f"{partition!r} of {table} was read as it may have been" for table, partition in read)
