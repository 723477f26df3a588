from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashback.domain.errors import Invalid
from cashback.domain.settings import (
    DEFAULTS,
    AwardOn,
    Clawback,
    Exclusions,
    ProductRate,
    Settings,
    Tier,
    parse_rate,
    parse_settings,
)
from tests.unit.builders import JPY, KWD, USD, settings


def refused(**changes: Any) -> tuple[str, str]:
    with pytest.raises(Invalid) as caught:
        settings(**changes)
    return caught.value.field, caught.value.code


def test_the_defaults_are_those_of_the_settings_page() -> None:
    assert settings() == Settings(
        store_id="demo",
        version=1,
        name="Demo",
        currency=USD,
        timezone="Europe/Berlin",
        cashback_enabled=True,
        auto_processing=True,
        award_on=AwardOn.PAID,
        base_rate=Fraction(1, 20),
        tiers=(),
        product_rates=(),
        delivery_type_rates=(),
        source_rates=(),
        customer_tag_rates=(),
        earn_on_shipping=False,
        earn_on_tax=False,
        exclusions=Exclusions(),
        min_order=0,
        max_award=None,
        hold_over_award=None,
        hold_over_total=None,
        clawback=Clawback.PARTIAL,
        guest_claim_days=30,
        adjust_limit=None,
        four_eyes=False,
        app_sources=frozenset(),
        pending_alarm_hours=24,
    )


def test_amounts_are_minor_units_of_the_currency_of_the_store() -> None:
    assert settings(min_order="10.5", max_award="20").min_order == 1_050
    assert settings(JPY, max_award="2000").max_award == 2_000
    assert settings(KWD, hold_over_award="1.250").hold_over_award == 1_250
    assert settings(max_award=None).max_award is None
    assert settings(max_award="0").max_award == 0


def test_every_rule_is_read_into_exact_values() -> None:
    read = settings(
        auto_processing=False,
        award_on="completed",
        base_rate="0.025",
        tiers=[
            {"name": "gold", "min_spent": "500", "rate": "0.1"},
            {"name": "basic", "min_spent": "0", "rate": "0.01"},
        ],
        product_rates=[
            {"sku": "A", "rate": "0.2"},
            {"tag": "sale", "rate": "0"},
            {"vendor": None, "category": "c", "rate": "1"},
        ],
        delivery_type_rates={"pickup": "0.03"},
        source_rates={"app": "0.04"},
        customer_tag_rates={"vip": "0.06"},
        earn_on={"shipping": True, "tax": True},
        exclusions={"skus": ["X"], "payment_methods": ["gift_card"]},
        clawback="allow_negative",
        app_sources=["580111"],
    )
    assert not read.auto_processing
    assert read.award_on is AwardOn.COMPLETED
    assert read.base_rate == Fraction(1, 40)
    assert read.tiers == (Tier("basic", 0, Fraction(1, 100)), Tier("gold", 50_000, Fraction(1, 10)))
    assert read.product_rates == (
        ProductRate("sku", "A", Fraction(1, 5)),
        ProductRate("tag", "sale", Fraction(0)),
        ProductRate("category", "c", Fraction(1)),
    )
    assert read.delivery_type_rates == (("pickup", Fraction(3, 100)),)
    assert read.source_rates == (("app", Fraction(4, 100)),)
    assert read.customer_tag_rates == (("vip", Fraction(6, 100)),)
    assert (read.earn_on_shipping, read.earn_on_tax) == (True, True)
    assert read.exclusions.skus == {"X"}
    assert read.exclusions.payment_methods == {"gift_card"}
    assert read.clawback is Clawback.ALLOW_NEGATIVE
    assert read.app_sources == {"580111"}


@given(st.integers(0, 10**6))
def test_a_rate_of_up_to_six_decimals_is_exact(millionths: int) -> None:
    assert parse_rate(f"{millionths // 10**6}.{millionths % 10**6:06d}", "rate") == Fraction(millionths, 10**6)


@pytest.mark.parametrize(
    "literal",
    [
        "1.01",
        "101",
        "2",
        "-0.01",
        "NaN",
        "0.123456789012",
        "0.0000001",
        "5%",
        "",
        ".05",
        "1.",
        "0.05\n",
        "\uff10.05",
        "1e-2",
        0.05,
        0,
        1,
        None,
        True,
    ],
)
@pytest.mark.row("59")
def test_row_59_what_is_no_rate_is_refused(literal: object) -> None:
    with pytest.raises(Invalid) as caught:
        parse_rate(literal, "base_rate")
    assert (caught.value.field, caught.value.code) == ("base_rate", "rate_range")


def test_a_refusal_names_the_field() -> None:
    assert refused(base_rate="1.5") == ("base_rate", "rate_range")
    assert refused(source_rates={"app": "7"}) == ("source_rates.app", "rate_range")
    assert refused(min_order="-1") == ("min_order", "amount_negative")
    assert refused(max_award="0.001") == ("max_award", "amount_precision")
    assert refused(max_award=5) == ("max_award", "amount_format")
    assert refused(hold_over_total="1234567890123") == ("hold_over_total", "amount_too_large")
    assert refused(clawback="none") == ("clawback", "enum")
    assert refused(award_on="shipped") == ("award_on", "enum")
    assert refused(guest_claim_days=0) == ("guest_claim_days", "out_of_range")
    assert refused(guest_claim_days=366) == ("guest_claim_days", "out_of_range")
    assert refused(pending_alarm_hours=0) == ("pending_alarm_hours", "out_of_range")
    assert refused(tiers=[{"name": "a", "min_spent": "x", "rate": "0"}]) == ("tiers.0.min_spent", "amount_format")
    assert refused(tiers=[{"name": "a", "min_spent": "1", "rate": "9"}]) == ("tiers.0.rate", "rate_range")
    assert refused(product_rates=[{"sku": "A", "rate": "9"}]) == ("product_rates.0.rate", "rate_range")


@pytest.mark.parametrize("other", [{"name": "a", "min_spent": "5"}, {"name": "b", "min_spent": "1.00"}])
def test_two_tiers_of_one_name_or_one_threshold_are_refused(other: dict[str, str]) -> None:
    first = {"name": "a", "min_spent": "1", "rate": "0.1"}
    assert refused(tiers=[first, {**other, "rate": "0.2"}]) == ("tiers", "duplicate")


@pytest.mark.parametrize(
    "rule", [{"rate": "0.1"}, {"sku": "A", "vendor": "B", "rate": "0.1"}, {"sku": None, "rate": "0.1"}]
)
def test_a_product_rate_matches_by_exactly_one_attribute(rule: dict[str, str]) -> None:
    assert refused(product_rates=[rule]) == ("product_rates.0", "one_attribute")


def test_parsing_leaves_the_defaults_alone() -> None:
    parse_settings("demo", 1, USD, {**DEFAULTS, "name": "n", "timezone": "UTC"})
    assert DEFAULTS["tiers"] == []
    with pytest.raises(TypeError):
        DEFAULTS["tiers"] = [1]  # type: ignore[index]
