"""From the raw bytes of a delivery to news of the domain."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from cashback.domain.errors import Invalid, Malformed
from cashback.domain.json_text import read_object, read_quickly
from cashback.domain.names import EVENTS, SHOPIFY, WOOCOMMERCE
from cashback.domain.news import Ignored
from cashback.domain.orders import Told
from cashback.domain.settings import Settings
from cashback.domain.times import Instant
from cashback.storefronts import events, shopify, woocommerce
from cashback.storefronts.fields import Unreadable

MAX_DEPTH: Final = 1_000
"""Levels of nesting; what this machine could recurse into must not decide what is read."""


_SOURCES: Final[Mapping[str, Callable[[str, dict[str, Any], Settings, Instant | None], Told]]] = MappingProxyType(
    {SHOPIFY: shopify.normalise, WOOCOMMERCE: woocommerce.normalise, EVENTS: events.normalise}
)


def read(source: str, topic: str, body: bytes, settings: Settings, received_at: Instant | None = None) -> Told:
    """Say what a signed body means; whatever cannot be understood is ``Ignored`` with a reason, never an error."""
    normalise = _SOURCES.get(source)
    if normalise is None:
        return Ignored("source_unknown")
    try:
        return normalise(topic, parse(body), settings, received_at)
    except Unreadable as error:
        return Ignored(error.reason)


def parse(body: bytes) -> dict[str, Any]:
    """Read JSON strictly. Numbers with a point or exponent stay the text they were sent as, because floats are not
    amounts; integers of any size stay exact.

    :raises Unreadable: ``json_invalid`` for anything that two parsers could read differently (other encodings, NaN,
        a key twice), for integers of thousands of digits and for nesting beyond ``MAX_DEPTH``; ``topic_shape`` for
        JSON that is not an object.
    """
    value = read_quickly(body, deepest=MAX_DEPTH)
    if value is not None:
        return value
    try:
        return read_object(body.decode(), deepest=MAX_DEPTH, whole=int, decimal=str)
    except (Malformed, UnicodeDecodeError) as error:
        raise Unreadable("json_invalid") from error
    except Invalid as error:
        raise Unreadable("topic_shape") from error
