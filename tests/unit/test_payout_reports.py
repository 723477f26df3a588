"""Payouts follow what their provider reports: once, in any order of its rows, and nothing that is in doubt."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from copy import replace
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cashback.adapters.dynamo.payouts import Payouts
from cashback.domain.customers import Profile
from cashback.domain.errors import Busy, DomainError, Invalid
from cashback.domain.payout_reports import COLUMNS, MOST_ROWS, Outcome, PayoutReport, ReportRow, read_report
from cashback.domain.payouts import PayoutStatus
from cashback.services import reconcile_payouts as reconciling
from cashback.services.manage_payouts import change_payout
from cashback.services.reconcile_payouts import reconcile_payouts
from tests.unit.builders import CUSTOMER, NOW, ORIGIN, STORE, at
from tests.unit.payout_office import CUSTOMERS, OTHER, Office
from tests.unit.test_payout_money import ACCOUNT

LATER: Final = at(13 * 3600)
"""After ``NOW``, when people tell what they know."""


def file(rows: Iterable[dict[str, str]], columns: Sequence[str] = COLUMNS) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def row(reference: str = "", payout_id: str = "", status: str = "SUCCESS", **more: str) -> dict[str, str]:
    said = {"amount": "1.00", "currency": "USD", "occurred_at": at(100)}
    return {"reference": reference, "payout_id": payout_id, "status": status, **said, **more}


def reconcile(office: Office, *rows: dict[str, str], has_time: Any = lambda: True) -> PayoutReport:
    """Reconcile a file of these rows."""
    read = read_report(file(rows))
    return reconcile_payouts(office.work, office.shop.settings, read, ORIGIN, NOW, has_time)


def told(report: PayoutReport) -> list[tuple[Outcome, str | None]]:
    return [(verdict.outcome, verdict.code) for verdict in report.verdicts]


# ---- the file


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "csv_columns"),
        ("reference,payout_id,amount,currency,status\nr,,1.00,USD,PAID\n", "csv_columns"),
        (file([row("r")]).replace("reference", "ref"), "csv_columns"),
        (file([], [*COLUMNS, "note"]), "csv_columns"),
        (file([], [*COLUMNS, "status"]), "csv_columns"),
        ('{"rows": []}', "csv_columns"),
        (file([]), "csv_empty"),
        (file([row("r")]) + '"open', "csv_format"),
        (file([row("r")] * (MOST_ROWS + 1)), "too_many_rows"),
    ],
)
def test_a_file_of_another_shape_is_refused_as_a_whole(text: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_report(text)
    assert refused.value.code == code


def test_columns_stand_in_any_order_and_cells_are_read_as_spreadsheets_save_them() -> None:
    header = "\ufeffStatus;occurred_at;AMOUNT;currency;payout_id;reference"
    text = f"{header}\n\non hold;2026-03-01T10:00+01:00;1.00;usd;;'=R1\n"
    assert read_report(text) == (ReportRow(3, "=R1", None, "1.00", "USD", "ONHOLD", "2026-03-01T09:00:00.000000Z"),)
    assert len(read_report(file([row("r")] * MOST_ROWS))) == MOST_ROWS


# ---- one row


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("SUCCESS Completed paid claimed", PayoutStatus.SUCCESS),
        ("on_process On-Process UNCLAIMED on_hold ONHOLD Pending PROCESSING", PayoutStatus.ON_PROCESS),
        (
            "failed RETURNED Refunded REVERSED blocked FAILED DENIED canceled CANCELLED returned.",
            PayoutStatus.FAILED,
        ),
    ],
)
def test_a_word_of_the_provider_moves_the_payout(words: str, status: PayoutStatus) -> None:
    for word in words.split():
        office = Office()
        payout_id = office.payout(reference="R1")
        assert told(reconcile(office, row("R1", status=word))) == [(Outcome.UPDATED, None)]
        payout = office.read(payout_id)
        assert (payout.status, payout.occurred_at) == (status, at(100))
        assert (payout.reason is not None) is (status is PayoutStatus.FAILED)


def test_what_a_report_says_moves_the_money_and_the_audit() -> None:
    office = Office()
    payout_id = office.payout(reference="R1")
    reconcile(office, row("R1", status="COMPLETED"))
    assert office.money == (900, 0, 0)
    reconcile(office, row("R1", status="RETURNED", occurred_at=at(200)))
    assert office.money == (1_000, 0, 0)
    (line, *_), _ = office.work.payouts.history(STORE, payout_id, 10)
    assert line.after == {"status": "failed", "reason": "RETURNED"}
    assert (line.actor, line.request_id) == (ORIGIN.actor, ORIGIN.request_id)


CASES: Final[list[tuple[str, dict[str, str]]]] = [
    ("status_unknown", {"status": "SOON"}),
    ("status_unknown", {"status": ""}),
    ("currency_mismatch", {"currency": "EUR"}),
    ("amount_mismatch", {"amount": "1.01"}),
    ("amount_mismatch", {"amount": "-1.00"}),
    ("amount_format", {"amount": "1,00"}),
    ("amount_format", {"amount": ""}),
    ("amount_precision", {"amount": "1.000"}),
    ("occurred_at_format", {"occurred_at": ""}),
    ("occurred_at_format", {"occurred_at": "yesterday"}),
    ("occurred_at_in_future", {"occurred_at": "2026-03-03T12:00:00Z"}),
    ("reference_mismatch", {"reference": "R9"}),
    ("reference_mismatch", {"payout_id": "pay_9"}),
    ("reference_required", {"reference": "", "payout_id": ""}),
]


@pytest.mark.parametrize(("code", "changes"), CASES)
def test_a_row_that_contradicts_its_payout_changes_nothing(code: str, changes: dict[str, str]) -> None:
    office = Office()
    payout_id = office.payout(reference="R1")
    before = office.tables()
    assert told(reconcile(office, row("R1", payout_id) | changes)) == [(Outcome.MISMATCHED, code)]
    assert office.tables() == before


def test_a_row_of_too_few_cells_is_one_row_alone() -> None:
    office = Office()
    office.payout(reference="R1")
    rows = read_report(file([row("R1")]) + "R1,x\n")
    report = reconcile_payouts(office.work, office.shop.settings, rows, ORIGIN, NOW, lambda: True)
    assert told(report) == [(Outcome.UPDATED, None), (Outcome.MISMATCHED, "cells")]


def test_a_payout_without_a_reference_is_given_the_one_of_its_row() -> None:
    office = Office()
    payout_id = office.payout()
    assert told(reconcile(office, row("R1", payout_id, "PENDING"))) == [(Outcome.UPDATED, None)]
    assert office.read(payout_id).external_reference == "R1"
    assert told(reconcile(office, row("R1", occurred_at=at(101)))) == [(Outcome.UPDATED, None)]
    assert told(reconcile(office, row("", payout_id, occurred_at=at(101)))) == [(Outcome.MATCHED, None)]


def test_a_reference_that_is_too_long_is_given_to_nobody() -> None:
    office = Office()
    payout_id = office.payout()
    assert told(reconcile(office, row("R" * 256, payout_id))) == [(Outcome.MISMATCHED, "reference_length")]
    assert office.read(payout_id).external_reference is None


def test_reference_and_id_of_two_payouts_change_neither() -> None:
    office = Office()
    office.payout(reference="R1")
    second = office.payout()
    before = office.tables()
    assert told(reconcile(office, row("R1", second))) == [(Outcome.MISMATCHED, "reference_mismatch")]
    assert office.tables() == before


def test_what_we_do_not_have_and_what_they_do_not_have_is_told() -> None:
    office = Office()
    ours = [office.payout(reference="R1"), office.payout(), office.payout(reference="R3")]
    office.turn(ours[0], PayoutStatus.SUCCESS)
    report = reconcile(office, row("R9"), row("", "pay_unknown"), row("", "\u00e9" * 300), row("R3", amount="9.00"))
    assert told(report)[:3] == [(Outcome.MISSING_HERE, None)] * 3
    assert (report.missing_there, report.more) == ((ours[1],), False)


def test_missing_payouts_are_told_up_to_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciling, "MOST_MISSING", 2)
    monkeypatch.setattr(reconciling, "_READ_AT_ONCE", 1)
    office = Office()
    ours = [office.payout(reference=f"R{number}") for number in range(4)]
    assert not reconcile(office, row("R1"), row("R3")).more
    report = reconcile(office, row("R9"))
    assert set(report.missing_there) == {ours[0], ours[2]}
    for number in range(3):
        office.payout(reference=f"S{number}")
    report = reconcile(office, row("S1"))
    assert (len(report.missing_there), report.more) == (2, True)


@pytest.mark.parametrize(
    "rows",
    [
        [row("R1"), row("R1")],
        [row("R1"), row("", "FIRST")],
        [row("R1", "FIRST"), row("", "FIRST", "FAILED")],
        [row("R9"), row("R9")],
        [row("", "pay_9"), row("R9", "pay_9")],
        [row("BOTH")],
        [row("BOTH", "SECOND")],
    ],
)
def test_a_payout_or_reference_that_is_named_twice_is_left_alone(rows: list[dict[str, str]]) -> None:
    office = Office()
    first = office.payout(reference="R1")
    second, _ = (office.payout(reference="BOTH") for _ in range(2))
    ids = {"FIRST": first, "SECOND": second}
    before = office.tables()
    spelt = [{**one, "payout_id": ids.get(one["payout_id"], one["payout_id"])} for one in rows]
    assert {outcome for outcome, _ in told(reconcile(office, *spelt))} == {Outcome.DUPLICATE}
    assert office.tables() == before


def test_an_illegal_move_is_told_with_its_code() -> None:
    office = Office()
    first = office.payout(reference="R1")
    office.turn(first, PayoutStatus.FAILED)
    office.pay_again(office.read(first).incentive_request_id)
    assert told(reconcile(office, row("R1", occurred_at=LATER))) == [(Outcome.MISMATCHED, "payout_exists")]
    pending = row("R1", status="PENDING", occurred_at=LATER)
    assert told(reconcile(office, pending)) == [(Outcome.MISMATCHED, "state_conflict")]


def test_older_news_never_override_newer_ones_even_where_those_changed_nothing() -> None:
    office = Office()
    payout_id = office.payout(reference="R1")
    reconcile(office, row("R1", occurred_at=at(100)))
    assert told(reconcile(office, row("R1", occurred_at=at(300)))) == [(Outcome.MATCHED, None)]
    for second in (50, 200):
        late = row("R1", status="RETURNED", occurred_at=at(second))
        assert told(reconcile(office, late)) == [(Outcome.MISMATCHED, "occurred_at_older")]
    assert office.read(payout_id).status is PayoutStatus.SUCCESS
    lines, _ = office.work.payouts.history(STORE, payout_id, 10)
    assert len(lines) == 3, "made, referred to, arrived: what was known already is no change"


@pytest.mark.parametrize(
    ("word", "status", "money"),
    [("SUCCESS", PayoutStatus.FAILED, (1_000, 0, 0)), ("FAILED", PayoutStatus.SUCCESS, (900, 0, 0))],
)
def test_a_file_that_is_reported_again_undoes_nothing_that_a_person_told_between(
    word: str, status: PayoutStatus, money: tuple[int, int, int]
) -> None:
    office = Office()
    payout_id = office.payout(reference="R1")
    for occurred_at in (at(100), NOW):
        reconcile(office, row("R1", status=word, occurred_at=at(100)))
        office.turn(payout_id, status)
        before = office.tables()
        said = reconcile(office, row("R1", status=word, occurred_at=occurred_at))
        assert told(said) == [(Outcome.MISMATCHED, "occurred_at_older")]
        assert (office.tables(), office.money) == (before, money)
    reconcile(office, row("R1", status=word, occurred_at=LATER))
    assert office.read(payout_id).status is not status


def test_an_end_that_a_person_tells_is_no_older_than_the_report_that_it_answers() -> None:
    office = Office()
    payout_id = office.payout(reference="R1")
    rows = [row("R1", occurred_at=LATER)]
    reconcile(office, *rows)
    office.turn(payout_id, PayoutStatus.FAILED)
    assert told(reconcile(office, *rows)) == [(Outcome.MISMATCHED, "occurred_at_older")]
    assert (office.read(payout_id).occurred_at, office.money) == (LATER, (1_000, 0, 0))


def test_what_is_only_on_its_way_ends_as_a_report_from_before_says() -> None:
    office = Office()
    payout_id = office.payout(reference="R1")
    office.turn(payout_id, PayoutStatus.ON_PROCESS)
    assert told(reconcile(office, row("R1", occurred_at=at(1)))) == [(Outcome.UPDATED, None)]


def test_old_news_of_what_is_known_match_and_bring_no_reference() -> None:
    office = Office()
    payout_id = office.payout()
    office.turn(payout_id, PayoutStatus.SUCCESS)
    before = office.tables()
    assert told(reconcile(office, row("", payout_id))) == [(Outcome.MATCHED, None)]
    assert told(reconcile(office, row("R1", payout_id))) == [(Outcome.MISMATCHED, "occurred_at_older")]
    assert office.tables() == before


def test_a_late_success_takes_what_is_there() -> None:
    office = Office(100)
    payout_id = office.payout(100, "R1")
    office.turn(payout_id, PayoutStatus.FAILED)
    office.give(CUSTOMER, -60)
    assert told(reconcile(office, row("R1", occurred_at=LATER))) == [(Outcome.UPDATED, None)]
    assert office.money == (0, 0, 60)


def test_payouts_of_one_request_swap_in_one_report() -> None:
    office = Office(100)
    first = office.payout(100, "R1")
    office.turn(first, PayoutStatus.FAILED)
    office.pay_again(office.read(first).incentive_request_id, "R2")
    rows = [row("R1", occurred_at=LATER), row("R2", status="RETURNED", occurred_at=LATER)]
    assert told(reconcile(office, *rows)) == [(Outcome.UPDATED, None)] * 2
    assert office.money == (0, 0, 0)
    before = office.tables()
    assert told(reconcile(office, *rows)) == [(Outcome.MATCHED, None)] * 2
    assert office.tables() == before


def test_payouts_of_merged_customers_are_settled_where_their_balance_is() -> None:
    office = Office()
    for number, one in enumerate(CUSTOMERS):
        office.payout(100, f"R{number}", of=one)
    office.shop.books.ledger.merge(STORE, OTHER, CUSTOMER, NOW, "shop")
    words = ("SUCCESS", "RETURNED", "SUCCESS")
    report = reconcile(office, *(row(f"R{number}", status=word) for number, word in enumerate(words)))
    assert told(report) == [(Outcome.UPDATED, None)] * 3
    assert office.balances() == [(1_900, 0, 0), (0, 0, 0), (900, 0, 0)]


# ---- many rows, and trouble


def test_many_rows_take_few_calls() -> None:
    office = Office()
    people = [f"p{number}" for number in range(48)]
    for one in people:
        office.shop.books.customers.create(STORE, Profile(one, NOW, NOW), NOW)
        office.work.books.payment_accounts.add(STORE, replace(ACCOUNT, customer_id=one, mac=one))
        office.give(one, 100)
        office.payout(100, f"R{one}", of=one)
    office.shop.dynamo.faults.calls = 0
    calls: list[str] = []
    office.shop.dynamo.faults.before_call = lambda _, operation: calls.append(operation)
    report = reconcile(office, *(row(f"R{one}") for one in people))
    assert told(report) == [(Outcome.UPDATED, None)] * 48
    listed = 2
    assert {name: calls.count(name) for name in set(calls)} == {
        "Query": 48 + listed,
        "BatchGetItem": 1 + 2 * 3,
        "TransactWriteItems": 3,
        "GetItem": 1,
    }


def test_rows_for_which_there_is_no_time_are_busy_and_the_same_file_goes_on() -> None:
    office = Office()
    for number in range(5):
        office.payout(reference=f"R{number}")
    rows = [row(f"R{number}") for number in range(5)]
    left = iter([True] * (len(rows) + 2))
    report = reconcile(office, *rows, has_time=lambda: next(left, False))
    assert report.more, "nobody looked for what is missing there"
    assert sorted(told(report)) == [(Outcome.BUSY, None)] * 3 + [(Outcome.UPDATED, None)] * 2
    report = reconcile(office, *rows)
    assert sorted(told(report)) == [(Outcome.MATCHED, None)] * 2 + [(Outcome.UPDATED, None)] * 3


def test_a_report_whose_payouts_could_not_all_be_found_in_time_changes_nothing() -> None:
    office = Office()
    for number in range(3):
        office.payout(reference=f"R{number}")
    before, left = office.tables(), iter([True] * 2)
    rows = [*(row(f"R{number}") for number in range(3)), row("R9", status="SOON")]
    report = reconcile(office, *rows, has_time=lambda: next(left, False))
    assert (told(report), report.is_final) == ([(Outcome.BUSY, None)] * 4, False)
    assert office.tables() == before
    assert reconcile(office, *rows).is_final


def test_what_became_of_the_rows_is_told_even_where_nobody_could_look_for_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    office = Office()
    office.payout(reference="R1")

    def unread(*_: object) -> None:
        raise Busy

    monkeypatch.setattr(Payouts, "page", unread)
    report = reconcile(office, row("R1"))
    assert (told(report), report.missing_there, report.more) == ([(Outcome.UPDATED, None)], (), True)


def test_a_person_is_not_refused_because_a_report_said_the_same_meanwhile() -> None:
    office = Office()
    payout_id = office.payout(reference="R1")
    reconcile(office, row("R1", status="PENDING"))
    acts = iter([1])

    def meanwhile() -> None:
        for _ in acts:
            reconcile(office, row("R1", status="PENDING", occurred_at=at(200)))

    with office.shop.before_writes(meanwhile):
        office.turn(payout_id, PayoutStatus.SUCCESS)
    assert office.read(payout_id).status is PayoutStatus.SUCCESS


def test_somebody_who_changes_a_payout_meanwhile_is_not_overridden() -> None:
    office = Office()
    payout_id = office.payout(reference="R1")
    acts = iter([1])

    def meanwhile() -> None:
        for _ in acts:
            wanted = {"status": PayoutStatus.FAILED, "reason": "why", "occurred_at": at(200)}
            change_payout(office.work, STORE, payout_id, wanted, ORIGIN, NOW)

    with office.shop.before_writes(meanwhile):
        report = reconcile(office, row("R1"))
    assert told(report) == [(Outcome.MISMATCHED, "occurred_at_older")]
    assert (office.read(payout_id).status, office.money) == (PayoutStatus.FAILED, (1_000, 0, 0))


def test_a_payout_that_keeps_changing_is_busy() -> None:
    office = Office()
    payout_id = office.payout(reference="R1")
    numbers = iter(range(100))

    def meanwhile() -> None:
        change_payout(office.work, STORE, payout_id, {"description": str(next(numbers))}, ORIGIN, NOW)

    with office.shop.before_writes(meanwhile):
        report = reconcile(office, row("R1"))
    assert told(report) == [(Outcome.BUSY, None)]
    assert office.read(payout_id).status is PayoutStatus.PENDING


def test_a_row_that_is_to_be_tried_again_is_busy_where_there_is_no_time_for_it() -> None:
    office = Office()
    payout_id = office.payout(reference="R1")
    acts, left = iter([1]), iter([True, True])

    def meanwhile() -> None:
        for _ in acts:
            change_payout(office.work, STORE, payout_id, {"description": "x"}, ORIGIN, NOW)

    with office.shop.before_writes(meanwhile):
        report = reconcile(office, row("R1"), has_time=lambda: next(left, False))
    assert told(report) == [(Outcome.BUSY, None)]
    assert told(reconcile(office, row("R1"))) == [(Outcome.UPDATED, None)]


# ---- whatever is reported

WORDS: Final = ("SUCCESS", "PENDING", "RETURNED", "FAILED", "SOON")
REFERENCES: Final = ("", "R0", "R1", "R2", "R3", "TWICE", "NEW1", "NEW2")
SETTLED: Final = frozenset({Outcome.UPDATED, Outcome.MATCHED})
PLACES: Final = ("", "0", "1", "2", "3", "4", "5", "pay_unknown")


def reported(office: Office, payouts: Sequence[str], asked: Iterable[tuple[Any, ...]]) -> Iterator[dict[str, str]]:
    for reference, place, word, second, amount in asked:
        payout_id = payouts[int(place)] if place.isdigit() else place
        yield row(reference, payout_id, word, occurred_at=at(second), amount=amount)


def office_of(states: Sequence[tuple[str, str | None]]) -> tuple[Office, list[str]]:
    """Six payouts, some of one request, of three customers, in various states."""
    office = Office(500)
    payouts: list[str] = []
    for number, (status, word) in enumerate(states):
        reference = word and (word if word == "TWICE" else f"R{number}")
        of = CUSTOMERS[number % 3]
        previous = payouts[number - 3] if number >= 3 else None
        if previous is not None and office.read(previous).status is PayoutStatus.FAILED:
            payouts.append(office.pay_again(office.read(previous).incentive_request_id, reference))
        else:
            payouts.append(office.payout(100, reference, of=of))
        if status != "pending":
            office.turn(payouts[-1], PayoutStatus(status))
    return office, payouts


STATES = st.lists(
    st.tuples(st.sampled_from(["pending", "on_process", "success", "failed"]), st.sampled_from([None, "R", "TWICE"])),
    min_size=6,
    max_size=6,
)
ROWS = st.lists(
    st.tuples(
        st.sampled_from(REFERENCES),
        st.sampled_from(PLACES),
        st.sampled_from(WORDS),
        st.integers(0, 3),
        st.sampled_from(["1.00", "1.00", "1.00", "2.00"]),
    ),
    min_size=1,
    max_size=8,
)


@settings(deadline=None, max_examples=150)
@given(STATES, ROWS, ROWS)
def test_any_file_twice_changes_nothing_the_second_time(states: list[Any], first: list[Any], second: list[Any]) -> None:
    office, payouts = office_of(states)
    reconcile(office, *reported(office, payouts, first))
    reconcile(office, *reported(office, payouts, second))
    before = office.tables()
    report = reconcile(office, *reported(office, payouts, second))
    assert office.tables() == before
    assert Outcome.UPDATED not in {outcome for outcome, _ in told(report)}
    assert len(report.verdicts) == len(second)


@settings(deadline=None, max_examples=150)
@given(STATES, ROWS, st.data())
def test_any_order_of_the_rows_makes_the_same_tables(states: list[Any], rows: list[Any], data: st.DataObject) -> None:
    ends = []
    for order in (rows, data.draw(st.permutations(rows))):
        office, payouts = office_of(states)
        report = reconcile(office, *reported(office, payouts, order))
        said = sorted((one.payout_id or "", one.outcome, one.code or "") for one in report.verdicts)
        ends.append((office.tables(), said))
    assert ends[0] == ends[1]


TOLD: Final = st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["on_process", "success", "failed"])), max_size=6)
DAYS: Final = st.sampled_from([0, 1, 12 * 3600, 13 * 3600, 14 * 3600])
FILES: Final = st.lists(
    st.tuples(
        st.lists(
            st.tuples(
                st.sampled_from(REFERENCES), st.sampled_from(PLACES), st.sampled_from(WORDS), DAYS, st.just("1.00")
            ),
            min_size=1,
            max_size=6,
        ),
        TOLD,
    ),
    min_size=1,
    max_size=4,
)


@settings(deadline=None, max_examples=200)
@given(STATES, FILES)
def test_no_row_that_was_settled_once_changes_anything_again(states: list[Any], files: list[Any]) -> None:
    office, payouts = office_of(states)
    settled: list[dict[str, str]] = []
    for rows, patches in files:
        file = list(reported(office, payouts, rows))
        report = reconcile(office, *file)
        settled += [file[one.row - 2] for one in report.verdicts if one.outcome in SETTLED]
        for number, status in patches:
            with suppress(DomainError):
                office.turn(payouts[number], PayoutStatus(status))
        before = office.tables()
        for one in settled:
            reconcile(office, one)
        assert office.tables() == before


@pytest.mark.parametrize(
    ("occurred_at", "outcome"),
    [
        ("2026-02-28T23:59:59Z", (Outcome.MISMATCHED, "occurred_at_older")),
        ("2020-01-01", (Outcome.MISMATCHED, "occurred_at_older")),
        (at(0)[:10], (Outcome.UPDATED, None)),
        (at(0), (Outcome.UPDATED, None)),
    ],
)
def test_a_report_changes_no_payout_that_was_made_since(occurred_at: str, outcome: tuple[Outcome, str | None]) -> None:
    office = Office()
    payout_id = office.payout(reference="R1")
    before = office.read(payout_id)
    assert told(reconcile(office, row("R1", status="RETURNED", occurred_at=occurred_at))) == [outcome]
    assert (office.read(payout_id) == before) is (outcome[0] is Outcome.MISMATCHED)
