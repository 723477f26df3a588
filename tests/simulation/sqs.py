"""boto3's SQS client over virtual queues, for the senders and workers under test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from tests.simulation.errors import client_error, client_exceptions
from tests.simulation.faults import Crash, Fault, Faults
from tests.simulation.queue import Queue, SqsRefusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class SimulatedSqs:
    """boto3's SQS client for what workers and senders call, over the queues it is given, with faults on every call."""

    def __init__(self, queues: Iterable[Queue], faults: Faults | None = None) -> None:
        self.queues = {queue.url: queue for queue in queues}
        self.faults = faults if faults is not None else Faults()

    @property
    def exceptions(self) -> Any:
        """The modelled classes, as on a boto3 client."""
        return client_exceptions("sqs")

    def send_message(
        self,
        *,
        QueueUrl: str,
        MessageBody: str,
        DelaySeconds: int = 0,
        MessageGroupId: str | None = None,
        MessageAttributes: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        def run() -> dict[str, Any]:
            queue = self._queue(QueueUrl)
            sent = queue.send(MessageBody, delay=DelaySeconds, group=MessageGroupId, attributes=MessageAttributes)
            return {"MessageId": sent, "MD5OfMessageBody": "simulated"}

        return self._call("SendMessage", MessageBody, run)

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        """Each entry succeeds or fails by itself; the answer is 200 either way."""

        def run() -> dict[str, Any]:
            queue = self._queue(QueueUrl)
            if not 1 <= len(Entries) <= 10 or len({entry["Id"] for entry in Entries}) < len(Entries):
                raise SqsRefusal("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", "1 to 10 entries, distinct ids")
            done: list[dict[str, Any]] = []
            failed: list[dict[str, Any]] = []
            for entry in Entries:
                if self.faults.chance("partial"):
                    failed.append({"Id": entry["Id"], "SenderFault": False, "Code": "InternalError"})
                    continue
                try:
                    sent = queue.send(
                        entry["MessageBody"],
                        delay=entry.get("DelaySeconds", 0),
                        group=entry.get("MessageGroupId"),
                        attributes=entry.get("MessageAttributes"),
                    )
                except SqsRefusal as refusal:
                    failed.append({"Id": entry["Id"], "SenderFault": True, "Code": refusal.code})
                else:
                    done.append({"Id": entry["Id"], "MessageId": sent, "MD5OfMessageBody": "simulated"})
            return {name: part for name, part in (("Successful", done), ("Failed", failed)) if part}

        return self._call("SendMessageBatch", Entries, run)

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> dict[str, Any]:
        def run() -> dict[str, Any]:
            self._queue(QueueUrl).change_visibility(ReceiptHandle, VisibilityTimeout)
            return {}

        return self._call("ChangeMessageVisibility", (ReceiptHandle, VisibilityTimeout), run)

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> dict[str, Any]:
        def run() -> dict[str, Any]:
            self._queue(QueueUrl).delete(ReceiptHandle)
            return {}

        return self._call("DeleteMessage", ReceiptHandle, run)

    def receive_message(
        self, *, QueueUrl: str, MaxNumberOfMessages: int = 1, VisibilityTimeout: int | None = None, **rest: Any
    ) -> dict[str, Any]:
        def run() -> dict[str, Any]:
            records = self._queue(QueueUrl).receive(MaxNumberOfMessages, VisibilityTimeout)
            messages = [
                {
                    "MessageId": record["messageId"],
                    "ReceiptHandle": record["receiptHandle"],
                    "Body": record["body"],
                    "Attributes": record["attributes"],
                }
                for record in records
            ]
            return {"Messages": messages} if messages else {}

        return self._call("ReceiveMessage", QueueUrl, run)

    def _queue(self, url: str) -> Queue:
        try:
            return self.queues[url]
        except KeyError:
            raise SqsRefusal("QueueDoesNotExist", "The specified queue does not exist.") from None

    def _call(self, operation: str, request: Any, run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        faults = self.faults
        call = faults.calls + 1
        fault = faults.draw(operation)
        try:
            answer = self._struck(fault, run)
        except SqsRefusal as refusal:
            faults.tell(call, operation, request, refusal.code)
            raise client_error("sqs", operation, refusal.code, str(refusal), {}) from None
        except (ConnectionClosedError, ReadTimeoutError, Crash) as lost:
            faults.tell(call, operation, request, lost)
            raise
        faults.tell(call, operation, request, "ok")
        answer["ResponseMetadata"] = {"HTTPStatusCode": 200, "RetryAttempts": 0}
        return answer

    def _struck(self, fault: Fault | None, run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        self.faults.before(fault)
        if fault is Fault.THROTTLE:
            raise SqsRefusal("RequestThrottled", "The request was denied due to request throttling.")
        if fault is Fault.ERROR_BEFORE:
            raise SqsRefusal("InternalFailure", "Internal failure")
        try:
            answer = run()
        finally:
            self.faults.after(fault)
        if fault is Fault.ERROR_AFTER:
            raise SqsRefusal("InternalFailure", "Internal failure")
        return answer
