"""What scenarios and their tasks cost on the engine. Budgets: 2-ledger; g guards, w watches."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from copy import replace
from fractions import Fraction
from itertools import batched
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from types_boto3_dynamodb import DynamoDBClient

from cashback.adapters.alarm_clock import AlarmClock
from cashback.adapters.dynamo.tables import StateTable
from cashback.adapters.dynamo.tasks import Tasks
from cashback.adapters.messages import Messages
from cashback.adapters.step_messages import encode
from cashback.adapters.task_queue import TaskQueue
from cashback.domain import causes
from cashback.domain.audit import Act, Origin
from cashback.domain.delays import Delay, Unit
from cashback.domain.due import DueKind, DueThing
from cashback.domain.ledger import Entry, Kind, Posted, Posting, payload_hash
from cashback.domain.orders import News
from cashback.domain.scenarios import (
    Actions,
    Channel,
    Condition,
    Discount,
    LiveScenarios,
    Message,
    PromoOffer,
    Scenario,
    ScenarioStatus,
    Success,
    Trigger,
)
from cashback.domain.settings import DEFAULTS
from cashback.domain.stores import StoreDocument, StoreRecord
from cashback.domain.tasks import (
    Action,
    ActionOutcome,
    ActionStatus,
    CreditStep,
    Part,
    Result,
    Step,
    Task,
    TaskFigure,
    TaskStep,
    acted,
    cancelled,
    finished,
    fired,
    judged,
    task_id_of,
)
from cashback.edge.action_worker import ActionBatch
from cashback.edge.credit_worker import CreditBatch
from cashback.services.books import Outlets
from cashback.services.follow_tasks import Followed, follow_order
from cashback.services.post_credit import post_credit
from cashback.services.record_order import record_order
from cashback.services.run_task import run_task
from cashback.services.sweep import remind_tasks
from tests.integration.conftest import Tables
from tests.integration.test_budgets import NOW, USD, Shop, make_shop

BERLIN = ZoneInfo("Europe/Berlin")
WATCHES = (Condition.ORDER_CREATED, Condition.ORDER_CANCELLED)
LATER = "2026-03-01T09:45:00.000000Z"
WITHIN = Delay(14, Unit.DAYS)
TEXT = "Hello {{userName}}, thank you! {{amount}} are yours, and with {{promoCode}} your next order is cheaper."
ACTIONS = Actions(PromoOffer(Discount(Fraction(10)), "THANKS-", Delay(30, Unit.DAYS)), 500, Message(Channel.SMS, TEXT))


@pytest.fixture
def shop(dynamodb: DynamoDBClient, tables: Tables) -> Shop:
    return make_shop(dynamodb, tables)


def task_of(shop: Shop, watches: int = 0, success: Success | None = None) -> Task:
    """A task of an order with ids as long as those of shops are."""
    cause = "ord:6311900471021:paid"
    scenario_id = "scn_01KGH2Q7WZ8V3N5T6R4Y9XABCD"
    return Task(
        task_id=task_id_of(shop.settings.store_id, scenario_id, cause),
        scenario_id=scenario_id,
        trigger=Trigger.ORDER_PAID,
        cause=cause,
        occurred_at=NOW,
        created_at=NOW,
        due_at=NOW,
        actions=ACTIONS,
        customer_id=shop.customer_id,
        order_id="6311900471021",
        cancel_on=WATCHES[:watches],
        success=success,
    )


def scenario(number: int = 0, **more: Any) -> Scenario:
    named = {"scenario_id": f"scn_01KGH2Q7WZ8V3N5T6R4Y9XAB{number:02d}", "name": f"Thanks {number}"}
    return Scenario(
        status=ScenarioStatus.ACTIVE,
        trigger=Trigger.ORDER_PAID,
        actions=ACTIONS,
        active_since=NOW,
        created_at=NOW,
        created_by="key:01KGH2Q7WZ8V3N5T6R4Y9XABCD",
        **{**named, **more},
    )


@pytest.mark.parametrize("watches", range(3))
@pytest.mark.parametrize("guards", range(3))
def test_creating_a_task_costs_4_write_units_and_2_for_each_guard_and_watch(
    shop: Shop, guards: int, watches: int
) -> None:
    with shop.meter.on() as cost:
        assert shop.books.tasks.create(
            shop.settings.store_id,
            task_of(shop, watches),
            once_per_order=guards > 0,
            once_per_customer=guards > 1,
        )
    assert cost.writes <= 4 + 2 * (guards + watches)
    assert (cost.reads, len(cost.calls)) == (0, 1)


@pytest.mark.parametrize("watches", range(3))
def test_cancelling_a_task_costs_5_write_units_and_2_for_each_watch(shop: Shop, watches: int) -> None:
    store_id, task = shop.settings.store_id, task_of(shop, watches)
    assert shop.books.tasks.create(store_id, task, once_per_order=True, once_per_customer=True)
    with shop.meter.on() as cost:
        read = shop.books.tasks.get(store_id, task.task_id)
        assert read is not None
        stopped = cancelled(read, Condition.ORDER_CREATED, NOW)
        assert stopped is not None
        assert shop.books.tasks.save(store_id, read, stopped)
    assert cost.writes <= 5 + 2 * watches
    assert cost.reads <= 1


@pytest.mark.parametrize("success", [None, Success((Condition.ORDER_CREATED,), WITHIN)])
@pytest.mark.parametrize("watches", range(3))
def test_executing_a_task_with_a_credit_costs_14_write_units_and_2_for_each_watch(
    shop: Shop, watches: int, success: Success | None
) -> None:
    store_id, tasks = shop.settings.store_id, shop.books.tasks
    task = task_of(shop, watches, success)
    assert tasks.create(store_id, task, once_per_order=False, once_per_customer=False)
    with shop.meter.on() as cost:
        begun = fired(task, NOW)
        assert begun is not None
        assert tasks.save(store_id, task, begun)
        done = finished(acted(begun, Action.CREDIT, ActionOutcome(ActionStatus.QUEUED)), NOW, BERLIN)
        assert tasks.save(store_id, begun, done)
        posted = acted(done, Action.CREDIT, ActionOutcome(ActionStatus.DONE))
        amount = task.actions.credit
        assert amount
        cause = causes.scenario_task(task.task_id)
        entry = Entry(cause, Kind.SCENARIO, amount, "scenario", payload_hash(Kind.SCENARIO), task_id=task.task_id)
        document = tasks.write(store_id, done, posted)
        posting = Posting(store_id, shop.customer_id, NOW, entries=(entry,), document=document, active_only=True)
        assert isinstance(shop.books.ledger.post(posting), Posted)
    conditions = {*task.cancel_on, *(success.on if success else ())}
    assert cost.writes <= 14 + 2 * len(conditions)
    assert cost.reads == 0
    assert list(tasks.figures(store_id, task.scenario_id)) == [
        TaskFigure(Part.EXECUTED, "awaiting_result" if success else None, amount)
    ]


def test_the_result_of_a_task_costs_3_write_units(shop: Shop) -> None:
    store_id, tasks = shop.settings.store_id, shop.books.tasks
    task = task_of(shop, success=Success((Condition.ORDER_CREATED,), WITHIN))
    begun = fired(task, NOW)
    assert begun is not None
    done = finished(begun, NOW, BERLIN)
    assert tasks.create(store_id, done, once_per_order=False, once_per_customer=False)
    met = judged(done, Result.SUCCESSFUL, Condition.ORDER_CREATED)
    assert met is not None
    with shop.meter.on() as cost:
        assert tasks.save(store_id, done, met)
    assert cost.writes <= 3


def test_the_settings_and_a_dozen_scenarios_cost_one_read_unit(shop: Shop) -> None:
    store_id, books = shop.settings.store_id, shop.books
    open_store(shop)
    live = LiveScenarios()
    for number in range(12):
        assert books.scenarios.save(store_id, scenario(number), live, NOW)
        live = books.scenarios.catalogue(store_id)
    with shop.meter.on() as cost:
        _, found = books.scenarios.live(store_id)
    assert found == live
    assert (cost.reads, cost.calls) == (1, ["Query"])
    assert replace(found, scenarios=()) == LiveScenarios(rev=12, count=12)


# ---- whole use cases


class Unsent:
    """The queues' client, which sends nothing."""

    def send_message(self, **_: Any) -> None:
        """Forget a message."""

    def send_message_batch(self, **_: Any) -> dict[str, Any]:
        """Forget messages, all of them."""
        return {}


