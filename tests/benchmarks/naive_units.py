"""What the naive functions ask of DynamoDB and of other services, as it was counted last (naive_scene.py).

They do what ours do in the simplest of cases: a store with one rate, a customer and an order that nobody changes. Where
ours keep more, or keep it more safely, they do not.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.benchmarks import units
from tests.benchmarks.units import Operation, Share

COUNTED: Final = Path(__file__).parent / "naive" / "units.toml"
"""What was counted last, for each call: of one order, of a batch of members, of one task, and of a batch of tasks."""

BATCH: Final = 10
"""Messages that a naive worker is given at once: the most that SQS hands out without waiting."""

REMEMBERED: Final = 2
"""Write units of a message in the table that Powertools remembers in: it is begun, and it is ended."""

ORDER: Final = "naive paid order"
MEMBERS: Final = "naive group members, a batch"
CREATED: Final = "naive task created"
EXECUTED: Final = "naive tasks executed, a batch"


def read() -> dict[str, Operation]:
    """What was counted last, by name."""
    return units.parsed(COUNTED.read_text())


def written(operations: Sequence[Operation]) -> str:
    """Return what was counted as text."""
    return units.written(operations, "naive_scene")


def of_one(found: Mapping[str, Operation], name: str) -> Share:
    """What an operation asked for, of the naive function that does it: a batch as a whole."""
    (share,) = found[name].shares.values()
    return share
