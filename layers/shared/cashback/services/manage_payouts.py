"""Payouts: make them for approved requests, follow what became of the payment, and find them again."""

from collections.abc import Mapping
from typing import Any, Final, assert_never

from cashback.domain.audit import Act, Origin
from cashback.domain.errors import Busy, CustomerNotFound, IdempotencyMismatch, NotFound, StateConflict
from cashback.domain.incentive_requests import IncentiveRequest
from cashback.domain.ledger import (
    Account,
    AccountMoved,
    CauseTaken,
    DocumentMoved,
    EntryStatus,
    OnRefusal,
    Posted,
    Posting,
    Refused,
    Replayed,
    Write,
)
from cashback.domain.payment_accounts import AccountSnapshot, snapshot_of
from cashback.domain.payouts import (
    AuditLine,
    Opening,
    Payout,
    PayoutDecision,
    PayoutStatus,
    PayoutsWanted,
    changed,
    check_payable,
    hold_cause,
    hold_hash,
    opened,
)
from cashback.domain.stores import as_text
from cashback.domain.times import Instant
from cashback.services.books import PayoutBooks
from cashback.services.manage_payment_accounts import Reading
from cashback.services.manage_requests import read_request, refusal_of
from cashback.services.seal_accounts import open_fields

_TRIES: Final = 5


class NoPaymentAccount(StateConflict):
    """The customer has nothing to be paid to."""

    code = "no_payment_account"


def create_payout(
    work: PayoutBooks, store_id: str, request_id: str, payment_account_id: str | None, opening: Opening
) -> tuple[Payout, bool]:
    """Make the payout of a request, to one of the customer's accounts or to their default one. Return it, and whether
    this very call had made it before.

    :raises NotFound: no such request in this store, or no such account of its customer.
    :raises RequestNotApproved: the request is not approved, or no longer.
    :raises RequestPaid: the request has a payout that has not failed.
    :raises NoPaymentAccount: the customer has none.
    :raises CustomerNotFound: the customer was erased.
    :raises InsufficientBalance: after one that failed, less is available; recorded, so the same call is refused for
        ever.
    :raises ShortfallOpen: after one that failed, the customer owes something; recorded too.
    :raises IdempotencyMismatch: the same Idempotency-Key with another body.
    :raises Busy: the request keeps changing, or the tables are out of reach; the same call is safe to repeat.
    """
    for _ in range(_TRIES):
        # The request first: where it tells of this very payout, made by the same call, that is found below.
        request = work.requests.get(store_id, request_id)
        if (made := _made(work, store_id, opening)) is not None:
            return made, True
        if request is None:
            raise NotFound
        _check_refused(work, store_id, request, opening)
        try:
            check_payable(request)
            account, username = _payee(work, store_id, request.customer_id, payment_account_id)
        except (StateConflict, NotFound):
            # The same call may have paid it since, and been answered.
            if (made := _made(work, store_id, opening)) is None:
                raise
            return made, True
        decision = opened(request, account, username, opening)
        posting = Posting(
            store_id,
            request.customer_id,
            opening.at,
            entries=decision.entries,
            document=work.payouts.write(store_id, decision.payout),
            also=(
                work.requests.write(store_id, decision.request),
                work.payouts.entry_in_list(store_id, decision.payout),
                *work.payouts.beside(store_id, None, decision),
            ),
            on_refusal=OnRefusal.FINAL if decision.entries else OnRefusal.AGAIN,
            active_only=True,
            forbids_shortfall=bool(decision.entries),
        )
        match work.books.ledger.post(posting):
            case Posted():
                return decision.payout, False
            case Refused(entry):
                raise refusal_of(entry)
            case Replayed((entry, *_)) if entry.status is EntryStatus.REJECTED:
                raise refusal_of(entry, replayed=True)
            case CauseTaken():
                raise IdempotencyMismatch
            case Replayed() | DocumentMoved() | AccountMoved():
                continue
            case unheard:
                assert_never(unheard)
    raise Busy("the request keeps changing")


def read_payout(work: PayoutBooks, store_id: str, payout_id: str) -> Payout:
    """Return a payout.

    :raises NotFound: no such payout in this store.
    """
    found = work.payouts.get(store_id, payout_id)
    if found is None:
        raise NotFound
    return found


def read_history(
    work: PayoutBooks, store_id: str, payout_id: str, limit: int, before: str | None
) -> tuple[list[AuditLine], str | None]:
    """Return a page of the lines of a payout's audit, the newest first, and where to go on (None at the end).

    :raises NotFound: no such payout in this store.
    """
    read_payout(work, store_id, payout_id)
    lines, number = work.payouts.history(store_id, payout_id, limit, None if before is None else int(before))
    return lines, None if number is None else str(number)


def show_payout(
    work: PayoutBooks, store_id: str, payout_id: str, asked: Reading
) -> tuple[Payout, Mapping[str, str] | None]:
    """Return a payout, and the fields of its account in clear where they are asked for: only to an admin, and only once
    that is written into the audit. Of an erased customer none is left.

    :raises NotFound: no such payout in this store.
    :raises Forbidden: somebody else asks for them in clear.
    :raises Busy: the tables or KMS are out of reach.
    """
    asked.check()
    payout = read_payout(work, store_id, payout_id)
    if not asked.unmasked:
        return payout, None
    fields = open_fields(work.books, store_id, payout.account)
    about = as_text({"customer_id": payout.customer_id, "payment_account_id": payout.account.payment_account_id})
    work.books.stores.act(store_id, Act("payout_account_read", payout_id, asked.at, asked.origin, after=about))
    return payout, fields


