"""What one change of the tables adds to the totals of a day, and which event it is. Pure, and the same for the stream
and for the recount.

A change is one write of one item. What it adds depends on nothing but itself, so changes may be counted in any order
and in any groups; that each is counted once is what its ``change_id`` is for.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Final

from msgspec import Struct

from cashback.domain import causes
from cashback.domain.day_totals import DayTotals, bucket_of
from cashback.domain.domain_events import (
    BALANCE_ADJUSTED,
    CASHBACK_AWARDED,
    CASHBACK_RESTORED,
    CASHBACK_REVERSED,
    GROUP_JOB_FINISHED,
    INCENTIVE_REQUEST_STATUS_CHANGED,
    ORDER_FAILED,
    ORDER_HELD,
    ORDER_PENDING,
    ORDER_REJECTED,
    PAYOUT_STATUS_CHANGED,
    PROMO_CODE_REDEEMED,
    TASK_CANCELLED,
    TASK_EXECUTED,
    DomainEvent,
)
from cashback.domain.fingerprints import fingerprint
from cashback.domain.ledger import Entry, EntryStatus, Kind
from cashback.domain.money import Currency
from cashback.domain.orders import AWARDED, REVIEWED, Status
from cashback.domain.times import Instant, moment

if TYPE_CHECKING:
    from datetime import tzinfo

    from cashback.domain.incentive_requests import IncentiveRequest, RequestStatus
    from cashback.domain.orders import Order
    from cashback.domain.payouts import Payout

_ISSUING: Final = frozenset({Kind.ORDER, Kind.MANUAL, Kind.GROUP, Kind.SCENARIO})
_ADJUSTING: Final = frozenset({Kind.MANUAL, Kind.GROUP, Kind.SCENARIO})

_TOLD_OF_ORDERS: Final = {
    Status.PENDING: ORDER_PENDING,
    Status.HELD: ORDER_HELD,
    Status.REJECTED: ORDER_REJECTED,
    Status.FAILED: ORDER_FAILED,
}

_SECOND: Final = len("2026-11-22T12:00:00")

_TOLD_OF_TASKS: Final = {"executed": TASK_EXECUTED, "cancelled": TASK_CANCELLED}

type Addition = tuple[str, DayTotals]
"""A date in the store's calendar, and what is added to its totals."""


class Change(Struct, frozen=True, kw_only=True):
    """One write that counts or is told of. ``revision`` tells the writes of one item apart."""

    store_id: str
    item_id: str
    revision: str
    at: Instant

    noun: ClassVar[str] = ""

    @property
    def change_id(self) -> str:
        """The same each time the change is delivered, and no other change's."""
        return fingerprint(self.noun, self.store_id, self.item_id, self.revision)[:32]

    @property
    def occasion(self) -> str:
        """What it has in common with changes of its kind that a stream delivers together with it: the second. Few
        enough share one that what is kept of each stays small together."""
        return f"{self.noun}#{self.at[:_SECOND]}"


class EntryPosted(Change, frozen=True, kw_only=True):
    """An entry of the ledger; ``item_id`` is the customer, ``revision`` the cause."""

    entry: Entry
    transaction_id: str

    noun: ClassVar[str] = "entry"

    @property
    def occasion(self) -> str:
        """Of a group job some thousand entries may be posted in a second: those of a chunk have one instant."""
        return f"{self.noun}#{self.at}" if self.entry.kind is Kind.GROUP else super().occasion


class OrderMoved(Change, frozen=True, kw_only=True):
    """An order that changed its status; ``amount`` is its award, or what it would earn before anything was gone, in
    minor units, and None where that is not known."""

    before: Status | None
    after: Status
    customer_id: str | None = None
    queued_at: Instant | None = None
    amount: int | None = None

    noun: ClassVar[str] = "order"


