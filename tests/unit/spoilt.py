"""Bodies in which something is not what it was, and what must hold of every answer to one."""

import copy
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from cashback.adapters.dynamo.codec import from_item, to_item
from cashback.adapters.dynamo.documents import order_item, order_of
from cashback.adapters.dynamo.products import product_item, product_of
from cashback.domain.cashback import hear
from cashback.domain.lookups import Known
from cashback.domain.news import ProductNews
from cashback.domain.orders import News, Told
from tests.unit.builders import NOW, settings

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["-1.00", "1e9", "2026-03-01", "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(found for key, part in inner for found in places(part, (*path, key)))]


@st.composite
def spoilt(draw: st.DrawFn, samples: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """One of the samples with anything anywhere."""
    changed = copy.deepcopy(samples[draw(st.sampled_from(sorted(samples)))])
    holder: Any = changed
    *path, last = draw(st.sampled_from([place for place in places(changed) if place]))
    for key in path:
        holder = holder[key]
    if isinstance(holder, dict) and draw(st.sampled_from([False, False, False, True])):
        del holder[last]
    else:
        holder[last] = draw(JSON)
    return changed


def assert_can_be_stored(told: Told) -> None:
    """Fail unless it is an answer, has a form in bytes, and makes an order or product that reads back."""
    assert isinstance(told, Told.__value__)
    repr(told).encode()
    if isinstance(told, News):
        decision = hear(None, told, settings(), Known(), NOW)
        assert decision is not None
        assert order_of(order_item("demo", decision.order)) == decision.order
    if isinstance(told, ProductNews):
        assert product_of(from_item(to_item(product_item("demo", told.product)))) == told.product
