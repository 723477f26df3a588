"""Orders imported in their source's own format end as they would have ended by webhooks, exactly and once."""

import json
from copy import replace
from typing import Any

import pytest

from cashback.adapters.dynamo import documents
from cashback.domain.news import Ignored
from cashback.domain.orders import News, Order
from cashback.services.record_order import record_order
from cashback.storefronts import parsing
from dev.project import ROOT
from tests.simulation.faults import Crash, Fault
from tests.unit import shopify_bodies
from tests.unit.builders import NOW
from tests.unit.deployment import Deployment, Reply

IMPORT = "/v1/orders/import"
BODIES = {
    "shopify": ["order_paid", "order_partially_refunded", "order_cancelled"],
    "woocommerce": ["order_processing", "order_partially_refunded", "order_refund_deleted"],
    "events": ["order_created", "order_paid", "order_completed", "order_refunded", "order_cancelled"],
}


@pytest.fixture
def admin(deployment: Deployment) -> str:
    return deployment.create_store(settings={"base_rate": "0.1"})


def order(**changes: Any) -> dict[str, Any]:
    """A paid order of one line of 100.00, of a customer."""
    return shopify_bodies.order(**{"customer": {"id": 7}, **changes})


def sample(source: str, name: str) -> str:
    return (ROOT / "events" / source / f"{name}.json").read_text()


def send(deployment: Deployment, key: str, source: str, *bodies: str, request: str = "k") -> Reply:
    """Import bodies that are JSON already, so that their numbers are spelt as the test spells them."""
    text = f'{{"source": {json.dumps(source)}, "orders": [{",".join(bodies)}]}}'
    return deployment.call("POST", IMPORT, text, key=key, idempotency_key=request)


def one(deployment: Deployment, key: str, source: str, payload: Any, request: str = "k") -> dict[str, Any]:
    (made,) = send(deployment, key, source, json.dumps(payload), request=request).expect(200)["results"]
    assert isinstance(made, dict)
    return made


def deliver(deployment: Deployment, store_id: str, source: str, *bodies: str) -> None:
    """What the worker does with the same bodies as webhooks."""
    settings = deployment.stores.settings(store_id)
    for body in bodies:
        told = parsing.read(source, "", body.encode(), settings, NOW)
        assert isinstance(told, News), told
        record_order(deployment.books, settings, told, NOW)


def known(deployment: Deployment, store_id: str, order_id: str) -> dict[str, Any]:
    """All that is known of an order, but for when it was heard of."""
    order = deployment.books.orders.get(store_id, order_id)
    assert order is not None
    timeless = {name: getattr(order, name) for name in Order.__struct_fields__ if name != "first_seen_at"}
    history = [(step.status, step.reason, step.actor) for step in order.history]
    return {**timeless, "history": history, "recorded": set(order.recorded)}


def outcomes(reply: Reply) -> list[tuple[str, str]]:
    results = reply.expect(200)["results"]
    assert [made["index"] for made in results] == list(range(len(results)))
    return [(made["outcome"], made["reason"]) for made in results]


@pytest.mark.parametrize("source", BODIES)
def test_an_import_has_the_effect_of_the_webhooks(deployment: Deployment, admin: str, source: str) -> None:
    deployment.create_store("other", settings={"base_rate": "0.1"})
    bodies = [sample(source, name) for name in BODIES[source]]
    deliver(deployment, "other", source, *bodies)
    results = send(deployment, admin, source, *bodies).expect(200)["results"]
    order_ids = {made["order_id"] for made in results}
    (order_id,) = order_ids
    assert {made["outcome"] for made in results} <= {"recorded", "unchanged"}
    imported, delivered = known(deployment, "demo", order_id), known(deployment, "other", order_id)
    assert imported == delivered
    customer = imported["customer_id"]
    ours, theirs = (deployment.books.ledger.account(store, customer) for store in ("demo", "other"))
    assert replace(ours, created_at=theirs.created_at) == theirs
    assert ours.credited > 0
    last = results[-1]
    assert (last["status"], last["reason"]) == (imported["status"], imported["reason"])
    assert last["status_label"] == imported["status"].replace("_", " ").capitalize()


