"""What an order earns: pure arithmetic over its lines and the store's settings."""

from collections.abc import Mapping, Sequence
from copy import replace
from fractions import Fraction
from typing import Final

from msgspec import Struct

from cashback.domain.facts import SHIPPING, Body, Facts, Line
from cashback.domain.money import ONE, ZERO, round_half_up, spread, whole_numbers
from cashback.domain.settings import Exclusions, ProductRate, Settings, Tier

_TRAITS: Final = frozenset({"category", "tag"})
"""Attributes of a product rule that a shop's lines seldom carry."""


class Traits(Struct, frozen=True, omit_defaults=True):
    """What category and tag rules ask of a product: those of its categories and tags that the rules name."""

    categories: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()


_NO_TRAITS: Final = Traits()

type Catalogue = Mapping[str, Traits]
"""Traits by product id."""


class Lookup(Struct, frozen=True):
    """What the calculation must know beyond the order's body: the tier's rate, whose order it is, what is sold."""

    tier_rate: Fraction | None = None
    customer_tags: tuple[str, ...] = ()
    catalogue: Catalogue = {}


NOTHING_KNOWN: Final = Lookup()


class LineAward(Struct, frozen=True, omit_defaults=True):
    """What one line earns: its base in minor units, its rate, and its share of the order's award.

    ``gross`` is what it was sold for when this was calculated, where that is not the base.
    """

    line_id: str
    base: int
    rate: Fraction
    award: int = 0
    gross: int | None = None

    def gone(self, share: Fraction, worth: int | None, paid: Fraction | None = None) -> Fraction:
        """Return how much of this line is gone: ``share`` of it was given back, of the ``worth`` that it has now.

        A line that is sold for less than when it was calculated is gone by the difference; one that is sold for more
        is whole until as much was given back. ``paid`` is how much of it is paid with money now, where 1 is as much as
        when it was calculated, and so is None.
        """
        sold = self.base if self.gross is None else self.gross
        if worth is None or sold <= 0 or (worth == sold and paid is None):
            return share
        left = Fraction(max(0, worth), sold) * (ONE - share)
        return ONE - min(ONE, left if paid is None else paid * left)


class Calculation(Struct, frozen=True, omit_defaults=True):
    """What an order earns before anything of it is gone. ``reason`` says why ``award`` is 0.

    ``share`` is how much of the order was paid with money: only so much of what its lines weigh earns.
    """

    lines: tuple[LineAward, ...]
    award: int
    rate: Fraction
    reason: str | None = None
    share: Fraction = Fraction(1)  # no ONE: what is calculated is never this very object, and so is always written

    @property
    def base(self) -> int:
        """Sum of the bases of the lines that earn, in minor units."""
        return sum(line.base for line in self.lines if line.rate)

    def awarding(self, award: int) -> "Calculation":
        """Return this calculation with another award, spread anew over the lines by what each earned."""
        shares = spread(award, self._weights()) if self.lines else ()
        lines = tuple(replace(line, award=share) for line, share in zip(self.lines, shares, strict=True))
        return replace(self, lines=lines, award=award)

    def gone(self, facts: Facts, shares: dict[str, Fraction]) -> Fraction:
        """Return how much of what was earned is gone, by what each line earned; a line no longer there is gone.

        ``facts`` are what is known of the order now, ``shares`` how much of each of its lines was given back.
        """
        body, earning = facts.body, facts.earning_body
        worth = body.worth if body else {}
        now = earning_share(earning) if earning else self.share
        paid = now / self.share if self.share and now != self.share else None
        gone = [line.gone(shares.get(line.line_id, ONE), worth.get(line.line_id), paid) for line in self.lines]
        if not any(gone):
            return ZERO
        weights = self._weights()
        whole = sum(weights)
        if not whole:
            return ZERO
        return sum((part * weight for weight, part in zip(weights, gone, strict=True) if part), ZERO) / whole

    def _weights(self) -> list[int]:
        """What each line earned, in proportion; where none earns (an approval may still credit), what it cost, else all
        alike."""
        weights, _ = _weighed(self.lines)
        if any(weights):
            return weights
        costs = [line.base for line in self.lines]
        return costs if any(costs) else [1] * len(self.lines)


