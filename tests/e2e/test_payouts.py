"""Incentive requests and payouts through the deployed API, with the rights that the template gives it."""

import uuid
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from dev.client import Store, wait_until
from tests.e2e.payouts import NO, PAYOUTS, REQUESTS, account, approved, ask, customer, history, money, notes, pay, turn
from tests.e2e.scenarios import texts_to
from tests.e2e.shop import Shop, at_once, plain, problem

AT_ONCE = 16


def listed(store: Store, path: str) -> list[str]:
    """The ids of a list."""
    items = store.api("GET", path).expect(200)["items"]
    return [item.get("payout_id") or item["incentive_request_id"] for item in items]


# ---- the whole story


def test_a_withdrawal_is_held_paid_returned_and_arrives_late(shop: Shop) -> None:
    owner = customer(shop)
    asked = plain(ask(shop, owner, description="May").expect(201))
    request_id = asked["incentive_request_id"]
    assert (asked["status_label"], asked["held"]) == ("Requested", "40.00")
    assert money(shop, owner) == ("60.00", "40.00", "0.00")
    shop.store.post(f"{REQUESTS}/{request_id}/approve").expect(200)
    made = plain(shop.store.post(PAYOUTS, {"incentive_request_id": request_id}).expect(201))
    payout_id = made["payout_id"]
    assert (made["amount"], made["username"], made["account"]["masked"]) == ("40.00", "Ada", "****.com")
    steps = (
        ("on_process", ("60.00", "40.00", "0.00")),
        ("success", ("60.00", "0.00", "0.00")),
        ("failed", ("100.00", "0.00", "0.00")),
        ("success", ("60.00", "0.00", "0.00")),
    )
    for status, left in steps:
        assert turn(shop, payout_id, status).expect(200)["status"] == status
        assert money(shop, owner) == left
    assert notes(shop, owner) == [
        ("-40.00", "Reserved for a payout"),
        ("0.00", "Paid out"),
        ("40.00", "Payment that came back"),
        ("-40.00", "Paid out"),
    ]
    told = history(shop, payout_id)
    assert [line["after"]["status"] for line in told] == ["pending", *(status for status, _ in steps)]
    assert [line["before"].get("status") for line in told] == [None, "pending", "on_process", "success", "failed"]
    shop.store.post(f"/v1/customers/{owner}/adjustments", {"amount": "-60.00"}).expect(201)
    turn(shop, payout_id, "failed").expect(200)
    shop.store.post(f"/v1/customers/{owner}/adjustments", {"amount": "-30.00"}).expect(201)
    turn(shop, payout_id, "success").expect(200)
    assert money(shop, owner) == ("0.00", "0.00", "30.00")


def test_a_payment_that_fails_gives_back_and_the_next_one_holds_again(shop: Shop) -> None:
    owner = customer(shop)
    first = pay(shop, owner)
    turn(shop, first["payout_id"], "failed").expect(200)
    assert money(shop, owner) == ("100.00", "0.00", "0.00")
    body = {"incentive_request_id": first["incentive_request_id"]}
    second = shop.store.post(PAYOUTS, body).expect(201)
    assert second["replaces"] == first["payout_id"]
    assert money(shop, owner) == ("60.00", "40.00", "0.00")
    late = problem(turn(shop, first["payout_id"], "success"), 409)
    assert (late["code"], late["payout_id"]) == ("payout_exists", second["payout_id"])
    turn(shop, second["payout_id"], "failed").expect(200)
    shop.store.post(f"{REQUESTS}/{first['incentive_request_id']}/cancel", NO).expect(200)
    assert money(shop, owner) == ("100.00", "0.00", "0.00")


@pytest.mark.parametrize("act", ["reject", "cancel"])
def test_a_request_that_is_turned_down_gives_back(shop: Shop, act: str) -> None:
    owner = customer(shop)
    path = f"{REQUESTS}/{ask(shop, owner).expect(201)['incentive_request_id']}"
    if act == "cancel":
        shop.store.post(f"{path}/approve").expect(200)
    turned = plain(shop.store.post(f"{path}/{act}", NO).expect(200))
    assert (turned["held"], turned["decisions"][-1]["reason"]) == ("0.00", NO["reason"])
    assert money(shop, owner) == ("100.00", "0.00", "0.00")
    assert notes(shop, owner)[-1] == ("40.00", "Reserved for a payout, given back")


