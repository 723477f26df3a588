"""What the domain knows, in the words and shapes of the API."""

import json
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from cashback.domain import orders
from cashback.domain.api_keys import ApiKey
from cashback.domain.audit import Act
from cashback.domain.facts import Line, Refund
from cashback.domain.ledger import EntryStatus, HistoryLine, Kind
from cashback.domain.lookups import additions_pending
from cashback.domain.money import Currency, Money
from cashback.domain.orders import BADGES, DECIDING, Review, Status, Step
from cashback.domain.products import Product
from cashback.domain.rules import LineAward
from cashback.domain.settings import Settings as StoreSettings
from cashback.domain.stores import StoreDocument
from cashback.domain.times import Instant, moment
from cashback.edge import models
from cashback.edge.models import TYPES, Amount
from cashback.services.read_store import Engine

if TYPE_CHECKING:
    from cashback.edge.minting import MintedStore
    from cashback.services.approve_orders import Approval
    from cashback.services.import_orders import Imported
    from cashback.services.process_order import Processed

WARNINGS: Final[Mapping[str, str]] = {
    "orders_still_pending": "Orders that are pending stay so: automatic processing decides those paid from now on.",
}

NOTES: Final[Mapping[Kind, str]] = {
    Kind.ORDER: "Cashback for an order",
    Kind.MANUAL: "Adjustment by an admin",
    Kind.GROUP: "Adjustment of a group",
    Kind.SCENARIO: "Cashback credited by scenario",
    Kind.REVERSAL: "Cashback of a refunded or cancelled order",
    Kind.RECOVERY: "Open shortfall repaid",
    Kind.REDEMPTION: "Paid with cashback",
    Kind.PAYOUT: "Payout",
    Kind.EXPIRY: "Expired",
    Kind.MERGE: "Customers merged",
}
"""What a transaction says where nobody left a comment."""

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


def settings(document: StoreDocument) -> models.Settings:
    """Return a store's settings."""
    return models.Settings(**_settings(document))


def changed_settings(document: StoreDocument, warnings: Iterable[str]) -> models.ChangedSettings:
    """Return settings after a change, with what to know about it."""
    told = [models.Warning(code=code, detail=WARNINGS[code]) for code in warnings]
    return models.ChangedSettings(**_settings(document), warnings=told)


def _settings(document: StoreDocument) -> dict[str, Any]:
    return {
        **document.document,
        "store_id": document.store_id,
        "version": document.version,
        "currency": document.currency.code,
        "created_at": document.created_at,
        "updated_at": document.updated_at,
        "updated_by": document.updated_by,
    }


def engine(state: Engine) -> models.EngineStatus:
    """Return how an engine is."""
    causes = [models.EngineCause(code=cause.code, count=cause.count, since=cause.since) for cause in state.causes]
    return models.EngineStatus(status=state.status.value, causes=causes, queue_delay_seconds=state.queue_delay_seconds)


def api_key(key: ApiKey) -> models.ApiKey:
    """Return a key, but for itself."""
    return models.ApiKey(**_api_key(key))


def new_api_key(key: ApiKey, secret: str | None) -> models.NewApiKey:
    """Return a key just made, with itself."""
    return models.NewApiKey(**_api_key(key), api_key=secret)


def _api_key(key: ApiKey) -> dict[str, Any]:
    return {name: getattr(key, name) for name in models.ApiKey.model_fields}


def api_key_page(keys: Iterable[ApiKey], next_cursor: str | None) -> models.ApiKeyPage:
    """Return a page of keys."""
    return models.ApiKeyPage(items=[api_key(key) for key in keys], next_cursor=next_cursor)


def audit_page(acts: Iterable[Act], next_cursor: str | None) -> models.AuditPage:
    """Return a page of the audit."""
    return models.AuditPage(items=[_act(act) for act in acts], next_cursor=next_cursor)


def _act(act: Act) -> models.AuditAct:
    return models.AuditAct(
        what=act.what,
        target=act.target,
        at=act.at,
        actor=act.origin.actor,
        request_id=act.origin.request_id,
        source_ip=act.origin.source_ip,
        before=None if act.before is None else json.loads(act.before),
        after=None if act.after is None else json.loads(act.after),
    )


def store_summary(document: StoreDocument) -> models.StoreSummary:
    """Return a store as the operator sees it."""
    return models.StoreSummary(**_summary(document))


def new_store(document: StoreDocument, minted: "MintedStore", *, replayed: bool) -> models.NewStore:
    """Return a store just created, with all that is shown once; of a repeated call, what is left to show."""
    return models.NewStore(
        **_summary(document),
        api_key_id=minted.admin.key.api_key_id,
        api_key=None if replayed else minted.admin.text,
        webhook_secrets={} if replayed else minted.made,
    )


def _summary(document: StoreDocument) -> dict[str, Any]:
    return {
        "store_id": document.store_id,
        "name": document.document["name"],
        "currency": document.currency.code,
        "timezone": document.document["timezone"],
        "version": document.version,
        "created_at": document.created_at,
        "closed_at": document.closed_at,
    }


def order(document: orders.Order, currency: Currency) -> models.Order:
    """Return an order and its cashback."""
    return models.Order(**_order(document, currency))


def order_page(documents: Iterable[orders.Order], next_cursor: str | None, currency: Currency) -> models.OrderPage:
    """Return a page of orders."""
    return models.OrderPage(items=[order(document, currency) for document in documents], next_cursor=next_cursor)


def approvals(made: Iterable["Approval"], currency: Currency) -> models.OrderApprovals:
    """Return what became of orders to approve."""
    results = [
        models.OrderApproval(
            order_id=each.order_id,
            outcome=each.outcome,
            status=each.status,
            order=order(each.order, currency) if each.order else None,
        )
        for each in made
    ]
    return models.OrderApprovals(results=results)


def processed(made: "Processed", currency: Currency, *, dry_run: bool) -> models.ProcessedOrder:
    """Return what processing makes of an order, or would."""
    document = made.order
    lines = [
        models.ProcessedLine(
            line_id=line.line_id,
            base=amount(Money(line.base, currency)),
            rate=rate(line.rate),
            award=amount(Money(line.award, currency)),
        )
        for line in document.calculation.lines
    ]
    return models.ProcessedOrder(
        dry_run=dry_run,
        order_id=document.order_id,
        status=document.status,
        status_label=document.badge,
        reason=document.reason,
        amount=amount(Money(made.amount, currency)),
        tier=document.terms.tier if document.terms else None,
        rate=rate(document.calculation.rate) if document.terms else None,
        lines=lines,
    )


def imports(made: Iterable["Imported"]) -> models.ImportedOrders:
    """Return what became of bodies to import."""
    results = [
        models.ImportedOrder(
            index=index,
            order_id=each.order_id,
            outcome=each.outcome,
            reason=each.reason,
            status=each.order.status if each.order else None,
            status_label=each.order.badge if each.order else None,
        )
        for index, each in enumerate(made)
    ]
    return models.ImportedOrders(results=results)


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
        "note": line.note or NOTES[entry.kind],
        "order_id": entry.order_id,
        "actor": entry.actor,
        "created_at": entry.posted_at,
    }


def product(known: Product) -> models.Product:
    """Return a product."""
    return models.Product(
        product_id=known.product_id,
        title=known.title,
        vendor=known.vendor,
        categories=list(known.categories),
        tags=list(known.tags),
        updated_at=known.updated_at,
    )


def product_page(products: Iterable[Product], next_cursor: str | None) -> models.ProductPage:
    """Return a page of products."""
    return models.ProductPage(items=[product(known) for known in products], next_cursor=next_cursor)
