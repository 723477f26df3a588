"""Callers at the same moment, beyond what the modules of each thing test: all that takes from a balance takes what is
there, a request has one decision, and one key makes one thing on every route that makes things."""

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from dev.client import Answer
from tests.e2e.groups import finished
from tests.e2e.payouts import NO, PAYOUTS, REQUESTS, approved, ask, customer, money
from tests.e2e.shop import Shop, at_once, insist, problem

CALLERS = 6


def post(shop: Shop, path: str, body: Any, key: str | None = None) -> Answer:
    """Post until there is an answer, under one key."""
    return insist(partial(shop.store.post, path, body, key=key or uuid.uuid4().hex))


def codes(answers: list[Answer]) -> set[str]:
    """Why those were refused that were."""
    return {problem(answer, 409)["code"] for answer in answers if answer.status >= 400}


@pytest.mark.row("P5", "I1")
def test_debits_requests_and_a_group_that_spend_one_balance_spend_it_once(shop: Shop) -> None:
    owner = customer(shop)
    group_id = shop.store.api("POST", "/v1/groups", {"name": "All"}).expect(201)["group_id"]
    shop.store.api("PUT", f"/v1/groups/{group_id}/members/{owner}").expect(201)
    debit = partial(post, shop, f"/v1/customers/{owner}/adjustments", {"amount": "-30.00"})
    asked = {"customer_id": owner, "program": "Friends", "amount": "30.00", "from_balance": True}
    hold = partial(post, shop, REQUESTS, asked)
    told = {"apply_type": "relative", "amount": "-30.00"}
    start = partial(post, shop, f"/v1/groups/{group_id}/cashback", told)
    answers = at_once(*[debit, hold, start] * 2)
    jobs = [finished(shop, answer.json()) for answer in answers if answer.status == 202]
    taken = [answer.status for answer in answers].count(201) + sum(job["debited"] for job in jobs)
    assert taken == 3
    assert [job["debited"] + job["refused"] for job in jobs] == [1, 1]
    held = [answer.status for answer in answers[1::3]].count(201)
    assert money(shop, owner) == ("10.00", f"{30 * held}.00" if held else "0.00", "0.00")


@pytest.mark.row("P10", "97")
def test_an_order_that_is_approved_alone_and_in_bulk_at_once_is_credited_once(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(auto_processing=False)
    sale = shop.sell()
    seen = {"expected_amount": "10.00"}
    alone = partial(post, shop, f"{sale.path}/approve", seen)
    bulk = partial(post, shop, "/v1/orders/approve", {"orders": [{"order_id": str(sale.order_id), **seen}]})
    process = partial(post, shop, f"{sale.path}/process", seen)
    answers = at_once(*[alone, bulk, process] * 2)
    in_bulk = [answer.json()["results"][0]["status"] for answer in answers[1::3]]
    assert [*in_bulk, *(one.status for one in answers[::3] + answers[2::3])].count(200) == 1
    assert shop.entries(sale.customer_id) == [("order", "10.00")]
    assert shop.order(sale)["status"] == "processed"


@pytest.mark.row("97")
def test_of_many_approvals_of_a_request_one_decides(shop: Shop) -> None:
    owner = customer(shop)
    path = f"{REQUESTS}/{ask(shop, owner).expect(201)['incentive_request_id']}"
    answers = at_once(*[partial(post, shop, f"{path}/approve", {})] * CALLERS)
    assert sorted(answer.status for answer in answers) == [200, *[409] * (CALLERS - 1)]
    assert codes(answers) == {"state_conflict"}
    assert money(shop, owner) == ("60.00", "40.00", "0.00")


@pytest.mark.row("97")
def test_a_request_that_is_approved_and_rejected_at_once_is_one_of_them(shop: Shop) -> None:
    owner = customer(shop)
    path = f"{REQUESTS}/{ask(shop, owner).expect(201)['incentive_request_id']}"
    approve, reject = partial(post, shop, f"{path}/approve", {}), partial(post, shop, f"{path}/reject", NO)
    answers = at_once(*[approve, reject] * (CALLERS // 2))
    (won,) = [answer.json()["status"] for answer in answers if answer.status == 200]
    assert shop.store.api("GET", path).expect(200)["status"] == won
    assert money(shop, owner) == (("60.00", "40.00", "0.00") if won == "approved" else ("100.00", "0.00", "0.00"))


@pytest.mark.row("P1")
def test_a_request_that_is_paid_and_cancelled_at_once_is_one_of_them(shop: Shop) -> None:
    owner = customer(shop)
    request_id = approved(shop, owner)
    pay = partial(post, shop, PAYOUTS, {"incentive_request_id": request_id})
    cancel = partial(post, shop, f"{REQUESTS}/{request_id}/cancel", NO)
    answers = at_once(*[pay, cancel] * (CALLERS // 2))
    (won,) = [answer.status for answer in answers if answer.status < 400]
    request = shop.store.api("GET", f"{REQUESTS}/{request_id}").expect(200)
    if won == 201:
        assert (request["status"], len(request["payout_ids"])) == ("approved", 1)
        assert money(shop, owner) == ("60.00", "40.00", "0.00")
    else:
        assert (request["status"], request["payout_ids"]) == ("cancelled", [])
        assert money(shop, owner) == ("100.00", "0.00", "0.00")


def making(shop: Shop, kind: str) -> tuple[str, str, Any]:
    """Where things of a kind are listed, where they are made, and of what."""
    if kind == "payouts":
        return PAYOUTS, PAYOUTS, {"incentive_request_id": approved(shop, customer(shop))}
    if kind == "group-jobs":
        group_id = shop.store.api("POST", "/v1/groups", {"name": "One"}).expect(201)["group_id"]
        shop.store.api("PUT", f"/v1/groups/{group_id}/members/{customer(shop)}").expect(201)
        return "/v1/group-jobs", f"/v1/groups/{group_id}/cashback", {"apply_type": "relative", "amount": "1.00"}
    path = f"/v1/{kind}"
    return path, path, {"groups": {"name": "Club"}, "webhook-endpoints": {"url": "https://shop.example.com/in"}}[kind]


@pytest.mark.row("71", "F43", "P4")
@pytest.mark.parametrize("kind", ["groups", "group-jobs", "payouts", "webhook-endpoints"])
def test_one_call_made_many_times_at_once_makes_one_thing_and_has_one_answer(shop: Shop, kind: str) -> None:
    """Of api keys, adjustments, requests, approvals and customers, their own modules show it."""
    listed, path, body = making(shop, kind)
    answers = at_once(*[partial(post, shop, path, body, "once")] * CALLERS)
    assert {answer.status for answer in answers} <= {201, 202}, [answer.body for answer in answers]
    told = [{**one.json(), "secret": None} for one in answers]
    assert all(one == told[0] for one in told)
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert len(shop.store.api("GET", listed).expect(200)["items"]) == 1
