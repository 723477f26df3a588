"""The texts of messages: which placeholders there are, and how they are filled."""

import re
from collections.abc import Mapping
from typing import Final

from cashback.domain.errors import Invalid

USER_NAME: Final = "userName"
PROMO_CODE: Final = "promoCode"
AMOUNT: Final = "amount"
BALANCE: Final = "balance"
PLACEHOLDERS: Final = frozenset({USER_NAME, PROMO_CODE, AMOUNT, BALANCE})

NAMELESS: Final = "customer"
"""What a person without a name is called."""

_PLACEHOLDER: Final = r"\{\{([^{}]*)\}\}"
_BRACES: Final = r"\{\{|\}\}"
"""Compiled when first used, like the one above: few starts of a function meet a text."""


def placeholders_of(text: str) -> frozenset[str]:
    """Return the names that stand in double braces."""
    return frozenset(_name(match) for match in re.finditer(_PLACEHOLDER, text))


def check_text(text: str, field: str, *, has_promo_code: bool) -> None:
    """Refuse a text with placeholders that nothing fills, or with double braces that close none: a slip that every
    customer would read.

    :raises Invalid: ``placeholder_unknown``, or ``promo_code_missing`` where no action makes one.
    """
    names = placeholders_of(text)
    if names - PLACEHOLDERS or re.search(_BRACES, re.sub(_PLACEHOLDER, " ", text)):
        raise Invalid(field, "placeholder_unknown")
    if PROMO_CODE in names and not has_promo_code:
        raise Invalid(field, "promo_code_missing")


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return the text with its placeholders filled. What a value says is text, whatever braces it holds."""
    return re.sub(_PLACEHOLDER, lambda match: values[_name(match)], text)


def _name(match: re.Match[str]) -> str:
    # Spaces are cut here: an expression that skips them takes the third power of their number where no braces follow.
    return match.group(1).strip()
