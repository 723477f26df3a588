"""What a posting is: entries, the account they change, and the answers the ledger can give."""

import base64
from copy import replace
from enum import StrEnum
from functools import cache
from hashlib import sha256
from typing import Any, Final

from msgspec import Struct

from cashback.domain import causes
from cashback.domain.fingerprints import fingerprint
from cashback.domain.times import Instant

MOST_HOPS: Final = 5
"""How many customers a posting is handed on to at most, each merged into the next."""


class Kind(StrEnum):
    """Why money moved."""

    ORDER = "order"
    MANUAL = "manual"
    GROUP = "group"
    SCENARIO = "scenario"
    REVERSAL = "reversal"
    RECOVERY = "recovery"
    REDEMPTION = "redemption"
    PAYOUT = "payout"
    EXPIRY = "expiry"
    MERGE = "merge"


class EntryStatus(StrEnum):
    """A rejected entry moved nothing; it is kept so that its cause is answered alike for ever."""

    POSTED = "POSTED"
    REJECTED = "REJECTED"


class OnRefusal(StrEnum):
    """What a refusal by the balance means to the caller of ``post``."""

    FINAL = "final"
    """Recorded as REJECTED under the cause: the answer never changes."""
    AGAIN = "again"
    """Nothing is recorded; the caller decides anew from the account image it is given."""


class Entry(Struct, frozen=True):
    """One immutable line of a customer's ledger. Amounts are minor units.

    ``amount`` changes what is available, ``reserved`` what is held, ``owed`` the shortfall. A hold is (-n, +n), its
    release (+n, -n), settling (0, -n): so ``amount + reserved`` is what the customer gained or lost, and goes to
    credited or debited; a void (``voids``) lowers debited instead, because that money never left.

    ``before`` and ``target`` are kept by entries that set a balance. No free text and no personal data.
    """

    cause: str
    kind: Kind
    amount: int
    actor: str
    payload_hash: str
    reserved: int = 0
    owed: int = 0
    voids: bool = False
    before: int | None = None
    target: int | None = None
    order_id: str | None = None
    job_id: str | None = None
    task_id: str | None = None
    payout_id: str | None = None
    rule_version: int | None = None
    status: EntryStatus = EntryStatus.POSTED
    reason: str | None = None
    posted_at: Instant = ""

    @property
    def credited(self) -> int:
        """Rise of the account's credited sum."""
        gained = self.amount + self.reserved
        return gained if gained > 0 and not self.voids else 0

    @property
    def debited(self) -> int:
        """Rise of the account's debited sum; negative for a void."""
        gained = self.amount + self.reserved
        return -gained if gained < 0 or self.voids else 0


class Account(Struct, frozen=True):
    """A customer's balance and figures. ``available + reserved == credited - debited``, always.

    ``merged_hops`` is the length of the longest chain of merged customers that ends here. The newest order, and when it
    was created, is known only where scenarios ask for it.
    """

    customer_id: str
    available: int = 0
    reserved: int = 0
    credited: int = 0
    debited: int = 0
    shortfall: int = 0
    version: int = 0
    orders_count: int = 0
    total_spent: int = 0
    first_order_at: Instant | None = None
    last_order_at: Instant | None = None
    newest_order_id: str | None = None
    newest_order_at: Instant | None = None
    created_at: Instant = ""
    erased_at: Instant | None = None
    merged_into: str | None = None
    merged_hops: int = 0

    @property
    def is_live(self) -> bool:
        """Whether it is somebody's: neither erased nor merged into another."""
        return self.erased_at is None and self.merged_into is None


class Figures(Struct, frozen=True):
    """Changes of the account that are not money: counted in the same write as the posting they belong to.

    ``ordered_at`` is later than the last order known, ``began_at`` (of a merge) earlier than the first.
    ``newest_order`` (of a merge) is an order and when it was created: at the account that goes the newest it knows, at
    the kept one a newer one than it knows.
    """

    orders_count: int = 0
    total_spent: int = 0
    ordered_at: Instant | None = None
    began_at: Instant | None = None
    newest_order: tuple[str, Instant] | None = None

    def __bool__(self) -> bool:
        return self != Figures()


type Write = dict[str, Any]
"""One conditional put, update, delete or check, ready for the transaction; made by the adapters, opaque elsewhere."""


class Posting(Struct, frozen=True):
    """Everything that must happen together for one customer.

    ``document`` is the source of the decision (an order, a request) and moves in the same transaction; ``also`` are
    further writes that belong to it. ``version`` pins the account image the decision was made from; ``version_owner``
    says whose it is where the customer had been merged into another before.

    ``repays``: an open shortfall is repaid out of these entries first (awards, releases of reserves).
    ``overdraft``: the balance may become negative (the store's clawback policy says so).
    ``active_only``: an erased customer is not there (manual, group and scenario credits, requests).
    ``merged_into``: marks the account as merged, in the posting that empties it. ``merged_hops``: how long that makes
    the chain that ends at the kept one.
    ``comment``: what a person said of the one entry, kept as a note beside the account that the entry lands at.
    """

    store_id: str
    customer_id: str
    at: Instant
    entries: tuple[Entry, ...] = ()
    figures: Figures = Figures()
    document: Write | None = None
    also: tuple[Write, ...] = ()
    on_refusal: OnRefusal = OnRefusal.AGAIN
    version: int | None = None
    version_owner: str | None = None
    repays: bool = False
    overdraft: bool = False
    active_only: bool = False
    forbids_shortfall: bool = False
    merged_into: str | None = None
    merged_hops: int | None = None
    comment: str | None = None

    def __post_init__(self) -> None:
        if self.on_refusal is OnRefusal.FINAL and len(self.entries) != 1:
            raise ValueError("a final refusal is recorded under one cause")
        if self.comment is not None and len(self.entries) != 1:
            raise ValueError("a comment is about one entry")
        if len({entry.cause for entry in self.entries}) != len(self.entries):
            raise ValueError("two entries of one cause")

    @property
    def amount(self) -> int:
        """Change of what is available."""
        return sum(entry.amount for entry in self.entries)

    @property
    def stamped(self) -> tuple[Entry, ...]:
        """The entries as they are committed: with the time of the posting."""
        return tuple(replace(entry, posted_at=self.at) for entry in self.entries)


