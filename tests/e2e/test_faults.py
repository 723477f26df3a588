"""The deployed stack while the services that its functions call fail."""

import pytest

from dev.client import Answer, wait_until
from tests.e2e.fault_rules import ALL_TRIES, LOST, RESET, TWO_WRITES, WRITE, Rule, cancelled, error, on
from tests.e2e.faults import FaultyStack, insist
from tests.e2e.groups import enrol
from tests.e2e.shop import Shop

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
        first = insist(debit).expect(201)
    wait_until(faulty.proxy.holds_nothing)
    again = debit()
    assert (again.expect(201)["transaction_id"], again.headers["idempotency-replayed"]) == (
        first["transaction_id"],
        "true",
    )
    assert shop.entries(customer_id) == [("manual", "-10.00"), ("manual", "10.00")]
    assert shop.available(customer_id) == "0.00"
