"""Processing by hand: what would come of it is shown first, and then done once for the amount that was seen."""

from typing import Any

import pytest

from cashback.domain.orders import News
from cashback.services.record_order import record_failure, record_order
from tests.unit import builders
from tests.unit.builders import NOW, ORDER, line, paid, refund, units, usd
from tests.unit.deployment import Deployment, Reply

PATH = f"/v1/orders/{ORDER}"


@pytest.fixture
def admin(deployment: Deployment) -> str:
    """The store's cashback was off when the order came."""
    key = deployment.create_store(settings={"base_rate": "0.1", "cashback_enabled": False})
    record(deployment, paid(line("1", 10_000), line("2", 5_000)))
    change(deployment, key, cashback_enabled=True)
    return key


def record(deployment: Deployment, news: News) -> None:
    record_order(deployment.books, deployment.stores.settings("demo"), news, NOW)


def change(deployment: Deployment, admin: str, **settings: Any) -> None:
    version = str(deployment.stores.document("demo").version)
    deployment.call("PATCH", "/v1/store", settings, key=admin, if_match=version).expect(200)


def process(deployment: Deployment, key: str, body: Any = None, request: str = "k") -> Reply:
    return deployment.call("POST", f"{PATH}/process", body, key=key, idempotency_key=request)


def available(deployment: Deployment, key: str) -> str:
    answer = deployment.call("GET", f"/v1/customers/{builders.CUSTOMER}/balance", key=key).expect(200)
    return str(answer["available"]["amount"])


@pytest.mark.parametrize("body", [None, {}, {"comment": "what if"}])
def test_a_dry_run_shows_what_would_be_credited_and_changes_nothing(
    deployment: Deployment, admin: str, body: Any
) -> None:
    before = deployment.everything()
    assert process(deployment, admin, body).expect(200) == {
        "dry_run": True,
        "order_id": ORDER,
        "status": "processed",
        "status_label": "Processed",
        "reason": "processed",
        "amount": usd("15.00"),
        "tier": None,
        "rate": "0.1",
        "lines": [
            {"line_id": "1", "base": usd("100.00"), "rate": "0.1", "award": usd("10.00")},
            {"line_id": "2", "base": usd("50.00"), "rate": "0.1", "award": usd("5.00")},
        ],
    }
    assert deployment.everything() == before


def test_the_amount_that_was_seen_is_credited_once(deployment: Deployment, admin: str) -> None:
    seen = process(deployment, admin).expect(200)
    done = process(deployment, admin, {"expected_amount": "15.00", "comment": "fair"}).expect(200)
    assert done == {**seen, "dry_run": False}
    assert available(deployment, admin) == "15.00"
    review = deployment.call("GET", PATH, key=admin).expect(200)["review"]
    assert (review["verdict"], review["comment"]) == ("processed", "fair")
    assert (review["expected_amount"], review["amount"]) == (usd("15.00"), usd("15.00"))
    refused = process(deployment, admin, {"expected_amount": "15.00"}, "another")
    assert (refused.status, refused.code) == (409, "state_conflict")
    assert available(deployment, admin) == "15.00"


def test_the_same_call_again_is_the_first_answer_whatever_followed(deployment: Deployment, admin: str) -> None:
    first = process(deployment, admin, {"expected_amount": "15.00"})
    record(deployment, builders.news(None, refund("r1", units("1", 1, 10_000))))
    before = deployment.everything()
    again = process(deployment, admin, {"expected_amount": "15.00"})
    assert again.expect(200) == first.expect(200)
    assert again.headers["Idempotency-Replayed"] == ["true"]
    assert "Idempotency-Replayed" not in first.headers
    other = process(deployment, admin, {"expected_amount": "15.00", "comment": "x"})
    assert (other.status, other.code) == (409, "idempotency_mismatch")
    assert deployment.everything() == before


def test_a_processed_order_that_must_be_held_is_answered_alike_after_its_approval(
    deployment: Deployment, admin: str
) -> None:
    broken = builders.news(builders.body(line("1", 10_000, quantity=0)), order_id=ORDER, paid=True)
    key = deployment.create_store("doubtful", settings={"base_rate": "0.1"})
    record_failure(deployment.books, deployment.stores.settings("doubtful"), broken, "boom", NOW)
    amount = process(deployment, key).expect(200)["amount"]["amount"]
    first = process(deployment, key, {"expected_amount": amount})
    assert (first.expect(200)["status"], first.json["reason"]) == ("held", "line_quantity")
    approval = {"expected_amount": amount}
    deployment.call("POST", f"{PATH}/approve", approval, key=key, idempotency_key="a").expect(200)
    again = process(deployment, key, {"expected_amount": amount})
    assert again.expect(200) == first.json
    assert again.headers["Idempotency-Replayed"] == ["true"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"expected_amount": "14.99"}, 409, "amount_conflict"),
        ({"expected_amount": "15.001"}, 422, "amount_precision"),
        ({"expected_amount": "x"}, 422, "amount_format"),
        ({"expected_amount": None}, 422, "amount_format"),
        ({"amount": "15.00"}, 422, "field_unknown"),
        ({"comment": ""}, 422, "length"),
    ],
    ids=lambda part: str(part)[:40],
)
def test_what_was_not_seen_is_not_done(deployment: Deployment, admin: str, body: Any, status: int, code: str) -> None:
    before = deployment.everything()
    reply = process(deployment, admin, body)
    assert (reply.status, reply.code) == (status, code)
    assert deployment.everything() == before


def test_nothing_is_processed_while_cashback_is_off(deployment: Deployment, admin: str) -> None:
    change(deployment, admin, cashback_enabled=False)
    assert process(deployment, admin, {"expected_amount": "15.00"}).code == "cashback_disabled"


def test_a_cancelled_order_is_not_processed(deployment: Deployment, admin: str) -> None:
    record(deployment, builders.news(cancelled=True))
    for body in ({}, {"expected_amount": "15.00"}):
        reply = process(deployment, admin, body)
        assert (reply.status, reply.code) == (409, "state_conflict")


def test_a_call_needs_a_key_and_an_operator(deployment: Deployment, admin: str) -> None:
    viewer, operator = deployment.make_key(admin, "viewer"), deployment.make_key(admin, "operator")
    assert deployment.call("POST", f"{PATH}/process", {}, key=admin).code == "idempotency_key_required"
    assert process(deployment, viewer).code == "forbidden"
    assert process(deployment, operator).expect(200)["dry_run"] is True
    assert deployment.call("POST", "/v1/orders/none/process", {}, key=admin, idempotency_key="k").status == 404
