"""Who signed a webhook: the schemes of the three sources, over the raw bytes and before anything is parsed.

Signatures are compared in constant time as base64 text, ours against theirs, so nothing is decoded leniently: hex,
spaces, line breaks or two joined headers differ from the one right text. An unknown store costs what a known one does.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from cashback.domain.errors import SignatureExpired, SignatureInvalid, SignatureMissing
from cashback.domain.names import EVENTS, SHOPIFY, SOURCES, WOOCOMMERCE
from cashback.storefronts.wordpress import unescaped

TOLERANCE: Final = 300
"""Seconds that a signed timestamp may lie in the past or in the future. Source: the Standard Webhooks specification."""

_SIGNATURE: Final = {
    SHOPIFY: ("x-shopify-hmac-sha256", "shopify-hmac-sha256"),
    WOOCOMMERCE: ("x-wc-webhook-signature",),
    EVENTS: ("webhook-signature",),
}
_TOPIC: Final = {SHOPIFY: ("x-shopify-topic", "shopify-topic"), WOOCOMMERCE: ("x-wc-webhook-topic",), EVENTS: ()}
_DELIVERY: Final = {
    SHOPIFY: ("x-shopify-webhook-id", "shopify-webhook-id"),
    WOOCOMMERCE: ("x-wc-webhook-delivery-id",),
    EVENTS: ("webhook-id",),
}
_HINT: Final = re.compile(r"[A-Za-z0-9._:/-]{1,64}")

_SECRETS: Final = 2
"""A refusal computes at least this many signatures: those of the active secrets, filled up with dummies, so that it
tells nobody whether a store exists, or has a second secret."""
_DUMMY: Final = b"verifies for nobody"

_PREFIX: Final = "whsec_"
_KEY_LENGTHS: Final = range(16, 129)
"""Bytes of a secret of ``events``."""

_PING: Final = b"webhook_id="
_LONGEST_PING: Final = 32


class Claim(Struct, frozen=True):
    """What a request's headers claim: one of ``signatures`` (base64) is that of ``prefix`` + body."""

    source: str
    signatures: tuple[bytes, ...]
    prefix: bytes = b""
    timestamp: int | None = None


def read_claim(source: str, headers: Mapping[str, str]) -> Claim:
    """Read the signature of a request; the names of its headers are compared without regard to case.

    :raises SignatureMissing: a header of the source's scheme is not there.
    :raises SignatureInvalid: a header is there twice, is empty, or cannot be part of any signature.
    """
    if source not in SOURCES:
        return Claim(source, ())
    signature = _one(headers, _SIGNATURE[source])
    if source != EVENTS:
        if not signature:
            raise SignatureInvalid
        return Claim(source, (signature.encode("utf-8", "replace"),))
    return _standard_claim(signature, _one(headers, ("webhook-id",)), _one(headers, ("webhook-timestamp",)))


def verify(claim: Claim, body: bytes, secrets: Sequence[str], now: float) -> None:
    """Return if one of ``secrets`` signed the body; secrets that are empty or unusable sign nothing.

    :param now: seconds since the epoch.
    :raises SignatureExpired: its timestamp is out of tolerance.
    :raises SignatureInvalid: nothing that this store knows has signed these bytes.
    """
    if claim.timestamp is not None and abs(now - claim.timestamp) > TOLERANCE:
        raise SignatureExpired
    message = claim.prefix + body
    keys = [key for secret in secrets if (key := _key(claim.source, secret))]
    if not _signs(keys, message, claim.signatures):
        _signs([_DUMMY] * (_SECRETS - len(keys)), message, claim.signatures)
        raise SignatureInvalid


def is_usable(source: str, secret: str) -> bool:
    """Tell whether a secret may be given to a source: not empty, and for ``events`` ``whsec_`` and base64 of 16 to 128
    bytes."""
    key = _key(source, secret)
    if source == EVENTS:
        return secret.startswith(_PREFIX) and len(key) in _KEY_LENGTHS
    return bool(key)


def hints(source: str, headers: Mapping[str, str]) -> tuple[str, str]:
    """Return the topic and the delivery id that the headers claim, empty where they do not. Neither is signed, except
    the id of ``events``; both go into logs, so anything but a short word is dropped."""
    return _hint(headers, _TOPIC.get(source, ())), _hint(headers, _DELIVERY.get(source, ()))


def is_activation_ping(source: str, body: bytes) -> bool:
    """Tell WooCommerce's unsigned first request, which must be answered 200 or the webhook is never activated."""
    number = body.removeprefix(_PING)
    return source == WOOCOMMERCE and body.startswith(_PING) and len(body) <= _LONGEST_PING and number.isdigit()


def _standard_claim(signature: str, delivery_id: str, timestamp: str) -> Claim:
    """Standard Webhooks: ``v1,<base64>`` any number of times, over ``id.timestamp.body``.

    A full stop inside the id would let one signed text be read as another, so it is refused.
    """
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise SignatureInvalid
    if not delivery_id.isascii() or not delivery_id or "." in delivery_id:
        raise SignatureInvalid
    versions = (part.partition(",") for part in signature.split(" "))
    signatures = tuple(value.encode("utf-8", "replace") for version, _, value in versions if version == "v1")
    if not signatures:
        raise SignatureInvalid
    return Claim(EVENTS, signatures, f"{delivery_id}.{timestamp}.".encode(), int(timestamp))


def _signs(keys: Sequence[bytes], message: bytes, signatures: Sequence[bytes]) -> bool:
    """Tell whether one of the signatures is made with one of the keys, comparing each with each."""
    valid = False
    for key in keys:
        expected = base64.b64encode(hmac.digest(key, message, "sha256"))
        for signature in signatures:
            valid |= hmac.compare_digest(expected, signature)
    return valid


def _key(source: str, secret: str) -> bytes:
    """Return the key a secret stands for, empty where it stands for none."""
    if source == SHOPIFY:
        return secret.encode()
    if source == WOOCOMMERCE:
        return unescaped(secret).encode()
    if source != EVENTS:
        return b""
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _all(headers: Mapping[str, str], names: tuple[str, ...]) -> list[str]:
    return [value for name, value in headers.items() if name.lower() in names]


def _hint(headers: Mapping[str, str], names: tuple[str, ...]) -> str:
    values = _all(headers, names)
    return values[0] if values and _HINT.fullmatch(values[0]) else ""


def _one(headers: Mapping[str, str], names: tuple[str, ...]) -> str:
    """Return the header's value; its two spellings may both be sent, if they say the same."""
    values = _all(headers, names)
    if not values:
        raise SignatureMissing
    spelled = {name.lower() for name in headers if name.lower() in names}
    if len(values) != len(spelled) or len(set(values)) > 1:
        raise SignatureInvalid
    return values[0]
