"""Functions that somebody waits for, and services that answer as late as is waited for them: each is told so before the
function's own time is up. Time is virtual; the clients are those of the functions."""

import hashlib
import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

from cashback.adapters.dynamo.keys import Key
from cashback.adapters.faults import LAST_TRY_AFTER
from cashback.domain.errors import Busy
from cashback.edge import clients, deps
from cashback.edge.clients import HURRIED, PATIENT, calls_begin_within, client
from cashback.edge.http import Api, Response, Role
from cashback.edge.payout_requests import REPORT_TIME
from dev.client import shopify_headers
from dev.template import resources
from tests.simulation.clock import Clock
from tests.unit.deployment import FUNCTIONS, clear_caches, function, token

ATTEMPT = 3.0
"""Seconds of an attempt: to connect, and to wait for an answer."""
PAUSE = 2.0 + 5.0
"""Seconds of the longest pause between attempts. Source: botocore's standard mode, where a service asks for longer."""
SPARE = 2.0
"""Seconds for everything that is no call."""
BOUND = {"webhook_ingest": HURRIED, "authorizer": HURRIED, **dict.fromkeys(FUNCTIONS.values(), PATIENT)}
"""Within how many seconds the calls begin of the functions that somebody waits for, by their folders."""

SECRET = "one"
SECRETS = {"current_secret": {"B": "b25l"}, "previous_secret": {"B": "dHdv"}}

GATEWAY = 29
"""Seconds that API Gateway waits for a function."""

type Mood = Callable[[int], tuple[int, str] | None]
"""What becomes of an attempt, by its number from 1 on: a status and the code of an error, or no answer at all."""

MOODS: dict[str, Mood] = {
    "never": lambda _: None,
    "each call twice": lambda n: (200, "") if n % 2 == 0 else None,
    "each call at once": lambda _: (200, ""),
    "throttled": lambda _: (400, "ThrottlingException"),
    "throttled once a call": lambda n: (200, "") if n % 2 == 0 else (400, "ThrottlingException"),
}


