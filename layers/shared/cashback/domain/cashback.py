"""The life of one order's cashback: what news of it make of its document and the ledger.

Pure: a decision is a new document and the entries that must be posted with it, in one transaction. Nothing here reads
a clock, a table or the environment.
"""

from copy import replace
from datetime import timedelta
from fractions import Fraction
from math import floor
from typing import Final

from cashback.domain import causes
from cashback.domain.additions import added, earned_later, has_more, new_part
from cashback.domain.clawback import claw, target_of, with_refunds_handled
from cashback.domain.facts import Body, Facts
from cashback.domain.ledger import Entry, Figures, Kind, named_hash, payload_hash
from cashback.domain.lookups import Known, earns, lookup_of, owner
from cashback.domain.money import ONE, round_half_up
from cashback.domain.orders import (
    AMBIGUOUS_CONTACT,
    AWARDED,
    FULLY_REFUNDED,
    PRODUCT_UNKNOWN,
    REVIEWED,
    Decision,
    Mode,
    News,
    Order,
    Review,
    Status,
    Step,
    Terms,
    order_entry,
    stepped,
)
from cashback.domain.purse import Purse
from cashback.domain.redemption import redeem, redeemed_of
from cashback.domain.rules import (
    Calculation,
    calculate,
    net,
    products_asked_for,
    tier_of,
)
from cashback.domain.settings import Clawback, Settings
from cashback.domain.times import Instant, instant, moment

_REFUSABLE: Final = REVIEWED | {Status.REJECTED}
"""States of an order that was up for review: with nothing left of it, it is rejected."""


def hear(order: Order | None, news: News, settings: Settings, known: Known, now: Instant) -> Decision | None:
    """Decide what news of an order change; None when they, and all that is known now, change nothing.

    ``settings`` are those that govern the order: of its terms where something may still be earned at them, with today's
    clawback policy and nothing awarded while cashback is off today; else today's. ``known`` holds what ``needed`` asked
    for and, after a refusal, the account's image to decide from anew.
    """
    actor = f"shop:{news.source}"
    before = order or Order(news.order_id, news.source, first_seen_at=now)
    if before.facts.are_reviews and not news.facts.are_reviews:
        before = replace(before, source=news.source)
    if before.source != news.source and not news.facts.are_reviews:
        if any(step.reason == "source_conflict" for step in before.history):
            return None
        step = Step(before.status, "source_conflict", now, actor)
        return Decision(replace(before, rev=before.rev + 1, history=(*before.history, step)))
    facts = before.facts.merged(news.facts)
    if order is not None and facts == order.facts and not _may_change(order):
        return None
    if order is not None and _tells_times_only(facts, order) and not _may_change(order):
        return Decision(stepped(replace(order, facts=facts), order, now, actor))
    heard = replace(before, facts=facts, customer_id=owner(order, facts, known.claimants))
    decision = decide(heard, settings, known, now, actor)
    if decision.order == order and not decision.entries:
        return None
    return replace(decision, order=stepped(decision.order, order, now, actor))


def approved(order: Order, amount: int, review: Review, reason: str) -> tuple[Order, Entry]:
    """The order credited with ``amount`` at a person's word, and the entry."""
    same = payload_hash(Kind.ORDER, amount, review.actor, review.request_hash)
    entry = order_entry(order, Kind.ORDER, causes.earned(order.order_id), amount, same, review.actor)
    credited = replace(
        order,
        status=Status.PROCESSED,
        reason=reason,
        calculation=order.calculation.awarding(amount),
        basis=order.basis if amount == order.calculated else _basis_of(amount, order.gone),
        award=amount,
        missing=frozenset(),
        reviews=(*order.reviews, replace(review, amount=amount)),
    )
    return with_refunds_handled(credited), entry


def decide(
    order: Order, settings: Settings, known: Known, now: Instant, actor: str, *, by_hand: Review | None = None
) -> Decision:
    """Derive the state that the facts call for, everything it posts, and what it changes in the customer's figures.

    What was paid with cashback comes back before anything else is taken, and is taken after all else was given.
    """
    order = replace(order, number=_number(order, known))
    change = redeemed_of(order, order.facts) - order.redeemed
    sees = order.status in AWARDED or change != 0
    purse = Purse(settings.clawback, known.account if sees else None)
    order, back = redeem(order, purse, actor) if change < 0 else (order, [])
    order, moved = _settle(order, settings, known, purse, now, actor, by_hand=by_hand)
    order, spent = redeem(order, purse, actor) if change >= 0 else (order, [])
    order, figures = _counted(order, settings)
    return Decision(
        order,
        (*back, *moved, *spent),
        figures,
        version=purse.version,
        version_owner=purse.version_owner,
        repays=purse.version is None and any(entry.kind is Kind.ORDER for entry in moved),
        overdraft=settings.clawback is Clawback.ALLOW_NEGATIVE,
    )


