"""Prepare a group job: read its members into a snapshot, then send a message for each chunk of it.

Each message does one piece, moves the job by one step, and sends the next message. Told again, a step finds the job
moved: then only the next message may be missing.
"""

from copy import replace
from typing import Final

from cashback.domain.errors import Busy, NotFound
from cashback.domain.group_jobs import PAGE, Cursor, Job, JobStatus, next_step, pages_with
from cashback.domain.group_steps import ChunkStep, PlanStep, SnapshotStep
from cashback.domain.groups import Histogram, Rule, matches
from cashback.domain.settings import Settings
from cashback.domain.times import Instant
from cashback.services.books import JobBooks
from cashback.services.read_members import members_of
from cashback.services.read_store import read_settings

READ_AT_ONCE: Final = 1_000
"""Customers whose figures one step reads."""

READ_BY_HAND: Final = 8 * PAGE
"""Members by hand that one step reads: steps follow one another, so of a large group most would be on their way. Pages
of as many, each of the longest ids there are, fit one transaction of 4 MB, and the members one answer to a query."""

SENT_AT_ONCE: Final = 500
"""Messages for chunks that one step sends."""

_TRIES: Final = 5


def plan(work: JobBooks, step: PlanStep, now: Instant) -> str:
    """Take a job on by one step, and send the message of the next one. Return in one word what became of it.

    :raises NotFound: there is no such job.
    :raises Busy: contended or out of reach; the message may be handled again.
    """
    job = existing_job(work, step.store_id, step.job_id)
    for _ in range(_TRIES):
        if job.step != step.step or job.finished_at is not None:
            if job.step == step.step + 1:
                send_next(work, step.store_id, job)
            return "unchanged"
        if job.status is JobStatus.FAILED:
            job = job.watched(now)
        if isinstance(step, SnapshotStep):
            moved, pages = _read_on(work, step.store_id, job, now)
        else:
            moved, pages = _send_on(work, step.store_id, job), {}
        moved = replace(moved, step=job.step + 1, rev=job.rev + 1, reason=None)
        standing = work.jobs.save(step.store_id, moved, *work.jobs.pages(step.store_id, job.job_id, pages))
        if standing is None:
            send_next(work, step.store_id, moved)
            return moved.status
        job = standing
    raise Busy("the job keeps changing")


def existing_job(work: JobBooks, store_id: str, job_id: str) -> Job:
    """Return a job.

    :raises NotFound: no such job in this store.
    """
    job = work.jobs.get(store_id, job_id)
    if job is None:
        raise NotFound
    return job


def send_next(work: JobBooks, store_id: str, job: Job) -> None:
    """Send the message that takes a job on to its chunks, where one is to be sent.

    :raises Busy: it is not known to be queued; sending it again does no harm.
    """
    step = next_step(store_id, job)
    if step is not None:
        work.queue().send([step])


def _send_on(work: JobBooks, store_id: str, job: Job) -> Job:
    """Send the messages of further chunks. Those of a cancelled job are sent too: each member gets an outcome."""
    until = min(job.sent + SENT_AT_ONCE, job.chunks)
    work.queue().send([ChunkStep(store_id, job.job_id, number) for number in range(job.sent, until)])
    status = JobStatus.CANCELLED if job.status is JobStatus.CANCELLED else JobStatus.RUNNING
    return replace(job, sent=until, status=status)


def _read_on(work: JobBooks, store_id: str, job: Job, now: Instant) -> tuple[Job, dict[int, list[str]]]:
    """Read further members; return the job with them, and the pages of the snapshot that change."""
    job = replace(job, status=JobStatus.SNAPSHOTTING)
    if job.rule is None:
        ids, cursor = _by_hand(work, store_id, job)
    else:
        ids, cursor = _by_rule(work, read_settings(work.books, store_id).settings(), job, job.rule)
    page, first = job.total // PAGE, job.total % PAGE
    there = work.jobs.members(store_id, job.job_id, page) if first and ids else []
    pages = pages_with(job.total, there, ids)
    total = page * PAGE + sum(map(len, pages.values())) if pages else job.total
    job = replace(job, cursor=cursor, total=total)
    return (job.begun(now) if cursor.is_at_end else job), pages


def _by_hand(work: JobBooks, store_id: str, job: Job) -> tuple[list[str], Cursor]:
    ids: list[str] = []
    cursor = job.cursor
    while len(ids) < READ_BY_HAND and not cursor.is_at_end:
        room = READ_BY_HAND - len(ids)
        some, after = work.groups.groups.members(store_id, job.group_id, cursor.shard, room, cursor.after)
        ids += some
        cursor = _onwards(cursor, after)
    return ids, cursor


def _by_rule(work: JobBooks, settings: Settings, job: Job, rule: Rule) -> tuple[list[str], Cursor]:
    """Read further customers: those who match, or, while scores have no thresholds yet, nobody."""
    cursor = job.cursor
    if rule.rfm is not None and cursor.thresholds is None and cursor.histogram is None:
        cursor = replace(cursor, histogram=Histogram())
    ids: list[str] = []
    read = 0
    while read < READ_AT_ONCE and not cursor.is_at_end:
        room = READ_AT_ONCE - read
        some, after = work.books.customers.listed(settings.store_id, cursor.shard, room, cursor.after)
        read += len(some)
        members = members_of(work.books, settings, list(some), with_tags=bool(rule.tags))
        if cursor.histogram is not None:
            histogram = cursor.histogram.merged(Histogram.of(members, job.created_at))
            cursor = replace(cursor, histogram=histogram)
        else:
            fits = (one for one in members if matches(rule, one, cursor.thresholds, job.created_at))
            ids += [one.customer_id for one in fits]
        cursor = _onwards(cursor, after)
    if cursor.is_at_end and cursor.histogram is not None:
        cursor = Cursor(thresholds=cursor.histogram.thresholds())
    return ids, cursor


def _onwards(cursor: Cursor, after: str | None) -> Cursor:
    return replace(cursor, after=after) if after is not None else replace(cursor, after=None, shard=cursor.shard + 1)
