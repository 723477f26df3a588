"""The queues of what is to be done about tasks, ``scenario-actions``, and of what they credit, ``credits``."""

from typing import Final

import msgspec

from cashback.adapters.faults import unreachable_is_busy
from cashback.adapters.queues import WorkQueue
from cashback.domain.errors import Malformed
from cashback.domain.tasks import CreditStep, CustomerStep, OrderStep, TaskStep

type ActionStep = TaskStep | OrderStep | CustomerStep
"""What a message of ``scenario-actions`` says."""

LONGEST_DELAY: Final = 900
"""Seconds that a message can be held back. Source: the quotas of SQS."""


class TaskQueue(WorkQueue, frozen=True):
    """One of the two queues."""

    def send(self, step: ActionStep | CreditStep, delay: int = 0) -> None:
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


def encode(step: ActionStep | CreditStep) -> str:
    """Return a step as the text of a message."""
    return msgspec.json.encode(step).decode()


def decode_action(message: str) -> ActionStep:
    """Read a message of ``scenario-actions`` back.

    :raises Malformed: ``message_invalid``, it was not made by ``encode``.
    """
    try:
        step: ActionStep = msgspec.json.decode(message, type=TaskStep | OrderStep | CustomerStep)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise Malformed("message_invalid") from error
    return step


def decode_credit(message: str) -> CreditStep:
    """Read a message of ``credits`` back.

    :raises Malformed: ``message_invalid``, it was not made by ``encode``.
    """
    try:
        return msgspec.json.decode(message, type=CreditStep)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise Malformed("message_invalid") from error
