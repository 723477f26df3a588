"""Accounts that are merged, at the ledger."""

from copy import replace
from typing import Any

import pytest

from cashback.domain.errors import Busy, CustomerNotFound, StateConflict
from cashback.domain.ledger import (
    MOST_HOPS,
    Account,
    AccountMoved,
    Entry,
    Figures,
    Kind,
    Posted,
    Posting,
    Replayed,
    merge_postings,
    payload_hash,
)
from tests.unit.bank import LAST, LATER, NOW, Bank, entry


def test_what_may_not_be_merged_is_said() -> None:
    bank = Bank()
    for customer_id in ("a", "b", "c", "d"):
        bank.customer(customer_id)
    bank.ledger.merge("s", "a", "b", NOW, "shop")
    with pytest.raises(StateConflict, match=r"^a customer cannot be merged into itself$"):
        bank.ledger.merge("s", "c", "c", NOW, "shop")
    for pair in (("a", "c"), ("c", "a")):
        with pytest.raises(StateConflict, match=r"^one of the customers is merged already$"):
            bank.ledger.merge("s", *pair, NOW, "shop")
    bank.customer("long", merged_hops=MOST_HOPS)
    with pytest.raises(StateConflict, match=r"^too many customers are merged one into the next$"):
        bank.ledger.merge("s", "long", "d", NOW, "shop")
    bank.customer("longest", merged_hops=MOST_HOPS - 1)
    assert isinstance(bank.ledger.merge("s", "longest", "d", NOW, "shop"), Posted)
    assert bank.account("d").merged_hops == MOST_HOPS


def test_a_merge_answers_with_what_left_and_where_it_is_now() -> None:
    bank = Bank()
    bank.customer("old", 500)
    bank.customer("kept")
    left = Entry("mrg:old", Kind.MERGE, -500, "shop", payload_hash(Kind.MERGE), posted_at=LATER)
    assert bank.ledger.merge("s", "old", "kept", LATER, "shop") == Posted((left,), "kept")
    # At either end of the chain by now.
    assert bank.ledger.merge("s", "old", "kept", LAST, "shop") == Replayed((left,), "old")


def test_accounts_that_change_are_merged_as_they_are_then() -> None:
    bank = Bank()
    bank.customer("old", 500)
    bank.customer("kept")
    names = iter("abcdefgh")
    bank.before_writes(*[lambda: bank.post(entry(next(names), 1), customer_id="old")] * 4)
    assert isinstance(bank.ledger.merge("s", "old", "kept", NOW, "shop"), Posted)
    assert bank.account("kept").available == 504
    bank.customer("next", 1)
    bank.before_writes(*[lambda: bank.post(entry(next(names) + "!", 1), customer_id="kept")] * 5)
    names = iter("abcdefgh")
    with pytest.raises(Busy, match=r"^the accounts keep changing$"):
        bank.ledger.merge("s", "next", "kept", NOW, "shop")


@pytest.mark.parametrize(
    ("old", "kept", "arrives", "leaves"),
    [
        ({}, {}, Figures(), Figures()),
        (
            {"orders_count": 2, "total_spent": 900, "first_order_at": NOW, "last_order_at": LATER},
            {},
            Figures(2, 900, LATER, NOW),
            Figures(-2, -900),
        ),
        (
            {"first_order_at": LATER, "last_order_at": LATER},
            {"first_order_at": LATER, "last_order_at": LATER},
            Figures(),
            Figures(),
        ),
        (
            {"first_order_at": NOW, "last_order_at": LAST},
            {"first_order_at": LATER, "last_order_at": LATER},
            Figures(0, 0, LAST, NOW),
            Figures(),
        ),
        (
            {"first_order_at": LATER, "last_order_at": LATER},
            {"first_order_at": NOW, "last_order_at": LAST},
            Figures(),
            Figures(),
        ),
        (
            {"newest_order_id": "1", "newest_order_at": LATER},
            {"newest_order_id": "2", "newest_order_at": NOW},
            Figures(newest_order=("1", LATER)),
            Figures(newest_order=("1", LATER)),
        ),
        (
            {"newest_order_id": "1", "newest_order_at": LATER},
            {"newest_order_id": "2", "newest_order_at": LATER},
            Figures(),
            Figures(newest_order=("1", LATER)),
        ),
        (
            {"newest_order_at": LATER},
            {},
            Figures(newest_order=("", LATER)),
            Figures(newest_order=("", LATER)),
        ),
        ({}, {"newest_order_id": "2", "newest_order_at": LATER}, Figures(), Figures()),
    ],
)
def test_a_merge_moves_the_figures_that_the_kept_account_has_not(
    old: dict[str, Any], kept: dict[str, Any], arrives: Figures, leaves: Figures
) -> None:
    leaving, arriving = merge_postings("s", Account("old", **old), Account("kept", **kept), NOW, "shop")
    assert (arriving.figures, leaving.figures) == (arrives, leaves)


def test_a_merge_is_two_postings_that_are_each_others_reverse() -> None:
    old = Account("old", 500, 200, 700, 0, 30, version=4, merged_hops=2)
    kept = Account("kept", 70, 0, 70, 0, 0, version=9, merged_hops=1)
    moved = Entry("mrg:old", Kind.MERGE, 500, "shop", payload_hash(Kind.MERGE), reserved=200, owed=30)
    leaving, arriving = merge_postings("s", old, kept, NOW, "shop")
    assert arriving == Posting("s", "kept", NOW, (moved,), version=9, overdraft=True, merged_hops=3)
    assert leaving == Posting(
        "s",
        "old",
        NOW,
        (replace(moved, amount=-500, reserved=-200, owed=-30),),
        version=4,
        overdraft=True,
        merged_into="kept",
    )
    assert merge_postings("s", old, replace(kept, merged_hops=5), NOW, "shop")[1].merged_hops == 5


@pytest.mark.parametrize(
    "changed",
    [
        {"orders_count": 1},
        {"total_spent": 1},
        {"newest_order_id": "9", "newest_order_at": LATER},
    ],
)
@pytest.mark.parametrize("known", [{}, {"orders_count": 2, "total_spent": 7, "newest_order_at": NOW}])
def test_an_account_whose_figures_moved_is_not_emptied(known: dict[str, Any], changed: dict[str, Any]) -> None:
    bank = Bank()
    bank.customer("old", **known)
    bank.customer("kept")
    seen = bank.account("old")
    leaving, _ = merge_postings("s", seen, bank.account("kept"), NOW, "shop")
    bank.change("old", **changed)
    assert isinstance(bank.ledger.post(leaving), AccountMoved)
    bank.customer("same", **known)
    assert isinstance(bank.ledger.post(replace(leaving, customer_id="same")), Posted)


def test_figures_that_are_not_there_cannot_be_taken_away() -> None:
    bank = Bank()
    bank.customer()
    for figures in (Figures(orders_count=-1), Figures(total_spent=-1)):
        assert isinstance(bank.post(figures=figures, merged_into="kept"), AccountMoved)


def test_only_an_account_that_is_there_and_not_merged_is_marked_as_merged() -> None:
    bank = Bank()
    with pytest.raises(CustomerNotFound):
        bank.post(merged_into="kept")
    bank.customer("kept")
    bank.customer(merged_into="kept")
    bank.post(merged_into="other")
    assert (bank.account().merged_into, bank.account("kept").merged_into) == ("kept", "other")
