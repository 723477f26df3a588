"""The resolver of the admin API: admits a request, checks the role, and answers every expected failure as a problem.

Anything unexpected crashes: API Gateway then answers 500 and the alarms see it.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import Any, Final, get_type_hints
from urllib.parse import quote, unquote, urlencode

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError, ResponseValidationError
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import BaseModel

from cashback.domain.api_keys import Role
from cashback.domain.errors import BodyTooLarge, DomainError, Forbidden, Invalid, Malformed, NotFound
from cashback.domain.json_text import Number, read_object
from cashback.domain.names import ID_LETTERS
from cashback.domain.news import MAX_BODY
from cashback.edge import deps, problems
from cashback.edge.caller import (
    Caller,
    IdempotentRequest,
    Operator,
    caller_of,
    header,
    idempotency_key,
    if_match,
    operator_of,
    request_of,
)
from cashback.edge.clients import PATIENT, calls_begin_within
from cashback.edge.clock import utc
from cashback.edge.cursors import Cursors, scope_of
from cashback.edge.log import log
from cashback.edge.models import field_names
from cashback.edge.problems import PROBLEM_JSON

__all__ = ["Api", "Path", "Query", "Response", "Role", "answer", "table"]

JSON: Final = "application/json; charset=utf-8"
CSV: Final = "text/csv; charset=utf-8; header=present"

_SECURITY: Final = {"X-Content-Type-Options": ["nosniff"], "Cache-Control": ["no-store"]}
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})

MAX_FILE: Final = 5 * 1_048_576
"""Bytes of a file. Lambda takes 6 MiB of everything."""

MAX_DEPTH: Final = 32
"""Levels of nesting in a body."""

_LETTER: Final = re.compile(f"[{ID_LETTERS}]")
_ESCAPE: Final = re.compile(r"%(25)?([0-9A-Fa-f]{2})")
_SAFE: Final = "/%-._~:@+="

type Event = Mapping[str, Any]


@dataclass(frozen=True)
class Route:
    """One method of one path. ``role`` is the least that may call it; None is the operator, authenticated by IAM."""

    method: str
    rule: str
    status: int
    role: Role | None
    needs_key: bool
    needs_version: bool
    creates: bool
    defers: bool
    takes_csv: bool
    handler: Callable[..., Any]

    @cached_property
    def path(self) -> re.Pattern[str]:
        """What its paths look like."""
        return re.compile(re.sub(r"<\w+>", "[^/]+", self.rule))

    @cached_property
    def parameters(self) -> frozenset[str]:
        """The names that may stand in its query."""
        hints = get_type_hints(self.handler)
        model = hints.get("query")
        fields = model.model_fields if model is not None else {}
        return frozenset(field.alias or name for name, field in fields.items())


@dataclass(frozen=True)
class Page:
    """A page that everyone may read, the same for all. ``text`` is asked for once."""

    rule: str
    summary: str
    content_type: str
    headers: Mapping[str, Sequence[str]]
    text: Callable[[], str]


class Api:
    """The routes of one function."""

    def __init__(self) -> None:
        self.routes: list[Route] = []
        self.pages: dict[str, Page] = {}
        self._prepared: set[Route] = set()
        self._resolver = APIGatewayRestResolver(
            enable_validation=True,
            response_validation_error_http_code=500,
            json_body_deserializer=partial(read_object, deepest=MAX_DEPTH, whole=Number, decimal=Number),
        )
        self._resolver.not_found(lambda _: self._refused(NotFound()))
        self._resolver.exception_handler(DomainError)(self._refused)
        self._resolver.exception_handler(RequestValidationError)(self._unfit)
        self._resolver.exception_handler(ResponseValidationError)(self._broken)

    def route[F: Callable[..., Any]](
        self,
        method: str,
        rule: str,
        role: Role | None,
        *,
        status: int = 200,
        needs_key: bool = False,
        needs_version: bool = False,
        creates: bool = False,
        defers: bool = False,
        takes_csv: bool = False,
    ) -> Callable[[F], F]:
        """Register a handler. ``needs_key``: Idempotency-Key is required; ``needs_version``: If-Match is. ``creates``:
        the answer is 201 where there was nothing before; ``defers``: it is 202 where the work goes on. ``takes_csv``:
        the body may be a file instead, which ``csv`` returns."""

        def register(handler: F) -> F:
            told = (needs_key, needs_version, creates, defers, takes_csv)
            self.routes.append(Route(method, rule, status, role, *told, handler))
            return handler

        return register

    def page(self, rule: str, content_type: str, text: Callable[[], str], **headers: str) -> None:
        """Register a page that needs no key; ``text`` says in its docstring what it is. Headers are named with
        underscores."""
        given = {name.replace("_", "-"): [value] for name, value in headers.items()}
        self.pages[rule] = Page(rule, (text.__doc__ or "").strip(), content_type, given, cache(text))

    @calls_begin_within(PATIENT)
    def resolve(self, event: Event, context: Any) -> dict[str, Any]:
        """Serve one request of API Gateway. One line of log for each that could have changed something."""
        page = self.pages.get(event["path"]) if event["httpMethod"] == "GET" else None
        if page is not None:
            return _served(200, page.text(), {**page.headers, "Content-Type": page.content_type})
        try:
            admitted = self._admitted(event)
        except DomainError as error:
            status, body, headers = _problem(error, event)
            served = _served(status, body, {**headers, "Content-Type": [PROBLEM_JSON]})
        else:
            resolved = self._resolver.resolve(admitted, context)
            served = _served(resolved["statusCode"], resolved["body"] or "", resolved["multiValueHeaders"])
        if event["httpMethod"] != "GET":
            _log(event, served["statusCode"])
        return served

    def caller(self) -> Caller:
        """Return who calls."""
        return caller_of(self._event)

    def operator(self) -> Operator:
        """Return which operator calls."""
        return operator_of(self._event)

    def request(self, body: BaseModel) -> IdempotentRequest:
        """Return what makes this call the same as another."""
        return request_of(self._event, self.csv() or body.model_dump_json(exclude_unset=True))

    def csv(self) -> str | None:
        """Return the file that was sent in place of a JSON body, None where there is none."""
        text: str | None = self._event.get("csv")
        return text

    def cursors(self, query: BaseModel, body: BaseModel | None = None) -> Cursors:
        """Return the maker and reader of this list's cursors, for this store and these filters, also of ``body``."""
        filters = query.model_dump(mode="json", exclude={"limit", "cursor"})
        if body is not None:
            filters["body"] = body.model_dump_json(exclude_unset=True)
        scope = scope_of(self.caller().store_id, str(self._event["path"]), filters)
        return Cursors(lambda: deps.deployment_keys().cursor, scope, int(utc().timestamp()))

    @property
    def wants_csv(self) -> bool:
        """Tell whether the caller accepts CSV by its name."""
        accepted = (header(self._event, "accept") or "").split(",")
        return any(part.partition(";")[0].strip().lower() == "text/csv" for part in accepted)

    def seen_version(self) -> int:
        """Return the version that If-Match names."""
        return if_match(self._event)

    @property
    def request_id(self) -> str:
        """The id of this request, as API Gateway knows it."""
        return str(self._event["requestContext"]["requestId"])

    @property
    def _event(self) -> Event:
        return self._resolver.current_event.raw_event

    def _admitted(self, event: Event) -> dict[str, Any]:
        """Check all that needs no model, in an order that tells a stranger least; return the event made regular."""
        method, path = event["httpMethod"], _path(event["path"])
        regular = {**event, "path": path, "csv": None, **_content(event, method, csv=self._takes_csv(method, path))}
        route = self._find(method, path)
        self._authorize(route, event)
        self._prepare(route)
        _headers(route, event)
        given = _query(event)
        if not given.keys() <= route.parameters:
            raise Invalid("query", "parameter_unknown", "the query has a parameter that this route does not know")
        for name, values in given.items():
            if len(values) > 1:
                raise Invalid(name, "parameter_repeated", "the query names a parameter twice")
        return regular

    def _takes_csv(self, method: str, path: str) -> bool:
        routes = (route for route in self.routes if route.takes_csv and route.method == method)
        return any(route.path.fullmatch(path) for route in routes)

    def _find(self, method: str, path: str) -> Route:
        known = [route for route in self.routes if route.path.fullmatch(path)]
        if not known:
            raise NotFound
        for route in known:
            if route.method == method:
                return route
        raise problems.MethodUnknown(route.method for route in known)

    def _prepare(self, route: Route) -> None:
        """Tell the resolver of a route when it is first called: a cold start has no use for all the others."""
        if route not in self._prepared:
            self._resolver.route(route.rule, route.method, status_code=route.status)(route.handler)
            self._prepared.add(route)

    @staticmethod
    def _authorize(route: Route, event: Event) -> None:
        if route.role is None:
            operator_of(event)
        elif not caller_of(event).role.covers(route.role):
            raise Forbidden("this key's role may not do that")

    def _refused(self, error: DomainError) -> Response[str]:
        status, body, headers = _problem(error, self._event)
        return Response(status, PROBLEM_JSON, body, headers)

    def _unfit(self, error: RequestValidationError) -> Response[str]:
        status, body = problems.of_validation(error.errors(), self.request_id, field_names())
        return Response(status, PROBLEM_JSON, body)

    def _broken(self, error: ResponseValidationError) -> Response[str]:
        """A bug of ours: the answer does not fit its model. The gateway's alarm on 5xx sees it."""
        log("answer_invalid", level="ERROR", request=self.request_id, fields=len(error.errors()))
        return Response(500, PROBLEM_JSON, problems.problem(500, "internal", self.request_id))


