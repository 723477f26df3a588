"""Lists over pages with nothing in them that lead on: DynamoDB may end a page anywhere, also before its first item."""

from collections.abc import Callable
from typing import Any, cast

import pytest

from cashback.adapters.dynamo.tables import query
from tests.simulation.dynamo import SimulatedDynamo
from tests.unit.deployment import Deployment
from tests.unit.jobs import JobShop

URL = "https://shop.example/hook"
CUSTOMER = "/v1/customers/c1"


def with_empty_pages(read: Callable[..., Any]) -> Callable[..., Any]:
    """Let an empty page stand before each page that there is, with a cursor that leads to it."""

    def paged(self: SimulatedDynamo, **request: Any) -> Any:
        start = request.pop("ExclusiveStartKey", None)
        if start is None or "after" not in start:
            return {"Items": [], "Count": 0, "LastEvaluatedKey": {"after": start}}
        return read(self, **request, **({"ExclusiveStartKey": start["after"]} if start["after"] else {}))

    return paged


def empty_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimulatedDynamo, "query", with_empty_pages(SimulatedDynamo.query))


@pytest.fixture
def admin(deployment: Deployment) -> str:
    """The key of a store with three of everything that a list shows."""
    key = deployment.create_store()
    for n in range(3):
        for method, path, body in (
            ("POST", "/v1/customers", {"customer_id": f"c{n}", "name": "Ada"}),
            ("PUT", f"/v1/products/p{n}", {"title": "Mug"}),
            ("POST", "/v1/groups", {"name": f"group {n}"}),
            ("POST", "/v1/api-keys", {"name": "till", "role": "viewer"}),
            ("POST", "/v1/webhook-endpoints", {"url": f"{URL}/{n}"}),
        ):
            assert deployment.call(method, path, body, key=key).status == 201, path
    for n in range(3):
        adjustment = {"amount": f"{n + 1}.00", "comment": "why"}
        path = f"{CUSTOMER}/adjustments"
        deployment.call("POST", path, adjustment, key=key, idempotency_key=f"k{n}").expect(201)
        account = {"type": "digital", "provider": "PayPal", "handle": f"ada{n}@example.com"}
        deployment.call("POST", f"{CUSTOMER}/payment-accounts", account, key=key).expect(201)
    return key


def pages(deployment: Deployment, key: str, path: str) -> list[Any]:
    """What each page of a list shows."""
    found, cursor = [], ""
    for _ in range(20):
        page = deployment.call("GET", f"{path}?limit=2{cursor}", key=key).expect(200)
        found.append(page["items"])
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"
    raise AssertionError("the list does not end")


@pytest.mark.row("F40")
@pytest.mark.parametrize(
    "path",
    [
        "/v1/api-keys",
        "/v1/audit",
        "/v1/customers",
        f"{CUSTOMER}/payment-accounts",
        f"{CUSTOMER}/transactions",
        "/v1/groups",
        "/v1/products",
        "/v1/webhook-endpoints",
    ],
)
def test_a_list_goes_on_where_a_page_of_the_table_has_nothing_in_it(
    deployment: Deployment, admin: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pages(deployment, admin, path)
    assert sum(map(len, whole)) >= 3
    empty_pages(monkeypatch)
    assert pages(deployment, admin, path) == whole


@pytest.mark.row("F40")
@pytest.mark.parametrize("limit", [{}, {"Limit": 1}, {"Limit": 2}, {"Limit": 3}])
def test_a_query_goes_on_where_a_page_has_nothing_in_it_but_leads_on(
    deployment: Deployment, admin: str, limit: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def causes() -> list[str]:
        client = cast("Any", deployment.dynamo)
        asked = {"ConsistentRead": True, **limit}
        return [item["sk"] for item in query(client, "Ledger", "pk = :pk", {":pk": "S#demo#C#c1"}, **asked)]

    whole = causes()
    assert len(whole) == 3
    empty_pages(monkeypatch)
    assert causes() == whole


@pytest.mark.row("F40")
def test_a_group_job_finds_every_member_behind_pages_with_nothing_in_them(monkeypatch: pytest.MonkeyPatch) -> None:
    empty_pages(monkeypatch)
    shop = JobShop((0,) * 5)
    shop.run("1.00")
    assert list(shop.balances.values()) == [100] * 5


def test_a_page_of_a_query_is_no_longer_than_a_function_has_memory_for(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, pages = cast("Any", deployment.dynamo), list[int]()
    read = SimulatedDynamo.query

    def counted(self: SimulatedDynamo, **request: Any) -> Any:
        answer = read(self, **request)
        pages.append(len(answer["Items"]))
        return answer

    monkeypatch.setattr(SimulatedDynamo, "query", counted)
    for number in range(1_100):
        client.put_item(TableName="State", Item={"pk": {"S": "p"}, "sk": {"S": f"{number:04}"}})
    found = query(client, "State", "pk = :pk", {":pk": "p"}, ConsistentRead=True)
    assert [item["sk"] for item in found] == [f"{number:04}" for number in range(1_100)]
    assert pages == [500, 500, 100]
