"""API keys in the State table: each key twice, under the hash of its secret for the authorizer and in its store's own
list, beside a guard whose revision every change raises."""

from collections.abc import Sequence

from msgspec import Struct

from cashback.adapters.dynamo import store_keys
from cashback.adapters.dynamo.audit import audit_line
from cashback.adapters.dynamo.codec import Item
from cashback.adapters.dynamo.tables import StateTable
from cashback.domain.api_keys import ApiKey, Role, digest_of
from cashback.domain.audit import Act
from cashback.domain.ledger import Write
from cashback.domain.times import Instant

_FIELDS = ApiKey.__struct_fields__


class Bearer(Struct, frozen=True):
    """What the authorizer learns of the holder of a key."""

    store_id: str
    api_key_id: str
    role: str
    expires_at: Instant | None


class KeyRing(Struct, frozen=True):
    """The keys of one store, deleted ones too, as they stood at revision ``rev``."""

    store_id: str
    keys: tuple[ApiKey, ...]
    rev: int


class ApiKeys(Struct, frozen=True):
    """Reads keys, and changes the ring of a store only as it was read."""

    table: StateTable

    def bearer(self, api_key: str) -> Bearer | None:
        """Return whom a key belongs to (consistent, one read unit)."""
        item = self.table.get(store_keys.api_key(digest_of(api_key)))
        if item is None:
            return None
        return Bearer(item["store_id"], item["api_key_id"], item["role"], item.get("expires_at"))

    def ring(self, store_id: str) -> KeyRing:
        """Return all keys of a store (consistent)."""
        items = self.table.partition(store_keys.keys_of_store(store_id))
        guard = store_keys.key_guard(store_id).sk
        rev = next((item["rev"] for item in items if item["sk"] == guard), 0)
        return KeyRing(store_id, tuple(_key_of(item) for item in items if item["sk"] != guard), rev)

    def add(self, ring: KeyRing, key: ApiKey, act: Act) -> bool:
        """Add a key to the ring; False when the ring was changed meanwhile."""
        return self.table.try_commit(*self.additions(ring, key), audit_line(self.table, ring.store_id, act))

    def additions(self, ring: KeyRing, key: ApiKey) -> Sequence[Write]:
        """Build the writes that add a key, for a transaction of its store."""
        pk, sk = store_keys.api_key(key.digest)
        found: Item = {
            "pk": pk,
            "sk": sk,
            "store_id": ring.store_id,
            "api_key_id": key.api_key_id,
            "role": key.role,
            "expires_at": key.expires_at,
        }
        return (
            self._raised(ring),
            self.table.put(_item(ring.store_id, key), "attribute_not_exists(pk)"),
            self.table.put(found, "attribute_not_exists(pk)"),
        )

    def delete(self, ring: KeyRing, key: ApiKey, act: Act) -> bool:
        """Delete a key, which is ``key`` with the time of its end; False when the ring was changed meanwhile."""
        return self.table.try_commit(
            self._raised(ring),
            self.table.put(_item(ring.store_id, key), "attribute_exists(pk)"),
            self.table.delete(store_keys.api_key(key.digest)),
            audit_line(self.table, ring.store_id, act),
        )

    def _raised(self, ring: KeyRing) -> Write:
        """The guard's next revision, over the one that was read: of two changes at once, one must read again."""
        pk, sk = store_keys.key_guard(ring.store_id)
        guard = {"pk": pk, "sk": sk, "rev": ring.rev + 1}
        if not ring.rev:
            return self.table.put(guard, "attribute_not_exists(pk)")
        return self.table.put(guard, "rev = :rev", {":rev": ring.rev})


def _item(store_id: str, key: ApiKey) -> Item:
    pk, sk = store_keys.key_of_store(store_id, key.api_key_id)
    return {"pk": pk, "sk": sk, **{name: getattr(key, name) for name in _FIELDS}}


def _key_of(item: Item) -> ApiKey:
    values = {name: item[name] for name in _FIELDS if name in item}
    return ApiKey(**{**values, "role": Role(item["role"])})
