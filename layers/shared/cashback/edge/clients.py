"""The environment that the template gives, and the AWS clients. Lazy and cached, so that importing a handler needs no
environment but on Lambda, and a function imports only what it uses: an import inside a function here is the point."""

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from cashback.domain.errors import Busy

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_kms import KMSClient
    from types_boto3_sqs import SQSClient
    from types_boto3_ssm import SSMClient


class Environment(Struct, frozen=True):
    """The names that the template gives every function. Nothing has a default: a missing one is a bug."""

    ledger_table: str
    state_table: str
    store_events_queue_url: str
    store_events_dlq_url: str
    group_jobs_queue_url: str
    group_jobs_dlq_url: str
    scenario_actions_queue_url: str
    scenario_actions_dlq_url: str
    scenario_actions_queue_arn: str
    credits_queue_url: str
    credits_dlq_url: str
    notifications_queue_url: str
    notifications_dlq_url: str
    alarm_group: str
    alarm_role_arn: str
    alarm_dlq_arn: str
    stack_name: str
    event_bus_name: str
    email_sender: str
    secrets_key_id: str
    accounts_key_id: str
    keys_parameter: str


@cache
def environment() -> Environment:
    """Read the environment, once."""
    return Environment(**{name: os.environ[name.upper()] for name in Environment.__struct_fields__})


def is_on_lambda() -> bool:
    """Tell whether Lambda runs this process, or what stands in for it."""
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ


HURRIED: Final = 7.0
"""Seconds within which a webhook's calls begin, and the authorizer's."""
PATIENT: Final = 17.0
"""The same of the admin API, for which API Gateway waits 29 seconds."""

_PLAIN: Final = frozenset({"dynamodb", "sqs"})
"""Services whose requests and answers are JSON as they stand."""

_last_begin: ContextVar[float] = ContextVar("last_begin", default=math.inf)


@contextmanager
def calls_begin_within(seconds: float) -> Iterator[None]:
    """Let no attempt at a call begin later than so many seconds from now: however many calls follow one another, who
    waits for them is told that they came to nothing before the function's own time is up.

    :raises Busy: out of any call that would begin too late; what was sent before has an unknown outcome.
    """
    before = _last_begin.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _last_begin.reset(before)


def _begins_in_time(**_: Any) -> None:
    if time.monotonic() > _last_begin.get():
        raise Busy("there is no time left for another call")


@cache
def client(service: str, attempts: int = 3) -> Any:
    """Create a client on botocore itself: boto3 adds nothing to one but import time.

    The timeouts leave a function time to answer (2 s for a slow table is a failure, not a wait), and the SDK's own
    retries are few because ``post`` and the queues retry with what they know. A name of our own saves botocore what it
    would put together twice for each call: system, language, features. On Lambda a client of plain calls connects at
    once: while a function starts it has more CPU than it has later.
    """
    from botocore.config import Config

    from cashback.adapters.kept_connections import KeptConnections
    from cashback.adapters.sdk import PlainCalls

    config = Config(
        connect_timeout=1,
        read_timeout=2,
        retries={"mode": "standard", "total_max_attempts": attempts},
        parameter_validation=False,
        tcp_keepalive=True,
        user_agent="cashback",
    )
    made = _session().create_client(service, config=config)
    if service in _PLAIN:
        kept = KeptConnections(made._endpoint.http_session)
        made._make_api_call = PlainCalls(made, made._make_api_call, kept)
        if is_on_lambda():
            kept.connect(made.meta.endpoint_url)
    # Before each attempt, those of the SDK's own retries too.
    made.meta.events.register("before-send", _begins_in_time)
    return made


@cache
def _session() -> Any:
    import botocore.session

    return botocore.session.get_session()


def dynamodb() -> "DynamoDBClient":
    """The low-level DynamoDB client."""
    made: DynamoDBClient = client("dynamodb")
    return made


def sqs() -> "SQSClient":
    """The SQS client."""
    made: SQSClient = client("sqs")
    return made


def kms() -> "KMSClient":
    """The KMS client."""
    made: KMSClient = client("kms")
    return made


def ssm() -> "SSMClient":
    """The Systems Manager client."""
    made: SSMClient = client("ssm")
    return made


def scheduler() -> Any:
    """The client of EventBridge Scheduler."""
    return client("scheduler")


def sns() -> Any:
    """The SNS client, which sends everything once: it does not know a message that it sent before."""
    return client("sns", 1)


def ses() -> Any:
    """The SES client, which sends everything once too."""
    return client("sesv2", 1)


def events() -> Any:
    """The client of EventBridge."""
    return client("events")
