"""Whether what people are to review waits for longer than the store wants it to."""

from datetime import timedelta
from typing import Final

from cashback.domain.orders import Status
from cashback.domain.times import Instant, instant, moment
from cashback.services.books import Books

LOOKED_AT: Final = 25
"""Of the pending orders that the shop created first: one that was queued late may be among them."""


def reviews_are_late(books: Books, store_id: str, now: Instant) -> bool:
    """Tell whether a pending order has waited for longer than ``pending_alarm_hours``. A closed store is never late.

    :raises NotFound: no such store.
    :raises Busy: out of reach.
    """
    document = books.stores.document(store_id)
    if document.closed_at is not None:
        return False
    limit = instant(moment(now) - timedelta(hours=document.settings().pending_alarm_hours))
    pending = books.lists.oldest(store_id, Status.PENDING, LOOKED_AT)
    return any((order.queued_at or order.created_at) < limit for order in pending)
