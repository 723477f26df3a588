"""What is taken as an account that money can go to, in which spelling, and what of it is shown."""

import itertools
import re
import string
from copy import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iban as registry
from stdnum.us import rtn

from cashback.domain.errors import Invalid
from cashback.domain.payment_accounts import (
    IBAN_LENGTHS,
    AccountType,
    PaymentAccount,
    bank_account,
    default_of,
    digital_account,
    masked,
    snapshot_of,
)
from tests.unit.builders import at

IBAN = "DE89370400440532013000"
FRENCH = "FR1420041010050500013M02606"
BRITISH = "GB33BUKB20201555555555"
VALID = (
    *(IBAN, FRENCH, BRITISH, "BE31435411161155", "ES9121000418450200051332", "NO9386011117947"),
    *("GR1601101050000010547023795", "MT84MALT011000012345MTLCAST001S", "ME25505000012345678951"),
)

between = st.text(alphabet=" -\t\n\r", max_size=2)


@st.composite
def spellings(draw: st.DrawFn, number: str) -> str:
    """A number as somebody may write it: in any case, with spaces and hyphens anywhere."""
    letters = [draw(st.sampled_from((letter, letter.lower()))) + draw(between) for letter in number]
    return draw(between) + "".join(letters)


def bank(**fields: Any) -> Any:
    return bank_account(fields.pop("holder", "Ada"), **fields)


def refusal(act: Any, *arguments: Any, **fields: Any) -> tuple[str, str]:
    with pytest.raises(Invalid) as refused:
        act(*arguments, **fields)
    assert not any(str(value) in str(refused.value) for value in (*arguments, *fields.values()) if value)
    return refused.value.field, refused.value.code


@pytest.mark.parametrize("iban", VALID)
def test_an_iban_is_taken_from_every_part_of_the_allow_list(iban: str) -> None:
    assert bank(iban=iban).fields == {"holder": "Ada", "iban": iban}


@pytest.mark.parametrize(
    ("iban", "code"),
    [
        ("DE88370400440532013000", "iban_checksum"),
        ("DE00370400440532013000", "iban_checksum"),
        ("BE32435411161155", "iban_checksum"),
        ("DE8937040044053201300", "iban_length"),
        ("DE893704004405320130000", "iban_length"),
        ("ZZ89370400440532013000", "iban_country"),
        ("IR580540105180021273113007", "iban_country"),
        ("RU0304452522540817810538091310419", "iban_country"),
        ("BY13NBRB3600900000002Z00AB00", "iban_country"),
        ("\uff24\uff2589370400440532013000", "iban_format"),
        ("DE89\u00a0370400440532013000", "iban_format"),
        ("DE89.3704.0044.0532.0130.00", "iban_format"),
        ("DE8937040044053201300\u0660", "iban_format"),
        ("DE", "iban_format"),
        ("", "iban_format"),
        ("89370400440532013000", "iban_format"),
        ("\u00df" * 22, "iban_format"),
    ],
)
@pytest.mark.row("84", "86", "87", "88")
def test_no_other_iban_is(iban: str, code: str) -> None:
    assert refusal(bank, iban=iban) == ("iban", code)


def test_an_iban_whose_structure_is_not_its_countrys_is_none() -> None:
    unchecked = "DExx37040044053201300X"
    assert refusal(bank, iban=unchecked.replace("xx", registry.calc_check_digits(unchecked))) == ("iban", "iban_format")


def test_a_check_that_only_the_country_has_is_made_too() -> None:
    spanish = "ESxx21000418440200051332"
    number = spanish.replace("xx", registry.calc_check_digits(spanish))
    assert registry.is_valid(number, check_country=False)
    assert refusal(bank, iban=number) == ("iban", "iban_checksum")


@pytest.mark.parametrize(("digits", "twin"), [("97", "00"), ("98", "01"), ("02", "99")])
def test_the_check_digits_of_an_account_have_one_spelling(digits: str, twin: str) -> None:
    bodies = (f"DExx37040044{number:010d}" for number in itertools.count(532_013_000))
    body = next(body for body in bodies if registry.calc_check_digits(body) == digits)
    assert bank(iban=body.replace("xx", digits)).fields["iban"] == body.replace("xx", digits)
    assert registry.is_valid(body.replace("xx", twin))
    assert refusal(bank, iban=body.replace("xx", twin)) == ("iban", "iban_checksum")


