"""Reviewers' requests as commands."""

from cashback.domain.money import Currency
from cashback.edge.caller import Caller, Request
from cashback.edge.models import ApproveOrder, RejectOrder
from cashback.services.review_order import Approval, Rejection


def approval(body: ApproveOrder, currency: Currency, who: Caller, request: Request) -> Approval:
    """Return a yes.

    :raises Invalid: ``amount_*`` of ``expected_amount`` or ``amount``.
    """
    return Approval(
        expected=currency.parse(body.expected_amount, "expected_amount"),
        amount=None if body.amount is None else currency.parse(body.amount, "amount"),
        comment=body.comment,
        actor=who.actor,
        role=who.role,
        request=request.key,
        payload=request.payload,
    )


def rejection(body: RejectOrder, who: Caller, request: Request) -> Rejection:
    """Return a no."""
    return Rejection(body.reason, who.actor, request.key, request.payload)
