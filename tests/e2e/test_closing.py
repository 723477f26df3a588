"""A store is closed for real: each function with its own role, its keys and secrets stop, its customers are erased."""

import json
from collections.abc import Callable

import pytest

from cashback.adapters.dynamo import store_keys
from cashback.adapters.dynamo.codec import Item
from cashback.adapters.dynamo.tables import StateTable
from dev.client import wait_until
from dev.project import ROOT
from tests.e2e.shop import Shop, problem
from tests.e2e.test_people import ADA, asking, person, profile

SWEEP = json.loads((ROOT / "events" / "sweeper.json").read_text())
LEFT = json.loads((ROOT / "events" / "shopify" / "shop_redact.json").read_text())


def partition(shop: Shop, pk: str) -> list[Item]:
    return StateTable(shop.stack.client("dynamodb"), shop.stack.state_table).partition(pk)


@pytest.mark.row("S14")
def test_the_audit_shows_settings_keys_erasures_and_requests(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop()
    shop.change(base_rate="0.1")
    shop.with_key("viewer")
    customer_id = shop.sell().customer_id
    assert customer_id is not None
    shop.tell("customers/data_request", asking(customer_id, orders_requested=[], data_request={"id": 1}))
    shop.tell("customers/redact", asking(customer_id, orders_to_redact=[]))
    items = shop.store.api("GET", "/v1/audit").expect(200)["items"]
    told = {"settings_changed", "api_key_created", "customer_erased", "store_created", "data_requested"}
    assert {item["what"] for item in items} == told
    times = [item["at"] for item in items]
    assert times == sorted(times, reverse=True)


def test_a_closed_store_stops_and_nothing_of_its_customers_is_left(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(auto_processing=False)
    path = f"/platform/stores/{shop.store.store_id}"
    shop.store.api("POST", "/v1/webhook-endpoints", {"url": "https://shop.cashback-tests.invalid"}).expect(201)
    customers = [shop.sell().customer_id for _ in range(3)]
    for customer_id in customers:
        assert customer_id is not None
        shop.tell("customers/update", person(customer_id, at=1))
        assert profile(shop, customer_id)["email"] == ADA["email"]
    assert "#FIND" in repr(shop.stack.snapshot(shop.store))
    told = (store_keys.endpoints(shop.store.store_id), store_keys.deliveries(shop.store.store_id))
    wait_until(lambda: all(partition(shop, pk) for pk in told))
    assert shop.outcome("shop/redact", LEFT) == "redact_requested"
    assert shop.outcome("shop/redact", LEFT) == "event_unchanged"
    platform = shop.stack.platform
    assert platform.call("GET", path).expect(200)["closed_at"] is None
    closed = platform.call("POST", f"{path}/close", {"reason": "the shop has left"}).expect(200)
    assert platform.call("POST", f"{path}/close", {"reason": "again"}).expect(200) == closed
    assert platform.call("GET", path).expect(200)["closed_at"] == closed["closed_at"] is not None
    assert shop.outcome("customers/update", person(4711, at=2)) == "store_closed"
    assert shop.stack.invoke("sweeper", SWEEP)["failed"] == 0
    wait_until(lambda: shop.store.api("GET", "/v1/store").status == 401)
    wait_until(lambda: shop.store.shopify("shop/redact", LEFT).status == 401, seconds=90)
    left = repr(shop.stack.snapshot(shop.store))
    words = ("Ada", "Brandt", ADA["email"], ADA["phone"], "#CONTACT", "#FIND", "#SEC", "#HOOK", "'K#")
    assert [word for word in words if str(word) in left] == []
    assert "'store_closed'" in left
    assert shop.stack.invoke("sweeper", SWEEP)["failed"] == 0
    assert [pk for pk in told if partition(shop, pk)] == []
    refused = platform.call("POST", f"{path}/api-keys", {"name": "x", "role": "admin"})
    assert problem(refused, 409)["code"] == "state_conflict"
