"""The order routes: what they show, and what a review does."""

from fractions import Fraction
from typing import Any
from urllib.parse import quote, unquote

import pytest

from cashback.domain.facts import Refund, RefundLine
from cashback.domain.orders import News
from cashback.edge.views import rate
from cashback.services.record_order import record_failure, record_order
from cashback.storefronts.fields import identifier
from tests.unit import builders
from tests.unit.builders import CUSTOMER, NOW, line, paid, refund, units, usd
from tests.unit.deployment import Deployment, Reply

ORDERS = "/v1/orders"


@pytest.fixture
def admin(deployment: Deployment) -> str:
    return deployment.create_store(settings={"auto_processing": False, "base_rate": "0.1"})


def record(deployment: Deployment, news: News) -> None:
    settings = deployment.stores.settings("demo")
    record_order(deployment.books, settings, news, NOW)


def automatic(deployment: Deployment, admin: str) -> None:
    version = str(deployment.stores.document("demo").version)
    deployment.call("PATCH", "/v1/store", {"auto_processing": True}, key=admin, if_match=version).expect(200)


def read(deployment: Deployment, admin: str, order_id: str = builders.ORDER) -> Any:
    return deployment.call("GET", f"{ORDERS}/{order_id}", key=admin).expect(200)


def decide(deployment: Deployment, key: str, action: str, body: Any, idempotency_key: str = "k1") -> Reply:
    path = f"{ORDERS}/{builders.ORDER}/{action}"
    return deployment.call("POST", path, body, key=key, idempotency_key=idempotency_key)


def test_a_pending_order_shows_what_it_would_earn(deployment: Deployment, admin: str) -> None:
    record(deployment, paid(line(gross=10_000)))
    order = read(deployment, admin)
    assert (order["status"], order["badge"], order["status_label"]) == ("pending", "Pending", "Pending")
    assert order["calculated"] == order["calculated_before_refunds"] == order["award"] == usd("10.00")
    assert (order["total"], order["rate"], order["mode"]) == (usd("100.00"), "0.1", "manual")
    assert order["transactions"] == []
    assert [step["reason"] for step in order["history"]] == ["manual_review"]
    assert order["review"] is None


def test_a_refund_while_pending_shows_both_amounts(deployment: Deployment, admin: str) -> None:
    sold = line(gross=10_000, quantity=4)
    record(deployment, paid(sold))
    record(deployment, paid(sold, refunds=[refund("r1", units("1", 1, 2_500))]))
    order = read(deployment, admin)
    assert (order["calculated"], order["calculated_before_refunds"]) == (usd("7.50"), usd("10.00"))
    assert order["refunds"][0]["lines"] == [{"line_id": "1", "quantity": 1, "amount": usd("25.00")}]


def test_an_awarded_order_shows_what_was_posted_and_taken_back(deployment: Deployment, admin: str) -> None:
    automatic(deployment, admin)
    sold = line(gross=10_000, quantity=4)
    record(deployment, paid(sold))
    record(deployment, paid(sold, refunds=[refund("r1", units("1", 1, 2_500))]))
    order = read(deployment, admin)
    assert (order["status"], order["calculated"], order["award"]) == (
        "partially_reversed",
        usd("10.00"),
        usd("10.00"),
    )
    assert (order["taken"], order["owed"], order["waived"]) == (usd("2.50"), usd("0.00"), usd("0.00"))
    assert [(entry["type"], entry["amount"]["amount"]) for entry in order["transactions"]] == [
        ("order", "10.00"),
        ("reversal", "-2.50"),
    ]
    assert sum(float(shown["award"]["amount"]) for shown in order["lines"]) == 10


def test_an_approval_credits_and_shows_its_reviewer(deployment: Deployment, admin: str) -> None:
    record(deployment, paid(line(gross=10_000)))
    reply = decide(deployment, admin, "approve", {"expected_amount": 10, "amount": "12.50", "comment": "loyal"})
    order = reply.expect(200)
    assert (order["status"], order["calculated"], order["award"]) == ("processed", usd("10.00"), usd("12.50"))
    review = order["review"]
    assert (review["verdict"], review["comment"]) == ("approved", "loyal")
    assert (review["expected_amount"], review["amount"]) == (usd("10.00"), usd("12.50"))
    assert review["actor"].startswith("key:key_")
    assert review["seconds_to_decision"] > 0
    balance = deployment.call("GET", f"/v1/customers/{CUSTOMER}/balance", key=admin).expect(200)
    assert balance["available"] == usd("12.50")


