"""A shop with scenarios: the real services and workers on simulated tables and queues, and time that tests move."""

from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, Final, cast

from cashback.adapters.alarm_clock import AlarmClock
from cashback.adapters.dynamo.codec import from_item
from cashback.adapters.dynamo.due import DueIndex
from cashback.adapters.dynamo.reconciliations import Reconciliations
from cashback.adapters.dynamo.tasks import Tasks
from cashback.adapters.dynamo.totals import Totals
from cashback.adapters.messages import Messages
from cashback.adapters.task_queue import TaskQueue
from cashback.domain.delays import Delay, Unit
from cashback.domain.news import CustomerNews
from cashback.domain.orders import News, Order
from cashback.domain.scenarios import Actions, Condition, Scenario, ScenarioStatus, Success, Trigger
from cashback.domain.tasks import Action, ActionStatus, Task
from cashback.domain.times import Instant, instant, moment
from cashback.edge.action_worker import ActionBatch
from cashback.edge.credit_worker import CreditBatch
from cashback.edge.daily import ENOUGH_TIME, Daily
from cashback.services.books import Outlets
from cashback.services.follow_tasks import follow_order, follow_registration
from cashback.services.record_customer import record_customer
from cashback.services.record_order import hear_news
from tests.simulation.clock import Clock
from tests.simulation.errors import client_error
from tests.simulation.faults import Fault, Faults
from tests.simulation.queue import Queue
from tests.simulation.sqs import SimulatedSqs
from tests.unit.builders import CUSTOMER, NOW, STORE, Shop, at, body, line, news

SCENARIO: Final = "scn_1"
HOUR: Final = Delay(1, Unit.HOURS)
CREDIT: Final = Actions(credit=500)
LONG_AGO: Final = "2026-01-01T00:00:00.000000Z"


def scenario(trigger: Trigger = Trigger.ORDER_PAID, scenario_id: str = SCENARIO, **terms: Any) -> Scenario:
    """An active scenario that credits 5.00 an hour after an order was paid."""
    given: dict[str, Any] = {
        "name": "Thanks",
        "status": ScenarioStatus.ACTIVE,
        "actions": CREDIT,
        "active_since": LONG_AGO,
        "created_at": LONG_AGO,
        "created_by": "key:anna",
        "delay": HOUR,
    }
    return Scenario(scenario_id, trigger=trigger, **{**given, **terms})


def success(*on: Condition, hours: int = 48) -> Success:
    return Success(on, Delay(hours, Unit.HOURS))


