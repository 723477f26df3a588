"""Groups on the deployed stack: by hand, by file and by rule, with figures that orders made."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from cashback.domain.customers import Profile
from cashback.domain.times import instant
from cashback.edge.deps import make_books
from dev.client import Answer, Store
from tests.e2e.deployed import DeployedStack
from tests.e2e.shop import Shop, at_once, plain, problem

GROUPS = "/v1/groups"
CSV = {"content-type": "text/csv"}


def people(shop: Shop, count: int, prefix: str = "c") -> list[str]:
    """Customers without orders."""
    stack, now = shop.stack, instant(datetime.now(UTC))
    books = make_books(stack.client("dynamodb"), stack.ledger_table, stack.state_table, lambda: b"unused")
    ids = [f"{prefix}{n}" for n in range(count)]
    for customer_id in ids:
        assert books.customers.create(shop.store.store_id, Profile(customer_id, now, now, name="Person"), now)
    return ids


def make(store: Store, **fields: Any) -> str:
    """A new group's path."""
    return f"{GROUPS}/{store.api('POST', GROUPS, {'name': 'Club', **fields}).expect(201)['group_id']}"


def send_file(store: Store, group: str, text: str, **headers: str) -> Answer:
    return store.api("POST", f"{group}/members", text.encode(), headers={**CSV, **headers})


def listed(store: Store, path: str, limit: int = 100, body: Any = None) -> list[dict[str, Any]]:
    """The items of all pages."""
    items: list[dict[str, Any]] = []
    cursor = ""
    for _ in range(100):
        method = "GET" if body is None else "POST"
        page = plain(store.api(method, f"{path}?limit={limit}{cursor}", body).expect(200))
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        cursor = f"&cursor={page['next_cursor']}"
    raise AssertionError("the list does not end")


def ids_of(items: list[dict[str, Any]]) -> list[str]:
    ids = [item["customer_id"] for item in items]
    assert len(set(ids)) == len(ids)
    return sorted(ids)


@pytest.fixture(scope="module")
def town(stack: DeployedStack, make_store: Callable[..., Store]) -> Shop:
    """A store of thirty customers without orders, to whom no test that takes it sells anything."""
    shop = Shop(stack, make_store())
    people(shop, 30)
    return shop


def test_a_group_by_hand_from_its_making_to_its_end(town: Shop) -> None:
    store = town.store
    made = store.post(GROUPS, {"name": "Regulars", "description": "of the shop in town"}, key="k").expect(201)
    again = store.post(GROUPS, {"name": "Regulars", "description": "of the shop in town"}, key="k")
    assert (again.expect(201), again.headers["idempotency-replayed"]) == (made, "true")
    assert problem(store.post(GROUPS, {"name": "Other"}, key="k"), 409)["code"] == "idempotency_mismatch"
    group = f"{GROUPS}/{made['group_id']}"
    added = store.api("POST", f"{group}/members", {"customer_ids": ["c1", "c2", "c1", "ghost"]}).expect(200)
    assert (added["added"], added["duplicates"]) == (2, 1)
    assert added["unknown"] == [{"row": 4, "reason": "not_found", "customer_id": "ghost"}]
    assert store.api("PUT", f"{group}/members/c3").status == 201
    assert store.api("PUT", f"{group}/members/c3").status == 200
    assert problem(store.api("PUT", f"{group}/members/ghost"), 404)
    assert store.api("DELETE", f"{group}/members/c2").status == 204
    assert problem(store.api("DELETE", f"{group}/members/c2"), 404)
    assert store.api("GET", group).expect(200)["members"] == 2
    assert ids_of(listed(store, f"{group}/members")) == ["c1", "c3"]
    assert store.api("PATCH", group, {"name": "New"}).expect(200)["members"] == 2
    assert store.api("DELETE", group).status == 204
    for method, path in (("GET", ""), ("GET", "/members"), ("PUT", "/members/c1"), ("DELETE", "/members/c1")):
        assert problem(store.api(method, f"{group}{path}"), 404)["code"] == "not_found"


