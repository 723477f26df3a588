"""The product routes: what is put is read, listed and deleted, and what is no product is refused."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from cashback.adapters.queues import encode
from cashback.domain.news import Delivery
from cashback.storefronts.fields import identifier
from dev.project import ROOT
from tests.simulation.dynamo import Fault
from tests.unit.builders import NOW
from tests.unit.deployment import Deployment, function

PRODUCTS = "/v1/products"
MUG = {"title": "Mug", "vendor": "Lindqvist", "categories": ["Mugs", "Gifts"], "tags": ["ceramics"]}
EMPTY: dict[str, Any] = {"title": None, "vendor": None, "categories": [], "tags": []}


@pytest.fixture
def admin(deployment: Deployment) -> str:
    return deployment.create_store()


def content(product: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in product.items() if name not in {"product_id", "updated_at"}}


def test_what_is_put_is_created_then_replaced_whole(deployment: Deployment, admin: str) -> None:
    made = deployment.call("PUT", f"{PRODUCTS}/1", MUG, key=admin).expect(201)
    assert (made["product_id"], content(made)) == ("1", MUG)
    assert deployment.call("GET", f"{PRODUCTS}/1", key=admin).expect(200) == made
    replaced = deployment.call("PUT", f"{PRODUCTS}/1", {"title": None}, key=admin).expect(200)
    assert content(replaced) == EMPTY
    assert replaced["updated_at"] > made["updated_at"]
    assert deployment.call("GET", f"{PRODUCTS}/1", key=admin).expect(200) == replaced


def test_the_same_put_again_says_the_same(deployment: Deployment, admin: str) -> None:
    first = deployment.call("PUT", f"{PRODUCTS}/1", MUG, key=admin).expect(201)
    again = deployment.call("PUT", f"{PRODUCTS}/1", MUG, key=admin).expect(200)
    assert content(again) == content(first)


def test_an_answer_can_be_put_back_but_for_its_id_and_time(deployment: Deployment, admin: str) -> None:
    made = deployment.call("PUT", f"{PRODUCTS}/1", {}, key=admin).expect(201)
    assert content(deployment.call("PUT", f"{PRODUCTS}/1", content(made), key=admin).expect(200)) == EMPTY
    reply = deployment.call("PUT", f"{PRODUCTS}/1", made, key=admin)
    assert reply.faults == [("body", "field_unknown")] * 2


def test_a_deleted_product_is_gone_until_it_is_put_again(deployment: Deployment, admin: str) -> None:
    deployment.call("PUT", f"{PRODUCTS}/1", MUG, key=admin).expect(201)
    reply = deployment.call("DELETE", f"{PRODUCTS}/1", key=admin)
    assert (reply.status, reply.text) == (204, "")
    before = deployment.everything()
    for method in ("GET", "DELETE"):
        gone = deployment.call(method, f"{PRODUCTS}/1", key=admin)
        assert (gone.status, gone.code) == (404, "not_found")
    assert deployment.everything() == before
    assert deployment.call("GET", PRODUCTS, key=admin).expect(200)["items"] == []
    deployment.call("PUT", f"{PRODUCTS}/1", MUG, key=admin).expect(201)
    assert len(deployment.call("GET", PRODUCTS, key=admin).expect(200)["items"]) == 1


def test_another_stores_product_is_the_same_404_and_is_never_touched(deployment: Deployment, admin: str) -> None:
    other = deployment.create_store("other")
    made = deployment.call("PUT", f"{PRODUCTS}/1", MUG, key=admin).expect(201)
    for method in ("GET", "DELETE"):
        foreign = deployment.call(method, f"{PRODUCTS}/1", key=other)
        absent = deployment.call(method, f"{PRODUCTS}/none", key=other)
        assert foreign.status == absent.status == 404
        assert {**foreign.json, "request_id": ""} == {**absent.json, "request_id": ""}
    deployment.call("PUT", f"{PRODUCTS}/1", {}, key=other).expect(201)
    assert deployment.call("GET", f"{PRODUCTS}/1", key=admin).expect(200) == made


def test_products_are_listed_by_id_a_page_at_a_time(deployment: Deployment, admin: str) -> None:
    for n in range(5):
        deployment.call("PUT", f"{PRODUCTS}/{n}", {"title": f"Mug {n}"}, key=admin).expect(201)
    seen: list[str] = []
    cursor = ""
    for _ in range(3):
        page = deployment.call("GET", f"{PRODUCTS}?limit=2{cursor}", key=admin).expect(200)
        seen += [item["title"] for item in page["items"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert page["next_cursor"] is None
    assert seen == [f"Mug {n}" for n in range(5)]


def test_a_cursor_of_another_list_or_store_is_400(deployment: Deployment, admin: str) -> None:
    other = deployment.create_store("other")
    for n in range(2):
        deployment.call("PUT", f"{PRODUCTS}/{n}", {}, key=admin).expect(201)
    cursor = deployment.call("GET", f"{PRODUCTS}?limit=1", key=admin).expect(200)["next_cursor"]
    for path, key in ((PRODUCTS, other), ("/v1/orders", admin)):
        reply = deployment.call("GET", f"{path}?limit=1&cursor={cursor}", key=key)
        assert (reply.status, reply.code) == (400, "page_token_invalid")


@pytest.mark.parametrize("theirs", ["a b", "é", "a/b", "100%", "a=b"])
def test_a_product_of_a_shop_that_needs_escaping_is_found_by_its_stored_id(
    deployment: Deployment, admin: str, theirs: str
) -> None:
    stored = identifier(theirs)
    body = {"id": theirs, "product_type": "", "tags": "", "title": "Shop's", "updated_at": NOW}
    message = encode(Delivery("demo", "shopify", "products/update", "d-1", NOW, json.dumps(body).encode()))
    (record,) = json.loads((ROOT / "events/event_worker.json").read_text())["Records"]
    function("event_worker").handler({"Records": [{**record, "body": message}]}, None)
    path = f"{PRODUCTS}/{quote(stored, safe='')}"
    read = deployment.call("GET", path, key=admin).expect(200)
    assert (read["product_id"], read["title"]) == (stored, "Shop's")
    assert deployment.call("PUT", path, {"title": "Mine"}, key=admin).expect(200)["product_id"] == stored


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"title": ""}, ("title", "length")),
        ({"title": "  "}, ("title", "length")),
        ({"title": "x" * 256}, ("title", "length")),
        ({"title": 5}, ("title", "type")),
        ({"title": "\ud800"}, ("title", "string_unicode")),
        ({"vendor": ["Lindqvist"]}, ("vendor", "type")),
        ({"categories": None}, ("categories", "type")),
        ({"categories": "Mugs"}, ("categories", "type")),
        ({"categories": ["x"] * 101}, ("categories", "too_many_items")),
        ({"categories": ["Mugs", ""]}, ("categories.1", "length")),
        ({"tags": ["x"] * 251}, ("tags", "too_many_items")),
        ({"tags": ["x"] * 200_000}, ("tags", "too_many_items")),
        ({"tags": [None]}, ("tags.0", "type")),
        ({"tags": {"a": 1}}, ("tags", "type")),
        ({"store_id": "other"}, ("body", "field_unknown")),
        ({"__proto__": {}}, ("body", "field_unknown")),
        (None, ("body", "required")),
        ([], ("body", "type")),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_no_product_is_named_and_changes_nothing(
    deployment: Deployment, admin: str, body: Any, fault: tuple[str, str]
) -> None:
    before = deployment.everything()
    reply = deployment.call("PUT", f"{PRODUCTS}/1", body, key=admin)
    assert reply.status == 422
    assert fault in reply.faults
    assert deployment.everything() == before


@pytest.mark.parametrize("product_id", ["a%23b%zz", "x" * 201, "%00%"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_an_id_that_is_none_is_refused(deployment: Deployment, admin: str, method: str, product_id: str) -> None:
    before = deployment.everything()
    reply = deployment.call(method, f"{PRODUCTS}/{product_id}", {} if method == "PUT" else None, key=admin)
    assert (reply.status, reply.code) in {(422, "id_charset"), (422, "id_length"), (404, "not_found")}
    assert method != "PUT" or reply.status == 422
    assert deployment.everything() == before


def test_a_put_is_read_as_strictly_as_any_body(deployment: Deployment, admin: str) -> None:
    context = {"store_id": "demo", "api_key_id": "key_1", "role": "admin"}
    for text, more, told in (
        ('{"title": "a", "title": "b"}', {}, (400, "json_duplicate_key")),
        ("{", {}, (400, "json_invalid")),
        ("{}", {"content_type": "text/plain"}, (415, "unsupported_media_type")),
        (" " * 1_048_577, {}, (413, "body_too_large")),
    ):
        sent: dict[str, Any] = dict(more)
        reply = deployment.send("PUT", f"{PRODUCTS}/1", text, authorizer=context, **sent)
        assert (reply.status, reply.code) == told


@pytest.mark.parametrize(("method", "least"), [("GET", "viewer"), ("PUT", "operator"), ("DELETE", "operator")])
def test_a_role_may_what_it_is_meant_to(deployment: Deployment, admin: str, method: str, least: str) -> None:
    deployment.call("PUT", f"{PRODUCTS}/1", MUG, key=admin).expect(201)
    viewer, operator = (deployment.make_key(admin, role) for role in ("viewer", "operator"))
    body = MUG if method == "PUT" else None
    before = deployment.everything()
    reply = deployment.call(method, f"{PRODUCTS}/1", body, key=viewer)
    assert reply.status == (403 if least == "operator" else 200)
    assert deployment.everything() == before
    assert deployment.call(method, f"{PRODUCTS}/1", body, key=operator).status in {200, 204}


@pytest.mark.parametrize(("method", "calls"), [("GET", 1), ("PUT", 2), ("DELETE", 2)])
def test_tables_that_are_out_of_reach_are_503_at_every_call(
    deployment: Deployment, admin: str, method: str, calls: int
) -> None:
    deployment.call("PUT", f"{PRODUCTS}/1", MUG, key=admin).expect(201)
    for n in range(calls):
        deployment.dynamo.faults.script[deployment.dynamo.faults.calls + 2 + n] = Fault.ERROR_BEFORE
        reply = deployment.call(method, f"{PRODUCTS}/1", MUG if method == "PUT" else None, key=admin)
        assert (reply.status, reply.code) == (503, "busy")
