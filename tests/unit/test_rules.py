from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashback.domain.facts import SHIPPING, Body, Facts, Line
from cashback.domain.money import Currency, round_half_up
from cashback.domain.rules import (
    Calculation,
    LineAward,
    Lookup,
    Traits,
    calculate,
    merchandise,
    tier_of,
    traits_asked_for,
)
from cashback.domain.settings import Settings
from tests.unit.builders import JPY, KWD, USD, body, line, settings

EVERY_RATE: list[dict[str, Any]] = [
    {"base_rate": "0.01"},
    {"tiers": [{"name": "gold", "min_spent": "0", "rate": "0.02"}]},
    {"customer_tag_rates": {"vip": "0.03"}},
    {"source_rates": {"app": "0.04"}},
    {"delivery_type_rates": {"pickup": "0.05"}},
    {"product_rates": [{"sku": "A", "rate": "0.06"}]},
]


def rate_of(rules: Settings, sold: Line, **order: Any) -> Fraction:
    tier = tier_of(rules, 0)
    (share,) = calculate(body(sold, **order), rules, Lookup(tier.rate if tier else None)).lines
    return share.rate


@pytest.mark.parametrize("known", range(len(EVERY_RATE)))
def test_each_rate_replaces_all_that_come_after_it_and_none_adds(known: int) -> None:
    rules = settings(**{name: value for rate in EVERY_RATE[: known + 1] for name, value in rate.items()})
    order = {"customer_tags": ("new", "vip"), "channel": "app", "delivery_type": "pickup"}
    assert rate_of(rules, line(sku="A"), **order) == Fraction(known + 1, 100)


def test_a_rate_that_does_not_match_leaves_the_next_one() -> None:
    rules = settings(**{name: value for rate in EVERY_RATE for name, value in rate.items()})
    order: dict[str, Any] = {"customer_tags": ("vip",), "channel": "app", "delivery_type": "pickup"}
    assert rate_of(rules, line(sku="B"), **order) == Fraction(5, 100)
    assert rate_of(rules, line(), **{**order, "delivery_type": "delivery"}) == Fraction(4, 100)
    assert rate_of(rules, line(), **{**order, "delivery_type": "", "channel": "pos"}) == Fraction(3, 100)
    assert rate_of(rules, line()) == Fraction(2, 100)


def test_a_rate_of_zero_replaces_too() -> None:
    assert rate_of(settings(product_rates=[{"sku": "A", "rate": "0"}]), line(sku="A")) == 0
    assert rate_of(settings(source_rates={"website": "0"}), line()) == 0
    assert rate_of(settings(tiers=[{"name": "none", "min_spent": "0", "rate": "0"}]), line()) == 0


@pytest.mark.parametrize("attribute", ["sku", "product_id", "vendor", "category", "tag"])
def test_a_product_rate_matches_its_attribute_and_nothing_else(attribute: str) -> None:
    rules = settings(product_rates=[{attribute: "A", "rate": "0.5"}])
    others: dict[str, Any] = {name: "A" for name in ("sku", "product_id", "vendor", "category") if name != attribute}
    named: dict[str, Any] = {"tags": ("B", "A")} if attribute == "tag" else {attribute: "A"}
    assert rate_of(rules, line(**named)) == Fraction(1, 2)
    assert rate_of(rules, line(**others, tags=() if attribute == "tag" else ("A",))) == Fraction(5, 100)


def test_the_first_product_rate_that_matches_wins() -> None:
    rules = settings(product_rates=[{"tag": "sale", "rate": "0"}, {"sku": "A", "rate": "0.5"}])
    assert rate_of(rules, line(sku="A", tags=("sale",))) == 0
    assert rate_of(rules, line(sku="A")) == Fraction(1, 2)


@pytest.mark.parametrize(
    ("spent", "name"), [(0, None), (9_999, None), (10_000, "silver"), (50_000, "gold"), (10**9, "gold")]
)
def test_the_highest_tier_reached_counts(spent: int, name: str | None) -> None:
    rules = settings(
        tiers=[
            {"name": "gold", "min_spent": "500", "rate": "0.1"},
            {"name": "silver", "min_spent": "100", "rate": "0.07"},
        ]
    )
    tier = tier_of(rules, spent)
    assert (tier and tier.name) == name


