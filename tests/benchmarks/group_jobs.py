"""Group jobs of 10 to 100,000 members on the local engine, against members one by one.

One by one is the same job cut into chunks of one member, which is what a message for each member comes to: with
a result for each, progress, and a place to resume at. Beside it stand the bare postings, which keep nothing of the
kind. All run in this process and in the same run, on the same engine, by the client that the functions have, one caller
each, several rounds in turn. Times are of this machine and its engine; units and calls are not.
"""

import gc
import os
import signal
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from itertools import batched
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast
from unittest.mock import patch

from msgspec import Struct
from types_boto3_dynamodb import DynamoDBClient

from cashback.adapters.dynamo.customers import Customers
from cashback.domain import group_jobs
from cashback.domain.api_keys import Role
from cashback.domain.audit import Act, Origin
from cashback.domain.causes import manual
from cashback.domain.customers import Profile
from cashback.domain.fingerprints import fingerprint
from cashback.domain.group_jobs import ApplyType, JobStatus
from cashback.domain.group_steps import JobStep
from cashback.domain.groups import Group
from cashback.domain.ledger import Entry, Kind, Posted, Posting, payload_hash
from cashback.domain.money import Currency
from cashback.domain.settings import DEFAULTS, Settings
from cashback.domain.stores import StoreDocument, StoreRecord
from cashback.edge import clients
from cashback.edge.deps import make_books, make_group_books, make_job_books
from cashback.services import run_group_job
from cashback.services.books import JobBooks
from cashback.services.run_group_job import run_job_step
from cashback.services.start_group_job import Instruction, JobRequest, start_group_job
from dev import local_aws
from dev.project import LOCAL
from dev.template import table_definition
from tests.benchmarks import runtime
from tests.benchmarks.story import Gathering
from tests.integration.metering import Meter

if TYPE_CHECKING:
    from cashback.adapters.job_queue import JobQueue

SIZES: Final = (10, 100, 1_000, 10_000, 100_000)
"""Members of the jobs."""

ROUNDS: Final = 3
"""How often each is run, in turn with the others."""

ALONE: Final = 1_000
"""Members that are posted to one by one, for comparison, as often as the job of as many."""

CARRIES: Final = 100
"""From so many members on a job's own writes weigh nothing beside theirs."""

MOST_UNITS: Final = 5.5
LEAST_GAIN: Final = 5.0
WANTED_RATE: Final = 4_000
"""Members a second that a core's own CPU is to be enough for."""
MOST_HEAP: Final = 10 * 2**20
"""Bytes that a step may hold. A step that reads a list of members holds a page of a table, of 1 MB: the list of 100,000
by hand, which is in 16 parts, fills it, and a longer one adds nothing."""

NOW: Final = "2026-03-01T09:30:00.000000Z"
ACTOR: Final = "ann (key_bench)"


class Measured(Struct, frozen=True):
    """What a run took. ``cpu`` is this process's own."""

    members: int
    seconds: float
    cpu: float
    writes: float
    reads: float
    calls: int

    @property
    def rate(self) -> float:
        """Members a second."""
        return self.members / self.seconds


class Rounds(Struct, frozen=True):
    """What several runs took, as medians. ``memory`` is the most that another one held of Python's heap at once, which
    nobody timed."""

    runs: Sequence[Measured]
    memory: int = 0

    @property
    def members(self) -> int:
        """How many each of them had."""
        return self.runs[0].members

    @property
    def rate(self) -> float:
        """Members a second."""
        return self._median("rate")

    @property
    def seconds(self) -> float:
        """Of one run."""
        return self._median("seconds")

    @property
    def cpu(self) -> float:
        """Seconds of this process's own, of one run."""
        return self._median("cpu")

    @property
    def core_rates(self) -> list[float]:
        """Members a second of a core's CPU, of each run."""
        return [run.members / run.cpu for run in self.runs]

    @property
    def writes(self) -> float:
        """Write units of one run."""
        return self._median("writes")

    @property
    def reads(self) -> float:
        """Read units of one run."""
        return self._median("reads")

    @property
    def calls(self) -> float:
        """Of DynamoDB, in one run."""
        return self._median("calls")

    def _median(self, what: str) -> float:
        return statistics.median(float(getattr(run, what)) for run in self.runs)


