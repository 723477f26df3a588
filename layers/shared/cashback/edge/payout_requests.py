"""Requests about incentive requests and payouts as what the use cases take."""

from collections.abc import Mapping
from typing import Any

from cashback.domain.errors import Invalid
from cashback.domain.incentive_requests import Decided, IncentiveRequest, RequestStatus
from cashback.domain.money import Currency
from cashback.domain.payouts import Opening
from cashback.domain.times import Instant
from cashback.edge.caller import Caller, IdempotentRequest
from cashback.edge.ids import new_id
from cashback.edge.payout_models import ChangePayout, CreateIncentiveRequest, CreatePayout


def new_request(
    body: CreateIncentiveRequest, currency: Currency, who: Caller, request: IdempotentRequest, now: Instant
) -> IncentiveRequest:
    """Return the incentive request that is asked for.

    :raises Invalid: ``amount_*``, also ``amount_zero`` and ``amount_negative``.
    """
    amount = _not_negative(body.amount, "amount", currency)
    if amount == 0:
        raise Invalid("amount", "amount_zero")
    return IncentiveRequest(
        incentive_request_id=new_id("irq", request.request_hash),
        customer_id=body.customer_id,
        program=body.program,
        amount=amount,
        currency=currency.code,
        created_at=now,
        requested_by=who.actor,
        requested_key=who.api_key_id,
        request_hash=request.request_hash,
        body_hash=request.body_hash,
        from_balance=body.from_balance,
        description=body.description,
        held=amount if body.from_balance else 0,
    )


def decision(status: str, reason: str | None, who: Caller, request: IdempotentRequest, now: Instant) -> Decided:
    """Return a decision on an incentive request."""
    return Decided(RequestStatus(status), now, who.actor, request.request_hash, request.body_hash, reason)


def opening(body: CreatePayout, who: Caller, request: IdempotentRequest, now: Instant) -> Opening:
    """Return what a request for a payout says besides what it is for."""
    payout_id = new_id("pay", request.request_hash)
    return Opening(payout_id, body.description, who.origin, request.request_hash, request.body_hash, now)


def changes(body: ChangePayout, currency: Currency) -> Mapping[str, Any]:
    """Return what a request says of a payout, in exact values; a reference without spaces around it.

    :raises Invalid: ``amount_*`` of the fee, also ``amount_negative``.
    """
    given = {name: getattr(body, name) for name in body.model_fields_set}
    if body.external_reference is not None:
        given["external_reference"] = body.external_reference.strip()
    if body.fee is not None:
        given["fee"] = _not_negative(body.fee, "fee", currency)
    return given


def _not_negative(literal: str, field: str, currency: Currency) -> int:
    minor = currency.parse(literal, field)
    if minor < 0:
        raise Invalid(field, "amount_negative")
    return minor