def _may_change(order: Order) -> bool:
    """Tell whether an order whose facts are unchanged may be decided otherwise: by a retry, or by what became known."""
    waits = order.unresolved or bool(order.awaited_products)
    return waits or order.status in {Status.FAILED, Status.AWAITING_CUSTOMER}


def _tells_times_only(facts: Facts, order: Order) -> bool:
    """Tell whether nothing that cashback depends on is new: to be told again, and earlier, decides nothing anew."""
    return replace(facts, since=order.facts.since, reviews=order.facts.reviews) == order.facts


def _number(order: Order, known: Known) -> int | None:
    """Which order of its customer it is, where that was looked up; it is among those counted once it is counted."""
    return order.number if known.orders_count is None else known.orders_count + (not order.counted)


def _settle(
    order: Order, settings: Settings, known: Known, purse: Purse, now: Instant, actor: str, *, by_hand: Review | None
) -> tuple[Order, list[Entry]]:
    """Derive the state and the entries of award and clawback."""
    if order.status in AWARDED:
        return _awarded_anew(order, settings, known, purse, actor, by_hand=by_hand)
    if order.is_final:
        return order, []
    if order.facts.cancelled:
        final = Status.REJECTED if order.status in _REFUSABLE else Status.NOT_ELIGIBLE
        return replace(order, status=final, reason="order_cancelled"), []
    body = order.facts.earning_body
    if body is None or not earns(order.facts, order.terms, settings):
        waiting = "not_completed" if order.facts.paid and body is not None else "not_paid"
        return replace(order, status=Status.AWAITING, reason=waiting), []
    missed, order = order.missing, _calculated(order, body, settings, known)
    if order.status is Status.PENDING and order.missing - missed:
        return replace(order, status=Status.HELD, reason=PRODUCT_UNKNOWN), []
    status, reason = _first_state(order, body, settings, known, now, by_hand=by_hand)
    order = replace(order, status=status, reason=reason)
    if by_hand is not None and status is Status.PENDING:
        credited, entry = approved(order, order.calculated, by_hand, by_hand.verdict)
        return credited, purse.credit(entry)
    if status is Status.AWAITING_CUSTOMER and order.claimable_until is None:
        until = instant(moment(now) + timedelta(days=settings.guest_claim_days))
        return replace(order, claimable_until=until), []
    return _award(order, purse, actor) if status is Status.PROCESSED else (order, [])


def _calculated(order: Order, body: Body, settings: Settings, known: Known) -> Order:
    """Freeze the terms of the order where it has none yet, and calculate what it earns at them."""
    terms = order.terms or _freeze(settings)
    if order.customer_id is not None and (order.terms is None or not order.counted):
        tier = tier_of(settings, known.account.total_spent - order.spent if known.account else 0)
        tier_name, tier_rate = (tier.name, tier.rate) if tier else (None, None)
        terms = replace(terms, tier=tier_name, tier_rate=tier_rate, customer_tags=known.customer_tags)
    asked = products_asked_for(body, settings, lookup_of(terms))
    found = {product_id: traits for product_id, traits in known.catalogue.items() if product_id in asked}
    terms = replace(terms, catalogue={**found, **terms.catalogue})
    calculation = calculate(body, settings, lookup_of(terms))
    basis = calculation.award if body.currency == settings.currency.code else 0
    missing = frozenset(asked - terms.catalogue.keys())
    return replace(order, terms=terms, calculation=calculation, basis=basis, missing=missing)


def _first_state(
    order: Order, body: Body, settings: Settings, known: Known, now: Instant, *, by_hand: Review | None
) -> tuple[Status, str]:
    """Find the state of a calculated order: the first that applies. ``PROCESSED`` is for the caller to credit."""
    if order.status in _REFUSABLE and _nothing_left(order):
        return Status.REJECTED, FULLY_REFUNDED
    if order.status in REVIEWED and not order.unresolved:
        return order.status, order.reason
    if not (settings.cashback_enabled or any(review.verdict == "processed" for review in order.reviews)):
        return Status.NOT_ELIGIBLE, "cashback_disabled"
    if order.customer_id is None:
        if _nothing_left(order):
            return Status.NOT_ELIGIBLE, FULLY_REFUNDED
        if len(known.claimants) > 1:
            return Status.HELD, AMBIGUOUS_CONTACT
        expired = order.claimable_until is not None and order.claimable_until <= now
        return (Status.NOT_ELIGIBLE, "guest_not_claimed") if expired else (Status.AWAITING_CUSTOMER, "guest_order")
    # What is unknown comes first: until it is known, the amount that a limit or a person looks at is not the amount.
    doubt = (PRODUCT_UNKNOWN if order.missing else None) or (
        _doubt(body, order.calculation, settings) if body.lines else None
    )
    if doubt is None and not order.calculation.award:
        return Status.NOT_ELIGIBLE, order.calculation.reason or "nothing_to_earn_on"
    released = any(review.verdict == "released" for review in order.reviews)
    is_manual = released or by_hand is not None or (order.terms is not None and order.terms.mode is Mode.MANUAL)
    if (doubt or is_manual) and _nothing_left(order):
        return Status.REJECTED, FULLY_REFUNDED
    if doubt is not None:
        return Status.HELD, doubt
    return (Status.PENDING, "manual_review") if is_manual else (Status.PROCESSED, "awarded")


