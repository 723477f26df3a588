"""Single fields of our own events, read strictly: what the contract does not name or allow makes the whole event
``Unreadable``, because a misspelt discount must not become a wrong amount. The contract is docs/events.schema.json.
"""

import re
from datetime import date
from typing import Any, Final

from msgspec import Struct

from cashback.domain.errors import Invalid
from cashback.domain.money import MAX_WHOLE_DIGITS, Currency
from cashback.domain.times import Instant
from cashback.storefronts import fields
from cashback.storefronts.fields import MOST_TAGS, Unreadable

_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_BIRTHDAY: Final = re.compile(r"(?:(?:19|20)[0-9]{2}|-)-[0-9]{2}-[0-9]{2}")
_LEAP_YEAR: Final = "2000-"
_HIGHEST_RATING: Final = 100

_BEYOND: Final = 10**MAX_WHOLE_DIGITS
_TOO_LARGE: Final = str(_BEYOND)
"""Stands for integers of any length, which Python need not be able to spell."""


class Reader(Struct, frozen=True):
    """Reads the members of one object. A member that is null is absent; every reader raises ``Unreadable``."""

    members: dict[str, Any]

    @classmethod
    def of(cls, value: object, names: frozenset[str]) -> "Reader":
        """Read an object that may have these members and no others.

        :raises Unreadable: ``shape_invalid`` or ``field_unknown``.
        """
        if not isinstance(value, dict):
            raise Unreadable("shape_invalid")
        if not value.keys() <= names:
            raise Unreadable("field_unknown")
        return cls(value)

    def __contains__(self, name: str) -> bool:
        return self.members.get(name) is not None

    def needed(self, name: str) -> Any:
        """Return a member as it is.

        :raises Unreadable: ``field_missing``.
        """
        if name not in self:
            raise Unreadable("field_missing")
        return self.members[name]

    def inner(self, name: str, names: frozenset[str]) -> "Reader":
        """Read an object inside this one."""
        return Reader.of(self.needed(name), names)

    def many(self, name: str, names: frozenset[str]) -> "list[Reader]":
        """Read a list of objects, empty where there is none."""
        values = self.members[name] if name in self else []
        if not isinstance(values, list):
            raise Unreadable("shape_invalid")
        return [Reader.of(value, names) for value in values]

    def identifier(self, name: str) -> str:
        """Return an id; ``id_invalid``."""
        return fields.identifier(self.needed(name))

    def optional_identifier(self, name: str) -> str | None:
        """Return an id, None where there is none."""
        return self.identifier(name) if name in self else None

    def text(self, name: str) -> str | None:
        """Return a text, None where there is none; ``text_invalid`` where it is empty, too long or no text."""
        return _text(self.members[name]) if name in self else None

    def tags(self) -> tuple[str, ...] | None:
        """Return the tags, None where there are none; ``tags_invalid``."""
        if "tags" not in self:
            return None
        tags = self.members["tags"]
        if not isinstance(tags, list) or len(tags) > MOST_TAGS:
            raise Unreadable("tags_invalid")
        return tuple(_text(tag) for tag in tags)

    def flag(self, name: str) -> bool:
        """Return true or false, false where it is absent; ``flag_invalid`` for anything that might mean either."""
        value = self.members.get(name, False)
        if value is not None and not isinstance(value, bool):
            raise Unreadable("flag_invalid")
        return bool(value)

    def time(self, name: str) -> Instant | None:
        """Return a time, None where there is none; ``time_invalid`` unless it is RFC 3339 and says its offset."""
        if name not in self:
            return None
        value = self.members[name]
        if not isinstance(value, str) or not _TIME.fullmatch(value):
            raise Unreadable("time_invalid")
        return fields.time(value)

    def needed_time(self, name: str) -> Instant:
        """Return a time that must be there."""
        self.needed(name)
        return self.time(name) or ""

    def currency(self) -> str:
        """Return the code of a currency; ``currency_invalid``."""
        code = self.needed("currency")
        if not isinstance(code, str) or not _CURRENCY.fullmatch(code):
            raise Unreadable("currency_invalid")
        return code

    def amount(self, name: str, currency: Currency, *, exact: bool = True) -> int | None:
        """Return an amount in minor units, None where there is none; ``amount_negative`` below nothing, and the codes
        of ``Currency.parse``. Not ``exact``: decimals that the currency does not have are rounded."""
        if name not in self:
            return None
        literal = self.members[name]
        if isinstance(literal, int) and not isinstance(literal, bool):
            literal = str(literal) if abs(literal) < _BEYOND else _TOO_LARGE
        try:
            minor = currency.parse(literal) if exact else currency.read(literal)
        except Invalid as error:
            raise Unreadable(error.code) from error
        if minor < 0:
            raise Unreadable("amount_negative")
        return minor

    def birthday(self) -> str | None:
        """Return a birthday as ``YYYY-MM-DD`` or ``--MM-DD``; ``birthday_invalid``."""
        if "birthday" not in self:
            return None
        value = self.members["birthday"]
        if not isinstance(value, str) or not _BIRTHDAY.fullmatch(value):
            raise Unreadable("birthday_invalid")
        try:
            date.fromisoformat(value.replace("--", _LEAP_YEAR))
        except ValueError as error:
            raise Unreadable("birthday_invalid") from error
        return value

    def rating(self) -> int | None:
        """Return a rating from 0 to 100; ``rating_invalid``."""
        value = self.members.get("rating")
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _HIGHEST_RATING:
            raise Unreadable("rating_invalid")
        return value


def _text(value: object) -> str:
    read = fields.text(value)
    if read is None or read != value:
        raise Unreadable("text_invalid")
    return read
