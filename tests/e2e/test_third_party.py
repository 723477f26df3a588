"""Every body in the folder of third-party samples, signed and sent to the deployed stack."""

from collections.abc import Callable

from dev.client import Store
from tests import third_party
from tests.e2e.deployed import DeployedStack
from tests.e2e.shop import Shop, plain, problem
from tests.third_party import BALANCES, DELIVERIES, ORDERS, VECTOR, body_of, document


def test_each_third_party_body_is_accepted_and_ends_right(
    stack: DeployedStack, make_store: Callable[..., Store]
) -> None:
    vector = document(VECTOR)
    store = make_store(settings=dict(third_party.SETTINGS), webhook_secrets={"events": vector["secret"]})
    shop = Shop(stack, store)
    told = [(each.name, shop.outcome(each.topic, body_of(each), each.source)) for each in DELIVERIES]
    assert told == [(each.name, each.verdict) for each in DELIVERIES]
    for order_id, expected in ORDERS.items():
        order = plain(store.api("GET", f"/v1/orders/{order_id}").expect(200))
        assert {name: order[name] for name in expected} == expected, order_id
    assert {customer_id: shop.available(customer_id) for customer_id in BALANCES} == BALANCES
    assert store.api("GET", "/v1/products/18").expect(200)["categories"] == ["Uncategorized"]
    kept, merged = (store.api("GET", f"/v1/customers/{name}").expect(200) for name in ("1073339474", "207119551"))
    assert (kept["merged_into"], merged["merged_into"]) == (None, "1073339474")
    assert merged["email"] is None
    assert stack.queued(stack.store_events_dlq_url) == 0


def test_the_vector_of_standard_webhooks_is_too_old_for_a_deployed_stack(
    stack: DeployedStack, make_store: Callable[..., Store]
) -> None:
    vector = document(VECTOR)
    store = make_store(webhook_secrets={"events": vector["secret"]})
    before = stack.snapshot(store)
    headers = {name: vector[name] for name in ("webhook-id", "webhook-timestamp", "webhook-signature")}
    problem(store.deliver("events", vector["body"].encode(), headers), 401)
    assert stack.snapshot(store) == before
