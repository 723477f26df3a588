"""What a balance gives to a claim by each policy, and what a falling claim gives back, to the cent."""

from copy import replace

import pytest

from cashback.domain.ledger import Account, Entry, Kind, payload_hash, recovery_of
from cashback.domain.purse import Claim, Purse
from cashback.domain.settings import Clawback

TEMPLATE = Entry("ord:1:ref:r", Kind.REVERSAL, 0, "shop:shopify", payload_hash(Kind.REVERSAL), order_id="1")


def purse(available: int, shortfall: int = 0, policy: Clawback = Clawback.PARTIAL) -> Purse:
    return Purse(policy, Account("c", available=available, shortfall=shortfall, version=7))


def moved(amount: int, owed: int = 0) -> Entry:
    return replace(TEMPLATE, amount=amount, owed=owed)


@pytest.mark.parametrize(
    ("policy", "available", "entries", "owed", "waived"),
    [
        (Clawback.PARTIAL, 100, [moved(-100)], 0, 0),
        (Clawback.PARTIAL, 99, [moved(-99, 1)], 1, 0),
        (Clawback.PARTIAL, 0, [moved(0, 100)], 100, 0),
        (Clawback.PARTIAL, -5, [moved(0, 100)], 100, 0),
        (Clawback.FULL_OR_SKIP, 100, [moved(-100)], 0, 0),
        (Clawback.FULL_OR_SKIP, 99, [], 0, 100),
        (Clawback.ALLOW_NEGATIVE, 99, [moved(-100)], 0, 0),
        (Clawback.ALLOW_NEGATIVE, -5, [moved(-100)], 0, 0),
    ],
)
def test_a_claim_that_rises_takes_what_is_there_by_the_policy(
    policy: Clawback, available: int, entries: list[Entry], owed: int, waived: int
) -> None:
    claim = Claim(3, 4)
    assert purse(available, policy=policy).move(claim, TEMPLATE, 100) == entries
    assert claim == Claim(3 + owed, 4 + waived)


@pytest.mark.parametrize(
    ("owed_and_waived", "shortfall", "entries", "left"),
    [
        ((0, 0), 0, [moved(40)], (0, 0)),
        ((0, 30), 0, [moved(10)], (0, 0)),
        ((0, 40), 0, [], (0, 0)),
        ((0, 50), 0, [], (0, 10)),
        ((50, 30), 60, [moved(0, -10)], (40, 0)),
        ((5, 30), 60, [moved(5, -5), recovery_of(moved(5, -5), 5)], (0, 0)),
        ((50, 0), 60, [moved(0, -40)], (10, 0)),
        ((50, 0), 10, [moved(30, -10)], (10, 0)),
        ((50, 0), 0, [moved(40)], (10, 0)),
    ],
)
def test_a_claim_that_falls_forgives_before_it_credits(
    owed_and_waived: tuple[int, int], shortfall: int, entries: list[Entry], left: tuple[int, int]
) -> None:
    claim = Claim(*owed_and_waived)
    assert purse(0, shortfall).move(claim, TEMPLATE, -40) == entries
    assert claim == Claim(*left)


@pytest.mark.parametrize(
    ("shortfall", "entries"),
    [
        (0, [moved(40)]),
        (1, [moved(40), recovery_of(moved(40), 1)]),
        (40, [moved(40), recovery_of(moved(40), 40)]),
        (60, [moved(40), recovery_of(moved(40), 40)]),
    ],
)
def test_what_gives_repays_what_the_account_owes(shortfall: int, entries: list[Entry]) -> None:
    assert purse(0, shortfall).credit(moved(40)) == entries


def test_each_entry_leaves_the_next_what_it_did_not_take() -> None:
    held, claim = purse(100, 30), Claim()
    assert held.credit(moved(50)) == [moved(50), recovery_of(moved(50), 30)]
    assert held.move(claim, TEMPLATE, 70) == [moved(-70)], "of 120"
    assert held.move(claim, TEMPLATE, 70) == [moved(-50, 20)], "of 50"
    assert held.credit(moved(5)) == [moved(5), recovery_of(moved(5), 5)]
    assert held.move(claim, TEMPLATE, -17) == [moved(2, -15)], "15 of the 20 are still owed"
    assert held.move(claim, TEMPLATE, 3) == [moved(-2, 1)], "of 2"
    assert held.credit(moved(9)) == [moved(9), recovery_of(moved(9), 1)]
    assert claim == Claim(4)


@pytest.mark.parametrize("policy", Clawback)
def test_without_an_image_the_balance_suffices_and_owes_nothing(policy: Clawback) -> None:
    unseen, claim = Purse(policy, None), Claim(20, 10)
    assert unseen.move(claim, TEMPLATE, 100) == [moved(-100)]
    assert unseen.credit(moved(5)) == [moved(5)]
    assert unseen.move(claim, TEMPLATE, -25) == [moved(15)]
    assert claim == Claim(5, 0)
    assert unseen.version is None


def test_a_claim_that_does_not_change_moves_nothing_and_an_image_is_pinned() -> None:
    assert purse(100).move(Claim(), TEMPLATE, 0) == []
    assert purse(100).version == 7


def test_what_is_owed_adds_to_what_was_owed_before() -> None:
    held, claim = purse(0, 30), Claim()
    held.move(claim, TEMPLATE, 10)
    assert held.credit(moved(50)) == [moved(50), recovery_of(moved(50), 40)]
