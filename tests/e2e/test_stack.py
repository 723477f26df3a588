"""What holds for every deploy, whatever the functions do."""

import pytest

from dev.client import Store, send
from tests.e2e.deployed import DeployedStack


def test_a_fresh_store_answers_its_own_key(store: Store) -> None:
    assert store.api("GET", "/v1/store").expect(200)["store_id"] == store.store_id


def test_a_call_without_a_key_is_a_problem_of_the_gateway(stack: DeployedStack) -> None:
    answer = send("GET", f"{stack.urls.api_url}/v1/store")
    problem = answer.expect(401)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (problem["status"], problem["code"], problem["errors"]) == (401, "unauthorized", [])
    assert problem["request_id"]


@pytest.mark.row("S10b")
def test_an_unsigned_platform_call_is_refused(stack: DeployedStack) -> None:
    assert send("POST", f"{stack.urls.api_url}/platform/stores", {"store_id": "x"}).status == 403


def test_an_api_key_opens_no_platform_route(stack: DeployedStack, store: Store) -> None:
    assert store.api("GET", f"/platform/stores/{store.store_id}").status == 403


@pytest.mark.row("28")
def test_other_methods_never_reach_the_webhook(stack: DeployedStack) -> None:
    url = f"{stack.urls.webhook_url}/webhooks/demo/shopify"
    assert {send(method, url).status for method in ("GET", "PUT", "DELETE")} <= {403, 404, 405}
