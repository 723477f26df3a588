"""What names may look like, as regular expressions: of stores, of what stores have, of where webhooks come from,
and of what customers are told of.

Every layer reads them here, in every cold start, so nothing is imported and nothing compiled.
"""

from typing import Final, Literal

STORE_ID: Final = r"[a-z0-9][a-z0-9-]{2,39}"
STORE_ID_LENGTHS: Final = range(3, 41)

ID_LETTERS: Final = "A-Za-z0-9._~:@+-"
"""What an id may hold as it stands, as a character class: all of it can stand in a path."""

GIVEN_ID: Final = rf"[{ID_LETTERS}]{{1,64}}"
"""An id that people give."""
GIVEN_ID_LENGTHS: Final = range(1, 65)

OWN_ESCAPES: Final = {"%": "=25", "=": "=3D"}
"""How a shop's ``%`` is kept, and the sign that this takes. As ``%25`` it could not be told from an escape that a
gateway has or has not undone; so no stored id holds ``%25`` or ``%3D``."""

STORED_ID: Final = rf"(?:[{ID_LETTERS}]|=25|=3D|%[0-9A-F]{{2}}){{1,200}}"
"""An id as it is kept: one that people gave, or a shop's, whose other characters are percent-escaped."""
STORED_ID_LENGTHS: Final = range(1, 201)
"""Characters after escaping, so that keys made of two ids stay within what a table takes."""

DOTS: Final = frozenset({".", ".."})
"""Never an id as they stand: in a path they are steps."""

Source = Literal["shopify", "woocommerce", "events"]

Notified = Literal[
    "order_credited",
    "order_reversed",
    "order_restored",
    "balance_adjusted",
    "payout_pending",
    "payout_on_process",
    "payout_success",
    "payout_failed",
]
NOTIFIED: Final[tuple[Notified, ...]] = (
    "order_credited",
    "order_reversed",
    "order_restored",
    "balance_adjusted",
    "payout_pending",
    "payout_on_process",
    "payout_success",
    "payout_failed",
)
"""What customers may be told of."""

SHOPIFY: Final = "shopify"
WOOCOMMERCE: Final = "woocommerce"
EVENTS: Final = "events"
SOURCES: Final[tuple[Source, ...]] = (SHOPIFY, WOOCOMMERCE, EVENTS)
"""Where webhooks come from; each has signing secrets of its own."""
