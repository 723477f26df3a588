"""What the worker makes of news that it understands and cannot act on yet: said, counted, and never retried."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from cashback.adapters.queues import encode
from cashback.domain.news import Delivery
from dev.project import ROOT
from tests.unit.builders import NOW
from tests.unit.deployment import Deployment, function


def record(source: str, body: bytes) -> dict[str, Any]:
    """A delivery to the store ``demo``, as Lambda hands it over."""
    return {
        "messageId": "m-1",
        "receiptHandle": "handle",
        "body": encode(Delivery("demo", source, "customer.deleted", "d-1", NOW, body)),
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": str(int(datetime.now(UTC).timestamp() * 1_000)),
        },
    }


@pytest.mark.parametrize(
    ("source", "sample", "reason", "subject"),
    [
        ("events", "events/customer_deleted", "erase_unsupported", {"customer": "C-7"}),
        ("woocommerce", None, "erase_unsupported", {"customer": "7"}),
        ("events", "events/review_created", "review_unsupported", {"review": "V-3", "order": "A-1001"}),
    ],
)
def test_an_erasure_and_a_review_are_logged_with_a_reason_and_change_nothing(
    deployment: Deployment,
    capsys: pytest.CaptureFixture[str],
    source: str,
    sample: str | None,
    reason: str,
    subject: dict[str, str],
) -> None:
    deployment.create_store()
    before = deployment.everything()
    body = (ROOT / "events" / f"{sample}.json").read_bytes() if sample else b'{"id": 7}'
    capsys.readouterr()
    answer = function("event_worker").handler({"Records": [record(source, body)]}, None)
    assert answer == {"batchItemFailures": []}
    said, counted = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    ids = {"store": "demo", "source": source, "delivery": "d-1", **subject}
    assert said == {**said, "event": "event_ignored", "reason": reason, **ids}
    assert (counted["reason"], counted["EventsIgnored"]) == (reason, 1)
    assert deployment.everything() == before
