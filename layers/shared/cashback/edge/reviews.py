"""Reviewers' requests as the reviews that orders keep."""

from cashback.domain.money import Currency
from cashback.domain.orders import Review
from cashback.domain.times import Instant
from cashback.edge.caller import Caller, IdempotentRequest
from cashback.edge.models import ApproveOrder


def approval(body: ApproveOrder, currency: Currency, who: Caller, request: IdempotentRequest, now: Instant) -> Review:
    """Return a yes.

    :raises Invalid: ``amount_*`` of ``expected_amount`` or ``amount``.
    """
    return Review(
        "approved",
        who.actor,
        now,
        request.request_hash,
        request.body_hash,
        expected=currency.parse(body.expected_amount, "expected_amount"),
        amount=None if body.amount is None else currency.parse(body.amount, "amount"),
        comment=body.comment,
    )


def rejection(who: Caller, request: IdempotentRequest, now: Instant) -> Review:
    """Return a no."""
    return Review("rejected", who.actor, now, request.request_hash, request.body_hash)
