"""Reviewers' requests as the reviews that orders keep."""

from copy import replace

from cashback.domain.money import Currency
from cashback.domain.orders import Review
from cashback.domain.times import Instant
from cashback.edge.caller import Caller, IdempotentRequest
from cashback.edge.order_models import ApproveOrder, ProcessOrder


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


def act(verdict: str, who: Caller, request: IdempotentRequest, comment: str | None, now: Instant) -> Review:
    """Return an act that names no amount: a no, or to hold or release."""
    return Review(verdict, who.actor, now, request.request_hash, request.body_hash, comment=comment)


def processing(body: ProcessOrder, currency: Currency, who: Caller, request: IdempotentRequest, now: Instant) -> Review:
    """Return a person's word to process an order; ``expected`` is None where they only ask what would come of it.

    :raises Invalid: ``amount_*`` of ``expected_amount``.
    """
    expected = body.expected_amount
    seen = None if expected is None else currency.parse(expected, "expected_amount")
    return replace(act("processed", who, request, body.comment, now), expected=seen)
