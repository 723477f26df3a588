"""Orders imported through the admin API become cashback as those that webhooks tell of, and once."""

import json
from typing import Any

import pytest

from dev.client import Answer
from tests.e2e.shop import Sale, Shop, at_once, problem, sample

SAMPLES = {
    "woocommerce": (["order_processing", "order_partially_refunded", "order_refund_deleted"], "1001", "7", "2.03"),
    "events": (["order_paid", "order_refunded"], "A-1001", "C-7", "0.56"),
}


def send(shop: Shop, source: str, *bodies: Any, key: str | None = None) -> Answer:
    return shop.store.post("/v1/orders/import", {"source": source, "orders": list(bodies)}, key=key)


def outcomes(answer: Answer) -> list[tuple[str, str]]:
    return [(made["outcome"], made["reason"]) for made in answer.expect(200)["results"]]


def test_an_imported_order_is_credited_once_with_whatever_is_told_of_it_later(shop: Shop) -> None:
    sale = Sale()
    (made,) = send(shop, "shopify", sale.body(at=1)).expect(200)["results"]
    assert (made["order_id"], made["outcome"], made["status"]) == (str(sale.order_id), "recorded", "processed")
    assert shop.available(sale.customer_id) == "10.00"
    assert shop.outcome("orders/paid", sale.body(at=1)) == "event_unchanged"
    assert outcomes(send(shop, "shopify", sale.body(at=1))) == [("unchanged", "awarded")]
    shop.tell("refunds/create", sale.refund())
    assert shop.available(sale.customer_id) == "5.00"
    assert shop.entries(sale.customer_id) == [("reversal", "-5.00"), ("order", "10.00")]


@pytest.mark.parametrize("source", SAMPLES)
def test_the_bodies_of_other_sources_are_imported_too(shop: Shop, source: str) -> None:
    names, order_id, customer_id, available = SAMPLES[source]
    made = send(shop, source, *(sample(source, name) for name in names)).expect(200)["results"]
    assert [(each["order_id"], each["outcome"]) for each in made] == [(order_id, "recorded")] * len(names)
    assert shop.available(customer_id) == available
    assert shop.store.api("GET", f"/v1/orders/{order_id}").expect(200)["source"] == source


def test_an_import_repeated_with_its_key_is_answered_alike_and_changes_nothing(shop: Shop) -> None:
    sales = [Sale(), Sale()]
    bodies = [sale.body(at=1) for sale in sales]
    answers = at_once(*[lambda: send(shop, "shopify", *bodies, key="once")] * 4)
    assert len({answer.body for answer in answers}) == 1
    before = shop.stack.snapshot(shop.store)
    again = send(shop, "shopify", *bodies, key="once")
    assert (again.body, again.headers["idempotency-replayed"]) == (answers[0].body, "true")
    assert problem(send(shop, "shopify", bodies[0], key="once"), 409)["code"] == "idempotency_mismatch"
    assert shop.stack.snapshot(shop.store) == before
    assert [shop.entries(sale.customer_id) for sale in sales] == [[("order", "10.00")]] * 2


def test_what_is_no_order_is_ignored_and_the_others_go_on(shop: Shop) -> None:
    person = {"id": 7001, "email": "ada@example.com", "updated_at": "2026-02-03T10:00:00Z"}
    sale = Sale()
    answer = send(shop, "shopify", person, sale.body(at=1, test=True), {}, sale.body(at=1))
    assert outcomes(answer) == [
        ("ignored", "not_an_order"),
        ("ignored", "test_order"),
        ("ignored", "topic_shape"),
        ("recorded", "awarded"),
    ]


def test_numbers_are_exact(shop: Shop) -> None:
    sale = Sale(lines=((3, "0.10"), (1, "12345678901.23")), order_id=10**19 + 1)
    text = json.dumps({"source": "shopify", "orders": [sale.body(at=1)]}).replace('"0.10"', "0.1")
    text = text.replace('"12345678901.23"', "12345678901.23")
    (made,) = shop.store.post("/v1/orders/import", text.encode()).expect(200)["results"]
    assert (made["order_id"], made["outcome"]) == (str(10**19 + 1), "recorded")
    assert [line["base"] for line in shop.order(sale)["lines"]] == ["0.30", "12345678901.23"]


def test_an_import_that_is_none_changes_nothing(shop: Shop) -> None:
    operator = Shop(shop.stack, shop.with_key("operator"))
    before = shop.stack.snapshot(shop.store)
    for body in ({"source": "magento", "orders": [{}]}, {"source": "events", "orders": [1]}, {"source": "events"}):
        assert problem(shop.store.post("/v1/orders/import", body), 422)
    assert problem(send(operator, "shopify", Sale().body(at=1)), 403)["code"] == "forbidden"
    without_key = shop.store.api("POST", "/v1/orders/import", {"source": "shopify", "orders": [Sale().body(at=1)]})
    assert problem(without_key, 400)["code"] == "idempotency_key_required"
    assert shop.stack.snapshot(shop.store) == before
