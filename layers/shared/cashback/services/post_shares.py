"""Do what a group job is to do for some of its members, or say what it would come to."""

from collections.abc import Mapping, Sequence
from copy import replace
from typing import Final

from cashback.domain.errors import CustomerNotFound, StateConflict
from cashback.domain.group_jobs import ApplyType, Job, OnInsufficient, Outcome, Result, Share
from cashback.domain.ledger import (
    Account,
    AccountMoved,
    CauseTaken,
    Entry,
    EntryStatus,
    OnRefusal,
    Posted,
    Posting,
    Refused,
    Replayed,
)
from cashback.domain.ledger import Outcome as LedgerOutcome
from cashback.domain.times import Instant
from cashback.services.books import Books

PATIENCE: Final = 16.0
"""Seconds for which a chunk waits where the tables have no capacity left for it: nobody waits for a job as they do for
an order."""

INSUFFICIENT = "insufficient_balance"
UNDONE = "job_undone"
"""Why nothing is posted for a member whose chunk had failed when its job was undone."""

MERGED = "merged"
"""Why a member is unchanged whose account is another member's now: the job posts to an account once."""


def post_shares(books: Books, store_id: str, job: Job, shares: Sequence[Share], now: Instant) -> list[Result]:
    """Post what a job is to do for these members, and say what became of each. Done again, it moves nothing more.

    :raises Busy: contended or out of reach; what is posted already will be found.
    """
    if not job.is_pinned:
        postings = [_posting(store_id, job, share, share.amount, now) for share in shares]
        return [
            _result(books, store_id, share, outcome, None)
            for share, outcome in zip(shares, books.ledger.post_batch(postings, patience=PATIENCE), strict=True)
        ]
    accounts = books.ledger.accounts(store_id, [share.customer_id for share in shares])
    live = {customer_id for customer_id, account in accounts.items() if account.is_live}
    together = [share for share in shares if share.customer_id in live]
    postings = [_pinned(store_id, job, share, accounts[share.customer_id], now) for share in together]
    outcomes = dict(
        zip(
            [share.customer_id for share in together], books.ledger.post_batch(postings, patience=PATIENCE), strict=True
        )
    )
    return [
        _decided_alone(books, store_id, job, share, accounts, now)
        if isinstance(outcomes.get(share.customer_id), AccountMoved | None)
        else _result(books, store_id, share, outcomes[share.customer_id], accounts)
        for share in shares
    ]


def preview_shares(books: Books, store_id: str, job: Job, shares: Sequence[Share]) -> list[Result]:
    """Say what a job would do for these members, from their accounts as they are now. Nothing is written."""
    accounts = books.ledger.accounts(store_id, [share.customer_id for share in shares])
    return [_preview(books, store_id, job, share, accounts.get(share.customer_id)) for share in shares]


def standing_results(books: Books, store_id: str, job: Job, shares: Sequence[Share], reason: str) -> list[Result]:
    """Say what a job has done for these members by now, from its entries; who has none is an error for this reason."""
    return [_standing(books, store_id, job, share, reason) for share in shares]


def recorded_results(books: Books, store_id: str, job: Job, customer_ids: Sequence[str]) -> list[Result]:
    """Return what a job has recorded of these members by now: those alone of whom there is an entry."""
    found = [_standing(books, store_id, job, Share(customer_id, 0), "") for customer_id in customer_ids]
    return [result for result in found if result.recorded]


def final_result(books: Books, store_id: str, job: Job, share: Share, now: Instant) -> Result:
    """Say what a job that is being undone has done for a member, once it can do nothing more: a worker that is still
    about to post finds that refused."""
    try:
        books.ledger.refuse(_posting(store_id, job, share, 0 if job.is_pinned else share.amount, now), UNDONE)
    except CustomerNotFound:
        return Result(share.customer_id, Outcome.NOT_FOUND)
    return _standing(books, store_id, job, share, UNDONE)


def _posting(store_id: str, job: Job, share: Share, amount: int, now: Instant) -> Posting:
    """Post to whom is not erased; what was posted before an erasure is undone all the same, as the account may come
    back."""
    entry, is_new = job.entry(share, amount), job.undoes is None
    return Posting(store_id, share.customer_id, now, entries=(entry,), on_refusal=OnRefusal.FINAL, active_only=is_new)


