"""The queue of the steps of group jobs and imports of members, and its dead-letter queue."""

import random
import time
from collections.abc import Callable, Sequence
from itertools import batched
from typing import Any, Final

from cashback.adapters import step_messages
from cashback.adapters.faults import backoff, unreachable_is_busy
from cashback.adapters.queues import WorkQueue
from cashback.domain.errors import Busy
from cashback.domain.group_steps import GroupStep

_TRIES: Final = 5
_SENT_AT_ONCE: Final = 10
"""Messages of one SendMessageBatch. Source: the quotas of SQS."""


class JobQueue(WorkQueue, frozen=True):
    """The queue ``group-jobs``. ``sleep`` and ``jitter`` are arguments so that time can be virtual."""

    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random

    def send(self, steps: Sequence[GroupStep]) -> None:
        """Queue steps. Their store is the message group, so that one store's job does not hold up the others'.

        :raises Busy: not all are known to be queued; sending them again does no harm.
        """
        for some in batched(steps, _SENT_AT_ONCE, strict=False):
            self._send([_entry(number, step) for number, step in enumerate(some)])

    def _send(self, entries: list[Any]) -> None:
        """Send up to 10 messages; of those that fail by themselves each is sent again, and no other."""
        for pause in backoff(_TRIES, self.jitter):
            self.sleep(pause)
            with unreachable_is_busy():
                answer = self.client.send_message_batch(QueueUrl=self.queue_url, Entries=entries)
            failed = {failure["Id"] for failure in answer.get("Failed", [])}
            entries = [entry for entry in entries if entry["Id"] in failed]
            if not entries:
                return
        raise Busy("not every step could be queued")


def decode(message: str) -> GroupStep:
    """Read a message back.

    :raises Malformed: ``message_invalid``, it is no step.
    """
    step: GroupStep = step_messages.decode(message, GroupStep)
    return step


def _entry(number: int, step: GroupStep) -> dict[str, str]:
    return {"Id": str(number), "MessageBody": step_messages.encode(step), "MessageGroupId": step.store_id}
