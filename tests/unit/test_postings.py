"""What the ledger answers, word for word, where two act at once or something is in the way."""

from copy import replace
from typing import Any

import pytest

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.codec import from_item
from cashback.domain.errors import Busy, NoCapacity
from cashback.domain.ledger import (
    MOST_HOPS,
    Account,
    AccountMoved,
    DocumentMoved,
    EntryStatus,
    Figures,
    OnRefusal,
    Posted,
    Refused,
    Replayed,
    payload_hash,
)
from tests.simulation.dynamo import Fault, Rates
from tests.unit.bank import LAST, LATER, NOW, Bank, entry, posting

# ---- reading


def test_an_account_an_entry_and_the_path_of_merges_are_read_as_of_now() -> None:
    bank = Bank(Rates(stale_read=1.0))
    bank.customer(available=100)
    assert bank.account().available == 100
    assert bank.ledger.entry("s", "c", "opening") == entry("opening", 100, posted_at=NOW)
    assert bank.ledger.accounts("s", ["c"])["c"].available == 100
    assert bank.ledger.entry("s", "c", "other") is None


@pytest.mark.parametrize("fault", [Fault.LOST_BEFORE, Fault.ERROR_BEFORE, Fault.THROTTLE], ids=lambda fault: fault.name)
def test_books_that_cannot_be_reached_are_busy(fault: Fault) -> None:
    bank = Bank()
    bank.customer()
    for read in (bank.account, lambda: bank.ledger.entry("s", "c", "a")):
        bank.strike(fault)
        with pytest.raises(Busy, match=r"^a service that is needed cannot be reached$"):
            read()


@pytest.mark.parametrize(("fault", "told"), [(Fault.THROTTLE, NoCapacity), (Fault.CONFLICT, Busy)])
def test_want_of_capacity_is_told_apart_from_whoever_is_in_the_way(fault: Fault, told: type[Busy]) -> None:
    bank = Bank()
    bank.customer()
    one, other = (bank.state.put({"pk": "p", "sk": sk}) for sk in ("one", "other"))
    lost = [Fault.LOST_BEFORE] * 4
    for act, others in (
        (lambda: bank.post(entry("a", 1)), lost),  # the last try tells
        (lambda: bank.state.commit(one), []),
        (lambda: bank.state.commit(one, other), []),
    ):
        bank.strike(*others, fault)
        with pytest.raises(Busy) as raised:
            act()
        assert type(raised.value) is told


def test_of_many_accounts_those_that_exist_are_returned_by_customer() -> None:
    bank = Bank()
    customers = [bank.customer(f"c{n}", n) for n in range(1, 4)]
    found = bank.ledger.accounts("s", [*customers, "ghost"])
    assert {customer_id: account.available for customer_id, account in found.items()} == {"c1": 1, "c2": 2, "c3": 3}
    assert [account.customer_id for account in found.values()] == list(found)
    assert bank.ledger.accounts("other", customers) == {}


def test_merges_are_followed_to_the_live_account_and_no_further_than_five() -> None:
    bank = Bank()
    ids = [f"c{n}" for n in range(MOST_HOPS + 2)]
    for customer_id, into in zip(ids, [*ids[1:], None], strict=True):
        bank.customer(customer_id, merged_into=into)
    assert [account.customer_id for account in bank.ledger.merged_path("s", "c1")] == ids[1:]
    assert bank.ledger.live_account("s", "c1").customer_id == ids[-1]
    with pytest.raises(Busy, match=r"^the merged customers have no end$"):
        bank.ledger.merged_path("s", "c0")


@pytest.mark.parametrize(
    ("fields", "is_live"), [({}, True), ({"erased_at": NOW}, False), ({"merged_into": "k"}, False)]
)
def test_an_account_lives_until_it_is_erased_or_merged(fields: dict[str, Any], is_live: bool) -> None:
    assert Account("c", **fields).is_live is is_live


# ---- posting


