"""Case 28: a guest's order waits for the one customer who verifies its contact, for as many days as the store says."""

from typing import Any

import pytest

from cashback.domain.errors import StateConflict
from cashback.domain.facts import Line
from cashback.domain.orders import News, Status
from tests.unit.builders import CUSTOMER, NOW, ORDER, STORE, Shop, body, line, news, paid, refund, units

MAIL, PHONE = "email:ann@example.com", "phone:+4915112345678"
LATER = "2026-03-30T12:00:00.000000Z"
TOO_LATE = "2026-03-31T12:00:00.000000Z"


def guest(*lines: Line, contacts: tuple[str, ...] = (MAIL,), **more: Any) -> News:
    told = paid(*(lines or (line(gross=10_000),)), customer_id=None, **more)
    return News(told.order_id, told.source, told.facts, contacts=frozenset(contacts))


def waiting(store: Shop, contact: str = MAIL) -> list[str]:
    (mac,) = store.books.contacts.macs(STORE, [contact])
    return store.books.waiting.for_contact(STORE, mac)


def test_case_28_a_guests_order_waits_and_its_customer_claims_it_at_the_rate_of_its_date() -> None:
    store = Shop(base_rate="0.1")
    store.hear(guest())
    assert (store.order.status, store.order.reason, waiting(store)) == (
        Status.AWAITING_CUSTOMER,
        "guest_order",
        [ORDER],
    )
    store.change(base_rate="0.5")
    store.verify(MAIL, CUSTOMER)
    store.settle()
    assert (store.order.status, store.order.customer_id, store.account.available) == (Status.PROCESSED, CUSTOMER, 1_000)
    assert (waiting(store), store.account.orders_count, store.account.total_spent) == ([], 1, 10_000)
    assert store.settle() is None


def test_a_contact_known_already_takes_the_order_at_once() -> None:
    store = Shop(base_rate="0.1")
    store.verify(PHONE, CUSTOMER)
    store.hear(guest(contacts=(MAIL, PHONE)))
    assert (store.order.status, store.account.available) == (Status.PROCESSED, 1_000)


def test_a_contact_verified_between_the_look_and_the_write_is_seen() -> None:
    store = Shop(base_rate="0.1")
    with store.before_writes(lambda: store.verify(MAIL, CUSTOMER)):
        store.hear(guest())
    assert (store.order.status, store.account.available) == (Status.PROCESSED, 1_000)


def test_a_repeated_delivery_looks_again() -> None:
    store = Shop(base_rate="0.1")
    store.hear(guest())
    store.verify(MAIL, CUSTOMER)
    store.hear(guest())
    assert store.order.status is Status.PROCESSED


def test_case_28_two_customers_with_the_contact_are_a_persons_business_until_one_is_left() -> None:
    store = Shop(base_rate="0.1")
    store.verify(MAIL, CUSTOMER)
    store.verify(MAIL, "7002")
    store.hear(guest())
    assert (store.order.status, store.order.reason) == (Status.HELD, "ambiguous_contact")
    with pytest.raises(StateConflict):
        store.approve()
    store.unverify(MAIL, "7002")
    store.settle()
    assert (store.order.status, store.order.customer_id) == (Status.PROCESSED, CUSTOMER)


def test_an_ambiguous_order_waits_again_when_nobody_is_left() -> None:
    store = Shop()
    store.verify(MAIL, CUSTOMER)
    store.verify(MAIL, "7002")
    store.hear(guest())
    store.unverify(MAIL, CUSTOMER)
    store.unverify(MAIL, "7002")
    store.settle()
    assert (store.order.status, store.order.claim_until) == (Status.AWAITING_CUSTOMER, TOO_LATE)


def test_the_tier_is_that_of_the_customer_who_claims() -> None:
    store = Shop(base_rate="0.1", tiers=[{"name": "Gold", "min_spent": "50.00", "rate": "0.2"}])
    store.hear(paid(line(gross=6_000), order_id="earlier"))
    store.hear(guest())
    store.verify(MAIL, CUSTOMER)
    store.settle()
    assert (store.order.terms and store.order.terms.tier, store.order.award) == ("Gold", 2_000)


def test_in_manual_mode_a_claimed_order_is_pending() -> None:
    store = Shop(auto_processing=False)
    store.hear(guest())
    store.verify(MAIL, CUSTOMER)
    store.settle()
    assert store.order.status is Status.PENDING


def test_an_order_is_claimable_to_its_last_moment_and_not_after() -> None:
    store = Shop(base_rate="0.1")
    store.hear(guest())
    assert store.order.claim_until == TOO_LATE
    assert store.settle(now=LATER) is None
    store.settle(now=TOO_LATE)
    assert (store.order.status, store.order.reason) == (Status.NOT_ELIGIBLE, "guest_not_claimed")
    assert store.order.claim_until is None
    assert waiting(store) == []
    store.verify(MAIL, CUSTOMER)
    assert store.settle(now=TOO_LATE) is None


def test_before_an_order_expires_its_contacts_are_looked_at_once_more() -> None:
    store = Shop(base_rate="0.1")
    store.hear(guest())
    store.verify(MAIL, CUSTOMER)
    store.settle(now=TOO_LATE)
    assert store.order.status is Status.PROCESSED


def test_a_guests_order_that_is_refunded_or_cancelled_waits_for_nobody() -> None:
    for end in (news(None, refund("r1", units())), news(cancelled=True)):
        store = Shop()
        store.hear(guest())
        store.hear(end)
        assert (store.order.status, waiting(store)) == (Status.NOT_ELIGIBLE, [])


def test_a_refund_before_the_claim_is_clawed_in_the_claiming_posting() -> None:
    store = Shop(base_rate="0.1")
    store.hear(guest(line("1", 6_000), line("2", 4_000)))
    store.hear(news(None, refund("r1", units("2"))))
    store.verify(MAIL, CUSTOMER)
    store.settle()
    assert store.postings == [{f"ord:{ORDER}:earn": 1_000, f"ord:{ORDER}:ref:r1": -400}]


def test_a_newer_body_with_another_contact_waits_for_that_one() -> None:
    store = Shop()
    store.hear(guest())
    store.hear(guest(contacts=(PHONE,), second=1))
    assert (waiting(store, MAIL), waiting(store, PHONE)) == ([], [ORDER])


def test_a_body_that_names_the_customer_ends_the_waiting() -> None:
    store = Shop(base_rate="0.1")
    store.hear(guest())
    store.hear(paid(line(gross=10_000), second=1))
    assert (store.order.status, store.order.customer_id, waiting(store)) == (Status.PROCESSED, CUSTOMER, [])


def test_an_unpaid_guests_order_waits_for_its_payment_only() -> None:
    store = Shop()
    told = news(body(line(), customer_id=None))
    store.hear(News(told.order_id, told.source, told.facts, contacts=frozenset({MAIL})))
    assert (store.order.status, waiting(store)) == (Status.AWAITING, [])


def test_the_order_keeps_no_contact_but_its_keyed_hash() -> None:
    store = Shop()
    store.hear(guest(contacts=(MAIL, PHONE)))
    assert "ann@example.com" not in repr(store.order)
    assert "4915112345678" not in repr(store.dynamo.items("State"))


def test_an_expired_order_is_processed_by_hand_once_its_customer_is_known() -> None:
    store = Shop(base_rate="0.1")
    store.hear(guest())
    store.settle(now=TOO_LATE)
    store.verify(MAIL, CUSTOMER)
    assert (store.preview().order.status, store.preview().amount) == (Status.PROCESSED, 1_000)
    store.process()
    assert store.account.available == 1_000
    assert NOW < TOO_LATE
