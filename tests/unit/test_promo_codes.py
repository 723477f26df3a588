from copy import replace
from math import log2

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cashback.domain.errors import StateConflict
from cashback.domain.promo_codes import (
    ALPHABET,
    LENGTH,
    PromoCode,
    PromoCodeExpired,
    PromoCodeRedeemed,
    code_of,
    redeemed,
)
from cashback.domain.scenarios import Discount
from cashback.domain.times import just_after
from tests.unit.builders import CUSTOMER, ORDER, at

PROMO = PromoCode("SPRING-2346789BCD", Discount(amount=500), at(0), "scn_1", "tsk_1", CUSTOMER)

secrets = st.binary(min_size=32, max_size=32)


def redeem(promo: PromoCode, second: int = 60) -> PromoCode:
    return redeemed(promo, ORDER, "key:anna", "request", "body", at(second))


def test_no_sign_of_a_code_is_taken_for_another_and_none_spells_a_word() -> None:
    assert len(set(ALPHABET)) == len(ALPHABET) == 24
    assert not set(ALPHABET) & set("AEIOU")
    for alike in ("0O", "1IL", "2Z", "5S", "MN"):
        assert len(set(ALPHABET) & set(alike)) <= 1
    assert set(ALPHABET) <= set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"), "what a prefix may hold too"


def test_a_code_is_too_long_to_be_guessed() -> None:
    assert int(LENGTH * log2(len(ALPHABET))) == 45


@given(secrets, st.sampled_from(["", "SPRING-", "10-OFF-"]))
@example(b"", "")
@example(bytes(32), "SPRING-")
@example(b"\xff" * 32, "")
def test_a_code_is_its_prefix_and_ten_signs_of_the_alphabet(secret: bytes, prefix: str) -> None:
    code = code_of(prefix, secret)
    assert code.startswith(prefix)
    assert len(code) == len(prefix) + LENGTH
    assert set(code.removeprefix(prefix)) <= set(ALPHABET)
    assert code == code_of(prefix, secret)


@given(st.sets(secrets, min_size=2, max_size=8))
def test_other_secrets_make_other_codes(some: set[bytes]) -> None:
    spelled = {int.from_bytes(secret) % len(ALPHABET) ** LENGTH for secret in some}
    assert len({code_of("", secret) for secret in some}) == len(spelled)


def test_no_two_of_many_codes_are_alike() -> None:
    assert len({code_of("", number.to_bytes(32)) for number in range(20_000)}) == 20_000


def test_every_sign_stands_at_every_place() -> None:
    codes = [code_of("", (number * 7_919**12).to_bytes(32)) for number in range(2_000)]
    for place in range(LENGTH):
        assert {code[place] for code in codes} == set(ALPHABET)


def test_a_code_is_redeemed_once_and_says_for_what() -> None:
    used = redeem(PROMO)
    assert used == replace(
        PROMO,
        redeemed_at=at(60),
        redeemed_by="key:anna",
        order_id=ORDER,
        request_hash="request",
        body_hash="body",
        rev=2,
    )
    with pytest.raises(PromoCodeRedeemed) as refused:
        redeem(used, 61)
    assert (refused.value.code, refused.value.status) == ("promo_code_redeemed", 409)


def test_the_last_instant_of_a_code_counts_and_none_after_it() -> None:
    assert redeem(replace(PROMO, expires_at=at(60)), 60).redeemed_at == at(60)
    with pytest.raises(PromoCodeExpired) as refused:
        redeemed(replace(PROMO, expires_at=at(60)), None, "key:anna", "request", "body", just_after(at(60)))
    assert (refused.value.code, refused.value.status) == ("promo_code_expired", 409)
    assert isinstance(refused.value, StateConflict)


def test_a_code_without_an_end_is_good_for_ever() -> None:
    assert redeemed(PROMO, None, "key:anna", "r", "b", "2099-01-01T00:00:00.000000Z").redeemed_at is not None


def test_a_redeemed_code_that_has_expired_since_was_redeemed() -> None:
    used = redeem(replace(PROMO, expires_at=at(60)))
    with pytest.raises(PromoCodeRedeemed):
        redeem(used, 120)