@pytest.mark.parametrize(
    ("exclusions", "sold"),
    [
        ({"skus": ["A"]}, {"sku": "A"}),
        ({"product_ids": ["A"]}, {"product_id": "A"}),
        ({"vendors": ["A"]}, {"vendor": "A"}),
        ({"categories": ["A"]}, {"category": "A"}),
        ({"tags": ["A"]}, {"tags": ("B", "A")}),
    ],
)
def test_an_excluded_line_earns_nothing_and_the_others_go_on(exclusions: Any, sold: Any) -> None:
    rules = settings(exclusions=exclusions, product_rates=[{"sku": "A", "rate": "0.5"}])
    calculation = calculate(body(line("1", **sold), line("2", 2_000)), rules)
    assert [share.award for share in calculation.lines] == [0, 100]
    assert calculation.base == 2_000


@pytest.mark.parametrize(
    ("exclusions", "order"),
    [
        ({"sources": ["pos"]}, {"channel": "pos"}),
        ({"customer_tags": ["staff"]}, {"customer_tags": ("x", "staff")}),
        ({"payment_methods": ["cash"]}, {"payment_methods": ("card", "cash")}),
    ],
)
def test_an_excluded_order_earns_nothing(exclusions: Any, order: Any) -> None:
    calculation = calculate(body(line(), **order), settings(exclusions=exclusions))
    assert (calculation.award, calculation.reason) == (0, "excluded")
    assert [share.line_id for share in calculation.lines] == ["1"], "an approval spreads over its lines"


def test_of_a_product_only_what_a_rule_names_is_kept() -> None:
    rules = settings(
        product_rates=[{"tag": "x", "rate": "0"}, {"category": "a", "rate": "0"}, {"sku": "c", "rate": "0"}],
        exclusions={"categories": ["b", "d"], "tags": ["z", "w"]},
    )
    kept = traits_asked_for(frozenset("abcx"), frozenset("xyza"), rules)
    assert kept == Traits(frozenset("ab"), frozenset("xz"))


def test_a_line_without_an_attribute_is_excluded_by_none() -> None:
    rules = settings(
        exclusions={"skus": ["A"], "vendors": ["A"], "categories": ["A"], "product_ids": ["A"], "tags": ["A"]}
    )
    assert calculate(body(line()), rules).award == 500


def test_the_cap_is_one_for_the_order_and_spread_over_its_lines() -> None:
    calculation = calculate(body(line("1", 20_000), line("2", 10_000)), settings(max_award="10"))
    assert (calculation.award, [share.award for share in calculation.lines]) == (1_000, [667, 333])
    assert calculate(body(line("1", 20_000)), settings(max_award="10.01")).award == 1_000
    assert calculate(body(line()), settings(max_award="0")).award == 0


def test_an_order_below_the_minimum_earns_nothing_and_at_it_everything() -> None:
    rules = settings(min_order="100")
    assert calculate(body(line("1", 9_999)), rules).reason == "below_minimum"
    assert calculate(body(line("1", 9_999)), rules).award == 0
    assert calculate(body(line("1", 10_000)), rules).award == 500
    assert calculate(body(line("1", 9_999), line("2", 5_000, gift_card=True)), rules).award == 0


@pytest.mark.parametrize(
    ("included", "earn_on_tax", "base"),
    [(False, False, 10_000), (False, True, 11_900), (True, False, 8_100), (True, True, 10_000)],
)
def test_tax_is_in_the_base_only_where_the_store_earns_on_it(included: bool, earn_on_tax: bool, base: int) -> None:
    sold = body(line(tax=1_900), taxes_included=included)
    assert calculate(sold, settings(earn_on={"tax": earn_on_tax})).base == base
    assert merchandise(sold) == (8_100 if included else 10_000)


@pytest.mark.parametrize(
    ("included", "earn_on_tax", "base"), [(True, False, 810), (False, True, 1_190), (False, False, 1_000)]
)
def test_delivery_earns_at_the_rate_of_the_order_only_where_the_store_says_so(
    included: bool, earn_on_tax: bool, base: int
) -> None:
    sold = body(line(sku="A"), shipping=1_000, shipping_tax=190, taxes_included=included)
    assert SHIPPING not in [share.line_id for share in calculate(sold, settings()).lines]
    rules = settings(earn_on={"shipping": True, "tax": earn_on_tax}, product_rates=[{"sku": "A", "rate": "0"}])
    share = calculate(sold, rules).lines[-1]
    assert (share.line_id, share.base, share.rate) == (SHIPPING, base, Fraction(5, 100))


FIVE_PERCENT = Fraction(5, 100)


