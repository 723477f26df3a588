"""Postings that share transactions."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from cashback.adapters.dynamo.ledger import BATCH
from cashback.domain.ledger import AccountMoved, Posted, Posting, Replayed
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
