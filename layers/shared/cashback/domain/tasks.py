"""Tasks: a scenario that was started for one fact. A task runs at most once, never before it is due, and every end it
comes to says why."""

import base64
from collections.abc import Mapping
from copy import replace
from enum import StrEnum
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from cashback.domain.delays import after, longest_after
from cashback.domain.orders import Order
from cashback.domain.scenarios import LATE, Actions, Condition, Occasion, Scenario, Success, Trigger, review_cause
from cashback.domain.times import Instant

if TYPE_CHECKING:
    from datetime import tzinfo


_LONG_AGO: Final[Instant] = "1970-01-01T00:00:00.000000Z"
"""Every delay that began before is long over: some shops tell the first day of the year 1, on which the calendars of
some zones have not begun."""


class TaskStatus(StrEnum):
    """Where a task stands."""

    WAITING = "waiting"
    RUNNING = "running"
    EXECUTED = "executed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Event(StrEnum):
    """What moves a task."""

    FIRED = "fired"
    FINISHED = "finished"
    GAVE_UP = "gave_up"
    CANCELLED = "cancelled"


MOVES: Final[Mapping[tuple[TaskStatus, Event], TaskStatus]] = MappingProxyType(
    {
        (TaskStatus.WAITING, Event.FIRED): TaskStatus.RUNNING,
        (TaskStatus.WAITING, Event.CANCELLED): TaskStatus.CANCELLED,
        (TaskStatus.WAITING, Event.GAVE_UP): TaskStatus.FAILED,
        (TaskStatus.RUNNING, Event.FINISHED): TaskStatus.EXECUTED,
        (TaskStatus.RUNNING, Event.GAVE_UP): TaskStatus.FAILED,
    }
)
"""Every move there is; each is written only over the status it begins at."""


class Part(StrEnum):
    """The lists that a scenario's tasks stand in: of those that wait or run, and of each end."""

    OPEN = "open"
    EXECUTED = "executed"
    FAILED = "failed"
    CANCELLED = "cancelled"


_ENDS: Final[Mapping[TaskStatus, Part]] = MappingProxyType(
    {
        TaskStatus.EXECUTED: Part.EXECUTED,
        TaskStatus.FAILED: Part.FAILED,
        TaskStatus.CANCELLED: Part.CANCELLED,
    }
)


class Result(StrEnum):
    """Whether an executed task achieved what the store hoped for."""

    AWAITING = "awaiting_result"
    SUCCESSFUL = "successful"
    NOT_MET = "conditions_not_met"


JUDGEMENTS: Final = frozenset(
    {
        (Result.AWAITING, Result.SUCCESSFUL),
        (Result.AWAITING, Result.NOT_MET),
        (Result.NOT_MET, Result.SUCCESSFUL),
    }
)
"""Every change of a result there is. An event that is told late still makes a success; nothing unmakes one."""


class Action(StrEnum):
    """What a task may do, in the order it does it."""

    PROMO_CODE = "generate_promo_code"
    CREDIT = "credit_cashback"
    MESSAGE = "send_message"


class ActionStatus(StrEnum):
    """What became of one action. ``queued``: the credit is on its way; ``sending``: nobody knows yet whether the
    message left; ``unconfirmed``: nobody ever will, because it is not sent twice."""

    QUEUED = "queued"
    SENDING = "sending"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNCONFIRMED = "unconfirmed"


class ActionOutcome(Struct, frozen=True, omit_defaults=True):
    """What became of one action, and the code that says why."""

    status: ActionStatus
    detail: str | None = None


