"""Forget a person. Balance and entries stay, under an id that says nothing.

Each step can be repeated: news that come again, after a crash anywhere, end alike.
"""

from collections.abc import Set as AbstractSet
from copy import replace
from typing import Final

from cashback.domain.audit import Act, Origin
from cashback.domain.customers import Profile, marker_of, tombstone_of
from cashback.domain.erasure import wordless
from cashback.domain.errors import Busy, CustomerNotFound
from cashback.domain.ledger import Write
from cashback.domain.orders import Order
from cashback.domain.queries import OrdersWanted
from cashback.domain.times import Instant
from cashback.services.books import Books
from cashback.services.record_customer import TRIES, Recorded

_ORDERS_AT_ONCE: Final = 100


def erase_customer(
    books: Books,
    store_id: str,
    customer_id: str,
    at: Instant,
    origin: Origin,
    now: Instant,
    *,
    despite_payouts: bool = False,
) -> Recorded:
    """Erase a customer as of ``at``: profile, verified contacts, payment accounts, notes, what reviewers wrote on the
    orders, and who was paid by their payouts.

    Of a customer who was merged, the one they are now is erased, with all who were merged into that one. Of one who is
    unknown a tombstone is left, so that older news that come late bring nothing back. A profile that is newer than
    ``at`` stays: the person has come back since.

    :raises PayoutLive: a payment to one of them is on its way, and nothing was changed; unless ``despite_payouts``. Of
        one that was made at that very moment the rest is erased.
    :raises Busy: the profile keeps changing, or the tables are out of reach; the same call is safe to repeat.
    """
    for _ in range(TRIES):
        try:
            live = books.ledger.live_account(store_id, customer_id).customer_id
        except CustomerNotFound:
            gone = Profile(customer_id, updated_at=at, created_at=now, erased_at=at)
            if books.customers.create(store_id, gone, now, (_audited(books, store_id, gone, origin, now),)):
                return Recorded(changed=True)
            continue
        known = books.customers.get(store_id, live)
        if known is not None and known.erased_at is None and at < known.updated_at <= now:
            return Recorded(changed=False, contacts=frozenset({*known.contacts, *known.given_up}))
        if known is None or known.merged_into is not None:
            continue
        merged = books.history.merged_from(store_id, live)
        if not despite_payouts:
            from cashback.services.erase_payouts import check_none_live  # noqa: PLC0415 - a cold start does not need it

            check_none_live(books, store_id, (live, *merged))
        if not all(_blanked(books, store_id, one) for one in merged):
            continue
        recorded = _buried(books, store_id, known, at, origin, now)
        if recorded is None:
            continue
        erase_words(books, store_id, live, now, despite_payouts=despite_payouts)
        markers = [books.customers.get(store_id, one) for one in merged]
        theirs = {mac for marker in markers if marker for mac in marker.given_up}
        return replace(recorded, contacts=recorded.contacts | theirs)
    raise Busy("the profile keeps changing")


def forget_contacts(books: Books, store_id: str, customer_id: str, looked_for: AbstractSet[str]) -> None:
    """Take even the hashes of lost contacts from an erased customer and all merged into them, once orders that may wait
    for these were looked for. Of one who is not erased they stay.

    :raises Busy: a profile was changed meanwhile, or the tables are out of reach; safe to repeat.
    """
    live = books.ledger.live_account(store_id, customer_id).customer_id
    known = books.customers.get(store_id, live)
    if known is None or known.erased_at is None:
        return
    for one in (live, *books.history.merged_from(store_id, live)):
        profile = books.customers.get(store_id, one)
        if profile is None or looked_for.isdisjoint(profile.given_up):
            continue
        left = tuple(mac for mac in profile.given_up if mac not in looked_for)
        if not books.customers.save(store_id, replace(profile, given_up=left, rev=profile.rev + 1)):
            raise Busy("the profile keeps changing")


def erase_words(books: Books, store_id: str, customer_id: str, now: Instant, *, despite_payouts: bool = False) -> None:
    """Take what admins and reviewers wrote of a customer, and of all merged into them, out of notes, orders, requests
    and payouts, and forget where they are paid.

    Orders are found through an index that may lag a second.

    :raises PayoutLive: a payment to one of them is on its way; all but that is done. Not where ``despite_payouts``.
    """
    from cashback.services.erase_payouts import erase_payouts  # noqa: PLC0415 - a cold start does not need it

    owners = (customer_id, *books.history.merged_from(store_id, customer_id))
    for one in owners:
        books.payment_accounts.forget(store_id, one, now)
        books.customers.blank_notes(store_id, one, now)
        _silence_orders(books, store_id, one)
    for one in owners:
        erase_payouts(books, store_id, one, despite_payouts=despite_payouts)


def _buried(books: Books, store_id: str, known: Profile, at: Instant, origin: Origin, now: Instant) -> Recorded | None:
    """Put a tombstone where the profile was, in one transaction with account, contacts and audit; None where someone
    else was first."""
    tombstone = tombstone_of(known, at)
    if tombstone == known:
        return Recorded(changed=False, contacts=frozenset(known.given_up))
    tombstone = replace(tombstone, rev=known.rev + 1)
    saved = books.customers.save(
        store_id,
        tombstone,
        books.customers.mark(store_id, tombstone),
        _audited(books, store_id, tombstone, origin, now),
        *books.contacts.follow(store_id, known, tombstone),
    )
    return Recorded(changed=True, contacts=frozenset(tombstone.given_up)) if saved else None


def _blanked(books: Books, store_id: str, customer_id: str) -> bool:
    """Make the profile of a merged customer the bare marker that the merge was going to make of it."""
    known, into = books.customers.get(store_id, customer_id), books.ledger.account(store_id, customer_id).merged_into
    if known is None or into is None:
        return False
    if known.merged_into is not None:
        return True
    marker = replace(marker_of(known, into), rev=known.rev + 1)
    return books.customers.save(store_id, marker, *books.contacts.follow(store_id, known, marker))


def _silence_orders(books: Books, store_id: str, customer_id: str) -> None:
    """Take what reviewers wrote out of a customer's orders."""
    wanted, before = OrdersWanted(customer_ids=(customer_id,)), None
    while True:
        orders, before = books.lists.page(store_id, wanted, _ORDERS_AT_ONCE, before)
        for order in orders:
            silence_order(books, store_id, order)
        if before is None:
            return


def silence_order(books: Books, store_id: str, order: Order) -> None:
    """Take what reviewers wrote out of an order.

    :raises Busy: the order keeps changing, or the tables are out of reach.
    """
    standing: Order | None = order
    for _ in range(TRIES):
        silent = wordless(standing) if standing else None
        if silent is None:
            return
        standing = books.orders.save(store_id, silent)
    raise Busy("the order keeps changing")


def _audited(books: Books, store_id: str, tombstone: Profile, origin: Origin, now: Instant) -> Write:
    return books.stores.line(store_id, Act("customer_erased", tombstone.customer_id, now, origin))
