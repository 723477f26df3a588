"""Look whether orders wait for review for too long: nothing happens to them, so no event tells."""

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cashback.domain.orders import Status
from cashback.domain.queries import OrdersWanted
from cashback.domain.times import Instant, instant, moment
from cashback.services.books import Books

if TYPE_CHECKING:
    from collections.abc import Callable

    from cashback.adapters.notification_queue import NotificationQueue

_PAGE: Final = 100


def watch_pending(books: Books, queue: "Callable[[], NotificationQueue]", store_id: str, now: Instant) -> bool:
    """Tell whether an order waits for review for longer than its store's settings allow, and have the shop alarmed of
    it if it wants to be. A closed store has none that waits.

    :raises NotFound: no such store.
    :raises Busy: out of reach.
    """
    document = books.stores.document(store_id)
    if document.closed_at is not None:
        return False
    limit = instant(moment(now) - timedelta(hours=document.document["pending_alarm_hours"]))
    if not _waits_since(books, store_id, limit):
        return False
    if document.document["alerts"]:
        # Few shops have orders that wait so long.
        from cashback.domain.alerts import AlertCause  # noqa: PLC0415 - a cold start does not need it
        from cashback.domain.outgoing import AlertStep  # noqa: PLC0415 - nor that

        queue().send(AlertStep(store_id, AlertCause.PENDING_OLD))
    return True


def _waits_since(books: Books, store_id: str, limit: Instant) -> bool:
    """Tell whether an order has been pending since before a time. Queued before it, it was created before it, or was
    said by a clock that is ahead to be created later."""
    wanted = OrdersWanted(statuses=(Status.PENDING,), created_to=limit)
    place: str | None = None
    while True:
        orders, place = books.lists.page(store_id, wanted, _PAGE, place)
        if any((order.queued_at or order.created_at) < limit for order in orders):
            return True
        if place is None:
            return False
