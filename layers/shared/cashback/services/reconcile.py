"""Compare every balance of a store with the entries it should be the sum of, once a day, in the store's own night.

It only reads, and changes no money whatever it finds. A comparison goes on where it stopped: page by page of customers,
over as many invocations as it takes. It walks the directory of customers: no role may scan a table, so entries of
somebody whom a restored table does not know at all are found by ``make reconcile`` only, which scans the ledger.
"""

from collections.abc import Iterator, Sequence
from copy import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cashback.domain.delays import local_time
from cashback.domain.due import DueKind, DueThing, hour_from, hour_of, hours_between
from cashback.domain.ledger import Account, Entry
from cashback.domain.reconciliation import (
    Difference,
    Page,
    Reconciliation,
    has_reserves,
    of_account,
    of_orders,
    of_payouts,
    of_reserves,
    orders_moved,
)
from cashback.domain.times import OLDEST, Instant, instant, moment
from cashback.services.books import Books
from cashback.services.time_zones import zone_of

if TYPE_CHECKING:
    from cashback.adapters.dynamo.due import DueIndex
    from cashback.adapters.dynamo.reconciliations import Reconciliations

NIGHT: Final = 2
"""The local hour from which a day's comparison begins: after the changes of clocks of most zones, before the shop
opens."""

PAGE: Final = 50
"""Customers of a page."""

OVERLAP: Final = timedelta(days=2)
"""How much longer than since the last comparison an order's entries are new: a customer may have been moving then."""

LOOKS: Final = 3
"""How often a customer is looked at whose balance moves meanwhile."""

OVERDUE_AFTER: Final = timedelta(hours=2)
"""After which something that is due is stuck: it is looked at every five minutes."""

ERASED_WITHIN: Final = timedelta(days=2)
"""A store that closes is due from its closing until all its customers are erased, which takes longer."""

LOOK_BACK: Final = 26
"""Hours in which overdue things are looked for at the least, and further back where the sweeper itself is."""


def open_comparison(books: Books, kept: "Reconciliations", store_id: str, now: Instant) -> Reconciliation | str:
    """Return the comparison to go on with, or in one word why there is none: ``closed``, ``early``, ``done`` today.

    :raises NotFound: no such store.
    :raises Busy: out of reach.
    """
    document = books.stores.document(store_id)
    if document.closed_at is not None:
        return "closed"
    last = kept.get(store_id)
    if last is not None and last.finished_at is None:
        return last
    local = local_time(now, zone_of(document.settings()))
    if local.hour < NIGHT:
        return "early"
    today = local.date().isoformat()
    if last is not None and last.date >= today:
        return "done"
    return Reconciliation(today, now, OLDEST if last is None else instant(moment(last.begun_at) - OVERLAP))


def compare_next(books: Books, store_id: str, open_: Reconciliation, now: Instant) -> tuple[Reconciliation, Page]:
    """Compare a page of customers more; return the comparison after it, and what the page came to.

    :raises Busy: out of reach; the page can be compared again.
    """
    found, after = books.customers.listed(store_id, open_.part, PAGE, open_.after)
    page = compare_customers(books, store_id, list(found), open_.since)
    done = open_.with_page(page)
    if after is not None:
        return replace(done, after=after), page
    if open_.part + 1 < books.customers.parts:
        return replace(done, part=open_.part + 1, after=None), page
    return replace(done, finished_at=now), page


def compare_customers(books: Books, store_id: str, customer_ids: Sequence[str], since: Instant) -> Page:
    """Compare some customers, each consistently: account, entries and orders, and the account again. One whose version
    moved in between is looked at again. Who has no account has nothing in it, whatever their entries say."""
    left, page = list(customer_ids), Page()
    for _ in range(LOOKS):
        if not left:
            break
        before = _accounts(books, store_id, left)
        seen = {account.customer_id: _compare(books, store_id, account, since) for account in before.values()}
        after = _accounts(books, store_id, left)
        moved = [customer_id for customer_id in seen if after[customer_id].version != before[customer_id].version]
        for customer_id in seen.keys() - set(moved):
            orders, differences = seen[customer_id]
            page = Page(page.customers + 1, page.orders + orders, 0, (*page.differences, *differences))
        left = moved
    return replace(page, moving=len(left))


def _accounts(books: Books, store_id: str, customer_ids: Sequence[str]) -> dict[str, Account]:
    found = books.ledger.accounts(store_id, customer_ids)
    return {customer_id: found.get(customer_id) or Account(customer_id) for customer_id in customer_ids}


def _compare(books: Books, store_id: str, account: Account, since: Instant) -> tuple[int, list[Difference]]:
    """Return how many orders were compared beside the account, and all that differs."""
    entries = list(books.history.entries(store_id, account.customer_id))
    moved = orders_moved(account, entries, since)
    differences = [*of_account(account, entries), *of_orders(books.orders.each(store_id, moved), moved)]
    if has_reserves(account, entries):
        differences += _compare_payouts(books, store_id, account, entries)
    return len(moved), differences


def _compare_payouts(books: Books, store_id: str, account: Account, entries: Sequence[Entry]) -> Iterator[Difference]:
    """Yield what differs of the requests of a customer, and of all who were merged into them, and of their payouts.

    What requests hold moves with the account only. A payout moves with its request: read between two looks at one
    revision of it, both are of one moment.
    """
    customer_ids = (account.customer_id, *books.history.merged_from(store_id, account.customer_id))
    requests = [one for customer_id in customer_ids for one in books.requests.of_customer(store_id, customer_id)]
    yield from of_reserves(account, entries, requests)
    payouts = books.payouts.get_many(store_id, [payout_id for request in requests for payout_id in request.payout_ids])
    suspects = list(of_payouts(requests, payouts))
    again = books.requests.get_many(store_id, [request.incentive_request_id for request, _ in suspects])
    still = {(request.incentive_request_id, request.rev) for request in again}
    for request, difference in suspects:
        if (request.incentive_request_id, request.rev) in still:
            yield difference


def overdue(due: "DueIndex", now: Instant) -> Iterator[DueThing]:
    """Yield what came due long ago, in any store, and stands in the index still. The index may lag a second.

    :raises Busy: out of reach.
    """
    last = hour_of(instant(moment(now) - OVERDUE_AFTER))
    first = min(due.bookmark() or last, hour_from(hour_of(now), -LOOK_BACK))
    for hour in hours_between(first, last):
        for thing in due.due(hour, instant(moment(now) - OVERDUE_AFTER)):
            late = ERASED_WITHIN if thing.kind == DueKind.STORE else OVERDUE_AFTER
            if thing.due_at <= instant(moment(now) - late):
                yield thing
