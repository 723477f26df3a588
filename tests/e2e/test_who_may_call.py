"""Every route with every kind of caller. A route that is not in the table of calls fails this module."""

import base64
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from dev.client import Platform, Store, send, wait_until
from tests.e2e.deployed import DeployedStack
from tests.e2e.full_store import CALLS, OPENAPI, ROLES, FullStore, Operation, ask, documented, named
from tests.e2e.shop import Shop, problem

ADMIN_ONLY = {
    ("PATCH", "/v1/store"),
    ("POST", "/v1/orders/import"),
    ("DELETE", "/v1/customers/{customer_id}"),
    ("GET", "/v1/customers/{customer_id}/export"),
    ("POST", "/v1/group-jobs/{job_id}/undo"),
    ("POST", "/v1/webhook-endpoints"),
    ("PATCH", "/v1/webhook-endpoints/{webhook_endpoint_id}"),
    ("DELETE", "/v1/webhook-endpoints/{webhook_endpoint_id}"),
    ("POST", "/v1/webhook-deliveries/{webhook_delivery_id}/replay"),
}
READS = {("POST", "/v1/customers/search"), ("POST", "/v1/groups/preview")}
V1 = [key for key in CALLS if key[1].startswith("/v1/")]
OPEN = {("GET", "/v1/docs"): "text/html", ("GET", "/v1/openapi.json"): "application/json"}
"""What everyone may read, with its content type."""
PLATFORM = [key for key in CALLS if key[1].startswith("/platform/")]


def test_every_documented_route_is_tested_here() -> None:
    assert documented() == CALLS.keys() | OPEN.keys()


@pytest.mark.parametrize("operation", OPEN, ids=named)
def test_the_reference_opens_to_everyone_and_looks_at_no_key(full_store: FullStore, operation: Operation) -> None:
    method, path = operation
    url = full_store.shop.store.urls.api_url + path
    store, other = full_store.shop.store, full_store.foreign
    answers = [send(method, url, None, headers) for headers in ({}, *(make(store, other) for make in WRONG.values()))]
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert answers[0].headers["content-type"].startswith(OPEN[operation])
    assert answers[0].headers["x-content-type-options"] == "nosniff"
    if path == "/v1/docs":
        assert answers[0].headers["content-security-policy"].startswith("default-src 'none'; ")
        assert all(f">{documented_path}<".encode() in answers[0].body for documented_path in OPENAPI["paths"])
    else:
        assert answers[0].json() == OPENAPI


def test_the_gateway_serves_what_is_documented_and_nothing_else(stack: DeployedStack) -> None:
    gateway, api_id = stack.client("apigateway"), stack.urls.api_url.split("/")[-2]
    served = {
        (method, resource["path"])
        for resource in gateway.get_resources(restApiId=api_id, limit=500)["items"]
        for method in resource.get("resourceMethods", {})
    }
    assert served == documented()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("operation", V1, ids=named)
@pytest.mark.row("94", "S8", "S28")
def test_a_role_may_what_it_is_documented_to(full_store: FullStore, operation: Operation, role: str) -> None:
    method, path = operation
    required = OPENAPI["paths"][path][method.lower()]["x-required-role"]
    before = full_store.shop.stack.snapshot(full_store.shop.store)
    answer = ask(full_store.keys[role], operation, full_store.ids_of(CALLS[operation]))
    if ROLES.index(role) >= ROLES.index(required):
        assert answer.status == CALLS[operation].status, answer.body
        if answer.status != 200:
            assert problem(answer, answer.status)
        else:
            assert answer.headers["content-type"] == "application/json; charset=utf-8"
    else:
        assert problem(answer, 403)["code"] == "forbidden"
    assert full_store.shop.stack.snapshot(full_store.shop.store) == before
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


def test_the_documented_roles_are_those_of_the_design() -> None:
    required = {operation: OPENAPI["paths"][operation[1]][operation[0].lower()]["x-required-role"] for operation in V1}
    for (method, path), role in required.items():
        if path.startswith(("/v1/api-keys", "/v1/audit")) or (method, path) in ADMIN_ONLY:
            assert role == "admin", path
        else:
            assert role == ("viewer" if method == "GET" or (method, path) in READS else "operator"), path


type Headers = Callable[[Store, Store], dict[str, str]]
"""The headers of a call, of the store whose keys are at hand and of another."""

