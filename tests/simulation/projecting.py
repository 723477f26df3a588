"""The projector of a world, fed by the streams of its tables, and what its totals, events and index must hold.

A stream has shards; a shard tells of each item's writes in their order, and is read by one invocation at a time, which
is given the same batch again until it has done with it. Batches are cut anywhere, and now and then a part of what was
done already comes again.
"""

from __future__ import annotations

import json
import zlib
from collections import Counter, defaultdict
from datetime import timedelta
from functools import reduce
from operator import add
from random import Random
from typing import TYPE_CHECKING, Any, Final, cast
from unittest.mock import patch

from cashback.adapters.dynamo import keys, payout_keys
from cashback.adapters.dynamo.totals import Totals
from cashback.adapters.event_bus import EventBus
from cashback.domain import domain_events
from cashback.domain.day_totals import DayTotals, Drift
from cashback.domain.keyword_search import prefixes_of, words_of
from cashback.domain.ledger import EntryStatus, Kind, transaction_id
from cashback.domain.orders import Status
from cashback.domain.payouts import PayoutsWanted
from cashback.domain.reconciliation import Reconciliation
from cashback.domain.tasks import TaskStatus
from cashback.domain.times import OLDEST, instant
from cashback.edge.projector import Projection
from cashback.services import recount_days
from cashback.services.reconcile import compare_next
from cashback.services.search_payouts import search_payouts
from tests.simulation.outside import Service
from tests.simulation.persons import STORE, USD
from tests.simulation.withdrawals import documents, paid_out
from tests.streams import FakeEvents, Stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cashback.domain.ledger import Account, Entry
    from cashback.domain.times import Instant
    from tests.simulation.dynamo import Write
    from tests.simulation.faults import Faults
    from tests.simulation.world import World

SHARE: Final = 0.08
"""Of the worlds, those whose streams are read."""

SHARDS: Final = 3
_FIRST, _LAST = "2000-01-01", "2100-01-01"


def is_projected(seed: int) -> bool:
    return Random(f"{seed}/projecting").random() < SHARE


class SimulatedBus(Service):
    """EventBridge, which may refuse some events of a call and take the others."""

    def __init__(self, faults: Faults) -> None:
        super().__init__("events", faults)
        self.taken = FakeEvents()

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        answers: list[dict[str, Any]] = []

        def run() -> None:
            self.taken.refuses = [self.faults.chance("partial") for _ in Entries]
            answers.append(self.taken.put_events(Entries))

        self.call("PutEvents", Entries, run)
        return answers[-1]


