"""Refunds and cancellations call cashback back, in whatever order and number they come."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from cashback.domain.ledger import Entry, Kind, Posted, Posting
from cashback.domain.times import instant
from tests.e2e.shop import Sale, Shop, at_once


def take_away(shop: Shop, customer_id: int | None, minor: int) -> None:
    """Lower a balance through the project's own ledger: there is no route for it yet."""
    entry = Entry(cause="adm:spent", kind=Kind.MANUAL, amount=-minor, actor="test", payload_hash="spent")
    now = instant(datetime.now(UTC))
    posting = Posting(shop.store.store_id, str(customer_id), now, entries=(entry,))
    assert isinstance(shop.stack.ledger.post(posting), Posted)


def test_a_refund_claws_back_what_its_lines_earned(shop: Shop) -> None:
    sale = shop.sell(lines=((2, "100.00"), (1, "60.00")))
    assert shop.outcome("refunds/create", sale.refund(1)) == "partially_reversed"
    order = shop.order(sale)
    assert (order["award"], order["taken"], order["owed"]) == ("13.00", "5.00", "0.00")
    assert order["refunds"][0]["lines"][0]["quantity"] == 1
    assert shop.entries(sale.customer_id) == [("reversal", "-5.00"), ("order", "13.00")]
    assert shop.available(sale.customer_id) == "8.00"


def test_a_refund_delivered_again_claws_once(shop: Shop) -> None:
    sale = shop.sell()
    refund = sale.refund()
    assert shop.outcome("refunds/create", refund) == "partially_reversed"
    assert shop.outcome("refunds/create", refund) == "event_unchanged"
    assert shop.available(sale.customer_id) == "5.00"


def test_refunds_that_arrive_before_the_payment_are_clawed_in_the_same_posting(shop: Shop) -> None:
    sale = Sale(lines=((4, "50.00"),))
    assert shop.outcome("refunds/create", sale.refund(1)) == "awaiting"
    assert shop.outcome("refunds/create", sale.refund(2)) == "awaiting"
    late = Sale(lines=sale.lines, customer_id=sale.customer_id, order_id=sale.order_id)
    assert shop.outcome("orders/paid", late.body(at=1)) == "partially_reversed"
    assert sorted(shop.entries(sale.customer_id)) == [("order", "10.00"), ("reversal", "-2.50"), ("reversal", "-5.00")]
    assert len({entry["created_at"] for entry in shop.order(sale)["transactions"]}) == 1
    assert shop.available(sale.customer_id) == "2.50"


def test_an_order_first_seen_as_partially_refunded_is_credited_and_clawed(shop: Shop) -> None:
    sale = Sale()
    sale.refund()
    assert shop.outcome("orders/updated", sale.body(at=1, status="partially_refunded")) == "partially_reversed"
    assert shop.available(sale.customer_id) == "5.00"


@pytest.mark.row("I5")
def test_a_refund_told_twice_in_an_event_and_in_the_order_claws_once(shop: Shop) -> None:
    sale = shop.sell()
    assert shop.outcome("refunds/create", sale.refund(2)) == "reversed"
    updated = sale.body(at=31, status="refunded")
    updated["line_items"][0]["current_quantity"] = 0
    shop.tell("orders/updated", updated)
    assert shop.entries(sale.customer_id) == [("reversal", "-10.00"), ("order", "10.00")]


def test_a_stale_update_after_a_refund_undoes_nothing(shop: Shop) -> None:
    sale = Sale()
    stale = sale.body(at=1)
    shop.tell("orders/paid", sale.body(at=2))
    shop.tell("refunds/create", sale.refund())
    shop.tell("orders/updated", sale.body(at=31, status="partially_refunded"))
    # It says that the order was paid earlier than was known, and nothing else that is new.
    assert shop.outcome("orders/updated", stale) == "partially_reversed"
    assert shop.outcome("orders/updated", stale) == "event_unchanged"
    assert shop.outcome("orders/paid", {**stale, "financial_status": "pending"}) == "event_unchanged"
    assert shop.order(sale)["status"] == "partially_reversed"
    assert shop.available(sale.customer_id) == "5.00"


