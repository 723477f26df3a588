"""A shortfall that postings repay."""

from cashback.domain.ledger import (
    Account,
    AccountMoved,
    Entry,
    Figures,
    Kind,
    OnRefusal,
    Posted,
    payload_hash,
    recovery_of,
)
from tests.unit.bank import LAST, NOW, Bank, entry


def test_a_shortfall_of_one_is_repaid_by_an_award_of_one() -> None:
    bank = Bank()
    bank.customer(shortfall=1)
    assert isinstance(bank.post(entry("award", 1), repays=True), Posted)
    assert (bank.account().available, bank.account().shortfall) == (0, 0)


def test_a_shortfall_that_was_repaid_forbids_nothing_and_is_repaid_no_more() -> None:
    bank = Bank()
    bank.customer(available=100, shortfall=0)
    hold = entry("hold", -10, reserved=10)
    assert isinstance(bank.post(hold, on_refusal=OnRefusal.FINAL, forbids_shortfall=True), Posted)
    assert bank.writes(lambda: bank.post(entry("award", 10), repays=True)) == 1


def test_an_award_that_a_clawback_takes_wholly_repays_nothing() -> None:
    bank = Bank()
    bank.customer(shortfall=300)
    posted = bank.post(entry("award", 100), entry("claw", -100), repays=True)
    assert [each.cause for each in posted.entries] == ["award", "claw"]
    assert bank.account().shortfall == 300


def test_a_clawback_beyond_its_award_is_refused_and_never_repaid() -> None:
    bank = Bank()
    bank.customer()
    assert isinstance(bank.post(entry("award", 100), entry("claw", -300), repays=True), AccountMoved)
    assert bank.account() == Account("c", created_at=NOW)


def test_what_gives_repays_though_something_that_moves_nothing_stands_before_it() -> None:
    bank = Bank()
    bank.customer(shortfall=30)
    posted = bank.post(entry("note", 0), entry("award", 100, order_id="1", payout_id="p"), repays=True)
    assert posted.entries[-1] == Entry(
        "rec:award",
        Kind.RECOVERY,
        -30,
        "test",
        payload_hash(Kind.RECOVERY),
        owed=-30,
        order_id="1",
        payout_id="p",
        posted_at=NOW,
    )


def test_an_award_that_repays_keeps_the_figures_that_an_older_order_was_left() -> None:
    bank = Bank()
    bank.customer(shortfall=30, last_order_at=LAST)
    older = Figures(1, 10, ordered_at=NOW)
    # Refused for its time, then for the shortfall.
    assert bank.writes(lambda: bank.post(entry("award", 100), figures=older, repays=True)) == 3
    account = bank.account()
    assert (account.available, account.shortfall, account.orders_count, account.last_order_at) == (70, 0, 1, LAST)


def test_a_recovery_is_the_entry_it_comes_from_in_reverse() -> None:
    gain = entry("ord:1:earn", 100, order_id="1", payout_id="p", job_id="j", posted_at=NOW)
    assert recovery_of(gain, 40) == Entry(
        "rec:ord:1:earn",
        Kind.RECOVERY,
        -40,
        "test",
        payload_hash(Kind.RECOVERY),
        owed=-40,
        order_id="1",
        payout_id="p",
        posted_at=NOW,
    )