def test_requests_and_payouts_are_listed(shop: Shop) -> None:
    owner, other = customer(shop), customer(shop)
    made = [pay(shop, one, amount="1.00") for one in (owner, other, *[owner] * 5)]
    payouts, requests = ([one[name] for one in reversed(made)] for name in ("payout_id", "incentive_request_id"))
    turn(shop, payouts[0], "success").expect(200)
    wait_until(lambda: listed(shop.store, f"{PAYOUTS}?status=success") == payouts[:1])
    wait_until(lambda: listed(shop.store, PAYOUTS) == payouts and listed(shop.store, REQUESTS) == requests)
    page = shop.store.api("GET", f"{PAYOUTS}?limit=5").expect(200)
    assert listed(shop.store, f"{PAYOUTS}?limit=5&cursor={page['next_cursor']}") == payouts[5:]
    assert listed(shop.store, f"{PAYOUTS}?customer_id={other}") == [payouts[5]]
    assert listed(shop.store, f"{REQUESTS}?customer_id={other}&status=approved") == [requests[5]]


def test_payouts_are_found_by_the_beginnings_of_their_words(shop: Shop) -> None:
    owner = customer(shop)
    first, second = (pay(shop, owner, amount="1.00")["payout_id"] for _ in range(2))
    shop.store.api("PATCH", f"{PAYOUTS}/{first}", {"description": "Sent by Lindgren, again"}).expect(200)
    shop.store.api("PATCH", f"{PAYOUTS}/{second}", {"external_reference": "PP-LINDGREN-7"}).expect(200)
    wait_until(lambda: listed(shop.store, f"{PAYOUTS}?q=lindg") == [second, first])
    assert listed(shop.store, f"{PAYOUTS}?q=LINDGREN%20pp") == [second]
    assert listed(shop.store, f"{PAYOUTS}?q=lindgren&status=success") == []
    assert listed(shop.store, f"{PAYOUTS}?q={first}") == [first]
    shop.store.api("PATCH", f"{PAYOUTS}/{first}", {"description": "Sent"}).expect(200)
    wait_until(lambda: listed(shop.store, f"{PAYOUTS}?q=lindgren") == [second])
    assert problem(shop.store.api("GET", f"{PAYOUTS}?q=l"), 422)["errors"][0]["code"] == "q_too_short"


def test_the_customer_hears_of_each_status(shop: Shop) -> None:
    owner = customer(shop)
    phone = f"+49155501{uuid.uuid4().int % 10**6:06d}"
    shop.store.api("PATCH", f"/v1/customers/{owner}", {"phone": phone}).expect(200)
    payout_id = pay(shop, owner)["payout_id"]
    for status in ("on_process", "success", "failed"):
        turn(shop, payout_id, status).expect(200)
    said = ["is being prepared.", "is on its way.", "has arrived.", "did not go through. Your balance is 100.00 USD."]
    told = {f"Hello Ada, your payout of 40.00 USD {text}" for text in said}
    wait_until(lambda: set(texts_to(shop.stack, phone)) == told)


def test_an_account_is_seen_in_clear_by_an_admin_only(shop: Shop) -> None:
    owner = customer(shop)
    bank = account(shop, owner, type="bank", holder="Ada Lovelace", iban="DE89 3704 0044 0532 0130 00")
    body = {"incentive_request_id": approved(shop, owner), "payment_account_id": bank}
    made = shop.store.post(PAYOUTS, body).expect(201)
    assert (made["account"]["type_label"], made["account"]["masked"]) == ("Bank transfer", "****3000")
    path = f"{PAYOUTS}/{made['payout_id']}?unmasked=true"
    keys = [shop.with_key(role) for role in ("viewer", "operator")]
    before = shop.stack.snapshot(shop.store)
    for key in keys:
        assert problem(key.api("GET", path), 403)["code"] == "forbidden"
    assert shop.stack.snapshot(shop.store) == before
    fields = shop.store.api("GET", path).expect(200)["account"]["fields"]
    assert fields == {"holder": "Ada Lovelace", "iban": "DE89370400440532013000"}
    act = shop.store.api("GET", "/v1/audit").expect(200)["items"][0]
    assert (act["what"], act["target"]) == ("payout_account_read", made["payout_id"])


