"""What Shopify's order and customer bodies mean. The numbered cases of the cashback rules are in test_cases."""

import json
from typing import Any

import pytest

from cashback.domain.facts import Line
from cashback.domain.money import Currency
from cashback.domain.news import (
    CustomerDeleted,
    CustomerNews,
    CustomersMerged,
    DataRequested,
    Ignored,
    ProductDeleted,
    ProductNews,
    StoreRedacted,
)
from cashback.domain.orders import News
from cashback.domain.products import Product
from cashback.domain.times import OLDEST
from cashback.storefronts.shopify import normalise
from tests.unit.builders import JPY, KWD, USD, settings
from tests.unit.shopify_bodies import NOW, STORE, bag, body_of, heard, order, reason_of, refund, sample

WHO = {"shop_id": 954889, "shop_domain": "quay-street.myshopify.com"}


def merge(kept: object = "gid://shopify/Customer/1", status: str | None = "completed") -> dict[str, Any]:
    """The body of customers/merge; the deleted customer is 2."""
    return {
        "admin_graphql_api_customer_kept_id": kept,
        "admin_graphql_api_customer_deleted_id": "gid://shopify/Customer/2",
        "admin_graphql_api_job_id": None,
        "status": status,
        "errors": [],
    }


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("orders/paid", {"hello": 1}, "topic_shape"),
        ("orders/paid", {}, "topic_shape"),
        ("orders/delete", {"id": 1}, "topic_unknown"),
        ("orders/edited", {"order_edit": {"id": 1, "order_id": 1}}, "no_totals"),
        ("orders/risk_assessment_changed", {"risk_level": "medium"}, "topic_unknown"),
        ("products/update", {"id": 1, "title": "Mug"}, "topic_shape"),
        ("products/update", {"id": 1, "title": "Mug", "tags": ""}, "topic_shape"),
        ("products/update", {"id": 1, "title": "Mug", "product_type": ""}, "topic_shape"),
        ("products/update", {"product_type": "", "tags": ""}, "topic_shape"),
        ("products/update", {"id": 1, "product_type": "", "tags": ""}, "time_invalid"),
        ("products/update", {"id": [1], "product_type": "", "tags": "", "updated_at": NOW}, "id_invalid"),
        ("products/update", {"id": 1, "product_type": "", "tags": "", "updated_at": "soon"}, "time_invalid"),
        ("products/archive", {"id": 1, "product_type": "", "tags": "", "updated_at": NOW}, "topic_unknown"),
        ("products/delete", {"id": 1}, "topic_shape"),
        ("draft_orders/create", order(), "topic_unknown"),
        ("orders/create", {"id": 1, "line_items": [], "status": "open"}, "topic_shape"),
        ("orders/create", {"id": 1, "line_items": [], "email": "ada@example.com"}, "topic_shape"),
        ("refunds/create", {"id": 1, "order_id": 2, "email": "ada@example.com"}, "topic_shape"),
        ("order_transactions/create", {"id": 1, "order_id": 2, "kind": "sale", "amount": "1.00"}, "topic_unknown"),
        ("customers/merge", {"admin_graphql_api_customer_kept_id": "x"}, "topic_shape"),
        ("customers/merge", merge(status="in_progress"), "merge_not_completed"),
        ("customers/merge", merge(status=None), "merge_not_completed"),
        ("customers/merge", merge(kept="gid://shopify/Customer/2"), "merge_into_itself"),
        ("customers/merge", merge(kept="gid://shopify/Order/1"), "id_invalid"),
        ("customers/merge", merge(kept="gid://shopify/Customer/1\n"), "id_invalid"),
        ("customers/merge", merge(kept="gid://shopify/Customer/\u0661"), "id_invalid"),
        ("customers/merge", merge(kept=1), "id_invalid"),
        (
            "customers/redact",
            {**WHO, "customer": {"id": None, "email": "a@b.example"}, "orders_to_redact": []},
            "id_invalid",
        ),
        ("customers/redact", {**WHO, "customer": {"id": 7}}, "topic_shape"),
        ("customers/data_request", {**WHO, "customer": {"id": 7}, "data_request": {}}, "id_invalid"),
        ("shop/redact", {"shop_id": 1}, "topic_shape"),
        ("customers/create", {"id": 1}, "topic_shape"),
        ("orders/paid", order(test=True), "test_order"),
        ("orders/paid", order(test=True, line_items=[{"price": "?"}]), "test_order"),
    ],
)
def test_what_means_nothing_is_ignored_with_a_reason(topic: str, payload: dict[str, Any], reason: str) -> None:
    assert reason_of(payload, topic) == reason


