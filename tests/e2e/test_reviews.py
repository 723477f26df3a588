"""Manual mode: an order waits for a person, and the first decision is the only one."""

from collections.abc import Callable
from typing import Any

import pytest

from dev.client import Answer
from tests.e2e.shop import Sale, Shop, at_once, fresh_id, plain, problem


@pytest.fixture
def shop(new_shop: Callable[..., Shop]) -> Shop:
    """The storefront of a fresh store in manual mode."""
    return new_shop(auto_processing=False)


def review(answer: Answer) -> dict[str, Any]:
    order: dict[str, Any] = plain(answer.expect(200))
    return order


def test_a_paid_order_waits_and_moves_no_money(shop: Shop) -> None:
    sale = shop.sell()
    order = shop.order(sale)
    assert (order["status"], order["badge"], order["reason"], order["mode"]) == (
        "pending",
        "Pending",
        "manual_review",
        "manual",
    )
    assert (order["calculated"], order["award"], order["transactions"]) == ("10.00", "10.00", [])
    assert order["queued_at"] is not None
    assert shop.available(sale.customer_id) == "0.00"
    assert shop.store.api("GET", "/v1/store/status").expect(200)["status"] == "paused"


def test_an_approval_credits_and_says_who_decided(shop: Shop) -> None:
    sale = shop.sell()
    path, body = f"{sale.path}/approve", {"expected_amount": "10.00", "comment": "known customer"}
    headers = {"idempotency-key": "review-1", "x-actor": "Grace Hopper"}
    order = review(shop.store.api("POST", path, body, headers=headers))
    assert (order["status"], order["reason"], order["award"]) == ("processed", "approved", "10.00")
    decided = order["review"]
    assert (decided["verdict"], decided["expected_amount"], decided["amount"], decided["comment"]) == (
        "approved",
        "10.00",
        "10.00",
        "known customer",
    )
    assert decided["actor"].startswith("Grace Hopper (key:")
    assert decided["seconds_to_decision"] >= 0
    assert shop.available(sale.customer_id) == "10.00"


def test_an_approval_repeated_with_its_key_is_answered_alike(shop: Shop) -> None:
    sale = shop.sell()
    first = shop.approve(sale, "10.00", key="once")
    before = shop.stack.snapshot(shop.store)
    again = shop.approve(sale, "10.00", key="once")
    assert review(again) == review(first)
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert shop.stack.snapshot(shop.store) == before


@pytest.mark.row("69")
def test_the_same_key_with_another_body_is_a_mismatch(shop: Shop) -> None:
    sale = shop.sell()
    shop.approve(sale, "10.00", key="once").expect(200)
    before = shop.stack.snapshot(shop.store)
    assert problem(shop.approve(sale, "10.00", key="once", comment="other"), 409)["code"] == "idempotency_mismatch"
    assert shop.stack.snapshot(shop.store) == before


@pytest.mark.row("70")
def test_a_key_of_one_order_says_nothing_of_another(shop: Shop) -> None:
    first, second = shop.sell(), shop.sell()
    shop.approve(first, "10.00", key="once").expect(200)
    assert "idempotency-replayed" not in shop.approve(second, "10.00", key="once").headers
    assert shop.order(second)["status"] == "processed"


@pytest.mark.row("70")
def test_one_admins_key_never_gets_anothers_answer(shop: Shop) -> None:
    sale = shop.sell()
    other = Shop(shop.stack, shop.with_key("operator"))
    shop.approve(sale, "10.00", key="once").expect(200)
    assert problem(other.approve(sale, "10.00", key="once"), 409)["code"] == "state_conflict"


@pytest.mark.row("97")
def test_a_rejection_is_final(shop: Shop) -> None:
    sale = shop.sell()
    order = review(shop.reject(sale, "looks like a reseller"))
    assert (order["status"], order["reason"], order["award"]) == ("rejected", "looks like a reseller", "0.00")
    assert problem(shop.approve(sale, "10.00"), 409)["detail"] == "the order is rejected"
    assert shop.outcome("orders/updated", sale.body(at=2)) in {"rejected", "event_unchanged"}
    assert shop.order(sale)["transactions"] == []


