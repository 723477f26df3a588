"""The store's settings, the state of its engine, its API keys, the audit of all that was done to them, the endpoints
that its events are sent to, and the API's own reference."""

from typing import Annotated, Any

from cashback.edge import deps, pages, store_views, webhook_views
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
    Metrics,
    MetricsQuery,
    NewApiKey,
    Settings,
)
from cashback.edge.webhook_models import (
    ChangeWebhookEndpoint,
    CreateWebhookEndpoint,
    WebhookDeliveriesQuery,
    WebhookDelivery,
    WebhookDeliveryPage,
    WebhookEndpoint,
    WebhookEndpointPage,
    WebhookEndpointSecret,
    WebhookEndpointsQuery,
)
from cashback.services import deliver_webhook, manage_endpoints
from cashback.services.change_settings import change_settings
from cashback.services.close_store import open_store
from cashback.services.manage_api_keys import create_api_key, delete_api_key, list_api_keys
from cashback.services.read_audit import read_audit
from cashback.services.read_metrics import read_metrics
from cashback.services.read_store import read_settings, read_status

deps.at_start(deps.books)
api = Api()

GivenId = Annotated[Id, Path()]


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
    warnings += manage_endpoints.unheard_alerts(deps.endpoint_books(), document)
    return answer(store_views.changed_settings(document, warnings), version=document.version)


@api.route("GET", "/v1/store/status", Role.VIEWER)
def read_engine() -> Response[EngineStatus]:
    """Read how the store's engine is: active, paused, or in error within the last hour."""
    return answer(store_views.engine(read_status(deps.books(), deps.totals(), api.caller().store_id, now())))


@api.route("GET", "/v1/metrics", Role.VIEWER)
def read_figures(query: Annotated[MetricsQuery, Query()]) -> Response[Metrics]:
    """Read what a day came to, or several, in the store's own calendar; without a date, today."""
    first, last = query.ends()
    found = read_metrics(deps.books(), deps.totals(), api.caller().store_id, first, last, now())
    return answer(store_views.metrics(found))


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
def delete_key(api_key_id: GivenId) -> Response[None]:
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


@api.route("GET", "/v1/webhook-endpoints", Role.VIEWER)
def list_endpoints(query: Annotated[WebhookEndpointsQuery, Query()]) -> Response[WebhookEndpointPage]:
    """List the endpoints that the store's events are sent to, newest first."""
    store_id, cursors, outgoing = api.caller().store_id, api.cursors(query), deps.endpoint_books()
    known, place = manage_endpoints.list_endpoints(outgoing, store_id, query.limit, cursors.read(query.cursor))
    return answer(webhook_views.endpoint_page(known, cursors.make(place)))


@api.route("POST", "/v1/webhook-endpoints", Role.ADMIN, status=201)
def create_endpoint(body: CreateWebhookEndpoint) -> Response[WebhookEndpointSecret]:
    """Have events sent to an address, signed with a secret that is shown in this answer only."""
    who, request = api.caller(), api.request(body)
    store = open_store(deps.books().stores, who.store_id)
    asked, secret = webhook_views.new_endpoint(body, request, who.actor, now())
    made, replayed = manage_endpoints.create_endpoint(deps.endpoint_books(), store.store_id, asked, secret, who.origin)
    return answer(webhook_views.endpoint_secret(made, None if replayed else secret), 201, replayed=replayed)


@api.route("GET", "/v1/webhook-endpoints/<webhook_endpoint_id>", Role.VIEWER)
def read_endpoint(webhook_endpoint_id: GivenId) -> Response[WebhookEndpoint]:
    """Read an endpoint."""
    known = manage_endpoints.read_endpoint(deps.endpoint_books(), api.caller().store_id, webhook_endpoint_id)
    return answer(webhook_views.endpoint(known))


@api.route("PATCH", "/v1/webhook-endpoints/<webhook_endpoint_id>", Role.ADMIN)
def change_endpoint(webhook_endpoint_id: GivenId, body: ChangeWebhookEndpoint) -> Response[WebhookEndpointSecret]:
    """Change an endpoint, switch it on or off, or give it another secret, which is shown in this answer only."""
    who, outgoing, (given, secret) = api.caller(), deps.endpoint_books(), webhook_views.changes(body)
    changed = manage_endpoints.change_endpoint(
        outgoing, who.store_id, webhook_endpoint_id, given, secret, who.origin, now()
    )
    return answer(webhook_views.endpoint_secret(changed, secret))


@api.route("DELETE", "/v1/webhook-endpoints/<webhook_endpoint_id>", Role.ADMIN, status=204)
def delete_endpoint(webhook_endpoint_id: GivenId) -> Response[None]:
    """Delete an endpoint: it hears nothing more, what is on its way to it included."""
    who, outgoing = api.caller(), deps.endpoint_books()
    manage_endpoints.delete_endpoint(outgoing, who.store_id, webhook_endpoint_id, who.origin, now())
    return Response(204)


@api.route("GET", "/v1/webhook-deliveries", Role.VIEWER)
def list_deliveries(query: Annotated[WebhookDeliveriesQuery, Query()]) -> Response[WebhookDeliveryPage]:
    """List what was sent to the store's endpoints within a month, and what is on its way: newest events first."""
    store_id, cursors, status = api.caller().store_id, api.cursors(query), webhook_views.status_of(query)
    place, outgoing = cursors.read(query.cursor), deps.endpoint_books()
    found, place = deliver_webhook.list_deliveries(
        outgoing, store_id, query.webhook_endpoint_id, status, query.limit, place
    )
    return answer(webhook_views.delivery_page(found, cursors.make(place)))


@api.route("POST", "/v1/webhook-deliveries/<webhook_delivery_id>/replay", Role.ADMIN, status=202)
def replay_delivery(webhook_delivery_id: GivenId) -> Response[WebhookDelivery]:
    """Send an event to its endpoint once more, whatever became of it; the receiver knows it by its id."""
    who, outgoing = api.caller(), deps.endpoint_books()
    again = deliver_webhook.replay_delivery(outgoing, who.store_id, webhook_delivery_id, who.origin, now())
    return answer(webhook_views.delivery(again), 202)


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