class Posted(Struct, frozen=True):
    """Committed by this call. ``customer_id`` is the kept id where the customer was merged."""

    entries: tuple[Entry, ...]
    customer_id: str


class Replayed(Struct, frozen=True):
    """Committed before, by the same request: the first outcome, REJECTED ones too."""

    entries: tuple[Entry, ...]
    customer_id: str


class Refused(Struct, frozen=True):
    """Refused for good, and recorded so."""

    entry: Entry
    account: Account


class AccountMoved(Struct, frozen=True):
    """Refused, nothing recorded: decide anew from this image and pin its version."""

    account: Account


class DocumentMoved(Struct, frozen=True):
    """Someone else moved the document, or another write of ``also``, first. ``image`` is what stands there now."""

    position: int
    image: dict[str, Any] | None


class CauseTaken(Struct, frozen=True):
    """The cause is posted, but for another request, or only some of the causes are: the document knows the state."""

    entries: tuple[Entry, ...]


type Outcome = Posted | Replayed | Refused | AccountMoved | DocumentMoved | CauseTaken


def payload_hash(*parts: str | int | None) -> str:
    """Fingerprint of what was asked for; two requests of one cause are the same request when it is equal.

    A posting that an API call asks for hashes (kind, amount, actor, Idempotency-Key), of a request or a payout the body
    instead of the actor; one whose cause alone names the
    decision hashes (kind); one whose cause holds a counter hashes (kind, amount, target).
    """
    return fingerprint(*parts)


@cache
def named_hash(kind: Kind) -> str:
    """Return the ``payload_hash`` of a posting whose cause alone names the decision."""
    return payload_hash(kind)


def transaction_id(pk: str, sk: str) -> str:
    """Public id of an entry: 26 characters of base32, derived from its key, so it needs no index."""
    return base64.b32encode(sha256(f"{pk}\n{sk}".encode()).digest()).decode()[:26]


def recovery_of(entry: Entry, repaid: int) -> Entry:
    """The entry that repays a shortfall out of what ``entry`` gave, posted beside it."""
    return Entry(
        cause=f"rec:{entry.cause}",
        kind=Kind.RECOVERY,
        amount=-repaid,
        owed=-repaid,
        actor=entry.actor,
        payload_hash=named_hash(Kind.RECOVERY),
        order_id=entry.order_id,
        payout_id=entry.payout_id,
        posted_at=entry.posted_at,
    )


def merge_postings(store_id: str, old: Account, kept: Account, at: Instant, actor: str) -> tuple[Posting, Posting]:
    """Return what leaves the old account and what arrives at the kept one: money, reserves, shortfall and figures."""
    entry = Entry(
        cause=causes.merge(old.customer_id),
        kind=Kind.MERGE,
        amount=old.available,
        reserved=old.reserved,
        owed=old.shortfall,
        actor=actor,
        payload_hash=payload_hash(Kind.MERGE),
    )
    reverse = replace(entry, amount=-entry.amount, reserved=-entry.reserved, owed=-entry.owed)
    is_newer = (kept.last_order_at or "") < (old.last_order_at or "")
    newest = (old.newest_order_id or "", old.newest_order_at) if old.newest_order_at else None
    is_newest = newest is not None and (kept.newest_order_at or "") < newest[1]
    is_older = kept.first_order_at is None or (old.first_order_at or kept.first_order_at) < kept.first_order_at
    arriving = Posting(
        store_id,
        kept.customer_id,
        at,
        entries=(entry,),
        figures=Figures(
            old.orders_count,
            old.total_spent,
            old.last_order_at if is_newer else None,
            old.first_order_at if is_older else None,
            newest if is_newest else None,
        ),
        version=kept.version,
        overdraft=True,
        merged_hops=max(kept.merged_hops, old.merged_hops + 1),
    )
    leaving = replace(
        arriving,
        customer_id=old.customer_id,
        entries=(reverse,),
        figures=Figures(-old.orders_count, -old.total_spent, newest_order=newest),
        version=old.version,
        merged_into=kept.customer_id,
        merged_hops=None,
    )
    return leaving, arriving


class HistoryLine(Struct, frozen=True):
    """An entry with the balance it left; None for a REJECTED one, which left none. ``place`` is where a list goes on
    after it, ``note`` what a person said of it."""

    transaction_id: str
    entry: Entry
    balance_after: int | None
    note: str | None = None
    place: str = ""
