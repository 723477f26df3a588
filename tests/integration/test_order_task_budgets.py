"""What scenarios add to an order on the engine: all that is done once it is recorded. Budgets: 2-ledger."""

from copy import replace

import pytest
from types_boto3_dynamodb import DynamoDBClient

from cashback.domain.delays import Delay, Unit
from cashback.domain.scenarios import Condition, LiveScenarios, Trigger
from cashback.services.follow_tasks import Followed, follow_order
from tests.integration.conftest import Tables
from tests.integration.test_budgets import NOW, Shop, make_shop
from tests.integration.test_task_budgets import LATER, WATCHES, outlets_of, scenario


@pytest.fixture
def shop(dynamodb: DynamoDBClient, tables: Tables) -> Shop:
    return make_shop(dynamodb, tables)


def waiting(each: int) -> LiveScenarios:
    """A scenario whose tasks have so many guards and watches, at most two: the second ones are of the customer."""
    cancel_on = (Condition.ORDER_CANCELLED, Condition.ORDER_CREATED)[:each]
    once = {"once_per_order": True, "once_per_customer": each > 1}
    return LiveScenarios((scenario(delay=Delay(15, Unit.MINUTES), cancel_on=cancel_on, **once),))


def follow(shop: Shop, live: LiveScenarios) -> Followed:
    """Do what scenarios make of what is known of the shop's order; its meter has what that cost."""
    order = shop.books.orders.get(shop.settings.store_id, "6311900471021")
    assert order is not None
    with shop.meter.on():
        return follow_order(shop.books, lambda: outlets_of().alarms, shop.settings, live, order, NOW)


@pytest.mark.parametrize(
    ("conditions", "writes", "calls"),
    [
        ((), 0, []),
        ((Condition.ORDER_CANCELLED,), 0, ["Query"]),
        ((Condition.ORDER_CREATED,), 2, ["UpdateItem", "Query"]),
        (WATCHES, 2, ["UpdateItem", "Query", "Query"]),
    ],
)
def test_an_order_that_concerns_no_task_costs_2_read_units_and_2_write_units_if_it_is_the_newest(
    shop: Shop, conditions: tuple[Condition, ...], writes: int, calls: list[str]
) -> None:
    shop.record(shop.paid)
    live = LiveScenarios((replace(scenario(cancel_on=conditions), trigger=Trigger.ORDER_REFUNDED),))
    assert not follow(shop, live)
    shop.meter.costs(writes=writes, reads=2, calls=calls)


KEEP_NEWEST = ["UpdateItem", "Query"]
"""An order is kept where it is its customer's newest, and tasks that wait for a later one are looked for."""

FIND_WATCHING = ["Query"]
"""Tasks that watch the order are looked for."""

READ_TASKS = ["BatchGetItem"]
"""Tasks are read that were found, or that may have been started before."""


@pytest.mark.parametrize(
    ("each", "calls"),
    [
        (1, [*FIND_WATCHING, *READ_TASKS, "TransactWriteItems"]),
        (2, [*KEEP_NEWEST, *FIND_WATCHING, *READ_TASKS, "GetItem", "TransactWriteItems"]),
    ],
)
def test_an_order_that_starts_a_task_costs_4_write_units_and_2_for_each_guard_and_watch_and_few_reads(
    shop: Shop, each: int, calls: list[str]
) -> None:
    shop.record(shop.paid)
    assert follow(shop, waiting(each)) == Followed(started=1, cancelled=0, successful=0)
    newest = 2 * (each - 1)
    shop.meter.costs(writes=4 + 2 * (each + each) + newest, reads=4 + newest, calls=calls)


@pytest.mark.parametrize(
    ("each", "calls"),
    [
        (1, [*FIND_WATCHING, *READ_TASKS, "TransactWriteItems", *READ_TASKS]),
        (2, [*KEEP_NEWEST, *FIND_WATCHING, *READ_TASKS, "TransactWriteItems", *READ_TASKS]),
    ],
)
def test_an_order_that_cancels_its_task_costs_5_write_units_and_2_for_each_watch_and_few_reads(
    shop: Shop, each: int, calls: list[str]
) -> None:
    live = waiting(each)
    shop.record(shop.paid)
    follow(shop, live)
    shop.record(replace(shop.paid, cancelled=True, since={**shop.paid.since, "cancelled": LATER}))
    assert follow(shop, live) == Followed(started=0, cancelled=1, successful=0)
    # Whether an order is the newest of its customer is asked by writing it.
    shop.meter.costs(writes=5 + 2 * each, reads=4 + 2 * (each - 1), calls=calls, refused=each - 1)
