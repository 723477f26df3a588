"""Look at the audit of a store."""

from cashback.domain.audit import Act, ActsWanted
from cashback.domain.times import Instant
from cashback.services.books import Books


def read_audit(
    books: Books, store_id: str, wanted: ActsWanted, limit: int, before: str | None, now: Instant
) -> tuple[list[Act], str | None]:
    """Return a page of acts, newest first, and the place where the next one begins; None at the store's creation.

    :raises NotFound: no such store.
    """
    created_at = books.stores.document(store_id).created_at
    return books.audit.page(store_id, wanted, created_at, now, limit, before)