@pytest.mark.row("97", "P10")
def test_a_second_approval_is_told_the_state(shop: Shop) -> None:
    sale = shop.sell()
    shop.approve(sale, "10.00").expect(200)
    before = shop.stack.snapshot(shop.store)
    refused = problem(shop.approve(sale, "10.00"), 409)
    assert (refused["code"], refused["detail"]) == ("state_conflict", "the order is processed")
    assert shop.stack.snapshot(shop.store) == before


def test_of_six_approvals_at_once_one_credits(shop: Shop) -> None:
    sale = shop.sell()
    answers = at_once(*[lambda: shop.approve(sale, "10.00")] * 6)
    refused = [problem(answer, 409) for answer in answers if answer.status != 200]
    assert [fault["detail"] for fault in refused] == ["the order is processed"] * 5
    assert shop.entries(sale.customer_id) == [("order", "10.00")]


@pytest.mark.row("71")
def test_one_approval_sent_six_times_at_once_has_one_answer(shop: Shop) -> None:
    sale = shop.sell()
    answers = at_once(*[lambda: shop.approve(sale, "10.00", key="once")] * 6)
    assert [review(answer) for answer in answers] == [review(answers[0])] * 6
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert shop.entries(sale.customer_id) == [("order", "10.00")]


def test_of_approvals_and_rejections_at_once_the_first_wins(shop: Shop) -> None:
    sale = shop.sell()
    answers = at_once(*[lambda: shop.approve(sale, "10.00"), lambda: shop.reject(sale)] * 3)
    (won,) = [answer for answer in answers if answer.status == 200]
    status = review(won)["status"]
    refused = [problem(answer, 409) for answer in answers if answer is not won]
    assert [fault["detail"] for fault in refused] == [f"the order is {status}"] * 5
    assert shop.order(sale)["status"] == status
    assert shop.available(sale.customer_id) == {"processed": "10.00", "rejected": "0.00"}[status]


def test_another_amount_may_be_approved_and_is_what_refunds_claw(shop: Shop) -> None:
    sale = shop.sell()
    order = review(shop.approve(sale, "10.00", amount="12.50"))
    assert (order["calculated"], order["award"]) == ("10.00", "12.50")
    assert (order["review"]["expected_amount"], order["review"]["amount"]) == ("10.00", "12.50")
    shop.tell("refunds/create", sale.refund())
    assert shop.available(sale.customer_id) == "6.25"


def test_a_refund_while_pending_shrinks_what_may_be_approved(shop: Shop) -> None:
    sale = shop.sell()
    assert shop.outcome("refunds/create", sale.refund()) == "pending"
    order = shop.order(sale)
    assert (order["calculated"], order["calculated_before_refunds"]) == ("5.00", "10.00")
    before = shop.stack.snapshot(shop.store)
    assert problem(shop.approve(sale, "10.00"), 409)["code"] == "amount_conflict"
    assert shop.stack.snapshot(shop.store) == before
    shop.approve(sale, "5.00").expect(200)
    assert shop.entries(sale.customer_id) == [("order", "5.00")]
    shop.tell("refunds/create", sale.refund())
    assert shop.available(sale.customer_id) == "0.00"


@pytest.mark.parametrize("gone", ["cancelled", "refunded"])
@pytest.mark.row("97")
def test_an_order_that_is_gone_cannot_be_approved(shop: Shop, gone: str) -> None:
    sale = shop.sell()
    if gone == "cancelled":
        assert shop.outcome("orders/cancelled", sale.cancelled(at=2)) == "rejected"
    else:
        assert shop.outcome("refunds/create", sale.refund(2)) == "rejected"
    assert shop.order(sale)["reason"] == {"cancelled": "order_cancelled", "refunded": "fully_refunded"}[gone]
    assert problem(shop.approve(sale, "10.00"), 409)["detail"] == "the order is rejected"
    assert shop.available(sale.customer_id) == "0.00"


