"""Histories as CSV, and everything that is held on a customer."""

import csv
import io
import json
from typing import Any, cast
from urllib.parse import parse_qsl, urljoin

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cashback.domain.customers import Profile
from cashback.domain.groups import Group
from cashback.domain.ledger import Entry, HistoryLine, Kind
from cashback.domain.money import Currency
from cashback.domain.news import CustomersMerged
from cashback.edge import csv_pages, exports
from cashback.edge.csv_pages import cell
from cashback.edge.deps import make_group_books
from cashback.edge.exports import COLUMNS, transactions_csv
from cashback.services.merge_customers import merge_customers
from cashback.services.record_customer import create_customer
from cashback.services.record_order import record_order
from tests.unit.builders import NOW, line, paid
from tests.unit.deployment import Deployment, Reply
from tests.unit.test_customers_api import post

USD = Currency("USD", 2)
PATH = "/v1/customers/c1/transactions"
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\0=1", " =1", '"=1', "'=1", "\n=1", "\uff1d1", "\uff0d1")
MOST_PAGES = 30
EARLY = "2026-01-01T00:00:00.000000Z"


@pytest.fixture
def admin(deployment: Deployment) -> str:
    key = deployment.create_store()
    person = Profile("c1", NOW, NOW, name="Anna", email="a@example.com", email_verified=True, phone="+4915550104477")
    assert create_customer(deployment.books, "demo", person, NOW).changed
    return key


def parsed(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


def table(deployment: Deployment, key: str, query: str = "") -> Reply:
    return deployment.call("GET", f"{PATH}{query}", key=key, accept="text/csv")


# ---- cells


@pytest.mark.parametrize("text", FORMULAS)
@pytest.mark.row("80", "S25")
def test_what_a_spreadsheet_would_run_is_text(text: str) -> None:
    (((shown,),)) = parsed(cell(text))
    assert shown == f"'{text}"


@given(st.text(st.characters(codec="utf-8")))
@example('a "b", c')
@example("a\r\nb")
@pytest.mark.row("80", "S25")
def test_every_text_is_one_cell_that_reads_back_and_begins_no_formula(text: str) -> None:
    (((shown,),)) = parsed(cell(text)) if text else [[""]]
    assert shown in {text, f"'{text}"}
    assert shown[:1] not in {"=", "+", "-", "@", "\t", "\r", "\0"}
    assert cell(text).startswith('"')


@given(st.integers(-(10**14), 10**14), st.text(st.characters(codec="utf-8"), max_size=50))
def test_amounts_stay_numbers_whatever_is_said_beside_them(amount: int, said: str) -> None:
    entry = Entry("adm:1", Kind.MANUAL, amount, "key:a", "h", posted_at=NOW)
    text, shown = transactions_csv([HistoryLine("T", entry, amount, note=said)], USD)
    header, row = parsed(text)
    assert (tuple(header), shown, len(row)) == (COLUMNS, 1, len(COLUMNS))
    assert row[4] == row[5] == USD.format(amount)
    assert f",{USD.format(amount)},{USD.format(amount)}," in text


# ---- a history


def test_a_history_as_csv_says_what_the_history_says(deployment: Deployment, admin: str) -> None:
    for n, (amount, comment) in enumerate((("10.00", '=HYPERLINK("x")'), ("-4.00", "naïve, “ÿ”"), ("-90.00", "no"))):
        body = {"amount": amount, "comment": comment}
        deployment.call("POST", "/v1/customers/c1/adjustments", body, key=admin, idempotency_key=f"k{n}", x_actor="=a")
    reply = table(deployment, admin)
    assert (reply.status, reply.headers["Content-Type"]) == (200, ["text/csv; charset=utf-8; header=present"])
    assert "Link" not in reply.headers
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in parsed(reply.text)[1:]]
    items = deployment.call("GET", PATH, key=admin).expect(200)["items"]
    assert [row["transaction_id"] for row in rows] == [item["transaction_id"] for item in items]
    assert [(row["amount"], row["balance_after"], row["status"], row["note"]) for row in rows] == [
        ("-90.00", "", "REJECTED", "Adjustment by an admin"),
        ("-4.00", "6.00", "POSTED", "naïve, “ÿ”"),
        ("10.00", "10.00", "POSTED", '\'=HYPERLINK("x")'),
    ]
    assert all(row["actor"].startswith("'=a (key:") for row in rows)
    assert items[2]["note"] == '=HYPERLINK("x")'


