from decimal import Decimal
from typing import Any, cast

import pytest
from boto3.dynamodb.types import TypeDeserializer
from hypothesis import given
from hypothesis import strategies as st

from cashback.adapters.dynamo.codec import decode, encode, from_item, key_attributes, to_item

scalars = st.none() | st.booleans() | st.integers(-(10**37), 10**37) | st.text() | st.binary()
values: st.SearchStrategy[Any] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)


def same(one: Any, other: Any) -> bool:
    """Equal, and of equal types all the way down: True is not 1."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@given(values)
def test_what_is_encoded_decodes_to_the_same_value_and_type(value: Any) -> None:
    assert same(decode(encode(value)), value)


@given(st.dictionaries(st.text(min_size=1), values, max_size=5))
def test_an_item_comes_back_without_its_empty_attributes(item: dict[str, Any]) -> None:
    assert same(from_item(to_item(item)), {name: value for name, value in item.items() if value is not None})


@given(st.integers(-(10**37), 10**37) | st.text() | st.booleans() | st.none())
def test_the_form_is_the_one_that_boto3_reads(value: Any) -> None:
    assert TypeDeserializer().deserialize(cast("Any", encode(value))) == value


@pytest.mark.parametrize("value", [1.5, 0.0, Decimal("1.5"), {1, 2}, (1, 2), object(), [1.5], {"a": 1.5}])
def test_what_has_no_exact_form_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        encode(value)


def test_true_and_false_are_not_numbers() -> None:
    assert encode(True) == {"BOOL": True}
    assert encode(False) == {"BOOL": False}
    assert encode(1) == {"N": "1"}


def test_a_key_is_two_strings() -> None:
    assert key_attributes(("a", "b")) == {"pk": {"S": "a"}, "sk": {"S": "b"}}
