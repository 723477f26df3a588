"""Process an order by hand: one that earned nothing or failed, or what was added to an awarded one and waits for a
person."""

from typing import Final

from msgspec import Struct

from cashback.domain.errors import AmountConflict, Busy, CashbackDisabled, CustomerNotFound, StateConflict
from cashback.domain.facts import Facts
from cashback.domain.ledger import Account
from cashback.domain.lookups import is_enlarged
from cashback.domain.orders import AWARDED, FULLY_REFUNDED, Decision, Order, Review, Status
from cashback.domain.redemption import redeemed_of
from cashback.domain.reviews import process
from cashback.domain.settings import Settings
from cashback.services.books import Books
from cashback.services.commit import commit
from cashback.services.record_order import create_buyer, governing, look_up
from cashback.services.review_order import answered, as_answered, existing_order

_TRIES: Final = 5

_PROCESSABLE: Final = frozenset({Status.NOT_ELIGIBLE, Status.FAILED})


class Processed(Struct, frozen=True):
    """An order as processing leaves it, or would; ``amount`` is what that credits, in minor units.

    ``replayed``: this very call had been made before.
    """

    order: Order
    amount: int
    replayed: bool = False


def preview_order(books: Books, settings: Settings, order_id: str, review: Review) -> Processed:
    """Say what processing an order would make of it; nothing is changed.

    :raises NotFound: no such order in this store.
    :raises StateConflict: it cannot be processed; the detail names its state.
    """
    order = existing_order(books, settings.store_id, order_id)
    decision = _decide(books, settings, order, review, None)
    return Processed(decision.order, _amount(order, decision.order))


def process_order(books: Books, settings: Settings, order_id: str, review: Review) -> Processed:
    """Decide an order at a person's word, who saw ``review.expected`` minor units in the preview.

    :raises NotFound: no such order in this store.
    :raises StateConflict: it cannot be processed, or nothing would come of it; the detail names its state.
    :raises IdempotencyMismatch: the same key with another body.
    :raises AmountConflict: ``expected`` is not what would be credited now.
    :raises CashbackDisabled: the store's cashback is off.
    :raises Busy: the order keeps changing, or the tables are out of reach; the same call is safe to repeat.
    """
    order = existing_order(books, settings.store_id, order_id)
    account: Account | None = None
    for _ in range(_TRIES):
        if answered(order, review):
            return Processed(as_answered(order, review), review.expected or 0, replayed=True)
        decision = _decide(books, settings, order, review, account)
        if not settings.cashback_enabled:
            raise CashbackDisabled
        amount = _amount(order, decision.order)
        if review.expected != amount:
            raise AmountConflict("expected_amount is not what would be credited now")
        if not decision.entries and decision.order.status == order.status:
            raise StateConflict(f"the order stays {order.status}: {decision.order.reason}")
        try:
            moved = commit(books, settings.store_id, order, decision, review.at)
        except CustomerNotFound:
            create_buyer(books, settings, decision.order.customer_id or "", review.at)
            continue
        if moved is None:
            return Processed(decision.order, amount)
        order, account = (order, moved) if isinstance(moved, Account) else (moved, None)
    raise Busy("the order keeps changing")


def _decide(books: Books, settings: Settings, order: Order, review: Review, account: Account | None) -> Decision:
    is_open = order.status in _PROCESSABLE or (order.status in AWARDED and is_enlarged(order, order.facts))
    if not is_open:
        raise StateConflict(f"the order is {order.status}")
    nothing_to_redeem = redeemed_of(order, order.facts) == order.redeemed
    if order.facts.cancelled and nothing_to_redeem:
        raise StateConflict("the order is cancelled")
    rules = governing(books, settings, order, Facts())
    known = look_up(books, rules, order, Facts(), account, numbered=settings.numbers_orders)
    decision = process(order, rules, known, review)
    if decision.order.reason == FULLY_REFUNDED and nothing_to_redeem:
        raise StateConflict("the order is fully refunded")
    return decision


def _amount(before: Order, after: Order) -> int:
    """What is credited: by this decision, or once what it waits for is there."""
    return after.calculated if after.award is None else after.award - (before.award or 0)
