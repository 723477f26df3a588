"""Our parts of botocore beside its own: the same bytes are sent, and the same is made of what comes back."""

import json
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import botocore.session
import pytest
from botocore import parsers, serialize
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import NoCredentialsError
from hypothesis import given
from hypothesis import strategies as st

from cashback.adapters import sdk
from cashback.edge import clients
from tests.aws_calls import CALLS, FAILURES, KEY, SUCCESSES, TABLE, Sent, exchange

NEWS_YEAR = datetime(2025, 12, 31, 23, 59, 58, tzinfo=UTC)
TRIES = 3

type Answers = list[tuple[int, bytes]]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function's, without pauses; ids depend on nothing."""
    environment = {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "to/ken==",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "_X_AMZN_TRACE_ID": "Root=1",
        "AWS_LAMBDA_FUNCTION_NAME": "f",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=1))
    ours = clients._session.__wrapped__()
    monkeypatch.setattr(clients, "_session", lambda: ours)


def ours(service: str) -> Any:
    """A client of the functions."""
    return clients.client.__wrapped__(service, TRIES)


def stock(service: str) -> Any:
    """The same of botocore alone."""
    config = Config(
        connect_timeout=1,
        read_timeout=2,
        retries={"mode": "standard", "total_max_attempts": TRIES},
        parameter_validation=False,
        tcp_keepalive=True,
        user_agent="cashback",
    )
    return botocore.session.Session().create_client(service, config=config)


def exchanged(
    monkeypatch: pytest.MonkeyPatch, caller: Any, operation: str, request: Mapping[str, Any], answers: Answers
) -> tuple[list[Sent], Any]:
    """What a client sends, one try a second, and what it makes of the answers."""
    sent: list[Sent] = []
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: NEWS_YEAR + timedelta(seconds=len(sent)))
    return sent, exchange(caller, operation, request, answers, sent)


@pytest.mark.parametrize(("service", "operation"), CALLS)
def test_what_is_sent_and_read_is_what_botocore_sends_and_reads(
    monkeypatch: pytest.MonkeyPatch, service: str, operation: str
) -> None:
    said, request = SUCCESSES[service, operation], CALLS[service, operation]
    success = (200, said if isinstance(said, bytes) else json.dumps(said).encode())
    answers: dict[str, Answers] = {name: [failure] for name, failure in FAILURES.items()}
    odd = {"empty success": [(200, b"")], "no JSON": [(200, b"<html>")], "null": [(200, b'{"Item":null,"New":1}')]}
    if isinstance(said, dict):
        answers |= odd
    answers |= {"success": [success], "after two failures": [FAILURES["InternalServerError"]] * 2 + [success]}
    mine, theirs = ours(service), stock(service)
    for name, told in answers.items():
        mine_said, they_said = (exchanged(monkeypatch, one, operation, request, told) for one in (mine, theirs))
        assert mine_said == they_said, name


def test_the_parts_are_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[str] = []

    def note(part: type, method: str) -> None:
        own: Callable[..., Any] = getattr(part, method)

        def noted(*arguments: Any) -> Any:
            used.append(part.__name__)
            return own(*arguments)

        monkeypatch.setattr(part, method, noted)

    note(sdk.Signature, "add_auth")
    note(sdk.Serializer, "serialize_to_request")
    note(sdk.Parser, "parse")
    exchanged(monkeypatch, ours("dynamodb"), "GetItem", CALLS["dynamodb", "GetItem"], [(200, b"{}")])
    assert used == ["Serializer", "Signature", "Parser"]


