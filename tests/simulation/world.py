"""One seed, one world: a shop, its reviewers and its admins on the project's own code, under faults and then in calm.

The worker is the real batch loop over the real parser, decisions and ledger; only DynamoDB, SQS and time are simulated.
Invocations interleave: before any call of one, another may run from its beginning to its end (or to its crash).
"""

from __future__ import annotations

from collections import defaultdict
from copy import replace
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, cast

from cashback.adapters.queues import Queue as StoreEvents
from cashback.adapters.queues import encode
from cashback.domain.api_keys import Role
from cashback.domain.audit import Act, Origin
from cashback.domain.customers import Profile
from cashback.domain.errors import DomainError
from cashback.domain.ledger import (
    Entry,
    EntryStatus,
    Kind,
    OnRefusal,
    Posted,
    Posting,
    Refused,
    Replayed,
    payload_hash,
)
from cashback.domain.money import Currency
from cashback.domain.news import Delivery
from cashback.domain.orders import REVIEWED, Order, Review, Status
from cashback.domain.settings import DEFAULTS
from cashback.domain.stores import StoreDocument, StoreRecord
from cashback.domain.times import instant
from cashback.edge.deps import make_books
from cashback.edge.worker import Batch
from cashback.services.review_order import approve_order, reject_order
from tests.simulation.dynamo import Clock, Crash, Faults, Rates, SimulatedDynamo, Write
from tests.simulation.project_tables import table_specs
from tests.simulation.queue import Queue, Traffic
from tests.simulation.shop import ShopOrder, life, some_order
from tests.simulation.sqs import SimulatedSqs

if TYPE_CHECKING:
    from collections.abc import Callable

STORE = "shop"
USD = Currency("USD", 2)


@dataclass(slots=True)
class Adjustment:
    """What an admin asks for with one Idempotency-Key, however often the call is repeated."""

    key: str
    customer_id: str
    amount: int
    absolute: bool = False


