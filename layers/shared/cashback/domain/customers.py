"""Who a customer is."""

from copy import replace
from typing import Any

from msgspec import Struct

from cashback.domain.news import CustomerNews
from cashback.domain.times import Instant


class Profile(Struct, frozen=True):
    """What is known of a person; ``customer_id`` is the shop's id, and all that orders and entries ever hold.

    ``updated_at`` is when the shop last changed it: an older piece of news never overwrites a newer one.
    """

    customer_id: str
    updated_at: Instant
    created_at: Instant
    name: str | None = None
    email: str | None = None
    email_verified: bool = False
    phone: str | None = None
    phone_verified: bool = False
    birthday: str | None = None
    tags: tuple[str, ...] = ()
    erased_at: Instant | None = None


def profile_of(news: CustomerNews, known: Profile | None, now: Instant) -> Profile:
    """Return the profile once these news are heard: the newest win as a whole, but for tags they say nothing of.

    Of news of one moment each field that one of them leaves open is filled by the other, and where they differ the one
    that sorts last stays: so their order does not matter.
    """
    told = Profile(
        customer_id=news.customer_id,
        updated_at=news.occurred_at,
        created_at=known.created_at if known else now,
        name=news.name,
        email=news.email,
        email_verified=news.email_verified,
        phone=news.phone,
        phone_verified=news.phone_verified,
        birthday=news.birthday,
        tags=news.tags or (),
    )
    if known is None or known.updated_at > told.updated_at:
        return known or told
    if known.updated_at < told.updated_at:
        return replace(told, tags=known.tags) if news.tags is None else told
    return Profile(**{name: _filled(getattr(known, name), getattr(told, name)) for name in Profile.__struct_fields__})


def _filled(mine: Any, theirs: Any) -> Any:
    return max(mine, theirs) if mine and theirs else mine or theirs
