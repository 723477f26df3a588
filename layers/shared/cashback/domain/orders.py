"""The document of an order: the facts known of it, and what was decided about its cashback."""

from collections.abc import Mapping
from copy import replace
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from cashback.domain.facts import Facts, facts_of
from cashback.domain.ledger import Entry, Figures, Kind
from cashback.domain.money import round_half_up
from cashback.domain.news import (
    CustomerDeleted,
    CustomerNews,
    CustomersMerged,
    DataRequested,
    Ignored,
    ProductDeleted,
    ProductNews,
    StoreRedacted,
)
from cashback.domain.rules import NOTHING, Calculation, Catalogue
from cashback.domain.times import Instant


class Status(StrEnum):
    """Where an order stands in its way to cashback."""

    AWAITING = "awaiting"
    AWAITING_CUSTOMER = "awaiting_customer"
    PENDING = "pending"
    HELD = "held"
    PROCESSED = "processed"
    PARTIALLY_REVERSED = "partially_reversed"
    REVERSED = "reversed"
    REJECTED = "rejected"
    NOT_ELIGIBLE = "not_eligible"
    FAILED = "failed"


BADGES: Final[Mapping[Status, str]] = MappingProxyType(
    {
        Status.AWAITING: "Awaiting payment",
        Status.AWAITING_CUSTOMER: "Awaiting customer",
        Status.PENDING: "Pending",
        Status.HELD: "Held",
        Status.PROCESSED: "Processed",
        Status.PARTIALLY_REVERSED: "Partially reversed",
        Status.REVERSED: "Reversed",
        Status.REJECTED: "Rejected",
        Status.NOT_ELIGIBLE: "Not eligible",
        Status.FAILED: "Failed",
    }
)

AWARDED: Final = frozenset({Status.PROCESSED, Status.PARTIALLY_REVERSED, Status.REVERSED})
"""States in which the award is posted."""

REVIEWED: Final = frozenset({Status.PENDING, Status.HELD})
"""States that wait for a person."""


FULLY_REFUNDED: Final = "fully_refunded"
PRODUCT_UNKNOWN: Final = "product_unknown"
AMBIGUOUS_CONTACT: Final = "ambiguous_contact"
RESOLVABLE: Final = frozenset({PRODUCT_UNKNOWN, AMBIGUOUS_CONTACT})
"""Reasons to hold an order that may go away by themselves."""


