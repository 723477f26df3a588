"""Our own events: what they mean, and that their schema, their samples and their reader agree."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from cashback.domain.facts import Body, Facts, Line, Refund, RefundLine
from cashback.domain.money import Currency
from cashback.domain.news import CustomerDeleted, CustomerNews, Ignored
from cashback.domain.orders import News, Status, Told
from cashback.domain.rules import channel_of
from cashback.domain.times import OLDEST
from cashback.storefronts.events import TYPES, normalise
from cashback.storefronts.parsing import read
from tests.unit.builders import JPY, KWD, USD, Shop, at, settings
from tests.unit.spoilt import assert_can_be_stored, spoilt

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs/events.schema.json").read_text())
CONTRACT = Draft202012Validator(SCHEMA)
STORE = settings()

BEYOND_A_SCHEMA = {
    "amount_format",
    "amount_invalid",
    "amount_precision",
    "birthday_invalid",
    "line_twice",
    "test_order",
    "text_invalid",
    "time_invalid",
}
"""Reasons that also stand for what JSON Schema cannot say: exponents, sums, calendars, halves of characters."""

SAMPLES: dict[str, dict[str, Any]] = {
    kind: json.loads((ROOT / "events/events" / f"{kind.replace('.', '_')}.json").read_text()) for kind in sorted(TYPES)
}


def tell(event: dict[str, Any], currency: Currency = USD, **changes: Any) -> Told:
    """One event, from its bytes."""
    return read("events", "", json.dumps(event).encode(), settings(currency, **changes))


def line(**changes: Any) -> dict[str, Any]:
    return {"line_id": "1", "quantity": 1, "unit_price": "100.00", **changes}


def order(**changes: Any) -> dict[str, Any]:
    return {
        "order_id": "A-1",
        "status": "paid",
        "updated_at": "2026-03-01T00:00:05Z",
        "currency": "USD",
        "source": "website",
        "delivery_type": "delivery",
        "customer": {"customer_id": "7"},
        "lines": [line()],
        **changes,
    }


def event(kind: str = "order.paid", occurred_at: str = "2026-03-01T00:00:05Z", /, **data: Any) -> dict[str, Any]:
    return {"type": kind, "occurred_at": occurred_at, "data": data or {"order": order()}}


def of_order(**changes: Any) -> dict[str, Any]:
    return event(order=order(**changes))


def of_refund(refund: Any, about: dict[str, Any] | None = None) -> dict[str, Any]:
    return event("order.refunded", order=about or {"order_id": "A-1"}, refund=refund)


def heard(sent: dict[str, Any], currency: Currency = USD, **changes: Any) -> News:
    told = tell(sent, currency, **changes)
    assert isinstance(told, News), told
    return told


def body_of(sent: dict[str, Any], currency: Currency = USD, **changes: Any) -> Body:
    body = heard(sent, currency, **changes).facts.body
    assert body is not None
    return body


def refund_of(refund: dict[str, Any]) -> Refund:
    (found,) = heard(of_refund(refund)).facts.refunds.values()
    return found


# The contract


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert {choice["$ref"] for choice in SCHEMA["oneOf"]} == {f"#/$defs/{kind}" for kind in TYPES}


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_each_sample_is_the_example_of_its_type_fits_the_schema_and_is_read(kind: str) -> None:
    sample = SAMPLES[kind]
    assert sample["type"] == kind
    assert SCHEMA["$defs"][kind]["examples"] == [sample]
    CONTRACT.validate(sample)
    assert not isinstance(tell(sample), Ignored)
    assert_can_be_stored(tell(sample))


def test_every_name_in_the_schema_is_documented_once_and_every_object_is_closed() -> None:
    for name, definition in SCHEMA["$defs"].items():
        if definition.get("type") == "object" and name != "refunded_order":
            assert definition["additionalProperties"] is False, name


@given(spoilt(SAMPLES))
def test_whatever_stands_anywhere_in_an_event_there_is_an_answer_that_can_be_stored(sent: dict[str, Any]) -> None:
    assert_can_be_stored(tell(sent))


@given(spoilt(SAMPLES))
def test_what_fits_the_schema_is_never_refused(sent: dict[str, Any]) -> None:
    told = tell(sent)
    if CONTRACT.is_valid(sent):
        assert not isinstance(told, Ignored) or told.reason in BEYOND_A_SCHEMA


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ({}, "type_unknown"),
        ({**event(), "type": "order.shipped"}, "type_unknown"),
        ({**event(), "type": ["order.paid"]}, "type_unknown"),
        ({**event(), "id": "1"}, "field_unknown"),
        ({"type": "order.paid", "data": {}}, "field_missing"),
        ({**event(), "data": None}, "field_missing"),
        ({**event(), "data": []}, "shape_invalid"),
        ({**event(), "occurred_at": "2026-03-01"}, "time_invalid"),
        ({**event(), "occurred_at": "2026-03-01T00:00:00"}, "time_invalid"),
        ({**event(), "occurred_at": "2026-02-30T00:00:00Z"}, "time_invalid"),
        ({**event(), "occurred_at": 1_767_225_600}, "time_invalid"),
        (event(order=order(), refund={"refund_id": "R"}), "field_unknown"),
        (of_order(test=True), "test_order"),
        (of_order(test=True, lines=[{"line_id": None}]), "test_order"),
        (of_order(test="true"), "flag_invalid"),
        (of_order(discuont="5.00"), "field_unknown"),
        (of_order(order_id=""), "id_invalid"),
        (of_order(order_id=None), "field_missing"),
        (of_order(order_id=["A-1"]), "id_invalid"),
        (of_order(status="shipped"), "status_unknown"),
        (of_order(status=["paid"]), "status_unknown"),
        (of_order(status=None), "field_missing"),
        (of_order(updated_at=None), "field_missing"),
        (of_order(created_at="soon"), "time_invalid"),
        (of_order(paid_at="soon"), "time_invalid"),
        (of_order(currency=None), "field_missing"),
        (of_order(currency="usd"), "currency_invalid"),
        (of_order(currency=840), "currency_invalid"),
        (of_order(source=None), "field_missing"),
        (of_order(source=""), "text_invalid"),
        (of_order(delivery_type=["x"]), "text_invalid"),
        (of_order(delivery_type=None), "field_missing"),
        (of_order(customer="7"), "shape_invalid"),
        (of_order(customer={"id": 7}), "field_unknown"),
        (of_order(customer={"customer_id": "7", "email": "\ud800@example.com"}), "text_invalid"),
        (of_order(customer={"customer_id": "7", "email_verified": 1}), "flag_invalid"),
        (of_order(lines=None), "field_missing"),
        (of_order(lines={}), "shape_invalid"),
        (of_order(lines=[7]), "shape_invalid"),
        (of_order(lines=[line(price="1.00")]), "field_unknown"),
        (of_order(lines=[line(line_id=None)]), "field_missing"),
        (of_order(lines=[line(), line(line_id=1)]), "line_twice"),
        (of_order(lines=[line(quantity=None)]), "field_missing"),
        (of_order(lines=[line(quantity=1.5)]), "quantity_invalid"),
        (of_order(lines=[line(quantity=True)]), "quantity_invalid"),
        (of_order(lines=[line(quantity=10**4_000)]), "quantity_invalid"),
        (of_order(lines=[line(unit_price=None)]), "field_missing"),
        (of_order(lines=[line(unit_price="")]), "amount_format"),
        (of_order(lines=[line(unit_price="1,00")]), "amount_format"),
        (of_order(lines=[line(unit_price=True)]), "amount_format"),
        (of_order(lines=[line(unit_price=1e300)]), "amount_format"),
        (of_order(lines=[line(unit_price="1.005")]), "amount_precision"),
        (of_order(lines=[line(unit_price=10**4_000)]), "amount_too_large"),
        (of_order(lines=[line(unit_price="9" * 13)]), "amount_too_large"),
        (of_order(lines=[line(unit_price="-1.00")]), "amount_negative"),
        (of_order(lines=[line(discount="-1.00")]), "amount_negative"),
        (of_order(lines=[line(unit_price="999999999999.99", quantity=10**9)]), "amount_invalid"),
        (of_order(lines=[line(gift_card="yes")]), "flag_invalid"),
        (of_order(lines=[line(tags="a, b")]), "tags_invalid"),
        (of_order(lines=[line(tags=[""])]), "text_invalid"),
        (of_order(lines=[line(tags=["a"] * 251)]), "tags_invalid"),
        (of_order(total="-1.00"), "amount_negative"),
        (of_order(paid_with_cashback="-1.00"), "amount_negative"),
        (event("order.refunded", order={"order_id": "A-1"}), "field_missing"),
        (of_refund({"refund_id": "R"}), "field_missing"),
        (of_refund({"refund_id": "R", "lines": []}), "field_missing"),
        (of_refund({"amount": "1.00"}), "field_missing"),
        (of_refund({"refund_id": "R", "amount": "-1.00"}), "amount_negative"),
        (of_refund({"refund_id": "R", "lines": [{"line_id": "1", "quantity": -1}]}), "refund_negative"),
        (of_refund({"refund_id": "R", "lines": [{"line_id": "1", "quantity": 1}] * 1_001}), "too_many_refunds"),
        (of_refund({"refund_id": "R", "amount": "1.00"}, {"order_id": "A-1", "status": "gone"}), "status_unknown"),
        (of_refund({"refund_id": "R", "amount": "1.00"}, {"order_id": "A-1", "lines": []}), "field_missing"),
        (event("customer.created", customer={"name": "Ada"}), "field_missing"),
        (event("customer.created", customer={"customer_id": "7", "birthday": "1990-02-30"}), "birthday_invalid"),
        (event("customer.created", customer={"customer_id": "7", "birthday": "28.02.1990"}), "birthday_invalid"),
        (event("customer.updated", customer={"customer_id": "7", "first_name": "Ada"}), "field_unknown"),
        (event("customer.deleted", customer={}), "field_missing"),
        (event("review.created", review={"review_id": "V"}), "field_missing"),
        (event("review.created", review={"review_id": "V", "order_id": "A-1", "rating": "5"}), "rating_invalid"),
        (event("review.created", review={"review_id": "V", "order_id": "A-1", "rating": 101}), "rating_invalid"),
    ],
)
def test_an_event_that_breaks_the_contract_is_ignored_with_a_reason(sent: dict[str, Any], reason: str) -> None:
    assert tell(sent) == Ignored(reason)
    assert reason in BEYOND_A_SCHEMA or not CONTRACT.is_valid(json.loads(json.dumps(sent)))


# Orders


@pytest.mark.parametrize(
    ("kind", "status", "paid", "completed", "cancelled"),
    [
        ("order.created", "created", False, False, False),
        ("order.created", "paid", True, False, False),
        ("order.paid", "created", True, False, False),
        ("order.paid", "paid", True, False, False),
        ("order.completed", "created", False, True, False),
        ("order.completed", "paid", True, True, False),
        ("order.created", "completed", True, True, False),
        ("order.cancelled", "paid", True, False, True),
        ("order.created", "cancelled", False, False, True),
    ],
)
def test_the_type_and_the_status_both_say_what_happened(
    kind: str, status: str, paid: bool, completed: bool, cancelled: bool
) -> None:
    facts = heard(event(kind, order=order(status=status))).facts
    assert (facts.paid, facts.completed, facts.cancelled) == (paid, completed, cancelled)


def test_prices_and_discounts_are_net_and_tax_stands_apart() -> None:
    sold = line(
        line_id=31,
        product_id="P",
        sku="MUG",
        vendor="Lindqvist",
        category="Kitchen",
        tags=["gift", "new"],
        quantity=3,
        unit_price=12.5,
        discount="2.50",
        tax="7.00",
        gift_card=True,
    )
    body = body_of(
        of_order(lines=[sold], shipping="4.90", tax="8.00", paid_with_cashback="5.00", payment_method="card")
    )
    assert body.lines == (
        Line("31", 3, 3_500, 3, 700, "P", "MUG", "Lindqvist", "Kitchen", ("gift", "new"), gift_card=True),
    )
    assert (body.shipping, body.tax, body.total, body.taxes_included) == (490, 800, None, False)
    assert body.paid_total == body.expected_total == 3_500 + 490 + 800
    assert (body.paid_with_cashback, body.payment_methods, body.line_count) == (500, ("card",), 1)


def test_the_tax_of_an_order_is_that_of_its_lines_where_it_is_not_said() -> None:
    lines = [line(tax="1.00"), line(line_id="2", tax="0.50")]
    assert body_of(of_order(lines=lines)).tax == 150
    assert body_of(of_order(lines=lines, tax=0)).tax == 0


def test_null_is_absent() -> None:
    nothing = dict.fromkeys(("total", "shipping", "tax", "paid_with_cashback", "payment_method", "test", "created_at"))
    assert body_of(of_order(**nothing)) == body_of(of_order())


@pytest.mark.parametrize(("currency", "price", "minor"), [(JPY, "1999", 1_999), (KWD, "1.999", 1_999), (USD, 9, 900)])
def test_amounts_are_in_the_decimals_of_the_currency(currency: Currency, price: object, minor: int) -> None:
    sent = of_order(currency=currency.code, lines=[line(unit_price=price)])
    assert body_of(sent, currency).lines[0].gross == minor


def test_an_order_in_another_currency_is_held_whatever_its_decimals() -> None:
    store = Shop()
    store.hear(heard(of_order(currency="KWD", lines=[line(unit_price="1.999")])))
    assert (store.orders["A-1"].status, store.orders["A-1"].reason) == (Status.HELD, "currency_mismatch")
    assert store.posted == {}


@pytest.mark.parametrize(
    ("sold", "reason"),
    [
        (line(quantity=0), "line_quantity"),
        (line(quantity=-1), "line_quantity"),
        (line(discount="100.01"), "line_amount"),
    ],
)
@pytest.mark.row("60")
def test_row_60_what_is_well_formed_and_doubtful_is_held(sold: dict[str, Any], reason: str) -> None:
    store = Shop()
    store.hear(heard(of_order(lines=[line(line_id="2"), sold])))
    assert (store.orders["A-1"].status, store.orders["A-1"].reason) == (Status.HELD, reason)


@pytest.mark.row("60")
def test_row_60_more_lines_than_are_kept_hold_the_order() -> None:
    body = body_of(of_order(lines=[line(line_id=n) for n in range(1_001)]))
    assert (len(body.lines), body.line_count) == (1_000, 1_001)


@pytest.mark.parametrize("source", ["app", "website", "pos", "kiosk"])
def test_the_source_is_as_sent_unless_the_store_counts_it_as_its_app(source: str) -> None:
    body = body_of(of_order(source=source))
    assert body.channel == channel_of(body, STORE) == source
    assert channel_of(body, settings(app_sources=["kiosk"])) == source.replace("kiosk", "app")


def test_an_order_without_a_time_of_creation_was_created_when_its_first_event_occurred() -> None:
    created = event("order.created", at(2), order=order(status="created", updated_at=at(3)))
    paid = event("order.paid", at(9), order=order(updated_at=at(9)))
    for told in ((created, paid), (paid, created)):
        store = Shop()
        for each in told:
            store.hear(heard(each))
        assert store.orders["A-1"].created_at == at(2)
    assert heard(event("order.created", at(2), order=order(created_at=at(1)))).facts.created_at == at(1)
    assert (heard(paid).facts.began_at, heard(paid).facts.created_at) == (None, at(9))


def test_the_newer_event_says_what_the_order_is_whichever_comes_first() -> None:
    store = Shop()
    newer = of_order(updated_at="2026-03-01T01:00:00+01:00", lines=[line(unit_price="50.00")])
    for each in (newer, event("order.created", order=order(status="created", updated_at="2026-02-28T23:59:59Z"))):
        store.hear(heard(each))
    assert store.accounts["7"].available == 250


@pytest.mark.parametrize("customer", [None, {}, {"email": "a@example.com", "email_verified": True}])
def test_an_order_without_a_customers_id_is_a_guests(customer: dict[str, Any] | None) -> None:
    news = heard(of_order(customer=customer))
    assert news.customer is None
    assert news.facts.body is not None
    assert news.facts.body.customer_id is None


def test_a_guest_is_recognised_by_the_nameless_customer_of_the_order() -> None:
    guest = json.loads((ROOT / "events/events/order_of_guest.json").read_text())
    CONTRACT.validate(guest)
    assert heard(guest).contacts == {"email:ada.brandt@example.com", "phone:+4915550104477"}
    assert heard(of_order(customer={"customer_id": 7, "email": "a@example.com"})).contacts == frozenset()
    assert heard(of_order(customer={"phone": "0155 1", "email": "a"})).contacts == frozenset()
    assert heard(of_order(customer=None)).contacts == frozenset()


def test_the_customer_travels_beside_the_order_and_not_in_it() -> None:
    person = {"customer_id": 7, "name": "Ada", "email": "a@example.com", "email_verified": True, "phone": "+491551"}
    news = heard(of_order(customer=person))
    assert news.customer == CustomerNews("7", OLDEST, "Ada", "a@example.com", email_verified=True, phone="+491551")
    for private in ("Ada", "a@example.com", "+491551"):
        assert private not in repr(news.facts)


# Refunds


def test_a_refund_needs_of_its_order_the_id_alone() -> None:
    news = heard(of_refund({"refund_id": 9, "amount": "5.00"}))
    assert (news.order_id, news.facts.body, news.facts.paid) == ("A-1", None, False)
    assert dict(news.facts.refunds) == {"9": Refund("9", money=500, transactions=500, created_at=at(5))}


def test_a_refund_that_comes_with_its_order_says_both() -> None:
    news = heard(of_refund({"refund_id": 9, "amount": "5.00"}, order(status="completed")))
    assert news.facts.body is not None
    assert (news.facts.paid, news.facts.completed, set(news.facts.refunds)) == (True, True, {"9"})


@pytest.mark.parametrize(
    ("lines", "amount", "money"),
    [
        ([{"line_id": "1", "quantity": 1, "amount": "11.25"}], "12.15", 0),
        ([{"line_id": "1", "quantity": 1}], "12.15", 0),
        ([{"line_id": "1", "quantity": 1, "amount": 0}], "12.15", 1_215),
        ([], "12.15", 1_215),
    ],
)
def test_the_lines_of_a_refund_win_over_its_amount(lines: list[dict[str, Any]], amount: str, money: int) -> None:
    found = refund_of({"refund_id": "R", "lines": lines, "amount": amount})
    assert (found.money, found.transactions, len(found.lines)) == (money, 1_215, len(lines))


@pytest.mark.parametrize("amount", ["1.00", "1.005"])
def test_of_a_refund_in_another_currency_the_units_are_read_alone(amount: str) -> None:
    sent = {"refund_id": "R", "lines": [{"line_id": "1", "quantity": 2, "amount": amount}], "amount": amount}
    news = heard(of_refund(sent, {"order_id": "A-1", "currency": "KWD"}))
    assert dict(news.facts.refunds) == {"R": Refund("R", (RefundLine("1", 2),), created_at=at(5), foreign=True)}
    alone = heard(of_refund({"refund_id": "R", "amount": amount}, {"order_id": "A-1", "currency": "KWD"}))
    assert dict(alone.facts.refunds) == {"R": Refund("R", created_at=at(5), foreign=True)}


def test_the_story_of_the_samples_ends_as_it_should() -> None:
    store = Shop()
    for kind in ("order.refunded", "order.paid", "order.created", "order.completed", "order.refunded"):
        told = tell(SAMPLES[kind])
        assert isinstance(told, News)
        store.hear(told)
    assert {cause: entry.amount for cause, entry in store.entries["C-7"].items()} == {
        "ord:A-1001:earn": 113,
        "ord:A-1001:ref:R-1": -57,
    }
    assert store.orders["A-1001"].facts.refunds["R-1"].lines == (RefundLine("1", 1, 1_125),)
    assert store.orders["A-1001"].created_at == "2026-03-01T09:30:00.000000Z"
    told = tell(SAMPLES["order.cancelled"])
    assert isinstance(told, News)
    store.hear(told)
    assert store.accounts["C-7"].available == 0


# People and reviews


@pytest.mark.parametrize(("kind", "created"), [("customer.created", True), ("customer.updated", False)])
def test_a_customer_is_told_whole(kind: str, created: bool) -> None:
    person = {
        "customer_id": "7",
        "name": "Ada",
        "email": "a@example.com",
        "email_verified": True,
        "phone_verified": True,
        "birthday": "--02-29",
        "tags": ["vip"],
    }
    assert tell(event(kind, customer=person)) == CustomerNews(
        "7", at(5), "Ada", "a@example.com", email_verified=True, birthday="--02-29", tags=("vip",), created=created
    )
    assert tell(event(kind, customer={"customer_id": "7"})) == CustomerNews("7", at(5), created=created)


def test_a_deleted_customer_is_news_of_its_own() -> None:
    assert tell(SAMPLES["customer.deleted"]) == CustomerDeleted("C-7", "2026-09-01T12:00:00.000000Z")


def test_a_review_is_news_of_its_order_and_its_rating_is_kept_by_nobody() -> None:
    told = Facts(reviews={"V-3": "2026-03-08T19:45:00.000000Z"})
    assert tell(SAMPLES["review.created"]) == News("A-1001", "events", told)
    unrated = event("review.created", review={"review_id": 3, "order_id": 1})
    assert tell(unrated) == News("1", "events", Facts(reviews={"3": at(5)}))
    assert tell(event("review.created", review={"review_id": 3, "order_id": 1, "rating": 101})) == Ignored(
        "rating_invalid"
    )


# When it happened


@pytest.mark.parametrize(
    ("kind", "since"),
    [
        ("order.created", {}),
        ("order.paid", {"paid": "2026-03-01T09:31:10.000000Z"}),
        ("order.completed", {"paid": "2026-03-01T09:31:10.000000Z", "completed": "2026-03-03T14:02:00.000000Z"}),
        ("order.cancelled", {"cancelled": "2026-03-01T18:00:00.000000Z"}),
        ("order.refunded", {}),
    ],
)
def test_each_sample_says_since_when_it_is_so(kind: str, since: dict[str, str]) -> None:
    assert dict(heard(SAMPLES[kind]).facts.since) == since


@pytest.mark.parametrize(
    ("kind", "about", "since"),
    [
        ("order.paid", {"paid_at": at(3)}, {"paid": at(3)}),
        ("order.paid", {}, {"paid": at(9)}),
        ("order.created", {}, {"paid": at(5)}),
        ("order.completed", {}, {"paid": at(5), "completed": at(9)}),
        ("order.completed", {"status": "completed"}, {"paid": at(5), "completed": at(9)}),
        ("order.paid", {"status": "completed"}, {"paid": at(9), "completed": at(5)}),
        ("order.cancelled", {"status": "cancelled"}, {"cancelled": at(9)}),
        ("order.created", {"status": "cancelled"}, {"cancelled": at(5)}),
        ("order.created", {"status": "created"}, {}),
    ],
)
def test_what_happened_did_so_at_its_own_time_else_at_that_of_its_event_else_at_that_of_the_body(
    kind: str, about: dict[str, Any], since: dict[str, str]
) -> None:
    assert dict(heard(event(kind, at(9), order=order(**about))).facts.since) == since


def test_a_payment_told_with_a_cancellation_and_without_a_time_came_no_later() -> None:
    early = event("order.cancelled", at(3), order=order())
    assert dict(heard(early).facts.since) == {"paid": at(3), "cancelled": at(3)}
    late = event("order.cancelled", at(9), order=order())
    assert dict(heard(late).facts.since) == {"paid": at(5), "cancelled": at(9)}
    timed = event("order.cancelled", at(3), order=order(paid_at=at(4)))
    assert dict(heard(timed).facts.since) == {"paid": at(4), "cancelled": at(3)}


def test_a_refund_that_names_nothing_but_the_orders_status_says_when_it_was_so_at_the_latest() -> None:
    bare = {"order_id": "A-1", "status": "completed"}
    assert dict(heard(of_refund({"refund_id": "9", "amount": "5.00"}, bare)).facts.since) == {
        "paid": at(5),
        "completed": at(5),
    }
    dated = {**bare, "updated_at": at(2)}
    assert dict(heard(of_refund({"refund_id": "9", "amount": "5.00"}, dated)).facts.since) == {
        "paid": at(2),
        "completed": at(2),
    }


def test_the_headers_say_nothing() -> None:
    for topic in ("", "order.cancelled", "review.created"):
        assert normalise(topic, event(), STORE) == tell(event())
