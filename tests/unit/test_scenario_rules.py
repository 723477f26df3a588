"""What a scenario must be to be saved, and what is warned of."""

from copy import replace
from fractions import Fraction
from typing import Any

import pytest

from cashback.domain.delays import Delay, Unit
from cashback.domain.errors import Forbidden, Invalid
from cashback.domain.scenario_rules import check_credit, check_scenario, warnings_of
from cashback.domain.scenarios import (
    Actions,
    Channel,
    Condition,
    Discount,
    Limits,
    Message,
    PromoOffer,
    Scenario,
    ScenarioStatus,
    Success,
    Trigger,
)
from tests.unit.builders import NOW, settings

DAY = Delay(1, Unit.DAYS)
PLAIN = Scenario(
    scenario_id="scn_1",
    name="Welcome",
    status=ScenarioStatus.ACTIVE,
    trigger=Trigger.ORDER_PAID,
    actions=Actions(credit=500),
    active_since=NOW,
    created_at=NOW,
    created_by="key:a",
)
OFFER = PromoOffer(Discount(percent=Fraction(10)))


def refusal(**changes: Any) -> tuple[str, str]:
    with pytest.raises(Invalid) as refused:
        check_scenario(replace(PLAIN, **changes))
    return refused.value.field, refused.value.code


def offering(**changes: Any) -> dict[str, Any]:
    return {"actions": Actions(promo_code=replace(OFFER, **changes))}


def discounting(**discount: Any) -> dict[str, Any]:
    return offering(discount=Discount(**discount))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"delay": Delay(24, Unit.MONTHS)},
        {"delay": Delay(0, Unit.MONTHS)},
        {"limits": Limits(min_price=100, max_price=100, min_number=1, max_number=1)},
        {"limits": Limits(min_price=0)},
        {"actions": Actions(credit=0)},
        {"trigger": Trigger.REVIEW_CREATED, "cancel_on": tuple(Condition)},
        {"trigger": Trigger.CUSTOMER_BIRTHDAY, "cancel_on": (Condition.ORDER_CREATED,)},
        {"success": Success((Condition.ORDER_CREATED, Condition.REVIEW_CREATED), DAY)},
        {"trigger": Trigger.CUSTOMER_CREATED, "success": Success((Condition.ORDER_CREATED,), DAY)},
        {"actions": Actions(promo_code=OFFER, message=Message(Channel.SMS, "{{promoCode}}"))},
        offering(prefix="A-1" * 6 + "AB", expires_in=DAY),
        discounting(percent=Fraction(100)),
        discounting(amount=1),
    ],
)
def test_a_scenario_that_can_do_what_it_says_is_saved(changes: dict[str, Any]) -> None:
    check_scenario(replace(PLAIN, **changes))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"delay": Delay(25, Unit.MONTHS)}, ("delay.value", "delay_range")),
        ({"delay": Delay(-1, Unit.MINUTES)}, ("delay.value", "delay_range")),
        ({"limits": Limits(min_price=-1)}, ("limits.min_price", "amount_negative")),
        ({"limits": Limits(max_price=-1)}, ("limits.max_price", "amount_negative")),
        ({"limits": Limits(min_price=2, max_price=1)}, ("limits.min_price", "range")),
        ({"limits": Limits(min_number=0)}, ("limits.order_number.min", "out_of_range")),
        ({"limits": Limits(max_number=10**9 + 1)}, ("limits.order_number.max", "out_of_range")),
        ({"limits": Limits(min_number=2, max_number=1)}, ("limits.order_number.min", "range")),
        ({"limits": Limits(sources=("app", "app"))}, ("limits.sources", "duplicate")),
        ({"limits": Limits(delivery_types=("a", "b", "a"))}, ("limits.delivery_types", "duplicate")),
        ({"cancel_on": (Condition.ORDER_CREATED,) * 2}, ("cancel_on", "duplicate")),
        (
            {"success": Success((Condition.ORDER_CREATED,) * 2, DAY)},
            ("success.on", "duplicate"),
        ),
        (
            {"trigger": Trigger.CUSTOMER_BIRTHDAY, "cancel_on": (Condition.ORDER_CREATED, Condition.ORDER_CANCELLED)},
            ("cancel_on", "condition_needs_order"),
        ),
        (
            {"trigger": Trigger.CUSTOMER_CREATED, "success": Success((Condition.REVIEW_CREATED,), DAY)},
            ("success.on", "condition_needs_order"),
        ),
        ({"success": Success((Condition.ORDER_COMPLETED,), DAY)}, ("success.on", "enum")),
        (
            {"success": Success((Condition.ORDER_CREATED,), Delay(0, Unit.DAYS))},
            ("success.within.value", "delay_range"),
        ),
        (
            {"success": Success((Condition.ORDER_CREATED,), Delay(105, Unit.WEEKS))},
            ("success.within.value", "delay_range"),
        ),
        ({"actions": Actions()}, ("actions", "actions_missing")),
        ({"actions": Actions(credit=-1)}, ("actions.credit_cashback.amount", "amount_negative")),
        (
            {"actions": Actions(message=Message(Channel.SMS, "{{promoCode}}"))},
            ("actions.send_message.text", "promo_code_missing"),
        ),
        (
            {"actions": Actions(message=Message(Channel.SMS, "{{username}}"))},
            ("actions.send_message.text", "placeholder_unknown"),
        ),
        (offering(prefix="a"), ("actions.generate_promo_code.prefix", "prefix_format")),
        (offering(prefix="A" * 21), ("actions.generate_promo_code.prefix", "prefix_format")),
        (offering(prefix="A\n"), ("actions.generate_promo_code.prefix", "prefix_format")),
        (
            offering(expires_in=Delay(0, Unit.DAYS)),
            ("actions.generate_promo_code.expires_in.value", "delay_range"),
        ),
        (discounting(), ("actions.generate_promo_code.discount", "one_discount")),
        (discounting(percent=Fraction(5), amount=5), ("actions.generate_promo_code.discount", "one_discount")),
        (discounting(percent=Fraction(0)), ("actions.generate_promo_code.discount.percent", "out_of_range")),
        (discounting(percent=Fraction(10_001, 100)), ("actions.generate_promo_code.discount.percent", "out_of_range")),
        (discounting(amount=0), ("actions.generate_promo_code.discount.amount", "amount_zero")),
        (discounting(amount=-1), ("actions.generate_promo_code.discount.amount", "amount_negative")),
    ],
)
def test_a_scenario_that_could_never_do_it_is_refused(changes: dict[str, Any], fault: tuple[str, str]) -> None:
    assert refusal(**changes) == fault