def test_two_refunds_at_once_are_both_clawed(shop: Shop) -> None:
    sale = shop.sell(lines=((3, "100.00"),))
    refunds = [sale.refund(1), sale.refund(1)]
    deliveries = at_once(*(lambda refund=refund: shop.send("refunds/create", refund) for refund in refunds))
    for delivery in deliveries:
        assert shop.verdicts(delivery)[-1]["event"] == "order_recorded"
    assert shop.available(sale.customer_id) == "5.00"
    assert shop.order(sale)["taken"] == "10.00"


def test_a_payment_and_its_refund_at_once_end_with_the_rest(shop: Shop) -> None:
    sale = Sale()
    paid = sale.body(at=1)
    refund = sale.refund()
    deliveries = at_once(lambda: shop.send("orders/paid", paid), lambda: shop.send("refunds/create", refund))
    for delivery in deliveries:
        shop.verdicts(delivery)
    assert shop.order(sale)["status"] == "partially_reversed"
    assert shop.available(sale.customer_id) == "5.00"


@pytest.mark.row("I4")
def test_a_cancellation_takes_the_rest_once_and_later_refunds_take_nothing(shop: Shop) -> None:
    sale = shop.sell()
    shop.tell("refunds/create", sale.refund())
    cancelled = sale.cancelled(at=40)
    assert shop.outcome("orders/cancelled", cancelled) == "reversed"
    assert shop.outcome("orders/cancelled", cancelled) == "event_unchanged"
    shop.tell("refunds/create", sale.refund())
    shop.tell("orders/updated", sale.cancelled(at=41))
    order = shop.order(sale)
    assert (order["status"], order["reason"], order["taken"]) == ("reversed", "order_cancelled", "10.00")
    assert shop.entries(sale.customer_id) == [("reversal", "-5.00"), ("reversal", "-5.00"), ("order", "10.00")]


def test_an_order_cancelled_before_it_was_paid_never_earns(shop: Shop) -> None:
    sale = Sale()
    assert shop.outcome("orders/cancelled", sale.cancelled(at=2)) == "not_eligible"
    assert shop.outcome("orders/paid", sale.body(at=1)) in {"not_eligible", "event_unchanged"}
    assert shop.order(sale)["transactions"] == []


def test_a_clawback_beyond_the_balance_is_owed_and_repaid_by_the_next_award(shop: Shop) -> None:
    sale = shop.sell()
    take_away(shop, sale.customer_id, 800)
    assert shop.outcome("refunds/create", sale.refund(2)) == "reversed"
    order, account = shop.order(sale), shop.account(sale.customer_id)
    assert (order["taken"], order["owed"], order["waived"]) == ("2.00", "8.00", "0.00")
    assert (account["available"], account["shortfall"]) == ("0.00", "8.00")

    shop.sell(customer_id=sale.customer_id)
    account = shop.account(sale.customer_id)
    assert (account["available"], account["shortfall"]) == ("2.00", "0.00")
    assert sorted(shop.entries(sale.customer_id)[:2]) == [("order", "10.00"), ("recovery", "-8.00")]


def test_full_or_skip_leaves_a_balance_that_is_too_small(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(clawback="full_or_skip")
    sale = shop.sell()
    take_away(shop, sale.customer_id, 800)
    shop.tell("refunds/create", sale.refund(2))
    order, account = shop.order(sale), shop.account(sale.customer_id)
    assert (order["taken"], order["owed"], order["waived"]) == ("0.00", "0.00", "10.00")
    assert (account["available"], account["shortfall"]) == ("2.00", "0.00")


def test_allow_negative_takes_what_is_not_there(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(clawback="allow_negative")
    sale = shop.sell()
    take_away(shop, sale.customer_id, 800)
    shop.tell("refunds/create", sale.refund(2))
    assert shop.available(sale.customer_id) == "-8.00"


def test_money_given_back_without_lines_claws_its_share(shop: Shop) -> None:
    sale = shop.sell()
    refund = {**sale.refund(), "refund_line_items": []}
    refund["transactions"][0]["amount"] = "41.94"
    assert shop.outcome("refunds/create", refund) == "partially_reversed"
    assert shop.order(sale)["taken"] == "2.10"


def test_a_refund_in_another_currency_claws_by_its_units(shop: Shop) -> None:
    sale = shop.sell()
    refund = sale.refund()
    refund["refund_line_items"][0]["subtotal_set"] = {"shop_money": {"amount": "100.00", "currency_code": "EUR"}}
    assert shop.outcome("refunds/create", refund) == "partially_reversed"
    assert shop.available(sale.customer_id) == "5.00"
