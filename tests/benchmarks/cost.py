"""What operations cost, in dollars a million: what was counted times list prices. Time is the one thing that is not
counted here: what it comes to by named assumptions stands apart, and limits are held against both.

Left out is what does not grow with operations: storage, metrics, alarms, polls of empty queues. So are free tiers.
"""

from collections.abc import Mapping
from copy import replace
from typing import Final

from msgspec import Struct

from tests.benchmarks import naive_units
from tests.benchmarks.baselines import (
    LEAST,
    NAIVE_BALANCE,
    NAIVE_PAYOUT,
    NAIVE_PAYOUT_TOLD,
    NAIVELY_LOOKED,
    NAIVELY_TOLD,
    Amounts,
)
from tests.benchmarks.pace import MEMORY, PACE, SHARE, EventSourceMapping
from tests.benchmarks.units import (
    BATCH,
    BUSY,
    DECIDING,
    ENTRANCES,
    FOLLOWING,
    MANY,
    MEMBERS,
    RUNNING,
    Operation,
    Share,
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
    "keys": Price(3.00, "requests of a key", "AWS Key Management Service pricing"),
}

WAITS: Final = {
    **dict.fromkeys(("GetItem", "BatchGetItem", "Query"), PACE.read),
    **dict.fromkeys(("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"), PACE.write),
    "TransactWriteItems": PACE.together(3),
    **dict.fromkeys(("SendMessage", "SendMessageBatch"), PACE.send),
    "PutEvents": 0.012,
    **dict.fromkeys(("CreateSchedule", "DeleteSchedule"), PACE.schedule),
    "Decrypt": 0.006,
    "GetParameter": 0.010,
}
"""Seconds that a function is assumed to wait for an answer, as in the projections where those have it too."""

TASK_ADR: Final = "adr/0060-the-limit-of-a-task-is-of-what-is-counted.md"
TASK_WITH_TIME: Final = 19.5
"""Dollars of a million delayed tasks with their assumed time, and where it is said why they are more than 18."""

QUEUED: Final = frozenset(
    {
        *("event_worker", "action_worker", "credit_worker", "group_job_worker", "notifier"),
        *("naive_credit", "naive_task_worker"),
    }
)
"""Functions that a queue invokes: it receives and deletes once for each of their invocations."""

SHOPS_CALL: Final = frozenset({"webhook_ingest", "naive_webhook"})
"""Functions behind the HTTP API."""

PROJECTOR: Final = frozenset({"projector"})


class Bill(Struct, frozen=True):
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
        "keys": share.calls["Decrypt"],
    }
    return priced(amounts)


class Line(Struct, frozen=True):
    """A line of the page: ours, what it comes to naively, and what at least. ``is_listed``: what it comes to naively is
    listed, not counted of a naive function, at least in part.

    ``most`` is what the design allows, ``with_time`` what ours may be with the assumed time, where that is another
    figure; ``named`` is what the design names for a naive design, ``named_best`` for the best that is known,
    ``named_floor`` for the limit of what is possible."""

    name: str
    bill: Bill
    naively: Bill | None = None
    is_listed: bool = False
    least: Bill | None = None
    most: float | None = None
    with_time: float | None = None
    named: float | None = None
    named_best: float | None = None
    named_floor: float | None = None

    @property
    def both(self) -> float:
        """What it costs, time and all."""
        return self.bill.counted + self.bill.time


def priced(amounts: Amounts) -> Bill:
    """Price what is asked for, counted or listed."""
    return Bill({part: amount * PRICES[part].dollars for part, amount in amounts.items()})


def naive_bills(naive: Mapping[str, Operation]) -> dict[str, Bill]:
    """Price one order, one group member and one delayed task of the naive functions, whose creation stands apart too,
    by the same prices.

    A message for each member was sent by a call of its own, one for each task by the Scheduler; a batch shares its
    receipt and its invocation. A task is created in the invocation that takes its order in, which is not charged again.
    """
    shares = {name: operation.shares for name, operation in naive.items()}
    created = {name: share - Share(invocations=1) for name, share in shares[naive_units.CREATED].items()}
    executed = bill(shares[naive_units.EXECUTED], delivered=naive_units.BATCH) / naive_units.BATCH
    return {
        "order": bill(shares[naive_units.ORDER]),
        "member": bill(shares[naive_units.MEMBERS], delivered=naive_units.BATCH) / naive_units.BATCH,
        "task created": bill(created),
        "task": bill(created) + executed,
    }


