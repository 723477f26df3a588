"""The use case around a decision: races are decided again, and what cannot be decided goes back to the queue."""

from copy import replace
from typing import Any

import pytest

from cashback.domain.errors import Busy
from cashback.domain.facts import Refund
from cashback.domain.news import CustomerNews
from cashback.domain.orders import News, Status
from cashback.services.record_customer import record_customer
from cashback.services.record_order import DECISIONS
from tests.unit import builders
from tests.unit.builders import CUSTOMER, NOW, STORE, Shop, line, news, units


def paid(**more: Any) -> News:
    """An order that earns 10.00 at a tenth, half of it with each of two units."""
    return builders.paid(line("l", 10_000, quantity=2), **more)


def refunded(refund_id: str = "r", amount: int = 5_000) -> News:
    return news(None, Refund(refund_id, (units("l", 1, amount),)))


@pytest.fixture
def shop() -> Shop:
    return Shop(base_rate="0.1")


def test_a_customer_whom_nobody_knew_is_created_as_the_order_names_them(shop: Shop) -> None:
    shop.hear(replace(paid(), customer=CustomerNews(CUSTOMER, NOW, name="Ada Brandt")))
    profile = shop.books.customers.get(STORE, CUSTOMER)
    assert profile is not None
    assert profile.name == "Ada Brandt"
    assert shop.account.available == 1_000


def test_an_order_does_not_overwrite_a_profile(shop: Shop) -> None:
    record_customer(shop.books, STORE, CustomerNews(CUSTOMER, NOW, name="Ada Brandt"), NOW)
    shop.hear(replace(paid(), customer=CustomerNews(CUSTOMER, "2027-01-01T00:00:00.000000Z", name="Somebody Else")))
    profile = shop.books.customers.get(STORE, CUSTOMER)
    assert profile is not None
    assert profile.name == "Ada Brandt"


def test_a_refund_that_comes_between_reading_and_posting_is_decided_together_with_the_award(shop: Shop) -> None:
    with shop.before_writes(lambda: shop.hear(refunded())):
        shop.hear(paid())
    assert shop.order.status is Status.PARTIALLY_REVERSED
    assert shop.account.available == 500


def test_two_workers_with_the_same_news_post_once(shop: Shop) -> None:
    with shop.before_writes(lambda: shop.hear(paid())):
        assert shop.hear(paid()) is None
    assert shop.account.available == 1_000


def test_news_that_are_overtaken_at_every_decision_go_back_to_the_queue_instead_of_being_dropped(shop: Shop) -> None:
    shop.hear(paid())
    seconds = iter(range(1, 60))

    def overtake() -> None:
        order = shop.order
        newer = order.facts.merged(paid(second=next(seconds)).facts)
        shop.books.orders.save(STORE, replace(order, facts=newer, rev=order.rev + 1))

    with shop.before_writes(overtake), pytest.raises(Busy):
        shop.hear(refunded())
    assert "r" not in shop.order.facts.refunds
    assert next(seconds) == 1 + DECISIONS
    shop.hear(refunded())
    assert shop.account.available == 500


def test_a_clawback_that_finds_too_little_takes_what_is_there_and_owes_the_rest(shop: Shop) -> None:
    shop.hear(paid())
    shop.spend(800)
    shop.hear(refunded())
    assert (shop.order.taken, shop.order.owed, shop.order.target) == (200, 300, 500)
    assert (shop.account.available, shop.account.shortfall) == (0, 300)


def test_the_next_award_repays_what_is_owed(shop: Shop) -> None:
    shop.hear(paid())
    shop.spend(1_000)
    shop.hear(refunded())
    shop.hear(paid(order_id="2"))
    assert (shop.account.available, shop.account.shortfall) == (500, 0)


def test_money_spent_between_reading_and_posting_is_not_taken_twice(shop: Shop) -> None:
    shop.hear(paid())

    def spend_once() -> None:
        if shop.account.available == 1_000:
            shop.spend(800)

    with shop.before_writes(spend_once):
        shop.hear(refunded())
    assert (shop.order.taken, shop.order.owed) == (200, 300)
    assert (shop.account.available, shop.account.shortfall) == (0, 300)


@pytest.mark.parametrize(("automatic", "more"), [(True, 0), (False, 1)])
def test_only_an_undecided_order_costs_a_read_of_the_settings_it_was_frozen_at(automatic: bool, more: int) -> None:
    shop = Shop(auto_processing=automatic)
    shop.hear(paid())
    calls = []
    for refund_id in "rs":
        before = shop.dynamo.faults.calls
        shop.hear(refunded(refund_id, 100))
        calls.append(shop.dynamo.faults.calls - before)
        shop.change(base_rate="0.2")
    assert calls[1] - calls[0] == more


def test_a_failure_keeps_the_facts_and_shows_the_order_as_failed(shop: Shop) -> None:
    shop.fail(paid(), "busy")
    assert (shop.order.status, shop.order.reason, shop.order.facts.paid) == (Status.FAILED, "busy", True)
    assert shop.accounts == {}


def test_a_failed_order_is_awarded_by_newer_news(shop: Shop) -> None:
    shop.fail(refunded(), "busy")
    shop.hear(paid())
    assert shop.order.status is Status.PARTIALLY_REVERSED
    assert shop.account.available == 500


def test_a_failure_to_hear_more_does_not_hide_an_award(shop: Shop) -> None:
    shop.hear(paid())
    shop.fail(refunded(), "busy")
    assert shop.order.status is Status.PROCESSED


def test_news_of_another_source_change_nothing_but_the_history(shop: Shop) -> None:
    shop.hear(paid())
    shop.hear(replace(refunded(), source="woocommerce"))
    order = shop.order
    assert (order.status, order.source, order.history[-1].reason) == (Status.PROCESSED, "shopify", "source_conflict")
    assert shop.account.available == 1_000


def test_old_news_of_a_customer_change_nothing(shop: Shop) -> None:
    newer, older = (CustomerNews(CUSTOMER, f"2026-03-0{day}T00:00:00.000000Z", name=f"day {day}") for day in (2, 1))
    assert record_customer(shop.books, STORE, newer, NOW).changed
    assert not record_customer(shop.books, STORE, older, NOW).changed
    profile = shop.books.customers.get(STORE, CUSTOMER)
    assert profile is not None
    assert profile.name == "day 2"