class Mode(StrEnum):
    """Who credits: the engine at once, or a person after review."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


class Terms(Struct, frozen=True, omit_defaults=True):
    """What was read once, when the order was first known to earn; later settings never touch it.

    Whose order it is may be known later (a guest's): then the tier and ``customer_tags`` are read. ``catalogue`` is
    what the store's rules asked of the products, each as it was when it was first found.
    """

    settings_version: int
    mode: Mode
    tier: str | None = None
    tier_rate: Fraction | None = None
    customer_tags: tuple[str, ...] = ()
    catalogue: Catalogue = {}


class Step(Struct, frozen=True, omit_defaults=True):
    """One line of the order's history of states."""

    status: Status
    reason: str
    at: Instant
    actor: str


class Review(Struct, frozen=True, omit_defaults=True):
    """What a person did to an order: ``amount`` is what was posted, ``expected`` what the person saw.

    ``request_hash`` (of the Idempotency-Key in its namespace) and ``body_hash`` tell a repeated call, which is answered
    alike.
    """

    verdict: str
    actor: str
    at: Instant
    request_hash: str
    body_hash: str
    expected: int | None = None
    amount: int | None = None
    comment: str | None = None


DECIDING: Final = frozenset({"approved", "rejected", "processed"})
"""Verdicts that decide an order; the others (held, released, added) decide nothing of it."""

_WORDED: Final = frozenset({(Status.HELD, "held"), (Status.REJECTED, "rejected")})
"""States with the verdicts that put an order there, each for a reason in a person's words."""

MOST_AWAITED: Final = 20
"""Unknown products that an order waits for at once: one transaction writes them all."""


class Order(Struct, frozen=True, omit_defaults=True):
    """The document of one order. Amounts are minor units.

    ``basis`` is the award that the frozen rates (and an approval) imply before anything was gone, ``award`` what was
    posted, so what was gone already at an approval (``basis - award``) is never clawed back a second time.
    ``target = taken + owed + waived`` is what refunds have called back. ``spent`` is this order's present part of the
    customer's total spent. ``clawed`` are the refunds whose clawback is decided, ``undone`` those of them whose
    deletion is; both only grow, because an entry posted for a refund or for its deletion stays posted.

    ``redeemed`` is what the order took, or should have taken, for the part of it that was paid with cashback, less what
    ``given_back`` refunds returned; of it the balance lacked ``redemption_owed`` and ``redemption_waived``.
    ``reviews`` is all that persons did to it. ``missing`` are products that a rule asks for and nobody knows: of an
    awarded order those of lines that were added to it.

    ``recorded`` is when each of ``facts_of`` its facts was first recorded, by our clock; ``number`` which order of its
    customer it is, counted where the store asks for it, once body and customer are known. Neither ever changes.
    """

    order_id: str
    source: str
    first_seen_at: Instant
    rev: int = 0
    facts: Facts = Facts()
    status: Status = Status.AWAITING
    reason: str = "not_paid"
    customer_id: str | None = None
    terms: Terms | None = None
    calculation: Calculation = NOTHING
    basis: int = 0
    award: int | None = None
    target: int = 0
    owed: int = 0
    waived: int = 0
    spent: int = 0
    counted: bool = False
    clawed: frozenset[str] = frozenset()
    undone: frozenset[str] = frozenset()
    redeemed: int = 0
    redemption_owed: int = 0
    redemption_waived: int = 0
    redemption_posted: bool = False
    given_back: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()
    claimable_until: Instant | None = None
    reviews: tuple[Review, ...] = ()
    history: tuple[Step, ...] = ()
    recorded: Mapping[str, Instant] = {}
    number: int | None = None

    @property
    def review(self) -> Review | None:
        """The person's act that decided it, None where none did."""
        return next((review for review in reversed(self.reviews) if review.verdict in DECIDING), None)

    @property
    def is_final(self) -> bool:
        """Tell whether no news decide it any more: a person or a cancellation rejected it. A refund may be undone."""
        return self.status is Status.REJECTED and (self.reason != FULLY_REFUNDED or self.worded_by is not None)

    @property
    def worded_by(self) -> Review | None:
        """The person's hold or rejection whose words are the present reason; None where the engine gave it."""
        last = self.reviews[-1] if self.reviews else None
        return last if last is not None and (self.status, last.verdict) in _WORDED else None

    @property
    def reason_code(self) -> str:
        """The reason, where it is the engine's; a word for it where a person gave it in their own."""
        return f"{self.worded_by.verdict}_by_a_person" if self.worded_by else self.reason

    @property
    def unresolved(self) -> bool:
        """Tell whether it is held, and not by a person, for something that may still become known."""
        return self.status is Status.HELD and self.reason in RESOLVABLE and self.worded_by is None

    @property
    def awaited_contacts(self) -> frozenset[str]:
        """Whose verified contact would decide it."""
        waits = self.status is Status.AWAITING_CUSTOMER or (self.unresolved and self.reason == AMBIGUOUS_CONTACT)
        return self.facts.body.contacts if waits and self.facts.body else frozenset()

    @property
    def awaited_products(self) -> frozenset[str]:
        """Which products would decide it, or what was added to it."""
        waits = self.status in AWARDED or (self.unresolved and self.reason == PRODUCT_UNKNOWN)
        return frozenset(sorted(self.missing)[:MOST_AWAITED]) if waits else frozenset()

    @property
    def claim_until(self) -> Instant | None:
        """When its time to be claimed is over, None where it waits for no customer."""
        return self.claimable_until if self.status is Status.AWAITING_CUSTOMER else None

    @property
    def queued_at(self) -> Instant | None:
        """When it was first up for review, None where it never was."""
        return next((step.at for step in self.history if step.status in REVIEWED), None)

    @property
    def taken(self) -> int:
        """What clawbacks took from the balance."""
        return self.target - self.owed - self.waived

    @property
    def created_at(self) -> Instant:
        """When the shop says it was created, else when it was first heard of."""
        return self.facts.created_at or self.first_seen_at

    @property
    def badge(self) -> str:
        """The state in the words people know."""
        return BADGES[self.status]

    @property
    def gone(self) -> Fraction:
        """How much of what the order earns is gone again."""
        return self.calculation.gone(self.facts, self.facts.gone_shares())

    @property
    def calculated(self) -> int:
        """What would be credited now: the calculated award less what is gone."""
        return self.basis - round_half_up(self.basis * self.gone)


class News(Struct, frozen=True, omit_defaults=True):
    """What one event says of an order, whatever its topic was called.

    ``customer`` is the person found inside the order's body; it goes into PROFILE, never into the order's document.
    Nor do ``contacts``, the normalised e-mail and phone of a guest: they are hashed before anything is written.
    ``of_regular``: the shop had its customer on an earlier day, so that most probably we know them too.
    """

    order_id: str
    source: str
    facts: Facts
    customer: CustomerNews | None = None
    contacts: frozenset[str] = frozenset()
    of_regular: bool = False


type Told = (
    News
    | CustomerNews
    | CustomerDeleted
    | CustomersMerged
    | DataRequested
    | StoreRedacted
    | ProductNews
    | ProductDeleted
    | Ignored
)
"""What a delivery may turn out to say."""


class Decision(Struct, frozen=True, omit_defaults=True):
    """A new document, and everything that must be committed with it.

    ``version`` pins the account image that the entries were decided from, and ``version_owner`` says whose it is.
    """

    order: Order
    entries: tuple[Entry, ...] = ()
    figures: Figures = Figures()
    version: int | None = None
    version_owner: str | None = None
    repays: bool = False
    overdraft: bool = False

    @property
    def changes_account_of(self) -> str | None:
        """Whose account is changed with the document, None where it is the document alone."""
        return self.order.customer_id if self.entries or self.figures else None


def order_entry(order: Order, kind: Kind, cause: str, amount: int, same: str, actor: str) -> Entry:
    """The entry of a change of an order's award, with the settings that decided it; ``same`` is its payload hash."""
    return Entry(
        cause=cause,
        kind=kind,
        amount=amount,
        actor=actor,
        payload_hash=same,
        order_id=order.order_id,
        rule_version=order.terms.settings_version if order.terms else None,
    )


def stepped(order: Order, before: Order | None, now: Instant, actor: str) -> Order:
    """Return the next revision of the document, with the time at which each new fact was recorded, and with a line of
    history where the state or its reason changed.

    Facts that older code recorded have no time: the order was first seen no later than they were recorded.
    """
    rev = before.rev + 1 if before else 1
    untimed = dict.fromkeys(facts_of(before.facts), before.first_seen_at) if before else {}
    recorded = {**dict.fromkeys(facts_of(order.facts), now), **untimed, **order.recorded}
    if before is not None and (order.status, order.reason) == (before.status, before.reason):
        return replace(order, rev=rev, recorded=recorded)
    history = (*order.history, Step(order.status, order.reason, now, actor))
    return replace(order, rev=rev, recorded=recorded, history=history)
