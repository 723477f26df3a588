"""Make, read, list, change and delete the endpoints that a store's events are sent to."""

from collections.abc import Mapping
from copy import replace
from typing import Any, Final

from cashback.domain.audit import Act, Origin
from cashback.domain.errors import Busy, IdempotencyMismatch, Invalid, NotFound, VersionConflict
from cashback.domain.outgoing import MOST_ENDPOINTS, Endpoint, deleted, moved, rotated, sealed_for, switched, target_of
from cashback.domain.stores import StoreDocument, as_text
from cashback.domain.times import Instant
from cashback.services.books import EndpointBooks

_TRIES: Final = 5


def create_endpoint(
    outgoing: EndpointBooks, store_id: str, endpoint: Endpoint, secret: str, origin: Origin
) -> tuple[Endpoint, bool]:
    """Make an endpoint with a secret. Return it, and whether this very call had made it before (its secret is then lost
    to everyone).

    :raises Invalid: ``url_format``, ``url_host``, or the store has too many.
    :raises IdempotencyMismatch: the same Idempotency-Key with another body.
    :raises Busy: the tables or KMS are out of reach.
    """
    target_of(endpoint.url)
    for _ in range(_TRIES):
        known = outgoing.endpoints.all(store_id)
        made = next((other for other in known if other.endpoint_id == endpoint.endpoint_id), None)
        if made is not None and made.body_hash != endpoint.body_hash:
            raise IdempotencyMismatch
        if made is not None:
            return made, True
        if sum(other.deleted_at is None for other in known) >= MOST_ENDPOINTS:
            raise Invalid("body", "too_many_endpoints", "delete an endpoint first")
        sealed = outgoing.seals.seal(secret, sealed_for(store_id, endpoint.endpoint_id))
        after = as_text(_described(endpoint))
        act = Act("webhook_endpoint_created", endpoint.endpoint_id, endpoint.created_at, origin, after=after)
        made = replace(endpoint, sealed=sealed)
        if outgoing.endpoints.save(store_id, made, act):
            return made, False
    raise _contended()


def read_endpoint(outgoing: EndpointBooks, store_id: str, endpoint_id: str) -> Endpoint:
    """Return an endpoint.

    :raises NotFound: no such endpoint in this store, or a deleted one.
    """
    found = outgoing.endpoints.get(store_id, endpoint_id)
    if found is None or found.deleted_at is not None:
        raise NotFound
    return found


def list_endpoints(
    outgoing: EndpointBooks, store_id: str, limit: int, after: str | None
) -> tuple[list[Endpoint], str | None]:
    """Return a page of the endpoints that are not deleted, newest first, and where the next one begins (None at the
    end)."""
    standing = [endpoint for endpoint in outgoing.endpoints.all(store_id) if endpoint.deleted_at is None]
    placed = sorted(((f"{one.created_at}#{one.endpoint_id}", one) for one in standing), key=_place, reverse=True)
    left = [(place, one) for place, one in placed if after is None or place < after]
    page = left[:limit]
    return [one for _, one in page], page[-1][0] if len(left) > limit else None


def change_endpoint(
    outgoing: EndpointBooks,
    store_id: str,
    endpoint_id: str,
    changes: Mapping[str, Any],
    secret: str | None,
    origin: Origin,
    now: Instant,
) -> Endpoint:
    """Make ``changes`` (``url``, ``events``, ``description``, ``enabled``) to an endpoint, over whatever it is by then;
    a ``secret`` takes the place of the one it has, which signs along for a day.

    :raises NotFound: no such endpoint in this store, or a deleted one.
    :raises Invalid: ``url_format`` or ``url_host``.
    :raises VersionConflict: it keeps changing.
    :raises Busy: the tables or KMS are out of reach.
    """
    if "url" in changes:
        target_of(changes["url"])
    fields = {name: value for name, value in changes.items() if name not in {"enabled", "url"}}
    for _ in range(_TRIES):
        standing = read_endpoint(outgoing, store_id, endpoint_id)
        changed = moved(standing, changes["url"]) if "url" in changes else standing
        changed = replace(changed, **fields)
        if "enabled" in changes:
            changed = switched(changed, enabled=changes["enabled"], now=now)
        if secret is not None:
            changed = rotated(changed, outgoing.seals.seal(secret, sealed_for(store_id, endpoint_id)), now)
        if changed == standing:
            return standing
        was, became = as_text(_described(standing)), as_text(_described(changed))
        what = "webhook_endpoint_changed" if secret is None else "webhook_endpoint_secret_rotated"
        written = replace(changed, rev=standing.rev + 1, updated_at=now)
        if outgoing.endpoints.save(store_id, written, Act(what, endpoint_id, now, origin, was, became)):
            return written
    raise _contended()


def delete_endpoint(outgoing: EndpointBooks, store_id: str, endpoint_id: str, origin: Origin, now: Instant) -> None:
    """Delete an endpoint: it hears nothing more, what is on its way to it included.

    :raises NotFound: no such endpoint in this store, or a deleted one.
    :raises VersionConflict: it keeps changing.
    """
    for _ in range(_TRIES):
        standing = read_endpoint(outgoing, store_id, endpoint_id)
        written = replace(deleted(standing, now), rev=standing.rev + 1, updated_at=now)
        was = as_text(_described(standing))
        act = Act("webhook_endpoint_deleted", endpoint_id, now, origin, before=was)
        if outgoing.endpoints.save(store_id, written, act):
            return
    raise _contended()


def unheard_alerts(outgoing: EndpointBooks, document: StoreDocument) -> list[str]:
    """Return a code to warn of where the settings send alerts to an address that no endpoint has. The settings are
    changed by then, so none is returned where the tables are out of reach."""
    url = document.document["alerts"].get("webhook_url")
    if not url:
        return []
    try:
        known = outgoing.endpoints.all(document.store_id)
    except Busy:
        return []
    return [] if any(endpoint.is_at(url) for endpoint in known) else ["alerts_endpoint_missing"]


def _described(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "url": endpoint.url,
        "events": list(endpoint.events),
        "description": endpoint.description,
        "enabled": endpoint.enabled,
    }


def _place(placed: tuple[str, Endpoint]) -> str:
    return placed[0]


def _contended() -> VersionConflict:
    return VersionConflict("the endpoint keeps changing: try again")
