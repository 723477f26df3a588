"""Many orders approved in one call: each is decided on its own, and the call has one answer for ever."""

from typing import Any

import pytest

from cashback.services.record_order import record_order
from tests.simulation.faults import Crash, Fault
from tests.unit import builders
from tests.unit.builders import NOW, body, line, news
from tests.unit.deployment import Deployment, Reply

ORDERS = "/v1/orders"


@pytest.fixture
def admin(deployment: Deployment) -> str:
    return deployment.create_store(settings={"auto_processing": False, "base_rate": "0.1"})


def sell(deployment: Deployment, *order_ids: str, customer_id: str = "7001") -> None:
    """Paid orders of 100.00, which wait for review."""
    settings = deployment.stores.settings("demo")
    for order_id in order_ids:
        told = news(body(line(gross=10_000), customer_id=customer_id), order_id=order_id, paid=True)
        record_order(deployment.books, settings, told, NOW)


def approve(deployment: Deployment, key: str, *wanted: tuple[str, Any], request: str = "k") -> Reply:
    orders = [{"order_id": order_id, "expected_amount": amount} for order_id, amount in wanted]
    return deployment.call("POST", f"{ORDERS}/approve", {"orders": orders}, key=key, idempotency_key=request)


def outcomes(reply: Reply) -> list[tuple[str, str, int]]:
    return [(made["order_id"], made["outcome"], made["status"]) for made in reply.expect(200)["results"]]


def available(deployment: Deployment, key: str, customer_id: str = "7001") -> str:
    answer = deployment.call("GET", f"/v1/customers/{customer_id}/balance", key=key).expect(200)
    return str(answer["available"]["amount"])


def test_each_order_has_the_outcome_that_its_own_call_would_have_had(deployment: Deployment, admin: str) -> None:
    sell(deployment, "a", "b", "c", "d", "e")
    deployment.call("POST", f"{ORDERS}/b/reject", {"reason": "no"}, key=admin, idempotency_key="r").expect(200)
    deployment.call("POST", f"{ORDERS}/e/hold", {"reason": "look"}, key=admin).expect(200)
    reply = approve(
        deployment, admin, ("d", 10), ("none", "10.00"), ("b", "10.00"), ("a", "9.99"), ("c", "1.005"), ("e", "10")
    )
    assert outcomes(reply) == [
        ("d", "approved", 200),
        ("none", "not_found", 404),
        ("b", "state_conflict", 409),
        ("a", "amount_conflict", 409),
        ("c", "amount_precision", 422),
        ("e", "approved", 200),
    ]
    results = {made["order_id"]: made["order"] for made in reply.json["results"]}
    assert [order_id for order_id, order in results.items() if order is not None] == ["d", "e"]
    assert (results["d"]["status"], results["d"]["award"]["amount"]) == ("processed", "10.00")
    assert results["d"]["review"]["expected_amount"]["amount"] == "10.00"
    assert available(deployment, admin) == "20.00"


def test_an_approval_in_bulk_shows_like_one_alone(deployment: Deployment, admin: str) -> None:
    sell(deployment, "a")
    reply = approve(deployment, admin, ("a", "10.00"))
    shown = deployment.call("GET", f"{ORDERS}/a", key=admin).expect(200)
    (made,) = reply.expect(200)["results"]
    assert made["order"] == {name: shown[name] for name in made["order"]}


def test_the_same_call_again_is_the_first_answer_for_ever(deployment: Deployment, admin: str) -> None:
    sell(deployment, "a")
    first = approve(deployment, admin, ("a", "10.00"), ("late", "10.00"))
    sell(deployment, "late")
    before = deployment.everything()
    again = approve(deployment, admin, ("a", "10.00"), ("late", "10.00"))
    assert again.text == first.text
    assert outcomes(again) == [("a", "approved", 200), ("late", "not_found", 404)]
    assert again.headers["Idempotency-Replayed"] == ["true"]
    assert "Idempotency-Replayed" not in first.headers
    assert deployment.everything() == before
    other = approve(deployment, admin, ("late", "10.00"))
    assert (other.status, other.code) == (409, "idempotency_mismatch")
    assert deployment.everything() == before


def test_another_key_approves_nothing_twice(deployment: Deployment, admin: str) -> None:
    sell(deployment, "a")
    approve(deployment, admin, ("a", "10.00"))
    assert outcomes(approve(deployment, admin, ("a", "10.00"), request="k2")) == [("a", "state_conflict", 409)]
    other = deployment.make_key(admin, "operator")
    assert outcomes(approve(deployment, other, ("a", "10.00"))) == [("a", "state_conflict", 409)]
    assert available(deployment, admin) == "10.00"


def test_nothing_is_approved_while_cashback_is_off(deployment: Deployment, admin: str) -> None:
    sell(deployment, "a")
    deployment.call("PATCH", "/v1/store", {"cashback_enabled": False}, key=admin, if_match="1").expect(200)
    assert outcomes(approve(deployment, admin, ("a", "10.00"))) == [("a", "cashback_disabled", 409)]


def test_orders_of_another_store_are_not_there(deployment: Deployment, admin: str) -> None:
    sell(deployment, "a")
    other = deployment.create_store("other")
    assert outcomes(approve(deployment, other, ("a", "10.00"))) == [("a", "not_found", 404)]


