"""Signed orders of WooCommerce and of our own events become cashback as Shopify's do."""

from typing import Any

from dev.client import wait_until
from tests.e2e.shop import Shop, plain, sample


def settled(shop: Shop, order_id: str, status: str) -> dict[str, Any]:
    """The order as the API shows it, once it has this status; amounts are texts."""

    def look() -> dict[str, Any] | None:
        answer = shop.store.api("GET", f"/v1/orders/{order_id}")
        order: dict[str, Any] = plain(answer.expect(200, 404))
        return order if order.get("status") == status else None

    order = wait_until(look)
    assert order is not None
    return order


def test_a_woocommerce_order_is_credited_and_its_refund_clawed_back_until_it_is_deleted(shop: Shop) -> None:
    for name, status, available in (
        ("order_processing", "processed", "2.03"),
        ("order_partially_refunded", "partially_reversed", "1.55"),
        ("order_refund_deleted", "processed", "2.03"),
    ):
        answer = shop.store.woocommerce("order.updated", sample("woocommerce", name))
        assert answer.expect(200) == {"status": "accepted"}
        order = settled(shop, "1001", status)
        assert (order["source"], order["customer_id"], shop.available(7)) == ("woocommerce", "7", available)
        assert [part["refund_id"] for part in order["refunds"]] == (["1040"] if status != "processed" else [])
    assert shop.entries(7) == [("reversal", "0.48"), ("reversal", "-0.48"), ("order", "2.03")]


def test_our_own_events_credit_an_order_and_claw_its_refund_back(shop: Shop) -> None:
    for kind, status, available in (
        ("order_paid", "processed", "1.13"),
        ("order_refunded", "partially_reversed", "0.56"),
        ("order_cancelled", "reversed", "0.00"),
    ):
        assert shop.store.event(sample("events", kind)).expect(200) == {"status": "accepted"}
        order = settled(shop, "A-1001", status)
        assert (order["source"], order["customer_id"], shop.available("C-7")) == ("events", "C-7", available)
    assert shop.entries("C-7") == [("reversal", "-0.56"), ("reversal", "-0.57"), ("order", "1.13")]


def test_a_review_is_recorded_on_its_order_and_moves_nothing(shop: Shop) -> None:
    for name, said in (
        ("order_paid", "order_recorded"),
        ("review_created", "order_recorded"),
        ("review_created", "event_unchanged"),
    ):
        verdict = shop.tell("", sample("events", name), "events")
        assert (verdict["event"], verdict["order"]) == (said, "A-1001")
    assert shop.entries("C-7") == [("order", "1.13")]
