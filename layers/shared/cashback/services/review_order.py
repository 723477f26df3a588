"""Approve or reject an order that waits for a person. The first decision wins; every other is told so."""

from typing import Final

from msgspec import Struct

from cashback.domain.cashback import approve, reject
from cashback.domain.errors import (
    AmountConflict,
    Busy,
    CashbackDisabled,
    Forbidden,
    IdempotencyMismatch,
    Invalid,
    NotFound,
    StateConflict,
)
from cashback.domain.orders import REVIEWED, Order, Review
from cashback.domain.settings import Settings
from cashback.domain.times import Instant
from cashback.services.books import Books
from cashback.services.commit import commit

_TRIES: Final = 5


class Approval(Struct, frozen=True):
    """A person's yes. Amounts are minor units; ``expected`` is what the person saw, ``amount`` what to post instead.

    ``request`` and ``payload`` are the hashes of the Idempotency-Key in its namespace and of the body.
    """

    expected: int
    amount: int | None
    comment: str | None
    actor: str
    role: str
    request: str
    payload: str


class Rejection(Struct, frozen=True):
    """A person's no, and why."""

    reason: str
    actor: str
    request: str
    payload: str


def approve_order(
    books: Books, settings: Settings, order_id: str, approval: Approval, now: Instant
) -> tuple[Order, bool]:
    """Credit a pending or held order. Return it, and whether this very call had been made before.

    :raises NotFound: no such order in this store.
    :raises StateConflict: it is decided already, or was never up for review; the detail names its state.
    :raises IdempotencyMismatch: the same key with another body.
    :raises AmountConflict: ``expected`` is not what would be credited now.
    :raises CashbackDisabled: the store's cashback is off.
    :raises Invalid: ``amount_zero`` or ``amount_negative``.
    :raises Forbidden: the amount exceeds the calculation by more than this role may decide.
    """
    order = _get(books, settings.store_id, order_id)
    for _ in range(_TRIES):
        if _decided_by(order, approval.request, approval.payload):
            return order, True
        amount = _allowed(order, approval, settings)
        review = Review(
            verdict="approved",
            actor=approval.actor,
            at=now,
            request=approval.request,
            payload=approval.payload,
            expected=approval.expected,
            amount=amount,
            comment=approval.comment,
        )
        decision = approve(order, amount, review)
        standing = commit(books, settings.store_id, decision, now)
        if standing is None:
            return decision.order, False
        order = standing if isinstance(standing, Order) else _get(books, settings.store_id, order_id)
    raise Busy("the order keeps changing")


def reject_order(
    books: Books, settings: Settings, order_id: str, rejection: Rejection, now: Instant
) -> tuple[Order, bool]:
    """Refuse a pending or held order for good. Return it, and whether this very call had been made before.

    :raises NotFound: no such order in this store.
    :raises StateConflict: it is decided already, or was never up for review; the detail names its state.
    :raises IdempotencyMismatch: the same key with another body.
    """
    order = _get(books, settings.store_id, order_id)
    for _ in range(_TRIES):
        if _decided_by(order, rejection.request, rejection.payload):
            return order, True
        _must_be_reviewed(order)
        review = Review(
            verdict="rejected", actor=rejection.actor, at=now, request=rejection.request, payload=rejection.payload
        )
        decision = reject(order, rejection.reason, review)
        standing = books.orders.save(settings.store_id, decision.order)
        if standing is None:
            return decision.order, False
        order = standing
    raise Busy("the order keeps changing")


def _get(books: Books, store_id: str, order_id: str) -> Order:
    order = books.orders.get(store_id, order_id)
    if order is None:
        raise NotFound
    return order


def _decided_by(order: Order, request: str, payload: str) -> bool:
    """Tell whether this very request decided the order."""
    if order.review is None or order.review.request != request:
        return False
    if order.review.payload != payload:
        raise IdempotencyMismatch
    return True


def _must_be_reviewed(order: Order) -> None:
    if order.status not in REVIEWED:
        raise StateConflict(f"the order is {order.status}")


def _allowed(order: Order, approval: Approval, settings: Settings) -> int:
    """Return the amount to post, once everything that speaks against it is ruled out."""
    _must_be_reviewed(order)
    if not settings.cashback_enabled:
        raise CashbackDisabled
    if approval.expected != order.calculated:
        raise AmountConflict("expected_amount is not what would be credited now")
    amount = approval.expected if approval.amount is None else approval.amount
    if amount == 0:
        raise Invalid("amount", "amount_zero")
    if amount < 0:
        raise Invalid("amount", "amount_negative")
    over = amount - order.calculated
    if approval.role != "admin" and settings.adjust_limit is not None and over > settings.adjust_limit:
        raise Forbidden("the amount exceeds the calculation by more than this role may decide")
    return amount
