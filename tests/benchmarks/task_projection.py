"""A million tasks of a scenario that come due in one hour, in virtual time: from the alarm to the credit."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import ClassVar, Final

from msgspec import Struct, field

from cashback.adapters.queues import SENT_AT_ONCE
from cashback.domain.shards import SHARDS
from cashback.edge.patient_batch import PATIENCE
from cashback.edge.sweeper import AT_ONCE, ENOUGH_TIME
from cashback.services.sweep import ALARM_RINGS_FOR
from tests.benchmarks.budgets import BUDGETS, cost_of
from tests.benchmarks.capacity import (
    DEFAULT_QUOTA,
    PARTITION_WRITES,
    Items,
    Message,
    Process,
    Queue,
    Table,
    Tables,
    Timeline,
)
from tests.benchmarks.pace import ACTION_SOURCE, CREDIT_SOURCE, ORDER_SOURCE, PACE
from tests.benchmarks.units import READS, Operation, Share
from tests.benchmarks.workers import MEMBER, ORDER, ORDERS, Doing, Orders, Workers, quantiles

HOUR: Final = 3_600
DUE: Final = 1_000_000

CREATED_A_SECOND: Final = 5_000
"""Schedules that can be made in a second in the larger Regions; in the others 250. Source: the quotas of Scheduler."""
CREATED_ELSEWHERE: Final = 250
STARTED_A_SECOND: Final = 1_000
"""Schedules that are started in a second in the larger Regions. Source: the same, Invocations throttle limit."""
STARTED_BEFORE: Final = 500
"""The same in every Region until August 2024; what the others start now was not seen. Source: AWS's announcement of
higher default quotas, of 21 August 2024."""
SCHEDULES: Final = 10_000_000
"""Schedules that a Region holds. Source: the same."""
PRECISION: Final = 60
"""Seconds within which a schedule is started. Source: Scheduler, schedule types."""

UNCHANGED: Final = PACE.read + PACE.unchanged
"""Seconds for a message that comes once more: the task is read."""
REMIND: Final = PACE.hundred / AT_ONCE + PACE.send / SENT_AT_ONCE + PACE.swept
"""For a task that the sweeper finds: a hundred are read at once, and ten messages sent."""

SDK_TRIES: Final = 3
SDK_PAUSE: Final = 1.0
"""How often the SDK makes a plain call that is throttled, and how many seconds it waits at most before the second try;
twice as long before the third. A transaction it makes once. Source: botocore's standard retries; edge/clients.py has
the tries, asserted in test_task_projection.py."""

LONGEST_SWEEP: Final = 240
EVERY: Final = 300
"""Seconds that a sweep may take, and from one to the next. Source: the template, asserted in test_projection.py."""


class Step(Struct, frozen=True):
    """What a worker does about a task, as it was counted: reads, a transaction of so many items, and besides it plain
    writes of one item each. ``cpu`` is in seconds of a function."""

    reads: int
    items: int
    plain: int
    cpu: float

    @staticmethod
    def of(share: Share, cpu: float) -> "Step":
        """Read the step of a share: an item of a transaction costs two units."""
        plain = share.calls["PutItem"]
        reads = sum(count for name, count in share.calls.items() if name in READS)
        return Step(reads, int(share.table_units - plain) // 2, plain, cpu)

    @property
    def seconds(self) -> float:
        """How long it takes up to the end of its transaction."""
        return self.reads * PACE.read + self.cpu + PACE.together(self.items)


class Steps(Struct, frozen=True):
    """What is done about a task with a guard, a watch and a credit: it is created beside its order, run, credited.

    Units stand as the tables of ``run`` do: ledger, state, and of the index ``listing`` the one partition of a
    scenario's open tasks, and the one of those that were executed. Those of index ``due`` are left out (``hot_due``).
    """

    create: Step
    run: Step
    credit: Step

    @staticmethod
    def counted(operations: Mapping[str, Operation]) -> "Steps":
        """Return what was counted."""
        cpu = (PACE.start - PACE.order, PACE.task, PACE.credit)
        return Steps(*(Step.of(share, each) for share, each in zip(shares(operations), cpu, strict=True)))

    @property
    def created(self) -> Sequence[Items]:
        """Units of a task that is created: itself, its guard and its watch."""
        return (self.create.items, (0, 2)), (1, (0, 0, 1))

    @property
    def begun(self) -> Sequence[Items]:
        """Units of one that begins to run: itself, and its watch ends."""
        return ((self.run.items, (0, 2)),)

    @property
    def ended(self) -> Sequence[Items]:
        """Units of one that has run."""
        return ((self.run.plain, (0, 1, 1, 1)),)

    @property
    def credited(self) -> Sequence[Items]:
        """Units of a credit: the posting, and the task."""
        return (1, MEMBER), (self.credit.items - 2, (0, 2))


def shares(operations: Mapping[str, Operation]) -> tuple[Share, Share, Share]:
    """Return what was counted of a task: created on top of its order, run, and credited."""
    (created,) = [cost_of(budget, operations) for budget in BUDGETS if budget.operation == "task created"]
    ran = operations["task executed with a credit"].shares
    return created, ran["action_worker"], ran["credit_worker"]


def cpu(operations: Mapping[str, Operation]) -> tuple[list[float], list[float], list[float]]:
    """Return the CPU seconds of the same, each time it was counted."""
    ordered, created = (operations[name].rounds["event_worker"] for name in ("paid order, first seen", "task created"))
    ran = operations["task executed with a credit"].rounds
    return [a - b for a, b in zip(created, ordered, strict=True)], ran["action_worker"], ran["credit_worker"]


class Tasks(Struct):
    """What became of tasks, by their numbers. ``due`` are the moments; who ran or was credited has how late it was."""

    due: Sequence[float]
    begun: set[int] = field(default_factory=set)
    ran: dict[int, float] = field(default_factory=dict)
    credited: dict[int, float] = field(default_factory=dict)
    given_up: set[int] = field(default_factory=set)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        return len(self.credited) + len(self.given_up) >= len(self.due)


class TaskWorkers(Workers, kw_only=True):
    """Workers whose messages are numbers of tasks."""

    tasks: Tasks
    steps: Steps

    idle: ClassVar[float] = 0.25
    patience: ClassVar[float] = PATIENCE

    @property
    def is_over(self) -> bool:
        """Whether all tasks are."""
        return self.tasks.is_over

    def give_up(self, message: Message) -> None:
        """Let a task fail whose message went to the dead letters."""
        if message.body not in self.tasks.credited:
            self.tasks.given_up.add(message.body)


class ActionWorkers(TaskWorkers, kw_only=True):
    """Those that run tasks, and send their credits."""

    credits_: Queue

    def handle(self, message: Message) -> Doing:
        """Run a task, from where an earlier run was cut off."""
        task = message.body
        if task in self.tasks.ran or task in self.tasks.given_up:
            yield UNCHANGED
            return True
        yield self.steps.run.seconds
        if task not in self.tasks.begun:
            if not self.commit(*self.steps.begun):
                return False
            self.tasks.begun.add(task)
        if task not in self.tasks.credited:
            yield PACE.send
            self.credits_.send(task)
        if not (yield from self._end()):
            return False
        self.tasks.ran.setdefault(task, self.line.now - self.tasks.due[task])
        return True

    def _end(self) -> Doing:
        """Write a task's end, as often as the SDK tries."""
        for tried in range(SDK_TRIES):
            yield PACE.write + (self.line.random.random() * SDK_PAUSE * 2 ** (tried - 1) if tried else 0.0)
            if self.commit(*self.steps.ended):
                return True
        return False


