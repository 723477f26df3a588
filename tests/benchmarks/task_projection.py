"""A million tasks of a scenario that come due in one hour, in virtual time: from the alarm to the credit."""

from collections.abc import Sequence
from math import ceil
from typing import Final

from msgspec import Struct, field

from cashback.adapters.queues import SENT_AT_ONCE
from cashback.domain.shards import SHARDS
from cashback.edge.sweeper import AT_ONCE, ENOUGH_TIME
from cashback.services.sweep import ALARM_RINGS_FOR
from tests.benchmarks.capacity import PARTITION_WRITES, Line, Process, Queue
from tests.benchmarks.pace import PACE, Mapping

HOUR: Final = 3_600
DUE: Final = 1_000_000

CREATED_A_SECOND: Final = 5_000
"""Schedules that can be made in a second in the larger Regions; in the others 250. Source: the quotas of Scheduler."""
CREATED_ELSEWHERE: Final = 250
STARTED_A_SECOND: Final = 1_000
"""Schedules that are started in a second. Source: the same."""
SCHEDULES: Final = 10_000_000
"""Schedules that a Region holds. Source: the same."""
PRECISION: Final = 60
"""Seconds within which a schedule is started. Source: Scheduler, schedule types."""

CREATE: Final = 4 * PACE.read + 2 * PACE.together(3) + PACE.schedule + PACE.start
"""Seconds of a worker for an order that is posted and starts a task: the task with what it watches, and its alarm."""
RUN: Final = 2 * PACE.read + PACE.write + PACE.together(4) + PACE.send + PACE.task
"""For a task that is run: read with the settings, begun, its credit sent, ended."""
CREDIT: Final = 2 * PACE.read + PACE.together(3) + PACE.credit
"""For its credit: the task and the settings, and the posting with the task as its document."""
UNCHANGED: Final = PACE.read + PACE.unchanged
"""For a message that comes once more: the task is read."""
REMIND: Final = PACE.hundred / AT_ONCE + PACE.send / SENT_AT_ONCE + PACE.swept
"""For a task that the sweeper finds: a hundred are read at once, and ten messages sent."""

LONGEST_SWEEP: Final = 240
EVERY: Final = 300
"""Seconds that a sweep may take, and from one to the next. Source: the template, asserted in test_projection.py."""


class Workers(Struct):
    """The workers of a queue. Messages are numbers of tasks; each takes so many seconds, and may go on to another
    queue. One that comes once more takes ``UNCHANGED``."""

    line: Line
    mapping: Mapping
    each: float
    due: Sequence[float]
    queue: Queue
    onwards: Queue | None = None
    done: set[int] = field(default_factory=set)
    late: list[float] = field(default_factory=list)

    def start(self) -> None:
        """Let them begin."""
        for _ in range(self.mapping.workers):
            self.line.start(self._worker())

    def wait(self, share: float) -> float:
        """Return by how many seconds such a share was late at most."""
        return sorted(self.late)[int(share * (len(self.late) - 1))]

    @property
    def is_over(self) -> bool:
        """Tell whether all is done."""
        return len(self.done) == len(self.due)

    def _worker(self) -> Process:
        while not self.is_over:
            taken = self.queue.receive(self.mapping.batch)
            if not taken:
                yield 0.25
                continue
            yield PACE.invoke
            for message in taken:
                task = message.body
                if task in self.done:
                    yield UNCHANGED
                    continue
                self.done.add(task)
                yield self.each
                self.late.append(self.line.now - self.due[task])
                if self.onwards is not None:
                    self.onwards.send(task)


class Lateness(Struct, frozen=True):
    """By how many seconds tasks were late when they had run, and when their credit was posted: half of them, 99 of 100,
    and the last. ``deepest`` is how many messages of theirs waited at most, ``reminded`` how many the sweeper sent."""

    run: Sequence[float]
    credited: Sequence[float]
    deepest: int
    reminded: int
    ended_at: float


def run(tasks: int, within: float, seed: int = 1, *, rings: bool = True) -> Lateness:
    """Let so many tasks come due at random moments of so many seconds, and ring, run and be credited; where no alarm
    ``rings``, by the sweeper's hand alone."""
    line = Line(seed)
    alarms, credits_ = Queue(line, PACE.hop), Queue(line, PACE.hop)
    due = [line.random.uniform(0, within) for _ in range(tasks)]
    running = Workers(line, Mapping.of("ActionWorkerSource"), RUN, due, alarms, credits_)
    crediting = Workers(line, Mapping.of("CreditWorkerSource"), CREDIT, due, credits_)
    rung = ((ceil(at / 60) * 60 + line.random.uniform(0, PRECISION), task) for task, at in enumerate(due))
    if rings:
        line.start(_scheduler(line, sorted(rung), alarms))
    sent: list[int] = []
    line.start(_sweeper(line, running, sent), after=EVERY)
    running.start()
    crediting.start()
    line.run()
    times = [[workers.wait(share) for share in (0.5, 0.99, 1)] for workers in (running, crediting)]
    return Lateness(times[0], times[1], max(alarms.deepest, credits_.deepest), len(sent), line.now)


def _scheduler(line: Line, rings: Sequence[tuple[float, int]], alarms: Queue) -> Process:
    """Start schedules at their times, and no more in a second than it does."""
    for at, task in rings:
        wait = max(at - line.now, 1 / STARTED_A_SECOND)
        yield wait
        alarms.send(task)


def _sweeper(line: Line, running: Workers, sent: list[int]) -> Process:
    """Sweep after sweep, send what was due two minutes before and is not begun, a partition of the index after another,
    until the time is up. The index is read as the sweep comes to it."""
    by_place = sorted(range(len(running.due)), key=lambda task: (task % SHARDS, running.due[task]))
    while not running.is_over:
        began = line.now
        for task in by_place:
            if line.now > began + LONGEST_SWEEP - ENOUGH_TIME / 1_000:
                break
            if task not in running.done and running.due[task] <= line.now - ALARM_RINGS_FOR.total_seconds():
                yield REMIND
                running.queue.send(task)
                sent.append(task)
        yield began + EVERY - line.now


def created_a_second() -> float:
    """Return how many orders a second can start a task each."""
    mapping = Mapping.of("EventWorkerSource")
    return mapping.workers / (CREATE + PACE.invoke / mapping.batch)


def run_a_second() -> float:
    """Return how many tasks a second are run."""
    mapping = Mapping.of("ActionWorkerSource")
    return mapping.workers / (RUN + PACE.invoke / mapping.batch)


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
