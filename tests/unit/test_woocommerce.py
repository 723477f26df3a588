"""What WooCommerce's order and customer bodies mean, and what becomes of them in the ledger."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from cashback.domain.facts import Body, Line, Refund
from cashback.domain.money import Currency
from cashback.domain.news import CustomerNews, Ignored, ProductDeleted, ProductNews
from cashback.domain.orders import News, Status
from cashback.domain.products import Product
from cashback.domain.rules import calculate, channel_of
from cashback.domain.times import OLDEST
from cashback.storefronts.parsing import read
from cashback.storefronts.woocommerce import normalise
from tests.unit.builders import JPY, NOW, USD, Shop, settings
from tests.unit.spoilt import assert_can_be_stored, spoilt

FOLDER = Path(__file__).resolve().parents[2] / "events/woocommerce"
STORE = settings()


def sample(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(), parse_float=str)
    return loaded


def order(**changes: Any) -> dict[str, Any]:
    """A paid order of one line of 100.00."""
    return {
        "id": 1,
        "status": "processing",
        "currency": "USD",
        "date_created_gmt": "2026-03-01T08:00:00",
        "date_modified_gmt": "2026-03-01T08:01:00",
        "customer_id": 7,
        "billing": {"email": "ada@example.com", "phone": "+49 155", "first_name": "Ada", "last_name": "Brandt"},
        "created_via": "checkout",
        "line_items": [line()],
        "shipping_lines": [],
        "fee_lines": [],
        "refunds": [],
        "total": "100.00",
        **changes,
    }


def product(**changes: Any) -> dict[str, Any]:
    return {
        "id": 18,
        "name": "Mug",
        "type": "simple",
        "status": "publish",
        "catalog_visibility": "visible",
        "date_modified_gmt": "2026-03-01T08:01:00",
        "categories": [],
        "tags": [],
        **changes,
    }


def line(**changes: Any) -> dict[str, Any]:
    return {"id": 11, "quantity": 1, "total": "100.00", "total_tax": "0.00", "price": "33.333333", **changes}


def gave_back(refund_id: int, total: str) -> dict[str, Any]:
    return {"id": refund_id, "reason": "", "total": total}


def heard(payload: dict[str, Any], currency: Currency = USD) -> News:
    told = normalise("order.updated", payload, settings(currency))
    assert isinstance(told, News), told
    return told


def body_of(payload: dict[str, Any], currency: Currency = USD) -> Body:
    body = heard(payload, currency).facts.body
    assert body is not None
    return body


def reason_of(payload: dict[str, Any], topic: str = "order.updated") -> str:
    told = normalise(topic, payload, STORE, NOW)
    assert isinstance(told, Ignored), told
    return told.reason


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("order.updated", sample("error_body"), "error_body"),
        ("customer.created", {"code": "rest_forbidden", "message": "", "data": None}, "error_body"),
        ("order.updated", {}, "topic_shape"),
        ("order.updated", {"hello": 1}, "topic_shape"),
        ("order.updated", {"id": 5, "amount": "10.00", "line_items": []}, "topic_shape"),
        ("order.updated", order(billing_period="month"), "topic_shape"),
        ("subscription.updated", order(billing_period="month"), "topic_unknown"),
        ("coupon.created", {"id": 5, "code": "spring", "amount": "10.00"}, "topic_unknown"),
        ("action.woocommerce_add_to_cart", {"action": "x", "arg": 1}, "topic_unknown"),
        ("coupon.updated", order(), "topic_unknown"),
        ("order.deleted", sample("order_deleted"), "order_deleted"),
        ("order.updated", {"id": 5}, "topic_shape"),
        ("", {"id": 5}, "topic_shape"),
        ("product.created", {"id": 18, "name": "Mug", "catalog_visibility": "visible"}, "topic_shape"),
        ("", {"id": 18, "name": "Mug", "stock_status": "instock"}, "topic_shape"),
        ("product.updated", product(type="variation", parent_id=12), "product_variation"),
        ("product.updated", product(id=None), "id_invalid"),
        ("product.updated", product(date_modified_gmt=5), "time_invalid"),
        ("product.updated", product(categories="Mugs"), "topic_shape"),
        ("product.updated", product(tags=["gift"]), "topic_shape"),
        ("product.updated", product(categories=[{"name": "Mugs"}] * 101), "too_many_terms"),
        ("product.updated", product(tags=[{"name": "gift"}] * 251), "too_many_terms"),
        ("product.restocked", product(), "topic_unknown"),
        ("product.created", {"id": 18}, "topic_shape"),
        ("product.deleted", {"id": {}}, "id_invalid"),
        ("order.created", order(status="auto-draft"), "draft_order"),
        ("order.created", order(status="checkout-draft"), "draft_order"),
        ("order.created", order(id=0.5), "id_invalid"),
        ("order.created", order(date_modified_gmt="soon"), "time_invalid"),
        ("order.created", order(refunds=[{}] * 1_001), "too_many_refunds"),
        ("order.created", order(refunds=[gave_back(5, "10.00")]), "refund_negative"),
        ("order.created", order(refunds=[{"id": 5}]), "amount_invalid"),
        ("order.created", order(refunds="none"), "topic_shape"),
        ("order.created", order(line_items=[line(total=None)]), "amount_invalid"),
        ("order.created", order(line_items=[line(total="1,00")]), "amount_invalid"),
        ("order.created", order(line_items=[line(quantity="1.5")]), "quantity_invalid"),
        ("order.created", order(customer_id=True), "id_invalid"),
    ],
)
def test_what_means_nothing_is_ignored_with_a_reason(topic: str, payload: dict[str, Any], reason: str) -> None:
    assert reason_of(payload, topic) == reason


@pytest.mark.parametrize(
    "topic", ["order.created", "order.deleted", "order.restored", "order.refunded", "", "product.x"]
)
def test_the_body_decides_what_it_is(topic: str) -> None:
    if topic == "product.x":
        assert reason_of(order(), topic) == "topic_unknown"
    else:
        assert normalise(topic, order(), STORE) == heard(order())
    assert isinstance(normalise("order.updated", sample("customer_created"), STORE), CustomerNews)


@pytest.mark.parametrize(
    ("status", "paid", "completed", "cancelled"),
    [
        ("pending", False, False, False),
        ("on-hold", False, False, False),
        ("failed", False, False, False),
        ("trash", False, False, False),
        ("packing", False, False, False),
        (None, False, False, False),
        (["processing"], False, False, False),
        ("processing", True, False, False),
        ("completed", True, True, False),
        ("refunded", True, False, False),
        ("cancelled", False, False, True),
    ],
)
def test_the_status_says_what_happened(status: object, paid: bool, completed: bool, cancelled: bool) -> None:
    facts = heard(order(status=status)).facts
    assert (facts.paid, facts.completed, facts.cancelled) == (paid, completed, cancelled)


PAID_AT, DONE_AT = {"date_paid_gmt": "2026-03-01T07:00:00"}, {"date_completed_gmt": "2026-03-01T07:30:00"}


@pytest.mark.parametrize(
    ("status", "dates", "since"),
    [
        ("pending", PAID_AT, {}),
        ("processing", {}, {"paid": "2026-03-01T08:01:00.000000Z"}),
        ("processing", {**PAID_AT, **DONE_AT}, {"paid": "2026-03-01T07:00:00.000000Z"}),
        ("processing", {"date_paid_gmt": "-0001-11-30T00:00:00"}, {"paid": "2026-03-01T08:01:00.000000Z"}),
        ("refunded", PAID_AT, {"paid": "2026-03-01T07:00:00.000000Z"}),
        ("completed", PAID_AT, {"paid": "2026-03-01T07:00:00.000000Z", "completed": "2026-03-01T08:01:00.000000Z"}),
        ("completed", DONE_AT, {"paid": "2026-03-01T08:01:00.000000Z", "completed": "2026-03-01T07:30:00.000000Z"}),
        ("cancelled", PAID_AT, {"cancelled": "2026-03-01T08:01:00.000000Z"}),
    ],
)
def test_what_happened_did_so_at_its_own_time_else_at_the_latest_when_the_body_says_it(
    status: str, dates: dict[str, str], since: dict[str, str]
) -> None:
    told = order(status=status, date_modified_gmt="2026-03-01T08:01:00", **dates)
    assert dict(heard(told).facts.since) == since


def test_times_are_those_of_greenwich() -> None:
    body = body_of(order(date_modified="2026-03-01T09:01:00", date_created="2026-03-01T09:00:00"))
    assert (body.updated_at, body.created_at) == ("2026-03-01T08:01:00.000000Z", "2026-03-01T08:00:00.000000Z")


def test_a_body_without_times_takes_that_of_its_arrival() -> None:
    timeless = order(date_modified_gmt=None, date_created_gmt=None)
    assert normalise("order.updated", timeless, STORE) == Ignored("time_invalid")
    told = normalise("order.updated", timeless, STORE, NOW)
    assert isinstance(told, News)
    assert told.facts.body is not None
    assert (told.facts.body.updated_at, told.facts.body.created_at) == (NOW, NOW)


# Money


@pytest.mark.parametrize("prices_include_tax", [True, False])
def test_the_total_of_a_line_is_net_whatever_the_shop_shows(prices_include_tax: bool) -> None:
    sold = line(
        quantity=3, subtotal="120.00", total="100.00", total_tax="19.00", product_id=22, variation_id=23, sku="A"
    )
    body = body_of(order(line_items=[sold], total="119.00", total_tax="19.00", prices_include_tax=prices_include_tax))
    assert body.lines == (Line("11", 3, 10_000, 3, 1_900, "22", "A"),)
    assert (body.taxes_included, body.tax, body.expected_total, body.total) == (False, 1_900, 11_900, 11_900)
    assert calculate(body, STORE).award == 500


def test_a_product_that_is_there_no_more_has_no_id() -> None:
    (sold,) = body_of(order(line_items=[line(product_id=0, sku="")])).lines
    assert (sold.product_id, sold.sku) == (None, None)


def test_amounts_are_read_exactly_and_rounded_half_up_to_the_currency() -> None:
    assert body_of(order(line_items=[line(total="348.005")])).lines[0].gross == 34_801
    assert body_of(order(line_items=[line(total="1999.00")]), JPY).lines[0].gross == 1_999


def test_more_lines_than_are_kept_are_counted() -> None:
    body = body_of(order(line_items=[line(id=n) for n in range(1_001)]))
    assert (len(body.lines), body.line_count) == (1_000, 1_001)


def test_fees_are_set_apart_and_a_fee_below_nothing_leaves_lines_that_exceed_the_total() -> None:
    added = body_of(order(fee_lines=[{"total": "2.00"}, {"total": "0.50"}], total="102.50"))
    assert (added.tips_and_fees, added.expected_total) == (250, added.total)
    taken_off = body_of(order(fee_lines=[{"total": "-30.00"}], total="70.00"))
    assert (taken_off.tips_and_fees, taken_off.expected_total) == (0, 10_000)
    store = Shop()
    store.hear(heard(order(fee_lines=[{"total": "-30.00"}], total="70.00")))
    assert (store.orders["1"].status, store.orders["1"].reason) == (Status.HELD, "lines_exceed_total")


@pytest.mark.parametrize(
    ("methods", "delivery_type"),
    [
        ([], "pickup"),
        (["local_pickup"], "pickup"),
        (["local_pickup:4"], "pickup"),
        (["pickup_location"], "pickup"),
        (["flat_rate"], "delivery"),
        (["local_pickup", "flat_rate"], "delivery"),
        ([None], "delivery"),
    ],
)
def test_the_delivery_type(methods: list[str | None], delivery_type: str) -> None:
    assert body_of(order(shipping_lines=[{"method_id": each} for each in methods])).delivery_type == delivery_type


@pytest.mark.parametrize(
    ("created_via", "channel"),
    [
        ("checkout", "website"),
        ("store-api", "website"),
        ("rest-api", "api"),
        ("our-ios", "our-ios"),
        ("admin", "admin"),
        ("", ""),
        (7, ""),
    ],
)
def test_the_channel(created_via: object, channel: str) -> None:
    assert body_of(order(created_via=created_via)).channel == channel


def test_a_name_of_the_stores_app_is_kept_and_counts_as_the_app() -> None:
    body = body_of(order(created_via="our-ios"))
    assert channel_of(body, settings(app_sources=["our-ios"])) == "app"


def test_the_payment_method() -> None:
    assert body_of(order(payment_method="stripe")).payment_methods == ("stripe",)
    assert body_of(order(payment_method="")).payment_methods == ()


# Refunds


def test_refunds_are_amounts_by_id() -> None:
    news = heard(order(refunds=[gave_back(5, "-10.00"), gave_back(6, "-0.50")]))
    assert news.facts.refunds == {"5": Refund("5", money=1_000), "6": Refund("6", money=50)}
    assert news.facts.body is not None
    assert news.facts.body.refund_ids == frozenset({"5", "6"})


def test_a_body_lists_all_its_refunds_unless_it_does_not_speak_of_them() -> None:
    assert body_of(order()).refund_ids == frozenset()
    silent = order()
    del silent["refunds"]
    assert body_of(silent).refund_ids is None


def test_of_an_order_whose_status_is_refunded_nothing_is_left() -> None:
    store = Shop()
    store.hear(heard(order()))
    store.hear(heard(order(status="refunded", date_modified_gmt="2026-03-02T08:00:00")))
    assert (store.orders["1"].status, store.accounts["7"].available) == (Status.REVERSED, 0)


def test_case_27_a_refund_missing_from_a_newer_body_was_deleted() -> None:
    store = Shop()
    for name in ("order_processing", "order_partially_refunded", "order_refund_deleted", "order_partially_refunded"):
        told = read("woocommerce", "order.updated", json.dumps(sample(name)).encode(), STORE)
        assert isinstance(told, News)
        store.hear(told)
    moved = {cause: entry.amount for cause, entry in store.entries["7"].items()}
    assert moved == {"ord:1001:earn": 203, "ord:1001:ref:1040": -48, "ord:1001:ref:1040:del": 48}
    assert (store.orders["1001"].status, store.accounts["7"].total_spent) == (Status.PROCESSED, 4_050)


# People


@pytest.mark.parametrize("customer_id", [0, "0", None, ""])
def test_an_order_without_a_customers_id_is_a_guests(customer_id: object) -> None:
    news = heard(order(customer_id=customer_id))
    assert news.customer is None
    assert news.facts.body is not None
    assert news.facts.body.customer_id is None


@pytest.mark.parametrize(
    ("billing", "contacts"),
    [
        (
            {"email": " Ada@Example.com ", "phone": "+49 1555 0104477"},
            {"email:ada@example.com", "phone:+4915550104477"},
        ),
        ({"email": "ada", "phone": "0155 1"}, set()),
        ({"email": None, "phone": 49}, set()),
        (None, set()),
        ("Ada", set()),
    ],
)
def test_a_guest_is_recognised_by_the_address_of_the_bill(billing: object, contacts: set[str]) -> None:
    assert heard(order(customer_id=0, billing=billing)).contacts == contacts
    assert heard(order(customer_id=7, billing=billing)).contacts == frozenset()


def test_the_customer_travels_beside_the_order_and_not_in_it() -> None:
    news = heard(order())
    assert news.customer == CustomerNews("7", OLDEST, "Ada Brandt", "ada@example.com", phone="+49 155")
    for private in ("ada@example.com", "Ada", "Brandt", "155"):
        assert private not in repr(news.facts)
    unnamed = heard(order(billing=None)).customer
    assert unnamed == CustomerNews("7", OLDEST)


@pytest.mark.parametrize(("topic", "created"), [("customer.created", True), ("customer.updated", False)])
def test_a_customer_event(topic: str, created: bool) -> None:
    told = normalise(topic, sample("customer_created"), STORE, NOW)
    assert told == CustomerNews(
        "7",
        "2026-02-27T20:15:00.000000Z",
        "Ada Brandt",
        "ada.brandt@example.com",
        phone="+4915550104477",
        created=created,
    )
    changed = {**sample("customer_created"), "date_modified_gmt": "2026-03-01T00:00:00"}
    newer = normalise(topic, changed, STORE)
    assert isinstance(newer, CustomerNews)
    assert newer.occurred_at == "2026-03-01T00:00:00.000000Z"


def test_a_customer_of_no_time_is_one_of_the_moment_of_arrival() -> None:
    assert normalise("customer.updated", {"id": 7, "email": ""}, STORE, NOW) == CustomerNews("7", NOW)
    assert normalise("customer.updated", {"id": 7, "email": ""}, STORE) == Ignored("time_invalid")


def test_nobody_is_erased_on_the_word_of_a_topic_that_was_not_signed() -> None:
    assert normalise("customer.deleted", {"id": 7}, STORE, NOW) == Ignored("erase_unsigned")
    assert reason_of({"id": 7, "status": "x"}, "customer.deleted") == "topic_shape"


# Whole bodies


def test_the_sample_order_adds_up() -> None:
    body = body_of(sample("order_processing"))
    assert body.expected_total == body.total == 5_103
    assert (body.shipping, body.shipping_tax, body.tax, body.tips_and_fees) == (490, 39, 363, 200)
    assert (body.channel, body.delivery_type, body.payment_methods) == ("website", "delivery", ("stripe",))


SAMPLES = {
    name: sample(name)
    for name in ("order_partially_refunded", "customer_created", "product_updated", "error_body", "order_deleted")
}


@given(spoilt(SAMPLES))
def test_whatever_stands_anywhere_in_a_body_there_is_an_answer_that_can_be_stored(body: dict[str, Any]) -> None:
    for topic in ("order.updated", "customer.deleted", "product.deleted"):
        assert_can_be_stored(read("woocommerce", topic, json.dumps(body).encode(), STORE, NOW))


def theirs(name: str) -> dict[str, Any]:
    """Another project's body, as the numbers in it were written."""
    folder = os.environ.get("CASHBACK_PAYLOADS")
    if not folder:
        pytest.skip("CASHBACK_PAYLOADS does not name the folder of the third-party bodies, which are not copied here")
    document: dict[str, Any] = json.loads((Path(folder) / name).read_text(), parse_float=str)
    return document


