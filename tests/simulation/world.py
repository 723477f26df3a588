"""One seed, one world: a shop, its reviewers and its admins on the project's own code, under faults and then in calm.

The worker is the real batch loop over the real parser, decisions and ledger, the sweeper the real sweep; only DynamoDB,
SQS and time are simulated. Invocations interleave: before any call of one, another may run from its beginning to its
end (or to its crash). Each kind of news and of persons is in a share of the worlds, so that the others stay fast.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, cast

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.api_keys import ApiKeys
from cashback.adapters.dynamo.codec import from_item
from cashback.adapters.dynamo.documents import order_of
from cashback.adapters.dynamo.due import DueIndex
from cashback.adapters.queues import EventQueue, decode, encode
from cashback.domain.due import hour_of
from cashback.domain.errors import DomainError
from cashback.domain.orders import Order, Status
from cashback.domain.settings import Clawback
from cashback.domain.times import Instant, instant
from cashback.edge.deps import make_books, make_payout_books
from cashback.edge.sweeper import ENOUGH_TIME, Sweep
from cashback.edge.worker import EventBatch
from cashback.storefronts import parsing
from tests.simulation.automation import Automation, has_scenarios
from tests.simulation.clock import START
from tests.simulation.diary import Invocation
from tests.simulation.dynamo import Clock, Crash, Faults, Rates, SimulatedDynamo, Write
from tests.simulation.jobs import Jobs, has_jobs, small_chunks
from tests.simulation.making import CLAIM_DAYS, deliveries, open_store, persons
from tests.simulation.memory import Memory
from tests.simulation.persons import STORE, Governing
from tests.simulation.project_tables import table_specs
from tests.simulation.projecting import Projecting, is_projected
from tests.simulation.queue import Queue, Traffic
from tests.simulation.shop import some_order
from tests.simulation.sqs import SimulatedSqs
from tests.simulation.withdrawals import is_office

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cashback.domain.news import Delivery
    from cashback.domain.orders import Told


NEXT_DAY = START + timedelta(days=1)
"""When it all is told: after every minute of the shop's day."""


WRITES = frozenset({"TransactWriteItems", "PutItem", "UpdateItem"})


class PlainSeals:
    """Seals nothing: what is in a payment account is no matter of these worlds."""

    def seal(self, text: str, _context: dict[str, str]) -> bytes:
        return text.encode()

    def open(self, sealed: bytes, _context: dict[str, str]) -> str:
        return sealed.decode()


