from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashback.domain.errors import Invalid
from cashback.domain.money import Currency, Money, round_half_up, spread, whole_numbers
from tests.unit.builders import JPY, KWD, USD
from tests.unit.cpu import readings

currencies = st.sampled_from([JPY, USD, KWD, Currency("CLF", 4)])
minors = st.integers(-(10**12) + 1, 10**12 - 1)


def reason_of(literal: object, currency: Currency = USD) -> str:
    with pytest.raises(Invalid) as caught:
        currency.parse(literal, "price")
    assert caught.value.field == "price"
    return caught.value.code


@given(currencies, minors)
def test_what_is_formatted_parses_to_the_same_amount(currency: Currency, minor: int) -> None:
    assert currency.parse(currency.format(minor)) == minor
    assert currency.read(currency.format(minor)) == minor


@given(currencies, minors)
def test_a_formatted_amount_has_exactly_the_decimals_of_its_currency(currency: Currency, minor: int) -> None:
    whole, _, decimals = currency.format(minor).partition(".")
    assert len(decimals) == currency.exponent
    assert whole.lstrip("-").isdecimal()
    assert Fraction(currency.format(minor)) == Fraction(minor, 10**currency.exponent)


@pytest.mark.parametrize(
    ("currency", "minor", "text"),
    [
        (USD, 5, "0.05"),
        (USD, -5, "-0.05"),
        (USD, 0, "0.00"),
        (USD, 1050, "10.50"),
        (JPY, 1999, "1999"),
        (JPY, -1, "-1"),
        (KWD, 1, "0.001"),
        (KWD, 100, "0.100"),
        (KWD, -1999, "-1.999"),
    ],
)
def test_amounts_are_written_with_the_decimals_of_their_currency(currency: Currency, minor: int, text: str) -> None:
    assert currency.format(minor) == text
    assert str(Money(minor, currency)) == f"{text} {currency.code}"


@pytest.mark.parametrize(
    ("literal", "minor"),
    [("10", 1000), ("10.5", 1050), ("10.50", 1050), ("-5", -500), ("007", 700), ("999999999999.99", 99999999999999)],
)
@pytest.mark.row("48")
def test_equal_spellings_of_an_amount_are_equal(literal: str, minor: int) -> None:
    assert USD.parse(literal) == minor


@pytest.mark.parametrize("literal", ["0", "0.0", "0.00", "-0", "-0.00"])
@pytest.mark.row("43", "45")
def test_row_43_and_45_every_zero_parses_to_zero_for_the_caller_to_refuse(literal: str) -> None:
    assert USD.parse(literal) == 0


@pytest.mark.row("44")
def test_row_44_a_negative_amount_parses_to_its_value_for_the_caller_to_refuse() -> None:
    assert USD.parse("-5") == -500


@pytest.mark.parametrize("literal", ["0.001", "1.005", "0.30000000000000004", "0.000"])
@pytest.mark.row("46")
def test_row_46_more_decimals_than_the_currency_has_are_refused(literal: str) -> None:
    assert reason_of(literal) == "amount_precision"


@pytest.mark.parametrize("literal", ["10.5", "10.0"])
@pytest.mark.row("47")
def test_row_47_yen_have_no_decimals(literal: str) -> None:
    assert reason_of(literal, JPY) == "amount_precision"


def test_row_47_dinars_have_three_decimals_and_no_fourth() -> None:
    assert KWD.parse("1.999") == 1999
    assert reason_of("1.9990", KWD) == "amount_precision"


@pytest.mark.parametrize(
    "literal",
    [
        "1_000",
        " 12 ",
        "\uff11\uff12",
        "\u0661\u0662",
        "+5",
        "1e2",
        "1E2",
        "1,000.00",
        "0x10",
        ".5",
        "5.",
        "",
        "-",
        "--5",
        "5\n",
        "1.2.3",
        "NaN",
    ],
)
@pytest.mark.row("48")
def test_row_48_other_spellings_of_numbers_are_refused(literal: str) -> None:
    assert reason_of(literal) == "amount_format"


@pytest.mark.parametrize("literal", [True, False, None, [], {}, 10, 10.5, 1e2, b"10"])
@pytest.mark.row("49")
def test_row_49_only_literal_text_is_an_amount(literal: object) -> None:
    assert reason_of(literal) == "amount_format"


def test_an_amount_whose_field_nobody_named_is_refused_as_amount() -> None:
    with pytest.raises(Invalid) as caught:
        USD.parse("ten")
    assert caught.value.field == "amount"