class Projecting:
    """The part of a world that counts what happened in it, and tells of it."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.random = random = Random(f"{seed}/projecting/made")
        self.stream = Stream()
        self.shards: list[list[dict[str, Any]]] = [[] for _ in range(SHARDS)]
        self.done = [0] * SHARDS
        self.read: set[int] = set()
        """Shards that an invocation is reading."""
        timing: dict[str, Any] = {"sleep": world.clock.sleep, "jitter": random.random}
        self.bus = SimulatedBus(world.faults)
        self.totals = Totals(world.books.orders.table, **timing)
        self.projection = Projection(
            world.books.stores,
            self.totals,
            EventBus(cast("Any", self.bus), "events", **timing),
            lambda: world.payouts,
            lambda: 60_000,
            clock=world.clock.now,
        )
        world.dynamo.observers.append(self.watch)

    def watch(self, write: Write) -> None:
        """Tell of a write in the shard of its item."""
        known = len(self.stream.records)
        self.stream.watch(write)
        shard = self.shards[zlib.crc32(repr(write.key).encode()) % SHARDS]
        shard += self.stream.records[known:]

    def has_more(self) -> bool:
        return any(done < len(shard) for done, shard in zip(self.done, self.shards, strict=True))

    def project(self) -> None:
        """One invocation for a shard that has something to tell and that nobody reads."""
        idle = [n for n in range(SHARDS) if n not in self.read and self.done[n] < len(self.shards[n])]
        if not idle:
            return
        n = self.random.choice(idle)
        if not self.world.is_calm and self.random.random() < 0.1:
            self.done[n] = max(0, self.done[n] - self.random.randint(1, 8))
        most = 100 if self.world.is_calm else self.random.choice((1, 5, 20))
        batch = self.shards[n][self.done[n] : self.done[n] + most]
        self.read.add(n)
        try:
            failed = self.projection.run({"Records": batch})["batchItemFailures"]
        finally:
            self.read.discard(n)
        numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
        self.done[n] += numbers.index(failed[0]["itemIdentifier"]) if failed else len(batch)


def after_all(world: World) -> Instant:
    """Return when every day of a world is over and may be recounted."""
    return instant(world.clock.now().replace(hour=12) + timedelta(days=2))


def violations(world: World, accounts: dict[str, Account], entries: dict[str, list[Entry]]) -> Iterator[str]:
    """Everything that does not hold of what was counted, told and indexed, and what the comparison finds."""
    if world.projecting is None:
        return
    posted = {
        customer_id: [one for one in some if one.status is EntryStatus.POSTED] for customer_id, some in entries.items()
    }
    yield from _compared(world, accounts)
    yield from _counted(world, [one for some in posted.values() for one in some])
    yield from _told(world, posted)
    yield from _found(world)
    yield from _recounted(world)


def _compared(world: World, accounts: dict[str, Account]) -> Iterator[str]:
    made = Reconciliation("2026-01-01", instant(world.clock.now()), OLDEST)
    while made.finished_at is None:
        made, page = compare_next(world.books, STORE, made, instant(world.clock.now()))
        yield from (f"1: the comparison finds {one}" for one in page.differences)
    if accounts and not made.customers:
        yield "1: the comparison looked at nobody"


def _counted(world: World, posted: list[Entry]) -> Iterator[str]:
    """The sums of all days are what entries, payouts and histories come to."""
    assert world.projecting is not None
    days = world.projecting.totals.between(STORE, _FIRST, _LAST)
    said = reduce(add, (day.totals for day in days), DayTotals())
    orders = world.documents().values()
    moves = [
        now.status
        for order in orders
        for was, now in zip((None, *order.history), order.history, strict=False)
        if was is None or was.status is not now.status
    ]
    given = {Kind.ORDER, Kind.MANUAL, Kind.GROUP, Kind.SCENARIO}
    counted = {
        "orders_processed": sum(order.award is not None for order in orders),
        "cashback_issued": sum(max(0, one.amount) for one in posted if one.kind in given),
        "cashback_reversed": -sum(one.amount for one in posted if one.kind is Kind.REVERSAL),
        "cashback_paid_out": paid_out(world),
        "rejected": moves.count(Status.REJECTED),
        "failed": moves.count(Status.FAILED),
    }
    for name, expected in counted.items():
        if getattr(said, name) != expected:
            yield f"totals: {name} is {getattr(said, name)}, and should be {expected}"


def _recounted(world: World) -> Iterator[str]:
    """A recount puts nothing right. Some worlds last longer than it looks back."""
    assert world.projecting is not None
    with patch.object(recount_days, "MISSED_DAYS", 40):
        for one in recount_days.recount_days(
            world.books, world.projecting.totals, STORE, after_all(world), lambda: True
        ):
            if isinstance(one, Drift):
                yield f"totals: {one}"


def _told(world: World, posted: dict[str, list[Entry]]) -> Iterator[str]:
    """The bus was told of everything, of each thing under one id, and alike each time."""
    assert world.projecting is not None
    taken = world.projecting.bus.taken
    bodies: defaultdict[str, set[str]] = defaultdict(set)
    for entry in taken.put:
        bodies[json.loads(entry["Detail"])["event_id"]].add(entry["Detail"])
    yield from (f"events: {event_id} was told as {each}" for event_id, each in bodies.items() if len(each) > 1)
    requests, payouts, lines = documents(world)
    wanted: dict[str, list[tuple[Any, ...]]] = {
        domain_events.PAYOUT_STATUS_CHANGED: [
            (one, line.after["status"]) for one in payouts for line in lines[one] if "status" in line.after
        ],
        domain_events.INCENTIVE_REQUEST_STATUS_CHANGED: [
            (one.incentive_request_id, status)
            for one in requests.values()
            for status in ("requested", *(decided.status.value for decided in one.decisions))
        ],
        domain_events.GROUP_JOB_FINISHED: [
            (job.job_id, job.status.value) for job in (world.jobs.all() if world.jobs else ()) if not job.dry_run
        ],
    }
    for kind, of in (
        (domain_events.CASHBACK_AWARDED, {Kind.ORDER}),
        (domain_events.BALANCE_ADJUSTED, {Kind.MANUAL, Kind.GROUP, Kind.SCENARIO}),
    ):
        wanted[kind] = [
            (transaction_id(*keys.entry(STORE, customer_id, one.cause)), USD.format(one.amount))
            for customer_id, some in posted.items()
            for one in some
            if one.kind in of and (one.amount or one.owed)
        ]
    if world.automation:
        tasks = [moved[-1].task for moved in world.automation.diary.tasks.values()]
        for kind, status in (
            (domain_events.TASK_EXECUTED, TaskStatus.EXECUTED),
            (domain_events.TASK_CANCELLED, TaskStatus.CANCELLED),
        ):
            wanted[kind] = [(task.task_id,) for task in tasks if task.status is status]
    for kind, expected in wanted.items():
        said = Counter(_subject(kind, body) for body in taken.of(kind))
        missing, surplus = Counter(expected) - said, said - Counter(expected)
        # A job in which something failed ends again once that was tried again.
        if missing or any("failed" not in subject for subject in surplus):
            yield f"events: {kind} was told of {surplus}, and not of {missing}"


def _subject(kind: str, data: dict[str, Any]) -> tuple[Any, ...]:
    names = {
        domain_events.PAYOUT_STATUS_CHANGED: ("payout_id", "status"),
        domain_events.INCENTIVE_REQUEST_STATUS_CHANGED: ("incentive_request_id", "status"),
        domain_events.GROUP_JOB_FINISHED: ("job_id", "status"),
        domain_events.TASK_EXECUTED: ("task_id",),
        domain_events.TASK_CANCELLED: ("task_id",),
    }
    if kind in names:
        return tuple(data[name] for name in names[kind])
    return data["transaction_id"], data["amount"]["amount"]


def _found(world: World) -> Iterator[str]:
    """Each payout is found by its words as they are now, and its index has no other."""
    _, payouts, _ = documents(world)
    stand: Counter[str] = Counter()
    for pk, partition in world.dynamo.engine.table("State").partitions.items():
        if str(pk).startswith(payout_keys.payouts_found(STORE, "")):
            stand.update(map(str, partition))
    for payout in payouts.values():
        words = words_of([payout.payout_id, payout.incentive_request_id, payout.username, payout.external_reference])
        place = world.payouts.payouts.place(payout)
        if stand.pop(place, 0) != len(prefixes_of(words)):
            yield f"search: the index has other words for {payout.payout_id}"
        for asked in (payout.payout_id, payout.external_reference):
            if asked is not None:
                page, _ = search_payouts(world.payouts, STORE, asked, PayoutsWanted(), 100, None)
                if payout not in page:
                    yield f"search: {asked} does not find {payout.payout_id}"
    if stand:
        yield f"search: the index knows {sorted(stand)}, which are no payouts"
