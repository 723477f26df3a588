"""Tell tasks what became of an order: what cancels those that wait, and makes those that were executed a success.

Facts decide, watches only find the tasks. Every fact is written before anybody looks for the tasks it concerns, and a
task looks at the facts itself when it is created, when it is run and when its window is closed: so none runs against
what is known, whichever came first.
"""

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from cashback.domain.errors import Busy, CustomerNotFound
from cashback.domain.news import CustomerNews
from cashback.domain.orders import Order
from cashback.domain.scenarios import Condition, LiveScenarios, Trigger, occasions_of, registration_of, watched
from cashback.domain.settings import Settings
from cashback.domain.tasks import Task, TaskStatus
from cashback.domain.times import Instant
from cashback.services.books import Books
from cashback.services.record_order import create_buyer
from cashback.services.start_tasks import start_tasks
from cashback.services.tell_task import tell_task

if TYPE_CHECKING:
    from collections.abc import Callable

    from cashback.adapters.alarm_clock import AlarmClock

_TRIES: Final = 5


class Followed(Struct, frozen=True):
    """How many tasks one delivery started, cancelled, and made a success."""

    started: int
    cancelled: int
    successful: int

    def __bool__(self) -> bool:
        return bool(self.started or self.cancelled or self.successful)


def note_order(
    books: Books,
    settings: Settings,
    live: LiveScenarios,
    order: Order,
    now: Instant,
    told: CustomerNews | None = None,
) -> list[Task]:
    """Tell the tasks that wait for it what is known of an order, and return those that it moved.

    Idempotent, and it costs nothing where no scenario of the store has a condition. A customer whom nobody knew is
    created as ``told``, where scenarios wait for orders of customers: their account keeps which of them is the newest.

    :raises Busy: out of reach, or the tasks keep changing; called again it tells those that are left.
    """
    conditions = watched(live.scenarios)
    store_id, customer_id = settings.store_id, order.customer_id
    concerned: list[str] = []
    if Condition.ORDER_CREATED in conditions and customer_id is not None and order.facts.created_at is not None:
        kept_id = _noted(books, settings, customer_id, order, now, told)
        for owner in dict.fromkeys((customer_id, kept_id)):
            concerned += books.tasks.watching_customer(store_id, owner)
    if conditions - {Condition.ORDER_CREATED}:
        concerned += books.tasks.watching_order(store_id, order.order_id)
    tasks = books.tasks.get_many(store_id, list(dict.fromkeys(concerned))) if concerned else []
    return [moved for task in tasks if (moved := tell_task(books, store_id, task, order, now)) is not None]


def follow_order(
    books: Books,
    alarms: "Callable[[], AlarmClock]",
    settings: Settings,
    live: LiveScenarios,
    order: Order,
    now: Instant,
    told: CustomerNews | None = None,
) -> Followed:
    """Do all that scenarios make of what is known of an order: first what waits is told, then what begins is started.

    Called on every delivery, whether it was new or not: so whoever was cut off after the posting is made up for.

    :raises Busy: as ``note_order``.
    """
    told_of_it = note_order(books, settings, live, order, now, told)
    started = start_tasks(books, alarms, settings, live, occasions_of(order), now)
    moved = [*told_of_it, *started.moved]
    cancelled = sum(task.status is TaskStatus.CANCELLED for task in moved)
    return Followed(len(started.created), cancelled, len(moved) - cancelled)


def follow_registration(
    books: Books,
    alarms: "Callable[[], AlarmClock]",
    settings: Settings,
    live: LiveScenarios,
    customer_id: str,
    now: Instant,
) -> int:
    """Start what begins with a customer's registration, if they are registered; return how many tasks that started."""
    if all(scenario.trigger is not Trigger.CUSTOMER_CREATED for scenario in live.scenarios):
        return 0
    profile = books.customers.get(settings.store_id, customer_id)
    if profile is None or profile.registered_at is None or profile.is_gone:
        return 0
    occasion = registration_of(customer_id, profile.registered_at)
    return len(start_tasks(books, alarms, settings, live, [occasion], now).created)


def _noted(
    books: Books, settings: Settings, customer_id: str, order: Order, now: Instant, told: CustomerNews | None
) -> str:
    """Keep an order as the newest of its customer, if it is; return the customer whose account keeps it."""
    created_at, owner = order.created_at, customer_id
    for _ in range(_TRIES):
        if books.customers.note_newest_order(settings.store_id, owner, order.order_id, created_at):
            return owner
        try:
            owner = books.ledger.live_account(settings.store_id, customer_id).customer_id
        except CustomerNotFound:
            create_buyer(books, settings, customer_id, now, told)
    raise Busy("the customers keep being merged")
