"""How `post` reads failures that no engine here produces by itself (F1-F11)."""

from __future__ import annotations

from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from cashback.adapters.dynamo.customers import Customers
from cashback.adapters.dynamo.ledger import Ledger
from cashback.adapters.dynamo.tables import StateTable
from cashback.domain.customers import Profile
from cashback.domain.errors import Busy
from cashback.domain.ledger import Entry, Kind, OnRefusal, Posted, Posting, Refused, Replayed, payload_hash
from tests.simulation.dynamo import Clock, Fault, Faults, Rates, SimulatedDynamo
from tests.simulation.project_tables import table_specs

NOW = "2026-03-01T09:30:00.000000Z"
TRIES = 5


class Bank:
    """One customer with 100, and a ledger whose naps are counted."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.faults = Faults(rates=Rates())
        self.dynamo = SimulatedDynamo(table_specs(), clock=self.clock, faults=self.faults)
        self.naps: list[float] = []
        self.ledger = Ledger(cast("Any", self.dynamo), "Ledger", "State", sleep=self.naps.append, jitter=lambda: 1.0)
        Customers(StateTable(cast("Any", self.dynamo), "State")).create("s", Profile("c", NOW, NOW), NOW)
        assert isinstance(self.post("opening", 100), Posted)
        self.naps.clear()

    def post(self, cause: str, amount: int) -> Any:
        entry = Entry(cause, Kind.MANUAL, amount, "test", payload_hash("m"))
        return self.ledger.post(Posting("s", "c", NOW, entries=(entry,), on_refusal=OnRefusal.FINAL))

    def strike(self, *faults: Fault) -> None:
        """Let the next calls fail so, one after the other."""
        self.faults.script = {self.faults.calls + n: fault for n, fault in enumerate(faults, start=1)}

    @property
    def available(self) -> int:
        return self.ledger.account("s", "c").available


@pytest.mark.parametrize(
    "fault", [Fault.CONFLICT, Fault.THROTTLE, Fault.LOST_BEFORE, Fault.ERROR_BEFORE], ids=lambda fault: fault.name
)
def test_what_was_not_committed_is_sent_again_and_committed_once(fault: Fault) -> None:
    bank = Bank()
    bank.strike(fault, fault)
    assert isinstance(bank.post("a", -100), Posted)
    assert bank.available == 0
    assert len(bank.naps) == 3


@pytest.mark.parametrize("fault", [Fault.LOST_AFTER, Fault.ERROR_AFTER], ids=lambda fault: fault.name)
def test_an_answer_lost_after_the_commit_is_found_again_and_not_taken_for_a_refusal(fault: Fault) -> None:
    bank = Bank()
    bank.strike(fault)
    assert isinstance(bank.post("a", -100), Replayed)
    assert bank.available == 0


def test_the_same_call_eleven_minutes_later_is_still_recognised() -> None:
    bank = Bank()
    bank.post("a", -100)
    bank.clock.advance(11 * 60)
    assert isinstance(bank.post("a", -100), Replayed)
    assert bank.available == 0


def test_a_conflict_is_never_read_as_an_insufficient_balance() -> None:
    bank = Bank()
    bank.strike(*[Fault.CONFLICT] * TRIES)
    with pytest.raises(Busy):
        bank.post("a", -500)
    assert isinstance(bank.post("a", -500), Refused)


def test_retries_end_after_five_tries_and_two_seconds_with_growing_pauses() -> None:
    bank = Bank()
    bank.strike(*[Fault.CONFLICT] * 20)
    before = bank.faults.calls
    with pytest.raises(Busy):
        bank.post("a", 1)
    assert bank.faults.calls - before == TRIES
    assert bank.naps == [0.0, 0.05, 0.1, 0.2, 0.4]
    assert sum(bank.naps) <= 2


def test_a_refusal_that_could_not_be_recorded_is_no_answer() -> None:
    bank = Bank()
    bank.faults.script = {bank.faults.calls + 2: Fault.LOST_BEFORE}
    with pytest.raises(Busy):
        bank.post("a", -500)
    assert isinstance(bank.post("a", -500), Refused)


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
def test_a_conflict_beside_a_failed_condition_is_sent_again(monkeypatch: pytest.MonkeyPatch, codes: Any) -> None:
    bank, answers = Bank(), [canceled(*codes)]
    real = bank.dynamo.transact_write_items

    def answer(**request: Any) -> Any:
        if answers:
            raise answers.pop()
        return real(**request)

    monkeypatch.setattr(bank.dynamo, "transact_write_items", answer)
    assert isinstance(bank.post("a", -100), Posted)


def test_a_validation_error_is_a_bug_and_crashes(monkeypatch: pytest.MonkeyPatch) -> None:
    bank = Bank()

    def answer(**_: Any) -> Any:
        raise canceled("None", "ValidationError")

    monkeypatch.setattr(bank.dynamo, "transact_write_items", answer)
    with pytest.raises(ClientError, match="injected"):
        bank.post("a", -100)


def test_a_mismatched_token_is_a_bug_and_crashes(monkeypatch: pytest.MonkeyPatch) -> None:
    bank = Bank()
    error: Any = {"Error": {"Code": "IdempotentParameterMismatchException", "Message": "injected"}}
    error["ResponseMetadata"] = {"HTTPStatusCode": 400}

    def answer(**_: Any) -> Any:
        raise ClientError(error, "TransactWriteItems")

    monkeypatch.setattr(bank.dynamo, "transact_write_items", answer)
    with pytest.raises(ClientError, match="injected"):
        bank.post("a", -100)
