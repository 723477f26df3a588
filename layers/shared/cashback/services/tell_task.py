"""Tell one task what is known of an order: what cancels it while it waits, and makes it a success once executed."""

from collections.abc import Iterator
from typing import Final

from cashback.domain.errors import Busy
from cashback.domain.orders import Order
from cashback.domain.scenarios import Condition, created_cause, review_cause
from cashback.domain.tasks import Result, Surroundings, Task, TaskStatus, cancelled, cancelled_by, fulfils, judged
from cashback.domain.times import Instant
from cashback.services.books import Books

_TRIES: Final = 5


def tell_task(books: Books, store_id: str, task: Task, order: Order, now: Instant) -> Task | None:
    """Move one task as the order says; None where that changes nothing.

    :raises Busy: the task keeps changing.
    """
    for _ in range(_TRIES):
        after = _moved(task, order, now)
        if after is None or books.tasks.save(store_id, task, after):
            return after
        standing = books.tasks.get(store_id, task.task_id)
        if standing is None:
            return None
        task = standing
    raise Busy("the task keeps changing")


def outcome_of(task: Task, order: Order) -> str | None:
    """Return the cause by which what is known of an order makes an executed task a success; None where nothing does."""
    return next(_fulfilling(task, order), None)


def _fulfilling(task: Task, order: Order) -> Iterator[str]:
    created_at = order.facts.created_at
    if created_at is not None and fulfils(task, Condition.ORDER_CREATED, created_at, order.order_id):
        yield created_cause(order)
    for review_id, left_at in order.facts.reviews.items():
        if fulfils(task, Condition.REVIEW_CREATED, left_at, order.order_id):
            yield review_cause(review_id)


def _moved(task: Task, order: Order, now: Instant) -> Task | None:
    if task.status is TaskStatus.WAITING:
        own = order if order.order_id == task.order_id else None
        newest_at = order.facts.created_at if order.customer_id is not None else None
        condition = cancelled_by(task, Surroundings(order.order_id, newest_at, own))
        return cancelled(task, condition, now) if condition else None
    fulfilled_by = outcome_of(task, order)
    return judged(task, Result.SUCCESSFUL, fulfilled_by) if fulfilled_by else None
