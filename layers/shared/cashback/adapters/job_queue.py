"""The queue of the steps of group jobs and imports of members, and its dead-letter queue."""

import random
import time
from collections.abc import Callable, Sequence
from itertools import batched
from typing import Any, Final

from cashback.adapters import step_messages
from cashback.adapters.faults import tries
from cashback.adapters.queues import SENT_AT_ONCE, WorkQueue
from cashback.domain.errors import Busy
from cashback.domain.group_steps import GroupStep

_TRIES: Final = 5


class JobQueue(WorkQueue, frozen=True):
    """The queue ``group-jobs``. ``sleep`` and ``jitter`` are arguments so that time can be virtual."""

    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random

    def send(self, steps: Sequence[GroupStep]) -> None:
        """Queue steps.

        :raises Busy: not all are known to be queued; sending them again does no harm.
        """
        for some in batched(steps, SENT_AT_ONCE, strict=False):
            self._send(step_messages.entries(some))

    def _send(self, entries: list[Any]) -> None:
        """Send up to 10 messages; of those that fail by themselves each is sent again, and no other."""
        for _ in tries(_TRIES, self.jitter, self.sleep):
            entries = self.put_some(entries)
            if not entries:
                return
        raise Busy("not every step could be queued")


def decode(message: str) -> GroupStep:
    """Read a message back.

    :raises Malformed: ``message_invalid``, it is no step.
    """
    step: GroupStep = step_messages.decode(message, GroupStep)
    return step
