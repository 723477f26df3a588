"""Strict JSON, and the single fields of what shops send."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from cashback.domain.json_text import read_object, read_quickly
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
        b'{"a":"\xff"}',
        b'{"\xff":1}',
        b'{"a":"\xed\xa0\x80"}',
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
    ids=range(18),
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


_GAPS = st.sampled_from(["", "", "", " ", "\n", "\t\r"])
_STRINGS = st.lists(
    st.sampled_from(
        ["", "a", "a", ":", '\\":', r"\u003a", r"\u003A", r"\u0022", "\\\\", "{[", "é", r"\u00e9", r"\ud83d\ude00"]
    )
    | st.sampled_from([r"\ud83d", r"\x", "\x7f", "\x00"]),
    max_size=3,
).map(lambda parts: f'"{"".join(parts)}"')
_NUMBERS = st.sampled_from(
    ["0", "-0", "7", "-0.0", "1E5", "1.50", "2e-7", str(2**64), "9" * 4_300, "9" * 4_301, "01", "NaN"]
)


def _texts(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    spaced = st.tuples(_GAPS, parts, _GAPS).map("".join)
    members = st.tuples(_GAPS, _STRINGS, _GAPS, st.just(":"), spaced).map("".join)
    arrays = st.lists(spaced, max_size=3).map(lambda some: f"[{','.join(some)}]")
    return arrays | st.lists(members, max_size=4).map(lambda some: f"{{{','.join(some)}}}")


@given(st.recursive(_STRINGS | _NUMBERS | st.sampled_from(["true", "null"]), _texts, max_leaves=12))
@example('{"a":1,"a":"\\u003a"}')
@example('{"a":1,"a":"\\u003A"}')
@example('{"a" :1,"a":":"}')
@example('{"a":{"b":1,"b":2},"c":":"}')
@example('{"a":{"b":1},"a":1.5}')
@settings(max_examples=500)
def test_what_is_read_quickly_is_what_is_read_strictly(sent: str) -> None:
    quickly = read_quickly(sent.encode(), deepest=MAX_DEPTH)
    if quickly is not None:
        assert repr(quickly) == repr(read_object(sent, deepest=MAX_DEPTH, whole=int, decimal=str))


def test_a_plain_body_is_read_quickly_and_one_that_names_a_key_twice_is_not() -> None:
    plain = json.dumps(order(note="12:30", rate=1.5, deep=[[]] * 1_000)).encode()
    strictly = read_object(plain.decode(), deepest=MAX_DEPTH, whole=int, decimal=str)
    assert read_quickly(plain, deepest=MAX_DEPTH) == strictly
    assert read_quickly(plain.replace(b'"note"', b'"id"'), deepest=MAX_DEPTH) is None


def test_a_long_body_is_read_quickly_unless_it_names_a_key_twice_wherever_that_is() -> None:
    members = [f'"{number}":":"' for number in range(30_000)]
    long = f"{{{','.join(members)}}}".encode()
    found = read_quickly(long, deepest=MAX_DEPTH)
    assert found is not None
    assert len(found) == len(members)
    for place in (1, len(members) // 2, -1):
        again = long.replace(members[place].encode(), members[0].encode())
        assert read_quickly(again, deepest=MAX_DEPTH) is None


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
