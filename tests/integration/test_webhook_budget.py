"""What the entrance and a batch of the event worker cost on the engine, as ``test_budgets.py`` counts the rest."""

import itertools
import json
from collections import Counter
from copy import replace
from functools import partial
from typing import Any, cast

import pytest
from types_boto3_dynamodb import DynamoDBClient

from cashback.adapters.dynamo.tables import StateTable
from cashback.adapters.queues import EventQueue, encode
from cashback.adapters.seals import Seals
from cashback.adapters.secrets import WebhookSecrets
from cashback.domain.customers import Profile
from cashback.domain.news import Delivery
from cashback.edge.webhook import handle
from cashback.edge.worker import EventBatch
from dev.client import shopify_headers
from dev.local_aws import LocalAws
from dev.project import ROOT
from tests.integration.conftest import Tables
from tests.integration.test_budgets import NOW, Shop, make_shop
from tests.integration.test_task_budgets import open_store

ORDER = json.loads((ROOT / "events" / "shopify" / "order_paid.json").read_text())
IDS = itertools.count(6_311_900_480_000)
SECRET = "a secret of the shop"


@pytest.fixture
def shop(dynamodb: DynamoDBClient, tables: Tables) -> Shop:
    return make_shop(dynamodb, tables)


def order_of(shop: Shop) -> bytes:
    return json.dumps({**ORDER, "id": next(IDS), "customer": {"id": int(shop.customer_id)}}).encode()


def record_of(shop: Shop) -> dict[str, Any]:
    delivery = Delivery(shop.settings.store_id, "shopify", "orders/paid", f"{next(IDS)}", NOW, order_of(shop))
    attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": "4102444800000"}
    return {"messageId": f"{next(IDS)}", "receiptHandle": "r", "body": encode(delivery), "attributes": attributes}


def test_a_webhook_takes_no_unit_once_the_secrets_of_its_store_are_known(shop: Shop, aws: LocalAws) -> None:
    kms, state = aws.client("kms"), StateTable(shop.meter.client, shop.state_table)
    secrets = WebhookSecrets(state, Seals(lambda: kms, kms.create_key()["KeyMetadata"]["KeyId"]))
    state.commit(secrets.first(shop.settings.store_id, "shopify", SECRET))
    sent: list[Delivery] = []
    costs = []
    for _ in range(2):
        body = order_of(shop)
        event = {
            "requestContext": {"requestId": "r"},
            "headers": shopify_headers(SECRET, "orders/paid", body),
            "pathParameters": {"store_id": shop.settings.store_id, "source": "shopify"},
            "body": body.decode(),
        }
        with shop.meter.on() as cost:
            assert handle(event, secrets.read, sent.append, NOW)["statusCode"] == 200
        costs.append((cost.writes, cost.reads, cost.refused, cost.calls))
    assert costs == [(0, 1, 0, ["GetItem"]), (0, 0, 0, [])]
    assert len(sent) == 2


@pytest.mark.parametrize("count", [1, 10])
def test_a_batch_reads_the_settings_and_scenarios_of_a_store_once(shop: Shop, count: int) -> None:
    open_store(shop)
    queue = EventQueue(cast("Any", None), "queue", "dead")
    # Of customers of their own: who orders twice at one moment is written once more, as neither order is the newer.
    shops = [replace(shop, customer_id=f"{next(IDS)}") for _ in range(count)]
    for one in shops:
        one.books.customers.create(one.settings.store_id, Profile(one.customer_id, NOW, NOW), NOW)
    records = [record_of(one) for one in shops]
    for _ in range(2):
        batch = EventBatch(queue, shop.books, partial(pytest.fail, "no store here has scenarios"))
        with shop.meter.on() as cost:
            assert batch.run({"Records": records}) == {"batchItemFailures": []}
        assert cost.calls.count("Query") == 1, "never kept for the next batch"
        calls = Counter(Query=1, BatchGetItem=count, TransactWriteItems=count)
        cost.costs(writes=(6 + 3) * count, reads=1 + 2 * count, calls=calls)
