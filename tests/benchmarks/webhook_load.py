"""Signed order webhooks sent to the deployed stack by ever more shops at once, until more of them bring nothing: the
rate that the local stack takes and decides them at, how long a shop waits for its answer and an order for its posting,
and that no order is lost or doubled meanwhile.

Each caller sends its next order once the last one is answered, and sends one again that was not accepted, as shops do.
"""

import itertools
import os
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from msgspec import Struct

from dev.client import wait_until
from dev.project import LOCAL
from tests.benchmarks.spread import told
from tests.e2e.deployed import DeployedStack, start
from tests.e2e.shop import Sale, Shop

CALLERS: Final = (1, 2, 4, 8, 16)
ROUNDS: Final = 3
"""How often each number of callers comes, in turn with the others."""

ORDERS: Final = 120
"""Orders that they send each time."""

CUSTOMERS: Final = 20
REPEATS: Final = 5
"""How often one that was not accepted is sent again."""

CASHBACK: Final = Decimal("10.00")
"""What an order of ``Sale`` earns under the settings of a new store: 5 % of 200.00."""

_TICKS: Final = os.sysconf("SC_CLK_TCK")


class Load(Struct, frozen=True):
    """What one number of callers came to once. Latencies are seconds, from the first byte sent to the last one read;
    ``postings`` are of each order from when it was first sent to the time that its entry in the ledger bears, and
    ``decided`` is the time until every order was posted. ``engine``, ``functions`` and ``client`` are CPU seconds."""

    callers: int
    accepted: float
    decided: float
    latencies: list[float]
    postings: list[float]
    repeated: int
    engine: float
    functions: float
    client: float


class Delivered(Struct, frozen=True):
    """An order that was accepted: when it was first sent, in seconds since 1970, how many the last answer took, and how
    often it was sent again."""

    sent: float
    seconds: float
    repeats: int


def measure() -> list[list[Load]]:
    """Send the orders, by ever more callers, and all of that again; return the rounds of each number of callers.

    :raises AssertionError: an order was lost, or credited twice.
    """
    LOCAL.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=LOCAL) as home:
        stack = start(Path(home))
        try:
            return rounds(lambda callers: _loaded(stack, callers))
        finally:
            stack.aws.stop()


def rounds(load: Callable[[int], Load]) -> list[list[Load]]:
    """Let each number of callers come in turn, after a round that only warms up."""
    load(CALLERS[0])
    found: dict[int, list[Load]] = {callers: [] for callers in CALLERS}
    for _ in range(ROUNDS):
        for callers in CALLERS:
            found[callers].append(load(callers))
    return list(found.values())


def _loaded(stack: DeployedStack, callers: int) -> Load:
    shop = Shop(stack, stack.platform.create_store(f"load-{time.time_ns()}"))
    sales = [Sale(customer_id=7000 + n % CUSTOMERS) for n in range(ORDERS)]
    before, begun = _cpu(stack.aws.pid), time.perf_counter()
    with ThreadPoolExecutor(callers) as pool:
        answered = list(pool.map(lambda sale: _delivered(shop, sale), sales))
    accepted = time.perf_counter() - begun
    wait_until(lambda: _posted(shop) >= len(sales), seconds=300)
    decided, after = time.perf_counter() - begun, _cpu(stack.aws.pid)
    posted = _check(shop, Counter(sale.customer_id for sale in sales))
    return Load(
        callers,
        accepted,
        decided,
        [one.seconds for one in answered],
        [posted[str(sale.order_id)] - one.sent for sale, one in zip(sales, answered, strict=True)],
        sum(one.repeats for one in answered),
        *(late - early for early, late in zip(before, after, strict=True)),
    )


def _delivered(shop: Shop, sale: Sale) -> Delivered:
    body, sent = sale.body(at=1), time.time()
    for repeats in itertools.count():
        begun = time.perf_counter()
        answer = shop.store.shopify("orders/paid", body)
        seconds = time.perf_counter() - begun
        if answer.status == 200 or repeats == REPEATS:
            answer.expect(200)
            return Delivered(sent, seconds, repeats)
    raise AssertionError


