"""Send the next message of a group job or an import of members that stands still: the one before was lost with the call
that was to send it.

A message too many does no harm, and one that waits its turn in a long queue is not awaited for long. What stands stays
due at the time it had, so that the reconciliation sees for how long it does.
"""

from copy import replace
from typing import TYPE_CHECKING

from cashback.domain.due import is_waited_for
from cashback.domain.group_imports import ImportStatus
from cashback.domain.group_jobs import next_step
from cashback.domain.group_steps import ImportStep
from cashback.domain.times import Instant

if TYPE_CHECKING:
    from cashback.services.books import JobBooks

MOVING = "moving"
RESUMED = "resumed"
UNCHANGED = "unchanged"


def resume_job(work: "JobBooks", store_id: str, job_id: str, now: Instant) -> str:
    """Look at a job that is due. Return ``resumed`` where it stood as at the look before and its message was sent,
    ``moving`` where it moved since, ``unchanged`` where nothing is awaited, or not yet.

    :raises Busy: out of reach; the next sweep looks again.
    """
    job = work.jobs.get(store_id, job_id)
    if job is None or not job.is_awaited or job.due_at is None or job.due_at > now:
        return UNCHANGED
    step = next_step(store_id, job)
    if job.step != job.seen_step or step is None:
        work.jobs.save(store_id, replace(job.watched(now), rev=job.rev + 1))
        return MOVING
    if is_waited_for(job.resumed_at, now):
        return UNCHANGED
    work.queue().send([step])
    work.jobs.save(store_id, replace(job, resumed_at=now, rev=job.rev + 1))
    return RESUMED


def resume_import(work: "JobBooks", store_id: str, item_id: str, now: Instant) -> str:
    """Look at an import that is due, as ``resume_job`` looks at a job.

    :raises Busy: out of reach; the next sweep looks again.
    """
    group_id, _, import_id = item_id.partition("/")
    found = work.groups.imports.get(store_id, group_id, import_id)
    if found is None or found.status is not ImportStatus.RUNNING or found.due_at is None or found.due_at > now:
        return UNCHANGED
    if found.next_page != found.seen_page:
        work.groups.imports.watch(store_id, found, found.watched(now))
        return MOVING
    if is_waited_for(found.resumed_at, now):
        return UNCHANGED
    work.queue().send([ImportStep(store_id, group_id, import_id, found.next_page)])
    work.groups.imports.watch(store_id, found, replace(found, resumed_at=now))
    return RESUMED
