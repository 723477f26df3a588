"""Approve, reject, hold or release an order that waits for a person. The first decision is the only one."""

from collections.abc import Callable, Set
from copy import replace
from typing import Final

from cashback.domain.api_keys import Role
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
from cashback.domain.orders import AWARDED, REVIEWED, Decision, Order, Review, Status
from cashback.domain.reviews import approve, hold, reject, release
from cashback.domain.settings import Settings
from cashback.services.books import Books
from cashback.services.commit import commit

_TRIES: Final = 5

MOST_ACTS: Final = 20
"""Holds and releases of one order; with the longest words they take half of its document at most."""


def approve_order(books: Books, settings: Settings, order_id: str, review: Review, role: Role) -> tuple[Order, bool]:
    """Credit a pending or held order. Return it, and whether this very call had been made before.

    ``review.expected`` is what the person saw, ``review.amount`` what to post instead, if anything.

    :raises NotFound: no such order in this store.
    :raises StateConflict: it is decided already, was never up for review, or has no customer; the detail names its
        state.
    :raises IdempotencyMismatch: the same key with another body.
    :raises AmountConflict: ``expected`` is not what would be credited now.
    :raises CashbackDisabled: the store's cashback is off.
    :raises Invalid: ``amount_zero`` or ``amount_negative``.
    :raises Forbidden: the amount exceeds the calculation by more than this role may decide.
    """

    def decide(order: Order) -> Decision:
        amount = _allowed(order, review, role, settings)
        return approve(order, amount, replace(review, amount=amount))

    return _reviewed(books, settings.store_id, order_id, review, decide)


def reject_order(books: Books, settings: Settings, order_id: str, reason: str, review: Review) -> tuple[Order, bool]:
    """Refuse a pending or held order for good. Return it, and whether this very call had been made before.

    :raises NotFound: no such order in this store.
    :raises StateConflict: it is decided already, or was never up for review; the detail names its state.
    :raises IdempotencyMismatch: the same key with another body.
    """

    def decide(order: Order) -> Decision:
        _must_be(order, REVIEWED)
        return reject(order, reason, review)

    return _reviewed(books, settings.store_id, order_id, review, decide)


def hold_order(books: Books, settings: Settings, order_id: str, reason: str, review: Review) -> tuple[Order, bool]:
    """Set a pending order aside. Return it, and whether this very call had been made before.

    :raises NotFound: no such order in this store.
    :raises StateConflict: it is not pending; the detail names its state.
    :raises IdempotencyMismatch: the same key with another body.
    """

    def decide(order: Order) -> Decision:
        _must_be(order, {Status.PENDING})
        _must_have_room(order)
        return hold(order, reason, review)

    return _reviewed(books, settings.store_id, order_id, review, decide)


def release_order(books: Books, settings: Settings, order_id: str, review: Review) -> tuple[Order, bool]:
    """Make a held order pending. Return it, and whether this very call had been made before.

    :raises NotFound: no such order in this store.
    :raises StateConflict: it is not held, or nobody knows yet whose it is; the detail names its state.
    :raises IdempotencyMismatch: the same key with another body.
    """

    def decide(order: Order) -> Decision:
        _must_be(order, {Status.HELD})
        _must_be_someones(order)
        _must_have_room(order)
        return release(order, review)

    return _reviewed(books, settings.store_id, order_id, review, decide)


def _reviewed(
    books: Books, store_id: str, order_id: str, review: Review, decide: Callable[[Order], Decision]
) -> tuple[Order, bool]:
    """Commit what ``decide`` makes of the order, decided anew where something else was first; or find it done."""
    order = existing_order(books, store_id, order_id)
    for _ in range(_TRIES):
        if answered(order, review):
            return as_answered(order, review), True
        decision = decide(order)
        standing = commit(books, store_id, order, decision, review.at)
        if standing is None:
            return decision.order, False
        order = standing if isinstance(standing, Order) else existing_order(books, store_id, order_id)
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
    """Return an order as this review left it, whatever became of it since: a repeated call gets the first answer.

    Amounts that later news changed are those of now.
    """
    at = next(n for n, known in enumerate(order.reviews) if known.request_hash == review.request_hash)
    done, left = order.reviews[at], replace(order, reviews=order.reviews[: at + 1])
    step = next((step for step in order.history if (step.at, step.actor) == (done.at, done.actor)), None)
    if step is None:
        return left
    return replace(left, status=step.status, reason=step.reason, award=order.award if step.status in AWARDED else None)


def answered(order: Order, review: Review) -> bool:
    """Tell whether this very request was answered before.

    :raises IdempotencyMismatch: it was another one under the same key.
    """
    known = next((known for known in order.reviews if known.request_hash == review.request_hash), None)
    if known is not None and known.body_hash != review.body_hash:
        raise IdempotencyMismatch
    return known is not None


def _must_be(order: Order, statuses: Set[Status]) -> None:
    if order.status not in statuses:
        raise StateConflict(f"the order is {order.status}")


def _must_have_room(order: Order) -> None:
    """Refuse to go on for ever: what persons did and said must leave room in the document for what happens."""
    if len(order.reviews) >= MOST_ACTS:
        raise StateConflict("the order was held and released too often: decide it")


def _must_be_someones(order: Order) -> None:
    """Refuse an order whose customer is not known: nothing could be credited to anyone."""
    if order.customer_id is None:
        raise StateConflict(f"the order is {order.status} and has no customer")


def _allowed(order: Order, review: Review, role: Role, settings: Settings) -> int:
    """Return the amount to post, once everything that speaks against it is ruled out."""
    _must_be(order, REVIEWED)
    _must_be_someones(order)
    if order.gone == 1 or not order.calculation.lines:  # an award of no line is clawed back by none
        raise StateConflict(f"the order is {order.status}, and nothing of it is left before what was edited is paid")
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
