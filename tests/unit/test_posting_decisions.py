"""Postings that the ledger decides from the balance, and those that it refuses for good."""

from copy import replace

import pytest

from cashback.domain.errors import Busy, CustomerNotFound, StateConflict
from cashback.domain.ledger import CauseTaken, Entry, EntryStatus, OnRefusal, Posted, Refused, Replayed
from tests.simulation.dynamo import Fault
from tests.unit.bank import LATER, NOW, Bank, entry, posting

# ---- deciding from the balance


@pytest.mark.parametrize(("available", "most", "amount"), [(100, 30, -30), (100, 500, -100), (-50, 10, 0), (0, 1, 0)])
def test_a_debit_takes_as_much_as_is_there(available: int, most: int, amount: int) -> None:
    bank = Bank()
    bank.customer(available=available)
    posted = bank.ledger.debit_up_to(posting(entry("undo", 0)), most)
    assert posted == Posted((entry("undo", amount, before=available, posted_at=NOW),), "c")
    assert bank.account().available == available + amount


@pytest.mark.parametrize("on_refusal", OnRefusal)
def test_a_balance_that_is_set_while_it_moves_is_decided_anew(on_refusal: OnRefusal) -> None:
    bank = Bank()
    bank.customer(available=100)
    bank.before_writes(lambda: bank.post(entry("meanwhile", 10)))
    done = bank.ledger.set_available(posting(entry("set", 0), on_refusal=on_refusal), 50)
    assert done == Posted((entry("set", -60, before=110, target=50, posted_at=NOW),), "c")
    assert bank.account().available == 50


def test_a_debit_of_all_that_is_spent_meanwhile_takes_what_is_left() -> None:
    bank = Bank()
    bank.customer(available=100)
    bank.before_writes(lambda: bank.post(entry("meanwhile", -70)))
    done = bank.ledger.debit_up_to(posting(entry("undo", 0), on_refusal=OnRefusal.FINAL), 90)
    assert done == Posted((entry("undo", -30, before=30, posted_at=NOW),), "c")


def test_a_balance_that_moves_under_each_of_five_decisions_is_not_set() -> None:
    bank = Bank()
    bank.customer(available=100)
    names = iter("abcdefgh")
    bank.before_writes(*[lambda: bank.post(entry(next(names), 1))] * 5)
    with pytest.raises(StateConflict, match=r"^the balance is changing too fast to be set$"):
        bank.ledger.set_available(posting(entry("set", 0)), 50)
    assert next(names) == "f"
    bank.before_writes(*[lambda: bank.post(entry(next(names), 1))] * 1)
    assert isinstance(bank.ledger.set_available(posting(entry("set", 0)), 50), Posted)


# ---- refusing for good


def refused(cause: str = "a", at: str = NOW) -> Entry:
    return entry(cause, 5, status=EntryStatus.REJECTED, reason="closed", posted_at=at)


def test_what_is_refused_for_good_is_found_by_whoever_posts_it() -> None:
    bank = Bank()
    bank.customer(available=100)
    outcome = bank.ledger.refuse(posting(entry("a", 5)), "closed")
    assert outcome == Refused(refused(), bank.account())
    assert bank.post(entry("a", 5), at=LATER) == Replayed((refused(),), "c")
    assert (bank.account().available, bank.account().version) == (100, 1)


def test_what_was_posted_before_is_the_answer_to_its_refusal() -> None:
    bank = Bank()
    bank.customer()
    bank.post(entry("a", 5))
    assert bank.ledger.refuse(posting(entry("a", 5)), "closed") == Replayed((entry("a", 5, posted_at=NOW),), "c")
    other = replace(entry("a", 5), payload_hash="other")
    assert bank.ledger.refuse(posting(other), "closed") == CauseTaken((entry("a", 5, posted_at=NOW),))


def test_a_merged_customer_is_refused_where_postings_land() -> None:
    bank = Bank()
    bank.customer("kept")
    bank.customer(merged_into="kept")
    assert isinstance(bank.ledger.refuse(posting(entry("a", 5)), "closed"), Refused)
    assert bank.ledger.entry("s", "kept", "a") == refused()
    assert bank.ledger.entry("s", "c", "a") is None


@pytest.mark.parametrize(("final", "naps", "calls"), [(True, [], 4 + 3), (False, [0.05], 2 + 3 + 3)])
def test_a_refusal_follows_a_merge_that_comes_between(final: bool, naps: list[float], calls: int) -> None:
    bank = Bank()
    bank.customer("kept")
    bank.customer()
    before = bank.faults.calls

    def merge() -> None:
        """Two reads and a write."""
        bank.ledger.merge("s", "c", "kept", NOW, "shop")

    if final:
        # The refusal by the balance is the first write, its record the second; then both again where postings land.
        bank.before_writes(lambda: None, merge)
        outcome = bank.post(entry("a", -5), on_refusal=OnRefusal.FINAL)
    else:
        bank.before_writes(merge)
        outcome = bank.ledger.refuse(posting(entry("a", -5)), "insufficient_balance")
    assert (bank.naps, bank.faults.calls - before) == (naps, calls)
    assert isinstance(outcome, Refused)
    assert outcome.account.customer_id == "kept"
    assert bank.ledger.entry("s", "c", "a") is None
    recorded = bank.ledger.entry("s", "kept", "a")
    assert recorded is not None
    assert (recorded.status, recorded.reason) == (EntryStatus.REJECTED, "insufficient_balance")


def test_whoever_posts_while_a_refusal_is_recorded_is_the_answer() -> None:
    bank = Bank()
    bank.customer()

    def meanwhile() -> None:
        bank.post(entry("gift", 100))
        bank.post(entry("a", -5))

    bank.before_writes(lambda: None, meanwhile)
    outcome = bank.post(entry("a", -5), at=LATER, on_refusal=OnRefusal.FINAL)
    assert outcome == Replayed((entry("a", -5, posted_at=NOW),), "c")
    assert bank.account().available == 95


def test_a_refusal_is_tried_again_while_the_ledger_is_contended() -> None:
    bank = Bank()
    bank.customer()
    bank.strike(None, Fault.CONFLICT)
    assert isinstance(bank.ledger.refuse(posting(entry("a", 5)), "closed"), Refused)
    assert bank.naps == [0.05]
    bank.naps.clear()
    bank.strike(*[None, Fault.CONFLICT] * 5)
    with pytest.raises(Busy, match=r"^the ledger is contended or out of reach$"):
        bank.ledger.refuse(posting(entry("b", 5)), "closed")
    assert bank.naps == [0.05, 0.1, 0.2, 0.4]


def test_a_refusal_at_an_account_that_is_not_there_is_recorded_nowhere() -> None:
    bank = Bank()
    with pytest.raises(CustomerNotFound):
        bank.ledger.refuse(posting(entry("a", 5)), "closed")
    assert bank.ledger.entry("s", "c", "a") is None
