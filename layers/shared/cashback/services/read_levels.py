"""Where a store's queues stand now."""

from copy import replace

from cashback.domain.day_totals import Levels
from cashback.services.books import Books


def read_levels(books: Books, store_id: str) -> Levels:
    """Return how many orders, incentive requests and payouts wait for what, read off an index that may lag a second.

    :raises Busy: out of reach.
    """
    return replace(
        books.lists.levels(store_id),
        requests_waiting=books.requests.waiting(store_id),
        payouts_live=books.payouts.live(store_id),
    )
