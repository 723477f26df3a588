"""Two stores that know the same ids: nothing of the one is ever answered or written by the other's key (invariant 13).

All routes come from the documentation, so one whose ids are not among those of the full store fails here.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from dev.client import Store
from tests.e2e.full_store import ACCOUNT, CALLS, OPENAPI, FullStore, Operation, ask, named, parts_of, queried
from tests.e2e.shop import problem

pytestmark = pytest.mark.row("S27", "S9", "66", "95", "I8", "P13")

V1 = [operation for operation in CALLS if operation[1].startswith("/v1/")]
WITH_IDS = [operation for operation in V1 if "{" in operation[1]]
# Deletions last, and what is inside before what it is in, so that every call still finds what it is about.
WRITES = sorted((one for one in V1 if one[0] != "GET"), key=lambda one: (one[0] == "DELETE", -len(one[1])))
LISTS = [one for one in V1 if one[0] == "GET" and "{" not in one[1]]
PUT_PRODUCT = ("PUT", "/v1/products/{product_id}")


@pytest.fixture(scope="module")
def outsider(make_store: Callable[..., Store]) -> Store:
    """A store that has a customer, their approved request and a group, and nothing of the full store."""
    store = make_store()
    store.api("POST", "/v1/customers", {"customer_id": "mine"}).expect(201)
    store.api("POST", "/v1/customers/mine/payment-accounts", ACCOUNT).expect(201)
    return store


@pytest.fixture(scope="module")
def own(outsider: Store) -> Mapping[str, str]:
    """The ids of what the outsider has, for routes and bodies that name two things."""
    group_id = outsider.api("POST", "/v1/groups", {"name": "Mine"}).expect(201)["group_id"]
    body = {"customer_id": "mine", "program": "Mine", "amount": "1.00", "from_balance": False}
    request_id = outsider.post("/v1/incentive-requests", body).expect(201)["incentive_request_id"]
    outsider.post(f"/v1/incentive-requests/{request_id}/approve").expect(200)
    return {"customer_id": "mine", "group_id": group_id, "incentive_request_id": request_id}


@pytest.fixture(autouse=True)
def untouched(full_store: FullStore) -> Iterator[None]:
    """Whatever the other store was asked has left this one byte-identical."""
    before = full_store.shop.stack.snapshot(full_store.shop.store)
    yield
    assert full_store.shop.stack.snapshot(full_store.shop.store) == before


def choices(operation: Operation, own: Mapping[str, str]) -> list[dict[str, str]]:
    """Which ids of a route may be one's own while another is not: none, or where there are two, either."""
    names = parts_of(operation[1])
    return [{}, *({name: own[name]} for name in names if name in own and len(names) > 1)]


# A put of another store's id makes something of one's own; the twins show that it touches nothing else.
@pytest.mark.parametrize("operation", [one for one in WITH_IDS if one != PUT_PRODUCT], ids=named)
def test_another_stores_id_is_answered_like_one_that_is_not_there(
    full_store: FullStore, outsider: Store, own: Mapping[str, str], operation: Operation
) -> None:
    for mine in choices(operation, own):
        foreign = problem(ask(outsider, operation, {**full_store.ids, **mine}), 404)
        unknown = problem(ask(outsider, operation, {**dict.fromkeys(full_store.ids, "4711"), **mine}), 404)
        assert {**foreign, "request_id": ""} == {**unknown, "request_id": ""}, mine


@pytest.mark.parametrize("operation", [one for one in WITH_IDS if one[0] == "GET"], ids=named)
def test_a_store_finds_what_it_has_by_the_same_id(full_store: FullStore, twin: Store, operation: Operation) -> None:
    """So that the refusals above are about whose it is."""
    store = full_store.shop.store if is_its_own(operation) else twin
    assert ask(store, operation, full_store.ids).status == 200


def is_its_own(operation: Operation) -> bool:
    return operation[1].startswith(("/v1/webhook-", "/v1/api-keys"))


@pytest.mark.parametrize("operation", LISTS, ids=named)
def test_a_list_shows_the_own_store_only(full_store: FullStore, outsider: Store, operation: Operation) -> None:
    _, path = operation
    queries = ["", *(f"?{name}={full_store.ids[name]}" for name in queried(operation) if name.endswith("_id"))]
    if "q" in queried(operation):
        queries += [f"?q={text}" for text in (full_store.ids["payout_id"], "Ada", "order")]
    for query in queries:
        answer = outsider.api("GET", f"{path}{query}")
        assert answer.status == 200, answer.body
        shown = [name for name, item_id in full_store.ids.items() if f'"{item_id}"'.encode() in answer.body]
        assert shown == [], query
        assert full_store.shop.store.store_id.encode() not in answer.body


