"""Cold starts, warm calls and memory of the built functions under Lambda's own runtime client, each a process of its
own, beside the same work as one would write it.

This process is the runtime's API, which hands out the events, and the local engine is the AWS that they call. CPU is
the function's own, read from its clock whenever it asks for its next event: neither the engine nor waiting is in it.
"""

import itertools
import os
import socket
import statistics
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from dev import deploy, local_aws
from dev.project import ACCESS_KEY, LOCAL, REGION, ROOT, SECRET_KEY, logical_id, only_one
from tests.benchmarks import loads, naive_events, spread, stock, story, units
from tests.benchmarks.instructions import ENVIRONMENT, PYTHON
from tests.benchmarks.naive_units import BATCH
from tests.benchmarks.runtime_api import Invocations, RuntimeApi

HERE: Final = Path(__file__).parent
PINS: Final = ROOT / "dev" / "requirements"

OURS: Final = ("webhook_ingest", "authorizer", "event_worker", "credit_worker", "group_job_worker")
ADMIN: Final = ("settings_api", "customers_api")
RUNS: Final = 5
FIRST, UNCOUNTED, COUNTED = 1, 4, 15
"""The calls of a run: the first, those after which it counts as warm, and those that are counted."""
CALLS: Final = FIRST + UNCOUNTED + COUNTED

ALONE: Final = "the runtime alone"
RAW_TRANSACTION: Final = "one raw transaction"
BUSY_WORKER: Final = "event_worker, ten orders"
"""As the page names them; the last is the worker of a busy store."""

LARGE: Final = (f"event_worker, {loads.LONG_ORDER}", f"event_worker, {loads.LONG_ORDERS}")
"""What makes a hot function hold most, which is run for its memory alone; the first is one order, the last a batch."""
LARGE_CALLS: Final = 2
"""As often as loads are called that are weighed without the runtime."""

NAIVE_WEBHOOK: Final = "naive webhook"
NAIVE_WORKER: Final = f"naive worker, {BATCH} members"
NAIVE_PACKED: Final = "the same, as `sam build` packs it"
NAIVE_NAMES: Final = {"NAIVE_TABLE": "Naive", "NAIVE_SEEN_TABLE": "NaiveSeen"}
MOST_MEMORY: Final = 40.0
"""MB that a hot function may hold."""
MOST_OF_LARGE: Final = dict(zip(LARGE, (42.0, 43.0), strict=True))
"""MB that it may hold under the runtime with the largest orders, one and ten, which ADR 64 leaves above the others:
they come to 40.9 (40.8-41.0) and 42.1 (41.1-42.5), of twelve runs each."""


class Subject(Struct, frozen=True):
    """A function that is measured: where it imports from, what it handles, and the events of all its runs."""

    name: str
    paths: Sequence[Path]
    handler: str
    names: Mapping[str, str]
    events: Sequence[dict[str, Any]]


class Run(Struct, frozen=True):
    """One process: CPU seconds of its start, of its first call and of each warm one; the most MB it held. ``wall`` are
    the seconds of a warm call with what it waits for, ``logged`` the bytes of its log."""

    init: float
    first: float
    warm: float
    memory: float
    wall: float
    logged: int = 0


class Measured(Struct, frozen=True):
    """What a function came to."""

    name: str
    runs: Sequence[Run]

    def each(self, what: str) -> list[float]:
        """What each of the runs took, in their order."""
        return [float(getattr(run, what)) for run in self.runs]

    def median(self, what: str) -> float:
        """The median of the runs."""
        return statistics.median(self.each(what))

    def told(self, what: str, unit: float = 1e-3) -> str:
        """The median in milliseconds, and between what the runs were."""
        return spread.told([figure / unit for figure in self.each(what)], ",.1f")


