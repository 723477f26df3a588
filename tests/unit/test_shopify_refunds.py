"""What Shopify's refunds mean, alone and inside their orders."""

from typing import Any

import pytest

from cashback.domain.facts import Refund, RefundLine
from tests.unit.shopify_bodies import (
    bag,
    discrepancy,
    heard,
    order,
    reason_of,
    refund,
    refund_of,
    shipping_of,
    transaction,
)


def test_a_refund_names_its_lines() -> None:
    lines = [
        {"line_item_id": 11, "quantity": 1, "subtotal": "99.00", "subtotal_set": bag("90.00")},
        {"line_item": {"id": 12}, "quantity": 2},
    ]
    news = heard(refund(refund_line_items=lines, transactions=[transaction("209.00")]), "refunds/create")
    assert news.order_id == "1"
    assert news.facts.body is None
    assert list(news.facts.refunds.values()) == [
        Refund(
            "5",
            (RefundLine("11", 1, 9_000), RefundLine("12", 2, None)),
            transactions=20_900,
            created_at="2026-03-02T08:00:00.000000Z",
        )
    ]


@pytest.mark.parametrize(
    ("adjustments", "shipping", "money"),
    [
        ([shipping_of("-3.95"), shipping_of("3.95"), shipping_of("-3.95")], 395, 0),
        ([discrepancy("-10.00")], 0, 1_000),
        ([discrepancy("-10.00"), shipping_of("-3.95", tax_amount="-0.30")], 395, 1_000),
        ([{"amount": "-10.00", "kind": None}], 0, 1_000),
        ([discrepancy("10.00")], 0, -1_000),
        ([discrepancy("x", amount_set=bag("-2.00"))], 0, 200),
    ],
)
def test_adjustments_are_summed(adjustments: list[dict[str, Any]], shipping: int, money: int) -> None:
    lines = [{"line_item_id": 11, "quantity": 1, "subtotal": "20.00"}]
    found = refund_of(refund(refund_line_items=lines, order_adjustments=adjustments))
    assert (found.shipping, found.money) == (shipping, money)


def test_shipping_told_twice_is_counted_once() -> None:
    told = {"subtotal_amount_set": bag("3.95")}
    assert refund_of(refund(refund_shipping_lines=[told])).shipping == 395
    both = refund(refund_shipping_lines=[told], order_adjustments=[shipping_of("-3.95")])
    assert refund_of(both).shipping == 395


@pytest.mark.parametrize(
    "more",
    [
        {"order_adjustments": [shipping_of("-3.95", tax_amount="-0.35")], "transactions": [transaction("4.30")]},
        {"order_adjustments": [shipping_of("-5.00")], "transactions": [transaction("4.30")]},
        {"refund_shipping_lines": [{"subtotal_amount_set": bag("4.30")}], "transactions": [transaction("4.30")]},
        {
            "refund_shipping_lines": [
                {"subtotal_amount_set": bag("3.95"), "shipping_line": {"tax_lines": [{"price": "0.35"}]}}
            ],
            "transactions": [transaction("4.30")],
        },
        {
            "total_duties_set": bag("4.00"),
            "total_additional_fees_set": bag("0.30"),
            "transactions": [transaction("4.30")],
        },
    ],
)
def test_shipping_duties_and_fees_given_back_are_no_goods(more: dict[str, Any]) -> None:
    assert refund_of(refund(**more)).money == 0


@pytest.mark.parametrize(
    ("lines", "transactions", "money"),
    [
        ([], [transaction("41.94")], 4_194),
        ([], [transaction("41.94", currency=None)], 4_194),
        ([], [transaction("41.94", "pending")], 4_194),
        ([], [transaction("41.94", "failure")], 0),
        ([], [transaction("41.94", kind="sale")], 0),
        ([("11", "0.00")], [transaction("41.94")], 4_194),
        ([("11", "0.00"), ("12", "5.00")], [transaction("41.94")], 0),
        ([("11", None)], [transaction("41.94")], 0),
        ([], [], 0),
    ],
)
def test_a_refund_of_an_amount_alone(
    lines: list[tuple[str, str | None]], transactions: list[dict[str, Any]], money: int
) -> None:
    parts = [{"line_item_id": line_id, "quantity": 1, "subtotal": amount} for line_id, amount in lines]
    assert refund_of(refund(refund_line_items=parts, transactions=transactions)).money == money


