"""A person is forgotten: nothing of them is left in the tables, and the money stays right (case 30, invariant 19)."""

import pytest

from cashback.domain.api_keys import Role
from cashback.domain.news import CustomerNews
from cashback.domain.orders import Review, Status
from cashback.domain.payment_accounts import digital_account
from cashback.services import erase_customer
from cashback.services.erase_customer import forget_contacts
from cashback.services.record_customer import record_customer
from cashback.services.review_order import approve_order, reject_order
from tests.unit.builders import CUSTOMER, NOW, ORDER, STORE, Shop, at, line, news, paid, refund, units
from tests.unit.people import ADA, OTHER, erase, everything, merge, note, owners, paid_to, pay, profile, tell

PRIVATE = ("Ada", "Brandt", "ada@example.com", "1555010", "1990-05-17", "a secret word", "vip", "CONTACT", "#ACC#")


def full_shop() -> Shop:
    """A customer, and one who was merged into them, of whom everything is held that can be."""
    shop = Shop(auto_processing=False)
    for customer_id in (CUSTOMER, OTHER):
        tell(shop, customer_id, **ADA, phone_verified=True, birthday="1990-05-17", tags=("vip",))
        for verdict, order_id in (("yes", f"y{customer_id}"), ("no", f"n{customer_id}")):
            shop.hear(paid(line("l", 10_000), order_id=order_id, customer_id=customer_id))
            review(shop, order_id, verdict)
        note(shop, customer_id, "adm:1", "Ada Brandt called: a secret word")
        pay(shop, digital_account("PayPal", f"ada.{customer_id}"), customer_id)
    return shop


def review(shop: Shop, order_id: str, verdict: str) -> None:
    """A reviewer decides, and says something about the person."""
    words = "a secret word about Ada"
    if verdict == "yes":
        yes = Review("approved", "key:anna", NOW, f"r{order_id}", "b", expected=500, comment=words)
        approve_order(shop.books, shop.settings, order_id, yes, Role.ADMIN)
    else:
        reject_order(
            shop.books, shop.settings, order_id, words, Review("rejected", "key:anna", NOW, f"r{order_id}", "b")
        )


@pytest.mark.row("S22")
def test_nothing_personal_is_left_in_any_item() -> None:
    shop = full_shop()
    merge(shop)
    assert all(word in everything(shop) for word in PRIVATE)
    assert erase(shop).changed
    left = everything(shop)
    assert [word for word in PRIVATE if word in left] == []
    assert paid_to(shop) == paid_to(shop, OTHER) == {}
    accounts = [item for item in shop.dynamo.items("State") if item["sk"]["S"].startswith("PAYACC#")]
    assert [item.keys() for item in accounts] == [{"pk", "sk", "expires_at_epoch"}] * 3
    assert (profile(shop).erased_at, shop.account.erased_at) == (at(3_000), at(3_000))
    assert shop.account.available == 1_000


def test_the_words_of_a_reviewer_go_and_the_decision_stays() -> None:
    shop = full_shop()
    erase(shop)
    approved, rejected = shop.orders[f"y{CUSTOMER}"], shop.orders[f"n{CUSTOMER}"]
    assert approved.review is not None
    assert (approved.status, approved.reason, approved.review.comment) == (Status.PROCESSED, "approved", None)
    assert (rejected.status, rejected.reason, rejected.history[-1].reason) == (Status.REJECTED, "erased", "erased")
    assert [step.reason for step in rejected.history[:-1]] == ["manual_review"]
    repeated = Review("approved", "key:anna", NOW, f"ry{CUSTOMER}", "b", expected=500)
    assert approve_order(shop.books, shop.settings, f"y{CUSTOMER}", repeated, Role.ADMIN)[1]


@pytest.mark.row("S23")
def test_case_30_a_refund_after_the_erasure_is_posted_and_brings_no_profile_back() -> None:
    shop = Shop()
    tell(shop, **ADA)
    shop.hear(paid(line("l")))
    erase(shop)
    shop.hear(news(None, refund("r1", units("l"))))
    assert (shop.account.available, shop.order.status) == (0, Status.REVERSED)
    assert profile(shop).name is None


def test_an_erasure_told_again_changes_nothing() -> None:
    shop = full_shop()
    assert erase(shop).changed
    written: list[object] = []
    shop.dynamo.observers.append(written.append)
    assert not erase(shop).changed
    assert written == []


def test_contacts_given_up_are_looked_at() -> None:
    shop = Shop()
    held = tell(shop, **ADA).contacts
    assert erase(shop).contacts == held != frozenset()
    assert owners(shop, "ada@example.com") == set()
    assert erase(shop).contacts == held, "a first erasure may have been cut off before it looked"


