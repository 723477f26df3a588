"""Cursors: good for one list of one store, for a day, and only as they were made."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashback.domain.errors import Malformed
from cashback.edge.cursors import GOOD_FOR, Cursors, scope_of

KEY = b"k" * 32
SCOPE = scope_of("demo", "/v1/orders", {"status": "pending"})


def cursors(scope: str = SCOPE, now: int = 1_000, key: bytes = KEY) -> Cursors:
    return Cursors(lambda: key, scope, now)


def is_refused(cursor: str, by: Cursors | None = None) -> bool:
    with pytest.raises(Malformed) as refused:
        (by or cursors()).read(cursor)
    return (refused.value.status, refused.value.code) == (400, "page_token_invalid")


def made(position: str = "2026-03-01T00:00:00.000000Z#1") -> str:
    cursor = cursors().make(position)
    assert cursor is not None
    return cursor


@given(st.text())
def test_a_position_comes_back_as_it_was(position: str) -> None:
    cursor = cursors().make(position)
    assert cursor is not None
    assert cursor.isascii()
    assert cursors().read(cursor) == position


def test_the_first_page_and_the_last_have_none() -> None:
    assert cursors().read(None) is None
    assert cursors().make(None) is None


@pytest.mark.parametrize(
    "scope",
    [
        scope_of("other", "/v1/orders", {"status": "pending"}),
        scope_of("demo", "/v1/customers", {"status": "pending"}),
        scope_of("demo", "/v1/orders", {"status": "held"}),
        scope_of("demo", "/v1/orders", {"status": "pending", "customer_id": "1"}),
    ],
)
@pytest.mark.row("77", "S24")
def test_a_cursor_of_another_store_route_or_filter_is_refused(scope: str) -> None:
    assert is_refused(made(), cursors(scope))


def test_a_cursor_of_another_deployment_is_refused() -> None:
    assert is_refused(made(), cursors(key=b"x" * 32))


@pytest.mark.row("77", "S24")
def test_a_cursor_is_good_for_a_day() -> None:
    cursor = made()
    assert cursors(now=1_000 + GOOD_FOR - 1).read(cursor)
    assert is_refused(cursor, cursors(now=1_000 + GOOD_FOR))


@pytest.mark.row("77", "S24")
def test_every_flipped_bit_is_refused() -> None:
    cursor = made()
    for place in range(len(cursor)):
        for bit in range(7):
            flipped = chr(ord(cursor[place]) ^ (1 << bit))
            assert is_refused(cursor[:place] + flipped + cursor[place + 1 :])


@pytest.mark.row("77")
def test_every_truncated_cursor_is_refused() -> None:
    cursor = made()
    assert all(is_refused(cursor[:length]) for length in range(len(cursor)))


@pytest.mark.parametrize("cursor", ["", "a", "%%%", "é", "A" * 1_048_576, "=" * 10, "null", "\ud800"])
def test_what_was_never_a_cursor_is_refused(cursor: str) -> None:
    assert is_refused(cursor)


def test_another_spelling_of_the_same_bytes_is_refused() -> None:
    cursor = made()
    assert is_refused(cursor + "=")
    assert is_refused(cursor + "\n")


def test_a_forged_position_is_refused() -> None:
    raw = base64.urlsafe_b64decode(made() + "==")
    body = json.dumps(["9", 10**12]).encode()
    assert is_refused(base64.urlsafe_b64encode(raw[:32] + body).decode().rstrip("="))


def test_the_scope_tells_its_parts_apart() -> None:
    assert scope_of("a", "b", {}) != scope_of("ab", "", {})
    assert scope_of("a", "b", {"c": "1"}) != scope_of("a", "b", {"c": 1})
