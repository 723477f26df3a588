"""Settle what came due: each kind of thing has its use case."""

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cashback.domain.due import DueKind, DueThing
from cashback.domain.errors import Busy
from cashback.domain.times import Instant, instant, moment
from cashback.services.books import Books
from cashback.services.close_store import ERASING, erase_store
from cashback.services.read_store import read_settings
from cashback.services.record_order import settle_order
from cashback.services.resume_stalled import resume_import, resume_job

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cashback.adapters.dynamo.api_keys import ApiKeys
    from cashback.services.books import EndpointBooks, JobBooks

UNFINISHED: Final = frozenset({ERASING})
"""Outcomes after which the same thing may be settled further at once."""

ALARM_RINGS_FOR: Final = timedelta(minutes=2)
"""How long a task that is due is left to its alarm, which rings with the next whole minute."""


def settle_due(
    books: Books,
    api_keys: "ApiKeys",
    job_books: "Callable[[], JobBooks]",
    outgoing: "Callable[[], EndpointBooks]",
    thing: DueThing,
    now: Instant,
) -> str:
    """Do what is due. Return in one word what became of it; settled once more, it stays as it is. ``job_books`` is
    asked for once something of groups is due, ``outgoing`` once a webhook is.

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
            outcome = remind_tasks(books, [thing], now).get(thing)
            if outcome is None:
                raise Busy("the message of a task is not known to be queued")
            return outcome
        case DueKind.GROUP_JOB:
            return resume_job(job_books(), thing.store_id, thing.item_id, now)
        case DueKind.MEMBERS_IMPORT:
            return resume_import(job_books(), thing.store_id, thing.item_id, now)
        case DueKind.DELIVERY:
            # Few webhooks are not taken at once.
            from cashback.services.deliver_webhook import remind  # noqa: PLC0415 - a cold start does not need it

            return remind(outgoing(), thing.store_id, thing.item_id, now)
        case _:
            raise ValueError("nothing settles this kind of thing")


def remind_tasks(books: Books, things: "Sequence[DueThing]", now: Instant) -> dict[DueThing, str]:
    """Do for tasks what their alarms should have done: they stay due until whoever has the messages has done it.
    Return what became of each, but for those whose messages are not known to be queued.

    :raises Busy: the table is out of reach.
    """
    ringing_since = instant(moment(now) - ALARM_RINGS_FOR)
    outcomes = {thing: "ringing" for thing in things if thing.due_at > ringing_since}
    late = [thing for thing in things if thing not in outcomes]
    if not late:
        return outcomes
    # Alarms are hardly ever lost.
    from cashback.domain.tasks import Result, Step, TaskStep  # noqa: PLC0415 - a cold start does not need it

    tasks = books.tasks.of_stores((thing.store_id, thing.item_id) for thing in late)
    steps: dict[DueThing, TaskStep] = {}
    for thing in late:
        task = tasks.get((thing.store_id, thing.item_id))
        if task is None or task.comes_due_at is None or task.comes_due_at > now:
            outcomes[thing] = "unchanged"
        else:
            step = Step.CLOSE if task.result is Result.AWAITING else Step.RUN
            steps[thing] = TaskStep(thing.store_id, task.task_id, step)
    sent = books.steps().send_many(list(steps.values())) if steps else set()
    return outcomes | {thing: "reminded" for thing, step in steps.items() if step in sent}
