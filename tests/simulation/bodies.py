"""The shop's orders as the bodies that Shopify, WooCommerce and our own events send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cashback.domain.names import EVENTS, SHOPIFY

if TYPE_CHECKING:
    from tests.simulation.shop import Line, Refund, ShopOrder

_TOPICS = {"created": "create", "paid": "paid", "completed": "fulfilled", "cancelled": "cancelled"}


def time(minute: int) -> str:
    """A minute of the shop's month."""
    day, hour = divmod(minute // 60, 24)
    return f"2026-01-{1 + day:02d}T{hour:02d}:{minute % 60:02d}:00Z"


def text(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"


def order(it: ShopOrder, what: str) -> tuple[str, dict[str, Any]]:
    """Topic and body of what happened to an order."""
    if it.source == SHOPIFY:
        return f"orders/{_TOPICS.get(what, 'updated')}", shopify(it)
    if it.source == EVENTS:
        kind = what if what != "changed" else "paid" if it.paid and not it.owing else "created"
        return f"order.{kind}", event(it, f"order.{kind}")
    return "order.created" if what == "created" else "order.updated", woocommerce(it)


def refund(it: ShopOrder, refund: Refund) -> tuple[str, dict[str, Any]]:
    """Topic and body of a refund."""
    if it.source == SHOPIFY:
        return "refunds/create", _shopify_refund(it, refund)
    if it.source == EVENTS:
        return "order.refunded", event(it, "order.refunded", refund)
    return "order.updated", woocommerce(it)


def review(it: ShopOrder, review_id: int) -> tuple[str, dict[str, Any]]:
    """Topic and body of what the customer thinks of an order."""
    data = {"review": {"review_id": review_id, "order_id": it.order_id, "rating": 5}}
    return "review.created", {"type": "review.created", "occurred_at": time(it.minute), "data": data}


# ---- Shopify


def shopify(it: ShopOrder) -> dict[str, Any]:
    """An order as Shopify sends it now."""
    return {
        "id": int(it.order_id),
        "created_at": time(it.began),
        "updated_at": time(it.minute),
        "currency": "USD",
        "financial_status": _financial_status(it),
        "cancelled_at": time(it.minute - 1) if it.cancelled else None,
        "fulfillment_status": "fulfilled" if it.completed else None,
        "test": False,
        "taxes_included": False,
        "total_price": text(it.total),
        "source_name": "web",
        "payment_gateway_names": ["bogus"],
        "email": it.email,
        "customer": None if it.customer_id is None else {"id": int(it.customer_id), "tags": ""},
        "line_items": [_shopify_line(line, cancelled=it.cancelled) for line in it.lines],
        "shipping_lines": [],
        "refunds": [_shopify_refund(it, one) for one in it.refunds],
    }


def _financial_status(it: ShopOrder) -> str:
    if not it.paid:
        return "voided" if it.cancelled else "pending"
    if it.owing:
        return "partially_paid"
    return "partially_refunded" if it.refunds else "paid"


def _shopify_line(line: Line, *, cancelled: bool) -> dict[str, Any]:
    return {
        "id": line.line_id,
        "product_id": None if line.product_id is None else int(line.product_id),
        "quantity": line.quantity,
        "current_quantity": 0 if cancelled else line.left,
        "price": text(line.price),
        "gift_card": line.gift_card,
        "discount_allocations": [{"amount": text(line.discount)}] if line.discount else [],
        "tax_lines": [],
    }


def _shopify_refund(it: ShopOrder, refund: Refund) -> dict[str, Any]:
    lines = [{"line_item_id": refund.line_id, "quantity": refund.units, "subtotal": text(refund.money)}]
    return {
        "id": refund.refund_id,
        "order_id": int(it.order_id),
        "created_at": time(refund.minute),
        "refund_line_items": lines if refund.units else [],
        "order_adjustments": [],
        "transactions": [{"kind": "refund", "status": "success", "amount": text(refund.money)}],
    }


# ---- WooCommerce


def woocommerce(it: ShopOrder) -> dict[str, Any]:
    """An order as WooCommerce sends it now, with every refund that it has."""
    return {
        "id": int(it.order_id),
        "status": _woocommerce_status(it),
        "date_created_gmt": time(it.began).removesuffix("Z"),
        "date_modified_gmt": time(it.minute).removesuffix("Z"),
        "date_paid_gmt": None if it.paid_minute is None else time(it.paid_minute).removesuffix("Z"),
        "currency": "USD",
        "total": text(it.total),
        "created_via": "checkout",
        "payment_method": "bogus",
        "customer_id": int(it.customer_id or 0),
        "billing": {"email": it.email or ""},
        "line_items": [
            {
                "id": line.line_id,
                "product_id": int(line.product_id or 0),
                "quantity": line.quantity,
                "total": text(line.gross),
            }
            for line in it.lines
        ],
        "shipping_lines": [],
        "refunds": [{"id": one.refund_id, "total": f"-{text(one.money)}"} for one in it.refunds],
    }


def _woocommerce_status(it: ShopOrder) -> str:
    if it.cancelled:
        return "cancelled"
    if not it.paid or it.owing:
        return "pending"
    return "completed" if it.completed else "processing"


# ---- our own events


def event(it: ShopOrder, kind: str, refund: Refund | None = None) -> dict[str, Any]:
    """An event of an order. Of every second refund it names nothing of the order but the id."""
    is_bare = refund is not None and refund.refund_id % 2 == 0
    data: dict[str, Any] = {"order": {"order_id": it.order_id} if is_bare else _event_order(it)}
    if refund is not None:
        lines = [{"line_id": str(refund.line_id), "quantity": refund.units, "amount": text(refund.money)}]
        data["refund"] = {
            "refund_id": str(refund.refund_id),
            "amount": text(refund.money),
            **({"lines": lines} if refund.units else {}),
        }
    return {"type": kind, "occurred_at": time(it.minute), "data": data}


def _event_order(it: ShopOrder) -> dict[str, Any]:
    paid = "completed" if it.completed else "paid"
    buyer = {"customer_id": it.customer_id} if it.customer_id else {"email": it.email} if it.email else None
    return {
        "order_id": it.order_id,
        "status": "cancelled" if it.cancelled else paid if it.paid and not it.owing else "created",
        **({"created_at": time(it.began)} if it.began else {}),
        "updated_at": time(it.minute),
        "paid_at": None if it.paid_minute is None else time(it.paid_minute),
        "currency": "USD",
        "total": text(it.total),
        "source": "app",
        "delivery_type": "pickup",
        "customer": buyer,
        "lines": [
            {
                "line_id": str(line.line_id),
                "product_id": line.product_id,
                "quantity": line.quantity,
                "unit_price": text(line.price),
                "discount": text(line.discount),
                "gift_card": line.gift_card,
            }
            for line in it.lines
        ],
        "paid_with_cashback": text(it.cashback),
    }
