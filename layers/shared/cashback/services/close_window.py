"""Close the window of an executed task: what happened in it decides, whoever told of it and when."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from cashback.domain.errors import Busy, CustomerNotFound
from cashback.domain.orders import Order
from cashback.domain.queries import OrdersWanted
from cashback.domain.scenarios import Condition
from cashback.domain.tasks import Result, Step, Task, judged
from cashback.domain.times import Instant
from cashback.services.books import Books
from cashback.services.tell_task import outcome_of

if TYPE_CHECKING:
    from cashback.adapters.alarm_clock import AlarmClock

_TRIES: Final = 5
_PAGE: Final = 25


def close_window(books: Books, clock: "AlarmClock", store_id: str, task_id: str, now: Instant) -> str:
    """Judge a task whose time for a success is over: by its customer's orders and its order's reviews since it ran.

    An alarm that rings early is set again for the rest of the time. What is heard of later, but happened in time, makes
    the task a success when it is heard of.

    :raises Busy: out of reach, or the task keeps changing; the same call is safe to repeat.
    """
    for _ in range(_TRIES):
        task = books.tasks.get(store_id, task_id)
        if task is None or task.result is not Result.AWAITING or task.window_until is None:
            return "unchanged"
        if task.window_until > now:
            clock.set(store_id, task_id, Step.CLOSE, task.window_until, now)
            return "early"
        found = next((cause for order in _orders(books, store_id, task) if (cause := outcome_of(task, order))), None)
        after = judged(task, Result.SUCCESSFUL if found else Result.NOT_MET, found)
        if after is None:
            return "unchanged"
        if books.tasks.save(store_id, task, after):
            return str(after.result)
    raise Busy("the task keeps changing")


def _orders(books: Books, store_id: str, task: Task) -> Iterator[Order]:
    """Yield the orders that may make the task a success, each read fresh: its own, and those of its customer since."""
    wanted = task.success.on if task.success else ()
    own = books.orders.get(store_id, task.order_id) if task.order_id is not None else None
    if own is not None and Condition.REVIEW_CREATED in wanted:
        yield own
    customer_id = task.customer_id or (own.customer_id if own else None)
    if Condition.ORDER_CREATED not in wanted or customer_id is None:
        return
    try:
        path = books.ledger.merged_path(store_id, customer_id)
    except CustomerNotFound:
        return
    newest = path[-1].newest_order_id
    if newest is not None:
        # The index of orders may lag; the account does not.
        yield from books.orders.get_many(store_id, [newest])
    owners = OrdersWanted(
        customer_ids=tuple(account.customer_id for account in path),
        created_from=task.finished_at,
        created_to=task.window_until,
    )
    before: str | None = None
    while True:
        page, before = books.lists.page(store_id, owners, _PAGE, before)
        yield from page
        if before is None:
            return
