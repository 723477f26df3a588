"""Redemption: what an order was paid with cashback leaves the balance once, and comes back in proportion to what of the
order is gone.

Cumulative like the clawback: what stays taken follows from all facts together, so neither the number nor the order of
refunds matters, and never more comes back than was taken.
"""

from collections.abc import Iterator, Mapping
from copy import replace
from typing import Final

from msgspec import Struct

from cashback.domain import causes
from cashback.domain.facts import Facts, Refund
from cashback.domain.ledger import Entry, Kind, named_hash, payload_hash
from cashback.domain.money import ONE, ZERO, round_half_up
from cashback.domain.orders import Order
from cashback.domain.purse import Claim, Purse

MAX_NAMED: Final = 8
"""Refunds that get an entry of their own in one posting; the effect of more that became known at once goes with the
entry of the revision."""


class _Step(Struct, frozen=True):
    """One change of what is taken, and the cause of its entry; ``same`` is the entry's payload hash."""

    cause: str
    change: int
    same: str


def redeem(order: Order, purse: Purse, actor: str) -> tuple[Order, list[Entry]]:
    """Bring what the order took for its payment to what the facts call for: the order, and one entry a cause."""
    final = redeemed_of(order, order.facts)
    if not final and not order.redemption_posted:
        return order, []
    claim = Claim(order.redemption_owed, order.redemption_waived)
    entries = [
        entry
        for step in _steps(order, final)
        for entry in purse.move(claim, _redemption(order, step, actor), step.change)
    ]
    settled = replace(
        order,
        redeemed=final,
        redemption_owed=claim.owed,
        redemption_waived=claim.waived,
        redemption_posted=True,
        given_back=order.given_back | order.facts.standing_refunds.keys(),
    )
    return settled, entries


def redeemed_of(order: Order, facts: Facts) -> int:
    """What the order must have taken from the balance, given these facts: nothing before it is paid, or for a guest."""
    if order.customer_id is None or not facts.paid:
        return 0
    return _redeemed(facts, facts.standing_refunds)


def _redeemed(facts: Facts, refunds: Mapping[str, Refund]) -> int:
    """What stays taken if these were the order's refunds."""
    body = facts.earning_body
    if body is None or facts.cancelled or body.paid_with_cashback <= 0:
        return 0
    shares = facts.gone_shares_by(refunds, cancelled=False)
    worth = {line_id: max(0, value) for line_id, value in body.worth.items()}
    whole = sum(worth.values())
    gone = sum((worth[line_id] * shares.get(line_id, ONE) for line_id in worth), ZERO)
    paid = min(body.paid_with_cashback, max(0, body.paid_total))
    return paid - (round_half_up(paid * gone / whole) if whole else 0)


def _steps(order: Order, final: int) -> Iterator[_Step]:
    """Split the way to what must be taken: the payment once, then new refunds, then whatever else changed it."""
    facts, taken = order.facts, order.redeemed
    refunds, named = facts.standing_refunds, named_hash(Kind.REDEMPTION)
    if not order.redemption_posted:
        whole = _redeemed(facts, {})
        yield _Step(causes.redeemed(order.order_id), whole, named)
        taken = whole
    known = {refund_id: refund for refund_id, refund in refunds.items() if refund_id in order.given_back}
    for refund_id in () if facts.cancelled else sorted(refunds.keys() - order.given_back)[:MAX_NAMED]:
        known[refund_id] = refunds[refund_id]
        reached = min(taken, max(_redeemed(facts, known), final))
        yield _Step(causes.given_back(order.order_id, refund_id), reached - taken, named)
        taken = reached
    counted = payload_hash(Kind.REDEMPTION, final - taken, final)
    yield _Step(causes.redeemed_anew(order.order_id, order.rev), final - taken, counted)


def _redemption(order: Order, step: _Step, actor: str) -> Entry:
    """An entry of this order whose amount is still to be decided."""
    return Entry(
        cause=step.cause,
        kind=Kind.REDEMPTION,
        amount=0,
        actor=actor,
        payload_hash=step.same,
        order_id=order.order_id,
    )
