"""A small shop in one world: what its storefront says over time, as the Shopify bodies of real webhooks."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random

EPOCH_DAY = "2026-01-01T"


@dataclass(slots=True)
class Line:
    line_id: int
    quantity: int
    price: int
    discount: int
    gift_card: bool
    left: int

    @property
    def gross(self) -> int:
        return self.quantity * self.price - self.discount


@dataclass(slots=True)
class ShopOrder:
    """One order as the shop knows it; every change makes it newer."""

    order_id: str
    customer_id: str | None
    lines: list[Line]
    minute: int = 0
    paid: bool = False
    cancelled: bool = False
    refunds: list[dict[str, Any]] = field(default_factory=list)

    def body(self) -> dict[str, Any]:
        """The order as the shop sends it now."""
        shares = [{"amount": text(line.discount)} for line in self.lines]
        return {
            "id": int(self.order_id),
            "created_at": f"{EPOCH_DAY}00:00:00Z",
            "updated_at": f"{EPOCH_DAY}{self.minute // 60:02d}:{self.minute % 60:02d}:00Z",
            "currency": "USD",
            "financial_status": self._financial_status(),
            "cancelled_at": f"{EPOCH_DAY}23:00:00Z" if self.cancelled else None,
            "fulfillment_status": None,
            "test": False,
            "taxes_included": False,
            "total_price": text(sum(line.gross for line in self.lines)),
            "source_name": "web",
            "payment_gateway_names": ["bogus"],
            "customer": None if self.customer_id is None else {"id": int(self.customer_id), "tags": ""},
            "line_items": [
                {
                    "id": line.line_id,
                    "quantity": line.quantity,
                    "current_quantity": 0 if self.cancelled else line.left,
                    "price": text(line.price),
                    "gift_card": line.gift_card,
                    "discount_allocations": [share] if line.discount else [],
                    "tax_lines": [],
                }
                for line, share in zip(self.lines, shares, strict=True)
            ],
            "shipping_lines": [],
            "refunds": self.refunds,
        }

    def _financial_status(self) -> str:
        if not self.paid:
            return "voided" if self.cancelled else "pending"
        return "partially_refunded" if self.refunds else "paid"


def text(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"


def life(random: Random, order: ShopOrder) -> list[tuple[str, bytes]]:
    """Everything the shop says of one order from its creation on: (topic, body), in the order in which it happens."""
    said: list[tuple[str, bytes]] = []

    def say(topic: str, body: dict[str, Any]) -> None:
        said.append((topic, json.dumps(body).encode()))

    say("orders/create", order.body())
    if random.random() < 0.15:
        order.minute, order.cancelled = order.minute + 1, True
        say("orders/cancelled", order.body())
        return said
    order.minute, order.paid = order.minute + 1, True
    say("orders/paid", order.body())
    for n in range(random.choice((0, 0, 1, 1, 2, 3))):
        refund = _refund(random, order, n)
        if refund is None:
            break
        order.minute += 1
        order.refunds = [*order.refunds, refund]
        say("refunds/create", refund)
        if random.random() < 0.7:
            say("orders/updated", order.body())
    if random.random() < 0.15:
        order.minute, order.cancelled = order.minute + 1, True
        say("orders/cancelled", order.body())
    return said


def _refund(random: Random, order: ShopOrder, n: int) -> dict[str, Any] | None:
    """Some units of a line, or money alone; None when nothing is left to give back."""
    refund: dict[str, Any] = {
        "id": int(order.order_id) * 100 + n,
        "order_id": int(order.order_id),
        "created_at": f"{EPOCH_DAY}12:00:00Z",
        "refund_line_items": [],
        "order_adjustments": [],
        "transactions": [],
    }
    if random.random() < 0.2:
        money = random.randint(1, 500)
        refund["transactions"] = [{"kind": "refund", "status": "success", "amount": text(money)}]
        return refund
    open_lines = [line for line in order.lines if line.left]
    if not open_lines:
        return None
    line = random.choice(open_lines)
    units = random.randint(1, line.left)
    line.left -= units
    money = line.gross * units // line.quantity
    refund["refund_line_items"] = [{"line_item_id": line.line_id, "quantity": units, "subtotal": text(money)}]
    refund["transactions"] = [{"kind": "refund", "status": "success", "amount": text(money)}]
    return refund


def some_order(random: Random, order_id: int, customers: list[str]) -> ShopOrder:
    """An order of one to four lines; one in twelve is a guest's."""
    lines = []
    for n in range(random.randint(1, 4)):
        quantity, price = random.randint(1, 3), random.randint(1, 20_000)
        discount = random.choice((0, 0, random.randint(0, quantity * price)))
        lines.append(Line(order_id * 10 + n, quantity, price, discount, random.random() < 0.1, quantity))
    customer_id = None if random.random() < 1 / 12 else random.choice(customers)
    return ShopOrder(str(order_id), customer_id, lines)