class World:
    """Everything of one seed."""

    def __init__(self, seed: int, *, trace: list[str] | None = None) -> None:
        self.memory = Memory()
        self.random = random = Random(seed)
        self.clock = Clock(START if has_scenarios(seed) else NEXT_DAY)
        self.faults = Faults(seed=seed, rates=Rates(), trace=trace)
        self.dynamo = SimulatedDynamo(
            table_specs(), clock=self.clock, faults=self.faults, sdk_retries=random.choice((0, 2))
        )
        self.dead = Queue("dead", self.clock, seed=seed)
        self.queue = Queue(
            "events", self.clock, seed=seed, visibility=180, max_receive_count=20, dead_letters=self.dead
        )
        self.automation = Automation(self, seed) if has_scenarios(seed) else None
        self.books = make_books(
            cast("Any", self.dynamo),
            "Ledger",
            "State",
            lambda: b"the key that contacts are hashed with",
            steps=lambda: self._automated.action_queue,
            make_seals=lambda: cast("Any", PlainSeals()),
            sleep=self.clock.sleep,
            jitter=random.random,
            clock=self.clock.monotonic,
        )
        self.payouts = make_payout_books(self.books, cast("Any", self.dynamo), "State", lambda: b"the same key")
        self.emails = (
            [f"guest{n}@example.com" for n in range(random.choice((1, 1, 2, 3)))] if random.random() < 0.3 else []
        )
        self.sold = ["501", "502", "503"][: random.randint(1, 3)] if random.random() < 0.2 else []
        self.people_go = random.random() < 0.2
        self.is_office = is_office(seed) and not self.automation
        self.is_brief = bool(self.emails or self.sold) and random.random() < 0.3 and not self.automation
        """Told of in few words at once: nothing comes later that would mend what was overlooked."""
        self.projecting = Projecting(self, seed) if is_projected(seed) else None
        self.settings = open_store(self)
        self.due = DueIndex(self.books.orders.table)
        self.api_keys = ApiKeys(self.books.orders.table)
        self.jobs = Jobs(self, seed) if has_jobs(seed) else None
        if self.emails or self.automation or self.jobs:
            self.due.move_bookmark(hour_of(self.now()))
        self.customers = [
            str(100 + n) for n in range(1 if self.is_office else random.randint(2 if self.emails else 1, 3))
        ]
        if self.jobs:
            self.jobs.open_groups(self.customers)
        self.orders = [
            some_order(random, 1_000 + n, self.customers, emails=self.emails, sold=self.sold, **self._selling())
            for n in range(
                self.automation.orders() if self.automation else 1 if self.is_brief else random.randint(1, 4)
            )
        ]
        if self.automation:
            self.automation.spread(self.orders)
        self.deliveries, self.late = deliveries(self)
        self.persons = persons(self)
        self._news: dict[str, Told] = {}
        self.answers: defaultdict[str, set[str]] = defaultdict(set)
        self.verdicts: defaultdict[str, set[str]] = defaultdict(set)
        self.commits: defaultdict[int, list[Write]] = defaultdict(list)
        self.since: dict[tuple[str, str], Instant] = {}
        """Since when each verified contact stands."""
        self.callers: dict[str, str] = {}
        """Whose call each was that changed a payout, by its id."""
        self.enrolled: dict[str, Instant] = {}
        """When each account was opened, by its partition."""
        self.claims: list[tuple[str, set[str]]] = []
        """Each guest's order that became somebody's, and whose contact it had been before that invocation began."""
        self.began: Instant = ""
        self.depth = 0
        self.invocation = Invocation(0, is_worker=False)
        self.is_calm = False
        self.calm_at: Instant = ""
        self.calm_from = self.ticks = 0
        self.untold: list[tuple[float, Delivery]] = []
        """What the shop tells at a time of its own, where time matters."""
        often = (0.05, 0.2, 0.4) if self.automation or self.jobs else (0.0, 0.05, 0.2)
        self.busy = random.choice((0.2, 0.5)) if self._is_small else random.choice(often)
        self.days = random.choice((0, 1)) if self.emails and not self.automation else 0
        self.dynamo.observers.append(self._watch)
        if self.automation:
            self.untold = self.automation.timetable(self.deliveries)
            self.dynamo.observers.append(self.automation.diary.note)

    @property
    def _is_small(self) -> bool:
        return self.is_brief or self.is_office

    @property
    def _automated(self) -> Automation:
        assert self.automation, "no scenario starts anything in these worlds"
        return self.automation

    def _selling(self) -> dict[str, Any]:
        return {"sources": (45, 45, 10)} if self.automation else {}

    def _watch(self, write: Write) -> None:
        """Keep what each call committed, for the invariants that are about single postings, and since when what is."""
        self.commits[write.call].append(write)
        pk, sk = str(write.key[0]), str(write.key[1])
        if "#CONTACT#" in pk:
            self.since[pk, sk] = instant(self.clock.now())
        if sk == "ACCOUNT" and write.old is None:
            self.enrolled[pk] = instant(self.clock.now())
        is_somebodys = sk == "ORDER" and "customer_pk" in (write.new or {})
        if self.emails and write.new and is_somebodys and "customer_pk" not in (write.old or {}):
            self._watch_claim(order_of(from_item(write.new)))

    def _watch_claim(self, order: Order) -> None:
        body = order.facts.body
        if body is not None and body.customer_id is None:
            holders = {keys.contact_holders(STORE, mac) for mac in body.contacts}
            stand = self.dynamo.engine.table("State").partitions
            before = {
                sk for (pk, sk), at in self.since.items() if pk in holders and sk in stand[pk] and at < self.began
            }
            self.claims.append((order.order_id, before))

    # ---- running it

    def tick(self) -> int:
        """Number what happens, in the order in which it does: calls are numbered before others interleave with them."""
        self.ticks += 1
        return self.ticks

    def now(self) -> Instant:
        """The present; no two calls are of one moment."""
        self.clock.advance(0.001)
        return instant(self.clock.now())

    def run(self) -> World:
        """Chaos, then calm; in the end nothing may be waiting."""
        with self.memory.in_use(), small_chunks() if self.jobs else nullcontext():
            self._chaos()
            self._calm()
        return self

    def _chaos(self) -> None:
        rate = self.random.choice((0.0, 0.02, 0.06))
        self.faults.set_rates(Rates.chaos(rate) if rate else Rates())
        self.queue.traffic = Traffic(duplicate=0.1, resurrect=0.1, reorder=0.5)
        self.faults.before_call = self._interleave
        if self.jobs:
            self.jobs.storm()
        if self.automation:
            self._automated_chaos(self.automation)
            return
        unsent = list(self.deliveries)
        for _ in range(len(unsent) * 2 + (30 if self.is_office else 8)):
            while unsent and (self.is_brief or self.random.random() < 0.5):
                self._send(unsent.pop(0))
            self.invoke(self._actor())
            self.clock.advance(self.random.choice((0, 1, 31, 200)))
        for delivery in unsent:
            self._send(delivery)

    def _automated_chaos(self, automation: Automation) -> None:
        """Time goes on by itself, or to where there is something to do."""
        automation.storm()
        for _ in range(len(self.deliveries) * 3 + 20):
            if automation.is_worn_out():
                return
            self.send_told()
            self.invoke(self._actor())
            at = automation.next_at() if self.random.random() < 0.4 else None
            automation.pass_until(at or self.clock.time() + self.random.choice((0, 1, 31, 200)))

    def _redrive(self) -> None:
        """Send back what was received too often while the faults lasted, as the runbook says. What the code itself
        gave up stays among the dead letters, and breaks a rule."""
        automated = [self.automation.actions, self.automation.credits] if self.automation else []
        for queue in [*(queue for queue, _ in self.workers()), *automated]:
            self.dead.redrive(queue, source=queue.arn)

    def _calm(self) -> None:
        self.faults.calm()
        self.faults.before_call = None
        self.queue.calm()
        self.is_calm, self.calm_at, self.calm_from = True, instant(self.clock.now()), self.tick()
        if self.automation:
            self.automation.calm()
        if self.jobs:
            self.jobs.calm()
        for person in self.persons:
            person.settle(self)
        self._drain()
        self._redrive()
        for delivery in self.late:
            self._send(delivery)
        self._drain()
        for person in self.persons:
            person.again(self)
        self._drain()
        for _ in self.jobs.resume() if self.jobs else ():
            self._drain()
        if any(order.claim_until for order in self.documents().values()):
            self.clock.advance(timedelta(days=CLAIM_DAYS, hours=1))
            self.invoke(self.sweep)
            self._drain()

    def _drain(self) -> None:
        self._empty_queues()
        while self.projecting and self.projecting.has_more():
            self.invoke(self.projecting.project)

    def _empty_queues(self) -> None:
        if self.automation:
            self.automation.live_on()
            return
        for _ in range(300):
            waiting = [worker for queue, worker in self.workers() if queue.messages]
            if not waiting:
                return
            for worker in waiting:
                self.invoke(worker)
            self.clock.advance(100)

    def workers(self) -> list[tuple[Queue, Callable[[], None]]]:
        """The queues that every world of this kind has, each with its worker."""
        jobs = [(self.jobs.queue, self.jobs.work)] if self.jobs else []
        return [(self.queue, self.work), *jobs]

    def told_at(self) -> float | None:
        """When the shop tells the next thing."""
        return self.untold[0][0] if self.untold else None

    def send_told(self) -> None:
        """Send what the shop has told by now."""
        while self.untold and self.untold[0][0] <= self.clock.time() + 1e-3:
            self._send(self.untold.pop(0)[1])

    def _send(self, delivery: Delivery) -> None:
        self.queue.send(encode(delivery), group=delivery.store_id)

    def _actor(self) -> Callable[[], None]:
        drawn = self.random.random()
        if self.projecting and self.projecting.has_more() and self.projecting.random.random() < 0.2:
            return self.projecting.project
        if self.automation and drawn < 0.45:
            return self.jobs.work if self.jobs and drawn < 0.15 else self.automation.actor()
        if drawn < (0.65 if self.automation else 0.8 if self.is_office else 0.4):
            person = self.random.choice(self.persons)
            return partial(person.act, self)
        if self.emails and drawn < 0.43:
            return self.sweep
        if self.jobs and drawn < 0.7:
            return self.jobs.work
        return self.work

    def invoke(self, actor: Callable[[], None]) -> None:
        """One invocation of a function, which may be killed."""
        if not self.depth and self.emails:
            self.began = instant(self.clock.now())
        self.depth += 1
        before, is_worker = self.invocation, not isinstance(actor, partial)
        self.invocation = Invocation(self.tick(), is_worker)
        try:
            actor()
        except Crash:
            pass
        finally:
            self.depth -= 1
            self.invocation = before

    def _interleave(self, _index: int, operation: str) -> None:
        """Let somebody act before a call: most of all before what was decided from earlier reads is written."""
        odds = self.busy * (2.0 if operation in WRITES else 0.5)
        if self.depth < 3 and self.random.random() < odds:
            self.invoke(self._actor())

    # ---- what runs in it

    def work(self) -> None:
        """One invocation of the event worker."""
        began = self.tick()
        records = self.queue.receive(1 if self.is_brief else self.random.randint(1, 5))
        if not records:
            return
        sqs = cast("Any", SimulatedSqs([self.queue, self.dead], self.faults))
        events = EventQueue(sqs, self.queue.url, self.dead.url)
        alarms = lambda: self._automated.outlets.alarms  # noqa: E731
        batch = EventBatch(events, self.books, alarms, clock=self.clock.now)
        failed = {failure["itemIdentifier"] for failure in batch.run({"Records": records})["batchItemFailures"]}
        if failed and self.automation:
            self.automation.diary.cut_off.add(began)
        for record in records:
            if record["messageId"] not in failed:
                self.queue.delete(record["receiptHandle"])
                if self.automation:
                    handled = self.automation.diary.handled[decode(record["body"]).delivery_id]
                    handled.append((began, self.tick()))

    def sweep(self) -> None:
        """One invocation of the sweeper; now and then the first one for a day."""
        if self.days and self.random.random() < 0.3:
            self.days -= 1
            self.clock.advance(timedelta(days=CLAIM_DAYS))
        try:
            Sweep(
                self.books,
                self.due,
                self.api_keys,
                lambda: cast("Any", self.jobs).books,
                cast("Any", None),
                lambda: 10 * ENOUGH_TIME,
                clock=self.clock.now,
            ).run()
        except DomainError as error:
            if not error.retryable:
                raise

    @contextmanager
    def answering(self, key: str) -> Iterator[None]:
        """A call under a key. Refused it may be, but not once it was answered."""
        try:
            yield
        except DomainError as error:
            if self.answers[key] and not error.retryable:
                self.answers[key].add(f"refused: {error.code}")

    # ---- what is left of it

    def policies(self) -> set[Clawback]:
        """Every clawback policy that there may have been."""
        changed = [person.changes for person in self.persons if isinstance(person, Governing)]
        return {self.settings.clawback, *(Clawback(one["clawback"]) for one in changed if "clawback" in one)}

    def news_of(self, delivery: Delivery) -> Told:
        """What a delivery tells of, read at the first settings; each is read once, however many invariants ask."""
        if delivery.delivery_id not in self._news:
            source, topic, body, at = delivery.source, delivery.topic, delivery.body, delivery.received_at
            self._news[delivery.delivery_id] = parsing.read(source, topic, body, self.settings, at)
        return self._news[delivery.delivery_id]

    def documents(self) -> dict[str, Order]:
        """Every order as it stands."""
        orders = (self.books.orders.get(STORE, order.order_id) for order in self.orders)
        return {order.order_id: order for order in orders if order is not None}

    def processed(self) -> int:
        return sum(order.status is Status.PROCESSED for order in self.documents().values())
