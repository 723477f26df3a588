"""Credit or debit one customer by hand. What was answered once is answered for ever, a refusal too."""

from copy import replace
from typing import assert_never

from msgspec import Struct

from cashback.domain import causes
from cashback.domain.api_keys import Role
from cashback.domain.errors import Busy, Forbidden, IdempotencyMismatch, InsufficientBalance, Invalid
from cashback.domain.ledger import (
    AccountMoved,
    CauseTaken,
    DocumentMoved,
    Entry,
    EntryStatus,
    HistoryLine,
    Kind,
    OnRefusal,
    Posted,
    Posting,
    Refused,
    Replayed,
    payload_hash,
)
from cashback.domain.settings import Settings
from cashback.domain.times import Instant
from cashback.services.books import Books


class Adjustment(Struct, frozen=True):
    """What a person asks for: minor units, negative to debit. ``request_hash`` is that of the Idempotency-Key in its
    namespace."""

    amount: int
    comment: str | None
    actor: str
    request_hash: str
    at: Instant


class Adjusted(Struct, frozen=True):
    """The entry as it stands, the account as it was found after it, and whether this very call had posted it before."""

    line: HistoryLine
    customer_id: str
    replayed: bool


def adjust_balance(books: Books, settings: Settings, customer_id: str, adjustment: Adjustment, role: Role) -> Adjusted:
    """Post an adjustment, in one transaction with its comment; of a merged customer, at the one they are now.

    The balance of the first answer is read after the commit, that of a repeated call counted from the history; they
    differ where something else was posted in between.

    :raises CustomerNotFound: no such customer in this store, or an erased one.
    :raises InsufficientBalance: less is available; recorded, so the same call is refused for ever.
    :raises IdempotencyMismatch: the same key for something else, or by somebody else.
    :raises Invalid: ``amount_zero``.
    :raises Forbidden: larger than this role may adjust by.
    :raises Busy: contended or out of reach; the same call is safe to repeat.
    """
    if adjustment.amount == 0:
        raise Invalid("amount", "amount_zero")
    entry, limit = _entry(adjustment), settings.adjust_limit
    is_large = role is not Role.ADMIN and limit is not None and abs(adjustment.amount) > limit
    # The limit may have been another when the same call was made first.
    if is_large and books.history.of_cause(settings.store_id, customer_id, entry.cause) is None:
        raise Forbidden("the amount is larger than this role may adjust by")
    posting = Posting(
        settings.store_id,
        customer_id,
        adjustment.at,
        entries=(entry,),
        on_refusal=OnRefusal.FINAL,
        active_only=True,
        comment=adjustment.comment,
    )
    match books.ledger.post(posting):
        case Posted(entries, live):
            after = books.ledger.account(settings.store_id, live).available
            line = books.history.shown(settings.store_id, live, entries[0], after)
            return Adjusted(replace(line, note=adjustment.comment), live, replayed=False)
        case Replayed(entries, live):
            return Adjusted(_first(books, settings.store_id, live, entries[0]), live, replayed=True)
        case Refused():
            raise InsufficientBalance
        case CauseTaken():
            raise IdempotencyMismatch
        case AccountMoved() | DocumentMoved():
            raise Busy("what is refused for good and has no document does not move")
        case unheard:
            assert_never(unheard)


def _entry(adjustment: Adjustment) -> Entry:
    """The same amount spelt otherwise is the same request; anything else under one key is another."""
    asked = (adjustment.amount, adjustment.actor, adjustment.request_hash, adjustment.comment)
    return Entry(
        cause=causes.manual(adjustment.request_hash),
        kind=Kind.MANUAL,
        amount=adjustment.amount,
        actor=adjustment.actor,
        payload_hash=payload_hash(Kind.MANUAL, *asked),
    )


def _first(books: Books, store_id: str, customer_id: str, entry: Entry) -> HistoryLine:
    """Return what was posted by an earlier call, as the history shows it."""
    if entry.status is EntryStatus.REJECTED:
        raise InsufficientBalance(replayed=True)
    line = books.history.line(store_id, customer_id, entry)
    return replace(line, note=books.customers.comments(store_id, customer_id, [entry.cause]).get(entry.cause))
