"""Approve or reject an order that waits for a person. The first decision wins; every other is told so."""

from copy import replace
from typing import Final

from cashback.domain.api_keys import Role
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
from cashback.services.books import Books
from cashback.services.commit import commit

_TRIES: Final = 5


def approve_order(books: Books, settings: Settings, order_id: str, review: Review, role: Role) -> tuple[Order, bool]:
    """Credit a pending or held order. Return it, and whether this very call had been made before.

    ``review.expected`` is what the person saw, ``review.amount`` what to post instead, if anything.

    :raises NotFound: no such order in this store.
    :raises StateConflict: it is decided already, or was never up for review; the detail names its state.
    :raises IdempotencyMismatch: the same key with another body.
    :raises AmountConflict: ``expected`` is not what would be credited now.
    :raises CashbackDisabled: the store's cashback is off.
    :raises Invalid: ``amount_zero`` or ``amount_negative``.
    :raises Forbidden: the amount exceeds the calculation by more than this role may decide.
    """
    order = existing_order(books, settings.store_id, order_id)
    for _ in range(_TRIES):
        if answered(order, review):
            return as_answered(order, review), True
        amount = _allowed(order, review, role, settings)
        decision = approve(order, amount, replace(review, amount=amount))
        standing = commit(books, settings.store_id, order, decision, review.at)
        if standing is None:
            return decision.order, False
        order = standing if isinstance(standing, Order) else existing_order(books, settings.store_id, order_id)
    raise Busy("the order keeps changing")


def reject_order(books: Books, settings: Settings, order_id: str, reason: str, review: Review) -> tuple[Order, bool]:
    """Refuse a pending or held order for good. Return it, and whether this very call had been made before.

    :raises NotFound: no such order in this store.
    :raises StateConflict: it is decided already, or was never up for review; the detail names its state.
    :raises IdempotencyMismatch: the same key with another body.
    """
    order = existing_order(books, settings.store_id, order_id)
    for _ in range(_TRIES):
        if answered(order, review):
            return as_answered(order, review), True
        _must_be_reviewed(order)
        decision = reject(order, reason, review)
        standing = commit(books, settings.store_id, order, decision, review.at)
        if standing is None:
            return decision.order, False
        order = standing if isinstance(standing, Order) else existing_order(books, settings.store_id, order_id)
    raise Busy("the order keeps changing")


def existing_order(books: Books, store_id: str, order_id: str) -> Order:
    """Return an order.

    :raises NotFound: no such order in this store.
    """
    order = books.orders.get(store_id, order_id)
    if order is None:
        raise NotFound
    return order


def as_answered(order: Order, review: Review) -> Order:
    """Return an order as this review left it, whatever became of it since: a repeated call gets the first answer."""
    done = next(known for known in order.reviews if known.request_hash == review.request_hash)
    step = next((step for step in order.history if (step.at, step.actor) == (done.at, done.actor)), None)
    return order if step is None else replace(order, status=step.status, reason=step.reason)


def answered(order: Order, review: Review) -> bool:
    """Tell whether this very request was answered before.

    :raises IdempotencyMismatch: it was another one under the same key.
    """
    known = next((known for known in order.reviews if known.request_hash == review.request_hash), None)
    if known is not None and known.body_hash != review.body_hash:
        raise IdempotencyMismatch
    return known is not None


def _must_be_reviewed(order: Order) -> None:
    if order.status not in REVIEWED:
        raise StateConflict(f"the order is {order.status}")


def _allowed(order: Order, review: Review, role: Role, settings: Settings) -> int:
    """Return the amount to post, once everything that speaks against it is ruled out."""
    _must_be_reviewed(order)
    if order.customer_id is None:
        raise StateConflict("nobody knows whose order it is")
    if not settings.cashback_enabled:
        raise CashbackDisabled
    if review.expected != order.calculated:
        raise AmountConflict("expected_amount is not what would be credited now")
    amount = order.calculated if review.amount is None else review.amount
    if amount == 0:
        raise Invalid("amount", "amount_zero")
    if amount < 0:
        raise Invalid("amount", "amount_negative")
    over = amount - order.calculated
    if role is not Role.ADMIN and settings.adjust_limit is not None and over > settings.adjust_limit:
        raise Forbidden("the amount exceeds the calculation by more than this role may decide")
    return amount
