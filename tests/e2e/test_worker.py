"""The worker between its queue and its dead letters: one bad message never touches its neighbours."""

import base64
import json
import time
import uuid
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.codec import key_attributes
from cashback.adapters.queues import encode
from cashback.domain import causes
from cashback.domain.ledger import Entry, Kind, Posting
from cashback.domain.news import Delivery
from cashback.domain.times import instant
from dev.client import as_bytes, wait_until
from tests.e2e.deployed import DeployedStack
from tests.e2e.shop import Sale, Shop

LAST_OF_POISON = "5"
BOMB = base64.b64encode(zlib.compress(b" " * 4_000_000)).decode()
MESSAGE = '{"store":"s","source":"shopify","topic":"t","delivery_id":"d","received_at":"r","body":"%s"}'
POISON = ("no message at all", "{}", "[]", "null", MESSAGE % "!", MESSAGE % "AAAA", MESSAGE % BOMB)


@pytest.fixture
def impatient(stack: DeployedStack) -> Iterator[DeployedStack]:
    """The stack with a queue that shows a failed message again after a second; both queues are left empty."""
    sqs, queue_url = stack.client("sqs"), stack.store_events_queue_url
    before = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"VisibilityTimeout": "1"})
    yield stack
    sqs.set_queue_attributes(QueueUrl=queue_url, Attributes=before)
    for url in (queue_url, stack.store_events_dlq_url):
        sqs.purge_queue(QueueUrl=url)


def now() -> str:
    return instant(datetime.now(UTC))


def message(store_id: str, sale: Sale, topic: str = "orders/paid") -> str:
    """What the webhook would queue, under the order's id as that of the delivery."""
    return encode(Delivery(store_id, "shopify", topic, f"by-hand-{sale.order_id}", now(), as_bytes(sale.body(at=1))))


def record(body: str, receives: str = "1", sent_ago: float = 0) -> dict[str, Any]:
    """A message as the worker gets it."""
    sent_at = str(int((time.time() - sent_ago) * 1000))
    return {
        "messageId": uuid.uuid4().hex,
        "receiptHandle": "by hand",
        "body": body,
        "attributes": {"ApproximateReceiveCount": receives, "SentTimestamp": sent_at},
    }


def failures(stack: DeployedStack, *records: dict[str, Any]) -> list[str]:
    answer = stack.invoke("event_worker", {"Records": list(records)})
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def dead_letters(stack: DeployedStack) -> list[dict[str, Any]]:
    """The dead letters, read and left where they are."""
    sqs = stack.client("sqs")
    found: list[dict[str, Any]] = []
    while taken := sqs.receive_message(
        QueueUrl=stack.store_events_dlq_url, MaxNumberOfMessages=10, VisibilityTimeout=0 if found else 5
    ).get("Messages", []):
        new = [letter for letter in taken if letter["MessageId"] not in {known["MessageId"] for known in found}]
        if not new:
            break
        found += new
    return found


@pytest.mark.row("F19")
def test_poison_ends_among_the_dead_letters_and_its_neighbours_do_not(impatient: DeployedStack, shop: Shop) -> None:
    sqs, sales = impatient.client("sqs"), [Sale(customer_id=7001) for _ in POISON]
    for body, sale in zip(POISON, sales, strict=True):
        for text in (body, message(shop.store.store_id, sale)):
            sqs.send_message(QueueUrl=impatient.store_events_queue_url, MessageBody=text, MessageGroupId="g")
    # A message that takes longer than this queue waits comes again, and changes nothing.
    for sale in sales:
        shop.verdicts(f"by-hand-{sale.order_id}")
    wait_until(lambda: shop.entries(7001) == [("order", "10.00")] * len(sales), seconds=60)

    # A look hides what it finds for a while, so one look alone may miss what the one before it saw. A message that
    # comes again while it is given up is given up twice.
    given_up: set[str] = set()

    def all_given_up() -> bool:
        given_up.update(letter["Body"] for letter in dead_letters(impatient))
        return given_up >= set(POISON)

    wait_until(all_given_up, seconds=60)
    assert given_up == set(POISON)
    assert shop.available(7001) == f"{10 * len(sales)}.00"


@pytest.mark.row("F19")
def test_only_what_failed_of_a_batch_comes_again(shop: Shop) -> None:
    good = [record(message(shop.store.store_id, Sale(customer_id=7001))) for _ in range(3)]
    bad = record(POISON[0])
    assert failures(shop.stack, good[0], bad, *good[1:]) == [bad["messageId"]]
    assert shop.available(7001) == "30.00"


@pytest.mark.row("F20")
def test_a_batch_delivered_again_whole_credits_once(shop: Shop) -> None:
    batch = [record(message(shop.store.store_id, Sale(customer_id=7001))) for _ in range(3)]
    for _ in range(2):
        assert failures(shop.stack, *batch, *batch) == []
    assert shop.entries(7001) == [("order", "10.00")] * 3


