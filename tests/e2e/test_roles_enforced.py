"""Every function works with its own role, and a role that lacks something is noticed.

`python -m dev.prove_roles` goes on from here: it takes every single grant away and runs the whole suite.
"""

from pathlib import Path

from dev import prove_roles
from tests.e2e.deployed import FUNCTIONS, start
from tests.e2e.groups import finished
from tests.e2e.payouts import pay, turn
from tests.e2e.scenarios import CREDIT, ended, make, outcomes, texts_of_scenarios
from tests.e2e.shop import Sale, Shop

PHONE = "+4915550107733"


def test_the_whole_main_job_is_refused_nothing(shop: Shop) -> None:
    actions = {**CREDIT, "send_message": {"channel": "sms", "text": "Thank you, {{userName}}!"}}
    thanks = make(shop, "order.paid", actions=actions, limits={"order_number": {"max": 1}}, cancel_on=["order.created"])
    first, second = shop.sell(phone=PHONE), Sale()
    assert set(outcomes(ended(shop, thanks)).values()) == {("done", None)}
    assert texts_of_scenarios(shop.stack, PHONE) == ["Thank you, Ada!"]
    shop.store.api("DELETE", f"/v1/scenarios/{thanks}").expect(204)
    shop.tell("customers/create", {"id": 7001, "email": "ada@example.com", "updated_at": "2026-02-03T10:00:00Z"})
    shop.tell("refunds/create", first.refund())
    shop.change(auto_processing=False)
    shop.tell("orders/paid", second.body(at=1))
    shop.approve(second, "10.00").expect(200)
    viewer = Shop(shop.stack, shop.with_key("viewer"))
    assert (viewer.available(first.customer_id), viewer.available(second.customer_id)) == ("6.00", "10.00")
    assert {viewer.order(sale)["status"] for sale in (first, second)} == {"partially_reversed", "processed"}
    for list_ in ("/v1/orders?limit=1", "/v1/orders?customer_id=7001", "/v1/store/status"):
        shop.store.api("GET", list_).expect(200)
    group = shop.store.post("/v1/groups", {"name": "Buyers"}).expect(201)["group_id"]
    shop.store.api("PUT", f"/v1/groups/{group}/members/{second.customer_id}").expect(201)
    gift = shop.store.post(f"/v1/groups/{group}/cashback", {"apply_type": "relative", "amount": "1.00"}).expect(202)
    assert finished(shop, gift)["status"] == "done"
    payout = pay(shop, str(second.customer_id), amount="10.00")["payout_id"]
    turn(shop, payout, "success").expect(200)
    for clockwork in ("sweeper", "daily"):
        assert shop.stack.invoke(clockwork, {})["failed"] == 0
    assert shop.stack.denials() == []
    used = {name for name in FUNCTIONS if shop.stack.lines(name, "REPORT")}
    assert used == set(FUNCTIONS)


def test_a_grant_that_is_taken_away_is_missed_by_its_function_alone(tmp_path: Path) -> None:
    stack = start(tmp_path)
    try:
        (grant,) = [
            prove_roles.Grant(role, policy, statement["Sid"], "dynamodb:Query")
            for role, policy, document in prove_roles.policies(stack.aws)
            for statement in document["Statement"]
            if "-OrdersApiRole-" in role and statement["Sid"] == "ListOrdersAndProducts"
        ]
        store = stack.platform.create_store("t-roles")
        assert store.api("GET", "/v1/orders").status == 200
        prove_roles.remove(stack.aws, grant)
        assert store.api("GET", "/v1/orders").status >= 500
        assert store.api("GET", "/v1/store/status").status == 200
        assert {line.partition(":")[0] for line in stack.denials()} == {"orders_api"}
        assert stack.crashes()
    finally:
        stack.aws.stop()
