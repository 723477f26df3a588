"""Every state that an order can be in, reached by HTTP, with its badge and its reason."""

import json
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.codec import key_attributes
from cashback.adapters.queues import encode
from cashback.domain import causes
from cashback.domain.ledger import Entry, Kind, Posting
from cashback.domain.news import Delivery
from cashback.domain.times import instant
from dev.client import as_bytes
from tests.e2e.shop import Sale, Shop, fresh_id, minute, plain, problem

TEA = [{"category": "Tea", "rate": "0.2"}]
LAST_RECEIVE = "20"


def standing(shop: Shop, sale: Sale) -> tuple[str, str, str]:
    order = shop.order(sale)
    return order["status"], order["badge"], order["reason"]


def person(customer_id: int, at: int, **fields: Any) -> dict[str, Any]:
    return {"id": customer_id, "verified_email": True, "updated_at": minute(at), **fields}


def guest_of(shop: Shop, **fields: Any) -> Sale:
    """A guest's paid order, which waits."""
    sale = Sale(customer_id=None)
    assert shop.outcome("orders/paid", sale.body(at=1, **fields)) == "awaiting_customer"
    return sale


def tea(product_id: object) -> list[dict[str, Any]]:
    return [{"id": 1, "quantity": 1, "current_quantity": 1, "price": "200.00", "product_id": product_id}]


def product(product_id: object, at: int, **fields: Any) -> dict[str, Any]:
    return {"id": product_id, "title": "Tea", "product_type": "Tea", "tags": "", "updated_at": minute(at), **fields}


# ---- each state once, in the lists too