def test_whoever_asks_again_is_told_the_customer_too() -> None:
    bank = Bank()
    bank.customer("kept")
    bank.customer(merged_into="kept")
    assert bank.post(entry("a", 1)) == Posted((entry("a", 1, posted_at=NOW),), "kept")
    assert bank.post(entry("a", 1), at=LATER) == Replayed((entry("a", 1, posted_at=NOW),), "kept")


def test_a_comment_is_kept_beside_the_account_that_its_entry_lands_at() -> None:
    bank = Bank()
    bank.customer("kept")
    bank.customer(merged_into="kept")
    bank.post(entry("a", 1), comment="with regards")
    pk, sk = keys.note("s", "kept", "a")
    assert from_item(bank.dynamo.item("State", pk, sk) or {}) == {"pk": pk, "sk": sk, "comment": "with regards"}


def test_what_is_stored_of_an_entry_is_what_it_says_and_nothing_that_it_does_not() -> None:
    bank = Bank()
    bank.customer(available=500)
    said = entry("a", 0, before=0, target=0, reserved=-0, order_id="1")
    bank.post(said)
    pk, sk = keys.entry("s", "c", "a")
    assert from_item(bank.dynamo.item("Ledger", pk, sk) or {}) == {
        "pk": pk,
        "sk": "a",
        "posted_at_cause": f"{NOW}#a",
        "kind": "manual",
        "amount": 0,
        "actor": "test",
        "payload_hash": payload_hash("manual"),
        "before": 0,
        "target": 0,
        "order_id": "1",
        "status": "POSTED",
        "posted_at": NOW,
    }


def test_an_entry_with_everything_is_read_back_as_it_was() -> None:
    bank = Bank()
    bank.customer(available=500)
    full = entry(
        "a",
        -7,
        reserved=5,
        owed=2,
        voids=True,
        before=1,
        target=2,
        order_id="o",
        job_id="j",
        task_id="t",
        payout_id="p",
        rule_version=3,
        reason="r",
    )
    bank.post(full)
    assert bank.ledger.entry("s", "c", "a") == replace(full, posted_at=NOW)


def test_an_account_keeps_changing_only_so_often_until_the_ledger_is_busy() -> None:
    bank = Bank()
    ids = [f"c{n}" for n in range(11)]
    for customer_id, into in zip(ids, [*ids[1:], None], strict=True):
        bank.customer(customer_id, merged_into=into)
    with pytest.raises(Busy, match=r"^the account keeps changing$"):
        bank.post(entry("a", 1), customer_id="c0")
    assert isinstance(bank.post(entry("a", 1), customer_id="c1"), Posted)


def test_a_ledger_out_of_reach_is_busy_in_these_words() -> None:
    bank = Bank()
    bank.customer()
    bank.strike(*[Fault.LOST_BEFORE] * 5)
    with pytest.raises(Busy, match=r"^the ledger is contended or out of reach$"):
        bank.post(entry("a", 1))
    assert bank.naps == [0.05, 0.1, 0.2, 0.4]


def test_who_posts_rests_before_each_further_try_and_not_before_the_first() -> None:
    bank = Bank()
    bank.customer()
    bank.post(entry("a", 1))
    assert bank.naps == []
    bank.strike(Fault.LOST_BEFORE, Fault.CONFLICT)
    bank.post(entry("b", 1))
    assert bank.naps == [0.05, 0.1]


def test_an_active_customer_who_is_short_is_refused_and_not_missing() -> None:
    bank = Bank()
    bank.customer()
    assert bank.post(entry("a", -1), active_only=True) == AccountMoved(bank.account())
    bank.customer("gone", erased_at=NOW)
    assert isinstance(bank.post(entry("a", -1), customer_id="gone"), AccountMoved)