@pytest.mark.parametrize(
    ("sent", "fault"),
    [
        ({"orders": []}, ("orders", "too_few_items")),
        ({}, ("orders", "required")),
        ({"orders": None}, ("orders", "type")),
        ({"orders": {"order_id": "a"}}, ("orders", "type")),
        ({"orders": ["a"]}, ("orders.0", "type")),
        ({"orders": [{"order_id": "a"}]}, ("orders.0.expected_amount", "required")),
        ({"orders": [{"order_id": "a/b", "expected_amount": "1"}]}, ("orders.0.order_id", "id_charset")),
        ({"orders": [{"order_id": "a", "expected_amount": None}]}, ("orders.0.expected_amount", "amount_format")),
        ({"orders": [{"order_id": "a", "expected_amount": "1", "amount": "2"}]}, ("orders.0", "field_unknown")),
        ({"orders": [{"order_id": "a", "expected_amount": n} for n in ("1", "2")]}, ("orders", "duplicate")),
        ({"orders": [{"order_id": f"o{n}", "expected_amount": "1"} for n in range(101)]}, ("orders", "too_many_items")),
    ],
    ids=lambda part: str(part)[:50],
)
def test_a_body_that_does_not_fit_is_422(deployment: Deployment, admin: str, sent: Any, fault: tuple[str, str]) -> None:
    sell(deployment, "a")
    before = deployment.everything()
    reply = deployment.call("POST", f"{ORDERS}/approve", sent, key=admin, idempotency_key="k")
    assert (reply.status, reply.faults) == (422, [fault])
    assert deployment.everything() == before


def test_a_call_needs_a_key_and_an_operator(deployment: Deployment, admin: str) -> None:
    sell(deployment, "a")
    wanted = {"orders": [{"order_id": "a", "expected_amount": "10.00"}]}
    viewer, operator = deployment.make_key(admin, "viewer"), deployment.make_key(admin, "operator")
    before = deployment.everything()
    assert deployment.call("POST", f"{ORDERS}/approve", wanted, key=admin).code == "idempotency_key_required"
    assert approve(deployment, viewer, ("a", "10.00")).code == "forbidden"
    assert deployment.everything() == before
    assert outcomes(approve(deployment, operator, ("a", "10.00"))) == [("a", "approved", 200)]


def test_a_hundred_orders_are_approved_at_once(deployment: Deployment, admin: str) -> None:
    order_ids = [f"{n:03d}{'~' * 197}" for n in range(100)]
    sell(deployment, *order_ids)
    first = approve(deployment, admin, *((order_id, "10.00") for order_id in order_ids))
    assert outcomes(first) == [(order_id, "approved", 200) for order_id in order_ids]
    assert available(deployment, admin) == "1000.00"
    assert approve(deployment, admin, *((order_id, "10.00") for order_id in order_ids)).text == first.text


def test_an_order_whose_tables_are_busy_is_an_outcome_of_its_own_and_the_same_call_finishes_it(
    deployment: Deployment, admin: str
) -> None:
    sell(deployment, "a", "b", "c")
    dynamo = deployment.dynamo
    orders: list[str] = []

    def before(index: int, operation: str) -> None:
        if operation == "GetItem":
            orders.append(operation)
            if len(orders) == 4:  # the caller's key, the settings, the first order, the second
                dynamo.faults.script[index] = Fault.ERROR_BEFORE

    dynamo.faults.before_call = before
    reply = approve(deployment, admin, ("a", "10.00"), ("b", "10.00"), ("c", "10.00"))
    dynamo.faults.before_call = None
    assert outcomes(reply) == [("a", "approved", 200), ("b", "busy", 503), ("c", "approved", 200)]
    again = approve(deployment, admin, ("a", "10.00"), ("b", "10.00"), ("c", "10.00"))
    assert outcomes(again) == [(order_id, "approved", 200) for order_id in ("a", "b", "c")]
    assert approve(deployment, admin, ("a", "10.00"), ("b", "10.00"), ("c", "10.00")).text == again.text


def calls_of(deployment: Deployment, admin: str) -> int:
    before = deployment.dynamo.faults.calls
    outcomes(approve(deployment, admin, ("x", "10.00"), ("none", "1"), ("y", "10.00"), request="counted"))
    return deployment.dynamo.faults.calls - before


@pytest.mark.row("F14")
def test_a_call_that_is_killed_anywhere_can_be_made_again(deployment: Deployment, admin: str) -> None:
    """Two orders of one customer: whatever was committed when the function was killed is not done again."""
    sell(deployment, "x", "y", customer_id="counted")
    for n in range(1, calls_of(deployment, admin) + 1):
        for committed in (False, True):
            a, b, customer = f"a{n}{committed}", f"b{n}{committed}", f"c{n}{committed}"
            wanted = (a, "10.00"), ("none", "1"), (b, "10.00")
            sell(deployment, a, b, customer_id=customer)
            faults = deployment.dynamo.faults
            faults.crash_at(faults.calls + n, committed=committed)
            with pytest.raises(Crash):
                approve(deployment, admin, *wanted, request=customer)
            again = approve(deployment, admin, *wanted, request=customer)
            assert outcomes(again) == [(a, "approved", 200), ("none", "not_found", 404), (b, "approved", 200)]
            assert available(deployment, admin, customer) == "20.00"
            assert approve(deployment, admin, *wanted, request=customer).text == again.text


def test_a_bulk_key_is_no_key_of_a_single_call(deployment: Deployment, admin: str) -> None:
    sell(deployment, builders.ORDER)
    approve(deployment, admin, (builders.ORDER, "10.00"))
    path = f"{ORDERS}/{builders.ORDER}/approve"
    alone = deployment.call("POST", path, {"expected_amount": "10.00"}, key=admin, idempotency_key="k")
    assert (alone.status, alone.code) == (409, "state_conflict")
