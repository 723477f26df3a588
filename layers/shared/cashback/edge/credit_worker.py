"""The worker of credits: each message is what one task gives its customer."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar

from cashback.adapters.task_queue import decode_credit
from cashback.domain.errors import DomainError, reason_of
from cashback.domain.tasks import CreditStep
from cashback.domain.times import instant
from cashback.edge.batch import is_last, of_one_batch
from cashback.edge.clock import utc
from cashback.edge.log import log
from cashback.edge.patient_batch import PatientBatch
from cashback.services.books import Books
from cashback.services.post_credit import give_up_credit, post_credit


class CreditBatch(PatientBatch):
    """One invocation. The settings of each store in it are read once, and never kept for the next."""

    books: Books
    clock: Callable[[], datetime] = utc

    noun: ClassVar[str] = "credit"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.books = of_one_batch(self.books)

    def handle(self, record: Mapping[str, Any], receives: int) -> None:
        """Post one credit; one line of log says what became of it."""
        step = decode_credit(record["body"])
        ids = {"store": step.store_id, "task": step.task_id}
        try:
            outcome = self.patiently(lambda: self._post(step))
        except Exception as error:  # raised again below: the task must show the failure, whatever it was
            if is_last(error, receives):
                self._give_up(step, error, ids)
            raise
        log("credit_done", **ids, outcome=outcome, counted="ScenarioCredits", by="outcome")

    def _post(self, step: CreditStep) -> str:
        return post_credit(self.books, step.store_id, step.task_id, instant(self.clock()))

    def _give_up(self, step: CreditStep, error: Exception, ids: dict[str, str]) -> None:
        """Let the task show that its message goes to the dead letters, if it can be told."""
        try:
            give_up_credit(self.books, step.store_id, step.task_id, reason_of(error))
        except DomainError as unreachable:
            log("failure_not_noted", **ids, code=unreachable.code)
