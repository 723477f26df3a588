"""Run the chunks of a group job, in any order, many at a time, and each as often as its message comes."""

from collections.abc import Sequence
from copy import replace
from datetime import timedelta
from typing import Final, assert_never

from cashback.domain.errors import Busy
from cashback.domain.group_jobs import (
    CHUNK,
    UNCERTAIN,
    Chunk,
    Job,
    JobStatus,
    Outcome,
    Progress,
    Result,
    Share,
    chunks_in,
    page_of,
    with_recorded,
)
from cashback.domain.group_steps import ChunkStep, FanOutStep, JobStep, SnapshotStep
from cashback.domain.shards import SHARDS
from cashback.domain.times import Instant, moment
from cashback.services.books import JobBooks
from cashback.services.plan_group_job import existing_job, plan
from cashback.services.post_shares import final_result, post_shares, preview_shares, recorded_results, standing_results

WORKER_TIMEOUT: Final = 60
"""Seconds after which Lambda ends a worker. Source: its Timeout in template.yaml."""

_TRIES: Final = 5


def run_job_step(work: JobBooks, step: JobStep, now: Instant) -> str:
    """Do what a message says. Return in one word what became of it; done again, it changes nothing.

    :raises NotFound: there is no such job.
    :raises Busy: contended, out of reach, at work elsewhere, or an undo that is too early; the message may come again.
    """
    match step:
        case SnapshotStep() | FanOutStep():
            return plan(work, step, now)
        case ChunkStep():
            return _run_chunk(work, step, now)
        case unheard:
            assert_never(unheard)


def give_up_job_step(work: JobBooks, step: JobStep, reason: str, now: Instant) -> None:
    """Note that a message goes to the dead letters: the job shows it, and what is done of a chunk is told from its
    entries. The message may be sent again once the cause is mended, and the job goes on where it was.

    :raises Busy: out of reach, at work elsewhere, or too early for an undo; then nothing is noted.
    """
    job = existing_job(work, step.store_id, step.job_id)
    if not isinstance(step, ChunkStep):
        if job.finished_at is None and job.step == step.step and job.status is not JobStatus.CANCELLED:
            work.jobs.save(step.store_id, replace(job, status=JobStatus.FAILED, reason=reason, rev=job.rev + 1))
        return
    chunk = work.jobs.chunk(step.store_id, step.job_id, step.number)
    if chunk is None and job.status is JobStatus.CANCELLED:
        _cancel(work, step, job, now)
        return
    if chunk is not None and chunk.results is not None:
        _end_again(work, step, job, chunk.results, now)
        return
    if chunk is not None and chunk.retried is not None:
        reopened = _taken_up(work, step, chunk, chunk.retried, now)
        if reopened is None:
            return
        job = reopened
    results = standing_results(work.books, step.store_id, job, _shares(work, step, job, now), reason)
    _finish(work, step, job, chunk, results, now)


def _run_chunk(work: JobBooks, step: ChunkStep, now: Instant) -> str:
    """Post one chunk. Its mark comes first, its results and the progress last, together: whoever finds the mark alone
    posts again, which moves nothing twice."""
    job = existing_job(work, step.store_id, step.job_id)
    if job.status is JobStatus.CANCELLED:
        chunk = work.jobs.chunk(step.store_id, step.job_id, step.number)
        if chunk is None:
            _cancel(work, step, job, now)
            return "cancelled"
    else:
        chunk = work.jobs.begin(step.store_id, step.job_id, step.number)
    if chunk.results is not None:
        chunk = _begun_again(work, step, chunk, chunk.results)
    if chunk.results is not None:
        _end_again(work, step, job, chunk.results, now)
        return "unchanged"
    if chunk.retried is not None:
        reopened = _taken_up(work, step, chunk, chunk.retried, now)
        if reopened is None:
            return "unchanged"
        job = reopened
    shares = _shares(work, step, job, now)
    if job.dry_run:
        results = preview_shares(work.books, step.store_id, job, shares)
    else:
        results = post_shares(work.books, step.store_id, job, shares, now)
    _finish(work, step, job, chunk, results, now)
    return "posted"


