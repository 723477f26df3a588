"""What the worker makes of news of products, and of news that it understands and cannot act on yet: said, counted, and
never retried."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from cashback.adapters.queues import encode
from cashback.domain.news import Delivery
from cashback.domain.times import OLDEST
from dev.project import ROOT
from tests.unit.builders import NOW
from tests.unit.deployment import Deployment, function


def record(source: str, body: bytes, topic: str = "customer.deleted", received_at: str = NOW) -> dict[str, Any]:
    """A delivery to the store ``demo``, as Lambda hands it over."""
    return {
        "messageId": "m-1",
        "receiptHandle": "handle",
        "body": encode(Delivery("demo", source, topic, "d-1", received_at, body)),
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


def tell(capsys: pytest.CaptureFixture[str], topic: str, name: str, received_at: str = NOW) -> str:
    """Deliver one of the samples to the worker; return what it logged."""
    source = "woocommerce" if "." in topic else "shopify"
    body = (ROOT / "events" / source / f"{name}.json").read_bytes()
    capsys.readouterr()
    answer = function("event_worker").handler({"Records": [record(source, body, topic, received_at)]}, None)
    assert answer == {"batchItemFailures": []}
    (said,) = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert said["product"] in {"8120034558005", "15"}
    return str(said["event"])


@pytest.mark.parametrize(
    ("product_id", "changed", "deleted"),
    [
        ("8120034558005", ("products/update", "product_update"), ("products/delete", "product_delete")),
        ("15", ("product.updated", "product_updated"), ("product.deleted", "product_deleted")),
    ],
)
def test_products_come_into_the_catalogue_and_go_and_old_news_bring_none_back(
    deployment: Deployment,
    capsys: pytest.CaptureFixture[str],
    product_id: str,
    changed: tuple[str, str],
    deleted: tuple[str, str],
) -> None:
    deployment.create_store()
    assert tell(capsys, *deleted, received_at=OLDEST) == "product_deleted"
    assert tell(capsys, *changed) == "product_recorded"
    assert list(deployment.books.products.get_many("demo", [product_id])) == [product_id]
    before = deployment.everything()
    assert tell(capsys, *changed) == "event_unchanged"
    assert tell(capsys, *deleted, received_at=OLDEST) == "event_unchanged"
    assert deployment.everything() == before
    assert tell(capsys, *deleted) == "product_deleted"
    before = deployment.everything()
    assert tell(capsys, *deleted) == "event_unchanged"
    assert tell(capsys, *changed) == "event_unchanged"
    assert deployment.everything() == before
    assert deployment.books.products.get_many("demo", [product_id]) == {}
