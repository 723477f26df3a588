"""Do what a message of the queue of group jobs says, of whichever kind it is."""

from typing import Final

from cashback.domain.group_jobs import JobStatus
from cashback.domain.group_steps import FanOutStep, GroupStep, ImportStep
from cashback.domain.times import Instant
from cashback.services.books import JobBooks
from cashback.services.import_members import give_up_import, import_members_page
from cashback.services.plan_group_job import existing_job
from cashback.services.read_store import read_settings
from cashback.services.run_group_job import give_up_job_step, run_job_step

CLOSED: Final = "store_closed"


def run_group_step(work: JobBooks, step: GroupStep, now: Instant) -> str:
    """Do what a message says. Return in one word what became of it; done again, it changes nothing.

    In a closed store nothing is posted and nobody is added any more: each step ends as one that is given up. Only the
    chunks of a cancelled job are sent on, without which it would never end.

    :raises NotFound: there is no such store or job.
    :raises Busy: contended or out of reach; the message may be handled again.
    """
    if read_settings(work.books, step.store_id).closed_at is not None and not _sends_out_a_cancelled_job(work, step):
        give_up_group_step(work, step, CLOSED, now)
        return CLOSED
    if not isinstance(step, ImportStep):
        return run_job_step(work, step, now)
    following = import_members_page(work.books, work.groups, step, now)
    if following is None:
        return "ended"
    work.queue().send([following])
    return "moved"


def _sends_out_a_cancelled_job(work: JobBooks, step: GroupStep) -> bool:
    """Tell whether a step sends out the chunks of a cancelled job, which post nothing."""
    if not isinstance(step, FanOutStep):
        return False
    return existing_job(work, step.store_id, step.job_id).status is JobStatus.CANCELLED


def give_up_group_step(work: JobBooks, step: GroupStep, reason: str, now: Instant) -> None:
    """Note that a message is given up: its job or import shows it.

    :raises NotFound: there is no such job.
    :raises Busy: out of reach; then nothing is noted.
    """
    if isinstance(step, ImportStep):
        give_up_import(work.groups, step, reason, now)
    else:
        give_up_job_step(work, step, reason, now)
