"""API keys of a store: who may do what, and which key must not be deleted."""

import re
from collections.abc import Iterable
from enum import StrEnum
from hashlib import sha256
from typing import Final

from msgspec import Struct

from cashback.domain.errors import LastAdminKey, NotFound, OwnKey
from cashback.domain.names import STORE_ID
from cashback.domain.times import Instant

API_KEY: Final = re.compile(rf"cbk_{STORE_ID}_[a-z2-7]{{32}}", re.ASCII)
"""``cbk_<store>_<160 random bits in base32>``; the store in it is for people, the look-up is by hash of the whole."""


class Role(StrEnum):
    """What a key may do; each role may do what the one before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def covers(self, other: "Role") -> bool:
        """Tell whether this role may do what ``other`` may."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(other)


class ApiKey(Struct, frozen=True):
    """A key as its store sees it. ``digest`` is the hash of the key, which itself is nowhere stored.

    ``request_hash`` and ``body_hash`` are of the call that made it, so that a repeated call makes no second key. A
    deleted key stays as a record.
    """

    api_key_id: str
    name: str
    role: Role
    created_at: Instant
    created_by: str
    digest: str
    request_hash: str
    body_hash: str
    expires_at: Instant | None = None
    deleted_at: Instant | None = None

    def works(self, now: Instant) -> bool:
        """Tell whether the key still opens anything."""
        return self.deleted_at is None and not expired(self.expires_at, now)


def digest_of(api_key: str) -> str:
    """Return the hash that a key is kept and found by."""
    return sha256(api_key.encode()).hexdigest()


def expired(expires_at: Instant | None, now: Instant) -> bool:
    """Tell whether a key's time is over."""
    return expires_at is not None and expires_at <= now


def deletable(keys: Iterable[ApiKey], api_key_id: str, caller_id: str, now: Instant) -> ApiKey:
    """Return the key to delete, once nothing speaks against it.

    :raises NotFound: no such key in this store, or it is deleted already.
    :raises OwnKey: a key cannot delete itself.
    :raises LastAdminKey: no other admin key works; expired ones do not count.
    """
    known = {key.api_key_id: key for key in keys if key.deleted_at is None}
    if api_key_id not in known:
        raise NotFound
    if api_key_id == caller_id:
        raise OwnKey("a key cannot delete itself")
    others = [key for key in known.values() if key.api_key_id != api_key_id]
    if not any(key.role is Role.ADMIN and key.works(now) for key in others):
        raise LastAdminKey("no other admin key works")
    return known[api_key_id]