def test_an_approval_and_a_refund_at_once_end_with_the_rest(shop: Shop) -> None:
    sale = shop.sell()
    refund = sale.refund()
    approve, tell = (lambda: shop.approve(sale, "10.00").status), (lambda: len(shop.tell("refunds/create", refund)))
    status, _ = at_once(approve, tell)
    assert status in {200, 409}
    if status == 409:
        shop.approve(sale, "5.00").expect(200)
    assert shop.available(sale.customer_id) == "5.00"


def test_a_held_order_is_approved_like_a_pending_one(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(hold_over_award="9.99")
    sale = shop.sell()
    assert (shop.order(sale)["status"], shop.order(sale)["reason"]) == ("held", "award_over_limit")
    shop.approve(sale, "10.00").expect(200)
    assert shop.available(sale.customer_id) == "10.00"


def test_an_operator_may_exceed_the_calculation_by_the_limit_and_no_more(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(auto_processing=False, adjust_limit="1.00")
    operator = Shop(shop.stack, shop.with_key("operator"))
    first, second = shop.sell(), shop.sell()
    before = shop.stack.snapshot(shop.store)
    assert problem(operator.approve(first, "10.00", amount="11.01"), 403)["code"] == "forbidden"
    assert shop.stack.snapshot(shop.store) == before
    operator.approve(first, "10.00", amount="11.00").expect(200)
    shop.approve(second, "10.00", amount="11.01").expect(200)


def test_nothing_is_approved_while_cashback_is_off(shop: Shop) -> None:
    sale = shop.sell()
    shop.change(cashback_enabled=False)
    assert problem(shop.approve(sale, "10.00"), 409)["code"] == "cashback_disabled"
    shop.change(cashback_enabled=True)
    shop.approve(sale, "10.00").expect(200)


def test_an_order_that_was_never_up_for_review_cannot_be_decided(shop: Shop) -> None:
    sale = Sale()
    shop.tell("orders/create", sale.body(at=0, status="pending"))
    assert problem(shop.approve(sale, "10.00"), 409)["detail"] == "the order is awaiting"
    assert problem(shop.reject(sale), 409)["detail"] == "the order is awaiting"


# ---- held and released


def act(shop: Shop, sale: Sale, action: str, key: str | None = None, **body: Any) -> Answer:
    headers = {} if key is None else {"idempotency-key": key}
    return shop.store.api("POST", f"{sale.path}/{action}", body, headers=headers)


def test_an_order_is_held_released_and_then_credited_once(shop: Shop) -> None:
    sale = shop.sell()
    held = review(act(shop, sale, "hold", reason="call them", comment="new address"))
    assert (held["status"], held["reason"], held["review"]) == ("held", "call them", None)
    released = review(act(shop, sale, "release"))
    assert (released["status"], released["reason"]) == ("pending", "released")
    assert released["queued_at"] == held["queued_at"]
    assert shop.available(sale.customer_id) == "0.00"
    shop.approve(sale, "10.00").expect(200)
    order = shop.order(sale)
    assert [(made["verdict"], made["comment"]) for made in order["reviews"]] == [
        ("held", "new address"),
        ("released", None),
        ("approved", None),
    ]
    assert order["reviews"][-1]["seconds_to_decision"] >= 0
    assert shop.entries(sale.customer_id) == [("order", "10.00")]


def test_a_hold_repeated_with_its_key_is_answered_alike_whatever_followed(shop: Shop) -> None:
    sale = shop.sell()
    first = act(shop, sale, "hold", "once", reason="call them")
    shop.approve(sale, "10.00").expect(200)
    before = shop.stack.snapshot(shop.store)
    again = act(shop, sale, "hold", "once", reason="call them")
    assert review(again) == review(first)
    assert again.headers["idempotency-replayed"] == "true"
    assert problem(act(shop, sale, "hold", "once", reason="other"), 409)["code"] == "idempotency_mismatch"
    assert problem(act(shop, sale, "hold", reason="again"), 409)["detail"] == "the order is processed"
    assert shop.stack.snapshot(shop.store) == before


def test_of_six_holds_at_once_one_holds(shop: Shop) -> None:
    sale = shop.sell()
    answers = at_once(*[lambda: act(shop, sale, "hold", reason="call them")] * 6)
    refused = [problem(answer, 409) for answer in answers if answer.status != 200]
    assert [fault["detail"] for fault in refused] == ["the order is held"] * 5
    assert len(shop.order(sale)["reviews"]) == 1


# ---- processed by hand


def test_an_order_that_earned_nothing_is_processed_once_for_the_amount_that_was_seen(
    new_shop: Callable[..., Shop],
) -> None:
    shop = new_shop(cashback_enabled=False)
    sale = shop.sell()
    assert (shop.order(sale)["status"], shop.order(sale)["reason"]) == ("not_eligible", "cashback_disabled")
    shop.change(cashback_enabled=True)
    before = shop.stack.snapshot(shop.store)
    seen = plain(shop.store.post(f"{sale.path}/process", {}).expect(200))
    assert (seen["dry_run"], seen["status"], seen["amount"]) == (True, "processed", "10.00")
    assert problem(shop.store.post(f"{sale.path}/process", {"expected_amount": "9.99"}), 409)
    assert shop.stack.snapshot(shop.store) == before
    path, body = f"{sale.path}/process", {"expected_amount": "10.00"}
    answers = at_once(*[lambda: shop.store.post(path, body, key="once")] * 4)
    assert [plain(answer.expect(200)) for answer in answers] == [{**seen, "dry_run": False}] * 4
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert shop.entries(sale.customer_id) == [("order", "10.00")]


# ---- many at once


def approve_many(shop: Shop, wanted: dict[str, str], key: str | None = None) -> Answer:
    orders = [{"order_id": order_id, "expected_amount": amount} for order_id, amount in wanted.items()]
    return shop.store.post("/v1/orders/approve", {"orders": orders}, key=key)


def outcomes(answer: Answer) -> list[str]:
    return [made["outcome"] for made in answer.expect(200)["results"]]


def test_each_of_many_orders_has_an_outcome_of_its_own(shop: Shop) -> None:
    first, second, third = shop.sell(), shop.sell(), shop.sell()
    shop.reject(second).expect(200)
    wanted = {str(sale.order_id): "10.00" for sale in (first, second, third)} | {"none": "10.00"}
    answer = approve_many(shop, wanted, "once")
    assert outcomes(answer) == ["approved", "state_conflict", "approved", "not_found"]
    assert [made["status"] for made in answer.json()["results"]] == [200, 409, 200, 404]
    assert [shop.available(sale.customer_id) for sale in (first, second, third)] == ["10.00", "0.00", "10.00"]
    before = shop.stack.snapshot(shop.store)
    again = approve_many(shop, wanted, "once")
    assert (again.body, again.headers["idempotency-replayed"]) == (answer.body, "true")
    assert problem(approve_many(shop, {"none": "10.00"}, "once"), 409)["code"] == "idempotency_mismatch"
    assert shop.stack.snapshot(shop.store) == before


def test_one_call_for_many_sent_four_times_at_once_credits_once_and_has_one_answer(shop: Shop) -> None:
    sales = [shop.sell() for _ in range(5)]
    wanted = {str(sale.order_id): "10.00" for sale in sales}
    answers = at_once(*[lambda: approve_many(shop, wanted, "once")] * 4)
    bodies = {answer.body for answer in answers}
    assert len(bodies) == 1
    assert set(outcomes(answers[0])) == {"approved"}
    assert [shop.entries(sale.customer_id) for sale in sales] == [[("order", "10.00")]] * 5


def test_a_hundred_orders_are_approved_within_the_gateways_patience(shop: Shop) -> None:
    bodies = [Sale(customer_id=fresh_id()).body(at=1) for _ in range(100)]
    made = shop.store.post("/v1/orders/import", {"source": "shopify", "orders": bodies}).expect(200)["results"]
    assert {(each["outcome"], each["status"]) for each in made} == {("recorded", "pending")}
    answer = approve_many(shop, {each["order_id"]: "10.00" for each in made}, "once")
    assert set(outcomes(answer)) == {"approved"}
    assert approve_many(shop, {each["order_id"]: "10.00" for each in made}, "once").body == answer.body