def test_poison_is_given_up_at_its_fifth_receive(impatient: DeployedStack) -> None:
    fourth, fifth = record(POISON[0], "4"), record(POISON[1], LAST_OF_POISON)
    assert failures(impatient, fourth, fifth) == [fourth["messageId"]]
    assert [letter["Body"] for letter in dead_letters(impatient)] == [POISON[1]]


@pytest.mark.row("F12")
def test_a_dead_letter_sent_back_to_its_queue_is_handled_once(impatient: DeployedStack, shop: Shop) -> None:
    sqs, sale = impatient.client("sqs"), Sale(customer_id=7001)
    body = message(shop.store.store_id, sale)
    assert failures(impatient, record(body)) == []
    sqs.send_message(QueueUrl=impatient.store_events_dlq_url, MessageBody=body)
    (letter,) = dead_letters(impatient)
    sqs.send_message(QueueUrl=impatient.store_events_queue_url, MessageBody=letter["Body"], MessageGroupId="g")
    assert shop.verdicts(f"by-hand-{sale.order_id}", 2)[1]["event"] == "event_unchanged"
    assert shop.available(7001) == "10.00"


@pytest.mark.row("F4")
def test_what_time_may_heal_rests_longer_than_the_queue_would_have_it(impatient: DeployedStack, shop: Shop) -> None:
    sale = Sale(customer_id=7001)
    shop.sell(customer_id=7001)
    entry = Entry(causes.earned(str(sale.order_id)), Kind.ORDER, 1, "test", "of no order at all")
    impatient.ledger.post(Posting(shop.store.store_id, "7001", now(), entries=(entry,)))
    before = {line["message"] for line in busy_lines(impatient)}
    shop.send("orders/paid", sale.body(at=1))
    (retried,) = wait_until(
        lambda: [line for line in busy_lines(impatient) if line["message"] not in before], seconds=20
    )
    time.sleep(3)
    impatient.flush_worker(2)
    assert [line["receives"] for line in impatient.worker_lines(retried["message"])] == [1]
    key = keys.entry(shop.store.store_id, "7001", entry.cause)
    impatient.client("dynamodb").delete_item(TableName=impatient.ledger_table, Key=key_attributes(key))


def busy_lines(stack: DeployedStack) -> list[dict[str, Any]]:
    """What the worker said of messages that wait for another try."""
    stack.flush_worker(1)
    return [line for line in stack.worker_lines("event_retried") if line["code"] == "busy"]


def test_news_of_a_store_that_is_not_there_are_ignored(shop: Shop) -> None:
    sale = Sale()
    assert failures(shop.stack, record(message("nobody-knows-me", sale))) == []
    (verdict,) = shop.verdicts(f"by-hand-{sale.order_id}")
    assert (verdict["event"], verdict["reason"]) == ("event_ignored", "store_unknown")


def test_a_late_event_shows_in_the_status_of_its_store_alone(shop: Shop, stack: DeployedStack) -> None:
    assert failures(stack, record(message(shop.store.store_id, Sale()), sent_ago=120)) == []
    assert shop.store.api("GET", "/v1/store/status").expect(200)["queue_delay_seconds"] >= 120
    other = stack.platform.create_store(f"t-{uuid.uuid4().hex[:20]}")
    assert other.api("GET", "/v1/store/status").expect(200)["queue_delay_seconds"] == 0


@pytest.mark.row("S21")
def test_the_worker_logs_ids_and_codes_and_nothing_of_a_person(shop: Shop) -> None:
    person = {"id": 7001, "email": "canary@example.com", "first_name": "Canary", "phone": "+4915550104477"}
    sale = Sale(customer_id=7001)
    shop.tell("customers/create", {**person, "updated_at": "2026-02-03T10:00:00Z"})
    shop.tell("orders/paid", sale.body(at=1, customer=person))
    for function in ("webhook_ingest", "event_worker"):
        assert shop.stack.lines(function, shop.store.store_id)
        assert not any(shop.stack.lines(function, secret) for secret in ("Canary", "canary@", "+49155", "hmac"))


@pytest.mark.row("F19")
def test_a_dead_letter_raises_an_alarm(stack: DeployedStack) -> None:
    name = stack.store_events_dlq_url.rpartition("/")[2]
    alarms = [
        alarm
        for alarm in stack.client("cloudwatch").describe_alarms(MaxRecords=100)["MetricAlarms"]
        if {"Name": "QueueName", "Value": name} in alarm["Dimensions"]
    ]
    (alarm,) = alarms
    assert (alarm["MetricName"], alarm["Threshold"], alarm["ComparisonOperator"]) == (
        "ApproximateNumberOfMessagesVisible",
        1,
        "GreaterThanOrEqualToThreshold",
    )


def test_the_queue_gives_up_where_the_worker_cannot(stack: DeployedStack) -> None:
    def attribute(queue_url: str, name: str) -> str:
        found = stack.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=[name])["Attributes"]
        return str(found[name])

    redrive = json.loads(attribute(stack.store_events_queue_url, "RedrivePolicy"))
    assert redrive["deadLetterTargetArn"] == attribute(stack.store_events_dlq_url, "QueueArn")
    assert int(redrive["maxReceiveCount"]) == 20
