"""JSON read strictly: what two readers could read differently is refused, and no number becomes a float."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any, Final, NoReturn

from msgspec import Struct
from msgspec.json import Decoder, encode

from cashback.domain.errors import Invalid, Malformed

LONGEST_NUMBER: Final = 4_300
"""Digits that an integer may have anywhere; longer ones are an attack on whoever converts them."""

_PART: Final = 65_536
"""Bytes that are copied at once."""

_QUICK: Final = Decoder(float_hook=str)


class Number(Struct, frozen=True):
    """A JSON number as its literal text: never a float, and never mistaken for a string."""

    text: str

    @property
    def is_absurd(self) -> bool:
        """Tell whether no honest client sends it."""
        return len(self.text) > LONGEST_NUMBER


def read_object(
    text: str, *, deepest: int, whole: Callable[[str], Any], decimal: Callable[[str], Any]
) -> dict[str, Any]:
    """Read a JSON object of at most ``deepest`` levels.

    ``whole`` and ``decimal`` make a value of the text of a number without and with a point or an exponent; a
    ValueError of theirs makes the text malformed.

    :raises Malformed: ``json_invalid`` (also NaN, a BOM, trailing text, deep nesting) or ``json_duplicate_key``.
    :raises Invalid: it is JSON but no object.
    """
    try:
        value = _decoder(whole, decimal).decode(text)
    except (ValueError, RecursionError) as error:
        raise Malformed("json_invalid", "the body is not JSON") from error
    if text.count("{") + text.count("[") > deepest and _is_deeper(value, deepest):
        raise Malformed("json_invalid", "the body is nested too deeply")
    if not isinstance(value, dict):
        raise Invalid("body", "type", "the body is not a JSON object")
    return value


def read_quickly(body: bytes, *, deepest: int) -> dict[str, Any] | None:
    """Return what ``read_object`` would with ``whole=int, decimal=str``, in half the time; None in any doubt, and then
    it must be asked: it alone says what is wrong.

    msgspec keeps the last value of a key that an object names twice, without a word. That none was lost is shown by
    the colons. Each colon of ``encoded`` follows a key or is part of a string, and stands in ``body`` too, as long as
    ``body`` writes none as an escape; the strings that ``float_hook`` makes have none. A pair that was lost leaves at
    least its own colon in ``body`` alone. So equal counts mean that none was lost.
    """
    try:
        value = _QUICK.decode(body)
        encoded = encode(value)
    except (ValueError, RecursionError):
        return None
    escaped = b"\\u003a" in body or b"\\u003A" in body
    if not isinstance(value, dict) or escaped or _count(b":", encoded) != _count(b":", body):
        return None
    brackets = _count(b"{", encoded) + _count(b"[", encoded)
    return None if brackets > deepest and _is_deeper(value, deepest) else value


def written(value: object) -> str:
    """Return what ``read_object`` read, with ``Number`` for its numbers, as JSON again: each number spelt as it was."""
    match value:
        case dict():
            return f"{{{','.join(f'{json.dumps(name)}:{written(part)}' for name, part in value.items())}}}"
        case list():
            return f"[{','.join(map(written, value))}]"
        case Number(text=text):
            return text
    return json.dumps(value)


@cache
def _decoder(whole: Callable[[str], Any], decimal: Callable[[str], Any]) -> json.JSONDecoder:
    return json.JSONDecoder(parse_int=whole, parse_float=decimal, parse_constant=_refuse, object_pairs_hook=_unique)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("json_duplicate_key", "an object names a key twice")
    return found


def _refuse(_constant: str) -> NoReturn:
    raise ValueError("not a JSON number")


def _count(sign: bytes, text: bytes) -> int:
    """Count one byte. ``bytes.count`` looks at every byte in turn, this jumps from one found to the next. A long
    text is copied part by part, not by the megabyte."""
    if len(text) > _PART:
        return sum(_count(sign, text[place : place + _PART]) for place in range(0, len(text), _PART))
    return len(text) - len(text.replace(sign, b""))


def _is_deeper(value: object, deepest: int) -> bool:
    """Tell whether a value nests deeper, level by level and so without recursion."""
    level = [value]
    for _ in range(deepest + 1):
        containers = [part for part in level if isinstance(part, dict | list)]
        if not containers:
            return False
        level = [part for one in containers for part in (one.values() if isinstance(one, dict) else one)]
    return True
