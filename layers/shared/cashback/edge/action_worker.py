"""The worker of scenarios: each message says that something is to be done about a task."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, assert_never

from msgspec import to_builtins

from cashback.adapters.task_queue import ActionStep, decode_action
from cashback.domain.errors import DomainError, reason_of
from cashback.domain.tasks import CustomerStep, OrderStep, Step, TaskStep
from cashback.domain.times import Instant, instant
from cashback.edge.batch import is_last, of_one_batch
from cashback.edge.clock import utc
from cashback.edge.log import log
from cashback.edge.patient_batch import PatientBatch
from cashback.services.books import Books, Outlets
from cashback.services.close_window import close_window
from cashback.services.follow_tasks import follow_order, follow_registration
from cashback.services.run_task import give_up_task, run_task

if TYPE_CHECKING:
    from cashback.adapters.alarm_clock import AlarmClock


class ActionBatch(PatientBatch):
    """One invocation. The settings of each store in it are read once, and never kept for the next."""

    books: Books
    outlets: Outlets
    clock: Callable[[], datetime] = utc

    noun: ClassVar[str] = "action"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.books = of_one_batch(self.books)

    def handle(self, record: Mapping[str, Any], receives: int) -> None:
        """Do what a message asks for; one line of log says what became of it."""
        step = decode_action(record["body"])
        ids = to_builtins(step)
        try:
            outcome = self.patiently(lambda: self._do(step))
        except Exception as error:  # raised again below: the task must show the failure, whatever it was
            if isinstance(step, TaskStep) and step.step is Step.RUN and is_last(error, receives):
                self._give_up(step, error, ids)
            raise
        log("action_done", **ids, outcome=outcome, counted="ActionsDone", by="outcome")

    def _do(self, step: ActionStep) -> str:
        now = instant(self.clock())
        match step:
            case TaskStep(store_id, task_id, Step.RUN):
                return run_task(self.books, self.outlets, store_id, task_id, now)
            case TaskStep(store_id, task_id):
                return close_window(self.books, self.outlets.alarms, store_id, task_id, now)
            case OrderStep() | CustomerStep():
                return self._follow(step, now)
            case unheard:
                assert_never(unheard)

    def _follow(self, step: OrderStep | CustomerStep, now: Instant) -> str:
        """Let scenarios hear of what was announced."""
        settings, live = self.books.scenarios.live(step.store_id)
        if settings is None:
            return "store_closed"
        if isinstance(step, CustomerStep):
            started = follow_registration(self.books, self._alarms, settings, live, step.customer_id, now)
            return "followed" if started else "unchanged"
        order = self.books.orders.get(step.store_id, step.order_id)
        if order is None or not live.scenarios:
            return "unchanged"
        followed = follow_order(self.books, self._alarms, settings, live, order, now)
        return "followed" if followed else "unchanged"

    def _alarms(self) -> "AlarmClock":
        return self.outlets.alarms

    def _give_up(self, step: TaskStep, error: Exception, ids: dict[str, str]) -> None:
        """Let the task show that its message goes to the dead letters, if it can be told."""
        try:
            give_up_task(self.books, step.store_id, step.task_id, reason_of(error), instant(self.clock()))
        except DomainError as unreachable:
            log("failure_not_noted", **ids, code=unreachable.code)