@pytest.mark.parametrize(
    ("amount", "transactions", "money"),
    [
        ("113.00", [transaction("113.00", "pending")], 0),
        ("113.00", [transaction("113.00", "pending", "EUR")], 0),
        ("123.00", [transaction("113.00", "pending")], -1_000),
        ("5.00", [transaction("113.00", "pending")], 0),
        ("10.00", [transaction("103.00")], -1_000),
    ],
)
def test_money_on_its_way_is_no_discount_on_the_refund(
    amount: str, transactions: list[dict[str, Any]], money: int
) -> None:
    """While a payment is pending, Shopify writes a discrepancy of the whole amount, which would hide the refund."""
    lines = [{"line_item_id": 11, "quantity": 1, "subtotal": "100.00", "total_tax": "13.00"}]
    told = refund(refund_line_items=lines, order_adjustments=[discrepancy(amount)], transactions=transactions)
    assert refund_of(told).money == money


@pytest.mark.parametrize(
    "more",
    [
        {"refund_line_items": [{"line_item_id": 1, "quantity": 1, "subtotal_set": bag("5.00", "CAD")}]},
        {"order_adjustments": [discrepancy("-5.00", amount_set=bag("-5.00", "CAD"))]},
        {"transactions": [transaction("5.00", currency="CAD")]},
        {"transactions": [transaction("5.00", "pending", "CAD")]},
    ],
)
def test_a_refund_in_another_currency_counts_by_its_units_wherever_it_is_told(more: dict[str, Any]) -> None:
    alone = refund_of(refund(**more))
    (embedded,) = heard(order(refunds=[refund(**more)])).facts.refunds.values()
    assert alone == embedded
    assert (alone.foreign, alone.money, alone.shipping, alone.transactions) == (True, 0, 0, None)
    assert [part.amount for part in alone.lines] == [None] * len(alone.lines)


def test_transactions_in_a_presentment_currency_are_not_counted() -> None:
    told = refund(transactions=[transaction("7.00", currency="CAD"), transaction("5.00")])
    (found,) = heard(order(refunds=[told])).facts.refunds.values()
    assert (found.money, found.transactions) == (500, 500)


@pytest.mark.parametrize("code", [[], {}, None, ""])
def test_a_currency_that_is_not_named_is_the_stores(code: Any) -> None:
    lines = [{"line_item_id": 1, "quantity": 1, "subtotal_set": bag("5.00", code)}]
    assert refund_of(refund(refund_line_items=lines)).lines[0].amount == 500


@pytest.mark.parametrize(("quantity", "subtotal"), [(-1, "5.00"), (1, "-5.00"), (-1, None)])
def test_a_negative_refund_is_ignored(quantity: int, subtotal: str | None) -> None:
    lines = [{"line_item_id": 11, "quantity": quantity, "subtotal": subtotal}]
    assert reason_of(refund(refund_line_items=lines), "refunds/create") == "refund_negative"


@pytest.mark.parametrize("order_id", [None, "", [], True])
def test_a_refund_of_no_order_is_ignored(order_id: object) -> None:
    assert reason_of(refund(order_id=order_id), "refunds/create") == "id_invalid"


def test_too_many_refunds_are_ignored() -> None:
    assert reason_of(order(refunds=[{"id": n} for n in range(1_001)])) == "too_many_refunds"
    lines = [{"line_item_id": n, "quantity": 1} for n in range(1_001)]
    assert reason_of(refund(refund_line_items=lines), "refunds/create") == "too_many_refunds"


@pytest.mark.parametrize("name", ["line_items", "refunds", "shipping_lines", "tax_lines"])
@pytest.mark.parametrize("value", ["x", 7, [1], {"0": {}}, [None]])
def test_a_list_that_is_none_is_said(name: str, value: object) -> None:
    assert reason_of(order(**{name: value})) == "topic_shape"
