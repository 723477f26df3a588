"""Credits and debits by hand: one posting a request, answered alike for ever, with what was said of it."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cashback.adapters.dynamo import keys
from cashback.domain.api_keys import Role
from cashback.domain.customers import Profile
from cashback.domain.errors import Busy, CustomerNotFound, IdempotencyMismatch, InsufficientBalance
from cashback.domain.news import CustomersMerged
from cashback.services.adjust_balance import Adjusted, Adjustment, adjust_balance
from cashback.services.merge_customers import merge_customers
from cashback.services.read_customers import balance
from cashback.services.record_order import record_order
from tests.simulation.faults import Crash, Fault
from tests.unit.builders import CUSTOMER, NOW, STORE, Shop, line, news, paid, refund, units, usd
from tests.unit.deployment import Deployment, Reply
from tests.unit.people import LATER, OTHER, erase, merge, tell

FAR = "2099-01-01T00:00:00.000000Z"
"""After the calls of these tests, whose clock is the real one."""

ROUTE = "/v1/customers/c1/adjustments"


@pytest.fixture
def admin(deployment: Deployment) -> str:
    key = deployment.create_store(settings={"adjust_limit": "100.00"})
    assert deployment.books.customers.create("demo", Profile("c1", NOW, NOW), NOW)
    return key


def adjust(deployment: Deployment, key: str, body: Any, idempotency_key: str = "k1", **headers: str) -> Reply:
    return deployment.call("POST", ROUTE, body, key=key, idempotency_key=idempotency_key, **headers)


def history(deployment: Deployment, key: str, customer_id: str = "c1") -> list[dict[str, Any]]:
    page = deployment.call("GET", f"/v1/customers/{customer_id}/transactions", key=key).expect(200)
    items: list[dict[str, Any]] = page["items"]
    return items


# ---- what people expect of it


def test_a_credit_and_a_debit_show_comment_actor_and_running_balance(deployment: Deployment, admin: str) -> None:
    credit = adjust(deployment, admin, {"amount": "25.50", "comment": "a gift"}, x_actor="ann").expect(201)
    assert (credit["amount"], credit["balance_after"], credit["note"]) == (usd("25.50"), usd("25.50"), "a gift")
    assert (credit["type"], credit["type_label"], credit["status"]) == ("manual", "Manual", "POSTED")
    assert (credit["customer_id"], credit["actor"][:8]) == ("c1", "ann (key")
    debit = adjust(deployment, admin, {"amount": "-10"}, "k2").expect(201)
    assert (debit["amount"], debit["balance_after"]) == (usd("-10.00"), usd("15.50"))
    assert debit["note"] == "Adjustment by an admin"
    shown = history(deployment, admin)
    del debit["customer_id"], credit["customer_id"]
    assert shown == [debit, credit]


@pytest.mark.row("F43")
def test_a_repeated_call_gets_the_first_answer_whatever_came_after(deployment: Deployment, admin: str) -> None:
    body = {"amount": "10.00", "comment": "once"}
    first = adjust(deployment, admin, body)
    adjust(deployment, admin, {"amount": "5.00"}, "k2").expect(201)
    for again in (body, {"amount": 10, "comment": "once"}, {"comment": "once", "amount": "10.0"}):
        repeated = adjust(deployment, admin, again)
        assert repeated.expect(201) == first.json
        assert repeated.headers["Idempotency-Replayed"] == ["true"]
    assert "Idempotency-Replayed" not in first.headers
    assert len(history(deployment, admin)) == 2


@pytest.mark.parametrize(
    "other", [{"amount": "10.01"}, {"amount": "-10.00"}, {"amount": "10.00", "comment": "other"}, {"x_actor": "bob"}]
)
@pytest.mark.row("69")
def test_something_else_under_the_same_key_is_409(deployment: Deployment, admin: str, other: dict[str, str]) -> None:
    adjust(deployment, admin, {"amount": "10.00"}).expect(201)
    before = deployment.everything()
    headers = {"x_actor": other["x_actor"]} if "x_actor" in other else {}
    body = {"amount": "10.00"} if headers else other
    reply = adjust(deployment, admin, body, **headers)
    assert (reply.status, reply.code) == (409, "idempotency_mismatch")
    assert deployment.everything() == before


@pytest.mark.row("70")
def test_one_key_means_one_adjustment_for_each_customer_and_api_key(deployment: Deployment, admin: str) -> None:
    assert deployment.books.customers.create("demo", Profile("c2", NOW, NOW), NOW)
    operator = deployment.make_key(admin, "operator")
    for key, customer_id in ((admin, "c1"), (operator, "c1"), (admin, "c2")):
        path = f"/v1/customers/{customer_id}/adjustments"
        deployment.call("POST", path, {"amount": "1"}, key=key, idempotency_key="same").expect(201)
    assert (len(history(deployment, admin)), len(history(deployment, admin, "c2"))) == (2, 1)


@pytest.mark.row("54")
def test_what_is_more_than_available_is_refused_recorded_and_refused_for_ever(
    deployment: Deployment, admin: str
) -> None:
    adjust(deployment, admin, {"amount": "10.00"}).expect(201)
    refused = adjust(deployment, admin, {"amount": "-10.01"}, "k2")
    assert (refused.status, refused.code) == (409, "insufficient_balance")
    adjust(deployment, admin, {"amount": "50.00"}, "k3").expect(201)
    again = adjust(deployment, admin, {"amount": "-10.01"}, "k2")
    assert (again.status, again.code) == (409, "insufficient_balance")
    assert ("Idempotency-Replayed" in refused.headers, again.headers["Idempotency-Replayed"]) == (False, ["true"])
    assert [(line["amount"]["amount"], line["status"]) for line in history(deployment, admin)] == [
        ("50.00", "POSTED"),
        ("-10.01", "REJECTED"),
        ("10.00", "POSTED"),
    ]
    adjust(deployment, admin, {"amount": "-60.00"}, "k4").expect(201)


# ---- who may


@pytest.mark.parametrize("amount", ["100.01", "-100.01"])
@pytest.mark.row("S16")
def test_more_than_the_limit_needs_an_admin(deployment: Deployment, admin: str, amount: str) -> None:
    for n in range(2):
        adjust(deployment, admin, {"amount": "100.00"}, f"before-{n}").expect(201)
    operator = deployment.make_key(admin, "operator")
    before = deployment.everything()
    refused = adjust(deployment, operator, {"amount": amount})
    assert (refused.status, refused.code) == (403, "forbidden")
    assert deployment.everything() == before
    adjust(deployment, operator, {"amount": "100.00"}).expect(201)
    adjust(deployment, operator, {"amount": "-100.00"}, "k2").expect(201)
    adjust(deployment, admin, {"amount": amount}).expect(201)


def test_a_limit_that_is_lowered_takes_no_answer_back(deployment: Deployment, admin: str) -> None:
    operator = deployment.make_key(admin, "operator")
    first = adjust(deployment, operator, {"amount": "100.00"}).expect(201)
    refused = adjust(deployment, operator, {"amount": "-100.00"}, "k2", x_actor="a").expect(201)
    deployment.call("PATCH", "/v1/store", {"adjust_limit": "1.00"}, key=admin, if_match="1").expect(200)
    assert adjust(deployment, operator, {"amount": "100.00"}).expect(201) == first
    assert adjust(deployment, operator, {"amount": "-100.00"}, "k2", x_actor="a").expect(201) == refused
    assert adjust(deployment, operator, {"amount": "100.00"}, "k3").code == "forbidden"
    merge_customers(deployment.books, "demo", CustomersMerged("kept", "c1", NOW), "shop", FAR)
    assert adjust(deployment, operator, {"amount": "100.00"}).expect(201) == first


def test_without_a_limit_an_operator_may_adjust_by_any_amount(deployment: Deployment) -> None:
    admin = deployment.create_store("free")
    assert deployment.books.customers.create("free", Profile("c1", NOW, NOW), NOW)
    operator = deployment.make_key(admin, "operator")
    adjust(deployment, operator, {"amount": "999999999999.99"}).expect(201)


def test_a_viewer_may_not(deployment: Deployment, admin: str) -> None:
    assert adjust(deployment, deployment.make_key(admin, "viewer"), {"amount": "1"}).status == 403


# ---- what is no adjustment


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        ("0", "amount_zero"),
        (0, "amount_zero"),
        ("-0.00", "amount_zero"),
        ("1.005", "amount_precision"),
        (0.001, "amount_precision"),
        ("1_000", "amount_format"),
        ("+5", "amount_format"),
        ("1e2", "amount_format"),
        (" 12 ", "amount_format"),
        ("١٢", "amount_format"),
        (True, "amount_format"),
        (None, "amount_format"),
        ([], "amount_format"),
        ("1234567890123", "amount_too_large"),
        (12345678901234567, "amount_too_large"),
        ('{"amount": 1e300000}', "amount_format"),
        ('{"amount": 12345678901234567.89}', "amount_too_large"),
        ('{"amount": "1", "balance": 9}', "field_unknown"),
        ('{"amount": "1", "comment": ""}', "length"),
        ({"amount": "1", "comment": "x" * 1_001}, "length"),
        ('{"amount": "1", "comment": "\\ud800"}', "string_unicode"),
        ({}, "required"),
    ],
    ids=lambda value: str(value)[:24],
)
@pytest.mark.row("43", "45", "46", "48", "49", "50", "51", "82")
def test_an_amount_that_is_none_is_422_and_changes_nothing(
    deployment: Deployment, admin: str, amount: Any, code: str
) -> None:
    body = amount if isinstance(amount, dict) or str(amount).startswith("{") else {"amount": amount}
    before = deployment.everything()
    reply = adjust(deployment, admin, body)
    assert (reply.status, reply.code) == (422, code)
    assert deployment.everything() == before


def test_a_call_without_a_key_is_400(deployment: Deployment, admin: str) -> None:
    reply = deployment.call("POST", ROUTE, {"amount": "1"}, key=admin)
    assert (reply.status, reply.code) == (400, "idempotency_key_required")


@pytest.mark.parametrize("amount", ["1.00", "-1.00"])
def test_an_unknown_customer_an_erased_one_and_another_stores_are_the_same_404(
    deployment: Deployment, admin: str, amount: str
) -> None:
    other = deployment.create_store("other")
    deployment.call("DELETE", "/v1/customers/c1", key=admin).expect(204)
    before = deployment.everything()
    for key, path in ((admin, ROUTE), (admin, ROUTE.replace("c1", "none")), (other, ROUTE)):
        reply = deployment.call("POST", path, {"amount": amount}, key=key, idempotency_key="k")
        assert (reply.status, reply.code) == (404, "not_found")
    assert deployment.everything() == before


# ---- merged and erased customers


def test_an_adjustment_of_a_merged_customer_and_its_comment_go_to_the_kept_one(
    deployment: Deployment, admin: str
) -> None:
    merge_customers(deployment.books, "demo", CustomersMerged("kept", "c1", NOW), "shop", FAR)
    made = adjust(deployment, admin, {"amount": "5.00", "comment": "for the kept one"}).expect(201)
    assert (made["customer_id"], made["balance_after"]) == ("kept", usd("5.00"))
    assert [line["note"] for line in history(deployment, admin, "kept")] == ["for the kept one"]
    assert adjust(deployment, admin, {"amount": "5.00", "comment": "for the kept one"}).expect(201) == made
    assert adjust(deployment, admin, {"amount": "-6.00"}, "k2").code == "insufficient_balance"


def test_a_call_repeated_after_the_merge_finds_what_it_posted_before(deployment: Deployment, admin: str) -> None:
    first = adjust(deployment, admin, {"amount": "5.00", "comment": "before"}).expect(201)
    merge_customers(deployment.books, "demo", CustomersMerged("kept", "c1", NOW), "shop", FAR)
    assert adjust(deployment, admin, {"amount": "5.00", "comment": "before"}).expect(201) == first
    balance = deployment.call("GET", "/v1/customers/kept/balance", key=admin).expect(200)
    assert balance["available"] == usd("5.00")


def test_after_an_erasure_the_comment_is_gone_and_the_entry_stays(deployment: Deployment, admin: str) -> None:
    adjust(deployment, admin, {"amount": "5.00", "comment": "Ada asked for it"}).expect(201)
    deployment.call("DELETE", "/v1/customers/c1", key=admin).expect(204)
    (line,) = history(deployment, admin)
    assert (line["note"], line["amount"], line["balance_after"]) == ("Adjustment by an admin", *[usd("5.00")] * 2)
    assert "Ada" not in repr(deployment.everything())


def test_a_balance_at_an_earlier_time_knows_of_merges() -> None:
    shop = Shop()
    for customer_id in (CUSTOMER, OTHER):
        tell(shop, customer_id)
    asked(shop, 700, "r1", customer_id=OTHER)
    merge(shop)
    asked(shop, -200, "r2", moment=FAR)
    then = [balance(shop.books, STORE, OTHER, moment).available for moment in (NOW, LATER, FAR)]
    now = [balance(shop.books, STORE, CUSTOMER, moment).available for moment in (NOW, LATER, FAR)]
    assert (then, now) == ([700, 0, 0], [0, 700, 500])
    assert shop.account.available == 500


def test_a_balance_at_an_earlier_time_knows_what_a_clawback_took_and_what_repaid_its_shortfall() -> None:
    shop = Shop()
    tell(shop)
    shop.hear(paid(line("l", 10_000)))
    asked(shop, -400, "spent", moment=hour(13))
    record_order(shop.books, shop.settings, news(None, refund("r1", units("l"))), hour(14))
    assert (shop.account.available, shop.account.shortfall) == (0, 400)
    record_order(shop.books, shop.settings, paid(line("l", 20_000), order_id="second"), hour(15))
    assert (shop.account.available, shop.account.shortfall) == (600, 0)
    shown = [balance(shop.books, STORE, CUSTOMER, moment).available for moment in (NOW, *map(hour, (13, 14, 15)))]
    assert shown == [500, 100, 0, 600]


def hour(n: int) -> str:
    """A time after that at which shops are told."""
    return f"2026-03-01T{n}:00:00.000000Z"


# ---- races and faults


def asked(
    shop: Shop, amount: int, request: str, *, customer_id: str = CUSTOMER, moment: str = NOW, comment: str | None = "x"
) -> Adjusted:
    adjustment = Adjustment(amount, comment, "key:anna", request, moment)
    return adjust_balance(shop.books, shop.settings, customer_id, adjustment, Role.ADMIN)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
@pytest.mark.row("55", "I1", "I9")
def test_of_sixteen_debits_of_one_full_balance_exactly_one_succeeds(seed: int) -> None:
    shop, chance = Shop(), random.Random(seed)
    tell(shop)
    asked(shop, 1_000, "credit")
    waiting, outcomes = [f"debit {n}" for n in range(16)], []

    def debit() -> None:
        request = waiting.pop()
        try:
            outcomes.append(asked(shop, -1_000, request).line.balance_after)
        except InsufficientBalance:
            outcomes.append(None)

    def meanwhile(_index: int, _operation: str) -> None:
        if waiting and chance.random() < 0.4:
            debit()

    shop.dynamo.faults.before_call = meanwhile
    while waiting:
        debit()
    shop.dynamo.faults.before_call = None
    assert sorted(outcomes, key=str) == [0, *[None] * 15]
    assert (shop.account.available, shop.account.version) == (0, 2)
    entries = shop.entries[CUSTOMER]
    assert len(entries) == 17
    assert sum(entry.status == "POSTED" for entry in entries.values()) == 2


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize("amount", [250, -250, -2_500])
@pytest.mark.row("F14")
def test_an_adjustment_interrupted_at_any_call_and_made_again_ends_alike(fault: Fault, amount: int) -> None:
    enough = amount > -1_000
    for n in range(1, 8):
        shop = Shop()
        tell(shop)
        asked(shop, 1_000, "credit")
        shop.dynamo.faults.calls = 0
        shop.dynamo.faults.script = {n: fault}
        answers = [attempt(shop, amount) for _ in range(4)]
        shop.dynamo.faults.script = {}
        final = attempt(shop, amount)
        assert set(answers) <= {None, final}, f"call {n}"
        assert final == ((1_000 + amount) if enough else "insufficient_balance")
        assert shop.account.available == (1_000 + amount if enough else 1_000)
        assert len(shop.entries[CUSTOMER]) == 2
        notes = shop.dynamo.items("State")
        kept = [item for item in notes if item["sk"]["S"].startswith("NOTE#adm:r")]
        assert len(kept) == enough, f"call {n}"


def attempt(shop: Shop, amount: int) -> int | str | None:
    try:
        return asked(shop, amount, "r").line.balance_after
    except InsufficientBalance as refused:
        return refused.code
    except (Busy, Crash):
        return None


def test_two_bodies_under_one_key_at_one_moment_post_one_of_them() -> None:
    shop = Shop()
    tell(shop)
    done: list[int | None] = []

    def meanwhile() -> None:
        done.append(asked(shop, 5, "same").line.balance_after)

    with shop.before_writes(meanwhile), pytest.raises(IdempotencyMismatch):
        asked(shop, 7, "same")
    assert (done[0], shop.account.available, len(shop.entries[CUSTOMER])) == (5, 5, 1)


def test_a_comment_that_is_about_to_be_left_while_its_customer_is_erased_is_not() -> None:
    shop = Shop()
    tell(shop, name="Ada Brandt")
    with shop.before_writes(lambda: erase(shop)), pytest.raises(CustomerNotFound):
        asked(shop, 5, "r", comment="Ada Brandt")
    assert "Ada" not in repr(shop.dynamo.items("State"))


def test_a_comment_that_is_left_while_its_customer_is_about_to_be_erased_goes_too() -> None:
    shop, acts = Shop(), iter([1])
    tell(shop, name="Ada Brandt")
    with shop.before_writes(lambda: [asked(shop, 5, "r", comment="Ada Brandt") for _ in acts]):
        erase(shop)
    assert "Ada" not in repr(shop.dynamo.items("State"))
    assert shop.account.available == 5


def test_a_note_stands_beside_the_account_under_the_cause_of_its_entry() -> None:
    shop = Shop()
    tell(shop)
    asked(shop, 5, "r", comment="why")
    place = keys.note(STORE, CUSTOMER, "adm:r")
    assert (shop.dynamo.item("State", *place) or {})["comment"] == {"S": "why"}
    asked(shop, 5, "silent", comment=None)
    assert shop.dynamo.item("State", *keys.note(STORE, CUSTOMER, "adm:silent")) is None
