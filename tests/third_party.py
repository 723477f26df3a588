"""Other people's webhook bodies, which are not copied here, and what must become of each.

``CASHBACK_PAYLOADS`` names their folder. All are told to one store, in this order; most stand for themselves, the
``changes`` of some make of them what no public sample shows: the next body of the same order, or an order that holds a
fragment. The unit tests tell them to the worker on tables in memory, the end-to-end tests to the deployed stack.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

NOT_BODIES: Final = frozenset({"INDEX.md"})
VECTOR: Final = "standard_webhooks_vector.json"
SETTINGS: Final[Mapping[str, Any]] = {"earn_on": {"shipping": True, "tax": False}}
LATER: Final = "2030-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Told:
    """One delivery made of a file, and what the worker must say of it: the order's new status, why it was ignored, or
    what happened."""

    name: str
    source: str
    topic: str
    verdict: str
    changes: Mapping[str, Any] = field(default_factory=dict)


def folder() -> Path:
    """Where the bodies are."""
    named = os.environ.get("CASHBACK_PAYLOADS")
    if not named:
        pytest.skip("CASHBACK_PAYLOADS does not name the folder of the third-party bodies, which are not copied here")
    return Path(named)


def document(name: str) -> dict[str, Any]:
    """A file as it stands."""
    loaded: dict[str, Any] = json.loads((folder() / name).read_text())
    return loaded


def body_of(told: Told) -> bytes:
    """The bytes to sign and send: out of the wrapper that it was recorded in, with its changes."""
    loaded = document(told.name)
    sent = loaded.get("body", loaded)
    if isinstance(sent, str):
        return sent.encode()
    if not told.changes:
        return json.dumps(sent).encode()
    inner = sent.get("order", sent)
    changes = {name: value() if callable(value) else value for name, value in told.changes.items()}
    return json.dumps({**inner, **changes}).encode()


def fragment(name: str, *others: Any) -> Callable[[], list[Any]]:
    """A list that holds a fragment, when it is asked for."""
    return lambda: [*others, document(name)]


def refund_of_resource() -> list[Any]:
    """WooCommerce's refund as its order lists it: the id, and the amount as a negative total."""
    resource = document("woocommerce_refund_resource.json")
    return [{"id": resource["id"], "reason": resource["reason"], "total": f"-{resource['amount']}"}]


PAID_LATER: Final[Mapping[str, Any]] = {"financial_status": "paid", "updated_at": LATER}
LINE: Final[Mapping[str, Any]] = {"id": 11, "price": "199.00", "quantity": 1, "current_quantity": 1}
OWN_ORDER: Final[Mapping[str, Any]] = {
    "refunds": [],
    "total_price_set": None,
    "shipping_lines": [],
    "tax_lines": [],
    "total_tax": "0.00",
    **PAID_LATER,
}
MERGED: Final[Mapping[str, Any]] = {
    "status": "completed",
    "admin_graphql_api_customer_kept_id": "gid://shopify/Customer/1073339474",
    "admin_graphql_api_customer_deleted_id": "gid://shopify/Customer/207119551",
}