def list_payouts(
    work: PayoutBooks, store_id: str, wanted: PayoutsWanted, limit: int, before: str | None
) -> tuple[list[Payout], str | None]:
    """Return a page of payouts, the newest first, and where to go on (None at the end). A page of a status may be
    shorter than ``limit``, where payouts have moved on; one of a customer, and of who was merged into them, is full and
    lags behind nothing."""
    statuses = [wanted.status] if wanted.status else list(PayoutStatus)
    if wanted.customer_id is None:
        return work.payouts.page(store_id, statuses, limit, before)
    owners = (wanted.customer_id, *work.books.history.merged_from(store_id, wanted.customer_id))
    return work.payouts.page_of(store_id, owners, statuses, limit, before)


def change_payout(
    work: PayoutBooks, store_id: str, payout_id: str, wanted: Mapping[str, Any], origin: Origin, now: Instant
) -> Payout:
    """Change what is known of a payout, with all that its status does to the balance, and return it.

    Of two at once the second is refused, unless it wants what the first has done.

    :raises NotFound: no such payout in this store.
    :raises StateConflict: there is no such move, or somebody else changed the payout meanwhile.
    :raises RequestNotApproved: a late success of a request that was turned down since.
    :raises RequestPaid: a late success of a request that has another payout.
    :raises Invalid: ``reason_required``, or ``reason_without_failure``.
    :raises Busy: the account keeps changing, or the tables are out of reach; the same call is safe to repeat.
    """
    seen: int | None = None
    account: Account | None = None
    for _ in range(_TRIES):
        payout = read_payout(work, store_id, payout_id)
        request = read_request(work, store_id, payout.incentive_request_id)
        decision = changed(request, payout, wanted, account, origin, now)
        if decision is None:
            return payout
        if seen is not None and seen != payout.step:
            raise StateConflict("the payout was changed meanwhile")
        seen = payout.step
        is_committed, account = commit_change(work, posting_of(work, store_id, request, payout, decision, now))
        if is_committed:
            return decision.payout
    raise Busy("the payout keeps changing")


def posting_of(
    work: PayoutBooks,
    store_id: str,
    request: IncentiveRequest,
    payout: Payout,
    decision: PayoutDecision,
    now: Instant,
) -> Posting:
    """Build what a change of a payout writes, over the documents that it was decided from; without entries where it
    moves no money."""
    also = work.payouts.beside(store_id, payout, decision)
    if decision.request is not request:
        also.append(work.requests.write(store_id, decision.request))
    return Posting(
        store_id,
        payout.customer_id,
        now,
        entries=decision.entries,
        document=work.payouts.write(store_id, decision.payout),
        also=tuple(also),
        version=decision.version,
        version_owner=decision.version_owner,
        repays=any(entry.amount > 0 for entry in decision.entries),
    )


def commit_change(work: PayoutBooks, posting: Posting) -> tuple[bool, Account | None]:
    """Commit a change of a payout, with its entries if there are any. Return whether it is committed, and the account
    to decide from next where that was what had moved.

    :raises Busy: the tables are contended or out of reach; whether it is committed is unknown.
    """
    if not posting.entries:
        return work.payouts.save(*writes_of(posting)), None
    outcome = work.books.ledger.post(posting)
    return isinstance(outcome, Posted), outcome.account if isinstance(outcome, AccountMoved) else None


def writes_of(posting: Posting) -> list[Write]:
    """Return what a change of a payout writes where it moves no money."""
    return [write for write in (posting.document, *posting.also) if write is not None]


def _check_refused(work: PayoutBooks, store_id: str, request: IncentiveRequest, opening: Opening) -> None:
    """Answer a call whose hold was refused before as it was answered then, whatever the request has become.

    :raises InsufficientBalance: that was the answer.
    :raises ShortfallOpen: or this.
    :raises IdempotencyMismatch: the same Idempotency-Key with another body.
    """
    entry = work.books.history.of_cause(store_id, request.customer_id, hold_cause(opening.payout_id))
    if entry is None or entry.status is not EntryStatus.REJECTED:
        return
    if entry.payload_hash != hold_hash(request, opening):
        raise IdempotencyMismatch
    raise refusal_of(entry, replayed=True)


def _payee(
    work: PayoutBooks, store_id: str, customer_id: str, payment_account_id: str | None
) -> tuple[AccountSnapshot, str]:
    """Return what a payment to a customer goes to, and their name."""
    # Who may have been merged into another since: account and name are of one and the same.
    owner = work.books.ledger.live_account(store_id, customer_id)
    if not owner.is_live:
        raise CustomerNotFound
    live = owner.customer_id
    return _account(work, store_id, live, payment_account_id), _username(work, store_id, live) or customer_id


def _account(work: PayoutBooks, store_id: str, customer_id: str, payment_account_id: str | None) -> AccountSnapshot:
    """Return what a payment to a customer goes to."""
    if payment_account_id is not None:
        named = work.books.payment_accounts.get(store_id, customer_id, payment_account_id)
        if named is None:
            raise NotFound
        return snapshot_of(named)
    default = work.books.payment_accounts.default(store_id, customer_id)
    if default is None:
        raise NoPaymentAccount("the customer has no payment account")
    return snapshot_of(default)


def _username(work: PayoutBooks, store_id: str, customer_id: str) -> str | None:
    profile = work.books.customers.get(store_id, customer_id)
    return profile.name if profile else None


def _made(work: PayoutBooks, store_id: str, opening: Opening) -> Payout | None:
    """The payout that this very call has made before, if it has."""
    known = work.payouts.get(store_id, opening.payout_id)
    if known is not None and known.body_hash != opening.body_hash:
        raise IdempotencyMismatch
    return known
