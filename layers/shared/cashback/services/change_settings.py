"""Change a store's settings: the next version over the one the caller saw."""

from collections.abc import Mapping
from typing import Any

from cashback.domain.audit import Act, Origin
from cashback.domain.errors import Invalid, VersionConflict
from cashback.domain.orders import Status
from cashback.domain.queries import OrdersWanted
from cashback.domain.stores import StoreDocument, as_text
from cashback.domain.times import Instant
from cashback.services.books import Books
from cashback.services.close_store import open_store


def change_settings(
    books: Books, store_id: str, seen: int, changes: Mapping[str, Any], origin: Origin, now: Instant
) -> tuple[StoreDocument, list[str]]:
    """Make ``changes`` to the settings of version ``seen``. Return what holds now, and codes to warn of.

    Changes that change nothing make no version.

    :raises NotFound: no such store.
    :raises StateConflict: it is closed.
    :raises VersionConflict: ``seen`` is no longer the current version.
    :raises Invalid: names the setting that is not acceptable.
    """
    before = open_store(books.stores, store_id)
    if before.version != seen:
        raise VersionConflict("the settings were changed meanwhile")
    if changes.get("currency", before.currency.code) != before.currency.code:
        raise Invalid("currency", "currency_fixed", "the currency of a store never changes")
    after = before.changed(changes, now, origin.actor)
    moved = [name for name in changes if after.document[name] != before.document.get(name)]
    if not moved:
        return before, []
    was = {name: before.document.get(name) for name in moved}
    became = {name: after.document[name] for name in moved}
    warnings = _warnings(books, before, after)
    books.stores.change(after, Act("settings_changed", store_id, now, origin, as_text(was), as_text(became)))
    return after, warnings


def _warnings(books: Books, before: StoreDocument, after: StoreDocument) -> list[str]:
    """Switching to automatic decides nothing that is pending: it still waits for a person."""
    switched_on = after.document["auto_processing"] and not before.document["auto_processing"]
    if not switched_on:
        return []
    pending, _ = books.lists.page(after.store_id, OrdersWanted(statuses=(Status.PENDING,)), 1, None)
    return ["orders_still_pending"] if pending else []