def run(subject: Subject, events: Sequence[dict[str, Any]], environment: Mapping[str, str]) -> Run:
    """Start a function, have it serve these events, and end it.

    :raises RuntimeError: it did not do what it was asked.
    """
    invocations = Invocations(events)
    with RuntimeApi(invocations) as server, tempfile.TemporaryFile() as said:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        process = subprocess.Popen(
            [str(PYTHON), "-S", "-B", "-P", "-m", "awslambdaric", subject.handler],
            cwd=subject.paths[0],
            env={
                **environment,
                **subject.names,
                "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}",
                "LAMBDA_TASK_ROOT": str(subject.paths[0]),
                "PYTHONPATH": os.pathsep.join(map(str, [*subject.paths, client()])),
            },
            stdout=said,
            stderr=said,
        )
        server.pid = process.pid
        try:
            while not invocations.over.wait(0.1) and process.poll() is None:
                pass
        finally:
            process.kill()
            process.wait()
            server.ended.set()
            server.shutdown()
        if invocations.fault is not None or not invocations.memory:
            said.seek(0)
            last = said.read().decode()[-2000:]
            raise RuntimeError(f"{subject.name} ended with {process.returncode}: {invocations.fault}\n{last}")
        logged = os.fstat(said.fileno()).st_size
    read, times, counted = invocations.readings, invocations.times, min(COUNTED, len(events) - FIRST)
    warm, wall = ((clock[-1] - clock[-1 - counted]) / counted for clock in (read, times))
    return Run(read[0], read[1] - read[0], warm, invocations.memory, wall, logged)


# ---- what is measured


@cache
def client() -> Path:
    """The folder with the runtime client."""
    return stock.installed("runtime", (PINS / "runtime.txt").read_text())


@cache
def naive_packages() -> tuple[Path, Path]:
    """The folders with what the naive functions import: compiled, and as `sam build` packs it."""
    pins = (PINS / "naive.txt").read_text()
    return stock.installed("naive", pins), stock.installed("naive", pins, compiled=False)


def install() -> None:
    """Install what is measured with and against, where it is not."""
    client()
    naive_packages()


def subjects() -> list[Subject]:
    """Every function with its events: ours, event_worker with a batch and with what is large too, the two units, and
    the naive ones; to be called ``at_work``."""
    layer, naive = deploy.BUILD / "SharedLayer" / "python", HERE / "naive"
    compiled, packaged = naive_packages()
    total = RUNS * CALLS
    events = orders_to_post(total)
    busy = ((name, "event_worker") for name in (BUSY_WORKER, *LARGE))
    measured = [*zip(OURS, OURS, strict=True), *busy, *zip(ADMIN, ADMIN, strict=True)]
    orders, members = list(naive_events.orders(2 * total)), list(naive_events.members(total))
    return [
        *unit_subjects(),
        *(
            Subject(
                name,
                [deploy.BUILD / logical_id(function), layer],
                "app.handler",
                {},
                events.get(name) or list(story.events(function, total)),
            )
            for name, function in measured
        ),
        Subject(NAIVE_WEBHOOK, [naive, compiled], "webhook.handler", NAIVE_NAMES, orders[:total]),
        Subject(NAIVE_PACKED, [naive, packaged], "webhook.handler", NAIVE_NAMES, orders[total:]),
        Subject(NAIVE_WORKER, [naive, compiled], "credit.handler", NAIVE_NAMES, members),
    ]


def orders_to_post(total: int) -> dict[str, list[dict[str, Any]]]:
    """The events of who posts orders, by the names of subjects: none has an order of another."""
    few = RUNS * LARGE_CALLS
    posted = story.events("event_worker", (1 + units.BATCH) * (total + few))
    one, ten = LARGE
    return {
        "event_worker": list(itertools.islice(posted, total)),
        BUSY_WORKER: list(in_batches(itertools.islice(posted, units.BATCH * total))),
        one: [loads.longest(event) for event in itertools.islice(posted, few)],
        ten: [loads.longest(event) for event in in_batches(posted)],
    }


def unit_subjects() -> list[Subject]:
    """The runtime that does nothing, and the raw transaction."""
    total, handlers = RUNS * CALLS, HERE / "handlers"
    return [
        Subject(ALONE, [handlers], "nothing.handler", {}, [{}] * total),
        Subject(RAW_TRANSACTION, [handlers, stock.site_packages()], "raw.handler", {}, list(naive_events.raw(total))),
    ]


def in_batches(events: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The messages of so many events as the batches of a busy store."""
    return map(story.batch_of, itertools.batched(events, units.BATCH, strict=True))


def make_naive_tables(dynamodb: Any) -> None:
    """The tables of the naive functions, and the settings that they read: one table for all, with one index of whole
    items that lists a store's orders, entries, customers and tasks; and the one that Powertools remembers in."""
    keys, listing, seen = ("pk", "sk"), ("gsi1pk", "gsi1sk"), ("id",)
    for name, own, others in (("Naive", keys, [listing]), ("NaiveSeen", seen, [])):
        indexes = [
            {"IndexName": "gsi1", "KeySchema": key_schema(*key), "Projection": {"ProjectionType": "ALL"}}
            for key in others
        ]
        dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=key_schema(*own),
            AttributeDefinitions=[
                {"AttributeName": key, "AttributeType": "S"} for key in itertools.chain(own, *others)
            ],
            **({"GlobalSecondaryIndexes": indexes} if indexes else {}),
        )
    settings = {"pk": {"S": f"STORE#{story.STORE}"}, "sk": {"S": "SETTINGS"}, "rate": {"N": "5"}}
    dynamodb.put_item(TableName="Naive", Item=settings)


