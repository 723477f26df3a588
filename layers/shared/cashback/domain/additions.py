"""Lines added to an order after its award, and lines sold for more: once paid they earn too, at the order's terms."""

from copy import replace

from cashback.domain import causes
from cashback.domain.facts import SHIPPING, Body
from cashback.domain.ledger import Entry, Kind, payload_hash
from cashback.domain.money import ONE, round_half_up
from cashback.domain.orders import Order, order_entry
from cashback.domain.rules import Calculation, LineAward, Lookup, calculate, earned, earning_share
from cashback.domain.settings import Settings


def has_more(order: Order) -> bool:
    """Tell whether an awarded order was paid for more than was awarded; it may still earn nothing."""
    body, calculation = order.facts.earning_body, order.calculation
    if body is None or not body.paid or order.facts.cancelled:
        return False
    known = {line.line_id: line.base if line.gross is None else line.gross for line in calculation.lines}
    dearer = any(
        worth > known.get(line_id, worth if line_id == SHIPPING else 0) for line_id, worth in body.worth.items()
    )
    return dearer or earning_share(body) > calculation.share


def new_part(order: Order, body: Body) -> Body:
    """Return of a body of an awarded order the lines that are no part of its award; how the others earn is decided."""
    known = {line.line_id for line in order.calculation.lines}
    return replace(body, lines=tuple(line for line in body.lines if line.line_id not in known))


def added(order: Order, body: Body, settings: Settings, lookup: Lookup) -> Order:
    """Return an awarded order with what its ``body`` was paid beyond the award, earned at ``settings``, its own terms'.

    The award only grows. What was awarded before keeps its rates, in proportion to the award: what an approval made of
    it included. Under the cap new lines share in the award, so that it follows them when others are gone.
    """
    before = order.calculation
    earned_before = earned(before.lines)
    # What a redemption pays more of now is called back from all lines alike, so until then the new ones earn as before.
    share = max(before.share, earning_share(body))
    if not earned_before or not share:
        return order
    fresh = calculate(body, settings, lookup)
    if fresh.reason is not None:
        return order
    calculated = round_half_up(earned_before * before.share) == order.basis or order.basis == settings.max_award
    scale = ONE if calculated else order.basis / (earned_before * share)
    kept = {line.line_id: replace(line, rate=line.rate * scale) for line in before.lines}
    grown = {line.line_id: _grown(kept.get(line.line_id), line) for line in fresh.lines}
    lines = [grown.pop(line.line_id, line) for line in kept.values()] + list(grown.values())
    earned_now = round_half_up(earned(lines) * share)
    whole = earned_now if settings.max_award is None else min(earned_now, settings.max_award)
    more = max(0, whole - order.basis)
    calculation = Calculation(tuple(lines), 0, before.rate, share=share).awarding(before.award + more)
    return replace(order, calculation=calculation, basis=order.basis + more, award=(order.award or 0) + more)


def earned_later(order: Order, before: Order, actor: str) -> list[Entry]:
    """Return the entry of what ``order`` is awarded beyond what it was ``before``, none where it is not."""
    more = (order.award or 0) - (before.award or 0)
    if more <= 0:
        return []
    same = payload_hash(Kind.ORDER, more, order.award)
    return [order_entry(order, Kind.ORDER, causes.earned_later(order.order_id, order.rev), more, same, actor)]


def _grown(known: LineAward | None, now: LineAward) -> LineAward:
    """A line as it earns now: new as it is, one sold for more with its own rate, any other as it was."""
    if known is None:
        return now
    return replace(known, base=now.base, gross=now.gross) if now.base > known.base else known
