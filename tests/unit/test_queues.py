"""The message between webhook and worker."""

import base64
import json
import os
import zlib
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from cashback.adapters import queues
from cashback.domain.errors import BodyTooLarge, Busy, Malformed
from cashback.domain.news import Delivery
from cashback.storefronts import signatures

AT = "2026-03-01T12:00:00.000000Z"


class Sqs:
    """Keeps what is sent, or fails."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.sent: list[dict[str, Any]] = []
        self.failure = failure

    def _call(self, **parameters: Any) -> None:
        if self.failure:
            raise self.failure
        self.sent.append(parameters)

    send_message = change_message_visibility = _call


def queue(sqs: Sqs) -> queues.EventQueue:
    return queues.EventQueue(sqs, "queue", "dlq")  # type: ignore[arg-type]


def delivery(body: bytes = b'{"id": 1}', **more: str) -> Delivery:
    values = {"topic": "orders/paid", "delivery_id": "d1", **more}
    return Delivery("demo", "shopify", received_at=AT, body=body, **values)


FAILURES = [
    EndpointConnectionError(endpoint_url="https://sqs"),
    ClientError(
        {"Error": {"Code": "InternalFailure"}, "ResponseMetadata": {"HTTPStatusCode": 500}},  # type: ignore[typeddict-item]
        "SendMessage",
    ),
    ClientError(
        {"Error": {"Code": "RequestThrottled"}, "ResponseMetadata": {"HTTPStatusCode": 403}},  # type: ignore[typeddict-item]
        "SendMessage",
    ),
    ClientError(
        {
            "Error": {"Code": "AWS.SimpleQueueService.RequestThrottled"},
            "ResponseMetadata": {"HTTPStatusCode": 400},  # type: ignore[typeddict-item]
        },
        "SendMessage",
    ),
]


def test_a_delivery_is_sent_in_its_stores_group() -> None:
    sqs = Sqs()
    queue(sqs).send(delivery())
    (sent,) = sqs.sent
    assert sent["QueueUrl"] == "queue"
    assert sent["MessageGroupId"] == "demo"
    message = json.loads(sent["MessageBody"])
    assert message.keys() == {"store", "source", "topic", "delivery_id", "received_at", "body"}
    assert zlib.decompress(base64.b64decode(message["body"])) == b'{"id": 1}'
    assert queues.decode(sent["MessageBody"]) == delivery()


WORDS = st.from_regex(signatures._HINT, fullmatch=True) | st.just("")
"""What is let through of the headers."""


@given(st.binary(), WORDS, WORDS)
@pytest.mark.row("F24")
def test_every_delivery_survives_its_message(body: bytes, topic: str, delivery_id: str) -> None:
    sent = delivery(body, topic=topic, delivery_id=delivery_id)
    message = queues.encode(sent)
    assert message.isascii()
    assert message.isprintable()
    assert queues.decode(message) == sent


@pytest.mark.row("F24")
def test_a_body_that_does_not_shrink_is_too_large_for_the_queue() -> None:
    sqs = Sqs()
    with pytest.raises(BodyTooLarge):
        queue(sqs).send(delivery(os.urandom(900_000)))
    assert not sqs.sent
    queue(sqs).send(delivery(b" " * 1_048_576))


@pytest.mark.parametrize("failure", FAILURES)
def test_a_queue_out_of_reach_is_busy(failure: Exception) -> None:
    with pytest.raises(Busy):
        queue(Sqs(failure)).send(delivery())
    with pytest.raises(Busy):
        queue(Sqs(failure)).dead_letter({"body": "x"})


def test_a_queue_that_denies_us_is_a_bug_and_crashes() -> None:
    answer: Any = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    with pytest.raises(ClientError):
        queue(Sqs(ClientError(answer, "SendMessage"))).send(delivery())


@pytest.mark.parametrize("failure", FAILURES)
def test_a_message_that_cannot_be_told_to_wait_comes_back_earlier(failure: Exception) -> None:
    queue(Sqs(failure)).delay("handle", 60)


def test_a_message_is_hidden_or_goes_to_the_dead_letters_as_it_came() -> None:
    sqs = Sqs()
    queue(sqs).delay("handle", 900)
    queue(sqs).dead_letter({"body": "as it came", "receiptHandle": "handle"})
    hidden, dead = sqs.sent
    assert hidden == {"QueueUrl": "queue", "ReceiptHandle": "handle", "VisibilityTimeout": 900}
    assert dead == {"QueueUrl": "dlq", "MessageBody": "as it came"}


def with_body(body: object) -> str:
    return json.dumps({**json.loads(queues.encode(delivery())), "body": body})


@pytest.mark.parametrize(
    "message",
    [
        "",
        "hello",
        "[]",
        "null",
        '"text"',
        "{}",
        "[" * 200_000,
        with_body(None),
        with_body("!!!"),
        with_body(base64.b64encode(b"not zlib").decode()),
        with_body(base64.b64encode(zlib.compress(b"cut short")[:-4]).decode()),
        with_body(base64.b64encode(zlib.compress(b"0" * 1_048_577)).decode()),
        json.dumps({**json.loads(queues.encode(delivery())), "store": 7}),
        json.dumps({**json.loads(queues.encode(delivery())), "topic": None}),
    ],
    ids=range(14),
)
def test_a_message_of_another_make_is_malformed(message: str) -> None:
    with pytest.raises(Malformed) as refused:
        queues.decode(message)
    assert refused.value.code == "message_invalid"
    assert not refused.value.retryable
