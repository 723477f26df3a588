"""The built layer: valid bytecode, no ballast, and a trimmed botocore that behaves as the stock one."""

import importlib.metadata
import json
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, UnknownServiceError
from botocore.loaders import Loader
from botocore.parsers import ResponseParserError

from dev.project import ROOT
from tests import bytecode
from trim_layer import OPERATIONS

KEY = {"pk": {"S": "S#a#C#1"}, "sk": {"S": "ACCOUNT"}}
TABLE = {"TableName": "State"}
QUEUE = {"QueueUrl": "https://sqs.eu-central-1.amazonaws.com/1/q"}
UPDATE = {
    **TABLE,
    "Key": KEY,
    "UpdateExpression": "ADD available :n",
    "ConditionExpression": "available >= :n",
    "ExpressionAttributeValues": {":n": {"N": "-10"}},
    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
}
PUT = {**TABLE, "Item": {**KEY, "lines": {"B": b"\x00\x01"}}, "ConditionExpression": "attribute_not_exists(pk)"}

# One realistic call of each operation that is kept.
CALLS: dict[tuple[str, str], dict[str, Any]] = {
    ("dynamodb", "GetItem"): {**TABLE, "Key": KEY, "ConsistentRead": True},
    ("dynamodb", "PutItem"): PUT,
    ("dynamodb", "UpdateItem"): UPDATE,
    ("dynamodb", "Query"): {
        **TABLE,
        "IndexName": "listing",
        "KeyConditionExpression": "listing_pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": "S#a#ORDER#PENDING"}},
        "Limit": 20,
        "ScanIndexForward": False,
    },
    ("dynamodb", "BatchGetItem"): {"RequestItems": {"State": {"Keys": [KEY], "ConsistentRead": True}}},
    ("dynamodb", "TransactWriteItems"): {
        "TransactItems": [{"Put": PUT}, {"Update": UPDATE}, {"Delete": {**TABLE, "Key": KEY}}],
        "ReturnConsumedCapacity": "INDEXES",
    },
    ("sqs", "SendMessage"): {**QUEUE, "MessageBody": "eJwBAAD//wAAAAE=", "MessageGroupId": "a", "DelaySeconds": 1},
    ("sqs", "SendMessageBatch"): {**QUEUE, "Entries": [{"Id": "0", "MessageBody": "{}", "MessageGroupId": "a"}]},
    ("sqs", "ChangeMessageVisibility"): {**QUEUE, "ReceiptHandle": "r", "VisibilityTimeout": 60},
    ("kms", "Encrypt"): {"KeyId": "k", "Plaintext": b"secret", "EncryptionContext": {"store": "a"}},
    ("kms", "Decrypt"): {"CiphertextBlob": b"\x01\x02", "EncryptionContext": {"store": "a"}},
    ("ssm", "GetParameter"): {"Name": "/cashback/keys", "WithDecryption": True},
    ("ssm", "PutParameter"): {"Name": "/cashback/keys", "Value": "v", "Type": "SecureString"},
    ("events", "PutEvents"): {
        "Entries": [{"EventBusName": "b", "Source": "cashback", "DetailType": "CashbackAwarded", "Detail": "{}"}]
    },
    ("scheduler", "CreateSchedule"): {
        "Name": "cashback-abc",
        "GroupName": "cashback-tasks",
        "ScheduleExpression": "at(2026-03-01T10:00:00)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "ClientToken": "cashback-abc",
        "Target": {
            "Arn": "arn:aws:sqs:eu-central-1:1:q",
            "RoleArn": "arn:aws:iam::1:role/r",
            "Input": "{}",
            "DeadLetterConfig": {"Arn": "arn:aws:sqs:eu-central-1:1:dlq"},
            "RetryPolicy": {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185},
        },
    },
    ("sns", "Publish"): {"PhoneNumber": "+491701234567", "Message": "Grüße & <more>"},
    ("sesv2", "SendEmail"): {
        "FromEmailAddress": "shop@example.com",
        "Destination": {"ToAddresses": ["anna@example.com"]},
        "Content": {
            "Simple": {"Subject": {"Data": "Hello", "Charset": "UTF-8"}, "Body": {"Text": {"Data": "Grüße"}}},
        },
    },
}
ITEM = {"pk": {"S": "a"}, "available": {"N": "1.50"}, "lines": {"B": "AAE="}}
CAPACITY = {"TableName": "State", "CapacityUnits": 2.0, "Table": {"CapacityUnits": 2.0}}
PUBLISHED = b"<PublishResponse><PublishResult><MessageId>m</MessageId></PublishResult></PublishResponse>"
SUCCESSES: dict[tuple[str, str], dict[str, Any] | bytes] = {
    ("dynamodb", "GetItem"): {"Item": ITEM, "ConsumedCapacity": CAPACITY},
    ("dynamodb", "PutItem"): {"Attributes": ITEM},
    ("dynamodb", "UpdateItem"): {"Attributes": ITEM},
    ("dynamodb", "Query"): {"Items": [ITEM], "Count": 1, "LastEvaluatedKey": KEY},
    ("dynamodb", "BatchGetItem"): {
        "Responses": {"State": [ITEM]},
        "UnprocessedKeys": {"State": {"Keys": [KEY]}},
        "ConsumedCapacity": [CAPACITY],
    },
    ("dynamodb", "TransactWriteItems"): {"ConsumedCapacity": [CAPACITY]},
    ("sqs", "SendMessage"): {"MessageId": "m"},
    ("sqs", "SendMessageBatch"): {
        "Successful": [{"Id": "0", "MessageId": "m"}],
        "Failed": [{"Id": "1", "Code": "InternalError", "SenderFault": False}],
    },
    ("sqs", "ChangeMessageVisibility"): {},
    ("kms", "Encrypt"): {"CiphertextBlob": "AAE=", "KeyId": "k"},
    ("kms", "Decrypt"): {"Plaintext": "c2VjcmV0", "KeyId": "k"},
    ("ssm", "GetParameter"): {"Parameter": {"Name": "n", "Value": "v", "LastModifiedDate": 1.5}},
    ("events", "PutEvents"): {"FailedEntryCount": 1, "Entries": [{"EventId": "e"}, {"ErrorCode": "InternalFailure"}]},
    ("ssm", "PutParameter"): {"Version": 1, "Tier": "Standard"},
    ("scheduler", "CreateSchedule"): {"ScheduleArn": "arn:aws:scheduler:eu-central-1:1:schedule/cashback-tasks/abc"},
    ("sns", "Publish"): PUBLISHED,
    ("sesv2", "SendEmail"): {"MessageId": "m"},
}
ERRORS: dict[str, dict[str, Any]] = {
    "TransactionCanceledException": {
        "Message": "cancelled",
        "CancellationReasons": [
            {"Code": "None"},
            {"Code": "ConditionalCheckFailed", "Message": "failed", "Item": ITEM},
            {"Code": "TransactionConflict"},
        ],
    },
    "ConditionalCheckFailedException": {"message": "failed", "Item": ITEM},
    "ProvisionedThroughputExceededException": {},
    "ThrottlingException": {"message": "slower"},
    "ValidationException": {"message": "one error"},
    "AccessDeniedException": {"Message": "no"},
    "ResourceNotFoundException": {"message": "none"},
    "ParameterNotFound": {"message": "none"},
    "InvalidCiphertextException": {"message": "no"},
    "UnheardOfException": {"message": "new"},
}
# What may come back for any operation: an error of some service, in its own form or another's, or of no kind.
FAILURES: dict[str, tuple[int, bytes]] = {
    **{name: (400, json.dumps({"__type": f"service#{name}", **body}).encode()) for name, body in ERRORS.items()},
    "InternalServerError": (500, b'{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError"}'),
    "refused in XML": (400, b"<ErrorResponse><Error><Code>EndpointDisabled</Code></Error></ErrorResponse>"),
    "not JSON": (503, b"<html>Service Unavailable</html>"),
    "empty": (500, b""),
}


