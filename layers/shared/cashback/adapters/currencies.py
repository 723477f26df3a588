"""ISO 4217: which currencies there are, and how many decimals each has."""

import iso4217

from cashback.domain.errors import Invalid
from cashback.domain.money import Currency


def currency_of(code: str) -> Currency:
    """Return a currency by its code, in capitals.

    :raises Invalid: ``currency_unknown``, also for codes that are no money (XXX, gold).
    """
    try:
        exponent = iso4217.Currency(code).exponent
    except ValueError:
        exponent = None
    if exponent is None:
        raise Invalid("currency", "currency_unknown", "the currency is not in ISO 4217")
    return Currency(code, exponent)
