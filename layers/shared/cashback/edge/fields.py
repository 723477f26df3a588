"""The types that requests are made of. Each accepts one spelling, and says by a code of ours why another is refused."""

import re
from collections.abc import Callable
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Strict, WithJsonSchema
from pydantic_core import PydanticCustomError

from cashback.domain.json_text import Number, written
from cashback.domain.names import (
    DOTS,
    GIVEN_ID,
    GIVEN_ID_LENGTHS,
    STORE_ID,
    STORE_ID_LENGTHS,
    STORED_ID,
    STORED_ID_LENGTHS,
)
from cashback.domain.times import Instant, instant
from cashback.edge.clock import utc

AMOUNT_PATTERN: Final = r"^-?[0-9]{1,12}(\.[0-9]{1,4})?$"

_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)
_YEARS: Final = range(1900, 9999)
_WHOLE: Final = re.compile(r"-?[0-9]{1,15}", re.ASCII)
_BIRTHDAY: Final = r"(?:[0-9]{4}|-)-[0-9]{2}-[0-9]{2}"
_LEAP_YEAR: Final = "2000-"
_OLDEST_BIRTH: Final = 1900
_ENDPOINT: Final = r"arn:[a-z-]{3,20}:sns:[a-z0-9-]{1,30}:[0-9]{12}:endpoint/[A-Za-z0-9._/-]{1,400}"
"""Compiled when first used, like the one above: few requests hold either."""


UNSENT: Final[Any] = None
"""The default of a field that may be left out but not be null: a null that is sent is refused by the field's type."""


def refuse(code: str) -> PydanticCustomError:
    """Return the error of a value; its text is the code, so that nothing of the value is repeated."""
    return PydanticCustomError(code, code)


def _text_of(value: object) -> str:
    if not isinstance(value, str):
        raise refuse("type")
    if not _is_unicode(value):
        raise refuse("string_unicode")
    return value


def _is_unicode(text: str) -> bool:
    """Tell whether a text has an encoding at all: half of a surrogate pair has none."""
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def _id(grammar: str, lengths: range) -> Callable[[object], str]:
    """Return the validator of one kind of ids."""
    fits = re.compile(grammar).fullmatch

    def check(value: object) -> str:
        text = _text_of(value)
        if not text.strip() or len(text) not in lengths:
            raise refuse("id_length")
        if fits(text) is None or text in DOTS:
            raise refuse("id_charset")
        return text

    return check


def _literal(code: str) -> Callable[[object], str]:
    """Return the validator that takes the text of a number; what is neither number nor text is refused with a code."""

    def check(value: object) -> str:
        literal = value.text if isinstance(value, Number) else value
        if not isinstance(literal, str) or not literal.isascii():
            raise refuse(code)
        return literal

    return check


def _whole(value: object) -> int:
    if not isinstance(value, Number):
        raise refuse("type")
    if _WHOLE.fullmatch(value.text) is None:
        raise refuse("out_of_range" if value.text.lstrip("-").isdigit() else "type")
    return int(value.text)


def _payload(value: object) -> str:
    if not isinstance(value, dict):
        raise refuse("type")
    return written(value)


def _moment(value: object) -> Instant:
    """RFC 3339 with an offset, nothing else that ``fromisoformat`` would take."""
    text = _text_of(value)
    if _TIME.fullmatch(text) is None:
        raise refuse("time_format")
    try:
        moment = datetime.fromisoformat(text.upper())
        if moment.year not in _YEARS:
            raise refuse("time_format")
        return instant(moment)
    except (ValueError, OverflowError) as error:
        raise refuse("time_format") from error


def _limit(value: object) -> int:
    text = _text_of(value)
    if re.fullmatch(r"[0-9]{1,3}", text, re.ASCII) is None or not 1 <= int(text) <= 100:
        raise refuse("out_of_range")
    return int(text)


def _flag(value: object) -> bool:
    if value not in {"true", "false"}:
        raise refuse("enum")
    return value == "true"


def _timezone(value: object) -> str:
    text = _text_of(value)
    if text not in _timezones():
        raise refuse("timezone_unknown")
    return text


@cache
def _timezones() -> frozenset[str]:
    """The allow-list; a name is never looked up as a path."""
    # Few requests name a time zone, and no cold start needs what this imports.
    from importlib.resources import files  # noqa: PLC0415 - a cold start does not need it

    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())


def _https(value: object) -> str:
    text = _text_of(value)
    if re.fullmatch(r"https://[^\s/?#@]{1,253}(?:[/?][!-~]*)?", text) is None or len(text) > 2_048:
        raise refuse("url_format")
    return text


