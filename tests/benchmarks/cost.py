"""What operations cost, in dollars a million: what was counted times list prices. Time is the one thing that is not
counted here: what it comes to by named assumptions stands apart, and no limit is held against it.

Left out is what does not grow with operations: storage, metrics, alarms, polls of empty queues. So are free tiers.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from tests.benchmarks import naive_units
from tests.benchmarks.pace import MEMORY, SHARE
from tests.benchmarks.units import (
    BATCH,
    BUSY,
    DECIDING,
    ENTRANCES,
    FOLLOWING,
    MANY,
    MEMBERS,
    Operation,
    Share,
    paragraph,
)


class Price(Struct, frozen=True):
    """A list price: dollars of a million of something, and the page of AWS that publishes it."""

    dollars: float
    of: str
    page: str


STANDS: Final = "us-east-1, on demand, first paid tier, as written down on 2026-11-22; no bill was seen"

PRICES: Final = {
    "writes": Price(0.625, "write request units", "Amazon DynamoDB pricing: on-demand capacity"),
    "reads": Price(0.125, "read request units", "Amazon DynamoDB pricing: on-demand capacity"),
    "webhooks": Price(1.00, "requests of an HTTP API", "Amazon API Gateway pricing: HTTP APIs"),
    "admin API": Price(3.50, "requests of a REST API", "Amazon API Gateway pricing: REST APIs"),
    "queues": Price(0.40, "requests of a standard queue, of 64 KB at most", "Amazon SQS pricing"),
    "invocations": Price(0.20, "invocations", "AWS Lambda pricing: requests"),
    "time": Price(13.3334, "GB-seconds, Arm", "AWS Lambda pricing: duration"),
    "events": Price(1.00, "events put on a bus of one's own", "Amazon EventBridge pricing: event buses"),
    "schedules": Price(1.00, "invocations by the Scheduler", "Amazon EventBridge pricing: Scheduler"),
    "logs": Price(0.50, "KB of logs taken in", "Amazon CloudWatch pricing: logs"),
    "traces": Price(5.00, "traces recorded", "AWS X-Ray pricing"),
    "keys": Price(3.00, "requests of a key", "AWS Key Management Service pricing"),
}

TRACED: Final = 0.05
"""Of the requests, by X-Ray's own sampling: template.yaml."""

WAITS: Final = {
    "GetItem": 0.004,
    "BatchGetItem": 0.005,
    "Query": 0.005,
    "PutItem": 0.006,
    "UpdateItem": 0.006,
    "DeleteItem": 0.006,
    "TransactWriteItems": 0.012,
    "SendMessage": 0.008,
    "SendMessageBatch": 0.010,
    "PutEvents": 0.012,
    "CreateSchedule": 0.020,
    "DeleteSchedule": 0.020,
    "Decrypt": 0.006,
    "GetParameter": 0.010,
}
"""Seconds that a function is assumed to wait for an answer. The CPU is that of this machine: assumptions, both."""

QUEUED: Final = frozenset(
    {
        *("event_worker", "action_worker", "credit_worker", "group_job_worker", "notifier"),
        *("naive_credit", "naive_task_worker"),
    }
)
"""Functions that a queue invokes: it receives and deletes once for each of their invocations."""

SHOPS_CALL: Final = frozenset({"webhook_ingest", "naive_webhook"})
"""Functions behind the HTTP API, whose requests are traced."""


PROJECTOR: Final = frozenset({"projector"})


class Bill(Struct):
    """Dollars of a million, by what they are for."""

    parts: dict[str, float]

    @property
    def counted(self) -> float:
        """What follows from counts and prices alone."""
        return sum(dollars for name, dollars in self.parts.items() if name != "time")

    @property
    def time(self) -> float:
        """What the assumed time adds."""
        return self.parts.get("time", 0.0)

    def __add__(self, other: "Bill") -> "Bill":
        names = self.parts | other.parts
        return Bill({name: self.parts.get(name, 0.0) + other.parts.get(name, 0.0) for name in names})

    def __truediv__(self, each: float) -> "Bill":
        return Bill({name: dollars / each for name, dollars in self.parts.items()})


def bill(shares: Mapping[str, Share], *, batch: int = 1, delivered: float = 0) -> Bill:
    """Price what functions did.

    ``batch``: how many such operations the functions get at once that a queue invokes, where they were counted alone.
    ``delivered``: messages that the bus or the Scheduler sent to a queue.
    """
    bills = [_of_function(name, share, batch if name in QUEUED else 1) for name, share in shares.items()]
    return sum(bills, Bill({"queues": delivered * PRICES["queues"].dollars}))