def test_each_state_has_its_badge_its_reason_and_its_list(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(hold_over_total="300.00")
    made: dict[tuple[str, str, str], Sale] = {}
    waiting = Sale()
    shop.tell("orders/create", waiting.body(at=0, status="pending"))
    made["awaiting", "Awaiting payment", "not_paid"] = waiting
    made["awaiting_customer", "Awaiting customer", "guest_order"] = guest_of(shop, email="eve@example.com")
    made["processed", "Processed", "awarded"] = shop.sell()
    held = made["held", "Held", "total_over_limit"] = shop.sell(lines=((4, "100.00"),))
    part, whole = shop.sell(), shop.sell()
    shop.tell("refunds/create", part.refund(1))
    shop.tell("refunds/create", whole.refund(2))
    made["partially_reversed", "Partially reversed", "refunded"] = part
    made["reversed", "Reversed", "refunded"] = whole
    cancelled = Sale()
    shop.tell("orders/cancelled", cancelled.cancelled(at=1))
    made["not_eligible", "Not eligible", "order_cancelled"] = cancelled
    shop.change(auto_processing=False)
    made["pending", "Pending", "manual_review"] = shop.sell()
    refused = made["rejected", "Rejected", "looks like a reseller"] = shop.sell()
    shop.reject(refused).expect(200)
    for (status, badge, reason), sale in made.items():
        assert standing(shop, sale) == (status, badge, reason)
        page = shop.store.api("GET", f"/v1/orders?status={status}").expect(200)
        assert [(item["order_id"], item["badge"]) for item in page["items"]] == [(str(sale.order_id), badge)]
    assert shop.order(held)["history"][-1]["reason"] == "total_over_limit"
    assert len(shop.store.api("GET", "/v1/orders?limit=100").expect(200)["items"]) == len(made)


def test_a_rejected_order_says_whether_a_person_a_cancellation_or_a_refund_did_it(
    new_shop: Callable[..., Shop],
) -> None:
    shop = new_shop(auto_processing=False)
    person_, cancelled, refunded = shop.sell(), shop.sell(), shop.sell()
    shop.reject(person_, "twice in a day").expect(200)
    shop.tell("orders/cancelled", cancelled.cancelled(at=2))
    shop.tell("refunds/create", refunded.refund(2))
    reasons = [standing(shop, sale)[2] for sale in (person_, cancelled, refunded)]
    assert reasons == ["twice in a day", "order_cancelled", "fully_refunded"]
    for sale in (person_, cancelled, refunded):
        assert standing(shop, sale)[:2] == ("rejected", "Rejected")
        assert problem(shop.approve(sale, "10.00"), 409)["detail"] == "the order is rejected"
        assert shop.entries(sale.customer_id) == []


@pytest.mark.parametrize(
    ("settings", "fields", "reason"),
    [
        ({"exclusions": {"sources": ["pos"]}}, {"source_name": "pos"}, "excluded"),
        ({"min_order": "200.01"}, {}, "below_minimum"),
        ({"cashback_enabled": False}, {}, "cashback_disabled"),
        ({"base_rate": "0.00001"}, {}, "rounds_to_zero"),
        ({}, {"line_items": [{"id": 1, "quantity": 1, "price": "200.00", "gift_card": True}]}, "excluded"),
    ],
)
def test_an_order_that_earns_nothing_says_why(
    new_shop: Callable[..., Shop], settings: dict[str, Any], fields: dict[str, Any], reason: str
) -> None:
    shop, sale = new_shop(**settings), Sale()
    assert shop.outcome("orders/paid", sale.body(at=1, **fields)) == "not_eligible"
    order = shop.order(sale)
    assert (order["badge"], order["reason"], order["award"]) == ("Not eligible", reason, "0.00")
    assert shop.entries(sale.customer_id) == []


# ---- who it is for


def test_a_guests_order_is_claimed_by_who_verified_the_email_and_by_nobody_else(shop: Shop) -> None:
    sale, customer_id = guest_of(shop, email="Ada@Example.com "), fresh_id()
    shop.tell("customers/create", person(customer_id, 1, email="ada@example.com", verified_email=False))
    assert standing(shop, sale) == ("awaiting_customer", "Awaiting customer", "guest_order")
    shop.tell("customers/update", person(customer_id, 2, email="ada@example.com"))
    order = shop.order(sale)
    assert (order["status"], order["customer_id"], order["award"]) == ("processed", str(customer_id), "10.00")
    assert shop.entries(customer_id) == [("order", "10.00")]
    later = Sale(customer_id=None)
    assert shop.outcome("orders/paid", later.body(at=1, email="ada@example.com")) == "processed"
    assert shop.available(customer_id) == "20.00"
    assert "ada@example.com" not in repr(shop.stack.snapshot(shop.store)[order_key(shop, sale)])


def order_key(shop: Shop, sale: Sale) -> str:
    pk, sk = keys.order(shop.store.store_id, str(sale.order_id))
    return f"{shop.stack.state_table} {pk} {sk}"


def test_a_guests_order_is_claimed_by_phone_through_our_own_events(shop: Shop) -> None:
    sale = guest_of(shop, phone="+49 1511 2345678", email="")
    told = {"customer_id": "C-1", "phone": "+4915112345678"}
    for verified, status in ((False, "awaiting_customer"), (True, "processed")):
        customer = {**told, "phone_verified": verified}
        at = f"2026-02-03T1{int(verified)}:00:00Z"
        shop.tell("", {"type": "customer.updated", "occurred_at": at, "data": {"customer": customer}}, "events")
        assert shop.order(sale)["status"] == status
    assert shop.entries("C-1") == [("order", "10.00")]


def test_a_guests_order_that_two_customers_could_claim_is_held_until_one_is_left(shop: Shop) -> None:
    one, two = fresh_id(), fresh_id()
    for customer_id in (one, two):
        shop.tell("customers/create", person(customer_id, 1, email="ada@example.com"))
    sale = Sale(customer_id=None)
    assert shop.outcome("orders/paid", sale.body(at=1, email="ada@example.com")) == "held"
    assert standing(shop, sale) == ("held", "Held", "ambiguous_contact")
    assert problem(shop.approve(sale, "10.00"), 409)["code"] == "state_conflict"
    shop.tell("customers/update", person(two, 2, email="other@example.com"))
    assert (standing(shop, sale)[0], shop.order(sale)["customer_id"]) == ("processed", str(one))
    assert (shop.available(one), shop.available(two)) == ("10.00", "0.00")


# ---- what was sold


@pytest.mark.parametrize("by", ["webhook", "put"])
def test_an_order_of_an_unknown_product_is_held_and_decided_when_it_appears(
    new_shop: Callable[..., Shop], by: str
) -> None:
    shop, sale, product_id = new_shop(product_rates=TEA), Sale(), fresh_id()
    assert shop.outcome("orders/paid", sale.body(at=1, line_items=tea(product_id))) == "held"
    assert standing(shop, sale) == ("held", "Held", "product_unknown")
    if by == "webhook":
        assert shop.outcome("products/update", product(product_id, at=1)) == "product_recorded"
    else:
        body = {"title": "Tea", "categories": ["Tea"]}
        shop.store.api("PUT", f"/v1/products/{product_id}", body).expect(201)
    order = shop.order(sale)
    assert (order["status"], order["reason"], order["award"]) == ("processed", "awarded", "40.00")
    assert [step["reason"] for step in order["history"]] == ["product_unknown", "awarded"]
    shop.tell("products/update", product(product_id, at=2, product_type="Coffee"))
    assert shop.entries(sale.customer_id) == [("order", "40.00")]


# ---- failed


def test_an_order_whose_message_came_for_the_last_time_is_failed_and_processed_by_hand(shop: Shop) -> None:
    """A cause that something else has taken lets no posting through: what would be a bug of ours keeps it busy."""
    earlier = shop.sell()
    sale = Sale(customer_id=earlier.customer_id)
    store_id, customer_id = shop.store.store_id, str(sale.customer_id)
    taken = Entry(causes.earned(str(sale.order_id)), Kind.ORDER, 1, "test", "of no order at all")
    now = instant(datetime.now(UTC))
    shop.stack.ledger.post(Posting(store_id, customer_id, now, entries=(taken,)))
    body = encode(Delivery(store_id, "shopify", "orders/paid", "by-hand", now, as_bytes(sale.body(at=1))))
    attributes = {"ApproximateReceiveCount": LAST_RECEIVE, "SentTimestamp": str(int(time.time() * 1000))}
    message = {"messageId": uuid.uuid4().hex, "receiptHandle": "by hand", "body": body, "attributes": attributes}
    answer = shop.stack.invoke("event_worker", {"Records": [message]})
    assert answer["batchItemFailures"] == [{"itemIdentifier": message["messageId"]}]
    assert standing(shop, sale) == ("failed", "Failed", "busy")
    status = shop.store.api("GET", "/v1/store/status").expect(200)
    assert (status["status"], [cause["code"] for cause in status["causes"]]) == ("error", ["orders_failed"])

    key = key_attributes(keys.entry(store_id, customer_id, taken.cause))
    shop.stack.client("dynamodb").delete_item(TableName=shop.stack.ledger_table, Key=key)
    shop.stack.ledger.post(Posting(store_id, customer_id, now, entries=(Entry("adm:back", Kind.MANUAL, -1, "t", "h"),)))
    seen = plain(shop.store.post(f"{sale.path}/process", {}).expect(200))
    assert (seen["dry_run"], seen["status"], seen["amount"]) == (True, "processed", "10.00")
    shop.store.post(f"{sale.path}/process", {"expected_amount": "10.00"}).expect(200)
    assert standing(shop, sale) == ("processed", "Processed", "processed")
    paid_for = [entry["amount"] for entry in shop.order(sale)["transactions"]]
    assert paid_for == ["10.00"]
    assert json.dumps(shop.order(sale)["history"]).count("busy") == 1
