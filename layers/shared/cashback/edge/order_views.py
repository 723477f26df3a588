"""What the domain knows of orders as only their function answers it, and of products."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cashback.domain import orders
from cashback.domain.money import Currency, Money
from cashback.domain.products import Product
from cashback.edge import order_models as models
from cashback.edge.views import amount, order, rate

if TYPE_CHECKING:
    from cashback.services.approve_orders import Approval
    from cashback.services.import_orders import Imported
    from cashback.services.process_order import Processed


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
