"""What a line of ``cost`` comes to at least, and what it would naively where no naive function does it: lists of what
is asked for, in units of ``PRICES``, to be read and disputed.

*At least* is what any design on these services asks for: the request that the event arrives by; an invocation, shared
where events may wait for one another; a write unit for each item that has to outlive it, and an event where others are
told; half a read unit where something has to be looked up. No transaction, no index, no guard, no log, no time.
"""

from collections.abc import Mapping
from typing import Final

from tests.benchmarks.naive_units import BATCH
from tests.benchmarks.units import BUSY

type Amounts = Mapping[str, float]


def together(*parts: Amounts) -> dict[str, float]:
    """Return what parts come to."""
    return {name: sum(part.get(name, 0) for part in parts) for name in {name: 0 for part in parts for name in part}}


_ORDER: Final = {"webhooks": 1, "invocations": 1, "writes": 1}
"""The gateway, the function behind it, and one item that is the entry and the balance."""

_TASK: Final = {"writes": 2, "reads": 0.5}
"""The task as it is created, which may be its own guard, and its credit; a look whether it was cancelled."""

_EVENT: Final = {"events": 1}
_TOTALS: Final = {"invocations": 1, "writes": 1}
_SHARED_TOTALS: Final = {"invocations": 1 / BUSY, "writes": 1 / BUSY}
_LOOK: Final = {"reads": 0.5}
"""One item: whom to tell, or a balance."""

_ADMIN: Final = {"admin API": 1, "invocations": 1}
PAYOUT_CALLS: Final = 5
"""Of the API, from the request of a payout to its payment."""

_PAYOUT: Final = {"admin API": PAYOUT_CALLS, "invocations": PAYOUT_CALLS, "writes": PAYOUT_CALLS}
"""An item for each step."""

LEAST: Final[Mapping[str, Amounts]] = {
    "paid order to the posting, in batches": _ORDER,
    "with event and totals, in batches": together(_ORDER, _EVENT, _SHARED_TOTALS),
    "and with the notifier looking whom to tell": together(_ORDER, _EVENT, _SHARED_TOTALS, _LOOK),
    "paid order to the posting, alone": _ORDER,
    "with event and totals, alone": together(_ORDER, _EVENT, _TOTALS),
    "group member, of a job of 1,000": {"writes": 1},
    "with event and totals, of a job of 1,000": together({"writes": 1}, _EVENT),
    "and with the notifier, of a job of 1,000": together({"writes": 1}, _EVENT, _LOOK),
    "group member, of a job of 100": {"writes": 1},
    "delayed task: guard, watch and credit, in batches": together(_TASK, {"invocations": 1 / BATCH}),
    "delayed task with events and totals": together(_TASK, {"invocations": 1 / BATCH}, _EVENT, _TOTALS),
    "delayed task with the notifier too": together(_TASK, {"invocations": 1 / BATCH}, _EVENT, _TOTALS, _LOOK),
    "delayed task, alone": together(_TASK, {"invocations": 1}),
    "Scheduler and its message alone": {"schedules": 1},
    "balance read": together(_ADMIN, _LOOK),
    "manual adjustment": together(_ADMIN, {"writes": 1}),
    "payout, from request to payment: five calls": _PAYOUT,
    "with events, totals and search": together(_PAYOUT, {"events": PAYOUT_CALLS}, _TOTALS, {"writes": 1}),
}
"""By line."""

NAIVELY_TOLD: Final = {"invocations": 1, "events": 1, "writes": 1}
"""What follows a posting as one would write it: for each entry an invocation by the stream, an event, and the totals of
the day moved by a unit."""

NAIVELY_LOOKED: Final = {"invocations": 1, "reads": 2}
"""An invocation by the bus for each event, which reads the settings and the customer."""

NAIVE_BALANCE: Final = {**_ADMIN, "reads": 1}
"""A read of one item, as it takes no history where a balance is kept."""

NAIVE_PAYOUT: Final = {**_PAYOUT, "writes": PAYOUT_CALLS * (2 + 2) + 2 * (2 + 2)}
"""Each call is marked as begun and as ended, and writes its document with an index; two of them move money, an entry
and a balance with an index each."""

NAIVE_PAYOUT_TOLD: Final = {"invocations": PAYOUT_CALLS, "events": PAYOUT_CALLS, "writes": 1 + 1}
"""An event for each step; the totals, and an item to search by, once."""