def test_the_lengths_are_those_of_the_registry_and_the_rest_of_it_was_left_out_knowingly() -> None:
    known: dict[str, int] = {}
    for letters in ((a, b) for a in string.ascii_uppercase for b in string.ascii_uppercase):
        country = "".join(letters)
        info = registry._ibandb.info(f"{country}00")[0][1]
        if info:
            known[country] = 4 + sum(int(count) for count in re.findall(r"(\d+)!", info["bban"]))
    assert {country: known[country] for country in IBAN_LENGTHS} == dict(IBAN_LENGTHS)
    assert known.keys() - IBAN_LENGTHS.keys() == {"BY", "LY", "RU", "SD", "SO", "YE"}


@given(st.data(), st.sampled_from(VALID))
@pytest.mark.row("85")
def test_two_spellings_are_one_account(data: st.DataObject, iban: str) -> None:
    spelt = bank(iban=data.draw(spellings(iban)), holder="A. Brandt")
    assert spelt.fields["iban"] == iban
    assert spelt.canonical == bank(iban=iban).canonical


@given(st.data(), st.from_regex(r"[A-Z0-9]{4,34}", fullmatch=True))
def test_two_spellings_of_an_account_number_are_one_account(data: st.DataObject, number: str) -> None:
    fields = {"routing_number": "111000025", "swift": "CHASUS33"}
    spelt = {name: data.draw(spellings(text)) for name, text in fields.items()}
    assert bank(account_number=data.draw(spellings(number)), **spelt) == bank(account_number=number, **fields)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"account_number": "1234"}, {"account_number": "1235"}),
        ({"account_number": "1234"}, {"account_number": "1234", "swift": "CHASUS33"}),
        ({"account_number": "1234", "swift": "CHASUS33"}, {"account_number": "1234", "swift": "CHASUS33ABC"}),
        ({"account_number": "1234", "routing_number": "111000025"}, {"account_number": "1234"}),
        ({"iban": IBAN}, {"account_number": IBAN}),
    ],
)
def test_other_accounts_are_others(one: dict[str, str], other: dict[str, str]) -> None:
    assert bank(**one).canonical != bank(**other).canonical


def test_the_head_office_of_a_bank_may_be_named_or_not() -> None:
    short, long = (bank(account_number="1234", swift=swift).canonical for swift in ("CHASUS33", "CHASUS33XXX"))
    assert short == long
    assert bank(iban=IBAN, swift="COBADEFF", account_number="532013000").canonical == bank(iban=IBAN).canonical


@pytest.mark.parametrize(
    ("iban", "swift"),
    [
        (IBAN, "COBADEFF"),
        (FRENCH, "BNPAFRPPXXX"),
        (FRENCH, "BNPAGPGX"),
        (FRENCH, "BNPANCNX"),
        (BRITISH, "BUKBGB22"),
        (BRITISH, "BUKBJESH"),
        (BRITISH, "BUKBIMDD"),
    ],
)
def test_the_bank_of_a_dependency_may_have_its_own_country(iban: str, swift: str) -> None:
    assert bank(iban=iban, swift=swift).fields["swift"] == swift


@pytest.mark.parametrize(
    ("iban", "swift", "code"),
    [
        (IBAN, "BNPAFRPP", "swift_country"),
        (IBAN, "BUKBJESH", "swift_country"),
        (BRITISH, "BNPAGPGX", "swift_country"),
        ("MC5811222000010123456789030", "BNPAFRPP", "swift_country"),
        (None, "SABRRUMM", "swift_country"),
        (None, "AAAAIRTH", "swift_country"),
        (None, "AAAAZZ22", "swift_country"),
        (None, "COBADEF", "swift_format"),
        (None, "COBADEFF1", "swift_format"),
        (None, "C0BADEFF", "swift_format"),
        (None, "\uff23OBADEFF", "swift_format"),
        (None, "", "swift_format"),
    ],
)
@pytest.mark.row("89")
def test_the_bank_is_in_the_country_of_the_account_and_is_paid(iban: str | None, swift: str, code: str) -> None:
    assert refusal(bank, iban=iban, account_number="1234", swift=swift) == ("swift", code)