NOTHING: Final = Calculation((), 0, ZERO)


def tier_of(settings: Settings, total_spent: int) -> Tier | None:
    """Return the highest tier that ``total_spent`` minor units reach; the order itself must not be counted in."""
    reached = [tier for tier in settings.tiers if tier.min_spent <= total_spent]
    return reached[-1] if reached else None


def calculate(body: Body, settings: Settings, lookup: Lookup = NOTHING_KNOWN) -> Calculation:
    """Return what an order earns at these settings.

    award = sum of line bases x line rates, less the part that a redemption paid, rounded half up once, spread over the
    lines by largest remainder; then the store's minimum order and cap. Gift cards, tips, duties and fees never earn.
    """
    order_rate = _order_rate(body, settings, lookup)
    if _order_excluded(body, settings, lookup):
        lines = [LineAward(line.line_id, max(0, line.gross), ZERO) for line in body.lines]
        return Calculation(tuple(lines), 0, order_rate, "excluded")
    lines = [_line_award(line, body, settings, order_rate, lookup.catalogue) for line in body.lines]
    if settings.earn_on_shipping:
        base = max(0, _with_tax_rule(body.shipping, body.shipping_tax, body, settings))
        lines.append(LineAward(SHIPPING, base, order_rate, gross=_unless(body.shipping, base)))
    share = earning_share(body)
    award = round_half_up(earned(lines) * share)
    calculation = Calculation(tuple(lines), 0, order_rate, share=share)
    if merchandise(body) < settings.min_order:
        return replace(calculation, reason="below_minimum")
    if not award:
        return replace(calculation, reason=_why_nothing(calculation))
    return calculation.awarding(award if settings.max_award is None else min(award, settings.max_award))


def earned(lines: Sequence[LineAward]) -> Fraction:
    """Return what lines earn together, unrounded, where all of the order was paid with money."""
    weights, common = _weighed(lines)
    return Fraction(sum(weights), common)


def earning_share(body: Body) -> Fraction:
    """Return how much of an order was paid with money: what was paid with cashback earns nothing."""
    if not body.paid_with_cashback:
        return ONE
    paid = body.paid_total
    return Fraction(max(0, paid - body.paid_with_cashback), paid) if paid > 0 else ZERO


def products_asked_for(body: Body, settings: Settings, lookup: Lookup) -> frozenset[str]:
    """Return the products whose category or tags decide what a line earns, where the line itself says neither."""
    exclusions, rules = settings.exclusions, settings.product_rates
    if not (exclusions.categories or exclusions.tags or any(rule.attribute in _TRAITS for rule in rules)):
        return frozenset()
    if _order_excluded(body, settings, lookup):
        return frozenset()
    asked = (line.product_id for line in body.lines if _asks_for_traits(line, settings))
    return frozenset(product_id for product_id in asked if product_id is not None)


def traits_asked_for(categories: frozenset[str], tags: frozenset[str], settings: Settings) -> Traits:
    """Return of a product's categories and tags those that the rules name: all that an order need keep."""
    rules, exclusions = settings.product_rates, settings.exclusions
    named_categories = exclusions.categories | {rule.value for rule in rules if rule.attribute == "category"}
    named_tags = exclusions.tags | {rule.value for rule in rules if rule.attribute == "tag"}
    return Traits(categories & named_categories, tags & named_tags)


def channel_of(body: Body, settings: Settings) -> str:
    """Return where an order was placed, with the store's own names for its app understood as ``app``."""
    return "app" if body.channel in settings.app_sources else body.channel


def merchandise(body: Body) -> int:
    """Return the net merchandise of an order: goods without tax, gift cards left out (they are spent again later)."""
    return sum(net(line, body) for line in body.lines)


def net(line: Line, body: Body) -> int:
    """Return what a line counts towards the customer's total spent, in minor units."""
    if line.gift_card:
        return 0
    return line.gross - line.tax if body.taxes_included else line.gross


