"""The worker of group jobs and of imports of members: each message is a step of one."""

from collections.abc import Callable, Mapping
from copy import replace
from datetime import datetime
from typing import Any, ClassVar

from cashback.adapters.job_queue import decode
from cashback.domain.errors import DomainError, reason_of
from cashback.domain.group_steps import ChunkStep, GroupStep, ImportStep
from cashback.domain.times import instant
from cashback.edge.batch import MessageBatch, is_last, of_one_batch
from cashback.edge.clock import utc
from cashback.edge.log import log
from cashback.services.books import JobBooks
from cashback.services.run_group_step import give_up_group_step, run_group_step


class JobBatch(MessageBatch):
    """One invocation. The settings of each store in it are read once, and never kept for the next."""

    work: JobBooks
    clock: Callable[[], datetime] = utc

    noun: ClassVar[str] = "step"

    def __post_init__(self) -> None:
        self.work = replace(self.work, books=of_one_batch(self.work.books))

    def handle(self, record: Mapping[str, Any], receives: int) -> None:
        """Take a job on by one step; one line of log says what became of it."""
        step = decode(record["body"])
        ids = {"store": step.store_id, **_place(step)}
        try:
            outcome = run_group_step(self.work, step, instant(self.clock()))
        except Exception as error:  # raised again below: the job must show the failure, whatever it was
            if is_last(error, receives):
                self._give_up(step, error, ids)
            raise
        log("step_done", **ids, outcome=outcome)

    def _give_up(self, step: GroupStep, error: Exception, ids: dict[str, str]) -> None:
        """Let the job show that one of its messages goes to the dead letters, if it can be told."""
        try:
            give_up_group_step(self.work, step, reason_of(error), instant(self.clock()))
        except DomainError as unreachable:
            log("failure_not_noted", **ids, code=unreachable.code)


def _place(step: GroupStep) -> dict[str, str]:
    """Which step of which job or import it is."""
    if isinstance(step, ImportStep):
        return {"import": step.import_id, "step": f"page {step.page}"}
    return {"job": step.job_id, "step": f"chunk {step.number}" if isinstance(step, ChunkStep) else f"plan {step.step}"}
