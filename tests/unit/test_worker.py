"""What the worker makes of news of people and of products, and of news that it understands and cannot act on yet: one
line of log each, which names ids and nobody."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from cashback.adapters.queues import encode
from cashback.domain.facts import Facts
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


def test_what_cannot_be_acted_on_is_logged_with_a_reason_and_changes_nothing(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.create_store()
    before = deployment.everything()
    said = work(capsys, "woocommerce", b'{"id": 7}')
    ids = {"store": "demo", "source": "woocommerce", "delivery": "d-1"}
    assert said == {**said, "event": "event_ignored", "reason": "erase_unsigned", **ids}
    (counted,) = said["_aws"]["CloudWatchMetrics"]
    assert (counted["Dimensions"], said["EventsIgnored"]) == ([["service", "reason"]], 1)
    assert deployment.everything() == before


def test_a_review_is_recorded_on_its_order_also_where_that_is_not_known_yet(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.create_store()
    said = work(capsys, "events", body_of("events/review_created"))
    assert (said["event"], said["order"], said["status"]) == ("order_recorded", "A-1001", "awaiting")
    order = deployment.books.orders.get("demo", "A-1001")
    assert order is not None
    assert order.facts == Facts(reviews={"V-3": "2026-03-08T19:45:00.000000Z"})
    assert list(order.recorded) == ["rev:V-3"]
    again = work(capsys, "events", body_of("events/review_created"))
    assert again["event"] == "event_unchanged"


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


def body_of(sample: str) -> bytes:
    return (ROOT / "events" / f"{sample}.json").read_bytes()


def work(capsys: pytest.CaptureFixture[str], source: str, body: bytes, topic: str = "") -> dict[str, Any]:
    """Hand one delivery to the worker; the one line that it prints."""
    capsys.readouterr()
    arguments = (source, body, topic) if source == "shopify" else (source, body)
    assert function("event_worker").handler({"Records": [record(*arguments)]}, None) == {"batchItemFailures": []}
    (said,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert isinstance(said, dict)
    return said


def test_people_are_recorded_merged_erased_and_told_what_is_held_of_them(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.create_store()
    person = json.loads(body_of("shopify/customer_create"))
    bodies = [
        json.dumps({**person, "verified_email": True}).encode(),
        body_of("shopify/customers_merge"),
        body_of("shopify/customers_data_request"),
        body_of("shopify/customers_redact"),
    ]
    first = [work(capsys, "shopify", body) for body in bodies]
    kept, deleted = "9007199254740993", "9007199254740661"
    assert [(said["event"], said["customer"]) for said in first] == [
        ("customer_recorded", kept),
        ("customers_merged", kept),
        ("data_requested", kept),
        ("customer_erased", kept),
    ]
    assert [said.get("contacts") for said in first] == [1, 1, None, 1]
    assert (first[1]["merged"], first[2]["request"]) == (deleted, "9999")
    assert [said.get("DataRequests") for said in first] == [None, None, 1, None]
    before = deployment.everything()
    again = [work(capsys, "shopify", body) for body in bodies]
    assert [said["event"] for said in again] == ["event_unchanged"] * 4
    assert deployment.everything() == before
    for private in ("ada.brandt", "Brandt", "15550104477"):
        assert private not in repr([*first, *again, *before])


def test_a_merge_that_can_never_be_is_ignored_with_its_reason(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.create_store()
    body = body_of("shopify/customers_merge")
    kept, deleted = b"9007199254740993", b"9007199254740661"
    work(capsys, "shopify", body)
    back = body.replace(kept, b"x").replace(deleted, kept).replace(b"x", deleted)
    said = work(capsys, "shopify", back)
    assert (said["event"], said["reason"]) == ("event_ignored", "merged_in_a_circle")
    assert said["EventsIgnored"] == 1


def test_one_request_for_data_stands_in_the_audit_once_whenever_it_comes_again(deployment: Deployment) -> None:
    deployment.create_store()
    for at in (NOW, "2026-04-02T12:00:00.000000Z"):
        delivery = Delivery("demo", "shopify", "", "d", at, body_of("shopify/customers_data_request"))
        message = {**record("shopify", b"{}"), "body": encode(delivery)}
        assert function("event_worker").handler({"Records": [message]}, None) == {"batchItemFailures": []}
    lines = [item for item in deployment.everything() if item.get("what") == {"S": "data_requested"}]
    assert [(line["target"], line["actor"], line["at"]) for line in lines] == [
        ({"S": "9007199254740993"}, {"S": "shop:shopify"}, {"S": NOW})
    ]


def test_a_customer_of_our_own_events_is_erased(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    deployment.create_store()
    work(capsys, "events", body_of("events/customer_created"))
    said = work(capsys, "events", body_of("events/customer_deleted"))
    assert (said["event"], said["customer"]) == ("customer_erased", "C-7")
    profile = deployment.books.customers.get("demo", "C-7")
    assert profile is not None
    assert (profile.name, profile.erased_at) == (None, "2026-09-01T12:00:00.000000Z")


@pytest.mark.parametrize(("receives", "expected"), [(4, []), (5, [1])])
def test_an_order_that_fails_for_good_is_counted_once_no_retry_is_left(
    receives: int,
    expected: list[int],
    deployment: Deployment,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deployment.create_store()

    def breaks(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("cashback.edge.worker.hear_news", breaks)
    sent = record("shopify", body_of("shopify/order_paid"), "orders/paid")
    sent["attributes"]["ApproximateReceiveCount"] = str(receives)
    capsys.readouterr()
    function("event_worker").handler({"Records": [sent]}, None)
    printed = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert [line["OrdersFailed"] for line in printed if "OrdersFailed" in line] == expected
