"""The catalogue: fed by the shops' webhooks and by admins, and of each product the newest news stand."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dev.client import Store, in_path
from tests.e2e.deployed import DeployedStack
from tests.e2e.shop import Shop, fresh_id, minute, problem, sample

PRODUCTS = "/v1/products"
MUG = {"title": "Mug", "vendor": "Lindqvist", "categories": ["Mugs", "Gifts"], "tags": ["ceramics"]}


def product(product_id: object, at: int, **fields: Any) -> dict[str, Any]:
    """A product's body on Shopify as of a minute."""
    return {"id": product_id, "title": "Mug", "product_type": "Mugs", "tags": "", "updated_at": minute(at), **fields}


def read(store: Store, product_id: object) -> dict[str, Any]:
    found: dict[str, Any] = store.api("GET", f"{PRODUCTS}/{in_path(str(product_id))}").expect(200)
    return found


def listed(store: Store, limit: int = 100) -> list[str]:
    """The ids of all products, from pages of a size."""
    ids: list[str] = []
    cursor = ""
    while True:
        page = store.api("GET", f"{PRODUCTS}?limit={limit}{cursor}").expect(200)
        ids += [item["product_id"] for item in page["items"]]
        if page["next_cursor"] is None:
            return ids
        cursor = f"&cursor={page['next_cursor']}"


@pytest.fixture(scope="module")
def shelf(stack: DeployedStack, make_store: Callable[..., Store]) -> Shop:
    """A store with three products, which no test that takes it changes."""
    shop = Shop(stack, make_store())
    for product_id in ("c", "a", "b"):
        shop.store.api("PUT", f"{PRODUCTS}/{product_id}", MUG).expect(201)
    return shop


# ---- webhooks


def test_a_shopify_product_is_in_the_catalogue_until_it_is_deleted(shop: Shop) -> None:
    assert shop.outcome("products/create", sample("shopify", "product_update")) == "product_recorded"
    assert read(shop.store, 8120034558005) == {
        "product_id": "8120034558005",
        "title": "Stoneware mug",
        "vendor": "Lindqvist",
        "categories": ["Mugs & cups"],
        "tags": ["ceramics", "gift idea", "no-cashback"],
        "updated_at": "2026-02-02T15:40:05.000000Z",
    }
    assert listed(shop.store) == ["8120034558005"]
    assert shop.outcome("products/delete", sample("shopify", "product_delete")) == "product_deleted"
    assert problem(shop.store.api("GET", f"{PRODUCTS}/8120034558005"), 404)["code"] == "not_found"
    assert listed(shop.store) == []
    assert shop.outcome("products/update", sample("shopify", "product_update")) == "event_unchanged"
    assert listed(shop.store) == []


def test_a_woocommerce_product_is_in_the_catalogue_until_it_is_deleted(shop: Shop) -> None:
    for topic, name, event, count in (
        ("product.updated", "product_updated", "product_recorded", 1),
        ("product.deleted", "product_deleted", "product_deleted", 2),
    ):
        assert shop.store.woocommerce(topic, sample("woocommerce", name)).expect(200) == {"status": "accepted"}
        assert [line["event"] for line in shop.verdicts(shop.store.store_id, count)][-1] == event
        if event == "product_recorded":
            known = read(shop.store, 15)
            assert (known["title"], known["vendor"]) == ("Tea & Honey", None)
            assert (known["categories"], known["tags"]) == (["Tea & Coffee", "Gifts"], ["organic"])
    assert listed(shop.store) == []


def test_old_and_repeated_news_of_a_product_change_nothing(shop: Shop) -> None:
    product_id = fresh_id()
    assert shop.outcome("products/update", product(product_id, at=5, title="New")) == "product_recorded"
    before = shop.stack.snapshot(shop.store)
    assert shop.outcome("products/update", product(product_id, at=4, title="Old")) == "event_unchanged"
    assert shop.outcome("products/update", product(product_id, at=5, title="New")) == "event_unchanged"
    assert shop.stack.snapshot(shop.store) == before
    assert shop.outcome("products/update", product(product_id, at=6, title="Newer", tags="a, b")) == "product_recorded"
    known = read(shop.store, product_id)
    assert (known["title"], known["tags"]) == ("Newer", ["a", "b"])


