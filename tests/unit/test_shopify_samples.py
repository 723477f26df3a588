"""Whole bodies: our own samples, other people's, and our own with anything anywhere."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from cashback.adapters.queues import decode
from cashback.domain.facts import RefundLine
from cashback.domain.news import (
    CustomerDeleted,
    CustomerNews,
    CustomersMerged,
    DataRequested,
    Ignored,
    StoreRedacted,
)
from cashback.domain.orders import News, Told
from cashback.domain.rules import calculate
from cashback.storefronts.parsing import read
from cashback.storefronts.shopify import normalise
from tests.unit.builders import USD
from tests.unit.shopify_bodies import (
    NOW,
    ROOT,
    STORE,
    body_of,
    heard,
    sample,
)
from tests.unit.spoilt import assert_can_be_stored, spoilt

ADA = "9007199254740993"


def test_the_sample_order_adds_up() -> None:
    body = body_of(sample("order_paid"))
    assert len(body.lines) == 6
    assert body.expected_total == body.total == 26_351
    assert body.goods == 23_843
    assert sum(line.tax for line in body.lines) == body.tax
    calculation = calculate(body, STORE)
    assert (calculation.base, calculation.award) == (21_343, 1_067)
    assert body.customer_id == "9007199254740993"


def test_the_sample_refund_is_the_same_inside_its_order() -> None:
    alone = heard(sample("refund_create"), "refunds/create").facts.refunds
    assert heard(sample("order_partially_refunded")).facts.refunds == alone
    assert heard(sample("order_cancelled"), "orders/cancelled").facts.refunds == alone
    (found,) = alone.values()
    assert found.lines == (RefundLine("15847204046865", 2, 1_791),)
    assert (found.money, found.transactions) == (0, 1_935)


def test_the_other_samples() -> None:
    cancelled = heard(sample("order_cancelled"), "orders/cancelled").facts
    assert cancelled.cancelled
    assert cancelled.paid
    assert cancelled.body is not None
    assert {line.current_quantity for line in cancelled.body.lines} == {0}
    assert dict(cancelled.since) == dict.fromkeys(("paid", "cancelled"), "2026-02-06T08:00:11.000000Z")
    told = normalise("customers/create", sample("customer_create"), STORE)
    assert isinstance(told, CustomerNews)
    assert (told.customer_id, told.created, told.email_verified) == ("9007199254740993", True, False)


def test_the_sample_message_is_the_sample_order() -> None:
    (record,) = json.loads((ROOT / "events/event_worker.json").read_text())["Records"]
    delivery = decode(record["body"])
    assert read(delivery.source, delivery.topic, delivery.body, STORE) == heard(sample("order_paid"))


def test_the_samples_of_people_are_of_the_customer_of_the_order() -> None:
    merged, redacted = sample("customers_merge"), sample("customers_redact")
    assert normalise("customers/merge", merged, STORE, NOW) == CustomersMerged(ADA, "9007199254740661", NOW)
    assert normalise("customers/redact", redacted, STORE, NOW) == CustomerDeleted(ADA, NOW)
    request = sample("customers_data_request")
    assert normalise("customers/data_request", request, STORE, NOW) == DataRequested(ADA, "9999", NOW)
    left = StoreRedacted("quay-street.myshopify.com", NOW)
    assert normalise("shop/redact", sample("shop_redact"), STORE, NOW) == left


SAMPLES = {
    name: sample(name)
    for name in (
        "order_partially_refunded",
        "refund_create",
        "customer_create",
        "customers_merge",
        "customers_redact",
        "customers_data_request",
        "shop_redact",
        "product_update",
    )
}


@given(spoilt(SAMPLES))
def test_whatever_stands_anywhere_in_a_body_there_is_an_answer_that_can_be_stored(body: dict[str, Any]) -> None:
    assert_can_be_stored(read("shopify", "orders/updated", json.dumps(body).encode(), STORE, NOW))


@pytest.mark.parametrize(
    ("name", "topic", "outcome"),
    [
        ("shopify_orders_create.webhook.json", "orders/create", "test_order"),
        ("shopify_orders_paid.webhook.json", "orders/paid", "test_order"),
        ("shopify_orders_cancelled.webhook.json", "orders/cancelled", "test_order"),
        ("shopify_orders_updated.webhook.json", "orders/updated", "test_order"),
        ("shopify_orders_edited.webhook.json", "orders/edited", "no_totals"),
        ("shopify_order_transactions_create.webhook.json", "order_transactions/create", "topic_unknown"),
        ("shopify_customers_merge.webhook.json", "customers/merge", "merge_not_completed"),
        ("shopify_orders_risk_assessment_changed.webhook.json", "orders/risk_assessment_changed", "topic_unknown"),
        (
            "shopify_refunds_create.webhook.json",
            "refunds/create",
            "199.00 + 199.00 of 866550311766439000, 141249953214522980; 0.00",
        ),
        ("shopify_refund_two_lines.json", "refunds/create", "None + None of 703073504, 466157049; 0.00"),
        ("shopify_refund_one_line_zero_subtotal.json", "refunds/create", "0.00 of 518995019; 41.94"),
        ("shopify_order_legacy.json", "orders/updated", "waits 597.00 of 409.94 for 207119551"),
        ("shopify_order_partially_paid.json", "orders/updated", "waits 199.00 of 199.00 for 1073339474"),
        ("shopify_order_pending.json", "orders/create", "waits 199.00 of 199.00 for 207119551"),
        ("shopify_order_guest_three_lines.json", "orders/paid", "paid 255.92 of 270.37 for None"),
    ],
)
def test_other_peoples_bodies(name: str, topic: str, outcome: str) -> None:
    folder = os.environ.get("CASHBACK_PAYLOADS")
    if not folder:
        pytest.skip("CASHBACK_PAYLOADS does not name the folder of the third-party bodies, which are not copied here")
    document = json.loads((Path(folder) / name).read_text(), parse_float=str)
    sent = json.dumps(document.get("body", document)).encode()
    told = read("shopify", document.get("topic", topic), sent, STORE)
    assert summary(told) == outcome


def summary(told: Told) -> str:
    match told:
        case Ignored(reason):
            return reason
        case News(facts=facts) if facts.body is not None:
            state = "paid" if facts.paid else "waits"
            goods, total = USD.format(facts.body.goods), USD.format(facts.body.total or 0)
            return f"{state} {goods} of {total} for {facts.body.customer_id}"
        case News(facts=facts):
            (found,) = facts.refunds.values()
            amounts = " + ".join("None" if part.amount is None else USD.format(part.amount) for part in found.lines)
            return f"{amounts} of {', '.join(part.line_id for part in found.lines)}; {USD.format(found.money)}"
    return "customer"
