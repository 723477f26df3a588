"""The use case around a decision: races are decided again, and what cannot be decided goes back to the queue."""

from copy import replace
from typing import Any

import pytest

from cashback.domain.customers import Profile
from cashback.domain.errors import Busy
from cashback.domain.facts import Facts, Refund
from cashback.domain.ledger import Posted
from cashback.domain.news import CustomerNews
from cashback.domain.orders import News, Status
from cashback.domain.settings import Settings
from cashback.services.record_customer import record_customer
from cashback.services.record_order import DECISIONS, look_up, record_order
from tests.unit import builders
from tests.unit.builders import CUSTOMER, NOW, ORDER, STORE, Shop, at, body, line, news, units


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


def test_the_first_order_of_somebody_unknown_is_refused_nothing(shop: Shop) -> None:
    settings, calls = shop.settings, list[str]()
    shop.dynamo.faults.before_call = lambda _, operation: calls.append(operation)
    record_order(shop.books, settings, paid(), NOW)
    assert calls == ["BatchGetItem", "TransactWriteItems", "TransactWriteItems"]
    assert shop.account.available == 1_000


def test_the_account_that_a_tier_or_a_number_asks_for_is_read_with_the_order() -> None:
    shop = Shop(base_rate="0.1", tiers=[{"name": "gold", "min_spent": "100", "rate": "0.2"}])
    shop.hear(paid())
    settings, calls = replace(shop.settings, numbers_orders=True), list[str]()
    shop.dynamo.faults.before_call = lambda _, operation: calls.append(operation)
    order = record_order(shop.books, settings, paid(order_id="2", created_at=at(9)), NOW)
    assert calls == ["BatchGetItem", "TransactWriteItems"]
    assert order is not None
    assert (order.award, order.number) == (2_000, 2)


def test_a_buyer_who_is_created_by_another_worker_meanwhile_is_credited_once(shop: Shop) -> None:
    told = CustomerNews(CUSTOMER, NOW, name="Ada Brandt")
    with shop.before_writes(lambda: record_customer(shop.books, STORE, told, NOW)):
        shop.hear(paid())
    assert shop.posted == {f"ord:{ORDER}:earn": 1_000}
    profile = shop.books.customers.get(STORE, CUSTOMER)
    assert profile is not None
    assert profile.name == "Ada Brandt"


@pytest.mark.parametrize(
    "told",
    [
        news(body(line("l"))),
        paid(customer_id=None),
        replace(paid(), facts=replace(paid().facts, cancelled=True)),
        builders.paid(line("l", 10_000), refunds=[Refund("r", (units("l", 1),))]),
        replace(paid(), of_regular=True),
    ],
    ids=["unpaid", "a guest's", "cancelled", "refunded", "a regular's"],
)
def test_news_of_no_mere_sale_read_the_order_alone(shop: Shop, told: News) -> None:
    settings, calls = shop.settings, list[str]()
    shop.dynamo.faults.before_call = lambda _, operation: calls.append(operation)
    record_order(shop.books, settings, told, NOW)
    assert calls[0] == "GetItem"
    assert "BatchGetItem" not in calls


def test_the_tier_of_a_merged_buyer_is_that_of_the_kept_account() -> None:
    shop = Shop(base_rate="0.1", tiers=[{"name": "gold", "min_spent": "100", "rate": "0.2"}])
    shop.hear(paid(customer_id="kept"))
    shop.books.customers.create(STORE, Profile(CUSTOMER, NOW, NOW), NOW)
    assert isinstance(shop.books.ledger.merge(STORE, CUSTOMER, "kept", NOW, "test"), Posted)
    shop.hear(paid(order_id="2", created_at=at(9)))
    assert shop.accounts["kept"].available == 1_000 + 2_000


def test_an_account_that_was_read_with_a_counted_order_numbers_it_by_none_older() -> None:
    """The two are read at once, and the account may be the older one."""
    shop = Shop(base_rate="0.1")
    shop.hear(paid())
    order, image = shop.books.orders.get_with_account(STORE, ORDER, CUSTOMER)
    assert order is not None
    assert image is not None
    older = replace(image, attributes={**image.attributes, "orders_count": {"N": "0"}})
    for counted, number in ((order, 1), (replace(order, counted=False, number=None), 0)):
        known = look_up(shop.books, shop.settings, replace(counted, number=None), Facts(), numbered=True, image=older)
        assert known.orders_count == number


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


