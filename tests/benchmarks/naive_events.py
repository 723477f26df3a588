"""Events of the raw transaction and of the naive functions, each of them work that was not done before."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

from tests.benchmarks import story, tapes
from tests.benchmarks.naive_units import BATCH


def raw(most: int) -> Iterator[dict[str, Any]]:
    """The transaction that posts a paid order, of ever other orders."""
    text = json.dumps(tapes.raw(tapes.record("event_worker")["event_worker"]).event)
    for number in range(most):
        yield json.loads(text.replace("6104893325413", f"7{number:012d}"))


def orders(most: int) -> Iterator[dict[str, Any]]:
    """The sample of the webhook, of ever other orders."""
    event = story.sample("webhook_ingest")
    for number in range(most):
        yield {**event, "body": event["body"].replace("6104893325412", f"8{number:012d}")}


def members(most: int) -> Iterator[dict[str, Any]]:
    """Batches of messages that credit a member each."""
    event = story.sample("credit_worker")
    for batch in itertools.islice(itertools.batched(itertools.count(), BATCH, strict=False), most):
        records = [
            {
                **event["Records"][0],
                "messageId": str(number),
                "body": json.dumps(
                    {"store_id": story.STORE, "job_id": "job_1", "customer_id": str(number), "amount": "5.00"}
                ),
            }
            for number in batch
        ]
        yield {"Records": records}
