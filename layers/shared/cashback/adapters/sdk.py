"""Calls of DynamoDB and SQS for a fraction of the instructions that botocore takes.

Their requests and answers are JSON as they stand, so nothing need be looked up in a service's model, and the headers
of an operation are always the same. What is tried again and when, and what is raised stay botocore's; a request goes
over a connection that is kept, and where there is none botocore's own way. tests/unit/test_sdk.py compares what is
sent, and what is made of the answers.
"""

import base64
import hmac
import json
import os
import time
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote, urlsplit
from zlib import crc32

import msgspec.json
from botocore import auth, endpoint
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import BotoCoreError, ConnectionClosedError
from msgspec import Struct, field

from cashback.adapters.kept_connections import KeptConnections

_auth: Any = auth
_endpoint: Any = endpoint
"""With what their types leave out."""

_PLAIN_ANSWERS: Final = frozenset(
    {
        "BatchGetItemOutput",
        "BatchWriteItemOutput",
        "GetItemOutput",
        "PutItemOutput",
        "QueryOutput",
        "SendMessageBatchResult",
        "SendMessageResult",
        "TransactWriteItemsOutput",
        "UpdateItemOutput",
    }
)
"""Shapes of answers whose JSON is what is made of it, but for the attributes of type B: bytes, told as base64."""

_SIGNED_AT: Final = "%Y%m%dT%H%M%SZ"

type Answered = tuple[Any, dict[str, Any]]
"""An answer as it came over the wire, and what it says."""


class Operation(Struct, frozen=True):
    """What the calls of an operation have in common."""

    model: Any
    """Botocore's."""
    url: str
    host: str
    headers: dict[str, str]
    """Those that are always there, and signed."""
    agent: str
    members: tuple[str, ...]
    """What an answer may have."""
    tokens: tuple[str, ...]
    """Parameters that make a request one with the one that it repeats."""


