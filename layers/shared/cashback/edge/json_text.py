"""JSON as it was written: numbers keep their literal text, and what two readers could read differently is refused."""

import json
from typing import Any, Final, NoReturn

from msgspec import Struct

from cashback.domain.errors import Invalid, Malformed

MAX_BODY: Final = 1_048_576
"""Bytes of a JSON body."""

MAX_DEPTH: Final = 32

LONGEST_NUMBER: Final = 4_300
"""Digits that an integer may have anywhere; longer ones are an attack on whoever converts them."""


class Number(Struct, frozen=True):
    """A JSON number as its literal text: never a float, and never mistaken for a string."""

    text: str

    @property
    def is_absurd(self) -> bool:
        """Tell whether no honest client sends it."""
        return len(self.text) > LONGEST_NUMBER


def read_object(text: str) -> dict[str, Any]:
    """Read a JSON object; its numbers come as ``Number``.

    :raises Malformed: ``json_invalid`` (also NaN, a BOM, trailing text, deep nesting) or ``json_duplicate_key``.
    :raises Invalid: it is JSON but no object.
    """
    try:
        value = json.loads(
            text, parse_float=Number, parse_int=Number, parse_constant=_refuse, object_pairs_hook=_unique
        )
    except (ValueError, RecursionError) as error:
        raise Malformed("json_invalid", "the body is not JSON") from error
    if _depth(value) > MAX_DEPTH:
        raise Malformed("json_invalid", "the body is nested too deeply")
    if not isinstance(value, dict):
        raise Invalid("body", "type", "the body is not a JSON object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("json_duplicate_key", "an object names a key twice")
    return found


def _refuse(_constant: str) -> NoReturn:
    raise ValueError("not a JSON number")


def _depth(value: Any) -> int:
    """Return how deeply a value is nested, without recursion."""
    depth, level = 0, [value]
    while level:
        depth += 1
        inner: list[Any] = []
        for part in level:
            if isinstance(part, dict):
                inner += [child for child in part.values() if isinstance(child, dict | list)]
            elif isinstance(part, list):
                inner += [child for child in part if isinstance(child, dict | list)]
        level = inner
    return depth
