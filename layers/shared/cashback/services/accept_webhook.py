"""Use case: a shop's delivery is verified and queued; nothing of it is parsed here."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct

from cashback.domain.errors import BodyTooLarge, SignatureInvalid
from cashback.domain.names import SOURCES, STORE_ID
from cashback.domain.news import MAX_BODY, Delivery
from cashback.domain.times import Instant, moment
from cashback.storefronts import signatures

USUAL_AGE: Final = 60.0
LATEST_AGE: Final = 5.0
"""Seconds that secrets may be old: usually, and after a signature that none of them made."""


class WebhookRequest(Struct, frozen=True):
    """A webhook as it arrived. ``store_id`` and ``source`` are what its path says, unchecked."""

    store_id: str
    source: str
    headers: Mapping[str, str]
    body: bytes


def accept_webhook(
    request: WebhookRequest,
    secrets_of: Callable[[str, str, float], tuple[str, ...]],
    send: Callable[[Delivery], None],
    now: Instant,
) -> Delivery | None:
    """Queue a delivery that a secret of its store has signed, and return it; None for WooCommerce's ping.

    A store that does not exist is verified like any other, against no secret: same cost, same answer.

    A signature that no known secret made is compared once more with secrets read a moment ago: a rotation counts
    within seconds on every instance, and made-up signatures cost a read every few seconds at most.

    :param secrets_of: returns the active secrets of a store and source, at most so many seconds old; none where there
        is no such store.
    :raises SignatureMissing, SignatureInvalid, SignatureExpired: nothing is queued.
    :raises BodyTooLarge: before any signature is computed.
    :raises Busy: the secrets or the queue are out of reach; the shop will send it again.
    """
    if signatures.is_activation_ping(request.source, request.body):
        return None
    claim = signatures.read_claim(request.source, request.headers)
    if len(request.body) > MAX_BODY:
        raise BodyTooLarge
    known = request.source in SOURCES and re.fullmatch(STORE_ID, request.store_id)
    at = moment(now).timestamp()
    secrets = secrets_of(request.store_id, request.source, USUAL_AGE) if known else ()
    try:
        signatures.verify(claim, request.body, secrets, at)
    except SignatureInvalid:
        latest = secrets_of(request.store_id, request.source, LATEST_AGE) if known else ()
        if latest == secrets:
            raise
        signatures.verify(claim, request.body, latest, at)
    topic, delivery_id = signatures.hints(request.source, request.headers)
    delivery = Delivery(request.store_id, request.source, topic, delivery_id, now, request.body)
    send(delivery)
    return delivery
