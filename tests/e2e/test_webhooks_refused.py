"""What a shop's endpoint refuses, and that a refusal leaves no trace."""

import base64
import gzip
import json
import os
import time
from collections.abc import Callable

import pytest
from urllib3 import HTTPHeaderDict

from dev.client import POOL, Answer, Store, base64_hmac, standard_webhook_headers
from tests.e2e.shop import Shop, problem
from tests.e2e.webhooks import SHOPIFY, TEST_ORDER, event, post, signed

MEBIBYTE = 1_048_576


def changed(store: Store, signature: Callable[[str], str]) -> dict[str, str]:
    """Headers whose signature is made of the right one."""
    headers = signed(store)
    return {**headers, SHOPIFY: signature(headers[SHOPIFY])}


def hexadecimal(signature: str) -> str:
    return base64.b64decode(signature).hex()


def reformatted(store: Store) -> dict[str, str]:
    """Signed over what a parser would make of the body."""
    return {
        SHOPIFY: base64_hmac(store.secrets["shopify"].encode(), json.dumps(json.loads(TEST_ORDER), indent=1).encode())
    }


REFUSED: dict[str, tuple[Callable[[Store], tuple[bytes, dict[str, str]]], str]] = {
    "no signature": (lambda store: (TEST_ORDER, {"x-shopify-topic": "orders/paid"}), "signature_missing"),
    "an empty signature": (lambda store: (TEST_ORDER, changed(store, lambda _: "")), "signature_invalid"),
    "hex for base64": (lambda store: (TEST_ORDER, changed(store, hexadecimal)), "signature_invalid"),
    "a parsed body": (lambda store: (TEST_ORDER, reformatted(store)), "signature_invalid"),
    "a space more": (lambda store: (TEST_ORDER + b" ", signed(store)), "signature_invalid"),
    "a line break more": (lambda store: (TEST_ORDER + b"\n", signed(store)), "signature_invalid"),
    "letters beyond ASCII": (
        lambda store: (TEST_ORDER, changed(store, lambda text: f"\xe9{text[1:]}")),
        "signature_invalid",
    ),
    "a space inside": (
        lambda store: (TEST_ORDER, changed(store, lambda text: f"{text[:9]} {text[9:]}")),
        "signature_invalid",
    ),
    "a sign outside base64": (
        lambda store: (TEST_ORDER, changed(store, lambda text: f"{text[:9]}!{text[9:]}")),
        "signature_invalid",
    ),
    "a tail": (lambda store: (TEST_ORDER, changed(store, lambda text: f"{text}AAAA")), "signature_invalid"),
    "two joined signatures": (
        lambda store: (TEST_ORDER, changed(store, lambda text: f"{text},{text}")),
        "signature_invalid",
    ),
    "a body of no bytes": (lambda store: (b"", {"x-shopify-topic": "orders/paid"}), "signature_missing"),
}


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.row("1", "2", "3", "4", "5", "6", "7", "8", "24")
def test_a_wrong_signature_is_401_and_leaves_no_trace(traceless: Shop, what: str) -> None:
    make, code = REFUSED[what]
    body, headers = make(traceless.store)
    assert problem(post(traceless.store, body, headers), 401)["code"] == code


@pytest.mark.row("8")
def test_a_signature_sent_twice_is_refused(traceless: Shop) -> None:
    headers = HTTPHeaderDict(signed(traceless.store))
    headers.add(SHOPIFY, headers[SHOPIFY])
    assert problem(post(traceless.store, TEST_ORDER, headers), 401)["code"] == "signature_invalid"


@pytest.mark.row("9")
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
@pytest.mark.row("21", "S4")
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
@pytest.mark.row("15")
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
@pytest.mark.row("16", "17")
def test_a_standard_webhook_with_a_forged_header_is_refused(traceless: Shop, forged: dict[str, str]) -> None:
    headers = {**standard_webhook_headers(traceless.store.secrets["events"], b"{}"), **forged}
    assert problem(post(traceless.store, b"{}", headers, "events"), 401)["code"] == "signature_invalid"


@pytest.mark.row("25")
def test_a_body_of_more_than_a_mebibyte_is_too_large(traceless: Shop) -> None:
    body = b" " * (MEBIBYTE + 1)
    assert problem(post(traceless.store, body, signed(traceless.store, body)), 413)["code"] == "body_too_large"


@pytest.mark.row("F24", "25")
def test_a_body_that_does_not_fit_the_queue_is_too_large(traceless: Shop) -> None:
    body = base64.b85encode(os.urandom(MEBIBYTE * 3 // 4))
    assert problem(post(traceless.store, body, signed(traceless.store, body)), 413)["code"] == "body_too_large"


@pytest.mark.row("27")
def test_a_compressed_body_is_refused_unread(traceless: Shop) -> None:
    body = gzip.compress(b" " * 20 * MEBIBYTE)
    headers = {**signed(traceless.store, body), "content-encoding": "gzip"}
    assert problem(post(traceless.store, body, headers), 415)["code"] == "content_encoding"


@pytest.mark.row("12")
def test_a_signature_over_base64_text_is_none_over_the_bytes(traceless: Shop) -> None:
    text = base64.b64encode(TEST_ORDER)
    answer = traceless.stack.invoke("webhook_ingest", event(traceless.store, text, signed(traceless.store, text)))
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (401, "signature_invalid")


@pytest.mark.row("13")
def test_what_the_gateway_calls_base64_and_is_none_is_refused(traceless: Shop) -> None:
    answer = traceless.stack.invoke("webhook_ingest", event(traceless.store, b"{}!", signed(traceless.store, b"{}")))
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (400, "body_encoding")
