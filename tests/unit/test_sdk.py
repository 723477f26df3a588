"""Our calls beside botocore's: the same is sent, and the same is made of what comes back."""

import base64
import json
import os
import time
import uuid
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any, NamedTuple, Self
from unittest.mock import patch

import botocore.session
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    ReadTimeoutError,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cashback.adapters import sdk
from cashback.adapters.sdk import PlainCalls
from cashback.edge import clients
from tests.aws_calls import CALLS, FAILURES, KEY, SUCCESSES, TABLE, Sent, exchange

NEWS_YEAR = datetime(2025, 12, 31, 23, 59, 58, tzinfo=UTC)
PLAIN = ("dynamodb", "sqs")
TRIES = 3
UNIQUE = sdk._unique

type Answers = Sequence[tuple[int, bytes] | Exception]


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
    monkeypatch.setattr(sdk, "_unique", lambda: str(uuid.UUID(int=1)))
    ours = clients._session.__wrapped__()
    monkeypatch.setattr(clients, "_session", lambda: ours)


def ours(service: str) -> Any:
    """A client of the functions."""
    return clients.client.__wrapped__(service, TRIES)


def stock(service: str) -> Any:
    """The same of botocore alone, configured alike."""
    config = ours(service).meta.config
    return botocore.session.Session().create_client(service, config=config)


class Meant(NamedTuple):
    """What a request says, however it is spelt."""

    method: str
    url: str
    body: Any
    headers: dict[str, Any]
    signed: list[str]

    @classmethod
    def of(cls, sent: Sent) -> Self:
        """What was sent, but for the signature and the length of just these bytes."""
        headers = {name.lower(): text(value) for name, value in sent.headers}
        assert (
            headers.pop("user-agent").split()[0] == "cashback"
        )  # Powertools, once imported, adds itself to botocore's
        del headers["authorization"], headers["content-length"]
        is_json = text(sent.body).startswith("{")
        body = json.loads(sent.body) if is_json else text(sent.body)
        return cls(sent.method, sent.url, body, headers, signed_headers(sent))


def signed_headers(sent: Sent) -> list[str]:
    """The names of the headers that a signature covers."""
    return text(dict(sent.headers)["Authorization"]).partition("SignedHeaders=")[2].partition(",")[0].split(";")


def text(value: str | bytes) -> str:
    """Text, and what stands for it."""
    return value.decode() if isinstance(value, bytes) else value


def exchanged(
    monkeypatch: pytest.MonkeyPatch, caller: Any, operation: str, request: Mapping[str, Any], answers: Answers
) -> tuple[list[Sent], Any]:
    """What a client sends, one try a second, and what it makes of the answers."""
    sent: list[Sent] = []

    def now() -> datetime:
        return NEWS_YEAR.replace(tzinfo=None) + timedelta(seconds=len(sent))

    monkeypatch.setattr("botocore.auth.get_current_datetime", now)
    monkeypatch.setattr("botocore.endpoint.get_current_datetime", now)
    monkeypatch.setattr(sdk, "time", SimpleNamespace(gmtime=lambda: now().timetuple(), strftime=time.strftime))
    result = exchange(caller, operation, request, answers, sent)
    if isinstance(result, dict):
        for name in ("HTTPHeaders", "MaxAttemptsReached"):  # of a success, which nothing here reads
            result["ResponseMetadata"].pop(name, None)
    return sent, result


def assert_alike(monkeypatch: pytest.MonkeyPatch, service: str, operation: str, *told: Answers) -> None:
    """Make a call with our client and with botocore's, for each of the answers."""
    mine, theirs = ours(service), stock(service)
    for answers in told:
        sent, result = exchanged(monkeypatch, mine, operation, CALLS[service, operation], answers)
        expected, same_result = exchanged(monkeypatch, theirs, operation, CALLS[service, operation], answers)
        assert list(map(Meant.of, sent)) == list(map(Meant.of, expected)), answers
        assert result == same_result, answers
        for one in sent if service in PLAIN else ():
            assert_signed(one, service)


