"""What batches read of a store, and what a payout's words cost, as ``test_budgets.py`` counts the rest."""

import json
from collections import Counter
from typing import Any, cast

import pytest
from types_boto3_dynamodb import DynamoDBClient

from cashback.adapters import step_messages
from cashback.adapters.dynamo.notices import Notices
from cashback.adapters.dynamo.payout_search import PayoutSearch
from cashback.adapters.dynamo.tables import StateTable
from cashback.adapters.notification_queue import NotificationQueue
from cashback.adapters.seals import Seals
from cashback.domain.group_jobs import ApplyType, Job, JobStatus
from cashback.domain.group_steps import ChunkStep
from cashback.domain.keyword_search import prefixes_of
from cashback.edge.deps import make_endpoint_books, make_group_books, make_job_books
from cashback.edge.job_worker import JobBatch
from cashback.edge.notifier import NotificationBatch
from cashback.services.books import Desk
from tests.integration.conftest import Tables
from tests.integration.test_budgets import NOW, Shop, make_shop
from tests.integration.test_task_budgets import open_store

NOBODY: Any = cast("Any", None)


@pytest.fixture
def shop(dynamodb: DynamoDBClient, tables: Tables) -> Shop:
    found = make_shop(dynamodb, tables)
    open_store(found)
    return found


def record_of(body: str) -> dict[str, Any]:
    return {"messageId": "m", "receiptHandle": "r", "body": body, "attributes": {"ApproximateReceiveCount": "1"}}


@pytest.mark.parametrize("count", [1, 5])
def test_a_batch_of_events_reads_the_settings_and_endpoints_of_a_store_once(shop: Shop, count: int) -> None:
    client, table, store_id = shop.meter.client, shop.state_table, shop.settings.store_id
    outgoing = make_endpoint_books(client, table, Seals(NOBODY, "key"), NOBODY)
    desk = Desk(shop.books, outgoing, Notices(StateTable(client, table)), NOBODY, NOBODY)
    detail = {"store_id": store_id, "occurred_at": NOW, "customer_id": shop.customer_id}
    told = [
        {"source": "cashback", "detail-type": "TaskCreated", "detail": detail | {"event_id": f"e{n}"}}
        for n in range(count)
    ]
    records = [record_of(json.dumps(event)) for event in told]
    for _ in range(2):
        batch = NotificationBatch(NotificationQueue(NOBODY, "queue", "dead"), desk)
        with shop.meter.on() as cost:
            assert batch.run({"Records": records}) == {"batchItemFailures": []}
        cost.costs(writes=0, reads=2, calls=["GetItem", "Query"])
        assert cost.reads == 2, "never kept for the next batch"


def test_a_batch_of_chunks_reads_the_settings_of_a_store_once(shop: Shop) -> None:
    client, store_id = shop.meter.client, shop.settings.store_id
    groups = make_group_books(client, shop.state_table)
    work = make_job_books(shop.books, groups, NOBODY, client, shop.state_table)
    job = Job(
        "job_1",
        "grp_1",
        "Friends",
        ApplyType.RELATIVE,
        500,
        "key:anna",
        NOW,
        "request",
        "body",
        status=JobStatus.RUNNING,
        total=0,
        chunks=100,
        sent=100,
        started_at=NOW,
    )
    assert work.jobs.create(store_id, job)
    records = [
        record_of(step_messages.entries([ChunkStep(store_id, job.job_id, number)])[0]["MessageBody"])
        for number in range(2)
    ]
    with shop.meter.on() as cost:
        assert JobBatch(NOBODY, work).run({"Records": records}) == {"batchItemFailures": []}
    # Of each chunk the job, the page of its members and the progress; and once the settings.
    cost.costs(writes=2 * 5, reads=1 + 2 * 3, calls=Counter(GetItem=1 + 2 * 3, PutItem=2, TransactWriteItems=2))


def test_the_words_of_a_payout_cost_a_write_unit_each_once_and_a_read_unit_where_they_stay(shop: Shop) -> None:
    search = PayoutSearch(
        StateTable(shop.meter.client, shop.state_table), lambda: b"the key that words are hashed with"
    )
    store_id, words = shop.settings.store_id, prefixes_of(["Ada", "Lovelace", "PP-77XYZ", "payout"])
    coming = sorted(words)[:24]
    with shop.meter.on() as cost:
        search.follow(store_id, "place", coming=coming, staying=(), going=())
    cost.costs(writes=len(coming), reads=0, calls=["BatchWriteItem"])
    with shop.meter.on() as cost:
        search.follow(store_id, "place", coming=(), staying=coming, going=())
    cost.costs(writes=0, reads=len(coming), calls=["BatchGetItem"])
