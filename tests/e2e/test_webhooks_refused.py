"""What a shop's endpoint refuses, what it accepts all the same, and that a refusal leaves no trace."""

import base64
import gzip
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from urllib3 import HTTPHeaderDict

from dev.client import POOL, Answer, Store, as_bytes, base64_hmac, shopify_headers, standard_webhook_headers
from tests.e2e.deployed import DeployedStack
from tests.e2e.shop import Sale, Shop, problem

MEBIBYTE = 1_048_576
TEST_ORDER = as_bytes(Sale().body(at=1, test=True))
SHOPIFY = "x-shopify-hmac-sha256"


@pytest.fixture
def traceless(stack: DeployedStack, shop: Shop) -> Iterator[Shop]:
    """A storefront whose every call in the test must leave tables, queue and worker as they were."""
    before, queued = stack.snapshot(shop.store), stack.queued(stack.store_events_queue_url)
    yield shop
    assert stack.snapshot(shop.store) == before
    assert stack.queued(stack.store_events_queue_url) == queued
    assert stack.worker_lines(shop.store.store_id) == []


def post(store: Store, body: bytes, headers: Mapping[str, str] | HTTPHeaderDict, source: str = "shopify") -> Answer:
    """Send exactly these headers, a content type only if it is among them."""
    url = f"{store.urls.webhook_url}/webhooks/{store.store_id}/{source}"
    answer = POOL.request("POST", url, body=body, headers=headers)
    return Answer(answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.data)


def signed(store: Store, body: bytes = TEST_ORDER) -> dict[str, str]:
    return {"content-type": "application/json", **shopify_headers(store.secrets["shopify"], "orders/paid", body)}


def changed(store: Store, signature: Callable[[str], str]) -> dict[str, str]:
    """Headers whose signature is made of the right one."""
    headers = signed(store)
    return {**headers, SHOPIFY: signature(headers[SHOPIFY])}


def hexadecimal(signature: str) -> str:
    return base64.b64decode(signature).hex()


def reformatted(store: Store) -> dict[str, str]:
    """Signed over what a parser would make of the body."""
    return {SHOPIFY: base64_hmac(store.secrets["shopify"].encode(), json.dumps(json.loads(TEST_ORDER), indent=1).encode())}