class CreditWorkers(TaskWorkers, kw_only=True):
    """Those that post credits."""

    def handle(self, message: Message) -> Doing:
        """Post a credit, unless it is posted."""
        task, credit = message.body, self.steps.credit
        if task in self.tasks.credited:
            yield UNCHANGED
            return True
        together = PACE.together(credit.items)
        yield credit.seconds - together
        if not (yield from self.post(together, *self.steps.credited)):
            return False
        self.tasks.credited.setdefault(task, self.line.now - self.tasks.due[task])
        return True


class Run(Struct, frozen=True):
    """What a run came to, in seconds. By how much tasks were late when they had run, and when their credit was posted:
    half of them, 99 of 100, and the last. ``throttled`` is which share of their writes was, ``deepest`` how many of
    their messages waited at most, ``reminded`` how many the sweeper sent, ``lost`` are tasks that were given up. The
    rest is of the orders, as in job_projection."""

    ran: Sequence[float]
    credited: Sequence[float]
    ended_at: float
    throttled: float
    sent_back: int
    deepest: int
    reminded: int
    lost: int
    orders: int
    waits: Sequence[float]
    orders_sent_back: int
    orders_lost: int


def run(
    steps: Steps,
    tasks: int,
    within: float,
    writes_a_second: int = DEFAULT_QUOTA,
    *,
    rings: bool = True,
    by_the_second: bool = False,
) -> Run:
    """Let so many tasks come due at random moments of so many seconds, and ring, run and be credited, on tables that
    take so many write units a second each, with orders beside them that start a task each; where no alarm ``rings``, by
    the sweeper's hand alone. Without tasks there are only orders, for a minute. What a table learns to take after half
    an hour is left out."""
    line = Timeline()
    rates = (writes_a_second, writes_a_second, PARTITION_WRITES, PARTITION_WRITES)
    tables = Tables(*(Table(line, rate, by_the_second=by_the_second) for rate in rates))
    alarms, credits_ = Queue(line, PACE.hop), Queue(line, PACE.hop)
    all_tasks = Tasks([line.random.uniform(0, within) for _ in range(tasks)])
    running = ActionWorkers(line, tables, ACTION_SOURCE, alarms, tasks=all_tasks, steps=steps, credits_=credits_)
    crediting = CreditWorkers(line, tables, CREDIT_SOURCE, credits_, tasks=all_tasks, steps=steps)
    sent: list[int] = []
    if rings:
        line.start(_scheduler(line, all_tasks, alarms))
    line.start(_sweeper(line, all_tasks, alarms, sent), after=EVERY)
    running.start()
    crediting.start()
    until = (lambda: all_tasks.is_over) if tasks else (lambda: line.now > 60)
    orders = Orders(
        line,
        tables,
        ORDER_SOURCE,
        Queue(line, PACE.hop),
        until=until,
        starts=steps.created,
        seconds=steps.create.seconds + PACE.schedule,
    )
    orders.start()
    line.run()
    asked = running.asked + crediting.asked
    return Run(
        ran=quantiles(all_tasks.ran.values()),
        credited=quantiles(all_tasks.credited.values()),
        ended_at=max((all_tasks.due[task] + late for task, late in all_tasks.credited.items()), default=0.0),
        throttled=(running.throttled + crediting.throttled) / asked if asked else 0.0,
        sent_back=running.sent_back + crediting.sent_back,
        deepest=max(alarms.deepest, credits_.deepest),
        reminded=len(sent),
        lost=tasks - len(all_tasks.credited),
        orders=orders.sent,
        waits=quantiles(orders.waits),
        orders_sent_back=orders.sent_back,
        orders_lost=orders.dead,
    )