def _pinned(store_id: str, job: Job, share: Share, account: Account, now: Instant) -> Posting:
    entry = job.entry(share, job.wanted(share, account.available), account.available)
    posting = Posting(store_id, share.customer_id, now, entries=(entry,), active_only=True)
    return replace(posting, version=account.version)


def _decided_alone(
    books: Books, store_id: str, job: Job, share: Share, accounts: Mapping[str, Account], now: Instant
) -> Result:
    """Decide for one member whose account moved meanwhile, was merged, or is not there."""
    posting = replace(_posting(store_id, job, share, 0, now), on_refusal=OnRefusal.AGAIN)
    try:
        if job.apply_type is ApplyType.ABSOLUTE:
            outcome = books.ledger.set_available(posting, share.amount)
        else:
            outcome = books.ledger.debit_up_to(posting, -share.amount)
    except CustomerNotFound:
        return Result(share.customer_id, Outcome.NOT_FOUND)
    except StateConflict as moving:
        return Result(share.customer_id, Outcome.ERROR, reason=moving.code)
    return _result(books, store_id, share, outcome, accounts)


def _result(
    books: Books,
    store_id: str,
    share: Share,
    outcome: LedgerOutcome | CustomerNotFound,
    accounts: Mapping[str, Account] | None,
) -> Result:
    match outcome:
        case Posted(entries, live) | Replayed(entries, live):
            return _of_entry(share, entries[0], live, accounts)
        case Refused(entry, account):
            return _of_entry(share, entry, account.customer_id, accounts)
        case CauseTaken():
            kept = books.ledger.live_account(store_id, share.customer_id).customer_id
            return Result(share.customer_id, Outcome.UNCHANGED, reason=MERGED, kept_id=_other(share, kept))
        case CustomerNotFound():
            return Result(share.customer_id, Outcome.NOT_FOUND)
    raise ValueError("a posting without a document that is final or was pinned has no other outcome")


def _of_entry(share: Share, entry: Entry, live: str, accounts: Mapping[str, Account] | None) -> Result:
    """Return what an entry says of its member."""
    kept_id = _other(share, live)
    if entry.status is EntryStatus.REJECTED:
        return Result(share.customer_id, Outcome.REFUSED, recorded=True, reason=entry.reason, kept_id=kept_id)
    account = (accounts or {}).get(live)
    return Result(
        share.customer_id,
        _moved(entry.amount),
        entry.amount,
        recorded=True,
        kept_id=kept_id,
        before=entry.before,
        after=None if entry.before is None else entry.before + entry.amount,
        reserved=None if account is None or entry.before is None else account.reserved,
    )


def _moved(amount: int) -> Outcome:
    if amount == 0:
        return Outcome.UNCHANGED
    return Outcome.CREDITED if amount > 0 else Outcome.DEBITED


def _other(share: Share, customer_id: str) -> str | None:
    return None if customer_id == share.customer_id else customer_id


def _preview(books: Books, store_id: str, job: Job, share: Share, account: Account | None) -> Result:
    if account is not None and account.merged_into is not None:
        account = books.ledger.live_account(store_id, account.merged_into)
    if account is None or account.erased_at is not None:
        return Result(share.customer_id, Outcome.NOT_FOUND)
    amount = job.wanted(share, account.available) if job.is_pinned else share.amount
    kept_id = _other(share, account.customer_id)
    refuses = job.on_insufficient is OnInsufficient.REFUSE and not job.is_pinned
    if refuses and amount < 0 and account.available + amount < 0:
        return Result(share.customer_id, Outcome.REFUSED, reason=INSUFFICIENT, kept_id=kept_id)
    known = (account.available, account.available + amount, account.reserved)
    return Result(share.customer_id, _moved(amount), amount, False, None, kept_id, *known)


def _standing(books: Books, store_id: str, job: Job, share: Share, reason: str) -> Result:
    wanted = job.entry(share, 0)
    try:
        path = books.ledger.merged_path(store_id, share.customer_id)
    except CustomerNotFound:
        return Result(share.customer_id, Outcome.NOT_FOUND)
    for account in path:
        entry = books.ledger.entry(store_id, account.customer_id, wanted.cause)
        if entry is not None and entry.payload_hash == wanted.payload_hash:
            return _of_entry(share, entry, account.customer_id, None)
    return Result(share.customer_id, Outcome.ERROR, reason=reason)