@pytest.mark.parametrize("literal", ["12345678901234567.89", "1234567890123", "-1234567890123.00"])
@pytest.mark.row("50", "51")
def test_rows_50_and_51_more_than_twelve_whole_digits_are_refused(literal: str) -> None:
    assert reason_of(literal) == "amount_too_large"


@pytest.mark.parametrize("literal", ["1e400", "1e300000", "9" * 5_000, "0." + "9" * 5_000, "0" * 100_000])
@pytest.mark.row("34", "52")
def test_row_52_huge_literals_are_refused_in_no_time(literal: str) -> None:
    assert reason_of(literal) in {"amount_format", "amount_too_large", "amount_precision"}
    assert readings(lambda: reason_of(literal)) < 1


@pytest.mark.parametrize(
    ("literal", "minor"), [(9, 900), (199, 19900), ("348.0", 34800), ("199.00", 19900), ("0.005", 1), ("-0.005", -1)]
)
def test_amounts_of_shops_may_be_integers_and_finer_than_the_currency(literal: object, minor: int) -> None:
    assert USD.read(literal) == minor


@pytest.mark.parametrize("literal", [True, None, 1.5, "1e5", "ten", [], "", "5\n"])
def test_what_a_shop_sends_in_place_of_an_amount_is_refused(literal: object) -> None:
    with pytest.raises(Invalid) as caught:
        USD.read(literal)
    assert (caught.value.field, caught.value.code) == ("amount", "amount_format")


@pytest.mark.parametrize(
    "literal",
    [10**12, -(10**12), pytest.param(10**5_000, id="5000-digits"), "1" * 13, "0." + "1" * 63, "0." + "1" * 100],
)
def test_amounts_of_shops_are_bounded(literal: object) -> None:
    with pytest.raises(Invalid) as caught:
        USD.read(literal)
    assert (caught.value.field, caught.value.code) == ("amount", "amount_too_large")


@pytest.mark.parametrize(
    ("literal", "minor"),
    [(10**12 - 1, 99_999_999_999_900), ("-" + "9" * 12, -99_999_999_999_900), ("0." + "1" * 62, 11)],
)
def test_the_longest_amounts_of_shops_are_read(literal: object, minor: int) -> None:
    assert USD.read(literal) == minor


@given(st.fractions())
def test_rounding_goes_to_the_nearest_integer(value: Fraction) -> None:
    assert abs(round_half_up(value) - value) <= Fraction(1, 2)


@given(st.integers())
def test_halves_round_away_from_zero_on_both_sides(whole: int) -> None:
    half = Fraction(2 * abs(whole) + 1, 2)
    assert round_half_up(half) == abs(whole) + 1
    assert round_half_up(-half) == -abs(whole) - 1
    assert round_half_up(Fraction(whole)) == whole


weights_of = st.lists(st.fractions(min_value=0, max_value=10**6), min_size=1, max_size=12).filter(any)


@given(st.integers(0, 10**9), weights_of)
def test_parts_of_a_spread_sum_to_it_exactly(total: int, weights: list[Fraction]) -> None:
    assert sum(spread(total, weights)) == total


@given(st.integers(0, 10**9), weights_of)
def test_every_part_is_within_one_unit_of_its_exact_share_and_none_without_weight(
    total: int, weights: list[Fraction]
) -> None:
    for part, weight in zip(spread(total, weights), weights, strict=True):
        assert abs(part - total * weight / sum(weights)) < 1
        assert weight or not part


@given(st.integers(0, 10**9), weights_of)
def test_a_larger_weight_never_gets_a_smaller_part(total: int, weights: list[Fraction]) -> None:
    pairs = sorted(zip(weights, spread(total, weights), strict=True))
    assert [part for _, part in pairs] == sorted(part for _, part in pairs)


def test_ties_of_a_spread_go_to_the_earlier_part() -> None:
    assert spread(10, [1, 1, 1]) == (4, 3, 3)
    assert spread(1000, [Fraction(10), Fraction(5)]) == (667, 333)


def test_nothing_is_spread_over_nothing() -> None:
    assert spread(0, [0, 0]) == (0, 0)
    assert spread(0, []) == ()
    with pytest.raises(ValueError, match=r"^nothing to spread over$"):
        spread(1, [0, 0])


@pytest.mark.parametrize("number", [0.5, Decimal("0.5")])
def test_what_is_no_exact_fraction_is_refused_by_all_arithmetic(number: Any) -> None:
    for calculate in (round_half_up, lambda value: whole_numbers([value]), lambda value: spread(1, [value])):
        with pytest.raises(AttributeError):
            calculate(number)
