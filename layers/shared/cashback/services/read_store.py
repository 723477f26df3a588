"""Look at a store: its settings, and how its engine is."""

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from cashback.domain.orders import Order, Status
from cashback.domain.queries import OrdersWanted
from cashback.domain.stores import StoreDocument
from cashback.domain.times import Instant, instant, moment
from cashback.services.books import Books

if TYPE_CHECKING:
    from cashback.adapters.dynamo.totals import Totals

FAILURES_COUNT_FOR: Final = timedelta(hours=1)

_PAGE: Final = 100
_MOST_PAGES: Final = 10
"""Failed orders beyond a thousand are not looked at: the state is error long before."""


class EngineStatus(StrEnum):
    """How a store's engine is."""

    ACTIVE = "active"
    PAUSED = "paused"
    ERROR = "error"


class Cause(Struct, frozen=True):
    """Why an engine is not active: how often, and since when."""

    code: str
    count: int
    since: Instant


class Engine(Struct, frozen=True):
    """``error`` where something of the store failed within the hour, ``paused`` where it does not credit by itself.

    ``queue_delay_seconds`` is the age of the last late event of the last quarter of an hour, 0 without one.
    """

    status: EngineStatus
    causes: tuple[Cause, ...]
    queue_delay_seconds: int


def read_settings(books: Books, store_id: str) -> StoreDocument:
    """Return the settings in the form of the API.

    :raises NotFound: no such store.
    """
    return books.stores.document(store_id)


def read_status(books: Books, totals: "Totals", store_id: str, now: Instant) -> Engine:
    """Return how the store's engine is. An order that failed counts as long as it stands so, a task or a group job for
    the hour, whatever became of it since. A dry run that failed does not: it was to change nothing, and whoever asked
    for it sees it fail.

    :raises NotFound: no such store.
    """
    document = books.stores.document(store_id)
    since = instant(moment(now) - FAILURES_COUNT_FOR)
    orders = sorted(_failures(books, store_id, since))
    found = {"orders_failed": orders, **totals.failures(store_id, since)}
    failed = [Cause(code, len(times), times[0]) for code, times in found.items() if times]
    causes = (*failed, *_pauses(document))
    status = EngineStatus.ERROR if failed else EngineStatus.PAUSED if causes else EngineStatus.ACTIVE
    return Engine(status, causes, books.stores.delay(store_id, now))


def _pauses(document: StoreDocument) -> Iterator[Cause]:
    if not document.document["cashback_enabled"]:
        yield Cause("cashback_disabled", 1, document.since("cashback_enabled"))
    if not document.document["auto_processing"]:
        yield Cause("manual_mode", 1, document.since("auto_processing"))


def _failures(books: Books, store_id: str, since: Instant) -> Iterator[Instant]:
    """Yield when each order that stands failed has failed, for those since then."""
    place: str | None = None
    for _ in range(_MOST_PAGES):
        orders, place = books.lists.page(store_id, OrdersWanted(statuses=(Status.FAILED,)), _PAGE, place)
        yield from (at for order in orders if (at := _failed_at(order)) >= since)
        if place is None:
            return


def _failed_at(order: Order) -> Instant:
    steps = [step.at for step in order.history if step.status is Status.FAILED]
    return steps[-1] if steps else order.first_seen_at
