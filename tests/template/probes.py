"""What can be seen of the layer's packages from outside. Usage: python probes.py SITE_PACKAGES PROBE ARGUMENT..."""

# ruff: noqa: PLC0415  # the packages are found once the path is set

import copy
import gzip
import importlib
import inspect
import io
import json
import os
import shlex
import sys
from functools import partial
from typing import Any, NotRequired, TypedDict

SCHEDULE = {
    "Name": "n",
    "ScheduleExpression": "at(2026-03-01T10:00:00)",
    "FlexibleTimeWindow": {"Mode": "OFF"},
    "Target": {"Arn": "a", "RoleArn": "r"},
}


def names(package: str) -> dict[str, str]:
    """Everything that a package offers and where it comes from."""
    module = importlib.import_module(package)
    offered = {name: getattr(module, name) for name in (*dir(module), *module.__dict__.get("_LAZY", ()))}
    return {
        name: f"{value.__module__}.{value.__qualname__}"
        for name, value in offered.items()
        if name != "__getattr__" and (inspect.isclass(value) or inspect.isfunction(value))
    }


def models() -> dict[str, Any]:
    """The schema of each model of the API, and how it refuses nothing and what it does not know."""
    from pydantic import BaseModel

    from cashback.edge import customer_models, order_models, store_models
    from cashback.edge import models as shared

    named = [
        value for module in (shared, store_models, customer_models, order_models) for value in vars(module).values()
    ]
    found = [value for value in named if isinstance(value, type) and issubclass(value, BaseModel)]
    return {model.__name__: [schema(model), refusal(model)] for model in found if model is not BaseModel}


def schema(model: Any) -> Any:
    """A model's JSON schema."""
    return model.model_json_schema()


def refusal(model: Any) -> Any:
    """What a model says of a document that fits none."""
    from pydantic import ValidationError

    try:
        model.model_validate({"unknown": 1, "name": 2, "role": "?", "limit": [], "tiers": [{}], "cursor": {}})
    except ValidationError as error:
        return error.errors(include_url=False)
    return None


def messages() -> list[str]:
    """What msgspec decodes of fields that are required and of fields that are not, and its parts beside."""
    import msgspec

    class Message(TypedDict):
        known: int
        more: NotRequired[str]

    said = [str(msgspec.json.decode(b'{"known": 1}', type=Message)), str(msgspec.json.schema(Message))]
    said += [str(msgspec.inspect.type_info(list[int])), str(msgspec.msgpack.encode([1]))]
    for text in ("{}", '{"known": "1"}', '{"known": 1, "more": 2}'):
        try:
            msgspec.json.decode(text, type=Message)
        except msgspec.ValidationError as error:
            said.append(str(error))
    return said


def files(folder: str) -> Any:
    """What botocore reads from a configuration file, and keeps and forgets in a cache of its own."""
    from botocore.configloader import load_config
    from botocore.utils import JSONFileCache

    cache = JSONFileCache(folder)
    cache["token"] = {"a": 1}
    kept = cache["token"]
    del cache["token"]
    return [load_config(f"{folder}/config"), kept, "token" in cache]


HOSTS = (
    "sqs.eu-central-1.amazonaws.com",
    "SQS.local:443",
    "host:",
    "host:70000",
    "host:a",
    "127.0.0.1:4566",
    "1.2.3.4",
    "0x7f.1",
    "[::1]:80",
    "[::1]:99999",
    "[::1",
    "[1]",
    "::1",
    "[fe80::1%25eth0]",
    "[2001:DB8::7]",
    "[1:2:3:4:5:6:7:8:9]",
)


def addresses() -> list[Any]:
    """How urllib3 and botocore read the addresses of hosts."""
    from botocore.utils import is_valid_ipv6_endpoint_url, is_valid_uri
    from urllib3.exceptions import LocationParseError
    from urllib3.util import parse_url
    from urllib3.util.ssl_ import is_ipaddress

    said: list[Any] = []
    for host in HOSTS:
        try:
            said.append(list(map(str, parse_url(f"https://{host}/p?q=1"))))
        except LocationParseError as error:
            said.append(str(error))
        try:
            said.append([bool(is_valid_uri(f"https://{host}")), is_valid_ipv6_endpoint_url(f"https://{host}")])
        except ValueError as error:
            said.append(str(error))
        said.append(is_ipaddress(host.strip("[]")))
    return said


def offered(module: str, *names: str) -> dict[str, str]:
    """What a module's names are."""
    found = {name: getattr(importlib.import_module(module), name) for name in names}
    return {name: f"{getattr(value, '__module__', '')} {value.__name__}" for name, value in found.items()}


def handlers() -> list[Any]:
    """Which handlers of events botocore takes for such that accept any keyword."""
    from botocore.compat import accepts_kwargs

    class Handler:
        def __call__(self, _: int, **rest: int) -> None:
            pass

        def method(self, *_: int, one: int = 1, **more: int) -> None:
            pass

        def strict(self, *_: int, one: int = 1) -> None:
            pass

    handler = Handler()
    said: list[Any] = []
    for each in (
        handler,
        handler.method,
        handler.strict,
        Handler,
        lambda **any_: any_,
        lambda: 0,
        partial(Handler),
        max,
    ):
        try:
            said.append(accepts_kwargs(each))
        except TypeError as error:
            said.append(str(error).partition(" at 0x")[0])
    return said


