"""Settle what came due: each kind of thing has its use case."""

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cashback.domain.due import DueKind, DueThing
from cashback.domain.times import Instant, instant, moment
from cashback.services.books import Books
from cashback.services.close_store import ERASING, erase_store
from cashback.services.read_store import read_settings
from cashback.services.record_order import settle_order
from cashback.services.resume_stalled import resume_import, resume_job

if TYPE_CHECKING:
    from collections.abc import Callable

    from cashback.adapters.dynamo.api_keys import ApiKeys
    from cashback.adapters.notification_queue import NotificationQueue
    from cashback.services.books import JobBooks

UNFINISHED: Final = frozenset({ERASING})
"""Outcomes after which the same thing may be settled further at once."""

ALARM_RINGS_FOR: Final = timedelta(minutes=2)
"""How long a task that is due is left to its alarm, which rings with the next whole minute."""


def settle_due(
    books: Books,
    api_keys: "ApiKeys",
    job_books: "Callable[[], JobBooks]",
    notifications: "Callable[[], NotificationQueue]",
    thing: DueThing,
    now: Instant,
) -> str:
    """Do what is due. Return in one word what became of it; settled once more, it stays as it is. ``job_books`` is
    asked for once something of groups is due, ``notifications`` once a webhook is.

    :raises Busy: contended, or the tables are out of reach; it may be settled again.
    :raises ValueError: a kind that only newer code knows.
    """
    match thing.kind:
        case DueKind.GUEST:
            settings = read_settings(books, thing.store_id).settings()
            order = settle_order(books, settings, thing.item_id, now)
            return "unchanged" if order is None else order.status
        case DueKind.STORE:
            return erase_store(books, api_keys, thing.item_id, now)
        case DueKind.TASK:
            return _remind(books, thing, now)
        case DueKind.GROUP_JOB:
            return resume_job(job_books(), thing.store_id, thing.item_id, now)
        case DueKind.MEMBERS_IMPORT:
            return resume_import(job_books(), thing.store_id, thing.item_id, now)
        case DueKind.DELIVERY:
            # It stays due until whoever has the message has written the next attempt.
            from cashback.domain.outgoing import AttemptStep  # noqa: PLC0415 - a cold start does not need it

            notifications().send(AttemptStep(thing.store_id, thing.item_id))
            return "reminded"
        case _:
            raise ValueError("nothing settles this kind of thing")


def _remind(books: Books, thing: DueThing, now: Instant) -> str:
    """Do for a task what its alarm should have done: it stays due until whoever has the message has done it."""
    if thing.due_at > instant(moment(now) - ALARM_RINGS_FOR):
        return "ringing"
    # Alarms are hardly ever lost.
    from cashback.domain.tasks import Result, Step, TaskStep  # noqa: PLC0415 - a cold start does not need it

    task = books.tasks.get(thing.store_id, thing.item_id)
    if task is None or task.comes_due_at is None or task.comes_due_at > now:
        return "unchanged"
    step = Step.CLOSE if task.result is Result.AWAITING else Step.RUN
    books.steps().send(TaskStep(thing.store_id, task.task_id, step))
    return "reminded"
