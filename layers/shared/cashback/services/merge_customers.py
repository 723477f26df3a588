"""Make two customers one: the balance first, in one transaction, then what belongs to the person.

Each step can be repeated: news that come again, after a crash anywhere, end alike.
"""

from copy import replace

from msgspec import Struct

from cashback.domain.customers import Profile, heir_of, marker_of
from cashback.domain.errors import Busy, StateConflict
from cashback.domain.ledger import MOST_HOPS, Account
from cashback.domain.news import CustomersMerged
from cashback.domain.times import OLDEST, Instant
from cashback.services.books import Books
from cashback.services.erase_customer import erase_words
from cashback.services.record_customer import TRIES, Recorded, create_customer
from cashback.services.seal_accounts import open_fields, seal_fields


class Merged(Struct, frozen=True):
    """What became of a merge: ``refused`` says why it can never be. The contacts had two owners perhaps and have one
    now, and guests' orders may wait for that."""

    recorded: Recorded = Recorded(changed=False)
    refused: str | None = None


def merge_customers(books: Books, store_id: str, news: CustomersMerged, actor: str, now: Instant) -> Merged:
    """Move everything of the deleted customer to the kept one, or to where that one was merged itself.

    Customers that are unknown yet are created, so that later news of the deleted id follow.

    :raises PayoutLive: the kept one is erased, and a payment to the deleted one is on its way; the news may be sent
        again once it has ended.
    :raises Busy: the customers keep changing, or the tables are out of reach; the news may be sent again.
    """
    for customer_id in (news.deleted_id, news.kept_id):
        if books.customers.get(store_id, customer_id) is None:
            create_customer(books, store_id, Profile(customer_id, updated_at=OLDEST, created_at=now), now)
    for _ in range(TRIES):
        path = books.ledger.merged_path(store_id, news.deleted_id)
        kept = books.ledger.live_account(store_id, news.kept_id)
        refused = _refusal(path, kept)
        if refused is not None:
            return Merged(refused=refused)
        if path[0].merged_into is None:
            try:
                books.ledger.merge(store_id, news.deleted_id, kept.customer_id, now, actor)
            except StateConflict:
                continue
        books.tasks.copy_guards(store_id, news.deleted_id, kept.customer_id)
        recorded = _hand_over(books, store_id, news.deleted_id, now)
        if recorded is not None and _move_accounts(books, store_id, news.deleted_id, now):
            return Merged(recorded)
    raise Busy("the customers keep changing")


def _refusal(path: list[Account], kept: Account) -> str | None:
    """Return why two customers cannot become one, if so. ``path`` begins with the one that is to go."""
    if path[0].merged_into is not None:
        return None if path[-1].customer_id == kept.customer_id else "merged_elsewhere"
    if path[0].customer_id == kept.customer_id:
        return "merged_in_a_circle"
    return "merged_too_often" if path[0].merged_hops >= MOST_HOPS else None


def _hand_over(books: Books, store_id: str, deleted_id: str, now: Instant) -> Recorded | None:
    """Give the contacts of a merged customer to the kept one, and leave a bare marker of the profile, in one
    transaction. None where someone else changed either meanwhile. Who is merged into an erased customer is erased: the
    profile first, because the rest may have to wait for a payment that is on its way."""
    path = books.ledger.merged_path(store_id, deleted_id)
    into, live = path[1].customer_id, path[-1].customer_id
    deleted, kept = books.customers.get(store_id, deleted_id), books.customers.get(store_id, live)
    if deleted is None or kept is None or kept.merged_into is not None:
        return None
    recorded = _marked(books, store_id, deleted, kept, into)
    if recorded is not None and kept.erased_at is not None:
        erase_words(books, store_id, deleted_id, now)
    return recorded


def _marked(books: Books, store_id: str, deleted: Profile, kept: Profile, into: str) -> Recorded | None:
    if deleted.merged_into is not None:
        return Recorded(changed=False, contacts=frozenset({*deleted.given_up, *kept.contacts}))
    heir = replace(heir_of(kept, deleted), rev=kept.rev + 1)
    marker = replace(marker_of(deleted, into), rev=deleted.rev + 1)
    saved = books.customers.save(
        store_id,
        marker,
        books.customers.write(store_id, heir),
        *books.contacts.follow(store_id, deleted, marker),
        *books.contacts.follow(store_id, kept, heir),
    )
    return Recorded(changed=True, contacts=frozenset({*marker.given_up, *heir.contacts})) if saved else None


def _move_accounts(books: Books, store_id: str, merged_id: str, now: Instant) -> bool:
    """Give the payment accounts of a merged customer, whose profile says so already, to who they are now, sealed anew;
    one that they have themselves is dropped. False where somebody changed any meanwhile. Their own default stays."""
    accounts = books.payment_accounts
    moving = accounts.all(store_id, merged_id)
    if not moving:
        return True
    live = books.ledger.live_account(store_id, merged_id).customer_id
    heir = books.customers.get(store_id, live)
    if heir is None or heir.merged_into is not None:
        return False
    if heir.erased_at is not None:
        accounts.forget(store_id, merged_id, now)
        return True
    there = accounts.all(store_id, live)
    has_own = any(one.moved_from != merged_id for one in there)
    for account in moving:
        if any(one.mac == account.mac for one in there):
            accounts.drop(store_id, account, now)
            continue
        moved = replace(
            account,
            customer_id=live,
            sealed=seal_fields(books, store_id, live, open_fields(books, store_id, account)),
            default_since=None if has_own else account.default_since,
            moved_from=merged_id,
        )
        if not accounts.move(store_id, account, moved, now):
            return False
    return True