class Task(Struct, frozen=True, omit_defaults=True):
    """The document of one task, with what the scenario said when it was created.

    ``cause`` is the fact that started it, ``occurred_at`` when that happened at the shop. ``finished_at`` is when it
    was executed, failed or cancelled; ``window_until`` until when a success counts, the limit itself too. ``reason``
    says why it was cancelled or failed, ``judged_by`` what made it a success. ``ended_by`` is who cancelled it by hand,
    ``request_hash`` that of their call.
    """

    task_id: str
    scenario_id: str
    trigger: Trigger
    cause: str
    occurred_at: Instant
    created_at: Instant
    due_at: Instant
    actions: Actions
    customer_id: str | None = None
    order_id: str | None = None
    cancel_on: tuple[Condition, ...] = ()
    success: Success | None = None
    status: TaskStatus = TaskStatus.WAITING
    reason: str | None = None
    outcomes: Mapping[Action, ActionOutcome] = {}
    promo_code: str | None = None
    started_at: Instant | None = None
    finished_at: Instant | None = None
    window_until: Instant | None = None
    result: Result | None = None
    judged_by: str | None = None
    ended_by: str | None = None
    request_hash: str | None = None
    rev: int = 1

    @property
    def part(self) -> Part:
        """The list it stands in."""
        return _ENDS.get(self.status, Part.OPEN)

    @property
    def figure(self) -> "TaskFigure":
        """What is counted of it. Its credit counts once it has ended, and as long as it is not known to be refused."""
        credit = self.outcomes.get(Action.CREDIT)
        is_given = credit is not None and credit.status in {ActionStatus.QUEUED, ActionStatus.DONE}
        is_counted = is_given and self.part is not Part.OPEN
        return TaskFigure(self.part, self.result or self.reason, (self.actions.credit or 0) if is_counted else 0)

    @property
    def heard_until(self) -> Instant:
        """Until when anybody looks for it by what it watches."""
        runs = longest_after(self.due_at, LATE)
        return longest_after(runs, self.success.within) if self.success else runs

    @property
    def comes_due_at(self) -> Instant | None:
        """When something is to be done about it: it is run, resumed, or its window is closed; None at its end."""
        if self.status in {TaskStatus.WAITING, TaskStatus.RUNNING}:
            return self.due_at
        return self.window_until if self.result is Result.AWAITING else None

    @property
    def asked(self) -> tuple[Action, ...]:
        """The actions that it is to take, in their order."""
        wanted = {
            Action.PROMO_CODE: self.actions.promo_code,
            Action.CREDIT: self.actions.credit,
            Action.MESSAGE: self.actions.message,
        }
        return tuple(action for action, what in wanted.items() if what is not None)

    @property
    def left(self) -> tuple[Action, ...]:
        """The actions that have no outcome yet, in their order; of a message that was being sent nothing is known."""
        open_ = {action for action, outcome in self.outcomes.items() if outcome.status is ActionStatus.SENDING}
        return tuple(action for action in self.asked if action not in self.outcomes or action in open_)

    def watches(self, *, waiting: bool) -> frozenset[Condition]:
        """The conditions it must be told of: while it waits, those that cancel it too."""
        wanted = frozenset(self.success.on if self.success else ())
        return wanted | frozenset(self.cancel_on) if waiting else wanted


class TaskFigure(Struct, frozen=True):
    """What is counted of a task without reading it: where it stands, what came of it (its result, or the reason why it
    was cancelled or failed), and the minor units that it credited."""

    part: Part
    outcome: str | None = None
    credit: int = 0


class Step(StrEnum):
    """What an alarm is set for."""

    RUN = "run"
    CLOSE = "close"
    """The window for a success is over."""


class TaskStep(Struct, frozen=True, tag="task"):
    """A message: something is to be done about a task."""

    store_id: str
    task_id: str
    step: Step


class OrderStep(Struct, frozen=True, tag="order"):
    """A message: an order may start tasks, and others may wait for it."""

    store_id: str
    order_id: str


class CustomerStep(Struct, frozen=True, tag="customer"):
    """A message: a customer's registration may start tasks."""

    store_id: str
    customer_id: str


class CreditStep(Struct, frozen=True):
    """A message: the credit of a task is to be posted."""

    store_id: str
    task_id: str


class Surroundings(Struct, frozen=True):
    """The facts that a task is checked against: its customer's newest order, and the order that started it."""

    newest_order_id: str | None = None
    newest_order_at: Instant | None = None
    order: Order | None = None


def task_id_of(store_id: str, scenario_id: str, cause: str) -> str:
    """Return the id of the one task of a scenario for a fact."""
    digest = sha256("\n".join((store_id, scenario_id, cause)).encode()).digest()
    return "tsk_" + base64.b32encode(digest).decode()[:26].lower()


