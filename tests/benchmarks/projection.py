"""What cannot be run here: jobs of a million members and of a hundred million, and a million tasks due in one hour,
against the quotas of AWS. The models are in job_projection and task_projection, made of ``workers`` and ``capacity``,
and take no wall clock: computed anew, all is what it was, as long as nothing it follows from has changed. A fingerprint
of that is kept with what was computed."""

import sys
from collections.abc import Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from tests.benchmarks import fingerprint, job_projection, task_projection
from tests.benchmarks.capacity import COLD, DEFAULT_QUOTA, RAISED_QUOTA, grown
from tests.benchmarks.job_projection import Run
from tests.benchmarks.task_projection import DUE, HOUR, Steps
from tests.benchmarks.units import Operation
from tests.benchmarks.workers import MEMBER

PROJECTED: Final = Path(__file__).parent / "projected.json"
"""What was computed last. Tests look by its fingerprint whether it would be that now, and compute a little of it."""

MILLION: Final = 1_000_000
LARGEST: Final = 100 * MILLION
RAISED_WORKERS: Final = RAISED_QUOTA // 1_600
"""What the runbook says for a raised quota."""
LONG: Final = 4 * MILLION
"""Members of a run in which the time that Lambda takes to add workers weighs little."""
LEDGER_UNITS, STATE_UNITS = MEMBER
SIZES: Final = (10, 100, 1_000, 10_000, 100_000)
"""Members of jobs that are run for the plot alone, beside those of a million."""


class Table(Struct, frozen=True):
    """Tables as a job may find them."""

    name: str
    takes: int
    quota: int
    workers: int | None = None


COLD_TABLE: Final = Table("cold", COLD, DEFAULT_QUOTA)
WARM_TABLE: Final = Table("warm", DEFAULT_QUOTA, DEFAULT_QUOTA)
RAISED_TABLE: Final = Table("raised quota", RAISED_QUOTA, RAISED_QUOTA, RAISED_WORKERS)
TABLES: Final = (COLD_TABLE, WARM_TABLE, RAISED_TABLE)
CROWDED_TABLE: Final = Table(f"cold, {RAISED_WORKERS} workers", COLD, DEFAULT_QUOTA, RAISED_WORKERS)
"""What comes of raising the workers where the tables are not warm."""

THE_HOUR, IN_A_MINUTE, UNHEARD = "the hour", "one minute of it", "the hour, every alarm lost"
DUE_WITHIN: Final = {THE_HOUR: (HOUR, True), UNHEARD: (HOUR, False), IN_A_MINUTE: (60, True)}
"""Within how many seconds a million tasks come due, and whether their alarms ring."""
SAMPLED: Final = {THE_HOUR: 100, UNHEARD: 100, IN_A_MINUTE: 20}
"""What tests run again is one in so many of the million, in as small a part of its time, on cold tables. Of one minute
it is more: their alarms ring in the same minute as those of the hour, and fewer would find all that they ask for."""

GIVEN: Final = ("budgets", "units")
"""Where what was counted is read, which is not to be computed anew for what else stands there."""


class Figures(Struct, frozen=True):
    """What the runs came to, by name of the table: ``jobs`` are of a million, ``alone`` are orders without one.
    ``raised`` is of ``LONG``. ``tasks`` are of a million by when they come due, and then by the table; ``samples`` are
    parts of those on cold tables. ``starting`` are orders that start a task each, without any that comes due.
    ``follows_from`` is the fingerprint of what all of it was computed from."""

    follows_from: str
    jobs: dict[str, Run]
    by_the_second: dict[str, Run]
    alone: dict[str, Run]
    raised: Run
    tasks: dict[str, dict[str, task_projection.Run]]
    tasks_by_the_second: dict[str, dict[str, task_projection.Run]]
    samples: dict[str, task_projection.Run]
    starting: dict[str, task_projection.Run]

    @property
    def cold_share(self) -> float:
        """The share of what a cold ledger takes that a job gets."""
        return self.jobs[COLD_TABLE.name].rate * LEDGER_UNITS / COLD

    def scaled(self, table: Table, members: int) -> tuple[float, float, float | None]:
        """Return how long a larger job reads its members and then posts, and which share of its transactions is
        throttled, if that is known: it is run no more, but has the rates of those that were."""
        base = self.raised if table is RAISED_TABLE else self.jobs[WARM_TABLE.name]
        reads = base.read_in / base.members * members
        if table is not COLD_TABLE:
            return reads, members / base.rate, base.throttled
        return reads, grown(members * LEDGER_UNITS, COLD, base.rate * LEDGER_UNITS, self.cold_share), None