WRONG: dict[str, Headers] = {
    "no key": lambda store, _: {},
    "an empty key": lambda store, _: {"authorization": ""},
    "no scheme": lambda store, _: {"authorization": store.api_key},
    "another scheme": lambda store, _: {"authorization": f"Basic {base64.b64encode(b'a:b').decode()}"},
    "a key cut short": lambda store, _: {"authorization": f"Bearer {store.api_key[:-1]}"},
    "a key with a tail": lambda store, _: {"authorization": f"Bearer {store.api_key}a"},
    "a key in capitals": lambda store, _: {"authorization": f"Bearer {store.api_key.upper()}"},
    "an unknown key": lambda store, _: {"authorization": f"Bearer cbk_{store.store_id}_{'a' * 32}"},
    "another store in the key": lambda store, other: {
        "authorization": f"Bearer {store.api_key.replace(store.store_id, other.store_id)}"
    },
    "a webhook secret": lambda store, _: {"authorization": f"Bearer {store.secrets['shopify']}"},
    "two keys": lambda store, _: {"authorization": f"Bearer {store.api_key}, Bearer {store.api_key}"},
}


@pytest.mark.parametrize("operation", V1, ids=named)
@pytest.mark.row("92", "93", "S8")
def test_no_route_opens_to_what_is_no_key(full_store: FullStore, operation: Operation) -> None:
    method, template = operation
    call = CALLS[operation]
    for what, wrong in WRONG.items():
        url = full_store.shop.store.urls.api_url + full_store.path(template, call)
        headers = {**call.headers, **wrong(full_store.shop.store, full_store.foreign)}
        assert problem(send(method, url, call.body, headers), 401)["code"] == "unauthorized", what


@pytest.mark.row("92", "S10")
def test_an_expired_key_opens_nothing(full_store: FullStore) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=5)).isoformat()
    key = full_store.shop.with_key("viewer", expires_at=soon)
    wait_until(lambda: key.api("GET", "/v1/store").status == 401)
    assert problem(key.api("GET", "/v1/orders"), 401)["code"] == "unauthorized"


@pytest.mark.row("92", "S10")
def test_a_deleted_key_opens_nothing_once_the_cache_has_forgotten_it(shop: Shop) -> None:
    key = shop.with_key("viewer")
    assert key.api("GET", "/v1/store").status == 200
    items = shop.store.api("GET", "/v1/api-keys").expect(200)["items"]
    (key_id,) = [item["api_key_id"] for item in items if item["name"] == "viewer key"]
    assert shop.store.api("DELETE", f"/v1/api-keys/{key_id}").status == 204
    wait_until(lambda: key.api("GET", "/v1/store").status == 401)
    assert problem(key.api("GET", "/v1/store"), 401)["code"] == "unauthorized"


# ---- the operator


@pytest.mark.parametrize("operation", PLATFORM, ids=named)
@pytest.mark.row("S10b")
def test_a_platform_route_opens_to_a_signature_and_to_no_key(full_store: FullStore, operation: Operation) -> None:
    method, template = operation
    call = CALLS[operation]
    path = full_store.path(template, call)
    before = full_store.shop.stack.snapshot(full_store.shop.store)
    assert full_store.shop.stack.platform.call(method, path, call.body).status == call.status
    for store in full_store.keys.values():
        assert problem(store.api(method, path, call.body), 403)
    assert problem(send(method, full_store.shop.store.urls.api_url + path, call.body), 403)
    assert full_store.shop.stack.snapshot(full_store.shop.store) == before


def test_an_identity_without_the_right_to_invoke_is_refused(full_store: FullStore) -> None:
    iam = full_store.shop.stack.client("iam")
    name = f"stranger-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    stranger = Platform(full_store.shop.stack.urls, key["AccessKeyId"], key["SecretAccessKey"])
    # The emulator's own words here; on AWS it is the gateway response ACCESS_DENIED.
    assert stranger.call("GET", f"/platform/stores/{full_store.shop.store.store_id}").status == 403
    liar = Platform(full_store.shop.stack.urls, key["AccessKeyId"], "not-the-secret")
    assert problem(liar.call("GET", f"/platform/stores/{full_store.shop.store.store_id}"), 403)


# ---- what is no route


@pytest.mark.parametrize(
    "path", ["/v1", "/v1/", "/v2/store", "/v1/nothing", "/v1//store", "/v1/store/..;/api-keys", "/"]
)
@pytest.mark.row("102")
def test_an_unknown_route_is_a_problem_of_the_gateway(full_store: FullStore, path: str) -> None:
    assert problem(full_store.shop.store.api("GET", path), 403, 404)


@pytest.mark.parametrize(("method", "path"), [("PUT", "/v1/store"), ("DELETE", "/v1/orders"), ("POST", "/v1/orders/1")])
def test_a_method_that_a_route_does_not_have_is_refused(full_store: FullStore, method: str, path: str) -> None:
    assert problem(full_store.shop.store.api(method, path, {}), 403, 404, 405)


@pytest.mark.row("102")
def test_a_header_cannot_override_the_method(full_store: FullStore) -> None:
    override = {"x-http-method-override": "DELETE", "x-method-override": "DELETE"}
    assert full_store.shop.store.api("GET", "/v1/store", headers=override).status == 200