class World:
    """Everything of one seed."""

    def __init__(self, seed: int, *, trace: list[str] | None = None) -> None:
        self.random = random = Random(seed)
        self.clock = Clock()
        self.faults = Faults(seed=seed, rates=Rates(), trace=trace)
        self.dynamo = SimulatedDynamo(
            table_specs(), clock=self.clock, faults=self.faults, sdk_retries=random.choice((0, 2))
        )
        self.dead = Queue("dead", self.clock, seed=seed)
        self.queue = Queue(
            "events", self.clock, seed=seed, visibility=180, max_receive_count=20, dead_letters=self.dead
        )
        self.books = make_books(
            cast("Any", self.dynamo),
            "Ledger",
            "State",
            lambda: b"the key that contacts are hashed with",
            sleep=self.clock.sleep,
            jitter=random.random,
        )
        self.settings = self._create_store()
        self.customers = [str(100 + n) for n in range(random.randint(1, 3))]
        self.orders = [some_order(random, 1_000 + n, self.customers) for n in range(random.randint(1, 4))]
        self.deliveries = self._deliveries()
        self.adjustments = [self._adjustment(n) for n in range(random.randint(0, 8))]
        self.answers: defaultdict[str, set[str]] = defaultdict(set)
        self.verdicts: defaultdict[str, set[str]] = defaultdict(set)
        self.commits: defaultdict[int, list[Write]] = defaultdict(list)
        self.depth = 0
        self.busy = random.choice((0.0, 0.05, 0.2))
        self.dynamo.observers.append(self._watch)

    # ---- making the world

    def _create_store(self) -> Any:
        random = self.random
        document = {
            **DEFAULTS,
            "name": "Shop",
            "timezone": "Europe/Berlin",
            "auto_processing": random.random() < 0.7,
            "base_rate": random.choice(("0.05", "0.1", "0.333333", "1")),
            "clawback": random.choice(("partial", "partial", "full_or_skip", "allow_negative")),
            "max_award": random.choice((None, None, "10.00")),
            "tiers": random.choice(([], [{"name": "Gold", "min_spent": "50.00", "rate": "0.2"}])),
        }
        now = instant(self.clock.now())
        first = StoreDocument(STORE, 1, USD, document, now, now, "test", {})
        record = StoreRecord(STORE, "Shop", now, None, None)
        assert (
            self.books.stores.create(record, first, (), Act("store_created", STORE, now, Origin("test", "r", "-")))
            is None
        )
        return first.settings()

    def _deliveries(self) -> list[Delivery]:
        """What the shop sends, roughly as it happens: orders interleave, and some messages overtake others."""
        told = [life(self.random, order) for order in self.orders]
        deliveries: list[Delivery] = []
        while any(told):
            topic, body = self.random.choice([story for story in told if story]).pop(0)
            now = instant(self.clock.now())
            deliveries.append(Delivery(STORE, "shopify", topic, f"d{len(deliveries)}", now, body))
        for i in range(len(deliveries) - 1):
            if self.random.random() < 0.3:
                deliveries[i], deliveries[i + 1] = deliveries[i + 1], deliveries[i]
        return deliveries

    def _adjustment(self, n: int) -> Adjustment:
        amount = self.random.choice((500, 2_000, -100, -300, -1_000))
        customer_id = self.random.choice(self.customers)
        if self.random.random() < 0.25:
            return Adjustment(f"set{n}", customer_id, abs(amount), absolute=True)
        return Adjustment(f"adj{n}", customer_id, amount)

    def _watch(self, write: Write) -> None:
        """Keep what each call committed, for the invariants that are about single postings."""
        self.commits[write.call].append(write)

    # ---- running it

    def run(self) -> World:
        """Chaos, then calm; in the end nothing may be waiting."""
        self._chaos()
        self._calm()
        return self

    def _chaos(self) -> None:
        rate = self.random.choice((0.0, 0.02, 0.06))
        self.faults.set_rates(Rates.chaos(rate) if rate else Rates())
        self.queue.traffic = Traffic(duplicate=0.1, resurrect=0.1, reorder=0.5)
        self.faults.before_call = self._interleave
        unsent = list(self.deliveries)
        for _ in range(len(unsent) * 2 + 8):
            if unsent and self.random.random() < 0.7:
                self._send(unsent.pop(0))
            self._invoke(self._actor())
            self.clock.advance(self.random.choice((0, 1, 31, 200)))
        for delivery in unsent:
            self._send(delivery)

    def _calm(self) -> None:
        self.faults.calm()
        self.faults.before_call = None
        self.queue.calm()
        for _ in range(300):
            self.work()
            self.clock.advance(100)
            if not self.queue.messages:
                break
        for adjustment in self.adjustments:
            self.adjust(adjustment)
        for order in self.orders:
            self.review(order)

    def _send(self, delivery: Delivery) -> None:
        self.queue.send(encode(delivery), group=delivery.store_id)

    def _actor(self) -> Callable[[], None]:
        drawn = self.random.random()
        if drawn < 0.25 and self.adjustments:
            adjustment = self.random.choice(self.adjustments)
            return lambda: self.adjust(adjustment)
        if drawn < 0.4:
            order = self.random.choice(self.orders)
            return lambda: self.review(order)
        return self.work

    def _invoke(self, actor: Callable[[], None]) -> None:
        """One invocation of a function, which may be killed."""
        self.depth += 1
        try:
            actor()
        except Crash:
            pass
        finally:
            self.depth -= 1

    def _interleave(self, _index: int, _operation: str) -> None:
        if self.depth < 3 and self.random.random() < self.busy:
            self._invoke(self._actor())

    # ---- what runs in it

    def work(self) -> None:
        """One invocation of the event worker."""
        records = self.queue.receive(self.random.randint(1, 5))
        if not records:
            return
        sqs = cast("Any", SimulatedSqs([self.queue, self.dead], self.faults))
        batch = Batch(self.books, StoreEvents(sqs, self.queue.url, self.dead.url), clock=self.clock.now)
        failed = {failure["itemIdentifier"] for failure in batch.run({"Records": records})["batchItemFailures"]}
        for record in records:
            if record["messageId"] not in failed:
                self.queue.delete(record["receiptHandle"])

    def adjust(self, adjustment: Adjustment) -> None:
        """An admin's call, made again until it is answered; the answer must never change."""
        entry = Entry(
            cause=f"adm:{adjustment.key}",
            kind=Kind.MANUAL,
            amount=adjustment.amount,
            actor="admin",
            payload_hash=payload_hash(adjustment.key),
        )
        now = instant(self.clock.now())
        posting = Posting(STORE, adjustment.customer_id, now, entries=(entry,), on_refusal=OnRefusal.FINAL)
        try:
            self.books.customers.create(STORE, Profile(adjustment.customer_id, "", now), now)
            if adjustment.absolute:
                outcome = self.books.ledger.set_available(replace(posting), adjustment.amount)
            else:
                outcome = self.books.ledger.post(posting)
        except DomainError as error:
            if not (error.retryable or adjustment.absolute):
                raise
            return
        match outcome:
            case Posted(entries=entries) | Replayed(entries=entries):
                rejected = entries[0].status is EntryStatus.REJECTED
                self.answers[adjustment.key].add("refused" if rejected else f"posted {entries[0].amount}")
            case Refused():
                self.answers[adjustment.key].add("refused")
            case _:
                self.answers[adjustment.key].add(repr(outcome))

    def review(self, shop_order: ShopOrder) -> None:
        """Two reviewers look at one order; each acts on what it saw, and repeats its call until it is answered."""
        reviewer = self.random.choice(("ann", "bob"))
        key = f"{reviewer}:{shop_order.order_id}"
        try:
            order = self.books.orders.get(STORE, shop_order.order_id)
            if order is None or (order.status not in REVIEWED and order.review is None):
                return
            now = instant(self.clock.now())
            if reviewer == "ann":
                review = Review("approved", "ann", now, payload_hash(key), "body", expected=order.calculated)
                decided, _ = approve_order(self.books, self.settings, order.order_id, review, Role.ADMIN)
            else:
                review = Review("rejected", "bob", now, payload_hash(key), "body")
                decided, _ = reject_order(self.books, self.settings, order.order_id, "suspicious", review)
        except DomainError:
            return
        assert decided.review is not None
        self.verdicts[order.order_id].add(decided.review.verdict)

    # ---- what is left of it

    def documents(self) -> dict[str, Order]:
        """Every order as it stands."""
        orders = (self.books.orders.get(STORE, order.order_id) for order in self.orders)
        return {order.order_id: order for order in orders if order is not None}

    def processed(self) -> int:
        return sum(order.status is Status.PROCESSED for order in self.documents().values())
