"""Single fields of what shops send, read strictly into the terms of the domain.

A field that is absent or null reads as None; one that is there but senseless makes the whole body ``Unreadable``.
"""

import re
from collections.abc import Iterable
from copy import replace
from typing import Any, Final

from cashback.domain.errors import Invalid
from cashback.domain.facts import MAX_LINE_TEXT, Facts, Line
from cashback.domain.money import MAX_WHOLE_DIGITS, Currency
from cashback.domain.names import DOTS, ID_LETTERS, OWN_ESCAPES, STORED_ID_LENGTHS
from cashback.domain.times import Instant, parse_instant

LONGEST_TEXT: Final = 255
MOST_TAGS: Final = 250
MOST_UNITS: Final = 1_000_000_000
MOST_REFUNDS: Final = 1_000
"""Refunds of an order, and lines of a refund: all of them are kept inside one item."""

_TO_ESCAPE: Final = re.compile(rf"[^{ID_LETTERS}]")
_WHOLE: Final = re.compile(r"-?[0-9]{1,10}")


class Unreadable(Exception):
    """A body that cannot be understood; ``reason`` is the code that its event is ignored with."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def identifier(value: object) -> str:
    """Return an id as text, whatever the shop sends it as; characters that cannot stand in a path are
    percent-escaped.

    :raises Unreadable: ``id_invalid``, absent, empty or too long.
    """
    escaped = ""
    if type(value) is int:  # and no bool; it has nothing to escape
        escaped = str(value)
    elif isinstance(value, str):
        try:
            escaped = _TO_ESCAPE.sub(_escape, value)
        except UnicodeEncodeError as error:  # half a character: two ids with different halves must not become one
            raise Unreadable("id_invalid") from error
    if len(escaped) not in STORED_ID_LENGTHS:
        raise Unreadable("id_invalid")
    return escaped.replace(".", "%2E") if escaped in DOTS else escaped


def optional_identifier(value: object) -> str | None:
    """Return an id as ``identifier`` does, None where there is none."""
    return None if value is None or value == "" else identifier(value)


def text(value: object) -> str | None:
    """Return a text, cut to ``LONGEST_TEXT``; None where it is empty or no text. Halves of characters become ``?``,
    because no table takes them."""
    if not isinstance(value, str) or not value:
        return None
    cut = value[:LONGEST_TEXT]
    return cut if cut.isascii() else cut.encode("utf-8", "replace").decode()


def flag(value: object) -> bool:
    """Tell whether a field is exactly true."""
    return value is True


def tags(value: object) -> tuple[str, ...] | None:
    """Return tags, which shops send as ``"a, b"`` or as a list; None where the field is absent."""
    if value is None:
        return None
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
    named = (text(part.strip()) for part in parts if isinstance(part, str))
    return tuple(tag for tag in named if tag)[:MOST_TAGS]


def whole(value: object) -> int:
    """Return a number of units.

    :raises Unreadable: ``quantity_invalid``.
    """
    units = int(value) if isinstance(value, str) and _WHOLE.fullmatch(value) else value
    if type(units) is not int or abs(units) > MOST_UNITS:  # nor is a bool a number
        raise Unreadable("quantity_invalid")
    return units


def amount(value: object, currency: Currency) -> int | None:
    """Return an amount in minor units, None where there is none.

    :raises Unreadable: ``amount_invalid``.
    """
    if value is None:
        return None
    try:
        return currency.read(value)
    except Invalid as error:
        raise Unreadable("amount_invalid") from error


def in_range(minor: int, currency: Currency) -> int:
    """Return a computed amount that no longer has its digits counted.

    :raises Unreadable: ``amount_invalid``, it is larger than any amount that can be sent.
    """
    if abs(minor) >= 10 ** (MAX_WHOLE_DIGITS + currency.exponent):
        raise Unreadable("amount_invalid")
    return minor


def time(value: object) -> Instant | None:
    """Return a time, None where there is none.

    :raises Unreadable: ``time_invalid``.
    """
    if value is None or value == "":
        return None
    try:
        return parse_instant(value if isinstance(value, str) else "")
    except ValueError as error:
        raise Unreadable("time_invalid") from error


def dated(facts: Facts, body_at: Instant, **own: Instant | None) -> Facts:
    """Return what a body tells with when each of it became true: at a time of its ``own``, else at that of the body.

    A payment without a time of its own came no later than a cancellation that is told with it.
    """
    since = {name: own.get(name) or body_at for name in ("paid", "completed", "cancelled") if getattr(facts, name)}
    if facts.paid and facts.cancelled and own.get("paid") is None:
        since["paid"] = min(since["paid"], since["cancelled"])
    return replace(facts, since=since)


def objects(value: object) -> list[dict[str, Any]]:
    """Return a list of objects, empty where there is none.

    :raises Unreadable: ``topic_shape``.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        raise Unreadable("topic_shape")
    for part in value:
        if not isinstance(part, dict):
            raise Unreadable("topic_shape")
    return value


def fitting(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Return as many lines as an order's document has room for; that some are missing shows in ``line_count``."""
    kept: list[Line] = []
    room = MAX_LINE_TEXT
    for line in lines:
        words = (line.line_id, line.product_id, line.sku, line.vendor, line.category, *line.tags)
        room -= sum(map(len, filter(None, words)))
        if room < 0:
            break
        kept.append(line)
    return tuple(kept)


def _escape(found: re.Match[str]) -> str:
    own = OWN_ESCAPES.get(found.group())
    return own or "".join(f"%{byte:02X}" for byte in found.group().encode())