def test_the_documented_order_is_a_guests_and_adds_up() -> None:
    sent = theirs("woocommerce_order_processing.json")
    told = read("woocommerce", "order.updated", json.dumps(sent).encode(), STORE)
    assert isinstance(told, News)
    assert (told.order_id, told.customer, told.facts.paid) == ("727", None, True)
    body = told.facts.body
    assert body is not None
    assert body.expected_total == body.total == 2_935
    assert [(sold.line_id, sold.gross, sold.tax, sold.product_id) for sold in body.lines] == [
        ("315", 600, 45, "93"),
        ("316", 1_200, 90, "22"),
    ]
    assert (body.updated_at, body.channel, body.refund_ids) == ("2017-03-22T19:28:08.000000Z", "api", frozenset())
    known = normalise("order.updated", {**sent, "customer_id": 26}, STORE)
    assert isinstance(known, News)
    store = Shop()
    store.hear(known)
    assert store.accounts["26"].available == 90


def test_the_documented_refund_is_no_order() -> None:
    assert reason_of(theirs("woocommerce_refund_resource.json")) == "topic_shape"


def test_the_recorded_product_is_in_the_catalogue_by_its_category() -> None:
    recorded = theirs("woocommerce_product_updated.webhook.json")
    told = read("woocommerce", recorded["topic"], json.dumps(recorded["body"]).encode(), STORE)
    at = "2023-03-26T09:29:39.000000Z"
    assert told == ProductNews(Product("18", at, "Perpemint", categories=("Uncategorized",)))


