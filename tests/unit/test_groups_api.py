"""The group routes: groups are made, read, listed, changed and deleted; members come and go; bad input does nothing."""

import csv
import io
import json
from typing import Any

import pytest

from cashback.domain.customers import Profile
from cashback.domain.group_steps import ImportStep
from cashback.domain.ledger import Entry, Figures, Kind, Posting
from cashback.edge import csv_pages, deps, http
from cashback.services import read_members
from cashback.services.import_members import import_members_page
from tests.simulation.dynamo import Fault
from tests.unit.builders import NOW, at
from tests.unit.deployment import Deployment, Reply

GROUPS = "/v1/groups"
ADMIN = {"store_id": "demo", "api_key_id": "key_1", "role": "admin"}


@pytest.fixture
def admin(deployment: Deployment) -> str:
    key = deployment.create_store(settings={"tiers": [{"name": "Gold", "min_spent": "50.00", "rate": "0.1"}]})
    for n in range(5):
        customer(deployment, f"c{n}", name=f"Person {n}", tags=(f"t{n % 2}",))
    return key


def customer(deployment: Deployment, customer_id: str, **fields: Any) -> None:
    assert deployment.books.customers.create("demo", Profile(customer_id, NOW, NOW, **fields), NOW)


def spend(deployment: Deployment, customer_id: str, orders: int, spent: int, second: int) -> None:
    entry = Entry(cause=f"ord:{second}:earn", kind=Kind.ORDER, amount=250, actor="shop", payload_hash="x")
    figures = Figures(orders_count=orders, total_spent=spent, ordered_at=at(second))
    deployment.books.ledger.post(Posting("demo", customer_id, NOW, (entry,), figures))


def make(deployment: Deployment, key: str, **fields: Any) -> str:
    made = deployment.call("POST", GROUPS, {"name": "Club", **fields}, key=key).expect(201)
    return str(made["group_id"])


def send_csv(deployment: Deployment, group_id: str, text: str, **headers: str) -> Reply:
    sent = {"content-type": "text/csv", **headers}
    return deployment.send("POST", f"{GROUPS}/{group_id}/members", text, sent, authorizer=ADMIN, content_type=None)


def members(deployment: Deployment, key: str, group_id: str) -> list[str]:
    page = deployment.call("GET", f"{GROUPS}/{group_id}/members?limit=100", key=key).expect(200)
    assert page["next_cursor"] is None
    return sorted(item["customer_id"] for item in page["items"])


# ---- groups


def test_a_group_by_hand_is_made_read_changed_and_deleted(deployment: Deployment, admin: str) -> None:
    made = deployment.call("POST", GROUPS, {"name": "Club", "description": "words"}, key=admin).expect(201)
    path = f"{GROUPS}/{made['group_id']}"
    assert (made["kind"], made["rule"], made["members"], made["description"]) == ("manual", None, 0, "words")
    assert deployment.call("GET", path, key=admin).expect(200) == made
    changed = deployment.call("PATCH", path, {"name": "New", "description": None}, key=admin).expect(200)
    assert (changed["name"], changed["description"]) == ("New", None)
    assert changed["updated_at"] > made["updated_at"]
    assert [item["name"] for item in deployment.call("GET", GROUPS, key=admin).expect(200)["items"]] == ["New"]
    assert deployment.call("DELETE", path, key=admin).status == 204
    for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
        assert deployment.call(method, path, body, key=admin).status == 404
    assert deployment.call("GET", GROUPS, key=admin).expect(200)["items"] == []


RULE = {
    "min_orders": 1,
    "max_orders": 9,
    "min_spent": "1.00",
    "max_spent": "99.50",
    "min_average": "0.00",
    "max_average": None,
    "inactive_days": 5,
    "active_days": 90,
    "rfm": {"r": [4, 5], "f": [], "m": [1]},
    "tiers": ["Gold"],
    "tags": ["t0"],
}


