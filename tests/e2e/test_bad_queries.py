"""Settings, ids, times and filters that are none: each is named by a code of ours, and changes nothing."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from dev.client import Store
from tests.e2e.deployed import DeployedStack
from tests.e2e.shop import Sale, Shop, problem

CANARY = "Zq7canary"


@pytest.fixture(scope="module")
def pending(stack: DeployedStack, make_store: Callable[..., Store]) -> tuple[Shop, Sale]:
    """A store with one order to review, which no test here may change."""
    shop = Shop(stack, make_store(settings={"auto_processing": False}))
    return shop, shop.sell()


@pytest.fixture(autouse=True)
def unchanged(pending: tuple[Shop, Sale]) -> Iterator[None]:
    """Whatever was refused has left both tables byte-identical."""
    shop, _ = pending
    before = shop.stack.snapshot(shop.store)
    yield
    assert shop.stack.snapshot(shop.store) == before


# ---- settings


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"base_rate": "1.01"}, "rate_range"),
        ({"base_rate": "-0.01"}, "rate_range"),
        ({"base_rate": "NaN"}, "rate_range"),
        ({"base_rate": "0.000000000001"}, "rate_range"),
        ({"base_rate": "5%"}, "rate_range"),
        ({"base_rate": None}, "rate_range"),
        ({"currency": "EUR"}, "currency_fixed"),
        ({"currency": "usd"}, "currency_fixed"),
        ({"timezone": "Mars/Phobos"}, "timezone_unknown"),
        ({"timezone": "UTC+25"}, "timezone_unknown"),
        ({"timezone": "../../etc/passwd"}, "timezone_unknown"),
        ({"min_order": "-1"}, "amount_negative"),
        ({"max_award": "1.005"}, "amount_precision"),
        ({"auto_processing": "yes"}, "type"),
        ({"auto_processing": None}, "type"),
        ({"clawback": "never"}, "enum"),
        ({"award_on": "shipped"}, "enum"),
        ({"guest_claim_days": 0}, "out_of_range"),
        ({"guest_claim_days": 10**20}, "out_of_range"),
        ({"guest_claim_days": "30"}, "type"),
        ({"name": ""}, "length"),
        ({"name": "x" * 201}, "length"),
        ({"tiers": [{"name": "Gold", "min_spent": "1", "rate": "0.1"}] * 2}, "duplicate"),
        ({"tiers": [{"name": "Gold", "min_spent": "1"}]}, "required"),
        ({"product_rates": [{"rate": "0.1"}]}, "one_attribute"),
        ({"product_rates": [{"sku": "a", "tag": "b", "rate": "0.1"}]}, "one_attribute"),
        ({"product_rates": [{"sku": "a", "rate": "0.1"}] * 1_001}, "too_many_items"),
        ({"alerts": {"webhook_url": "http://127.0.0.1/"}}, "url_format"),
        ({"alerts": {"email": "nobody"}}, "email_format"),
        ({"version": 7}, "field_unknown"),
        ({"store_id": "other"}, "field_unknown"),
    ],
    ids=lambda value: str(value)[:40],
)
@pytest.mark.row("58", "59", "75")
def test_a_setting_that_is_not_acceptable_is_named(pending: tuple[Shop, Sale], change: Any, code: str) -> None:
    shop, _ = pending
    refused = problem(shop.store.api("PATCH", "/v1/store", change, headers={"if-match": "1"}), 422)
    assert refused["code"] == code
    assert code in [fault["code"] for fault in refused["errors"]]


# ---- ids, times, queries

LONG = ("", "%20", "x" * 201, "x" * 300, "x" * 2_049)
STRANGE = (
    "a%23b",
    "a%20b",
    "%2e%2e",
    "a%0ab",
    "a%00b",
    "%E2%80%8B1",
    "%E2%80%AE1",
    "caf%C3%A9",
    "%D0%B0",
    "a%22",
    "a%3Cb",
)


@pytest.mark.parametrize("order_id", [*LONG[1:], *STRANGE], ids=lambda value: value[:12])
def test_an_id_in_a_path_that_is_none_finds_nothing(pending: tuple[Shop, Sale], order_id: str) -> None:
    shop, _ = pending
    answer = shop.store.api("GET", f"/v1/orders/{order_id}")
    assert problem(answer, 403, 404, 422)["code"] in {"id_length", "id_charset", "not_found", "forbidden"}


@pytest.mark.row("67")
def test_two_spellings_of_a_number_are_two_ids(pending: tuple[Shop, Sale]) -> None:
    shop, sale = pending
    assert problem(shop.store.api("GET", f"/v1/orders/0{sale.order_id}"), 404)["code"] == "not_found"
    assert problem(shop.store.api("GET", f"/v1/orders/{sale.order_id}.0"), 404)["code"] == "not_found"


@pytest.mark.parametrize("customer_id", [*LONG, *STRANGE], ids=lambda value: value[:12])
@pytest.mark.row("62", "63", "64")
def test_an_id_in_a_query_that_is_none_is_named(pending: tuple[Shop, Sale], customer_id: str) -> None:
    shop, _ = pending
    refused = problem(shop.store.api("GET", f"/v1/orders?customer_id={customer_id}"), 422)
    assert refused["code"] in {"id_length", "id_charset"}
    assert refused["errors"] == [{"field": "customer_id", "code": refused["code"]}]


TIMES = (
    "2026-02-29T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "2026-12-31T23:59:60Z",
    "2026-W01-1",
    "20260101T000000Z",
    "2026-01-01T00:00:00",
    "2026-01-01",
    "1767225600",
    "2026-01-01 00:00:00Z",
    "2026-01-01T00:00:00+25:00",
    "2026-01-01T00:00:00Z\n",
    "now",
    "",
)


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize("place", ["orders?from", "orders?to", "transactions?from", "transactions?to", "balance?at"])
@pytest.mark.row("72")
def test_what_is_no_time_is_refused(pending: tuple[Shop, Sale], place: str, time: str) -> None:
    shop, sale = pending
    route, _, name = place.partition("?")
    path = "/v1/orders" if route == "orders" else f"/v1/customers/{sale.customer_id}/{route}"
    refused = problem(shop.store.api("GET", f"{path}?{name}={quote(time)}"), 422)
    assert (refused["code"], refused["errors"]) == ("time_format", [{"field": name, "code": "time_format"}])


@pytest.mark.parametrize("time", ["2026-01-01T00:00:00Z", "2026-01-01t00:00:00.123456z", "2026-01-01T00:00:00-05:30"])
def test_rfc_3339_with_an_offset_is_a_time(pending: tuple[Shop, Sale], time: str) -> None:
    shop, sale = pending
    assert shop.store.api("GET", f"/v1/customers/{sale.customer_id}/balance?at={quote(time)}").status == 200


@pytest.mark.parametrize(
    "limit", ["0", "-1", "101", "1000000000", "10;drop", "\uff11\uff10", "1e1", "+5", "%205", "", "ten"]
)
@pytest.mark.parametrize("route", ["/v1/orders", "/v1/api-keys", "/v1/customers/{customer}/transactions"])
@pytest.mark.row("78")
def test_a_limit_is_a_number_from_1_to_100(pending: tuple[Shop, Sale], route: str, limit: str) -> None:
    shop, sale = pending
    path = route.format(customer=sale.customer_id)
    limit = quote(limit, safe="%")
    refused = problem(shop.store.api("GET", f"{path}?limit={limit}"), 422)
    assert refused["errors"] == [{"field": "limit", "code": "out_of_range"}]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("status=paid", "enum"),
        ("status=PENDING", "enum"),
        ("status=", "enum"),
        ("sort=total", "parameter_unknown"),
        ("__class__=x", "parameter_unknown"),
        (f"{CANARY}=1", "parameter_unknown"),
        ("status=pending&status=held", "parameter_repeated"),
    ],
)
@pytest.mark.row("79")
def test_a_filter_that_is_not_ours_is_refused_and_not_repeated(
    pending: tuple[Shop, Sale], query: str, code: str
) -> None:
    shop, _ = pending
    answer = shop.store.api("GET", f"/v1/orders?{query}")
    assert problem(answer, 422)["code"] == code
    assert CANARY.encode() not in answer.body


def test_a_transactions_type_is_one_of_those_shown(pending: tuple[Shop, Sale]) -> None:
    shop, sale = pending
    path = f"/v1/customers/{sale.customer_id}/transactions"
    assert problem(shop.store.api("GET", f"{path}?type=scenario"), 422)["code"] == "enum"
    assert problem(shop.store.api("GET", f"{path}?include_zero=1"), 422)["code"] == "enum"
