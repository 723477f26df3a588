"""The deployed stack while the services that its functions call fail."""

from collections.abc import Callable
from functools import partial

import pytest

from dev.client import Answer, wait_until
from dev.redrive import send_back
from tests.e2e.fault_rules import ALL_TRIES, LOST, RESET, TWO_WRITES, WRITE, Rule, cancelled, error, on
from tests.e2e.faults import UNSERVED, FaultyStack
from tests.e2e.groups import enrol
from tests.e2e.payouts import account
from tests.e2e.shop import PATIENCE, Sale, Shop, fresh_id, insist, problem
from tests.e2e.test_worker import LAST_OF_POISON, failures, message, record

BALANCE = on("dynamodb", "GetItem", "Key.sk.S == 'ACCOUNT'")


@pytest.fixture(scope="module")
def shop(faulty: FaultyStack) -> Shop:
    return Shop(faulty.stack, faulty.stack.platform.create_store("t-one-fault-at-a-time"))


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param({**WRITE, **LOST, "times": 1}, id="answer lost", marks=pytest.mark.row("F1")),
        pytest.param(
            {**WRITE, **LOST, "times": ALL_TRIES}, id="answers lost to the SDK", marks=pytest.mark.row("F1", "F6")
        ),
        pytest.param({**WRITE, **RESET, "times": ALL_TRIES}, id="reset", marks=pytest.mark.row("F3")),
        pytest.param(
            {**TWO_WRITES, **cancelled("None", "TransactionConflict"), "times": 4},
            id="conflict",
            marks=pytest.mark.row("F4"),
        ),
        pytest.param(
            {**TWO_WRITES, **cancelled("TransactionConflict", "ConditionalCheckFailed"), "times": 2},
            id="conflict beside a failed condition",
            marks=pytest.mark.row("F7"),
        ),
        pytest.param(
            {**WRITE, **error("TransactionInProgressException"), "times": 2},
            id="in progress",
            marks=pytest.mark.row("F9"),
        ),
        pytest.param(
            {**WRITE, **error("ProvisionedThroughputExceededException"), "times": ALL_TRIES},
            id="throttled",
            marks=pytest.mark.row("F10"),
        ),
        pytest.param(
            {**TWO_WRITES, **cancelled("None", "ThrottlingError"), "times": 2},
            id="throttled inside",
            marks=pytest.mark.row("F10"),
        ),
        pytest.param(
            {**WRITE, **error("InternalServerError", 500), "times": ALL_TRIES},
            id="error of the service",
            marks=pytest.mark.row("F11"),
        ),
        pytest.param(
            {**WRITE, "latency": 2_500, "times": ALL_TRIES},
            id="later than is waited for",
            marks=pytest.mark.row("F13", "F15"),
        ),
        pytest.param(
            {**BALANCE, **error("ThrottlingException"), "times": ALL_TRIES},
            id="committed and not read",
            marks=pytest.mark.row("F10", "F43"),
        ),
    ],
)
def test_a_debit_of_the_whole_balance_is_made_once_whatever_the_table_answers(
    faulty: FaultyStack, shop: Shop, rule: Rule
) -> None:
    (customer_id,) = enrol(shop, 1_000)
    path = f"/v1/customers/{customer_id}/adjustments"

    def debit() -> Answer:
        return shop.store.post(path, {"amount": "-10.00"}, key=customer_id)

    with faulty.faults({"the rule": rule}):
        first = insist(debit, UNSERVED).expect(201)
    wait_until(faulty.proxy.holds_nothing)
    again = debit()
    assert (again.expect(201)["transaction_id"], again.headers["idempotency-replayed"]) == (
        first["transaction_id"],
        "true",
    )
    assert shop.entries(customer_id) == [("manual", "-10.00"), ("manual", "10.00")]
    assert shop.available(customer_id) == "0.00"


