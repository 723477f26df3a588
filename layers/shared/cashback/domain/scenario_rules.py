"""What a scenario must be to be saved, and what to warn of although it may be."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from cashback.domain.delays import Delay, check_delay
from cashback.domain.errors import Forbidden, Invalid
from cashback.domain.message_texts import check_text
from cashback.domain.scenarios import (
    LIMITED,
    OF_AN_ORDER,
    SUCCESSES,
    Actions,
    Condition,
    Discount,
    Limits,
    PromoOffer,
    Scenario,
    ScenarioStatus,
)
from cashback.domain.settings import Settings

_HIGHEST_NUMBER: Final = 1_000_000_000
_PREFIX: Final = r"[A-Z0-9-]{0,20}"


def check_scenario(scenario: Scenario) -> None:
    """Refuse a scenario that could never do what it says.

    :raises Invalid: names the field as it is sent; ``delay_range``, ``out_of_range``, ``range``, ``duplicate``,
        ``enum``, ``condition_needs_order``, ``actions_missing``, ``amount_negative``, ``amount_zero``,
        ``one_discount``, ``prefix_format``, ``placeholder_unknown`` or ``promo_code_missing``.
    """
    check_delay(scenario.delay, "delay.value")
    _check_limits(scenario.limits)
    _check_conditions(scenario, scenario.cancel_on, "cancel_on")
    if scenario.success is not None:
        if not SUCCESSES.issuperset(scenario.success.on):
            raise Invalid("success.on", "enum")
        _check_conditions(scenario, scenario.success.on, "success.on")
        _check_span(scenario.success.within, "success.within.value")
    _check_actions(scenario.actions)


def check_credit(after: Scenario, before: Scenario | None, settings: Settings) -> None:
    """Refuse someone who may not adjust a balance by as much as a scenario credits: to save it, or to change what is.

    They may still stop it, and change one that is stopped.

    :raises Forbidden: the credit is larger than ``adjust_limit``.
    """
    credit, limit = after.actions.credit, settings.adjust_limit
    if credit is None or limit is None or credit <= limit:
        return
    is_saved = before is not None and before.actions.credit == credit
    if not is_saved or after.status is ScenarioStatus.ACTIVE:
        raise Forbidden("the amount is larger than this role may credit")


def warnings_of(scenario: Scenario, settings: Settings) -> Iterator[str]:
    """Yield the codes of what is saved and has no effect."""
    if scenario.actions.credit is not None and not settings.cashback_enabled:
        yield "cashback_disabled"
    if scenario.limits != Limits() and scenario.trigger not in LIMITED:
        yield "limits_ignored"
    if scenario.once_per_order and scenario.trigger not in OF_AN_ORDER:
        yield "once_per_order_ignored"
    # An order is cancelled, and completed, once: by then that has happened.
    if any(
        condition.value == scenario.trigger.value
        for condition in scenario.cancel_on
        if condition in {Condition.ORDER_CANCELLED, Condition.ORDER_COMPLETED}
    ):
        yield "condition_without_effect"


def _check_limits(limits: Limits) -> None:
    for name, words in (("sources", limits.sources), ("delivery_types", limits.delivery_types)):
        _check_distinct(words, f"limits.{name}")
    for name, price in (("min_price", limits.min_price), ("max_price", limits.max_price)):
        if price is not None and price < 0:
            raise Invalid(f"limits.{name}", "amount_negative")
    for name, number in (("min", limits.min_number), ("max", limits.max_number)):
        if number is not None and not 1 <= number <= _HIGHEST_NUMBER:
            raise Invalid(f"limits.order_number.{name}", "out_of_range")
    _check_reachable(limits.min_price, limits.max_price, "limits.min_price")
    _check_reachable(limits.min_number, limits.max_number, "limits.order_number.min")


def _check_reachable(least: int | None, most: int | None, field: str) -> None:
    if least is not None and most is not None and least > most:
        raise Invalid(field, "range", "nothing can be within both bounds")


def _check_conditions(scenario: Scenario, conditions: Sequence[Condition], field: str) -> None:
    _check_distinct(conditions, field)
    of_the_customer = scenario.trigger in OF_AN_ORDER or all(one is Condition.ORDER_CREATED for one in conditions)
    if not of_the_customer:
        raise Invalid(field, "condition_needs_order", "what starts it names no order that this could happen to")


def _check_distinct(values: Sequence[str], field: str) -> None:
    if len(set(values)) < len(values):
        raise Invalid(field, "duplicate")


def _check_span(span: Delay, field: str) -> None:
    check_delay(span, field)
    if not span.value:
        raise Invalid(field, "delay_range")


def _check_actions(actions: Actions) -> None:
    if actions == Actions():
        raise Invalid("actions", "actions_missing", "a scenario does at least one thing")
    if actions.promo_code is not None:
        _check_offer(actions.promo_code)
    if actions.credit is not None and actions.credit < 0:
        raise Invalid("actions.credit_cashback.amount", "amount_negative")
    if actions.message is not None:
        has_promo_code = actions.promo_code is not None
        check_text(actions.message.text, "actions.send_message.text", has_promo_code=has_promo_code)


def _check_offer(offer: PromoOffer) -> None:
    field = "actions.generate_promo_code"
    if re.fullmatch(_PREFIX, offer.prefix) is None:
        raise Invalid(f"{field}.prefix", "prefix_format")
    _check_discount(offer.discount, f"{field}.discount")
    if offer.expires_in is not None:
        _check_span(offer.expires_in, f"{field}.expires_in.value")


def _check_discount(discount: Discount, field: str) -> None:
    if (discount.percent is None) == (discount.amount is None):
        raise Invalid(field, "one_discount", "give a percent or an amount")
    if discount.percent is not None and not 0 < discount.percent <= 100:
        raise Invalid(f"{field}.percent", "out_of_range")
    if discount.amount is not None and discount.amount <= 0:
        raise Invalid(f"{field}.amount", "amount_negative" if discount.amount else "amount_zero")
