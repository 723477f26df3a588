"""Record news of a customer: created with an account where unknown, else the profile brought up to date."""

from copy import replace
from typing import Final

from msgspec import Struct

from cashback.domain.customers import Profile, profile_of, remembering
from cashback.domain.errors import Busy
from cashback.domain.news import CustomerNews
from cashback.domain.times import Instant
from cashback.services.books import Books

TRIES: Final = 5
"""How often a profile is written over what others write meanwhile, before the news go back to the queue."""


class Recorded(Struct, frozen=True):
    """What became of news of a person, and under which keyed hashes guests' orders may wait for just that.

    ``contacts`` are those of the person as they are now, and those last given up. Look after the write, each time: an
    order and a customer both write first and then look, so that one of them sees the other; and a first delivery may
    have been cut off between the two.
    """

    changed: bool
    contacts: frozenset[str] = frozenset()


def record_customer(books: Books, store_id: str, news: CustomerNews, now: Instant) -> Recorded:
    """Make profile and verified contacts as new as this news, together. Replays and old news change nothing.

    :raises Busy: the profile keeps changing, or the tables are out of reach.
    """
    for _ in range(TRIES):
        known = books.customers.get(store_id, news.customer_id)
        if known is None:
            created = create_customer(books, store_id, profile_of(news, None, now), now)
            if created.changed:
                return created
            continue
        recorded = replace_profile(books, store_id, known, profile_of(news, known, now))
        if recorded is not None:
            return recorded
    raise Busy("the profile keeps changing")


def replace_profile(books: Books, store_id: str, known: Profile, told: Profile) -> Recorded | None:
    """Write what is told over the profile that was known, with what they are found by and, of an erased one, the
    account that it opens. None where someone else was first."""
    profile = remembering(replace(told, contacts=_held(books, store_id, known, told)), known)
    if profile == known:
        return Recorded(changed=False, contacts=frozenset({*known.contacts, *known.given_up}))
    opens = (books.customers.mark(store_id, profile),) if known.erased_at else ()
    moved = books.contacts.follow(store_id, known, profile)
    if not books.customers.save(store_id, replace(profile, rev=known.rev + 1), *moved, *opens):
        return None
    return Recorded(changed=True, contacts=frozenset({*profile.contacts, *profile.given_up}))


def create_customer(books: Books, store_id: str, profile: Profile, now: Instant) -> Recorded:
    """Create a customer with an account and the contacts that are verified; ``changed`` is False where there was one,
    erased or merged ones too: nothing fills those."""
    contacts = books.contacts.macs(store_id, profile.verified)
    whole = replace(profile, contacts=tuple(sorted(contacts)))
    also = books.contacts.follow(store_id, None, whole)
    created = books.customers.create(store_id, whole, now, also)
    return Recorded(created, contacts if created else frozenset())


def _held(books: Books, store_id: str, known: Profile, told: Profile) -> tuple[str, ...]:
    """The contacts once this is told: a person's own follow the profile, those taken over in merges stay."""
    own = books.contacts.macs(store_id, told.verified)
    inherited = set(known.contacts) - books.contacts.macs(store_id, known.verified)
    return tuple(sorted(inherited | own))
