"""News of customers: the profile, and the verified contacts that stand or fall with it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashback.domain.contacts import contacts_of
from cashback.domain.customers import MOST_GIVEN_UP, Profile, profile_of
from cashback.domain.errors import Busy
from cashback.domain.news import CustomerNews
from cashback.services.record_customer import Recorded, create_customer, record_customer
from tests.unit.builders import CUSTOMER, NOW, STORE, Shop, at, line, paid
from tests.unit.people import ADA, LATER, OTHER, erase, merge, owners, profile, tell

EMAIL, PHONE = "ada@example.com", "+4915550104477"


def test_only_what_is_verified_is_a_contact() -> None:
    shop = Shop()
    assert tell(shop, email=EMAIL, phone=PHONE).contacts == frozenset()
    assert (owners(shop, EMAIL), owners(shop, None, PHONE)) == (set(), set())
    told = tell(shop, second=1, email=EMAIL, phone=PHONE, phone_verified=True)
    assert (owners(shop, EMAIL), owners(shop, None, PHONE)) == (set(), {CUSTOMER})
    assert len(told.contacts) == 1


def test_a_customer_is_created_with_the_contacts_that_are_verified() -> None:
    shop = Shop()
    assert len(tell(shop, **ADA, phone_verified=True).contacts) == 2
    assert owners(shop, " ADA@example.com") == owners(shop, None, "0049 155 50104477") == {CUSTOMER}


def test_a_customer_created_beside_an_order_has_its_contacts_too() -> None:
    shop = Shop()
    person = Profile(CUSTOMER, NOW, NOW, email=EMAIL, email_verified=True)
    created, again = (create_customer(shop.books, STORE, person, NOW) for _ in range(2))
    assert (created.changed, again.changed) == (True, False)
    assert owners(shop, EMAIL) == {CUSTOMER}
    assert created.contacts == frozenset(profile(shop).contacts)
    assert again.contacts == frozenset()


def test_a_contact_that_is_changed_or_no_longer_verified_is_given_up_and_looked_at() -> None:
    shop = Shop()
    first = tell(shop, **ADA)
    changed = tell(shop, second=1, email="new@example.com", email_verified=True)
    assert (owners(shop, EMAIL), owners(shop, "new@example.com")) == (set(), {CUSTOMER})
    assert changed.contacts > first.contacts
    doubted = tell(shop, second=2, email="new@example.com")
    assert owners(shop, "new@example.com") == set()
    assert doubted.contacts == changed.contacts
    assert profile(shop).contacts == ()


def test_news_that_come_again_look_once_more_for_what_they_gave_up() -> None:
    shop = Shop()
    held = tell(shop, **ADA).contacts
    assert tell(shop, second=1, name="Ada Brandt").contacts == held
    again = tell(shop, second=1, name="Ada Brandt")
    assert (again.changed, again.contacts) == (False, held)
    back = tell(shop, second=2, **ADA)
    assert (back.contacts, profile(shop).given_up) == (held, ())


def test_the_last_contacts_given_up_are_remembered_and_no_more() -> None:
    shop = Shop()
    for n in range(MOST_GIVEN_UP + 3):
        tell(shop, second=n, email=f"ada{n}@example.com", email_verified=True)
    emails = [contacts_of(f"ada{n}@example.com", None) for n in range(2, MOST_GIVEN_UP + 2)]
    last = [mac for email in emails for mac in shop.books.contacts.macs(STORE, email)]
    assert list(profile(shop).given_up) == last


def test_news_that_come_again_change_nothing_and_are_looked_at_again() -> None:
    shop = Shop()
    first, again = tell(shop, **ADA), tell(shop, **ADA)
    assert (first.changed, again.changed) == (True, False)
    assert first.contacts == again.contacts != frozenset()


@given(st.sampled_from([-1, 0, 1]), st.none() | st.just(at(5)), st.none() | st.just("c9"))
def test_no_news_touch_what_stands_beside_the_profile(age: int, erased_at: str | None, merged_into: str | None) -> None:
    known = Profile(CUSTOMER, at(5), NOW, contacts=("m1",), erased_at=erased_at, merged_into=merged_into, rev=7)
    told = profile_of(CustomerNews(CUSTOMER, at(5 + age), "Ada"), known, LATER)
    assert (told.contacts, told.rev, told.merged_into, told.created_at) == (("m1",), 7, merged_into, NOW)
    opened = merged_into is None and age >= (0 if erased_at is None else 1)
    assert told.name == ("Ada" if opened else None)


def test_two_customers_may_have_one_contact() -> None:
    shop = Shop()
    tell(shop, **ADA)
    tell(shop, OTHER, **ADA)
    assert owners(shop, EMAIL) == {CUSTOMER, OTHER}


def test_news_that_race_leave_exactly_the_contacts_of_the_newest_profile() -> None:
    shop = Shop()
    tell(shop, **ADA)

    def meanwhile() -> None:
        tell(shop, second=1, email="one@example.com", email_verified=True)

    with shop.before_writes(meanwhile):
        tell(shop, second=2, email="two@example.com", email_verified=True)
    assert profile(shop).email == "two@example.com"
    assert [owners(shop, f"{name}@example.com") for name in ("ada", "one", "two")] == [set(), set(), {CUSTOMER}]


def test_a_profile_that_changes_all_the_time_sends_the_news_back_to_the_queue() -> None:
    shop = Shop()
    tell(shop)
    seconds = iter(range(1, 50))

    def meanwhile() -> None:
        tell(shop, second=next(seconds), name="Somebody")

    with shop.before_writes(meanwhile), pytest.raises(Busy):
        tell(shop, second=60, name="Ada")


def test_no_older_and_no_equally_old_news_open_a_tombstone_but_newer_ones_do() -> None:
    shop = Shop()
    tell(shop, **ADA, tags=("vip",))
    erase(shop, second=100)
    for second in (50, 100):
        assert not tell(shop, second=second, **ADA).changed
    assert (profile(shop).name, profile(shop).erased_at, shop.account.erased_at) == (None, at(100), at(100))
    told = tell(shop, second=101, **ADA)
    assert told.changed
    assert (profile(shop).name, profile(shop).tags, profile(shop).erased_at) == ("Ada Brandt", (), None)
    assert shop.account.erased_at is None
    assert owners(shop, EMAIL) == {CUSTOMER}


def test_a_merged_customer_is_never_filled_again() -> None:
    shop = Shop()
    for customer_id in (CUSTOMER, OTHER):
        tell(shop, customer_id)
    merge(shop)
    assert not tell(shop, OTHER, second=3_000, **ADA).changed
    assert (profile(shop, OTHER).name, profile(shop, OTHER).merged_into) == (None, CUSTOMER)
    assert owners(shop, EMAIL) == set()


def test_an_order_fills_neither_a_tombstone_nor_a_marker() -> None:
    shop = Shop()
    tell(shop, **ADA)
    tell(shop, OTHER, name="Other")
    merge(shop)
    erase(shop)
    for customer_id in (CUSTOMER, OTHER):
        person = Profile(customer_id, at(3_001), NOW, name="Ada Brandt")
        assert not create_customer(shop.books, STORE, person, NOW).changed
        shop.hear(paid(line(), order_id=f"o{customer_id}", customer_id=customer_id))
        assert profile(shop, customer_id).name is None
    assert shop.account.available == 1_000


# ---- when they registered


def test_a_registration_is_dated_by_our_clock_when_it_is_first_told_and_stays() -> None:
    shop = Shop()
    tell(shop, name="Ada")
    assert profile(shop).registered_at is None
    heard(shop, at(10), second=1, created=True)
    assert profile(shop).registered_at == at(10)
    for second, created in ((2, False), (3, True), (3, True)):
        heard(shop, at(20), second=second, created=created)
    assert profile(shop).registered_at == at(10)


@pytest.mark.parametrize("second", [0, 5])
def test_a_registration_is_heard_also_where_newer_news_were_heard_before(second: int) -> None:
    shop = Shop()
    tell(shop, second=5, name="Ada", tags=("vip",))
    assert heard(shop, at(10), second=second, created=True).changed
    assert not heard(shop, at(20), second=second, created=True).changed
    known = profile(shop)
    assert (known.registered_at, known.name, known.tags, known.updated_at) == (at(10), "Ada", ("vip",), at(5))


def test_a_registration_outlives_an_erasure_and_is_told_of_no_tombstone() -> None:
    shop = Shop()
    heard(shop, at(10), created=True)
    tell(shop, OTHER)
    for customer_id in (CUSTOMER, OTHER):
        erase(shop, customer_id, second=100)
        heard(shop, at(200), customer_id, second=50, created=True)
    assert [profile(shop, one).registered_at for one in (CUSTOMER, OTHER)] == [at(10), None]
    for customer_id in (CUSTOMER, OTHER):
        heard(shop, at(300), customer_id, second=200, created=True)
    assert [profile(shop, one).registered_at for one in (CUSTOMER, OTHER)] == [at(10), at(300)]


def test_in_a_merge_everybody_keeps_their_own_registration() -> None:
    shop = Shop()
    tell(shop)
    heard(shop, at(10), OTHER, created=True)
    merge(shop)
    assert [profile(shop, one).registered_at for one in (CUSTOMER, OTHER)] == [None, at(10)]
    heard(shop, at(20), OTHER, second=50, created=True)
    heard(shop, at(30), second=50, created=True)
    assert [profile(shop, one).registered_at for one in (CUSTOMER, OTHER)] == [at(30), at(10)]


def test_an_order_registers_nobody() -> None:
    shop = Shop()
    shop.hear(paid(line()))
    assert profile(shop).registered_at is None


def heard(shop: Shop, now: str, customer_id: str = CUSTOMER, second: int = 0, *, created: bool) -> Recorded:
    """What the worker does at a time with news of a registration, or with other news."""
    return record_customer(shop.books, STORE, CustomerNews(customer_id, at(second), created=created), now)


# ---- birthdays


@pytest.mark.parametrize("birthday", ["1988-02-29", "--02-29"])
def test_whose_birthday_is_on_a_day_is_found_by_month_and_day(birthday: str) -> None:
    shop = Shop()
    tell(shop, "a%23b", birthday=birthday)
    tell(shop, OTHER, birthday="1988-02-28")
    tell(shop)
    assert list(shop.books.customers.born_on(STORE, "02-29")) == ["a%23b"]
    assert list(shop.books.customers.born_on("other", "02-29")) == []
    tell(shop, "a%23b", second=1, birthday="1988-03-01")
    assert list(shop.books.customers.born_on(STORE, "02-29")) == []
    assert list(shop.books.customers.born_on(STORE, "03-01")) == ["a%23b"]
    tell(shop, "a%23b", second=2)
    assert list(shop.books.customers.born_on(STORE, "03-01")) == []


def test_who_is_erased_or_merged_has_no_birthday() -> None:
    shop = Shop()
    for customer_id in (CUSTOMER, OTHER, "7003"):
        tell(shop, customer_id, birthday="--05-17")
    merge(shop)
    erase(shop, "7003")
    assert list(shop.books.customers.born_on(STORE, "05-17")) == [CUSTOMER]


# ---- the newest order


def newest(shop: Shop, customer_id: str = CUSTOMER) -> tuple[str | None, str | None]:
    account = shop.books.ledger.account(STORE, customer_id)
    return account.newest_order_id, account.newest_order_at


def noted(shop: Shop, order_id: str, second: int, customer_id: str = CUSTOMER) -> bool:
    return shop.books.customers.note_newest_order(STORE, customer_id, order_id, at(second))


def test_an_account_notes_its_newest_order_and_no_older_one() -> None:
    shop = Shop()
    tell(shop)
    assert newest(shop) == (None, None)
    for order_id, second in (("a", 5), ("b", 9), ("c", 7), ("d", 9)):
        before = shop.dynamo.faults.calls
        assert noted(shop, order_id, second)
        assert shop.dynamo.faults.calls - before == 1
    assert newest(shop) == ("b", at(9))
    assert shop.account.version == 0


def test_a_newest_order_is_noted_at_no_account_that_is_missing_or_merged() -> None:
    shop = Shop()
    assert not noted(shop, "a", 5)
    assert shop.accounts == {}
    for customer_id in (CUSTOMER, OTHER):
        tell(shop, customer_id)
    merge(shop)
    assert not noted(shop, "a", 5, OTHER)
    assert newest(shop, OTHER) == (None, None)