def task_of(store_id: str, scenario: Scenario, occasion: Occasion, now: Instant, zone: "tzinfo") -> Task:
    """Return the task of a scenario for what has started it.

    The delay counts from when it happened, as the shop tells it and no later than now; what is due already is due now.
    """
    began = min(occasion.occurred_at, now)
    return Task(
        task_id=task_id_of(store_id, scenario.scenario_id, occasion.cause),
        scenario_id=scenario.scenario_id,
        trigger=scenario.trigger,
        cause=occasion.cause,
        occurred_at=began,
        created_at=now,
        due_at=max(now, after(max(began, _LONG_AGO), scenario.delay, zone)),
        actions=scenario.actions,
        customer_id=occasion.customer_id,
        order_id=occasion.order.order_id if occasion.order else None,
        cancel_on=scenario.cancel_on,
        success=scenario.success,
    )


def cancelled_by(task: Task, known: Surroundings) -> Condition | None:
    """Return the condition that cancels a task as far as facts tell, None where none does.

    An order counts when it was created after what started the task. What happened to the order itself counts from that
    very moment on, because shops round their times; what started the task never cancels it.
    """
    order = known.order
    for condition in task.cancel_on:
        if condition is Condition.ORDER_CREATED:
            is_another = known.newest_order_id is not None and known.newest_order_id != task.order_id
            if is_another and known.newest_order_at is not None and known.newest_order_at > task.occurred_at:
                return condition
        elif order is not None and condition is Condition.REVIEW_CREATED:
            others = (at for review, at in order.facts.reviews.items() if task.cause != review_cause(review))
            if any(at >= task.occurred_at for at in others):
                return condition
        elif order is not None and condition.value != task.trigger.value:
            fact = condition.removeprefix("order.")
            at = order.facts.since.get(fact) or order.recorded.get(fact)
            if at is not None and at >= task.occurred_at:
                return condition
    return None


def fulfils(task: Task, condition: Condition, event_at: Instant, order_id: str | None) -> bool:
    """Tell whether something that happened at a time, about an order, makes an executed task a success."""
    if task.success is None or condition not in task.success.on or task.result is None:
        return False
    if task.finished_at is None or task.window_until is None:
        return False
    fits = (order_id != task.order_id) if condition is Condition.ORDER_CREATED else (order_id == task.order_id)
    return fits and order_id is not None and task.finished_at <= event_at <= task.window_until


def fired(task: Task, now: Instant) -> Task | None:
    """Return the task as it begins to run; None where it is not due, or does not wait."""
    if task.due_at > now or (task.status, Event.FIRED) not in MOVES:
        return None
    return replace(_moved(task, Event.FIRED), started_at=now)


def acted(task: Task, action: Action, outcome: ActionOutcome) -> Task:
    """Return the task with what became of one action."""
    return replace(task, outcomes={**task.outcomes, action: outcome}, rev=task.rev + 1)


def finished(task: Task, now: Instant, zone: "tzinfo") -> Task:
    """Return the task with all its actions run; its window for a success opens now."""
    done = replace(_moved(task, Event.FINISHED), finished_at=now)
    if task.success is None:
        return done
    return replace(done, result=Result.AWAITING, window_until=after(now, task.success.within, zone))


def cancelled(task: Task, reason: str, now: Instant) -> Task | None:
    """Return the task cancelled; None where it waits no longer."""
    if (task.status, Event.CANCELLED) not in MOVES:
        return None
    return replace(_moved(task, Event.CANCELLED), reason=reason, finished_at=now)


def given_up(task: Task, reason: str, now: Instant) -> Task | None:
    """Return the task as failed for good: what was not done is not, and of a message that was being sent nobody knows;
    None where it has ended."""
    if (task.status, Event.GAVE_UP) not in MOVES:
        return None
    failed = {
        action: ActionOutcome(ActionStatus.UNCONFIRMED if action in task.outcomes else ActionStatus.FAILED, reason)
        for action in task.left
    }
    return replace(_moved(task, Event.GAVE_UP), reason=reason, finished_at=now, outcomes={**task.outcomes, **failed})


def judged(task: Task, result: Result, judged_by: str | None) -> Task | None:
    """Return the task with its result; a success stays one, and None where nothing changes."""
    if (task.result, result) not in JUDGEMENTS:
        return None
    return replace(task, result=result, judged_by=judged_by, rev=task.rev + 1)


def _moved(task: Task, event: Event) -> Task:
    return replace(task, status=MOVES[task.status, event], rev=task.rev + 1)
