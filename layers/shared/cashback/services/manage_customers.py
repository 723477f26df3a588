"""Customers by the admin's word, which is newer than all that their shop said: add, change and delete them."""

from collections.abc import Mapping
from copy import replace
from typing import Any

from msgspec import Struct

from cashback.domain.audit import Origin
from cashback.domain.customers import Profile, changed_profile, newer
from cashback.domain.errors import AlreadyExists, Busy, CustomerNotFound, StateConflict
from cashback.domain.settings import Settings
from cashback.domain.times import Instant
from cashback.services.announce import announce_registration
from cashback.services.books import Books
from cashback.services.erase_customer import erase_customer, forget_contacts
from cashback.services.record_customer import TRIES, create_customer, replace_profile
from cashback.services.record_order import settle_claims


class Asked(Struct, frozen=True):
    """A request to add a customer. ``request_hash`` is that of the Idempotency-Key in its namespace, None without one;
    ``body_hash`` is only ever kept keyed, because it is one of personal data."""

    request_hash: str | None
    body_hash: str


class Added(Struct, frozen=True):
    """A customer as they stand; ``created`` where there was none before this call, ``replayed`` where this very call
    had been made before."""

    profile: Profile
    created: bool
    replayed: bool = False


def add_customer(books: Books, settings: Settings, profile: Profile, asked: Asked, now: Instant) -> Added:
    """Make a customer, also in the place of one who was erased.

    :raises AlreadyExists: there is one whom another request, or the shop, made; or who was merged into another.
    :raises IdempotencyMismatch: the same Idempotency-Key with another body.
    :raises Busy: the profile keeps changing, or the tables are out of reach; the same call is safe to repeat.
    """
    store_id = settings.store_id
    (asked_hash,) = books.contacts.macs(store_id, [asked.body_hash])
    noted = asked.request_hash is not None and books.answers.noted(store_id, asked.request_hash, asked_hash)
    profile = replace(profile, asked_hash=asked_hash)
    for _ in range(TRIES):
        recorded = create_customer(books, store_id, profile, now)
        known = books.customers.get(store_id, profile.customer_id)
        if known is None:
            continue
        if recorded.changed:
            settle_claims(books, settings, recorded.contacts, now)
            announce_registration(books, store_id, known)
            return Added(known, created=True)
        if known.erased_at is not None and not noted:
            reopened = _reopened(books, settings, known, profile, now)
            if reopened is not None:
                announce_registration(books, store_id, reopened)
                return Added(reopened, created=True)
            continue
        was_made = known.asked_hash == asked_hash or (noted and known.is_gone)
        if not was_made:
            raise AlreadyExists("there is a customer with this id")
        settle_claims(books, settings, frozenset(known.contacts), now)
        announce_registration(books, store_id, known)
        return Added(known, created=False, replayed=noted)
    raise Busy("the profile keeps changing")


def change_customer(
    books: Books, settings: Settings, customer_id: str, changes: Mapping[str, Any], now: Instant
) -> Profile:
    """Make ``changes`` to a profile, over whatever it is by then. An e-mail or a phone that becomes another one is not
    verified unless the same changes say so.

    :raises CustomerNotFound: no such customer in this store, or an erased one.
    :raises StateConflict: they were merged into another customer.
    :raises Busy: the profile keeps changing, or the tables are out of reach; the same call is safe to repeat.
    """
    for _ in range(TRIES):
        known = books.customers.get(settings.store_id, customer_id)
        if known is None or known.erased_at is not None:
            raise CustomerNotFound
        if known.merged_into is not None:
            raise StateConflict("the customer was merged into another")
        told = changed_profile(known, changes, now)
        recorded = replace_profile(books, settings.store_id, known, told)
        if recorded is not None:
            settle_claims(books, settings, recorded.contacts, now)
            return told
    raise Busy("the profile keeps changing")


def delete_customer(books: Books, settings: Settings, customer_id: str, origin: Origin, now: Instant) -> None:
    """Erase a customer, and all who were merged into them; of a merged one, who they are now. Repeating it finishes
    what was cut off and changes nothing else.

    :raises CustomerNotFound: no such customer in this store.
    :raises PayoutLive: as ``erase_customer``.
    :raises Busy: likewise.
    """
    live = books.ledger.live_account(settings.store_id, customer_id).customer_id
    known = books.customers.get(settings.store_id, live)
    at = now if known is None or known.erased_at is None else known.erased_at
    recorded = erase_customer(books, settings.store_id, customer_id, at, origin, now)
    settle_claims(books, settings, recorded.contacts, now)
    forget_contacts(books, settings.store_id, customer_id, recorded.contacts)


def _reopened(books: Books, settings: Settings, known: Profile, profile: Profile, now: Instant) -> Profile | None:
    """Fill a tombstone anew, for a person who has come back; None where someone else was first."""
    told = replace(
        profile,
        updated_at=newer(known, now),
        created_at=known.created_at,
        registered_at=known.registered_at or profile.registered_at,
        rev=known.rev,
    )
    recorded = replace_profile(books, settings.store_id, known, told)
    if recorded is None:
        return None
    settle_claims(books, settings, recorded.contacts, now)
    return told