@pytest.mark.parametrize(
    ("sold", "changes", "expected"),
    [
        (body(line()), {}, Calculation((LineAward("1", 10_000, FIVE_PERCENT, 500),), 500, FIVE_PERCENT)),
        (
            body(line(gross=11_900, tax=1_900), shipping=1_190, shipping_tax=190, taxes_included=True),
            {"earn_on": {"shipping": True}},
            Calculation(
                (
                    LineAward("1", 10_000, FIVE_PERCENT, 500, gross=11_900),
                    LineAward(SHIPPING, 1_000, FIVE_PERCENT, 50, gross=1_190),
                ),
                550,
                FIVE_PERCENT,
            ),
        ),
        (
            body(line()),
            {"earn_on": {"shipping": True}},
            Calculation(
                (LineAward("1", 10_000, FIVE_PERCENT, 500), LineAward(SHIPPING, 0, FIVE_PERCENT)), 500, FIVE_PERCENT
            ),
        ),
        (
            body(line("1", gift_card=True, tax=100), line("2", -300), line("3"), taxes_included=True),
            {},
            Calculation(
                (
                    LineAward("1", 9_900, Fraction(0), gross=10_000),
                    LineAward("2", 0, FIVE_PERCENT, gross=-300),
                    LineAward("3", 10_000, FIVE_PERCENT, 500),
                ),
                500,
                FIVE_PERCENT,
            ),
        ),
        (
            body(line("1", -300), line("2", 300), channel="pos"),
            {"exclusions": {"sources": ["pos"]}},
            Calculation(
                (LineAward("1", 0, Fraction(0)), LineAward("2", 300, Fraction(0))), 0, FIVE_PERCENT, "excluded"
            ),
        ),
        (
            body(line(), paid_with_cashback=2_500),
            {"min_order": "100.01"},
            Calculation(
                (LineAward("1", 10_000, FIVE_PERCENT),), 0, FIVE_PERCENT, "below_minimum", share=Fraction(3, 4)
            ),
        ),
        (
            body(line(), paid_with_cashback=12_000),
            {},
            Calculation((LineAward("1", 10_000, FIVE_PERCENT),), 0, FIVE_PERCENT, "rounds_to_zero", share=Fraction(0)),
        ),
    ],
)
def test_a_calculation_keeps_what_each_line_earns_of_what(
    sold: Body, changes: dict[str, Any], expected: Calculation
) -> None:
    assert calculate(sold, settings(**changes)) == expected


@pytest.mark.parametrize(
    ("share", "worth", "paid", "gone"),
    [
        ("0", 10_000, "1", "0"),
        ("1/4", 10_000, "1", "1/4"),
        ("0", 7_500, "1", "1/4"),
        ("1/2", 7_500, "1", "5/8"),
        ("0", 12_500, "1", "0"),
        ("1/2", 12_500, "1", "3/8"),
        ("0", 10_000, "1/2", "1/2"),
        ("0", 0, "1", "1"),
        ("0", -1, "1", "1"),
        ("1/4", None, "1", "1/4"),
    ],
)
def test_a_line_is_gone_by_what_was_given_back_and_by_what_it_is_sold_for_less(
    share: str, worth: int | None, paid: str, gone: str
) -> None:
    for award in (LineAward("1", 10_000, FIVE_PERCENT), LineAward("1", 9_000, FIVE_PERCENT, gross=10_000)):
        assert award.gone(Fraction(share), worth, Fraction(paid)) == Fraction(gone)
    assert LineAward("1", 0, FIVE_PERCENT).gone(Fraction(share), worth) == Fraction(share)
    assert LineAward("1", 1, FIVE_PERCENT).gone(Fraction(0), 1) == 0
    assert LineAward("1", 1, FIVE_PERCENT).gone(Fraction(0), 0) == 1


def test_gift_cards_tips_and_fees_never_earn() -> None:
    sold = body(line("1", 5_000, gift_card=True, sku="A"), tips_and_fees=900, total=5_900)
    calculation = calculate(sold, settings(product_rates=[{"sku": "A", "rate": "1"}]))
    assert (calculation.award, calculation.reason) == (0, "excluded")
    assert merchandise(sold) == 0


@pytest.mark.parametrize(
    ("sold", "rules", "reason"),
    [
        (body(), settings(), "nothing_to_earn_on"),
        (body(line("1", 0)), settings(), "nothing_to_earn_on"),
        (body(line("1", 9)), settings(), "rounds_to_zero"),
        (body(line()), settings(base_rate="0"), "excluded"),
    ],
)
def test_an_award_of_nothing_says_why(sold: Body, rules: Settings, reason: str) -> None:
    assert (calculate(sold, rules).award, calculate(sold, rules).reason) == (0, reason)