REFUSED: dict[str, tuple[Callable[[Store], tuple[bytes, dict[str, str]]], str]] = {
    "no signature": (lambda store: (TEST_ORDER, {"x-shopify-topic": "orders/paid"}), "signature_missing"),
    "an empty signature": (lambda store: (TEST_ORDER, changed(store, lambda _: "")), "signature_invalid"),
    "hex for base64": (lambda store: (TEST_ORDER, changed(store, hexadecimal)), "signature_invalid"),
    "a parsed body": (lambda store: (TEST_ORDER, reformatted(store)), "signature_invalid"),
    "a space more": (lambda store: (TEST_ORDER + b" ", signed(store)), "signature_invalid"),
    "a line break more": (lambda store: (TEST_ORDER + b"\n", signed(store)), "signature_invalid"),
    "letters beyond ASCII": (lambda store: (TEST_ORDER, changed(store, lambda text: f"\xe9{text[1:]}")), "signature_invalid"),
    "a space inside": (lambda store: (TEST_ORDER, changed(store, lambda text: f"{text[:9]} {text[9:]}")), "signature_invalid"),
    "a sign outside base64": (lambda store: (TEST_ORDER, changed(store, lambda text: f"{text[:9]}!{text[9:]}")), "signature_invalid"),
    "a tail": (lambda store: (TEST_ORDER, changed(store, lambda text: f"{text}AAAA")), "signature_invalid"),
    "two joined signatures": (lambda store: (TEST_ORDER, changed(store, lambda text: f"{text},{text}")), "signature_invalid"),
    "a body of no bytes": (lambda store: (b"", {"x-shopify-topic": "orders/paid"}), "signature_missing"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_wrong_signature_is_401_and_leaves_no_trace(traceless: Shop, what: str) -> None:
    make, code = REFUSED[what]
    body, headers = make(traceless.store)
    assert problem(post(traceless.store, body, headers), 401)["code"] == code


def test_a_signature_sent_twice_is_refused(traceless: Shop) -> None:
    headers = HTTPHeaderDict(signed(traceless.store))
    headers.add(SHOPIFY, headers[SHOPIFY])
    assert problem(post(traceless.store, TEST_ORDER, headers), 401)["code"] == "signature_invalid"


def test_another_stores_secret_signs_nothing_here(traceless: Shop, new_store: Callable[..., Store]) -> None:
    assert problem(post(traceless.store, TEST_ORDER, signed(new_store())), 401)["code"] == "signature_invalid"


def test_one_sources_secret_signs_nothing_of_another(traceless: Shop) -> None:
    headers = {"x-wc-webhook-signature": base64_hmac(traceless.store.secrets["shopify"].encode(), TEST_ORDER)}
    answer = post(traceless.store, TEST_ORDER, headers, "woocommerce")
    assert problem(answer, 401)["code"] == "signature_invalid"


@pytest.mark.parametrize(
    ("store_id", "source"),
    [
        ("nobody-knows-me", "shopify"),
        ("x", "shopify"),
        ("STORE", "shopify"),
        ("a" * 300, "shopify"),
        ("{store}", "magento"),
        ("{store}%23SEC", "shopify"),
    ],
)
def test_a_store_or_source_that_is_not_there_is_answered_like_a_bad_signature(
    traceless: Shop, store_id: str, source: str
) -> None:
    known = traceless.store
    url = f"{known.urls.webhook_url}/webhooks/{store_id.format(store=known.store_id)}/{source}"
    sent = POOL.request("POST", url, body=TEST_ORDER, headers=signed(known))
    unknown = Answer(sent.status, {name.lower(): value for name, value in sent.headers.items()}, sent.data)
    bad = post(known, TEST_ORDER + b" ", signed(known))
    assert {**problem(unknown, 401), "request_id": ""} == {**problem(bad, 401), "request_id": ""}


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_timestamp_out_of_tolerance_is_expired(traceless: Shop, seconds: int) -> None:
    sent_at = int(time.time()) + seconds + (1 if seconds > 0 else 0) * 10
    headers = standard_webhook_headers(traceless.store.secrets["events"], b"{}", sent_at=sent_at)
    assert problem(post(traceless.store, b"{}", headers, "events"), 401)["code"] == "signature_expired"


@pytest.mark.parametrize(
    "forged",
    [
        {"webhook-timestamp": "now"},
        {"webhook-timestamp": "-1"},
        {"webhook-timestamp": "1e400"},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": f"{time.time():.3f}"},
        {"webhook-id": "msg.1"},
        {"webhook-id": ""},
        {"webhook-signature": "v1a,AAAA"},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "AAAA"},
    ],
)
def test_a_standard_webhook_with_a_forged_header_is_refused(traceless: Shop, forged: dict[str, str]) -> None:
    headers = {**standard_webhook_headers(traceless.store.secrets["events"], b"{}"), **forged}
    assert problem(post(traceless.store, b"{}", headers, "events"), 401)["code"] == "signature_invalid"


def test_a_body_of_more_than_a_mebibyte_is_too_large(traceless: Shop) -> None:
    body = b" " * (MEBIBYTE + 1)
    assert problem(post(traceless.store, body, signed(traceless.store, body)), 413)["code"] == "body_too_large"


def test_a_body_that_does_not_fit_the_queue_is_too_large(traceless: Shop) -> None:
    body = base64.b85encode(os.urandom(MEBIBYTE * 3 // 4))
    assert problem(post(traceless.store, body, signed(traceless.store, body)), 413)["code"] == "body_too_large"


def test_a_compressed_body_is_refused_unread(traceless: Shop) -> None:
    body = gzip.compress(b" " * 20 * MEBIBYTE)
    headers = {**signed(traceless.store, body), "content-encoding": "gzip"}
    assert problem(post(traceless.store, body, headers), 415)["code"] == "content_encoding"


def test_a_signature_over_base64_text_is_none_over_the_bytes(traceless: Shop) -> None:
    text = base64.b64encode(TEST_ORDER)
    answer = traceless.stack.invoke("webhook_ingest", event(traceless.store, text, signed(traceless.store, text)))
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (401, "signature_invalid")


def test_what_the_gateway_calls_base64_and_is_none_is_refused(traceless: Shop) -> None:
    answer = traceless.stack.invoke("webhook_ingest", event(traceless.store, b"{}!", signed(traceless.store, b"{}")))
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (400, "body_encoding")


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


# ---- accepted


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
def test_the_signature_alone_decides_whatever_else_the_headers_say(shop: Shop, headers: dict[str, str | None]) -> None:
    right = signed(shop.store)
    told = {name: value and value.format(signature=right[SHOPIFY]) for name, value in headers.items()}
    sent = {name: value for name, value in {**right, **told}.items() if value is not None}
    answer = post(shop.store, TEST_ORDER, sent)
    assert answer.expect(200) == {"status": "accepted"}
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert shop.verdicts(right["x-shopify-webhook-id"])[0]["reason"] == "test_order"


def test_an_exact_replay_and_a_new_delivery_id_are_accepted_and_change_nothing(shop: Shop) -> None:
    body = as_bytes(Sale(customer_id=7001).body(at=1))
    headers = signed(shop.store, body)
    for _ in range(2):
        post(shop.store, body, headers).expect(200)
    said = [line["event"] for line in shop.verdicts(headers["x-shopify-webhook-id"], 2)]
    assert sorted(said) == ["event_unchanged", "order_recorded"]
    assert shop.outcome("orders/paid", body) == "event_unchanged"
    assert shop.available(7001) == "10.00"


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


# ---- rotation


def rotate(shop: Shop, source: str, **fields: Any) -> str:
    path = f"/platform/stores/{shop.store.store_id}/webhook-secrets"
    made = shop.stack.platform.call("POST", path, {"source": source, **fields}).expect(201)
    return str(made["secret"])


def accepts(shop: Shop, secret: str) -> bool:
    answer = post(shop.store, TEST_ORDER, shopify_headers(secret, "orders/paid", TEST_ORDER))
    answer.expect(200, 401)
    return answer.status == 200


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
    for source, secret in (("events", "not-base64!"), ("events", "whsec_AAAA"), ("shopify", "short"), ("magento", None)):
        body = {"source": source, **({"secret": secret} if secret else {})}
        problem(shop.stack.platform.call("POST", path, body), 422)
    assert shop.stack.snapshot(shop.store) == before


def test_no_secret_and_no_key_stands_anywhere_in_the_tables(shop: Shop) -> None:
    post(shop.store, TEST_ORDER, signed(shop.store)).expect(200)
    kept = json.dumps(shop.stack.snapshot(shop.store), default=lambda raw: raw.decode("latin-1"))
    assert not any(secret in kept for secret in (*shop.store.secrets.values(), shop.store.api_key))