def timeouts() -> dict[str, int]:
    """The time of each function, by its folder."""
    return {
        properties["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]: properties["Timeout"]
        for properties in (resource["Properties"] for _, resource in resources("AWS::Lambda::Function"))
    }


class LateAws:
    """Every service. Each attempt takes as long as it is waited for, and throttling asks for a minute's pause."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, mood: Mood) -> None:
        self.clock, self.mood, self.attempts = Clock(), mood, list[float]()
        for name, value in (("DEFAULT_REGION", "eu-central-1"), ("ACCESS_KEY_ID", "k"), ("SECRET_ACCESS_KEY", "s")):
            monkeypatch.setenv(f"AWS_{name}", value)
        monkeypatch.setattr(clients, "time", SimpleNamespace(monotonic=self.clock.monotonic))
        monkeypatch.setattr("botocore.endpoint.time.sleep", self.clock.sleep)
        monkeypatch.setattr(clients, "client", self.client)

    def client(self, service: str, attempts: int = 3) -> Any:
        made = client.__wrapped__(service, attempts)
        config = made.meta.config
        assert config.connect_timeout + config.read_timeout == ATTEMPT
        assert config.retries["total_max_attempts"] <= 3
        made.meta.events.register("before-send", self.send)
        return made

    def send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        self.attempts.append(self.clock.monotonic())
        self.clock.advance(ATTEMPT)
        outcome = self.mood(len(self.attempts))
        if outcome is None:
            raise (ReadTimeoutError if len(self.attempts) % 2 else ConnectTimeoutError)(endpoint_url=request.url)
        status, code = outcome
        body = json.dumps({"__type": f"aws#{code}"} if code else self.answer(request)).encode()
        headers = HTTPHeaders()
        headers["x-amz-retry-after"] = "60000"
        return AWSResponse(request.url, status, headers, Raw(body))

    @staticmethod
    def answer(request: AWSPreparedRequest) -> dict[str, Any]:
        """What is answered to who is heard: both secrets of any shop, one of which is not the one that signed."""
        asked = json.loads(cast("bytes", request.body))
        if "CiphertextBlob" in asked:
            return {"Plaintext": asked["CiphertextBlob"]}
        if "Key" in asked:
            return {"Item": {"pk": {"S": "p"}, "sk": {"S": "s"}, **SECRETS}}
        sent = asked["MessageBody"].encode()
        return {"MessageId": "m", "MD5OfMessageBody": hashlib.md5(sent, usedforsecurity=False).hexdigest()}


class Raw:
    """The body of such an answer."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.body


@pytest.fixture(params=MOODS)
def aws(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[LateAws]:
    for name in clients.Environment.__struct_fields__:
        monkeypatch.setenv(name.upper(), name)
    clear_caches()
    yield LateAws(monkeypatch, MOODS[request.param])
    clear_caches()


def webhook(secret: str) -> dict[str, Any]:
    body = b'{"id":1}'
    return {
        "headers": shopify_headers(secret, "orders/paid", body),
        "pathParameters": {"store_id": "demo", "source": "shopify"},
        "requestContext": {"requestId": "r"},
        "body": body.decode(),
    }


@pytest.mark.row("F13")
def test_the_longest_that_calls_can_take_one_after_the_other_leaves_time_for_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = LateAws(monkeypatch, MOODS["never"]).client("dynamodb").meta.config
    tries = config.retries["total_max_attempts"]
    assert 2.0 ** (tries - 2) + 5 == PAUSE
    for name, seconds in timeouts().items():
        if name in BOUND:
            # One attempt more begins just in time, and the pause after it may be the longest.
            assert BOUND[name] + ATTEMPT + PAUSE + SPARE <= seconds <= GATEWAY, name
        else:
            assert LAST_TRY_AFTER + tries * ATTEMPT + (tries - 1) * PAUSE < seconds, name
    assert REPORT_TIME.total_seconds() + ATTEMPT <= PATIENT


@pytest.mark.row("F13", "S5")
@pytest.mark.parametrize("secret", ["one", "two", "unknown"])
def test_a_shop_is_answered_in_time_however_late_all_the_calls_are(aws: LateAws, secret: str) -> None:
    deps.secrets()._clock = aws.clock.time
    for _ in range(2):
        began, attempts = aws.clock.monotonic(), len(aws.attempts)
        answer = function("webhook_ingest").handler(webhook(secret), None)
        took = aws.clock.monotonic() - began
        assert took + SPARE <= timeouts()["webhook_ingest"]
        assert all(at <= began + HURRIED for at in aws.attempts[attempts:])
        if answer["statusCode"] == 503:
            assert answer["headers"]["Retry-After"]
        else:
            assert answer["statusCode"] == (401 if secret == "unknown" else 200)


@pytest.mark.row("F13")
def test_an_admin_is_answered_in_time_however_many_calls_follow_one_another(aws: LateAws) -> None:
    api = Api()

    @api.route("GET", "/v1/store", Role.VIEWER)
    def make_a_hundred_calls() -> Response[None]:
        for _ in range(100):
            deps.state_table().get(Key("p", "s"))
        return Response(204)

    event = {
        "httpMethod": "GET",
        "path": "/v1/store",
        "headers": {},
        "multiValueHeaders": {},
        "requestContext": {
            "requestId": "r",
            "authorizer": {"store_id": "demo", "api_key_id": "key_1", "role": "viewer"},
        },
    }
    answer = api.resolve(event, None)
    assert (answer["statusCode"], answer["multiValueHeaders"]["Retry-After"]) == (503, ["2"])
    assert aws.clock.monotonic() <= PATIENT + ATTEMPT + PAUSE


@pytest.mark.row("F13")
@pytest.mark.parametrize("aws", ["never", "throttled"], indirect=True)
def test_a_key_that_cannot_be_looked_up_opens_nothing_and_that_is_known_in_time(aws: LateAws) -> None:
    with pytest.raises(Busy):
        function("authorizer").handler(token(f"cbk_demo_{'a' * 32}"), None)
    assert all(at <= HURRIED for at in aws.attempts)
    assert aws.clock.monotonic() + SPARE <= timeouts()["authorizer"]


@pytest.mark.parametrize("aws", ["each call at once"], indirect=True)
def test_calls_that_were_late_once_are_no_matter_of_the_next_invocation(aws: LateAws) -> None:
    table = deps.state_table()
    with calls_begin_within(1):
        table.get(Key("p", "s"))
        with pytest.raises(Busy):
            table.get(Key("p", "s"))
    table.get(Key("p", "s"))
    assert len(aws.attempts) == 2