DELIVERIES: Final = (
    Told("shopify_orders_create.webhook.json", "shopify", "orders/create", "test_order"),
    Told("shopify_orders_paid.webhook.json", "shopify", "orders/paid", "test_order"),
    Told("shopify_orders_updated.webhook.json", "shopify", "orders/updated", "test_order"),
    Told("shopify_orders_cancelled.webhook.json", "shopify", "orders/cancelled", "test_order"),
    # The refund of an order that was only told as a test: kept, until the order is told in earnest, voided.
    Told("shopify_refunds_create.webhook.json", "shopify", "refunds/create", "awaiting"),
    Told("shopify_orders_paid.webhook.json", "shopify", "orders/paid", "not_eligible", {"test": False}),
    Told("shopify_orders_edited.webhook.json", "shopify", "orders/edited", "no_totals"),
    Told("shopify_order_transactions_create.webhook.json", "shopify", "order_transactions/create", "topic_unknown"),
    Told(
        "shopify_orders_risk_assessment_changed.webhook.json",
        "shopify",
        "orders/risk_assessment_changed",
        "topic_unknown",
    ),
    Told("shopify_order_legacy.json", "shopify", "orders/updated", "awaiting"),
    Told("shopify_refund_two_lines.json", "shopify", "refunds/create", "awaiting"),
    Told("shopify_refund_one_line_zero_subtotal.json", "shopify", "refunds/create", "awaiting"),
    # Its three lines of 199.00 exceed its total of 409.94, whatever was refunded.
    Told("shopify_order_legacy.json", "shopify", "orders/paid", "held", PAID_LATER),
    Told("shopify_order_partially_paid.json", "shopify", "orders/updated", "awaiting"),
    Told("shopify_order_pending.json", "shopify", "orders/create", "awaiting"),
    Told("shopify_order_pending.json", "shopify", "orders/paid", "processed", PAID_LATER),
    Told("shopify_order_guest_three_lines.json", "shopify", "orders/paid", "awaiting_customer"),
    # A gift card earns nothing beside a line of 199.00; delivery of 4.00 USD, which the buyer saw as 3.17 EUR, does.
    Told(
        "shopify_order_pending.json",
        "shopify",
        "orders/paid",
        "processed",
        {
            **OWN_ORDER,
            "id": 9001,
            "line_items": fragment("shopify_line_item_gift_card.fragment.json", LINE),
            "total_price": "205.84",
        },
    ),
    Told(
        "shopify_order_pending.json",
        "shopify",
        "orders/paid",
        "processed",
        {
            **OWN_ORDER,
            "id": 9002,
            "line_items": [LINE],
            "shipping_lines": fragment("shopify_shipping_line_multicurrency.fragment.json"),
            "total_price": "203.00",
        },
    ),
    Told("shopify_line_item_gift_card.fragment.json", "shopify", "orders/updated", "topic_shape"),
    Told("shopify_shipping_line_multicurrency.fragment.json", "shopify", "orders/updated", "topic_shape"),
    Told("shopify_customers_merge.webhook.json", "shopify", "customers/merge", "merge_not_completed"),
    Told("shopify_customers_merge.webhook.json", "shopify", "customers/merge", "customers_merged", MERGED),
    Told("woocommerce_product_updated.webhook.json", "woocommerce", "product.updated", "product_recorded"),
    Told("woocommerce_order_processing.json", "woocommerce", "order.updated", "awaiting_customer"),
    Told("woocommerce_refund_resource.json", "woocommerce", "order.updated", "topic_shape"),
    # The next body of that order: its customer registered, and the refund was made.
    Told(
        "woocommerce_order_processing.json",
        "woocommerce",
        "order.updated",
        "partially_reversed",
        {"customer_id": 26, "date_modified_gmt": "2030-01-01T00:00:00", "refunds": refund_of_resource},
    ),
    Told(VECTOR, "events", "", "type_unknown"),
)

ORDERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "820982911946154500": {"status": "not_eligible", "reason": "order_cancelled", "award": "0.00"},
    "450789469": {"status": "held", "reason": "lines_exceed_total", "award": "8.93"},
    "1073459980": {"status": "awaiting", "reason": "not_paid", "customer_id": "1073339474"},
    "1073459983": {"status": "processed", "reason": "awarded", "award": "9.95", "customer_id": "207119551"},
    "1073459963": {"status": "awaiting_customer", "reason": "guest_order", "award": "12.80", "customer_id": None},
    "9001": {"status": "processed", "award": "9.95"},
    "9002": {"status": "processed", "award": "10.15"},
    "727": {"status": "partially_reversed", "source": "woocommerce", "award": "1.40", "customer_id": "26"},
}
"""What the API must show of each order in the end, amounts as texts."""

BALANCES: Final = {"207119551": "0.00", "1073339474": "30.05", "26": "0.92"}
"""What each customer must have in the end: the one who was merged has nothing left."""


def said(verdict: Mapping[str, Any]) -> str:
    """A verdict of the worker in one word."""
    return str(verdict.get("status") or verdict.get("reason") or verdict["event"])