def test_lost_contacts_are_forgotten_once_they_were_looked_at() -> None:
    shop = Shop()
    for customer_id, email in ((CUSTOMER, "ada@example.com"), (OTHER, "other@example.com")):
        tell(shop, customer_id, email=email, email_verified=True)
    merge(shop)
    forget_contacts(shop.books, STORE, OTHER, set(profile(shop, OTHER).given_up))
    (lost,) = profile(shop, OTHER).given_up
    assert merge(shop).recorded.contacts >= {lost}
    looked_for = erase(shop, OTHER).contacts
    assert looked_for == {lost, *profile(shop).given_up}
    forget_contacts(shop.books, STORE, OTHER, {lost})
    assert [bool(profile(shop, one).given_up) for one in (CUSTOMER, OTHER)] == [True, False]
    forget_contacts(shop.books, STORE, OTHER, looked_for)
    assert (profile(shop).given_up, erase(shop, OTHER).contacts) == ((), frozenset())


def test_of_an_unknown_customer_a_tombstone_keeps_older_news_out() -> None:
    shop = Shop()
    assert erase(shop, second=10).changed
    assert not tell(shop, second=9, **ADA).changed
    shop.hear(paid(line()))
    assert (profile(shop).name, profile(shop).erased_at, shop.account.available) == (None, at(10), 500)
    assert shop.account.erased_at == at(10)
    assert tell(shop, second=11, **ADA).changed
    assert profile(shop).name == "Ada Brandt"


def test_a_customer_who_came_back_since_is_not_erased_by_an_older_deletion() -> None:
    shop = Shop()
    tell(shop, second=11, **ADA)
    assert not erase(shop, second=10).changed
    assert (profile(shop).name, shop.account.erased_at) == ("Ada Brandt", None)


def test_a_profile_from_the_future_is_erased_and_the_same_news_do_not_open_it_again() -> None:
    shop = Shop()
    told = CustomerNews(CUSTOMER, "2099-01-01T00:00:00.000000Z", "Ada Brandt")
    assert record_customer(shop.books, STORE, told, NOW).changed
    assert erase(shop).changed
    assert not record_customer(shop.books, STORE, told, NOW).changed
    assert profile(shop).name is None


def test_to_erase_a_merged_customer_is_to_erase_who_they_are_now() -> None:
    shop = full_shop()
    merge(shop)
    erase(shop, OTHER)
    left = everything(shop)
    assert [word for word in PRIVATE if word in left] == []
    assert (profile(shop).erased_at, profile(shop, OTHER).merged_into) == (at(3_000), CUSTOMER)


def test_a_merge_that_was_cut_off_leaves_nothing_personal_to_an_erasure() -> None:
    shop = full_shop()
    shop.books.ledger.merge(STORE, OTHER, CUSTOMER, NOW, "shop")
    assert erase(shop).changed
    left = everything(shop)
    assert [word for word in PRIVATE if word in left] == []
    assert merge(shop).refused is None


def test_a_customer_who_is_merged_while_they_are_erased_is_erased_where_they_are_now() -> None:
    shop = Shop()
    for customer_id in (CUSTOMER, OTHER):
        tell(shop, customer_id, **ADA)
    acts = iter([1])

    def meanwhile() -> None:
        for _ in acts:
            merge(shop)

    with shop.before_writes(meanwhile):
        erase(shop, OTHER)
    assert profile(shop).erased_at is not None
    assert "Ada" not in everything(shop)


def test_a_customer_whose_balance_is_merged_while_they_are_erased_is_erased_where_it_is_now() -> None:
    shop = Shop()
    for customer_id in (CUSTOMER, OTHER):
        tell(shop, customer_id, **ADA)
    acts = iter([1])

    def meanwhile() -> None:
        for _ in acts:
            shop.books.ledger.merge(STORE, OTHER, CUSTOMER, NOW, "shop")

    with shop.before_writes(meanwhile):
        erase(shop, OTHER)
    assert (profile(shop).erased_at, profile(shop, OTHER).merged_into) == (at(3_000), CUSTOMER)
    assert "Ada" not in everything(shop)


def test_every_page_of_orders_is_gone_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erase_customer, "_ORDERS_AT_ONCE", 1)
    shop = full_shop()
    merge(shop)
    erase(shop)
    assert "a secret word" not in everything(shop)


def test_news_that_come_while_a_customer_is_erased_leave_no_contact_behind() -> None:
    shop = Shop()
    tell(shop, **ADA)
    acts = iter([1])

    def meanwhile() -> None:
        for _ in acts:
            tell(shop, second=1, email="new@example.com", email_verified=True)

    with shop.before_writes(meanwhile):
        erase(shop)
    assert "CONTACT" not in everything(shop)


def test_every_erasure_stands_in_the_audit_once() -> None:
    shop = full_shop()
    for _ in range(2):
        erase(shop)
    assert everything(shop).count("'customer_erased'") == 1


def test_an_order_reviewed_at_the_moment_of_the_erasure_keeps_its_decision() -> None:
    shop = Shop(auto_processing=False)
    tell(shop, **ADA)
    for order_id in (ORDER, "other"):
        shop.hear(paid(line("l"), order_id=order_id))
        review(shop, order_id, "yes")
    acts = iter([1])

    def meanwhile() -> None:
        if shop.account.erased_at is not None:
            for _ in acts:
                shop.hear(news(None, refund("r1", units("l"))))

    with shop.before_writes(meanwhile):
        erase(shop)
    assert (shop.order.status, shop.account.available) == (Status.REVERSED, 500)
    assert "a secret word" not in everything(shop)
