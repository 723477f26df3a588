"""Promo codes in the State table: each task makes one, however often it is asked to."""

import pytest

from cashback.adapters.dynamo import promo_codes as adapter
from cashback.domain.errors import Busy
from cashback.domain.promo_codes import ALPHABET, LENGTH, PromoCode, redeemed
from cashback.domain.scenarios import Discount, PromoOffer
from tests.unit.builders import CUSTOMER, HASH_KEY, NOW, STORE, Shop, at

OFFER = PromoOffer(Discount(amount=500), "SPRING-")


def make(shop: Shop, task_id: str = "tsk_1", now: str = NOW, store_id: str = STORE) -> PromoCode:
    return shop.books.promo_codes.make(store_id, "scn_1", task_id, CUSTOMER, OFFER, now, at(50_000))


def test_a_task_that_makes_its_code_again_finds_the_first_one() -> None:
    shop = Shop()
    made = make(shop)
    assert made.code.startswith("SPRING-")
    assert set(made.code.removeprefix("SPRING-")) <= set(ALPHABET)
    assert len(made.code) == len("SPRING-") + LENGTH
    assert made == PromoCode(made.code, OFFER.discount, NOW, "scn_1", "tsk_1", CUSTOMER, at(50_000))
    assert make(shop, now=at(60)) == made
    assert shop.books.promo_codes.get(STORE, made.code) == made
    assert shop.books.promo_codes.get(STORE, "NONE") is None


def test_a_code_that_was_redeemed_meanwhile_stays_so() -> None:
    shop = Shop()
    made = make(shop)
    used = redeemed(made, None, "key:anna", "request", "body", NOW)
    assert shop.books.promo_codes.save(STORE, made, used)
    assert not shop.books.promo_codes.save(STORE, made, used)
    assert make(shop) == used


def test_codes_of_other_tasks_stores_and_deployments_are_others() -> None:
    shop = Shop()
    codes = {make(shop).code, make(shop, "tsk_2").code, make(shop, store_id="other").code}
    elsewhere = adapter.PromoCodes(shop.books.promo_codes.table, lambda: HASH_KEY + b"!")
    codes.add(elsewhere.make(STORE, "scn_1", "tsk_1", CUSTOMER, OFFER, NOW, None).code)
    assert len(codes) == 4


def test_where_anothers_code_stands_the_next_one_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop()
    spelt: list[bytes] = []

    def code_of(_prefix: str, secret: bytes) -> str:
        spelt.append(secret)
        return ("TAKEN", "TAKEN", "FREE", "TAKEN", "FREE")[len(spelt) - 1]

    monkeypatch.setattr(adapter, "code_of", code_of)
    assert make(shop, "tsk_1").code == "TAKEN"
    assert make(shop, "tsk_2").code == "FREE"
    assert make(shop, "tsk_2").code == "FREE"
    assert len(set(spelt)) == 3


def test_where_others_stand_everywhere_it_is_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop()
    monkeypatch.setattr(adapter, "code_of", lambda _prefix, _secret: "TAKEN")
    make(shop, "tsk_1")
    with pytest.raises(Busy):
        make(shop, "tsk_2")


def test_codes_are_listed_newest_first_page_by_page() -> None:
    shop = Shop()
    made = [make(shop, f"tsk_{n}", now=at(n)) for n in range(5)]
    first, place = shop.books.promo_codes.page(STORE, 3, None)
    assert first == made[:1:-1]
    assert shop.books.promo_codes.page(STORE, 3, place) == (made[1::-1], None)