@pytest.mark.parametrize("accept", ["application/json", "*/*", "text/html", "text/csvx", ""])
def test_only_who_accepts_csv_by_name_gets_it(deployment: Deployment, admin: str, accept: str) -> None:
    reply = deployment.call("GET", PATH, key=admin, accept=accept)
    assert reply.headers["Content-Type"] == ["application/json; charset=utf-8"]
    mixed = deployment.call("GET", PATH, key=admin, accept="application/xml, Text/CSV; q=0.9")
    assert mixed.headers["Content-Type"] == ["text/csv; charset=utf-8; header=present"]


def pages(deployment: Deployment, key: str, query: str) -> list[list[list[str]]]:
    """The rows of every page, found by following the links."""
    found: list[list[list[str]]] = []
    at = f"http://x{PATH}{query}"
    while len(found) < MOST_PAGES:
        reply = table(deployment, key, at.removeprefix(f"http://x{PATH}"))
        assert reply.status == 200, reply.text
        found.append(parsed(reply.text)[1:])
        if "Link" not in reply.headers:
            return found
        (link,) = reply.headers["Link"]
        target, _, rel = link.partition("; ")
        assert rel == 'rel="next"'
        at = urljoin(at, target[1:-1])
    raise AssertionError("the pages never end")


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_pages_of_csv_are_disjoint_complete_and_keep_their_filters(
    deployment: Deployment, admin: str, limit: int
) -> None:
    for n in range(7):
        post(deployment, f"adm:{n}", 100, second=n)
        post(deployment, f"ord:{n}:earn", 1, Kind.ORDER, second=n)
    post(deployment, "adm:zero", 0, second=9)
    query = f"?type=manual&limit={limit}&include_zero=true&from=2026-01-01T00:00:00%2B01:00"
    found = pages(deployment, admin, query)
    assert [row[5] for page in found for row in page] == ["7.07", *(f"{n + 1}.0{n}" for n in reversed(range(7)))]
    assert all(len(page) == limit for page in found[:-1])
    assert 0 < len(found[-1]) <= limit


