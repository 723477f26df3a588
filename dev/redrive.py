"""Send the dead letters of a queue of the local stack back to it: `python -m dev.redrive StoreEvents`.

On AWS this is `aws sqs start-message-move-task`, which the emulator does not know.

`Projector` is another matter, and the same on AWS, where `--stack NAME` names the stack. Its dead letters only say
where in a stream the records stand that were given up, which the stream keeps for a day after they were written. They
are read from there and given to the function.
"""

import argparse
import json
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import boto3
from botocore.exceptions import ClientError

from dev import deploy, local_aws
from dev.project import STACK_NAME, StepFailedError
from dev.stack import HOME, tell

QUEUES = ("StoreEvents", "GroupJobs", "ScenarioActions", "Credits", "Notifications")
PROJECTOR = "Projector"
AT_ONCE = 10
RECORDS_AT_ONCE = 100
# How long nobody else sees a dead letter whose records are given to the projector.
VISIBILITY_SECONDS = 600

type Clients = Callable[[str], Any]


def main(arguments: list[str] | None = None) -> None:
    """Send everything back, and say how much that was."""
    parser = argparse.ArgumentParser(prog="dev.redrive", description=__doc__)
    parser.add_argument("queue", choices=(*QUEUES, PROJECTOR))
    parser.add_argument("--stack", help="a stack of AWS, with the credentials and region of the environment")
    given = parser.parse_args(arguments)
    if given.stack and given.queue != PROJECTOR:
        parser.error("on AWS: aws sqs start-message-move-task")
    try:
        if given.queue == PROJECTOR:
            clients: Clients = boto3.client if given.stack else local_clients()  # type: ignore[assignment]  # typed per service
            tell(f"{project_again(clients, given.stack or STACK_NAME)} records given to the projector again")
        else:
            tell(f"{redrive(given.queue)} messages sent back")
    except StepFailedError as failure:
        sys.exit(f"error: {failure}")


def local_clients() -> Clients:
    """Clients of the local stack."""
    aws = local_aws.remembered(HOME)
    if aws is None or not local_aws.is_running(aws):
        raise StepFailedError("Nothing is running; make up starts it.")
    return aws.client


def redrive(queue: str) -> int:
    """Send the dead letters of a queue of the local stack back to it."""
    aws = local_aws.remembered(HOME)
    found = deploy.outputs(aws) if aws is not None and local_aws.is_running(aws) else None
    if aws is None or found is None:
        raise StepFailedError("Nothing is running; make up starts it.")
    return send_back(aws.client("sqs"), found[f"{queue}DlqUrl"], found[f"{queue}QueueUrl"])


def send_back(sqs: Any, dead: str, queue_url: str) -> int:
    """Send each dead letter, then delete it: one that is sent twice does no harm, one that is lost does."""
    sent = 0
    while messages := sqs.receive_message(QueueUrl=dead, MaxNumberOfMessages=AT_ONCE).get("Messages"):
        for message in messages:
            sqs.send_message(QueueUrl=queue_url, MessageBody=message["Body"])
            sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])
            sent += 1
    return sent


def project_again(clients: Clients, stack_name: str) -> int:
    """Give the projector the records that its dead letters name, and delete each letter whose records it took.

    What it did before is not counted again, and its events have the ids that they had. A letter whose records are gone
    from the stream stays, and so does one that fails again.
    """
    described = clients("cloudformation").describe_stack_resource
    dead, function = (
        described(StackName=stack_name, LogicalResourceId=name)["StackResourceDetail"]["PhysicalResourceId"]
        for name in ("ProjectorDlq", PROJECTOR)
    )
    sqs, given, left = clients("sqs"), 0, 0
    for message in [*_letters(sqs, dead)]:
        place = json.loads(message["Body"])["DDBStreamBatchInfo"]
        try:
            for records in given_up(clients("dynamodbstreams"), place):
                _invoke(clients("lambda"), function, records)
                given += len(records)
        except StepFailedError as failure:
            tell(f"records {place['startSequenceNumber']} to {place['endSequenceNumber']}: {failure}")
            left += 1
        else:
            sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])
    if left:
        raise StepFailedError(f"{given} records were given to the projector again; {left} dead letters stay.")
    return given


def given_up(streams: Any, place: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """Read the records that a dead letter names, in pages.

    More may stand there than the function was given: what its mapping leaves out says nothing to it.
    """
    last = int(place["endSequenceNumber"])
    try:
        iterator = streams.get_shard_iterator(
            StreamArn=place["streamArn"],
            ShardId=place["shardId"],
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            SequenceNumber=place["startSequenceNumber"],
        )["ShardIterator"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"TrimmedDataAccessException", "ResourceNotFoundException"}:
            raise
        raise StepFailedError("gone from the stream, which keeps them for a day") from error
    while iterator is not None:
        page = streams.get_records(ShardIterator=iterator, Limit=RECORDS_AT_ONCE)
        wanted = [one for one in page["Records"] if int(one["dynamodb"]["SequenceNumber"]) <= last]
        if wanted:
            yield wanted
        passed = len(wanted) < len(page["Records"]) or (
            bool(wanted) and int(wanted[-1]["dynamodb"]["SequenceNumber"]) == last
        )
        iterator = None if passed else page.get("NextShardIterator")


def _letters(sqs: Any, dead: str) -> Iterator[dict[str, Any]]:
    wanted = {"MaxNumberOfMessages": AT_ONCE, "VisibilityTimeout": VISIBILITY_SECONDS}
    while messages := sqs.receive_message(QueueUrl=dead, **wanted).get("Messages"):
        yield from messages


def _invoke(functions: Any, function: str, records: list[dict[str, Any]]) -> None:
    payload = json.dumps({"Records": records}, default=_spelled).encode()
    answer = functions.invoke(FunctionName=function, Payload=payload)
    said = json.loads(answer["Payload"].read())
    if "FunctionError" in answer or said["batchItemFailures"]:
        raise StepFailedError("failed again; the log of the projector says why")


def _spelled(value: Any) -> Any:
    """As the event of a function spells what a client reads."""
    return value.timestamp() if isinstance(value, datetime) else b64encode(value).decode()


if __name__ == "__main__":
    main()
