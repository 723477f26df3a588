"""Incentive requests: make, list and decide them. What a withdrawal asks for is reserved in the transaction that makes
the request, and given back in the one that turns it down."""

from collections.abc import Sequence
from typing import Final, assert_never

from cashback.domain.api_keys import Role
from cashback.domain.errors import Busy, DomainError, Forbidden, IdempotencyMismatch, InsufficientBalance, NotFound
from cashback.domain.incentive_requests import (
    Decided,
    IncentiveRequest,
    RequestStatus,
    RequestsWanted,
    ShortfallOpen,
    Signatory,
    approved,
    hold_of,
    turned_down,
)
from cashback.domain.ledger import (
    AccountMoved,
    CauseTaken,
    DocumentMoved,
    Entry,
    EntryStatus,
    OnRefusal,
    Posted,
    Posting,
    Refused,
    Replayed,
)
from cashback.domain.settings import Settings
from cashback.services.books import PayoutBooks

_TRIES: Final = 5


def create_request(
    work: PayoutBooks, settings: Settings, asked: IncentiveRequest, role: Role
) -> tuple[IncentiveRequest, bool]:
    """Make a request, and reserve its amount if it is of the balance. Return it, and whether this very call had made it
    before.

    :raises CustomerNotFound: no such customer in this store, or an erased one.
    :raises InsufficientBalance: less is available; recorded, so the same call is refused for ever.
    :raises ShortfallOpen: the customer owes something; recorded too.
    :raises Forbidden: more than this role may ask for.
    :raises IdempotencyMismatch: the same Idempotency-Key with another body.
    :raises Busy: contended or out of reach; the same call is safe to repeat.
    """
    store_id, limit = settings.store_id, settings.adjust_limit
    known = work.requests.get(store_id, asked.incentive_request_id)
    if known is not None:
        return _same(known, asked), True
    entries = hold_of(asked)
    is_large = role is not Role.ADMIN and limit is not None and asked.amount > limit
    # The limit may have been another when the same call was refused first.
    if is_large and not any(work.books.history.of_cause(store_id, asked.customer_id, one.cause) for one in entries):
        raise Forbidden("the amount is larger than this role may ask for")
    outcome = work.books.ledger.post(
        Posting(
            store_id,
            asked.customer_id,
            asked.created_at,
            entries=entries,
            document=work.requests.write(store_id, asked),
            also=(work.requests.entry_in_list(store_id, asked),),
            on_refusal=OnRefusal.FINAL if entries else OnRefusal.AGAIN,
            active_only=True,
            forbids_shortfall=asked.from_balance,
        )
    )
    match outcome:
        case Posted():
            return asked, False
        case Refused(entry):
            raise refusal_of(entry)
        case Replayed((entry, *_)) if entry.status is EntryStatus.REJECTED:
            raise refusal_of(entry, replayed=True)
        case CauseTaken():
            raise IdempotencyMismatch
        case Replayed() | DocumentMoved():
            return _same(read_request(work, store_id, asked.incentive_request_id), asked), True
        case AccountMoved():
            raise Busy("the account keeps changing")
        case unheard:
            assert_never(unheard)


def read_request(work: PayoutBooks, store_id: str, request_id: str) -> IncentiveRequest:
    """Return a request.

    :raises NotFound: no such request in this store.
    """
    found = work.requests.get(store_id, request_id)
    if found is None:
        raise NotFound
    return found


def list_requests(
    work: PayoutBooks, store_id: str, wanted: RequestsWanted, limit: int, before: str | None
) -> tuple[list[IncentiveRequest], str | None]:
    """Return a page of requests, the newest first, and where to go on (None at the end). A page of a status may be
    shorter than ``limit``, where requests have moved on; one of a customer, and of who was merged into them, is full
    and lags behind nothing."""
    statuses = [wanted.status] if wanted.status else list(RequestStatus)
    if wanted.customer_id is None:
        return work.requests.page(store_id, statuses, limit, before)
    owners = (wanted.customer_id, *work.books.history.merged_from(store_id, wanted.customer_id))
    return work.requests.page_of(store_id, owners, statuses, limit, before)


def decide_request(
    work: PayoutBooks, settings: Settings, request_id: str, decided: Decided, signatory: Signatory
) -> tuple[IncentiveRequest, bool]:
    """Approve, reject or cancel a request, once. Return it, and whether this very call had done so before.

    :raises NotFound: no such request in this store.
    :raises StateConflict: it is decided, or not yet.
    :raises RequestPaid: it has a payout that has not failed.
    :raises FourEyes: the store wants another person than the one who asked to approve.
    :raises IdempotencyMismatch: the same Idempotency-Key with another body.
    :raises Busy: it keeps changing, or the tables are out of reach; the same call is safe to repeat.
    """
    store_id = settings.store_id
    for _ in range(_TRIES):
        request = read_request(work, store_id, request_id)
        before = request.decided_by(decided.request_hash)
        if before is not None:
            if before.body_hash != decided.body_hash:
                raise IdempotencyMismatch
            return request, True
        after, entries = _decision(request, decided, signatory, settings)
        if _commits(work, store_id, after, entries, decided):
            return after, False
    raise Busy("the request keeps changing")


def refusal_of(entry: Entry, *, replayed: bool = False) -> DomainError:
    """Return what a refused hold says."""
    if entry.reason == ShortfallOpen.code:
        return ShortfallOpen(replayed=replayed)
    return InsufficientBalance(replayed=replayed)


def _same(known: IncentiveRequest, asked: IncentiveRequest) -> IncentiveRequest:
    if known.body_hash != asked.body_hash:
        raise IdempotencyMismatch
    return known


def _decision(
    request: IncentiveRequest, decided: Decided, signatory: Signatory, settings: Settings
) -> tuple[IncentiveRequest, Sequence[Entry]]:
    if decided.status is RequestStatus.APPROVED:
        return approved(request, decided, signatory, four_eyes=settings.four_eyes), ()
    return turned_down(request, decided)


def _commits(
    work: PayoutBooks, store_id: str, after: IncentiveRequest, entries: Sequence[Entry], decided: Decided
) -> bool:
    """Write a decision and what it gives back; False where somebody else moved the request or the account first."""
    if not entries:
        return work.requests.save(work.requests.write(store_id, after))
    outcome = work.books.ledger.post(
        Posting(
            store_id,
            after.customer_id,
            decided.at,
            entries=tuple(entries),
            document=work.requests.write(store_id, after),
            repays=True,
        )
    )
    return isinstance(outcome, Posted)
