"""Look at group jobs, and stop one."""

from collections.abc import Iterator
from copy import replace
from itertools import batched
from typing import Final

from msgspec import Struct

from cashback.domain.errors import Busy, StateConflict
from cashback.domain.group_jobs import Job, JobStatus, Outcome, Progress, Result
from cashback.domain.times import Instant
from cashback.services.books import JobBooks
from cashback.services.plan_group_job import existing_job

_TRIES: Final = 5
_READ_AT_ONCE: Final = 100
_READ_AT_MOST: Final = 1_000
"""Chunks whose results one page looks through."""


class ShownJob(Struct, frozen=True):
    """A job, and what it came to so far."""

    job: Job
    progress: Progress


class ResultLine(Struct, frozen=True):
    """What a job made of a member, with the id of the entry that stands for it; ``place`` is where a list goes on."""

    result: Result
    transaction_id: str | None
    place: str


def read_group_job(work: JobBooks, store_id: str, job_id: str) -> ShownJob:
    """Return a job.

    :raises NotFound: no such job in this store.
    """
    return _shown(work, store_id, existing_job(work, store_id, job_id))


def list_group_jobs(work: JobBooks, store_id: str, limit: int, before: str | None) -> tuple[list[ShownJob], str | None]:
    """Return a page of jobs, the newest first, and where to go on (None at the end)."""
    jobs, place = work.jobs.page(store_id, limit, before)
    return [_shown(work, store_id, job) for job in jobs], place


def cancel_group_job(work: JobBooks, store_id: str, job_id: str, now: Instant) -> ShownJob:
    """Stop a job: chunks that were not begun post nothing; one that is being posted is finished. Cancelled again, it
    stays as it is.

    :raises NotFound: no such job in this store.
    :raises StateConflict: it is over, or undoes another one, which may not be left half done.
    :raises Busy: the job keeps changing, or is out of reach; the same call is safe to repeat.
    """
    job = existing_job(work, store_id, job_id)
    for _ in range(_TRIES):
        if job.status is JobStatus.CANCELLED:
            return _shown(work, store_id, job)
        if job.finished_at is not None:
            raise StateConflict(f"the job is {job.status}")
        if job.undoes is not None:
            raise StateConflict("an undo is not cancelled")
        stopped = replace(job, status=JobStatus.CANCELLED, reason=None, rev=job.rev + 1).awaited_from(job, now)
        if job.started_at is None:
            stopped = replace(stopped.closed(Progress(), now), total=0)
        standing = work.jobs.save(store_id, stopped)
        if standing is None:
            return _shown(work, store_id, stopped)
        job = standing
    raise Busy("the job keeps changing")


def group_job_results(
    work: JobBooks, store_id: str, job_id: str, outcome: Outcome | None, limit: int, after: str | None
) -> tuple[list[ResultLine], str | None]:
    """Return a page of what a job made of its members, of those that came to one outcome if that is asked for, in the
    order of the snapshot, and where to go on (None at the end). Members whose chunk is not done yet are passed over.

    A page that looked through a thousand chunks ends, however few it found.

    :raises NotFound: no such job in this store.
    """
    job = existing_job(work, store_id, job_id)
    number, position = map(int, (after or "0.0").split("."))
    last = min(job.chunks, number + _READ_AT_MOST)
    lines: list[ResultLine] = []
    for n, results in _results(work, store_id, job, range(number, last)):
        for i, result in enumerate(results):
            if (n == number and i < position) or outcome not in (None, result.outcome):
                continue
            if len(lines) == limit:
                return lines, lines[-1].place
            lines.append(ResultLine(result, work.jobs.transaction_id(store_id, job, result), f"{n}.{i + 1}"))
    return lines, f"{last}.0" if last < job.chunks else None


def _results(work: JobBooks, store_id: str, job: Job, numbers: range) -> Iterator[tuple[int, tuple[Result, ...]]]:
    for some in batched(numbers, _READ_AT_ONCE, strict=False):
        chunks = work.jobs.chunks(store_id, job.job_id, some)
        for number in some:
            chunk = chunks.get(number)
            if chunk is not None and chunk.results is not None:
                yield number, chunk.results


def _shown(work: JobBooks, store_id: str, job: Job) -> ShownJob:
    return ShownJob(job, work.jobs.progress(store_id, job.job_id) if job.result is None else job.result)