def _naively(naive: Mapping[str, Operation]) -> dict[str, Bill]:
    """Price every line naively: what the naive functions were counted to ask for, and on top what is listed."""
    counted = naive_bills(naive)
    order, member, task = counted["order"], counted["member"], counted["task"]
    told, looked = priced(NAIVELY_TOLD), priced(NAIVELY_LOOKED)
    alone = 1 - 1 / naive_units.BATCH
    balance, payout = priced(NAIVE_BALANCE), priced(NAIVE_PAYOUT)
    posted = Bill({part: member.parts[part] for part in ("writes", "reads", "logs")})
    return {
        "paid order to the posting, in batches": order,
        "with event and totals, in batches": order + told,
        "and with the notifier looking whom to tell": order + told + looked,
        "paid order to the posting, alone": order,
        "with event and totals, alone": order + told,
        "group member, of a job of 1,000": member,
        "with event and totals, of a job of 1,000": member + told,
        "and with the notifier, of a job of 1,000": member + told + looked,
        "group member, of a job of 100": member,
        "delayed task: guard, watch and credit, in batches": task,
        "delayed task with events and totals": task + told,
        "delayed task with the notifier too": task + told + looked,
        "delayed task, alone": task + priced({"queues": 2 * alone, "invocations": alone}),
        "Scheduler and its message alone": Bill({part: task.parts[part] for part in ("schedules", "queues")}),
        "balance read": balance,
        "manual adjustment": posted + priced({"admin API": 1, "invocations": 1}),
        "payout, from request to payment: five calls": payout,
        "with events, totals and search": payout + priced(NAIVE_PAYOUT_TOLD),
    }


_COUNTED_NAIVELY: Final = ("paid order to the posting", "group member", "delayed task: ", "Scheduler")
"""How the lines begin whose naive figure is all counted."""


def lines(found: Mapping[str, Operation], naive: Mapping[str, Operation] | None = None) -> list[Line]:
    """Price the operations of the design, beside the naive ones if those are given."""
    naively = _naively(naive) if naive else {}
    return [
        replace(
            line,
            naively=naively.get(line.name),
            is_listed=not line.name.startswith(_COUNTED_NAIVELY),
            least=priced(LEAST[line.name]),
        )
        for line in _ours(found)
    ]


def _ours(found: Mapping[str, Operation]) -> list[Line]:
    busy = found["paid orders in batches of ten"]
    few, many = found["group job"], found["group job of 1,000"]
    order = {"webhook_ingest": PACE.taken_in, "event_worker": PACE.order}
    posting = bill(_at_pace(_of(busy, ENTRANCES | DECIDING), order, BUSY)) / BUSY
    projected = bill(_of(busy, PROJECTOR)) / BUSY
    told = _told(busy) / BUSY
    quiet_order = alone(found, "paid order, first seen")
    of_few, of_many = (
        bill(_at_pace(_of(job, ENTRANCES | DECIDING), {"group_job_worker": PACE.member}, members)) / members
        for job, members in ((few, MEMBERS), (many, MANY))
    )
    member_projected = bill(_of(many, PROJECTOR)) / MANY
    task = _task_created(found, BATCH) + bill(_at_pace(_of(_run(found), RUNNING), _TASK_PACE, BUSY)) / BUSY
    quiet = _task_created(found) + bill(_of(found["task executed with a credit"], RUNNING))
    behind = _behind_a_task(found)
    task_projected, task_told = bill(_of(behind, PROJECTOR)), _told(behind, batch=_NOTIFIED)
    steps = [one for name, one in found.items() if name.startswith("payout: ")]
    payout = sum((bill(_of(one, DECIDING)) for one in steps), Bill({}))
    following = sum((bill(_of(one, PROJECTOR)) for one in steps), Bill({}))
    alarm = Bill({"schedules": task.parts["schedules"], "queues": _alarm_requests(BATCH)})
    return [
        Line("paid order to the posting, in batches", posting, most=8.5, named=36.6, named_best=7.8, named_floor=2.7),
        Line("with event and totals, in batches", posting + projected, most=10),
        Line("and with the notifier looking whom to tell", posting + projected + told),
        Line("paid order to the posting, alone", quiet_order),
        Line("with event and totals, alone", quiet_order + projected_alone(found, "paid order, first seen")),
        Line("group member, of a job of 1,000", of_many, most=3.6, named=82, named_best=2.6, named_floor=0.6),
        Line("with event and totals, of a job of 1,000", of_many + member_projected),
        Line("and with the notifier, of a job of 1,000", of_many + member_projected + _told(many) / MANY),
        Line("group member, of a job of 100", of_few, most=3.6, named=82, named_best=2.6, named_floor=0.6),
        Line(
            "delayed task: guard, watch and credit, in batches",
            task,
            most=18,
            with_time=TASK_WITH_TIME,
            named=75,
            named_best=1.6,
            named_floor=0.3,
        ),
        Line("delayed task with events and totals", task + task_projected),
        Line("delayed task with the notifier too", task + task_projected + task_told),
        Line("delayed task, alone", quiet),
        Line("Scheduler and its message alone", alarm, most=2.7),
        Line("balance read", alone(found, "balance read")),
        Line("manual adjustment", alone(found, "manual credit")),
        Line("payout, from request to payment: five calls", payout),
        Line("with events, totals and search", payout + following),
    ]