class PlainCalls(Struct):
    """Stands in for the method of a client that all its calls go through, and makes the plain ones itself.

    Of the hooks of such a call ``before-send`` and ``after-call`` hear of it, and ``needs-retry`` where its answer is
    not plain; no other does. Its endpoint is the client's: DynamoDB's endpoints of single accounts are not used.
    """

    client: Any
    otherwise: Callable[[str, dict[str, Any]], Any]
    """The client's own method, for calls that are not plain."""
    kept: KeptConnections
    operations: dict[str, Operation | None] = field(default_factory=dict)
    """By name; None is one whose calls are not plain."""

    def __call__(self, name: str, parameters: dict[str, Any]) -> Any:
        """Call an operation.

        :raises ClientError: it was refused.
        :raises BotoCoreError: there was no answer, or no whole one.
        """
        if name not in self.operations:
            self.operations[name] = self._operation(name)
        operation = self.operations[name]
        if operation is None or self.client._request_signer._credentials is None:
            return self.otherwise(name, parameters)
        config = self.client.meta.config
        tokens = {token: _unique() for token in operation.tokens if token not in parameters}
        tries = {"attempt": 1, "invocation-id": _unique(), "max": config.retries["total_max_attempts"]}
        context: dict[str, Any] = {"client_config": config, "retries": tries}
        http, said = self._exchange(operation, msgspec.json.encode({**parameters, **tokens}), context)
        said["ResponseMetadata"]["RetryAttempts"] = tries["attempt"] - 1
        self._emit("after-call", operation, http_response=http, parsed=said, model=operation.model, context=context)
        if http.status_code < 300:
            return said
        code = context.get("error_code_override") or said.get("Error", {}).get("Code")
        raise self.client.exceptions.from_code(code)(said, name)

    def _operation(self, name: str) -> Operation | None:
        client = self.client
        model = client.meta.service_model.operation_model(name)
        url = urlsplit(client.meta.endpoint_url)
        if (
            model.output_shape is None
            or model.output_shape.name not in _PLAIN_ANSWERS
            or url.path.strip("/")
            or url.query
        ):
            return None
        headers = client._serializer.serialize_to_request({}, model)["headers"]
        members, tokens = tuple(model.output_shape.members), tuple(model.idempotent_members)
        host, agent = _auth._host_from_url(url.geturl()), client._user_agent_creator.to_string()
        return Operation(model, url._replace(path="/").geturl(), host, headers, agent, members, tokens)

    def _emit(self, hook: str, operation: Operation, **told: Any) -> list[tuple[Any, Any]]:
        service = operation.model.service_model.service_name
        answers: list[tuple[Any, Any]] = self.client.meta.events.emit(
            f"{hook}.{service}.{operation.model.name}", **told
        )
        return answers

    def _exchange(self, operation: Operation, body: bytes, context: dict[str, Any]) -> Answered:
        """Send a request until botocore would not send it again."""
        while True:
            request = self._request(operation, body, context["retries"])
            try:
                http = self._send(operation, request)
                said = _read(http, operation.members)
                if said is None and http.status_code < 300 and not _is_object(http.content):
                    raise ConnectionClosedError(endpoint_url=request.url, request=request)
            except BotoCoreError as error:
                if not self._is_tried_again(operation, context, None, error):
                    raise
            else:
                if said is not None:
                    return http, said
                answered = http, self._read_by_model(http, operation.model)
                if not self._is_tried_again(operation, context, answered, None):
                    return answered

    def _is_tried_again(
        self, operation: Operation, context: dict[str, Any], answered: Answered | None, failure: BotoCoreError | None
    ) -> bool:
        """Tell whether botocore would send a request once more; it has waited for that by then."""
        sender, tried = self.client._endpoint, context["retries"]["attempt"]
        again: bool = sender._needs_retry(tried, operation.model, {"context": context}, answered, failure)
        if again:
            sender._update_retries_context(context, tried + 1, answered)
        return again

    def _request(self, operation: Operation, body: bytes, tries: dict[str, Any]) -> AWSPreparedRequest:
        headers: Any = self._signed(operation, body)
        headers["amz-sdk-invocation-id"] = tries["invocation-id"]
        headers["amz-sdk-request"] = "; ".join(
            [f"{key}={tries[key]}" for key in ("ttl", "attempt", "max") if key in tries]
        )
        headers["User-Agent"] = operation.agent
        headers["Content-Length"] = str(len(body))
        trace = os.environ.get("_X_AMZN_TRACE_ID")
        if trace and "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
            headers["X-Amzn-Trace-Id"] = quote(trace, safe="-=;:+&[]{}\"',")
        return AWSPreparedRequest("POST", operation.url, headers, body, stream_output=False)

    def _send(self, operation: Operation, request: AWSPreparedRequest) -> Any:
        """Send a request once."""
        told = [answer for _, answer in self._emit("before-send", operation, request=request) if answer is not None]
        if told:
            return told[0]
        return self.kept.send(request, operation.host) or self.client._endpoint._send(request)

    def _signed(self, operation: Operation, body: bytes) -> dict[str, str]:
        """Return the headers of an operation with the signature of a POST to ``/``, version 4. The key of a day is
        derived once.

        Source: the AWS General Reference, "Create a signed AWS API request".
        """
        signer = self.client._request_signer
        credentials = signer._credentials.get_frozen_credentials()
        at = time.strftime(_SIGNED_AT, time.gmtime())
        headers = {**operation.headers, "X-Amz-Date": at}
        if credentials.token:
            headers["X-Amz-Security-Token"] = credentials.token
        lines = sorted([("host", operation.host), *((name.lower(), value) for name, value in headers.items())])
        names = ";".join([name for name, _ in lines])
        told = "".join([f"{name}:{value}\n" for name, value in lines])
        canonical = f"POST\n/\n\n{told}\n{names}\n{sha256(body).hexdigest()}"
        scope = f"{at[:8]}/{signer._region_name}/{signer._signing_name}/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
        key = _signing_key(credentials.secret_key, at[:8], signer._region_name, signer._signing_name)
        signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
        credential = f"Credential={credentials.access_key}/{scope}"
        headers["Authorization"] = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={signature}"
        return headers

    def _read_by_model(self, http: Any, model: Any) -> dict[str, Any]:
        """What botocore makes of an answer, of an error above all."""
        parser = self.client._response_parser
        response = _endpoint.convert_to_response_dict(http, model)
        said: dict[str, Any] = parser.parse(response, model.output_shape)
        if http.status_code >= 300:
            self.client._endpoint._add_modeled_error_fields(response, said, model, parser)
        return said


def _unique() -> str:
    return os.urandom(16).hex()


@lru_cache(maxsize=16)
def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _read(http: Any, members: tuple[str, ...]) -> dict[str, Any] | None:
    """Read an answer as it stands; None where that is not what it says, or not what was sent."""
    body, checksum = http.content, http.headers.get("x-amz-crc32")
    if http.status_code != 200 or b'"BS"' in body:
        return None
    try:
        if checksum is not None and int(checksum) != crc32(body):
            return None
        read = json.loads(body, object_hook=_with_bytes) if b'"B"' in body else msgspec.json.decode(body)
    except ValueError:
        return None
    if not isinstance(read, dict):
        return None
    about = {"HTTPStatusCode": 200, "RequestId": http.headers.get("x-amzn-requestid")}
    said = {name: read[name] for name in members if read.get(name) is not None}
    return {**said, "ResponseMetadata": about}


def _is_object(body: bytes) -> bool:
    """Tell whether a body is whole. Botocore takes one that was cut off for a success that says nothing: an item that
    is not there, a transaction that is."""
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False


def _with_bytes(read: dict[str, Any]) -> dict[str, Any]:
    """An attribute of type B. Nothing else has text under this name alone: items hold attributes, not text."""
    if len(read) == 1 and isinstance(read.get("B"), str):
        return {"B": base64.b64decode(read["B"])}
    return read
