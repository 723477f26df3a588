"""Promo codes: made by a scenario for one customer, redeemed once."""

from copy import replace
from typing import Final

from msgspec import Struct

from cashback.domain.errors import StateConflict
from cashback.domain.scenarios import Discount
from cashback.domain.times import Instant

ALPHABET: Final = "2346789BCDFGHJKMPQRTVWXY"  # pragma: allowlist secret - the signs of codes, not a code
"""Twenty-four signs: no vowels, so that they spell no word, and none of 0, 1, 5, L, N, S and Z, taken for others."""

LENGTH: Final = 10
"""Signs of a code behind its prefix: 45 bits."""


class PromoCode(Struct, frozen=True, omit_defaults=True):
    """One code of a store. ``request_hash`` and ``body_hash`` tell a repeated redemption, which is answered alike."""

    code: str
    discount: Discount
    created_at: Instant
    scenario_id: str
    task_id: str
    customer_id: str | None = None
    expires_at: Instant | None = None
    redeemed_at: Instant | None = None
    redeemed_by: str | None = None
    order_id: str | None = None
    request_hash: str | None = None
    body_hash: str | None = None
    rev: int = 1


class PromoCodeRedeemed(StateConflict):
    """It was redeemed before."""

    code = "promo_code_redeemed"


class PromoCodeExpired(StateConflict):
    """Its time is over."""

    code = "promo_code_expired"


def code_of(prefix: str, secret: bytes) -> str:
    """Spell a code of some bytes that nobody can guess."""
    number, signs = int.from_bytes(secret), []
    for _ in range(LENGTH):
        number, sign = divmod(number, len(ALPHABET))
        signs.append(ALPHABET[sign])
    return prefix + "".join(signs)


def is_over(promo: PromoCode, now: Instant) -> bool:
    """Tell whether its time is over; its last instant still counts."""
    return promo.expires_at is not None and promo.expires_at < now


def redeemed(
    promo: PromoCode, order_id: str | None, actor: str, request_hash: str, body_hash: str, now: Instant
) -> PromoCode:
    """Return the code redeemed; its last instant still counts.

    :raises PromoCodeRedeemed: by anyone before.
    :raises PromoCodeExpired: too late.
    """
    if promo.redeemed_at is not None:
        raise PromoCodeRedeemed
    if is_over(promo, now):
        raise PromoCodeExpired
    return replace(
        promo,
        redeemed_at=now,
        redeemed_by=actor,
        order_id=order_id,
        request_hash=request_hash,
        body_hash=body_hash,
        rev=promo.rev + 1,
    )
