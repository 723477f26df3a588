"""Who a customer is."""

from collections.abc import Mapping
from copy import replace
from typing import Any, Final

from msgspec import Struct

from cashback.domain.contacts import contacts_of
from cashback.domain.news import CustomerNews
from cashback.domain.times import Instant, just_after

MOST_CONTACTS: Final = 40
"""Verified contacts that one customer inherits; an e-mail and a phone of their own may come on top."""

MOST_GIVEN_UP: Final = 10
"""Contacts that a profile remembers to have lost."""

MOST_TAGS: Final = 250


class Profile(Struct, frozen=True):
    """What is known of a person; ``customer_id`` is the shop's id, and all that orders and entries ever hold.

    ``updated_at`` is when the shop last changed it: an older piece of news never overwrites a newer one. ``contacts``
    are the keyed hashes that stand among the verified contacts for this customer: the person's own, and those taken
    over in merges. ``given_up`` are those that stood so last, and do no longer: guests' orders may wait for just that,
    and the delivery that took them away may have been cut off before it looked. ``rev`` counts the writes; each stands
    only over the one it was made from. ``push_endpoint`` and ``asked_hash`` (keyed, of the request that the API made
    this customer of) no shop knows of, and none changes. ``registered_at`` is when their registration was first told,
    by our clock: it stays for ever, whatever becomes of the person.

    ``erased_at``: a tombstone, without personal data, which only a strictly newer customer event opens anew.
    ``merged_into``: a marker, without personal data, which nothing ever fills.
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
    push_endpoint: str | None = None
    asked_hash: str | None = None
    contacts: tuple[str, ...] = ()
    given_up: tuple[str, ...] = ()
    erased_at: Instant | None = None
    merged_into: str | None = None
    registered_at: Instant | None = None
    rev: int = 1

    @property
    def verified(self) -> frozenset[str]:
        """What the person is known to be reached by."""
        return contacts_of(self.email if self.email_verified else None, self.phone if self.phone_verified else None)

    @property
    def is_gone(self) -> bool:
        """Tell whether nothing but the id is left."""
        return self.erased_at is not None or self.merged_into is not None

    @property
    def unverified(self) -> frozenset[str]:
        """What the person is said to be reached by: enough to find them, not to act for them."""
        return contacts_of(self.email, self.phone) - self.verified

    @property
    def celebrated_on(self) -> str | None:
        """Month and day of the birthday, as in ``02-29``; None where it is unknown, as of all who are gone."""
        return self.birthday[-len("mm-dd") :] if self.birthday else None


def profile_of(news: CustomerNews, known: Profile | None, now: Instant) -> Profile:
    """Return the profile once these news are heard: the newest win as a whole, but for tags they say nothing of.

    Of news of one moment each field that one of them leaves open is filled by the other, and where they differ the one
    that sorts last stays: so their order does not matter. A registration is heard also where the rest is old. A
    tombstone is opened by strictly newer news alone, a marker by none.
    """
    registered_at = known.registered_at if known else None
    if registered_at is None and news.created:
        registered_at = now
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
        push_endpoint=known.push_endpoint if known else None,
        asked_hash=known.asked_hash if known else None,
        contacts=known.contacts if known else (),
        registered_at=registered_at,
        rev=known.rev if known else 1,
    )
    if known is None:
        return told
    shut = known.merged_into is not None or (known.erased_at is not None and known.erased_at >= told.updated_at)
    if shut:
        return known
    if known.updated_at > told.updated_at:
        return replace(known, registered_at=registered_at)
    if known.updated_at < told.updated_at:
        return replace(told, tags=known.tags) if news.tags is None else told
    return Profile(**{name: _filled(getattr(known, name), getattr(told, name)) for name in Profile.__struct_fields__})


def remembering(profile: Profile, known: Profile) -> Profile:
    """Return the profile that follows ``known``, with the contacts that it has no longer among those given up."""
    lost = sorted(set(known.contacts) - set(profile.contacts))
    given_up = dict.fromkeys(mac for mac in (*known.given_up, *lost) if mac not in profile.contacts)
    return replace(profile, given_up=tuple(given_up)[-max(MOST_GIVEN_UP, len(lost)) :])


def changed_profile(known: Profile, changes: Mapping[str, Any], now: Instant) -> Profile:
    """Return a profile with an admin's changes; the same one where they change nothing.

    An e-mail or a phone that becomes another one is not verified unless the same changes say so, and none never is.
    """
    told = replace(known, **changes)
    email_stands = "email_verified" in changes or told.email == known.email
    phone_stands = "phone_verified" in changes or told.phone == known.phone
    told = replace(
        told,
        email_verified=told.email_verified and email_stands and told.email is not None,
        phone_verified=told.phone_verified and phone_stands and told.phone is not None,
    )
    return told if told == known else replace(told, updated_at=newer(known, now))


def newer(known: Profile, now: Instant) -> Instant:
    """Return when an admin said something: after all that stands, also where a shop's clock is ahead of ours."""
    return max(now, just_after(known.updated_at))


def tombstone_of(known: Profile, at: Instant) -> Profile:
    """Return what is left of a person who was erased as of ``at``.

    Not before what is known already: the very event that told it may come again, and must open nothing. The contacts
    given up are to be forgotten too, once orders were looked for.
    """
    erased_at = max(at, known.updated_at, known.erased_at or at)
    return remembering(replace(_bare(known), updated_at=erased_at, erased_at=erased_at), known)


def marker_of(known: Profile, into: str) -> Profile:
    """Return what is left of an id whose person is another customer now."""
    return remembering(replace(_bare(known), merged_into=into), known)


def heir_of(kept: Profile, merged: Profile) -> Profile:
    """Return the kept customer with the verified contacts of the merged one too; none where the kept one is erased.

    Of those beyond ``MOST_CONTACTS`` the merged ones are given up: all that one customer has must fit a transaction.
    """
    if kept.erased_at is not None:
        return kept
    own = set(kept.contacts)
    room = max(0, MOST_CONTACTS - len(own))
    return replace(kept, contacts=tuple(sorted(own.union(sorted(set(merged.contacts) - own)[:room]))))


def _bare(known: Profile) -> Profile:
    """A profile without the person."""
    kept = ("customer_id", "updated_at", "created_at", "registered_at", "rev")
    return Profile(**{name: getattr(known, name) for name in kept})


def _filled(mine: Any, theirs: Any) -> Any:
    return max(mine, theirs) if mine and theirs else mine or theirs