@pytest.mark.row("F17")
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


def test_a_review_claims_no_order_for_the_source_that_tells_of_it() -> None:
    review = News(ORDER, "events", Facts(reviews={"v1": at(9)}))
    for told in (
        (review, paid()),
        (paid(), review),
        (review, replace(review, facts=Facts(reviews={"v1": at(9)})), paid()),
    ):
        shop = Shop()
        for news_ in told:
            shop.hear(news_)
        assert (shop.order.source, shop.order.status, shop.account.available) == ("shopify", Status.PROCESSED, 500)
        assert shop.order.facts.reviews == {"v1": at(9)}
        assert not [step for step in shop.order.history if step.reason == "source_conflict"]


def test_old_news_of_a_customer_change_nothing(shop: Shop) -> None:
    newer, older = (CustomerNews(CUSTOMER, f"2026-03-0{day}T00:00:00.000000Z", name=f"day {day}") for day in (2, 1))
    assert record_customer(shop.books, STORE, newer, NOW).changed
    assert not record_customer(shop.books, STORE, older, NOW).changed
    profile = shop.books.customers.get(STORE, CUSTOMER)
    assert profile is not None
    assert profile.name == "day 2"


# ---- when it was recorded


def record(shop: Shop, told: News, now: str) -> None:
    record_order(shop.books, shop.settings, told, now)


def test_what_first_happened_is_recorded_when_we_heard_it_and_never_again(shop: Shop) -> None:
    record(shop, news(body(line("l", 10_000, quantity=2))), at(10))
    record(shop, refunded(), at(11))
    record(shop, paid(second=5), at(12))
    record(shop, news(None, completed=True), at(13))
    record(shop, replace(paid(second=3), facts=Facts(reviews={"v": at(1)})), at(14))
    record(shop, news(None, cancelled=True), at(15))
    heard = {"created": at(10), "ref:r": at(11), "paid": at(12), "completed": at(13), "rev:v": at(14)}
    assert shop.order.recorded == {**heard, "cancelled": at(15)}
    for again in (paid(second=9), refunded(amount=6_000), news(None, cancelled=True, since={"cancelled": at(0)})):
        record(shop, again, at(20))
    assert shop.order.recorded == {**heard, "cancelled": at(15)}


def test_an_order_that_failed_has_recorded_what_it_kept(shop: Shop) -> None:
    shop.fail(paid(), "busy")
    assert shop.order.recorded == dict.fromkeys(("created", "paid"), NOW)


def test_news_of_another_source_record_nothing(shop: Shop) -> None:
    record(shop, paid(), at(10))
    record(shop, replace(refunded(), source="woocommerce"), at(11))
    assert shop.order.recorded == dict.fromkeys(("created", "paid"), at(10))


@pytest.mark.row("F44")
def test_what_older_code_recorded_was_recorded_no_later_than_the_order_was_seen(shop: Shop) -> None:
    record(shop, paid(), at(10))
    untimed = replace(shop.order, recorded={}, rev=shop.order.rev + 1)
    assert shop.books.orders.save(STORE, untimed) is None
    record(shop, refunded(), at(20))
    assert shop.order.recorded == {"created": at(10), "paid": at(10), "ref:r": at(20)}


@pytest.mark.parametrize("told", [Facts(reviews={"v": at(1)}), Facts(paid=True, since={"paid": at(1)})])
def test_a_review_or_an_earlier_time_is_recorded_and_decides_nothing_anew(shop: Shop, told: Facts) -> None:
    shop.hear(paid(since={"paid": at(9)}, paid=True))
    shop.change(cashback_enabled=False)
    shop.hear(builders.paid(line("l", 10_000, quantity=2), line("m", 5_000), second=1, paid=True))
    shop.change(cashback_enabled=True)
    assert shop.hear(News(ORDER, builders.SOURCE, told)) is not None
    assert shop.hear(News(ORDER, builders.SOURCE, told)) is None
    assert shop.order.facts.since["paid"] == (at(9) if told.reviews else at(1))
    assert set(shop.order.facts.reviews) == set(told.reviews)
    assert shop.account.available == 1_000, "what was added while cashback was off waits for a person, or newer news"