def _nothing_left(order: Order) -> bool:
    """Tell whether all of a calculated order is gone, for good: what an edit takes away before it is paid, the payment
    may bring back in another shape."""
    return order.facts.paid_body is None and (order.calculated == 0 if order.basis else order.gone == 1)


def _award(order: Order, purse: Purse, actor: str) -> tuple[Order, list[Entry]]:
    """Credit the award; refunds that were known before it are clawed back in the same posting."""
    entry = order_entry(order, Kind.ORDER, causes.earned(order.order_id), order.basis, named_hash(Kind.ORDER), actor)
    earned = purse.credit(entry)
    clawed, entries = claw(replace(order, award=order.basis), purse, actor)
    return clawed, [*earned, *entries]


def _basis_of(amount: int, gone: Fraction) -> int:
    """Return the least award that leaves exactly ``amount`` when ``gone`` of it, less than all, is gone."""
    return floor((amount - Fraction(1, 2)) / (1 - gone)) + 1


def _awarded_anew(
    order: Order, settings: Settings, known: Known, purse: Purse, actor: str, *, by_hand: Review | None
) -> tuple[Order, list[Entry]]:
    """Credit what was added to an awarded order, and claw back what is gone of it.

    By itself only where the order's terms are automatic and cashback is on: in manual mode, and where something speaks
    against it, a person credits it by ``process``. Nothing is credited while a product of it is unknown.
    """
    order = replace(order, missing=frozenset())
    body, terms, grown = order.facts.earning_body, order.terms, order
    if body is not None and terms is not None and has_more(order):
        catalogue = {**known.catalogue, **terms.catalogue}
        grown = added(order, body, settings, replace(lookup_of(terms), catalogue=catalogue))
        standing = replace(grown.calculation, award=(grown.award or 0) - target_of(grown))
        is_automatic = terms.mode is Mode.AUTOMATIC and settings.cashback_enabled
        by_itself = is_automatic and _doubt(body, standing, settings) is None
        missing = products_asked_for(new_part(order, body), settings, lookup_of(terms)) - catalogue.keys()
        # An addition of less than a cent needs nobody's yes, and no clawback may forget it.
        is_nothing = grown.award == order.award and grown.basis != settings.max_award
        if missing or not (by_itself or by_hand is not None or is_nothing):
            grown = replace(order, missing=missing)
    earned = [part for entry in earned_later(grown, order, actor) for part in purse.credit(entry)]
    clawed, entries = claw(grown, purse, actor)
    return clawed, [*earned, *entries]


def _counted(order: Order, settings: Settings) -> tuple[Order, Figures]:
    """Add what the order changes in the customer's figures."""
    body = order.facts.earning_body
    if not order.facts.paid or body is None or order.customer_id is None:
        return order, Figures()
    shares = order.facts.gone_shares()
    kept = sum(_kept(net(line, body), shares.get(line.line_id, ONE)) for line in body.lines)
    spent = max(0, round_half_up(kept)) if body.currency == settings.currency.code else 0
    figures = Figures(
        orders_count=0 if order.counted else 1,
        total_spent=spent - order.spent,
        ordered_at=None if order.counted else order.created_at,
    )
    return replace(order, spent=spent, counted=True), figures


def _kept(amount: int, gone: Fraction) -> Fraction | int:
    return amount * (ONE - gone) if gone else amount


def _freeze(settings: Settings) -> Terms:
    return Terms(settings.version, Mode.AUTOMATIC if settings.auto_processing else Mode.MANUAL)


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
    if body.paid_with_cashback > body.paid_total:
        return "redemption_over_total"
    if min(body.shipping, body.shipping_tax, body.tax, body.tips_and_fees) < 0:
        return "amount_negative"
    if body.total is not None and body.expected_total - body.total > len(body.lines):
        return "lines_exceed_total"
    if settings.hold_over_total is not None and body.paid_total > settings.hold_over_total:
        return "total_over_limit"
    if settings.hold_over_award is not None and calculation.award > settings.hold_over_award:
        return "award_over_limit"
    return None
