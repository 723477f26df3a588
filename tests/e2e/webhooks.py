"""Webhooks sent with exactly the bytes and headers that a test wants."""

from collections.abc import Mapping
from typing import Any

from urllib3 import HTTPHeaderDict

from dev.client import POOL, Answer, Store, as_bytes, shopify_headers
from tests.e2e.shop import Sale

TEST_ORDER = as_bytes(Sale().body(at=1, test=True))
SHOPIFY = "x-shopify-hmac-sha256"


def post(store: Store, body: bytes, headers: Mapping[str, str] | HTTPHeaderDict, source: str = "shopify") -> Answer:
    """Send exactly these headers, a content type only if it is among them."""
    url = f"{store.urls.webhook_url}/webhooks/{store.store_id}/{source}"
    answer = POOL.request("POST", url, body=body, headers=headers)
    return Answer(answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.data)


def signed(store: Store, body: bytes = TEST_ORDER) -> dict[str, str]:
    """Shopify's headers with the right signature."""
    return {"content-type": "application/json", **shopify_headers(store.secrets["shopify"], "orders/paid", body)}


def event(store: Store, base64_text: bytes, headers: dict[str, str]) -> dict[str, Any]:
    """An event of the HTTP API with a binary body."""
    return {
        "version": "2.0",
        "headers": headers,
        "pathParameters": {"store_id": store.store_id, "source": "shopify"},
        "requestContext": {"requestId": "by-hand"},
        "body": base64_text.decode(),
        "isBase64Encoded": True,
    }
