"""Post what a task credits: exactly once, with the task as the document that says so in the same transaction."""

from typing import Final

from cashback.domain import causes
from cashback.domain.customers import Profile
from cashback.domain.errors import Busy, CustomerNotFound
from cashback.domain.ledger import Entry, Kind, Posted, Posting, Replayed, payload_hash
from cashback.domain.tasks import Action, ActionOutcome, ActionStatus, Task, TaskStatus, acted
from cashback.domain.times import OLDEST, Instant
from cashback.services.books import Books
from cashback.services.record_customer import create_customer
from cashback.services.run_task import AMOUNT_ZERO, CASHBACK_DISABLED, CUSTOMER_NOT_FOUND, STORE_CLOSED

_TRIES: Final = 5
_SETTLED: Final = frozenset({ActionStatus.DONE, ActionStatus.SKIPPED})
"""Ends that stay. A credit that failed may be posted yet, when its message is taken out of the dead letters."""


def post_credit(books: Books, store_id: str, task_id: str, now: Instant) -> str:
    """Post the credit of a task that has begun to run. Return in one word what became of it.

    The task is written over the revision that was read, so a credit whose end was noted meanwhile is not posted, and
    one that was posted is never noted otherwise.

    :raises Busy: contended, or out of reach; the same call is safe to repeat.
    """
    for _ in range(_TRIES):
        task = books.tasks.get(store_id, task_id)
        if task is None or task.status in {TaskStatus.WAITING, TaskStatus.CANCELLED}:
            return "unchanged"
        outcome = task.outcomes.get(Action.CREDIT)
        if outcome is not None and outcome.status in _SETTLED:
            return "unchanged"
        skipped = _obstacle(books, store_id, task)
        if skipped is None:
            try:
                posted = books.ledger.post(_posting(books, store_id, task, now))
            except CustomerNotFound:
                if _created(books, store_id, task, now):
                    continue
                skipped = CUSTOMER_NOT_FOUND
            else:
                if isinstance(posted, Posted):
                    return "posted"
                if isinstance(posted, Replayed):
                    # Posted by whoever else had this message: with the task, so the next look at it ends this.
                    continue
        if skipped is not None and _noted(books, store_id, task, ActionStatus.SKIPPED, skipped):
            return skipped
    raise Busy("the task keeps changing")


def give_up_credit(books: Books, store_id: str, task_id: str, reason: str) -> None:
    """Let the task show that its credit was not posted, unless it was. The message may be sent again once the cause is
    mended.

    :raises Busy: out of reach; then nothing is noted.
    """
    for _ in range(_TRIES):
        task = books.tasks.get(store_id, task_id)
        if task is None or task.status in {TaskStatus.WAITING, TaskStatus.CANCELLED}:
            return
        outcome = task.outcomes.get(Action.CREDIT)
        if outcome is not None and outcome.status in _SETTLED | {ActionStatus.FAILED}:
            return
        if _noted(books, store_id, task, ActionStatus.FAILED, reason):
            return
    raise Busy("the task keeps changing")


def _created(books: Books, store_id: str, task: Task, now: Instant) -> bool:
    """Create the customer whom only the order names that started the task: an unpaid order creates nobody. False where
    there is one, who was erased, or where no order names them."""
    if task.order_id is None or task.customer_id is None:
        return False
    bare = Profile(task.customer_id, updated_at=OLDEST, created_at=now)
    return create_customer(books, store_id, bare, now).changed


def _obstacle(books: Books, store_id: str, task: Task) -> str | None:
    """Return why nothing may be credited, None where it may."""
    document = books.stores.document(store_id)
    if document.closed_at is not None:
        return STORE_CLOSED
    if not document.settings().cashback_enabled:
        return CASHBACK_DISABLED
    if task.customer_id is None:
        return CUSTOMER_NOT_FOUND
    return None if task.actions.credit else AMOUNT_ZERO


def _posting(books: Books, store_id: str, task: Task, now: Instant) -> Posting:
    entry = Entry(
        cause=causes.scenario_task(task.task_id),
        kind=Kind.SCENARIO,
        amount=task.actions.credit or 0,
        actor=f"scenario:{task.scenario_id}",
        payload_hash=payload_hash(Kind.SCENARIO),
        task_id=task.task_id,
    )
    done = acted(task, Action.CREDIT, ActionOutcome(ActionStatus.DONE))
    return Posting(
        store_id,
        task.customer_id or "",
        now,
        entries=(entry,),
        document=books.tasks.write(store_id, task, done),
        active_only=True,
    )


def _noted(books: Books, store_id: str, task: Task, status: ActionStatus, reason: str) -> bool:
    after = acted(task, Action.CREDIT, ActionOutcome(status, reason))
    return books.tasks.save(store_id, task, after)
