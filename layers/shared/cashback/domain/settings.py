"""A store's settings: what it pays for, how much, and who decides. Versioned; each award names the version it used."""

import re
from collections.abc import Mapping
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct

from cashback.domain.errors import Invalid
from cashback.domain.money import Currency, fraction_of

DEFAULTS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "cashback_enabled": True,
        "auto_processing": True,
        "award_on": "paid",
        "base_rate": "0.05",
        "tiers": [],
        "product_rates": [],
        "delivery_type_rates": {},
        "source_rates": {},
        "customer_tag_rates": {},
        "earn_on": {"shipping": False, "tax": False},
        "exclusions": {},
        "min_order": "0",
        "max_award": None,
        "hold_over_award": None,
        "hold_over_total": None,
        "clawback": "partial",
        "guest_claim_days": 30,
        "adjust_limit": None,
        "four_eyes": False,
        "app_sources": [],
        "notifications": {
            "order_credited": {"enabled": True},
            "payout_pending": {"enabled": True},
            "payout_on_process": {"enabled": True},
            "payout_success": {"enabled": True},
            "payout_failed": {"enabled": True},
        },
        "alerts": {},
        "pending_alarm_hours": 24,
    }
)
"""The settings of a new store, in the form of the API; one that is there keeps its own, so whoever has set its
``notifications`` names those of payouts too before customers hear of them. Name, currency and timezone have no
default."""

PRODUCT_ATTRIBUTES: Final = ("sku", "product_id", "vendor", "category", "tag")
"""What a product rate may match a line by."""

_RATE: Final = re.compile(r"0(?:\.[0-9]{1,6})?|1(?:\.0{1,6})?")


class AwardOn(StrEnum):
    """What makes an order earn."""

    PAID = "paid"
    COMPLETED = "completed"
    """Paid and completed."""


class Clawback(StrEnum):
    """What a clawback does when the balance is too small."""

    PARTIAL = "partial"
    """Takes what is there and records the rest as shortfall."""
    FULL_OR_SKIP = "full_or_skip"
    """Takes all or nothing; what it skips is waived."""
    ALLOW_NEGATIVE = "allow_negative"
    """Takes all; the balance may become negative."""


class Tier(Struct, frozen=True):
    """A rate earned by spending; ``min_spent`` in minor units."""

    name: str
    min_spent: int
    rate: Fraction


class ProductRate(Struct, frozen=True):
    """A rate for lines whose ``attribute`` (sku, product_id, vendor, category, tag) equals ``value``."""

    attribute: str
    value: str
    rate: Fraction


class Exclusions(Struct, frozen=True):
    """What never earns. The first five are about lines, the others about the whole order."""

    skus: frozenset[str] = frozenset()
    product_ids: frozenset[str] = frozenset()
    vendors: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    customer_tags: frozenset[str] = frozenset()
    payment_methods: frozenset[str] = frozenset()


class Settings(Struct, frozen=True):
    """Settings of one store at one version. Amounts are minor units, rates exact fractions in [0, 1].

    ``numbers_orders`` is no setting of the API but what its scenarios call for: that each order be counted among its
    customer's.
    """

    store_id: str
    version: int
    name: str
    currency: Currency
    timezone: str
    cashback_enabled: bool
    auto_processing: bool
    award_on: AwardOn
    base_rate: Fraction
    tiers: tuple[Tier, ...]
    product_rates: tuple[ProductRate, ...]
    delivery_type_rates: tuple[tuple[str, Fraction], ...]
    source_rates: tuple[tuple[str, Fraction], ...]
    customer_tag_rates: tuple[tuple[str, Fraction], ...]
    earn_on_shipping: bool
    earn_on_tax: bool
    exclusions: Exclusions
    min_order: int
    max_award: int | None
    hold_over_award: int | None
    hold_over_total: int | None
    clawback: Clawback
    guest_claim_days: int
    adjust_limit: int | None
    four_eyes: bool
    app_sources: frozenset[str]
    pending_alarm_hours: int
    numbers_orders: bool = False


