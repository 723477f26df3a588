"""The life of one order's cashback: what news of it, and a reviewer's word, make of its document and the ledger.

Pure: a decision is a new document and the entries that must be posted with it, in one transaction. Nothing here reads
a clock, a table or the environment.
"""

from collections.abc import Set as AbstractSet
from copy import replace
from datetime import timedelta
from fractions import Fraction
from math import floor

from msgspec import Struct

from cashback.domain import causes
from cashback.domain.additions import added, earned_later, has_more
from cashback.domain.clawback import claw, decided, gives_back, target_of
from cashback.domain.facts import Body, Facts
from cashback.domain.ledger import Account, Entry, Figures, Kind, payload_hash
from cashback.domain.money import round_half_up
from cashback.domain.orders import (
    AMBIGUOUS_CONTACT,
    AWARDED,
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
    stepped,
)
from cashback.domain.purse import Purse
from cashback.domain.redemption import redeem, redeemed_of
from cashback.domain.rules import (
    NOTHING_KNOWN,
    Calculation,
    Catalogue,
    Lookup,
    calculate,
    net,
    products_asked_for,
    tier_of,
)
from cashback.domain.settings import AwardOn, Clawback, Settings
from cashback.domain.times import Instant, instant, moment


class Known(Struct, frozen=True):
    """What the tables say now that a decision must see, beside the order itself.

    ``account`` is the customer's; ``claimants`` are the customers with a verified contact of a guest's order;
    ``customer_tags`` are those of the profile; ``catalogue`` holds the products that were asked for and are known.
    """

    account: Account | None = None
    claimants: frozenset[str] = frozenset()
    customer_tags: tuple[str, ...] = ()
    catalogue: Catalogue = {}


class Needs(Struct, frozen=True):
    """What a decision must see first: whose account and whose tags, and which products."""

    account: str | None = None
    customer_tags: str | None = None
    products: AbstractSet[str] = frozenset()


def hear(order: Order | None, news: News, settings: Settings, known: Known, now: Instant) -> Decision | None:
    """Decide what news of an order change; None when they, and all that is known now, change nothing.

    ``settings`` are those of the order's terms, with today's clawback policy; today's altogether before it has terms
    and once it is awarded or rejected. ``known`` holds what ``needed`` asked for and, after a refusal, the account's
    image to decide from anew.
    """
    before = order or Order(news.order_id, news.source, first_seen_at=now)
    if before.source != news.source:
        if any(step.reason == "source_conflict" for step in before.history):
            return None
        step = Step(before.status, "source_conflict", now, news.source)
        return Decision(replace(before, rev=before.rev + 1, history=(*before.history, step)))
    facts = before.facts.merged(news.facts)
    if order is not None and facts == order.facts and not _may_change(order):
        return None
    actor = f"shop:{news.source}"
    heard = replace(before, facts=facts, customer_id=owner(order, facts, known.claimants))
    decision = _decided(heard, settings, known, now, actor)
    if decision.order == order and not decision.entries:
        return None
    return replace(decision, order=stepped(decision.order, order, now, actor))


def owner(order: Order | None, facts: Facts, claimants: AbstractSet[str]) -> str | None:
    """Whose order it is: what the newest body says, until it is counted among a customer's orders.

    A guest's is that of the one customer who verified its contact.
    """
    if order is not None and (order.counted or facts.body is None):
        return order.customer_id
    named = facts.body.customer_id if facts.body else None
    return next(iter(claimants)) if named is None and len(claimants) == 1 else named


def contacts_needed(order: Order | None, facts: Facts, settings: Settings) -> frozenset[str]:
    """Return the hashed contacts to look up: those of a guest's order that earns, while nobody has it."""
    if owner(order, facts, frozenset()) is not None or facts.body is None or facts.cancelled:
        return frozenset()
    if order is not None and order.status in {*AWARDED, Status.REJECTED}:
        return frozenset()
    return facts.body.contacts if _earns(facts, order.terms if order else None, settings) else frozenset()


def needed(order: Order | None, facts: Facts, settings: Settings, claimants: AbstractSet[str]) -> Needs:
    """Return what the decision about an order with these facts must see first: for its terms, or to give back.

    Everything else is decided without, and the ledger's conditions say when that was wrong.
    """
    body, terms = facts.earning_body, order.terms if order else None
    if body is None or (order is not None and order.status is Status.REJECTED):
        return Needs(order.customer_id if order and redeemed_of(order, facts) != order.redeemed else None)
    customer_id = owner(order, facts, claimants)
    heard = replace(order or Order("", "", ""), facts=facts, customer_id=customer_id)
    redeems = redeemed_of(heard, facts) != heard.redeemed
    if heard.status in AWARDED:
        more = has_more(heard)
        account = customer_id if more or redeems or gives_back(heard) else None
        return Needs(account, products=_unlooked(heard, body, settings) if more else frozenset())
    if not _earns(facts, terms, settings):
        return Needs(customer_id if redeems else None)
    is_new = terms is None or not heard.counted
    return Needs(
        account=customer_id if redeems or (is_new and settings.tiers) else None,
        customer_tags=customer_id if is_new and body.customer_tags is None and _asks_for_tags(settings) else None,
        products=_unlooked(heard, body, settings),
    )


