"""Orders and refunds that cannot be right, signed by the shop: held, clamped or ignored with a reason, and never an
over-credit, a refusal, or an event that is lost."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.deployed import DeployedStack
from tests.e2e.shop import Sale, Shop, fresh_id


@pytest.fixture(autouse=True)
def nothing_is_lost(stack: DeployedStack) -> Iterator[None]:
    """No delivery of these tests ends among the dead letters."""
    before = stack.queued(stack.store_events_dlq_url)
    yield
    assert stack.queued(stack.store_events_dlq_url) == before


def line(**fields: Any) -> dict[str, Any]:
    return {"id": 1, "quantity": 2, "current_quantity": 2, "price": "100.00", **fields}


def discounted(*amounts: str) -> dict[str, Any]:
    return line(discount_allocations=[{"amount": amount} for amount in amounts])


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"total_price": "150.00"}, "lines_exceed_total"),
        ({"total_price": "199.98"}, "lines_exceed_total"),
        ({"line_items": [line(quantity=-2, current_quantity=-2)]}, "line_quantity"),
        ({"line_items": [line(quantity=0, current_quantity=0), line(id=2)]}, "line_quantity"),
        ({"line_items": [discounted("200.01")], "total_price": None}, "line_amount"),
        ({"line_items": [discounted("150.00", "150.00"), line(id=2)]}, "line_amount"),
        ({"line_items": [line(price="-100.00")]}, "line_amount"),
        ({"line_items": [line(), line()], "total_price": "400.00"}, "line_doubled"),
        ({"currency": "EUR"}, "currency_mismatch"),
        ({"currency": ""}, "currency_mismatch"),
        ({"shipping_lines": [{"id": 1, "price": "-5.00"}]}, "amount_negative"),
        ({"line_items": [line(id=n, price="0.01", quantity=1) for n in range(1_001)]}, "too_many_lines"),
    ],
    ids=lambda value: str(value)[:40],
)
@pytest.mark.row("60")
def test_an_order_that_does_not_add_up_is_held_with_its_reason_and_credits_nothing(
    shop: Shop, fields: dict[str, Any], reason: str
) -> None:
    sale = Sale()
    assert shop.outcome("orders/paid", sale.body(at=1, **fields)) == "held"
    order = shop.order(sale)
    assert (order["status"], order["badge"], order["reason"]) == ("held", "Held", reason)
    assert shop.entries(sale.customer_id) == []
    assert shop.outcome("orders/paid", sale.body(at=1, **fields)) == "event_unchanged"
    shop.reject(sale, "it does not add up").expect(200)


@pytest.mark.parametrize(
    ("fields", "award"),
    [({"total_price": "199.99"}, "10.00"), ({"total_price": "9999.00"}, "10.00"), ({"total_price": None}, "10.00")],
)
def test_a_total_that_differs_by_a_cent_or_is_higher_changes_nothing(
    shop: Shop, fields: dict[str, Any], award: str
) -> None:
    sale = Sale()
    assert shop.outcome("orders/paid", sale.body(at=1, **fields)) == "processed"
    assert shop.order(sale)["award"] == award


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"line_items": [line(price="1e3")]}, "amount_invalid"),
        ({"line_items": [line(price="100,00")]}, "amount_invalid"),
        ({"line_items": [line(price=True)]}, "amount_invalid"),
        ({"line_items": [line(price="9" * 30)]}, "amount_invalid"),
        ({"line_items": [line(quantity="two")]}, "quantity_invalid"),
        ({"line_items": [line(quantity=1.5)]}, "quantity_invalid"),
        ({"updated_at": "31/12/2025"}, "time_invalid"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_no_number_or_time_is_ignored_with_a_reason(shop: Shop, fields: dict[str, Any], reason: str) -> None:
    before = shop.stack.snapshot(shop.store)
    verdict = shop.tell("orders/paid", Sale().body(at=1, **fields))
    assert (verdict["event"], verdict["reason"]) == ("event_ignored", reason)
    assert shop.stack.snapshot(shop.store) == before


# ---- refunds


def refund(sale: Sale, amount: str, **fields: Any) -> dict[str, Any]:
    """A refund of money alone."""
    moved = {"kind": "refund", "status": "success", "amount": amount, "currency": sale.currency}
    return {"id": fresh_id(), "order_id": sale.order_id, "refund_line_items": [], "transactions": [moved], **fields}


def parts(sale: Sale, quantity: int, subtotal: str, line_id: int | None = None) -> list[dict[str, Any]]:
    return [{"line_item_id": line_id or sale.line_id(0), "quantity": quantity, "subtotal": subtotal}]


@pytest.mark.row("61")
def test_a_refund_over_what_was_paid_takes_all_and_no_more(shop: Shop) -> None:
    sale, other = shop.sell(), shop.sell()
    assert shop.outcome("refunds/create", refund(sale, "100000.00")) == "reversed"
    assert shop.outcome("refunds/create", refund(sale, "1.00")) == "reversed"
    fields = {"refund_line_items": parts(other, 2, "99999.00")}
    assert shop.outcome("refunds/create", refund(other, "0.00", **fields)) == "reversed"
    for each in (sale, other):
        order = shop.order(each)
        assert (order["award"], order["taken"], order["owed"], order["waived"]) == ("10.00", "10.00", "0.00", "0.00")
        assert shop.available(each.customer_id) == "0.00"


def test_a_refund_of_more_units_than_were_sold_or_of_another_line_takes_no_more_than_there_is(shop: Shop) -> None:
    sale, strange = shop.sell(), shop.sell()
    fields = {"refund_line_items": parts(sale, 2_000_000, "100.00")}
    assert shop.outcome("refunds/create", refund(sale, "0.00", **fields)) == "reversed"
    assert shop.available(sale.customer_id) == "0.00"
    fields = {"refund_line_items": parts(strange, 1, "100.00", line_id=5)}
    assert shop.outcome("refunds/create", refund(strange, "100.00", **fields)) == "processed"
    order = shop.order(strange)
    assert (order["taken"], order["refunds"][0]["lines"][0]["line_id"]) == ("0.00", "5")


@pytest.mark.parametrize(
    "fields",
    [
        {"refund_line_items": [{"line_item_id": 1, "quantity": -1, "subtotal": "100.00"}]},
        {"refund_line_items": [{"line_item_id": 1, "quantity": 1, "subtotal": "-100.00"}]},
    ],
)
def test_a_negative_refund_is_ignored_and_credits_nothing(shop: Shop, fields: dict[str, Any]) -> None:
    sale = shop.sell()
    before = shop.stack.snapshot(shop.store)
    assert shop.outcome("refunds/create", refund(sale, "0.00", **fields)) == "refund_negative"
    assert shop.stack.snapshot(shop.store) == before


def test_a_discrepancy_in_favour_of_the_shop_alone_never_credits_beyond_the_award(shop: Shop) -> None:
    sale = shop.sell()
    adjusted = {"order_adjustments": [{"id": 1, "kind": "refund_discrepancy", "amount": "500.00"}]}
    assert shop.outcome("refunds/create", refund(sale, "0.00", **adjusted)) == "processed"
    assert shop.available(sale.customer_id) == "10.00"


@pytest.mark.parametrize(("amounts", "left"), [(("9.00", "80.00"), "6.00"), (("80.00", "9.00"), "6.00")])
@pytest.mark.row("61")
def test_a_refund_id_used_again_with_another_amount_counts_once_at_the_larger(
    shop: Shop, amounts: tuple[str, str], left: str
) -> None:
    sale, refund_id = shop.sell(), fresh_id()
    seen = [shop.outcome("refunds/create", refund(sale, amount, id=refund_id)) for amount in amounts]
    assert set(seen) <= {"partially_reversed", "event_unchanged"}
    assert shop.available(sale.customer_id) == left
    order = shop.order(sale)
    assert (len(order["refunds"]), order["taken"]) == (1, "4.00")
    assert shop.outcome("refunds/create", refund(sale, amounts[0], id=refund_id)) == "event_unchanged"


@pytest.mark.row("61", "I13")
def test_a_refund_in_another_currency_and_without_lines_takes_nothing_and_is_kept(shop: Shop) -> None:
    sale = shop.sell()
    moved = {"kind": "refund", "status": "success", "amount": "100.00", "currency": "EUR"}
    assert shop.outcome("refunds/create", refund(sale, "0.00", transactions=[moved])) == "processed"
    order = shop.order(sale)
    assert (order["taken"], order["refunds"][0]["foreign"]) == ("0.00", True)
    assert shop.available(sale.customer_id) == "10.00"


def test_a_refund_of_a_held_order_leaves_nothing_to_approve(shop: Shop) -> None:
    sale = Sale()
    shop.tell("orders/paid", sale.body(at=1, total_price="150.00"))
    assert shop.outcome("refunds/create", sale.refund(2)) == "rejected"
    assert (shop.order(sale)["reason"], shop.entries(sale.customer_id)) == ("fully_refunded", [])


def test_the_same_faults_of_other_sources_are_held_too(shop: Shop) -> None:
    order = {"order_id": "B-1", "status": "paid", "updated_at": "2026-02-03T09:00:00Z", "currency": "USD"}
    order |= {"source": "website", "delivery_type": "delivery"}
    lines = [{"line_id": "1", "quantity": 1, "unit_price": "100.00"}]
    data = {**order, "customer": {"customer_id": "C-1"}, "lines": lines, "total": "50.00"}
    event = {"type": "order.paid", "occurred_at": "2026-02-03T09:00:00Z", "data": {"order": data}}
    assert shop.tell("", event, "events")["reason"] == "lines_exceed_total"
    bought = {"id": 5, "quantity": 1, "total": "100.00", "total_tax": "0.00"}
    woo = {"id": 77, "status": "processing", "currency": "USD", "customer_id": 26, "line_items": [bought]}
    woo |= {"date_modified_gmt": "2026-02-03T09:00:00", "total": "50.00"}
    assert shop.tell("order.updated", woo, "woocommerce")["reason"] == "lines_exceed_total"
    woo |= {"id": 78, "currency": "CHF", "total": "100.00"}
    assert shop.tell("order.updated", woo, "woocommerce")["reason"] == "currency_mismatch"
    assert (shop.entries("C-1"), shop.entries(26)) == ([], [])
