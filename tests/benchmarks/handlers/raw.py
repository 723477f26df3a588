"""One transaction, sent by boto3 as it comes: its warm CPU is the unit b, its INIT the unit B."""

from typing import Any

import boto3

client = boto3.client("dynamodb")


def handler(event: dict[str, Any], _context: object) -> None:
    """Send the transaction of the event."""
    client.transact_write_items(TransactItems=event["items"])