class Bench(Struct):
    """One store on the engine, and what its jobs work on."""

    client: DynamoDBClient
    work: JobBooks
    settings: Settings
    steps: list[JobStep]
    enrolled: int = 0

    def enrol(self, count: int) -> list[str]:
        """Write so many new customers with empty accounts; return their ids."""
        ids = [f"7311{number:09d}" for number in range(self.enrolled, self.enrolled + count)]
        self.enrolled += count
        for some in batched(ids, 12, strict=False):
            table = Gathering(self.client, "State", gathered=[])
            for customer_id in some:
                Customers(table).create(self.settings.store_id, Profile(customer_id, NOW, NOW), NOW)
            puts: list[Any] = [{"PutRequest": {"Item": write["Put"]["Item"]}} for write in table.gathered]
            self.client.batch_write_item(RequestItems={"State": puts})
        return ids

    def group(self, group_id: str, members: Sequence[str]) -> None:
        """Make a group by hand."""
        groups = self.work.groups.groups
        groups.create(self.settings.store_id, Group(group_id, "Friends", NOW, ACTOR, group_id, group_id))
        for some in batched(members, 90, strict=False):
            groups.add(self.settings.store_id, group_id, list(some), "by hand", NOW)

    def job(self, group_id: str, name: str) -> Iterator[None]:
        """Credit every member of a group, a step of the job at a time, from the call of the API to the job's end."""
        asked = JobRequest(f"job_{fingerprint(name)[:26]}", ACTOR, fingerprint(name), fingerprint(name, "body"), NOW)
        told = Instruction(ApplyType.RELATIVE, "5.00", "Thanks for staying with us")
        start_group_job(self.work, self.settings, group_id, told, asked, Role.ADMIN)
        while self.steps:
            run_job_step(self.work, self.steps.pop(), NOW)
            yield
        job = self.work.jobs.get(self.settings.store_id, asked.job_id)
        if job is None or job.status is not JobStatus.DONE:
            raise RuntimeError(f"the job {name} did not end well: {job}")
        yield

    def one_by_one(self, group_id: str, name: str) -> Iterator[None]:
        """Credit every member of a group by the same job, cut into chunks of one."""
        with patch.object(group_jobs, "CHUNK", 1), patch.object(run_group_job, "CHUNK", 1):
            yield from self.job(group_id, name)

    def bare(self, members: Sequence[str], name: str) -> Iterator[None]:
        """Credit members with a call each, and nothing else."""
        for customer_id in members:
            entry = Entry(manual(f"{name}-{customer_id}"), Kind.MANUAL, 500, ACTOR, payload_hash(Kind.MANUAL))
            outcome = self.work.books.ledger.post(
                Posting(self.settings.store_id, customer_id, NOW, entries=(entry,), active_only=True)
            )
            if not isinstance(outcome, Posted):
                raise TypeError(f"{customer_id} was not credited: {outcome}")
            yield

    def measured(self, members: int, work: Iterator[None]) -> Measured:
        """Run to the end, with the meter on."""
        gc.collect()
        meter = Meter(self.client)
        with meter.on():
            began, used = time.perf_counter(), time.process_time()
            for _ in work:
                pass
            seconds, cpu = time.perf_counter() - began, time.process_time() - used
        return Measured(members, seconds, cpu, meter.writes, meter.reads, len(meter.calls))

    def heap(self, work: Iterator[None]) -> int:
        """Run to the end, and return the most that Python's heap held at once, beyond what it began with. What a step
        leaves to the collector of garbage is gone by the next, which may be another process."""
        gc.collect()
        gc.freeze()  # so that only what is new is looked through each time
        tracemalloc.start()
        for _ in work:
            gc.collect()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        gc.unfreeze()
        return peak


