"""The webhook route: an HTTP API event (payload 2.0) in, ``accepted`` or a problem out.

Imports neither pydantic nor a resolver: it parses nothing but the transport.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from cashback.domain.errors import DomainError, Malformed
from cashback.domain.news import Delivery
from cashback.domain.times import Instant
from cashback.edge.log import log
from cashback.edge.problems import PROBLEM_JSON, RETRY_AFTER, UnsupportedEncoding, problem
from cashback.services.accept_webhook import WebhookRequest, accept_webhook

type Response = dict[str, Any]

_ACCEPTED: Final = json.dumps({"status": "accepted"}, separators=(",", ":"))


def handle(
    event: Mapping[str, Any],
    secrets_of: Callable[[str, str, float], tuple[str, ...]],
    send: Callable[[Delivery], None],
    now: Instant,
) -> Response:
    """Answer one webhook: what is wrong with it is a problem, what is wrong with us is a crash."""
    request_id = event["requestContext"]["requestId"]
    try:
        delivery = accept_webhook(_request(event), secrets_of, send, now)
    except DomainError as error:
        return _refused(error, request_id)
    if delivery is None:
        log("webhook_ping", request=request_id)
    else:
        ids = {"store": delivery.store_id, "source": delivery.source, "delivery": delivery.delivery_id}
        log("webhook_accepted", request=request_id, **ids, topic=delivery.topic)
    return _answer(200, "application/json; charset=utf-8", _ACCEPTED)


def _request(event: Mapping[str, Any]) -> WebhookRequest:
    """Read the transport.

    :raises UnsupportedEncoding: the body is compressed.
    :raises Malformed: ``body_encoding``, it is not the base64 that the gateway says it is.
    """
    headers: Mapping[str, str] = event.get("headers") or {}
    for name, value in headers.items():
        if name.lower() == "content-encoding" and value.strip().lower() not in ("", "identity"):
            raise UnsupportedEncoding
    path = event.get("pathParameters") or {}
    return WebhookRequest(path.get("store_id", ""), path.get("source", ""), headers, _body(event))


def _body(event: Mapping[str, Any]) -> bytes:
    text: str = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return text.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed("body_encoding") from error


def _refused(error: DomainError, request_id: str) -> Response:
    """Answer with a problem, which says nothing of what was sent; neither does the log."""
    log("webhook_refused", level="WARN", request=request_id, code=error.code, counted="WebhooksRefused", by="code")
    answer = _answer(error.status, PROBLEM_JSON, problem(error.status, error.code, request_id))
    if error.retryable:
        answer["headers"]["Retry-After"] = RETRY_AFTER
    return answer


def _answer(status: int, content_type: str, body: str) -> Response:
    headers = {"Content-Type": content_type, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
    return {"statusCode": status, "headers": headers, "body": body, "isBase64Encoded": False}
