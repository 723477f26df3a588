"""The catalogue of bad input: each is answered by a code of ours, echoes nothing and changes nothing."""

from collections.abc import Callable, Iterator
from typing import Any

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


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"]
)
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
@pytest.mark.row("29", "30", "31", "32", "33", "34", "35", "36", "37", "38", "39", "40")
def test_json_that_is_none_or_not_ours_is_refused(
    pending: tuple[Shop, Sale], body: bytes, status: int, codes: str
) -> None:
    assert problem(approve(pending, body), status)["code"] in codes.split()


@pytest.mark.parametrize("extra", ["__proto__", "balance", "store_id", "status", "created_by", CANARY])
@pytest.mark.row("42", "96")
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
    '"\uff11\uff12"': "amount_format",
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
@pytest.mark.row("46", "48", "49", "50", "51", "52")
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
@pytest.mark.row("44", "45")
def test_an_approval_credits_more_than_nothing(pending: tuple[Shop, Sale], literal: str, code: str) -> None:
    answer = approve(pending, f'{{"expected_amount": "10.00", "amount": {literal}}}'.encode())
    refused = problem(answer, 422)
    assert (refused["code"], refused["errors"]) == (code, [{"field": "amount", "code": code}])


@pytest.mark.row("47")
def test_yen_have_no_decimals(pending_yen: tuple[Shop, Sale]) -> None:
    assert problem(approve(pending_yen, amount("10.5")), 422)["code"] == "amount_precision"
    assert problem(approve(pending_yen, amount('"100.0"')), 422)["code"] == "amount_precision"


@pytest.mark.row("48")
def test_every_spelling_of_an_amount_is_that_amount(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(auto_processing=False)
    for literal in ("10", "10.0", "10.00", '"10"', '"10.0"', '"10.00"'):
        approve((shop, shop.sell()), amount(literal)).expect(200)


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
@pytest.mark.row("82")
def test_a_rejection_needs_a_reason_of_some_words(pending: tuple[Shop, Sale], body: Any, code: str) -> None:
    shop, sale = pending
    refused = problem(shop.store.post(f"{sale.path}/reject", body), 422)
    assert (refused["code"], refused["errors"]) == (code, [{"field": "reason", "code": code}])


@pytest.mark.parametrize("action", ["approve", "reject"])
@pytest.mark.row("68")
def test_deciding_needs_an_idempotency_key(pending: tuple[Shop, Sale], action: str) -> None:
    shop, sale = pending
    body = {"expected_amount": "10.00"} if action == "approve" else {"reason": "no"}
    answer = shop.store.api("POST", f"{sale.path}/{action}", body)
    assert problem(answer, 400)["code"] == "idempotency_key_required"


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "caf\xe9", "tab\tinside"])
@pytest.mark.row("68")
def test_an_idempotency_key_is_visible_ascii(pending: tuple[Shop, Sale], key: str) -> None:
    refused = problem(approve(pending, {"expected_amount": "10.00"}, idempotency_key=key), 400)
    assert refused["code"] in {"idempotency_key_format", "idempotency_key_required"}


@pytest.mark.parametrize("person", ["x" * 101, "caf\xe9", " "])
def test_an_actor_is_visible_ascii(pending: tuple[Shop, Sale], person: str) -> None:
    assert problem(approve(pending, {"expected_amount": "1.00"}, x_actor=person), 400, 409)


@pytest.mark.row("81", "83", "S21")
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
