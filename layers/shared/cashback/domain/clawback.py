"""Clawback: what refunds, edits and a cancellation call back of an award, and what a balance can give.

Cumulative: the target follows from all facts together, so neither the number nor the order of refunds matters, and
what is called back can never exceed what was awarded.
"""

from collections.abc import Mapping
from copy import replace
from typing import Final

from msgspec import Struct

from cashback.domain import causes
from cashback.domain.facts import Refund
from cashback.domain.ledger import Entry, Kind, named_hash, payload_hash
from cashback.domain.money import round_half_up
from cashback.domain.orders import Order, Status, order_entry
from cashback.domain.purse import Claim, Purse

MAX_NAMED: Final = 36
"""Refunds and deletions that get an entry of their own in one posting, whose transaction holds 100 writes; the effect
of more that became known at once goes with the entry of the edit."""


class _Step(Struct, frozen=True):
    """One change of the target, and the cause of its entry; ``same`` is the entry's payload hash."""

    cause: str
    change: int
    same: str


def claw(order: Order, purse: Purse, actor: str) -> tuple[Order, list[Entry]]:
    """Bring what was clawed back to the target that the facts call for: the order, and one entry a cause."""
    claim, steps = Claim(order.owed, order.waived), _steps(order)
    entries = [
        entry
        for step in steps
        for entry in purse.move(claim, _reversal(order, step.cause, step.same, actor), step.change)
    ]
    target = order.target + sum(step.change for step in steps)
    status, reason = _state(order, target)
    handled = with_refunds_handled(order)
    clawed = replace(handled, target=target, owed=claim.owed, waived=claim.waived, status=status, reason=reason)
    return clawed, entries


def gives_back(order: Order) -> bool:
    """Tell whether the facts of an awarded order call for an entry that gives back, which the account must be seen for:
    what is still owed is forgiven first."""
    return any(step.change < 0 for step in _steps(order))


def with_refunds_handled(order: Order) -> Order:
    """Return the order with the effect of every refund that it knows, and of every deletion, taken for decided."""
    refunds = order.facts.refunds
    deleted = refunds.keys() - order.facts.standing_refunds.keys()
    return replace(order, clawed=frozenset(refunds), undone=order.undone | deleted)


def _steps(order: Order) -> list[_Step]:
    """Split the way from the order's target to the one that its facts call for: deleted refunds, then new ones, then
    the cancellation or the edit, which takes the rest.

    What gives back comes first: no new refund goes beyond both ends of the way. A refund and its deletion are named
    once each. One that stands again goes with the edit, and so does its second deletion, because the entries that name
    them are posted. Of a cancelled order nothing comes back.
    """
    facts, target, named = order.facts, order.target, named_hash(Kind.REVERSAL)
    standing, before = facts.standing_refunds, order.clawed - order.undone
    known = {refund_id: refund for refund_id, refund in facts.refunds.items() if refund_id in before}
    steps: list[_Step] = []
    for refund_id in () if facts.cancelled else sorted(before - standing.keys())[:MAX_NAMED]:
        del known[refund_id]
        reached = min(target, _target(order, known, cancelled=False))
        steps.append(_Step(causes.refund_deleted(order.order_id, refund_id), reached - target, named))
        target = reached
    known = {refund_id: refund for refund_id, refund in known.items() if refund_id in standing}
    final = target_of(order)
    highest = max(target, final)
    for refund_id in sorted(standing.keys() - order.clawed)[: MAX_NAMED - len(steps)]:
        known[refund_id] = standing[refund_id]
        reached = min(max(target, _target(order, known, cancelled=False)), highest)
        steps.append(_Step(causes.refunded(order.order_id, refund_id), reached - target, named))
        target = reached
    if facts.cancelled:
        return [*steps, _Step(causes.cancelled(order.order_id), final - target, named)]
    if final == target:
        return steps
    counted = payload_hash(Kind.REVERSAL, final - target, final)
    return [*steps, _Step(causes.edited(order.order_id, order.rev), final - target, counted)]


def target_of(order: Order) -> int:
    """What must be called back of the award, given its facts. Source: the clawback formula of the cashback rules."""
    return _target(order, order.facts.standing_refunds, cancelled=order.facts.cancelled)


def _target(order: Order, refunds: Mapping[str, Refund], *, cancelled: bool) -> int:
    """The target if these were the order's refunds."""
    award, shares = order.award or 0, order.facts.gone_shares_by(refunds, cancelled=cancelled)
    gone = order.calculation.gone(order.facts, shares)
    lost = round_half_up(order.basis * gone) if gone else 0
    return max(0, min(award, lost - (order.basis - award)))


def _state(order: Order, target: int) -> tuple[Status, str]:
    """Name the state of an awarded order, and why it is in it, after how much of it is called back."""
    if target == 0:
        return Status.PROCESSED, order.review.verdict if order.review else "awarded"
    status = Status.REVERSED if target == order.award else Status.PARTIALLY_REVERSED
    return status, "order_cancelled" if order.facts.cancelled else "refunded"


def _reversal(order: Order, cause: str, same: str, actor: str) -> Entry:
    """An entry of this order whose amount is still to be decided; ``same`` is its payload hash."""
    return order_entry(order, Kind.REVERSAL, cause, 0, same, actor)
