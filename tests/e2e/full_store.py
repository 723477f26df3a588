"""Every documented route with a call that changes nothing, and a store that has everything: two things or more of every
kind, so that every list has a second page and every id of a path finds something."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Formatter
from typing import Any

from dev.client import Answer, Store, wait_until
from dev.project import ROOT
from tests.e2e.deployed import BEHIND_THE_STREAMS, DeployedStack
from tests.e2e.groups import finished
from tests.e2e.payouts import account, pay, turn
from tests.e2e.scenarios import ended, make, tasks
from tests.e2e.shop import Shop

OPENAPI = json.loads((ROOT / "docs" / "openapi.json").read_text())
METHODS = ("get", "post", "put", "patch", "delete")

type Operation = tuple[str, str]
"""A method, and a path in which ids are named."""

OPERATIONS: list[Operation] = [
    (method.upper(), path) for path, item in OPENAPI["paths"].items() for method in item if method in METHODS
]
"""Every documented route."""

ROLES = ("viewer", "operator", "admin")
LONG_AGO = "2020-01-01T00:00:00Z"
OF_ITS_OWN = ("CFG", "SEC", "KEYS", "AUDIT", "HOOK", *BEHIND_THE_STREAMS)
"""Partitions that a twin has of its own: its settings and secrets, and what is sealed for its store alone."""
TOLD = 120
"""Seconds in which an endpoint hears of an order, behind all that was told before on a machine that is busy."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call that whoever may make it gets this answer to; it changes nothing, so that it can be made by everyone."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)