@pytest.mark.parametrize(
    ("changes", "warnings"),
    [
        ({}, []),
        ({"trigger": Trigger.CUSTOMER_BIRTHDAY, "once_per_customer": True}, []),
        ({"trigger": Trigger.CUSTOMER_BIRTHDAY, "limits": Limits(min_price=1)}, ["limits_ignored"]),
        ({"trigger": Trigger.REVIEW_CREATED, "limits": Limits(sources=("app",))}, ["limits_ignored"]),
        ({"trigger": Trigger.CUSTOMER_CREATED, "once_per_order": True}, ["once_per_order_ignored"]),
        ({"trigger": Trigger.REVIEW_CREATED, "once_per_order": True}, []),
        (
            {"trigger": Trigger.ORDER_CANCELLED, "cancel_on": (Condition.ORDER_CREATED, Condition.ORDER_CANCELLED)},
            ["condition_without_effect"],
        ),
        ({"trigger": Trigger.ORDER_COMPLETED, "cancel_on": (Condition.ORDER_CANCELLED,)}, []),
        ({"trigger": Trigger.ORDER_CREATED, "cancel_on": (Condition.ORDER_CREATED,)}, []),
        ({"trigger": Trigger.REVIEW_CREATED, "cancel_on": (Condition.REVIEW_CREATED,)}, []),
    ],
)
def test_what_has_no_effect_is_warned_of(changes: dict[str, Any], warnings: list[str]) -> None:
    assert list(warnings_of(replace(PLAIN, **changes), settings())) == warnings


def test_a_credit_is_warned_of_while_cashback_is_off() -> None:
    off = settings(cashback_enabled=False)
    assert list(warnings_of(PLAIN, off)) == ["cashback_disabled"]
    assert list(warnings_of(replace(PLAIN, actions=Actions(promo_code=OFFER)), off)) == []


STOPPED = replace(PLAIN, status=ScenarioStatus.INACTIVE)


@pytest.mark.parametrize("changes", [{"adjust_limit": None}, {"adjust_limit": "5.00"}])
def test_a_credit_within_the_limit_is_anybodys(changes: dict[str, Any]) -> None:
    check_credit(PLAIN, None, settings(**changes))


def test_a_credit_over_the_limit_can_be_stopped_and_not_started() -> None:
    limited = settings(adjust_limit="4.99")
    check_credit(STOPPED, PLAIN, limited)
    for after, before in [
        (PLAIN, None),
        (STOPPED, None),
        (replace(PLAIN, name="Other"), PLAIN),
        (PLAIN, STOPPED),
        (replace(STOPPED, actions=Actions(credit=501)), STOPPED),
    ]:
        with pytest.raises(Forbidden):
            check_credit(after, before, limited)
