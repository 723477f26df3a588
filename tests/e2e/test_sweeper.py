"""The sweeper as it is deployed: started by its schedule, and settling what came due with its own role."""

import json
from copy import replace
from datetime import UTC, datetime, timedelta

from cashback.adapters.dynamo.orders import Orders
from cashback.adapters.dynamo.tables import StateTable
from cashback.domain.times import instant
from dev.project import ROOT, STACK_NAME
from tests.e2e.deployed import DeployedStack
from tests.e2e.shop import Sale, Shop

EVENT = json.loads((ROOT / "events" / "sweeper.json").read_text())


def make_due(shop: Shop, sale: Sale) -> None:
    """The order has waited for its customer until a minute ago."""
    orders = Orders(StateTable(shop.stack.client("dynamodb"), shop.stack.state_table))
    order = orders.get(shop.store.store_id, str(sale.order_id))
    assert order is not None
    until = instant(datetime.now(UTC) - timedelta(minutes=1))
    assert orders.save(shop.store.store_id, replace(order, rev=order.rev + 1, claimable_until=until)) is None


def test_the_schedule_starts_the_sweeper_every_five_minutes(stack: DeployedStack) -> None:
    schedule = stack.client("scheduler").get_schedule(Name=f"{STACK_NAME}-sweeper")
    sweeper = stack.client("lambda").get_function_configuration(FunctionName=stack.function_name("sweeper"))
    assert (schedule["ScheduleExpression"], schedule["State"]) == ("rate(5 minutes)", "ENABLED")
    assert schedule["Target"]["Arn"] == sweeper["FunctionArn"]
    assert schedule["Target"]["DeadLetterConfig"]["Arn"].partition(":sqs:")[2]


def test_an_order_that_nobody_claimed_in_time_is_given_up_by_a_sweep_and_others_wait_on(shop: Shop) -> None:
    guests = [Sale(customer_id=None) for _ in range(2)]
    for guest in guests:
        shop.tell("orders/paid", guest.body(at=1, email=f"{guest.order_id}@example.com"))
    late, waiting = guests
    make_due(shop, late)
    shop.stack.invoke("sweeper", EVENT)
    order = shop.order(late)
    assert (order["status"], order["reason"]) == ("not_eligible", "guest_not_claimed")
    assert shop.order(waiting)["status"] == "awaiting_customer"
    revisions = len(order["history"])
    assert shop.stack.invoke("sweeper", EVENT)["failed"] == 0
    assert len(shop.order(late)["history"]) == revisions
