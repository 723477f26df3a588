"""What operations cost, as a section of the page."""

from collections.abc import Mapping
from typing import Final

from tests.benchmarks import naive_units
from tests.benchmarks.cost import PRICES, STANDS, TASK_ADR, TASK_WITH_TIME, TRACED, WAITS, Bill, Line, lines
from tests.benchmarks.units import BATCH, BUSY, Operation
from tests.benchmarks.units_page import paragraph


def section(found: Mapping[str, Operation], naive: Mapping[str, Operation]) -> list[str]:
    """Return the lines of the page."""
    priced = lines(found, naive)
    return [
        "## Dollars a million",
        "",
        *paragraph(
            "What was counted above, times the list prices below. *Counted* follows from counts alone. *In batches* "
            f"is a busy store: {BUSY} orders at once, {BATCH} for each invocation of the worker, and the projector "
            "gets what became of them together; as many tasks are run and credited in batches too, but nothing is "
            "shared of what the projector does of a task: that is what it does for an order that starts one, less "
            "what it does for any order. *Alone* is a store so quiet that nothing is shared, but that a task is "
            "begun with the log of a busy store; the limits are held in batches. Calls of the API by themselves are "
            "of an admin whose key the authorizer has looked up within a minute. A write whose condition failed is "
            "charged in full. The test that holds the limits reads these counts. `tests/e2e/test_units.py` counts "
            "again on the deployed stack and prices the lines that have a limit anew, with logs, invocations and what "
            "the projector does as they are then. CPU stays what it was, and so do calls that a function makes once in "
            "a while, for secrets and keys: they are by chance."
        ),
        *paragraph(
            f"*Time* is what the functions' memory costs for waits that are assumed (a read {_ms(WAITS['GetItem'])}, "
            f"a transaction {_ms(WAITS['TransactWriteItems'])}, a message {_ms(WAITS['SendMessage'])}, an event "
            f"{_ms(WAITS['PutEvents'])}, a schedule {_ms(WAITS['CreateSchedule'])}) and for CPU: where a line has a "
            "limit, that which `tests/benchmarks/pace.py` assumes, at least what was counted and at most twice that, "
            "elsewhere what this machine took. The limit, *most*, is held against what is counted, and against "
            f"*both*; but a delayed task may come to ${TASK_WITH_TIME:.2f} with its time ([ADR 60]({TASK_ADR}))."
        ),
        *paragraph(
            "*Naive* is what the functions of `tests/benchmarks/naive` come to, counted here, at the same prices and "
            "with their time apart. What none of them does is *listed*, on top or alone: for each entry an invocation "
            "by the stream, an event and a write unit for totals; for each event an invocation that makes two reads; "
            "calls of the API whose items are written a unit each, with a unit for an index, and whose key is marked "
            "as begun and ended. Time is not listed. *At least* is what any design on these services asks for: the "
            "request by which the event arrives, an invocation, shared where events may wait for one another, a write "
            "unit for each item that has to outlive it, an event where others are told, and half a read unit where "
            "something has to be looked up. `tests/benchmarks/baselines.py` has both lists. *Named* is what the design "
            "names for a naive design, and *floor* for the least; that of a task is less than a write unit for it and "
            "one for its credit."
        ),
        "| operation | counted | time | both | most | naive | its time | at least | named | floor |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
        *map(_row, priced),
        "",
        *_about_naive(naive),
        "",
        "Of which:",
        "",
        f"| operation | {' | '.join(_SHOWN)} |",
        f"|---|{'---:|' * len(_SHOWN)}",
        *map(_parts_row, priced),
        "",
        f"The prices: {STANDS}.",
        "",
        "| a million | dollars | page |",
        "|---|---:|---|",
        *(f"| {price.of} | {price.dollars:g} | {price.page} |" for price in PRICES.values()),
        "",
        f"X-Ray records {TRACED:.0%} of the requests. Not in it: storage, metrics and alarms, polls of empty queues,",
        "and what is free.",
        "",
    ]


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:g} ms"


def _about_naive(naive: Mapping[str, Operation]) -> list[str]:
    """What the naive functions asked for, and why that is less than the design names."""
    order, members = naive_units.of_one(naive, naive_units.ORDER), naive_units.of_one(naive, naive_units.MEMBERS)
    created, executed = naive_units.of_one(naive, naive_units.CREATED), naive_units.of_one(naive, naive_units.EXECUTED)
    batch = naive_units.BATCH
    task_calls = created.table_calls + executed.table_calls / batch
    return [
        f"Of the naive functions an order takes {order.writes:g} write units in {order.table_calls} calls of DynamoDB,",
        f"a member {members.writes / batch:g} in {members.table_calls / batch:g}, a task",
        f"{created.writes + executed.writes / batch:g} in {task_calls:g}. The design names more: 13 in 5 an order, 10",
        "in 4 a member. It says neither of what tables, nor what else its dollars are for, 10 units being $6.25 of a",
        "member's $82; here there is one index, of whole items, traces are sampled as ours, and what is asked for is",
        "all that is charged. They write in steps, for half of what a transaction takes: a crash between two of them",
        "loses money or doubles it. Ours pay for that, and for the queue that an order waits in, where they cost more:",
        "an order alone, a task, calls of the API, and what follows where nothing is shared.",
    ]


_SHOWN: Final = tuple(name for name in PRICES if name != "time")


def _row(line: Line) -> str:
    naively, least = line.naively or Bill({}), line.least or Bill({})
    cells = [
        *map(_dollars, (line.bill.counted, line.bill.time, line.both, line.most)),
        f"{naively.counted:.2f}, listed" if line.is_listed else f"{naively.counted:.2f}",
        _dollars(None if line.is_listed else naively.time),
        *map(_dollars, (least.counted, line.named, line.named_floor)),
    ]
    return f"| {line.name} | {' | '.join(cells)} |"


def _dollars(figure: float | None) -> str:
    return "" if figure is None else f"{figure:.2f}"


def _parts_row(line: Line) -> str:
    amounts = [line.bill.parts.get(name, 0.0) for name in _SHOWN]
    return f"| {line.name} | {' | '.join(f'{amount:.2f}' if amount else '' for amount in amounts)} |"