def is_enlarged(order: Order, facts: Facts) -> bool:
    """Tell whether facts show more of an awarded order than it was awarded for: then its own terms are needed."""
    return order.status in AWARDED and has_more(replace(order, facts=facts))


def additions_pending(order: Order, settings: Settings) -> bool:
    """Tell whether lines that were added to an awarded order wait for a person to credit them by ``process``.

    ``settings`` are the store's of today. Where the order's terms are older, what would earn nothing counts too.
    """
    body, terms = order.facts.body, order.terms
    if body is None or terms is None or not is_enlarged(order, order.facts):
        return False
    if terms.settings_version != settings.version or _unlooked(order, body, settings):
        return True
    return added(order, settings, _lookup(terms)).award != order.award


def approve(order: Order, amount: int, review: Review) -> Decision:
    """Credit a reviewed order with ``amount`` minor units; the caller has checked state, amount and role.

    The award's line shares are spread anew, and later refunds claw back in proportion to it.
    """
    credited, entry = _approved(order, amount, review, "approved")
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
        grown = _decided(order, settings, known, review.at, review.actor, by_hand=review)
        more = replace(review, verdict="added", amount=(grown.order.award or 0) - (order.award or 0))
        kept = replace(grown.order, reviews=(*order.reviews, more))
        return replace(grown, order=stepped(kept, order, review.at, review.actor))
    mine = owner(order, order.facts, known.claimants)
    afresh = replace(order, status=Status.AWAITING, claimable_until=None, customer_id=mine)
    allowed = replace(settings, cashback_enabled=True)
    decision = _decided(afresh, allowed, known, review.at, review.actor, by_hand=review)
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


def _may_change(order: Order) -> bool:
    """Tell whether an order whose facts are unchanged may be decided otherwise: by a retry, or by what became known."""
    return order.status in {Status.FAILED, Status.AWAITING_CUSTOMER} or order.unresolved


def _asks_for_tags(settings: Settings) -> bool:
    return bool(settings.customer_tag_rates or settings.exclusions.customer_tags)


def _unlooked(order: Order, body: Body, settings: Settings) -> AbstractSet[str]:
    """The products that a rule asks for and that the order has not kept yet."""
    terms = order.terms
    asked = products_asked_for(body, settings, _lookup(terms) if terms else NOTHING_KNOWN)
    return asked - terms.catalogue.keys() if terms else asked


def _lookup(terms: Terms) -> Lookup:
    return Lookup(terms.tier_rate, terms.customer_tags, terms.catalogue)


def _approved(order: Order, amount: int, review: Review, reason: str) -> tuple[Order, Entry]:
    """The order credited with ``amount`` at a person's word, and the entry."""
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
        reason=reason,
        calculation=order.calculation.awarding(amount),
        basis=order.basis if amount == order.calculated else _basis_of(amount, order.gone),
        award=amount,
        reviews=(*order.reviews, replace(review, amount=amount)),
    )
    return decided(credited), entry


def _basis_of(amount: int, gone: Fraction) -> int:
    """Return the least award that leaves exactly ``amount`` when ``gone`` of it, less than all, is gone."""
    return floor((amount - Fraction(1, 2)) / (1 - gone)) + 1


def _decided(
    order: Order, settings: Settings, known: Known, now: Instant, actor: str, *, by_hand: Review | None = None
) -> Decision:
    """Derive the state that the facts call for, everything it posts, and what it changes in the customer's figures.

    What was paid with cashback comes back before anything else is taken, and is taken after all else was given.
    """
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
        repays=purse.version is None and any(entry.kind is Kind.ORDER for entry in moved),
        overdraft=settings.clawback is Clawback.ALLOW_NEGATIVE,
    )