def parse_settings(store_id: str, version: int, currency: Currency, document: Mapping[str, Any]) -> Settings:
    """Read a settings document (the shape of ``DEFAULTS`` plus name, currency and timezone) into exact values.

    :raises Invalid: names the field; ``rate_range``, ``amount_*``, ``enum``, ``duplicate`` or ``out_of_range``.
    """
    read = _Reader(currency, document)
    exclusions = document["exclusions"]
    return Settings(
        store_id=store_id,
        version=version,
        name=document["name"],
        currency=currency,
        timezone=document["timezone"],
        cashback_enabled=document["cashback_enabled"],
        auto_processing=document["auto_processing"],
        award_on=AwardOn(read.choice("award_on", AwardOn)),
        base_rate=parse_rate(document["base_rate"], "base_rate"),
        tiers=read.tiers(),
        product_rates=read.product_rates(),
        delivery_type_rates=read.rates("delivery_type_rates"),
        source_rates=read.rates("source_rates"),
        customer_tag_rates=read.rates("customer_tag_rates"),
        earn_on_shipping=document["earn_on"].get("shipping", False),
        earn_on_tax=document["earn_on"].get("tax", False),
        exclusions=Exclusions(**{name: frozenset(values) for name, values in exclusions.items()}),
        min_order=read.amount("min_order") or 0,
        max_award=read.amount("max_award"),
        hold_over_award=read.amount("hold_over_award"),
        hold_over_total=read.amount("hold_over_total"),
        clawback=Clawback(read.choice("clawback", Clawback)),
        guest_claim_days=read.whole("guest_claim_days", 1, 365),
        adjust_limit=read.amount("adjust_limit"),
        four_eyes=document["four_eyes"],
        app_sources=frozenset(document["app_sources"]),
        pending_alarm_hours=read.whole("pending_alarm_hours", 1, 8_760),
    )


def parse_rate(literal: object, field: str) -> Fraction:
    """Read a rate: the text of a fraction of 1 with at most six decimals, such as ``"0.05"`` for 5 %.

    :raises Invalid: ``rate_range``.
    """
    if not isinstance(literal, str) or _RATE.fullmatch(literal) is None:
        raise Invalid(field, "rate_range")
    return fraction_of(literal)


class _Reader(Struct, frozen=True):
    currency: Currency
    document: Mapping[str, Any]

    def amount(self, field: str) -> int | None:
        literal = self.document[field]
        return None if literal is None else self._not_negative(literal, field)

    def whole(self, field: str, least: int, most: int) -> int:
        value: int = self.document[field]
        if not least <= value <= most:
            raise Invalid(field, "out_of_range")
        return value

    def choice(self, field: str, choices: type[StrEnum]) -> str:
        value: str = self.document[field]
        if value not in choices:
            raise Invalid(field, "enum")
        return value

    def rates(self, field: str) -> tuple[tuple[str, Fraction], ...]:
        return tuple((name, parse_rate(rate, f"{field}.{name}")) for name, rate in self.document[field].items())

    def tiers(self) -> tuple[Tier, ...]:
        tiers = [
            Tier(
                tier["name"],
                self._not_negative(tier["min_spent"], f"tiers.{i}.min_spent"),
                parse_rate(tier["rate"], f"tiers.{i}.rate"),
            )
            for i, tier in enumerate(self.document["tiers"])
        ]
        for values in ([tier.name for tier in tiers], [tier.min_spent for tier in tiers]):
            if len(set(values)) != len(values):
                raise Invalid("tiers", "duplicate")
        return tuple(sorted(tiers, key=lambda tier: tier.min_spent))

    def product_rates(self) -> tuple[ProductRate, ...]:
        return tuple(self._product_rate(rule, i) for i, rule in enumerate(self.document["product_rates"]))

    def _product_rate(self, rule: Mapping[str, Any], i: int) -> ProductRate:
        named = [attribute for attribute in PRODUCT_ATTRIBUTES if rule.get(attribute) is not None]
        if len(named) != 1:
            raise Invalid(f"product_rates.{i}", "one_attribute")
        return ProductRate(named[0], rule[named[0]], parse_rate(rule["rate"], f"product_rates.{i}.rate"))

    def _not_negative(self, literal: object, field: str) -> int:
        return not_negative(self.currency, literal, field)


def not_negative(currency: Currency, literal: object, field: str) -> int:
    """Read an amount, in minor units, that may be nothing but not less.

    :raises Invalid: ``amount_negative``, or as ``Currency.parse``.
    """
    minor = currency.parse(literal, field)
    if minor < 0:
        raise Invalid(field, "amount_negative")
    return minor
