"""Money that goes more than one way: spent on an order and back, earned on what was added, owed, repaid, given back."""

from typing import Any

import pytest

from tests.e2e.shop import Sale, Shop, fresh_id, minute

CUSTOMER = "C-7"


def ordered(order_id: str, price: str, at: int = 1, status: str = "paid", **fields: Any) -> dict[str, Any]:
    """An order of one line, as an event of our own contract."""
    line = {"line_id": "1", "quantity": 2, "unit_price": price}
    order = {
        "order_id": order_id,
        "status": status,
        "updated_at": minute(at),
        "currency": "USD",
        "source": "website",
        "delivery_type": "delivery",
        "customer": {"customer_id": CUSTOMER},
        "lines": [line],
        **fields,
    }
    return {"type": f"order.{status}", "occurred_at": minute(at), "data": {"order": order}}


def refunded(order_id: str, refund_id: str, quantity: int, at: int = 5) -> dict[str, Any]:
    """Some units of that line given back."""
    refund = {"refund_id": refund_id, "lines": [{"line_id": "1", "quantity": quantity}]}
    data = {"order": {"order_id": order_id}, "refund": refund}
    return {"type": "order.refunded", "occurred_at": minute(at), "data": data}


def told(shop: Shop, *events: dict[str, Any]) -> list[str]:
    return [shop.outcome("", event, "events") for event in events]


def woo(order_id: int, at: int, *refunds: dict[str, Any]) -> dict[str, Any]:
    """A WooCommerce order of 100.00 with all the refunds that it has at a minute."""
    return {
        "id": order_id,
        "status": "processing",
        "currency": "USD",
        "date_created_gmt": "2026-02-03T09:00:00",
        "date_modified_gmt": f"2026-02-03T09:{at:02d}:00",
        "customer_id": 26,
        "line_items": [{"id": 1, "quantity": 1, "total": "100.00", "total_tax": "0.00", "price": 100}],
        "total": "100.00",
        "refunds": list(refunds),
    }


def test_cashback_that_paid_for_an_order_is_spent_once_earns_nothing_and_comes_back_with_refunds(shop: Shop) -> None:
    assert told(shop, ordered("A", "500.00")) == ["processed"]
    paid = ordered("B", "50.00", paid_with_cashback="20.00")
    assert told(shop, paid, paid) == ["processed", "event_unchanged"]
    assert sorted(shop.entries(CUSTOMER)) == [("order", "4.00"), ("order", "50.00"), ("redemption", "-20.00")]
    assert shop.available(CUSTOMER) == "34.00"
    assert told(shop, refunded("B", "R-1", 1)) == ["partially_reversed"]
    assert shop.available(CUSTOMER) == "42.00", "half of the 20.00 is back, half of the 4.00 is gone"
    assert told(shop, refunded("B", "R-2", 1), refunded("B", "R-2", 1)) == ["reversed", "event_unchanged"]
    assert shop.available(CUSTOMER) == "50.00"


def test_an_order_paid_whole_with_cashback_is_not_eligible_and_is_still_paid_for(shop: Shop) -> None:
    told(shop, ordered("A", "500.00"))
    assert told(shop, ordered("B", "20.00", paid_with_cashback="40.00")) == ["not_eligible"]
    assert shop.available(CUSTOMER) == "10.00"
    assert told(shop, ordered("B", "20.00", at=9, status="cancelled", paid_with_cashback="40.00")) == ["not_eligible"]
    assert shop.available(CUSTOMER) == "50.00"


def test_lines_that_are_added_after_the_award_earn_once_they_are_paid_and_claw_like_any_other(shop: Shop) -> None:
    sale = shop.sell()
    grown = Sale(((2, "100.00"), (1, "60.00")), sale.customer_id, order_id=sale.order_id)
    assert shop.outcome("orders/updated", grown.body(at=2, status="partially_paid")) == "processed"
    assert shop.available(sale.customer_id) == "10.00"
    assert shop.outcome("orders/updated", grown.body(at=3)) == "processed"
    assert shop.outcome("orders/updated", grown.body(at=3)) == "event_unchanged"
    assert shop.entries(sale.customer_id) == [("order", "3.00"), ("order", "10.00")]
    assert [line["award"] for line in shop.order(grown)["lines"]] == ["10.00", "3.00"]
    assert shop.outcome("refunds/create", grown.refund(1, line=1)) == "partially_reversed"
    assert shop.available(sale.customer_id) == "10.00"


