"""Start the tasks of scenarios: each scenario once for each fact, however often the fact is told."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from copy import replace
from itertools import batched
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from cashback.domain.errors import CustomerNotFound
from cashback.domain.ledger import Account
from cashback.domain.scenarios import Condition, LiveScenarios, Occasion, Scenario, starts
from cashback.domain.settings import Settings
from cashback.domain.tasks import Step, Surroundings, Task, TaskStatus, cancelled, cancelled_by, task_of
from cashback.domain.times import Instant
from cashback.services.books import Books
from cashback.services.tell_task import tell_task
from cashback.services.time_zones import zone_of

if TYPE_CHECKING:
    from cashback.adapters.alarm_clock import AlarmClock

AT_ONCE: Final = 50
"""Tasks that are looked up together: each may have a guard, and one read finds a hundred items."""


class Started(Struct, frozen=True):
    """The tasks that did not exist before, and those that did and were told what they had not known."""

    created: list[Task]
    moved: list[Task]


def start_tasks(
    books: Books,
    alarms: "Callable[[], AlarmClock]",
    settings: Settings,
    live: LiveScenarios,
    occasions: Iterable[Occasion],
    now: Instant,
) -> Started:
    """Start every scenario that any of these occasions starts.

    The item is written first, its alarm is set second. A task that is there already is told of its order, and has its
    alarm set again if it still waits: whoever wrote it may have known less of the order, and may have been cut off. One
    that is cancelled from the beginning, by something that overtook what starts it, is kept as cancelled: it counts for
    what is to happen once. What it could not learn while it was written, of a later order of its customer above all, it
    learns when it runs.

    :param alarms: asked for once there is an alarm to set.
    :raises Busy: out of reach, or a task keeps changing; called again it starts what is left.
    """
    wanted = ((scenario, one) for one in occasions for scenario in live.scenarios if starts(scenario, one, settings))
    started = Started([], [])
    for some in batched(wanted, AT_ONCE, strict=False):
        _start(books, alarms, settings, some, now, started)
    return started


def _start(
    books: Books,
    alarms: "Callable[[], AlarmClock]",
    settings: Settings,
    wanted: Iterable[tuple[Scenario, Occasion]],
    now: Instant,
    started: Started,
) -> None:
    store_id, zone = settings.store_id, zone_of(settings)
    candidates = [(task_of(store_id, scenario, one, now, zone), scenario, one) for scenario, one in wanted]
    there = books.tasks.started(store_id, [(task, scenario) for task, scenario, _ in candidates])
    for task, scenario, occasion in candidates:
        if task.task_id in there:
            started.moved.extend(_resumed(books, alarms, store_id, there[task.task_id], occasion, now))
            continue
        account = _account(books, store_id, task, scenario)
        # Guards and watches stand where the customer is now: an order may name one who was merged.
        owned = replace(task, customer_id=account.customer_id) if account else task
        checked = _checked(owned, account, occasion, now)
        once = {"once_per_order": scenario.once_per_order, "once_per_customer": scenario.once_per_customer}
        if books.tasks.create(store_id, checked, **once):
            _wake(alarms, store_id, checked, now)
            started.created.append(checked)
        else:
            # By somebody else, or by this very call: the SDK repeats a write whose answer was lost.
            standing = books.tasks.get(store_id, task.task_id)
            started.moved.extend(_resumed(books, alarms, store_id, standing, occasion, now))


def _resumed(
    books: Books,
    alarms: "Callable[[], AlarmClock]",
    store_id: str,
    task: Task | None,
    occasion: Occasion,
    now: Instant,
) -> Iterator[Task]:
    """Do what whoever created a task may have left undone; yield it if it was moved. They may have written it when its
    watches had been looked for already, and known nothing yet of what was to cancel it."""
    order = occasion.order
    if task is None or task.status is not TaskStatus.WAITING:
        return
    # A cause may be that of a task of another order: ids of reviews are the shop's.
    is_of_it = order is not None and order.order_id == task.order_id
    moved = tell_task(books, store_id, task, order, now) if order is not None and is_of_it else None
    _wake(alarms, store_id, moved or task, now)
    if moved:
        yield moved


def _wake(alarms: "Callable[[], AlarmClock]", store_id: str, task: Task | None, now: Instant) -> None:
    """Set the alarm of a task, if it waits."""
    if task is not None and task.status is TaskStatus.WAITING:
        alarms().set(store_id, task.task_id, Step.RUN, task.due_at, now)


def _account(books: Books, store_id: str, task: Task, scenario: Scenario) -> Account | None:
    """Return the account of a new task's customer, or of whom they were merged into, where it is asked for: by what is
    to happen once, and by what a later order cancels. None where there is none."""
    if task.customer_id is None or not (scenario.once_per_customer or Condition.ORDER_CREATED in task.cancel_on):
        return None
    with suppress(CustomerNotFound):
        return books.ledger.live_account(store_id, task.customer_id)
    return None


def _checked(task: Task, account: Account | None, occasion: Occasion, now: Instant) -> Task:
    """Return the task, cancelled where something later than what starts it is known already."""
    known = Surroundings(order=occasion.order)
    if account is not None:
        known = Surroundings(account.newest_order_id, account.newest_order_at, occasion.order)
    condition = cancelled_by(task, known)
    return (cancelled(task, condition, now) if condition else None) or task