# Products


@pytest.mark.parametrize("topic", ["product.created", "product.updated", "product.restored", "order.updated", ""])
def test_a_product_is_told_by_its_body_and_its_terms_by_their_names(topic: str) -> None:
    at = "2026-02-28T17:05:30.000000Z"
    known = Product("15", at, "Tea & Honey", categories=("Tea & Coffee", "Gifts"), tags=("organic",))
    assert normalise(topic, sample("product_updated"), STORE) == ProductNews(known)


def test_a_product_without_a_time_is_as_new_as_its_creation_else_as_its_delivery() -> None:
    undated = product(date_modified_gmt=None)
    told = normalise("product.created", {**undated, "date_created_gmt": "2026-02-01T08:00:00"}, STORE, NOW)
    assert told == ProductNews(Product("18", "2026-02-01T08:00:00.000000Z", "Mug"))
    assert normalise("product.created", undated, STORE, NOW) == ProductNews(Product("18", NOW, "Mug"))
    assert normalise("product.created", undated, STORE) == Ignored("time_invalid")


def test_terms_without_a_name_are_none_and_escaped_ones_are_unescaped_once() -> None:
    terms = [{"name": "R&amp;amp;B"}, {"name": ""}, {"id": 5}, {"name": 5}, {"name": "\ud800"}]
    told = normalise("product.updated", product(categories=terms, tags=None), STORE)
    assert told == ProductNews(Product("18", "2026-03-01T08:01:00.000000Z", "Mug", categories=("R&amp;B", "?")))


def test_a_deleted_product_is_told_by_its_topic_and_one_in_the_bin_by_its_body() -> None:
    assert normalise("product.deleted", sample("product_deleted"), STORE, NOW) == ProductDeleted("15", NOW)
    assert normalise("product.deleted", sample("product_deleted"), STORE) == Ignored("topic_shape")
    binned = product(status="trash")
    assert normalise("product.updated", binned, STORE) == ProductDeleted("18", "2026-03-01T08:01:00.000000Z")


@pytest.mark.parametrize("topic", ["product.updated", "order.deleted", "customer.updated", ""])
def test_an_id_alone_under_any_other_topic_deletes_no_product(topic: str) -> None:
    assert isinstance(normalise(topic, {"id": 15}, STORE, NOW), Ignored)
