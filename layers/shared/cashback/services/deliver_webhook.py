"""Send events to the shops' endpoints: to each endpoint once, over and over until it is taken or a day is over.

An attempt is written, with the time of the next one, before it is made. So whoever is cut off, and whatever message is
lost, the sweeper finds the delivery when that time comes; and an endpoint may be told twice, under one ``webhook-id``.
"""

import base64
import hmac
from contextlib import suppress
from copy import replace
from typing import TYPE_CHECKING, Final

from cashback.domain.audit import Act, Origin
from cashback.domain.errors import Busy, NotFound, StateConflict
from cashback.domain.outgoing import (
    ATTEMPTS_EXHAUSTED,
    Attempt,
    AttemptStep,
    Delivery,
    DeliveryStatus,
    Endpoint,
    abandoned,
    attempted,
    begun,
    delivery_of,
    heard_of,
    replayed,
    sealed_for,
    target_of,
)
from cashback.domain.times import Instant, moment
from cashback.services.books import Desk, EndpointBooks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cashback.domain.domain_events import DomainEvent

DELIVERY_UNKNOWN: Final = "delivery_unknown"
UNCHANGED: Final = "unchanged"
EARLY: Final = "early"
OVERTAKEN: Final = "overtaken"
ENDPOINT_DELETED: Final = "endpoint_deleted"
ENDPOINT_DISABLED: Final = "endpoint_disabled"
STORE_CLOSED: Final = "store_closed"

NOT_MADE: Final = frozenset({UNCHANGED, EARLY, ENDPOINT_DISABLED})
"""Outcomes where nothing was sent, so that nothing new is known of an endpoint."""

REMINDED: Final = "reminded"

_TRIES: Final = 5
_PREFIX: Final = "whsec_"


def start_deliveries(
    outgoing: EndpointBooks, event: "DomainEvent", hears: "Callable[[Endpoint], bool]", now: Instant
) -> int:
    """Send an event on its way to the endpoints that are to hear it; return how many those are. Started again, it
    changes nothing.

    :raises Busy: out of reach; some may be on their way.
    """
    listening = [endpoint for endpoint in outgoing.endpoints.all(event.store_id) if hears(endpoint)]
    for endpoint in listening:
        delivery = delivery_of(event, endpoint.endpoint_id, now)
        if outgoing.deliveries.save(event.store_id, delivery):
            _attempt_now(outgoing, event.store_id, delivery)
    return len(listening)


def remind(outgoing: EndpointBooks, store_id: str, delivery_id: str, now: Instant) -> str:
    """Have a delivery that is due attempted, and again a while later: the message may be lost, or it may be waiting
    behind many others, who must not become more for it. It stays due, so that the reconciliation sees for how long.

    :raises Busy: out of reach; it may be reminded of again.
    """
    delivery = outgoing.deliveries.get(store_id, delivery_id)
    if delivery is None or delivery.next_attempt_at is None or delivery.next_attempt_at > now:
        return UNCHANGED
    if delivery.is_reminded_of(now):
        return UNCHANGED
    if not outgoing.deliveries.note_reminder(store_id, replace(delivery, reminded_at=now)):
        return OVERTAKEN
    outgoing.queue().send(AttemptStep(store_id, delivery_id))
    return REMINDED


def attempt_delivery(
    desk: Desk, store_id: str, delivery_id: str, clock: "Callable[[], Instant]"
) -> tuple[str, Endpoint | None]:
    """Make the attempt of a delivery that is due. Return what became of it, and the endpoint if that was disabled for
    it; to a message that comes again too, because whoever was to be alarmed of that may not have been.

    :raises Busy: the tables or KMS are out of reach; the attempt is made when it is due again.
    """
    outgoing, now = desk.outgoing, clock()
    delivery = outgoing.deliveries.get(store_id, delivery_id)
    if delivery is None:
        return DELIVERY_UNKNOWN, None
    endpoint = outgoing.endpoints.get(store_id, delivery.endpoint_id)
    given_up = endpoint if endpoint is not None and endpoint.is_given_up else None
    if delivery.next_attempt_at is None or delivery.next_attempt_at > now:
        return UNCHANGED if delivery.next_attempt_at is None else EARLY, given_up
    attempting = begun(delivery, now)
    hindrance = _hindrance(desk, store_id, endpoint)
    if attempting is None or endpoint is None or hindrance is not None:
        reason = hindrance or ATTEMPTS_EXHAUSTED
        is_kept = outgoing.deliveries.save(store_id, abandoned(delivery, reason))
        return (reason, given_up) if is_kept else (OVERTAKEN, None)
    if not outgoing.deliveries.save(store_id, attempting):
        return OVERTAKEN, None
    attempt = _post(desk, store_id, endpoint, attempting, now)
    is_kept = outgoing.deliveries.save(store_id, attempted(attempting, attempt))
    outcome = attempt.error or str(attempt.response_code) if is_kept else OVERTAKEN
    return outcome, _note(outgoing, store_id, endpoint.endpoint_id, replace(attempt, at=clock()))