def test_details_of_a_payment_are_kept(shop: Shop) -> None:
    payout_id = pay(shop, customer(shop))["payout_id"]
    for reference in ("TX-1", "TX-2"):
        told = {"external_reference": reference, "fee": "0.35", "description": "by hand"}
        changed = plain(shop.store.api("PATCH", f"{PAYOUTS}/{payout_id}", told).expect(200))
        assert {name: changed[name] for name in told} == told
    assert [line["after"] for line in history(shop, payout_id)][1:] == [
        {"external_reference": "TX-1", "description": "by hand", "fee": "0.35"},
        {"external_reference": "TX-2"},
    ]


@pytest.mark.row("97", "S15")
def test_four_eyes_are_two_persons(new_shop: Any) -> None:
    shop = new_shop(four_eyes=True)
    path = f"{REQUESTS}/{ask(shop, customer(shop)).expect(201)['incentive_request_id']}/approve"
    assert problem(shop.store.post(path), 403)["code"] == "four_eyes"
    shop.with_key("operator").post(path).expect(200)
    body = {"customer_id": customer(shop), "program": "Friends", "amount": "1.00"}
    headers = {name: {"X-Actor": name} for name in ("Ann", "Bob")}
    asked = shop.store.post(REQUESTS, body, headers=headers["Ann"]).expect(201)["incentive_request_id"]
    path = f"{REQUESTS}/{asked}/approve"
    assert problem(shop.with_key("operator").post(path, headers=headers["Ann"]), 403)["code"] == "four_eyes"
    shop.store.post(path, headers=headers["Bob"]).expect(200)


# ---- the same call again


def test_every_post_is_made_once(shop: Shop) -> None:
    owner = customer(shop)
    path = f"{REQUESTS}/{ask(shop, owner, key='ask').expect(201)['incentive_request_id']}"
    refused, cancelled = ask(shop, owner, amount="10.00").expect(201), approved(shop, owner, amount="10.00")
    bodies: list[tuple[str, Any]] = [
        (f"{path}/approve", None),
        (f"{REQUESTS}/{refused['incentive_request_id']}/reject", NO),
        (f"{REQUESTS}/{cancelled}/cancel", NO),
        (PAYOUTS, {"incentive_request_id": path.rpartition("/")[2]}),
    ]
    for route, body in bodies:
        first = shop.store.post(route, body, key="same")
        again = shop.store.post(route, body, key="same")
        assert (first.status, first.body) == (again.status, again.body)
        assert again.headers["idempotency-replayed"] == "true"
    assert problem(ask(shop, owner, key="ask", amount="41.00"), 409)["code"] == "idempotency_mismatch"
    assert money(shop, owner) == ("60.00", "40.00", "0.00")


# ---- two admins at once


def test_of_many_who_settle_a_payout_at_once_one_moves_the_money(shop: Shop) -> None:
    owner = customer(shop)
    payout_id = pay(shop, owner)["payout_id"]
    answers = at_once(*[partial(turn, shop, payout_id, "success")] * AT_ONCE)
    assert {answer.status for answer in answers} <= {200, 409, 503}
    assert 200 in {answer.status for answer in answers}
    assert money(shop, owner) == ("60.00", "0.00", "0.00")
    assert [line["after"]["status"] for line in history(shop, payout_id)] == ["pending", "success"]
    assert notes(shop, owner) == [("-40.00", "Reserved for a payout"), ("0.00", "Paid out")]


