"""How `post` reads failures that no engine here produces by itself (F1-F11)."""

from __future__ import annotations

import itertools
from copy import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError

from cashback.domain.errors import Busy
from cashback.domain.ledger import OnRefusal, Posted, Refused, Replayed
from tests.simulation.dynamo import Fault, Rates, SimulatedDynamo
from tests.simulation.project_tables import table_specs
from tests.unit.bank import NOW, Bank, entry, posting

if TYPE_CHECKING:
    from collections.abc import Callable

    from cashback.adapters.dynamo.ledger import Ledger

TRIES = 5


def opened() -> Bank:
    """One customer with 100."""
    bank = Bank()
    bank.customer(available=100)
    bank.naps.clear()
    return bank


def post(bank: Bank, cause: str, amount: int) -> Any:
    return bank.post(entry(cause, amount), on_refusal=OnRefusal.FINAL)


@pytest.mark.parametrize(
    "fault", [Fault.CONFLICT, Fault.THROTTLE, Fault.LOST_BEFORE, Fault.ERROR_BEFORE], ids=lambda fault: fault.name
)
@pytest.mark.row("F3", "F4", "F10")
def test_what_was_not_committed_is_sent_again_and_committed_once(fault: Fault) -> None:
    bank = opened()
    bank.strike(fault, fault)
    assert isinstance(post(bank, "a", -100), Posted)
    assert bank.account().available == 0
    assert len(bank.naps) == 2


@pytest.mark.parametrize("fault", [Fault.LOST_AFTER, Fault.ERROR_AFTER], ids=lambda fault: fault.name)
@pytest.mark.row("F1", "F11", "I6")
def test_an_answer_lost_after_the_commit_is_found_again_and_not_taken_for_a_refusal(fault: Fault) -> None:
    bank = opened()
    bank.strike(fault)
    assert isinstance(post(bank, "a", -100), Replayed)
    assert bank.account().available == 0


@pytest.mark.row("F2")
def test_the_same_call_eleven_minutes_later_is_still_recognised() -> None:
    bank = opened()
    post(bank, "a", -100)
    bank.dynamo.clock.advance(11 * 60)
    assert isinstance(post(bank, "a", -100), Replayed)
    assert bank.account().available == 0


@pytest.mark.row("F4")
def test_a_conflict_is_never_read_as_an_insufficient_balance() -> None:
    bank = opened()
    bank.strike(*[Fault.CONFLICT] * TRIES)
    with pytest.raises(Busy):
        post(bank, "a", -500)
    assert isinstance(post(bank, "a", -500), Refused)


@pytest.mark.row("F4")
def test_retries_end_after_five_tries_and_two_seconds_with_growing_pauses() -> None:
    bank = opened()
    bank.strike(*[Fault.CONFLICT] * 20)
    before = bank.faults.calls
    with pytest.raises(Busy):
        post(bank, "a", 1)
    assert bank.faults.calls - before == TRIES
    assert bank.naps == [0.05, 0.1, 0.2, 0.4]
    assert sum(bank.naps) <= 2


@pytest.mark.parametrize(
    "act",
    [
        lambda ledger: ledger.post(posting(entry("a", 1))),
        lambda ledger: ledger.refuse(posting(entry("a", 1)), "closed"),
        lambda ledger: ledger.merge("s", "c", "kept", NOW, "shop"),
    ],
    ids=["post", "refuse", "merge"],
)
def test_no_try_begins_five_seconds_after_the_first(act: Callable[[Ledger], object]) -> None:
    bank = opened()
    bank.customer("kept")
    bank.faults.set_rates(Rates(conflict=1))
    three_seconds_a_try = itertools.count(0, 3)
    with pytest.raises(Busy):
        act(replace(bank.ledger, clock=three_seconds_a_try.__next__))
    assert bank.naps == [0.05], "the second begins after 3 s, the third would after 6"


def test_a_refusal_that_could_not_be_recorded_is_no_answer() -> None:
    bank = opened()
    bank.strike(None, Fault.LOST_BEFORE)
    with pytest.raises(Busy):
        post(bank, "a", -500)
    assert isinstance(post(bank, "a", -500), Refused)


def canceled(*codes: str) -> ClientError:
    reasons = [{"Code": code, "Message": "injected"} for code in codes]
    answer: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": "injected"},
        "CancellationReasons": reasons,
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    return cast(
        "ClientError", SimulatedDynamo(table_specs()).exceptions.TransactionCanceledException(answer, "Transact")
    )


@pytest.mark.parametrize("codes", [("TransactionConflict", "ConditionalCheckFailed"), ("None", "ThrottlingError")])
@pytest.mark.row("F7")
def test_a_conflict_beside_a_failed_condition_is_sent_again(monkeypatch: pytest.MonkeyPatch, codes: Any) -> None:
    bank, answers = opened(), [canceled(*codes)]
    real = bank.dynamo.transact_write_items

    def answer(**request: Any) -> Any:
        if answers:
            raise answers.pop()
        return real(**request)

    monkeypatch.setattr(bank.dynamo, "transact_write_items", answer)
    assert isinstance(post(bank, "a", -100), Posted)


def test_a_validation_error_is_a_bug_and_crashes(monkeypatch: pytest.MonkeyPatch) -> None:
    bank = opened()

    def answer(**_: Any) -> Any:
        raise canceled("None", "ValidationError")

    monkeypatch.setattr(bank.dynamo, "transact_write_items", answer)
    with pytest.raises(ClientError, match="injected"):
        post(bank, "a", -100)


@pytest.mark.row("F8")
def test_a_mismatched_token_is_a_bug_and_crashes(monkeypatch: pytest.MonkeyPatch) -> None:
    bank = opened()
    error: Any = {"Error": {"Code": "IdempotentParameterMismatchException", "Message": "injected"}}
    error["ResponseMetadata"] = {"HTTPStatusCode": 400}

    def answer(**_: Any) -> Any:
        raise ClientError(error, "TransactWriteItems")

    monkeypatch.setattr(bank.dynamo, "transact_write_items", answer)
    with pytest.raises(ClientError, match="injected"):
        post(bank, "a", -100)
