"""The store's settings, the state of its engine, its API keys, the audit of all that was done to them, and the API's
own reference."""

from typing import Annotated, Any

from cashback.edge import deps, pages, store_views
from cashback.edge.clock import now
from cashback.edge.fields import Id
from cashback.edge.http import JSON, Api, Path, Query, Response, Role, answer
from cashback.edge.minting import mint_asked_key
from cashback.edge.store_models import (
    ApiKeyPage,
    ApiKeysQuery,
    AuditPage,
    AuditQuery,
    ChangedSettings,
    ChangeStore,
    CreateApiKey,
    EngineStatus,
    NewApiKey,
    Settings,
)
from cashback.services.change_settings import change_settings
from cashback.services.manage_api_keys import create_api_key, delete_api_key, list_api_keys
from cashback.services.read_audit import read_audit
from cashback.services.read_store import read_settings, read_status

api = Api()


@api.route("GET", "/v1/store", Role.VIEWER)
def read_store() -> Response[Settings]:
    """Read the store's settings."""
    document = read_settings(deps.books(), api.caller().store_id)
    return answer(store_views.settings(document), version=document.version)


@api.route("PATCH", "/v1/store", Role.ADMIN, needs_version=True)
def change_store(body: ChangeStore) -> Response[ChangedSettings]:
    """Change the store's settings; those left out stay as they are."""
    who, seen = api.caller(), api.seen_version()
    document, warnings = change_settings(deps.books(), who.store_id, seen, body.given(), who.origin, now())
    return answer(store_views.changed_settings(document, warnings), version=document.version)


@api.route("GET", "/v1/store/status", Role.VIEWER)
def read_engine() -> Response[EngineStatus]:
    """Read how the store's engine is: active, paused, or in error within the last hour."""
    return answer(store_views.engine(read_status(deps.books(), api.caller().store_id, now())))


@api.route("GET", "/v1/api-keys", Role.ADMIN)
def read_keys(query: Annotated[ApiKeysQuery, Query()]) -> Response[ApiKeyPage]:
    """List the store's API keys, newest first."""
    cursors = api.cursors(query)
    keys, place = list_api_keys(deps.api_keys(), api.caller().store_id, query.limit, cursors.read(query.cursor))
    return answer(store_views.api_key_page(keys, cursors.make(place)))


@api.route("POST", "/v1/api-keys", Role.ADMIN, status=201)
def create_key(body: CreateApiKey) -> Response[NewApiKey]:
    """Make an API key; it is shown in this answer only."""
    who, at = api.caller(), now()
    minted = mint_asked_key(who.store_id, body, api.request(body), who.origin, at)
    key, replayed = create_api_key(deps.api_keys(), who.store_id, minted.key, who.origin, at)
    return answer(store_views.new_api_key(key, None if replayed else minted.text), 201, replayed=replayed)


@api.route("DELETE", "/v1/api-keys/<api_key_id>", Role.ADMIN, status=204)
def delete_key(api_key_id: Annotated[Id, Path()]) -> Response[None]:
    """Delete an API key; it goes on opening until the authorizer forgets it, in a minute."""
    who = api.caller()
    delete_api_key(deps.api_keys(), who.store_id, api_key_id, who.api_key_id, who.origin, now())
    return Response(204)


@api.route("GET", "/v1/audit", Role.ADMIN)
def list_acts(query: Annotated[AuditQuery, Query()]) -> Response[AuditPage]:
    """List who changed settings, keys and secrets, erased or asked for data, newest first."""
    store_id, cursors = api.caller().store_id, api.cursors(query)
    acts, place = read_audit(deps.books(), store_id, query.wanted(), query.limit, cursors.read(query.cursor), now())
    return answer(store_views.audit_page(acts, cursors.make(place)))


api.page("/v1/openapi.json", JSON, pages.openapi)
api.page(
    "/v1/docs",
    "text/html; charset=utf-8",
    pages.reference,
    Content_Security_Policy=pages.CONTENT_SECURITY_POLICY,
    Referrer_Policy="no-referrer",
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Serve one request of API Gateway."""
    return api.resolve(event, context)
