"""Webhooks that go out: which addresses may be called at all, the shops' endpoints, and deliveries to them.

Source of the format and of the schedule's shape: the Standard Webhooks specification.
"""

import json
import re
from copy import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from msgspec import Struct

from cashback.domain.domain_events import DomainEvent
from cashback.domain.errors import Invalid
from cashback.domain.fingerprints import fingerprint
from cashback.domain.times import Instant, instant, moment

PAUSES: Final = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 30, 60, 2 * 60, 4 * 60, 8 * 60, 8 * 60 + 10))
"""Between the attempts of a delivery, which is given up a day after the first one."""

LAST_LOOK: Final = timedelta(minutes=15)
"""After which the last attempt of a delivery, if nothing was said of it, is taken for lost."""

GONE_LIMIT: Final = 3
"""Answers of 410 in a row that disable an endpoint."""

FAILING_LIMIT: Final = timedelta(days=5)
"""Since when an endpoint took nothing when the next failure disables it."""

OVERLAP: Final = timedelta(days=1)
"""How long the secret before the present one signs along."""

KEPT_FOR: Final = timedelta(days=30)
"""How long deliveries, and endpoints that were deleted, are kept."""

MOST_ENDPOINTS: Final = 20
MOST_REMEMBERED: Final = 20
"""Attempts of one delivery that are listed."""

GONE: Final = 410

ATTEMPTS_EXHAUSTED: Final = "attempts_exhausted"

_BY_ADMIN: Final = "by_admin"

_URL: Final = r"https://([A-Za-z0-9.-]{1,253})(?::443)?(|[/?][!-~]*)"
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST: Final = rf"(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?"
"""Compiled when first used. The last label begins with a letter, so no spelling of a number is a host."""


class Target(Struct, frozen=True):
    """Where a webhook goes: port 443 of a host that has a name."""

    host: str
    path: str


def target_of(url: str, field: str = "url") -> Target:
    """Read a URL.

    :raises Invalid: ``url_format``: not https, another port, credentials, a fragment; ``url_host``: no name of a host,
        such as any spelling of an address or a name that ends with a full stop.
    """
    match = re.fullmatch(_URL, url)
    if match is None or len(url) > 2_048 or "#" in url or "\\" in url:
        raise Invalid(field, "url_format")
    host = match[1].lower()
    if re.fullmatch(_HOST, host) is None:
        raise Invalid(field, "url_host")
    path = match[2]
    return Target(host, path if path.startswith("/") else f"/{path}")


def is_public(address: str) -> bool:
    """Tell whether an address, as it was resolved, is one of the open internet.

    Neither private, loopback, link-local (where the metadata of clouds are), shared by carriers, multicast or reserved,
    nor one that stands for another: mapped, translated (NAT64, 6to4) or tunnelled (Teredo). Source: the IANA registries
    of special-purpose addresses.
    """
    import ipaddress  # noqa: PLC0415 - few calls of the functions resolve a name

    try:
        given = ipaddress.ip_address(address)
    except ValueError:
        return False
    if given.is_multicast or not given.is_global:
        return False
    if isinstance(given, ipaddress.IPv4Address):
        return not any(given in ipaddress.IPv4Network(block) for block in ("192.0.0.0/24", "192.88.99.0/24"))
    never = ("2001::/23", "3fff::/20")
    return given in ipaddress.IPv6Network("2000::/3") and not any(
        given in ipaddress.IPv6Network(block) for block in never
    )


