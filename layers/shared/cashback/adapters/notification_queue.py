"""The queue ``notifications``: events from the bus, attempts of deliveries, and alerts of what no event tells."""

from typing import Any, Final

import msgspec

from cashback.adapters.faults import unreachable_is_busy
from cashback.adapters.queues import WorkQueue
from cashback.domain.domain_events import SOURCE, DomainEvent
from cashback.domain.errors import Malformed
from cashback.domain.outgoing import AlertStep, AttemptStep
from cashback.domain.times import parse_instant

type NotificationStep = DomainEvent | AttemptStep | AlertStep
"""What a message says."""

_KIND: Final = "detail-type"
"""What the bus calls the kind of an event; no message of ours has it."""


class NotificationQueue(WorkQueue, frozen=True):
    """The queue and its dead-letter queue."""

    def send(self, step: AttemptStep | AlertStep) -> None:
        """Queue a step. Its store is the message group, so that one shop's slow endpoint does not hold up the others.

        :raises Busy: not known to be queued; sending it again does no harm.
        """
        message = msgspec.json.encode(step).decode()
        with unreachable_is_busy():
            self.client.send_message(QueueUrl=self.queue_url, MessageBody=message, MessageGroupId=step.store_id)


def decode(message: str) -> NotificationStep:
    """Read a message.

    :raises Malformed: ``message_invalid``, neither the bus nor ``send`` made it.
    """
    try:
        said = msgspec.json.decode(message)
        if _KIND in said:
            return _event(said)
        step: AttemptStep | AlertStep = msgspec.convert(said, AttemptStep | AlertStep)
    except (msgspec.DecodeError, UnicodeEncodeError, KeyError, TypeError, ValueError) as error:
        raise Malformed("message_invalid") from error
    return step


def _event(envelope: dict[str, Any]) -> DomainEvent:
    detail = envelope["detail"]
    if envelope["source"] != SOURCE:
        raise ValueError("another source")
    told = {
        "event_id": detail["event_id"],
        "kind": envelope[_KIND],
        "store_id": detail["store_id"],
        "occurred_at": parse_instant(detail["occurred_at"]),
        "detail": detail,
    }
    return msgspec.convert(told, DomainEvent)