def _posted(shop: Shop) -> int:
    found = (
        shop.stack.client("dynamodb")
        .get_paginator("scan")
        .paginate(
            TableName=shop.stack.ledger_table,
            FilterExpression="begins_with(pk, :partition)",
            ExpressionAttributeValues={":partition": {"S": f"S#{shop.store.store_id}#"}},
            Select="COUNT",
        )
    )
    return sum(page["Count"] for page in found)


def _check(shop: Shop, orders: Counter[int | None]) -> Mapping[str, float]:
    """Every order is there once, and the queues are empty; when each was posted, in seconds since 1970."""
    posted: dict[str, float] = {}
    for customer_id, count in orders.items():
        found = shop.transactions(customer_id)
        assert [(one["type"], one["amount"]) for one in found] == [("order", str(CASHBACK))] * count
        posted |= {one["order_id"]: datetime.fromisoformat(one["created_at"]).timestamp() for one in found}
        assert Decimal(shop.available(customer_id)) == CASHBACK * count
    # A batch that a slow machine cut off lies hidden for minutes, though all it held is posted.
    wait_until(lambda: shop.stack.queued(shop.stack.store_events_queue_url) == 0, seconds=600)
    assert shop.stack.queued(shop.stack.store_events_dlq_url) == 0
    return posted


def _cpu(engine: int) -> tuple[float, float, float]:
    """Seconds of CPU so far: the engine's own, its functions', and this process's."""
    own, functions = 0.0, 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        seconds = (int(fields[11]) + int(fields[12])) / _TICKS
        if int(stat.parent.name) == engine:
            own = seconds
        elif int(fields[1]) == engine:
            functions += seconds
    return own, functions, time.process_time()


def section(found: Sequence[Sequence[Load]]) -> list[str]:
    """Return the lines of the page."""
    best = max(found, key=lambda runs: statistics.median(ORDERS / one.decided for one in runs))
    engine, functions, client = (
        sum(getattr(one, whose) for one in best) for whose in ("engine", "functions", "client")
    )
    burnt = engine + functions + client
    return [
        "## Webhooks under load",
        "",
        f"{ORDERS} paid orders of {CUSTOMERS} customers for each number of callers, through gateway, queue, worker and",
        "ledger of the deployed stack. *Accepted* is what the webhook answered, *decided* until the last was posted;",
        "*answer* is what a shop waits for it, *posting* what an order takes end to end: from when it",
        "was first sent to the time that its entry in the ledger bears. The worker takes that time as it turns to the",
        "order: its read and its one transaction, milliseconds, come after. Both clocks are this machine's.",
        f"{ROUNDS} rounds, the numbers of callers in turn: medians of the rounds, and between what they were. Every",
        "order was found posted once.",
        "",
        "| callers | rounds | accepted/s | decided/s | answer, p50 / p99, ms | posting, p50 / p99, ms | sent again |",
        "|---:|---:|---:|---:|---:|---:|---:|",
        *map(_row, found),
        "",
        f"By the medians most is decided with {best[0].callers} at once. What limits it is this machine: of the CPU",
        f"burnt then, {engine / burnt:.0%} was the engine's, one Python process that is every service,",
        f"{functions / burnt:.0%} the functions' and {client / burnt:.0%} the callers'.",
        "On AWS the first is not there, and the second has as many",
        "cores as there are batches at once.",
        "",
    ]


def _row(runs: Sequence[Load]) -> str:
    cells = [
        str(runs[0].callers),
        str(len(runs)),
        told(ORDERS / one.accepted for one in runs),
        told(ORDERS / one.decided for one in runs),
        _quantiles([one.latencies for one in runs]),
        _quantiles([one.postings for one in runs]),
        told(one.repeated for one in runs),
    ]
    return f"| {' | '.join(cells)} |"


def _quantiles(rounds: Sequence[Sequence[float]]) -> str:
    """The median and the 99th percentile in milliseconds, each told of the rounds."""
    cuts = [statistics.quantiles(one, n=100, method="inclusive") for one in rounds]
    return " / ".join(told(cut[hundredths - 1] * 1000 for cut in cuts) for hundredths in (50, 99))
