"""What the domain knows, in the words and shapes of the API."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, Final

from cashback.domain import orders
from cashback.domain.facts import Line, Refund
from cashback.domain.ledger import Entry, EntryStatus, HistoryLine, Kind
from cashback.domain.lookups import additions_pending
from cashback.domain.money import Currency, Money
from cashback.domain.orders import BADGES, DECIDING, Review, Status, Step
from cashback.domain.rules import LineAward
from cashback.domain.settings import Settings as StoreSettings
from cashback.domain.times import Instant, moment
from cashback.edge import models
from cashback.edge.models import TYPES, Amount

NOTES: Final[Mapping[Kind, str]] = {
    Kind.ORDER: "Cashback for an order",
    Kind.MANUAL: "Adjustment by an admin",
    Kind.GROUP: "Adjustment of a group",
    Kind.SCENARIO: "Cashback credited by scenario",
    Kind.REVERSAL: "Cashback of a refunded or cancelled order",
    Kind.RECOVERY: "Open shortfall repaid",
    Kind.REDEMPTION: "Paid with cashback",
    Kind.PAYOUT: "Paid out",
    Kind.EXPIRY: "Expired",
    Kind.MERGE: "Customers merged",
}
"""What a transaction says where nobody left a comment."""

_RESERVED: Final = "Reserved for a payout"
_GIVEN_BACK: Final = "Reserved for a payout, given back"
_RETURNED: Final = "Payment that came back"

_STATUS_LABELS: Final = {EntryStatus.POSTED: "Successfully completed", EntryStatus.REJECTED: "Rejected"}
_UNAWARDED: Final = frozenset({Status.REJECTED, Status.NOT_ELIGIBLE})


def amount(money: Money) -> Amount:
    """Return an amount of money."""
    return Amount(amount=money.text, currency=money.currency.code)


def maybe(minor: int | None, currency: Currency) -> Amount | None:
    """Return an amount where there is one."""
    return None if minor is None else amount(Money(minor, currency))


def rate(value: Fraction) -> str:
    """Return a rate as the shortest decimal; rates have at most six."""
    whole, millionths = divmod(round(value * 1_000_000), 1_000_000)
    return f"{whole}.{millionths:06}".rstrip("0").rstrip(".")


def order(document: orders.Order, currency: Currency) -> models.Order:
    """Return an order and its cashback."""
    return models.Order(**_order(document, currency))


def order_detail(
    document: orders.Order, lines: Iterable[HistoryLine] | None, store: StoreSettings
) -> models.OrderDetail:
    """Return an order with all that is known of it, and its entries in the ledger where they are asked for."""
    body, currency = document.facts.body, store.currency
    return models.OrderDetail(
        **_order(document, currency),
        lines=_lines(body.lines if body else (), document.calculation.lines, currency),
        refunds=[_refund(refund, currency) for refund in document.facts.standing_refunds.values()],
        taken=amount(Money(document.taken, currency)),
        owed=amount(Money(document.owed, currency)),
        waived=amount(Money(document.waived, currency)),
        redemption=_redemption(document, currency),
        missing=sorted(document.missing) if document.awaited_products else [],
        claimable_until=document.claimable_until if document.customer_id is None else None,
        additions_pending=additions_pending(document, store),
        transactions=None if lines is None else [transaction(line, currency) for line in lines],
        reviews=[_review(document, review, currency) for review in document.reviews],
        history=[_step(step) for step in document.history],
    )


def _order(document: orders.Order, currency: Currency) -> dict[str, Any]:
    body, terms = document.facts.body, document.terms
    paid = Currency(body.currency, currency.exponent) if body else currency
    calculated = _calculated(document)
    return {
        "order_id": document.order_id,
        "source": document.source,
        "status": document.status,
        "status_label": document.badge,
        "badge": document.badge,
        "reason": document.reason,
        "customer_id": document.customer_id,
        "total": amount(Money(body.paid_total, paid)) if body else None,
        "tier": terms.tier if terms else None,
        "rate": rate(document.calculation.rate) if terms else None,
        "calculated": amount(Money(calculated, currency)),
        "calculated_before_refunds": amount(Money(document.basis, currency)),
        "award": amount(Money(_award(document, calculated), currency)),
        "mode": terms.mode.value if terms else None,
        "queued_at": document.queued_at,
        "created_at": document.created_at,
        "review": _review(document, document.review, currency) if document.review else None,
    }


def _calculated(document: orders.Order) -> int:
    """What was calculated when the order was decided; before that, what would be credited now."""
    if document.award is None:
        return document.calculated
    if document.review is not None and document.review.expected is not None:
        return document.review.expected
    return document.basis


def _award(document: orders.Order, calculated: int) -> int:
    """What was posted; while nothing is decided, what is calculated; nothing where it was decided so."""
    if document.award is not None:
        return document.award
    return 0 if document.status in _UNAWARDED else calculated


def _review(document: orders.Order, review: Review, currency: Currency) -> models.OrderReview:
    return models.OrderReview(
        verdict=review.verdict,
        actor=review.actor,
        at=review.at,
        expected_amount=maybe(review.expected, currency),
        amount=maybe(review.amount, currency),
        comment=review.comment,
        seconds_to_decision=_seconds(document.queued_at, review.at) if review.verdict in DECIDING else None,
    )


def _seconds(since: Instant | None, until: Instant) -> int | None:
    return None if since is None else int((moment(until) - moment(since)).total_seconds())


def _lines(lines: Iterable[Line], awards: Iterable[LineAward], currency: Currency) -> list[models.OrderLine]:
    """Lines of the order with what each earns; a line that earns but is not of the goods comes last."""
    sold = {line.line_id: line for line in lines}
    earning = {award.line_id: award for award in awards}
    shown = []
    for line_id in [*sold, *(line_id for line_id in earning if line_id not in sold)]:
        line = sold.get(line_id) or Line(line_id, 1, 0, 1)
        award = earning.get(line_id) or LineAward(line_id, 0, Fraction(0))
        shown.append(
            models.OrderLine(
                line_id=line_id,
                product_id=line.product_id,
                sku=line.sku,
                vendor=line.vendor,
                category=line.category,
                quantity=line.quantity,
                current_quantity=line.current_quantity,
                base=amount(Money(award.base, currency)),
                rate=rate(award.rate),
                award=amount(Money(award.award, currency)),
            )
        )
    return shown


def _redemption(document: orders.Order, currency: Currency) -> models.Redemption | None:
    if not document.redemption_posted:
        return None
    return models.Redemption(
        redeemed=amount(Money(document.redeemed, currency)),
        owed=amount(Money(document.redemption_owed, currency)),
        waived=amount(Money(document.redemption_waived, currency)),
    )


def _refund(refund: Refund, currency: Currency) -> models.OrderRefund:
    return models.OrderRefund(
        refund_id=refund.refund_id,
        lines=[
            models.RefundedLine(line_id=line.line_id, quantity=line.quantity, amount=maybe(line.amount, currency))
            for line in refund.lines
        ],
        money=amount(Money(refund.money, currency)),
        shipping=amount(Money(refund.shipping, currency)),
        foreign=refund.foreign,
        created_at=refund.created_at,
    )


def _step(step: Step) -> models.OrderStep:
    return models.OrderStep(
        status=step.status, status_label=BADGES[step.status], reason=step.reason, at=step.at, actor=step.actor
    )


def transaction(line: HistoryLine, currency: Currency) -> models.Transaction:
    """Return an entry of the ledger."""
    return models.Transaction(**transaction_fields(line, currency))


def transaction_fields(line: HistoryLine, currency: Currency) -> dict[str, Any]:
    """Return what is told of an entry of the ledger."""
    entry = line.entry
    shown = TYPES[entry.kind]
    return {
        "transaction_id": line.transaction_id,
        "type": shown,
        "type_label": shown.capitalize(),
        "status": entry.status.value,
        "status_label": _STATUS_LABELS[entry.status],
        "amount": amount(Money(entry.amount, currency)),
        "balance_after": maybe(line.balance_after, currency),
        "note": line.note or _note(entry),
        "order_id": entry.order_id,
        "actor": entry.actor,
        "created_at": entry.posted_at,
    }


def _note(entry: Entry) -> str:
    """What an entry says for itself; of a payout, by what it does with reserved money."""
    if entry.kind is Kind.PAYOUT and entry.voids:
        return _RETURNED
    if entry.kind is Kind.PAYOUT and entry.reserved > 0:
        return _RESERVED
    if entry.kind is Kind.PAYOUT and entry.amount > 0:
        return _GIVEN_BACK
    return NOTES[entry.kind]
