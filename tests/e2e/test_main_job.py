"""A signed order webhook becomes cashback, once, whatever else the shop sends."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.shop import Sale, Shop, at_once, minute, sample

LONG_AGO = "2026-01-01T00:00:00Z"


def test_an_order_is_credited_when_it_is_paid_and_not_before(shop: Shop) -> None:
    sale = Sale(lines=((2, "100.00"), (1, "19.90")))
    assert shop.outcome("orders/create", sale.body(at=0, status="pending")) == "awaiting"
    assert shop.order(sale)["transactions"] == []
    assert shop.outcome("orders/paid", sale.body(at=1)) == "processed"

    order, account = shop.order(sale), shop.account(sale.customer_id)
    assert (order["status"], order["badge"], order["reason"], order["mode"]) == (
        "processed",
        "Processed",
        "awarded",
        "automatic",
    )
    assert (order["total"], order["rate"], order["calculated"], order["award"]) == ("219.90", "0.05", "11.00", "11.00")
    assert [(line["base"], line["award"]) for line in order["lines"]] == [("200.00", "10.00"), ("19.90", "1.00")]
    assert [(entry["type"], entry["amount"]) for entry in order["transactions"]] == [("order", "11.00")]
    assert [step["status"] for step in order["history"]] == ["awaiting", "processed"]
    assert (account["available"], account["credited"], account["version"]) == ("11.00", "11.00", 1)
    assert shop.entries(sale.customer_id) == [("order", "11.00")]


def test_shopifys_own_sample_bodies_end_with_the_right_balance(shop: Shop) -> None:
    order, refund, cancelled = (sample("shopify", name) for name in ("order_paid", "refund_create", "order_cancelled"))
    assert shop.outcome("orders/paid", order) == "processed"
    assert shop.available(order["customer"]["id"]) == "10.67"
    assert shop.outcome("refunds/create", refund) == "partially_reversed"
    assert shop.available(order["customer"]["id"]) == "9.77"
    assert shop.outcome("orders/cancelled", cancelled) == "reversed"
    assert shop.entries(order["customer"]["id"]) == [("reversal", "-9.77"), ("reversal", "-0.90"), ("order", "10.67")]


def test_an_order_shows_in_the_lists_of_its_status_and_of_its_customer(shop: Shop) -> None:
    sale = shop.sell()
    for query in ("", "?status=processed", f"?customer_id={sale.customer_id}"):
        (found,) = shop.store.api("GET", f"/v1/orders{query}").expect(200)["items"]
        assert found["order_id"] == str(sale.order_id)
    assert shop.store.api("GET", "/v1/orders?status=pending").expect(200)["items"] == []


def test_the_same_delivery_again_changes_nothing(shop: Shop) -> None:
    sale = shop.sell()
    before = shop.stack.snapshot(shop.store)
    assert shop.outcome("orders/paid", sale.body(at=1)) == "event_unchanged"
    assert shop.stack.snapshot(shop.store) == before


@pytest.mark.row("F17")
def test_eight_deliveries_of_one_event_at_once_credit_once(shop: Shop) -> None:
    sale = Sale()
    delivery = at_once(*[lambda: shop.send("orders/paid", sale.body(at=1), f"one-{sale.order_id}")] * 8)[0]
    said = [line["event"] for line in shop.verdicts(delivery, 8)]
    assert sorted(said) == ["event_unchanged"] * 7 + ["order_recorded"]
    assert shop.entries(sale.customer_id) == [("order", "10.00")]
    assert shop.available(sale.customer_id) == "10.00"


def test_orders_of_one_customer_at_once_are_all_credited(shop: Shop) -> None:
    sales = [Sale(customer_id=7001) for _ in range(6)]
    deliveries = at_once(*(lambda sale=sale: shop.send("orders/paid", sale.body(at=1)) for sale in sales))
    for delivery in deliveries:
        assert shop.verdicts(delivery)[-1]["status"] == "processed"
    assert shop.available(7001) == "60.00"


def test_a_paid_event_before_its_create_event_credits_once(shop: Shop) -> None:
    sale = shop.sell()
    assert shop.outcome("orders/create", sale.body(at=0, status="pending")) == "event_unchanged"
    assert shop.available(sale.customer_id) == "10.00"


@pytest.mark.parametrize("status", ["pending", "authorized", "partially_paid", "expired"])
def test_what_is_not_paid_waits_whatever_the_topic_says(shop: Shop, status: str) -> None:
    sale = Sale()
    assert shop.outcome("orders/paid", sale.body(at=1, status=status)) == "awaiting"
    assert shop.order(sale)["transactions"] == []


def test_a_voided_order_never_earns(shop: Shop) -> None:
    sale = Sale()
    assert shop.outcome("orders/paid", sale.body(at=1, status="voided")) == "not_eligible"
    assert shop.order(sale)["reason"] == "order_cancelled"


def test_a_guests_order_waits_for_its_customer(shop: Shop) -> None:
    sale = Sale(customer_id=None)
    assert shop.outcome("orders/paid", sale.body(at=1)) == "awaiting_customer"
    order = shop.order(sale)
    assert (order["badge"], order["reason"], order["customer_id"]) == ("Awaiting customer", "guest_order", None)
    assert order["transactions"] == []


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("orders/paid", Sale().body(at=1, test=True), "test_order"),
        ("carts/update", {"id": "1", "line_items": []}, "topic_unknown"),
        ("orders/paid", b'{"id": 1, "financial_status": "paid"', "json_invalid"),
        ("orders/paid", b"", "json_invalid"),
        ("orders/paid", b'{"id": 1, "id": 2}', "json_invalid"),
        ("orders/paid", b'{"id": NaN}', "json_invalid"),
        ("orders/paid", b"[" * 2_000 + b"]" * 2_000, "json_invalid"),
        ("orders/paid", b"[]", "topic_shape"),
        ("orders/paid", {"id": 1, "checkout": {}}, "topic_shape"),
        ("orders/paid", Sale(lines=((1, "1e9"),)).body(at=1), "amount_invalid"),
        ("orders/paid", Sale().body(at=1, id="x" * 300), "id_invalid"),
        ("orders/paid", Sale().body(at=1, updated_at="yesterday"), "time_invalid"),
    ],
)
@pytest.mark.row("22")
def test_what_means_nothing_is_accepted_and_ignored_with_a_reason(
    shop: Shop, topic: str, payload: Any, reason: str
) -> None:
    before = shop.stack.snapshot(shop.store)
    verdict = shop.tell(topic, payload)
    assert (verdict["event"], verdict["reason"]) == ("event_ignored", reason)
    assert shop.stack.snapshot(shop.store) == before


@pytest.mark.row("23")
def test_the_body_decides_where_the_topic_lies(shop: Shop) -> None:
    sale = shop.sell()
    assert shop.outcome("orders/paid", sale.refund()) == "partially_reversed"
    assert shop.available(sale.customer_id) == "5.00"


def test_a_store_in_yen_has_no_decimals(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(currency="JPY")
    sale = shop.sell(lines=((1, "1999"),), currency="JPY")
    assert (shop.order(sale)["award"], shop.available(sale.customer_id)) == ("100", "100")


def test_an_order_in_another_currency_is_held_and_credits_nothing(shop: Shop) -> None:
    sale = shop.sell(currency="EUR")
    order = shop.order(sale)
    assert (order["status"], order["reason"], order["calculated"]) == ("held", "currency_mismatch", "0.00")


def test_lines_that_exceed_the_total_are_held(shop: Shop) -> None:
    sale = Sale()
    assert shop.outcome("orders/paid", sale.body(at=1, total_price="150.00")) == "held"
    assert shop.order(sale)["reason"] == "lines_exceed_total"


def test_ids_beyond_what_a_float_holds_stay_exact(shop: Shop) -> None:
    sale = shop.sell(order_id=2**53 + 1, customer_id=2**53 + 3)
    assert shop.order(sale)["order_id"] == "9007199254740993"
    assert shop.available(9007199254740995) == "10.00"


def test_the_balance_of_an_earlier_time_is_the_sum_of_what_was_posted_until_then(shop: Shop) -> None:
    first, second = shop.sell(customer_id=7001), shop.sell(customer_id=7001)
    assert shop.available(7001) == "20.00"
    at = shop.order(first)["transactions"][0]["created_at"]
    then = shop.store.api("GET", f"/v1/customers/7001/balance?at={at}").expect(200)
    assert (then["available"]["amount"], then["at"]) == ("10.00", at)
    before = shop.store.api("GET", f"/v1/customers/7001/balance?at={LONG_AGO}").expect(200)
    assert before["available"]["amount"] == "0.00"
    assert shop.order(second)["created_at"] == "2026-02-03T09:00:00.000000Z" != minute(0)
