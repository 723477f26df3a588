"""What every event costs where nothing is shared, in dollars a million, to the decision and with what follows: priced
as ``cost`` prices, of what was counted of each alone."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from tests.benchmarks.baselines import EVENTS, Event, together
from tests.benchmarks.cost import Bill, alone, naive_bills, priced, projected_alone
from tests.benchmarks.units import Operation

_GUARDS: Final = "a task with one of each is priced; what one more asks for is in the budget"

UNPRICED: Final = {
    "task created, two guards and watches": _GUARDS,
    "task cancelled, two guards and watches": _GUARDS,
    "task executed with a credit, two guards and watches": _GUARDS,
    "members read by hand": "a step of a group job, priced with its members",
    "tasks swept": "the sweeper comes by the clock, and finds what was lost: no event brings it about",
    "duplicate task messages": "a queue that delivers twice, by chance",
}
"""Operations that were counted and have no price, and why."""


class Costs(Struct, frozen=True):
    """What an event costs: ours, naively and at least."""

    ours: Bill
    naively: Bill
    least: Bill


class Row(Struct, frozen=True):
    """An event to its decision, and with event and totals if anything follows. ``is_listed``: what it comes to naively
    to the decision is listed, not counted of a naive function, at least in part."""

    name: str
    is_listed: bool
    decided: Costs
    whole: Costs | None


def rows(found: Mapping[str, Operation], naive: Mapping[str, Operation]) -> list[Row]:
    """Price every event alone."""
    bills = naive_bills(naive)
    return [_row(event, found, bills) for event in EVENTS]


def _row(event: Event, found: Mapping[str, Operation], naive: Mapping[str, Bill]) -> Row:
    least = together(event.request, event.least)
    decided = Costs(alone(found, event.operation) / event.each, _naively(event, naive), priced(least))
    whole = None
    if event.following is not None:
        whole = Costs(
            decided.ours + projected_alone(found, event.operation) / event.each,
            decided.naively + priced(event.following.naive),
            priced(together(least, event.following.least)),
        )
    return Row(event.name, bool(event.naive), decided, whole)


def _naively(event: Event, naive: Mapping[str, Bill]) -> Bill:
    """What the naive functions come to that do the like, with the event's own request in the place of theirs, and with
    what is listed in the place of what they asked for."""
    counted = sum((naive[name] for name in event.like), Bill({})).parts
    listed = priced({**event.request, **event.naive}).parts
    theirs = {"webhooks": 0.0} if "webhooks" not in event.request else {}
    return Bill({**counted, **theirs, **listed})