def test_a_file_is_taken_as_spreadsheets_save_it_and_each_bad_row_is_told_of(town: Shop) -> None:
    group = make(town.store)
    text = '\ufeff"Name",customer_id\r\n"B, ""Bo""",c4\r\n\r\n,ghost\r\n,c 5\r\nshort\r\n"",c6\r\n,c4\r\n'
    added = send_file(town.store, group, text).expect(200)
    assert (added["rows"], added["added"], added["already"], added["duplicates"]) == (6, 2, 0, 1)
    assert [(one["row"], one["reason"]) for one in added["unknown"]] == [(4, "not_found"), (5, "invalid"), (6, "cells")]
    assert ids_of(listed(town.store, f"{group}/members")) == ["c4", "c6"]


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        ("id\nc1\n", 422, "csv_columns"),
        ('customer_id\n"c1', 422, "csv_format"),
        ("customer_id\n", 422, "csv_empty"),
        ("customer_id\n" + "c1\n" * 100_001, 422, "too_many_rows"),
        ("customer_id,name\n" + f"c1,{'x' * 100}\n" * 51_000, 413, "body_too_large"),
    ],
    ids=["columns", "quotes", "empty", "100,001 rows", "over 5 MiB"],
)
def test_a_bad_file_imports_nothing(town: Shop, text: str, status: int, code: str) -> None:
    group = make(town.store)
    before = town.stack.snapshot(town.store)
    assert problem(send_file(town.store, group, text), status)["code"] == code
    assert town.stack.snapshot(town.store) == before


def test_people_are_found_by_e_mail_and_phone(shop: Shop) -> None:
    shop.tell(
        "customers/create",
        {
            "id": 7001,
            "email": "ada@example.com",
            "verified_email": True,
            "phone": "+4915550104477",
            "updated_at": "2026-02-03T10:00:00Z",
        },
    )
    group = make(shop.store)
    added = send_file(shop.store, group, "email\r\nADA@example.com\r\nnobody@example.com\r\n").expect(200)
    assert (added["added"], [one["row"] for one in added["unknown"]]) == (1, [3])
    (ada,) = listed(shop.store, f"{group}/members")
    assert (ada["customer_id"], ada["email"], ada["phone"]) == ("7001", "ada@example.com", "+4915550104477")
    assert "nobody@example.com" not in str(shop.stack.snapshot(shop.store))


def test_eight_who_add_the_same_at_once_count_each_member_once(town: Shop) -> None:
    group, body = make(town.store), {"customer_ids": [f"c{n}" for n in range(30)]}
    answers = at_once(*[lambda: town.store.api("POST", f"{group}/members", body)] * 8)
    assert {answer.status for answer in answers} <= {200, 503}
    assert sum(answer.json()["added"] for answer in answers if answer.status == 200) <= 30
    town.store.api("POST", f"{group}/members", body).expect(200)
    assert town.store.api("GET", group).expect(200)["members"] == 30
    drops = at_once(*[lambda: town.store.api("DELETE", f"{group}/members/c7")] * 6)
    assert min(answer.status for answer in drops) == 204
    assert town.store.api("GET", group).expect(200)["members"] == 29
    assert len(ids_of(listed(town.store, f"{group}/members", limit=4))) == 29


def test_members_come_as_csv_in_pages_that_link_to_the_next(town: Shop) -> None:
    group = make(town.store)
    town.store.api("POST", f"{group}/members", {"customer_ids": [f"c{n}" for n in range(5)]}).expect(200)
    path, rows = f"{group}/members?limit=3", []
    while path:
        answer = town.store.api("GET", path, headers={"accept": "text/csv"})
        assert (answer.status, answer.headers["content-type"].split(";")[0]) == (200, "text/csv")
        rows += [row["customer_id"] for row in csv.DictReader(io.StringIO(answer.body.decode(), newline=""))]
        link = answer.headers.get("link", "")
        path = f"{group}/members{link.partition('>')[0].removeprefix('<')}" if link else ""
    assert sorted(rows) == [f"c{n}" for n in range(5)]