@given(st.integers(0, 99_999_999))
def test_a_routing_number_has_its_check_digit_and_no_other(number: int) -> None:
    first = f"{number:08d}"
    digit = rtn.calc_check_digit(first)
    assert bank(account_number="1234", routing_number=first + digit).fields["routing_number"] == first + digit
    wrong = first + str((int(digit) + 1) % 10)
    expected = ("routing_number", "routing_number_checksum")
    assert refusal(bank, account_number="1234", routing_number=wrong) == expected


@pytest.mark.parametrize("number", ["", "11100002", "1110000255", "11100002A", "\uff11\uff11\uff11000025"])
def test_a_routing_number_is_nine_digits(number: str) -> None:
    expected = ("routing_number", "routing_number_format")
    assert refusal(bank, account_number="1234", routing_number=number) == expected


@pytest.mark.parametrize(
    "number", ["", "123", "1" * 35, "12.34", "\uff11\uff12\uff13\uff14", "12/34", "\u017f234", "\u0131234"]
)
def test_an_account_number_is_letters_and_digits(number: str) -> None:
    assert refusal(bank, account_number=number) == ("account_number", "account_number_format")


def test_a_bank_account_has_a_number_of_one_kind() -> None:
    assert refusal(bank, swift="COBADEFF") == ("body", "account_required")


@pytest.mark.parametrize("handle", ["", " ", "ada brandt", "a\x00b", "\uff41da", "a" * 255, "ada\u200b"])
def test_a_handle_is_visible_ascii(handle: str) -> None:
    assert refusal(digital_account, "PayPal", handle) == ("handle", "handle_format")


@pytest.mark.parametrize("provider", ["", "<b>", "\uff30ayPal", "a" * 51, "-", "Pay#Pal"])
def test_a_provider_has_a_plain_name(provider: str) -> None:
    assert refusal(digital_account, provider, "ada") == ("provider", "provider_format")


def test_a_provider_and_a_handle_are_compared_without_case() -> None:
    one, other = digital_account(" PayPal ", "Ada@Example.com\n"), digital_account("paypal", "ada@example.com")
    assert (one.provider, one.fields) == ("PayPal", {"handle": "Ada@Example.com"})
    assert one.canonical == other.canonical
    assert one.canonical != digital_account("Venmo", "ada@example.com").canonical


@given(st.text(min_size=1, max_size=300))
@pytest.mark.row("91", "S20")
def test_a_mask_shows_four_characters_at_most_and_never_more_than_half(text: str) -> None:
    shown = masked(text).removeprefix("****")
    assert masked(text).startswith("****")
    assert len(shown) == min(4, len(text) // 2)
    assert text.endswith(shown)


def test_nothing_of_the_holder_is_shown() -> None:
    details = bank(iban=IBAN, swift="COBADEFF", account_number="12345", routing_number="111000025")
    shown = {"account_number": "****45", "iban": "****3000", "swift": "****DEFF", "routing_number": "****0025"}
    assert details.masks == shown


def account(number: int, **fields: Any) -> PaymentAccount:
    given: dict[str, Any] = {
        "type": AccountType.BANK,
        "provider": None,
        "masks": {},
        "sealed": {},
        "mac": "m",
        "asked_hash": "a",
    }
    told = {"created_at": at(number), "created_by": "key:anna", **given, **fields}
    return PaymentAccount(f"pac_{number}", "7001", **told)


def test_the_default_is_the_account_that_was_made_it_last() -> None:
    first, second, third = account(1, default_since=at(1)), account(2), account(3, default_since=at(3))
    assert default_of([]) is None
    assert default_of([third, second, first]) == third
    assert default_of([second, first]) == first
    assert default_of([account(4), second]) == second
    assert default_of([account(0, moved_from="7002"), second]) == second
    assert default_of([account(0, moved_from="7002", default_since=at(0)), second]) == account(
        0, moved_from="7002", default_since=at(0)
    )


def test_a_snapshot_keeps_whose_account_it_was_and_shows_the_number_that_money_goes_to() -> None:
    masks = {"account_number": "****45", "iban": "****3000", "swift": "****DEFF"}
    copied = snapshot_of(account(1, masks=masks, sealed={"iban": b"x"}))
    assert (copied.payment_account_id, copied.customer_id, copied.masked) == ("pac_1", "7001", "****3000")
    assert copied.sealed == {"iban": b"x"}
    wallet = replace(account(1), type=AccountType.DIGITAL, provider="PayPal", masks={"handle": "****.com"})
    assert (snapshot_of(wallet).provider, snapshot_of(wallet).masked) == ("PayPal", "****.com")
