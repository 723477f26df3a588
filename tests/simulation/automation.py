"""What runs the scenarios of a world: two queues and their workers, the Scheduler, and what happens once a day."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any, cast

from cashback.adapters.alarm_clock import AlarmClock
from cashback.adapters.dynamo.codec import from_item
from cashback.adapters.messages import Messages
from cashback.adapters.task_queue import TaskQueue, decode_action
from cashback.domain.due import hour_from, hour_of
from cashback.domain.errors import DomainError
from cashback.domain.tasks import Step, TaskStep
from cashback.domain.times import Instant, instant, moment
from cashback.edge.action_worker import ActionBatch
from cashback.edge.credit_worker import CreditBatch
from cashback.services.books import Outlets
from cashback.services.greet_birthdays import greet_birthdays
from tests.simulation.campaigns import Campaigning, CancellingByHand, Redeeming, some_changes, some_scenario
from tests.simulation.clock import START
from tests.simulation.diary import Diary
from tests.simulation.faults import Rates
from tests.simulation.outside import Fickleness, SimulatedScheduler, SimulatedSender
from tests.simulation.queue import Queue, Traffic
from tests.simulation.sqs import SimulatedSqs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from cashback.domain.news import Delivery
    from tests.simulation.persons import Person
    from tests.simulation.shop import ShopOrder
    from tests.simulation.world import World

SHARE = 0.1
"""Of the worlds, those whose store has scenarios."""

SWEPT = 300.0
"""Seconds between two sweeps."""

MORNINGS = (1, 2, 3, 4)
"""Days of the month on which the daily function still runs, at nine of the store's clock."""

ALARMS_RING_FOR = 121.0
"""Seconds after which the sweeper looks for a task that is due, and a little more."""

MOST_MOMENTS = 1_500
MOST_RECEIVES = 14


def has_scenarios(seed: int) -> bool:
    return Random(f"{seed}/automation").random() < SHARE


class NotedAlarms(AlarmClock, frozen=True, kw_only=True):
    """The alarm clock, which says what it was set for."""

    world: Any

    def set(self, store_id: str, task_id: str, step: Step, at: Instant, now: Instant) -> None:
        super().set(store_id, task_id, step, at, now)
        self.world.automation.diary.alarms[task_id, step].append(self.world.tick())


class WatchedActions(ActionBatch, kw_only=True):
    """The worker of actions, whose present task is known: messages do not say which task they are of."""

    at_work: list[str]

    def handle(self, record: Mapping[str, Any], receives: int) -> None:
        step = decode_action(record["body"])
        self.at_work.append(step.task_id if isinstance(step, TaskStep) else "")
        try:
            super().handle(record, receives)
        finally:
            self.at_work.pop()