def test_a_product_is_never_deleted_under_another_topic(shop: Shop) -> None:
    product_id = fresh_id()
    shop.tell("products/create", product(product_id, at=1))
    for topic in ("products/update", "orders/delete", "customers/update"):
        assert shop.outcome(topic, {"id": product_id}) in {"topic_shape", "topic_unknown"}
    assert listed(shop.store) == [str(product_id)]


# ---- the admin API


def test_what_is_put_is_created_then_replaced_and_deleted(shop: Shop) -> None:
    made = shop.store.api("PUT", f"{PRODUCTS}/mug-1", MUG).expect(201)
    assert made == {**MUG, "product_id": "mug-1", "updated_at": made["updated_at"]}
    assert read(shop.store, "mug-1") == made
    replaced = shop.store.api("PUT", f"{PRODUCTS}/mug-1", {"title": "Cup"}).expect(200)
    assert (replaced["title"], replaced["vendor"], replaced["categories"]) == ("Cup", None, [])
    assert read(shop.store, "mug-1") == replaced
    assert shop.store.api("DELETE", f"{PRODUCTS}/mug-1").status == 204
    assert problem(shop.store.api("DELETE", f"{PRODUCTS}/mug-1"), 404)["code"] == "not_found"
    assert listed(shop.store) == []
    shop.store.api("PUT", f"{PRODUCTS}/mug-1", MUG).expect(201)
    assert listed(shop.store) == ["mug-1"]


def test_an_admin_replaces_what_the_shop_told_and_the_shop_that_by_newer_news(shop: Shop) -> None:
    product_id = fresh_id()
    shop.tell("products/create", product(product_id, at=1, title="Shop's"))
    shop.store.api("PUT", f"{PRODUCTS}/{product_id}", {"title": "Mine"}).expect(200)
    assert shop.outcome("products/update", product(product_id, at=2, title="Shop's")) == "event_unchanged"
    assert read(shop.store, product_id)["title"] == "Mine"
    ahead = product(product_id, at=1, title="Shop's", updated_at="2099-01-01T00:00:00Z")
    assert shop.outcome("products/update", ahead) == "product_recorded"
    shop.store.api("PUT", f"{PRODUCTS}/{product_id}", {"title": "Mine"}).expect(200)
    assert read(shop.store, product_id)["title"] == "Mine"


def test_a_product_of_a_shop_that_needs_escaping_is_found_by_the_id_it_is_listed_with(shop: Shop) -> None:
    shop.tell("products/create", product("a b/é%", at=1))
    (stored,) = listed(shop.store)
    assert read(shop.store, stored)["product_id"] == stored
    path = f"{PRODUCTS}/{in_path(stored)}"
    assert shop.store.api("PUT", path, {"title": "Mine"}).expect(200)["product_id"] == stored
    assert shop.store.api("DELETE", path).status == 204
    assert listed(shop.store) == []


def test_puts_and_news_at_one_moment_leave_one_product(shop: Shop) -> None:
    product_id = fresh_id()
    titles = [f"Mine {n}" for n in range(6)]
    with ThreadPoolExecutor(len(titles)) as pool:
        puts = [
            pool.submit(shop.store.api, "PUT", f"{PRODUCTS}/{product_id}", {"title": title, "tags": [title]})
            for title in titles
        ]
    assert {put.result().status for put in puts} <= {200, 201, 409}
    known = read(shop.store, product_id)
    assert known["title"] in titles
    assert known["tags"] == [known["title"]]
    assert listed(shop.store) == [str(product_id)]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_of_products_are_disjoint_complete_and_end(shelf: Shop, limit: int) -> None:
    assert listed(shelf.store, limit) == ["a", "b", "c"]


def test_a_cursor_of_products_is_good_for_its_own_store_and_list(shelf: Shop, shop: Shop) -> None:
    cursor = shelf.store.api("GET", f"{PRODUCTS}?limit=1").expect(200)["next_cursor"]
    for store, path in ((shop.store, PRODUCTS), (shelf.store, "/v1/orders")):
        answer = store.api("GET", f"{path}?limit=1&cursor={cursor}")
        assert problem(answer, 400)["code"] == "page_token_invalid"
    flipped = "A" if cursor[40] != "A" else "B"
    answer = shelf.store.api("GET", f"{PRODUCTS}?limit=1&cursor={cursor[:40]}{flipped}{cursor[41:]}")
    assert problem(answer, 400)["code"] == "page_token_invalid"


# ---- who may