def _email(value: object) -> str:
    text = _text_of(value)
    if len(text) > 254 or re.fullmatch(r"[^\s@\x00-\x1f]+@[^\s@\x00-\x1f]+", text) is None:
        raise refuse("email_format")
    return text


def _date(value: object) -> object:
    """A day of the calendar, as in 2026-11-22; other ways in which ISO 8601 spells one are none of ours."""
    if not isinstance(value, str) or re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value) is None:
        raise refuse("date_format")
    try:
        date.fromisoformat(value)
    except ValueError as none:
        raise refuse("date_format") from none
    return value


def _birthday(value: object) -> str:
    """A day of a year, or of every year."""
    given = _text_of(value)
    if re.fullmatch(_BIRTHDAY, given) is None:
        raise refuse("birthday_format")
    try:
        day = date.fromisoformat(given.replace("--", _LEAP_YEAR))
    except ValueError as error:
        raise refuse("birthday_format") from error
    if day.year < _OLDEST_BIRTH or day > utc().date():
        raise refuse("birthday_range")
    return given


def _endpoint(value: object) -> str:
    given = _text_of(value)
    if re.fullmatch(_ENDPOINT, given) is None:
        raise refuse("push_endpoint_format")
    return given


def text(longest: int) -> Callable[[object], str]:
    """Return the validator of a text that says something, in at most so many characters."""

    def check(value: object) -> str:
        given = _text_of(value)
        if not given.strip() or len(given) > longest:
            raise refuse("length")
        return given

    return check


def _schema(**schema: Any) -> WithJsonSchema:
    return WithJsonSchema(schema)


Text = Annotated[str, BeforeValidator(_text_of), _schema(type="string")]
"""A text of which the domain knows what it may be."""
Id = Annotated[str, BeforeValidator(_id(GIVEN_ID, GIVEN_ID_LENGTHS)), _schema(type="string", pattern=f"^{GIVEN_ID}$")]
"""An id that people give."""
StoredId = Annotated[
    str,
    BeforeValidator(_id(STORED_ID, STORED_ID_LENGTHS)),
    _schema(type="string", pattern=f"^{STORED_ID}$", maxLength=STORED_ID_LENGTHS[-1]),
]
"""An id by which something that people or shops named is found."""
StoreId = Annotated[
    str, BeforeValidator(_id(STORE_ID, STORE_ID_LENGTHS)), _schema(type="string", pattern=f"^{STORE_ID}$")
]
AmountText = Annotated[
    str,
    BeforeValidator(_literal("amount_format")),
    _schema(anyOf=[{"type": "string", "pattern": AMOUNT_PATTERN}, {"type": "number"}]),
]
"""The literal text of an amount; the currency reads it."""
RateText = Annotated[
    str,
    BeforeValidator(_literal("rate_range")),
    _schema(type="string", pattern=r"^(0(\.[0-9]{1,6})?|1(\.0{1,6})?)$"),
]
"""A fraction of 1: "0.05" is 5 %."""
Payload = Annotated[str, BeforeValidator(_payload), _schema(type="object")]
"""An object in a format that is not ours, as JSON with its numbers spelt as they were sent."""
Whole = Annotated[int, BeforeValidator(_whole), _schema(type="integer")]
Flag = Annotated[bool, Strict()]
Moment = Annotated[Instant, BeforeValidator(_moment), _schema(type="string", format="date-time")]
Limit = Annotated[int, BeforeValidator(_limit), _schema(type="integer", minimum=1, maximum=100)]
QueryFlag = Annotated[bool, BeforeValidator(_flag), _schema(type="boolean")]
Timezone = Annotated[str, BeforeValidator(_timezone), _schema(type="string")]
HttpsUrl = Annotated[str, BeforeValidator(_https), _schema(type="string", format="uri", maxLength=2048)]
Email = Annotated[str, BeforeValidator(_email), _schema(type="string", format="email", maxLength=254)]
Phone = Annotated[str, BeforeValidator(text(64)), _schema(type="string", minLength=1, maxLength=64)]
"""As a person writes it; only one with the code of its country can be verified, and found."""
Date = Annotated[str, BeforeValidator(_date), _schema(type="string", format="date")]
Birthday = Annotated[str, BeforeValidator(_birthday), _schema(type="string", pattern=f"^{_BIRTHDAY}$")]
"""``YYYY-MM-DD``, or ``--MM-DD`` where nobody knows the year."""
PushEndpoint = Annotated[str, BeforeValidator(_endpoint), _schema(type="string", pattern=f"^{_ENDPOINT}$")]
"""The ARN of an endpoint of SNS."""
Name = Annotated[str, BeforeValidator(text(200)), _schema(type="string", minLength=1, maxLength=200)]
Comment = Annotated[str, BeforeValidator(text(1_000)), _schema(type="string", minLength=1, maxLength=1000)]
