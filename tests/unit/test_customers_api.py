"""The customer routes: profile, balance, history."""

import pytest

from cashback.domain.customers import Profile
from cashback.domain.ledger import Entry, Kind, OnRefusal, Posted, Posting, Refused, payload_hash
from tests.unit.builders import NOW, at, usd
from tests.unit.deployment import Deployment

CUSTOMERS = "/v1/customers"


@pytest.fixture
def admin(deployment: Deployment) -> str:
    key = deployment.create_store(settings={"tiers": [{"name": "Gold", "min_spent": "0", "rate": "0.1"}]})
    person = Profile("c1", NOW, NOW, name="Anna", email="a@example.com", tags=("vip",))
    assert deployment.books.customers.create("demo", person, NOW)
    return key


def post(deployment: Deployment, cause: str, amount: int, kind: Kind = Kind.MANUAL, second: int = 0) -> None:
    entry = Entry(cause=cause, kind=kind, amount=amount, actor="key:a", payload_hash=payload_hash(cause))
    posting = Posting("demo", "c1", at(second), (entry,), on_refusal=OnRefusal.FINAL)
    assert isinstance(deployment.books.ledger.post(posting), Posted | Refused)


def test_a_profile_is_what_the_shop_told(deployment: Deployment, admin: str) -> None:
    customer = deployment.call("GET", f"{CUSTOMERS}/c1", key=admin).expect(200)
    assert (customer["name"], customer["email"], customer["tags"]) == ("Anna", "a@example.com", ["vip"])
    assert (customer["phone"], customer["email_verified"], customer["erased_at"]) == (None, False, None)


def test_a_known_customer_without_postings_has_zeros(deployment: Deployment, admin: str) -> None:
    balance = deployment.call("GET", f"{CUSTOMERS}/c1/balance", key=admin).expect(200)
    assert balance == {
        "customer_id": "c1",
        "available": usd("0.00"),
        "reserved": usd("0.00"),
        "credited": usd("0.00"),
        "debited": usd("0.00"),
        "shortfall": usd("0.00"),
        "tier": "Gold",
        "version": 0,
        "at": None,
        "merged_into": None,
    }


@pytest.mark.parametrize("route", ["", "/balance", "/transactions", "/balance?at=2026-03-01T00:00:00Z"])
@pytest.mark.row("66")
def test_an_unknown_customer_and_another_stores_are_the_same_404(
    deployment: Deployment, admin: str, route: str
) -> None:
    other = deployment.create_store("other")
    foreign = deployment.call("GET", f"{CUSTOMERS}/c1{route}", key=other)
    absent = deployment.call("GET", f"{CUSTOMERS}/none{route}", key=other)
    assert foreign.status == absent.status == 404
    assert {**foreign.json, "request_id": ""} == {**absent.json, "request_id": ""}


def test_a_balance_at_a_time_is_what_was_posted_by_then(deployment: Deployment, admin: str) -> None:
    post(deployment, "adm:1", 1_000, second=0)
    post(deployment, "adm:2", -300, second=60)
    path = f"{CUSTOMERS}/c1/balance"
    assert deployment.call("GET", path, key=admin).expect(200)["available"] == usd("7.00")
    then = deployment.call("GET", f"{path}?at={at(59)}", key=admin).expect(200)
    assert (then["available"], then["at"], then["reserved"]) == (usd("10.00"), at(59), None)


def test_a_history_shows_types_notes_and_running_balances(deployment: Deployment, admin: str) -> None:
    post(deployment, "adm:1", 1_000, second=0)
    post(deployment, "scn:1", 50, Kind.SCENARIO, second=1)
    post(deployment, "adm:2", -9_000, second=2)
    page = deployment.call("GET", f"{CUSTOMERS}/c1/transactions", key=admin).expect(200)
    shown = [(line["type"], line["type_label"], line["status"], line["amount"]["amount"]) for line in page["items"]]
    assert shown == [
        ("manual", "Manual", "REJECTED", "-90.00"),
        ("manual", "Manual", "POSTED", "0.50"),
        ("manual", "Manual", "POSTED", "10.00"),
    ]
    assert [line["balance_after"] for line in page["items"]] == [None, usd("10.50"), usd("10.00")]
    assert page["items"][1]["note"] == "Cashback credited by scenario"
    assert all(len(line["transaction_id"]) == 26 for line in page["items"])


def test_a_history_is_filtered_and_paged(deployment: Deployment, admin: str) -> None:
    for n in range(5):
        post(deployment, f"adm:{n}", 100, second=n)
    post(deployment, "ord:1:earn", 70, Kind.ORDER, second=6)
    path = f"{CUSTOMERS}/c1/transactions"
    first = deployment.call("GET", f"{path}?type=manual&limit=3", key=admin).expect(200)
    rest = deployment.call("GET", f"{path}?type=manual&limit=3&cursor={first['next_cursor']}", key=admin).expect(200)
    assert [line["balance_after"]["amount"] for line in first["items"] + rest["items"]] == [
        "5.00",
        "4.00",
        "3.00",
        "2.00",
        "1.00",
    ]
    assert rest["next_cursor"] is None
    narrow = deployment.call("GET", f"{path}?from={at(1)}&to={at(2)}", key=admin).expect(200)
    assert len(narrow["items"]) == 2
    assert [line["type"] for line in deployment.call("GET", f"{path}?type=order", key=admin).expect(200)["items"]] == [
        "order"
    ]


@pytest.mark.parametrize("query", ["type=scenario", "type=", "include_zero=1", "include_zero=", "include_zero=True"])
def test_a_filter_that_is_none_is_422(deployment: Deployment, admin: str, query: str) -> None:
    reply = deployment.call("GET", f"{CUSTOMERS}/c1/transactions?{query}", key=admin)
    assert (reply.status, reply.code) == (422, "enum")


def test_a_cursor_of_another_customer_is_400(deployment: Deployment, admin: str) -> None:
    assert deployment.books.customers.create("demo", Profile("c2", NOW, NOW), NOW)
    for n in range(3):
        post(deployment, f"adm:{n}", 100, second=n)
    cursor = deployment.call("GET", f"{CUSTOMERS}/c1/transactions?limit=1", key=admin).expect(200)["next_cursor"]
    reply = deployment.call("GET", f"{CUSTOMERS}/c2/transactions?limit=1&cursor={cursor}", key=admin)
    assert (reply.status, reply.code) == (400, "page_token_invalid")
