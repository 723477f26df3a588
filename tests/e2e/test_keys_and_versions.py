"""API keys, versions of the settings, and the operator's way to make a store."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from dev.client import Answer, Store
from tests.e2e.deployed import DeployedStack
from tests.e2e.shop import Shop, at_once, problem


def keys(store: Store) -> dict[str, dict[str, Any]]:
    """The store's keys by name."""
    return {key["name"]: key for key in store.api("GET", "/v1/api-keys").expect(200)["items"]}


def test_a_key_is_shown_once_and_kept_as_a_hash_only(shop: Shop) -> None:
    made = shop.store.api("POST", "/v1/api-keys", {"name": "till", "role": "operator"}).expect(201)
    assert made["api_key"].startswith(f"cbk_{shop.store.store_id}_")
    listed = keys(shop.store)["till"]
    assert listed == {name: value for name, value in made.items() if name != "api_key"}
    assert (listed["role"], listed["expires_at"]) == ("operator", None)
    assert listed["created_by"].startswith("key:")
    assert made["api_key"] not in str(shop.stack.snapshot(shop.store))


def test_a_repeated_creation_makes_no_second_key_and_shows_none(shop: Shop) -> None:
    first = shop.store.post("/v1/api-keys", {"name": "till", "role": "viewer"}, key="once")
    again = shop.store.post("/v1/api-keys", {"name": "till", "role": "viewer"}, key="once")
    assert again.expect(201) == {**first.expect(201), "api_key": None}
    assert again.headers["idempotency-replayed"] == "true"
    other = shop.store.post("/v1/api-keys", {"name": "till", "role": "admin"}, key="once")
    assert problem(other, 409)["code"] == "idempotency_mismatch"
    assert len(keys(shop.store)) == 2


def test_creations_at_once_under_one_key_make_one(shop: Shop) -> None:
    def create() -> Answer:
        return shop.store.post("/v1/api-keys", {"name": "till", "role": "viewer"}, key="once")

    made = [answer.expect(201) for answer in at_once(*[create] * 4)]
    assert len({key["api_key_id"] for key in made}) == 1
    assert sum(key["api_key"] is not None for key in made) == 1
    assert len(keys(shop.store)) == 2


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "x", "role": "owner"}, "enum"),
        ({"name": "x"}, "required"),
        ({"role": "viewer"}, "required"),
        ({"name": "x", "role": "viewer", "api_key_id": "mine"}, "field_unknown"),
        ({"name": "x", "role": "viewer", "expires_at": "2020-01-01T00:00:00Z"}, "time_past"),
        ({"name": "x", "role": "viewer", "expires_at": "tomorrow"}, "time_format"),
    ],
)
def test_a_key_that_cannot_be_is_refused(shop: Shop, body: Any, code: str) -> None:
    before = shop.stack.snapshot(shop.store)
    assert problem(shop.store.api("POST", "/v1/api-keys", body), 422)["code"] == code
    assert shop.stack.snapshot(shop.store) == before


def test_a_key_cannot_delete_itself_nor_the_last_admin(shop: Shop) -> None:
    first = keys(shop.store)["first admin key"]["api_key_id"]
    before = shop.stack.snapshot(shop.store)
    assert problem(shop.store.api("DELETE", f"/v1/api-keys/{first}"), 409)["code"] == "own_key"
    assert shop.stack.snapshot(shop.store) == before

    second = shop.with_key("admin")
    assert second.api("DELETE", f"/v1/api-keys/{first}").status == 204
    assert problem(second.api("DELETE", f"/v1/api-keys/{first}"), 404)["code"] == "not_found"
    assert list(keys(second)) == ["admin key"]


def test_two_admins_who_delete_each_other_leave_one(shop: Shop) -> None:
    first, second = shop.store, shop.with_key("admin")
    ids = {name: key["api_key_id"] for name, key in keys(first).items()}
    answers = at_once(
        lambda: first.api("DELETE", f"/v1/api-keys/{ids['admin key']}"),
        lambda: second.api("DELETE", f"/v1/api-keys/{ids['first admin key']}"),
    )
    # 401 where the gateway asked for the key anew, once it was deleted.
    assert sorted(answer.status for answer in answers) in ([204, 401], [204, 409])
    survivor = first if answers[0].status == 204 else second
    assert len(keys(survivor)) == 1


# ---- versions of the settings


def patch(store: Store, body: Any, **headers: str) -> Answer:
    return store.api("PATCH", "/v1/store", body, headers={name.replace("_", "-"): v for name, v in headers.items()})


@pytest.mark.row("57")
def test_a_change_needs_the_version_that_was_read(shop: Shop) -> None:
    read = shop.store.api("GET", "/v1/store")
    assert (read.headers["etag"], read.expect(200)["version"]) == ('"1"', 1)
    before = shop.stack.snapshot(shop.store)
    assert problem(patch(shop.store, {"name": "New"}), 400)["code"] == "if_match_required"
    for wrong in ("x", '"1', "*", "1.0", "-1", "", "1, 2"):
        assert problem(patch(shop.store, {"name": "New"}, if_match=wrong), 400, 409)["code"].startswith("if_match"), (
            wrong
        )
    assert problem(patch(shop.store, {"name": "New"}, if_match="2"), 409)["code"] == "version_conflict"
    assert shop.stack.snapshot(shop.store) == before

    changed = patch(shop.store, {"name": "New"}, if_match='"1"')
    assert (changed.headers["etag"], changed.expect(200)["name"], changed.json()["version"]) == ('"2"', "New", 2)
    assert problem(patch(shop.store, {"name": "Newer"}, if_match="1"), 409)["code"] == "version_conflict"