# ---- contents


def test_every_module_has_bytecode_that_is_never_checked_again(layer: Path) -> None:
    modules = list(layer.rglob("*.py"))
    invalid = [str(path.relative_to(layer)) for path in modules if not bytecode.is_valid(path)]
    assert modules
    assert invalid == []


def test_the_layer_holds_the_package_and_no_ballast(layer: Path) -> None:
    assert (layer / "cashback" / "__init__.py").exists()
    assert not (layer / "boto3" / "data").exists()
    assert [path for path in layer.rglob("tests") if path.is_dir()] == []
    services = {path.name for path in (layer / "botocore" / "data").iterdir() if path.is_dir()}
    assert services == set(OPERATIONS)


def test_the_layer_is_a_fraction_of_what_lambda_takes(layer: Path) -> None:
    size = sum(path.stat().st_size for path in layer.rglob("*") if path.is_file())
    assert size < 40 * 1024 * 1024


def test_the_sources_of_the_layer_hold_no_build_output() -> None:
    found = {path.name for path in (ROOT / "layers" / "shared").iterdir()} - {"__pycache__", ".mypy_cache"}
    assert found == {"Makefile", "cashback", "requirements.txt", "rewrite_modules.py", "trim_layer.py"}


def test_the_tests_run_with_the_layer_s_own_versions(layer: Path) -> None:
    in_layer = {found.name: found.version for found in importlib.metadata.distributions(path=[str(layer)])}
    here = {name: importlib.metadata.version(name) for name in in_layer}
    assert in_layer == here