def answer[M: BaseModel](
    body: M, status: int = 200, *, replayed: bool = False, version: int | None = None
) -> Response[M]:
    """Return an answer; ``replayed`` marks that of a repeated call, ``version`` becomes the ETag."""
    headers: dict[str, str | list[str]] = {}
    if replayed:
        headers["Idempotency-Replayed"] = "true"
    if version is not None:
        headers["ETag"] = f'"{version}"'
    return Response(status, JSON, body, headers)


def table(text: str, next_cursor: str | None, query: BaseModel) -> Response[Any]:
    """Return a page of CSV. Its link to the next one is relative, so that it is good behind every address."""
    headers: dict[str, str | list[str]] = {}
    if next_cursor is not None:
        asked = query.model_dump(mode="json", by_alias=True, exclude_unset=True) | {"cursor": next_cursor}
        pairs = {name: str(value).lower() if isinstance(value, bool) else value for name, value in asked.items()}
        headers["Link"] = f'<?{urlencode(pairs)}>; rel="next"'
    return Response(200, CSV, text, headers)


def _log(event: Event, status: int) -> None:
    told = event["requestContext"].get("authorizer") or {}
    log(
        "api_call",
        request=event["requestContext"]["requestId"],
        method=event["httpMethod"],
        path=event["path"],
        status=status,
        store=told.get("store_id"),
        key=told.get("api_key_id"),
    )