def open_bench(client: DynamoDBClient) -> Bench:
    """Make the tables and a store."""
    for table in ("Ledger", "State"):
        client.create_table(TableName=table, **table_definition(table))
    books = make_books(client, "Ledger", "State", lambda: b"the key that contacts are hashed with")
    document = {**DEFAULTS, "name": "Bench", "timezone": "Europe/Berlin"}
    first = StoreDocument("bench", 1, Currency("USD", 2), document, NOW, NOW, ACTOR)
    opened = Act("store_created", "bench", NOW, Origin(ACTOR, "bench", "-"))
    books.stores.create(StoreRecord("bench", "Bench", NOW), first, (), opened)
    steps: list[JobStep] = []
    queue = cast("JobQueue", SimpleNamespace(send=steps.extend))
    work = make_job_books(books, make_group_books(client, "State"), lambda: queue, client, "State")
    return Bench(client, work, first.settings(), steps)


class Figures(Struct, frozen=True):
    """What one run of the benchmark found; ``jobs`` by rising size."""

    one_by_one: Rounds
    bare: Rounds
    jobs: list[Rounds]

    @property
    def same(self) -> Rounds:
        """The job of as many members as were credited one by one."""
        return next(one for one in self.jobs if one.members == self.one_by_one.members)

    @property
    def gain(self) -> float:
        """How many times as fast that job is as the same one by one."""
        return self.same.rate / self.one_by_one.rate


def run(bench: Bench) -> Figures:
    """Measure members one by one, bare postings, and a job of each size, in turn; then the memory of a job of each."""
    members = bench.enrol(max(SIZES))
    say(f"{len(members):,} customers written")
    for size in SIZES:
        bench.group(f"grp_{size}", members[:size])
    one_by_one: list[Measured] = []
    bare: list[Measured] = []
    jobs: dict[int, list[Measured]] = {size: [] for size in SIZES}
    for number in range(ROUNDS):
        name = f"round {number + 1}"
        one_by_one.append(said("one by one", bench.measured(ALONE, bench.one_by_one(f"grp_{ALONE}", name))))
        bare.append(said("bare posts", bench.measured(ALONE, bench.bare(members[:ALONE], name))))
        for size, runs in jobs.items():
            runs.append(said(f"{size:,}", bench.measured(size, bench.job(f"grp_{size}", f"{size}, {name}"))))
    held = {size: bench.heap(bench.job(f"grp_{size}", f"{size}, for its memory")) for size in SIZES}
    return Figures(Rounds(one_by_one), Rounds(bare), [Rounds(runs, held[size]) for size, runs in jobs.items()])


def check(figures: Figures) -> list[str]:
    """Return what is not as it must be. Of it the rate of a core depends on how fast the machine is."""
    faults = [
        f"a member of {one.members:,} costs {one.writes / one.members:.2f} write units, more than {MOST_UNITS}"
        for one in figures.jobs
        if one.members >= CARRIES and one.writes / one.members > MOST_UNITS
    ]
    most = figures.jobs[-1]
    if (rate := statistics.median(most.core_rates)) < WANTED_RATE:
        faults.append(f"a core credits {rate:,.0f} members a second of {most.members:,}, less than {WANTED_RATE:,}")
    if figures.gain < LEAST_GAIN:
        faults.append(f"a job is {figures.gain:.1f} times as fast as one by one, less than {LEAST_GAIN}")
    faults += [
        f"a step of a job of {one.members:,} holds {one.memory / 2**20:.0f} MB of Python's heap"
        for one in figures.jobs
        if one.memory > MOST_HEAP
    ]
    return faults


def said(name: str, one: Measured) -> Measured:
    """Tell a figure, and return it."""
    say(f"{name:>10} {one.rate:8,.0f} members/s, {one.writes / one.members:.2f} write units each")
    return one


def say(text: str) -> None:
    """Tell how far it is."""
    print(text, flush=True)


def measure() -> Figures:
    """Run the jobs on an engine of their own."""
    LOCAL.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=LOCAL) as home:
        engine = local_aws.start(Path(home), local_aws.free_port(), with_this_process=True)
        try:
            with runtime.surroundings(engine) as around, patch.dict(os.environ, around):
                return run(open_bench(clients.dynamodb()))
        finally:
            # A clean stop would write half a million items that nobody needs.
            os.kill(engine.pid, signal.SIGKILL)
            engine.wait_for_end()
