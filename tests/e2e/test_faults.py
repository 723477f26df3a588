"""The deployed stack while the services that its functions call fail."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dev.client import Answer, wait_until
from tests.e2e.faults import FaultyStack, Rules, faulty_stack
from tests.e2e.groups import enrol
from tests.e2e.shop import Shop, plain, problem

POSTING = {"service": "dynamodb", "operation": "TransactWriteItems"}
ALL_TRIES = 3
"""Of one call, by the SDK."""

PATIENCE = 90


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyStack]:
    with faulty_stack(tmp_path_factory.mktemp("faulty")) as found:
        yield found


@pytest.fixture(scope="module")
def shop(faulty: FaultyStack) -> Shop:
    return Shop(faulty.stack, faulty.stack.platform.create_store("t-one-fault-at-a-time"))


def insist(call: Callable[[], Answer]) -> Answer:
    """Make a call until the answer is not one that says to make it again."""

    def answered() -> Answer | None:
        answer = call()
        return None if answer.status >= 500 else answer

    return wait_until(answered, seconds=PATIENCE)


def cancelled(*codes: str) -> dict[str, Any]:
    """The error of a transaction that was cancelled for these reasons, one for each of its items."""
    reasons = [{"Code": code, "Message": "injected"} if code != "None" else {"Code": code} for code in codes]
    return {"error": {"code": "TransactionCanceledException", "fields": {"CancellationReasons": reasons}}}


def error(code: str, status: int = 400) -> dict[str, Any]:
    return {"error": {"code": code, "status": status}}


LOST, RESET = {"response": {"abort_bytes": 0}}, {"reset": True}
ADJUSTING = {**POSTING, "body": "length(TransactItems) == `2`"}
BALANCE = {"service": "dynamodb", "operation": "GetItem", "body": "Key.sk.S == 'ACCOUNT'"}


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param({**POSTING, **LOST, "times": 1}, id="answer lost", marks=pytest.mark.row("F1")),
        pytest.param(
            {**POSTING, **LOST, "times": ALL_TRIES}, id="answers lost to the SDK", marks=pytest.mark.row("F1", "F6")
        ),
        pytest.param({**POSTING, **RESET, "times": ALL_TRIES}, id="reset", marks=pytest.mark.row("F3")),
        pytest.param(
            {**ADJUSTING, **cancelled("None", "TransactionConflict"), "times": 4},
            id="conflict",
            marks=pytest.mark.row("F4"),
        ),
        pytest.param(
            {**ADJUSTING, **cancelled("TransactionConflict", "ConditionalCheckFailed"), "times": 2},
            id="conflict beside a failed condition",
            marks=pytest.mark.row("F7"),
        ),
        pytest.param(
            {**POSTING, **error("TransactionInProgressException"), "times": 2},
            id="in progress",
            marks=pytest.mark.row("F9"),
        ),
        pytest.param(
            {**POSTING, **error("ProvisionedThroughputExceededException"), "times": ALL_TRIES},
            id="throttled",
            marks=pytest.mark.row("F10"),
        ),
        pytest.param(
            {**ADJUSTING, **cancelled("None", "ThrottlingError"), "times": 2},
            id="throttled inside",
            marks=pytest.mark.row("F10"),
        ),
        pytest.param(
            {**POSTING, **error("InternalServerError", 500), "times": ALL_TRIES},
            id="error of the service",
            marks=pytest.mark.row("F11"),
        ),
        pytest.param(
            {**POSTING, "latency": 2_500, "times": ALL_TRIES},
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
    faulty: FaultyStack, shop: Shop, rule: dict[str, Any]
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