def _problem(error: DomainError, event: Event) -> tuple[int, str, dict[str, str | list[str]]]:
    body = problems.of_error(error, event["requestContext"]["requestId"], field_names())
    return error.status, body, problems.headers_of(error)


def _served(status: int, body: str, headers: Mapping[str, str | Sequence[str]]) -> dict[str, Any]:
    many = {name: [value] if isinstance(value, str) else list(value) for name, value in headers.items()}
    return {
        "statusCode": status,
        "multiValueHeaders": {**many, **_SECURITY},
        "body": body,
        "isBase64Encoded": False,
    }


def _headers(route: Route, event: Event) -> None:
    """Insist on the headers that the route needs.

    :raises Malformed: one is missing, or is not what it should be.
    """
    if route.needs_key:
        idempotency_key(event, required=True)
    if route.needs_version:
        if_match(event)


def _path(sent: str) -> str:
    """Return a path whose ids read as they are stored, with ``%2F`` for a slash.

    A caller escapes the ``%`` of such an id like any character: ``%252F``. A REST API hands the path on as it was sent,
    others undo one level of escapes, and nothing says which, so both are understood: no stored id holds ``%25`` or
    ``%3D``, so an escape of an escape is one level not undone; that of a character which ids may hold is the character
    (but for the full stop: an id that is all dots is stored escaped), and any other is part of a stored id.
    """
    return quote(_ESCAPE.sub(_as_stored, sent), safe=_SAFE, errors="replace").rstrip("/")


def _as_stored(escape: re.Match[str]) -> str:
    stored = f"%{escape[2].upper()}"
    letter = unquote(stored)
    return letter if escape[1] is None and letter != "." and (letter == "=" or _LETTER.fullmatch(letter)) else stored


def _content(event: Event, method: str, *, csv: bool) -> dict[str, Any]:
    """Return the body as text under one content type, once it may be read at all; a file, where ``csv`` says that the
    route takes one, apart from it."""
    others = {name: value for name, value in (event.get("headers") or {}).items() if name.lower() != "content-type"}
    plain = {"body": None, "isBase64Encoded": False, "headers": {**others, "content-type": "application/json"}}
    body = event.get("body") or ""
    if method not in _WITH_BODY or not body:
        return plain
    media_type = (header(event, "content-type") or "").partition(";")[0].strip().lower()
    if csv and media_type == CSV.partition(";")[0]:
        return {**plain, "csv": _text(event, MAX_FILE, "csv_invalid")}
    if media_type != "application/json":
        raise problems.ContentTypeUnsupported(f"the body must be application/json{' or text/csv' if csv else ''}")
    return {**plain, "body": _text(event, MAX_BODY, "json_invalid")}


def _text(event: Event, most: int, code: str) -> str:
    """Return the text of a body of at most so many bytes.

    :raises BodyTooLarge: it has more.
    :raises Malformed: with ``code``, it is not UTF-8.
    """
    body: str = event["body"]
    if len(body) > 2 * most:
        raise BodyTooLarge(f"a body has at most {most >> 20} MiB")
    try:
        raw = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
        text = raw.decode()
    except (binascii.Error, ValueError) as error:
        raise Malformed(code, "the body is not UTF-8") from error
    if len(raw) > most:
        raise BodyTooLarge(f"a body has at most {most >> 20} MiB")
    return text


def _query(event: Event) -> Mapping[str, Sequence[str]]:
    many = event.get("multiValueQueryStringParameters")
    if many:
        return dict(many)
    return {name: [value] for name, value in (event.get("queryStringParameters") or {}).items()}