class TaskEnded(Change, frozen=True, kw_only=True):
    """A task of a scenario that was executed, cancelled or failed."""

    status: str
    scenario_id: str
    customer_id: str | None = None
    order_id: str | None = None

    noun: ClassVar[str] = "task"


class JobEnded(Change, frozen=True, kw_only=True):
    """A group job that was done, cancelled or failed. ``is_over``: every member has an outcome. ``is_amended``: it had
    ended so before, and comes to something else."""

    status: str
    group_id: str
    is_over: bool
    is_amended: bool = False
    credited: int = 0
    debited: int = 0

    noun: ClassVar[str] = "job"


class CodeRedeemed(Change, frozen=True, kw_only=True):
    """A promo code that was redeemed; ``item_id`` is the code."""

    task_id: str
    customer_id: str | None = None
    order_id: str | None = None

    noun: ClassVar[str] = "code"


class RequestMoved(Change, frozen=True, kw_only=True):
    """An incentive request that was made or decided."""

    before: "RequestStatus | None"
    request: "IncentiveRequest"

    noun: ClassVar[str] = "request"


class PayoutWritten(Change, frozen=True, kw_only=True):
    """A payout that was made or changed, in whatever; ``before`` is what it was, ``written_at`` when that was written,
    to the second: not all that is written of a payout is a change of it."""

    before: "Payout | None"
    payout: "Payout"
    written_at: Instant

    noun: ClassVar[str] = "payout"


def addition_of(change: Change, zone: "tzinfo") -> Addition | None:
    """Return what a change adds to which day; None where it adds nothing."""
    match change:
        case EntryPosted(entry=entry):
            totals = totals_of_entry(entry)
        case OrderMoved(before=before, after=after, at=at, queued_at=queued_at):
            totals = _of_move(before, after, at, queued_at)
        case _:
            return None
    return (date_of(change.at, zone), totals) if totals != DayTotals() else None


def totals_of_entry(entry: Entry) -> DayTotals:
    """Return what an entry adds to the day of its posting."""
    if entry.status is not EntryStatus.POSTED:
        return DayTotals()
    if entry.kind is Kind.REVERSAL:
        return DayTotals(cashback_reversed=-entry.amount)
    if entry.kind is Kind.PAYOUT:
        # A hold and its release are nothing; what a late success lacks is owed, and was paid as well.
        return DayTotals(cashback_paid_out=entry.owed - entry.amount - entry.reserved)
    if entry.kind not in _ISSUING:
        return DayTotals()
    is_award = entry.order_id is not None and entry.cause == causes.earned(entry.order_id)
    return DayTotals(orders_processed=int(is_award), cashback_issued=max(0, entry.amount))


def totals_of_order(order: "Order") -> Iterator[tuple[Instant, DayTotals]]:
    """Yield when each move of an order was, and what it adds to that day, as the recount reads it off the history."""
    for before, after in pairwise((None, *order.history)):
        if after is not None:
            was = before.status if before is not None else None
            yield after.at, _of_move(was, after.status, after.at, order.queued_at)


def failure_of(change: Change) -> str | None:
    """Return what of the store's engine failed, if that is what the change says. Orders tell of themselves."""
    if isinstance(change, JobEnded) and change.is_amended:
        return None
    if isinstance(change, TaskEnded | JobEnded) and change.status == "failed":
        return f"{change.noun}s_failed"
    return None


def event_of(change: Change, currency: Currency) -> DomainEvent | None:
    """Return the event that a change is; None where nobody is told of it."""
    told = _told(change, currency)
    return None if told is None else DomainEvent(change.change_id, told[0], change.store_id, change.at, told[1])


def date_of(at: Instant, zone: "tzinfo") -> str:
    """Return the date of an instant in a time zone, as in ``2026-11-22``."""
    return moment(at).astimezone(zone).date().isoformat()


