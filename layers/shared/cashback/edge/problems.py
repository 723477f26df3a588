"""Errors as RFC 9457 problems. A problem names fields of ours and codes, and never repeats what the caller sent."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from msgspec import Struct

from cashback.domain.errors import DomainError, Invalid
from cashback.domain.json_text import Number

PROBLEM_JSON: Final = "application/problem+json"

RETRY_AFTER: Final = "2"
"""Seconds after which an answer of 503 is worth another try."""

_CODES: Final[Mapping[str, str]] = {
    "missing": "required",
    "extra_forbidden": "field_unknown",
    "too_long": "too_many_items",
    "too_short": "too_few_items",
    "dict_too_long": "too_many_items",
    "literal_error": "enum",
    "enum": "enum",
    "string_unicode": "string_unicode",
    "string_too_long": "length",
    "string_too_short": "length",
}
"""pydantic's words for ours; its own are kept from the callers."""

_TYPE_ERROR: Final = re.compile(r"(\w+_type|\w+_attributes_type|bool_parsing)")
_INDEX: Final = re.compile(r"\d{1,6}")


class Fault(Struct, frozen=True):
    """One thing wrong with one field; the field is empty where naming it would repeat the caller."""

    field: str
    code: str


class ContentTypeUnsupported(DomainError):
    """The body is no JSON by its content type."""

    code = "unsupported_media_type"
    status = 415


class UnsupportedEncoding(DomainError):
    """A compressed body: its signature covers other bytes than its content."""

    code = "content_encoding"
    status = 415


class MethodUnknown(DomainError):
    """The route is there, but not with this method."""

    code = "method_not_allowed"
    status = 405

    def __init__(self, allowed: Iterable[str]) -> None:
        super().__init__()
        self.allowed = ", ".join(sorted(allowed))


def problem(
    status: int,
    code: str,
    request_id: str,
    *,
    detail: str = "",
    faults: Sequence[Fault] = (),
    members: Mapping[str, str] | None = None,
) -> str:
    """Return the body of a problem; ``members`` are those it has besides the ones that all have."""
    title = HTTPStatus(status).phrase
    errors = [{"field": fault.field, "code": fault.code} for fault in faults]
    return json.dumps(
        {
            "type": "about:blank",
            "title": title,
            "status": status,
            "code": code,
            "detail": detail or f"{title}.",
            "errors": errors,
            "request_id": request_id,
            **(members or {}),
        }
    )


def of_error(error: DomainError, request_id: str, known: frozenset[str]) -> str:
    """Return the problem of an expected failure; ``known`` are the names of fields that may be repeated."""
    faults = [Fault(named(error.field.split("."), known), error.code)] if isinstance(error, Invalid) else []
    return problem(error.status, error.code, request_id, detail=error.detail, faults=faults, members=error.members)


def headers_of(error: DomainError) -> dict[str, str | list[str]]:
    """Return the headers that tell a caller what to do about a failure."""
    if isinstance(error, MethodUnknown):
        return {"Allow": error.allowed}
    if error.replayed:
        return {"Idempotency-Replayed": "true"}
    return {"Retry-After": RETRY_AFTER} if error.retryable else {}


def of_validation(errors: Iterable[Mapping[str, Any]], request_id: str, known: frozenset[str]) -> tuple[int, str]:
    """Return status and problem of a request that does not fit its model."""
    errors = list(errors)
    if any(_is_absurd(error) for error in errors):
        return 400, problem(400, "json_invalid", request_id, detail="a number has too many digits")
    faults = [Fault(_place(error, known), _code(error)) for error in errors]
    return 422, problem(422, faults[0].code, request_id, detail="the request is not valid", faults=faults)


def named(path: Iterable[object], known: frozenset[str]) -> str:
    """Return a path as far as its parts are ours: field names and positions, none of the caller's own keys."""
    parts: list[str] = []
    for part in map(str, path):
        if part not in known and _INDEX.fullmatch(part) is None:
            break
        parts.append(part)
    return ".".join(parts)


def _place(error: Mapping[str, Any], known: frozenset[str]) -> str:
    """The path of an error within its place, else the place itself: body, path or query."""
    place, *path = error["loc"]
    if error["type"] == "extra_forbidden":
        path = path[:-1]
    elif path and path[0] == "query":
        path = path[1:]
    return named(path, known) or place


def _code(error: Mapping[str, Any]) -> str:
    kind: str = error["type"]
    if kind in _CODES:
        return _CODES[kind]
    return "type" if _TYPE_ERROR.fullmatch(kind) else kind


def _is_absurd(error: Mapping[str, Any]) -> bool:
    """Tell whether a field choked on a number that nobody should convert; amounts say so themselves."""
    value = error.get("input")
    return isinstance(value, Number) and value.is_absurd and not error["type"].startswith("amount_")
