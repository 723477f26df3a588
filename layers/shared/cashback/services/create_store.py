"""Create a store: its place in the directory, first settings, signing secrets and first admin key, all or nothing."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from cashback.domain.api_keys import ApiKey
from cashback.domain.audit import Act, Origin
from cashback.domain.errors import AlreadyExists, IdempotencyMismatch
from cashback.domain.money import Currency
from cashback.domain.settings import DEFAULTS
from cashback.domain.stores import StoreDocument, StoreRecord, as_text
from cashback.domain.times import Instant
from cashback.services.books import Registry

if TYPE_CHECKING:
    from cashback.adapters.deployment_keys import DeploymentKeys


class NewStore(Struct, frozen=True):
    """What is asked for. ``settings`` holds those that differ from the defaults; ``secrets`` one for each source.

    ``request_hash`` is that of the Idempotency-Key in its namespace.
    """

    store_id: str
    name: str
    currency: Currency
    timezone: str
    settings: Mapping[str, Any]
    secrets: Mapping[str, str]
    request_hash: str
    body_hash: str


def create_store(
    registry: Registry, new: NewStore, key: ApiKey, fresh: "DeploymentKeys", origin: Origin, now: Instant
) -> bool:
    """Create the store with ``key`` as its first admin key; True when this very call had created it before.

    ``fresh`` become the keys of the deployment where it has none: with its first store.

    :raises Invalid: a setting is not acceptable.
    :raises AlreadyExists: the id is taken.
    :raises IdempotencyMismatch: the same Idempotency-Key with another body.
    """
    first = _first_settings(new, origin.actor, now)
    record = StoreRecord(new.store_id, new.name, now, new.request_hash, new.body_hash)
    standing = registry.stores.record(new.store_id)
    if standing is None:
        registry.deployment.make(fresh)
        secrets = [registry.secrets.first(new.store_id, source, secret) for source, secret in new.secrets.items()]
        also = [*secrets, *registry.api_keys.additions(registry.api_keys.ring(new.store_id), key)]
        act = Act("store_created", new.store_id, now, origin, after=as_text(first.document))
        standing = registry.stores.create(record, first, also, act)
    if standing is None:
        return False
    if standing.request_hash != new.request_hash:
        raise AlreadyExists("there is a store with this id")
    if standing.body_hash != new.body_hash:
        raise IdempotencyMismatch
    return True


def _first_settings(new: NewStore, by: str, now: Instant) -> StoreDocument:
    """Build version 1; every setting is written down, so that a later default changes no store."""
    given = {"name": new.name, "currency": new.currency.code, "timezone": new.timezone}
    document = {**DEFAULTS, **new.settings, **given}
    first = StoreDocument(new.store_id, 1, new.currency, document, created_at=now, updated_at=now, updated_by=by)
    return first.canonical()
