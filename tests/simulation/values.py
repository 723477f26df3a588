"""DynamoDB attribute values in boto3's low-level form.

Invariant: a value is checked, copied and made canonical when it enters (`admit`); from then on nothing changes it in
place, so images may be shared, and equality of values is equality of dictionaries. What leaves is a fresh copy.
"""

from __future__ import annotations

import marshal
import re
from decimal import Context, Decimal, Inexact
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tests.simulation.errors import bad_parameter, invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

type Value = dict[str, Any]
type Item = dict[str, Value]
type Values = dict[str, Value]
type Number = int | Decimal

MAX_ITEM_BYTES = 400 * 1024
_DIGITS = 38
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,6})?", re.ASCII)
_EXACT = Context(prec=400, traps=[Inexact])


@lru_cache(maxsize=1 << 16)
def canonical(text: str) -> str:
    """The one spelling DynamoDB gives back for a number: no exponent, no leading or trailing zeros."""
    if text.isdecimal() and text.isascii() and len(text) <= _DIGITS and (text[0] != "0" or text == "0"):
        return text
    if not _NUMBER.fullmatch(text):
        raise invalid(f"The parameter cannot be converted to a numeric value: {text}")
    return render(Decimal(text))


@lru_cache(maxsize=1 << 16)
def number(text: str) -> Number:
    """A canonical text as int where it is whole, else Decimal."""
    return Decimal(text) if "." in text else int(text)


def render(value: Number) -> str:
    """Canonical text of a number, or the refusal DynamoDB gives: 38 digits, 1E-130 to 9.9E125."""
    _, digits, exponent = Decimal(value).as_tuple()
    if not isinstance(exponent, int):
        raise invalid(f"The parameter cannot be converted to a numeric value: {value}")
    significant = "".join(map(str, digits)).lstrip("0")
    if not significant:
        return "0"
    magnitude = exponent + len(significant) - 1
    if magnitude > 125:
        raise invalid("Number overflow. Attempting to store a number with magnitude larger than supported range")
    if magnitude < -130:
        raise invalid("Number underflow. Attempting to store a number with magnitude smaller than supported range")
    if len(significant.rstrip("0")) > _DIGITS:
        raise invalid("Attempting to store more than 38 significant digits in a Number")
    text = f"{Decimal(value):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def total(left: str, right: str, sign: int = 1) -> str:
    """`left + sign * right`, exactly; never rounded, refused beyond 38 digits as on AWS (emulators round)."""
    a, b = number(left), number(right)
    if isinstance(a, int) and isinstance(b, int):
        result = a + b if sign > 0 else a - b
        return str(result) if -(10**_DIGITS) < result < 10**_DIGITS else render(result)
    return render(_EXACT.add(Decimal(a), Decimal(b) if sign > 0 else -Decimal(b)))


def admit(value: Value) -> Value:
    """A checked, canonical copy of one attribute value."""
    if type(value) is dict and len(value) == 1 and "N" in value and type(digits := value["N"]) is str:
        return {"N": canonical(digits)}
    if not isinstance(value, dict):
        bad_parameter(f"Invalid type for parameter, value: {value!r}, valid types: <class 'dict'>")
    if len(value) != 1:
        raise invalid(
            f"Supplied AttributeValue {'has more than one datatypes set' if value else 'is empty'}, "
            "must contain exactly one of the supported datatypes"
        )
    for kind, raw in value.items():
        if kind == "S" and type(raw) is str:
            return {"S": raw}
        if kind in _ADMIT:
            return {kind: _ADMIT[kind](raw)}
        bad_parameter(f'Unknown parameter: "{kind}", must be one of: {", ".join(_ADMIT)}')
    raise AssertionError


def admit_all(values: Mapping[str, Value]) -> Item:
    return {
        name if type(name) is str else str.__str__(name): {"S": text}
        if type(value) is dict and "S" in value and type(text := value["S"]) is str and len(value) == 1
        else admit(value)
        for name, value in values.items()
    }


