"""The alarm clock of tasks: never early, never two schedules for one step."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from cashback.adapters.alarm_clock import AlarmClock
from cashback.adapters.step_messages import encode
from cashback.adapters.task_queue import TaskQueue, decode_action, decode_credit
from cashback.domain.errors import Busy, Malformed
from cashback.domain.tasks import CreditStep, Step, TaskStep
from tests.simulation.errors import client_error, client_exceptions
from tests.unit.deployment import FakeSqs

NOW = "2026-03-01T12:00:00.000000Z"
STACK = "cashback-with-a-name-of-37-characters"


@dataclass
class FakeScheduler:
    """Keeps schedules by name, as the service does, or fails."""

    schedules: dict[str, dict[str, Any]] = field(default_factory=dict)
    failure: Exception | None = None
    exceptions: Any = field(default_factory=lambda: client_exceptions("scheduler"))

    def create_schedule(self, **schedule: Any) -> None:
        if self.failure:
            raise self.failure
        if schedule["Name"] in self.schedules:
            raise client_error("scheduler", "CreateSchedule", "ConflictException", "it exists", {})
        self.schedules[schedule["Name"]] = schedule


@dataclass
class Clock:
    """The adapter over both fakes."""

    sqs: FakeSqs = field(default_factory=FakeSqs)
    scheduler: FakeScheduler = field(default_factory=FakeScheduler)

    def set(self, at: str, task_id: str = "tsk_1", step: Step = Step.RUN, store_id: str = "demo") -> None:
        queue = TaskQueue(self.sqs, "queue", "dlq")  # type: ignore[arg-type]
        AlarmClock(queue, lambda: self.scheduler, "queue-arn", "dlq-arn", "role-arn", "tasks", STACK).set(
            store_id, task_id, step, at, NOW
        )

    @property
    def delays(self) -> list[int]:
        return [message["DelaySeconds"] for message in self.sqs.sent]


@pytest.mark.parametrize(
    ("at", "seconds"),
    [
        ("2026-03-01T12:00:00.000000Z", 0),
        ("2026-02-01T12:00:00.000000Z", 0),
        ("2026-03-01T12:00:00.000001Z", 1),
        ("2026-03-01T12:05:00.500000Z", 301),
        ("2026-03-01T12:15:00.000000Z", 900),
    ],
)
def test_what_is_due_within_a_quarter_of_an_hour_is_a_message_held_back_so_long(at: str, seconds: int) -> None:
    clock = Clock()
    clock.set(at)
    assert clock.delays == [seconds]
    [message] = clock.sqs.sent
    assert (message["QueueUrl"], message["MessageGroupId"]) == ("queue", "demo")
    assert decode_action(message["MessageBody"]) == TaskStep("demo", "tsk_1", Step.RUN)
    assert clock.scheduler.schedules == {}


@pytest.mark.parametrize(
    ("at", "expression"),
    [
        ("2026-03-01T12:15:00.000001Z", "at(2026-03-01T12:16:00)"),
        ("2026-03-01T13:00:00.000000Z", "at(2026-03-01T13:00:00)"),
        ("2026-03-01T13:00:59.999999Z", "at(2026-03-01T13:01:00)"),
        ("2026-12-31T23:59:30.000000Z", "at(2027-01-01T00:00:00)"),
    ],
)
def test_what_is_due_later_is_a_schedule_of_the_next_whole_minute(at: str, expression: str) -> None:
    clock = Clock()
    clock.set(at)
    assert clock.delays == []
    [schedule] = clock.scheduler.schedules.values()
    assert schedule["ScheduleExpression"] == expression


def test_a_schedule_ends_itself_and_says_where_what_it_cannot_deliver_goes() -> None:
    clock = Clock()
    clock.set("2026-03-02T12:00:00.000000Z", step=Step.CLOSE)
    [schedule] = clock.scheduler.schedules.values()
    target = schedule.pop("Target")
    assert decode_action(target.pop("Input")) == TaskStep("demo", "tsk_1", Step.CLOSE)
    assert target == {
        "Arn": "queue-arn",
        "RoleArn": "role-arn",
        "DeadLetterConfig": {"Arn": "dlq-arn"},
        "RetryPolicy": {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185},
    }
    name = schedule.pop("Name")
    assert schedule == {
        "GroupName": "tasks",
        "ScheduleExpression": "at(2026-03-02T12:00:00)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "ClientToken": name,
    }
    assert name.startswith(f"{STACK}-")
    assert re.fullmatch(r"[0-9a-zA-Z_-]{1,64}", name)


@pytest.mark.row("F37")
def test_each_step_of_each_task_of_each_store_has_one_schedule() -> None:
    clock = Clock()
    for _ in range(2):
        for task_id, step, store_id in [
            ("tsk_1", Step.RUN, "demo"),
            ("tsk_1", Step.CLOSE, "demo"),
            ("tsk_2", Step.RUN, "demo"),
            ("tsk_1", Step.RUN, "other"),
        ]:
            clock.set("2026-03-02T12:00:00.000000Z", task_id, step, store_id)
    assert len(clock.scheduler.schedules) == 4


@pytest.mark.parametrize(
    "failure",
    [
        EndpointConnectionError(endpoint_url="https://scheduler"),
        client_error("scheduler", "CreateSchedule", "ThrottlingException", "slower", {}),
        client_error("scheduler", "CreateSchedule", "ServiceQuotaExceededException", "too many", {}),
    ],
)
@pytest.mark.row("F37")
def test_a_scheduler_out_of_reach_is_busy(failure: Exception) -> None:
    with pytest.raises(Busy):
        Clock(scheduler=FakeScheduler(failure=failure)).set("2026-03-02T12:00:00.000000Z")


def test_a_queue_out_of_reach_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()

    def unreachable(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://sqs")

    monkeypatch.setattr(clock.sqs, "send_message", unreachable)
    with pytest.raises(Busy):
        clock.set(NOW)


# ---- its messages


def test_steps_survive_their_messages() -> None:
    credit = CreditStep("demo", "tsk_1")
    assert json.loads(encode(credit)) == {"store_id": "demo", "task_id": "tsk_1"}
    assert decode_credit(encode(credit)) == credit


@pytest.mark.parametrize(
    "message", ["", "{}", "[]", '{"store_id":"demo"}', '{"store_id":"demo","task_id":"t","step":"?"}', '"\ud800"']
)
def test_a_message_of_another_make_is_malformed(message: str) -> None:
    with pytest.raises(Malformed):
        decode_action(message)


def test_a_credit_without_a_task_is_malformed() -> None:
    with pytest.raises(Malformed):
        decode_credit('{"store_id":"demo"}')