def test_over_a_thousand_rows_are_kept_as_an_import(town: Shop) -> None:
    group = make(town.store)
    text = "customer_id\n" + "".join(f"x{n}\n" for n in range(2_500))
    begun = send_file(town.store, group, text, **{"idempotency-key": "k"}).expect(202)
    assert (begun["status"], begun["rows"]) == ("running", 2_500)
    told = town.store.api("GET", f"{group}/imports/{begun['import_id']}").expect(200)
    assert (told["import_id"], told["rows"]) == (begun["import_id"], 2_500)
    assert send_file(town.store, group, text, **{"idempotency-key": "k"}).expect(202)["import_id"] == begun["import_id"]
    assert problem(send_file(town.store, group, f"{text}c1\n", **{"idempotency-key": "k"}), 409)
    assert problem(town.store.api("GET", f"{group}/imports/imp_none"), 404)


def test_a_rule_follows_what_customers_buy(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(tiers=[{"name": "Gold", "min_spent": "300.00", "rate": "0.1"}])
    ids = people(shop, 2)
    for customer_id, prices in ((7001, ["100.00"]), (7002, ["100.00", "300.00"]), (7003, ["50.00"])):
        for price in prices:
            shop.sell(customer_id=customer_id, lines=((1, price),))
    store = shop.store
    group = make(store, rule={"min_spent": "100"})
    found = listed(store, f"{group}/members")
    assert ids_of(found) == ["7001", "7002"]
    (rich,) = [item for item in found if item["customer_id"] == "7002"]
    assert (rich["orders_count"], rich["total_spent"], rich["average_check"]) == (2, "400.00", "200.00")
    assert (rich["tier"], rich["rfm"], rich["available"]) == ("Gold", None, shop.available(7002))
    assert store.api("GET", group).expect(200)["members"] is None

    def matched(**rule: Any) -> list[str]:
        return ids_of(listed(store, f"{GROUPS}/preview", 1, {"rule": rule}))

    assert matched() == sorted([*ids, "7001", "7002", "7003"])
    assert matched(tiers=["Gold"]) == ["7002"]
    assert matched(max_orders=0) == ids
    assert matched(min_average="50", max_average="100") == ["7001", "7003"]
    assert matched(inactive_days=20_000) == ids
    assert matched(inactive_days=20_000, min_orders=1) == []
    assert matched(rfm={"m": [5]}) == ["7002"]
    assert matched(rfm={"m": [1, 2]}, min_orders=1) == ["7003"]
    changed = store.api("PATCH", group, {"rule": {"max_orders": 0}}).expect(200)
    assert changed["rule"]["min_spent"] is None
    assert ids_of(listed(store, f"{group}/members")) == ids
    assert problem(store.api("PUT", f"{group}/members/7001"), 409)["code"] == "group_by_rule"


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ({"min_orders": -1}, "out_of_range"),
        ({"min_spent": "1.005"}, "amount_precision"),
        ({"min_spent": "-1"}, "amount_negative"),
        ({"rfm": {"r": [6]}}, "out_of_range"),
        ({"min_orders": 2, "max_orders": 1}, "range"),
        ({"unknown": 1}, "field_unknown"),
    ],
    ids=str,
)
def test_a_rule_that_is_none_changes_nothing(town: Shop, rule: dict[str, Any], code: str) -> None:
    group = make(town.store, rule={})
    before = town.stack.snapshot(town.store)
    calls: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("POST", GROUPS, {"name": "x"}),
        ("PATCH", group, {}),
        ("POST", f"{GROUPS}/preview", {}),
    )
    for method, path, body in calls:
        assert problem(town.store.api(method, path, {**body, "rule": rule}), 422)["code"] == code
    assert town.stack.snapshot(town.store) == before