def proxies() -> list[Any]:
    """The proxies that botocore finds in an environment."""
    from botocore.utils import get_environ_proxies

    said = []
    for variables in ({}, {"https_proxy": "http://p:1"}, {"HTTPS_PROXY": "http://p:2", "no_proxy": "a.b,c.d"}):
        os.environ.update(variables)
        said += [get_environ_proxies("https://x.y"), get_environ_proxies("https://a.b")]
        for name in variables:
            del os.environ[name]
    return said


def times() -> list[str]:
    """How botocore reads times."""
    from botocore.utils import parse_timestamp, parse_to_aware_datetime

    given: tuple[Any, ...] = (1.5, "1.5", "2026-01-02T03:04:05Z", "Fri, 02 Jan 2026 03:04:05 GMT", "2026-01-02")
    return [read(time).isoformat() for time in given for read in (parse_timestamp, parse_to_aware_datetime)]


def processes() -> list[str]:
    """The credentials that botocore has from a process."""
    from botocore.credentials import ProcessProvider

    given = {"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b", "Expiration": "2099-01-02T03:04:05Z"}
    command = shlex.join([sys.executable, "-c", f"print({json.dumps(json.dumps(given))})"])
    provider = ProcessProvider("default", lambda: {"profiles": {"default": {"credential_process": command}}})
    found: Any = provider.load()
    return list(found.get_frozen_credentials()[:2])


def documents() -> list[Any]:
    """What botocore reads of XML and makes of bodies to be packed."""
    from botocore.compress import COMPRESSION_MAPPING
    from botocore.parsers import ResponseParserError, create_parser

    parser: Any = create_parser("query")
    said: list[Any] = [
        gzip.decompress(COMPRESSION_MAPPING["gzip"](body).read()).decode() for body in (io.BytesIO(b"a"),)
    ]
    for body in (b"<ErrorResponse><Error><Code>c</Code></Error></ErrorResponse>", b"<torn"):
        try:
            said.append(parser.parse({"status_code": 400, "headers": {}, "body": body}, None))
        except ResponseParserError as error:
            said.append(str(error).partition("\n")[0])
    return said


def requests() -> list[Any]:
    """What is sent of a call, and sent again after a failure: headers by name, as they leave."""
    from datetime import datetime
    from unittest.mock import patch

    import botocore.session
    from botocore.awsrequest import AWSResponse
    from botocore.compat import HTTPHeaders
    from botocore.config import Config

    sent: list[Any] = []

    def answer(request: Any, **_: Any) -> Any:
        headers = [[name, str(value), type(value).__name__] for name, value in request.headers.items()]
        told = str(request.headers.get("x-AMZ-target"))
        sent.append([request.method, request.url, str(request.body), headers, told])
        raw = type("Raw", (), {"stream": lambda _self, **_: iter([b"{}"])})()
        return AWSResponse(request.url, 500 if len(sent) % 2 else 200, HTTPHeaders(), raw)

    made = botocore.session.Session()
    made.set_credentials("key", "secret", "token")
    for user_agent in (None, "Gr\u00fc\u00dfe"):
        config = Config(user_agent=user_agent or "u", retries={"mode": "standard"})
        for service, operation, request in (
            ("dynamodb", "GetItem", {"TableName": "t", "Key": {"pk": {"S": user_agent or "a"}}}),
            ("sqs", "SendMessage", {"QueueUrl": "q", "MessageBody": "m"}),
            ("scheduler", "CreateSchedule", SCHEDULE),
        ):
            client: Any = made.create_client(service, "eu-central-1", config=config)
            client.meta.events.register("before-send", answer)
            with (
                patch("botocore.endpoint.time.sleep"),
                # Without a zone, as botocore's own.
                patch("botocore.auth.get_current_datetime", lambda: datetime(2026, 1, 1)),  # noqa: DTZ001
                patch("uuid.uuid4", lambda: "an id"),
            ):
                client._make_api_call(operation, request)
    return sent


def clients() -> list[str]:
    """The waiters and pages of a client, and what is kept of its calls."""
    import botocore.session
    from botocore.context import ClientContext
    from botocore.plugin import PluginContext

    client: Any = botocore.session.Session().create_client(
        "dynamodb", "eu-central-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    waiting = {"operation": "Query", "delay": 1, "maxAttempts": 1, "acceptors": []}
    client._cache["waiter_config"] = {"version": 2, "waiters": {"Found": waiting}}
    contexts = [ClientContext(), ClientContext({"a"}), copy.deepcopy(ClientContext({"a"})), PluginContext("p")]
    return [
        *client.waiter_names,
        client.get_waiter("found").name,
        type(client.get_paginator("query")).__name__,
        *map(repr, contexts),
        str([one == other for one in contexts for other in contexts]),
    ]


if __name__ == "__main__":
    sys.path[:0] = sys.argv[1].split(os.pathsep)
    print(json.dumps(globals()[sys.argv[2]](*sys.argv[3:])))