def test_a_search_and_a_preview_find_the_own_store_only(full_store: FullStore, outsider: Store) -> None:
    known = {"email": "bea@example.com"}
    assert len(full_store.shop.store.api("POST", "/v1/customers/search", known).expect(200)["items"]) == 1
    assert outsider.api("POST", "/v1/customers/search", known).expect(200)["items"] == []
    previewed = outsider.api("POST", "/v1/groups/preview", {"rule": {}}).expect(200)
    assert [one["customer_id"] for one in previewed["items"]] == ["mine"]


BODIES: dict[Operation, dict[str, Callable[[Mapping[str, str]], Any]]] = {
    ("POST", "/v1/orders/approve"): {
        "order_id": lambda ids: {"orders": [{"order_id": ids["order_id"], "expected_amount": "10.00"}]}
    },
    ("POST", "/v1/groups/{group_id}/members"): {"customer_ids": lambda ids: {"customer_ids": [ids["customer_id"]]}},
    ("POST", "/v1/incentive-requests"): {
        "customer_id": lambda ids: {"customer_id": ids["customer_id"], "program": "Friends", "amount": "1.00"}
    },
    ("POST", "/v1/payouts"): {
        "incentive_request_id": lambda ids: {"incentive_request_id": ids["incentive_request_id"]},
        "payment_account_id": lambda ids: {
            "incentive_request_id": ids["mine"],
            "payment_account_id": ids["payment_account_id"],
        },
    },
}
"""Every field of a body that names something of the store, with a body that names another store's."""

NAMES_NOTHING = {
    ("POST", "/v1/customers"): {"customer_id"},
    ("POST", "/v1/promo-codes/{code}/redeem"): {"order_id"},
    ("PATCH", "/v1/store"): {"product_id", "product_ids"},
}
"""What a store may call as it likes, and nothing is looked up by: a new thing, a note, the shop's own products."""


def fields(schema: Any) -> set[str]:
    """The names of all fields of a body, at any depth."""
    if isinstance(schema, list):
        return {name for part in schema for name in fields(part)}
    if not isinstance(schema, dict):
        return set()
    if "$ref" in schema:
        return fields(OPENAPI["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    return {*schema.get("properties", {})} | {name for part in schema.values() for name in fields(part)}


def test_every_field_of_a_body_that_is_an_id_is_tested_here() -> None:
    documented = {
        operation: {name for name in fields(body["content"]) if name.endswith(("_id", "_ids"))}
        for operation in V1
        if (body := OPENAPI["paths"][operation[1]][operation[0].lower()].get("requestBody"))
    }
    tested = {operation: {*names} for operation, names in BODIES.items()} | NAMES_NOTHING
    assert {operation: names for operation, names in documented.items() if names} == tested


@pytest.mark.parametrize(("operation", "name"), [(one, name) for one, found in BODIES.items() for name in found])
def test_another_stores_id_in_a_body_names_nothing(
    full_store: FullStore, outsider: Store, own: Mapping[str, str], operation: Operation, name: str
) -> None:
    def told_of(ids: Mapping[str, str]) -> tuple[int, str]:
        asked = BODIES[operation][name]({**ids, "mine": own["incentive_request_id"]})
        answer = ask(outsider, operation, own, body=asked)
        told = {**answer.json(), "request_id": ""}
        return answer.status, str(told).replace(ids[name.removesuffix("s")], "4711")

    foreign = told_of(full_store.ids)
    assert foreign == told_of(dict.fromkeys(full_store.ids, "4711"))
    status, told = foreign
    assert status in {404, 409, 422} or "not_found" in told or "'unknown': ['4711']" in told


@pytest.mark.parametrize("operation", WRITES, ids=named)
def test_a_write_to_the_same_id_in_another_store_changes_that_one_alone(
    full_store: FullStore, twin: Store, operation: Operation
) -> None:
    ids = {**full_store.ids, "mine": full_store.ids["incentive_request_id"]}
    bodies = [make(ids) for make in BODIES.get(operation, {}).values()] or [None]
    for body in bodies:
        answer = ask(twin, operation, full_store.ids, body=body)
        assert answer.status < 500
        assert answer.status != 404 or is_its_own(operation), answer.body
