"""What the domain knows of outgoing webhooks, in the words and shapes of the API."""

from collections.abc import Iterable
from typing import Any, Final

from cashback.domain.names import EVENTS
from cashback.domain.outgoing import Delivery, DeliveryStatus, Endpoint
from cashback.domain.times import Instant
from cashback.edge import ids
from cashback.edge import webhook_models as models
from cashback.edge.caller import IdempotentRequest

_LABELS: Final = {
    DeliveryStatus.PENDING: "Waiting for delivery",
    DeliveryStatus.DELIVERED: "Delivered",
    DeliveryStatus.FAILED: "Failed",
}


def new_endpoint(
    body: models.CreateWebhookEndpoint, request: IdempotentRequest, actor: str, now: Instant
) -> tuple[Endpoint, str]:
    """Return the endpoint that a request asks for, and the secret made for it."""
    asked = Endpoint(
        endpoint_id=ids.new_id("whe", request.request_hash),
        url=body.url,
        sealed=b"",
        created_at=now,
        created_by=actor,
        body_hash=request.body_hash,
        updated_at=now,
        events=tuple(body.events),
        description=body.description,
    )
    return asked, ids.new_webhook_secret(EVENTS)


def changes(body: models.ChangeWebhookEndpoint) -> tuple[dict[str, Any], str | None]:
    """Return what a request changes of an endpoint, and another secret where it asks for one."""
    given = body.model_dump(exclude_unset=True, exclude={"rotate_secret"})
    if "events" in given:
        given["events"] = tuple(given["events"])
    return given, ids.new_webhook_secret(EVENTS) if body.rotate_secret else None


def endpoint(known: Endpoint) -> models.WebhookEndpoint:
    """Return an endpoint, but for its secret."""
    return models.WebhookEndpoint(**_endpoint(known))


def endpoint_secret(known: Endpoint, secret: str | None) -> models.WebhookEndpointSecret:
    """Return an endpoint with the secret that was just made."""
    return models.WebhookEndpointSecret(**_endpoint(known), secret=secret)


def endpoint_page(known: Iterable[Endpoint], next_cursor: str | None) -> models.WebhookEndpointPage:
    """Return a page of endpoints."""
    return models.WebhookEndpointPage(items=[endpoint(one) for one in known], next_cursor=next_cursor)


def delivery(known: Delivery) -> models.WebhookDelivery:
    """Return a delivery."""
    last = known.last[-1] if known.last else None
    tried = [models.WebhookAttempt(at=one.at, response_code=one.response_code, error=one.error) for one in known.last]
    return models.WebhookDelivery(
        webhook_delivery_id=known.delivery_id,
        webhook_endpoint_id=known.endpoint_id,
        event_id=known.event_id,
        event=known.kind,
        status=known.status.value,
        status_label=_LABELS[known.status],
        reason=known.reason,
        attempts=known.attempts,
        response_code=last.response_code if last else None,
        error=last.error if last else None,
        last_attempt_at=last.at if last else None,
        next_attempt_at=known.next_attempt_at,
        created_at=known.created_at,
        history=tried,
    )


def delivery_page(known: Iterable[Delivery], next_cursor: str | None) -> models.WebhookDeliveryPage:
    """Return a page of deliveries."""
    return models.WebhookDeliveryPage(items=[delivery(one) for one in known], next_cursor=next_cursor)


def status_of(query: models.WebhookDeliveriesQuery) -> DeliveryStatus | None:
    """Return the status that a list is asked for."""
    return None if query.status is None else DeliveryStatus(query.status)


def _endpoint(known: Endpoint) -> dict[str, Any]:
    return {
        "webhook_endpoint_id": known.endpoint_id,
        "url": known.url,
        "events": list(known.events),
        "description": known.description,
        "status": "enabled" if known.enabled else "disabled",
        "status_label": "Enabled" if known.enabled else "Disabled",
        "disabled_at": known.disabled_at,
        "disabled_reason": known.disabled_reason,
        "failing_since": known.failing_since,
        "created_at": known.created_at,
        "created_by": known.created_by,
        "updated_at": known.updated_at,
    }