@pytest.mark.parametrize("source", BODIES)
def test_bodies_imported_again_change_nothing(deployment: Deployment, admin: str, source: str) -> None:
    bodies = [sample(source, name) for name in BODIES[source]]
    first = send(deployment, admin, source, *bodies)
    before = deployment.everything()
    again = send(deployment, admin, source, *bodies)
    assert again.text == first.text
    assert again.headers["Idempotency-Replayed"] == ["true"]
    assert "Idempotency-Replayed" not in first.headers
    assert deployment.everything() == before
    anew = send(deployment, admin, source, *bodies, request="another")
    assert {outcome for outcome, _ in outcomes(anew)} == {"unchanged"}
    order_id = anew.json["results"][0]["order_id"]
    shown = deployment.call("GET", f"/v1/orders/{order_id}", key=admin).expect(200)
    assert {made["status"] for made in anew.json["results"]} == {shown["status"]}


def test_a_delivery_after_an_import_finds_nothing_new(deployment: Deployment, admin: str) -> None:
    body = sample("shopify", "order_paid")
    send(deployment, admin, "shopify", body).expect(200)
    before = deployment.everything()
    deliver(deployment, "demo", "shopify", body)
    assert deployment.everything() == before


def test_the_same_key_with_another_body_is_a_mismatch(deployment: Deployment, admin: str) -> None:
    send(deployment, admin, "events", sample("events", "order_paid")).expect(200)
    before = deployment.everything()
    for source, body in (("events", sample("events", "order_created")), ("shopify", sample("events", "order_paid"))):
        reply = send(deployment, admin, source, body)
        assert (reply.status, reply.code) == (409, "idempotency_mismatch")
    assert deployment.everything() == before


# ---- numbers


@pytest.mark.parametrize(
    ("price", "minor"),
    [
        ("0.1", 10),
        ("0.30", 30),
        ("999999999999.99", 99_999_999_999_999),
        ("1.15", 115),
        ('"348.0"', 34_800),
        ("9", 900),
        ("2.675", 268),
    ],
)
def test_numbers_are_read_exactly_as_webhooks_read_them(
    deployment: Deployment, admin: str, price: str, minor: int
) -> None:
    deployment.create_store("other", settings={"base_rate": "0.1"})
    order_id = 12_345_678_901_234_567_890
    body = json.dumps(order(id=order_id, total_price=None)).replace('"100.00"', price)
    deliver(deployment, "other", "shopify", body)
    send(deployment, admin, "shopify", body).expect(200)
    imported = known(deployment, "demo", str(order_id))
    assert imported == known(deployment, "other", str(order_id))
    assert [line.gross for line in imported["facts"].body.lines] == [minor]


@pytest.mark.parametrize("price", ["1e2", "1E+2", "12.5e-1", "1e300000"])
def test_a_number_with_an_exponent_is_no_amount_here_as_in_webhooks(
    deployment: Deployment, admin: str, price: str
) -> None:
    body = json.dumps(order()).replace('"100.00"', price)
    told = parsing.read("shopify", "", body.encode(), deployment.stores.settings("demo"))
    assert told == Ignored("amount_invalid")
    assert outcomes(send(deployment, admin, "shopify", body)) == [("ignored", "amount_invalid")]


def test_ids_of_twenty_digits_stay_apart(deployment: Deployment, admin: str) -> None:
    ids = [10**19 + n for n in range(3)]
    results = send(deployment, admin, "shopify", *(json.dumps(order(id=each)) for each in ids))
    assert [made["order_id"] for made in results.expect(200)["results"]] == [str(each) for each in ids]
    listed = deployment.call("GET", "/v1/orders", key=admin).expect(200)["items"]
    assert {item["order_id"] for item in listed} == {str(each) for each in ids}


def test_a_number_nobody_can_convert_spoils_its_own_body_only(deployment: Deployment, admin: str) -> None:
    good = json.dumps(order())
    absurd = good.replace('"id": 1,', f'"id": {"1" * 5_000},', 1)
    reply = send(deployment, admin, "shopify", absurd, good)
    assert outcomes(reply) == [("ignored", "json_invalid"), ("recorded", "awarded")]


def test_half_a_character_is_read_as_webhooks_read_it(deployment: Deployment, admin: str) -> None:
    spoilt = '{"id": "\\ud800", "line_items": [], "financial_status": "paid"}'
    reply = send(deployment, admin, "shopify", spoilt, '{"\\udfff": "\\ud800"}')
    assert outcomes(reply) == [("ignored", "id_invalid"), ("ignored", "topic_shape")]
    assert send(deployment, admin, "shopify", spoilt, '{"\\udfff": "\\ud800"}').text == reply.text


