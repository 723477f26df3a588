"""E-mails and phones: what counts as one, when two are the same, and what of them is stored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.contacts import Contacts
from cashback.domain.contacts import contacts_of, email_of, phone_of
from tests.unit.builders import STORE, Shop

SEPARATORS = st.text(alphabet=" -.()", max_size=3)
NUMBERS = st.from_regex(r"[1-9][0-9]{6,14}", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "email"),
    [
        ("  Ada@Example.COM\n", "ada@example.com"),
        ("ada+shop@sub.example.co", "ada+shop@sub.example.co"),
        ("\u0130da@example.com", "\u0130da@example.com"),
        ("stra\u00dfe@example.com", "stra\u00dfe@example.com"),
        ("\u212aate@example.com", "\u212aate@example.com"),
        ("a" * 242 + "@example.com", "a" * 242 + "@example.com"),
        ("a" * 243 + "@example.com", None),
        ("ada@example", None),
        ("ada @example.com", None),
        ("ada@b@example.com", None),
        ("@example.com", None),
        ("ada\x00@example.com", None),
        ("ada\ud800@example.com", None),
        ("", None),
        (None, None),
    ],
)
@pytest.mark.row("65")
def test_an_email_is_compared_in_small_letters_and_otherwise_as_it_is(text: str | None, email: str | None) -> None:
    assert email_of(text) == email


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("+4915550104477", "+4915550104477"),
        ("+49 (155) 501-044.77", "+4915550104477"),
        ("0049 155 50104477", "+4915550104477"),
        ("(00)49-15550104477", "+4915550104477"),
        ("0155 50104477", None),
        ("4915550104477", None),
        ("+0915550104477", None),
        ("+491555", None),
        ("+4915551", "+4915551"),
        ("+123456789012345", "+123456789012345"),
        ("+1234567890123456", None),
        ("+\u0664\u0669\u0661\u0665\u0665\u0665\u0660", None),
        ("+49 155 50104477 ext 3", None),
        ("", None),
        (None, None),
    ],
)
def test_a_phone_is_one_only_with_the_code_of_its_country(text: str | None, phone: str | None) -> None:
    assert phone_of(text) == phone


@given(NUMBERS, st.lists(SEPARATORS, min_size=16, max_size=16), st.sampled_from(["+", "00"]))
def test_a_phone_is_the_same_however_its_digits_are_set_apart(number: str, gaps: list[str], prefix: str) -> None:
    spelt = prefix + "".join(gap + digit for gap, digit in zip(gaps, number, strict=False))
    assert phone_of(spelt) == f"+{number}"


@given(st.text(), st.text())
def test_what_is_normalised_stays_as_it_is_and_has_a_form_in_bytes(email: str, phone: str) -> None:
    for normalise, text in ((email_of, email), (phone_of, phone), (email_of, f"{email}@example.com")):
        once = normalise(text)
        assert once is None or normalise(once) == once
        (once or "").encode()


@given(st.emails(), NUMBERS)
def test_an_email_and_a_phone_are_two_contacts(email: str, number: str) -> None:
    assert len(contacts_of(email, f"+{number}")) == 2
    assert contacts_of(email, None).isdisjoint(contacts_of(None, f"+{number}"))
    assert contacts_of(None, email) == contacts_of(f"+{number}", None) == frozenset()


def test_a_hash_says_nothing_without_the_key_and_the_store() -> None:
    books, ada = Shop().books, contacts_of("ada@example.com", None)
    (mac,) = books.contacts.macs(STORE, ada)
    assert len(mac) == 32
    assert books.contacts.macs("other", ada).isdisjoint({mac})
    assert Contacts(books.customers.table, lambda: b"another key").macs(STORE, ada).isdisjoint({mac})
    assert books.contacts.macs(STORE, contacts_of("ADA@example.com ", None)) == {mac}


def test_no_key_is_read_where_there_is_nothing_to_hash() -> None:
    def key() -> bytes:
        raise AssertionError("the key was read")

    assert Contacts(Shop().books.customers.table, key).macs(STORE, ()) == frozenset()


def test_the_customers_of_a_contact_are_found_and_those_of_another_store_are_not() -> None:
    shop = Shop()
    contacts, table = shop.books.contacts, shop.books.customers.table
    table.commit(*contacts.changes(STORE, "c1", (), ("m1", "m2")), *contacts.changes("other", "c9", (), ("m1",)))
    table.commit(*contacts.changes(STORE, "c2", (), ("m1",)))
    assert contacts.customers(STORE, ("m1", "m2", "m3")) == {"c1", "c2"}
    table.commit(*contacts.changes(STORE, "c1", ("m1", "m2"), ("m2",)))
    assert contacts.customers(STORE, ("m1",)) == {"c2"}
    assert keys.contact("a#b", "m", "c").pk == "S#a%23b#CONTACT#m"