def test_of_many_who_disagree_about_a_payout_each_moves_the_money_once_or_not_at_all(shop: Shop) -> None:
    owner = customer(shop)
    payout_id = pay(shop, owner)["payout_id"]
    calls = [partial(turn, shop, payout_id, status) for status in ("success", "failed", "on_process", "success")]
    answers = at_once(*calls * (AT_ONCE // len(calls)))
    assert {answer.status for answer in answers} <= {200, 409, 503}
    stands = shop.store.api("GET", f"{PAYOUTS}/{payout_id}").expect(200)["status"]
    left = {"success": ("60.00", "0.00", "0.00"), "failed": ("100.00", "0.00", "0.00")}
    assert money(shop, owner) == left.get(stands, ("60.00", "40.00", "0.00"))
    told = history(shop, payout_id)
    assert [line["number"] for line in told] == list(range(1, len(told) + 1))
    for earlier, later in pairwise(told):
        assert earlier["after"]["status"] == later["before"]["status"]
    assert told[-1]["after"]["status"] == stands


def test_of_many_payouts_that_are_made_at_once_there_is_one(shop: Shop) -> None:
    owner = customer(shop)
    request_id = approved(shop, owner)
    answers = at_once(*[partial(shop.store.post, PAYOUTS, {"incentive_request_id": request_id})] * AT_ONCE)
    (made,) = [answer.json()["payout_id"] for answer in answers if answer.status == 201]
    refused = [problem(answer, 409, 503) for answer in answers if answer.status != 201]
    assert {one["payout_id"] for one in refused if one["status"] == 409} <= {made}
    assert shop.store.api("GET", f"{REQUESTS}/{request_id}").expect(200)["payout_ids"] == [made]
    assert money(shop, owner) == ("60.00", "40.00", "0.00")


def test_of_many_who_decide_a_request_at_once_one_does(shop: Shop) -> None:
    owner = customer(shop)
    path = f"{REQUESTS}/{ask(shop, owner).expect(201)['incentive_request_id']}"
    answers = at_once(*[partial(shop.store.post, f"{path}/reject", NO)] * AT_ONCE)
    assert [answer.status for answer in answers].count(200) == 1
    assert money(shop, owner) == ("100.00", "0.00", "0.00")


def test_one_request_that_is_sent_many_times_reserves_once(shop: Shop) -> None:
    owner = customer(shop)
    answers = at_once(*[partial(ask, shop, owner, key="same")] * AT_ONCE)
    made = {answer.json()["incentive_request_id"] for answer in answers if answer.status == 201}
    assert len(made) == 1
    assert {answer.status for answer in answers} <= {201, 503}
    assert money(shop, owner) == ("60.00", "40.00", "0.00")


# ---- bad input


BAD: dict[str, tuple[str, str, Any, int, str]] = {
    "a request of nothing": ("POST", REQUESTS, {"amount": "0"}, 422, "amount_zero"),
    "a request of less": ("POST", REQUESTS, {"amount": "-1.00"}, 422, "amount_negative"),
    "a request of a part of a cent": ("POST", REQUESTS, {"amount": "0.001"}, 422, "amount_precision"),
    "a request in another currency": ("POST", REQUESTS, {"amount": "1", "currency": "EUR"}, 422, "field_unknown"),
    "a request for nobody": ("POST", REQUESTS, {"amount": "1", "customer_id": "nobody"}, 404, "not_found"),
    "a payout of an amount": ("POST", PAYOUTS, {"incentive_request_id": "r", "amount": "1"}, 422, "field_unknown"),
    "a payout of nothing known": ("POST", PAYOUTS, {"incentive_request_id": "irq_none"}, 404, "not_found"),
    "a page of seven requests": ("GET", f"{REQUESTS}?limit=7", None, 422, "enum"),
    "a page of seven payouts": ("GET", f"{PAYOUTS}?limit=7", None, 422, "enum"),
    "a page of a hundred payouts": ("GET", f"{PAYOUTS}?limit=100", None, 422, "enum"),
    "an unknown status": ("GET", f"{PAYOUTS}?status=paid", None, 422, "enum"),
    "an edited cursor": ("GET", f"{PAYOUTS}?cursor=abc", None, 400, "page_token_invalid"),
    "an unknown payout": ("GET", f"{PAYOUTS}/pay_none", None, 404, "not_found"),
    "an id that is none": ("GET", f"{PAYOUTS}/a%23b", None, 422, "id_charset"),
    "a decision on nothing": ("POST", f"{REQUESTS}/irq_none/approve", None, 404, "not_found"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_not_acceptable_leaves_no_trace(traceless: Shop, what: str) -> None:
    method, path, body, status, code = BAD[what]
    if (method, path) == ("POST", REQUESTS):
        body = {"customer_id": "nobody", "program": "Friends", **body}
    refused = problem(traceless.store.api(method, path, body, headers={"idempotency-key": "k"}), status)
    assert refused["code"] == code


@pytest.mark.parametrize("path", [REQUESTS, f"{REQUESTS}/r/approve", f"{REQUESTS}/r/reject", PAYOUTS])
def test_a_post_without_a_key_leaves_no_trace(traceless: Shop, path: str) -> None:
    assert problem(traceless.store.api("POST", path, {}), 400)["code"] == "idempotency_key_required"


def test_what_the_state_of_things_refuses_leaves_no_trace(shop: Shop) -> None:
    owner, poor = customer(shop), f"{customer(shop)}-poor"
    shop.store.api("POST", "/v1/customers", {"customer_id": poor}).expect(201)
    paid = pay(shop, owner)
    fresh = ask(shop, owner, amount="1.00").expect(201)["incentive_request_id"]
    homeless = approved(shop, poor, from_balance=False)
    path = f"{PAYOUTS}/{paid['payout_id']}"
    calls: list[tuple[str, str, Any, str]] = [
        ("POST", PAYOUTS, {"incentive_request_id": fresh}, "request_not_approved"),
        ("POST", PAYOUTS, {"incentive_request_id": homeless}, "no_payment_account"),
        ("POST", PAYOUTS, {"incentive_request_id": paid["incentive_request_id"]}, "payout_exists"),
        ("POST", f"{REQUESTS}/{paid['incentive_request_id']}/cancel", NO, "payout_exists"),
        ("POST", f"{REQUESTS}/{paid['incentive_request_id']}/approve", None, "state_conflict"),
        ("POST", f"{REQUESTS}/{fresh}/cancel", NO, "state_conflict"),
        ("PATCH", path, {"status": "failed"}, "reason_required"),
        ("PATCH", path, {"fee": "-1"}, "amount_negative"),
        ("PATCH", path, {"amount": "1"}, "field_unknown"),
    ]
    before = shop.stack.snapshot(shop.store)
    for method, route, body, code in calls:
        answer = shop.store.post(route, body) if method == "POST" else shop.store.api(method, route, body)
        refused = problem(answer, 409, 422)
        assert refused["code"] == code
        if code == "payout_exists":
            assert refused["payout_id"] == paid["payout_id"]
    turn(shop, paid["payout_id"], "pending").expect(200)
    assert shop.stack.snapshot(shop.store) == before
    turn(shop, paid["payout_id"], "on_process").expect(200)
    before = shop.stack.snapshot(shop.store)
    assert problem(turn(shop, paid["payout_id"], "pending"), 409)["code"] == "state_conflict"
    assert shop.stack.snapshot(shop.store) == before


def test_more_than_there_is_is_refused_and_moves_nothing(shop: Shop) -> None:
    owner = customer(shop, "10.00")
    for _ in range(2):
        assert problem(ask(shop, owner, key="same"), 409)["code"] == "insufficient_balance"
        shop.store.post(f"/v1/customers/{owner}/adjustments", {"amount": "50.00"}).expect(201)
    assert money(shop, owner) == ("110.00", "0.00", "0.00")
    assert listed(shop.store, f"{REQUESTS}?customer_id={owner}") == []


# ---- reports of providers


def test_a_report_of_the_provider_settles_payouts_once(shop: Shop) -> None:
    owner = customer(shop)
    first, second = (pay(shop, owner, amount="10.00")["payout_id"] for _ in range(2))
    header = "reference,payout_id,amount,currency,status,occurred_at"
    today = str(shop.store.api("GET", f"{PAYOUTS}/{second}").expect(200)["created_at"])[:10]
    rows = (
        f"R1,{first},10.00,USD,COMPLETED,{today}",
        f",{second},10.00,USD,RETURNED,{today}",
        ",pay_none,1,USD,PAID,",
    )
    text = "\n".join([header, *rows]).encode()

    def report(key: str) -> dict[str, Any]:
        headers = {"content-type": "text/csv", "idempotency-key": key}
        told: dict[str, Any] = shop.store.api("POST", f"{PAYOUTS}/reconcile", text, headers=headers).expect(200)
        return told

    told = report("one")
    assert [one["payout_id"] for one in told["updated"]] == [first, second]
    assert [one["row"] for one in told["missing_here"]] == [4]
    assert money(shop, owner) == ("90.00", "0.00", "0.00")
    assert report("one") == told
    assert [one["payout_id"] for one in report("two")["matched"]] == [first, second]
    assert money(shop, owner) == ("90.00", "0.00", "0.00")
    assert history(shop, second)[-1]["after"] == {"status": "failed", "reason": "RETURNED"}
