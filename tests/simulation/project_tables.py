"""The tables of template.yaml, as the simulated DynamoDB takes them."""

from functools import cache

from dev.template import table_definition
from tests.simulation.dynamo import TableSpec

__all__ = ["table_specs"]


@cache
def table_specs() -> tuple[TableSpec, ...]:
    """Ledger and State, with their indexes, under their logical ids."""
    return tuple(TableSpec.from_definition(table_definition(name), name) for name in ("Ledger", "State"))
