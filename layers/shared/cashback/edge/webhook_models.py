"""Bodies, queries and answers about the endpoints that a store's events are sent to, which only one function loads."""

from typing import Annotated, Literal

from pydantic import Field

from cashback.domain.times import Instant
from cashback.edge.fields import UNSENT, Comment, Flag, HttpsUrl, Id, Limit
from cashback.edge.models import Answer, Request

EventKind = Literal[
    "CashbackAwarded",
    "CashbackReversed",
    "CashbackRestored",
    "OrderHeld",
    "OrderPending",
    "OrderRejected",
    "OrderFailed",
    "BalanceAdjusted",
    "GroupJobFinished",
    "TaskExecuted",
    "TaskCancelled",
    "PromoCodeRedeemed",
    "IncentiveRequestStatusChanged",
    "PayoutStatusChanged",
]
_Kinds = Annotated[list[EventKind], Field(max_length=50)]


class CreateWebhookEndpoint(Request):
    """An address to send events to: those of the kinds named, or all where none is."""

    url: HttpsUrl
    events: _Kinds = Field(default_factory=list)
    description: Comment | None = None


class ChangeWebhookEndpoint(Request):
    """What to change of an endpoint; what is left out stays. A rotated secret is made here, and the one before it signs
    along for a day."""

    url: HttpsUrl = UNSENT
    events: _Kinds = UNSENT
    description: Comment | None = None
    enabled: Flag = UNSENT
    rotate_secret: Flag = False


class WebhookEndpoint(Answer):
    """An endpoint. ``disabled_reason`` is ``by_admin``, ``gone`` or ``failing``; ``failing_since`` is since when it has
    taken nothing."""

    webhook_endpoint_id: str
    url: str
    events: list[str]
    description: str | None
    status: Literal["enabled", "disabled"]
    status_label: str
    disabled_at: Instant | None
    disabled_reason: str | None
    failing_since: Instant | None
    created_at: Instant
    created_by: str
    updated_at: Instant


class WebhookEndpointSecret(WebhookEndpoint):
    """An endpoint made or changed; ``secret`` is shown where it was made in this very call, and only then."""

    secret: str | None


class WebhookEndpointsQuery(Request):
    """Which endpoints."""

    limit: Limit = 20
    cursor: str | None = None


class WebhookEndpointPage(Answer):
    """Some endpoints, newest first."""

    items: list[WebhookEndpoint]
    next_cursor: str | None


class WebhookDeliveriesQuery(Request):
    """Which deliveries."""

    webhook_endpoint_id: Id | None = None
    status: Literal["pending", "delivered", "failed"] | None = None
    limit: Limit = 20
    cursor: str | None = None


class WebhookAttempt(Answer):
    """One attempt: the status that was answered, or why there was none."""

    at: Instant
    response_code: int | None
    error: str | None


class WebhookDelivery(Answer):
    """An event on its way to an endpoint. Its id is the header ``webhook-id``; ``response_code`` and ``error`` are of
    the last attempt that came to an end, ``history`` are the newest ones, oldest first."""

    webhook_delivery_id: str
    webhook_endpoint_id: str
    event_id: str
    event: str
    status: Literal["pending", "delivered", "failed"]
    status_label: str
    reason: str | None
    attempts: int
    response_code: int | None
    error: str | None
    last_attempt_at: Instant | None
    next_attempt_at: Instant | None
    created_at: Instant
    history: list[WebhookAttempt]


class WebhookDeliveryPage(Answer):
    """Some deliveries, those of the newest events first. A page may hold less than was asked for and have a next one:
    one call looks at a thousand at most."""

    items: list[WebhookDelivery]
    next_cursor: str | None
