"""Incentive requests: a customer asks for a payment, people decide, and what is asked for out of the balance is
reserved until then."""

from collections.abc import Mapping
from copy import replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from cashback.domain import causes
from cashback.domain.errors import DomainError, PayoutInTheWay, StateConflict
from cashback.domain.ledger import Entry, Kind, payload_hash
from cashback.domain.times import Instant


class RequestStatus(StrEnum):
    """Where a request stands."""

    REQUESTED = "requested"
    APPROVED = "approved"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


MOVES: Final[Mapping[RequestStatus, frozenset[RequestStatus]]] = MappingProxyType(
    {
        RequestStatus.REQUESTED: frozenset({RequestStatus.APPROVED, RequestStatus.REJECTED}),
        RequestStatus.APPROVED: frozenset({RequestStatus.CANCELLED}),
        RequestStatus.REJECTED: frozenset(),
        RequestStatus.CANCELLED: frozenset(),
    }
)
"""Every move there is, by where it begins."""


class RequestNotApproved(StateConflict):
    """A payout is only for a request that is approved."""

    code = "request_not_approved"


class FourEyes(DomainError):
    """Whoever asked may not approve it themselves."""

    code = "four_eyes"
    status = 403


class RequestPaid(PayoutInTheWay):
    """It has a payout that is on its way or has arrived."""

    code = "payout_exists"
    said = "the request has a payout that did not fail"


class ShortfallOpen(StateConflict):
    """The customer owes the store something, so nothing is reserved for them."""

    code = "shortfall_open"

    def __init__(self, *, replayed: bool = False) -> None:
        super().__init__("the customer owes something")
        self.replayed = replayed


class Signatory(Struct, frozen=True, omit_defaults=True):
    """Who asks, or approves: the person whom the caller names, and the API key that they call with."""

    api_key_id: str
    person: str | None = None

    def is_same(self, other: "Signatory") -> bool:
        """Tell whether two may be one pair of eyes: the same person, or the same key where either names nobody."""
        if self.person is None or other.person is None:
            return self.api_key_id == other.api_key_id
        return self.person.casefold() == other.person.casefold()


class Decided(Struct, frozen=True, omit_defaults=True):
    """One move of a request: who made it, when, and why. ``request_hash`` and ``body_hash`` tell the same call again;
    ``reason`` is somebody's words, which an erasure takes."""

    status: RequestStatus
    at: Instant
    actor: str
    request_hash: str
    body_hash: str
    reason: str | None = None


class IncentiveRequest(Struct, frozen=True, omit_defaults=True):
    """The document of one request. Amounts are minor units.

    ``from_balance``: a withdrawal of cashback, whose amount is reserved; else an incentive that was earned elsewhere,
    which no balance knows of. ``held`` is what it has reserved at this moment: the amount or nothing. A request stays
    with the customer who made it; where that one was merged, its postings follow.

    ``payout_ids`` are its payouts in their order, ``active_payout_id`` the one that has not failed, if any.
    ``requested_by`` is who asked as entries keep it, ``requester`` the same to be told from who approves.
    """

    incentive_request_id: str
    customer_id: str
    program: str
    amount: int
    currency: str
    created_at: Instant
    requested_by: str
    requester: Signatory
    request_hash: str
    body_hash: str
    from_balance: bool = False
    description: str | None = None
    status: RequestStatus = RequestStatus.REQUESTED
    held: int = 0
    decisions: tuple[Decided, ...] = ()
    payout_ids: tuple[str, ...] = ()
    active_payout_id: str | None = None
    rev: int = 1

    @property
    def updated_at(self) -> Instant:
        """When somebody last decided on it."""
        return self.decisions[-1].at if self.decisions else self.created_at

    def decided_by(self, request_hash: str) -> Decided | None:
        """Return the decision that a call made before, None where it made none."""
        return next((one for one in self.decisions if one.request_hash == request_hash), None)


class RequestsWanted(Struct, frozen=True):
    """Requests of a status, of a customer; None means of all."""

    status: RequestStatus | None = None
    customer_id: str | None = None


def hold_of(request: IncentiveRequest) -> tuple[Entry, ...]:
    """Return the entry that reserves what a request asks for; none where it is not asked of the balance."""
    if not request.from_balance:
        return ()
    return (
        Entry(
            cause=causes.request_hold(request.incentive_request_id),
            kind=Kind.PAYOUT,
            amount=-request.amount,
            reserved=request.amount,
            actor=request.requested_by,
            payload_hash=payload_hash(Kind.PAYOUT, request.amount, request.request_hash, request.body_hash),
        ),
    )


def approved(request: IncentiveRequest, decided: Decided, approver: Signatory, *, four_eyes: bool) -> IncentiveRequest:
    """Return the request approved; what it holds stays reserved.

    :raises FourEyes: the store wants another person than the one who asked.
    :raises StateConflict: it is decided.
    """
    moved = _moved(request, decided)
    if four_eyes and request.requester.is_same(approver):
        raise FourEyes("somebody else has to approve it")
    return moved


def turned_down(request: IncentiveRequest, decided: Decided) -> tuple[IncentiveRequest, tuple[Entry, ...]]:
    """Return the request rejected or cancelled, with the entry that gives back what it holds.

    :raises StateConflict: it cannot be so any more, or not yet.
    :raises RequestPaid: it has a payout that has not failed.
    """
    moved = _moved(request, decided)
    if request.active_payout_id is not None:
        raise RequestPaid(request.active_payout_id)
    if not request.held:
        return moved, ()
    release = Entry(
        cause=causes.request_release(request.incentive_request_id),
        kind=Kind.PAYOUT,
        amount=request.held,
        reserved=-request.held,
        actor=decided.actor,
        payload_hash=payload_hash(Kind.PAYOUT, request.held, decided.request_hash),
    )
    return replace(moved, held=0), (release,)


def wordless(request: IncentiveRequest) -> IncentiveRequest | None:
    """Return the request without what anybody wrote, None where nothing is left to take."""
    silent = replace(
        request,
        description=None,
        decisions=tuple(replace(one, reason=None) for one in request.decisions),
    )
    return None if silent == request else replace(silent, rev=request.rev + 1)


def _moved(request: IncentiveRequest, decided: Decided) -> IncentiveRequest:
    if decided.status not in MOVES[request.status]:
        raise StateConflict(f"the request is {request.status}")
    return replace(request, status=decided.status, decisions=(*request.decisions, decided), rev=request.rev + 1)