def test_numbers_that_differ_only_in_their_spelling_are_another_body(deployment: Deployment, admin: str) -> None:
    body = json.dumps(order())
    send(deployment, admin, "shopify", body.replace('"100.00"', "100")).expect(200)
    assert send(deployment, admin, "shopify", body.replace('"100.00"', "100.0")).code == "idempotency_mismatch"


# ---- what is not recorded


@pytest.mark.parametrize(
    ("source", "name", "reason"),
    [
        ("shopify", "customer_create", "not_an_order"),
        ("woocommerce", "customer_created", "not_an_order"),
        ("woocommerce", "error_body", "error_body"),
        ("events", "customer_updated", "not_an_order"),
        ("events", "customer_deleted", "not_an_order"),
        ("events", "review_created", "not_an_order"),
    ],
)
def test_what_is_no_order_is_ignored_with_a_reason(
    deployment: Deployment, admin: str, source: str, name: str, reason: str
) -> None:
    made = one(deployment, admin, source, json.loads(sample(source, name)))
    ignored = {"outcome": "ignored", "reason": reason, "order_id": None, "status": None, "status_label": None}
    assert made == {"index": 0, **ignored}
    assert deployment.call("GET", "/v1/orders", key=admin).expect(200)["items"] == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"test": True}, "test_order"),
        ({"id": None}, "id_invalid"),
        ({"updated_at": None, "created_at": None}, "time_invalid"),
        ({"line_items": [{"id": 1, "quantity": 1, "price": "x"}]}, "amount_invalid"),
    ],
    ids=lambda part: str(part)[:40],
)
def test_an_order_that_cannot_be_read_is_ignored_and_the_others_go_on(
    deployment: Deployment, admin: str, changes: dict[str, Any], reason: str
) -> None:
    spoilt, good = (json.dumps(order(**each)) for each in (changes, {}))
    reply = send(deployment, admin, "shopify", spoilt, good, spoilt)
    assert outcomes(reply) == [("ignored", reason), ("recorded", "awarded"), ("ignored", reason)]


def test_an_order_of_another_source_is_left_alone(deployment: Deployment, admin: str) -> None:
    one(deployment, admin, "shopify", order(id="A-1001"), "first")
    event = json.loads(sample("events", "order_paid"))
    for request in ("second", "third"):
        made = one(deployment, admin, "events", event, request)
        assert (made["outcome"], made["reason"]) == ("ignored", "source_conflict")
        assert (made["order_id"], made["status"]) == ("A-1001", "processed")
    assert known(deployment, "demo", "A-1001")["source"] == "shopify"


def test_what_cannot_be_recorded_has_failed_and_the_others_go_on(
    deployment: Deployment, admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "MAX_DETAIL", 500)
    lines = [{"id": n, "price": f"{n}.17", "quantity": n} for n in range(1, 90)]
    large = order(id=2, line_items=lines, total_price=None)
    reply = send(deployment, admin, "shopify", json.dumps(large), json.dumps(order()))
    assert outcomes(reply) == [("failed", "order_too_large"), ("recorded", "awarded")]
    assert [made["order_id"] for made in reply.json["results"]] == ["2", "1"]
    assert reply.json["results"][0]["status"] is None


def test_what_was_busy_is_finished_by_the_same_call(deployment: Deployment, admin: str) -> None:
    bodies = [json.dumps(order(id=n)) for n in (1, 2, 3)]
    reads: list[int] = []

    def before(index: int, operation: str) -> None:
        if operation in {"GetItem", "BatchGetItem"}:
            reads.append(index)
            if len(reads) == 4:  # the caller's key, the settings, the first order, the second
                deployment.dynamo.faults.script[index] = Fault.ERROR_BEFORE

    deployment.dynamo.faults.before_call = before
    first = send(deployment, admin, "shopify", *bodies)
    deployment.dynamo.faults.before_call = None
    assert outcomes(first) == [("recorded", "awarded"), ("busy", "busy"), ("recorded", "awarded")]
    second = send(deployment, admin, "shopify", *bodies)
    assert outcomes(second) == [("unchanged", "awarded"), ("recorded", "awarded"), ("unchanged", "awarded")]
    assert "Idempotency-Replayed" not in second.headers
    third = send(deployment, admin, "shopify", *bodies)
    assert third.text == second.text
    assert third.headers["Idempotency-Replayed"] == ["true"]