def _of_move(before: Status | None, after: Status, at: Instant, queued_at: Instant | None) -> DayTotals:
    if before is after:
        return DayTotals()
    is_decided = before in REVIEWED and (after in AWARDED or after is Status.REJECTED) and queued_at is not None
    seconds = int((moment(at) - moment(queued_at)).total_seconds()) if is_decided and queued_at else 0
    return DayTotals(
        rejected=int(after is Status.REJECTED),
        failed=int(after is Status.FAILED),
        decisions={bucket_of(seconds): 1} if is_decided else {},
        longest_decision_seconds=max(0, seconds),
    )


def _told(change: Change, currency: Currency) -> tuple[str, dict[str, Any]] | None:
    match change:
        case EntryPosted():
            return _told_of_entry(change, currency)
        case OrderMoved(after=after) if after in _TOLD_OF_ORDERS and change.before is not after:
            about: dict[str, Any] = {"customer_id": change.customer_id, "order_id": change.item_id}
            amount = None if change.amount is None else _money(change.amount, currency)
            return _TOLD_OF_ORDERS[after], {**about, "amount": amount}
        case TaskEnded(status=ended) if ended in _TOLD_OF_TASKS:
            about = {"task_id": change.item_id, "scenario_id": change.scenario_id}
            return _TOLD_OF_TASKS[ended], {
                **about,
                "customer_id": change.customer_id,
                "order_id": change.order_id,
            }
        case JobEnded(is_over=True):
            return GROUP_JOB_FINISHED, {
                "job_id": change.item_id,
                "group_id": change.group_id,
                "status": change.status,
                "amount_credited": _money(change.credited, currency),
                "amount_debited": _money(change.debited, currency),
            }
        case RequestMoved():
            return INCENTIVE_REQUEST_STATUS_CHANGED, _about_request(change, currency)
        case PayoutWritten() if change.before is None or change.before.status is not change.payout.status:
            return PAYOUT_STATUS_CHANGED, _about_payout(change, currency)
        case CodeRedeemed():
            about = {"promo_code": change.item_id, "task_id": change.task_id}
            return PROMO_CODE_REDEEMED, {**about, "customer_id": change.customer_id, "order_id": change.order_id}
    return None


def _about_request(change: RequestMoved, currency: Currency) -> dict[str, Any]:
    request = change.request
    return {
        "incentive_request_id": change.item_id,
        "customer_id": request.customer_id,
        "amount": _money(request.amount, currency),
        "status": request.status.value,
        "previous_status": change.before.value if change.before else None,
    }


def _about_payout(change: PayoutWritten, currency: Currency) -> dict[str, Any]:
    payout = change.payout
    return {
        "payout_id": change.item_id,
        "incentive_request_id": payout.incentive_request_id,
        "customer_id": payout.customer_id,
        "amount": _money(payout.amount, currency),
        "status": payout.status.value,
        "previous_status": change.before.status.value if change.before else None,
    }


def _told_of_entry(change: EntryPosted, currency: Currency) -> tuple[str, dict[str, Any]] | None:
    entry = change.entry
    if entry.status is not EntryStatus.POSTED or not (entry.amount or entry.owed):
        return None
    about: dict[str, Any] = {"customer_id": change.item_id, "transaction_id": change.transaction_id}
    if entry.kind in _ADJUSTING:
        about |= {"type": entry.kind.value, "amount": _money(entry.amount, currency)}
        return BALANCE_ADJUSTED, {**about, "job_id": entry.job_id, "task_id": entry.task_id}
    about |= {"order_id": entry.order_id, "amount": _money(abs(entry.amount), currency)}
    if entry.kind is Kind.ORDER:
        return CASHBACK_AWARDED, about
    if entry.kind is Kind.REVERSAL:
        about |= {"shortfall": _money(abs(entry.owed), currency)} if entry.owed else {}
        return (CASHBACK_REVERSED if entry.amount < entry.owed else CASHBACK_RESTORED), about
    return None


def _money(minor: int, currency: Currency) -> dict[str, str]:
    return {"amount": currency.format(minor), "currency": currency.code}
