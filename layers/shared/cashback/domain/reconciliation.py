"""Whether what is kept of balances and orders is what the ledger's entries say. Nothing here mends anything.

An account's count of orders and its total spent are no sums of entries, and are not compared.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import replace
from enum import StrEnum
from typing import Final

from msgspec import Struct

from cashback.domain.due import DueThing
from cashback.domain.incentive_requests import IncentiveRequest
from cashback.domain.ledger import Account, Entry, EntryStatus, Kind
from cashback.domain.orders import AWARDED, Order
from cashback.domain.payouts import Payout, PayoutStatus
from cashback.domain.times import Instant

MOST_KEPT: Final = 100
"""Differences that a report names; it counts all."""


class Subject(StrEnum):
    """Whose figure differs."""

    CUSTOMER = "customer"
    ORDER = "order"
    PAYOUT = "payout"


class Difference(Struct, frozen=True):
    """A figure that is not what the entries say. Both are minor units, but for ``version``, which counts entries, and
    ``active``, which is 1 where a request says that a payout of it has not failed."""

    subject: Subject
    item_id: str
    figure: str
    stands: int
    expected: int


class Overdue(Struct, frozen=True):
    """Something that came due long ago and that nothing has settled."""

    kind: str
    item_id: str
    due_at: Instant


class Reconciliation(Struct, frozen=True):
    """How far the comparison of one store's customers is, and what it found.

    ``date`` is the day it began, in the store's calendar; ``part`` and ``after`` are where it goes on, ``finished_at``
    is when every part was done. ``moving`` counts customers whose balance moved during every look: they are compared
    the next day.
    """

    date: str
    begun_at: Instant
    since: Instant
    """Orders are compared whose entries are no older: those of before were compared before."""
    part: int = 0
    after: str | None = None
    customers: int = 0
    orders: int = 0
    moving: int = 0
    found: int = 0
    differences: tuple[Difference, ...] = ()
    overdue: tuple[Overdue, ...] = ()
    finished_at: Instant | None = None

    def with_page(self, page: "Page") -> "Reconciliation":
        """Return it with a page of customers more."""
        return replace(
            self,
            customers=self.customers + page.customers,
            orders=self.orders + page.orders,
            moving=self.moving + page.moving,
            found=self.found + len(page.differences),
            differences=(*self.differences, *page.differences)[:MOST_KEPT],
        )

    @property
    def is_clean(self) -> bool:
        """Tell whether nothing is amiss."""
        return not self.found and not self.overdue


class Page(Struct, frozen=True):
    """What the comparison of some customers came to."""

    customers: int = 0
    orders: int = 0
    moving: int = 0
    differences: tuple[Difference, ...] = ()


def expected_of(entries: Iterable[Entry]) -> dict[str, int]:
    """Return the figures of an account that has these entries; rejected ones moved nothing.

    That ``available + reserved == credited - debited`` follows: it holds of each entry.
    """
    posted = [entry for entry in entries if entry.status is EntryStatus.POSTED]
    return {
        "available": sum(entry.amount for entry in posted),
        "reserved": sum(entry.reserved for entry in posted),
        "credited": sum(entry.credited for entry in posted),
        "debited": sum(entry.debited for entry in posted),
        "shortfall": sum(entry.owed for entry in posted),
        "version": len(posted),
    }


def of_account(account: Account, entries: Iterable[Entry]) -> Iterator[Difference]:
    """Yield where an account is not what all of its entries say."""
    for figure, expected in expected_of(entries).items():
        stands = getattr(account, figure)
        if stands != expected:
            yield Difference(Subject.CUSTOMER, account.customer_id, figure, stands, expected)


def of_order(order: Order, entries: Sequence[Entry]) -> Iterator[Difference]:
    """Yield where an order is not what all of its entries say: what it earned, what was called back of that, taken or
    owed, and what it was paid with cashback."""
    called_back = order.target - order.waived if order.status in AWARDED else 0
    stands = {
        "award": order.award or 0,
        "taken_and_owed": called_back,
        "redeemed": order.redeemed - order.redemption_waived,
    }
    expected = {
        "award": _moved(entries, Kind.ORDER),
        "taken_and_owed": -_moved(entries, Kind.REVERSAL),
        "redeemed": -_moved(entries, Kind.REDEMPTION),
    }
    for figure, value in stands.items():
        if value != expected[figure]:
            yield Difference(Subject.ORDER, order.order_id, figure, value, expected[figure])


def of_orders(found: Iterable[Order], moved: Mapping[str, Sequence[Entry]]) -> Iterator[Difference]:
    """Yield where orders are not what their entries say; one that is not there says nothing, and should."""
    missing = dict(moved)
    for order in found:
        yield from of_order(order, missing.pop(order.order_id))
    for order_id, entries in missing.items():
        yield from of_order(Order(order_id, "", ""), entries)


def _moved(entries: Iterable[Entry], kind: Kind) -> int:
    """What entries of a kind gave; what one takes and the balance lacks is owed, and was taken as well."""
    return sum(entry.amount - entry.owed for entry in entries if entry.kind is kind)


def orders_moved(account: Account, entries: Iterable[Entry], since: Instant) -> Mapping[str, list[Entry]]:
    """Return the entries of each order that moved money since an instant, all that it ever had.

    None of an account that a merge concerns: the entries of its orders stand at two customers.
    """
    if account.merged_into is not None or account.merged_hops:
        return {}
    by_order: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.order_id is not None and entry.status is EntryStatus.POSTED:
            by_order[entry.order_id].append(entry)
    return {order_id: some for order_id, some in by_order.items() if max(one.posted_at for one in some) >= since}


def has_reserves(account: Account, entries: Iterable[Entry]) -> bool:
    """Tell whether an account has, or ever had, anything to do with payouts, and answers for it itself."""
    return account.is_live and (bool(account.reserved) or any(entry.kind is Kind.PAYOUT for entry in entries))


def of_reserves(
    account: Account, entries: Iterable[Entry], requests: Iterable[IncentiveRequest]
) -> Iterator[Difference]:
    """Yield where requests, of a customer and of all who were merged into them, do not hold what entries reserve."""
    held, expected = sum(request.held for request in requests), expected_of(entries)["reserved"]
    if held != expected:
        yield Difference(Subject.CUSTOMER, account.customer_id, "held", held, expected)


def of_payouts(
    requests: Iterable[IncentiveRequest], payouts: Iterable[Payout]
) -> Iterator[tuple[IncentiveRequest, Difference]]:
    """Yield where requests and their payouts contradict each other, with the request: one that has not failed is named
    as active (1) and no other (0), and what is asked of the balance is held for it as long as its end is not known."""
    by_id = {request.incentive_request_id: request for request in requests}
    for payout in payouts:
        request = by_id[payout.incentive_request_id]
        named, active = request.active_payout_id == payout.payout_id, payout.status is not PayoutStatus.FAILED
        if named is not active:
            yield request, Difference(Subject.PAYOUT, payout.payout_id, "active", int(named), int(active))
        held = payout.amount if payout.is_live and payout.from_balance else 0
        if named and request.held != held:
            yield request, Difference(Subject.PAYOUT, payout.payout_id, "held", request.held, held)


def overdue_of(things: Iterable[DueThing], store_id: str) -> tuple[Overdue, ...]:
    """Return which of the things that are overdue are one store's."""
    mine = (Overdue(thing.kind, thing.item_id, thing.due_at) for thing in things if thing.store_id == store_id)
    return tuple(mine)[:MOST_KEPT]