def alone(found: Mapping[str, Operation], name: str) -> Bill:
    """Price what an operation takes to its decision where nothing is shared. A webhook's entrance is that of any that
    is accepted, and the key of an admin has been looked up."""
    shares = _of(found[name], DECIDING)
    if "webhook_ingest" in found[name].shares:
        shares["webhook_ingest"] = found["webhook accepted"].shares["webhook_ingest"]
    return bill(shares)


def projected_alone(found: Mapping[str, Operation], name: str) -> Bill:
    """Price what the projector does of an operation where nothing is shared: nothing at all, where it is not asked."""
    return bill(_of(found[name], PROJECTOR))


_NOTIFIED: Final = EventSourceMapping.of("NotifierSource").batch
"""Events that the notifier gets at once, of a busy store."""

_TASK_PACE: Final = {"action_worker": PACE.task, "credit_worker": PACE.credit}


def _at_pace(shares: Mapping[str, Share], seconds: Mapping[str, float], each: int) -> dict[str, Share]:
    """Return what functions did with the CPU that ``pace`` assumes of them for each of so many, where it assumes some:
    a limit is not to be kept or broken by how busy the machine was that counted."""
    cpu = {name: each * one * SHARE for name, one in seconds.items()}
    return {name: replace(share, cpu=cpu.get(name, share.cpu)) for name, share in shares.items()}


def _task_created(found: Mapping[str, Operation], batch: int = 1) -> Bill:
    """What a delayed task adds to the order that starts it, and the message of its alarm, which shares its receipt and
    the worker's invocation with so many. Its log is that of a busy store, whatever ``batch`` is."""
    order, created = (found[name].shares["event_worker"] for name in ("paid order, first seen", "task created"))
    ordered, began = (one.shares["event_worker"] for one in (found["paid orders in batches of ten"], _run(found)))
    # Of one order alone the log is no measure: it comes late at times, and is counted with the next operation.
    logged = round((began.logged - ordered.logged) / BUSY)
    more = replace(created - order, cpu=(PACE.start - PACE.order) * SHARE, logged=logged)
    return bill({"event_worker": more}, batch=batch, delivered=1)


def _run(found: Mapping[str, Operation]) -> Operation:
    return found["tasks executed in batches of ten"]


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
    """Return what costs more than it may: by what is counted, or with the assumed time."""
    return [fault for line in lines(found) for fault in over(line)]


def over(line: Line) -> list[str]:
    """Return how a line is above what it may cost by what is counted, and above what it may with the time."""
    if line.most is None:
        return []
    with_time = line.most if line.with_time is None else line.with_time
    found = (("", line.bill.counted, line.most), (" with the assumed time", line.both, with_time))
    return [f"{line.name}: ${cost:.2f} a million{how}, more than {limit}" for how, cost, limit in found if cost > limit]