def told_to_come_back(ask: Callable[[], Answer]) -> None:
    """Ask until the answer is that one is to come back. On a busy machine the time of a function may be up before."""

    def is_told() -> bool:
        answer = ask()
        if answer.status < 503:
            assert answer.status >= 500, answer.body
            return False
        assert (problem(answer, 503)["code"], answer.headers["retry-after"]) == ("busy", "2")
        return True

    wait_until(is_told, seconds=PATIENCE)


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param({**WRITE, **error("ThrottlingException")}, id="throttled"),
        pytest.param({**WRITE, **RESET}, id="out of reach"),
        pytest.param({**TWO_WRITES, **cancelled("None", "TransactionConflict")}, id="in conflict"),
        pytest.param({**WRITE, "latency": 4_000}, id="slow"),
    ],
)
@pytest.mark.row("F4", "F10", "F13", "F43")
def test_a_caller_is_told_to_come_back_and_then_finds_it_done_once(faulty: FaultyStack, shop: Shop, rule: Rule) -> None:
    (customer_id,) = enrol(shop, 1_000)
    shop.available(customer_id)
    path = f"/v1/customers/{customer_id}/adjustments"
    ask = partial(shop.store.post, path, {"amount": "-10.00"}, key=customer_id)
    with faulty.faults({"the rule": rule}):
        told_to_come_back(ask)
    wait_until(faulty.proxy.holds_nothing)
    assert ask().expect(201)["amount"]["amount"] == "-10.00"
    assert shop.entries(customer_id) == [("manual", "-10.00"), ("manual", "10.00")]


@pytest.mark.row("F12", "F41", "S5")
def test_a_webhook_is_accepted_without_the_table_by_whom_its_secret_is_known_and_else_is_not(
    faulty: FaultyStack, shop: Shop
) -> None:
    known, sale = shop.sell(), Sale()
    stranger = Shop(faulty.stack, faulty.stack.platform.create_store(f"t-unknown-{fresh_id()}"))
    with faulty.faults({"no table": {**on("dynamodb"), **RESET}}):
        wait_until(lambda: shop.store.shopify("orders/paid", sale.body(at=1)).status == 200, seconds=PATIENCE)
        told_to_come_back(lambda: stranger.store.shopify("orders/paid", Sale().body(at=1)))
    wait_until(lambda: faulty.stack.queued(faulty.stack.store_events_queue_url) == 0, seconds=PATIENCE)
    assert [shop.available(one.customer_id) for one in (known, sale)] == ["10.00", "10.00"]
    assert stranger.store.api("GET", "/v1/orders").expect(200)["items"] == []


@pytest.mark.row("F42")
def test_without_kms_accounts_are_shown_masked_and_none_is_added(faulty: FaultyStack, shop: Shop) -> None:
    (customer_id,) = enrol(shop, 0)
    path = f"/v1/customers/{customer_id}/payment-accounts"
    account(shop, customer_id)
    add = partial(shop.store.post, path, {"type": "digital", "provider": "Wise", "handle": "b@example.com"}, key="k")
    with faulty.faults({"no keys": {**on("kms"), **error("ThrottlingException")}}):
        told_to_come_back(add)
        shown = shop.store.api("GET", path).expect(200)["items"]
    assert [one["handle"] for one in shown] == ["****.com"]
    assert add().expect(201)["handle"] == "****.com"
    assert len(shop.store.api("GET", path).expect(200)["items"]) == 2


@pytest.mark.row("F42")
@pytest.mark.parametrize("code", ["AccessDeniedException", "DisabledException", "KMSInvalidStateException"])
def test_no_secret_is_rotated_while_the_key_of_secrets_is_shut(faulty: FaultyStack, shop: Shop, code: str) -> None:
    path = f"/platform/stores/{shop.store.store_id}/webhook-secrets"
    rotate = partial(faulty.stack.platform.call, "POST", path, {"source": "woocommerce"})
    before = faulty.stack.snapshot(shop.store)
    with faulty.faults({"shut": {**on("kms", "Encrypt"), **error(code)}}):
        told_to_come_back(rotate)
    assert faulty.stack.snapshot(shop.store) == before
    assert rotate().expect(201)["secret"]


@pytest.mark.row("F8")
def test_a_mismatch_of_tokens_is_given_up_shown_and_mended_by_a_redrive(faulty: FaultyStack, shop: Shop) -> None:
    stack, sale = faulty.stack, Sale()
    sqs, queue, dead = stack.client("sqs"), stack.store_events_queue_url, stack.store_events_dlq_url
    last = record(message(shop.store.store_id, sale), LAST_OF_POISON)
    with faulty.faults({"mismatch": {**WRITE, **error("IdempotentParameterMismatchException"), "times": 1}}):
        assert failures(stack, last) == []
    assert (shop.order(sale)["status"], stack.queued(dead)) == ("failed", 1)
    assert send_back(sqs, dead, queue) == 1
    wait_until(lambda: shop.order(sale)["status"] == "processed", seconds=PATIENCE)
    assert shop.entries(sale.customer_id) == [("order", "10.00")]