def _cancel(work: JobBooks, step: ChunkStep, job: Job, now: Instant) -> None:
    """Keep of a chunk that nobody began that its job was cancelled."""
    results = [Result(share.customer_id, Outcome.CANCELLED) for share in _shares(work, step, job, now)]
    _finish(work, step, job, None, results, now)


def _begun_again(work: JobBooks, step: ChunkStep, chunk: Chunk, results: Sequence[Result]) -> Chunk:
    """Begin a chunk again in which something failed; return it as it stands then. One in which nothing did stays."""
    if not Progress.of(results).error:
        return chunk
    again = work.jobs.begin_again(step.store_id, step.job_id, step.number, chunk, results)
    if again is None:
        raise Busy("the chunk is begun by somebody else")
    return again


def _is_settled(job: Job) -> bool:
    """Tell whether nothing of a job is tried again any more: it is cancelled, or undone."""
    return job.status is JobStatus.CANCELLED or job.undone_by is not None


def _taken_up(work: JobBooks, step: ChunkStep, chunk: Chunk, results: Sequence[Result], now: Instant) -> Job | None:
    """Return the job, reopened, of a chunk whose results were set aside; None where that is too late: they stand then
    as before, with what was posted since by whoever was cut off, or late."""
    job = _reopened(work, step, chunk, now)
    if not _is_settled(job):
        return job
    work.jobs.finish(step.store_id, step.job_id, step.number, chunk, results)
    _end_again(work, step, job, results, now)
    return None


def _reopened(work: JobBooks, step: ChunkStep, chunk: Chunk, now: Instant) -> Job:
    """Reopen the job of a chunk that is begun again, or was by a run that was cut off, and return it. Where it is
    settled that is too late, and it stays as it is.

    The chunk's results were set aside first, so that the job cannot end; now the job is written, so that whoever saw it
    complete before cannot end it either. Only then may be posted: an undo needs a job that has ended. Where another
    worker with the same message has ended the chunk again, the job stays too: nobody would come to end it.

    :raises Busy: the chunk does not stand as it was read, or the job keeps changing.
    """
    job = existing_job(work, step.store_id, step.job_id)
    for _ in range(_TRIES):
        if _is_settled(job) and job.finished_at is not None:
            return job
        written = replace(job if _is_settled(job) else job.reopened().awaited_from(job, now), rev=job.rev + 1)
        moved = work.jobs.reopen(step.store_id, written, step.number, chunk)
        if moved is None:
            return written
        job = moved
    raise Busy("the job keeps changing")


def _refuse_what_failed(
    work: JobBooks, store_id: str, undone: Job, results: Sequence[Result], now: Instant
) -> list[Result]:
    """Refuse in the ledger what failed of a job that is being undone, where it was not posted: nothing of the job may
    be posted after its undo has looked. Return its results as they are then.

    Who is no customer has no account to refuse it at. Then the undo waits for whoever might still post to one made now.

    :raises Busy: there may be such a worker.
    """
    ended = [
        result
        if result.outcome not in UNCERTAIN
        else final_result(work.books, store_id, undone, undone.share_of(result.customer_id), now)
        for result in results
    ]
    if any(result.outcome is Outcome.NOT_FOUND for result in ended) and not _is_left_alone(undone, now):
        raise Busy("a worker may still post to a customer who is made now")
    return ended


def _is_left_alone(job: Job, now: Instant) -> bool:
    """Tell whether all are gone who were at a chunk of a job before it ended. ``finished_at`` is when whoever ended it
    began: that may be a timeout before the end, and who began a chunk just before the end lasts as long again."""
    return job.finished_at is not None and moment(now) - moment(job.finished_at) > timedelta(seconds=2 * WORKER_TIMEOUT)


