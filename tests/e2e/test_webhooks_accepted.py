"""What a shop's endpoint accepts, and which of its secrets sign while they are rotated."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from dev.client import Store, as_bytes, base64_hmac, shopify_headers, standard_webhook_headers
from tests.e2e.deployed import DeployedStack
from tests.e2e.shop import Sale, Shop, problem
from tests.e2e.webhooks import SHOPIFY, TEST_ORDER, event, post, signed


@pytest.mark.row("11")
def test_a_binary_body_is_verified_over_its_decoded_bytes(shop: Shop) -> None:
    headers = signed(shop.store)
    answer = shop.stack.invoke("webhook_ingest", event(shop.store, base64.b64encode(TEST_ORDER), headers))
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"status": "accepted"})
    assert shop.verdicts(headers["x-shopify-webhook-id"])[0]["reason"] == "test_order"


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": ""},
        {"X-SHOPIFY-HMAC-SHA256": "{signature}", "x-shopify-hmac-sha256": None},
        {"Shopify-Hmac-Sha256": "{signature}", "x-shopify-hmac-sha256": None},
        {"content-encoding": "identity"},
    ],
)
@pytest.mark.row("14", "26")
def test_the_signature_alone_decides_whatever_else_the_headers_say(shop: Shop, headers: dict[str, str | None]) -> None:
    right = signed(shop.store)
    told = {name: value and value.format(signature=right[SHOPIFY]) for name, value in headers.items()}
    sent = {name: value for name, value in {**right, **told}.items() if value is not None}
    answer = post(shop.store, TEST_ORDER, sent)
    assert answer.expect(200) == {"status": "accepted"}
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert shop.verdicts(right["x-shopify-webhook-id"])[0]["reason"] == "test_order"


@pytest.mark.row("18", "20", "I14")
def test_an_exact_replay_and_a_new_delivery_id_are_accepted_and_change_nothing(shop: Shop) -> None:
    body = as_bytes(Sale(customer_id=7001).body(at=1))
    headers = signed(shop.store, body)
    for _ in range(2):
        post(shop.store, body, headers).expect(200)
    said = [line["event"] for line in shop.verdicts(headers["x-shopify-webhook-id"], 2)]
    assert sorted(said) == ["event_unchanged", "order_recorded"]
    assert shop.outcome("orders/paid", body) == "event_unchanged"
    assert shop.available(7001) == "10.00"


@pytest.mark.row("19")
def test_another_body_under_the_same_delivery_id_is_another_event(shop: Shop) -> None:
    sales = [Sale(customer_id=7001), Sale(customer_id=7001)]
    for sale in sales:
        shop.send("orders/paid", sale.body(at=1), delivery=f"same-{sales[0].order_id}")
    shop.verdicts(f"same-{sales[0].order_id}", 2)
    assert shop.available(7001) == "20.00"


def test_woocommerce_and_events_signatures_are_accepted(shop: Shop) -> None:
    for answer in (shop.store.woocommerce("order.updated", {"id": 1}), shop.store.event({"type": "order.paid"})):
        assert answer.expect(200) == {"status": "accepted"}


def test_a_standard_webhook_may_carry_several_signatures(shop: Shop) -> None:
    headers = standard_webhook_headers(shop.store.secrets["events"], b"{}")
    headers["webhook-signature"] = f"v1a,xyz v1,AAAA {headers['webhook-signature']}"
    assert post(shop.store, b"{}", headers, "events").expect(200) == {"status": "accepted"}


@pytest.mark.parametrize("known", [True, False])
def test_woocommerces_activation_ping_is_answered_200_for_any_store(
    stack: DeployedStack, traceless: Shop, known: bool
) -> None:
    store_id = traceless.store.store_id if known else "nobody-knows-me"
    store = Store(stack.urls, store_id, "", {})
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert post(store, b"webhook_id=17", headers, "woocommerce").status == 200
    assert problem(post(store, b"webhook_id=17&order=1", headers, "woocommerce"), 401)["code"] == "signature_missing"
    assert problem(post(store, b"webhook_id=17", headers), 401)["code"] == "signature_missing"


def test_woocommerce_signs_with_its_secret_as_it_was_before_wordpress_escaped_it(
    new_store: Callable[..., Store],
) -> None:
    store = new_store(webhook_secrets={"woocommerce": "rock &amp; roll &lt;&#039;n&gt;"})
    headers = {"x-wc-webhook-signature": base64_hmac(b"rock & roll <'n>", b"{}")}
    assert post(store, b"{}", headers, "woocommerce").expect(200) == {"status": "accepted"}


# ---- rotation


def rotate(shop: Shop, source: str, **fields: Any) -> str:
    path = f"/platform/stores/{shop.store.store_id}/webhook-secrets"
    made = shop.stack.platform.call("POST", path, {"source": source, **fields}).expect(201)
    return str(made["secret"])


def accepts(shop: Shop, secret: str) -> bool:
    answer = post(shop.store, TEST_ORDER, shopify_headers(secret, "orders/paid", TEST_ORDER))
    answer.expect(200, 401)
    return answer.status == 200


@pytest.mark.row("10", "S3")
def test_after_a_rotation_two_secrets_sign_and_the_one_before_them_does_not(shop: Shop) -> None:
    # Before the store's first delivery, because an instance keeps the secrets that it has read for a minute.
    first, second, third = shop.store.secrets["shopify"], rotate(shop, "shopify"), rotate(shop, "shopify")
    assert [accepts(shop, secret) for secret in (third, second, first)] == [True, True, False]


def test_a_rotation_may_drop_the_secret_before_it_at_once(shop: Shop) -> None:
    first, second = shop.store.secrets["shopify"], rotate(shop, "shopify", keep_previous=False)
    assert [accepts(shop, secret) for secret in (second, first)] == [True, False]


def test_a_shop_may_bring_its_own_secret(shop: Shop) -> None:
    path = f"/platform/stores/{shop.store.store_id}/webhook-secrets"
    body = {"source": "shopify", "secret": "shpss_0123456789abcdef"}
    assert shop.stack.platform.call("POST", path, body).expect(201)["secret"] is None
    assert accepts(shop, body["secret"])


def test_a_secret_that_cannot_sign_is_refused(shop: Shop) -> None:
    path = f"/platform/stores/{shop.store.store_id}/webhook-secrets"
    before = shop.stack.snapshot(shop.store)
    for source, secret in (("events", "not-base64!"), ("events", "whsec_AAAA"), ("shopify", " "), ("magento", None)):
        body = {"source": source, **({"secret": secret} if secret else {})}
        problem(shop.stack.platform.call("POST", path, body), 422)
    assert shop.stack.snapshot(shop.store) == before


@pytest.mark.row("S31")
def test_no_secret_and_no_key_stands_anywhere_in_the_tables(shop: Shop) -> None:
    post(shop.store, TEST_ORDER, signed(shop.store)).expect(200)
    kept = json.dumps(shop.stack.snapshot(shop.store), default=lambda raw: raw.decode("latin-1"))
    assert not any(secret in kept for secret in (*shop.store.secrets.values(), shop.store.api_key))
