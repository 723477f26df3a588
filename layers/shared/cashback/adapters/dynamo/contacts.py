"""Verified contacts in the State table: which customers have proved that an e-mail or a phone is theirs.

Only keyed hashes are stored, so that nobody who reads the table can try addresses on it.
"""

import hmac
from collections.abc import Callable, Iterable

from msgspec import Struct

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.tables import StateTable
from cashback.domain.ledger import Write

_LENGTH = 32


class Contacts(Struct, frozen=True):
    """Hashes of contacts, and who has them. ``hash_key`` is asked only when there is something to hash."""

    table: StateTable
    hash_key: Callable[[], bytes]

    def macs(self, store_id: str, contacts: Iterable[str]) -> frozenset[str]:
        """Return the keyed hash of each contact; the store is part of it, so no hash is known from another store."""
        return frozenset(self._mac(store_id, contact) for contact in contacts)

    def customers(self, store_id: str, macs: Iterable[str]) -> frozenset[str]:
        """Return the customers who have one of these contacts (consistent)."""
        found = (self.table.partition(keys.contact_holders(store_id, mac)) for mac in sorted(macs))
        return frozenset(str(item["sk"]) for items in found for item in items)

    def findable(self, store_id: str, mac: str) -> frozenset[str]:
        """Return the customers who have this contact or say so, verified or not (consistent)."""
        said = self.table.partition(keys.findable_by(store_id, mac))
        return self.customers(store_id, [mac]) | {str(item["sk"]) for item in said}

    def changes(self, store_id: str, customer_id: str, before: Iterable[str], after: Iterable[str]) -> list[Write]:
        """Build the writes that make a customer's contacts ``after`` where they were ``before``."""
        had, has = frozenset(before), frozenset(after)
        places = [keys.contact(store_id, mac, customer_id) for mac in sorted(has - had)]
        gone = [keys.contact(store_id, mac, customer_id) for mac in sorted(had - has)]
        puts = [self.table.put({"pk": place.pk, "sk": place.sk}) for place in places]
        return [*puts, *(self.table.delete(place) for place in gone)]

    def _mac(self, store_id: str, contact: str) -> str:
        return hmac.digest(self.hash_key(), f"{store_id}#{contact}".encode(), "sha256").hex()[:_LENGTH]
