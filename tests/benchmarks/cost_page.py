"""What operations cost, as a section of the page."""

from collections.abc import Mapping, Sequence
from typing import Final

from tests.benchmarks import naive_units
from tests.benchmarks.cost import PRICES, STANDS, TASK_ADR, TASK_WITH_TIME, WAITS, Bill, Line, lines
from tests.benchmarks.cost_alone import UNPRICED, Costs, Row, rows
from tests.benchmarks.pace import RAW
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
            "limit, that which `tests/benchmarks/pace.py` assumes, at least what was counted and at most 4 times that, "
            f"elsewhere what was counted; as of a core on which a raw transaction takes {_ms(RAW)}, whatever core "
            "counted it. The limit, *most*, is held against what is counted, and against "
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
            "something has to be looked up. `tests/benchmarks/baselines.py` has all lists. *Named* is what the design "
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
        "Not in it: storage, metrics and alarms, polls of empty queues, traces where parameter `Tracing` asks for them",
        "([ADR 66](adr/0066-calls-are-traced-where-that-is-chosen.md)), and what is free.",
        "",
        *_of_events(rows(found, naive)),
    ]


def _of_events(events: Sequence[Row]) -> list[str]:
    """What every event costs where nothing is shared."""
    shared = (2 * PRICES["queues"].dollars + PRICES["invocations"].dollars) * (1 - 1 / BATCH)
    decided, whole = [row.decided for row in events], [row.whole for row in events if row.whole]
    return [
        "### Every event, alone",
        "",
        *paragraph(
            "What one event of a shop, or one call of an admin, comes to in a store so quiet that nothing is shared: "
            "counted of each alone, and priced as *paid order to the posting, alone* is above. *To the decision* is "
            "the entrance and the worker, or the function of the API. *With what follows* adds the projector: event "
            "and totals where an entry is posted, or a look that finds nothing to do; where it is empty nothing "
            "follows. The notifier's look whom to tell is left out. Only what is counted stands here: the assumed "
            f"time adds at most ${_most_time(decided):.2f} to the decision, and ${_most_time(whole):.2f} with what "
            f"follows. Where the worker gets {BATCH} at once, each event of a shop takes ${shared:.2f} less. Rows that "
            "are *each of* so many are one customer's share of a job of a group."
        ),
        *paragraph(
            "*Naive* and *at least* stand beside both. Where no naive function does what the event asks for, its "
            "request and its log are those of the one that does the like (of a duplicate, no log), and what it writes "
            "and reads is *listed*: an order that is changed is written anew with its index, an entry and a balance "
            "are written with theirs, whatever changes an order is marked as begun and as ended, and what an order "
            "earned is read before it is taken back. What follows is always listed, as above."
        ),
        "| operation | to the decision | naive | at least | with what follows | naive | at least |",
        "|---|---:|---:|---:|---:|---:|---:|",
        *map(_event_row, events),
        "",
        "Counted above, and without a price of their own:",
        "",
        *(f"- *{name}*: {why}." for name, why in UNPRICED.items()),
        "",
    ]


def _most_time(costs: Sequence[Costs]) -> float:
    return max(one.ours.time for one in costs)


def _event_row(row: Row) -> str:
    decided = row.decided
    cells = [
        _dollars(decided.ours.counted),
        _naive_dollars(decided.naively, row.is_listed),
        _dollars(decided.least.counted),
        *(_dollars(one.counted) if one else "" for one in _three(row.whole)),
    ]
    return f"| {row.name} | {' | '.join(cells)} |"


def _three(costs: Costs | None) -> tuple[Bill | None, ...]:
    return (costs.ours, costs.naively, costs.least) if costs else (None, None, None)


def _naive_dollars(bill: Bill, is_listed: bool) -> str:
    return f"{bill.counted:.2f}, listed" if is_listed else f"{bill.counted:.2f}"


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
        "member's $82; here there is one index, of whole items, nothing is traced, and what is asked for is",
        "all that is charged. They write in steps, for half of what a transaction takes: a crash between two of them",
        "loses money or doubles it. Ours pay for that, and for the queue that an order waits in, where they cost more:",
        "an order alone, a task, calls of the API, and what follows where nothing is shared.",
    ]


_SHOWN: Final = tuple(name for name in PRICES if name != "time")


def _row(line: Line) -> str:
    naively, least = line.naively or Bill({}), line.least or Bill({})
    cells = [
        *map(_dollars, (line.bill.counted, line.bill.time, line.both, line.most)),
        _naive_dollars(naively, line.is_listed),
        _dollars(None if line.is_listed else naively.time),
        *map(_dollars, (least.counted, line.named, line.named_floor)),
    ]
    return f"| {line.name} | {' | '.join(cells)} |"


def _dollars(figure: float | None) -> str:
    return "" if figure is None else f"{figure:.2f}"


def _parts_row(line: Line) -> str:
    amounts = [line.bill.parts.get(name, 0.0) for name in _SHOWN]
    return f"| {line.name} | {' | '.join(f'{amount:.2f}' if amount else '' for amount in amounts)} |"
