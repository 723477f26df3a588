"""Contacts in the State table: which customers have proved that an e-mail or a phone is theirs, and apart from those,
in partitions that no claim ever reads, which ones merely said so.

Only keyed hashes are stored, so that nobody who reads the table can try addresses on it.
"""

from collections.abc import Callable, Iterable

from msgspec import Struct

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.tables import StateTable
from cashback.domain.customers import Profile
from cashback.domain.ledger import Write


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
        """Build the writes that make a customer's verified contacts ``after`` where they were ``before``."""
        had, has = frozenset(before), frozenset(after)
        places = [keys.contact(store_id, mac, customer_id) for mac in sorted(has - had)]
        gone = [keys.contact(store_id, mac, customer_id) for mac in sorted(had - has)]
        return self._moves(places, gone)

    def follow(self, store_id: str, before: Profile | None, after: Profile) -> list[Write]:
        """Build the writes that make what a customer is known and found by follow the profile."""
        customer_id = after.customer_id
        said = self.macs(store_id, before.unverified) if before else frozenset()
        says = self.macs(store_id, after.unverified)
        places = [keys.findable(store_id, mac, customer_id) for mac in sorted(says - said)]
        gone = [keys.findable(store_id, mac, customer_id) for mac in sorted(said - says)]
        verified = self.changes(store_id, customer_id, before.contacts if before else (), after.contacts)
        return [*verified, *self._moves(places, gone)]

    def _moves(self, places: Iterable[keys.Key], gone: Iterable[keys.Key]) -> list[Write]:
        puts = [self.table.put({"pk": place.pk, "sk": place.sk}) for place in places]
        return [*puts, *(self.table.delete(place) for place in gone)]

    def _mac(self, store_id: str, contact: str) -> str:
        return keys.keyed_hash(self.hash_key(), store_id, contact)
