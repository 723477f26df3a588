"""Python values to DynamoDB attribute values and back. Numbers are integers only: money has no other kind."""

from collections.abc import Mapping
from typing import Any

type Value = str | int | bool | bytes | list["Value"] | dict[str, "Value"] | None
type Item = dict[str, Any]
"""An item of plain Python values."""
type Attributes = dict[str, Any]
"""An item, or expression values, as the low-level client takes them."""


def encode(value: Value) -> Attributes:
    """Return one value in the form of the low-level client.

    :raises TypeError: for a float or anything else that has no exact form.
    """
    match value:
        case str():
            return {"S": value}
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case bytes():
            return {"B": value}
        case list():
            return {"L": [encode(part) for part in value]}
        case dict():
            return {"M": {name: encode(part) for name, part in value.items()}}
        case None:
            return {"NULL": True}
    raise TypeError(type(value).__name__)


def decode(attribute: Attributes) -> Any:
    """Return the plain value of one attribute."""
    ((kind, value),) = attribute.items()
    match kind:
        case "S":
            return value
        case "N":
            return int(value)
        case "M":
            return {name: decode(part) for name, part in value.items()}
        case "L":
            return [decode(part) for part in value]
        case "NULL":
            return None
    return value


def to_item(values: Mapping[str, Any]) -> Attributes:
    """Encode an item, most of which is text; attributes that are None are left out."""
    return {
        name: {"S": value} if type(value) is str else encode(value)
        for name, value in values.items()
        if value is not None
    }


def from_item(attributes: Attributes) -> Item:
    """Decode an item; most of what it holds is text, and most of the rest numbers."""
    return {
        name: attribute["S"] if "S" in attribute else int(attribute["N"]) if "N" in attribute else decode(attribute)
        for name, attribute in attributes.items()
    }


def key_attributes(key: tuple[str, str]) -> Attributes:
    """Encode a primary key."""
    return {"pk": {"S": key[0]}, "sk": {"S": key[1]}}