class Endpoint(Struct, frozen=True, omit_defaults=True):
    """An address of a shop that hears of its events: of those kinds in ``events``, or of all where it is empty.

    ``sealed`` is the secret, encrypted; ``previous`` signs along until ``previous_until``. ``failing_since`` is when
    the first attempt failed after which none succeeded, ``gone`` counts the last answers of 410 in a row. ``rev``
    counts the writes, each of which stands only over the one it was made from.
    """

    endpoint_id: str
    url: str
    sealed: bytes
    created_at: Instant
    created_by: str
    body_hash: str
    updated_at: Instant
    events: tuple[str, ...] = ()
    description: str | None = None
    disabled_at: Instant | None = None
    disabled_reason: str | None = None
    failing_since: Instant | None = None
    gone: int = 0
    previous: bytes | None = None
    previous_until: Instant | None = None
    deleted_at: Instant | None = None
    rev: int = 1

    @property
    def enabled(self) -> bool:
        """Tell whether anything is sent to it."""
        return self.disabled_at is None and self.deleted_at is None

    @property
    def is_given_up(self) -> bool:
        """Tell whether it stands disabled for what it answered, and not by a person."""
        return self.deleted_at is None and self.disabled_at is not None and self.disabled_reason != _BY_ADMIN

    def hears(self, kind: str) -> bool:
        """Tell whether it is to be told of a kind of events."""
        return self.enabled and (not self.events or kind in self.events)

    def is_at(self, url: str) -> bool:
        """Tell whether alerts that go to an address are sent to it."""
        return self.enabled and self.url == url

    def secrets(self, now: Instant) -> tuple[bytes, ...]:
        """Return the secrets, encrypted, that sign at a time: the present one first."""
        if self.previous is None or self.previous_until is None or self.previous_until <= now:
            return (self.sealed,)
        return (self.sealed, self.previous)


def sealed_for(store_id: str, endpoint_id: str) -> dict[str, str]:
    """Return the context that an endpoint's secrets are sealed in, and open in alone."""
    return {"store": store_id, "webhook_endpoint": endpoint_id}


def rotated(endpoint: Endpoint, sealed: bytes, now: Instant) -> Endpoint:
    """Return an endpoint with another secret; the one it had signs along for a day."""
    until = instant(moment(now) + OVERLAP)
    return replace(endpoint, sealed=sealed, previous=endpoint.sealed, previous_until=until)


def moved(endpoint: Endpoint, url: str) -> Endpoint:
    """Return an endpoint at an address; what was held against another one is forgotten."""
    return endpoint if url == endpoint.url else replace(endpoint, url=url, failing_since=None, gone=0)


def switched(endpoint: Endpoint, *, enabled: bool, now: Instant) -> Endpoint:
    """Return an endpoint that an admin switched on, with nothing held against it any more, or off."""
    if enabled == endpoint.enabled:
        return endpoint
    if enabled:
        return replace(endpoint, disabled_at=None, disabled_reason=None, failing_since=None, gone=0)
    return replace(endpoint, disabled_at=now, disabled_reason=_BY_ADMIN)


def deleted(endpoint: Endpoint, now: Instant) -> Endpoint:
    """Return what is left of an endpoint: that the call that made it was made. Nothing can sign for it any more."""
    return replace(endpoint, sealed=b"", previous=None, previous_until=None, deleted_at=now)


class Attempt(Struct, frozen=True, omit_defaults=True):
    """One call of an endpoint: the status it answered with, or why there was none."""

    at: Instant
    response_code: int | None = None
    error: str | None = None

    @property
    def succeeded(self) -> bool:
        """Tell whether the endpoint took it."""
        return self.response_code is not None and 200 <= self.response_code < 300


def heard_of(endpoint: Endpoint, attempt: Attempt) -> Endpoint:
    """Return an endpoint after an attempt: the same where that says nothing new, disabled where it was one too many."""
    if attempt.succeeded:
        return replace(endpoint, failing_since=None, gone=0) if endpoint.failing_since or endpoint.gone else endpoint
    since = endpoint.failing_since or attempt.at
    gone = endpoint.gone + 1 if attempt.response_code == GONE else 0
    failing = replace(endpoint, failing_since=since, gone=gone)
    reason = None
    if gone >= GONE_LIMIT:
        reason = "gone"
    elif moment(attempt.at) - moment(since) >= FAILING_LIMIT:
        reason = "failing"
    return failing if reason is None else replace(failing, disabled_at=attempt.at, disabled_reason=reason)


