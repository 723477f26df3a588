"""Bring payouts up to what their provider reports of them. The same report twice changes nothing, and the order of its
rows means nothing.

Of 1,000 rows each reference is one query; documents are read and written ``_AT_ONCE`` to a call, two reads and one
transaction, those of one customer one after the other.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from cashback.domain.audit import Origin
from cashback.domain.errors import Busy, DomainError
from cashback.domain.incentive_requests import IncentiveRequest
from cashback.domain.ledger import Account, Posted, Posting
from cashback.domain.member_rows import is_id
from cashback.domain.payout_reports import (
    Match,
    Outcome,
    PayoutReport,
    ReportRow,
    Verdict,
    heard_again,
    match_rows,
    names_of,
    says_the_same,
    wanted_of,
)
from cashback.domain.payouts import LIVE, Payout, changed
from cashback.domain.settings import Settings
from cashback.domain.times import Instant
from cashback.services.books import PayoutBooks
from cashback.services.manage_payouts import commit_change, posting_of, writes_of

MOST_MISSING: Final = 1_000
"""Live payouts that a report names as missing there."""

_AT_ONCE: Final = 16
"""Payouts of one transaction of at most 100 writes. One takes six: itself, its audit, its reference, its request, an
entry and an account."""

_READ_AT_ONCE: Final = 1_000
_TRIES: Final = 3


class _Desk(Struct, frozen=True):
    """Who reports, when, and how long there is time to settle rows."""

    work: PayoutBooks
    settings: Settings
    origin: Origin
    now: Instant
    has_time: Callable[[], bool]


class _Step(Struct, frozen=True):
    """What a row writes; None where nothing is left to write."""

    match: Match
    outcome: Outcome
    posting: Posting | None = None

    @property
    def verdict(self) -> Verdict:
        return Verdict(self.match.row.number, self.outcome, self.match.payout_id)


def reconcile_payouts(
    work: PayoutBooks,
    settings: Settings,
    rows: Sequence[ReportRow],
    origin: Origin,
    now: Instant,
    has_time: Callable[[], bool],
) -> PayoutReport:
    """Settle the rows of a report, each for itself; return what became of every one. Once ``has_time`` says no, what is
    left is ``busy``: the same report goes on there. That may be all of it, while it is looked for.

    Live payouts that no row names are found through an index that may lag a second.

    :raises Busy: the tables are out of reach, and nothing was changed; the same call is safe to repeat.
    """
    desk, store_id = _Desk(work, settings, origin, now, has_time), settings.store_id
    references = dict.fromkeys(row.reference for row in rows if row.reference is not None)
    referred: dict[str, list[str]] = {}
    for reference in references:
        if not has_time():
            return PayoutReport(tuple(Verdict(row.number, Outcome.BUSY) for row in rows), more=True)
        referred[reference] = work.payouts.referred(store_id, reference)
    names = names_of(rows, referred)
    known = {one.payout_id: one for one in work.payouts.get_many(store_id, sorted(filter(is_id, names)))}
    matches, verdicts = match_rows(rows, referred, known.keys())
    while matches:
        chunk, matches = _next(matches, known)
        verdicts += _settled(desk, chunk) if has_time() else map(_busy, chunk)
    in_order = tuple(sorted(verdicts, key=lambda verdict: verdict.row))
    missing, more = _missing_there(desk, names)
    return PayoutReport(in_order, missing, more=more)


def _missing_there(desk: _Desk, names: Collection[str]) -> tuple[tuple[str, ...], bool]:
    """Return the live payouts that nobody names, as many as are told of at most and can be read in time, and whether
    there may be more. What became of the rows is told in any case."""
    missing: list[str] = []
    before: str | None = None
    while len(missing) <= MOST_MISSING and desk.has_time():
        try:
            page, before = desk.work.payouts.page(desk.settings.store_id, sorted(LIVE), _READ_AT_ONCE, before)
        except Busy:
            break
        missing += [payout.payout_id for payout in page if payout.payout_id not in names]
        if before is None:
            return tuple(missing[:MOST_MISSING]), len(missing) > MOST_MISSING
    return tuple(missing[:MOST_MISSING]), True


def _next(matches: Sequence[Match], known: Mapping[str, Payout]) -> tuple[list[Match], list[Match]]:
    """Take what can be settled in one transaction, which touches no account and no request twice; and what is left, in
    its order."""
    chunk: list[Match] = []
    left: list[Match] = []
    customers: set[str] = set()
    for match in matches:
        customer_id = known[match.payout_id].customer_id
        is_next = len(chunk) < _AT_ONCE and customer_id not in customers
        customers.add(customer_id)
        (chunk if is_next else left).append(match)
    return chunk, left


def _settled(desk: _Desk, matches: Sequence[Match]) -> list[Verdict]:
    """Settle rows of different customers together, and one by one those that this leaves."""
    verdicts: list[Verdict] = []
    steps: list[_Step] = []
    try:
        documents = _documents(desk, matches)
    except Busy:
        return [_busy(match) for match in matches]
    for match, payout, request in documents:
        try:
            step = _step(desk, match, payout, request, None)
        except DomainError as refused:
            verdicts.append(_refused(match, refused))
            continue
        if step.posting is None:
            verdicts.append(step.verdict)
        else:
            steps.append(step)
    left = _uncommitted(desk.work, steps)
    verdicts += [step.verdict for step in steps if step not in left]
    return verdicts + [_alone(desk, step) for step in left]


def _documents(desk: _Desk, matches: Sequence[Match]) -> list[tuple[Match, Payout, IncentiveRequest]]:
    """Read what rows are about; neither payouts nor requests are ever deleted."""
    store_id = desk.settings.store_id
    payouts = desk.work.payouts.get_many(store_id, [match.payout_id for match in matches])
    requests = desk.work.requests.get_many(store_id, [payout.incentive_request_id for payout in payouts])
    return list(zip(matches, payouts, requests, strict=True))


def _step(desk: _Desk, match: Match, payout: Payout, request: IncentiveRequest, account: Account | None) -> _Step:
    """Decide what a row writes.

    :raises DomainError: it contradicts the payout, or there is no such move.
    """
    work, store_id = desk.work, desk.settings.store_id
    wanted: dict[str, Any] = wanted_of(match.row, payout, desk.settings.currency, desk.now)
    if says_the_same(payout, wanted):
        heard = heard_again(payout, wanted)
        if heard is None:
            return _Step(match, Outcome.MATCHED)
        write = work.payouts.write(store_id, heard)
        return _Step(match, Outcome.MATCHED, Posting(store_id, payout.customer_id, desk.now, document=write))
    decision = changed(request, payout, wanted, account, desk.origin, desk.now)
    if decision is None:
        return _Step(match, Outcome.MATCHED)
    posting = posting_of(work, store_id, request, payout, decision, desk.now)
    return _Step(match, Outcome.UPDATED, posting)


def _uncommitted(work: PayoutBooks, steps: Sequence[_Step]) -> list[_Step]:
    """Commit what steps write, together; return those of which it is not known that they are."""
    moving = [(step, step.posting) for step in steps if step.posting and step.posting.entries]
    others = [(step, step.posting) for step in steps if step.posting and not step.posting.entries]
    left: list[_Step] = []
    try:
        outcomes = work.books.ledger.post_batch([posting for _, posting in moving])
        left += [step for (step, _), one in zip(moving, outcomes, strict=True) if not isinstance(one, Posted)]
    except Busy:
        left += [step for step, _ in moving]
    try:
        saved = not others or work.payouts.save(*(write for _, posting in others for write in writes_of(posting)))
    except Busy:
        saved = False
    return left if saved else [*left, *(step for step, _ in others)]


def _alone(desk: _Desk, tried: _Step) -> Verdict:
    """Settle one row from what stands by now. Where nothing is left to do, what was tried has been done."""
    match = tried.match
    account: Account | None = None
    for _ in range(_TRIES):
        if not desk.has_time():
            break
        try:
            ((_, payout, request),) = _documents(desk, [match])
            step = _step(desk, match, payout, request, account)
            if step.posting is None:
                return tried.verdict
            is_committed, account = commit_change(desk.work, step.posting)
        except Busy:
            continue
        except DomainError as refused:
            return _refused(match, refused)
        if is_committed:
            return step.verdict
    return _busy(match)


def _refused(match: Match, refused: DomainError) -> Verdict:
    return Verdict(match.row.number, Outcome.MISMATCHED, match.payout_id, refused.code)


def _busy(match: Match) -> Verdict:
    return Verdict(match.row.number, Outcome.BUSY, match.payout_id)
