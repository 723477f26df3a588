"""The life of one order's cashback: what news of it, and a reviewer's word, make of its document and the ledger.

Pure: a decision is a new document and the entries that must be posted with it, in one transaction. Nothing here reads
a clock, a table or the environment.
"""

from copy import replace
from fractions import Fraction
from math import floor

from cashback.domain import causes
from cashback.domain.clawback import claw, decided, gives_back
from cashback.domain.facts import Body, Facts
from cashback.domain.ledger import Account, Entry, Figures, Kind, payload_hash
from cashback.domain.money import round_half_up
from cashback.domain.orders import (
    AWARDED,
    REVIEWED,
    Decision,
    Mode,
    News,
    Order,
    Review,
    Status,
    Step,
    Terms,
    stepped,
)
from cashback.domain.rules import Calculation, calculate, net, tier_of
from cashback.domain.settings import AwardOn, Settings
from cashback.domain.times import Instant


def hear(order: Order | None, news: News, settings: Settings, account: Account | None, now: Instant) -> Decision | None:
    """Decide what news of an order change; None when they say nothing new.

    ``settings`` are those of the order's terms, with today's clawback policy; today's altogether before it has terms
    and once it is awarded or rejected. ``account`` is needed for tiers and, after a refusal, as the image to decide
    from anew.
    """
    known = order or Order(news.order_id, news.source, first_seen_at=now)
    if known.source != news.source:
        if any(step.reason == "source_conflict" for step in known.history):
            return None
        step = Step(known.status, "source_conflict", now, news.source)
        return Decision(replace(known, rev=known.rev + 1, history=(*known.history, step)))
    facts = known.facts.merged(news.facts)
    if order is not None and facts == order.facts and order.status is not Status.FAILED:
        return None
    actor = f"shop:{news.source}"
    heard = replace(known, facts=facts, customer_id=_owner(known, facts))
    decision = _settle(heard, settings, account, now, actor)
    return _counted(decision, order, settings, now, actor)


def account_needed(order: Order | None, news: News, settings: Settings) -> str | None:
    """Return the customer whose account the decision must see first: for a tier, or where something is given back.

    Everything else is decided without, and the ledger's conditions say when that was wrong.
    """
    facts = order.facts.merged(news.facts) if order else news.facts
    if order is None or order.terms is None:
        return _owner(order, facts) if settings.tiers else None
    gives = order.status in AWARDED and gives_back(replace(order, facts=facts))
    return order.customer_id if gives else None


def approve(order: Order, amount: int, review: Review) -> Decision:
    """Credit a reviewed order with ``amount`` minor units; the caller has checked state, amount and role.

    The award's line shares are spread anew, and later refunds claw back in proportion to it.
    """
    basis = order.basis if amount == order.calculated else _basis_of(amount, order.gone)
    entry = Entry(
        cause=causes.earned(order.order_id),
        kind=Kind.ORDER,
        amount=amount,
        actor=review.actor,
        payload_hash=payload_hash(Kind.ORDER, amount, review.actor, review.request_hash),
        order_id=order.order_id,
        rule_version=order.terms.settings_version if order.terms else None,
    )
    credited = replace(
        order,
        status=Status.PROCESSED,
        reason="approved",
        calculation=order.calculation.awarding(amount),
        basis=basis,
        award=amount,
        review=review,
    )
    return Decision(stepped(decided(credited), order, review.at, review.actor), (entry,), repays=True)


def reject(order: Order, reason: str, review: Review) -> Decision:
    """Refuse a reviewed order for good; no money moves."""
    refused = replace(order, status=Status.REJECTED, reason=reason, review=review)
    return Decision(stepped(refused, order, review.at, review.actor))


def fail(order: Order | None, news: News, reason: str, now: Instant) -> Decision | None:
    """Record that no retry can help: the facts are kept so that the order can be processed by hand.

    None when the order is already awarded, rejected or seen by a person: a failure to hear more must not hide that.
    """
    known = order or Order(news.order_id, news.source, first_seen_at=now)
    if known.status in {*AWARDED, Status.REJECTED} or known.review is not None or known.source != news.source:
        return None
    failed = replace(known, facts=known.facts.merged(news.facts), status=Status.FAILED, reason=reason)
    return Decision(stepped(failed, known, now, "engine"))


def _owner(order: Order | None, facts: Facts) -> str | None:
    """Whose order it is: what the newest body says, until it is counted among a customer's orders."""
    if order is not None and (order.counted or facts.body is None):
        return order.customer_id
    return facts.body.customer_id if facts.body else None


def _basis_of(amount: int, gone: Fraction) -> int:
    """Return the least award that leaves exactly ``amount`` when ``gone`` of it, less than all, is gone."""
    return floor((amount - Fraction(1, 2)) / (1 - gone)) + 1


def _settle(order: Order, settings: Settings, account: Account | None, now: Instant, actor: str) -> Decision:
    """Derive the state and the entries that the facts call for."""
    if order.status in AWARDED:
        return claw(order, settings, account, actor)
    if order.status is Status.REJECTED:
        return Decision(order)
    if order.facts.cancelled:
        final = Status.REJECTED if order.status in REVIEWED else Status.NOT_ELIGIBLE
        return Decision(replace(order, status=final, reason="order_cancelled"))
    body = order.facts.body
    if body is None or not _earns(order.facts, order.terms, settings):
        waiting = "not_completed" if order.facts.paid and body is not None else "not_paid"
        return Decision(replace(order, status=Status.AWAITING, reason=waiting))
    return _first_decision(order, body, settings, account, now, actor)


