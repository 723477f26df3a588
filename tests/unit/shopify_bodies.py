"""Short ways to spell Shopify's bodies, and to read them."""

import json
from pathlib import Path
from typing import Any

from cashback.domain.facts import Body, Refund
from cashback.domain.money import Currency
from cashback.domain.news import Ignored
from cashback.domain.orders import News
from cashback.storefronts.shopify import normalise
from tests.unit.builders import USD, settings

ROOT = Path(__file__).resolve().parents[2]
STORE = settings()
NOW = "2026-03-01T12:00:00.000000Z"


def sample(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((ROOT / "events/shopify" / f"{name}.json").read_text(), parse_float=str)
    return loaded


def bag(amount: Any, currency: str = "USD") -> dict[str, Any]:
    return {
        "shop_money": {"amount": amount, "currency_code": currency},
        "presentment_money": {"amount": "999.99", "currency_code": "EUR"},
    }


def order(**changes: Any) -> dict[str, Any]:
    """A paid order of one line of 100.00."""
    return {
        "id": 1,
        "created_at": "2026-03-01T08:00:00Z",
        "updated_at": "2026-03-01T09:00:00+01:00",
        "currency": "USD",
        "financial_status": "paid",
        "line_items": [{"id": 11, "price": "100.00", "quantity": 1}],
        "total_price": "100.00",
        **changes,
    }


def refund(**changes: Any) -> dict[str, Any]:
    return {"id": 5, "order_id": 1, "created_at": "2026-03-02T08:00:00Z", "refund_line_items": [], **changes}


def shipping_of(amount: str, **more: Any) -> dict[str, Any]:
    return {"kind": "shipping_refund", "amount": amount, **more}


def discrepancy(amount: str, **more: Any) -> dict[str, Any]:
    return {"kind": "refund_discrepancy", "amount": amount, **more}


def transaction(
    amount: str, status: str = "success", currency: str | None = "USD", kind: str = "refund"
) -> dict[str, Any]:
    return {"kind": kind, "status": status, "amount": amount, "currency": currency}


def heard(payload: dict[str, Any], topic: str = "orders/updated", currency: Currency = USD) -> News:
    told = normalise(topic, payload, settings(currency))
    assert isinstance(told, News), told
    return told


def body_of(payload: dict[str, Any], currency: Currency = USD) -> Body:
    body = heard(payload, currency=currency).facts.body
    assert body is not None
    return body


def refund_of(payload: dict[str, Any]) -> Refund:
    (found,) = heard(payload, "refunds/create").facts.refunds.values()
    return found


def reason_of(payload: dict[str, Any], topic: str = "orders/updated") -> str:
    told = normalise(topic, payload, STORE)
    assert isinstance(told, Ignored), told
    return told.reason