class DeliveryStatus(StrEnum):
    """Where a delivery is."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


REMINDED_FOR: Final = timedelta(minutes=15)
"""How long the message of a delivery that is due is waited for."""


class Delivery(Struct, frozen=True, omit_defaults=True):
    """One event on its way to one endpoint. Its id follows from both, and is the ``webhook-id`` of all its attempts.

    ``tries`` counts the attempts of this round, a replay begins another; ``attempts`` counts all, and ``last`` are the
    newest of those that came to an end. An attempt is written with the time of the next one before it is made, so one
    that is cut off is made again. ``reason`` is why it was given up. ``reminded_at`` is when a message for an attempt
    that was due was last sent; it stays due until the attempt begins.
    """

    delivery_id: str
    endpoint_id: str
    event_id: str
    kind: str
    body: str
    created_at: Instant
    status: DeliveryStatus = DeliveryStatus.PENDING
    next_attempt_at: Instant | None = None
    tries: int = 0
    attempts: int = 0
    last: tuple[Attempt, ...] = ()
    reason: str | None = None
    rev: int = 1
    reminded_at: Instant | None = None

    @property
    def kept_until(self) -> datetime:
        """When it may be deleted: a month after it was made, and no sooner than a day after its last attempt."""
        last = self.next_attempt_at or (self.last[-1].at if self.last else self.created_at)
        return max(moment(self.created_at) + KEPT_FOR, moment(last) + timedelta(days=1))

    def is_reminded_of(self, now: Instant) -> bool:
        """Tell whether a message for the attempt that is due may still be on its way."""
        if self.reminded_at is None or self.next_attempt_at is None or self.reminded_at < self.next_attempt_at:
            return False
        return moment(self.reminded_at) + REMINDED_FOR > moment(now)


def delivery_of(event: DomainEvent, endpoint_id: str, now: Instant) -> Delivery:
    """Return the delivery of an event to an endpoint: due at once."""
    at = "".join(letter for letter in event.occurred_at if letter.isdigit())
    delivery_id = f"whd_{at}_{fingerprint(event.event_id, endpoint_id)[:26]}"
    said = {"type": event.kind, "timestamp": event.occurred_at, "data": event.body}
    body = json.dumps(said, separators=(",", ":"))
    return Delivery(delivery_id, endpoint_id, event.event_id, event.kind, body, now, next_attempt_at=now)


def begun(delivery: Delivery, now: Instant) -> Delivery | None:
    """Return a delivery whose next attempt is being made; None where it had all."""
    if delivery.tries > len(PAUSES):
        return None
    pause = PAUSES[delivery.tries] if delivery.tries < len(PAUSES) else LAST_LOOK
    return replace(
        delivery,
        tries=delivery.tries + 1,
        attempts=delivery.attempts + 1,
        next_attempt_at=instant(moment(now) + pause),
        rev=delivery.rev + 1,
    )


def attempted(delivery: Delivery, attempt: Attempt) -> Delivery:
    """Return a delivery after an attempt that ``begun`` began."""
    after = replace(delivery, last=(*delivery.last, attempt)[-MOST_REMEMBERED:], rev=delivery.rev + 1)
    if attempt.succeeded:
        return replace(after, status=DeliveryStatus.DELIVERED, next_attempt_at=None)
    if after.tries > len(PAUSES):
        return replace(after, status=DeliveryStatus.FAILED, next_attempt_at=None, reason=ATTEMPTS_EXHAUSTED)
    return after


def abandoned(delivery: Delivery, reason: str) -> Delivery:
    """Return a delivery that is given up."""
    failed = DeliveryStatus.FAILED
    return replace(delivery, status=failed, next_attempt_at=None, reason=reason, rev=delivery.rev + 1)


def replayed(delivery: Delivery, now: Instant) -> Delivery:
    """Return a delivery that is to be made once more, from its first attempt on."""
    pending = DeliveryStatus.PENDING
    return replace(delivery, status=pending, next_attempt_at=now, tries=0, reason=None, rev=delivery.rev + 1)


class AttemptStep(Struct, frozen=True, tag="attempt"):
    """That a delivery is to be attempted."""

    store_id: str
    delivery_id: str


class AlertStep(Struct, frozen=True, tag="alert"):
    """That a shop is to be alarmed; ``cause`` is a word of ``AlertCause``."""

    store_id: str
    cause: str
