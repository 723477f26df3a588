"""Every route with every kind of caller. A route that is not in the table below fails this module."""

import base64
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dev.client import Answer, Platform, Store, send, wait_until
from dev.project import ROOT
from tests.e2e.deployed import DeployedStack
from tests.e2e.groups import finished
from tests.e2e.payouts import pay
from tests.e2e.scenarios import ended, make
from tests.e2e.shop import Sale, Shop, problem

OPENAPI = json.loads((ROOT / "docs" / "openapi.json").read_text())
METHODS = ("get", "post", "put", "patch", "delete")
ROLES = ("viewer", "operator", "admin")
LONG_AGO = "2020-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Call:
    """A call that whoever may make it gets this answer to; it changes nothing, so that it can be made by everyone."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)


PRODUCT_ID = "mug-1"
ACCOUNT = {"type": "digital", "provider": "PayPal", "handle": "ada@example.com"}
MISSING = {
    "order_id": "no-such-order",
    "customer_id": "no-such-customer",
    "api_key_id": "key_none",
    "product_id": "no-such-product",
    "scenario_id": "scn_none",
    "task_id": "tsk_none",
    "code": "NONE",
    "group_id": "no-such-group",
    "job_id": "no-such-job",
    "webhook_endpoint_id": "whe_none",
    "webhook_delivery_id": "whd_none",
    "payment_account_id": "pac_none",
    "incentive_request_id": "irq_none",
    "payout_id": "pay_none",
}
CALLS: dict[tuple[str, str], Call] = {
    ("GET", "/v1/store"): Call(),
    ("PATCH", "/v1/store"): Call(409, {"name": "Other"}, {"if-match": "999"}),
    ("GET", "/v1/store/status"): Call(),
    ("GET", "/v1/api-keys"): Call(),
    ("POST", "/v1/api-keys"): Call(422, {"name": "late", "role": "viewer", "expires_at": LONG_AGO}),
    ("DELETE", "/v1/api-keys/{api_key_id}"): Call(404, ids=MISSING),
    ("GET", "/v1/audit"): Call(),
    ("GET", "/v1/metrics"): Call(),
    ("GET", "/v1/orders"): Call(),
    ("GET", "/v1/orders/{order_id}"): Call(),
    ("POST", "/v1/orders/{order_id}/approve"): Call(404, {"expected_amount": "1.00"}, ids=MISSING),
    ("POST", "/v1/orders/{order_id}/reject"): Call(404, {"reason": "no"}, ids=MISSING),
    ("POST", "/v1/orders/{order_id}/hold"): Call(404, {"reason": "wait"}, ids=MISSING),
    ("POST", "/v1/orders/{order_id}/release"): Call(404, {}, ids=MISSING),
    ("POST", "/v1/orders/{order_id}/process"): Call(404, {}, ids=MISSING),
    ("POST", "/v1/orders/approve"): Call(422, {"orders": []}),
    ("POST", "/v1/orders/import"): Call(422, {"source": "magento", "orders": [{}]}),
    ("GET", "/v1/products"): Call(),
    ("GET", "/v1/products/{product_id}"): Call(),
    ("PUT", "/v1/products/{product_id}"): Call(422, {"title": 5}),
    ("DELETE", "/v1/products/{product_id}"): Call(404, ids=MISSING),
    ("GET", "/v1/customers"): Call(),
    ("POST", "/v1/customers"): Call(422, {"customer_id": "a#b"}),
    ("POST", "/v1/customers/search"): Call(200, {"email": "nobody@example.com"}),
    ("GET", "/v1/customers/{customer_id}"): Call(),
    ("PATCH", "/v1/customers/{customer_id}"): Call(404, {"name": "Other"}, ids=MISSING),
    ("DELETE", "/v1/customers/{customer_id}"): Call(404, ids=MISSING),
    ("GET", "/v1/customers/{customer_id}/balance"): Call(),
    ("GET", "/v1/customers/{customer_id}/transactions"): Call(),
    ("POST", "/v1/customers/{customer_id}/adjustments"): Call(404, {"amount": "1.00"}, ids=MISSING),
    ("GET", "/v1/customers/{customer_id}/payment-accounts"): Call(),
    ("POST", "/v1/customers/{customer_id}/payment-accounts"): Call(404, ACCOUNT, ids=MISSING),
    ("GET", "/v1/customers/{customer_id}/payment-accounts/{payment_account_id}"): Call(),
    ("DELETE", "/v1/customers/{customer_id}/payment-accounts/{payment_account_id}"): Call(404, ids=MISSING),
    # Reading it is written down, so that only one who is not there leaves no trace.
    ("GET", "/v1/customers/{customer_id}/export"): Call(404, ids=MISSING),
    ("GET", "/v1/groups"): Call(),
    ("POST", "/v1/groups"): Call(422, {"name": ""}),
    ("POST", "/v1/groups/preview"): Call(body={"rule": {}}),
    ("GET", "/v1/groups/{group_id}"): Call(),
    ("PATCH", "/v1/groups/{group_id}"): Call(404, {"name": "Other"}, ids=MISSING),
    ("DELETE", "/v1/groups/{group_id}"): Call(404, ids=MISSING),
    ("GET", "/v1/groups/{group_id}/members"): Call(),
    ("POST", "/v1/groups/{group_id}/members"): Call(404, {"customer_ids": ["7001"]}, ids=MISSING),
    ("PUT", "/v1/groups/{group_id}/members/{customer_id}"): Call(404, ids=MISSING),
    ("DELETE", "/v1/groups/{group_id}/members/{customer_id}"): Call(404, ids=MISSING),
    ("GET", "/v1/groups/{group_id}/imports/{import_id}"): Call(),
    ("POST", "/v1/groups/{group_id}/cashback"): Call(404, {"apply_type": "relative", "amount": "1.00"}, ids=MISSING),
    ("GET", "/v1/group-jobs"): Call(),
    ("GET", "/v1/group-jobs/{job_id}"): Call(),
    ("GET", "/v1/group-jobs/{job_id}/results"): Call(),
    ("POST", "/v1/group-jobs/{job_id}/cancel"): Call(404, ids=MISSING),
    ("POST", "/v1/group-jobs/{job_id}/undo"): Call(404, {}, ids=MISSING),
    ("GET", "/v1/scenarios"): Call(),
    ("POST", "/v1/scenarios"): Call(422, {"name": "No"}),
    ("GET", "/v1/scenarios/{scenario_id}"): Call(),
    ("PATCH", "/v1/scenarios/{scenario_id}"): Call(404, {"name": "Other"}, ids=MISSING),
    ("DELETE", "/v1/scenarios/{scenario_id}"): Call(404, ids=MISSING),
    ("GET", "/v1/scenarios/{scenario_id}/stats"): Call(),
    ("GET", "/v1/scenarios/{scenario_id}/tasks"): Call(),
    ("GET", "/v1/tasks"): Call(),
    ("GET", "/v1/tasks/{task_id}"): Call(),
    ("POST", "/v1/tasks/{task_id}/cancel"): Call(404, {}, ids=MISSING),
    ("GET", "/v1/promo-codes"): Call(),
    ("POST", "/v1/promo-codes/{code}/redeem"): Call(404, {}, ids=MISSING),
    ("GET", "/v1/incentive-requests"): Call(),
    ("POST", "/v1/incentive-requests"): Call(422, {"program": ""}),
    ("GET", "/v1/incentive-requests/{incentive_request_id}"): Call(),
    ("POST", "/v1/incentive-requests/{incentive_request_id}/approve"): Call(404, {}, ids=MISSING),
    ("POST", "/v1/incentive-requests/{incentive_request_id}/reject"): Call(404, {"reason": "no"}, ids=MISSING),
    ("POST", "/v1/incentive-requests/{incentive_request_id}/cancel"): Call(404, {"reason": "no"}, ids=MISSING),
    ("GET", "/v1/payouts"): Call(),
    ("POST", "/v1/payouts"): Call(404, {"incentive_request_id": "irq_none"}),
    ("POST", "/v1/payouts/reconcile"): Call(422, {}),
    ("GET", "/v1/payouts/{payout_id}"): Call(),
    ("PATCH", "/v1/payouts/{payout_id}"): Call(404, {"fee": "1.00"}, ids=MISSING),
    ("GET", "/v1/payouts/{payout_id}/history"): Call(),
    ("GET", "/v1/webhook-endpoints"): Call(),
    ("POST", "/v1/webhook-endpoints"): Call(422, {"url": "https://127.0.0.1/"}),
    ("GET", "/v1/webhook-endpoints/{webhook_endpoint_id}"): Call(),
    ("PATCH", "/v1/webhook-endpoints/{webhook_endpoint_id}"): Call(404, {"enabled": False}, ids=MISSING),
    ("DELETE", "/v1/webhook-endpoints/{webhook_endpoint_id}"): Call(404, ids=MISSING),
    ("GET", "/v1/webhook-deliveries"): Call(),
    ("POST", "/v1/webhook-deliveries/{webhook_delivery_id}/replay"): Call(404, ids=MISSING),
    ("POST", "/platform/stores"): Call(422, {"store_id": "no", "name": "No", "currency": "USD", "timezone": "UTC"}),
    ("GET", "/platform/stores/{store_id}"): Call(),
    ("POST", "/platform/stores/{store_id}/webhook-secrets"): Call(422, {"source": "magento"}),
    ("POST", "/platform/stores/{store_id}/close"): Call(422, {"reason": 5}),
    ("POST", "/platform/stores/{store_id}/api-keys"): Call(422, {"name": "x", "role": "owner"}),
}
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


@dataclass(frozen=True, slots=True)
class House:
    """A store with an order, a product, a group, a scenario that ran, a payout and a key of every kind, and another
    store; the tests here change neither."""

    shop: Shop
    sale: Sale
    keys: Mapping[str, Store]
    foreign: Store
    group: Mapping[str, str]
    scenario: Mapping[str, str]
    payout: Mapping[str, str]

    def call(self, operation: tuple[str, str], store: Store) -> Answer:
        method, template = operation
        call = CALLS[operation]
        headers = {"idempotency-key": uuid.uuid4().hex, **call.headers}
        return store.api(method, self.path(template, call), call.body, headers=headers)

    def path(self, template: str, call: Call) -> str:
        known = {**MISSING, **self.ids, "store_id": self.shop.store.store_id}
        return template.format(**{**known, **call.ids})

    @property
    def ids(self) -> dict[str, Any]:
        """The ids of what the store has."""
        sold = {"order_id": self.sale.order_id, "customer_id": self.sale.customer_id}
        return {**sold, "product_id": PRODUCT_ID, **self.group, **self.scenario, **self.payout}


@pytest.fixture(scope="module")
def house(stack: DeployedStack, make_store: Callable[..., Store]) -> House:
    shop = Shop(stack, make_store())
    shop.store.api("PUT", f"/v1/products/{PRODUCT_ID}", {"title": "Mug"}).expect(201)
    offer = {"generate_promo_code": {"discount": {"percent": "10"}}}
    scenario_id = make(shop, "order.paid", actions=offer)
    sale = shop.sell()
    task = ended(shop, scenario_id)
    scenario = {"scenario_id": scenario_id, "task_id": task["task_id"], "code": task["promo_code"]}
    group = {"group_id": shop.store.api("POST", "/v1/groups", {"name": "Club"}).expect(201)["group_id"]}
    path = f"/v1/groups/{group['group_id']}"
    file = b"email\n" + b"nobody@example.com\n" * 1_001
    begun = shop.store.api("POST", f"{path}/members", file, headers={"content-type": "text/csv"}).expect(202)
    shop.store.api("PUT", f"{path}/members/{sale.customer_id}").expect(201)
    told = {"apply_type": "relative", "amount": "1.00"}
    job = finished(shop, shop.store.post(f"{path}/cashback", told).expect(202))
    group |= {"import_id": begun["import_id"], "job_id": job["job_id"]}
    hook = shop.store.api("POST", "/v1/webhook-endpoints", {"url": "https://shop.example.com/in"}).expect(201)
    # It hears nothing, so that what is told of the store changes nothing while the tests look.
    path = f"/v1/webhook-endpoints/{hook['webhook_endpoint_id']}"
    shop.store.api("PATCH", path, {"enabled": False}).expect(200)
    group |= {"webhook_endpoint_id": hook["webhook_endpoint_id"]}
    paid = shop.store.api("POST", f"/v1/customers/{sale.customer_id}/payment-accounts", ACCOUNT).expect(201)
    group |= {"payment_account_id": paid["payment_account_id"]}
    payout = pay(shop, str(sale.customer_id), from_balance=False)
    keys = {role: shop.with_key(role) for role in ROLES}
    return House(shop, sale, keys, make_store(), group, scenario, payout)


def named(operation: tuple[str, str]) -> str:
    return " ".join(operation)


def documented() -> set[tuple[str, str]]:
    return {
        (method.upper(), path)
        for path, item in OPENAPI["paths"].items()
        if not path.startswith("/webhooks/")
        for method in item
        if method in METHODS
    }


def test_every_documented_route_is_tested_here() -> None:
    assert documented() == CALLS.keys() | OPEN.keys()


@pytest.mark.parametrize("operation", OPEN, ids=named)
def test_the_reference_opens_to_everyone_and_looks_at_no_key(house: House, operation: tuple[str, str]) -> None:
    method, path = operation
    url = house.shop.store.urls.api_url + path
    answers = [send(method, url, None, headers) for headers in ({}, *(make(house) for make in WRONG.values()))]
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
def test_a_role_may_what_it_is_documented_to(house: House, operation: tuple[str, str], role: str) -> None:
    method, path = operation
    required = OPENAPI["paths"][path][method.lower()]["x-required-role"]
    before = house.shop.stack.snapshot(house.shop.store)
    answer = house.call(operation, house.keys[role])
    if ROLES.index(role) >= ROLES.index(required):
        assert answer.status == CALLS[operation].status, answer.body
        if answer.status != 200:
            assert problem(answer, answer.status)
        else:
            assert answer.headers["content-type"] == "application/json; charset=utf-8"
    else:
        assert problem(answer, 403)["code"] == "forbidden"
    assert house.shop.stack.snapshot(house.shop.store) == before
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


def test_the_documented_roles_are_those_of_the_design() -> None:
    required = {operation: OPENAPI["paths"][operation[1]][operation[0].lower()]["x-required-role"] for operation in V1}
    for (method, path), role in required.items():
        if path.startswith(("/v1/api-keys", "/v1/audit")) or (method, path) in ADMIN_ONLY:
            assert role == "admin", path
        else:
            assert role == ("viewer" if method == "GET" or (method, path) in READS else "operator"), path


WRONG: dict[str, Callable[[House], dict[str, str]]] = {
    "no key": lambda house: {},
    "an empty key": lambda house: {"authorization": ""},
    "no scheme": lambda house: {"authorization": house.shop.store.api_key},
    "another scheme": lambda house: {"authorization": f"Basic {base64.b64encode(b'a:b').decode()}"},
    "a key cut short": lambda house: {"authorization": f"Bearer {house.shop.store.api_key[:-1]}"},
    "a key with a tail": lambda house: {"authorization": f"Bearer {house.shop.store.api_key}a"},
    "a key in capitals": lambda house: {"authorization": f"Bearer {house.shop.store.api_key.upper()}"},
    "an unknown key": lambda house: {"authorization": f"Bearer cbk_{house.shop.store.store_id}_{'a' * 32}"},
    "another store in the key": lambda house: {
        "authorization": f"Bearer {house.shop.store.api_key.replace(house.shop.store.store_id, house.foreign.store_id)}"
    },
    "a webhook secret": lambda house: {"authorization": f"Bearer {house.shop.store.secrets['shopify']}"},
    "two keys": lambda house: {
        "authorization": f"Bearer {house.shop.store.api_key}, Bearer {house.shop.store.api_key}"
    },
}


@pytest.mark.parametrize("operation", V1, ids=named)
@pytest.mark.row("92", "93", "S8")
def test_no_route_opens_to_what_is_no_key(house: House, operation: tuple[str, str]) -> None:
    method, template = operation
    call = CALLS[operation]
    for what, wrong in WRONG.items():
        url = house.shop.store.urls.api_url + house.path(template, call)
        assert problem(send(method, url, call.body, {**call.headers, **wrong(house)}), 401)["code"] == "unauthorized", (
            what
        )


@pytest.mark.row("92", "S10")
def test_an_expired_key_opens_nothing(house: House) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=5)).isoformat()
    key = house.shop.with_key("viewer", expires_at=soon)
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


# ---- another store's ids


def foreign_reads() -> list[tuple[str, str]]:
    return [(method, path) for method, path in V1 if "{" in path and method == "GET"]


@pytest.mark.parametrize("operation", foreign_reads(), ids=named)
@pytest.mark.row("66", "95", "S9", "S27", "I8")
def test_another_stores_id_is_answered_like_one_that_is_not_there(house: House, operation: tuple[str, str]) -> None:
    method, template = operation
    assert house.shop.store.api(method, template.format(**house.ids)).status == 200
    foreign = problem(house.foreign.api(method, template.format(**house.ids)), 404)
    unknown = problem(house.foreign.api(method, template.format(**dict.fromkeys(house.ids, "4711"))), 404)
    assert {**foreign, "request_id": ""} == {**unknown, "request_id": ""}


# A put of another store's id makes something of one's own; test_products shows that it touches nothing else.
@pytest.mark.parametrize("operation", [key for key in V1 if "{" in key[1] and key[0] not in {"GET", "PUT"}], ids=named)
@pytest.mark.row("95", "S9", "S27", "I8")
def test_another_stores_id_cannot_be_written_to(house: House, operation: tuple[str, str]) -> None:
    method, template = operation
    call = CALLS[operation]
    (key_id, *_) = [key["api_key_id"] for key in house.shop.store.api("GET", "/v1/api-keys").expect(200)["items"]]
    path = template.format(**{**MISSING, **house.ids, "api_key_id": key_id})
    before = house.shop.stack.snapshot(house.shop.store)
    answer = house.foreign.api(method, path, call.body, headers={"idempotency-key": "mine", **call.headers})
    assert problem(answer, 404)["code"] == "not_found"
    assert house.shop.stack.snapshot(house.shop.store) == before


@pytest.mark.row("S9")
def test_lists_show_the_own_store_only(house: House) -> None:
    assert house.foreign.api("GET", "/v1/orders").expect(200)["items"] == []
    filtered = house.foreign.api("GET", f"/v1/orders?customer_id={house.sale.customer_id}")
    assert filtered.expect(200)["items"] == []
    assert house.foreign.api("GET", "/v1/products").expect(200)["items"] == []
    assert house.foreign.api("GET", "/v1/customers").expect(200)["items"] == []
    assert house.foreign.api("GET", "/v1/groups").expect(200)["items"] == []
    for path in ("/v1/incentive-requests", "/v1/payouts"):
        assert house.foreign.api("GET", path).expect(200)["items"] == []
        assert house.foreign.api("GET", f"{path}?customer_id={house.sale.customer_id}").expect(200)["items"] == []
    assert house.foreign.api("POST", "/v1/groups/preview", {"rule": {}}).expect(200)["items"] == []
    assert len(house.foreign.api("GET", "/v1/api-keys").expect(200)["items"]) == 1
    assert house.foreign.api("GET", "/v1/store").expect(200)["store_id"] == house.foreign.store_id


# ---- the operator


@pytest.mark.parametrize("operation", PLATFORM, ids=named)
@pytest.mark.row("S10b")
def test_a_platform_route_opens_to_a_signature_and_to_no_key(house: House, operation: tuple[str, str]) -> None:
    method, template = operation
    call = CALLS[operation]
    path = house.path(template, call)
    before = house.shop.stack.snapshot(house.shop.store)
    assert house.shop.stack.platform.call(method, path, call.body).status == call.status
    for store in house.keys.values():
        assert problem(store.api(method, path, call.body), 403)
    assert problem(send(method, house.shop.store.urls.api_url + path, call.body), 403)
    assert house.shop.stack.snapshot(house.shop.store) == before


def test_an_identity_without_the_right_to_invoke_is_refused(house: House) -> None:
    iam = house.shop.stack.client("iam")
    name = f"stranger-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    stranger = Platform(house.shop.stack.urls, key["AccessKeyId"], key["SecretAccessKey"])
    # The emulator's own words here; on AWS it is the gateway response ACCESS_DENIED.
    assert stranger.call("GET", f"/platform/stores/{house.shop.store.store_id}").status == 403
    liar = Platform(house.shop.stack.urls, key["AccessKeyId"], "not-the-secret")
    assert problem(liar.call("GET", f"/platform/stores/{house.shop.store.store_id}"), 403)


# ---- what is no route


@pytest.mark.parametrize(
    "path", ["/v1", "/v1/", "/v2/store", "/v1/nothing", "/v1//store", "/v1/store/..;/api-keys", "/"]
)
@pytest.mark.row("102")
def test_an_unknown_route_is_a_problem_of_the_gateway(house: House, path: str) -> None:
    assert problem(house.shop.store.api("GET", path), 403, 404)


@pytest.mark.parametrize(("method", "path"), [("PUT", "/v1/store"), ("DELETE", "/v1/orders"), ("POST", "/v1/orders/1")])
def test_a_method_that_a_route_does_not_have_is_refused(house: House, method: str, path: str) -> None:
    assert problem(house.shop.store.api(method, path, {}), 403, 404, 405)


@pytest.mark.row("102")
def test_a_header_cannot_override_the_method(house: House) -> None:
    override = {"x-http-method-override": "DELETE", "x-method-override": "DELETE"}
    assert house.shop.store.api("GET", "/v1/store", headers=override).status == 200