def test_the_same_approval_again_is_the_first_answer(deployment: Deployment, admin: str) -> None:
    record(deployment, paid(line(gross=10_000)))
    first = decide(deployment, admin, "approve", {"expected_amount": "10.00"})
    again = decide(deployment, admin, "approve", {"expected_amount": "10.00"})
    assert again.expect(200) == first.expect(200)
    assert again.headers["Idempotency-Replayed"] == ["true"]
    assert "Idempotency-Replayed" not in first.headers
    other = decide(deployment, admin, "approve", {"expected_amount": "10.00", "comment": "x"})
    assert (other.status, other.code) == (409, "idempotency_mismatch")


def test_a_second_decision_is_409_whatever_its_key(deployment: Deployment, admin: str) -> None:
    record(deployment, paid(line(gross=10_000)))
    decide(deployment, admin, "approve", {"expected_amount": "10.00"}).expect(200)
    for action, body in (("approve", {"expected_amount": "10.00"}), ("reject", {"reason": "no"})):
        reply = decide(deployment, admin, action, body, "k2")
        assert (reply.status, reply.code) == (409, "state_conflict")
        assert "processed" in reply.json["detail"]
    other = deployment.make_key(admin, "operator")
    assert decide(deployment, other, "approve", {"expected_amount": "10.00"}).status == 409


def test_a_rejected_order_awards_nothing(deployment: Deployment, admin: str) -> None:
    record(deployment, paid(line(gross=10_000)))
    order = decide(deployment, admin, "reject", {"reason": "fraud <script>"}).expect(200)
    assert (order["status"], order["reason"]) == ("rejected", "fraud <script>")
    assert (order["calculated"], order["award"]) == (usd("10.00"), usd("0.00"))


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"expected_amount": "10.00", "amount": "0"}, ("amount", "amount_zero")),
        ({"expected_amount": "10.00", "amount": "-0.00"}, ("amount", "amount_zero")),
        ({"expected_amount": "10.00", "amount": "-5"}, ("amount", "amount_negative")),
        ({"expected_amount": "10.00", "amount": "1.005"}, ("amount", "amount_precision")),
        ({"expected_amount": "x"}, ("expected_amount", "amount_format")),
        ({"expected_amount": None}, ("expected_amount", "amount_format")),
        ({"expected_amount": "10.00", "amount": None}, ("amount", "amount_format")),
        ({}, ("expected_amount", "required")),
        ({"expected_amount": "10.00", "comment": "a" * 1_001}, ("comment", "length")),
        ({"expected_amount": "10.00", "status": "processed"}, ("body", "field_unknown")),
    ],
    ids=lambda part: str(part)[:60],
)
def test_an_approval_that_is_not_acceptable_is_422(
    deployment: Deployment, admin: str, body: Any, fault: tuple[str, str]
) -> None:
    record(deployment, paid(line(gross=10_000)))
    before = deployment.everything()
    reply = decide(deployment, admin, "approve", body)
    assert (reply.status, reply.faults) == (422, [fault])
    assert deployment.everything() == before


def test_an_approval_of_another_amount_than_seen_is_409(deployment: Deployment, admin: str) -> None:
    record(deployment, paid(line(gross=10_000)))
    reply = decide(deployment, admin, "approve", {"expected_amount": "9.99"})
    assert (reply.status, reply.code) == (409, "amount_conflict")


def test_a_rejection_needs_a_reason(deployment: Deployment, admin: str) -> None:
    for body in ({}, {"reason": ""}, {"reason": None}):
        assert decide(deployment, admin, "reject", body).status == 422


@pytest.mark.row("S16")
def test_an_operator_exceeds_a_calculation_by_the_limit_at_most(deployment: Deployment, admin: str) -> None:
    record(deployment, paid(line(gross=10_000)))
    deployment.call("PATCH", "/v1/store", {"adjust_limit": "2"}, key=admin, if_match="1").expect(200)
    operator = deployment.make_key(admin, "operator")
    body = {"expected_amount": "10.00", "amount": "12.01"}
    assert decide(deployment, operator, "approve", body).code == "forbidden"
    decide(deployment, admin, "approve", body).expect(200)


def test_an_order_of_another_store_is_not_there(deployment: Deployment, admin: str) -> None:
    other = deployment.create_store("other")
    record(deployment, paid(line(gross=10_000)))
    foreign = deployment.call("GET", f"{ORDERS}/{builders.ORDER}", key=other)
    absent = deployment.call("GET", f"{ORDERS}/none", key=other)
    assert foreign.status == absent.status == 404
    assert {**foreign.json, "request_id": ""} == {**absent.json, "request_id": ""}
    assert decide(deployment, other, "approve", {"expected_amount": "10.00"}).status == 404
    assert deployment.call("GET", ORDERS, key=other).expect(200)["items"] == []