def _text(raw: Any) -> str:
    if not isinstance(raw, str):
        bad_parameter(f"Invalid type for parameter, value: {raw!r}, valid types: <class 'str'>")
    return str.__str__(raw)


def _binary(raw: Any) -> bytes:
    if not isinstance(raw, bytes | bytearray):
        bad_parameter(f"Invalid type for parameter, value: {raw!r}, valid types: <class 'bytes'>, <class 'bytearray'>")
    return bytes(raw)


def _null(raw: Any) -> bool:
    if raw is not True:
        raise invalid(
            "One or more parameter values were invalid: Null attribute value types must have the value of true"
        )
    return True


def _boolean(raw: Any) -> bool:
    if not isinstance(raw, bool):
        bad_parameter(f"Invalid type for parameter, value: {raw!r}, valid types: <class 'bool'>")
    return raw


def _members[T](each: Callable[[Any], T], order: Callable[[T], Any]) -> Callable[[Any], list[T]]:
    def admit_set(raw: Any) -> list[T]:
        if not isinstance(raw, list | tuple):
            bad_parameter(f"Invalid type for parameter, value: {raw!r}, valid types: <class 'list'>, <class 'tuple'>")
        members = [each(member) for member in raw]
        if not members:
            raise invalid("One or more parameter values were invalid: An string set  may not be empty")
        if len(set(members)) < len(members):
            raise invalid(f"One or more parameter values were invalid: Input collection {raw} contains duplicates")
        return sorted(members, key=order)

    return admit_set


_ADMIT: dict[str, Callable[[Any], Any]] = {
    "S": _text,
    "N": lambda raw: canonical(_text(raw)),
    "B": _binary,
    "SS": _members(_text, str),
    "NS": _members(lambda raw: canonical(_text(raw)), number),
    "BS": _members(_binary, bytes),
    "M": admit_all,
    "L": lambda raw: [admit(element) for element in raw],
    "NULL": _null,
    "BOOL": _boolean,
}


def copy_of(image: Item) -> Item:
    """A deep copy for a caller who may do with it what he likes; ten times faster than `deepcopy`."""
    return {
        name: value.copy() if "S" in value or "N" in value or "B" in value else _deep_copy(value)
        for name, value in image.items()
    }


def _deep_copy(value: Value) -> Value:
    copied: Value = marshal.loads(marshal.dumps(value, 2))
    return copied


def unite(kind: str, members: Iterable[Any]) -> Value:
    """A set value in the canonical order."""
    return {kind: sorted(members, key=number if kind == "NS" else None)}


def kind_of(value: Value) -> str:
    return next(iter(value))


def size_of(value: Value) -> int:
    """Bytes a value counts for, by the documented rules (numbers approximately, as there)."""
    kind, raw = next(iter(value.items()))
    match kind:
        case "S":
            return len(raw) if raw.isascii() else len(raw.encode("utf-8", "surrogatepass"))
        case "N":
            return (len(raw.lstrip("-").replace(".", "")) + 1) // 2 + 1
        case "M":
            return 3 + sum(len(name) + size_of(inner) + 1 for name, inner in raw.items())
        case "L":
            return 3 + sum(size_of(inner) + 1 for inner in raw)
        case "B":
            return len(raw)
        case "NULL" | "BOOL":
            return 1
        case _:
            return sum(size_of({kind[0]: member}) for member in raw)


def too_big(item: Item) -> bool:
    """Whether an item exceeds 400 KB. Its marshalled form is never smaller, and measured in a microsecond."""
    upper_bound = len(marshal.dumps(item, 0))
    return upper_bound > MAX_ITEM_BYTES and item_size(item) > MAX_ITEM_BYTES


def item_size(item: Item) -> int:
    return sum(len(name) + size_of(value) for name, value in item.items())