def outlets_of() -> Outlets:
    queue = TaskQueue(cast("Any", Unsent()), "queue", "dead")
    alarms = AlarmClock(queue, lambda: None, queue_arn="", dlq_arn="", role_arn="", group="", name_prefix="cashback")
    return Outlets(alarms, queue, Messages(lambda: None, lambda: None, ""))


def open_store(shop: Shop) -> None:
    """The shop's settings, as a store has them: its tasks are run by what stands there."""
    document = {**DEFAULTS, "name": "Shop", "timezone": "Europe/Berlin"}
    first = StoreDocument(shop.settings.store_id, 1, USD, document, NOW, NOW, "ops")
    act = Act("store_created", first.store_id, NOW, Origin("ops", "request", "-"))
    assert shop.books.stores.create(StoreRecord(first.store_id, "Shop", NOW), first, (), act) is None


@pytest.mark.parametrize("watches", range(3))
def test_running_and_crediting_costs_14_write_units_and_2_for_each_watch_and_few_reads(
    shop: Shop, watches: int
) -> None:
    open_store(shop)
    store_id, tasks = shop.settings.store_id, shop.books.tasks
    task = replace(task_of(shop, watches), actions=Actions(credit=500))
    assert tasks.create(store_id, task, once_per_order=False, once_per_customer=False)
    with shop.meter.on() as cost:
        assert run_task(shop.books, outlets_of(), store_id, task.task_id, NOW) == "executed"
        assert post_credit(shop.books, store_id, task.task_id, NOW) == "posted"
    # The task and the settings, both times; the account and the order where a condition asks for them.
    calls = Counter(GetItem=2 + watches + 2, PutItem=2 if watches == 0 else 1, TransactWriteItems=1 + (watches > 0))
    cost.costs(writes=14 + 2 * watches, reads=2 + watches + 2, calls=calls)
    with shop.meter.on() as again:
        assert run_task(shop.books, outlets_of(), store_id, task.task_id, NOW) == "unchanged"
        assert post_credit(shop.books, store_id, task.task_id, NOW) == "unchanged"
    again.costs(writes=0, reads=2, calls=["GetItem"] * 2)


