"""The admin API's functions in one process, over tables in memory: called as API Gateway calls them."""

import importlib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import parse_qsl

import pytest
from botocore.exceptions import ClientError

from cashback.adapters.dynamo.stores import Stores
from cashback.edge import clients, deps
from cashback.services.books import Books
from tests.simulation.dynamo import SimulatedDynamo, Write
from tests.simulation.errors import client_error, client_exceptions
from tests.simulation.project_tables import inconsistent_reads, table_specs
from tests.streams import FakeEvents

FUNCTIONS = {
    "/v1/orders": "orders_api",
    "/v1/products": "orders_api",
    "/v1/customers": "customers_api",
    "/v1/group": "groups_api",
    "/v1/scenarios": "scenarios_api",
    "/v1/tasks": "scenarios_api",
    "/v1/promo-codes": "scenarios_api",
    "/v1/incentive-requests": "payouts_api",
    "/v1/payouts": "payouts_api",
    "/v1": "settings_api",
    "/platform": "platform_api",
}
RECORDED_REFUSALS = {"insufficient_balance", "shortfall_open"}
METHOD_ARN = "arn:aws:execute-api:eu-central-1:000000000000:abc123/live/GET/v1/store"


class FakeKms:
    """Names the context in what it encrypts, and opens it in no other."""

    def __init__(self) -> None:
        self.calls = 0

    def encrypt(self, KeyId: str, Plaintext: bytes, EncryptionContext: dict[str, str]) -> dict[str, Any]:
        self.calls += 1
        return {"CiphertextBlob": f"{KeyId}|{_told(EncryptionContext)}|".encode() + Plaintext[::-1]}

    def decrypt(self, KeyId: str, CiphertextBlob: bytes, EncryptionContext: dict[str, str]) -> dict[str, Any]:
        self.calls += 1
        key, context, text = CiphertextBlob.split(b"|", 2)
        if (key.decode(), context.decode()) != (KeyId, _told(EncryptionContext)):
            raise client_error("kms", "Decrypt", "InvalidCiphertextException", "", {})
        return {"Plaintext": text[::-1]}


