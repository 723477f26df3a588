"""What an order earns: pure arithmetic over its lines and the store's settings."""

from copy import replace
from fractions import Fraction
from typing import Final

from msgspec import Struct

from cashback.domain.facts import SHIPPING, Body, Line
from cashback.domain.money import round_half_up, spread
from cashback.domain.settings import Exclusions, ProductRate, Settings, Tier


class LineAward(Struct, frozen=True, omit_defaults=True):
    """What one line earns: its base in minor units, its rate, and its share of the order's award.

    ``gross`` is what it was sold for when this was calculated, where that is not the base.
    """

    line_id: str
    base: int
    rate: Fraction
    award: int = 0
    gross: int | None = None

    @property
    def weight(self) -> Fraction:
        """The line's part in the award, unrounded."""
        return self.base * self.rate

    def gone(self, share: Fraction, worth: int | None) -> Fraction:
        """Return how much of this line is gone: ``share`` of it was given back, of the ``worth`` that it has now.

        A line that is sold for less than when it was calculated is gone by the difference; one that is sold for more
        is whole until as much was given back.
        """
        sold = self.base if self.gross is None else self.gross
        if worth is None or sold <= 0:
            return share
        return 1 - min(Fraction(1), max(0, worth) * (1 - share) / sold)


class Calculation(Struct, frozen=True, omit_defaults=True):
    """What an order earns before anything of it is gone. ``reason`` says why ``award`` is 0."""

    lines: tuple[LineAward, ...]
    award: int
    rate: Fraction
    reason: str | None = None

    @property
    def base(self) -> int:
        """Sum of the bases of the lines that earn, in minor units."""
        return sum(line.base for line in self.lines if line.rate)

    def awarding(self, award: int) -> "Calculation":
        """Return this calculation with another award, spread anew over the lines by what each earned."""
        shares = spread(award, self._weights()) if self.lines else ()
        lines = tuple(replace(line, award=share) for line, share in zip(self.lines, shares, strict=True))
        return replace(self, lines=lines, award=award)

    def gone(self, body: Body | None, shares: dict[str, Fraction]) -> Fraction:
        """Return how much of what was earned is gone, by what each line earned; a line no longer there is gone.

        ``body`` is the order as it is now, ``shares`` how much of each of its lines was given back.
        """
        weights = self._weights()
        whole = sum(weights, Fraction(0))
        if not whole:
            return Fraction(0)
        worth = body.worth if body else {}
        gone = (line.gone(shares.get(line.line_id, Fraction(1)), worth.get(line.line_id)) for line in self.lines)
        return sum((weight * part for weight, part in zip(weights, gone, strict=True)), Fraction(0)) / whole

    def _weights(self) -> list[Fraction]:
        """What each line earned; where none earns (an approval may still credit), what it cost, else all alike."""
        for weights in ([line.weight for line in self.lines], [Fraction(line.base) for line in self.lines]):
            if any(weights):
                return weights
        return [Fraction(1)] * len(self.lines)


NOTHING: Final = Calculation((), 0, Fraction(0))


def tier_of(settings: Settings, total_spent: int) -> Tier | None:
    """Return the highest tier that ``total_spent`` minor units reach; the order itself must not be counted in."""
    reached = [tier for tier in settings.tiers if tier.min_spent <= total_spent]
    return reached[-1] if reached else None


def calculate(body: Body, settings: Settings, tier_rate: Fraction | None) -> Calculation:
    """Return what an order earns at these settings.

    award = sum of line bases x line rates, rounded half up once, spread over the lines by largest remainder; then the
    store's minimum order and cap. Gift cards, tips, duties and fees never earn.
    """
    order_rate = _order_rate(body, settings, tier_rate)
    if _order_excluded(body, settings):
        lines = [LineAward(line.line_id, max(0, line.gross), Fraction(0)) for line in body.lines]
        return Calculation(tuple(lines), 0, order_rate, "excluded")
    lines = [_line_award(line, body, settings, order_rate) for line in body.lines]
    if settings.earn_on_shipping and body.shipping > 0:
        base = _with_tax_rule(body.shipping, body.shipping_tax, body, settings)
        lines.append(LineAward(SHIPPING, base, order_rate, gross=_unless(body.shipping, base)))
    exact = sum((line.weight for line in lines), Fraction(0))
    award = round_half_up(exact)
    calculation = Calculation(tuple(lines), 0, order_rate)
    if merchandise(body) < settings.min_order:
        return replace(calculation, reason="below_minimum")
    if not award:
        return replace(calculation, reason=_why_nothing(calculation))
    return calculation.awarding(award if settings.max_award is None else min(award, settings.max_award))


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


def _line_award(line: Line, body: Body, settings: Settings, order_rate: Fraction) -> LineAward:
    base = max(0, _with_tax_rule(line.gross, line.tax, body, settings))
    gross = _unless(line.gross, base)
    if line.gift_card or _line_excluded(line, settings.exclusions):
        return LineAward(line.line_id, base, Fraction(0), gross=gross)
    matching = (rule.rate for rule in settings.product_rates if _matches(rule, line))
    return LineAward(line.line_id, base, next(matching, order_rate), gross=gross)


def _unless(gross: int, base: int) -> int | None:
    return None if gross == base else gross


def _with_tax_rule(gross: int, tax: int, body: Body, settings: Settings) -> int:
    if body.taxes_included and not settings.earn_on_tax:
        return gross - tax
    if not body.taxes_included and settings.earn_on_tax:
        return gross + tax
    return gross


def _order_rate(body: Body, settings: Settings, tier_rate: Fraction | None) -> Fraction:
    """The rate of every line that no product rate names; each rule replaces the next, none adds."""
    for rates, value in (
        (settings.delivery_type_rates, body.delivery_type),
        (settings.source_rates, channel_of(body, settings)),
    ):
        for name, rate in rates:
            if name == value:
                return rate
    for tag, rate in settings.customer_tag_rates:
        if tag in body.customer_tags:
            return rate
    return settings.base_rate if tier_rate is None else tier_rate


def _matches(rule: ProductRate, line: Line) -> bool:
    if rule.attribute == "tag":
        return rule.value in line.tags
    return bool(getattr(line, rule.attribute) == rule.value)


def _line_excluded(line: Line, exclusions: Exclusions) -> bool:
    return (
        line.sku in exclusions.skus
        or line.product_id in exclusions.product_ids
        or line.vendor in exclusions.vendors
        or line.category in exclusions.categories
        or not exclusions.tags.isdisjoint(line.tags)
    )


def _order_excluded(body: Body, settings: Settings) -> bool:
    exclusions = settings.exclusions
    return (
        channel_of(body, settings) in exclusions.sources
        or not exclusions.customer_tags.isdisjoint(body.customer_tags)
        or not exclusions.payment_methods.isdisjoint(body.payment_methods)
    )


def _why_nothing(calculation: Calculation) -> str:
    if not any(line.base for line in calculation.lines):
        return "nothing_to_earn_on"
    return "excluded" if not any(line.rate for line in calculation.lines) else "rounds_to_zero"