@pytest.mark.parametrize("count", [1, 10])
def test_a_batch_of_tasks_and_one_of_credits_read_the_settings_of_a_store_once(shop: Shop, count: int) -> None:
    open_store(shop)
    store_id, tasks, queue = shop.settings.store_id, shop.books.tasks, outlets_of().credits
    for half in range(2):
        ids = [f"tsk_{half}_{number}" for number in range(count)]
        for task_id in ids:
            task = replace(task_of(shop, 1), task_id=task_id, order_id=task_id, actions=Actions(credit=500))
            assert tasks.create(store_id, task, once_per_order=True, once_per_customer=False)
        batches = (
            (ActionBatch(queue, shop.books, outlets_of()), [TaskStep(store_id, one, Step.RUN) for one in ids]),
            (CreditBatch(queue, shop.books), [CreditStep(store_id, one) for one in ids]),
        )
        with shop.meter.on() as cost:
            for batch, steps in batches:
                assert batch.run({"Records": [record_of(step) for step in steps]}) == {"batchItemFailures": []}
        calls = Counter(GetItem=2 + 3 * count, PutItem=count, TransactWriteItems=2 * count)
        # A task twice, the account that it watches once, and the settings of each batch.
        cost.costs(writes=(14 + 2) * count, reads=2 + 3 * count, calls=calls)
        assert cost.reads == 2 + 3 * count, "the settings are never kept for the next batch"
    (account,) = shop.books.ledger.merged_path(store_id, shop.customer_id)
    assert account.available == 500 * 2 * count


