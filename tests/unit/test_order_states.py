"""What an order's document says of its state, and what persons and failures make of it."""

from copy import replace
from typing import Any

import pytest

from cashback.domain.facts import Facts
from cashback.domain.orders import AMBIGUOUS_CONTACT, FULLY_REFUNDED, PRODUCT_UNKNOWN, Order, Review, Status
from cashback.domain.times import instant, moment
from cashback.services.process_order import process_order
from tests.unit.builders import CUSTOMER, NOW, ORDER, SOURCE, Shop, at, body, line, news, paid, refund, units

PENDING = paid(line("1", 10_000))
GROWN = news(body(line("1", 10_000), line("2", 5_000), second=1, paid=True), paid=True)


def order(status: Status, reason: str, *verdicts: str, **more: Any) -> Order:
    """An order to which persons did this."""
    reviews = tuple(Review(verdict, "key:anna", NOW, "", "") for verdict in verdicts)
    return Order(ORDER, SOURCE, NOW, status=status, reason=reason, reviews=reviews, **more)


def test_an_order_is_rejected_for_good_but_where_a_refund_that_may_be_undone_rejected_it() -> None:
    assert order(Status.REJECTED, "order_cancelled").is_final
    assert order(Status.REJECTED, "suspicious", "rejected").is_final
    assert not order(Status.REJECTED, FULLY_REFUNDED).is_final
    assert not order(Status.REJECTED, FULLY_REFUNDED, "held").is_final
    assert not order(Status.PENDING, "manual_review").is_final


def test_a_person_who_says_what_the_engine_says_rejects_for_good_all_the_same() -> None:
    worded = order(Status.REJECTED, FULLY_REFUNDED, "held", "rejected")
    assert worded.is_final
    assert worded.worded_by == worded.reviews[-1]


def test_a_reason_in_a_persons_words_is_logged_without_the_words() -> None:
    assert order(Status.REJECTED, "lives next door", "rejected").reason_code == "rejected_by_a_person"
    assert order(Status.HELD, "lives next door", "held").reason_code == "held_by_a_person"
    assert order(Status.HELD, "award_over_limit").reason_code == "award_over_limit"


def test_only_what_the_engine_held_for_something_unknown_resolves_itself() -> None:
    assert order(Status.HELD, PRODUCT_UNKNOWN).unresolved
    assert order(Status.HELD, AMBIGUOUS_CONTACT).unresolved
    assert not order(Status.HELD, "award_over_limit").unresolved
    assert not order(Status.HELD, PRODUCT_UNKNOWN, "held").unresolved


@pytest.mark.parametrize(
    ("status", "reason", "verdicts", "waits"),
    [
        (Status.AWAITING_CUSTOMER, "guest_order", (), True),
        (Status.HELD, AMBIGUOUS_CONTACT, (), True),
        (Status.HELD, AMBIGUOUS_CONTACT, ("held",), False),
        (Status.HELD, PRODUCT_UNKNOWN, (), False),
        (Status.PENDING, "manual_review", (), False),
    ],
)
def test_a_contact_is_awaited_where_it_would_decide_the_order(
    status: Status, reason: str, verdicts: tuple[str, ...], waits: bool
) -> None:
    contacts = frozenset({"mac"})
    known = order(status, reason, *verdicts, facts=Facts(body=body(contacts=contacts)))
    assert known.awaited_contacts == (contacts if waits else frozenset())


@pytest.mark.parametrize(
    ("status", "reason", "verdicts", "waits"),
    [
        (Status.PROCESSED, "awarded", (), True),
        (Status.HELD, PRODUCT_UNKNOWN, (), True),
        (Status.HELD, PRODUCT_UNKNOWN, ("held",), False),
        (Status.HELD, AMBIGUOUS_CONTACT, (), False),
    ],
)
def test_a_product_is_awaited_where_it_would_decide_the_order(
    status: Status, reason: str, verdicts: tuple[str, ...], waits: bool
) -> None:
    missing = frozenset({"p1"})
    assert order(status, reason, *verdicts, missing=missing).awaited_products == (missing if waits else frozenset())


def test_an_order_was_created_when_the_shop_says_else_when_it_was_first_heard_of() -> None:
    assert order(Status.AWAITING, "not_paid").created_at == NOW
    assert order(Status.AWAITING, "not_paid", facts=Facts(began_at=at(3))).created_at == at(3)


# ---- what persons make of it


def test_lines_that_a_person_adds_are_on_record_beside_the_approval_with_what_they_earned() -> None:
    store = Shop(base_rate="0.1", auto_processing=False)
    store.hear(PENDING)
    store.approve()
    store.hear(GROWN)
    store.process()
    assert [(review.verdict, review.amount) for review in store.order.reviews] == [("approved", 1_000), ("added", 500)]
    assert store.order.review == store.order.reviews[0]
    assert store.account.available == 1_500


def test_lines_that_a_person_adds_to_a_reversed_order_show_who_did_it_and_when() -> None:
    store = Shop(base_rate="0.1", auto_processing=False)
    store.hear(PENDING)
    store.approve()
    store.hear(news(None, refund("r1", units("1"))))
    assert store.order.status is Status.REVERSED
    store.hear(GROWN)
    store.process()
    last = store.order.history[-1]
    assert (last.status, last.actor, last.at) == (Status.PARTIALLY_REVERSED, "key:anna", NOW)


def test_an_order_that_was_counted_is_processed_for_the_customer_it_counts_for() -> None:
    store = Shop(base_rate="0.1", cashback_enabled=False)
    store.hear(PENDING)
    store.hear(paid(line("1", 10_000), second=1, customer_id="7002"))
    store.change(cashback_enabled=True)
    store.process()
    assert (store.order.customer_id, store.account.available) == (CUSTOMER, 1_000)


def test_an_order_that_is_held_when_processed_waits_from_then_on() -> None:
    store = Shop(base_rate="0.1", hold_over_award="1.00")
    store.fail(PENDING, "KeyError")
    store.process()
    assert (store.order.status, store.order.queued_at) == (Status.HELD, NOW)


def test_an_order_that_nobody_claimed_is_claimable_anew_from_when_it_is_processed() -> None:
    store = Shop(base_rate="0.1")
    store.hear(replace(paid(line("1", 10_000), customer_id=None), contacts=frozenset({"ada@example.org"})))
    until = store.order.claim_until
    assert until is not None
    store.settle(now=until)
    assert store.order.reason == "guest_not_claimed"
    anew = Review("processed", "key:anna", until, "request", "body", expected=1_000)
    process_order(store.books, store.settings, ORDER, anew)
    assert (store.order.status, store.order.claim_until) == (
        Status.AWAITING_CUSTOMER,
        instant(moment(until) + (moment(until) - moment(NOW))),
    )


# ---- what failures make of it


def test_a_failure_is_the_engines_on_record() -> None:
    store = Shop()
    store.fail(PENDING, "busy")
    assert [(step.status, step.reason, step.actor) for step in store.order.history] == [
        (Status.FAILED, "busy", "engine")
    ]


def test_a_failure_hides_nothing_that_a_person_did() -> None:
    store = Shop(auto_processing=False)
    store.hear(PENDING)
    store.act("held", "k", NOW)
    held = store.order
    store.fail(GROWN, "busy")
    assert store.order == held


def test_a_failure_with_the_news_of_another_source_is_none_of_the_orders() -> None:
    store = Shop(auto_processing=False)
    store.hear(PENDING)
    before = store.order
    store.fail(replace(GROWN, source="woocommerce"), "busy")
    assert store.order == before
