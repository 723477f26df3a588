"""The alarm clock of tasks: a message that arrives when one is due. What it loses, the sweeper finds."""

import base64
import math
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from msgspec import Struct

from cashback.adapters import step_messages
from cashback.adapters.faults import unreachable_is_busy
from cashback.adapters.task_queue import LONGEST_DELAY, TaskQueue
from cashback.domain.tasks import Step, TaskStep
from cashback.domain.times import Instant, moment

_LONGEST_RETRY: Final = 86_400
"""Seconds for which the Scheduler goes on trying. Source: its quotas. The sweeper is long through by then."""

_NAME_LENGTH: Final = 26


class AlarmClock(Struct, frozen=True):
    """Sends steps to the queue at their times, never before. ``scheduler`` is asked for when an alarm is set that the
    queue itself cannot hold back so long; ``name_prefix`` is the stack's name, which the roles know schedules by, and
    which leaves room for what follows it: 37 characters of it at most."""

    queue: TaskQueue
    scheduler: Callable[[], Any]
    queue_arn: str
    dlq_arn: str
    role_arn: str
    group: str
    name_prefix: str

    def set(self, store_id: str, task_id: str, step: Step, at: Instant, now: Instant) -> None:
        """Let a step of a task be done at a time, or at once where that is over.

        Set twice, it may ring twice: a step that was done does nothing.

        :raises Busy: not known to be set; setting it again does no harm.
        """
        about = TaskStep(store_id, task_id, step)
        wait = (moment(at) - moment(now)).total_seconds()
        if wait <= LONGEST_DELAY:
            self.queue.send(about, max(0, math.ceil(wait)))
        else:
            self._schedule(about, moment(at))

    def _schedule(self, about: TaskStep, at: datetime) -> None:
        name = self.name_of(about)
        scheduler = self.scheduler()
        with unreachable_is_busy():
            try:
                scheduler.create_schedule(
                    Name=name,
                    GroupName=self.group,
                    # In UTC, to the second; rounded up to a minute, because they are started once a minute anyway.
                    ScheduleExpression=f"at({_next_minute(at):%Y-%m-%dT%H:%M:%S})",
                    FlexibleTimeWindow={"Mode": "OFF"},
                    ActionAfterCompletion="DELETE",
                    ClientToken=name,
                    Target={
                        "Arn": self.queue_arn,
                        "RoleArn": self.role_arn,
                        "Input": step_messages.encode(about),
                        "DeadLetterConfig": {"Arn": self.dlq_arn},
                        "RetryPolicy": {"MaximumEventAgeInSeconds": _LONGEST_RETRY, "MaximumRetryAttempts": 185},
                    },
                )
            except scheduler.exceptions.ConflictException:
                # The alarm of this step was set before.
                return

    def name_of(self, about: TaskStep) -> str:
        """Return the name of the one schedule of a step."""
        digest = sha256("\n".join((about.store_id, about.task_id, about.step)).encode()).digest()
        return f"{self.name_prefix}-{base64.b32encode(digest).decode()[:_NAME_LENGTH].lower()}"


def _next_minute(at: datetime) -> datetime:
    whole = at.replace(second=0, microsecond=0)
    return whole if whole == at else whole + timedelta(minutes=1)