def record_of(step: TaskStep | CreditStep) -> dict[str, Any]:
    return {"messageId": "m", "body": encode(step), "attributes": {"ApproximateReceiveCount": "1"}}


def test_a_hundred_tasks_whose_alarms_were_lost_cost_a_read_unit_each_and_one_call(shop: Shop) -> None:
    store_id = shop.settings.store_id
    ids = [f"tsk_{number}" for number in range(100)]
    for task_id in ids:
        task = replace(task_of(shop), task_id=task_id)
        assert shop.books.tasks.create(store_id, task, once_per_order=False, once_per_customer=False)
    books = replace(shop.books, steps=lambda: outlets_of().credits)
    with shop.meter.on() as cost:
        outcomes = remind_tasks(books, [DueThing(NOW, store_id, DueKind.TASK, task_id) for task_id in ids], LATER)
    assert set(outcomes.values()) == {"reminded"}
    assert (cost.writes, cost.reads, cost.calls) == (0, 100, ["BatchGetItem"])


class Collected:
    """A client that keeps the items it is to put, to be written many at a time."""

    def __init__(self) -> None:
        self.items: list[Any] = []

    def transact_write_items(self, TransactItems: list[Any]) -> None:
        """Keep what a transaction puts."""
        self.items += [write["Put"]["Item"] for write in TransactItems]


def let_wait(shop: Shop, dynamodb: DynamoDBClient, count: int) -> None:
    """So many tasks of other customers and orders, each with all that it waits for."""
    collected = Collected()
    tasks = Tasks(StateTable(cast("Any", collected), shop.state_table))
    for number in range(count):
        own: dict[str, Any] = {"task_id": f"tsk_{number}", "customer_id": f"c{number}", "order_id": f"o{number}"}
        other = replace(task_of(shop, 2), scenario_id=scenario().scenario_id, **own)
        assert tasks.create(shop.settings.store_id, other, once_per_order=False, once_per_customer=False)

    def write(some: tuple[Any, ...]) -> None:
        requests: list[Any] = [{"PutRequest": {"Item": item}} for item in some]
        assert not dynamodb.batch_write_item(RequestItems={shop.state_table: requests})["UnprocessedItems"]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, batched(collected.items, 25, strict=False)))


def test_an_event_costs_what_it_touches_however_many_tasks_wait(dynamodb: DynamoDBClient, tables: Tables) -> None:
    live = LiveScenarios((scenario(delay=Delay(15, Unit.MINUTES), cancel_on=WATCHES, once_per_customer=True),))
    costs = []
    for count in (10, 10_000):
        shop = make_shop(dynamodb, tables)
        let_wait(shop, dynamodb, count)
        outlets = outlets_of()
        shop.record(shop.paid)
        store_id, order_id = shop.settings.store_id, "6311900471021"

        def follow(shop: Shop = shop, outlets: Outlets = outlets, order_id: str = order_id) -> Followed:
            order = shop.books.orders.get(shop.settings.store_id, order_id)
            assert order is not None
            return follow_order(shop.books, lambda: outlets.alarms, shop.settings, live, order, NOW)

        with shop.meter.on() as starting:
            assert follow() == Followed(started=1, cancelled=0, successful=0)
        started = (starting.writes, starting.reads, starting.calls)
        newer = News("6311900471022", "shopify", replace(shop.unpaid, body=replace(shop.body, created_at=LATER)))
        record_order(shop.books, shop.settings, newer, NOW)
        with shop.meter.on() as ending:
            assert follow(order_id="6311900471022") == Followed(started=0, cancelled=1, successful=0)
        costs.append((started, (ending.writes, ending.reads, ending.calls)))
        (task,), _ = shop.books.tasks.page(store_id, [live.scenarios[0].scenario_id], [Part.CANCELLED], 9, None)
        assert task.reason == Condition.ORDER_CREATED
    assert costs[0] == costs[1]
    (started, ended) = costs[0]
    assert started[0] <= 4 + 2 * 3 + 2
    assert ended[0] <= 5 + 2 * 2 + 2
