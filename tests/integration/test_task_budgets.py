"""What scenarios and their tasks cost on the engine. Budgets: 2-ledger; g guards, w watches."""

from copy import replace
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from types_boto3_dynamodb import DynamoDBClient

from cashback.domain import causes
from cashback.domain.audit import Act, Origin
from cashback.domain.delays import Delay, Unit
from cashback.domain.ledger import Entry, Kind, Posted, Posting, payload_hash
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
    Part,
    Result,
    Task,
    TaskFigure,
    acted,
    cancelled,
    finished,
    fired,
    judged,
    task_id_of,
)
from tests.integration.conftest import Tables
from tests.integration.test_budgets import NOW, USD, Shop, make_shop

BERLIN = ZoneInfo("Europe/Berlin")
WATCHES = (Condition.ORDER_CREATED, Condition.ORDER_CANCELLED)
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


def test_an_event_that_concerns_no_task_costs_2_read_units_to_tell(shop: Shop) -> None:
    store_id = shop.settings.store_id
    with shop.meter.on() as cost:
        assert shop.books.tasks.watching_customer(store_id, shop.customer_id) == []
        assert shop.books.tasks.watching_order(store_id, "6311900471021") == {}
    assert cost.reads <= 2


def test_the_settings_and_a_dozen_scenarios_cost_one_read_unit(shop: Shop) -> None:
    store_id, books = shop.settings.store_id, shop.books
    document = {**DEFAULTS, "name": "Shop", "timezone": "Europe/Berlin"}
    first = StoreDocument(store_id, 1, USD, document, NOW, NOW, "ops")
    act = Act("store_created", store_id, NOW, Origin("ops", "request", "-"))
    assert books.stores.create(StoreRecord(store_id, "Shop", NOW), first, (), act) is None
    live = LiveScenarios()
    for number in range(12):
        assert books.scenarios.save(store_id, scenario(number), live, NOW)
        live = books.scenarios.catalogue(store_id)
    with shop.meter.on() as cost:
        _, found = books.scenarios.live(store_id)
    assert found == live
    assert (cost.reads, cost.calls) == (1, ["Query"])
    assert replace(found, scenarios=()) == LiveScenarios(rev=12, count=12)
