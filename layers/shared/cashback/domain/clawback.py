"""Clawback: what refunds, edits and a cancellation call back of an award, and what a balance can give.

Cumulative: the target follows from all facts together, so neither the number nor the order of refunds matters, and
what is called back can never exceed what was awarded.
"""

from collections.abc import Mapping
from copy import replace
from typing import Final

from cashback.domain import causes
from cashback.domain.facts import Facts, Refund
from cashback.domain.ledger import Account, Entry, Kind, payload_hash, recovery_of
from cashback.domain.money import round_half_up
from cashback.domain.orders import Decision, Order, Status
from cashback.domain.settings import Clawback, Settings

MAX_NAMED: Final = 40
"""Refunds that get an entry of their own in one posting, whose transaction holds 100 writes; the effect of more that
became known at once goes with the entry of the edit."""


def claw(order: Order, settings: Settings, account: Account | None, actor: str) -> Decision:
    """Bring what was clawed back to the target that the facts call for, one entry a cause.

    Without an account image the balance is taken to suffice, and the ledger's condition says when it does not. An award
    posted beside always suffices.
    """
    known = replace(order.facts, refunds=_only(order.facts, order.clawed))
    steps: list[tuple[str, int, str]] = []
    named = payload_hash(Kind.REVERSAL)
    target, final = order.target, target_of(order, order.facts)
    highest = max(target, final)
    for refund_id in sorted(set(order.facts.refunds) - order.clawed)[:MAX_NAMED]:
        known = replace(known, refunds={**known.refunds, refund_id: order.facts.refunds[refund_id]})
        reached = min(max(target, target_of(order, replace(known, cancelled=False))), highest)
        steps.append((causes.refunded(order.order_id, refund_id), reached - target, named))
        target = reached
    if order.facts.cancelled:
        steps.append((causes.cancelled(order.order_id), final - target, named))
    else:
        counted = payload_hash(Kind.REVERSAL, final - target, final)
        steps.append((causes.edited(order.order_id, order.rev), final - target, counted))

    purse = _Purse(order, settings.clawback, account)
    entries = [
        entry for cause, change, same in steps for entry in purse.move(_reversal(order, cause, same, actor), change)
    ]
    settled = replace(
        order,
        target=final,
        owed=order.owed + purse.owed,
        waived=order.waived + purse.waived,
        clawed=frozenset(order.facts.refunds),
    )
    return Decision(
        _reversed(settled),
        tuple(entries),
        version=None if account is None else account.version,
        overdraft=settings.clawback is Clawback.ALLOW_NEGATIVE,
    )


class _Purse:
    """Takes clawbacks from a balance by the store's policy, keeping count of what is owed and waived."""

    def __init__(self, order: Order, policy: Clawback, account: Account | None) -> None:
        self.order = order
        self.policy = policy
        self.available = account.available if account else None
        self.shortfall = account.shortfall if account else 0
        self.owed = 0
        self.waived = 0

    def move(self, entry: Entry, change: int) -> list[Entry]:
        """Return the entries of one change of the target, none where nothing moves."""
        if change > 0:
            return self._take(entry, change)
        return self._give_back(entry, -change) if change < 0 else []

    def _take(self, entry: Entry, amount: int) -> list[Entry]:
        """A rise of the target: what is there, by policy; the rest is owed or waived."""
        if self.available is None or self.policy is Clawback.ALLOW_NEGATIVE:
            return [replace(entry, amount=-amount)]
        taken = min(amount, max(0, self.available))
        if taken < amount and self.policy is Clawback.FULL_OR_SKIP:
            self.waived += amount
            return []
        self.available -= taken
        self.owed += amount - taken
        return [replace(entry, amount=-taken, owed=amount - taken)]

    def _give_back(self, entry: Entry, amount: int) -> list[Entry]:
        """A fall of the target: first what was never taken (waived, then owed), the rest is credited."""
        unwaived = min(amount, self.order.waived + self.waived)
        self.waived -= unwaived
        unowed = min(amount - unwaived, self.order.owed + self.owed)
        self.owed -= unowed
        forgiven = min(unowed, self.shortfall)
        self.shortfall -= forgiven
        credited = amount - unwaived - forgiven
        if not credited and not forgiven:
            return []
        given = replace(entry, amount=credited, owed=-forgiven)
        repaid = min(credited, self.shortfall)
        self.shortfall -= repaid
        return [given, recovery_of(given, repaid)] if repaid else [given]


def target_of(order: Order, facts: Facts) -> int:
    """What must be called back of the award, given these facts. Source: the clawback formula of the cashback rules."""
    award = order.award or 0
    gone = order.calculation.gone(facts.gone_shares())
    return max(0, min(award, round_half_up(order.basis * gone) - (order.basis - award)))


def _reversed(order: Order) -> Order:
    """Name the state of an awarded order after how much of it was called back."""
    if order.target == 0:
        return replace(order, status=Status.PROCESSED, reason="approved" if order.review else "awarded")
    why = "order_cancelled" if order.facts.cancelled else "refunded"
    status = Status.REVERSED if order.target == order.award else Status.PARTIALLY_REVERSED
    return replace(order, status=status, reason=why)


def _reversal(order: Order, cause: str, same: str, actor: str) -> Entry:
    """An entry of this order whose amount is still to be decided; ``same`` is its payload hash."""
    return Entry(
        cause=cause,
        kind=Kind.REVERSAL,
        amount=0,
        actor=actor,
        payload_hash=same,
        order_id=order.order_id,
        rule_version=order.terms.settings_version if order.terms else None,
    )


def _only(facts: Facts, refund_ids: frozenset[str]) -> Mapping[str, Refund]:
    return {key: refund for key, refund in facts.refunds.items() if key in refund_ids}
