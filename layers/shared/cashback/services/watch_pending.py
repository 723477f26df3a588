"""Look whether orders wait for review for too long: nothing happens to them, so no event tells."""

from datetime import timedelta
from typing import TYPE_CHECKING

from cashback.domain.times import Instant, instant, moment
from cashback.services.books import Books

if TYPE_CHECKING:
    from collections.abc import Callable

    from cashback.adapters.notification_queue import NotificationQueue


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
    oldest = books.lists.levels(store_id).oldest_pending_since
    if oldest is None or oldest >= limit:
        return False
    if document.document["alerts"]:
        # Few shops have orders that wait so long.
        from cashback.domain.alerts import AlertCause  # noqa: PLC0415 - a cold start does not need it
        from cashback.domain.outgoing import AlertStep  # noqa: PLC0415 - a cold start does not need it

        queue().send(AlertStep(store_id, AlertCause.PENDING_OLD))
    return True
