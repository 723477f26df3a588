"""Virtual SQS: at-least-once, any order, with the records Lambda would hand to the real handler.

`Queue` is the queue with its Lambda mapping; `sqs.SimulatedSqs` is the boto3 client in front of it. Duplicates,
reordering and messages that come back after their deletion are drawn from the queue's own seeded random.
"""

from __future__ import annotations

import hashlib
import re
from copy import replace
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.simulation.clock import Clock

MAX_BYTES = 1 << 20
MAX_DELAY = 900
MAX_VISIBILITY = 43_200
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_GROUP = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")


class SqsRefusal(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Traffic:
    """Chances: a received message leaves a copy that others receive; a deleted one comes back; a batch is shuffled."""

    duplicate: float = 0.0
    resurrect: float = 0.0
    reorder: float = 0.0


@dataclass(slots=True)
class Message:
    id: str
    body: str
    sent_at: float
    visible_at: float
    group: str | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    received: int = 0
    first_received_at: float = 0.0
    receipt: str = ""
    source: str | None = None

    def record(self, queue: Queue) -> dict[str, Any]:
        """As in the event of a Lambda SQS mapping; times in milliseconds, all attributes as text."""
        shown = {
            "ApproximateReceiveCount": str(self.received),
            "SentTimestamp": str(round(self.sent_at * 1000)),
            "SenderId": "AROASIMULATED:sender",
            "ApproximateFirstReceiveTimestamp": str(round(self.first_received_at * 1000)),
        }
        if self.group is not None:
            shown["MessageGroupId"] = self.group
        if self.source is not None:
            shown["DeadLetterQueueSourceArn"] = self.source
        return {
            "messageId": self.id,
            "receiptHandle": self.receipt,
            "body": self.body,
            "attributes": shown,
            "messageAttributes": self.attributes,
            "md5OfBody": hashlib.md5(self.body.encode(), usedforsecurity=False).hexdigest(),
            "eventSource": "aws:sqs",
            "eventSourceARN": queue.arn,
            "awsRegion": "eu-central-1",
        }


class Queue:
    """A standard queue. No message is lost: it is here, in flight, deleted on purpose, or in the dead-letter queue."""

    def __init__(
        self,
        name: str,
        clock: Clock,
        *,
        seed: int = 0,
        traffic: Traffic | None = None,
        visibility: float = 30.0,
        max_receive_count: int | None = None,
        dead_letters: Queue | None = None,
    ) -> None:
        self.name = name
        self.url = f"https://sqs.eu-central-1.amazonaws.com/000000000000/{name}"
        self.arn = f"arn:aws:sqs:eu-central-1:000000000000:{name}"
        self.clock = clock
        self.random = Random(f"{seed}/{name}")
        self.traffic = traffic if traffic is not None else Traffic()
        self.visibility = visibility
        self.max_receive_count = max_receive_count
        self.dead_letters = dead_letters
        self.messages: list[Message] = []
        self.sent = 0
        self._receipts = 0

    def calm(self) -> None:
        self.traffic = Traffic()

    def send(
        self, body: str, *, delay: float = 0.0, group: str | None = None, attributes: dict[str, Any] | None = None
    ) -> str:
        """Accept a message, or refuse what SQS refuses; the answer is its id."""
        if len(body.encode("utf-8", "surrogatepass")) > MAX_BYTES:
            raise SqsRefusal("InvalidParameterValue", "One or more parameters are invalid. Message must be shorter")
        if not body or _FORBIDDEN.search(body):
            raise SqsRefusal("InvalidMessageContents", "Invalid characters found. Valid unicode characters are ...")
        if not 0 <= delay <= MAX_DELAY:
            raise SqsRefusal("InvalidParameterValue", f"Value {delay} for parameter DelaySeconds is invalid.")
        if group is not None and not _GROUP.fullmatch(group):
            raise SqsRefusal("InvalidParameterValue", f"Value {group} for parameter MessageGroupId is invalid.")
        self.sent += 1
        now = self.clock.time()
        message = Message(f"{self.name}-{self.sent:06d}", body, now, now + delay, group, dict(attributes or {}))
        self.messages.append(message)
        return message.id

    def receive(self, most: int = 10, visibility: float | None = None) -> list[dict[str, Any]]:
        """Up to `most` visible messages as Lambda records; one received too often goes to the dead-letter queue."""
        now = self.clock.time()
        ready = [message for message in self.messages if message.visible_at <= now]
        if self.traffic.reorder and self.random.random() < self.traffic.reorder:
            self.random.shuffle(ready)
        records: list[dict[str, Any]] = []
        for message in ready:
            if len(records) == most:
                break
            if self.max_receive_count is not None and message.received >= self.max_receive_count:
                self._bury(message)
                continue
            self._receipts += 1
            message.received += 1
            message.first_received_at = message.first_received_at or now
            message.receipt = f"{message.id}#{self._receipts}"
            if self._chance(self.traffic.duplicate):
                self.messages.append(replace(message, receipt=""))
            message.visible_at = now + (self.visibility if visibility is None else visibility)
            records.append(message.record(self))
        return records

    def event(self, most: int = 10) -> dict[str, Any] | None:
        """The next Lambda event, None when nothing is visible."""
        records = self.receive(most)
        return {"Records": records} if records else None

    def settle(self, event: Mapping[str, Any], response: Mapping[str, Any] | None) -> list[str]:
        """Delete what the handler did not report, as Lambda does; a malformed report fails the batch. Ids deleted."""
        records = event["Records"]
        failed = _failed_ids(response, {record["messageId"] for record in records})
        done = [record for record in records if failed is not None and record["messageId"] not in failed]
        for record in done:
            self.delete(record["receiptHandle"])
        return [record["messageId"] for record in done]

    def delete(self, receipt: str) -> None:
        """Delete by the latest receipt; an older one is accepted and does nothing, as SQS may do."""
        message = self._by_receipt(receipt)
        if message is None or self._chance(self.traffic.resurrect):
            return
        self.messages.remove(message)

    def change_visibility(self, receipt: str, seconds: float) -> None:
        if not 0 <= seconds <= MAX_VISIBILITY:
            raise SqsRefusal("InvalidParameterValue", f"Value {seconds} for parameter VisibilityTimeout is invalid.")
        message = self._by_receipt(receipt)
        if message is None or message.visible_at <= self.clock.time():
            raise SqsRefusal("MessageNotInflight", "The message referred to is not in flight.")
        message.visible_at = self.clock.time() + seconds

    def redrive(self, target: Queue, source: str | None = None) -> int:
        """Move everything, or what a source was given up from, to another queue, as after an operator's redrive: a new
        send, counted from zero."""
        moved = [message for message in self.messages if source is None or message.source == source]
        for message in moved:
            self.messages.remove(message)
            target.send(message.body, group=message.group, attributes=message.attributes)
        return len(moved)

    def next_visible_at(self) -> float | None:
        """When the next message can be received (seconds since the epoch), to advance the clock to."""
        return min((message.visible_at for message in self.messages), default=None)

    def __len__(self) -> int:
        return len(self.messages)

    def __bool__(self) -> bool:
        return True

    def _chance(self, rate: float) -> bool:
        return rate > 0 and self.random.random() < rate

    def _by_receipt(self, receipt: str) -> Message | None:
        return next((message for message in self.messages if message.receipt == receipt), None)

    def _bury(self, message: Message) -> None:
        if self.dead_letters is None:
            raise ValueError(f"{self.name} has a receive limit and no dead-letter queue")
        self.messages.remove(message)
        message.source, message.receipt = self.arn, ""
        message.visible_at, message.received = self.clock.time(), 0
        self.dead_letters.messages.append(message)


def _failed_ids(response: Mapping[str, Any] | None, batch: set[str]) -> set[str] | None:
    """The reported failures; None when the report is malformed, which Lambda treats as a failure of everything."""
    if not response:
        return set()
    failures = response.get("batchItemFailures")
    if failures is None:
        return set()
    if not isinstance(failures, list):
        return None
    failed: set[str] = set()
    for failure in failures:
        identifier = failure.get("itemIdentifier") if isinstance(failure, dict) else None
        if identifier not in batch:
            return None
        failed.add(identifier)
    return failed