@pytest.mark.parametrize(
    "topic", ["orders/create", "orders/partially_fulfilled", "refunds/create", "customers/update", ""]
)
def test_the_body_decides_what_it_is(topic: str) -> None:
    assert heard(order(), topic).facts.body is not None
    if topic != "orders/partially_fulfilled":
        assert heard(refund(), topic).facts.body is None
        assert isinstance(normalise(topic, {"id": 1, "email": None, "created_at": NOW}, STORE), CustomerNews)


MUG = Product(
    "8120034558005",
    "2026-02-02T15:40:05.000000Z",
    "Stoneware mug",
    "Lindqvist",
    ("Mugs & cups",),
    ("ceramics", "gift idea", "no-cashback"),
)


@pytest.mark.parametrize("topic", ["products/create", "products/update", "orders/updated", "customers/update", ""])
def test_a_product_is_told_by_its_body_whatever_the_topic(topic: str) -> None:
    for body in (sample("product_update"), {"product": sample("product_update")}):
        assert normalise(topic, body, STORE) == ProductNews(MUG)


def test_a_product_says_its_tags_as_a_list_too_and_may_have_no_type_and_no_vendor() -> None:
    tagged = {**sample("product_update"), "tags": ["ceramics", "gift idea", "no-cashback"]}
    assert normalise("products/update", tagged, STORE) == ProductNews(MUG)
    plain = {"id": 1, "product_type": "", "tags": "", "vendor": None, "updated_at": NOW}
    assert normalise("products/update", plain, STORE) == ProductNews(Product("1", NOW))


def test_a_product_without_a_time_is_as_new_as_its_creation_else_as_its_delivery() -> None:
    plain = {"id": 1, "product_type": "", "tags": ""}
    created = {**plain, "created_at": "2026-02-01T09:00:00+01:00"}
    assert normalise("products/create", created, STORE, NOW) == ProductNews(Product("1", "2026-02-01T08:00:00.000000Z"))
    assert normalise("products/create", plain, STORE, NOW) == ProductNews(Product("1", NOW))


def test_a_deleted_product_is_told_by_its_topic_and_dated_by_its_delivery() -> None:
    assert normalise("products/delete", sample("product_delete"), STORE, NOW) == ProductDeleted(MUG.product_id, NOW)
    for topic in ("products/update", "customers/update", "orders/updated", ""):
        assert normalise(topic, sample("product_delete"), STORE, NOW) == Ignored("topic_shape")


@pytest.mark.parametrize(("name", "payload"), [("order", order()), ("refund", refund())])
def test_a_resource_wrapped_in_its_name_is_the_same(name: str, payload: dict[str, Any]) -> None:
    assert heard({name: payload}) == heard(payload)