def test_a_balance_that_is_short_beside_an_open_shortfall_is_refused_for_the_balance() -> None:
    bank = Bank()
    bank.customer(shortfall=3)
    refused = bank.post(entry("a", -1), on_refusal=OnRefusal.FINAL)
    assert isinstance(refused, Refused)
    assert refused.entry == entry("a", -1, status=EntryStatus.REJECTED, reason="insufficient_balance", posted_at=NOW)
    assert bank.ledger.entry("s", "c", "a") == refused.entry
    bank.customer("free")
    refused = bank.post(entry("b", -1), customer_id="free", on_refusal=OnRefusal.FINAL, forbids_shortfall=True)
    assert refused.entry.reason == "insufficient_balance"


def test_where_the_money_lies_is_said_by_the_position_of_what_moved() -> None:
    bank = Bank()
    bank.customer()
    taken = bank.state.put({"pk": "x", "sk": "1"}, "attribute_not_exists(pk)")
    free = bank.state.put({"pk": "x", "sk": "2"}, "attribute_not_exists(pk)")
    bank.state.commit(taken)
    assert bank.post(entry("a", 1), entry("b", 1), document=free, also=(taken,)) == DocumentMoved(
        1, {"pk": "x", "sk": "1"}
    )


def test_money_that_an_account_gets_with_newer_figures_keeps_the_first_and_the_last_order() -> None:
    bank = Bank()
    bank.customer()
    bank.post(entry("a", 1), figures=Figures(1, 10, ordered_at=LATER))
    bank.post(entry("b", 1), figures=Figures(1, 10, ordered_at=LAST))
    assert (bank.account().first_order_at, bank.account().last_order_at) == (LATER, LAST)
    bank.post(entry("c", 1), figures=Figures(1, 10, ordered_at=LAST))
    bank.post(figures=Figures(began_at=NOW))
    account = bank.account()
    assert (account.first_order_at, account.last_order_at, account.orders_count) == (NOW, LAST, 3)
    assert isinstance(bank.post(figures=Figures(began_at=NOW)), AccountMoved)
    assert isinstance(bank.post(figures=Figures(began_at=LATER)), AccountMoved)


def test_the_newest_order_gives_way_to_a_newer_one_only() -> None:
    bank = Bank()
    bank.customer()
    for order in (("1", NOW), ("2", LATER)):
        assert isinstance(bank.post(figures=Figures(newest_order=order)), Posted)
    for order in (("3", LATER), ("4", NOW)):
        assert isinstance(bank.post(figures=Figures(newest_order=order)), AccountMoved)
    assert (bank.account().newest_order_id, bank.account().newest_order_at) == ("2", LATER)


# ---- what a posting may not be


@pytest.mark.parametrize(
    ("entries", "how", "words"),
    [
        ((), {"on_refusal": OnRefusal.FINAL}, "a final refusal is recorded under one cause"),
        (
            (entry("a", 1), entry("b", 1)),
            {"on_refusal": OnRefusal.FINAL},
            "a final refusal is recorded under one cause",
        ),
        ((), {"comment": ""}, "a comment is about one entry"),
        ((entry("a", 1), entry("b", 1)), {"comment": "x"}, "a comment is about one entry"),
        ((entry("a", 1), entry("a", 2)), {}, "two entries of one cause"),
    ],
)
def test_a_posting_that_cannot_be_recorded_is_a_bug(entries: Any, how: Any, words: str) -> None:
    with pytest.raises(ValueError, match=rf"^{words}$"):
        posting(*entries, **how)


@pytest.mark.parametrize(
    ("amount", "reserved", "voids", "credited", "debited"),
    [
        (1, 0, False, 1, 0),
        (-1, 0, False, 0, 1),
        (0, 0, False, 0, 0),
        (0, -1, False, 0, 1),
        (-1, 1, False, 0, 0),
        (1, 0, True, 0, -1),
        (2, -1, False, 1, 0),
    ],
)
def test_an_entry_raises_what_was_credited_or_what_was_debited(
    amount: int, reserved: int, voids: bool, credited: int, debited: int
) -> None:
    moved = entry("a", amount, reserved=reserved, voids=voids)
    assert (moved.credited, moved.debited) == (credited, debited)