def test_a_viewer_reads_products_and_an_operator_changes_them(shop: Shop) -> None:
    viewer, operator = shop.with_key("viewer"), shop.with_key("operator")
    operator.api("PUT", f"{PRODUCTS}/1", MUG).expect(201)
    assert (read(viewer, "1")["title"], listed(viewer)) == ("Mug", ["1"])
    before = shop.stack.snapshot(shop.store)
    for method, body in (("PUT", MUG), ("DELETE", None)):
        assert problem(viewer.api(method, f"{PRODUCTS}/1", body), 403)["code"] == "forbidden"
    assert shop.stack.snapshot(shop.store) == before
    assert operator.api("DELETE", f"{PRODUCTS}/1").status == 204


def test_another_stores_product_is_not_there_and_a_put_of_its_id_makes_one_of_ones_own(
    shelf: Shop, new_shop: Callable[..., Shop]
) -> None:
    other, before = new_shop(), shelf.stack.snapshot(shelf.store)
    for method in ("GET", "DELETE"):
        foreign, unknown = (problem(other.store.api(method, f"{PRODUCTS}/{id_}"), 404) for id_ in ("a", "none"))
        assert {**foreign, "request_id": ""} == {**unknown, "request_id": ""}
    other.store.api("PUT", f"{PRODUCTS}/a", {"title": "Theirs"}).expect(201)
    assert read(other.store, "a")["title"] == "Theirs"
    other.tell("products/delete", {"id": "b"})
    assert shelf.stack.snapshot(shelf.store) == before


# ---- bad input


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"title": ""}, 422, "length"),
        ({"title": "x" * 256}, 422, "length"),
        ({"title": 5}, 422, "type"),
        ({"categories": None}, 422, "type"),
        ({"categories": "Mugs"}, 422, "type"),
        ({"categories": ["x"] * 101}, 422, "too_many_items"),
        ({"tags": ["x"] * 200_000}, 422, "too_many_items"),
        ({"tags": [""]}, 422, "length"),
        ({"store_id": "other"}, 422, "field_unknown"),
        ({"updated_at": "2099-01-01T00:00:00Z"}, 422, "field_unknown"),
        ([], 422, "type"),
        (None, 422, "required"),
        (b'{"title": "\\ud800"}', 422, "string_unicode"),
        (b'{"title": "a", "title": "b"}', 400, "json_duplicate_key"),
        (b'{"title": NaN}', 400, "json_invalid"),
        (b"\xff", 400, "json_invalid"),
        (b" " * 1_048_577, 413, "body_too_large"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_no_product_is_refused_and_changes_nothing(shelf: Shop, body: Any, status: int, code: str) -> None:
    before = shelf.stack.snapshot(shelf.store)
    assert problem(shelf.store.api("PUT", f"{PRODUCTS}/a", body), status)["code"] == code
    assert shelf.stack.snapshot(shelf.store) == before


def test_a_put_that_is_not_json_by_its_type_is_415(shelf: Shop) -> None:
    answer = shelf.store.api("PUT", f"{PRODUCTS}/a", b"{}", headers={"content-type": "text/plain"})
    assert problem(answer, 415)["code"] == "unsupported_media_type"


@pytest.mark.parametrize("product_id", ["x" * 201, "a%23b", "a%0ab%zz", "caf%C3%A9", "%20"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_id_that_is_none_finds_nothing(shelf: Shop, method: str, product_id: str) -> None:
    before = shelf.stack.snapshot(shelf.store)
    answer = shelf.store.api(method, f"{PRODUCTS}/{product_id}")
    assert problem(answer, 403, 404, 422)["code"] in {"id_length", "id_charset", "not_found", "forbidden"}
    assert shelf.stack.snapshot(shelf.store) == before


@pytest.mark.parametrize(("query", "code"), [("limit=0", "out_of_range"), ("q=mug", "parameter_unknown")])
def test_a_query_that_is_none_is_refused(shelf: Shop, query: str, code: str) -> None:
    assert problem(shelf.store.api("GET", f"{PRODUCTS}?{query}"), 422)["code"] == code


def test_the_largest_product_there_may_be_is_kept(shop: Shop) -> None:
    word = "\U0001f375" * 255
    largest = {"title": word, "vendor": word, "categories": [word] * 100, "tags": [word] * 250}
    made = shop.store.api("PUT", f"{PRODUCTS}/{'x' * 200}", json.dumps(largest, ensure_ascii=False).encode())
    assert made.expect(201)["tags"] == largest["tags"]
    assert len(read(shop.store, "x" * 200)["categories"]) == 100