@pytest.mark.parametrize(
    ("status", "more", "paid", "cancelled"),
    [
        ("pending", {}, False, False),
        ("authorized", {}, False, False),
        ("partially_paid", {"total_outstanding": "0.00"}, False, False),
        ("expired", {}, False, False),
        ("paid", {"total_outstanding": "100.00"}, True, False),
        ("partially_refunded", {}, True, False),
        ("refunded", {}, True, False),
        ("voided", {}, False, True),
        ("paid", {"cancelled_at": "2026-03-01T10:00:00Z"}, True, True),
        (None, {}, False, False),
    ],
)
def test_payment_and_cancellation(status: str | None, more: dict[str, Any], paid: bool, cancelled: bool) -> None:
    facts = heard(order(financial_status=status, **more)).facts
    assert (facts.paid, facts.cancelled, facts.completed) == (paid, cancelled, False)


@pytest.mark.parametrize("status", [["paid"], {}, 7, True])
def test_a_status_that_is_no_text_is_no_payment(status: object) -> None:
    assert not heard(order(financial_status=status)).facts.paid


def test_completed_means_fulfilled() -> None:
    assert heard(order(fulfillment_status="fulfilled"), "orders/fulfilled").facts.completed
    assert not heard(order(fulfillment_status="partial"), "orders/fulfilled").facts.completed


CANCELLED = {"cancelled_at": "2026-03-01T10:00:00+01:00"}
AT_EIGHT, AT_NINE = "2026-03-01T08:00:00.000000Z", "2026-03-01T09:00:00.000000Z"


@pytest.mark.parametrize(
    ("about", "since"),
    [
        ({"financial_status": "pending"}, {}),
        ({}, {"paid": AT_EIGHT}),
        ({"fulfillment_status": "fulfilled"}, {"paid": AT_EIGHT, "completed": AT_EIGHT}),
        ({"financial_status": "voided"}, {"cancelled": AT_EIGHT}),
        ({**CANCELLED, "financial_status": "voided"}, {"cancelled": AT_NINE}),
        (CANCELLED, {"paid": AT_EIGHT, "cancelled": AT_NINE}),
        ({**CANCELLED, "updated_at": "2026-03-01T09:30:00Z"}, {"paid": AT_NINE, "cancelled": AT_NINE}),
    ],
)
def test_what_happened_did_so_at_the_latest_when_the_body_says_it(about: dict[str, Any], since: dict[str, str]) -> None:
    assert dict(heard(order(**about)).facts.since) == since


def test_times_are_instants() -> None:
    body = body_of(order())
    assert (body.updated_at, body.created_at) == ("2026-03-01T08:00:00.000000Z", "2026-03-01T08:00:00.000000Z")


def test_a_body_without_times_takes_that_of_its_arrival() -> None:
    timeless = order(updated_at=None, created_at=None)
    assert reason_of(timeless) == "time_invalid"
    told = normalise("orders/paid", timeless, STORE, NOW)
    assert isinstance(told, News)
    assert told.facts.body is not None
    assert told.facts.body.updated_at == NOW


@pytest.mark.parametrize(
    "moment", ["yesterday", "0001-01-01T00:00:00+05:00", 1_700_000_000, [], "9999-12-31T23:59:59-12:00"]
)
def test_a_time_that_is_none_is_said(moment: object) -> None:
    assert reason_of(order(updated_at=moment)) == "time_invalid"


# Money


def test_shop_money_is_read_and_never_presentment_money() -> None:
    line = {
        "id": 11,
        "price": "92.00",
        "price_set": bag("100.00"),
        "quantity": 3,
        "discount_allocations": [{"amount": "9.20", "amount_set": bag("10.00")}, {"amount": "0.50"}],
        "tax_lines": [{"price": "18.40", "price_set": bag("20.00")}, {"price": 1}],
    }
    shipping = {"price": "4.60", "price_set": bag("5.00"), "discount_allocations": [{"amount_set": bag("1.00")}]}
    body = body_of(
        order(
            line_items=[line],
            shipping_lines=[shipping],
            tax_lines=[{"price_set": bag("21.00")}],
            total_price="300.00",
            total_price_set=bag("314.50"),
            taxes_included=True,
        )
    )
    assert body.lines == (Line("11", 3, 28_950, 3, tax=2_100),)
    assert (body.total, body.shipping, body.tax, body.taxes_included) == (31_450, 400, 2_100, True)