@pytest.mark.parametrize(
    ("currency", "gross", "award"), [(JPY, 1_999, 100), (KWD, 1_999, 100), (USD, 10, 1), (USD, 9, 0)]
)
def test_the_award_is_rounded_half_up_once_in_minor_units(currency: Currency, gross: int, award: int) -> None:
    assert calculate(body(line("1", gross), currency=currency), settings(currency)).award == award


def test_lines_are_not_rounded_one_by_one() -> None:
    assert calculate(body(*(line(str(i), 9) for i in range(20))), settings()).award == 9


@st.composite
def sold_at_some_rules(draw: st.DrawFn) -> tuple[Body, Settings]:
    lines = [
        line(
            str(i),
            draw(st.integers(-500, 50_000)),
            sku=draw(st.sampled_from(["A", "B", "C"])),
            tax=draw(st.integers(0, 400)),
            gift_card=draw(st.booleans()),
        )
        for i in range(draw(st.integers(0, 6)))
    ]
    millionths = st.integers(0, 10**6).map(lambda n: f"{n // 10**6}.{n % 10**6:06d}")
    rules = settings(
        base_rate=draw(millionths),
        product_rates=draw(st.just([]) | millionths.map(lambda rate: [{"sku": "A", "rate": rate}])),
        exclusions=draw(st.sampled_from([{}, {"skus": ["B"]}])),
        max_award=draw(st.none() | st.integers(0, 3_000).map(USD.format)),
        earn_on={"shipping": draw(st.booleans()), "tax": draw(st.booleans())},
    )
    return body(*lines, shipping=draw(st.integers(0, 900)), taxes_included=draw(st.booleans())), rules


@given(sold_at_some_rules())
@pytest.mark.row("P15")
def test_invariant_15_line_awards_sum_to_the_award(sold: tuple[Body, Settings]) -> None:
    calculation = calculate(*sold)
    assert sum(share.award for share in calculation.lines) == calculation.award
    assert all(share.award >= 0 for share in calculation.lines)
    assert not any(share.award for share in calculation.lines if not share.base * share.rate)


@given(sold_at_some_rules(), st.integers(1, 10**6))
@pytest.mark.row("P15")
def test_invariant_15_holds_of_an_approval_of_any_amount(sold: tuple[Body, Settings], amount: int) -> None:
    calculation = calculate(*sold)
    if calculation.lines:
        approved = calculation.awarding(amount)
        assert sum(share.award for share in approved.lines) == approved.award == amount


@given(sold_at_some_rules())
def test_the_award_is_the_exact_sum_rounded_and_never_above_the_cap(sold: tuple[Body, Settings]) -> None:
    calculation, cap = calculate(*sold), sold[1].max_award
    exact = round_half_up(sum((share.base * share.rate for share in calculation.lines), Fraction(0)))
    due = exact if merchandise(sold[0]) >= 0 else 0
    assert calculation.award == (due if cap is None else min(due, cap))


def test_an_approval_where_nothing_earns_is_spread_by_what_the_lines_cost() -> None:
    calculation = calculate(body(line("1", 9_900), line("2", 100)), settings(base_rate="0")).awarding(500)
    assert [share.award for share in calculation.lines] == [495, 5]
    assert calculation.gone(Facts(), {"1": Fraction(0), "2": Fraction(1)}) == Fraction(1, 100)
    free = calculate(body(line("1", 0), line("2", 0)), settings()).awarding(3)
    assert [share.award for share in free.lines] == [2, 1]


@given(sold_at_some_rules(), st.data())
def test_what_is_gone_of_the_award_lies_between_nothing_and_all(
    sold: tuple[Body, Settings], data: st.DataObject
) -> None:
    calculation = calculate(*sold)
    shares = {share.line_id: data.draw(st.fractions(0, 1)) for share in calculation.lines}
    assert 0 <= calculation.gone(Facts(), shares) <= 1
    if calculation.lines:
        assert calculation.gone(Facts(), dict.fromkeys(shares, Fraction(0))) == 0
        assert calculation.gone(Facts(), dict.fromkeys(shares, Fraction(1))) == 1
        assert calculation.gone(Facts(), {}) == 1, "a line that is no longer there is gone"