def _first_decision(
    order: Order, body: Body, settings: Settings, account: Account | None, now: Instant, actor: str
) -> Decision:
    """Calculate at the frozen terms, and find the first state of the order that applies."""
    terms = order.terms or _freeze(settings, account.total_spent - order.spent if account else 0)
    calculation = calculate(body, settings, terms.tier_rate)
    foreign = body.currency != settings.currency.code
    order = replace(order, terms=terms, calculation=calculation, basis=0 if foreign else calculation.award)
    nothing_left = order.calculated == 0 if order.basis else order.gone == 1
    if order.status in REVIEWED:
        refunded = replace(order, status=Status.REJECTED, reason="fully_refunded")
        return Decision(refunded if nothing_left else order)
    if not settings.cashback_enabled:
        return Decision(replace(order, status=Status.NOT_ELIGIBLE, reason="cashback_disabled"))
    if order.customer_id is None:
        if nothing_left:
            return Decision(replace(order, status=Status.NOT_ELIGIBLE, reason="fully_refunded"))
        return Decision(replace(order, status=Status.AWAITING_CUSTOMER, reason="guest_order"))
    doubt = _doubt(body, calculation, settings) if body.lines else None
    if doubt is None and not calculation.award:
        return Decision(replace(order, status=Status.NOT_ELIGIBLE, reason=calculation.reason or "nothing_to_earn_on"))
    if nothing_left and (doubt or terms.mode is Mode.MANUAL):
        return Decision(replace(order, status=Status.REJECTED, reason="fully_refunded"))
    if doubt is not None:
        return Decision(replace(order, status=Status.HELD, reason=doubt, queued_at=now))
    if terms.mode is Mode.MANUAL:
        return Decision(replace(order, status=Status.PENDING, reason="manual_review", queued_at=now))
    return _award(order, settings, actor)


def _award(order: Order, settings: Settings, actor: str) -> Decision:
    """Credit the award; refunds that were known before it are clawed back in the same posting."""
    entry = Entry(
        cause=causes.earned(order.order_id),
        kind=Kind.ORDER,
        amount=order.basis,
        actor=actor,
        payload_hash=payload_hash(Kind.ORDER),
        order_id=order.order_id,
        rule_version=order.terms.settings_version if order.terms else None,
    )
    awarded = replace(order, award=order.basis, status=Status.PROCESSED, reason="awarded")
    clawed = claw(awarded, settings, None, actor)
    return replace(clawed, entries=(entry, *clawed.entries), repays=True)


def _counted(decision: Decision, before: Order | None, settings: Settings, now: Instant, actor: str) -> Decision:
    """Add what the order changes in the customer's figures, and the line of history if the state changed."""
    order, body = decision.order, decision.order.facts.body
    figures = Figures()
    if order.facts.paid and body is not None and order.customer_id is not None:
        shares = order.facts.gone_shares()
        kept = sum((net(line, body) * (1 - shares[line.line_id]) for line in body.lines), Fraction(0))
        spent = max(0, round_half_up(kept)) if body.currency == settings.currency.code else 0
        figures = Figures(
            orders_count=0 if order.counted else 1,
            total_spent=spent - order.spent,
            ordered_at=None if order.counted else order.created_at,
        )
        order = replace(order, spent=spent, counted=True)
    return replace(decision, order=stepped(order, before, now, actor), figures=figures)


def _freeze(settings: Settings, spent_before: int) -> Terms:
    tier = tier_of(settings, spent_before)
    mode = Mode.AUTOMATIC if settings.auto_processing else Mode.MANUAL
    return Terms(settings.version, mode, tier.name if tier else None, tier.rate if tier else None)


def _earns(facts: Facts, terms: Terms | None, settings: Settings) -> bool:
    """Tell whether what makes an order earn has happened; once it earned it stays so."""
    return terms is not None or (facts.paid and (facts.completed or settings.award_on is AwardOn.PAID))


def _doubt(body: Body, calculation: Calculation, settings: Settings) -> str | None:
    """Return why the order must be held even in automatic mode, if it must."""
    if body.line_count > len(body.lines):
        return "too_many_lines"
    if body.currency != settings.currency.code:
        return "currency_mismatch"
    if any(line.quantity <= 0 for line in body.lines):
        return "line_quantity"
    if any(line.gross < 0 or line.tax < 0 for line in body.lines):
        return "line_amount"
    if len({line.line_id for line in body.lines}) < len(body.lines):
        return "line_doubled"
    if body.paid_with_cashback:
        return "paid_with_cashback"
    if min(body.shipping, body.shipping_tax, body.tax, body.tips_and_fees) < 0:
        return "amount_negative"
    if body.total is not None and body.expected_total - body.total > len(body.lines):
        return "lines_exceed_total"
    if settings.hold_over_total is not None and body.paid_total > settings.hold_over_total:
        return "total_over_limit"
    if settings.hold_over_award is not None and calculation.award > settings.hold_over_award:
        return "award_over_limit"
    return None