def test_a_change_that_changes_nothing_makes_no_version(shop: Shop) -> None:
    before = shop.stack.snapshot(shop.store)
    assert patch(shop.store, {"base_rate": "0.05", "currency": "USD"}, if_match="1").expect(200)["version"] == 1
    assert patch(shop.store, {}, if_match="1").expect(200)["version"] == 1
    assert shop.stack.snapshot(shop.store) == before


def test_of_changes_at_once_one_wins(shop: Shop) -> None:
    answers = at_once(*(lambda n=n: patch(shop.store, {"name": f"Name {n}"}, if_match="1") for n in range(4)))
    assert sorted(answer.status for answer in answers) == [200, 409, 409, 409]
    (won,) = [answer.json()["name"] for answer in answers if answer.status == 200]
    assert shop.store.api("GET", "/v1/store").expect(200)["name"] == won


def test_amounts_of_settings_are_answered_in_the_decimals_of_the_currency(new_shop: Callable[..., Shop]) -> None:
    dollars, yen = new_shop(), new_shop(currency="JPY")
    assert dollars.change(max_award="10.5", min_order="5")["max_award"] == "10.50"
    assert yen.change(max_award="10")["max_award"] == "10"
    assert dollars.change(max_award=None)["max_award"] is None


# ---- the operator


def test_a_store_is_made_once_and_its_key_and_secrets_are_shown_once(stack: DeployedStack) -> None:
    store_id = f"t-{uuid.uuid4().hex[:20]}"
    body = {"store_id": store_id, "name": "Shop", "currency": "KWD", "timezone": "Asia/Kuwait"}
    made = stack.platform.call("POST", "/platform/stores", body).expect(201)
    assert made["webhook_secrets"].keys() == {"shopify", "woocommerce", "events"}
    store = Store(stack.urls, store_id, made["api_key"], made["webhook_secrets"])
    before = stack.snapshot(store)
    assert problem(stack.platform.call("POST", "/platform/stores", body), 409)["code"] == "already_exists"
    assert stack.snapshot(store) == before
    summary = stack.platform.call("GET", f"/platform/stores/{store_id}").expect(200)
    assert (summary["currency"], summary["timezone"], summary["version"]) == ("KWD", "Asia/Kuwait", 1)
    sale = Shop(stack, store).sell(lines=((1, "1.999"),), currency="KWD")
    assert Shop(stack, store).order(sale)["award"] == "0.100"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"currency": "eur"}, "currency_unknown"),
        ({"currency": "EURO"}, "currency_unknown"),
        ({"currency": "€"}, "currency_unknown"),
        ({"currency": "XXX"}, "currency_unknown"),
        ({"currency": None}, "type"),
        ({"timezone": "Mars/Phobos"}, "timezone_unknown"),
        ({"store_id": "a#b"}, "id_charset"),
        ({"store_id": "UPPER"}, "id_charset"),
        ({"store_id": "ab"}, "id_length"),
        ({"store_id": "a" * 41}, "id_length"),
        ({"settings": {"base_rate": "2"}}, "rate_range"),
        ({"settings": {"max_award": "1.005"}}, "amount_precision"),
        ({"webhook_secrets": {"events": "whsec_short"}}, "secret_format"),
        ({"webhook_secrets": {"magento": "0123456789abcdef"}}, "enum"),
        ({"owner": "me"}, "field_unknown"),
    ],
    ids=str,
)
def test_a_store_that_cannot_be_is_refused_and_not_half_made(stack: DeployedStack, change: Any, code: str) -> None:
    store_id = f"t-{uuid.uuid4().hex[:20]}"
    body = {"store_id": store_id, "name": "Shop", "currency": "USD", "timezone": "UTC", **change}
    assert problem(stack.platform.call("POST", "/platform/stores", body), 422)["code"] == code
    assert stack.platform.has_store(store_id) is False
    assert stack.snapshot(Store(stack.urls, store_id, "", {})) == {}


def test_the_operator_makes_a_key_for_a_store_that_lost_its_own(stack: DeployedStack, store: Store) -> None:
    path = f"/platform/stores/{store.store_id}/api-keys"
    made = stack.platform.call("POST", path, {"name": "found again", "role": "admin"}).expect(201)
    again = Store(stack.urls, store.store_id, made["api_key"], {})
    assert keys(again)["found again"]["created_by"].startswith("iam:")


@pytest.mark.parametrize("path", ["", "/webhook-secrets", "/api-keys"])
def test_the_operator_finds_no_store_that_is_not_there(stack: DeployedStack, path: str) -> None:
    body: Any = {"/webhook-secrets": {"source": "shopify"}, "/api-keys": {"name": "x", "role": "admin"}}.get(path)
    answer = stack.platform.call("POST" if path else "GET", f"/platform/stores/nobody-knows-me{path}", body)
    assert problem(answer, 404)["code"] == "not_found"
