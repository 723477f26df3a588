"""Postings that share transactions."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from cashback.adapters.dynamo.ledger import BATCH
from cashback.domain.errors import Busy
from cashback.domain.ledger import AccountMoved, Posted, Posting, Replayed
from cashback.services.post_shares import PATIENCE
from tests.simulation.dynamo import Fault
from tests.unit.bank import NOW, Bank, entry, posting


def batch(*amounts: int, **how: Any) -> list[Posting]:
    return [posting(entry("grp:1", amount), customer_id=f"c{n}", **how) for n, amount in enumerate(amounts)]


def bank_of(customers: int) -> Bank:
    bank = Bank()
    for n in range(customers):
        bank.customer(f"c{n}")
    return bank


def test_a_batch_answers_with_what_was_posted_to_whom() -> None:
    bank = bank_of(3)
    for n, outcome in enumerate(bank.ledger.post_batch(batch(1, 2, 3))):
        assert outcome == Posted((entry("grp:1", n + 1, posted_at=NOW),), f"c{n}")


@pytest.mark.parametrize(("size", "transactions"), [(1, 1), (2, 1), (BATCH, 1), (BATCH + 1, 2), (2 * BATCH + 2, 3)])
def test_postings_share_transactions_of_as_many_as_fit(size: int, transactions: int) -> None:
    bank = bank_of(size)
    assert bank.writes(lambda: bank.ledger.post_batch(batch(*[1] * size))) == transactions


def test_who_cannot_be_posted_leaves_the_transaction_and_all_others_go_together() -> None:
    bank = bank_of(5)
    outcomes: list[Any] = []
    # All five; the one that is short, alone; the other four.
    assert bank.writes(lambda: outcomes.extend(bank.ledger.post_batch(batch(1, 1, -1, 1, 1)))) == 3
    assert [type(outcome) for outcome in outcomes] == [Posted, Posted, AccountMoved, Posted, Posted]
    assert [bank.account(f"c{n}").available for n in range(5)] == [1, 1, 0, 1, 1]


def test_one_who_is_left_of_a_batch_goes_alone() -> None:
    bank = bank_of(2)
    outcomes = bank.ledger.post_batch(batch(-1, 5))
    assert isinstance(outcomes[0], AccountMoved)
    assert outcomes[1] == Posted((entry("grp:1", 5, posted_at=NOW),), "c1")
    assert bank.writes(lambda: bank.ledger.post_batch(batch(-1))) == 1


@pytest.mark.parametrize("fault", [Fault.CONFLICT, Fault.LOST_BEFORE, Fault.LOST_AFTER, Fault.THROTTLE])
def test_a_batch_that_is_struck_moves_everybodys_money_once(fault: Fault) -> None:
    bank = bank_of(3)
    bank.strike(fault)
    assert all(isinstance(outcome, Posted | Replayed) for outcome in bank.ledger.post_batch(batch(1, 2, 3)))
    assert [bank.account(f"c{n}").available for n in range(3)] == [1, 2, 3]


def test_a_batch_that_is_no_request_is_a_bug_and_crashes(monkeypatch: pytest.MonkeyPatch) -> None:
    bank = bank_of(2)
    error: Any = {"Error": {"Code": "ValidationException"}, "ResponseMetadata": {"HTTPStatusCode": 400}}

    sent: list[object] = []

    def answer(**request: Any) -> Any:
        sent.append(request)
        raise ClientError(error, "TransactWriteItems")

    monkeypatch.setattr(bank.dynamo, "transact_write_items", answer)
    with pytest.raises(ClientError, match="ValidationException"):
        bank.ledger.post_batch(batch(1, 2))
    assert len(sent) == 1


def test_a_batch_that_finds_no_capacity_waits_and_goes_together_again() -> None:
    bank = bank_of(3)
    bank.strike(Fault.THROTTLE, Fault.THROTTLE)
    outcomes: list[Any] = []
    assert bank.writes(lambda: outcomes.extend(bank.ledger.post_batch(batch(1, 2, 3), patience=PATIENCE))) == 3
    assert [type(outcome) for outcome in outcomes] == [Posted] * 3
    assert bank.naps == [4.0, 4.0]


def test_all_transactions_of_a_batch_wait_no_longer_than_its_patience_together() -> None:
    bank = bank_of(2 * BATCH)
    many = batch(*[1] * 2 * BATCH)
    bank.strike(Fault.THROTTLE, None, *[Fault.THROTTLE] * 4)
    with pytest.raises(Busy, match=r"^the tables have no capacity left for a batch$"):
        bank.ledger.post_batch(many, patience=PATIENCE)
    assert sum(bank.naps) == PATIENCE
    assert [bank.account(f"c{n}").available for n in range(2 * BATCH)] == [1] * BATCH + [0] * BATCH
    assert {type(outcome) for outcome in bank.ledger.post_batch(many)} == {Posted, Replayed}
    assert [bank.account(f"c{n}").available for n in range(2 * BATCH)] == [1] * 2 * BATCH


def test_who_is_in_the_way_leaves_a_batch_and_nobody_waits_for_capacity() -> None:
    bank = bank_of(3)
    bank.strike(Fault.CONFLICT)
    bank.ledger.post_batch(batch(1, 2, 3), patience=PATIENCE)
    assert bank.naps == []


def test_a_batch_without_patience_goes_one_by_one_where_it_finds_no_capacity() -> None:
    bank = bank_of(2)
    bank.strike(Fault.THROTTLE)
    assert {type(outcome) for outcome in bank.ledger.post_batch(batch(1, 2))} == {Posted}
    assert bank.naps == []
