"""Send the dead letters of a queue of the local stack back to it: `python -m dev.redrive StoreEvents`.

On AWS this is `aws sqs start-message-move-task`, which the emulator does not know.
"""

import argparse
import sys

from dev import deploy, local_aws
from dev.project import StepFailedError
from dev.stack import HOME, tell

QUEUES = ("StoreEvents", "GroupJobs", "ScenarioActions", "Credits", "Notifications")
AT_ONCE = 10


def main(arguments: list[str] | None = None) -> None:
    """Send everything back, and say how much that was."""
    parser = argparse.ArgumentParser(prog="dev.redrive", description=__doc__)
    parser.add_argument("queue", choices=QUEUES)
    try:
        tell(f"{redrive(parser.parse_args(arguments).queue)} messages sent back")
    except StepFailedError as failure:
        sys.exit(f"error: {failure}")


def redrive(queue: str) -> int:
    """Send each dead letter, then delete it: one that is sent twice does no harm, one that is lost does."""
    aws = local_aws.remembered(HOME)
    found = deploy.outputs(aws) if aws is not None and local_aws.is_running(aws) else None
    if aws is None or found is None:
        raise StepFailedError("Nothing is running; make up starts it.")
    sqs, sent = aws.client("sqs"), 0
    dead = found[f"{queue}DlqUrl"]
    while messages := sqs.receive_message(QueueUrl=dead, MaxNumberOfMessages=AT_ONCE).get("Messages"):
        for message in messages:
            sqs.send_message(QueueUrl=found[f"{queue}QueueUrl"], MessageBody=message["Body"])
            sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])
            sent += 1
    return sent


if __name__ == "__main__":
    main()
