"""The queues of what is to be done about tasks, ``scenario-actions``, and of what they credit, ``credits``."""

from collections.abc import Sequence
from contextlib import suppress
from itertools import batched
from typing import Final

from cashback.adapters import step_messages
from cashback.adapters.queues import SENT_AT_ONCE, WorkQueue
from cashback.domain.errors import Busy
from cashback.domain.tasks import CreditStep, CustomerStep, OrderStep, TaskStep

type ActionStep = TaskStep | OrderStep | CustomerStep
"""What a message of ``scenario-actions`` says."""

LONGEST_DELAY: Final = 900
"""Seconds that a message can be held back. Source: the quotas of SQS."""


class TaskQueue(WorkQueue, frozen=True):
    """One of the two queues."""

    def send(self, step: ActionStep | CreditStep, delay: int = 0) -> None:
        """Queue a step, to be received in so many seconds.

        :raises Busy: as ``put``.
        """
        self.put(step_messages.encode(step), step.store_id, DelaySeconds=delay)

    def send_many(self, steps: Sequence[ActionStep]) -> set[ActionStep]:
        """Queue steps, to be received at once, and no more after a call that fails. Return those that are known to be
        queued; sending the others again does no harm."""
        sent: set[ActionStep] = set()
        with suppress(Busy):
            for some in batched(steps, SENT_AT_ONCE, strict=False):
                refused = {int(entry["Id"]) for entry in self.put_some(step_messages.entries(some))}
                sent |= {step for position, step in enumerate(some) if position not in refused}
        return sent


def decode_action(message: str) -> ActionStep:
    """Read a message of ``scenario-actions`` back.

    :raises Malformed: ``message_invalid``, it is no such step.
    """
    step: ActionStep = step_messages.decode(message, ActionStep)
    return step


def decode_credit(message: str) -> CreditStep:
    """Read a message of ``credits`` back.

    :raises Malformed: ``message_invalid``, it is no such step.
    """
    step: CreditStep = step_messages.decode(message, CreditStep)
    return step
