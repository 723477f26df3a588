"""From the raw bytes of a delivery to news of the domain."""

import json
from typing import Any, Final

from cashback.domain.news import CustomerNews, Ignored
from cashback.domain.orders import News
from cashback.domain.settings import Settings
from cashback.domain.times import Instant
from cashback.storefronts import shopify
from cashback.storefronts.fields import Unreadable
from cashback.storefronts.signatures import SHOPIFY

MAX_DEPTH: Final = 1_000
"""Levels of nesting; what this machine could recurse into must not decide what is read."""


def read(
    source: str, topic: str, body: bytes, settings: Settings, received_at: Instant | None = None
) -> News | CustomerNews | Ignored:
    """Say what a signed body means; whatever cannot be understood is ``Ignored`` with a reason, never an error."""
    if source != SHOPIFY:
        return Ignored("source_unknown")
    try:
        return shopify.normalise(topic, parse(body), settings, received_at)
    except Unreadable as error:
        return Ignored(error.reason)


def parse(body: bytes) -> dict[str, Any]:
    """Read JSON strictly. Numbers with a point or exponent stay the text they were sent as, because floats are not
    amounts; integers of any size stay exact.

    :raises Unreadable: ``json_invalid`` for anything that two parsers could read differently (other encodings, NaN,
        a key twice), for integers of thousands of digits and for nesting beyond ``MAX_DEPTH``; ``topic_shape`` for
        JSON that is not an object.
    """
    try:
        text = body.decode("utf-8")
        document = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable("json_invalid") from error
    if text.count("{") + text.count("[") > MAX_DEPTH and _depth(document) > MAX_DEPTH:
        raise Unreadable("json_invalid")
    if not isinstance(document, dict):
        raise Unreadable("topic_shape")
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key twice")
    return members


def _constant(name: str) -> Any:
    raise ValueError(name)


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_float=str, parse_constant=_constant)


def _depth(document: object) -> int:
    """Return how deep a document nests, level by level and so without recursion."""
    level, depth = [document], 0
    while level and depth <= MAX_DEPTH:
        containers = [node for node in level if isinstance(node, dict | list)]
        level = [part for node in containers for part in (node.values() if isinstance(node, dict) else node)]
        depth += bool(containers)
    return depth
