"""The use case around a decision: races are decided again, and what cannot be decided goes back to the queue."""

from collections.abc import Callable
from copy import replace
from types import MappingProxyType
from typing import Any, cast

import pytest

from cashback.domain.errors import Busy, CustomerNotFound
from cashback.domain.facts import Body, Facts, Line, Refund, RefundLine
from cashback.domain.ledger import Entry, Kind, Posting, payload_hash
from cashback.domain.money import Currency
from cashback.domain.news import CustomerNews
from cashback.domain.orders import News, Order, Status
from cashback.domain.settings import DEFAULTS, parse_settings
from cashback.edge.deps import make_books
from cashback.services.record_customer import record_customer
from cashback.services.record_order import DECISIONS, record_failure, record_order
from tests.simulation.dynamo import SimulatedDynamo
from tests.simulation.project_tables import table_specs

NOW = "2026-03-01T09:30:00.000000Z"
STORE = "shop"
SETTINGS = parse_settings(
    STORE, 1, Currency("USD", 2), {**DEFAULTS, "name": "Shop", "timezone": "Europe/Berlin", "base_rate": "0.1"}
)


class Shop:
    """One store on the simulated tables, and a way to let something happen just before a write."""

    def __init__(self) -> None:
        self.dynamo = SimulatedDynamo(table_specs())
        self.books = make_books(cast("Any", self.dynamo), "Ledger", "State", sleep=lambda _: None)

    def record(self, facts: Facts, order_id: str = "1", **news: Any) -> Order | None:
        return record_order(self.books, SETTINGS, News(order_id, "shopify", facts, **news), NOW)

    def order(self, order_id: str = "1") -> Order:
        order = self.books.orders.get(STORE, order_id)
        assert order is not None
        return order

    def available(self) -> int:
        return self.books.ledger.account(STORE, "c").available

    def before_transactions(self, act: Callable[[], object]) -> None:
        """Run ``act`` before each transaction, as another worker would; not within itself."""

        def hook(_index: int, operation: str) -> None:
            if operation == "TransactWriteItems":
                self.dynamo.faults.before_call = None
                act()
                self.dynamo.faults.before_call = hook

        self.dynamo.faults.before_call = hook


def paid(*, minute: int = 1, gross: int = 10_000) -> Facts:
    at = f"2026-03-01T09:{minute:02d}:00.000000Z"
    line = Line("l", quantity=2, gross=gross, current_quantity=2)
    body = Body(
        updated_at=at, created_at=NOW, currency="USD", lines=(line,), line_count=1, total=gross, customer_id="c"
    )
    return Facts(body=body, paid=True)


def refund(refund_id: str = "r", amount: int = 5_000) -> Facts:
    return Facts(refunds=MappingProxyType({refund_id: Refund(refund_id, (RefundLine("l", 1, amount),))}))


def test_a_customer_whom_nobody_knew_is_created_as_the_order_names_them() -> None:
    shop = Shop()
    shop.record(paid(), customer=CustomerNews("c", NOW, name="Ada Brandt"))
    profile = shop.books.customers.get(STORE, "c")
    assert profile is not None
    assert profile.name == "Ada Brandt"
    assert shop.available() == 1_000


def test_an_order_does_not_overwrite_a_profile() -> None:
    shop = Shop()
    record_customer(shop.books, STORE, CustomerNews("c", NOW, name="Ada Brandt"), NOW)
    shop.record(paid(), customer=CustomerNews("c", "2027-01-01T00:00:00.000000Z", name="Somebody Else"))
    profile = shop.books.customers.get(STORE, "c")
    assert profile is not None
    assert profile.name == "Ada Brandt"


def test_a_refund_that_comes_between_reading_and_posting_is_decided_together_with_the_award() -> None:
    shop = Shop()
    shop.before_transactions(lambda: shop.record(refund()))
    shop.record(paid())
    assert shop.order().status is Status.PARTIALLY_REVERSED
    assert shop.available() == 500