def test_what_is_discounted_stands_in_the_allocations_only() -> None:
    line = {"id": 1, "price": "10.00", "quantity": 1, "total_discount": "9.00"}
    assert body_of(order(line_items=[line], subtotal_price="1.00")).lines[0].gross == 1_000


@pytest.mark.parametrize(
    ("sent", "currency", "minor"),
    [
        ("348.0", USD, 34_800),
        (9, USD, 900),
        ("199", USD, 19_900),
        ("199.00", USD, 19_900),
        ("0.005", USD, 1),
        ("1999", JPY, 1_999),
        ("1999.00", JPY, 1_999),
        ("1.999", KWD, 1_999),
    ],
)
def test_amounts_parse_exactly(sent: object, currency: Currency, minor: int) -> None:
    payload = json.loads(json.dumps(order(line_items=[{"id": 1, "price": sent, "quantity": 1}])), parse_float=str)
    assert body_of(payload, currency).lines[0].gross == minor


@pytest.mark.parametrize(
    "price", ["", "abc", "1e400", "1e300000", "1,000.00", "NaN", " 1", "9" * 13, "0." + "1" * 5_000, True, [], {}, None]
)
def test_amounts_that_are_none_are_said(price: object) -> None:
    assert reason_of(order(line_items=[{"id": 1, "price": price, "quantity": 1}])) == "amount_invalid"


def test_a_line_beyond_every_range_is_said() -> None:
    huge = {"id": 1, "price": "999999999999.99", "quantity": 1_000_000_000}
    assert reason_of(order(line_items=[huge])) == "amount_invalid"
    assert reason_of(order(line_items=[{**huge, "quantity": 10**4_000}])) == "quantity_invalid"
    most = {"id": 1, "price": "99999999999.99", "quantity": 10}
    assert body_of(order(line_items=[most])).lines[0].gross == 99_999_999_999_990
    assert reason_of(order(line_items=[{**most, "price": "100000000000.00"}])) == "amount_invalid"


@pytest.mark.parametrize("quantity", [None, "", "1.5", "two", True, [], 1_000_000_001, -1_000_000_001, "\u0663"])
def test_quantities_that_are_none_are_said(quantity: object) -> None:
    assert reason_of(order(line_items=[{"id": 1, "price": "1.00", "quantity": quantity}])) == "quantity_invalid"


@pytest.mark.parametrize("quantity", [0, -1])
def test_a_quantity_that_sells_nothing_is_left_for_a_person_to_see(quantity: int) -> None:
    assert body_of(order(line_items=[{"id": 1, "price": "1.00", "quantity": quantity}])).lines[0].quantity == quantity


def test_tax_is_the_sum_of_its_lines_else_the_total() -> None:
    assert body_of(order(total_tax="8.00", tax_lines=[{"price": "5.00"}, {"price": "2.50"}])).tax == 750
    assert body_of(order(total_tax="8.00")).tax == 800
    assert body_of(order(total_tax="8.00", total_tax_set={"shop_money": {"amount": None}})).tax == 800


def test_tips_duties_and_fees_are_set_apart() -> None:
    body = body_of(
        order(
            total_tip_received="5.00",
            original_total_duties_set=bag("3.00"),
            current_total_duties_set=bag("1.00"),
            original_total_additional_fees_set=None,
            current_total_additional_fees_set=bag("0.50"),
        )
    )
    assert body.tips_and_fees == 850


@pytest.mark.parametrize("mark", [{"tip": {"payment_gateway": "cash"}}, {"tip_payment_gateway": "shopify_payments"}])
def test_a_tip_listed_as_a_line_is_no_line(mark: dict[str, Any]) -> None:
    lines = [{"id": 11, "price": "100.00", "quantity": 1}, {"id": 12, "price": "5.00", "quantity": 1, **mark}]
    body = body_of(order(line_items=lines, total_tip_received="5.00", total_price="105.00"))
    assert [line.line_id for line in body.lines] == ["11"]
    assert body.expected_total == body.total == 10_500