def _of_function(name: str, share: Share, batch: int) -> Bill:
    invocations = share.invocations / batch
    sent = sum(count for call, count in share.calls.items() if call.startswith("SendMessage"))
    seconds = share.cpu / SHARE + sum(WAITS[call] * count for call, count in share.calls.items())
    amounts = {
        "writes": share.writes + share.refused_units,
        "reads": share.read_units,
        "webhooks": share.invocations if name in SHOPS_CALL else 0,
        "admin API": share.invocations if name.endswith("_api") else 0,
        "queues": sent + (2 * invocations if name in QUEUED else 0),
        "invocations": invocations,
        "time": seconds * MEMORY,
        "events": share.events,
        "schedules": share.calls["CreateSchedule"],
        "logs": share.logged / 1000,
        "traces": TRACED * share.invocations if name in ENTRANCES | SHOPS_CALL or name.endswith("_api") else 0,
        "keys": share.calls["Decrypt"],
    }
    return Bill({part: amount * PRICES[part].dollars for part, amount in amounts.items()})


class Line(Struct):
    """A line of the page, with what the design allows, what it names for a naive design and for the limit of what is
    possible, if it names them; and what the naive functions come to that are kept here, if they do the same."""

    name: str
    bill: Bill
    most: float | None = None
    naive: float | None = None
    floor: float | None = None
    naively: Bill | None = None


def naive_bills(naive: Mapping[str, Operation]) -> dict[str, Bill]:
    """Price one order, one group member and one delayed task of the naive functions, by the same prices.

    A message for each member was sent by a call of its own, one for each task by the Scheduler; a batch shares its
    receipt and its invocation. A task is created in the invocation that takes its order in, which is not charged again.
    """
    shares = {name: operation.shares for name, operation in naive.items()}
    created = {name: share - Share(invocations=1) for name, share in shares[naive_units.CREATED].items()}
    executed = bill(shares[naive_units.EXECUTED], delivered=naive_units.BATCH) / naive_units.BATCH
    return {
        "order": bill(shares[naive_units.ORDER]),
        "member": bill(shares[naive_units.MEMBERS], delivered=naive_units.BATCH) / naive_units.BATCH,
        "task": bill(created) + executed,
    }


def lines(found: Mapping[str, Operation], naive: Mapping[str, Operation] | None = None) -> list[Line]:
    """Price the operations of the design, beside the naive ones if those are given."""
    naively = naive_bills(naive) if naive else {}
    busy, first = found["paid orders in batches of ten"], found["paid order, first seen"]
    few, many = found["group job"], found["group job of 1,000"]
    posting = bill(_of(busy, ENTRANCES | DECIDING)) / BUSY
    projected = bill(_of(busy, PROJECTOR)) / BUSY
    told = _told(busy) / BUSY
    entrance = {"webhook_ingest": found["webhook accepted"].shares["webhook_ingest"]}
    alone = bill({**entrance, "event_worker": first.shares["event_worker"]})
    of_few, of_many = bill(_of(few, ENTRANCES | DECIDING)) / MEMBERS, bill(_of(many, ENTRANCES | DECIDING)) / MANY
    member_projected = bill(_of(many, PROJECTOR)) / MANY
    task = _task(found, batch=BATCH)
    behind = _behind_a_task(found)
    task_projected, task_told = bill(_of(behind, PROJECTOR)), _told(behind, batch=BATCH)
    steps = [one for name, one in found.items() if name.startswith("payout: ")]
    payout = sum((bill(_of(one, DECIDING)) for one in steps), Bill({}))
    following = sum((bill(_of(one, PROJECTOR)) for one in steps), Bill({}))
    alarm = Bill({name: task.parts[name] for name in ("schedules",)} | {"queues": _alarm_requests(BATCH)})
    return [
        Line("paid order to the posting, in batches", posting, 8.5, 36.6, 2.7, naively.get("order")),
        Line("with event and totals, in batches", posting + projected, 10),
        Line("and with the notifier looking whom to tell", posting + projected + told),
        Line("paid order to the posting, alone", alone, naively=naively.get("order")),
        Line("with event and totals, alone", alone + bill(_of(first, PROJECTOR))),
        Line("group member, of a job of 1,000", of_many, 3.6, 82, 0.6, naively.get("member")),
        Line("with event and totals, of a job of 1,000", of_many + member_projected),
        Line("and with the notifier, of a job of 1,000", of_many + member_projected + _told(many) / MANY),
        Line("group member, of a job of 100", of_few, 3.6, 82, 0.6, naively.get("member")),
        Line("delayed task: guard, watch and credit, in batches", task, 18, 75, 0.3, naively.get("task")),
        Line("delayed task with events and totals", task + task_projected),
        Line("delayed task with the notifier too", task + task_projected + task_told),
        Line("delayed task, alone", _task(found, batch=1)),
        Line("Scheduler and its message alone", alarm, 2.7),
        Line("balance read", bill(_of(found["balance read"], DECIDING))),
        Line("manual adjustment", bill(_of(found["manual credit"], DECIDING))),
        Line("payout, from request to payment: five calls", payout),
        Line("with events, totals and search", payout + following),
    ]