def assert_signed(sent: Sent, service: str) -> None:
    """Sign a request of ours once more, by botocore."""
    headers = {name: text(value) for name, value in sent.headers}
    at = datetime.strptime(headers.pop("X-Amz-Date"), "%Y%m%dT%H%M%S%z")
    credentials = Credentials("key", "secret", headers.pop("X-Amz-Security-Token", None)).get_frozen_credentials()
    named = signed_headers(sent)
    again = AWSRequest(sent.method, sent.url, {n: v for n, v in headers.items() if n.lower() in named}, sent.body)
    with patch("botocore.auth.get_current_datetime", lambda: at):
        SigV4Auth(credentials, service, os.environ["AWS_DEFAULT_REGION"]).add_auth(again)
    assert headers["Authorization"] == again.headers["Authorization"]
    assert int(headers["Content-Length"]) == len(sent.body)


# ---- the same calls


@pytest.mark.parametrize(("service", "operation"), CALLS)
def test_what_is_sent_and_read_is_what_botocore_sends_and_reads(
    monkeypatch: pytest.MonkeyPatch, service: str, operation: str
) -> None:
    said = SUCCESSES[service, operation]
    success = (200, said if isinstance(said, bytes) else json.dumps(said).encode())
    odd: list[Answers] = [[(200, b'{"Item":null,"New":1}')]]
    failure = FAILURES["InternalServerError"]
    assert_alike(
        monkeypatch,
        service,
        operation,
        [success],
        [failure, failure, success],
        [failure, ReadTimeoutError(endpoint_url="u"), success],
        *([known] for known in FAILURES.values()),
        *(odd if isinstance(said, dict) else ()),
    )


