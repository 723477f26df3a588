"""The queue between the webhooks and the worker, and the dead-letter queue of what no retry can help.

A body travels compressed, because SQS bills by 64 KB, and as base64, because it refuses control characters.
"""

import zlib
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import msgspec.json
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
        if len(message.encode()) > MAX_MESSAGE:
            raise BodyTooLarge
        self.put(message, delivery.store_id)


class _Message(Struct, frozen=True):
    """A delivery as JSON, in which bytes are base64."""

    store: str
    source: str
    topic: str
    delivery_id: str
    received_at: str
    body: bytes


def encode(delivery: Delivery) -> str:
    """Return a delivery as the text of a message."""
    told = (delivery.store_id, delivery.source, delivery.topic, delivery.delivery_id, delivery.received_at)
    return msgspec.json.encode(_Message(*told, zlib.compress(delivery.body, _FAST))).decode()


def decode(message: str) -> Delivery:
    """Read a message back.

    :raises Malformed: ``message_invalid``, it was not made by ``encode``.
    """
    try:
        read = msgspec.json.decode(message, type=_Message)
        body = _inflated(read.body)
    except (zlib.error, ValueError, RecursionError) as error:
        raise Malformed("message_invalid") from error
    return Delivery(read.store, read.source, read.topic, read.delivery_id, read.received_at, body)


def _inflated(data: bytes) -> bytes:
    """Decompress no more than a body may have."""
    unpacking = zlib.decompressobj()
    body = unpacking.decompress(data, MAX_BODY)
    if not unpacking.eof:
        raise ValueError("longer than any body that was accepted, or cut short")
    return body