# ---- the call


@pytest.mark.parametrize(
    ("sent", "fault"),
    [
        ({"source": "magento", "orders": [{}]}, ("source", "enum")),
        ({"source": None, "orders": [{}]}, ("source", "enum")),
        ({"orders": [{}]}, ("source", "required")),
        ({"source": "events"}, ("orders", "required")),
        ({"source": "events", "orders": []}, ("orders", "too_few_items")),
        ({"source": "events", "orders": {}}, ("orders", "type")),
        ({"source": "events", "orders": "[]"}, ("orders", "type")),
        ({"source": "events", "orders": [{}, []]}, ("orders.1", "type")),
        ({"source": "events", "orders": ["{}"]}, ("orders.0", "type")),
        ({"source": "events", "orders": [1]}, ("orders.0", "type")),
        ({"source": "events", "orders": [{}] * 101}, ("orders", "too_many_items")),
        ({"source": "events", "orders": [{}], "topic": "x"}, ("body", "field_unknown")),
    ],
    ids=lambda part: str(part)[:50],
)
def test_a_body_that_does_not_fit_is_422(deployment: Deployment, admin: str, sent: Any, fault: tuple[str, str]) -> None:
    before = deployment.everything()
    reply = deployment.call("POST", IMPORT, sent, key=admin, idempotency_key="k")
    assert (reply.status, reply.faults) == (422, [fault])
    assert deployment.everything() == before


def test_a_body_of_a_body_nested_too_deeply_is_400(deployment: Deployment, admin: str) -> None:
    deep = '{"a":' * 40 + "1" + "}" * 40
    reply = send(deployment, admin, "shopify", deep)
    assert (reply.status, reply.code) == (400, "json_invalid")


def test_a_call_needs_a_key_and_an_admin(deployment: Deployment, admin: str) -> None:
    operator = deployment.make_key(admin, "operator")
    sent = {"source": "shopify", "orders": [order()]}
    before = deployment.everything()
    assert deployment.call("POST", IMPORT, sent, key=admin).code == "idempotency_key_required"
    assert deployment.call("POST", IMPORT, sent, key=operator, idempotency_key="k").code == "forbidden"
    assert deployment.everything() == before


def test_a_hundred_orders_are_imported_at_once(deployment: Deployment, admin: str) -> None:
    bodies = [json.dumps(order(id=n)) for n in range(100)]
    assert outcomes(send(deployment, admin, "shopify", *bodies)) == [("recorded", "awarded")] * 100
    balance = deployment.call("GET", "/v1/customers/7/balance", key=admin).expect(200)
    assert balance["available"]["amount"] == "1000.00"


def test_in_manual_mode_what_is_imported_waits(deployment: Deployment) -> None:
    manual = deployment.create_store("manual", settings={"auto_processing": False})
    made = one(deployment, manual, "shopify", order())
    assert (made["outcome"], made["status"], made["status_label"]) == ("recorded", "pending", "Pending")
    assert made["reason"] == "manual_review"


@pytest.mark.row("F14")
def test_a_call_that_is_killed_anywhere_can_be_made_again(deployment: Deployment, admin: str) -> None:
    def bodies(customer: int) -> list[str]:
        ids = customer * 10, customer * 10 + 1
        return [json.dumps(order(id=each, customer={"id": customer})) for each in ids]

    faults = deployment.dynamo.faults
    before = faults.calls
    send(deployment, admin, "shopify", *bodies(1)).expect(200)
    for n in range(1, faults.calls - before + 1):
        for committed in (False, True):
            customer = 100 + 2 * n + committed
            faults.crash_at(faults.calls + n, committed=committed)
            with pytest.raises(Crash):
                send(deployment, admin, "shopify", *bodies(customer), request=str(customer))
            send(deployment, admin, "shopify", *bodies(customer), request=str(customer)).expect(200)
            balance = deployment.call("GET", f"/v1/customers/{customer}/balance", key=admin).expect(200)
            assert (balance["available"]["amount"], balance["credited"]["amount"]) == ("20.00", "20.00")
