"""Parts of botocore that do the same as its own for fewer instructions, because they know what is called here.

Each takes the plain case and leaves every other to the part that it stands in for: requests that are no JSON to the
root of a service, answers that are errors or no JSON. tests/unit/test_sdk.py compares both, byte by byte.
"""

import base64
import hmac
import json
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlsplit

from botocore import auth, parsers, serialize

SIGNATURE: Final = "v4-of-json"
"""What the configuration of a client calls ``Signature``."""

_auth: Any = auth
"""With what its types leave out."""

_SIGNED_AT: Final = "%Y%m%dT%H%M%SZ"
_NOT_SIGNED: Final = frozenset(_auth.SIGNED_HEADERS_BLACKLIST)

_ADDED: Final = frozenset(
    {"authorization", "date", "host", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"}
)
"""Headers that no plain request has before it is signed."""

_PLAIN_ANSWERS: Final = frozenset(
    {
        "BatchGetItemOutput",
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


class Signature(auth.SigV4Auth):
    """Signature version 4 of a POST to ``/``, as botocore makes it. The key of a day is derived once.

    Source: the AWS General Reference, "Create a signed AWS API request".
    """

    _region_name: str
    _service_name: str

    def add_auth(self, request: Any) -> None:
        """Sign a request; one made for another try has none of the headers that are added here."""
        told = dict(request.headers.raw_items())
        is_plain = (
            self.credentials is not None
            and isinstance(request.data, bytes)
            and len(told) == len(request.headers)
            and _ADDED.isdisjoint(name.lower() for name in told)
            and not request.params
            and request.context.get("payload_signing_enabled", True)
            and "checksum" not in request.context
        )
        host = _host_of_root(request.url) if is_plain and request.method == "POST" else None
        if host is None:
            super().add_auth(request)
            return
        at = _auth.get_current_datetime().strftime(_SIGNED_AT)
        request.context["timestamp"] = at
        added = {"X-Amz-Date": at}
        if self.credentials.token:
            added["X-Amz-Security-Token"] = self.credentials.token
        signed = {name.lower(): " ".join(value.split()) for name, value in (told | added).items()}
        lines = sorted((name, value) for name, value in (signed | {"host": host}).items() if name not in _NOT_SIGNED)
        names = ";".join(name for name, _ in lines)
        headers = "".join(f"{name}:{value}\n" for name, value in lines)
        canonical = f"POST\n/\n\n{headers}\n{names}\n{sha256(request.data).hexdigest()}"
        scope = f"{at[:8]}/{self._region_name}/{self._service_name}/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
        key = _signing_key(self.credentials.secret_key, at[:8], self._region_name, self._service_name)
        signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
        credential = f"Credential={self.credentials.access_key}/{scope}"
        added["Authorization"] = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={signature}"
        for name, value in added.items():
            request.headers[name] = value


_auth.AUTH_TYPE_MAPS[SIGNATURE] = Signature


@lru_cache(maxsize=16)
def _host_of_root(url: str) -> str | None:
    """The header ``Host`` of a URL whose path is ``/``, None for any other."""
    parts = urlsplit(url)
    if parts.path not in {"", "/"} or parts.query:
        return None
    host: str = _auth._host_from_url(url)
    return host


@lru_cache(maxsize=16)
def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


class Serializer(serialize.JSONSerializer):
    """Makes requests of DynamoDB and SQS. Their parameters are JSON as they stand, but for bytes: looking each of them
    up in the service's model changes nothing."""

    def serialize_to_request(self, parameters: Mapping[str, Any], operation_model: Any) -> dict[str, Any]:
        """Return the request of an operation."""
        request: dict[str, Any] = super().serialize_to_request({}, operation_model)
        request["body"] = _REQUESTS.encode(parameters).encode()
        return request


def _as_base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


_REQUESTS: Final = json.JSONEncoder(default=_as_base64)


class Parsers(parsers.ResponseParserFactory):
    """Botocore's parsers, and another one of JSON, made once."""

    def __init__(self) -> None:
        super().__init__()
        self._json = Parser()

    def create_parser(self, protocol_name: str) -> Any:
        """Return the parser of a protocol."""
        return self._json if protocol_name == "json" else super().create_parser(protocol_name)


class Parser(parsers.JSONParser):
    """Reads answers of DynamoDB and SQS as they stand."""

    def parse(self, response: Mapping[str, Any], shape: Any) -> Any:
        """Return an answer and what is known of it, as botocore does."""
        body = response["body"]
        if (
            response["status_code"] == 200
            and shape is not None
            and shape.name in _PLAIN_ANSWERS
            and b'"BS"' not in body
        ):
            try:
                read = json.loads(body, object_hook=_with_bytes if b'"B"' in body else None)
            except ValueError:
                read = None
            if isinstance(read, dict):
                parsed = {name: read[name] for name in shape.members if read.get(name) is not None}
                headers = {name.lower(): value for name, value in response["headers"].items()}
                about = {"HTTPStatusCode": 200, "HTTPHeaders": headers}
                if "x-amzn-requestid" in headers:
                    about["RequestId"] = headers["x-amzn-requestid"]
                return {**parsed, "ResponseMetadata": about}
        return super().parse(response, shape)


def _with_bytes(read: dict[str, Any]) -> dict[str, Any]:
    """An attribute of type B. Nothing else has text under this name alone: items hold attributes, not text."""
    if len(read) == 1 and isinstance(read.get("B"), str):
        return {"B": base64.b64decode(read["B"])}
    return read
