"""The catalogue of bad input: each is answered by a code of ours, echoes nothing and changes nothing."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from dev.client import Answer, Store
from tests.e2e.deployed import DeployedStack
from tests.e2e.shop import Sale, Shop, problem

MEBIBYTE = 1_048_576
CANARY = "Zq7canary"


@pytest.fixture(scope="module")
def pending(stack: DeployedStack, make_store: Callable[..., Store]) -> tuple[Shop, Sale]:
    """A store with one order to review, which no test here may change."""
    shop = Shop(stack, make_store(settings={"auto_processing": False}))
    return shop, shop.sell()


@pytest.fixture(scope="module")
def pending_yen(stack: DeployedStack, make_store: Callable[..., Store]) -> tuple[Shop, Sale]:
    shop = Shop(stack, make_store(currency="JPY", settings={"auto_processing": False}))
    return shop, shop.sell(lines=((1, "1999"),), currency="JPY")


@pytest.fixture(autouse=True)
def unchanged(pending: tuple[Shop, Sale]) -> Iterator[None]:
    """Whatever was refused has left both tables byte-identical."""
    shop, _ = pending
    before = shop.stack.snapshot(shop.store)
    yield
    assert shop.stack.snapshot(shop.store) == before


def approve(where: tuple[Shop, Sale], body: Any, **headers: str) -> Answer:
    shop, sale = where
    sent = {"idempotency-key": "same-for-all", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return shop.store.api("POST", f"{sale.path}/approve", body, headers=sent)


def amount(literal: str) -> bytes:
    return f'{{"expected_amount": {literal}}}'.encode()


# ---- content


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"])
def test_a_body_that_is_not_json_by_its_type_is_415_before_anything_else(
    pending: tuple[Shop, Sale], content_type: str
) -> None:
    answer = approve(pending, b"\xff not even text", content_type=content_type)
    assert problem(answer, 415)["code"] == "unsupported_media_type"


def test_a_json_type_may_name_its_charset(pending: tuple[Shop, Sale]) -> None:
    answer = approve(pending, amount("0"), content_type="application/json; charset=utf-8")
    assert problem(answer, 409, 422)


def test_a_body_of_more_than_a_mebibyte_is_413(pending: tuple[Shop, Sale]) -> None:
    assert problem(approve(pending, b" " * (MEBIBYTE + 1)), 413)["code"] == "body_too_large"


@pytest.mark.parametrize(
    ("body", "status", "codes"),
    [
        (b"\xff\xfe{}", 400, "json_invalid"),
        (b"\xef\xbb\xbf{}", 400, "json_invalid"),
        (b'{"expected_amount": "1"}x', 400, "json_invalid"),
        (b'{"expected_amount": "1"', 400, "json_invalid"),
        (b"'", 400, "json_invalid"),
        (amount("NaN"), 400, "json_invalid"),
        (amount("Infinity"), 400, "json_invalid"),
        (amount("-Infinity"), 400, "json_invalid"),
        (amount("1e400"), 422, "amount_format"),
        (amount("1e300000"), 422, "amount_format"),
        (amount("9" * 5_000), 422, "amount_too_large"),
        (b'{"expected_amount": "1", "amount": 1, "amount": 9999}', 400, "json_duplicate_key"),
        (b'{"expected_amount": ' + b"[" * 2_000 + b"]" * 2_000 + b"}", 400, "json_invalid"),
        (b'{"reason": [' + b"1," * 200_000 + b"1]}", 422, "required type field_unknown too_many_items"),
        (b"[]", 422, "type"),
        (b'"text"', 422, "type"),
        (b"null", 422, "type"),
        (b'{"expected_amount": "\\ud800"}', 422, "amount_format string_unicode"),
        (b'{"expected_amount": "1", "comment": "\\ud800"}', 422, "string_unicode"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_json_that_is_none_or_not_ours_is_refused(
    pending: tuple[Shop, Sale], body: bytes, status: int, codes: str
) -> None:
    assert problem(approve(pending, body), status)["code"] in codes.split()


@pytest.mark.parametrize("extra", ["__proto__", "balance", "store_id", "status", "created_by", CANARY])
def test_a_field_that_is_not_ours_is_refused_and_not_repeated(pending: tuple[Shop, Sale], extra: str) -> None:
    answer = approve(pending, {"expected_amount": "10.00", extra: "APPROVED"})
    assert problem(answer, 422)["code"] == "field_unknown"
    assert CANARY.encode() not in answer.body


def test_a_body_is_required_where_a_field_is(pending: tuple[Shop, Sale]) -> None:
    for body in (None, b"", b"{}"):
        assert problem(approve(pending, body), 400, 422)["code"] in {"required", "type", "json_invalid"}


# ---- amounts

USD = {
    "0": "amount_conflict",
    '"0.001"': "amount_precision",
    '"1.005"': "amount_precision",
    "0.30000000000000004": "amount_precision",
    '"1_000"': "amount_format",
    '" 12 "': "amount_format",
    '"１２"': "amount_format",
    '"١٢"': "amount_format",
    '"+5"': "amount_format",
    '"1e2"': "amount_format",
    "1e2": "amount_format",
    '"1,000.00"': "amount_format",
    '"0x10"': "amount_format",
    '".5"': "amount_format",
    '"5."': "amount_format",
    '""': "amount_format",
    '"5\\n"': "amount_format",
    "true": "amount_format",
    "null": "amount_format",
    "[]": "amount_format",
    "{}": "amount_format",
    "12345678901234567.89": "amount_too_large",
    '"12345678901234567.89"': "amount_too_large",
    '"1234567890123"': "amount_too_large",
    f'"{"9" * 5_000}"': "amount_too_large",
}


@pytest.mark.parametrize(("literal", "code"), USD.items(), ids=lambda value: value[:24])
def test_what_is_no_amount_of_the_store_is_refused(pending: tuple[Shop, Sale], literal: str, code: str) -> None:
    answer = approve(pending, amount(literal))
    refused = problem(answer, 409 if code == "amount_conflict" else 422)
    assert refused["code"] == code
    if code != "amount_conflict":
        assert refused["errors"] == [{"field": "expected_amount", "code": code}]


@pytest.mark.parametrize(
    ("literal", "code"),
    [('"0"', "amount_zero"), ('"-0"', "amount_zero"), ('"-0.00"', "amount_zero"), ('"-5"', "amount_negative")],
)
def test_an_approval_credits_more_than_nothing(pending: tuple[Shop, Sale], literal: str, code: str) -> None:
    answer = approve(pending, f'{{"expected_amount": "10.00", "amount": {literal}}}'.encode())
    refused = problem(answer, 422)
    assert (refused["code"], refused["errors"]) == (code, [{"field": "amount", "code": code}])


def test_yen_have_no_decimals(pending_yen: tuple[Shop, Sale]) -> None:
    assert problem(approve(pending_yen, amount("10.5")), 422)["code"] == "amount_precision"
    assert problem(approve(pending_yen, amount('"100.0"')), 422)["code"] == "amount_precision"


def test_every_spelling_of_an_amount_is_that_amount(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(auto_processing=False)
    for literal in ("10", "10.0", "10.00", '"10"', '"10.0"', '"10.00"'):
        approve((shop, shop.sell()), amount(literal)).expect(200)


# ---- settings


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"base_rate": "1.01"}, "rate_range"),
        ({"base_rate": "-0.01"}, "rate_range"),
        ({"base_rate": "NaN"}, "rate_range"),
        ({"base_rate": "0.000000000001"}, "rate_range"),
        ({"base_rate": 0.05}, "rate_range"),
        ({"base_rate": "5%"}, "rate_range"),
        ({"base_rate": None}, "rate_range"),
        ({"currency": "EUR"}, "currency_fixed"),
        ({"currency": "usd"}, "currency_fixed"),
        ({"timezone": "Mars/Phobos"}, "timezone_unknown"),
        ({"timezone": "UTC+25"}, "timezone_unknown"),
        ({"timezone": "../../etc/passwd"}, "timezone_unknown"),
        ({"min_order": "-1"}, "amount_negative"),
        ({"max_award": "1.005"}, "amount_precision"),
        ({"auto_processing": "yes"}, "type"),
        ({"auto_processing": None}, "type"),
        ({"clawback": "never"}, "enum"),
        ({"award_on": "shipped"}, "enum"),
        ({"guest_claim_days": 0}, "out_of_range"),
        ({"guest_claim_days": 10**20}, "out_of_range"),
        ({"guest_claim_days": "30"}, "type"),
        ({"name": ""}, "length"),
        ({"name": "x" * 201}, "length"),
        ({"tiers": [{"name": "Gold", "min_spent": "1", "rate": "0.1"}] * 2}, "duplicate"),
        ({"tiers": [{"name": "Gold", "min_spent": "1"}]}, "required"),
        ({"product_rates": [{"rate": "0.1"}]}, "one_attribute"),
        ({"product_rates": [{"sku": "a", "tag": "b", "rate": "0.1"}]}, "one_attribute"),
        ({"product_rates": [{"sku": "a", "rate": "0.1"}] * 1_001}, "too_many_items"),
        ({"alerts": {"webhook_url": "http://127.0.0.1/"}}, "url_format"),
        ({"alerts": {"email": "nobody"}}, "email_format"),
        ({"version": 7}, "field_unknown"),
        ({"store_id": "other"}, "field_unknown"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_setting_that_is_not_acceptable_is_named(pending: tuple[Shop, Sale], change: Any, code: str) -> None:
    shop, _ = pending
    refused = problem(shop.store.api("PATCH", "/v1/store", change, headers={"if-match": "1"}), 422)
    assert refused["code"] == code
    assert [fault["code"] for fault in refused["errors"]][0] == code


# ---- ids, times, queries

LONG = ("", "%20", "x" * 65, "x" * 300, "x" * 2_049)
STRANGE = ("a%23b", "a%20b", "%2e%2e", "a%0ab", "a%00b", "%E2%80%8B1", "%E2%80%AE1", "caf%C3%A9", "%D0%B0", "a%22", "a%3Cb")


@pytest.mark.parametrize("order_id", [*LONG[1:], *STRANGE], ids=lambda value: value[:12])
def test_an_id_in_a_path_that_is_none_finds_nothing(pending: tuple[Shop, Sale], order_id: str) -> None:
    shop, _ = pending
    answer = shop.store.api("GET", f"/v1/orders/{order_id}")
    assert problem(answer, 403, 404, 422)["code"] in {"id_length", "id_charset", "not_found", "forbidden"}


def test_two_spellings_of_a_number_are_two_ids(pending: tuple[Shop, Sale]) -> None:
    shop, sale = pending
    assert problem(shop.store.api("GET", f"/v1/orders/0{sale.order_id}"), 404)["code"] == "not_found"
    assert problem(shop.store.api("GET", f"/v1/orders/{sale.order_id}.0"), 404)["code"] == "not_found"


@pytest.mark.parametrize("customer_id", [*LONG, *STRANGE], ids=lambda value: value[:12])
def test_an_id_in_a_query_that_is_none_is_named(pending: tuple[Shop, Sale], customer_id: str) -> None:
    shop, _ = pending
    refused = problem(shop.store.api("GET", f"/v1/orders?customer_id={customer_id}"), 422)
    assert refused["code"] in {"id_length", "id_charset"}
    assert refused["errors"] == [{"field": "customer_id", "code": refused["code"]}]


TIMES = (
    "2026-02-29T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "2026-12-31T23:59:60Z",
    "2026-W01-1",
    "20260101T000000Z",
    "2026-01-01T00:00:00",
    "2026-01-01",
    "1767225600",
    "2026-01-01 00:00:00Z",
    "2026-01-01T00:00:00+25:00",
    "2026-01-01T00:00:00Z\n",
    "now",
    "",
)


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize("place", ["orders?from", "orders?to", "transactions?from", "transactions?to", "balance?at"])
def test_what_is_no_time_is_refused(pending: tuple[Shop, Sale], place: str, time: str) -> None:
    shop, sale = pending
    route, _, name = place.partition("?")
    path = "/v1/orders" if route == "orders" else f"/v1/customers/{sale.customer_id}/{route}"
    refused = problem(shop.store.api("GET", f"{path}?{name}={quote(time)}"), 422)
    assert (refused["code"], refused["errors"]) == ("time_format", [{"field": name, "code": "time_format"}])


@pytest.mark.parametrize("time", ["2026-01-01T00:00:00Z", "2026-01-01t00:00:00.123456z", "2026-01-01T00:00:00-05:30"])
def test_rfc_3339_with_an_offset_is_a_time(pending: tuple[Shop, Sale], time: str) -> None:
    shop, sale = pending
    assert shop.store.api("GET", f"/v1/customers/{sale.customer_id}/balance?at={quote(time)}").status == 200


@pytest.mark.parametrize("limit", ["0", "-1", "101", "1000000000", "10;drop", "１０", "1e1", "+5", "%205", "", "ten"])
@pytest.mark.parametrize("route", ["/v1/orders", "/v1/api-keys", "/v1/customers/{customer}/transactions"])
def test_a_limit_is_a_number_from_1_to_100(pending: tuple[Shop, Sale], route: str, limit: str) -> None:
    shop, sale = pending
    path = route.format(customer=sale.customer_id)
    limit = quote(limit, safe="%")
    refused = problem(shop.store.api("GET", f"{path}?limit={limit}"), 422)
    assert refused["errors"] == [{"field": "limit", "code": "out_of_range"}]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("status=paid", "enum"),
        ("status=PENDING", "enum"),
        ("status=", "enum"),
        ("sort=total", "parameter_unknown"),
        ("__class__=x", "parameter_unknown"),
        (f"{CANARY}=1", "parameter_unknown"),
        ("status=pending&status=held", "parameter_repeated"),
    ],
)
def test_a_filter_that_is_not_ours_is_refused_and_not_repeated(
    pending: tuple[Shop, Sale], query: str, code: str
) -> None:
    shop, _ = pending
    answer = shop.store.api("GET", f"/v1/orders?{query}")
    assert problem(answer, 422)["code"] == code
    assert CANARY.encode() not in answer.body


def test_a_transactions_type_is_one_of_those_shown(pending: tuple[Shop, Sale]) -> None:
    shop, sale = pending
    path = f"/v1/customers/{sale.customer_id}/transactions"
    assert problem(shop.store.api("GET", f"{path}?type=scenario"), 422)["code"] == "enum"
    assert problem(shop.store.api("GET", f"{path}?include_zero=1"), 422)["code"] == "enum"


# ---- comments, headers


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "required"),
        ({"reason": ""}, "length"),
        ({"reason": "  "}, "length"),
        ({"reason": "x" * 1_001}, "length"),
        ({"reason": "x" * 100_000}, "length"),
        ({"reason": None}, "type"),
        ({"reason": 5}, "type"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_rejection_needs_a_reason_of_some_words(pending: tuple[Shop, Sale], body: Any, code: str) -> None:
    shop, sale = pending
    refused = problem(shop.store.post(f"{sale.path}/reject", body), 422)
    assert (refused["code"], refused["errors"]) == (code, [{"field": "reason", "code": code}])


@pytest.mark.parametrize("action", ["approve", "reject"])
def test_deciding_needs_an_idempotency_key(pending: tuple[Shop, Sale], action: str) -> None:
    shop, sale = pending
    body = {"expected_amount": "10.00"} if action == "approve" else {"reason": "no"}
    answer = shop.store.api("POST", f"{sale.path}/{action}", body)
    assert problem(answer, 400)["code"] == "idempotency_key_required"


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "caf\xe9", "tab\tinside"])
def test_an_idempotency_key_is_visible_ascii(pending: tuple[Shop, Sale], key: str) -> None:
    refused = problem(approve(pending, {"expected_amount": "10.00"}, idempotency_key=key), 400)
    assert refused["code"] in {"idempotency_key_format", "idempotency_key_required"}


@pytest.mark.parametrize("person", ["x" * 101, "caf\xe9", " "])
def test_an_actor_is_visible_ascii(pending: tuple[Shop, Sale], person: str) -> None:
    assert problem(approve(pending, {"expected_amount": "1.00"}, x_actor=person), 400, 409)


def test_text_that_looks_like_a_log_line_or_a_script_stays_text(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(auto_processing=False)
    reason = '<script>alert(1)</script>\r\n{"level":"ERROR"}\x1b[31m=cmd()'
    sale = shop.sell()
    answer = shop.reject(sale, reason)
    assert answer.expect(200)["reason"] == reason
    assert answer.headers["content-type"].startswith("application/json")
    assert shop.order(sale)["reason"] == reason
    logged = [line for function in ("orders_api", "event_worker") for line in shop.stack.lines(function, "alert(1)")]
    assert logged == []