def test_each_day_has_its_own_key(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {
        sdk._signing_key(secret, day, region, service)
        for secret in ("a", "b")
        for day in ("20260101", "20260102")
        for region in ("eu-central-1", "us-east-1")
        for service in ("dynamodb", "sqs")
    }
    assert len(keys) == 16
    failure, success = FAILURES["InternalServerError"], (200, b"{}")
    request = CALLS["dynamodb", "GetItem"]
    sent, _ = exchanged(monkeypatch, ours("dynamodb"), "GetItem", request, [failure, failure, success])
    signed = [dict(headers)["Authorization"].decode() for *_, headers in sent]
    assert ["20251231" in text for text in signed] == [True, True, False]


URLS = (
    "https://dynamodb.eu-central-1.amazonaws.com",
    "https://dynamodb.eu-central-1.amazonaws.com/",
    "http://localhost:4566",
    "http://LOCALHOST:80/",
    "https://[::1]:8443/",
    "https://user@example.com/path/../%20x?b=2&a=1",
    "https://example.com/?a=1",
)


@pytest.mark.parametrize("token", [None, "to/ken=="])
@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"data": b""},
        {"data": "text"},
        {"method": "GET", "data": b""},
        {"params": {"b": "2", "a": "1 +"}},
        {"headers": {"X-Amz-Date": "old", "authorization": "old"}},
        {"headers": {"X-Amz-Content-SHA256": "e3"}},
        {"headers": {"Date": "Thu, 01 Jan 2026 00:00:00 GMT"}},
        {"headers": {"Host": "elsewhere"}},
        {"headers": {"X-Odd": "  a   b ", "User-Agent": "u", "TE": "x", "x-amz-a": "1"}},
        {"context": {"payload_signing_enabled": False}},
        {"context": {"checksum": {"request_algorithm": {"in": "trailer"}}}},
    ],
)
def test_a_request_of_any_kind_is_signed_as_botocore_signs_it(
    monkeypatch: pytest.MonkeyPatch, url: str, changes: dict[str, Any], token: str | None
) -> None:
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: NEWS_YEAR)
    credentials = Credentials("key", "secret", token).get_frozen_credentials()
    signed = []
    for signature in (sdk.Signature, SigV4Auth):
        own = {"method": "POST", "url": url, "data": b"{}", "headers": {"X-Amz-Target": "t"}, **changes}
        context = own.pop("context", {})
        request = AWSRequest(**own)
        request.context = dict(context)
        signature(credentials, "dynamodb", "eu-central-1").add_auth(request)
        signed.append((list(request.headers.items()), request.context))
    assert signed[0] == signed[1]


def test_without_credentials_nothing_is_signed() -> None:
    with pytest.raises(NoCredentialsError):
        sdk.Signature(cast("Any", None), "dynamodb", "eu-central-1").add_auth(AWSRequest("POST", URLS[0], {}, b"{}"))


TEXTS = st.sampled_from(["", "a", "B", "S", "Grüße", '"', "\\", "\x00", "😀", "null"]) | st.text()
SCALARS = st.one_of(
    st.builds(lambda text: {"S": text}, TEXTS),
    st.builds(lambda number: {"N": str(number)}, st.integers()),
    st.builds(lambda data: {"B": data}, st.binary()),
    st.builds(lambda flag: {"BOOL": flag}, st.booleans()),
    st.just({"NULL": True}),
    st.builds(lambda data: {"BS": data}, st.lists(st.binary(), min_size=1)),
)
ATTRIBUTES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.builds(lambda parts: {"L": parts}, st.lists(inner)),
        st.builds(lambda parts: {"M": parts}, st.dictionaries(TEXTS, inner)),
    ),
    max_leaves=8,
)
ITEMS = st.dictionaries(TEXTS, ATTRIBUTES, max_size=5)


def model(operation: str) -> Any:
    """The model of an operation of DynamoDB."""
    return botocore.session.Session().get_service_model("dynamodb").operation_model(operation)


PUT_ITEM, GET_ITEM = model("PutItem"), model("GetItem")


@given(item=ITEMS)
def test_any_item_is_written_as_botocore_writes_it(item: dict[str, Any]) -> None:
    request = {**TABLE, "Item": item, "ExpressionAttributeValues": {":k": KEY["pk"]}}
    mine = sdk.Serializer().serialize_to_request(request, PUT_ITEM)
    assert mine == serialize.create_serializer("json", include_validation=False).serialize_to_request(request, PUT_ITEM)


@given(item=ITEMS)
def test_any_item_is_read_as_botocore_reads_it(item: dict[str, Any]) -> None:
    body = json.dumps({"Item": item}, default=sdk._as_base64).encode()
    response = {"status_code": 200, "headers": HTTPHeaders.from_dict({"X-Amzn-RequestId": "r"}), "body": body}
    mine = sdk.Parsers().create_parser("json").parse(response, GET_ITEM.output_shape)
    assert mine == parsers.create_parser("json").parse(response, GET_ITEM.output_shape)
    assert mine["Item"] == item


def test_other_protocols_have_botocore_s_parsers() -> None:
    assert type(sdk.Parsers().create_parser("query")) is parsers.QueryParser