def key_schema(*names: str) -> list[dict[str, str]]:
    """The schema of a partition key, and of a sort key if there is one."""
    return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"), strict=False)]


def check_naive(dynamodb: Any, credited: int) -> None:
    """The naive functions did work: every order, member and task was credited once, so many of them.

    :raises AssertionError: they did not.
    """
    pages = dynamodb.get_paginator("scan").paginate(TableName="Naive")
    items = [item for page in pages for item in page["Items"]]
    entries = [item for item in items if item["sk"]["S"].startswith("ENTRY#")]
    balances = sum(Decimal(item["balance"]["N"]) for item in items if item["sk"]["S"] == "ACCOUNT")
    assert len(entries) == credited
    assert balances == sum(Decimal(item["amount"]["N"]) for item in entries)


# ---- one run of the benchmark


def measure() -> list[Measured]:
    """Run every function a few times, in turn, on an engine of their own."""
    with only_one("build"):
        deploy.build()
    with tempfile.TemporaryDirectory(dir=LOCAL) as home:
        engine = local_aws.start(Path(home), local_aws.free_port(), with_this_process=True)
        try:
            return measured(engine)
        finally:
            engine.stop()


def measured(engine: local_aws.LocalAws) -> list[Measured]:
    """Open the store and make the runs."""
    dynamodb = engine.client("dynamodb")
    make_naive_tables(dynamodb)
    with opened(engine) as names:
        every = subjects()
    with surroundings(engine) as around:
        found = in_turn(every, {**around, **names})
    check_naive(dynamodb, RUNS * CALLS * (2 + BATCH))
    return found


@contextmanager
def opened(engine: local_aws.LocalAws) -> Iterator[dict[str, str]]:
    """A store on an engine, whose events are to be made in here; the names that the template would give."""
    names = story.make_resources(engine.client)
    with story.at_work(names, cache(lambda service, _attempts=3: engine.client(service))):
        story.open_store()
        yield names


def in_turn(every: Sequence[Subject], environment: Mapping[str, str]) -> list[Measured]:
    """Run each of these functions a few times, in turn."""
    found: dict[str, list[Run]] = {subject.name: [] for subject in every}
    for number in range(RUNS):
        for subject in every:
            calls = len(subject.events) // RUNS
            events = subject.events[number * calls : (number + 1) * calls]
            found[subject.name].append(run(subject, events, environment))
    return [Measured(name, runs) for name, runs in found.items()]


@contextmanager
def surroundings(engine: local_aws.LocalAws) -> Iterator[dict[str, str]]:
    """The environment of a function that runs beside an engine, with a daemon that takes traces and keeps none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        yield {
            **ENVIRONMENT,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": engine.url,
            "AWS_LAMBDA_FUNCTION_NAME": "measured",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
            "AWS_XRAY_DAEMON_ADDRESS": f"127.0.0.1:{daemon.getsockname()[1]}",
        }


def raw_transaction(found: Sequence[Measured]) -> float:
    """CPU seconds of a warm raw transaction, net of the runtime."""
    return statistics.median(net_of_the_runtime(found)[RAW_TRANSACTION])


def net_of_the_runtime(found: Sequence[Measured]) -> dict[str, list[float]]:
    """CPU seconds of a warm call of each, less what the runtime alone takes, by rounds."""
    warm = {one.name: one.each("warm") for one in found}
    return {
        name: [seconds - alone for seconds, alone in zip(rounds, warm[ALONE], strict=True)]
        for name, rounds in warm.items()
    }


def check(found: Sequence[Measured]) -> list[str]:
    """Return what is not as it must be on any machine."""
    most = dict.fromkeys(OURS, MOST_MEMORY) | MOST_OF_LARGE
    return [
        f"{one.name} holds {one.median('memory'):.1f} MB, more than {most[one.name]:.0f}"
        for one in found
        if one.name in most and one.median("memory") > most[one.name]
    ]
