"""The webhook route, by the rows of the catalogue of bad input (signature and transport)."""

import base64
import hmac
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from cashback.domain.errors import BodyTooLarge, Busy
from cashback.domain.news import Delivery
from cashback.edge import webhook
from cashback.storefronts import parsing

ROOT = Path(__file__).resolve().parents[2]
NOW = "2026-03-01T12:00:00.000000Z"
SECRET = "the secret"
BODY = '{"id":1,"note":"é"}'
SECRETS = {
    ("demo", "shopify"): (SECRET, "previous"),
    ("demo", "woocommerce"): ("a&amp;b",),
    ("other", "shopify"): ("another store's",),
}


class Sent(list[Delivery]):
    """A queue."""

    failure: Exception | None = None
    looked_up = 0

    def send(self, delivery: Delivery) -> None:
        if self.failure:
            raise self.failure
        self.append(delivery)

    def secrets_of(self, store_id: str, source: str, _max_age: float = 60) -> tuple[str, ...]:
        self.looked_up += 1
        return SECRETS.get((store_id, source), ())


@pytest.fixture
def sent() -> Sent:
    return Sent()


def sign(body: str | bytes, secret: str = SECRET) -> str:
    raw = body if isinstance(body, bytes) else body.encode()
    return base64.b64encode(hmac.digest(secret.encode(), raw, "sha256")).decode()


def event(
    body: str | None = BODY,
    headers: dict[str, str] | None = None,
    store_id: str = "demo",
    source: str = "shopify",
    *,
    encoded: bool = False,
) -> dict[str, Any]:
    built: dict[str, Any] = {
        "headers": {"x-shopify-hmac-sha256": sign(body or "")} if headers is None else headers,
        "pathParameters": {"store_id": store_id, "source": source},
        "requestContext": {"requestId": "req-1"},
        "isBase64Encoded": encoded,
    }
    return built if body is None else {**built, "body": body}


