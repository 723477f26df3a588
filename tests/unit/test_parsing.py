"""Strict JSON, and the single fields of what shops send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from cashback.domain.news import Ignored
from cashback.edge.fields import StoredId
from cashback.storefronts.fields import Unreadable, identifier, tags, text
from cashback.storefronts.parsing import MAX_DEPTH, parse, read
from tests.unit.shopify_bodies import STORE, order, reason_of


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        b'{"a":1}x',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":1,"a":2}',
        b'{"x":[{"a":1,"a":1}]}',
        b'{"a":' + b"1" * 5_000 + b"}",
        b"[" * 2_000 + b"]" * 2_000,
        b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
        b"[" * 500_000,
        b"{",
    ],
    ids=range(15),
)
@pytest.mark.row("24", "29", "30", "31", "32", "35", "36", "37")
def test_malformed_json_is_ignored(raw: bytes) -> None:
    assert read("shopify", "orders/paid", raw, STORE) == Ignored("json_invalid")


@pytest.mark.parametrize("raw", [b"[]", b'"text"', b"null", b"7", b"[{}]"])
@pytest.mark.row("39")
def test_json_that_is_no_object_is_ignored(raw: bytes) -> None:
    assert read("shopify", "orders/paid", raw, STORE) == Ignored("topic_shape")


def test_depth_is_counted_and_brackets_in_texts_are_not() -> None:
    assert parse(b'{"a":' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}")
    with pytest.raises(Unreadable):
        parse(b'{"a":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}")
    assert parse(b'{"a":"' + b"[" * 5_000 + b'"}')


def test_numbers_keep_their_digits() -> None:
    assert parse(b'{"a": 348.0, "b": 12345678901234567890, "c": 1e2, "d": 0.30000000000000004}') == {
        "a": "348.0",
        "b": 12345678901234567890,
        "c": "1e2",
        "d": "0.30000000000000004",
    }


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("shopify", "topic_shape"),
        ("woocommerce", "topic_shape"),
        ("events", "type_unknown"),
        ("magento", "source_unknown"),
        ("", "source_unknown"),
    ],
)
def test_each_source_is_read_by_its_own_rules(source: str, reason: str) -> None:
    assert read(source, "", b"{}", STORE) == Ignored(reason)


@pytest.mark.parametrize("source", ["shopify", "woocommerce", "events"])
def test_malformed_json_is_ignored_whatever_the_source(source: str) -> None:
    assert read(source, "", b"{", STORE) == Ignored("json_invalid")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (1, "1"),
        ("1", "1"),
        ("01", "01"),
        (2**64 + 1, "18446744073709551617"),
        ("gid://shopify/Order/1", "gid:%2F%2Fshopify%2FOrder%2F1"),
        ("a#b", "a%23b"),
        ("a%23b", "a=2523b"),
        ("a\nb", "a%0Ab"),
        ("\u0661", "%D9%A1"),
        ("\u0000", "%00"),
        ("İ", "%C4%B0"),
        (".", "%2E"),
        ("..", "%2E%2E"),
        ("...", "..."),
    ],
)
@pytest.mark.row("65", "67")
def test_ids_are_strings_that_can_stand_in_a_path(sent: object, kept: str) -> None:
    assert identifier(sent) == kept


@pytest.mark.parametrize("sent", [None, "", True, False, [], {}, "x" * 201, "#" * 100, 10**300])
def test_what_is_no_id_is_said(sent: object) -> None:
    with pytest.raises(Unreadable, match="id_invalid"):
        identifier(sent)
    assert reason_of(order(id=sent)) == "id_invalid"


@given(st.text(min_size=1, max_size=16) | st.sampled_from([".", "..", "%2E"]))
def test_every_id_that_is_stored_is_one_that_a_route_takes(sent: str) -> None:
    assert TypeAdapter(StoredId).validate_python(identifier(sent)) == identifier(sent)


@given(st.text(min_size=1, max_size=16), st.text(min_size=1, max_size=16))
@pytest.mark.row("64", "67")
def test_two_ids_never_become_one(one: str, other: str) -> None:
    assert (identifier(one) == identifier(other)) == (one == other)


@given(st.text(st.characters()))
def test_texts_can_always_be_stored(value: str) -> None:
    kept = text(value + "\ud83d")
    assert kept is not None
    assert len(kept.encode()) <= 255 * 4


def test_tags_come_as_text_or_list() -> None:
    assert tags(None) is None
    assert tags("") == ()
    assert tags(["a", 1, " b ", ""]) == ("a", "b")
    assert tags({"a": 1}) == ()
    assert len(tags(",".join(map(str, range(10_000)))) or ()) == 250
