"""Approve many orders in one call, each on its own: what is refused for one never touches another."""

from collections.abc import Mapping
from copy import replace
from typing import Final

from msgspec import Struct

from cashback.domain.api_keys import Role
from cashback.domain.errors import DomainError
from cashback.domain.fingerprints import fingerprint
from cashback.domain.orders import Order, Review
from cashback.domain.settings import Settings
from cashback.services.books import Books
from cashback.services.review_order import approve_order

_DONE: Final = 200


class Approval(Struct, frozen=True):
    """What became of one order: ``approved``, or the code and HTTP status that its own call would have had."""

    order_id: str
    outcome: str = "approved"
    status: int = _DONE
    order: Order | None = None


def approve_orders(
    books: Books, settings: Settings, expected: Mapping[str, str], review: Review, role: Role
) -> list[Approval]:
    """Credit each of these orders with the amount that the person expects of it, in their order.

    The request of each is its own part of ``review``'s, so a call that was cut off may be made again.

    :param expected: amounts as texts, by order id.
    """
    return [_approval(books, settings, order_id, amount, review, role) for order_id, amount in expected.items()]


def _approval(books: Books, settings: Settings, order_id: str, expected: str, review: Review, role: Role) -> Approval:
    try:
        amount = settings.currency.parse(expected, "expected_amount")
        own = replace(review, request_hash=fingerprint(review.request_hash, order_id), expected=amount)
        order, _ = approve_order(books, settings, order_id, own, role)
    except DomainError as error:
        return Approval(order_id, error.code, error.status)
    return Approval(order_id, order=order)