PRODUCT_ID = "mug-1"
MOST_SMALL_PAGE = 5
"""The smallest limit of payouts and requests."""
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
CALLS: dict[Operation, Call] = {
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


@dataclass(frozen=True, slots=True)
class FullStore:
    """A store with everything and a key of every role, and another store, which is empty; tests change neither."""

    shop: Shop
    ids: Mapping[str, str]
    keys: Mapping[str, Store]
    foreign: Store

    def path(self, template: str, call: Call) -> str:
        return template.format(**self.ids_of(call))

    def ids_of(self, call: Call) -> dict[str, str]:
        """What stands in the path of a call."""
        return {**MISSING, **self.ids, "store_id": self.shop.store.store_id, **call.ids}


def ask(store: Store, operation: Operation, ids: Mapping[str, str], query: str = "", body: Any = None) -> Answer:
    """Make a route's call with these ids in its path, and with its own body unless there is another."""
    (method, template), call = operation, CALLS[operation]
    headers = {"idempotency-key": uuid.uuid4().hex, **call.headers}
    return store.api(method, template.format(**ids) + query, call.body if body is None else body, headers=headers)


def named(operation: Operation) -> str:
    """What an operation is called in the name of a test."""
    return " ".join(operation)


def parts_of(template: str) -> list[str]:
    """The names of the ids in a path."""
    return [name for _, name, _, _ in Formatter().parse(template) if name]


def queried(operation: Operation) -> dict[str, Any]:
    """The schemas of what may stand in a route's query, by name."""
    method, path = operation
    parameters = OPENAPI["paths"][path][method.lower()].get("parameters", [])
    return {one["name"]: one["schema"] for one in parameters if one["in"] == "query"}


def documented() -> set[Operation]:
    """Every route of the admin API and the operator's."""
    return {one for one in OPERATIONS if not one[1].startswith("/webhooks/")}


def furnish(shop: Shop) -> dict[str, str]:
    """Two things or more of every kind in a new store; the ids of one of each, by their names in paths."""
    api = shop.store.api
    for product_id in (PRODUCT_ID, "mug-2"):
        api("PUT", f"/v1/products/{product_id}", {"title": "Mug"}).expect(201)
    hooks = [
        api("POST", "/v1/webhook-endpoints", {"url": f"https://shop.example.com/{n}"}).expect(201) for n in range(2)
    ]
    scenario_id = make(shop, "order.paid", actions={"generate_promo_code": {"discount": {"percent": "10"}}})
    make(shop, "order.cancelled")
    api("POST", "/v1/customers", {"customer_id": "C-2", "name": "Bea", "email": "bea@example.com"}).expect(201)
    sale = shop.sell()
    task = ended(shop, scenario_id)
    other = shop.sell()
    wait_until(lambda: {one["status"] for one in tasks(shop, scenario_id)} == {"executed"}, seconds=30)
    customer_id = str(sale.customer_id)
    group_id, _ = [api("POST", "/v1/groups", {"name": name}).expect(201)["group_id"] for name in ("Club", "Circle")]
    path = f"/v1/groups/{group_id}"
    file = b"email\n" + b"nobody@example.com\n" * 1_001
    begun = api("POST", f"{path}/members", file, headers={"content-type": "text/csv"}).expect(202)
    api("POST", f"{path}/members", {"customer_ids": [customer_id, str(other.customer_id)]}).expect(200)
    told = {"apply_type": "relative", "amount": "1.00"}
    jobs = [finished(shop, shop.store.post(f"{path}/cashback", told).expect(202)) for _ in range(2)]
    payouts = [pay(shop, customer_id, from_balance=False) for _ in range(MOST_SMALL_PAGE + 1)]
    turn(shop, payouts[0]["payout_id"], "on_process").expect(200)
    account_id = account(shop, customer_id, type="digital", provider="PayPal", handle="second@example.com")
    (key, *_) = api("GET", "/v1/api-keys").expect(200)["items"]
    deliveries = wait_until(lambda: _heard(shop), seconds=TOLD)
    # They hear nothing more, so that what is told of the store changes nothing while the tests look.
    for hook in hooks:
        api("PATCH", f"/v1/webhook-endpoints/{hook['webhook_endpoint_id']}", {"enabled": False}).expect(200)
    return {
        "order_id": str(sale.order_id),
        "customer_id": customer_id,
        "product_id": PRODUCT_ID,
        "group_id": group_id,
        "import_id": begun["import_id"],
        "job_id": jobs[0]["job_id"],
        "scenario_id": scenario_id,
        "task_id": task["task_id"],
        "code": task["promo_code"],
        "payment_account_id": account_id,
        **payouts[0],
        "api_key_id": key["api_key_id"],
        "webhook_endpoint_id": hooks[0]["webhook_endpoint_id"],
        "webhook_delivery_id": deliveries[0]["webhook_delivery_id"],
    }


def _heard(shop: Shop) -> list[dict[str, Any]]:
    """The deliveries of the first order to both endpoints, once each had its first attempt."""
    path = "/v1/webhook-deliveries?limit=100"
    items: list[dict[str, Any]] = shop.store.api("GET", path).expect(200)["items"]
    return items if sum(bool(one["history"]) for one in items) > 1 else []


def furnished(shop: Shop, foreign: Store) -> FullStore:
    """A new store with everything, and keys of every role."""
    keys = {role: shop.with_key(role) for role in ROLES}
    return FullStore(shop, furnish(shop), keys, foreign)


def plant(stack: DeployedStack, original: Store, twin: Store) -> None:
    """Give a store a copy of everything that another has, under the same ids."""
    client, old, new = stack.client("dynamodb"), f"S#{original.store_id}#", f"S#{twin.store_id}#"
    for place, item in stack.snapshot(original).items():
        pk = item["pk"]["S"]
        if pk.startswith(old) and pk.removeprefix(old).partition("#")[0] not in OF_ITS_OWN:
            client.put_item(TableName=place.partition(" ")[0], Item=_renamed(item, old, new))


def _renamed(value: Any, old: str, new: str) -> Any:
    if isinstance(value, dict):
        return {name: _renamed(part, old, new) for name, part in value.items()}
    if isinstance(value, list):
        return [_renamed(part, old, new) for part in value]
    return value.replace(old, new) if isinstance(value, str) else value
