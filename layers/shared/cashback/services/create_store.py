"""Create a store: its place in the directory, first settings, signing secrets and first admin key, all or nothing."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from cashback.domain.api_keys import ApiKey
from cashback.domain.audit import Act, Origin
from cashback.domain.errors import AlreadyExists, IdempotencyMismatch
from cashback.domain.money import Currency
from cashback.domain.settings import DEFAULTS
from cashback.domain.stores import StoreDocument, StoreRecord, as_text, canonical
from cashback.domain.times import Instant

if TYPE_CHECKING:
    from cashback.adapters.deployment_keys import DeploymentKeys, DeploymentKeyStore
    from cashback.adapters.dynamo.api_keys import ApiKeys
    from cashback.adapters.dynamo.stores import Stores
    from cashback.adapters.secrets import WebhookSecrets


class Registry(Struct, frozen=True):
    """Where stores, their keys and their secrets are kept."""

    stores: "Stores"
    api_keys: "ApiKeys"
    secrets: "WebhookSecrets"
    deployment: "DeploymentKeyStore"


class NewStore(Struct, frozen=True):
    """What is asked for. ``settings`` holds those that differ from the defaults; ``secrets`` one for each source.

    ``request`` and ``payload`` are the hashes of the Idempotency-Key (None without one) and of the body.
    """

    store_id: str
    name: str
    currency: Currency
    timezone: str
    settings: Mapping[str, Any]
    secrets: Mapping[str, str]
    request: str | None
    payload: str


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
    record = StoreRecord(new.store_id, new.name, now, new.request, new.payload)
    standing = registry.stores.record(new.store_id)
    if standing is None:
        registry.deployment.make(fresh)
        secrets = [registry.secrets.first(new.store_id, source, secret) for source, secret in new.secrets.items()]
        also = [*secrets, *registry.api_keys.additions(registry.api_keys.ring(new.store_id), key)]
        act = Act("store_created", new.store_id, now, origin, after=as_text(first.document))
        standing = registry.stores.create(record, first, also, act)
    if standing is None:
        return False
    if new.request is None or standing.request != new.request:
        raise AlreadyExists("there is a store with this id")
    if standing.payload != new.payload:
        raise IdempotencyMismatch
    return True


def _first_settings(new: NewStore, by: str, now: Instant) -> StoreDocument:
    """Build version 1; every setting is written down, so that a later default changes no store."""
    given = {"name": new.name, "currency": new.currency.code, "timezone": new.timezone}
    document = {**DEFAULTS, **new.settings, **given}
    first = StoreDocument(new.store_id, 1, new.currency, document, created_at=now, updated_at=now, updated_by=by)
    return StoreDocument(
        new.store_id,
        1,
        new.currency,
        canonical(document, first.settings()),
        created_at=now,
        updated_at=now,
        updated_by=by,
    )
