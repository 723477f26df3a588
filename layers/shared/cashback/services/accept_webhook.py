"""Use case: a shop's delivery is verified and queued; nothing of it is parsed here."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct

from cashback.domain.errors import BodyTooLarge
from cashback.domain.news import Delivery
from cashback.domain.times import Instant, moment
from cashback.storefronts import signatures

MAX_BODY: Final = 1_048_576
"""Bytes of a body as sent."""

STORE_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{2,39}", re.ASCII)
"""What can be a store at all; ``domain.stores`` says the same, and importing it would cost every cold start more."""


class Request(Struct, frozen=True):
    """A webhook as it arrived. ``store_id`` and ``source`` are what its path says, unchecked."""

    store_id: str
    source: str
    headers: Mapping[str, str]
    body: bytes


def accept_webhook(
    request: Request,
    secrets_of: Callable[[str, str], tuple[str, ...]],
    send: Callable[[Delivery], None],
    now: Instant,
) -> Delivery | None:
    """Queue a delivery that a secret of its store has signed, and return it; None for WooCommerce's ping.

    A store that does not exist is verified like any other, against no secret: same cost, same answer.

    :param secrets_of: returns the active secrets of a store and source, none where there is no such store.
    :raises SignatureMissing, SignatureInvalid, SignatureExpired: nothing is queued.
    :raises BodyTooLarge: before any signature is computed.
    :raises Busy: the secrets or the queue are out of reach; the shop will send it again.
    """
    if signatures.is_activation_ping(request.source, request.body):
        return None
    claim = signatures.read_claim(request.source, request.headers)
    if len(request.body) > MAX_BODY:
        raise BodyTooLarge
    known = request.source in signatures.SOURCES and STORE_ID.fullmatch(request.store_id)
    secrets = secrets_of(request.store_id, request.source) if known else ()
    signatures.verify(claim, request.body, secrets, moment(now).timestamp())
    topic, delivery_id = signatures.hints(request.source, request.headers)
    delivery = Delivery(request.store_id, request.source, topic, delivery_id, now, request.body)
    send(delivery)
    return delivery
