"""What persons, and failures, make of an order: each returns a decision; the caller has checked that it may be."""

from copy import replace

from cashback.domain.cashback import approved, decide
from cashback.domain.lookups import Known, owner
from cashback.domain.orders import AWARDED, Decision, News, Order, Review, Status, stepped
from cashback.domain.settings import Settings
from cashback.domain.times import Instant


def approve(order: Order, amount: int, review: Review) -> Decision:
    """Credit a reviewed order with ``amount`` minor units; the caller has checked state, amount and role.

    The award's line shares are spread anew, and later refunds claw back in proportion to it.
    """
    credited, entry = approved(order, amount, review, "approved")
    return Decision(stepped(credited, order, review.at, review.actor), (entry,), repays=True)


def reject(order: Order, reason: str, review: Review) -> Decision:
    """Refuse a reviewed order for good; no money moves."""
    refused = replace(order, status=Status.REJECTED, reason=reason, reviews=(*order.reviews, review))
    return Decision(stepped(refused, order, review.at, review.actor))


def process(order: Order, settings: Settings, known: Known, review: Review) -> Decision:
    """Decide an order by hand that earned nothing or failed, or lines that were added to it after its award.

    As when it was first known to earn, but at a person's word: cashback that was off then is credited, and nothing is
    left pending. What must be held is held, and says why. ``settings`` are those of its terms.
    """
    if order.status in AWARDED:
        grown = decide(order, settings, known, review.at, review.actor, by_hand=review)
        more = replace(review, verdict="added", amount=(grown.order.award or 0) - (order.award or 0))
        kept = replace(grown.order, reviews=(*order.reviews, more))
        return replace(grown, order=stepped(kept, order, review.at, review.actor))
    mine = owner(order, order.facts, known.claimants)
    afresh = replace(order, status=Status.AWAITING, claimable_until=None, customer_id=mine)
    allowed = replace(settings, cashback_enabled=True)
    decision = decide(afresh, allowed, known, review.at, review.actor, by_hand=review)
    result = decision.order
    if result.award is None:
        result = replace(result, reviews=(*order.reviews, review))
    return replace(decision, order=stepped(result, order, review.at, review.actor))


def hold(order: Order, reason: str, review: Review) -> Decision:
    """Set a pending order aside; no money moves, and the time to its decision goes on."""
    held = replace(order, status=Status.HELD, reason=reason, reviews=(*order.reviews, review))
    return Decision(stepped(held, order, review.at, review.actor))


def release(order: Order, review: Review) -> Decision:
    """Put a held order back among the pending ones; no money moves, and the time to its decision goes on."""
    pending = replace(order, status=Status.PENDING, reason="released", reviews=(*order.reviews, review))
    return Decision(stepped(pending, order, review.at, review.actor))


def fail(order: Order | None, news: News, reason: str, now: Instant) -> Decision | None:
    """Record that no retry can help: the facts are kept so that the order can be processed by hand.

    None when the order is already awarded, rejected or seen by a person: a failure to hear more must not hide that.
    """
    known = order or Order(news.order_id, news.source, first_seen_at=now)
    if known.status in {*AWARDED, Status.REJECTED} or known.reviews or known.source != news.source:
        return None
    failed = replace(known, facts=known.facts.merged(news.facts), status=Status.FAILED, reason=reason)
    return Decision(stepped(failed, known, now, "engine"))