def _weighed(lines: Sequence[LineAward]) -> tuple[list[int], int]:
    """What each line earns, unrounded, in whole numbers over one denominator, and that."""
    rates, common = whole_numbers([line.rate for line in lines])
    return [line.base * rate for line, rate in zip(lines, rates, strict=True)], common


def _line_award(line: Line, body: Body, settings: Settings, order_rate: Fraction, catalogue: Catalogue) -> LineAward:
    base = max(0, _with_tax_rule(line.gross, line.tax, body, settings))
    gross = _unless(line.gross, base)
    traits = _traits(line, catalogue)
    if line.gift_card or _line_excluded(line, settings.exclusions) or _excluded(traits, settings.exclusions):
        return LineAward(line.line_id, base, ZERO, gross=gross)
    for rule in settings.product_rates:
        if _matches(rule, line, traits):
            return LineAward(line.line_id, base, rule.rate, gross=gross)
    return LineAward(line.line_id, base, order_rate, gross=gross)


def _unless(gross: int, base: int) -> int | None:
    return None if gross == base else gross


def _with_tax_rule(gross: int, tax: int, body: Body, settings: Settings) -> int:
    if body.taxes_included and not settings.earn_on_tax:
        return gross - tax
    if not body.taxes_included and settings.earn_on_tax:
        return gross + tax
    return gross


def _order_rate(body: Body, settings: Settings, lookup: Lookup) -> Fraction:
    """The rate of every line that no product rate names; each rule replaces the next, none adds."""
    for rates, value in (
        (settings.delivery_type_rates, body.delivery_type),
        (settings.source_rates, channel_of(body, settings)),
    ):
        for name, rate in rates:
            if name == value:
                return rate
    for tag, rate in settings.customer_tag_rates:
        if tag in _customer_tags(body, lookup):
            return rate
    return settings.base_rate if lookup.tier_rate is None else lookup.tier_rate


def _customer_tags(body: Body, lookup: Lookup) -> tuple[str, ...]:
    return lookup.customer_tags if body.customer_tags is None else body.customer_tags


def _matches(rule: ProductRate, line: Line, traits: Traits) -> bool:
    match rule.attribute:
        case "tag":
            return rule.value in traits.tags
        case "category":
            return rule.value in traits.categories
    return bool(getattr(line, rule.attribute) == rule.value)


def _has_traits(line: Line) -> bool:
    return line.category is not None or bool(line.tags)


def _traits(line: Line, catalogue: Catalogue) -> Traits:
    """What the line says of its product; where it says nothing, what the catalogue does."""
    if _has_traits(line):
        return Traits(frozenset({line.category} if line.category else ()), frozenset(line.tags))
    return catalogue.get(line.product_id or "", _NO_TRAITS)


def _asks_for_traits(line: Line, settings: Settings) -> bool:
    """Tell whether a category or tag rule decides about a line that says neither; a rule before it may have decided."""
    exclusions = settings.exclusions
    if line.gift_card or _has_traits(line) or _line_excluded(line, exclusions):
        return False
    if exclusions.categories or exclusions.tags:
        return True
    for rule in settings.product_rates:
        if rule.attribute in _TRAITS:
            return True
        if _matches(rule, line, _NO_TRAITS):
            return False
    return False


def _line_excluded(line: Line, exclusions: Exclusions) -> bool:
    return line.sku in exclusions.skus or line.product_id in exclusions.product_ids or line.vendor in exclusions.vendors


def _excluded(traits: Traits, exclusions: Exclusions) -> bool:
    return not (exclusions.categories.isdisjoint(traits.categories) and exclusions.tags.isdisjoint(traits.tags))


def _order_excluded(body: Body, settings: Settings, lookup: Lookup) -> bool:
    exclusions = settings.exclusions
    return (
        channel_of(body, settings) in exclusions.sources
        or not exclusions.customer_tags.isdisjoint(_customer_tags(body, lookup))
        or not exclusions.payment_methods.isdisjoint(body.payment_methods)
    )


def _why_nothing(calculation: Calculation) -> str:
    if not any(line.base for line in calculation.lines):
        return "nothing_to_earn_on"
    return "excluded" if not any(line.rate for line in calculation.lines) else "rounds_to_zero"