def test_two_workers_with_the_same_news_post_once() -> None:
    shop = Shop()
    shop.before_transactions(lambda: shop.record(paid()))
    assert shop.record(paid()) is None
    assert shop.available() == 1_000


def test_news_that_are_overtaken_at_every_decision_go_back_to_the_queue_instead_of_being_dropped() -> None:
    shop = Shop()
    shop.record(paid())
    minutes = iter(range(2, 60))
    shop.dynamo.faults.before_call = None

    def overtake() -> None:
        order = shop.order()
        newer = paid(minute=next(minutes))
        shop.books.orders.save(STORE, replace(order, facts=order.facts.merged(newer), rev=order.rev + 1))

    shop.before_transactions(overtake)
    with pytest.raises(Busy):
        shop.record(refund())
    shop.dynamo.faults.before_call = None
    assert "r" not in shop.order().facts.refunds
    assert next(minutes) == 2 + DECISIONS
    shop.record(refund())
    assert shop.available() == 500


def test_a_clawback_that_finds_too_little_takes_what_is_there_and_owes_the_rest() -> None:
    shop = Shop()
    shop.record(paid())
    spent = Entry("adm:1", Kind.MANUAL, -800, "test", payload_hash("m"))
    shop.books.ledger.post(Posting(STORE, "c", NOW, entries=(spent,)))
    shop.record(refund())
    order = shop.order()
    assert (order.taken, order.owed, order.target) == (200, 300, 500)
    account = shop.books.ledger.account(STORE, "c")
    assert (account.available, account.shortfall) == (0, 300)


def test_the_next_award_repays_what_is_owed() -> None:
    shop = Shop()
    shop.record(paid())
    spent = Entry("adm:1", Kind.MANUAL, -1_000, "test", payload_hash("m"))
    shop.books.ledger.post(Posting(STORE, "c", NOW, entries=(spent,)))
    shop.record(refund())
    shop.record(paid(), order_id="2")
    account = shop.books.ledger.account(STORE, "c")
    assert (account.available, account.shortfall) == (500, 0)


def test_a_failure_keeps_the_facts_and_shows_the_order_as_failed() -> None:
    shop = Shop()
    record_failure(shop.books, SETTINGS, News("1", "shopify", paid()), "busy", NOW)
    order = shop.order()
    assert (order.status, order.reason, order.facts.paid) == (Status.FAILED, "busy", True)
    with pytest.raises(CustomerNotFound):
        shop.available()


def test_a_failed_order_is_awarded_by_newer_news() -> None:
    shop = Shop()
    record_failure(shop.books, SETTINGS, News("1", "shopify", refund()), "busy", NOW)
    shop.record(paid())
    assert shop.order().status is Status.PARTIALLY_REVERSED
    assert shop.available() == 500


def test_a_failure_to_hear_more_does_not_hide_an_award() -> None:
    shop = Shop()
    shop.record(paid())
    record_failure(shop.books, SETTINGS, News("1", "shopify", refund()), "busy", NOW)
    assert shop.order().status is Status.PROCESSED


def test_news_of_another_source_change_nothing_but_the_history() -> None:
    shop = Shop()
    shop.record(paid())
    record_order(shop.books, SETTINGS, News("1", "woocommerce", refund()), NOW)
    order = shop.order()
    assert (order.status, order.source, order.history[-1].reason) == (Status.PROCESSED, "shopify", "source_conflict")
    assert shop.available() == 1_000


def test_old_news_of_a_customer_change_nothing() -> None:
    shop = Shop()
    assert record_customer(shop.books, STORE, CustomerNews("c", "2026-03-02T00:00:00.000000Z", name="New"), NOW)
    assert not record_customer(shop.books, STORE, CustomerNews("c", "2026-03-01T00:00:00.000000Z", name="Old"), NOW)
    profile = shop.books.customers.get(STORE, "c")
    assert profile is not None
    assert profile.name == "New"