def _settle(
    order: Order, settings: Settings, known: Known, purse: Purse, now: Instant, actor: str, *, by_hand: Review | None
) -> tuple[Order, list[Entry]]:
    """Derive the state and the entries of award and clawback."""
    if order.status in AWARDED:
        return _awarded_anew(order, settings, known, purse, actor, by_hand=by_hand)
    if order.status is Status.REJECTED:
        return order, []
    if order.facts.cancelled:
        final = Status.REJECTED if order.status in REVIEWED else Status.NOT_ELIGIBLE
        return replace(order, status=final, reason="order_cancelled"), []
    body = order.facts.earning_body
    if body is None or not _earns(order.facts, order.terms, settings):
        waiting = "not_completed" if order.facts.paid and body is not None else "not_paid"
        return replace(order, status=Status.AWAITING, reason=waiting), []
    order = _calculated(order, body, settings, known)
    status, reason = _first_state(order, body, settings, known, now, by_hand=by_hand)
    order = replace(order, status=status, reason=reason)
    if by_hand is not None and status is Status.PENDING:
        credited, entry = _approved(order, order.calculated, by_hand, by_hand.verdict)
        return credited, purse.credit(entry)
    if status in REVIEWED:
        return replace(order, queued_at=order.queued_at or now), []
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
    asked = products_asked_for(body, settings, _lookup(terms))
    found = {product_id: traits for product_id, traits in known.catalogue.items() if product_id in asked}
    terms = replace(terms, catalogue={**found, **terms.catalogue})
    calculation = calculate(body, settings, _lookup(terms))
    basis = calculation.award if body.currency == settings.currency.code else 0
    missing = frozenset(asked - terms.catalogue.keys())
    return replace(order, terms=terms, calculation=calculation, basis=basis, missing=missing)


def _first_state(
    order: Order, body: Body, settings: Settings, known: Known, now: Instant, *, by_hand: Review | None
) -> tuple[Status, str]:
    """Find the state of a calculated order: the first that applies. ``PROCESSED`` is for the caller to credit."""
    nothing_left = order.calculated == 0 if order.basis else order.gone == 1
    if order.status in REVIEWED and nothing_left:
        return Status.REJECTED, "fully_refunded"
    if order.status is Status.PENDING and order.missing and not order.reviews:
        return Status.HELD, PRODUCT_UNKNOWN
    if order.status in REVIEWED and not order.unresolved:
        return order.status, order.reason
    if not (settings.cashback_enabled or any(review.verdict == "processed" for review in order.reviews)):
        return Status.NOT_ELIGIBLE, "cashback_disabled"
    if order.customer_id is None:
        if nothing_left:
            return Status.NOT_ELIGIBLE, "fully_refunded"
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
    is_manual = by_hand is not None or (order.terms is not None and order.terms.mode is Mode.MANUAL)
    if nothing_left and (doubt or is_manual):
        return Status.REJECTED, "fully_refunded"
    if doubt is not None:
        return Status.HELD, doubt
    return (Status.PENDING, "manual_review") if is_manual else (Status.PROCESSED, "awarded")


def _award(order: Order, purse: Purse, actor: str) -> tuple[Order, list[Entry]]:
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
    earned = purse.credit(entry)
    clawed, entries = claw(replace(order, award=order.basis), purse, actor)
    return clawed, [*earned, *entries]


def _awarded_anew(
    order: Order, settings: Settings, known: Known, purse: Purse, actor: str, *, by_hand: Review | None
) -> tuple[Order, list[Entry]]:
    """Credit what was added to an awarded order, and claw back what is gone of it.

    By itself only where the order was credited by itself: in manual mode, and where something speaks against it, a
    person credits it by ``process``.
    """
    body, terms, grown = order.facts.body, order.terms, order
    if body is not None and terms is not None and has_more(order):
        catalogue = {**known.catalogue, **terms.catalogue}
        grown = added(order, settings, replace(_lookup(terms), catalogue=catalogue))
        standing = replace(grown.calculation, award=(grown.award or 0) - target_of(grown, grown.facts))
        is_automatic = terms.mode is Mode.AUTOMATIC and settings.cashback_enabled
        by_itself = is_automatic and _doubt(body, standing, settings) is None
        unknown = products_asked_for(body, settings, _lookup(terms)) - catalogue.keys()
        if unknown or not (by_itself or by_hand is not None):
            grown = order
    earned = [part for entry in earned_later(grown, order, actor) for part in purse.credit(entry)]
    clawed, entries = claw(grown, purse, actor)
    return clawed, [*earned, *entries]


def _counted(order: Order, settings: Settings) -> tuple[Order, Figures]:
    """Add what the order changes in the customer's figures."""
    body = order.facts.earning_body
    if not order.facts.paid or body is None or order.customer_id is None:
        return order, Figures()
    shares = order.facts.gone_shares()
    kept = sum((net(line, body) * (1 - shares.get(line.line_id, Fraction(1))) for line in body.lines), Fraction(0))
    spent = max(0, round_half_up(kept)) if body.currency == settings.currency.code else 0
    figures = Figures(
        orders_count=0 if order.counted else 1,
        total_spent=spent - order.spent,
        ordered_at=None if order.counted else order.created_at,
    )
    return replace(order, spent=spent, counted=True), figures


def _freeze(settings: Settings) -> Terms:
    return Terms(settings.version, Mode.AUTOMATIC if settings.auto_processing else Mode.MANUAL)


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
