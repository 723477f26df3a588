"""Short ways to spell scenarios, what starts them, and their tasks."""

from collections.abc import Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

from cashback.domain.facts import Facts
from cashback.domain.orders import Order
from cashback.domain.scenarios import (
    Actions,
    Channel,
    Condition,
    Discount,
    Message,
    Occasion,
    PromoOffer,
    Scenario,
    ScenarioStatus,
    Trigger,
    occasions_of,
)
from cashback.domain.tasks import Task, task_of
from tests.unit.builders import CUSTOMER, ORDER, SOURCE, STORE, at, body, line

BERLIN: Final = ZoneInfo("Europe/Berlin")

ALL_ACTIONS: Final = Actions(
    promo_code=PromoOffer(Discount(amount=500)), credit=5_000, message=Message(Channel.SMS, "Hello, {{userName}}!")
)

ALL_CONDITIONS: Final = tuple(Condition)


def scenario(trigger: Trigger = Trigger.ORDER_PAID, **more: Any) -> Scenario:
    """An active scenario that credits 50.00, made before everything that happens in these tests."""
    values: dict[str, Any] = {
        "scenario_id": "scn_1",
        "name": "Welcome back",
        "status": ScenarioStatus.ACTIVE,
        "trigger": trigger,
        "actions": Actions(credit=5_000),
        "active_since": at(0),
        "created_at": at(0),
        "created_by": "key:anna",
    }
    return Scenario(**{**values, **more})


def recorded(facts: Mapping[str, str], order_id: str = ORDER, **more: Any) -> Order:
    """An order with a body and these recorded facts; ``more`` are of the order or of its facts."""
    of_facts = {name: more.pop(name) for name in ("body", "refunds", "since", "reviews") if name in more}
    values: dict[str, Any] = {"first_seen_at": at(0), "customer_id": CUSTOMER, "recorded": facts}
    return Order(order_id, SOURCE, facts=Facts(**{"body": body(line()), **of_facts}), **{**values, **more})


def occasion(trigger: Trigger = Trigger.ORDER_PAID, *, second: int = 60, **more: Any) -> Occasion:
    """The occasion that an order gives when this happened to it at a second of the day, and was recorded at once."""
    fact = {Trigger.ORDER_REFUNDED: "ref:r1", Trigger.REVIEW_CREATED: "rev:v1"}.get(trigger, trigger.value[6:])
    since = {fact: at(second)} if ":" not in fact else {}
    reviews = {"v1": at(second)} if trigger is Trigger.REVIEW_CREATED else {}
    told = {"since": since, "reviews": reviews, "body": body(line(), created_at=at(second)), **more}
    [found] = occasions_of(recorded({fact: at(second)}, **told))
    return found


def waiting(trigger: Trigger = Trigger.ORDER_PAID, *, second: int = 60, **more: Any) -> Task:
    """The task of such an occasion, created in that very second."""
    return task_of(STORE, scenario(trigger, **more), occasion(trigger, second=second), at(second), BERLIN)