def _task(found: Mapping[str, Operation], batch: int) -> Bill:
    """What a delayed task adds to the order that starts it, and its run with its credit."""
    order, created = (found[name].shares["event_worker"] for name in ("paid order, first seen", "task created"))
    executed = _of(found["task executed with a credit"], frozenset({"action_worker", "credit_worker"}))
    return bill({"event_worker": created - order, **executed}, batch=batch, delivered=1)


def _behind_a_task(found: Mapping[str, Operation]) -> Operation:
    """What those do who follow because an order starts a task that runs, beyond what they do for the order. The
    projector's part is counted alone, so that a busy store's is less."""
    ran, order = found["task executed with a credit"], found["paid order, first seen"]
    return Operation("behind a task", {name: ran.shares[name] - order.shares[name] for name in FOLLOWING}, {})


def _told(operation: Operation, batch: int = 1) -> Bill:
    """What the notifier's look costs whom to tell, with the bus's messages of the events to its queue."""
    return bill(_of(operation, frozenset({"notifier"})), batch=batch, delivered=operation.of(PROJECTOR).events)


def _alarm_requests(batch: int) -> float:
    """What the messages of alarms cost: one that the Scheduler sends, received and deleted with others."""
    return (1 + 2 / batch) * PRICES["queues"].dollars


def _of(operation: Operation, functions: frozenset[str]) -> dict[str, Share]:
    return {name: share for name, share in operation.shares.items() if name in functions}


def check(found: Mapping[str, Operation]) -> list[str]:
    """Return what costs more than it may, by what is counted."""
    return [
        f"{line.name}: ${line.bill.counted:.2f} a million, more than {line.most}"
        for line in lines(found)
        if line.most is not None and line.bill.counted > line.most
    ]


def lifted(priced: Sequence[Line]) -> list[str]:
    """Say which figures are within their limits by what is counted, and above them with the time."""
    return [
        f"*{line.name[0].upper()}{line.name[1:]}* keeps its limit of ${line.most:.2f} by what is counted, and is "
        f"**above it with the time: ${line.bill.counted + line.bill.time:.2f}**."
        for line in priced
        if line.most is not None and line.bill.counted <= line.most < line.bill.counted + line.bill.time
    ]


def section(found: Mapping[str, Operation], naive: Mapping[str, Operation]) -> list[str]:
    """Return the lines of the page."""
    priced = lines(found, naive)
    return [
        "## Dollars a million",
        "",
        "What was counted above, times the list prices below. *Counted* follows from counts alone. *In batches* is a",
        f"busy store: {BUSY} orders at once, {BATCH} for each invocation of the worker, and the projector gets what",
        "became of them together; tasks were counted alone, and ten share a message's receipt and an invocation, but",
        "nothing of what the projector does: its part of a task is what it does for an order that starts one, less",
        "what it does for any order.",
        "*Alone* is a store so quiet that nothing is shared. *Time* is what the functions' memory costs for the CPU",
        "that this machine took and for waits that are assumed: a read 4 to 5 ms, a transaction 12 ms, a message 8 ms,",
        "an event 12 ms, a schedule 20 ms. The limit, *most*, is held against what is counted. A write whose condition",
        "failed is charged in full. *Naive* is what the functions of `tests/benchmarks/naive` come to, counted here,",
        "at the same prices and with their time apart; *named* is what the design names for a naive design, and",
        "*floor* what it names for the least that the services would take.",
        "",
        "| operation | counted | time | both | most | naive | its time | named | floor |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
        *map(_row, priced),
        "",
        *_about_naive(naive),
        "",
        *paragraph(" ".join(lifted(priced))),
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
        "an order alone, and a task.",
    ]


_SHOWN: Final = tuple(name for name in PRICES if name != "time")


def _row(line: Line) -> str:
    both = line.bill.counted + line.bill.time
    naively = (None, None) if line.naively is None else (line.naively.counted, line.naively.time)
    figures = [line.bill.counted, line.bill.time, both, line.most, *naively, line.naive, line.floor]
    return f"| {line.name} | {' | '.join('' if figure is None else f'{figure:.2f}' for figure in figures)} |"


def _parts_row(line: Line) -> str:
    amounts = [line.bill.parts.get(name, 0.0) for name in _SHOWN]
    return f"| {line.name} | {' | '.join(f'{amount:.2f}' if amount else '' for amount in amounts)} |"