def test_removed_deliveries_are_not_delivered() -> None:
    assert body_of(order(shipping_lines=[])).delivery_type == "pickup"
    assert body_of(order()).delivery_type == "pickup"
    removed = {"price": "5.00", "is_removed": True}
    assert body_of(order(shipping_lines=[removed])).delivery_type == "pickup"
    body = body_of(order(shipping_lines=[removed, {"price": "0.00", "tax_lines": [{"price": "0.40"}]}]))
    assert (body.delivery_type, body.shipping, body.shipping_tax) == ("delivery", 0, 40)


def test_more_lines_than_are_kept_are_counted() -> None:
    lines = [{"id": n, "price": "1.00", "quantity": 1} for n in range(1_001)]
    body = body_of(order(line_items=lines))
    assert (len(body.lines), body.line_count) == (1_000, 1_001)


# Lines, people, places


def test_what_rules_match_is_read() -> None:
    line = {
        "id": 9007199254740993,
        "price": "5.00",
        "quantity": 4,
        "current_quantity": 1,
        "product_id": 77,
        "sku": "MUG",
        "vendor": "Lindqvist",
        "gift_card": True,
    }
    (read_line,) = body_of(order(line_items=[line])).lines
    assert read_line == Line("9007199254740993", 4, 2_000, 1, 0, "77", "MUG", "Lindqvist", gift_card=True)


def test_absent_attributes_are_none() -> None:
    (line,) = body_of(order(line_items=[{"id": 1, "price": "5.00", "quantity": 2, "sku": "", "vendor": None}])).lines
    assert line == Line("1", 2, 1_000, 2)


@pytest.mark.parametrize(
    ("source_name", "channel"),
    [("web", "website"), ("pos", "pos"), ("our-ios", "our-ios"), ("755357713", "755357713"), (None, ""), (7, "")],
)
def test_the_channel(source_name: object, channel: str) -> None:
    told = normalise("orders/paid", order(source_name=source_name), settings(app_sources=["our-ios"]))
    assert isinstance(told, News)
    assert told.facts.body is not None
    assert told.facts.body.channel == channel


def test_payment_methods() -> None:
    assert body_of(order(payment_gateway_names=["visa", "", None, "gift_card"])).payment_methods == (
        "visa",
        "gift_card",
    )
    assert body_of(order(gateway="authorize_net")).payment_methods == ("authorize_net",)
    assert body_of(order()).payment_methods == ()


@pytest.mark.parametrize("customer", [None, {}, {"id": None, "email": "a@example.com"}, "7"])
def test_an_order_without_a_customers_id_is_a_guests(customer: object) -> None:
    news = heard(order(customer=customer, email="a@example.com"))
    assert news.customer is None
    assert news.facts.body is not None
    assert news.facts.body.customer_id is None


@pytest.mark.parametrize(
    ("fields", "contacts"),
    [
        ({"email": "Ada@Example.com", "contact_email": "b@example.com"}, {"email:ada@example.com"}),
        ({"email": "", "contact_email": "b@example.com"}, {"email:b@example.com"}),
        ({"phone": "+49 1555 0104477"}, {"phone:+4915550104477"}),
        ({"phone": None, "billing_address": {"phone": "004915550104477"}}, {"phone:+4915550104477"}),
        ({"phone": "0155 1", "billing_address": {"phone": "+4915550104477"}}, {"phone:+4915550104477"}),
        ({"customer": {"id": None, "email": "c@example.com"}}, {"email:c@example.com"}),
        ({"email": "a@example.com", "customer": {"id": 7, "email": "a@example.com"}}, set()),
        ({"email": 7, "phone": ["+4915550104477"], "billing_address": "Ada"}, set()),
    ],
)
def test_a_guest_is_recognised_by_what_the_order_says_else_by_the_address(
    fields: dict[str, Any], contacts: set[str]
) -> None:
    news = heard(order(**{"customer": None, **fields}))
    assert news.contacts == contacts
    assert not any(contact.partition(":")[2] in repr(news.facts) for contact in contacts)


