"""Promo codes: list them, and redeem each once."""

from typing import Final

from msgspec import Struct

from cashback.domain.errors import Busy, IdempotencyMismatch, NotFound
from cashback.domain.promo_codes import PromoCode, redeemed
from cashback.domain.times import Instant
from cashback.services.books import Books

_TRIES: Final = 5


class Redemption(Struct, frozen=True):
    """A request to redeem a code, for an order where one is named."""

    order_id: str | None
    actor: str
    request_hash: str
    body_hash: str
    at: Instant


def redeem_promo_code(books: Books, store_id: str, code: str, asked: Redemption) -> tuple[PromoCode, bool]:
    """Redeem a code. Return it, and whether this very call had redeemed it before.

    :raises NotFound: no such code in this store.
    :raises PromoCodeRedeemed: somebody did so before.
    :raises PromoCodeExpired: its time is over.
    :raises IdempotencyMismatch: the same Idempotency-Key with another body.
    :raises Busy: it keeps changing, or the tables are out of reach; the same call is safe to repeat.
    """
    for _ in range(_TRIES):
        promo = books.promo_codes.get(store_id, code)
        if promo is None:
            raise NotFound
        if promo.request_hash == asked.request_hash:
            if promo.body_hash != asked.body_hash:
                raise IdempotencyMismatch
            return promo, True
        after = redeemed(promo, asked.order_id, asked.actor, asked.request_hash, asked.body_hash, asked.at)
        if books.promo_codes.save(store_id, promo, after):
            return after, False
    raise Busy("the code keeps changing")


def list_promo_codes(books: Books, store_id: str, limit: int, before: str | None) -> tuple[list[PromoCode], str | None]:
    """Return a page of codes, newest first, and where to go on (None at the end)."""
    return books.promo_codes.page(store_id, limit, before)
