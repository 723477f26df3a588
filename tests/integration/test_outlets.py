"""What a task reaches besides the tables, on the emulator's services: its alarms arrive, and its messages leave."""

import json
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.request import urlopen

import pytest

from cashback.adapters.alarm_clock import AlarmClock
from cashback.adapters.messages import Messages
from cashback.adapters.task_queue import TaskQueue, decode_task
from cashback.domain.errors import MessageRefused
from cashback.domain.scenarios import Channel
from cashback.domain.tasks import Step, TaskStep
from cashback.domain.times import instant
from dev.local_aws import LocalAws

ROLE = "arn:aws:iam::000000000000:role/alarm-clock"


@dataclass(frozen=True)
class Clock:
    """An alarm clock with a queue and a group of its own."""

    alarms: AlarmClock
    sqs: Any
    scheduler: Any

    def ring(self) -> TaskStep:
        """Wait for the next alarm, and take it."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            answer = self.sqs.receive_message(QueueUrl=self.alarms.queue.queue_url, WaitTimeSeconds=2)
            for message in answer.get("Messages", []):
                self.sqs.delete_message(QueueUrl=self.alarms.queue.queue_url, ReceiptHandle=message["ReceiptHandle"])
                return decode_task(message["Body"])
        raise AssertionError("no alarm rang")

    @property
    def schedules(self) -> list[str]:
        return [one["Name"] for one in self.scheduler.list_schedules(GroupName=self.alarms.group)["Schedules"]]


@pytest.fixture
def clock(aws: LocalAws) -> Clock:
    sqs, scheduler, name = aws.client("sqs"), aws.client("scheduler"), f"alarms-{uuid.uuid4().hex[:8]}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    scheduler.create_schedule_group(Name=name)
    queue = TaskQueue(sqs, url, url)
    return Clock(AlarmClock(queue, lambda: scheduler, arn, arn, ROLE, name, name), sqs, scheduler)


def test_an_alarm_of_the_next_minutes_rings_when_it_is_time(clock: Clock) -> None:
    now = datetime.now(UTC)
    clock.alarms.set("demo", "tsk_1", Step.RUN, instant(now + timedelta(seconds=1.2)), instant(now))
    assert clock.ring() == TaskStep("demo", "tsk_1", Step.RUN)
    assert datetime.now(UTC) - now >= timedelta(seconds=1.2)


def test_a_later_alarm_waits_in_the_group_and_is_set_once(clock: Clock) -> None:
    now = datetime.now(UTC)
    for _ in range(2):
        clock.alarms.set("demo", "tsk_1", Step.RUN, instant(now + timedelta(hours=1)), instant(now))
    clock.alarms.set("demo", "tsk_1", Step.CLOSE, instant(now + timedelta(days=30)), instant(now))
    steps = [TaskStep("demo", "tsk_1", step) for step in Step]
    assert sorted(clock.schedules) == sorted(clock.alarms.name_of(step) for step in steps)


def test_a_schedule_that_is_due_puts_its_step_into_the_queue(clock: Clock) -> None:
    now = datetime.now(UTC)
    minute = now - timedelta(minutes=1)
    clock.alarms.set("demo", "tsk_1", Step.CLOSE, instant(minute), instant(minute - timedelta(hours=1)))
    assert clock.ring() == TaskStep("demo", "tsk_1", Step.CLOSE)


# ---- messages


@pytest.fixture
def messages(aws: LocalAws) -> Messages:
    aws.client("ses").verify_email_identity(EmailAddress="shop@example.com")
    sns, ses = aws.client("sns"), aws.client("sesv2")
    return Messages(lambda: sns, lambda: ses, "shop@example.com")


def read_back(aws: LocalAws, path: str) -> Any:
    with urlopen(f"{aws.url}/_ministack/{path}") as answer:
        return json.load(answer)


def test_an_sms_reaches_its_phone(aws: LocalAws, messages: Messages) -> None:
    text = f"Grüße {uuid.uuid4()}"
    messages.send(Channel.SMS, "+491701234567", text, "")
    assert text in json.dumps(read_back(aws, "sns/sms-messages"), ensure_ascii=False)


def test_an_email_reaches_its_address(aws: LocalAws, messages: Messages) -> None:
    text = f"Grüße {uuid.uuid4()}"
    messages.send(Channel.EMAIL, "anna@example.com", text, "Übrigens")
    said = json.dumps(read_back(aws, "ses/messages"), ensure_ascii=False)
    assert all(part in said for part in (text, "Übrigens", "anna@example.com", "shop@example.com"))


def test_an_email_of_an_unverified_sender_is_refused(messages: Messages) -> None:
    stranger = Messages(messages.sns, messages.ses, "stranger@example.com")
    with pytest.raises(MessageRefused) as refused:
        stranger.send(Channel.EMAIL, "anna@example.com", "Hello", "Hello")
    assert refused.value.code == "message_rejected"


def test_a_push_to_a_device_that_is_not_there_is_refused(messages: Messages) -> None:
    device = "arn:aws:sns:eu-central-1:000000000000:endpoint/GCM/none/00000000-0000-0000-0000-000000000000"
    with pytest.raises(MessageRefused) as refused:
        messages.send(Channel.PUSH, device, "Hello", "")
    assert refused.value.code == "recipient_unknown"
