"""Who calls: the store, key and role that the authorizer found, and the person the key's holder names."""

import re
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from cashback.domain.api_keys import Role
from cashback.domain.audit import Origin
from cashback.domain.errors import Forbidden, Malformed
from cashback.domain.fingerprints import fingerprint

_PERSON: Final = re.compile(r"[!-~](?:[ -~]{0,98}[!-~])?")
"""Visible ASCII with spaces inside, at most 100 characters."""

_VERSION: Final = re.compile(r"(?P<quote>\"?)(?P<version>[0-9]{1,9})(?P=quote)")

_IDEMPOTENCY_KEY: Final = re.compile(r"[!-~]{1,255}")


class Caller(Struct, frozen=True):
    """An admin of one store. The store comes from the key and from nowhere else; ``person`` is whom X-Actor names."""

    store_id: str
    api_key_id: str
    role: Role
    origin: Origin
    person: str | None = None

    @property
    def actor(self) -> str:
        """Who acts, as entries and audit keep it."""
        return self.origin.actor


class Operator(Struct, frozen=True):
    """The operator of the deployment, whom IAM has authenticated."""

    origin: Origin


class IdempotentRequest(Struct, frozen=True):
    """What makes two calls the same: the hash of the Idempotency-Key in its namespace, and that of the body.

    A call without an Idempotency-Key (it is not ``keyed``) is the same as no other.
    """

    request_hash: str
    body_hash: str
    keyed: bool = True


def caller_of(event: Mapping[str, Any]) -> Caller:
    """Read the caller from what the authorizer said.

    :raises Forbidden: there is no authorizer's word at all.
    :raises Malformed: ``actor_format`` of X-Actor.
    """
    told = event["requestContext"].get("authorizer") or {}
    if not told.get("store_id"):
        raise Forbidden
    origin, person = _origin(event, f"key:{told['api_key_id']}"), header(event, "x-actor")
    return Caller(told["store_id"], told["api_key_id"], Role(told["role"]), origin, person)


def operator_of(event: Mapping[str, Any]) -> Operator:
    """Read the operator from the signature that API Gateway verified.

    :raises Forbidden: an API key's call, or one that nobody signed.
    """
    identity = event["requestContext"].get("identity") or {}
    if event["requestContext"].get("authorizer") or not identity.get("userArn"):
        raise Forbidden
    return Operator(_origin(event, f"iam:{identity['userArn']}"))


def idempotency_key(event: Mapping[str, Any], *, required: bool) -> str | None:
    """Read the Idempotency-Key; None where none was sent.

    :raises Malformed: ``idempotency_key_required`` or ``idempotency_key_format``.
    """
    key = header(event, "idempotency-key")
    if key is None and required:
        raise Malformed("idempotency_key_required", "the header Idempotency-Key is missing")
    if key is not None and _IDEMPOTENCY_KEY.fullmatch(key) is None:
        raise Malformed("idempotency_key_format", "Idempotency-Key is 1 to 255 visible ASCII characters")
    return key


def request_of(event: Mapping[str, Any], body: str) -> IdempotentRequest:
    """Return what makes this call the same as another; the namespace of keys is (store, API key, method and path).

    :raises Malformed: ``idempotency_key_format``.
    """
    key = idempotency_key(event, required=False)
    told = event["requestContext"].get("authorizer") or {}
    name = ("request", event["requestContext"]["requestId"]) if key is None else ("key", key)
    scope = (told.get("store_id"), told.get("api_key_id"), event["httpMethod"], event["path"])
    return IdempotentRequest(fingerprint(*scope, *name), fingerprint(body), keyed=key is not None)


def if_match(event: Mapping[str, Any]) -> int:
    """Read the version that the caller saw, with or without quotes.

    :raises Malformed: ``if_match_required`` or ``if_match_format``.
    """
    value = header(event, "if-match")
    if value is None:
        raise Malformed("if_match_required", "the header If-Match is missing")
    version = _VERSION.fullmatch(value.strip())
    if version is None:
        raise Malformed("if_match_format", "If-Match is the version that GET answered")
    return int(version.group("version"))


def header(event: Mapping[str, Any], name: str) -> str | None:
    """Return a header by its name in lower case; one sent twice comes joined by a comma, as HTTP has it."""
    many = event.get("multiValueHeaders") or {name: [value] for name, value in (event.get("headers") or {}).items()}
    values = [value for sent, given in many.items() if sent.lower() == name for value in given]
    return ", ".join(values) if values else None


def _origin(event: Mapping[str, Any], holder: str) -> Origin:
    person = header(event, "x-actor")
    if person is not None and _PERSON.fullmatch(person) is None:
        raise Malformed("actor_format", "X-Actor is at most 100 visible ASCII characters")
    context = event["requestContext"]
    actor = holder if person is None else f"{person} ({holder})"
    return Origin(actor, context["requestId"], (context.get("identity") or {}).get("sourceIp") or "")
