"""Money: integers of minor units in an ISO 4217 currency, and the one place where anything is rounded.

Inside the domain an amount is an ``int`` of minor units of its store's currency (a store has exactly one); ``Money``
carries the currency along where an amount meets the outside.
"""

import re
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from math import lcm
from typing import Final

from msgspec import Struct

from cashback.domain.errors import Invalid

MAX_WHOLE_DIGITS = 12
MAX_SHOP_LITERAL = 64
ZERO: Final = Fraction(0)
ONE: Final = Fraction(1)
"""Made once: calculating with an ``int`` instead makes a ``Fraction`` of it each time."""

_NUMBER = re.compile(r"-?([0-9]+)(?:\.([0-9]+))?")


class Currency(Struct, frozen=True):
    """An ISO 4217 code and the number of its minor-unit digits (JPY 0, USD 2, KWD 3)."""

    code: str
    exponent: int

    def parse(self, literal: object, field: str = "amount") -> int:
        """Read the literal text of an amount as minor units.

        Accepts ``-?digits(.digits)?`` with at most 12 digits before the point and no more after it than the currency
        has; never a float, because ``0.1 + 0.2`` is not an amount.

        :raises Invalid: ``amount_format``, ``amount_too_large`` or ``amount_precision`` for ``field``.
        """
        if not isinstance(literal, str) or (match := _NUMBER.fullmatch(literal)) is None:
            raise Invalid(field, "amount_format")
        whole, decimals = match.groups("")
        if len(whole) > MAX_WHOLE_DIGITS:
            raise Invalid(field, "amount_too_large")
        if len(decimals) > self.exponent:
            raise Invalid(field, "amount_precision")
        return self._exact(literal, whole, decimals)

    def read(self, literal: object) -> int:
        """Read an amount that a shop sent: as ``parse``, but finer decimals are rounded half up and numbers allowed.

        :raises Invalid: ``amount_format`` or ``amount_too_large``.
        """
        text = literal
        if type(literal) is int:  # and no bool
            # Python refuses to spell integers of over 4,300 digits.
            text = str(literal) if abs(literal) < 10**MAX_WHOLE_DIGITS else "9" * MAX_SHOP_LITERAL
        if not isinstance(text, str) or (match := _NUMBER.fullmatch(text)) is None:
            raise Invalid("amount", "amount_format")
        whole, decimals = match.groups("")
        if len(whole) > MAX_WHOLE_DIGITS or len(text) > MAX_SHOP_LITERAL:
            raise Invalid("amount", "amount_too_large")
        if len(decimals) > self.exponent:
            return round_half_up(Fraction(text) * 10**self.exponent)
        return self._exact(text, whole, decimals)

    def _exact(self, literal: str, whole: str, decimals: str) -> int:
        """The minor units of a literal with no finer decimals than the currency has."""
        minor = int(whole + decimals.ljust(self.exponent, "0"))
        return -minor if literal[0] == "-" else minor

    def format(self, minor: int) -> str:
        """Return the amount with exactly the currency's decimals, as it stands on the wire."""
        digits = str(abs(minor)).rjust(self.exponent + 1, "0")
        sign = "-" if minor < 0 else ""
        if not self.exponent:
            return sign + digits
        return f"{sign}{digits[: -self.exponent]}.{digits[-self.exponent :]}"


class Money(Struct, frozen=True):
    """An amount of one currency."""

    minor: int
    currency: Currency

    @property
    def text(self) -> str:
        """The amount as it stands on the wire."""
        return self.currency.format(self.minor)

    def __str__(self) -> str:
        return f"{self.text} {self.currency.code}"


@lru_cache(maxsize=1_024)
def fraction_of(literal: str) -> Fraction:
    """Return the exact value of a literal, ``1/20`` or ``0.05``. A store has few rates, and they are read with each
    line of each order."""
    return Fraction(literal)


def round_half_up(value: Fraction | int) -> int:
    """Round to the nearest integer, halves away from zero: the one rounding of this project."""
    numerator, denominator = value.numerator, value.denominator  # which a float has not
    rounded = (2 * abs(numerator) + denominator) // (2 * denominator)
    return rounded if numerator >= 0 else -rounded


def whole_numbers(fractions: Sequence[Fraction | int]) -> tuple[list[int], int]:
    """Return fractions as the whole numbers that they are over one denominator, and that denominator: what is
    calculated with many of them costs a tenth so."""
    common = lcm(*[fraction.denominator for fraction in fractions])
    return [fraction.numerator * (common // fraction.denominator) for fraction in fractions], common


def spread(total: int, weights: Sequence[Fraction | int]) -> tuple[int, ...]:
    """Split ``total`` in proportion to ``weights`` by largest remainder, so that the parts sum to it exactly.

    Ties go to the earlier part. ``total`` and the weights are not negative; with no weight at all nothing is split
    and ``total`` must be 0.
    """
    units, _ = whole_numbers(weights)
    whole = sum(units)
    if not whole:
        if total:
            raise ValueError("nothing to spread over")
        return (0,) * len(weights)
    divided = [divmod(total * unit, whole) for unit in units]
    parts = [part for part, _ in divided]
    # Sorting keeps the order of equal remainders.
    by_remainder = sorted(range(len(parts)), key=lambda i: -divided[i][1])
    for i in by_remainder[: total - sum(parts)]:
        parts[i] += 1
    return tuple(parts)