class Automation:
    """The part of a world that its scenarios live in. Time passes in it from one thing to the next."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.random = random = Random(f"{seed}/automation/made")
        self.diary = Diary(world)
        self.at_work: list[str] = [""]
        clock, faults = world.clock, world.faults
        self.rests: dict[str, Any] = {"sleep": clock.sleep, "jitter": Random(f"{seed}/automation/rests").random}
        self.actions, self.credits = (
            Queue(name, clock, seed=seed, visibility=180, max_receive_count=20, dead_letters=world.dead)
            for name in ("actions", "credits")
        )
        sqs = cast("Any", SimulatedSqs([self.actions, self.credits, world.dead], faults))
        self.action_queue = TaskQueue(sqs, self.actions.url, world.dead.url)
        self.credit_queue = TaskQueue(sqs, self.credits.url, world.dead.url)
        lost = random.choice((0.0, 0.0, 0.2, 1.0))
        self.scheduler = SimulatedScheduler(clock, faults, self.actions, Fickleness(lost, 0.1, 0.1, 0.1), seed=seed)
        self.sender = SimulatedSender(faults, lambda: self.at_work[-1], seed=seed)
        names = {name: name for name in ("queue_arn", "dlq_arn", "role_arn", "group", "name_prefix")}
        alarms = NotedAlarms(self.action_queue, lambda: self.scheduler, **names, world=world)
        messages = Messages(lambda: self.sender, lambda: self.sender, "shop@example.com")
        self.outlets = Outlets(alarms, self.credit_queue, messages)
        self.birthdays = ("1990-01-02", "1985-01-03") if random.random() < 0.3 else ("1990-06-01",)
        self.swept_at = clock.time()
        self.mornings_done = 0

    def persons(self) -> list[Person]:
        """Who makes scenarios, cancels tasks and redeems codes."""
        random = self.random
        made: list[Person] = []
        for n in range(random.choice((1, 2, 2, 3, 4))):
            scenario = some_scenario(random, f"scn{n}")
            made.append(Campaigning(scenario, some_changes(random, scenario)))
        made += [CancellingByHand() for _ in range(random.choice((0, 0, 1)))]
        return [*made, *[Redeeming(name) for name in ("joe", "sue")[: random.choice((0, 0, 1, 2))]]]

    def orders(self) -> int:
        """How many orders the shop has."""
        return self.random.randint(2, 5)

    def spread(self, orders: list[ShopOrder]) -> None:
        """Let the shop's orders be of different times, and each take its own."""
        for order in orders:
            order.began = order.minute = self.random.randint(1, self.random.choice((120, 3_000)))
            order.pace = self.random.choice((1, 7, 60, 400))

    def timetable(self, deliveries: list[Delivery]) -> list[tuple[float, Delivery]]:
        """When the shop tells what: in the order in which it happened, more or less."""
        now = self.world.clock.time()
        told: list[tuple[float, Delivery]] = []
        for delivery in deliveries:
            at = moment(delivery.received_at).timestamp()
            ahead = -60.0 if delivery.topic.startswith("order") else 0.0
            told.append((max(now, at + self.random.choice((ahead, 0.0, 1.0, 90.0, 2_000.0))), delivery))
        return sorted(told, key=lambda one: one[0])

    def actor(self) -> Callable[[], None]:
        """One of the workers."""
        return self.random.choices((self.act, self.credit, self.world.sweep, self.greet), (60, 20, 15, 5))[0]

    def storm(self) -> None:
        for queue in (self.actions, self.credits):
            queue.traffic = Traffic(duplicate=0.1, resurrect=0.1, reorder=0.5)

    def calm(self) -> None:
        for queue in (self.actions, self.credits):
            queue.calm()

    def is_worn_out(self) -> bool:
        """Tell whether a message will soon have failed so often that its queue gives it up."""
        queues = [queue for queue, _ in self._workers()]
        return any(message.received > MOST_RECEIVES for queue in queues for message in queue.messages)

    # ---- what runs

    def act(self) -> None:
        """One invocation of the action worker."""
        if not (records := self.actions.receive(self.random.randint(1, 4))):
            return
        books, now, before = self.world.books, self.world.clock.now, len(self.at_work)
        batch = WatchedActions(self.action_queue, books, self.outlets, clock=now, at_work=self.at_work, **self.rests)
        try:
            _settle(self.actions, records, batch.run({"Records": records}))
        finally:
            del self.at_work[before:]

    def credit(self) -> None:
        """One invocation of the credit worker."""
        if records := self.credits.receive(self.random.randint(1, 4)):
            batch = CreditBatch(self.credit_queue, self.world.books, clock=self.world.clock.now, **self.rests)
            _settle(self.credits, records, batch.run({"Records": records}))

    def greet(self) -> None:
        """What the daily function does about birthdays."""
        world, began = self.world, self.world.tick()
        try:
            now = instant(world.clock.now())
            done = [
                greet_birthdays(world.books, lambda: self.outlets.alarms, store_id, now)
                for store_id in list(world.books.stores.ids())
            ]
        except DomainError as error:
            if not error.retryable:
                raise
            return
        if "greeted" in done:
            self.diary.mornings.append((began, world.tick(), instant(world.clock.now())))

    def _workers(self) -> list[tuple[Queue, Callable[[], None]]]:
        return [*self.world.workers(), (self.actions, self.act), (self.credits, self.credit)]

    # ---- time

    def live_on(self) -> None:
        """Let time pass in the calm until nothing is left to come."""
        world = self.world
        for _ in range(MOST_MOMENTS):
            at, sweep_at, morning = self.next_at(), self._sweep_at(), self._morning()
            if at is None:
                return
            self.pass_until(at)
            world.send_told()
            for queue, worker in self._workers():
                if _visible(queue):
                    world.invoke(worker)
            if sweep_at == at:
                self.swept_at = at
                world.invoke(world.sweep)
            if morning == at:
                self.mornings_done += 1
                world.invoke(self.greet)

    def next_at(self) -> float | None:
        """When the next thing is to be done; None when nothing is left."""
        world = self.world
        moments = [queue.next_visible_at() for queue, _ in self._workers()]
        moments += [self.scheduler.next_at(), world.told_at(), self._sweep_at(), self._morning()]
        return min((moment for moment in moments if moment is not None), default=None)

    def pass_until(self, at: float) -> None:
        """Let time pass, and the Scheduler ring. Sweeps that would find nothing are left out, but for their bookmark:
        it stands where they would have left it."""
        clock = self.world.clock
        if at > clock.time():
            clock.advance(at - clock.time())
            self.world.faults.note(f"{clock.now():%d %H:%M:%S}")
        self.scheduler.ring()
        hours = [hour_of(due) for due in self._dues()]
        with self._undisturbed():
            bookmark = self.world.due.bookmark()
            passed = min([*hours, hour_from(hour_of(instant(clock.now())), -1)])
            if bookmark is None or bookmark < hour_from(passed, -3):
                self.world.due.move_bookmark(passed)

    def _dues(self) -> list[str]:
        partitions = self.world.dynamo.engine.table("State").partitions.values()
        due = (item["due_sk"] for partition in partitions for item in partition.values() if "due_sk" in item)
        return sorted(str(from_item({"at": at})["at"]).partition("#")[0] for at in due)

    def _sweep_at(self) -> float | None:
        """When the next sweep has something to do, which leaves the alarms their two minutes first."""
        due = self._dues()
        if not due:
            return None
        after = max(moment(due[0]).timestamp() + ALARMS_RING_FOR, self.swept_at + 1, self.world.clock.time())
        return -(-after // SWEPT) * SWEPT

    def _morning(self) -> float | None:
        if len(self.birthdays) == 1 or self.mornings_done == len(MORNINGS):
            return None
        at = START + timedelta(days=MORNINGS[self.mornings_done] - 1, hours=8, minutes=10)
        return max(at.timestamp(), self.world.clock.time())

    @contextmanager
    def _undisturbed(self) -> Iterator[None]:
        faults = self.world.faults
        rates, hook, faults.before_call = faults.rates, faults.before_call, None
        faults.set_rates(Rates())
        yield
        faults.before_call = hook
        faults.set_rates(rates)


def _visible(queue: Queue) -> bool:
    at = queue.next_visible_at()
    return at is not None and at <= queue.clock.time() + 1e-3


def _settle(queue: Queue, records: list[dict[str, Any]], answer: dict[str, Any]) -> None:
    failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
    for record in records:
        if record["messageId"] not in failed:
            queue.delete(record["receiptHandle"])