def _told(context: dict[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in sorted(context.items()))


class FakeSsm:
    """One parameter, never overwritten."""

    exceptions = client_exceptions("ssm")

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def put_parameter(self, Name: str, Value: str, Type: str, Overwrite: bool) -> None:
        assert (Type, Overwrite) == ("SecureString", False)
        if Name in self.values:
            raise client_error("ssm", "PutParameter", "ParameterAlreadyExists", "it exists", {})
        self.values[Name] = Value

    def get_parameter(self, Name: str, WithDecryption: bool) -> dict[str, Any]:
        assert WithDecryption
        return {"Parameter": {"Value": self.values[Name]}}


class FakeSqs:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def send_message(self, **message: Any) -> None:
        self.sent.append(message)

    def send_message_batch(self, **batch: Any) -> dict[str, Any]:
        self.sent += batch["Entries"]
        return {"Successful": [{"Id": entry["Id"]} for entry in batch["Entries"]]}

    def change_message_visibility(self, **message: Any) -> None:
        assert 0 < message["VisibilityTimeout"] <= 43_200


class FakeMail:
    """Keeps the e-mails that are sent."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def send_email(self, **mail: Any) -> None:
        self.sent.append(mail)


class FakeScheduler:
    """Takes every schedule."""

    exceptions = client_exceptions("scheduler")

    def create_schedule(self, **schedule: Any) -> dict[str, Any]:
        return {"ScheduleArn": schedule["Name"]}


@dataclass(frozen=True)
class Reply:
    """What a function answered."""

    status: int
    headers: Mapping[str, list[str]]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        """The code of a problem, once its form is checked; of a conflict with a payout, that it names it too."""
        problem = self.json
        assert self.headers["Content-Type"] == ["application/problem+json"]
        assert problem["status"] == self.status
        more = {"payout_id"} if problem["code"] in {"payout_exists", "payout_live"} else set()
        assert set(problem) == {"type", "title", "status", "code", "detail", "errors", "request_id"} | more
        return str(problem["code"])

    @property
    def faults(self) -> list[tuple[str, str]]:
        return [(error["field"], error["code"]) for error in self.json["errors"]]

    def expect(self, status: int) -> Any:
        assert self.status == status, self.text
        return self.json if self.text else None


@dataclass
class Deployment:
    """The functions over one pair of tables."""

    dynamo: SimulatedDynamo
    kms: FakeKms = field(default_factory=FakeKms)
    ssm: FakeSsm = field(default_factory=FakeSsm)
    sqs: FakeSqs = field(default_factory=FakeSqs)
    events: FakeEvents = field(default_factory=FakeEvents)
    mail: FakeMail = field(default_factory=FakeMail)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    writes: list[Write] = field(default_factory=list)
    alone: bool = True
    """Whether nobody else writes while a call is made, so that all that is written is the call's."""

    def __post_init__(self) -> None:
        self.dynamo.observers.append(self.writes.append)

    @property
    def books(self) -> Books:
        return deps.books()

    @property
    def stores(self) -> Stores:
        return deps.books().stores

    def client(self, service: str, _attempts: int = 3) -> Any:
        clients = {
            "dynamodb": self.dynamo,
            "kms": self.kms,
            "ssm": self.ssm,
            "sqs": self.sqs,
            "events": self.events,
            "sesv2": self.mail,
            "scheduler": FakeScheduler(),
        }
        return clients[service]

    def create_store(self, store_id: str = "demo", **more: Any) -> str:
        """Create a store; return its admin key."""
        body = {"store_id": store_id, "name": "Demo", "currency": "USD", "timezone": "Europe/Berlin", **more}
        return str(self.operator("POST", "/platform/stores", body).expect(201)["api_key"])

    def make_key(self, admin: str, role: str, **more: Any) -> str:
        body = {"name": f"a {role}", "role": role, **more}
        return str(self.call("POST", "/v1/api-keys", body, key=admin).expect(201)["api_key"])

    def call(self, method: str, path: str, body: Any = None, *, key: str, **headers: str) -> Reply:
        """Call a route with an API key; ``idempotency_key="k"`` is a header. What the authorizer refuses is a 401."""
        try:
            granted = function("authorizer").handler(token(key), None)
        except Exception as refused:
            if str(refused) != "Unauthorized":
                raise
            return Reply(401, {}, "")
        return self.send(method, path, body, headers, authorizer=granted["context"])

    def operator(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """Call a route as IAM lets the operator through."""
        return self.send(method, path, body, headers, user_arn="arn:aws:iam::000000000000:user/ops")

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        *,
        authorizer: Mapping[str, str] | None = None,
        user_arn: str | None = None,
        content_type: str | None = "application/json",
        encoded: bool = False,
    ) -> Reply:
        """Send an event as it stands; a body that is text goes as it is."""
        place, _, query = path.partition("?")
        pairs = parse_qsl(query, keep_blank_values=True)
        many = {name: [value for other, value in pairs if other == name] for name, _ in pairs}
        sent = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        if body is not None and content_type is not None:
            sent["content-type"] = content_type
        text = body if body is None or isinstance(body, str) else json.dumps(body)
        event = {
            "httpMethod": method,
            "path": place,
            "headers": sent,
            "multiValueHeaders": {name: [value] for name, value in sent.items()},
            "queryStringParameters": {name: values[-1] for name, values in many.items()} or None,
            "multiValueQueryStringParameters": many or None,
            "pathParameters": None,
            "requestContext": {
                "requestId": f"request-{next(self.numbers)}",
                "stage": "live",
                "path": f"/live{place}",
                "identity": {"sourceIp": "203.0.113.7", **({"userArn": user_arn} if user_arn else {})},
                **({"authorizer": dict(authorizer)} if authorizer else {}),
            },
            "body": text,
            "isBase64Encoded": encoded,
        }
        name = next(name for prefix, name in FUNCTIONS.items() if place.startswith(prefix))
        written = len(self.writes)
        answer = function(name).handler(event, None)
        assert answer["multiValueHeaders"]["X-Content-Type-Options"] == ["nosniff"]
        assert answer["multiValueHeaders"]["Cache-Control"] == ["no-store"]
        reply = Reply(answer["statusCode"], answer["multiValueHeaders"], answer["body"])
        if 400 <= reply.status < 500:
            assert_unchanged(reply, self.writes[written:] if self.alone else [])
            assert_nothing_repeated(reply, [*sent.values(), *(value for _, value in pairs), *texts_in(text)])
        return reply

    def everything(self) -> list[Any]:
        """All items of both tables, to see that nothing changed."""
        return [*self.dynamo.items("State"), *self.dynamo.items("Ledger")]


def texts_in(body: str | None) -> list[str]:
    """Every text and number in a body, as it was sent; none in what is no JSON."""
    try:
        waiting = [json.loads(body or "null", parse_int=str, parse_float=str)]
    except (ValueError, RecursionError):
        return []
    found = []
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, dict | list):
            waiting += value.values() if isinstance(value, dict) else value
    return found


def assert_unchanged(reply: Reply, writes: Sequence[Write]) -> None:
    """Fail if a refusal changed anything, but for the refusal itself where it has to stand for ever."""
    before: dict[Any, Any] = {}
    for write in writes:
        before.setdefault((write.table, write.key), write.old)
    after = {(write.table, write.key): write.new for write in writes}
    changed = [key for key in after if before[key] != after[key]]
    assert not changed or reply.code in RECORDED_REFUSALS, (reply.text, changed)


def assert_nothing_repeated(reply: Reply, sent: Iterable[str]) -> None:
    """Fail if a problem holds what the caller sent; a short word may be one of its own."""
    said = f"{reply.json['detail']} {reply.json['errors']}"
    repeated = [text for text in sent if text in said and len(text) > (6 if text.isalpha() else 3)]
    assert not repeated, reply.text


def function(name: str) -> Any:
    return importlib.import_module(f"functions.{name}.app")


def token(key: str) -> dict[str, str]:
    return {"type": "TOKEN", "authorizationToken": f"Bearer {key}", "methodArn": METHOD_ARN}


def unreachable(operation: str = "GetItem") -> ClientError:
    return client_error("dynamodb", operation, "InternalServerError", "Internal server error", {})


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """An empty deployment; its functions find it through the composition root."""
    made = Deployment(SimulatedDynamo(table_specs()))
    for name in clients.Environment.__struct_fields__:
        monkeypatch.setenv(name.upper(), {"ledger_table": "Ledger", "state_table": "State"}.get(name, name))
    monkeypatch.setattr(clients, "client", made.client)
    clear_caches()
    yield made
    clear_caches()
    assert not inconsistent_reads(made.dynamo)


def clear_caches() -> None:
    for value in vars(deps).values():
        if hasattr(value, "cache_clear"):
            cast("Any", value).cache_clear()
