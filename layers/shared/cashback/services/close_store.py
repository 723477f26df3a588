"""Close a store: from that moment it hears nothing, and bit by bit whoever can act for it and whoever bought there is
forgotten.

Each step can be repeated: a closing that is told or swept again, after a crash anywhere, ends alike.
"""

from copy import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cashback.domain.audit import Act, Origin
from cashback.domain.customers import Profile
from cashback.domain.errors import Busy, DomainError, NotFound, StateConflict
from cashback.domain.ledger import Write
from cashback.domain.queries import OrdersWanted
from cashback.domain.stores import Closing, StoreDocument, as_text
from cashback.domain.times import Instant, instant, moment
from cashback.services.books import Books
from cashback.services.erase_customer import erase_customer, erase_words, silence_order
from cashback.services.manage_api_keys import delete_every_api_key

if TYPE_CHECKING:
    from cashback.adapters.dynamo.api_keys import ApiKeys
    from cashback.adapters.dynamo.stores import Stores

QUIET_AFTER: Final = timedelta(hours=2)
"""After a closing nothing writes for the store any more: no key that the authorizer has cached (an hour at most), no
function that began before, and no index lags longer."""

AT_ONCE: Final = 100
"""Customers, orders, or deliveries, of one step."""

CLOSED: Final = "closed"
ERASING: Final = "erasing"
WAITING: Final = "waiting"

_TRIES: Final = 5


def close_store(books: Books, store_id: str, reason: str, origin: Origin, now: Instant) -> StoreDocument:
    """Close a store, for good. Closed already, it stays so since then.

    :raises NotFound: no such store.
    :raises Busy: its settings keep changing, or the tables are out of reach; the same call is safe to repeat.
    """
    for _ in range(_TRIES):
        standing = books.stores.document(store_id)
        if standing.closed_at is not None:
            return standing
        closed = replace(standing, closed_at=now)
        if books.stores.close(closed, Act("store_closed", store_id, now, origin, after=as_text({"reason": reason}))):
            return closed
    raise Busy("the settings keep changing")


def open_store(stores: "Stores", store_id: str) -> StoreDocument:
    """Return the settings of a store that is not closed.

    :raises NotFound: no such store.
    :raises StateConflict: it is closed.
    """
    document = stores.document(store_id)
    if document.closed_at is not None:
        raise StateConflict("the store is closed")
    return document


def erase_store(books: Books, api_keys: "ApiKeys", store_id: str, now: Instant) -> str:
    """Take the next step of erasing a closed store. Return ``erasing`` while more is to be done at once, ``waiting``
    where somebody may still write, ``closed`` when nobody is left.

    Secrets, endpoints and keys are deleted at every step, because one may have been made while the store was being
    closed; deliveries and notices after each walk.

    :raises NotFound: the store is not closed.
    :raises Busy: contended, or the tables are out of reach; the same step is safe to repeat.
    """
    closing = books.stores.closing(store_id)
    if closing is None:
        raise NotFound
    if closing.erased_at is not None:
        return CLOSED
    books.stores.forget_secrets(store_id)
    delete_every_api_key(api_keys, store_id, "engine", now)
    if closing.part <= books.customers.parts:
        found, part, place = _erased(books, store_id, closing, now)
        ahead = replace(closing, part=part, place=place, found=closing.found or found)
        return _moved(books, store_id, ahead, ERASING)
    if books.stores.forget_told(store_id, AT_ONCE):
        return ERASING
    if closing.found or closing.began_at < quiet_at(closing):
        if not closing.found and now < quiet_at(closing):
            return WAITING
        return _moved(books, store_id, Closing(closing.closed_at, began_at=now, rev=closing.rev), ERASING)
    act = Act("store_erased", store_id, now, Origin("engine", f"close:{store_id}", "-"))
    line = books.stores.line(store_id, act)
    return _moved(books, store_id, replace(closing, erased_at=now), CLOSED, line)


def quiet_at(closing: Closing) -> Instant:
    """Return since when nothing writes for a closed store."""
    return instant(moment(closing.closed_at) + QUIET_AFTER)


def _erased(books: Books, store_id: str, closing: Closing, now: Instant) -> tuple[bool, int, str | None]:
    """Erase what is next; return whether there was anything, and where the walk goes on.

    After the parts of the customers come the orders, of which some are no customer's.
    """
    if closing.part == books.customers.parts:
        orders, place = books.lists.page(store_id, OrdersWanted(), AT_ONCE, closing.place)
        for order in orders:
            silence_order(books, store_id, order)
        return False, closing.part + (place is None), place
    listed, place = books.customers.listed(store_id, closing.part, AT_ONCE, closing.place)
    profiles = books.customers.get_many(store_id, list(listed))
    failed: DomainError | None = None
    for profile in profiles:
        try:
            _erase(books, store_id, profile, now)
        except DomainError as error:
            failed = failed or error
    if failed is not None:
        raise failed
    found = any(profile.erased_at is None and profile.merged_into is None for profile in profiles)
    return found, closing.part + (place is None), place


def _erase(books: Books, store_id: str, profile: Profile, now: Instant) -> None:
    """Erase a customer; of one who is erased, the words that an earlier step was cut off before. Who was merged into
    another is erased with that one. Nobody is left to say what became of a payout, so none is waited for."""
    if profile.merged_into is not None:
        return
    if profile.erased_at is not None:
        erase_words(books, store_id, profile.customer_id, now, despite_payouts=True)
        return
    origin = Origin("engine", f"erase:{profile.customer_id}", "-")
    erase_customer(books, store_id, profile.customer_id, now, origin, now, despite_payouts=True)


def _moved(books: Books, store_id: str, closing: Closing, outcome: str, *also: Write) -> str:
    """Write how far the erasure is; where another sweep was faster there is more to do."""
    moved = books.stores.move_closing(store_id, replace(closing, rev=closing.rev + 1), *also)
    return outcome if moved else ERASING
