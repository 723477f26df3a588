"""Requests that make something secret, as commands: the ids, keys and secrets are made here and shown once."""

from msgspec import Struct

from cashback.adapters.deployment_keys import DeploymentKeys
from cashback.domain.api_keys import ApiKey, Role, digest_of
from cashback.domain.audit import Origin
from cashback.domain.errors import Invalid
from cashback.domain.names import SOURCES
from cashback.domain.times import Instant
from cashback.edge import deps, ids
from cashback.edge.caller import IdempotentRequest
from cashback.edge.store_models import CreateApiKey, CreateStore, RotateSecret
from cashback.services.create_store import NewStore
from cashback.storefronts import signatures


class MintedKey(Struct, frozen=True):
    """A key, and the text that opens with it."""

    key: ApiKey
    text: str


class MintedStore(Struct, frozen=True):
    """A store to create, and what was made for it."""

    new: NewStore
    admin: MintedKey
    made: dict[str, str]
    fresh: DeploymentKeys


class MintedSecret(Struct, frozen=True):
    """A secret to sign with; ``made`` is None where the shop gave its own."""

    secret: str
    made: str | None


def mint_key(
    store_id: str,
    name: str,
    role: Role,
    expires_at: Instant | None,
    request: IdempotentRequest,
    origin: Origin,
    now: Instant,
) -> MintedKey:
    """Make an API key."""
    text = ids.new_api_key(store_id)
    key = ApiKey(
        api_key_id=ids.new_id("key", request.request_hash),
        name=name,
        role=role,
        created_at=now,
        created_by=origin.actor,
        digest=digest_of(text),
        request_hash=request.request_hash,
        body_hash=request.body_hash,
        expires_at=expires_at,
    )
    return MintedKey(key, text)


def mint_asked_key(
    store_id: str, body: CreateApiKey, request: IdempotentRequest, origin: Origin, now: Instant
) -> MintedKey:
    """Make the API key that a request asks for."""
    return mint_key(store_id, body.name, body.role, body.expires_at, request, origin, now)


def mint_store(body: CreateStore, request: IdempotentRequest, origin: Origin, now: Instant) -> MintedStore:
    """Make what a new store needs: its first admin key, and a secret for each source that brings none.

    :raises Invalid: ``currency_unknown`` or ``secret_format``.
    """
    given: dict[str, str] = {
        source: _checked(source, text, f"webhook_secrets.{source}") for source, text in body.webhook_secrets.items()
    }
    made: dict[str, str] = {source: ids.new_webhook_secret(source) for source in SOURCES if source not in given}
    new = NewStore(
        store_id=body.store_id,
        name=body.name,
        currency=deps.currency(body.currency),
        timezone=body.timezone,
        settings=body.settings.given(),
        secrets={**given, **made},
        request_hash=request.request_hash,
        body_hash=request.body_hash,
    )
    admin = mint_key(body.store_id, "first admin key", Role.ADMIN, None, request, origin, now)
    return MintedStore(new, admin, made, DeploymentKeys(ids.new_deployment_key(), ids.new_deployment_key()))


def mint_secret(body: RotateSecret) -> MintedSecret:
    """Take the shop's secret, or make one.

    :raises Invalid: ``secret_format``.
    """
    if body.secret is not None:
        return MintedSecret(_checked(body.source, body.secret, "secret"), None)
    made = ids.new_webhook_secret(body.source)
    return MintedSecret(made, made)


def _checked(source: str, text: str, field: str) -> str:
    if not signatures.is_usable(source, text):
        raise Invalid(field, "secret_format")
    return text