# ---- the trimmed botocore


@pytest.fixture(autouse=True)
def fixed_time_and_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signatures, idempotency tokens and invocation ids depend on nothing but the request."""
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: datetime(2026, 1, 1, tzinfo=UTC))
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=1))


@cache
def client(service: str, data: Path | None, region: str = "eu-central-1") -> Any:
    """A client of the stock library, or one that finds only the layer's data."""
    session = botocore.session.Session()
    if data is not None:
        session.register_component("data_loader", Loader([str(data)], include_default_search_paths=False))
    session.set_credentials("key", "secret")
    # Named as the functions name theirs: botocore's own name tells by which means it found the endpoint.
    config = Config(retries={"total_max_attempts": 1, "mode": "standard"}, user_agent="cashback")
    return session.create_client(service, region_name=region, config=config)


def exchange(
    service: str, operation: str, data: Path | None, status: int, body: bytes, region: str = "eu-central-1"
) -> Mapping[str, Any]:
    """The bytes that a call sends, and what it makes of this answer."""
    sent: dict[str, Any] = {}

    def answer(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        sent.update(method=request.method, url=request.url, body=request.body, headers=dict(request.headers.items()))
        return AWSResponse(request.url, status, HTTPHeaders.from_dict({"x-amzn-requestid": "r"}), Raw(body))

    caller = client(service, data, region)
    caller.meta.events.register_first("before-send", answer)
    try:
        result = caller._make_api_call(operation, CALLS[service, operation])
    except (BotoCoreError, ResponseParserError) as error:
        result = [type(error).__name__, str(error)]
    except ClientError as error:
        result = [type(error).__name__, str(error), error.response]
    finally:
        caller.meta.events.unregister("before-send", answer)
    return {"sent": sent, "result": result}


class Raw:
    """The body of an answer that never came over a wire."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.body


def test_there_is_a_call_for_every_operation_that_is_kept() -> None:
    assert set(CALLS) == {(service, name) for service, names in OPERATIONS.items() for name in names}


@pytest.mark.parametrize(("service", "operation"), CALLS)
def test_a_trimmed_client_sends_and_reads_what_the_stock_one_does(layer: Path, service: str, operation: str) -> None:
    said = SUCCESSES[service, operation]
    answers = {"success": (200, said if isinstance(said, bytes) else json.dumps(said).encode()), **FAILURES}
    for name, (status, body) in answers.items():
        trimmed = exchange(service, operation, layer / "botocore" / "data", status, body)
        stock = exchange(service, operation, None, status, body)
        assert stock["sent"]["body"]
        assert isinstance(stock["result"], dict) == (name == "success")
        assert trimmed == stock


@pytest.mark.parametrize(("service", "operation"), CALLS)
def test_a_trimmed_client_pages_what_the_stock_one_does(layer: Path, service: str, operation: str) -> None:
    trimmed, stock = client(service, layer / "botocore" / "data"), client(service, None)
    method = botocore.xform_name(operation)
    assert trimmed.can_paginate(method) == stock.can_paginate(method)


@pytest.mark.parametrize("region", ["eu-central-1", "us-east-1", "ap-south-2"])
@pytest.mark.parametrize("service", OPERATIONS)
def test_a_trimmed_client_finds_the_same_endpoint(layer: Path, service: str, region: str) -> None:
    operation = next(name for kept, name in CALLS if kept == service)
    trimmed, stock = (
        exchange(service, operation, data, 200, b"{}", region)["sent"] for data in (layer / "botocore" / "data", None)
    )
    assert stock["url"].startswith("https://")
    assert trimmed == stock


def test_a_service_that_was_cut_away_fails_by_name(layer: Path) -> None:
    with pytest.raises(UnknownServiceError, match="dynamodb"):
        client("s3", layer / "botocore" / "data")
