"""What a line of ``cost`` comes to at least, and what it would naively where no naive function does it: lists of what
is asked for, in units of ``PRICES``, to be read and disputed. ``EVENTS`` has the same of every event alone.

*At least* is what any design on these services asks for: the request that the event arrives by; an invocation, shared
where events may wait for one another; a write unit for each item that has to outlive it, and an event where others are
told; half a read unit where something has to be looked up. No transaction, no index, no guard, no log, no time.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from cashback.services.plan_group_job import READ_AT_ONCE
from tests.benchmarks.naive_units import BATCH, REMEMBERED
from tests.benchmarks.units import BUSY, MEMBERS

type Amounts = Mapping[str, float]


def together(*parts: Amounts) -> dict[str, float]:
    """Return what parts come to."""
    return {name: sum(part.get(name, 0) for part in parts) for name in {name: 0 for part in parts for name in part}}


_WEBHOOK: Final = {"webhooks": 1, "invocations": 1}
_ADMIN: Final = {"admin API": 1, "invocations": 1}
"""The gateway, and the function behind it."""

_WRITE: Final = {"writes": 1}
_LOOK: Final = {"reads": 0.5}
"""One item: whom to tell, or a balance."""

_ORDER: Final = together(_WEBHOOK, _WRITE)
"""One item is the entry and the balance."""

_TASK: Final = together(_WRITE, _WRITE, _LOOK)
"""The task as it is created, which may be its own guard, and its credit; a look whether it was cancelled."""

_EVENT: Final = {"events": 1}
_TOTALS: Final = together({"invocations": 1}, _WRITE)
_SHARED_TOTALS: Final = {"invocations": 1 / BUSY, "writes": 1 / BUSY}

PAYOUT_CALLS: Final = 5
"""Of the API, from the request of a payout to its payment."""

_PAYOUT: Final = together(*[together(_ADMIN, _WRITE)] * PAYOUT_CALLS)
"""An item for each step."""

LEAST: Final[Mapping[str, Amounts]] = {
    "paid order to the posting, in batches": _ORDER,
    "with event and totals, in batches": together(_ORDER, _EVENT, _SHARED_TOTALS),
    "and with the notifier looking whom to tell": together(_ORDER, _EVENT, _SHARED_TOTALS, _LOOK),
    "paid order to the posting, alone": _ORDER,
    "with event and totals, alone": together(_ORDER, _EVENT, _TOTALS),
    "group member, of a job of 1,000": _WRITE,
    "with event and totals, of a job of 1,000": together(_WRITE, _EVENT),
    "and with the notifier, of a job of 1,000": together(_WRITE, _EVENT, _LOOK),
    "group member, of a job of 100": _WRITE,
    "delayed task: guard, watch and credit, in batches": together(_TASK, {"invocations": 1 / BATCH}),
    "delayed task with events and totals": together(_TASK, {"invocations": 1 / BATCH}, _EVENT, _TOTALS),
    "delayed task with the notifier too": together(_TASK, {"invocations": 1 / BATCH}, _EVENT, _TOTALS, _LOOK),
    "delayed task, alone": together(_TASK, {"invocations": 1}),
    "Scheduler and its message alone": {"schedules": 1},
    "balance read": together(_ADMIN, _LOOK),
    "manual adjustment": together(_ADMIN, _WRITE),
    "payout, from request to payment: five calls": _PAYOUT,
    "with events, totals and search": together(_PAYOUT, {"events": PAYOUT_CALLS}, _TOTALS, _WRITE),
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


class Following(Struct, frozen=True):
    """What follows a decision: at least, and naively."""

    least: Amounts
    naive: Amounts


_POSTED: Final = Following(together(_EVENT, _TOTALS), NAIVELY_TOLD)
_TOLD: Final = Following(_EVENT, {"invocations": 1, "events": 1})
"""Others are told, and no total moves."""

_SEEN: Final = Following({}, {"invocations": 1})
"""Nobody is told, but a naive stream tells of every write too."""


class Event(Struct, frozen=True):
    """An operation to be priced alone: the request that it arrives by, if it does, and what it asks for beside that.

    ``least`` is what it asks for at least. ``like`` are the naive bills (``cost.naive_bills``) of what a naive design
    does for it, and ``naive`` what is listed instead of a part of them, where none of the naive functions does just
    that. Nothing follows without ``following``. It is each of so many where those were counted together.
    """

    operation: str
    request: Amounts
    least: Amounts
    like: tuple[str, ...] = ("order",)
    naive: Amounts = {}
    following: Following | None = None
    title: str = ""
    each: int = 1

    @property
    def name(self) -> str:
        """What the page calls it."""
        name = self.title or self.operation
        return f"{name}, each of {self.each:,}" if self.each > 1 else name


_ITEM: Final = 1 + 1
"""Write units of an item of a kilobyte at most in a naive design, which has an index of whole items."""

_SOLD: Final = 2 + 2
"""Those of an order of six lines, which is larger. It stays where it is in the index when it changes."""

_POSTING: Final = REMEMBERED + _SOLD + _ITEM + _ITEM
"""Those of an order with its entry and the balance, whose key is marked as begun and as ended: of any change of what an
order earned too, which writes the order anew."""

_SETTINGS: Final = 0.5
_READ: Final = 0.5
"""Read units of a naive read, which may be a moment late."""

_NAIVE_RECORD: Final = {"writes": REMEMBERED + _SOLD, "reads": _SETTINGS}
"""An order that earns nothing yet is written."""

_NAIVE_POSTING: Final = {"writes": _POSTING, "reads": _SETTINGS}
_NAIVE_CHANGE: Final = {"writes": _POSTING, "reads": _SETTINGS + _READ}
"""The same where something has to be looked up first: what an order has earned, or whom it concerns."""

_NAIVE_STRANGER: Final = {"writes": _POSTING + _ITEM, "reads": _SETTINGS + _READ}
"""A naive design looks whether it knows the customer, and writes a profile."""

_NAIVE_LOOK: Final = {"reads": _READ}
_NOT_QUEUED: Final = {"queues": 0}
"""No message brings what is asked for by a call."""

EVENTS: Final = (
    Event("paid order, first seen", _WEBHOOK, _WRITE, following=_POSTED),
    # The mark is refused, which is charged; what little is logged is left out.
    Event("duplicate delivery", _WEBHOOK, _LOOK, naive={"writes": 1, "reads": 0, "logs": 0}),
    Event(
        "unpaid order recorded",
        _WEBHOOK,
        _WRITE,
        naive=_NAIVE_RECORD,
        following=_SEEN,
    ),
    Event(
        "unpaid order changed",
        _WEBHOOK,
        _WRITE,
        naive=_NAIVE_RECORD,
        following=_SEEN,
    ),
    Event(
        "paid order, already recorded",
        _WEBHOOK,
        _WRITE,
        naive=_NAIVE_POSTING,
        following=_POSTED,
    ),
    Event(
        "first order of an unknown customer",
        _WEBHOOK,
        _WRITE,
        naive=_NAIVE_STRANGER,
        following=_POSTED,
    ),
    # Which has an item for each of the two to be found by, and looks there first.
    Event(
        "the same with phone and e-mail",
        _WEBHOOK,
        together(_WRITE, _LOOK),
        naive={"writes": _POSTING + _ITEM + 2, "reads": _SETTINGS + _READ + 2 * _READ},
        following=_POSTED,
        title="first order of an unknown customer, with phone and e-mail",
    ),
    Event(
        "first order of an unknown regular",
        _WEBHOOK,
        _WRITE,
        naive=_NAIVE_STRANGER,
        following=_POSTED,
    ),
    # What an order has earned has to be looked up before it is taken back.
    Event(
        "refund clawed back",
        _WEBHOOK,
        together(_WRITE, _LOOK),
        naive=_NAIVE_CHANGE,
        following=_POSTED,
    ),
    Event(
        "order cancelled",
        _WEBHOOK,
        together(_WRITE, _LOOK),
        naive=_NAIVE_CHANGE,
        following=_POSTED,
    ),
    Event(
        "order to be reviewed",
        _WEBHOOK,
        _WRITE,
        naive=_NAIVE_RECORD,
        following=_TOLD,
    ),
    Event(
        "approve",
        _ADMIN,
        together(_WRITE, _LOOK),
        naive=_NAIVE_CHANGE,
        following=_POSTED,
        title="order approved, by a call of the API",
    ),
    # Scenarios are read with the settings, and tasks that an event may concern have to be looked for.
    Event(
        "scenarios with conditions",
        _WEBHOOK,
        together(_WRITE, _LOOK),
        naive=_NAIVE_CHANGE,
        following=_POSTED,
        title="paid order of a store whose scenarios have conditions",
    ),
    # Which order is the newest of a customer may stand with the balance.
    Event(
        "a newest order to keep",
        _WEBHOOK,
        _WRITE,
        naive=_NAIVE_POSTING,
        following=_POSTED,
        title="paid order of a store that has to know the newest",
    ),
    Event(
        "task created",
        _WEBHOOK,
        together(_WRITE, _WRITE),
        like=("order", "task created"),
        following=_POSTED,
        title="paid order that starts a delayed task",
    ),
    # The task is looked for by its watch; it is turned, and the watch goes.
    Event(
        "task cancelled",
        _WEBHOOK,
        together(_WRITE, _LOOK, _WRITE, _LOOK),
        naive={"writes": _POSTING + _ITEM + 1, "reads": _SETTINGS + _READ + _READ},
        following=_POSTED,
        title="order cancelled, and its delayed task with it",
    ),
    Event("manual credit", _ADMIN, _WRITE, like=("member",), naive=_NOT_QUEUED, following=_POSTED),
    Event("manual debit", _ADMIN, _WRITE, like=("member",), naive=_NOT_QUEUED, following=_TOLD),
    # An amount that depends on the balance has to know it.
    Event(
        "group job, absolute",
        {},
        together(_WRITE, _LOOK),
        like=("member",),
        naive=_NAIVE_LOOK,
        following=Following(_EVENT, NAIVELY_TOLD),
        each=MEMBERS,
    ),
    Event(
        "group job, clamp",
        {},
        together(_WRITE, _LOOK),
        like=("member",),
        naive=_NAIVE_LOOK,
        following=_TOLD,
        title="group job, clamped debits",
        each=MEMBERS,
    ),
    Event(
        "customers read by a rule",
        {},
        _LOOK,
        like=(),
        naive=_NAIVE_LOOK,
        title="customers that a group's rule is asked about",
        each=READ_AT_ONCE,
    ),
)
"""Operations of a quiet store, in the order of the page."""