def _shares(work: JobBooks, step: ChunkStep, job: Job, now: Instant) -> list[Share]:
    """Return what a chunk is to do: for its part of the snapshot or, in an undo, against what the same chunk of the
    undone job posted; what failed of that is refused first.

    :raises Busy: something of the undone job may still be posted.
    """
    if job.undoes is not None:
        undone = work.jobs.chunk(step.store_id, job.undoes, step.number)
        # Set aside by a redrive that comes too late, they will stand again.
        results: Sequence[Result] = ((undone.results or undone.retried) if undone is not None else None) or ()
        if any(result.outcome in UNCERTAIN for result in results):
            results = _refuse_what_failed(
                work, step.store_id, existing_job(work, step.store_id, job.undoes), results, now
            )
        return [Share(result.customer_id, -result.amount) for result in results if result.amount]
    page, first = page_of(step.number)
    members = work.jobs.members(step.store_id, step.job_id, page)[first : first + CHUNK]
    return [job.share_of(customer_id) for customer_id in members]


def _finish(
    work: JobBooks, step: ChunkStep, job: Job, chunk: Chunk | None, results: Sequence[Result], now: Instant
) -> None:
    """Keep what became of a chunk. Where somebody else has, only what they could not know of is added."""
    if not work.jobs.finish(step.store_id, step.job_id, step.number, chunk, results):
        _amend(work, step, results)
    _close(work, step, job, now)


def _end_again(work: JobBooks, step: ChunkStep, job: Job, results: Sequence[Result], now: Instant) -> None:
    """Do for a chunk that has ended what whoever ended it may have been cut off before: look for entries of members
    without one, and end the job."""
    uncertain = [result.customer_id for result in results if result.outcome in UNCERTAIN]
    if uncertain:
        _amend(work, step, recorded_results(work.books, step.store_id, job, uncertain))
    _close(work, step, job, now)


def _amend(work: JobBooks, step: ChunkStep, found: Sequence[Result]) -> None:
    """Add to the results of a chunk that has ended what is recorded of members of whom they know no entry.

    :raises Busy: somebody has begun it, or keeps changing it. Taken as done, the message would not come again where
        they are cut off: it is theirs too, if it was delivered twice.
    """
    for _ in range(_TRIES):
        chunk = work.jobs.chunk(step.store_id, step.job_id, step.number)
        if chunk is None or chunk.results is None:
            raise Busy("the chunk is begun by somebody else")
        results = with_recorded(chunk.results, found)
        if results == chunk.results:
            return
        job = existing_job(work, step.store_id, step.job_id)
        if work.jobs.amend(step.store_id, replace(job, rev=job.rev + 1), step.number, chunk, chunk.results, results):
            return
    raise Busy("the chunk keeps changing")


def _close(work: JobBooks, step: ChunkStep, job: Job, now: Instant) -> None:
    """End the job if this was the last of its chunks: all partitions are looked at once this chunk's own is full, as
    it is where this chunk is alone in it.

    Whoever ends the last one sees all others ended, because it looks after it has ended its own. The job is the one
    that was read before: had it moved since, as it does when a chunk is begun again, it would not be written.
    """
    shard = step.number % SHARDS
    here = chunks_in(shard, job.chunks)
    if here > 1 and work.jobs.progress_in(step.store_id, step.job_id, shard).chunks < here:
        return
    if job.finished_at is not None:
        # Reopened since, it would have to be ended again.
        job = existing_job(work, step.store_id, step.job_id)
    for _ in range(_TRIES):
        if job.finished_at is not None:
            return
        progress = work.jobs.progress(step.store_id, step.job_id)
        if progress.chunks < job.chunks:
            return
        moved = work.jobs.save(step.store_id, replace(job.closed(progress, now), rev=job.rev + 1))
        if moved is None:
            return
        job = moved
    raise Busy("the job keeps changing")