def _scheduler(line: Timeline, tasks: Tasks, alarms: Queue) -> Process:
    """Start schedules within a minute of the next whole one, and no more in a second than it does."""
    rings = sorted((ceil(at / 60) * 60 + line.random.uniform(0, PRECISION), task) for task, at in enumerate(tasks.due))
    for at, task in rings:
        yield max(at - line.now, 1 / STARTED_A_SECOND)
        alarms.send(task)


def _sweeper(line: Timeline, tasks: Tasks, alarms: Queue, sent: list[int]) -> Process:
    """Sweep after sweep, send what was due two minutes before and has not ended, a partition of the index after
    another, until the time is up. The index is read as the sweep comes to it."""
    by_place = sorted(range(len(tasks.due)), key=lambda task: (task % SHARDS, tasks.due[task]))
    while not tasks.is_over:
        began = line.now
        by_place = [task for task in by_place if task not in tasks.ran and task not in tasks.given_up]
        for task in by_place:
            if line.now > began + LONGEST_SWEEP - ENOUGH_TIME / 1_000:
                break
            if task not in tasks.ran and tasks.due[task] <= line.now - ALARM_RINGS_FOR.total_seconds():
                yield REMIND
                alarms.send(task)
                sent.append(task)
        yield began + EVERY - line.now


def created_a_second(steps: Steps) -> float:
    """Return how many orders a second can start a task each."""
    order = 2 * PACE.read + PACE.order + PACE.together(3)
    return ORDER_SOURCE.workers / (order + steps.create.seconds + PACE.schedule + PACE.invoke / ORDER_SOURCE.batch)


def run_a_second(steps: Steps) -> float:
    """Return how many tasks a second are run."""
    each = steps.run.seconds + PACE.send + steps.run.plain * PACE.write
    return ACTION_SOURCE.workers / (each + PACE.invoke / ACTION_SOURCE.batch)


def credited_a_second(steps: Steps) -> float:
    """Return how many credits a second are posted."""
    return CREDIT_SOURCE.workers / (steps.credit.seconds + PACE.invoke / CREDIT_SOURCE.batch)


def written_a_second(steps: Steps, writes_a_second: int) -> float:
    """Return how many tasks a second the state takes, beside the orders that start as many as ``ORDERS``."""

    def units(*items: Items) -> int:
        return sum(times * each[1] for times, each in items)

    orders = ORDERS * (units(*((1, one) for one in ORDER)) + units(*steps.created))
    return (writes_a_second - orders) / units(*steps.begun, *steps.ended, *steps.credited)


def swept_a_second() -> float:
    """Return how many tasks a second the sweeper hands over, had the Scheduler lost all of them: how long it sweeps of
    the time until it does again."""
    return (LONGEST_SWEEP - ENOUGH_TIME / 1_000) / REMIND / EVERY


def hot_due(tasks_a_second: float) -> float:
    """Return which share a partition of index ``due`` has of what it takes: a task enters it and leaves it."""
    return tasks_a_second * 2 / SHARDS / PARTITION_WRITES


def hot_list(tasks_a_second: float) -> float:
    """The same for the one partition of index ``listing`` in which all tasks of a scenario are that wait: a task that
    runs leaves it, while another enters."""
    return tasks_a_second * 2 / PARTITION_WRITES
