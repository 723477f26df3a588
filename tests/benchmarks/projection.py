"""What cannot be run here: jobs of a million members and of a hundred million, and a million tasks due in one hour,
against the quotas of AWS. The models are in job_projection and task_projection, made of ``workers`` and ``capacity``,
and take no wall clock: computed anew, all is what it was, as long as nothing it follows from has changed."""

from collections.abc import Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from math import ceil
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from cashback.adapters.dynamo import group_jobs as job_items
from cashback.adapters.queues import SENT_AT_ONCE
from cashback.domain.group_jobs import CHUNK, PAGE, Outcome, Result
from cashback.domain.shards import SHARDS
from cashback.services import plan_group_job, project
from tests.benchmarks import job_projection, task_projection
from tests.benchmarks.capacity import (
    COLD,
    DEFAULT_QUOTA,
    PARTITION_READS,
    PARTITION_WRITES,
    RAISED_QUOTA,
    grown,
)
from tests.benchmarks.job_projection import Run
from tests.benchmarks.pace import PACE
from tests.benchmarks.task_projection import DUE, HOUR, Steps
from tests.benchmarks.units import Operation
from tests.benchmarks.workers import MEMBER

PROJECTED: Final = Path(__file__).parent / "projected.json"
"""What was computed last. Tests compute a part of it again and compare."""

MILLION: Final = 1_000_000
LARGEST: Final = 100 * MILLION
RAISED_WORKERS: Final = RAISED_QUOTA // 1_600
"""What the runbook says for a raised quota."""
LONG: Final = 4 * MILLION
"""Members of a run in which the time that Lambda takes to add workers weighs little."""
LEDGER_UNITS, STATE_UNITS = MEMBER
SIZES: Final = (10, 100, 1_000, 10_000, 100_000)
"""Members of jobs that are run for the plot alone, beside those of a million."""
TOTALS: Final = "totals and events: one partition of a store for what was counted"


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
SAMPLES: Final = {THE_HOUR: 10, UNHEARD: 4, IN_A_MINUTE: 20}
"""What tests can run: one in so many of the million, in as small a part of its time. While it comes to what it came to
when a million was run on cold tables, so does the million."""


class Figures(Struct, frozen=True):
    """What the runs came to, by name of the table: ``jobs`` are of a million, ``alone`` are orders without one.
    ``raised`` is of ``LONG``. ``tasks`` are of a million by when they come due, and then by the table; ``samples`` are
    parts of those on cold tables. ``starting`` are orders that start a task each, without any that comes due."""

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


def measure(operations: Mapping[str, Operation]) -> Figures:
    """Run everything, on as many cores as there are."""
    steps, tables = Steps.counted(operations), (*TABLES, CROWDED_TABLE)
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
        samples = {name: pool.submit(sample, steps, name) for name in SAMPLES}
        starting = {one.name: task(0, 0, one.takes) for one in TABLES}
        raised = job(LONG, RAISED_QUOTA, RAISED_WORKERS)
        jobs = {one.name: job(MILLION, one.takes, one.workers) for one in tables}
        by_the_second = {one.name: job(MILLION, one.takes, one.workers, by_the_second=True) for one in tables}
        alone = {one.name: job(0, one.takes) for one in TABLES}
        return Figures(
            jobs=_results(jobs),
            by_the_second=_results(by_the_second),
            alone=_results(alone),
            raised=raised.result(),
            tasks={name: _results(some) for name, some in tasks.items()},
            tasks_by_the_second={name: _results(some) for name, some in tasks_by_the_second.items()},
            samples=_results(samples),
            starting=_results(starting),
        )


def sample(steps: Steps, due: str, writes: int = COLD, *, by_the_second: bool = False) -> task_projection.Run:
    """Run a part of a million tasks, on cold tables or on those that take so many write units a second."""
    (within, rings), part = DUE_WITHIN[due], SAMPLES[due]
    return task_projection.run(steps, DUE // part, within / part, writes, rings=rings, by_the_second=by_the_second)


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


def limits() -> dict[str, float]:
    """Return what else a job could be bound by, in members a second."""
    results = len(job_items._RESULTS.pack([Result(one, Outcome.CREDITED, 500, True) for one in _ids()[:CHUNK]]))
    step = 2 * PACE.read + PACE.together(10) + PACE.send + PACE.hop + PACE.invoke
    by_hand, by_rule = plan_group_job.READ_BY_HAND, plan_group_job.READ_AT_ONCE
    figured = PACE.read_members(by_rule) + by_rule * PACE.figured + by_rule / 100 * PACE.hundred
    sending = PACE.read + plan_group_job.SENT_AT_ONCE / SENT_AT_ONCE * PACE.send + PACE.write + PACE.send + PACE.hop
    chunk_units = 1 + 2 * ceil((results + 100) / 1_024) + 2
    counting = PACE.read + PACE.together(project.AT_ONCE + 1)
    return {
        "reading members by hand, a step after another": by_hand / (step + PACE.read_members(by_hand)),
        "reading customers by a rule, a step after another; twice where it asks for scores": by_rule / (step + figured),
        "sending chunks, a step after another": plan_group_job.SENT_AT_ONCE * CHUNK / sending,
        "one partition for the job and its snapshot: reads": PARTITION_READS / (1 + ceil(page_bytes() / 4_096)) * CHUNK,
        "16 partitions for chunks and results: writes": SHARDS * PARTITION_WRITES / chunk_units * CHUNK,
        "16 items for the progress, one transaction at a time": SHARDS / PACE.together(2) * CHUNK,
        TOTALS: PARTITION_WRITES / 2,  # a batch of a stream may hold one entry of each of many chunks
        "totals and events: one item for the day, one transaction at a time": project.AT_ONCE / counting,
    }


def page_bytes() -> int:
    """Return the size of a page of a snapshot."""
    return len(job_items._MEMBERS.pack(_ids()))


def _ids() -> list[str]:
    """A page of customers, with ids as those of shops are."""
    return sorted(f"{7_311_900_471_021 + 7_919_777 * n % 1_000_000_007:013d}" for n in range(PAGE))
