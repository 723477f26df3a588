"""Look at customers: who they are, what they have, and how it came."""

from copy import replace

from cashback.domain.customers import Profile
from cashback.domain.errors import CustomerNotFound
from cashback.domain.ledger import Account, HistoryLine
from cashback.domain.queries import EntriesWanted
from cashback.domain.times import Instant
from cashback.services.books import Books


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
    """Return a page of entries, newest first, each with the balance it left, and where to go on (None at the end).

    :raises CustomerNotFound: no such customer in this store.
    """
    return books.history.page(store_id, customer_id, wanted, limit, after)