@pytest.mark.parametrize("topic", ["", "customers/merge", "customers/redact", "shop/redact", "orders/paid"])
def test_the_body_decides_whether_a_person_is_merged_erased_or_asks(topic: str) -> None:
    person = {"id": 7, "email": "a@example.com", "phone": None}
    assert normalise(topic, merge(), STORE, NOW) == CustomersMerged("1", "2", NOW)
    redact = {**WHO, "customer": person, "orders_to_redact": [1]}
    assert normalise(topic, redact, STORE, NOW) == CustomerDeleted("7", NOW)
    request = {**WHO, "customer": person, "orders_requested": [1], "data_request": {"id": 9}}
    assert normalise(topic, request, STORE, NOW) == DataRequested("7", "9", NOW)
    assert normalise(topic, WHO, STORE, NOW) == StoreRedacted("quay-street.myshopify.com", NOW)
    for body in (merge(), redact, request, WHO):
        assert normalise(topic, body, STORE) == Ignored("time_invalid")


def test_the_customer_travels_beside_the_order_and_not_in_it() -> None:
    person = {
        "id": 7,
        "email": "ada@example.com",
        "first_name": "Ada",
        "last_name": "Brandt",
        "verified_email": True,
        "phone": "+4915550104477",
        "tags": "vip, , wholesale ",
    }
    news = heard(order(customer=person))
    assert news.customer == CustomerNews(
        customer_id="7",
        occurred_at=OLDEST,
        name="Ada Brandt",
        email="ada@example.com",
        email_verified=True,
        phone="+4915550104477",
        tags=("vip", "wholesale"),
    )
    assert news.facts.body is not None
    assert (news.facts.body.customer_id, news.facts.body.customer_tags) == ("7", ("vip", "wholesale"))
    for private in ("ada@example.com", "Ada", "Brandt", "4477"):
        assert private not in repr(news.facts)


@pytest.mark.parametrize(("topic", "created"), [("customers/create", True), ("customers/update", False)])
def test_a_customer_event(topic: str, created: bool) -> None:
    person = {"id": 7, "email": None, "first_name": "Ada", "updated_at": "2026-01-01T00:00:00Z", "verified_email": True}
    told = normalise(topic, person, STORE)
    assert told == CustomerNews("7", "2026-01-01T00:00:00.000000Z", name="Ada", created=created)


@pytest.mark.parametrize("verified", ["true", 1, None, False])
def test_only_a_plain_true_verifies_an_address(verified: object) -> None:
    told = normalise("customers/update", {"id": 7, "email": "a@b.example", "verified_email": verified}, STORE, NOW)
    assert isinstance(told, CustomerNews)
    assert not told.email_verified


@pytest.mark.parametrize(
    ("since", "at", "regular"),
    [
        ("2026-01-12T18:20:41+01:00", "2026-01-13T00:00:00+01:00", True),
        ("2026-01-13T00:00:01+01:00", "2026-01-13T09:00:00+01:00", False),
        (None, "2026-01-13T09:00:00+01:00", False),
        (17, "2026-01-13T09:00:00+01:00", False),
    ],
)
def test_a_regular_is_whom_the_shop_had_on_an_earlier_day(since: Any, at: str, regular: bool) -> None:
    sold = sample("order_paid")
    sold |= {"created_at": at, "customer": {**sold["customer"], "created_at": since}}
    assert heard(sold).of_regular is regular
    assert heard({**sold, "customer": None}).of_regular is False