def call(sent: Sent, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    answer = webhook.handle(request, sent.secrets_of, sent.send, NOW)
    assert answer["headers"]["X-Content-Type-Options"] == "nosniff"
    return answer["statusCode"], json.loads(answer["body"])


def refused(sent: Sent, request: dict[str, Any], status: int, code: str) -> None:
    answer = webhook.handle(request, sent.secrets_of, sent.send, NOW)
    problem = json.loads(answer["body"])
    assert (answer["statusCode"], problem["status"], problem["code"]) == (status, status, code)
    assert problem.keys() == {"type", "title", "status", "code", "detail", "errors", "request_id"}
    assert answer["headers"]["Content-Type"].startswith("application/problem+json")
    assert not [value for value in request["headers"].values() if len(value) > 3 and value in answer["body"]]
    assert not sent


def accepted(sent: Sent, request: dict[str, Any], body: bytes) -> None:
    assert call(sent, request) == (200, {"status": "accepted"})
    assert [delivery.body for delivery in sent] == [body]


def test_a_signed_delivery_is_queued_as_it_came(sent: Sent) -> None:
    headers = {
        "X-Shopify-Hmac-Sha256": sign(BODY),
        "X-Shopify-Topic": "orders/paid",
        "X-Shopify-Webhook-Id": "d1",
    }
    accepted(sent, event(headers=headers), BODY.encode())
    assert sent == [Delivery("demo", "shopify", "orders/paid", "d1", NOW, BODY.encode())]


@pytest.mark.row("1")
def test_row_1_no_signature(sent: Sent) -> None:
    refused(sent, event(headers={}), 401, "signature_missing")
    refused(sent, event(headers={}, store_id="unknown"), 401, "signature_missing")
    assert not sent.looked_up


@pytest.mark.row("2")
def test_row_2_empty_signature(sent: Sent) -> None:
    refused(sent, event(headers={"x-shopify-hmac-sha256": ""}), 401, "signature_invalid")


@pytest.mark.row("3")
def test_row_3_hex(sent: Sent) -> None:
    digest = hmac.digest(SECRET.encode(), BODY.encode(), "sha256").hex()
    refused(sent, event(headers={"x-shopify-hmac-sha256": digest}), 401, "signature_invalid")


@pytest.mark.row("4", "5")
def test_row_4_and_5_another_body(sent: Sent) -> None:
    for body in (json.dumps(json.loads(BODY)), BODY + " ", BODY + "\n"):
        refused(sent, event(headers={"x-shopify-hmac-sha256": sign(body)}), 401, "signature_invalid")


@pytest.mark.parametrize("signature", ["é", sign(BODY)[:9] + "\n" + sign(BODY)[9:], f"{sign(BODY)},{sign(BODY)}"])
@pytest.mark.row("6", "7", "8", "S2")
def test_rows_6_to_8_strange_headers(sent: Sent, signature: str) -> None:
    refused(sent, event(headers={"x-shopify-hmac-sha256": signature}), 401, "signature_invalid")


@pytest.mark.row("9", "10", "S35")
def test_row_9_and_10_other_secrets(sent: Sent) -> None:
    for secret in ("another store's", "retired", ""):
        refused(sent, event(headers={"x-shopify-hmac-sha256": sign(BODY, secret)}), 401, "signature_invalid")


@pytest.mark.row("F41")
def test_the_previous_secret_still_signs(sent: Sent) -> None:
    accepted(sent, event(headers={"x-shopify-hmac-sha256": sign(BODY, "previous")}), BODY.encode())


@pytest.mark.row("F24", "11")
def test_row_11_base64_is_decoded_before_verifying(sent: Sent) -> None:
    raw = b"\xff\xfe\x00 not text"
    text = base64.b64encode(raw).decode()
    accepted(sent, event(text, {"x-shopify-hmac-sha256": sign(raw)}, encoded=True), raw)


@pytest.mark.row("12")
def test_row_12_a_signature_over_the_base64_text(sent: Sent) -> None:
    text = base64.b64encode(BODY.encode()).decode()
    refused(sent, event(text, encoded=True), 401, "signature_invalid")


@pytest.mark.parametrize("text", ["not base64!", "YQ", "YQ==\n", "é"])
@pytest.mark.row("13")
def test_row_13_not_base64(sent: Sent, text: str) -> None:
    refused(sent, event(text, encoded=True), 400, "body_encoding")


@pytest.mark.parametrize("name", ["x-shopify-hmac-sha256", "X-SHOPIFY-HMAC-SHA256"])
@pytest.mark.row("14")
def test_row_14_header_names_in_any_case(sent: Sent, name: str) -> None:
    accepted(sent, event(headers={name: sign(BODY)}), BODY.encode())


@pytest.mark.row("15")
def test_row_15_expired(sent: Sent) -> None:
    headers = {"webhook-id": "m", "webhook-timestamp": "1", "webhook-signature": "v1,x"}
    refused(sent, event(headers=headers, source="events"), 401, "signature_expired")
    refused(sent, event(headers=headers, source="events", store_id="unknown"), 401, "signature_expired")


@pytest.mark.row("18", "19", "20")
def test_rows_18_to_20_replays_are_accepted_and_left_to_the_worker(sent: Sent) -> None:
    for _ in range(2):
        assert call(sent, event())[0] == 200
    assert len(sent) == 2


@pytest.mark.parametrize(
    ("store_id", "source"),
    [
        ("unknown", "shopify"),
        ("demo", "nobody"),
        ("demo", ""),
        ("", "shopify"),
        ("DEMO", "shopify"),
        ("d", "shopify"),
        ("x" * 3_000, "shopify"),
        ("demo#x", "shopify"),
        ("demo\n", "shopify"),
        ("\uff44\uff45\uff4d\uff4f", "shopify"),
        ("demo", "events\n"),
    ],
)
@pytest.mark.row("21", "S4", "S35")
def test_row_21_an_unknown_store_or_source_is_told_what_a_bad_signature_is(
    sent: Sent, store_id: str, source: str
) -> None:
    with mock.patch("hmac.digest", wraps=hmac.digest) as known:
        bad = webhook.handle(event(headers={"x-shopify-hmac-sha256": "bad"}), sent.secrets_of, sent.send, NOW)
    with mock.patch("hmac.digest", wraps=hmac.digest) as unknown:
        asked = event(headers={"x-shopify-hmac-sha256": "bad"}, store_id=store_id, source=source)
        answer = webhook.handle(asked, sent.secrets_of, sent.send, NOW)
    assert answer == bad
    assert answer["statusCode"] == 401
    assert known.call_count == unknown.call_count
    assert not sent


def test_only_what_can_be_a_store_is_looked_up(sent: Sent) -> None:
    for store_id in ("x" * 3_000, "DEMO", "demo#x", ""):
        call(sent, event(store_id=store_id))
    call(sent, event(source="nobody"))
    assert not sent.looked_up


@pytest.mark.parametrize("topic", ["no/such", "", "refunds/create"])
@pytest.mark.row("22", "23")
def test_rows_22_and_23_any_topic_is_accepted(sent: Sent, topic: str) -> None:
    accepted(sent, event(headers={"x-shopify-hmac-sha256": sign(BODY), "x-shopify-topic": topic}), BODY.encode())


@pytest.mark.parametrize("body", ["", None])
@pytest.mark.row("24")
def test_row_24_an_empty_body(sent: Sent, body: str | None) -> None:
    refused(sent, event(body, headers={}), 401, "signature_missing")
    accepted(sent, event(body), b"")


@pytest.mark.row("25", "S7")
def test_row_25_too_large_is_said_before_anything_is_signed(sent: Sent) -> None:
    with mock.patch("hmac.digest", side_effect=AssertionError):
        refused(sent, event("x" * 1_048_577, {"x-shopify-hmac-sha256": "x"}), 413, "body_too_large")
        encoded = base64.b64encode(b"x" * 1_048_577).decode()
        refused(sent, event(encoded, {"x-shopify-hmac-sha256": "x"}, encoded=True), 413, "body_too_large")
    accepted(sent, event("x" * 1_048_576), b"x" * 1_048_576)


@pytest.mark.row("F24", "25")
def test_too_large_once_encoded_is_said_too(sent: Sent) -> None:
    sent.failure = BodyTooLarge()
    refused(sent, event(), 413, "body_too_large")


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/xml"])
@pytest.mark.row("26")
def test_row_26_any_content_type(sent: Sent, content_type: str | None) -> None:
    headers = {"x-shopify-hmac-sha256": sign(BODY), **({"content-type": content_type} if content_type else {})}
    accepted(sent, event(headers=headers), BODY.encode())


@pytest.mark.parametrize("encoding", ["gzip", "br", "GZIP", "identity, gzip"])
@pytest.mark.row("27")
def test_row_27_compressed_bodies_are_not_opened(sent: Sent, encoding: str) -> None:
    headers = {"x-shopify-hmac-sha256": sign(BODY), "Content-Encoding": encoding}
    refused(sent, event(headers=headers), 415, "content_encoding")


def test_identity_is_no_encoding(sent: Sent) -> None:
    accepted(sent, event(headers={"x-shopify-hmac-sha256": sign(BODY), "content-encoding": "identity"}), BODY.encode())


@pytest.mark.parametrize(("text", "encoded"), [("webhook_id=17", False), ("d2ViaG9va19pZD0xNw==", True)])
@pytest.mark.parametrize("store_id", ["demo", "unknown", ""])
def test_woocommerces_ping_gets_200_before_any_look_up(sent: Sent, text: str, encoded: bool, store_id: str) -> None:
    asked = event(text, {}, store_id, "woocommerce", encoded=encoded)
    assert call(sent, asked) == (200, {"status": "accepted"})
    assert not sent
    assert not sent.looked_up


def test_woocommerce_is_accepted(sent: Sent) -> None:
    headers = {"x-wc-webhook-signature": sign(BODY, "a&b"), "x-wc-webhook-topic": "order.updated"}
    accepted(sent, event(headers=headers, source="woocommerce"), BODY.encode())


@pytest.mark.row("F12", "F41", "S5")
def test_secrets_and_queue_out_of_reach_are_503_and_write_nothing(sent: Sent) -> None:
    def away(_store: str, _source: str, _max_age: float) -> tuple[str, ...]:
        raise Busy

    answer = webhook.handle(event(), away, sent.send, NOW)
    assert answer["statusCode"] == 503
    assert answer["headers"]["Retry-After"]
    sent.failure = Busy()
    refused(sent, event(), 503, "busy")


@pytest.mark.row("S1")
def test_s1_nothing_is_parsed(sent: Sent) -> None:
    """Every reader of JSON ends in one of these, also the decoders that are kept once they have read."""
    parsing.parse(b"{}")
    strict = mock.patch("json.JSONDecoder.raw_decode", side_effect=AssertionError)
    quick = mock.patch("cashback.domain.json_text._QUICK", mock.Mock(**{"decode.side_effect": AssertionError}))
    once = mock.patch("msgspec.json.decode", side_effect=AssertionError)
    made = mock.patch("msgspec.json.Decoder", side_effect=AssertionError)
    with strict, quick, once, made:
        for read in (json.loads, lambda body: parsing.parse(body.encode())):
            with pytest.raises(AssertionError):
                read(BODY)
        for body in (BODY, "{", "\ud800"):
            asked = event(body, {"x-shopify-hmac-sha256": "bad"})
            assert webhook.handle(asked, sent.secrets_of, sent.send, NOW)["statusCode"] == 401
            good = event(body, {"x-shopify-hmac-sha256": sign(body.encode("utf-8", "surrogatepass"))})
            assert webhook.handle(good, sent.secrets_of, sent.send, NOW)["statusCode"] == 200


@pytest.mark.row("81", "S21")
def test_logs_hold_ids_and_outcomes_only(sent: Sent, capsys: pytest.CaptureFixture[str]) -> None:
    canary = "canary-5b1f"
    call(sent, event(f'{{"note":"{canary}"}}'))
    call(sent, event(headers={"x-shopify-hmac-sha256": canary, "x-shopify-topic": canary}, store_id=canary))
    headers = {"x-shopify-hmac-sha256": sign(BODY), "x-shopify-topic": 'a\r\n{"level":"ERROR"}\x1b[31m'}
    call(sent, event(headers=headers))
    printed = capsys.readouterr().out
    assert canary not in printed
    assert "\x1b" not in printed
    lines = [json.loads(line) for line in printed.splitlines()]
    assert [line["event"] for line in lines if "event" in line] == [
        "webhook_accepted",
        "webhook_refused",
        "webhook_accepted",
    ]
    (metric,) = [line for line in lines if "_aws" in line]
    (definition,) = metric["_aws"]["CloudWatchMetrics"]
    assert metric["WebhooksRefused"] == 1
    assert definition["Metrics"] == [{"Name": "WebhooksRefused", "Unit": "Count"}]
    assert all(name in metric for name in definition["Dimensions"][0])


def test_the_sample_event_is_signed_by_its_sample_secret(sent: Sent) -> None:
    sample = json.loads((ROOT / "events/webhook_ingest.json").read_text())
    secret = json.loads(json.loads((ROOT / "events/platform_api.json").read_text())["body"])["webhook_secrets"][
        "shopify"
    ]
    answer = webhook.handle(sample, lambda _store, _source, _age: (secret,), sent.send, NOW)
    assert answer["statusCode"] == 200
    assert json.loads(sent[0].body) == json.loads((ROOT / "events/shopify/order_paid.json").read_text())


def test_the_handler_needs_no_environment_and_imports_little() -> None:
    code = (
        "import sys; import functions.webhook_ingest.app; "
        "print(*(name for name in ('pydantic', 'aws_lambda_powertools', 'boto3', 'botocore', 'fractions',"
        " 'cashback.storefronts.shopify', 'cashback.domain.facts') if name in sys.modules))"
    )
    path = f"{ROOT}:{ROOT / 'layers/shared'}"
    run = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == ""


@pytest.mark.row("F41")
def test_a_rotated_secret_signs_at_once_on_an_instance_that_knew_the_old_one(sent: Sent) -> None:
    body = b"{}"
    signed = {"x-shopify-hmac-sha256": base64.b64encode(hmac.digest(b"new", body, "sha256")).decode()}
    ages: list[float] = []

    def secrets_of(_store: str, _source: str, max_age: float) -> tuple[str, ...]:
        ages.append(max_age)
        return ("new", "old") if max_age < 10 else ("old",)

    asked = event(headers=signed, body="{}")
    assert webhook.handle(asked, secrets_of, sent.send, NOW)["statusCode"] == 200
    assert ages == [60, 5]
    assert len(sent) == 1
