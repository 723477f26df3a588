"""The queue between the webhooks and the worker, and the dead-letter queue of what no retry can help.

A body travels compressed, because SQS bills by 64 KB, and as base64, because it refuses control characters.
"""

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from cashback.adapters.faults import FAILURES, unreachable_is_busy
from cashback.domain.errors import BodyTooLarge, Malformed
from cashback.domain.news import MAX_BODY, Delivery

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

MAX_MESSAGE: Final = 1_048_576
"""Bytes of one message. Source: the quotas of SQS."""

SENT_AT_ONCE: Final = 10
"""Messages of one SendMessageBatch. Source: the same."""

_ENCODER: Final = json.JSONEncoder(separators=(",", ":"))

_FAST: Final = 1
"""Level of compression: the next ones cost three times the CPU and save a tenth."""


class WorkQueue(Struct, frozen=True):
    """A queue whose messages a worker handles, and its dead-letter queue."""

    client: "SQSClient"
    queue_url: str
    dlq_url: str

    def put(self, message: str, store_id: str, **how: Any) -> None:
        """Queue the text of a message. Its store is the message group, so that one busy store does not hold up the
        others; ``how`` are further parameters of the call.

        :raises Busy: not known to be queued; sending it again does no harm.
        """
        with unreachable_is_busy():
            self.client.send_message(QueueUrl=self.queue_url, MessageBody=message, MessageGroupId=store_id, **how)

    def put_some(self, entries: list[Any]) -> list[Any]:
        """Queue up to ``SENT_AT_ONCE`` messages. Return the entries of those that were refused by themselves.

        :raises Busy: none is known to be queued; sending them again does no harm.
        """
        with unreachable_is_busy():
            answer = self.client.send_message_batch(QueueUrl=self.queue_url, Entries=entries)
        failed = {failure["Id"] for failure in answer.get("Failed", [])}
        return [entry for entry in entries if entry["Id"] in failed]

    def delay(self, receipt_handle: str, seconds: int) -> None:
        """Hide a message for so many seconds before it is received again.

        Never fails: a message that cannot be told so comes back after the queue's own visibility time-out.
        """
        with suppress(*FAILURES):
            self.client.change_message_visibility(
                QueueUrl=self.queue_url,
                ReceiptHandle=receipt_handle,
                VisibilityTimeout=seconds,
            )

    def dead_letter(self, record: Mapping[str, Any]) -> None:
        """Put a message of a Lambda event, as it came, into the dead-letter queue.

        :raises Busy: it is not known to be there, so it must not be deleted from its queue.
        """
        with unreachable_is_busy():
            self.client.send_message(QueueUrl=self.dlq_url, MessageBody=record["body"])


class EventQueue(WorkQueue, frozen=True):
    """The queue ``store-events``."""

    def send(self, delivery: Delivery) -> None:
        """Queue a delivery.

        :raises BodyTooLarge: encoded, it is more than a message may hold.
        :raises Busy: as ``put``.
        """
        message = encode(delivery)
        if len(message) > MAX_MESSAGE:
            raise BodyTooLarge
        self.put(message, delivery.store_id)


def encode(delivery: Delivery) -> str:
    """Return a delivery as the text of a message; its length is its size in bytes."""
    return _ENCODER.encode(
        {
            "store": delivery.store_id,
            "source": delivery.source,
            "topic": delivery.topic,
            "delivery_id": delivery.delivery_id,
            "received_at": delivery.received_at,
            "body": base64.b64encode(zlib.compress(delivery.body, _FAST)).decode(),
        }
    )


def decode(message: str) -> Delivery:
    """Read a message back.

    :raises Malformed: ``message_invalid``, it was not made by ``encode``.
    """
    try:
        read = json.loads(message)
        texts = {name: read[name] for name in ("source", "topic", "delivery_id", "received_at")}
        body = _inflated(base64.b64decode(read["body"], validate=True))
        return Delivery(store_id=_text(read["store"]), body=body, **{name: _text(texts[name]) for name in texts})
    except (binascii.Error, zlib.error, ValueError, TypeError, KeyError, RecursionError) as error:
        raise Malformed("message_invalid") from error


def _inflated(data: bytes) -> bytes:
    """Decompress no more than a body may have."""
    unpacking = zlib.decompressobj()
    body = unpacking.decompress(data, MAX_BODY)
    if not unpacking.eof:
        raise ValueError("longer than any body that was accepted, or cut short")
    return body


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value