def test_a_line_that_is_removed_claws_and_its_refund_takes_no_more(shop: Shop) -> None:
    sale = shop.sell(lines=((2, "100.00"), (1, "60.00")))
    edited = sale.body(at=2)
    edited["line_items"][1]["current_quantity"] = 0
    assert shop.outcome("orders/edited", {"order_edit": {"order_id": sale.order_id}}) in {"no_totals", "topic_shape"}
    assert shop.outcome("orders/updated", edited) == "partially_reversed"
    assert shop.available(sale.customer_id) == "10.00"
    shop.tell("refunds/create", sale.refund(1, line=1))
    assert shop.available(sale.customer_id) == "10.00"


def test_case_41_what_was_repaid_for_a_refund_comes_back_when_the_refund_is_deleted(shop: Shop) -> None:
    shop.change(base_rate="0.1")
    first, second, refund = fresh_id(), fresh_id(), {"id": 900, "total": "-100.00"}

    def tell(*told_: Any) -> str:
        return shop.outcome("order.updated", woo(*told_), "woocommerce")

    assert tell(first, 1) == "processed"
    spent = ordered("S", "5.00", paid_with_cashback="10.00", customer={"customer_id": "26"})
    assert told(shop, spent) == ["not_eligible"]
    assert tell(first, 2, refund) == "reversed"
    account = shop.account(26)
    assert (account["available"], account["shortfall"]) == ("0.00", "10.00")
    assert tell(second, 1) == "processed"
    account = shop.account(26)
    assert (account["available"], account["shortfall"]) == ("0.00", "0.00")
    assert tell(first, 3) == "processed"
    account = shop.account(26)
    assert (account["available"], account["shortfall"]) == ("10.00", "0.00")
    assert tell(first, 2, refund) == "event_unchanged"


@pytest.mark.row("S38")
def test_each_award_names_the_version_of_the_settings_and_so_does_what_is_clawed_back(shop: Shop) -> None:
    sales = [shop.sell()]
    version = shop.change(base_rate="0.1")["version"]
    sales.append(shop.sell())
    shop.change(base_rate="0.5", exclusions={"sources": ["website"]})
    for sale in sales:
        shop.tell("refunds/create", sale.refund(1))
    assert [shop.available(sale.customer_id) for sale in sales] == ["5.00", "10.00"]
    items = shop.stack.snapshot(shop.store).values()
    for sale, named in zip(sales, (version - 1, version), strict=True):
        ours = [item for item in items if item.get("order_id") == {"S": str(sale.order_id)} and "rule_version" in item]
        assert [item["rule_version"] for item in ours] == [{"N": str(named)}] * 2


@pytest.mark.parametrize("late", ["orders/paid", "orders/create"])
def test_what_a_shop_missed_is_imported_and_late_webhooks_move_nothing(shop: Shop, late: str) -> None:
    sale = Sale()
    sale.refund(1)
    body = sale.body(at=31, status="partially_refunded")
    answer = shop.store.post("/v1/orders/import", {"source": "shopify", "orders": [body]}).expect(200)
    assert [(made["outcome"], made["status"]) for made in answer["results"]] == [("recorded", "partially_reversed")]
    old = Sale(sale.lines, sale.customer_id, order_id=sale.order_id)
    told = old.body(at=1, status="pending" if late == "orders/create" else "paid")
    if late == "orders/paid":
        # It says since when the order is paid, which the import could not tell: that is kept, and nothing else.
        order, entries = shop.order(sale), shop.entries(sale.customer_id)
        assert shop.outcome(late, told) == "partially_reversed"
        assert {**shop.order(sale), "history": order["history"]} == order
        assert shop.entries(sale.customer_id) == entries
    before = shop.stack.snapshot(shop.store)
    assert shop.outcome(late, told) == "event_unchanged"
    assert shop.outcome("refunds/create", sale.refunds[0]) == "event_unchanged"
    assert shop.stack.snapshot(shop.store) == before
    assert shop.available(sale.customer_id) == "5.00"
