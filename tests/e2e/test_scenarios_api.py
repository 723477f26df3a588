"""Scenarios, tasks and promo codes through the deployed API, with the rights that the template gives it."""

from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cashback.domain.scenarios import Discount, PromoOffer, birthday_of
from cashback.domain.tasks import task_of
from cashback.domain.times import instant
from cashback.edge.deps import make_books
from cashback.services.books import Books
from dev.client import Store
from tests.e2e.deployed import DeployedStack
from tests.e2e.shop import plain, problem

SCENARIOS = "/v1/scenarios"
BIRTHDAY = {
    "name": "Birthday",
    "status": "active",
    "trigger": "customer.birthday",
    "delay": {"value": 1, "unit": "months"},
    "cancel_on": ["order.created"],
    "actions": {"credit_cashback": {"amount": "10.5"}},
}


@pytest.fixture(scope="module")
def store(make_store: Callable[..., Store]) -> Store:
    return make_store()


@pytest.fixture(scope="module")
def books(stack: DeployedStack) -> Books:
    return make_books(stack.client("dynamodb"), stack.ledger_table, stack.state_table, lambda: b"unused")


def make(store: Store, **changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = plain(store.api("POST", SCENARIOS, {**BIRTHDAY, **changes}).expect(201))
    return made


def test_a_scenario_is_made_read_changed_listed_and_deleted(store: Store) -> None:
    made = make(store)
    path = f"{SCENARIOS}/{made['scenario_id']}"
    assert made["actions"]["credit_cashback"] == {"amount": "10.50"}
    assert plain(store.api("GET", path).expect(200)) == made
    changed = plain(store.api("PATCH", path, {"name": "Other", "limits": {"min_price": 5}}).expect(200))
    assert [warning["code"] for warning in changed["warnings"]] == ["limits_ignored"]
    items = plain(store.api("GET", f"{SCENARIOS}?q=OTHER&status=active").expect(200))["items"]
    assert [item["scenario_id"] for item in items] == [made["scenario_id"]]
    store.api("DELETE", path).expect(204)
    assert problem(store.api("PATCH", path, {"name": "Again"}), 404)["code"] == "not_found"
    assert plain(store.api("GET", f"{SCENARIOS}?q=OTHER").expect(200))["items"] == []


def test_a_task_is_shown_counted_and_cancelled(store: Store, books: Books) -> None:
    path = f"{SCENARIOS}/{make(store)['scenario_id']}"
    scenario = books.scenarios.get(store.store_id, path.rpartition("/")[2])
    assert scenario is not None
    now = instant(datetime.now(UTC))
    task = task_of(store.store_id, scenario, birthday_of("c1", 2026, now), now, ZoneInfo("UTC"))
    assert books.tasks.create(store.store_id, task, once_per_order=False, once_per_customer=False)
    for listed in (f"{path}/tasks", "/v1/tasks?status=waiting"):
        items = plain(store.api("GET", listed).expect(200))["items"]
        assert [item["task_id"] for item in items] == [task.task_id]
    ended = plain(store.api("POST", f"/v1/tasks/{task.task_id}/cancel").expect(200))
    assert (ended["status_label"], ended["reason"]) == ("Cancelled", "by_hand")
    assert problem(store.api("POST", f"/v1/tasks/{task.task_id}/cancel"), 409)["code"] == "task_not_waiting"
    assert books.tasks.watching_customer(store.store_id, "c1") == []
    figures = plain(store.api("GET", f"{path}/stats").expect(200))
    assert (figures["created"], figures["waiting"], figures["cancelled"]) == (1, 0, {"by_hand": 1})


def test_a_promo_code_is_listed_and_redeemed_once(store: Store, books: Books) -> None:
    now, offer = instant(datetime.now(UTC)), PromoOffer(Discount(percent=Fraction(10)), "HI-")
    promo = books.promo_codes.make(store.store_id, "scn_1", "tsk_1", "c1", offer, now, None)
    items = plain(store.api("GET", "/v1/promo-codes").expect(200))["items"]
    assert [(item["code"], item["status"]) for item in items] == [(promo.code, "active")]
    path = f"/v1/promo-codes/{promo.code}/redeem"
    assert plain(store.api("POST", path, {"order_id": "1001"}).expect(200))["status"] == "redeemed"
    assert problem(store.api("POST", path), 409)["code"] == "promo_code_redeemed"
