from copy import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashback.domain.ledger import (
    Account,
    Entry,
    Figures,
    Kind,
    OnRefusal,
    Posting,
    payload_hash,
    recovery_of,
    transaction_id,
)
from tests.unit.builders import applied

amounts = st.integers(1, 10**9)
moves = st.lists(
    st.tuples(st.sampled_from(["credit", "debit", "hold", "release", "settle", "void", "recover"]), amounts)
)


def entry(amount: int, reserved: int = 0, **more: object) -> Entry:
    return replace(Entry("adm:1", Kind.MANUAL, amount, "key:anna", "hash", reserved), **more)  # type: ignore[arg-type]


def moved(name: str, amount: int) -> Entry:
    match name:
        case "credit":
            return entry(amount)
        case "debit":
            return entry(-amount)
        case "hold":
            return entry(-amount, amount)
        case "release":
            return entry(amount, -amount)
        case "settle":
            return entry(0, -amount)
        case "void":
            return entry(amount, voids=True)
    return recovery_of(entry(amount), amount)


@given(moves)
def test_available_and_reserved_are_what_was_credited_less_what_was_debited(steps: list[tuple[str, int]]) -> None:
    account = Account("7001")
    for name, amount in steps:
        before, account = account, applied(account, [moved(name, amount)])
        assert account.available + account.reserved == account.credited - account.debited
        assert account.credited >= before.credited
        assert account.debited >= before.debited or name == "void"


@given(amounts)
def test_a_hold_and_its_release_are_neither_credit_nor_debit(amount: int) -> None:
    held = applied(Account("7001", available=amount, credited=amount), [moved("hold", amount)])
    assert (held.available, held.reserved, held.credited, held.debited) == (0, amount, amount, 0)
    free = applied(held, [moved("release", amount)])
    assert (free.available, free.reserved, free.credited, free.debited) == (amount, 0, amount, 0)


@given(amounts)
def test_settling_debits_what_was_held_and_a_void_takes_the_debit_back(amount: int) -> None:
    settled = applied(Account("7001", reserved=amount, credited=amount), [moved("settle", amount)])
    assert (settled.available, settled.reserved, settled.credited, settled.debited) == (0, 0, amount, amount)
    void = applied(settled, [moved("void", amount)])
    assert (void.available, void.reserved, void.credited, void.debited) == (amount, 0, amount, 0)


@given(amounts, st.data())
def test_a_recovery_takes_what_it_repays_and_names_what_it_came_from(amount: int, data: st.DataObject) -> None:
    repaid = data.draw(st.integers(1, amount))
    gain = entry(amount, cause="ord:1:earn", order_id="1")
    recovery = recovery_of(gain, repaid)
    assert (recovery.cause, recovery.kind, recovery.order_id) == ("rec:ord:1:earn", Kind.RECOVERY, "1")
    after = applied(Account("7001", shortfall=amount), [gain, recovery])
    assert (after.available, after.shortfall) == (amount - repaid, amount - repaid)
    assert (after.credited, after.debited, after.version) == (amount, repaid, 2)


def test_a_posting_sums_its_entries_and_names_each_cause_once() -> None:
    one, other = entry(500), entry(-200, cause="adm:2")
    assert Posting("s", "7001", "now", (one, other)).amount == 300
    with pytest.raises(ValueError, match="two entries of one cause"):
        Posting("s", "7001", "now", (one, replace(other, cause=one.cause)))


@pytest.mark.parametrize("entries", [(), (entry(1), entry(1, cause="adm:2"))])
def test_a_final_refusal_needs_the_one_cause_it_is_recorded_under(entries: tuple[Entry, ...]) -> None:
    with pytest.raises(ValueError, match="one cause"):
        Posting("s", "7001", "now", entries, on_refusal=OnRefusal.FINAL)


def test_figures_are_something_only_when_they_change_something() -> None:
    assert not Figures()
    assert not Figures(orders_count=0, total_spent=0)
    assert Figures(total_spent=-5)
    assert Figures(orders_count=1)
    assert Figures(ordered_at="2026-03-01T12:00:00.000000Z")


parts = st.lists(st.none() | st.integers() | st.text(), max_size=4).map(tuple)


@given(parts, parts)
def test_two_requests_have_one_fingerprint_only_when_they_are_the_same(
    one: tuple[str | int | None, ...], other: tuple[str | int | None, ...]
) -> None:
    assert (payload_hash(*one) == payload_hash(*other)) == (one == other)
    assert len(bytes.fromhex(payload_hash(*one))) * 8 == 128


def test_a_transaction_id_is_short_stable_and_of_one_key() -> None:
    assert transaction_id("S#s#C#1", "ord:1:earn") == transaction_id("S#s#C#1", "ord:1:earn")
    assert transaction_id("S#s#C#1", "ord:1:earn") != transaction_id("S#s#C#2", "ord:1:earn")
    assert transaction_id("S#s#C#1", "ord:1:earn") != transaction_id("S#s#C#1", "ord:2:earn")
    assert len(transaction_id("pk", "sk")) == 26
    assert transaction_id("pk", "sk").isalnum()
