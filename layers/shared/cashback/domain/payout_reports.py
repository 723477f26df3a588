"""What a provider reports of payouts, row by row: which payout a row is about, and what it says of it.

Nothing here depends on the order of the rows, and a row that is in doubt changes nothing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from copy import replace
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct

from cashback.domain.csv_rows import bare, columns_of, records
from cashback.domain.errors import DomainError, Invalid
from cashback.domain.money import Currency
from cashback.domain.payouts import Payout, PayoutStatus
from cashback.domain.times import Instant, instant, moment, parse_instant

MOST_ROWS: Final = 1_000

COLUMNS: Final = ("reference", "payout_id", "amount", "currency", "status", "occurred_at")

LONGEST_REFERENCE: Final = 255
"""Characters of a reference that a payout is given."""

_DATE: Final = len("2026-11-22")
_MIDNIGHT: Final = "T00:00:00.000000Z"

AHEAD: Final = timedelta(days=1)
"""How far ahead of our clock a report may be: a date without a zone is read as UTC. Were more believed, nothing that
happens until then could be reported."""

_MEANS: Final[Mapping[str, PayoutStatus]] = {
    **dict.fromkeys(("SUCCESS", "COMPLETED", "PAID", "CLAIMED"), PayoutStatus.SUCCESS),
    **dict.fromkeys(("ONPROCESS", "UNCLAIMED", "ONHOLD", "PENDING", "PROCESSING"), PayoutStatus.ON_PROCESS),
    **dict.fromkeys(
        ("FAILED", "RETURNED", "REFUNDED", "REVERSED", "BLOCKED", "DENIED", "CANCELED", "CANCELLED"),
        PayoutStatus.FAILED,
    ),
}
"""What each word of a provider means. What is pending there has reached the provider, so here it is on process."""

_ORDER: Final = (PayoutStatus.FAILED, PayoutStatus.ON_PROCESS, PayoutStatus.SUCCESS, None)
"""What is settled first: a payout that failed makes room for another one of the same request, and never the reverse."""


class Outcome(StrEnum):
    """What became of a row."""

    MATCHED = "matched"
    """It says what is known."""
    UPDATED = "updated"
    MISMATCHED = "mismatched"
    """It contradicts what is known, or cannot be read; the code says how."""
    DUPLICATE = "duplicate"
    """Another row is about the same payout or reference, or several payouts have the reference."""
    MISSING_HERE = "missing_here"
    """There is no such payout."""
    BUSY = "busy"
    """It could not be settled now; the same file may be reported again."""


class ReportRow(Struct, frozen=True):
    """One row as it can be read: ``number`` as a spreadsheet counts it, ``word`` the provider's status in capitals.
    ``fault`` says why none of it can be."""

    number: int
    reference: str | None = None
    payout_id: str | None = None
    amount: str = ""
    currency: str = ""
    word: str = ""
    occurred_at: Instant | None = None
    fault: str | None = None

    @property
    def status(self) -> PayoutStatus | None:
        """What the row says became of the payment; None for a word that nobody knows."""
        return _MEANS.get(self.word)


class Verdict(Struct, frozen=True):
    """What became of a row, of which payout (None where the row names none of ours, or several), and why."""

    row: int
    outcome: Outcome
    payout_id: str | None = None
    code: str | None = None


class PayoutReport(Struct, frozen=True):
    """What a file came to: every row once, in their order, and the live payouts that no row names, the newest first;
    ``more`` where there are further ones, or may be."""

    verdicts: tuple[Verdict, ...]
    missing_there: tuple[str, ...] = ()
    more: bool = False

    @property
    def is_final(self) -> bool:
        """Whether no row is left to be settled."""
        return all(verdict.outcome is not Outcome.BUSY for verdict in self.verdicts)


class Match(Struct, frozen=True):
    """A row, and the one payout that it is about."""

    row: ReportRow
    payout_id: str


class RowMismatch(DomainError):
    """A row contradicts its payout; the code says in what."""

    code = "row_mismatch"
    status = 409

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__()


def read_report(text: str) -> tuple[ReportRow, ...]:
    """Read a file whose header names just ``COLUMNS``, in any order. Blank rows are left out.

    :raises Invalid: ``csv_format``, ``csv_columns``, ``csv_empty`` or ``too_many_rows``; nothing of it is then good.
    """
    numbered = records(text)
    _, header = next(numbered, (0, []))
    names = columns_of(header)
    if sorted(names) != sorted(COLUMNS):
        raise Invalid("body", "csv_columns", f"the header must name {', '.join(COLUMNS)}, each once and nothing else")
    rows: list[ReportRow] = []
    for number, cells in numbered:
        if len(rows) == MOST_ROWS:
            raise Invalid("body", "too_many_rows", f"a file has at most {MOST_ROWS:,} rows")
        rows.append(_row(number, names, cells))
    if not rows:
        raise Invalid("body", "csv_empty", "the file has no rows but its header")
    return tuple(rows)


def match_rows(
    rows: Iterable[ReportRow], referred: Mapping[str, Sequence[str]], known: AbstractSet[str]
) -> tuple[list[Match], list[Verdict]]:
    """Find which payout each row is about: by its reference, else by its payout id. ``referred`` are the payouts that
    have each reference, ``known`` those that there are. Return the matches in the order in which they are to be
    settled, and what is said of the rows that have none."""
    rows = list(rows)
    references = Counter(row.reference for row in rows)
    named = Counter(name for row in rows for name in _named(row, referred))
    matches: list[Match] = []
    verdicts: list[Verdict] = []
    for row in rows:
        names = _named(row, referred)
        ours = sorted(names & known)
        payout_id = ours[0] if len(ours) == 1 else None
        others = referred.get(row.reference or "", ())
        is_doubled = row.reference is not None and references[row.reference] > 1
        if is_doubled or len(others) > 1 or any(named[name] > 1 for name in names):
            verdicts.append(Verdict(row.number, Outcome.DUPLICATE, payout_id))
        elif row.fault is not None or not (row.reference or row.payout_id):
            verdicts.append(Verdict(row.number, Outcome.MISMATCHED, code=row.fault or "reference_required"))
        elif not ours:
            verdicts.append(Verdict(row.number, Outcome.MISSING_HERE))
        elif payout_id is None or len(names) > 1:
            verdicts.append(Verdict(row.number, Outcome.MISMATCHED, payout_id, "reference_mismatch"))
        else:
            matches.append(Match(row, payout_id))
    return sorted(matches, key=_place), verdicts


def names_of(rows: Iterable[ReportRow], referred: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """Return every payout that any row names."""
    return frozenset(name for row in rows for name in _named(row, referred))


def wanted_of(row: ReportRow, payout: Payout, currency: Currency, now: Instant) -> dict[str, Any]:
    """Return what a row wants to be so of its payout, as ``payouts.changed`` takes it. A failure has the provider's
    word for a reason. Only what is newer than all that is known of the payout changes it: a file that is reported again
    changes nothing, whatever people told between, nor any payout that was made since.

    :raises RowMismatch: ``status_unknown``, ``currency_mismatch``, ``amount_mismatch``, ``occurred_at_format``,
        ``occurred_at_in_future``, ``occurred_at_older``, ``reference_mismatch`` or ``reference_length``.
    :raises Invalid: the amount is none.
    """
    if row.status is None:
        raise RowMismatch("status_unknown")
    if row.currency != payout.currency:
        raise RowMismatch("currency_mismatch")
    if currency.parse(row.amount) != payout.amount:
        raise RowMismatch("amount_mismatch")
    wanted: dict[str, Any] = {"status": row.status, "occurred_at": _occurred_at(row, now)}
    refers = row.reference not in {None, payout.external_reference}
    is_newer = _is_newer(wanted["occurred_at"], payout)
    if not is_newer and (refers or row.status is not payout.status):
        raise RowMismatch("occurred_at_older")
    if refers:
        if payout.external_reference is not None:
            raise RowMismatch("reference_mismatch")
        if len(row.reference or "") > LONGEST_REFERENCE:
            raise RowMismatch("reference_length")
        wanted["external_reference"] = row.reference
    if row.status is PayoutStatus.FAILED and payout.status is not PayoutStatus.FAILED:
        wanted["reason"] = row.word
    return wanted


def heard_again(payout: Payout, wanted: Mapping[str, Any]) -> Payout | None:
    """Return a payout of which a report said later what is known already, so that nothing older counts any more; None
    where the report was no later. It is no change: the audit tells nothing of it.

    ``wanted`` is that of a row that changes nothing else.
    """
    occurred_at: Instant = wanted["occurred_at"]
    if payout.occurred_at is not None and occurred_at <= payout.occurred_at:
        return None
    return replace(payout, occurred_at=occurred_at, rev=payout.rev + 1)


def says_the_same(payout: Payout, wanted: Mapping[str, Any]) -> bool:
    """Tell whether a row changes nothing of its payout but when it was last heard of."""
    return all(getattr(payout, name) == value for name, value in wanted.items() if name != "occurred_at")


def _row(number: int, names: Sequence[str], cells: Sequence[str]) -> ReportRow:
    if len(cells) != len(names):
        return ReportRow(number, fault="cells")
    said = dict(zip(names, map(bare, cells), strict=True))
    return ReportRow(
        number,
        reference=said["reference"] or None,
        payout_id=said["payout_id"] or None,
        amount=said["amount"],
        currency=said["currency"].upper(),
        word="".join(letter for letter in said["status"].upper() if letter.isalnum()),
        occurred_at=_instant(said["occurred_at"]),
    )


def _instant(text: str) -> Instant | None:
    try:
        return parse_instant(text)
    except ValueError:
        return None


def _named(row: ReportRow, referred: Mapping[str, Sequence[str]]) -> set[str]:
    """The payouts that a row names, by either of its two columns."""
    return {*referred.get(row.reference or "", ()), *filter(None, [row.payout_id])}


def _is_newer(occurred_at: Instant, payout: Payout) -> bool:
    """Tell whether something happened after all that is known of a payout. A provider may date by the day, which is
    read as its midnight: that may be the day on which the payout was made."""
    if payout.occurred_at is not None:
        return occurred_at > payout.occurred_at
    return occurred_at >= (payout.created_at[:_DATE] if occurred_at.endswith(_MIDNIGHT) else payout.created_at)


def _occurred_at(row: ReportRow, now: Instant) -> Instant:
    if row.occurred_at is None:
        raise RowMismatch("occurred_at_format")
    if row.occurred_at > instant(moment(now) + AHEAD):
        raise RowMismatch("occurred_at_in_future")
    return row.occurred_at


def _place(match: Match) -> tuple[int, Instant, str]:
    return _ORDER.index(match.row.status), match.row.occurred_at or "", match.payout_id