class FakeService:
    """What answers one call of an AWS client, with faults drawn from the plan that all calls of a test share."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults

    def answer(self, operation: str, run: Callable[[], None]) -> dict[str, Any]:
        fault = self.faults.draw(operation)
        self.faults.before(fault)
        if fault is Fault.THROTTLE:
            raise client_error("sns", operation, "ThrottlingException", "slow down", {})
        if fault is Fault.ERROR_BEFORE:
            raise client_error("sns", operation, "InternalServerError", "no", {})
        run()
        self.faults.after(fault)
        if fault is Fault.ERROR_AFTER:
            raise client_error("sns", operation, "InternalServerError", "no", {})
        return {}


class FakeScheduler(FakeService):
    """EventBridge Scheduler: one-time schedules by name."""

    exceptions = SimpleNamespace(ConflictException=type("ConflictException", (Exception,), {}))

    def __init__(self, faults: Faults) -> None:
        super().__init__(faults)
        self.schedules: dict[str, tuple[datetime, str]] = {}
        self.made = 0

    def create_schedule(self, **request: Any) -> dict[str, Any]:
        def run() -> None:
            if request["Name"] in self.schedules:
                raise self.exceptions.ConflictException
            due = moment(request["ScheduleExpression"].removeprefix("at(").removesuffix(")") + "+00:00")
            self.schedules[request["Name"]] = due, request["Target"]["Input"]
            self.made += 1

        return self.answer("CreateSchedule", run)


class FakeSender(FakeService):
    """SNS and SES: what was sent, to whom."""

    def __init__(self, faults: Faults) -> None:
        super().__init__(faults)
        self.sent: list[tuple[str, str]] = []
        self.refuses: str | None = None

    def publish(self, **request: Any) -> dict[str, Any]:
        to = request.get("PhoneNumber") or request["TargetArn"]
        return self._send(to, request["Message"])

    def send_email(self, **request: Any) -> dict[str, Any]:
        text = request["Content"]["Simple"]["Body"]["Text"]["Data"]
        return self._send(request["Destination"]["ToAddresses"][0], text)

    def _send(self, to: str, text: str) -> dict[str, Any]:
        if self.refuses is not None:
            raise client_error("sns", "Publish", self.refuses, "no", {})
        return self.answer("Publish", lambda: self.sent.append((to, text)))


class Stage:
    """One store with scenarios, and all that its tasks reach."""

    def __init__(self, *scenarios: Scenario, now: Instant = NOW, **settings: Any) -> None:
        self.shop = Shop(**settings)
        self.faults = self.shop.dynamo.faults
        self.books = self.shop.books
        self.clock = Clock(moment(now))
        self.actions = Queue("actions", self.clock, visibility=60)
        self.credits = Queue("credits", self.clock, visibility=60)
        self.dead = Queue("dead", self.clock)
        sqs = cast("Any", SimulatedSqs([self.actions, self.credits, self.dead], self.faults))
        self.scheduler, self.sender = FakeScheduler(self.faults), FakeSender(self.faults)
        self.action_queue = TaskQueue(sqs, self.actions.url, self.dead.url)
        self.credit_queue = TaskQueue(sqs, self.credits.url, self.dead.url)
        alarms = AlarmClock(
            self.action_queue, lambda: self.scheduler, "queue", "dlq", "role", group="group", name_prefix="stack"
        )
        messages = Messages(lambda: self.sender, lambda: self.sender, "shop@example.com")
        self.outlets = Outlets(alarms, self.credit_queue, messages)
        self.naps: list[float] = []
        self.rests: dict[str, Any] = {"sleep": self.naps.append, "jitter": lambda: 1.0}
        """Naps of patient workers are counted and not slept."""
        self.save(*scenarios)
        self.faults.calls = 0

    @property
    def now(self) -> Instant:
        return instant(self.clock.now())

    def save(self, *scenarios: Scenario) -> None:
        for one in scenarios:
            live = self.books.scenarios.catalogue(STORE)
            assert self.books.scenarios.save(STORE, one, live, self.now)

    # ---- what the event worker does

    def hear(self, told: News) -> Order:
        settings, live = self.books.scenarios.live(STORE)
        assert settings is not None
        order, _ = hear_news(self.books, settings, told, self.now)
        assert order is not None
        if live.scenarios:
            follow_order(self.books, lambda: self.outlets.alarms, settings, live, order, self.now)
        return order

    def paid(self, order_id: str = "A-1", second: int = 0, **more: Any) -> Order:
        about = body(line("1", 10_000), second=second, **{"created_at": at(second), **more})
        return self.hear(news(about, order_id=order_id, paid=True, since={"paid": at(second)}))

    def person(self, customer_id: str = CUSTOMER, **fields: Any) -> None:
        told = CustomerNews(customer_id, at(0), **fields)
        record_customer(self.books, STORE, told, self.now)
        settings, live = self.books.scenarios.live(STORE)
        assert settings is not None
        follow_registration(self.books, lambda: self.outlets.alarms, settings, live, customer_id, self.now)

    # ---- what alarms and queues do

    def act(self) -> None:
        """Run the two workers until nothing is left to do now."""
        self._ring()
        for _ in range(20):
            event, credit = self.actions.event(10), self.credits.event(10)
            if event is None and credit is None:
                return
            if event is not None:
                self.actions.settle(event, self.acting().run(event))
            if credit is not None:
                self.credits.settle(credit, self.crediting().run(credit))

    def acting(self) -> ActionBatch:
        """An invocation of the worker of actions."""
        return ActionBatch(self.action_queue, self.books, self.outlets, clock=self.clock.now, **self.rests)

    def crediting(self) -> CreditBatch:
        """An invocation of the worker of credits."""
        return CreditBatch(self.credit_queue, self.books, clock=self.clock.now, **self.rests)

    def daily(self, milliseconds_left: int = ENOUGH_TIME) -> Daily:
        """An invocation of the hourly function that always has so much time left."""
        table = self.books.orders.table
        made, nobody_is_alarmed = (DueIndex(table), Reconciliations(table)), cast("Any", None)
        return Daily(
            self.books,
            lambda: self.outlets.alarms,
            lambda: nobody_is_alarmed,
            Totals(table, sleep=lambda _: None),
            lambda: made[0],
            lambda: made[1],
            lambda: milliseconds_left,
            clock=self.clock.now,
        )

    def wait(self, **by: float) -> None:
        """Let time pass, a quarter of an hour at a time, and do what comes due."""
        until = self.clock.now() + timedelta(**by)
        while self.clock.now() < until:
            self.clock.advance(min(timedelta(minutes=15), until - self.clock.now()))
            self.act()
        self.act()

    def _ring(self) -> None:
        for name, (due, message) in list(self.scheduler.schedules.items()):
            if due <= self.clock.now():
                del self.scheduler.schedules[name]
                self.actions.send(message)

    # ---- what stands in it

    @property
    def tasks(self) -> list[Task]:
        """Every task, in the order in which they were created."""
        items = [from_item(item) for item in self.shop.dynamo.items("State")]
        found = [item["pk"].rpartition("#")[2] for item in items if item["sk"] == "TASK"]
        tasks = Tasks(self.books.tasks.table).get_many(STORE, [task_id.replace("%23", "#") for task_id in found])
        return sorted(tasks, key=lambda task: (task.created_at, task.cause))

    @property
    def task(self) -> Task:
        (task,) = self.tasks
        return task

    @property
    def states(self) -> list[str]:
        return [str(task.reason or task.result or task.status) for task in self.tasks]

    @property
    def credited(self) -> dict[str, int]:
        """What scenarios credited, by cause."""
        every = (entry for entries in self.shop.entries.values() for entry in entries.values())
        return {entry.cause: entry.amount for entry in every if entry.cause.startswith("scn:")}

    def outcome(self, action: Action) -> tuple[ActionStatus, str | None]:
        found = self.task.outcomes[action]
        return found.status, found.detail