def test_lists_are_filtered_paged_and_newest_first(deployment: Deployment, admin: str) -> None:
    for n in range(5):
        record(deployment, paid(line(gross=10_000), order_id=f"o{n}", created_at=f"2026-03-0{n + 1}T00:00:00.000000Z"))
    record_failure(deployment.books, deployment.stores.settings("demo"), builders.news(order_id="bad"), "boom", NOW)
    seen: list[str] = []
    cursor = ""
    while True:
        page = deployment.call("GET", f"{ORDERS}?status=pending&limit=2{cursor}", key=admin).expect(200)
        seen += [item["order_id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == ["o4", "o3", "o2", "o1", "o0"]
    narrow = f"{ORDERS}?customer_id={CUSTOMER}&from=2026-03-02T00:00:00Z&to=2026-03-03T00:00:00Z"
    found = deployment.call("GET", narrow, key=admin).expect(200)["items"]
    assert [item["order_id"] for item in found] == ["o2", "o1"]
    failed = deployment.call("GET", f"{ORDERS}?status=failed", key=admin).expect(200)["items"]
    assert [(item["order_id"], item["badge"], item["reason"]) for item in failed] == [("bad", "Failed", "boom")]


def test_a_cursor_of_other_filters_is_400(deployment: Deployment, admin: str) -> None:
    for n in range(3):
        record(deployment, paid(line(gross=10_000), order_id=f"o{n}"))
    cursor = deployment.call("GET", f"{ORDERS}?limit=1", key=admin).expect(200)["next_cursor"]
    for query in ("status=pending", "customer_id=1", "from=2026-01-01T00:00:00Z"):
        reply = deployment.call("GET", f"{ORDERS}?{query}&cursor={cursor}", key=admin)
        assert (reply.status, reply.code) == (400, "page_token_invalid")
    deployment.call("GET", f"{ORDERS}?limit=2&cursor={cursor}", key=admin).expect(200)


@pytest.mark.parametrize("shop_id", ["gid://shopify/Order/1", "50%", "a%2Fb", "#1001", "né 1", ".", "A:1@x+~"])
def test_an_order_is_found_by_its_id_however_the_shop_spells_it(
    deployment: Deployment, admin: str, shop_id: str
) -> None:
    order_id = identifier(shop_id)
    record(deployment, paid(line(gross=10_000), order_id=order_id))
    (listed,) = deployment.call("GET", ORDERS, key=admin).expect(200)["items"]
    assert listed["order_id"] == order_id
    assert read(deployment, admin, quote(order_id, safe=""))["order_id"] == order_id
    approved = deployment.call(
        "POST",
        f"{ORDERS}/{quote(order_id, safe='')}/approve",
        {"expected_amount": "10.00"},
        key=admin,
        idempotency_key="k",
    )
    assert approved.expect(200)["order_id"] == order_id


@pytest.mark.parametrize("shop_id", ["gid://shopify/Order/1", "50%", "#1001", "né 1", "A:1@x+~"])
def test_an_order_is_found_behind_a_gateway_that_undoes_escapes(
    deployment: Deployment, admin: str, shop_id: str
) -> None:
    order_id = identifier(shop_id)
    record(deployment, paid(line(gross=10_000), order_id=order_id))
    assert read(deployment, admin, unquote(quote(order_id, safe="")))["order_id"] == order_id


@pytest.mark.parametrize("status", ["unknown", "", "PENDING"])
def test_a_status_that_is_none_is_422(deployment: Deployment, admin: str, status: str) -> None:
    reply = deployment.call("GET", f"{ORDERS}?status={status}", key=admin)
    assert (reply.status, reply.faults) == (422, [("status", "enum")])


def test_a_stub_is_shown_with_what_is_known(deployment: Deployment, admin: str) -> None:
    early = Refund("r1", (RefundLine("1", 1, 100),))
    record(deployment, builders.news(None, early))
    order = read(deployment, admin)
    assert (order["status"], order["total"], order["rate"], order["mode"]) == ("awaiting", None, None, None)
    assert order["lines"] == []
    assert order["refunds"][0]["refund_id"] == "r1"


@pytest.mark.parametrize(("value", "text"), [("1/20", "0.05"), ("0", "0"), ("1", "1"), ("1/1000000", "0.000001")])
def test_a_rate_is_the_shortest_decimal(value: str, text: str) -> None:
    assert rate(Fraction(value)) == text
