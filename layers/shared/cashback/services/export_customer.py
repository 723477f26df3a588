"""Tell everything that is held on a customer, piece by piece, and write down who asked."""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from cashback.domain.audit import Act, Origin
from cashback.domain.customers import Profile
from cashback.domain.groups import Membership
from cashback.domain.incentive_requests import IncentiveRequest, RequestStatus
from cashback.domain.ledger import Account, HistoryLine
from cashback.domain.orders import Order
from cashback.domain.payouts import AuditLine, Payout
from cashback.domain.queries import EntriesWanted, OrdersWanted
from cashback.domain.times import Instant
from cashback.services import read_customers
from cashback.services.books import Books, GroupBooks
from cashback.services.manage_payment_accounts import ShownAccount, shown_accounts

_AT_ONCE: Final = 100
_ENTRIES, _ORDERS, _REQUESTS = "entries", "orders", "requests"


class Held(Struct, frozen=True):
    """Who a customer is, what they have, who was merged into them, and of any of these the payment accounts (masked)
    and the groups they were added to."""

    profile: Profile
    account: Account
    merged_from: Sequence[str]
    memberships: Sequence[Membership] = ()
    payment_accounts: Sequence[ShownAccount] = ()


class PayoutHistory(Struct, frozen=True):
    """A payout, and its audit, the newest line first."""

    payout: Payout
    lines: Sequence[AuditLine]


class RequestHistory(Struct, frozen=True):
    """An incentive request, and its payouts in their order."""

    request: IncentiveRequest
    payouts: Sequence[PayoutHistory]


class Piece(Struct, frozen=True):
    """An entry, an order or a request of a customer, or of one who was merged into them; ``place`` is where to go on
    after it."""

    customer_id: str
    held: HistoryLine | Order | RequestHistory
    place: str


def export_customer(
    books: Books, groups: GroupBooks, store_id: str, customer_id: str, origin: Origin, now: Instant
) -> Held:
    """Return what is held but for entries, orders and requests, with a line of the audit; those are told by ``pieces``.

    :raises CustomerNotFound: no such customer in this store.
    """
    profile = read_customers.profile(books, store_id, customer_id)
    account = books.ledger.account(store_id, customer_id)
    merged_from = books.history.merged_from(store_id, customer_id)
    owners = (customer_id, *merged_from)
    memberships = [one for owner in owners for one in groups.groups.memberships(store_id, owner)]
    accounts = [one for owner in owners for one in shown_accounts(books, store_id, owner)]
    books.stores.act(store_id, Act("customer_exported", customer_id, now, origin))
    return Held(profile, account, merged_from, memberships, accounts)


def pieces(books: Books, store_id: str, held: Held, after: str | None) -> Iterator[Piece]:
    """Yield every entry, with what was said of it, every order, and every request with its payouts: of the customer,
    then of each who was merged into them, the newest first. From the beginning, or after a place."""
    owner, kind, place = after.split("|", 2) if after else (held.profile.customer_id, _ENTRIES, "")
    owners = [held.profile.customer_id, *held.merged_from]
    for one in owners[owners.index(owner) :]:
        if kind == _ENTRIES:
            yield from _entries(books, store_id, one, place or None)
            kind, place = _ORDERS, ""
        if kind == _ORDERS:
            yield from _orders(books, store_id, one, place or None)
            place = ""
        yield from _requests(books, store_id, one, place or None)
        kind, place = _ENTRIES, ""


def _entries(books: Books, store_id: str, customer_id: str, after: str | None) -> Iterator[Piece]:
    wanted = EntriesWanted(include_zero=True)
    while True:
        lines, after = read_customers.transactions(books, store_id, customer_id, wanted, _AT_ONCE, after)
        yield from (Piece(customer_id, line, f"{customer_id}|{_ENTRIES}|{line.place}") for line in lines)
        if after is None:
            return


def _orders(books: Books, store_id: str, customer_id: str, before: str | None) -> Iterator[Piece]:
    wanted = OrdersWanted(customer_ids=(customer_id,))
    while True:
        orders, before = books.lists.page(store_id, wanted, _AT_ONCE, before)
        for order in orders:
            yield Piece(customer_id, order, f"{customer_id}|{_ORDERS}|{books.lists.place(order)}")
        if before is None:
            return


def _requests(books: Books, store_id: str, customer_id: str, before: str | None) -> Iterator[Piece]:
    while True:
        requests, after = books.requests.page_of(store_id, [customer_id], list(RequestStatus), _AT_ONCE, before)
        payouts = books.payouts.get_many(store_id, [one for request in requests for one in request.payout_ids])
        found = {payout.payout_id: payout for payout in payouts}
        for request in requests:
            paid = [found[payout_id] for payout_id in request.payout_ids if payout_id in found]
            held = RequestHistory(request, [_with_history(books, store_id, payout) for payout in paid])
            yield Piece(customer_id, held, f"{customer_id}|{_REQUESTS}|{books.requests.place(request)}")
        if after is None:
            return
        before = after


def _with_history(books: Books, store_id: str, payout: Payout) -> PayoutHistory:
    lines, before = books.payouts.history(store_id, payout.payout_id, _AT_ONCE)
    while before is not None:
        more, before = books.payouts.history(store_id, payout.payout_id, _AT_ONCE, before)
        lines += more
    return PayoutHistory(payout, lines)
