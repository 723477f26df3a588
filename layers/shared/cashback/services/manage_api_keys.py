"""Make, list and delete a store's API keys."""

from copy import replace
from typing import TYPE_CHECKING, Final

from cashback.domain.api_keys import ApiKey, deletable
from cashback.domain.audit import Act, Origin
from cashback.domain.errors import Busy, IdempotencyMismatch, Invalid
from cashback.domain.stores import as_text
from cashback.domain.times import Instant

if TYPE_CHECKING:
    from cashback.adapters.dynamo.api_keys import ApiKeys

_TRIES: Final = 5

MOST_KEYS: Final = 100
"""Keys of a store that are not deleted: more would be a leak, not a need."""


def create_api_key(keys: "ApiKeys", store_id: str, key: ApiKey, origin: Origin, now: Instant) -> tuple[ApiKey, bool]:
    """Add a key. Return it, and whether this very call had made it before (its secret is then lost to everyone).

    :raises Invalid: it expires in the past, or the store has too many.
    :raises IdempotencyMismatch: the same Idempotency-Key with another body.
    :raises Busy: the store's keys keep changing.
    """
    for _ in range(_TRIES):
        ring = keys.ring(store_id)
        known = next((other for other in ring.keys if other.api_key_id == key.api_key_id), None)
        if known is not None and known.body_hash != key.body_hash:
            raise IdempotencyMismatch
        if known is not None:
            return known, True
        if not key.works(now):
            raise Invalid("expires_at", "time_past")
        if sum(other.deleted_at is None for other in ring.keys) >= MOST_KEYS:
            raise Invalid("body", "too_many_keys", "delete a key first")
        if keys.add(ring, key, Act("api_key_created", key.api_key_id, now, origin, after=_described(key))):
            return key, False
    raise Busy("the keys keep changing")


def list_api_keys(keys: "ApiKeys", store_id: str, limit: int, after: str | None) -> tuple[list[ApiKey], str | None]:
    """Return a page of the keys that are not deleted, newest first, and where the next one begins (None at the end)."""
    standing = [key for key in keys.ring(store_id).keys if key.deleted_at is None]
    placed = sorted(((f"{key.created_at}#{key.api_key_id}", key) for key in standing), key=_place, reverse=True)
    left = [(place, key) for place, key in placed if after is None or place < after]
    page = left[:limit]
    return [key for _, key in page], page[-1][0] if len(left) > limit else None


def delete_api_key(
    keys: "ApiKeys", store_id: str, api_key_id: str, caller_id: str, origin: Origin, now: Instant
) -> None:
    """Delete a key; what it opened stays open until the authorizer's cache forgets it (the template's
    ``AuthorizerCacheSeconds``).

    :raises NotFound: no such key in this store.
    :raises OwnKey: a key cannot delete itself.
    :raises LastAdminKey: no other admin key works.
    :raises Busy: the store's keys keep changing.
    """
    for _ in range(_TRIES):
        ring = keys.ring(store_id)
        key = deletable(ring.keys, api_key_id, caller_id, now)
        act = Act("api_key_deleted", api_key_id, now, origin, before=_described(key))
        if keys.delete(ring, replace(key, deleted_at=now), act):
            return
    raise Busy("the keys keep changing")


def delete_every_api_key(keys: "ApiKeys", store_id: str, actor: str, now: Instant) -> None:
    """Delete all keys of a store that is closed, the last admin's too.

    :raises Busy: the store's keys keep changing.
    """
    for _ in range(MOST_KEYS + _TRIES):
        ring = keys.ring(store_id)
        key = next((key for key in ring.keys if key.deleted_at is None), None)
        if key is None:
            return
        origin = Origin(actor, f"close:{key.api_key_id}", "-")
        act = Act("api_key_deleted", key.api_key_id, now, origin, before=_described(key))
        keys.delete(ring, replace(key, deleted_at=now), act)
    raise Busy("the keys keep changing")


def _place(placed: tuple[str, ApiKey]) -> str:
    return placed[0]


def _described(key: ApiKey) -> str:
    return as_text({"name": key.name, "role": key.role, "expires_at": key.expires_at})