def followed(operations: Mapping[str, Operation]) -> str:
    """Return the fingerprint of what the figures follow from now: what a task was counted to do, and the models."""
    given = Steps.counted(operations)
    return fingerprint.of(sys.modules[__name__], given, apart=(*GIVEN, "fingerprint"))


def measure(operations: Mapping[str, Operation]) -> Figures:
    """Run everything, on as many cores as there are."""
    follows_from, steps, tables = followed(operations), Steps.counted(operations), (*TABLES, CROWDED_TABLE)
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:

        def job(*args: Any, **options: Any) -> Future[Run]:
            return pool.submit(job_projection.run, *args, **options)

        def task(*args: Any, **options: Any) -> Future[task_projection.Run]:
            return pool.submit(task_projection.run, steps, *args, **options)

        tasks = {
            name: {one.name: task(DUE, within, one.takes, rings=rings) for one in TABLES}
            for name, (within, rings) in DUE_WITHIN.items()
        }
        tasks_by_the_second = {
            name: {one.name: task(DUE, within, one.takes, by_the_second=True) for one in (COLD_TABLE, WARM_TABLE)}
            for name, (within, rings) in DUE_WITHIN.items()
            if rings
        }
        samples = {name: pool.submit(sample, steps, name) for name in DUE_WITHIN}
        starting = {one.name: task(0, 0, one.takes) for one in TABLES}
        raised = job(LONG, RAISED_QUOTA, RAISED_WORKERS)
        jobs = {one.name: job(MILLION, one.takes, one.workers) for one in tables}
        by_the_second = {one.name: job(MILLION, one.takes, one.workers, by_the_second=True) for one in tables}
        alone = {one.name: job(0, one.takes) for one in TABLES}
        return Figures(
            follows_from=follows_from,
            jobs=_results(jobs),
            by_the_second=_results(by_the_second),
            alone=_results(alone),
            raised=raised.result(),
            tasks={name: _results(some) for name, some in tasks.items()},
            tasks_by_the_second={name: _results(some) for name, some in tasks_by_the_second.items()},
            samples=_results(samples),
            starting=_results(starting),
        )


def sample(steps: Steps, due: str) -> task_projection.Run:
    """Run a part of a million tasks."""
    within, rings = DUE_WITHIN[due]
    one_in = SAMPLED[due]
    return task_projection.run(steps, DUE // one_in, within / one_in, COLD, rings=rings)


def measure_sizes() -> dict[str, list[Run]]:
    """Run jobs of ``SIZES``, for the plot, by name of the table."""
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        sizes = {
            one.name: [pool.submit(job_projection.run, size, one.takes, one.workers) for size in SIZES]
            for one in TABLES
        }
        return {name: [one.result() for one in some] for name, some in sizes.items()}


def _results[Name, Of](runs: Mapping[Name, Future[Of]]) -> dict[Name, Of]:
    return {name: run.result() for name, run in runs.items()}


def written(figures: Figures) -> str:
    """Return what was computed as text, rounded."""
    return msgspec.json.format(msgspec.json.encode(_rounded(msgspec.to_builtins(figures))), indent=1).decode() + "\n"


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return round(value, 6) if isinstance(value, float) else value


def read() -> Figures:
    """What was computed last."""
    return parsed(PROJECTED.read_text())


def parsed(text: str) -> Figures:
    """What is written there."""
    return msgspec.json.decode(text, type=Figures)
