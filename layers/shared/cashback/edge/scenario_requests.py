"""Requests about scenarios and promo codes as what the use cases take."""

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, Final

from cashback.domain import scenarios
from cashback.domain.delays import AT_ONCE, Delay
from cashback.domain.errors import Invalid
from cashback.domain.money import Currency
from cashback.domain.times import Instant
from cashback.edge import scenario_models as models
from cashback.edge.caller import Caller, IdempotentRequest
from cashback.edge.ids import new_id
from cashback.edge.scenario_models import ChangeScenario, CreateScenario, RedeemPromoCode
from cashback.services.redeem_promo_code import Redemption

_PERCENT: Final = r"-?[0-9]{1,12}(?:\.[0-9]{1,2})?"


def new_scenario(
    body: CreateScenario, currency: Currency, who: Caller, request: IdempotentRequest, now: Instant
) -> scenarios.Scenario:
    """Return the scenario that a request asks for.

    :raises Invalid: ``amount_*`` or ``percent_format``.
    """
    return scenarios.Scenario(
        scenario_id=new_id("scn", request.request_hash),
        active_since=now,
        inactive_since=now if body.status is scenarios.ScenarioStatus.INACTIVE else None,
        created_at=now,
        created_by=who.actor,
        request_hash=request.request_hash,
        body_hash=request.body_hash,
        **changes(body, currency),
    )


def changes(body: ChangeScenario, currency: Currency) -> Mapping[str, Any]:
    """Return what a request says of a scenario, in exact values.

    :raises Invalid: ``amount_*`` or ``percent_format``.
    """
    exact: Mapping[str, Callable[[Any], Any]] = {
        "limits": lambda asked: _limits(asked, currency),
        "delay": lambda asked: _delay(asked) or AT_ONCE,
        "cancel_on": tuple,
        "success": _success,
        "actions": lambda asked: _actions(asked, currency),
    }
    given = {name: getattr(body, name) for name in body.model_fields_set}
    return {name: exact[name](value) if name in exact else value for name, value in given.items()}


def redemption(body: RedeemPromoCode, who: Caller, request: IdempotentRequest, now: Instant) -> Redemption:
    """Return what a request to redeem a code asks for."""
    return Redemption(body.order_id, who.actor, request.request_hash, request.body_hash, now)


def _limits(asked: models.ScenarioLimits | None, currency: Currency) -> scenarios.Limits:
    if asked is None:
        return scenarios.Limits()
    numbers = asked.order_number or models.OrderNumbers()
    return scenarios.Limits(
        sources=tuple(asked.sources),
        delivery_types=tuple(asked.delivery_types),
        min_price=_amount(asked.min_price, "limits.min_price", currency),
        max_price=_amount(asked.max_price, "limits.max_price", currency),
        min_number=numbers.min,
        max_number=numbers.max,
    )


def _delay(asked: models.Delay | None) -> Delay | None:
    return None if asked is None else Delay(asked.value, asked.unit)


def _success(asked: models.SuccessAsked | None) -> scenarios.Success | None:
    return None if asked is None else scenarios.Success(tuple(asked.on), Delay(asked.within.value, asked.within.unit))


def _actions(asked: models.ActionsAsked, currency: Currency) -> scenarios.Actions:
    credit, message = asked.credit_cashback, asked.send_message
    return scenarios.Actions(
        promo_code=_offer(asked.generate_promo_code, currency),
        credit=(_amount(credit.amount, "actions.credit_cashback.amount", currency) or 0) if credit else None,
        message=scenarios.Message(message.channel, message.text) if message else None,
    )


def _offer(asked: models.PromoCodeAsked | None, currency: Currency) -> scenarios.PromoOffer | None:
    if asked is None:
        return None
    field = "actions.generate_promo_code.discount"
    percent = _percent(asked.discount.percent, f"{field}.percent")
    amount = _amount(asked.discount.amount, f"{field}.amount", currency)
    return scenarios.PromoOffer(scenarios.Discount(percent, amount), asked.prefix, _delay(asked.expires_in))


def _percent(literal: str | None, field: str) -> Fraction | None:
    if literal is None:
        return None
    if re.fullmatch(_PERCENT, literal) is None:
        raise Invalid(field, "percent_format")
    return Fraction(literal)


def _amount(literal: str | None, field: str, currency: Currency) -> int | None:
    return None if literal is None else currency.parse(literal, field)
