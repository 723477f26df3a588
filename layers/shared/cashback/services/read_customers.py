"""Look at customers: who they are, what they have, and how it came."""

from copy import replace
from typing import Final

from cashback.domain.customers import Profile
from cashback.domain.errors import CustomerNotFound
from cashback.domain.ledger import Account, HistoryLine, Kind
from cashback.domain.queries import EntriesWanted
from cashback.domain.times import Instant
from cashback.services.books import Books

MOST_FOUND: Final = 100
"""Customers of one contact, who share a telephone or a mailbox."""


def profile(books: Books, store_id: str, customer_id: str) -> Profile:
    """Return a customer's profile.

    :raises CustomerNotFound: no such customer in this store.
    """
    found = books.customers.get(store_id, customer_id)
    if found is None:
        raise CustomerNotFound
    return found


def balance(books: Books, store_id: str, customer_id: str, at: Instant | None = None) -> Account:
    """Return the account as of now, or with the available balance as of ``at``.

    :raises CustomerNotFound: no such customer in this store.
    """
    account = books.ledger.account(store_id, customer_id)
    if at is None:
        return account
    return replace(account, available=books.history.balance_at(store_id, customer_id, at))


def transactions(
    books: Books, store_id: str, customer_id: str, wanted: EntriesWanted, limit: int, after: str | None
) -> tuple[list[HistoryLine], str | None]:
    """Return a page of entries, newest first, each with the balance it left and what was said of it, or of the group
    job that made it, and where to go on (None at the end).

    :raises CustomerNotFound: no such customer in this store.
    """
    lines, place = books.history.page(store_id, customer_id, wanted, limit, after)
    spoken_of = [line.entry.cause for line in lines if line.entry.kind is Kind.MANUAL]
    comments = books.customers.comments(store_id, customer_id, spoken_of) if spoken_of else {}
    jobs = {line.entry.job_id for line in lines if line.entry.job_id is not None}
    of_jobs = books.customers.job_comments(store_id, jobs) if jobs else {}
    notes = [comments.get(line.entry.cause) or of_jobs.get(line.entry.job_id or "") for line in lines]
    return [replace(line, note=note) for line, note in zip(lines, notes, strict=True)], place


def list_customers(books: Books, store_id: str, limit: int, before: str | None) -> tuple[list[Profile], str | None]:
    """Return a page of customers, the newest first, and where to go on (None at the end). Erased and merged ones are
    among them, because what they had is."""
    return books.customers.page(store_id, limit, before)


def find_customers(books: Books, store_id: str, contact: str) -> list[Profile]:
    """Return the customers who have a contact (as ``contacts_of`` says it) or say so, by id; at most ``MOST_FOUND``.

    Whoever was merged is found by the contacts that were verified, at the customer they are now.
    """
    (mac,) = books.contacts.macs(store_id, [contact])
    return books.customers.get_many(store_id, sorted(books.contacts.findable(store_id, mac))[:MOST_FOUND])
