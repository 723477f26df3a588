"""The operator's routes, signed with AWS credentials: stores, their webhook secrets, their first keys."""

from typing import Annotated, Any

from cashback.edge import deps, store_views
from cashback.edge.clock import now
from cashback.edge.fields import StoreId
from cashback.edge.http import Api, Path, Response, answer
from cashback.edge.minting import mint_asked_key, mint_secret, mint_store
from cashback.edge.store_models import (
    CloseStore,
    CreateApiKey,
    CreateStore,
    NewApiKey,
    NewStore,
    NewWebhookSecret,
    RotateSecret,
    StoreSummary,
)
from cashback.services.close_store import close_store, open_store
from cashback.services.create_store import create_store
from cashback.services.manage_api_keys import create_api_key
from cashback.services.read_store import read_settings
from cashback.services.rotate_webhook_secret import rotate_webhook_secret

deps.at_start(deps.books)
api = Api()


@api.route("POST", "/platform/stores", None, status=201)
def create(body: CreateStore) -> Response[NewStore]:
    """Create a store; its first admin key and the secrets made here are shown in this answer only."""
    origin, at = api.operator().origin, now()
    minted = mint_store(body, api.request(body), origin, at)
    replayed = create_store(deps.registry(), minted.new, minted.admin.key, minted.fresh, origin, at)
    return answer(
        store_views.new_store(read_settings(deps.books(), body.store_id), minted, replayed=replayed),
        201,
        replayed=replayed,
    )


@api.route("GET", "/platform/stores/<store_id>", None)
def read(store_id: Annotated[StoreId, Path()]) -> Response[StoreSummary]:
    """Read what a store is called and counts in."""
    return answer(store_views.store_summary(read_settings(deps.books(), store_id)))


@api.route("POST", "/platform/stores/<store_id>/webhook-secrets", None, status=201)
def rotate_secret(store_id: Annotated[StoreId, Path()], body: RotateSecret) -> Response[NewWebhookSecret]:
    """Give a source another signing secret; the one before it goes on signing unless told otherwise."""
    minted, origin = mint_secret(body), api.operator().origin
    rotate_webhook_secret(
        deps.registry(), store_id, body.source, minted.secret, origin, now(), keep_previous=body.keep_previous
    )
    return answer(NewWebhookSecret(store_id=store_id, source=body.source, secret=minted.made), 201)


@api.route("POST", "/platform/stores/<store_id>/api-keys", None, status=201)
def create_key(store_id: Annotated[StoreId, Path()], body: CreateApiKey) -> Response[NewApiKey]:
    """Make an API key for a store that lost its own; it is shown in this answer only."""
    origin, at = api.operator().origin, now()
    store = open_store(deps.books().stores, store_id)
    minted = mint_asked_key(store.store_id, body, api.request(body), origin, at)
    key, replayed = create_api_key(deps.api_keys(), store_id, minted.key, origin, at)
    return answer(store_views.new_api_key(key, None if replayed else minted.text), 201, replayed=replayed)


@api.route("POST", "/platform/stores/<store_id>/close", None)
def close(store_id: Annotated[StoreId, Path()], body: CloseStore) -> Response[StoreSummary]:
    """Close a store for good: it hears nothing more, its secrets and keys stop, and all its customers are erased."""
    document = close_store(deps.books(), store_id, body.reason, api.operator().origin, now())
    return answer(store_views.store_summary(document))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Serve one request of API Gateway."""
    return api.resolve(event, context)
