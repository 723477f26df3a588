"""Processing by hand: a preview that changes nothing, then a person's word at the amount it showed."""

import pytest

from cashback.domain.errors import AmountConflict, CashbackDisabled, StateConflict
from cashback.domain.orders import Status
from tests.unit.builders import ORDER, Shop, body, line, news, paid, refund, units

BOUGHT = paid(line("1", 6_000), line("2", 4_000))


def test_an_order_of_the_time_when_cashback_was_off_is_credited_later_at_a_persons_word() -> None:
    store = Shop(base_rate="0.1", cashback_enabled=False)
    store.hear(BOUGHT)
    assert (store.order.status, store.order.reason) == (Status.NOT_ELIGIBLE, "cashback_disabled")
    with pytest.raises(CashbackDisabled):
        store.process()
    store.change(cashback_enabled=True, base_rate="0.5")
    before = store.order
    shown = store.preview()
    assert (shown.order.status, shown.amount, store.order) == (Status.PROCESSED, 1_000, before)
    store.process()
    assert (store.order.status, store.order.reason, store.account.available) == (Status.PROCESSED, "processed", 1_000)
    assert store.posted == {f"ord:{ORDER}:earn": 1_000}


def test_a_failed_order_is_processed_from_the_facts_it_kept() -> None:
    store = Shop(base_rate="0.1")
    store.fail(BOUGHT, "KeyError")
    assert store.order.status is Status.FAILED
    store.process()
    assert (store.order.status, store.account.available, store.account.orders_count) == (Status.PROCESSED, 1_000, 1)


def test_a_failed_order_that_is_heard_of_again_before_it_is_paid_waits_for_its_payment() -> None:
    store = Shop(base_rate="0.1")
    unpaid = news(body(line("1", 6_000)))
    store.fail(unpaid, "KeyError")
    store.hear(unpaid)
    assert (store.order.status, store.order.reason) == (Status.AWAITING, "not_paid")


def test_what_was_refunded_before_is_not_credited() -> None:
    store = Shop(base_rate="0.1")
    store.fail(BOUGHT, "KeyError")
    store.fail(news(None, refund("r1", units("2"))), "KeyError")
    assert store.preview().amount == 600
    store.process()
    assert store.account.available == 600
    store.hear(news(None, refund("r2", units("1"))))
    assert (store.order.status, store.account.available) == (Status.REVERSED, 0)


def test_in_manual_mode_processing_credits_at_once() -> None:
    store = Shop(base_rate="0.1", auto_processing=False)
    store.fail(BOUGHT, "KeyError")
    store.process()
    assert (store.order.status, store.account.available) == (Status.PROCESSED, 1_000)


def test_what_must_be_held_is_held_when_processed() -> None:
    store = Shop(base_rate="0.1", hold_over_award="1.00")
    store.fail(BOUGHT, "KeyError")
    assert (store.preview().order.status, store.preview().amount) == (Status.HELD, 1_000)
    store.process()
    assert (store.order.status, store.order.reason) == (Status.HELD, "award_over_limit")


def test_the_amount_must_be_the_one_that_was_seen() -> None:
    store = Shop(base_rate="0.1")
    store.fail(BOUGHT, "KeyError")
    with pytest.raises(AmountConflict):
        store.process(amount=999)
    assert store.order.status is Status.FAILED


def test_orders_in_any_other_state_cannot_be_processed() -> None:
    store = Shop(base_rate="0.1")
    store.hear(news())
    with pytest.raises(StateConflict, match="awaiting"):
        store.preview()
    store.hear(BOUGHT)
    with pytest.raises(StateConflict, match="processed"):
        store.preview()


def test_a_cancelled_order_cannot_be_processed() -> None:
    store = Shop(base_rate="0.1")
    store.hear(paid(line("1", 6_000)))
    other = Shop(base_rate="0.1", cashback_enabled=False)
    other.hear(BOUGHT)
    other.hear(news(cancelled=True))
    other.change(cashback_enabled=True)
    with pytest.raises(StateConflict, match="cancelled"):
        other.preview()


def test_a_fully_refunded_order_cannot_be_processed() -> None:
    store = Shop(base_rate="0.1", cashback_enabled=False)
    store.hear(BOUGHT)
    store.hear(news(None, refund("r1", units("1"), units("2"))))
    store.change(cashback_enabled=True)
    with pytest.raises(StateConflict, match="refunded"):
        store.preview()


def test_an_order_that_earns_nothing_stays_what_it_is() -> None:
    store = Shop(base_rate="0.1", min_order="1000.00")
    store.hear(BOUGHT)
    shown = store.preview()
    assert (shown.order.status, shown.order.reason, shown.amount) == (Status.NOT_ELIGIBLE, "below_minimum", 0)
    with pytest.raises(StateConflict):
        store.process()


def test_news_after_processing_are_followed_as_of_any_awarded_order() -> None:
    store = Shop(base_rate="0.1")
    store.fail(BOUGHT, "KeyError")
    store.process()
    store.hear(news(cancelled=True))
    assert (store.order.status, store.account.available) == (Status.REVERSED, 0)


def test_an_order_processed_when_cashback_had_been_off_is_credited_once_what_it_waits_for_is_there() -> None:
    store = Shop(base_rate="0.1", cashback_enabled=False, product_rates=[{"category": "Tea", "rate": "0.2"}])
    store.hear(paid(line("1", 6_000, product_id="p1")))
    store.change(cashback_enabled=True)
    store.process()
    assert (store.order.status, store.order.reason) == (Status.HELD, "product_unknown")
    store.stock("p1", "Tea")
    store.settle()
    assert (store.order.status, store.account.available) == (Status.PROCESSED, 1_200)


def test_what_was_held_is_not_credited_by_itself_while_cashback_is_off() -> None:
    store = Shop(base_rate="0.1", product_rates=[{"category": "Tea", "rate": "0.2"}])
    store.hear(paid(line("1", 6_000, product_id="p1")))
    store.change(cashback_enabled=False)
    store.stock("p1", "Tea")
    store.settle()
    assert (store.order.status, store.order.reason) == (Status.NOT_ELIGIBLE, "cashback_disabled")