def test_a_page_holds_5000_rows_where_no_smaller_limit_is_asked_for(
    deployment: Deployment, admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def nothing(*arguments: Any) -> tuple[list[HistoryLine], None]:
        asked.append(arguments[4])
        return [], None

    monkeypatch.setattr("cashback.services.read_customers.transactions", nothing)
    table(deployment, admin)
    table(deployment, admin, "?limit=20")
    deployment.call("GET", PATH, key=admin)
    assert asked == [5_000, 20, 20]
    assert table(deployment, admin, "?limit=101").code == "out_of_range"


def test_a_page_ends_before_an_answer_would_be_too_large(
    deployment: Deployment, admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_pages, "MOST_BYTES", 500)
    for n in range(10):
        post(deployment, f"adm:{n}", 100, second=n)
    found = pages(deployment, admin, "")
    assert [row[5] for page in found for row in page] == [f"{n}.00" for n in reversed(range(1, 11))]
    assert 3 <= len(found) <= 10


def test_rows_that_are_as_long_as_they_may_be_fit_an_answer_of_lambda() -> None:
    entry = Entry("adm:1", Kind.MANUAL, 1, "\U0001f375" * 100, "h", order_id="x" * 200, posted_at=NOW)
    lines = [HistoryLine("T" * 26, entry, 1, note='"' + "\U0001f375" * 999, place=str(n)) for n in range(5_000)]
    text, shown = transactions_csv(lines, USD)
    assert len(json.dumps({"body": text})) < 6_000_000
    assert 100 < shown < 5_000
    assert csv_pages.last_place(lines, shown, "end") == str(shown - 1)
    assert csv_pages.last_place(lines[:shown], shown, "end") == "end"


# ---- an export


def everything(deployment: Deployment, key: str, customer_id: str = "c1") -> list[dict[str, Any]]:
    """All pages of an export."""
    found: list[dict[str, Any]] = []
    query = ""
    while len(found) < MOST_PAGES:
        page = deployment.call("GET", f"/v1/customers/{customer_id}/export{query}", key=key).expect(200)
        found.append(page)
        if page["next_cursor"] is None:
            return found
        query = f"?cursor={page['next_cursor']}"
    raise AssertionError("the pages never end")


def ask(deployment: Deployment, key: str, customer_id: str) -> None:
    """A request of a customer that was paid the second time, and one that was rejected."""
    account = {"type": "digital", "provider": "PayPal", "handle": "anna@example.com"}
    deployment.call("POST", f"/v1/customers/{customer_id}/payment-accounts", account, key=key).expect(201)
    path = "/v1/incentive-requests"
    body = {
        "customer_id": customer_id,
        "program": "Friends",
        "amount": "1.00",
        "description": f"asked by {customer_id}",
    }
    paid, turned_down = (
        deployment.call("POST", path, body, key=key, idempotency_key=f"{customer_id}{n}").expect(201) for n in range(2)
    )
    rejected = f"{path}/{turned_down['incentive_request_id']}/reject"
    deployment.call("POST", rejected, {"reason": f"said of {customer_id}"}, key=key, idempotency_key="no").expect(200)
    approved = f"{path}/{paid['incentive_request_id']}/approve"
    deployment.call("POST", approved, {}, key=key, idempotency_key="yes").expect(200)
    for number, end in enumerate(({"status": "failed", "reason": f"said of {customer_id}"}, {"status": "success"})):
        body = {"incentive_request_id": paid["incentive_request_id"], "description": f"said of {customer_id}"}
        made = deployment.call("POST", "/v1/payouts", body, key=key, idempotency_key=f"{customer_id}p{number}").expect(
            201
        )
        deployment.call("PATCH", f"/v1/payouts/{made['payout_id']}", end, key=key).expect(200)


def furnish(deployment: Deployment, key: str) -> None:
    """A customer with orders, comments and one who was merged into them."""
    settings = deployment.stores.settings("demo")
    for customer_id in ("c1", "old"):
        deployment.books.customers.create("demo", Profile(customer_id, NOW, NOW, name="Old"), NOW)
        for n in range(3):
            told = paid(line("l", 10_000), order_id=f"{customer_id}-{n}", customer_id=customer_id)
            record_order(deployment.books, settings, told, EARLY)
        body = {"amount": "5.00", "comment": f"said of {customer_id}"}
        path = f"/v1/customers/{customer_id}/adjustments"
        deployment.call("POST", path, body, key=key, idempotency_key="k").expect(201)
        ask(deployment, key, customer_id)
    groups = make_group_books(cast("Any", deployment.dynamo), "State").groups
    for name, member in (("Friends", "c1"), ("Regulars", "old"), ("Strangers", "x")):
        assert groups.create("demo", Group(f"grp_{member}", name, NOW, "key:anna", name, name)) is None
        groups.add("demo", f"grp_{member}", [member], "by hand", NOW)
    late = "2099-01-01T00:00:00.000000Z"
    merge_customers(deployment.books, "demo", CustomersMerged("c1", "old", NOW), "shop", late)


def test_an_export_tells_everything_that_is_held(deployment: Deployment, admin: str) -> None:
    furnish(deployment, admin)
    (told,) = everything(deployment, admin)
    assert (told["customer"]["name"], told["merged_from"]) == ("Anna", ["old"])
    assert told["contacts"] == [
        {"kind": "email", "value": "a@example.com", "verified": True},
        {"kind": "phone", "value": "+4915550104477", "verified": False},
    ]
    assert len(told["contact_hashes"]) == 1
    assert [(group["name"], group["added_at"]) for group in told["groups"]] == [("Friends", NOW), ("Regulars", NOW)]
    assert told["balance"]["available"]["amount"] == "40.00"
    owned = [(entry["customer_id"], entry["type"]) for entry in told["transactions"]]
    assert sorted(owned) == sorted([*[("c1", "order")] * 3, *[("old", "order")] * 3, *OTHERS])
    said = {entry["note"] for entry in told["transactions"] if entry["type"] == "manual"}
    assert said == {"said of c1", "said of old"}
    assert {order["order_id"] for order in told["orders"]} == {f"{c}-{n}" for c in ("c1", "old") for n in range(3)}
    asked = [(one["customer_id"], one["status"], len(one["payouts"])) for one in told["incentive_requests"]]
    assert sorted(asked) == [(c, *how) for c in ("c1", "old") for how in (("approved", 2), ("rejected", 0))]
    payouts = [one for request in told["incentive_requests"] for one in request["payouts"]]
    assert [(one["status"], len(one["history"]), one["account"]["masked"]) for one in payouts] == [
        ("failed", 2, "****.com"),
        ("success", 2, "****.com"),
    ] * 2
    assert all(order["lines"] and order["history"] and order["transactions"] is None for order in told["orders"])


OTHERS = [("c1", "manual"), ("old", "manual"), ("c1", "merge"), ("old", "merge")]


@pytest.mark.parametrize("most", [1, 1_500, 6_000])
def test_an_export_that_does_not_fit_goes_on_where_it_ended(
    deployment: Deployment, admin: str, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    furnish(deployment, admin)
    (whole,) = everything(deployment, admin)
    monkeypatch.setattr(exports, "MOST_BYTES", most)
    parts = everything(deployment, admin)
    assert len(parts) > 1
    for name in ("transactions", "orders", "incentive_requests"):
        assert [one for part in parts for one in part[name]] == whole[name]
    assert all(part["customer"] == whole["customer"] for part in parts)
    if most == 1:
        lists = ("transactions", "orders", "incentive_requests")
        assert [sum(len(part[name]) for name in lists) for part in parts] == [1] * 20


def test_a_page_of_an_export_ends_where_it_has_read_the_audit_of_many_payouts(
    deployment: Deployment, admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    furnish(deployment, admin)
    (whole,) = everything(deployment, admin)
    monkeypatch.setattr(exports, "MOST_PAYOUTS", 2)
    parts = everything(deployment, admin)
    assert len(parts) == 2
    assert [one for part in parts for one in part["incentive_requests"]] == whole["incentive_requests"]


def test_an_export_tells_the_hashes_of_contacts_given_up(deployment: Deployment, admin: str) -> None:
    (held,) = everything(deployment, admin)[0]["contact_hashes"]
    deployment.call("PATCH", "/v1/customers/c1", {"email": "b@example.com"}, key=admin).expect(200)
    assert everything(deployment, admin)[0]["contact_hashes"] == [held]


def test_an_export_is_for_admins_and_stands_in_the_audit(deployment: Deployment, admin: str) -> None:
    operator = deployment.make_key(admin, "operator")
    assert deployment.call("GET", "/v1/customers/c1/export", key=operator).status == 403
    assert "customer_exported" not in repr(deployment.everything())
    deployment.call("GET", "/v1/customers/c1/export", key=admin, x_actor="dpo").expect(200)
    (act,) = [item for item in deployment.everything() if item.get("what") == {"S": "customer_exported"}]
    assert (act["target"], act["actor"]["S"][:8]) == ({"S": "c1"}, "dpo (key")


def test_an_export_of_nobody_is_404_and_leaves_no_trace(deployment: Deployment, admin: str) -> None:
    other = deployment.create_store("other")
    before = deployment.everything()
    for key, customer_id in ((admin, "none"), (other, "c1")):
        reply = deployment.call("GET", f"/v1/customers/{customer_id}/export", key=key)
        assert (reply.status, reply.code) == (404, "not_found")
    assert deployment.everything() == before


@pytest.mark.row("S23")
def test_after_an_erasure_an_export_holds_nothing_personal(deployment: Deployment, admin: str) -> None:
    furnish(deployment, admin)
    deployment.call("DELETE", "/v1/customers/c1", key=admin).expect(204)
    (told,) = everything(deployment, admin)
    left = json.dumps(told)
    assert [word for word in ("Anna", "example.com", "15550104477", "said of", "asked by", "Old") if word in left] == []
    assert (told["contacts"], told["contact_hashes"], told["customer"]["erased_at"] is None) == ([], [], False)
    assert len(told["orders"]) == 6


def test_a_cursor_of_an_export_is_good_for_its_customer_only(
    deployment: Deployment, admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    furnish(deployment, admin)
    monkeypatch.setattr(exports, "MOST_BYTES", 1)
    cursor = deployment.call("GET", "/v1/customers/c1/export", key=admin).expect(200)["next_cursor"]
    reply = deployment.call("GET", f"/v1/customers/old/export?cursor={cursor}", key=admin)
    assert (reply.status, reply.code) == (400, "page_token_invalid")
    assert dict(parse_qsl(f"cursor={cursor}"))["cursor"] == cursor