def test_a_rule_is_answered_as_it_is_sent_and_can_be_sent_back(deployment: Deployment, admin: str) -> None:
    made = deployment.call("POST", GROUPS, {"name": "Rich", "rule": RULE}, key=admin).expect(201)
    assert (made["kind"], made["rule"], made["members"]) == ("rule", RULE, None)
    path = f"{GROUPS}/{made['group_id']}"
    assert deployment.call("PATCH", path, {"rule": made["rule"]}, key=admin).expect(200) == made
    changed = deployment.call("PATCH", path, {"rule": {"min_spent": 2}}, key=admin).expect(200)
    assert changed["rule"] == {
        **dict.fromkeys(RULE, None),
        "min_spent": "2.00",
        "tiers": [],
        "tags": [],
    }


def test_a_repeated_post_with_its_key_is_the_same_group(deployment: Deployment, admin: str) -> None:
    first = deployment.call("POST", GROUPS, {"name": "Club"}, key=admin, idempotency_key="k")
    again = deployment.call("POST", GROUPS, {"name": "Club"}, key=admin, idempotency_key="k")
    assert again.expect(201) == first.expect(201)
    assert again.headers["Idempotency-Replayed"] == ["true"]
    other = deployment.call("POST", GROUPS, {"name": "Other"}, key=admin, idempotency_key="k")
    assert (other.status, other.code) == (409, "idempotency_mismatch")
    assert len(deployment.call("GET", GROUPS, key=admin).expect(200)["items"]) == 1


def test_posts_without_a_key_are_groups_of_their_own(deployment: Deployment, admin: str) -> None:
    assert make(deployment, admin) != make(deployment, admin)


