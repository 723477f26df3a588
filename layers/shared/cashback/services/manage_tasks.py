"""Look at the tasks of scenarios, and cancel those that wait."""

from copy import replace
from typing import Final

from cashback.domain.errors import Busy, NotFound, StateConflict
from cashback.domain.tasks import Part, Task, TaskStatus, cancelled
from cashback.domain.times import Instant
from cashback.services.books import Books
from cashback.services.manage_scenarios import standing_scenarios

BY_HAND: Final = "by_hand"
"""Why a task was cancelled that a person cancelled."""

_PARTS: Final = {
    None: tuple(Part),
    TaskStatus.WAITING: (Part.OPEN,),
    TaskStatus.RUNNING: (Part.OPEN,),
    TaskStatus.EXECUTED: (Part.EXECUTED,),
    TaskStatus.FAILED: (Part.FAILED,),
    TaskStatus.CANCELLED: (Part.CANCELLED,),
}
_TRIES: Final = 5


class TaskNotWaiting(StateConflict):
    """It runs already, or has come to its end."""

    code = "task_not_waiting"


def read_task(books: Books, store_id: str, task_id: str) -> Task:
    """Return a task.

    :raises NotFound: no such task in this store.
    """
    found = books.tasks.get(store_id, task_id)
    if found is None:
        raise NotFound
    return found


def list_tasks(
    books: Books, store_id: str, status: TaskStatus | None, limit: int, before: str | None
) -> tuple[list[Task], str | None]:
    """Return a page of the tasks of all scenarios that are not deleted, newest first, and where to go on (None at the
    end). A page of a status may be shorter than ``limit``, and even empty, where tasks have moved on."""
    scenario_ids = [scenario.scenario_id for scenario in standing_scenarios(books, store_id)]
    return _page(books, store_id, scenario_ids, status, limit, before)


def list_tasks_of(
    books: Books, store_id: str, scenario_id: str, status: TaskStatus | None, limit: int, before: str | None
) -> tuple[list[Task], str | None]:
    """Return a page of the tasks of one scenario, a deleted one's too, as ``list_tasks`` does.

    :raises NotFound: no such scenario in this store.
    """
    if books.scenarios.get(store_id, scenario_id) is None:
        raise NotFound
    return _page(books, store_id, [scenario_id], status, limit, before)


def cancel_task(
    books: Books, store_id: str, task_id: str, actor: str, request_hash: str, now: Instant
) -> tuple[Task, bool]:
    """Cancel a task that waits. Return it, and whether this very call had cancelled it before.

    :raises NotFound: no such task in this store.
    :raises TaskNotWaiting: it runs already, or has come to its end.
    :raises Busy: it keeps changing, or the tables are out of reach; the same call is safe to repeat.
    """
    for _ in range(_TRIES):
        task = read_task(books, store_id, task_id)
        if task.request_hash == request_hash:
            return task, True
        ended = cancelled(task, BY_HAND, now)
        if ended is None:
            raise TaskNotWaiting(f"the task is {task.status}")
        ended = replace(ended, ended_by=actor, request_hash=request_hash)
        if books.tasks.save(store_id, task, ended):
            return ended, False
    raise Busy("the task keeps changing")


def _page(
    books: Books,
    store_id: str,
    scenario_ids: list[str],
    status: TaskStatus | None,
    limit: int,
    before: str | None,
) -> tuple[list[Task], str | None]:
    found, place = books.tasks.page(store_id, scenario_ids, _PARTS[status], limit, before)
    return [task for task in found if status in (None, task.status)], place
