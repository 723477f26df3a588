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

from cashback.domain.group_jobs import CHUNK
from dev import deploy, local_aws
from dev.project import ACCESS_KEY, LOCAL, REGION, ROOT, SECRET_KEY, logical_id, only_one
from tests.benchmarks import naive_events, spread, stock, story, units
from tests.benchmarks.instructions import ENVIRONMENT, PYTHON
from tests.benchmarks.naive_units import BATCH
from tests.benchmarks.runtime_api import Invocations, RuntimeApi
from tests.benchmarks.units_page import paragraph

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

NAIVE_WEBHOOK: Final = "naive webhook"
NAIVE_WORKER: Final = f"naive worker, {BATCH} members"
NAIVE_PACKED: Final = "the same, as `sam build` packs it"
NAIVE_NAMES: Final = {"NAIVE_TABLE": "Naive", "NAIVE_SEEN_TABLE": "NaiveSeen"}
MOST_MEMORY: Final = 40.0
"""MB that a hot function may hold."""


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

    def median(self, what: str) -> float:
        """The median of the runs."""
        return statistics.median(float(getattr(run, what)) for run in self.runs)

    def told(self, what: str, unit: float = 1e-3) -> str:
        """The median in milliseconds, and between what the runs were."""
        return spread.told([getattr(run, what) / unit for run in self.runs], ",.1f")


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
    """Every function with its events: ours, event_worker with a batch too, the two units, and the naive ones; to be
    called ``at_work``."""
    layer, naive = deploy.BUILD / "SharedLayer" / "python", HERE / "naive"
    compiled, packaged = naive_packages()
    total = RUNS * CALLS
    posted = story.events("event_worker", (1 + units.BATCH) * total)
    events = {"event_worker": list(itertools.islice(posted, total)), BUSY_WORKER: list(in_batches(posted))}
    measured = [*zip(OURS, OURS, strict=True), (BUSY_WORKER, "event_worker"), *zip(ADMIN, ADMIN, strict=True)]
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
            events = subject.events[number * CALLS : (number + 1) * CALLS]
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


def member_rates(found: Sequence[Measured]) -> tuple[float, float]:
    """Members of a group a second of CPU, warm: in a chunk of ours, and in a batch of the naive worker."""
    warm = {one.name: one.median("warm") for one in found}
    return CHUNK / warm["group_job_worker"], BATCH / warm[NAIVE_WORKER]


def warm_in_b(found: Sequence[Measured]) -> dict[str, float]:
    """What a warm call of each takes, net of the runtime, in calls of the raw transaction."""
    warm, unit = net_of_the_runtime(found), raw_transaction(found)
    return {name: seconds / unit for name, seconds in warm.items()}


def raw_transaction(found: Sequence[Measured]) -> float:
    """CPU seconds of a warm raw transaction, net of the runtime."""
    return net_of_the_runtime(found)[RAW_TRANSACTION]


def net_of_the_runtime(found: Sequence[Measured]) -> dict[str, float]:
    """CPU seconds of a warm call of each, less what the runtime alone takes."""
    warm = {one.name: one.median("warm") for one in found}
    return {name: seconds - warm[ALONE] for name, seconds in warm.items()}


def webhook_in_b(found: Sequence[Measured]) -> tuple[float, float, float]:
    """What a paid order takes, taken in and posted, in b: in our two functions, where the worker gets it alone and
    where it gets it in a batch, and in the naive one."""
    warm = warm_in_b(found)
    taken_in = warm["webhook_ingest"]
    return taken_in + warm["event_worker"], taken_in + warm[BUSY_WORKER] / units.BATCH, warm[NAIVE_WEBHOOK]


def section(found: Sequence[Measured]) -> list[str]:
    """Return the lines of the page."""
    by_name, warm = {one.name: one for one in found}, warm_in_b(found)
    start = by_name[RAW_TRANSACTION].median("init")

    def cold(name: str) -> float:
        return (by_name[name].median("init") + by_name[name].median("first")) / start

    webhook, of_a_batch, naively = webhook_in_b(found)
    rate, _ = member_rates(found)
    chunked, one_by_one = warm["group_job_worker"] / CHUNK, warm[NAIVE_WORKER] / BATCH
    return [
        "## Cold starts and warm calls",
        "",
        "CPU of each function as it is built, in a process of its own under Lambda's runtime client: from its start",
        "to its first request for an event (INIT), in its first call, and in a warm one; then the most memory it held.",
        f"Medians of {RUNS} runs in turn, and between what they were. A run is {CALLS} calls; the last {COUNTED}",
        "count as warm. *B* is the INIT of a function that imports stock boto3 and makes a client, *b* its warm call:",
        "one raw TransactWriteItems, the one that posts a paid order. A warm call in b is net of the runtime. The",
        "naive functions do their work with boto3's resource, a call for each item, and all of Powertools; they know",
        "one rate, post in steps and verify no signature.",
        "",
        *paragraph(
            "Each call is work that was not done before: webhook_ingest takes in an order that the shop has not sent "
            f"yet, event_worker posts another one, or {units.BATCH} others that it gets at once, credit_worker the "
            f"credit of another task, group_job_worker credits {CHUNK} other members, customers_api reads the balance "
            "of another customer; the raw transaction and the naive functions have other orders and members too. "
            f"Only {' and '.join(story.ALIKE)} are asked the same each time: whose a key is, and a store's settings. "
            "Neither keeps what it has read. Kept between warm calls are, here as on AWS, connections, the headers "
            "of operations and the signing key of the day, what the text of a store's settings means, and by "
            "webhook_ingest the secrets of the store, for a minute."
        ),
        "CPU is another measure than the instructions counted at the top of this page, and B and b are others:",
        "here INIT is in the runtime, whose start B contains, and calls of AWS go through a socket to the engine.",
        "",
        "| | INIT, ms | INIT, B | first call, ms | both, B | warm, ms | warm, b | memory, MB |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
        *(
            f"| {one.name} | {one.told('init')} | {one.median('init') / start:.2f} | {one.told('first')} "
            f"| {cold(one.name):.2f} | {one.told('warm')} | {warm[one.name]:.2f} | {one.told('memory', 1)} |"
            for one in found
        ),
        "",
        *paragraph(
            f"A paid order, taken in and posted, takes {webhook:.2f} b in our two functions where the worker gets it "
            f"alone, and {of_a_batch:.2f} b where it gets {units.BATCH} at once, as of a busy store: the entrance and "
            f"a tenth of the batch. Naively it takes {naively:.2f} b, {naively / webhook:.1f} and "
            f"{naively / of_a_batch:.1f} times as much. Until a cold function has answered a shop it takes "
            f"{cold('webhook_ingest'):.2f} B; the naive one {cold(NAIVE_WEBHOOK):.2f} B, and {cold(NAIVE_PACKED):.2f} "
            f"B as `sam build` packs it. A member of a group takes {chunked:.3f} b among {CHUNK}, {rate:,.0f} members "
            f"a second of CPU; {one_by_one:.2f} b naively, {one_by_one / chunked:.0f} times as much."
        ),
    ]


def check(found: Sequence[Measured]) -> list[str]:
    """Return what is not as it must be on any machine."""
    return [
        f"{one.name} holds {one.median('memory'):.0f} MB, more than {MOST_MEMORY:.0f}"
        for one in found
        if one.name in OURS and one.median("memory") > MOST_MEMORY
    ]


if __name__ == "__main__":
    print("\n".join(section(measure())))
