"""Our own CPU that projections and dollars assume, held against what was counted of it."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from cashback.edge.sweeper import AT_ONCE
from cashback.services.plan_group_job import READ_AT_ONCE, READ_BY_HAND
from tests.benchmarks.pace import PACE, SHARE
from tests.benchmarks.units import BUSY, MEMBERS, Operation

MOST: Final = 4.0
"""Times what was counted. Beside the raw transaction the same code takes up to twice as much on one machine as on
another."""


class Assumed(Struct, frozen=True):
    """What is assumed, by fields of ``PACE``, and where it is counted: for each of so many."""

    fields: tuple[str, ...]
    operation: str
    function: str
    each: int = 1

    @property
    def seconds(self) -> float:
        """Of a core's CPU, as it is assumed."""
        return float(SHARE * sum(getattr(PACE, name) for name in self.fields))


ASSUMED: Final = (
    Assumed(("taken_in",), "paid orders in batches of ten", "webhook_ingest", BUSY),
    Assumed(("order",), "paid orders in batches of ten", "event_worker", BUSY),
    Assumed(("start",), "task created", "event_worker"),
    Assumed(("task",), "task executed with a credit", "action_worker"),
    Assumed(("credit",), "task executed with a credit", "credit_worker"),
    Assumed(("unchanged",), "duplicate task messages", "action_worker", BUSY),
    Assumed(("swept",), "tasks swept", "sweeper", AT_ONCE),
    Assumed(("member",), "group job", "group_job_worker", MEMBERS),
    Assumed(("listed",), "members read by hand", "group_job_worker", READ_BY_HAND),
    Assumed(("listed", "figured"), "customers read by a rule", "group_job_worker", READ_AT_ONCE),
)


def check(operations: Mapping[str, Operation]) -> list[str]:
    """Return what is assumed below what was counted, or far above it."""
    faults = []
    for one in ASSUMED:
        counted = operations[one.operation].shares[one.function].cpu / one.each
        if not counted <= one.seconds <= MOST * counted:
            names = " and ".join(one.fields)
            faults.append(f"{names}: {one.seconds * 1e6:.0f} us assumed, {counted * 1e6:.0f} us counted")
    return faults
