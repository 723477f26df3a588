"""The queue ``notifications``: events from the bus, attempts of deliveries, and alerts of what no event tells."""

from typing import Any, Final

import msgspec

from cashback.adapters import step_messages
from cashback.adapters.queues import WorkQueue
from cashback.domain.domain_events import SOURCE
from cashback.domain.errors import Malformed
from cashback.domain.outgoing import AlertStep, AttemptStep
from cashback.domain.times import parse_instant
from cashback.domain.told_events import ToldEvent

type NotificationStep = ToldEvent | AttemptStep | AlertStep
"""What a message says."""

_KIND: Final = "detail-type"
"""What the bus calls the kind of an event; no message of ours has it."""


class NotificationQueue(WorkQueue, frozen=True):
    """The queue and its dead-letter queue."""

    def send(self, step: AttemptStep | AlertStep) -> None:
        """Queue a step.

        :raises Busy: as ``put``.
        """
        self.put(step_messages.encode(step), step.store_id)


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


def _event(envelope: dict[str, Any]) -> ToldEvent:
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
    return msgspec.convert(told, ToldEvent)
