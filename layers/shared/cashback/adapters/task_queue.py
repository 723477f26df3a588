"""The queues of what is to be done about tasks, ``scenario-actions``, and of what they credit, ``credits``."""

from typing import Final

import msgspec

from cashback.adapters.faults import unreachable_is_busy
from cashback.adapters.queues import WorkQueue
from cashback.domain.errors import Malformed
from cashback.domain.tasks import CreditStep, TaskStep

LONGEST_DELAY: Final = 900
"""Seconds that a message can be held back. Source: the quotas of SQS."""


class TaskQueue(WorkQueue, frozen=True):
    """One of the two queues."""

    def send(self, step: TaskStep | CreditStep, delay: int = 0) -> None:
        """Queue a step, to be received in so many seconds. Its store is the message group, so that one store's tasks do
        not hold up the others'.

        :raises Busy: not known to be queued; sending it again does no harm.
        """
        with unreachable_is_busy():
            self.client.send_message(
                QueueUrl=self.queue_url,
                MessageBody=encode(step),
                MessageGroupId=step.store_id,
                DelaySeconds=delay,
            )


def encode(step: TaskStep | CreditStep) -> str:
    """Return a step as the text of a message."""
    return msgspec.json.encode(step).decode()


def decode_task(message: str) -> TaskStep:
    """Read a message of ``scenario-actions`` back.

    :raises Malformed: ``message_invalid``, it was not made by ``encode``.
    """
    return _decode(message, TaskStep)


def decode_credit(message: str) -> CreditStep:
    """Read a message of ``credits`` back.

    :raises Malformed: ``message_invalid``, it was not made by ``encode``.
    """
    return _decode(message, CreditStep)


def _decode[Kind](message: str, kind: type[Kind]) -> Kind:
    try:
        return msgspec.json.decode(message, type=kind)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise Malformed("message_invalid") from error
