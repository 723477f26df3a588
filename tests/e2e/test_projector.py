"""What a webhook leads to behind the streams: totals of the day, and events on the bus."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cashback.adapters.dynamo import keys, store_keys
from cashback.adapters.dynamo.codec import key_attributes
from cashback.domain.ledger import Entry, Kind, Posted, Posting
from cashback.domain.times import instant
from dev import redrive
from dev.project import ROOT, STACK_NAME, StepFailedError
from tests.e2e.deployed import DeployedStack
from tests.e2e.shop import Shop

SCHEMA = json.loads((ROOT / "docs/domain-events.schema.json").read_text())
PATIENCE = 30.0


def eventually(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.2)


@pytest.fixture
def heard(stack: DeployedStack, shop: Shop) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What the bus told of the shop, by a rule of its own to a queue of its own: the envelopes so far."""
    events, sqs = stack.client("events"), stack.client("sqs")
    name, bus = f"heard-{shop.store.store_id}", f"{STACK_NAME}-events"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["cashback"], "detail": {"store_id": [shop.store.store_id]}}
    events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
    envelopes: list[dict[str, Any]] = []

    def so_far() -> list[dict[str, Any]]:
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        envelopes.extend(json.loads(message["Body"]) for message in found)
        for message in found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return envelopes

    yield so_far
    events.remove_targets(Rule=name, EventBusName=bus, Ids=["queue"])
    events.delete_rule(Name=name, EventBusName=bus)
    sqs.delete_queue(QueueUrl=url)


def test_a_signed_webhook_is_counted_in_the_day_and_told_of_on_the_bus(
    shop: Shop, heard: Callable[[], list[dict[str, Any]]]
) -> None:
    sale = shop.sell()
    eventually(lambda: shop.store.api("GET", "/v1/metrics").expect(200)["orders_processed"] == 1)
    today = shop.store.api("GET", "/v1/metrics").expect(200)
    assert today["cashback_issued"]["amount"] == shop.order(sale)["award"]
    assert (today["pending"], today["held"], today["failed"]) == (0, 0, 0)
    eventually(lambda: bool(heard()))
    (envelope,) = heard()
    assert (envelope["source"], envelope["detail-type"]) == ("cashback", "CashbackAwarded")
    Draft202012Validator({**SCHEMA, "$ref": "#/$defs/CashbackAwarded"}).validate(envelope["detail"])
    assert envelope["detail"]["order_id"] == str(sale.order_id)
    assert envelope["detail"]["amount"] == today["cashback_issued"]


@contextmanager
def impatient(stack: DeployedStack) -> Iterator[None]:
    """Meanwhile what fails is given up at once."""
    functions = stack.client("lambda")
    found = functions.list_event_source_mappings(FunctionName=stack.function_name("projector"))
    mappings = [one["UUID"] for one in found["EventSourceMappings"]]
    for mapping in mappings:
        functions.update_event_source_mapping(UUID=mapping, MaximumRetryAttempts=1)
    yield
    for mapping in mappings:
        functions.update_event_source_mapping(UUID=mapping, MaximumRetryAttempts=1000)


@pytest.mark.row("F30")
def test_a_poisoned_record_is_given_up_to_the_dead_letters_and_holds_nothing_else_up(
    stack: DeployedStack, shop: Shop, heard: Callable[[], list[dict[str, Any]]]
) -> None:
    key = key_attributes(keys.order(shop.store.store_id, "poison"))
    poison = {**key, "moved": {"N": "1"}, "status": {"S": "no such status"}, "rev": {"N": "1"}}
    with impatient(stack):
        stack.client("dynamodb").put_item(TableName=stack.state_table, Item=poison)
        eventually(lambda: stack.queued(stack.projector_dlq_url) == 1)
    stack.client("dynamodb").delete_item(TableName=stack.state_table, Key=key)
    shop.sell()
    eventually(lambda: shop.store.api("GET", "/v1/metrics").expect(200)["orders_processed"] == 1)
    eventually(lambda: bool(heard()))
    with pytest.raises(StepFailedError, match="1 dead letters stay"):
        redrive.project_again(stack.client, STACK_NAME)
    assert stack.queued(stack.projector_dlq_url) == 1
    stack.client("sqs").purge_queue(QueueUrl=stack.projector_dlq_url)


def test_what_was_given_up_is_counted_and_told_of_once_it_is_redriven(
    stack: DeployedStack, shop: Shop, heard: Callable[[], list[dict[str, Any]]]
) -> None:
    shop.store.api("POST", "/v1/customers", {"customer_id": "C-1"}).expect(201)
    with impatient(stack), unreadable(stack, shop):
        post(stack, shop)
        eventually(lambda: stack.queued(stack.projector_dlq_url) >= 1)
    assert heard() == []
    assert redrive.project_again(stack.client, STACK_NAME) >= 1
    assert stack.queued(stack.projector_dlq_url) == 0
    eventually(lambda: [one["detail-type"] for one in heard()] == ["BalanceAdjusted"])
    assert shop.store.api("GET", "/v1/metrics").expect(200)["cashback_issued"]["amount"] == "5.00"


@contextmanager
def unreadable(stack: DeployedStack, shop: Shop) -> Iterator[None]:
    """Meanwhile nobody can read the shop's settings."""
    tables, key = stack.client("dynamodb"), key_attributes(store_keys.settings(shop.store.store_id))
    item = tables.get_item(TableName=stack.state_table, Key=key)["Item"]
    tables.put_item(TableName=stack.state_table, Item={**item, "document": {"S": "spoilt"}})
    yield
    tables.put_item(TableName=stack.state_table, Item=item)


def post(stack: DeployedStack, shop: Shop) -> None:
    """Credit five dollars through the project's own ledger, which needs no settings."""
    now = instant(datetime.now(UTC))
    entry = Entry(cause="adm:gift", kind=Kind.MANUAL, amount=500, actor="test", payload_hash="gift")
    posting = Posting(shop.store.store_id, "C-1", now, entries=(entry,))
    assert isinstance(stack.ledger.post(posting), Posted)


@pytest.mark.parametrize(
    "query", ["?date=2026-2-1", "?date=2026-02-29", "?date=2026-02-01&to=2026-02-02", "?from=2026-02-01", "?day=1"]
)
def test_a_date_that_is_none_is_refused(shop: Shop, query: str) -> None:
    shop.store.api("GET", f"/v1/metrics{query}").expect(422)


def test_a_range_is_a_day_after_the_other_and_all_together(shop: Shop) -> None:
    found = shop.store.api("GET", "/v1/metrics?from=2026-01-01&to=2026-03-31").expect(200)
    assert len(found["days"]) == 90
    assert (found["date"], found["orders_processed"], found["pending"]) == (None, 0, None)