@pytest.mark.parametrize(("service", "operation"), [("dynamodb", "TransactWriteItems"), ("sqs", "SendMessage")])
@pytest.mark.parametrize(
    "error",
    [
        ConnectTimeoutError(endpoint_url="u"),
        ConnectionClosedError(endpoint_url="u"),
        EndpointConnectionError(endpoint_url="u"),
        HTTPClientError(error="odd"),
        NoCredentialsError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_has_no_answer_is_sent_as_often_as_botocore_sends_it(
    monkeypatch: pytest.MonkeyPatch, service: str, operation: str, error: Exception
) -> None:
    assert_alike(monkeypatch, service, operation, [error], [error, (200, b"{}")])


def test_where_tries_fail_again_and_again_botocore_s_quota_of_tries_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    failure: Answers = [FAILURES["InternalServerError"]]
    assert_alike(monkeypatch, "dynamodb", "GetItem", *[failure] * 60, *[[(200, b"{}")]] * 8, *[failure] * 4)


def test_an_answer_that_was_altered_on_its_way_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = count()
    monkeypatch.setattr("tests.aws_calls.crc32", lambda body: 1 if next(answered) % 2 == 0 else zlib.crc32(body))
    sent, _ = exchanged(monkeypatch, ours("dynamodb"), "GetItem", CALLS["dynamodb", "GetItem"], [(200, b"{}")])
    assert len(sent) == 2
    assert_alike(monkeypatch, "dynamodb", "GetItem", [(200, b"{}")])


@pytest.mark.parametrize(("service", "operation"), [("dynamodb", "GetItem"), ("dynamodb", "TransactWriteItems")])
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"Item":{"pk":{"S":"a"}'])
def test_a_success_that_is_cut_off_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, service: str, operation: str, body: bytes
) -> None:
    # Botocore takes it for one that says nothing.
    mine, request = ours(service), CALLS[service, operation]
    sent, result = exchanged(monkeypatch, mine, operation, request, [(200, body), (200, b"{}")])
    assert (len(sent), result["ResponseMetadata"]["RetryAttempts"]) == (2, 1)
    sent, result = exchanged(monkeypatch, mine, operation, request, [(200, body)])
    assert (len(sent), result[0]) == (TRIES, "ConnectionClosedError")


@pytest.mark.parametrize("body", [b"[]", b"null", b"1"])
def test_an_answer_that_is_no_object_is_left_to_botocore(body: bytes) -> None:
    assert sdk._read(SimpleNamespace(status_code=200, content=body, headers={}), ("Item",)) is None


def test_just_the_plain_calls_are_made_here(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    monkeypatch.setattr(PlainCalls, "_exchange", lambda _, operation, *__: made.append(operation.model.name))
    for (service, operation), request in CALLS.items():
        with suppress(TypeError):  # that nothing came of it
            exchange(ours(service), operation, request, [(200, b"{}")], [])
    assert sorted(made) == [
        "BatchGetItem",
        "BatchWriteItem",
        "GetItem",
        "PutItem",
        "Query",
        "SendMessage",
        "SendMessageBatch",
        "TransactWriteItems",
        "UpdateItem",
    ]


# ---- signatures


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:4566",
        "http://LOCALHOST:80/",
        "https://[::1]:8443/",
        "https://user@example.com/path/../%20x",
    ],
)
def test_any_endpoint_is_called_as_botocore_calls_it(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    assert_alike(monkeypatch, "dynamodb", "GetItem", [(200, b"{}")])


@pytest.mark.parametrize("region", ["us-east-1", "eu-south-2", "cn-north-1", "us-gov-west-1"])
@pytest.mark.parametrize(("service", "operation"), [("dynamodb", "GetItem"), ("sqs", "SendMessage")])
def test_in_any_region_it_is_called_where_botocore_calls_it(
    monkeypatch: pytest.MonkeyPatch, service: str, operation: str, region: str
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    assert_alike(monkeypatch, service, operation, [(200, b"{}")])


@pytest.mark.parametrize("name", ["AWS_SESSION_TOKEN", "_X_AMZN_TRACE_ID", "AWS_LAMBDA_FUNCTION_NAME"])
def test_what_the_environment_lacks_is_not_sent(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(name)
    assert_alike(monkeypatch, "sqs", "SendMessage", [(200, b"{}")])


def test_without_credentials_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    sent, result = exchanged(monkeypatch, ours("dynamodb"), "GetItem", CALLS["dynamodb", "GetItem"], [(200, b"{}")])
    assert (sent, result) == ([], ["NoCredentialsError", "Unable to locate credentials"])


def test_tries_of_one_call_share_its_token_and_the_next_call_has_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sdk, "_unique", UNIQUE)
    client, request = ours("dynamodb"), CALLS["dynamodb", "TransactWriteItems"]
    tokens = []
    for _ in range(2):
        sent, _ = exchanged(
            monkeypatch, client, "TransactWriteItems", request, [FAILURES["InternalServerError"], (200, b"{}")]
        )
        assert len(sent) == 2
        (token,) = {json.loads(one.body)["ClientRequestToken"] for one in sent}
        tokens.append(token)
    assert tokens[0] != tokens[1]
    assert max(map(len, tokens)) <= 36  # which DynamoDB takes


def test_each_day_has_its_own_key(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {
        sdk._signing_key(secret, day, region, service)
        for secret in ("a", "b")
        for day in ("20260101", "20260102")
        for region in ("eu-central-1", "us-east-1")
        for service in ("dynamodb", "sqs")
    }
    assert len(keys) == 16
    failure = FAILURES["InternalServerError"]
    sent, _ = exchanged(
        monkeypatch, ours("dynamodb"), "GetItem", CALLS["dynamodb", "GetItem"], [failure, failure, (200, b"{}")]
    )
    signed = [dict(headers)["Authorization"] for *_, headers in sent]
    assert ["20251231" in text for text in signed] == [True, True, False]


# ---- items


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


@pytest.fixture
def both() -> list[Any]:
    return [ours("dynamodb"), stock("dynamodb")]


@given(item=ITEMS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_item_is_written_and_read_as_botocore_writes_and_reads_it(both: list[Any], item: dict[str, Any]) -> None:
    request = {**TABLE, "Item": item, "ExpressionAttributeValues": {":k": KEY["pk"]}}
    wire = json.dumps({"Attributes": item}, default=lambda data: base64.b64encode(data).decode()).encode()
    written, read = [], []
    for client in both:
        sent: list[Sent] = []
        read.append(exchange(client, "PutItem", request, [(200, wire)], sent)["Attributes"])
        written.append(json.loads(sent[0].body))
    assert written[0] == written[1]
    assert read[0] == read[1] == item