def test_groups_are_listed_newest_first_a_page_at_a_time(deployment: Deployment, admin: str) -> None:
    for n in range(5):
        make(deployment, admin, name=f"G{n}")
    seen: list[str] = []
    cursor = ""
    for _ in range(3):
        page = deployment.call("GET", f"{GROUPS}?limit=2{cursor}", key=admin).expect(200)
        seen += [item["name"] for item in page["items"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert (seen, page["next_cursor"]) == ([f"G{n}" for n in reversed(range(5))], None)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({}, ("name", "required")),
        ({"name": " "}, ("name", "length")),
        ({"name": "x" * 201}, ("name", "length")),
        ({"name": "a", "description": "x" * 1_001}, ("description", "length")),
        ({"name": "a", "members": 9}, ("body", "field_unknown")),
        ({"name": "a", "store_id": "other"}, ("body", "field_unknown")),
        ({"name": "a", "rule": []}, ("rule", "type")),
        ({"name": "a", "rule": {"min_order": 1}}, ("rule", "field_unknown")),
        ({"name": "a", "rule": {"min_orders": -1}}, ("rule.min_orders", "out_of_range")),
        ({"name": "a", "rule": {"min_orders": 1.5}}, ("rule.min_orders", "type")),
        ({"name": "a", "rule": {"min_orders": "1"}}, ("rule.min_orders", "type")),
        ({"name": "a", "rule": {"max_orders": 10**10}}, ("rule.max_orders", "out_of_range")),
        ({"name": "a", "rule": {"inactive_days": 36_501}}, ("rule.inactive_days", "out_of_range")),
        ({"name": "a", "rule": {"min_spent": "-1"}}, ("rule.min_spent", "amount_negative")),
        ({"name": "a", "rule": {"min_spent": "1.005"}}, ("rule.min_spent", "amount_precision")),
        ({"name": "a", "rule": {"max_spent": "1e2"}}, ("rule.max_spent", "amount_format")),
        ({"name": "a", "rule": {"max_spent": True}}, ("rule.max_spent", "amount_format")),
        ({"name": "a", "rule": {"max_average": "9" * 13}}, ("rule.max_average", "amount_too_large")),
        ({"name": "a", "rule": {"min_orders": 2, "max_orders": 1}}, ("rule.min_orders", "range")),
        ({"name": "a", "rule": {"min_spent": "2", "max_spent": "1"}}, ("rule.min_spent", "range")),
        ({"name": "a", "rule": {"inactive_days": 30, "active_days": 30}}, ("rule.inactive_days", "range")),
        ({"name": "a", "rule": {"rfm": {"r": [6]}}}, ("rule.rfm.r", "out_of_range")),
        ({"name": "a", "rule": {"rfm": {"m": [0]}}}, ("rule.rfm.m", "out_of_range")),
        ({"name": "a", "rule": {"rfm": {"m": [1, 2, 3, 4, 5, 5]}}}, ("rule.rfm.m", "too_many_items")),
        ({"name": "a", "rule": {"rfm": {"x": [1]}}}, ("rule.rfm", "field_unknown")),
        ({"name": "a", "rule": {"tiers": "Gold"}}, ("rule.tiers", "type")),
        ({"name": "a", "rule": {"tags": ["x"] * 101}}, ("rule.tags", "too_many_items")),
        ({"name": "a", "rule": {"tags": [""]}}, ("rule.tags.0", "length")),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_is_no_group_is_named_and_changes_nothing(
    deployment: Deployment, admin: str, body: Any, fault: tuple[str, str]
) -> None:
    rules = make(deployment, admin, rule={})
    before = deployment.everything()
    reply = deployment.call("POST", GROUPS, body, key=admin)
    assert (reply.status, fault in reply.faults) == (422, True), reply.text
    if body and "rule" in body:
        for method, path in (("PATCH", f"{GROUPS}/{rules}"), ("POST", f"{GROUPS}/preview")):
            again = deployment.call(method, path, {"rule": body["rule"]}, key=admin)
            assert (again.status, fault in again.faults) == (422, True), again.text
    assert deployment.everything() == before


def test_a_rule_cannot_be_taken_away_nor_given_to_a_group_by_hand(deployment: Deployment, admin: str) -> None:
    by_rule, by_hand = make(deployment, admin, rule={}), make(deployment, admin)
    reply = deployment.call("PATCH", f"{GROUPS}/{by_rule}", {"rule": None}, key=admin)
    assert (reply.status, reply.faults) == (422, [("rule", "type")])
    reply = deployment.call("PATCH", f"{GROUPS}/{by_hand}", {"rule": {}}, key=admin)
    assert (reply.status, reply.code) == (409, "group_by_hand")


# ---- members


def test_members_are_added_listed_with_their_figures_and_removed(deployment: Deployment, admin: str) -> None:
    customer(deployment, "-c9", name="=HYPERLINK()", email="a@example.com", phone="+4915550104477", tags=("vip",))
    spend(deployment, "-c9", 3, 10_000, 60)
    group_id = make(deployment, admin)
    path = f"{GROUPS}/{group_id}/members"
    added = deployment.call("POST", path, {"customer_ids": ["-c9", "c1", "x", "c1"]}, key=admin).expect(200)
    assert added == {
        "status": "done",
        "status_label": "Successfully completed",
        "import_id": None,
        "rows": 4,
        "added": 2,
        "already": 0,
        "duplicates": 1,
        "unknown": [{"row": 3, "reason": "not_found", "customer_id": "x"}],
    }
    assert deployment.call("GET", f"{GROUPS}/{group_id}", key=admin).expect(200)["members"] == 2
    page = deployment.call("GET", path, key=admin).expect(200)
    (rich,) = [item for item in page["items"] if item["customer_id"] == "-c9"]
    assert {name: rich[name] for name in ("name", "email", "phone", "tags", "tier", "orders_count", "rfm")} == {
        "name": "=HYPERLINK()",
        "email": "a@example.com",
        "phone": "+4915550104477",
        "tags": ["vip"],
        "tier": "Gold",
        "orders_count": 3,
        "rfm": None,
    }
    assert [rich[name]["amount"] for name in ("total_spent", "average_check", "available")] == [
        "100.00",
        "33.33",
        "2.50",
    ]
    assert (rich["first_order_at"], rich["last_order_at"]) == (at(60), at(60))
    (plain,) = [item for item in page["items"] if item["customer_id"] == "c1"]
    assert (plain["average_check"], plain["inactive_days"], plain["tier"]) == (None, None, None)
    assert deployment.call("DELETE", f"{path}/c1", key=admin).status == 204
    assert deployment.call("DELETE", f"{path}/c1", key=admin).status == 404
    assert deployment.call("GET", f"{GROUPS}/{group_id}", key=admin).expect(200)["members"] == 1


def test_one_member_is_put_with_201_and_again_with_200(deployment: Deployment, admin: str) -> None:
    group_id = make(deployment, admin)
    path = f"{GROUPS}/{group_id}/members"
    made = deployment.call("PUT", f"{path}/c1", key=admin).expect(201)
    assert (made["customer_id"], made["name"], made["tags"]) == ("c1", "Person 1", ["t1"])
    assert deployment.call("PUT", f"{path}/c1", key=admin).expect(200) == made
    assert deployment.call("PUT", f"{path}/nobody", key=admin).status == 404
    assert members(deployment, admin, group_id) == ["c1"]


def test_members_are_pages_and_csv_of_the_same(deployment: Deployment, admin: str) -> None:
    group_id = make(deployment, admin)
    path = f"{GROUPS}/{group_id}/members"
    deployment.call("POST", path, {"customer_ids": [f"c{n}" for n in range(5)]}, key=admin).expect(200)
    seen: list[str] = []
    cursor = ""
    for _ in range(3):
        page = deployment.call("GET", f"{path}?limit=2{cursor}", key=admin).expect(200)
        seen += [item["customer_id"] for item in page["items"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert page["next_cursor"] is None
    whole = deployment.call("GET", path, key=admin, accept="text/csv")
    assert (whole.status, whole.headers["Content-Type"][0].split(";")[0]) == (200, "text/csv")
    rows = list(csv.DictReader(io.StringIO(whole.text, newline="")))
    assert [row["customer_id"] for row in rows] == seen
    assert "Link" not in whole.headers
    part = deployment.call("GET", f"{path}?limit=2", key=admin, accept="text/csv")
    (link,) = part.headers["Link"]
    query = link.partition(">")[0].removeprefix("<")
    rest = deployment.call("GET", f"{path}{query}", key=admin, accept="application/json, text/csv;q=0.5")
    assert [row["customer_id"] for row in csv.DictReader(io.StringIO(part.text + ""))] == seen[:2]
    assert [row["customer_id"] for row in csv.DictReader(io.StringIO(rest.text))] == seen[2:4]


def test_a_page_of_csv_ends_where_an_answer_is_full_and_leads_on(
    deployment: Deployment, admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_pages, "MOST_BYTES", 200)
    ids = [f"member-{n}" for n in range(10)]
    for one in ids:
        customer(deployment, one)
    group_id = make(deployment, admin)
    deployment.call("POST", f"{GROUPS}/{group_id}/members", {"customer_ids": ids}, key=admin).expect(200)
    path, query, seen = f"{GROUPS}/{group_id}/members", "", list[list[str]]()
    for _ in ids:
        page = deployment.call("GET", f"{path}{query}", key=admin, accept="text/csv")
        seen.append([row["customer_id"] for row in csv.DictReader(io.StringIO(page.text, newline=""))])
        if "Link" not in page.headers:
            break
        query = page.headers["Link"][0].partition(">")[0].removeprefix("<")
    assert 1 < len(seen) < 10
    assert sorted(one for page in seen for one in page) == ids


def test_csv_never_calculates(deployment: Deployment, admin: str) -> None:
    evil = {"-c1": "=1+1", "@c2": "\t=1", "+c3": '"=1"', "c4x": "\uff1d1", "c5x": "plain"}
    for customer_id, name in evil.items():
        customer(deployment, customer_id, name=name)
    spend(deployment, "c5x", 1, 5, 10)
    group_id = make(deployment, admin)
    path = f"{GROUPS}/{group_id}/members"
    deployment.call("POST", path, {"customer_ids": list(evil)}, key=admin).expect(200)
    text = deployment.call("GET", path, key=admin, accept="text/csv").text
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    for row in rows:
        for name, value in row.items():
            assert not value.lstrip().startswith(("=", "+", "@", "-", "\uff1d")), (name, value)
    assert {row["customer_id"] for row in rows} == {"'-c1", "'@c2", "'+c3", "c4x", "c5x"}
    again = send_csv(deployment, make(deployment, admin), text).expect(200)
    assert (again["added"], again["unknown"]) == (5, [])


def test_a_file_is_added_and_told_of_by_row(deployment: Deployment, admin: str) -> None:
    group_id = make(deployment, admin)
    text = '\ufeffname,customer_id\r\n"Anna, B",c0\r\n\r\nX,nobody\r\nY,a b\r\nZ\r\n"",c1\r\nc,c0\r\n'
    added = send_csv(deployment, group_id, text).expect(200)
    assert (added["rows"], added["added"], added["duplicates"]) == (6, 2, 1)
    assert added["unknown"] == [
        {"row": 4, "reason": "not_found", "customer_id": "nobody"},
        {"row": 5, "reason": "invalid", "customer_id": None},
        {"row": 6, "reason": "cells", "customer_id": None},
    ]
    assert members(deployment, admin, group_id) == ["c0", "c1"]


def test_a_file_of_contacts_adds_and_repeats_none(deployment: Deployment, admin: str) -> None:
    person = Profile("ada", NOW, NOW, name="Ada", email="ada@example.com", email_verified=True)
    macs = deployment.books.contacts.macs("demo", person.verified)
    also = deployment.books.contacts.changes("demo", "ada", (), macs)
    assert deployment.books.customers.create("demo", person, NOW, also)
    group_id = make(deployment, admin)
    reply = send_csv(deployment, group_id, "email\nADA@example.com\nmallory@example.com\n")
    assert reply.expect(200)["unknown"] == [{"row": 3, "reason": "not_found", "customer_id": None}]
    assert "mallory" not in reply.text
    assert "mallory" not in str(deployment.everything())
    assert members(deployment, admin, group_id) == ["ada"]


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        ("id\nc1\n", 422, "csv_columns"),
        ("customer_id\n", 422, "csv_empty"),
        ('customer_id\n"c1', 422, "csv_format"),
        ("customer_id\n" + "c1\n" * 100_001, 422, "too_many_rows"),
        ("customer_id\n" + "x" * http.MAX_FILE, 413, "body_too_large"),
        ("customer_id\n\ud800\n", 400, "csv_invalid"),
        ("", 422, "required"),
    ],
    ids=["columns", "empty", "quotes", "100,001 rows", "too large", "surrogate", "no body"],
)
def test_a_bad_file_imports_nothing(deployment: Deployment, admin: str, text: str, status: int, code: str) -> None:
    group_id = make(deployment, admin)
    before = deployment.everything()
    reply = send_csv(deployment, group_id, text)
    assert (reply.status, reply.code) == (status, code)
    assert deployment.everything() == before


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({}, ("customer_ids", "required")),
        ({"customer_ids": []}, ("customer_ids", "too_few_items")),
        ({"customer_ids": None}, ("customer_ids", "type")),
        ({"customer_ids": ["a b"]}, ("customer_ids.0", "id_charset")),
        ({"customer_ids": ["a", 5]}, ("customer_ids.1", "type")),
        ({"customer_ids": ["a"] * 100_001}, ("customer_ids", "too_many_items")),
        ({"customer_ids": ["a"], "csv": "customer_id"}, ("body", "field_unknown")),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_ids_add_nobody(deployment: Deployment, admin: str, body: Any, fault: tuple[str, str]) -> None:
    group_id = make(deployment, admin)
    before = deployment.everything()
    reply = deployment.call("POST", f"{GROUPS}/{group_id}/members", body, key=admin)
    assert (reply.status, fault in reply.faults) == (422, True), reply.text[:300]
    assert deployment.everything() == before


def test_files_are_taken_only_where_they_are_meant_to_be(deployment: Deployment, admin: str) -> None:
    group_id = make(deployment, admin)
    for method, path in (("POST", GROUPS), ("PATCH", f"{GROUPS}/{group_id}"), ("POST", f"{GROUPS}/preview")):
        sent = {"content-type": "text/csv"}
        reply = deployment.send(method, path, "customer_id\nc1\n", sent, authorizer=ADMIN, content_type=None)
        assert (reply.status, reply.code) == (415, "unsupported_media_type")
    sent = {"content-type": "text/plain"}
    path = f"{GROUPS}/{group_id}/members"
    reply = deployment.send("POST", path, "customer_id\nc1\n", sent, authorizer=ADMIN, content_type=None)
    assert (reply.status, reply.code) == (415, "unsupported_media_type")


def test_json_bodies_keep_their_own_limit_where_files_may_be_larger(deployment: Deployment, admin: str) -> None:
    group_id = make(deployment, admin)
    text = json.dumps({"customer_ids": ["c" * 64] * 20_000})
    reply = deployment.send("POST", f"{GROUPS}/{group_id}/members", text, authorizer=ADMIN)
    assert (reply.status, reply.code) == (413, "body_too_large")


def test_a_repeated_file_with_its_key_gets_the_first_answer(deployment: Deployment, admin: str) -> None:
    group_id = make(deployment, admin)
    first = send_csv(deployment, group_id, "customer_id\nc1\nx\n", **{"idempotency-key": "k"})
    again = send_csv(deployment, group_id, "customer_id\nc1\nx\n", **{"idempotency-key": "k"})
    assert (first.expect(200)["added"], again.expect(200)) == (1, first.json)
    assert again.headers["Idempotency-Replayed"] == ["true"]
    other = send_csv(deployment, group_id, "customer_id\nc2\n", **{"idempotency-key": "k"})
    assert (other.status, other.code) == (409, "idempotency_mismatch")
    assert members(deployment, admin, group_id) == ["c1"]


def test_members_of_a_rule_are_not_added_or_removed(deployment: Deployment, admin: str) -> None:
    group_id = make(deployment, admin, rule={})
    path = f"{GROUPS}/{group_id}/members"
    before = deployment.everything()
    for reply in (
        deployment.call("POST", path, {"customer_ids": ["c1"]}, key=admin),
        deployment.call("PUT", f"{path}/c1", key=admin),
        deployment.call("DELETE", f"{path}/c1", key=admin),
        send_csv(deployment, group_id, "customer_id\nc1\n"),
    ):
        assert (reply.status, reply.code) == (409, "group_by_rule")
    assert deployment.everything() == before


# ---- imports


def test_over_a_thousand_rows_are_an_import_that_messages_work_through(deployment: Deployment, admin: str) -> None:
    group_id = make(deployment, admin)
    text = "customer_id\nc0\nc1\n" + "".join(f"x{n}\n" for n in range(999))
    reply = send_csv(deployment, group_id, text, **{"idempotency-key": "k"})
    begun = reply.expect(202)
    assert (begun["status"], begun["rows"], begun["added"], begun["unknown"]) == ("running", 1_001, 0, [])
    again = send_csv(deployment, group_id, text, **{"idempotency-key": "k"})
    assert (again.expect(202), again.headers["Idempotency-Replayed"]) == (begun, ["true"])
    other = send_csv(deployment, group_id, text + "c2\n", **{"idempotency-key": "k"})
    assert (other.status, other.code) == (409, "idempotency_mismatch")
    path = f"{GROUPS}/{group_id}/imports/{begun['import_id']}"
    told = deployment.call("GET", path, key=admin).expect(200)
    assert (told["status"], told["percent"], told["items"]) == ("running", 0, [])
    step: ImportStep | None = ImportStep("demo", group_id, begun["import_id"], 0)
    while step is not None:
        step = import_members_page(deps.books(), deps.group_books(), step, NOW)
    told = deployment.call("GET", f"{path}?limit=2", key=admin).expect(200)
    assert {name: told[name] for name in ("status", "status_label", "rows", "done", "percent", "added", "unknown")} == {
        "status": "done",
        "status_label": "Successfully completed",
        "rows": 1_001,
        "done": 1_001,
        "percent": 100,
        "added": 2,
        "unknown": 999,
    }
    assert told["items"] == [
        {"row": 4, "reason": "not_found", "customer_id": "x0"},
        {"row": 5, "reason": "not_found", "customer_id": "x1"},
    ]
    rest = deployment.call("GET", f"{path}?limit=1&cursor={told['next_cursor']}", key=admin).expect(200)
    assert rest["items"][0]["row"] == 6
    assert members(deployment, admin, group_id) == ["c0", "c1"]


def test_a_thousand_rows_are_added_at_once(deployment: Deployment, admin: str) -> None:
    group_id = make(deployment, admin)
    added = send_csv(deployment, group_id, "customer_id\n" + "c0\n" * 1_000).expect(200)
    assert (added["rows"], added["added"], added["duplicates"], added["import_id"]) == (1_000, 1, 999, None)


def test_a_key_of_few_rows_is_not_taken_for_many_nor_the_other_way_round(deployment: Deployment, admin: str) -> None:
    path = f"{GROUPS}/{make(deployment, admin)}/members"
    few, many = {"customer_ids": ["c0"]}, {"customer_ids": ["c1"] * 1_001}
    for key, first, other, status in (("a", few, many, 200), ("b", many, few, 202)):
        deployment.call("POST", path, first, key=admin, idempotency_key=key).expect(status)
        before = deployment.everything()
        refused = deployment.call("POST", path, other, key=admin, idempotency_key=key)
        assert (refused.status, refused.code) == (409, "idempotency_mismatch")
        assert deployment.everything() == before
        deployment.call("POST", path, first, key=admin, idempotency_key=key).expect(status)


def test_of_two_files_under_one_key_at_once_the_second_leaves_the_rows_of_the_first(
    deployment: Deployment, admin: str
) -> None:
    deployment.alone = False
    group_id = make(deployment, admin)
    begun: list[Reply] = []

    def first(_: int, operation: str) -> None:
        if operation not in {"GetItem", "Query"}:
            deployment.dynamo.faults.before_call = None
            begun.append(send_csv(deployment, group_id, "customer_id\n" + "c0\n" * 1_001, idempotency_key="k"))

    deployment.dynamo.faults.before_call = first
    other = send_csv(deployment, group_id, "customer_id\n" + "c1\n" * 1_001, idempotency_key="k")
    assert (other.status, other.code) == (409, "idempotency_mismatch")
    step: ImportStep | None = ImportStep("demo", group_id, begun[0].expect(202)["import_id"], 0)
    while step is not None:
        step = import_members_page(deps.books(), deps.group_books(), step, NOW)
    assert members(deployment, admin, group_id) == ["c0"]


def test_an_import_that_is_not_there_is_404(deployment: Deployment, admin: str) -> None:
    reply = deployment.call("GET", f"{GROUPS}/{make(deployment, admin)}/imports/imp_none", key=admin)
    assert (reply.status, reply.code) == (404, "not_found")


# ---- rules


def test_a_preview_shows_who_a_rule_matches_and_stores_nothing(deployment: Deployment, admin: str) -> None:
    spend(deployment, "c1", 2, 6_000, 10)
    spend(deployment, "c2", 1, 1_000, 20)
    before = deployment.everything()
    page = deployment.call("POST", f"{GROUPS}/preview", {"rule": {"min_spent": "20"}}, key=admin).expect(200)
    assert [(item["customer_id"], item["tier"]) for item in page["items"]] == [("c1", "Gold")]
    by_tag = deployment.call("POST", f"{GROUPS}/preview", {"rule": {"tags": ["t0"]}}, key=admin).expect(200)
    assert sorted(item["customer_id"] for item in by_tag["items"]) == ["c0", "c2", "c4"]
    idle = deployment.call("POST", f"{GROUPS}/preview", {"rule": {"inactive_days": 0}}, key=admin).expect(200)
    assert len(idle["items"]) == 5
    assert deployment.everything() == before


def test_a_preview_goes_on_for_the_same_rule_only(deployment: Deployment, admin: str) -> None:
    path = f"{GROUPS}/preview?limit=2"
    seen: list[str] = []
    cursor = ""
    for _ in range(3):
        page = deployment.call("POST", f"{path}{cursor}", {"rule": {"max_orders": 0}}, key=admin).expect(200)
        seen += [item["customer_id"] for item in page["items"]]
        if page["next_cursor"]:
            cursor = f"&cursor={page['next_cursor']}"
    assert sorted(seen) == [f"c{n}" for n in range(5)]
    reply = deployment.call("POST", f"{path}{cursor}", {"rule": {"max_orders": 1}}, key=admin)
    assert (reply.status, reply.code) == (400, "page_token_invalid")


def test_scores_are_shown_where_the_rule_asks_for_some(deployment: Deployment, admin: str) -> None:
    for n in range(5):
        spend(deployment, f"c{n}", n + 1, (n + 1) * 1_000, 10 + n)
    group_id = make(deployment, admin, rule={"rfm": {"m": [4, 5]}})
    page = deployment.call("GET", f"{GROUPS}/{group_id}/members?limit=1", key=admin).expect(200)
    rest = deployment.call(
        "GET", f"{GROUPS}/{group_id}/members?limit=9&cursor={page['next_cursor']}", key=admin
    ).expect(200)
    found = {item["customer_id"]: item["rfm"] for item in (*page["items"], *rest["items"])}
    assert {one: (scores["f"], scores["m"]) for one, scores in found.items()} == {"c3": (4, 4), "c4": (5, 5)}


def test_a_store_too_large_to_rank_is_422_and_says_why(
    deployment: Deployment, admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_members, "MOST_RANKED", 4)
    reply = deployment.call("POST", f"{GROUPS}/preview", {"rule": {"rfm": {"m": [5]}}}, key=admin)
    assert (reply.status, reply.faults) == (422, [("rule.rfm", "directory_too_large")])


def test_a_rule_that_changed_between_two_pages_ends_the_list(deployment: Deployment, admin: str) -> None:
    group_id = make(deployment, admin, rule={})
    path = f"{GROUPS}/{group_id}"
    cursor = deployment.call("GET", f"{path}/members?limit=2", key=admin).expect(200)["next_cursor"]
    deployment.call("PATCH", path, {"rule": {"max_orders": 0}}, key=admin).expect(200)
    reply = deployment.call("GET", f"{path}/members?limit=2&cursor={cursor}", key=admin)
    assert (reply.status, reply.code) == (400, "page_token_invalid")


# ---- who and where


def test_another_stores_group_is_the_same_404(deployment: Deployment, admin: str) -> None:
    other = deployment.create_store("other")
    group_id = make(deployment, admin)
    deployment.call("PUT", f"{GROUPS}/{group_id}/members/c1", key=admin).expect(201)
    before = deployment.everything()
    for method, route, body in (
        ("GET", "", None),
        ("PATCH", "", {"name": "Mine"}),
        ("DELETE", "", None),
        ("GET", "/members", None),
        ("POST", "/members", {"customer_ids": ["c1"]}),
        ("PUT", "/members/c1", None),
        ("DELETE", "/members/c1", None),
    ):
        foreign = deployment.call(method, f"{GROUPS}/{group_id}{route}", body, key=other)
        absent = deployment.call(method, f"{GROUPS}/none{route}", body, key=other)
        assert foreign.status == absent.status == 404
        assert {**foreign.json, "request_id": ""} == {**absent.json, "request_id": ""}
    assert deployment.everything() == before


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_viewer_reads_and_changes_nothing(deployment: Deployment, admin: str, method: str) -> None:
    viewer, group_id = deployment.make_key(admin, "viewer"), make(deployment, admin)
    path = {"POST": GROUPS, "PUT": f"{GROUPS}/{group_id}/members/c1"}.get(method, f"{GROUPS}/{group_id}")
    before = deployment.everything()
    assert deployment.call(method, path, {"name": "x"} if method != "PUT" else None, key=viewer).status == 403
    for read in (GROUPS, f"{GROUPS}/{group_id}", f"{GROUPS}/{group_id}/members"):
        deployment.call("GET", read, key=viewer).expect(200)
    deployment.call("POST", f"{GROUPS}/preview", {"rule": {}}, key=viewer).expect(200)
    assert deployment.everything() == before


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("GET", "/members"), ("PUT", "/members/c1"), ("DELETE", "/members/c1"), ("PATCH", "")],
)
def test_tables_that_are_out_of_reach_are_503(deployment: Deployment, admin: str, method: str, path: str) -> None:
    group_id = make(deployment, admin)
    # The first call is the authorizer's.
    deployment.dynamo.faults.script[deployment.dynamo.faults.calls + 2] = Fault.ERROR_BEFORE
    body = {"name": "x"} if method == "PATCH" else None
    reply = deployment.call(method, f"{GROUPS}/{group_id}{path}", body, key=admin)
    assert (reply.status, reply.code) == (503, "busy")
