"""A realistic call of every AWS operation that the functions use, answers to each, and what a client makes of them
without a wire: to compare botocore as it is deployed with botocore as it is published."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from zlib import crc32

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

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
    ("dynamodb", "BatchWriteItem"): {
        "RequestItems": {"State": [{"PutRequest": {"Item": PUT["Item"]}}, {"DeleteRequest": {"Key": KEY}}]}
    },
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
    ("dynamodb", "BatchWriteItem"): {
        "UnprocessedItems": {"State": [{"DeleteRequest": {"Key": KEY}}]},
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
HEADERS = {
    "X-Amzn-RequestId": "r",
    "Date": "Thu, 01 Jan 2026 00:00:00 GMT",
    "X-Amzn-Query-Error": "AWS.SimpleQueueService.NonExistentQueue;Sender",
}


# ---- contents


class Sent(NamedTuple):
    """A request as it would leave, with its headers in their order."""

    method: str
    url: str
    body: Any
    headers: list[tuple[str, Any]]


class _Raw:
    """The body of an answer that never came over a wire."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.body


def exchange(
    caller: Any,
    operation: str,
    parameters: Mapping[str, Any],
    answers: Sequence[tuple[int, bytes] | Exception],
    sent: list[Sent],
) -> Any:
    """What a client makes of the answers, the last of which is given for ever. What it sends is noted try by try."""

    def answer(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        sent.append(Sent(request.method, request.url, request.body, list(request.headers.items())))
        told = answers[min(len(sent), len(answers)) - 1]
        if isinstance(told, Exception):
            raise told
        status, body = told
        headers = HTTPHeaders.from_dict({**HEADERS, "X-Amz-Crc32": str(crc32(body))})
        return AWSResponse(request.url, status, headers, _Raw(body))

    caller.meta.events.register("before-send", answer)
    try:
        result = caller._make_api_call(operation, dict(parameters))
    except (BotoCoreError, ResponseParserError) as error:
        result = [type(error).__name__, str(error)]
    except ClientError as error:
        result = [type(error).__name__, str(error), error.response]
    finally:
        caller.meta.events.unregister("before-send", answer)
    return result