def test_a_review_of_an_order_that_is_not_known_yet_waits_for_it(shop: Shop) -> None:
    shop.hear(News(ORDER, builders.SOURCE, Facts(reviews={"v": at(1)})))
    assert (shop.order.status, shop.order.customer_id, list(shop.order.recorded)) == (Status.AWAITING, None, ["rev:v"])
    shop.hear(paid())
    assert (shop.account.available, set(shop.order.recorded)) == (1_000, {"created", "paid", "rev:v"})


# ---- which order of its customer it is


class Counting(Shop):
    """A shop whose scenarios ask which order of its customer each is."""

    @property
    def settings(self) -> Settings:
        return replace(super().settings, numbers_orders=True)


def numbers(shop: Shop) -> dict[str, int | None]:
    return {order_id: order.number for order_id, order in shop.orders.items()}


def test_an_order_is_numbered_when_body_and_customer_are_known_and_never_again() -> None:
    shop = Counting()
    shop.hear(paid(order_id="a"))
    shop.hear(news(None, Refund("r", (units("l"),)), order_id="c"))
    shop.hear(news(body(line()), order_id="b"))
    assert numbers(shop) == {"a": 1, "b": 2, "c": None}
    shop.hear(paid(order_id="c"))
    shop.hear(paid(order_id="b", second=1))
    shop.hear(paid(order_id="a", second=1))
    assert numbers(shop) == {"a": 1, "b": 2, "c": 2}, "an order is counted once it is paid"
    shop.hear(paid(order_id="d"))
    assert numbers(shop)["d"] == 4


def test_a_guests_order_is_numbered_when_it_is_claimed() -> None:
    shop = Counting()
    shop.hear(paid(order_id="a"))
    shop.hear(replace(paid(order_id="b", customer_id=None), contacts=frozenset({"email:ada@example.com"})))
    assert numbers(shop) == {"a": 1, "b": None}
    shop.verify("email:ada@example.com")
    shop.settle("b")
    assert numbers(shop) == {"a": 1, "b": 2}


def test_an_order_that_was_counted_before_the_store_asked_is_among_those_counted() -> None:
    shop = Shop()
    for order_id in "ab":
        shop.hear(paid(order_id=order_id))
    assert numbers(shop) == {"a": None, "b": None}
    asking = replace(shop.settings, numbers_orders=True)
    record_order(shop.books, asking, replace(refunded(), order_id="b"), NOW)
    assert numbers(shop) == {"a": None, "b": 2}


def test_an_order_that_is_processed_by_hand_is_numbered_then() -> None:
    shop = Counting(cashback_enabled=False)
    shop.fail(paid(), "busy")
    assert numbers(shop) == {ORDER: None}
    shop.change(cashback_enabled=True)
    shop.process()
    assert numbers(shop) == {ORDER: 1}


@pytest.mark.parametrize("tiers", [[], [{"name": "gold", "min_spent": "10", "rate": "0.2"}]])
def test_a_number_costs_no_read_of_its_own(tiers: list[dict[str, str]]) -> None:
    def calls(shop: Shop, told: News) -> int:
        before = shop.dynamo.faults.calls
        record_order(shop.books, settings, told, NOW)
        return shop.dynamo.faults.calls - before

    costs = []
    for numbers_orders in (False, True):
        shop = Shop(tiers=tiers)
        shop.hear(paid(order_id="a"))
        settings = replace(shop.settings, numbers_orders=numbers_orders)
        costs.append([calls(shop, paid()), calls(shop, paid())])
    assert costs[1] == costs[0]
    assert costs[1][1] == 1


def test_an_order_that_was_paid_while_cashback_was_off_earns_nothing_when_it_is_told_of_again() -> None:
    shop = Shop(cashback_enabled=False)
    shop.hear(paid())
    shop.change(cashback_enabled=True)
    shop.hear(news(body(line("1", 10_000), second=9, paid=True), paid=True))
    assert (shop.order.status, shop.order.reason) == (Status.NOT_ELIGIBLE, "cashback_disabled")
    assert shop.posted == {}