def replay_delivery(outgoing: EndpointBooks, store_id: str, delivery_id: str, origin: Origin, now: Instant) -> Delivery:
    """Make a delivery once more, whatever became of it, from its first attempt on. An attempt that is being made at
    this moment is not waited for, and what it is answered says something of the endpoint only.

    :raises NotFound: no such delivery in this store.
    :raises StateConflict: its endpoint is deleted or disabled, or somebody else moved it first.
    """
    delivery = outgoing.deliveries.get(store_id, delivery_id)
    if delivery is None:
        raise NotFound
    endpoint = outgoing.endpoints.get(store_id, delivery.endpoint_id)
    if endpoint is None or not endpoint.enabled:
        raise StateConflict("the endpoint is disabled or deleted")
    again = replayed(delivery, now)
    act = Act("webhook_delivery_replayed", delivery_id, now, origin)
    if not outgoing.deliveries.save(store_id, again, act):
        raise StateConflict("the delivery was attempted meanwhile")
    _attempt_now(outgoing, store_id, again)
    return again


def list_deliveries(
    outgoing: EndpointBooks,
    store_id: str,
    endpoint_id: str | None,
    status: DeliveryStatus | None,
    limit: int,
    before: str | None,
) -> tuple[list[Delivery], str | None]:
    """Return a page of the deliveries of a month, those of the newest events first, and where to go on (None at the
    end)."""
    return outgoing.deliveries.page(store_id, endpoint_id, status, limit, before)


def signature_of(secrets: "Iterable[str]", delivery_id: str, timestamp: str, body: bytes) -> str:
    """Return the header ``webhook-signature``: by each secret, over the id, the time and the body."""
    message = f"{delivery_id}.{timestamp}.".encode() + body
    keys = (base64.b64decode(secret.removeprefix(_PREFIX)) for secret in secrets)
    signed = (base64.b64encode(hmac.digest(key, message, "sha256")).decode() for key in keys)
    return " ".join(f"v1,{signature}" for signature in signed)


def _attempt_now(outgoing: EndpointBooks, store_id: str, delivery: Delivery) -> None:
    """Have a delivery attempted now; where that cannot be said, the sweeper will."""
    with suppress(Busy):
        outgoing.queue().send(AttemptStep(store_id, delivery.delivery_id))


def _hindrance(desk: Desk, store_id: str, endpoint: Endpoint | None) -> str | None:
    """Return why nothing may be sent to an endpoint any more."""
    if endpoint is None or endpoint.deleted_at is not None:
        return ENDPOINT_DELETED
    if not endpoint.enabled:
        return ENDPOINT_DISABLED
    return STORE_CLOSED if desk.books.stores.document(store_id).closed_at is not None else None


def _post(desk: Desk, store_id: str, endpoint: Endpoint, delivery: Delivery, now: Instant) -> Attempt:
    context = sealed_for(store_id, endpoint.endpoint_id)
    secrets = [desk.outgoing.seals.open(sealed, context) for sealed in endpoint.secrets(now)]
    body, timestamp = delivery.body.encode(), str(int(moment(now).timestamp()))
    headers = {
        "content-type": "application/json",
        "user-agent": "cashback-webhooks",
        "connection": "close",
        "webhook-id": delivery.delivery_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature_of(secrets, delivery.delivery_id, timestamp, body),
    }
    reply = desk.sender().post(target_of(endpoint.url), headers, body)
    return Attempt(now, reply.status, reply.error)


def _note(outgoing: EndpointBooks, store_id: str, endpoint_id: str, attempt: Attempt) -> Endpoint | None:
    """Keep what an attempt says of its endpoint; return it if that disabled it. Attempts at once may hide each other's
    words for a while, which costs nothing but time."""
    for _ in range(_TRIES):
        endpoint = outgoing.endpoints.get(store_id, endpoint_id)
        if endpoint is None or not endpoint.enabled:
            return None
        heard = heard_of(endpoint, attempt)
        if heard == endpoint:
            return None
        if outgoing.endpoints.save(store_id, replace(heard, rev=endpoint.rev + 1)):
            return None if heard.enabled else heard
    return None
