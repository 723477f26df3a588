"""Payouts: records of payments that are made outside, and what their statuses do to the balance they come from.

A payout of a withdrawal holds its amount from the request on; it is settled when the payment has arrived, and given
back when it has failed, whichever comes first and however often that changes.
"""

from collections.abc import Mapping
from copy import replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct

from cashback.domain import causes
from cashback.domain.audit import Origin
from cashback.domain.errors import Invalid, StateConflict
from cashback.domain.incentive_requests import IncentiveRequest, RequestNotApproved, RequestPaid, RequestStatus
from cashback.domain.ledger import Account, Entry, Kind, payload_hash
from cashback.domain.payment_accounts import AccountSnapshot
from cashback.domain.times import Instant


class PayoutStatus(StrEnum):
    """How far the payment is, as far as anybody told."""

    PENDING = "pending"
    ON_PROCESS = "on_process"
    SUCCESS = "success"
    FAILED = "failed"


_TO_ANY_END: Final = frozenset({PayoutStatus.SUCCESS, PayoutStatus.FAILED})

MOVES: Final[Mapping[PayoutStatus, frozenset[PayoutStatus]]] = MappingProxyType(
    {
        PayoutStatus.PENDING: _TO_ANY_END | {PayoutStatus.ON_PROCESS},
        PayoutStatus.ON_PROCESS: _TO_ANY_END,
        PayoutStatus.SUCCESS: frozenset({PayoutStatus.FAILED}),
        PayoutStatus.FAILED: frozenset({PayoutStatus.SUCCESS}),
    }
)
"""Every move there is, by where it begins: a payment that arrived may be returned, one that failed may arrive late."""

LIVE: Final = frozenset({PayoutStatus.PENDING, PayoutStatus.ON_PROCESS})
"""Nobody knows the end yet."""

ENDS: Final = _TO_ANY_END
"""Somebody told the end, which may still turn into the other one."""

CHANGEABLE: Final = ("status", "reason", "external_reference", "description", "fee")
"""What a person may change, in the order in which the audit tells it."""

_KNOWN: Final = frozenset({*CHANGEABLE, "occurred_at"})

_WORDED: Final = frozenset({"reason", "description", "username"})
"""What somebody wrote, or who somebody is."""


class Payout(Struct, frozen=True, omit_defaults=True):
    """The document of one payout. ``amount`` and ``fee`` are minor units of ``currency``; the fee never changes the
    amount.

    Amount, currency and account are those of the request and of the customer when it was made. ``reason`` says why it
    failed. ``step`` is the number of its newest audit line, ``replaces`` the failed payout of the same request before
    it. ``occurred_at`` is when it became what it is, as far as anybody told: the time of the newest provider's report,
    or the moment at which a person told its end. It never goes back.
    """

    payout_id: str
    incentive_request_id: str
    customer_id: str
    username: str
    amount: int
    currency: str
    account: AccountSnapshot
    created_at: Instant
    created_by: str
    updated_at: Instant
    request_hash: str
    body_hash: str
    from_balance: bool = False
    status: PayoutStatus = PayoutStatus.PENDING
    reason: str | None = None
    external_reference: str | None = None
    description: str | None = None
    fee: int | None = None
    replaces: str | None = None
    occurred_at: Instant | None = None
    step: int = 1
    rev: int = 1

    @property
    def is_live(self) -> bool:
        """Whether nobody knows its end yet."""
        return self.status in LIVE


class AuditLine(Struct, frozen=True, omit_defaults=True):
    """Who changed what of a payout, and when; written in the transaction of the change. Amounts are minor units."""

    number: int
    at: Instant
    actor: str
    request_id: str
    before: Mapping[str, Any] = {}
    after: Mapping[str, Any] = {}


class PayoutDecision(Struct, frozen=True):
    """What is committed together, or not at all: the payout, the request it is for, the line of the audit, and the
    entries, decided from the account of ``version``, that of ``version_owner``, where that is not None."""

    payout: Payout
    request: IncentiveRequest
    line: AuditLine
    entries: tuple[Entry, ...] = ()
    version: int | None = None
    version_owner: str | None = None


class PayoutsWanted(Struct, frozen=True):
    """Payouts of a status, of a customer; None means of all."""

    status: PayoutStatus | None = None
    customer_id: str | None = None


class Opening(Struct, frozen=True):
    """A call that asks for a payout."""

    payout_id: str
    description: str | None
    origin: Origin
    request_hash: str
    body_hash: str
    at: Instant


def check_payable(request: IncentiveRequest) -> None:
    """Refuse a request that no payment can be for.

    :raises RequestNotApproved: it is not approved, or no longer.
    :raises RequestPaid: it has a payout that has not failed.
    """
    if request.status is not RequestStatus.APPROVED:
        raise RequestNotApproved(f"the request is {request.status}")
    if request.active_payout_id is not None:
        raise RequestPaid(request.active_payout_id)


def opened(request: IncentiveRequest, account: AccountSnapshot, username: str, opening: Opening) -> PayoutDecision:
    """Return the payout of a request, to an account, for whoever is called ``username``. After one that failed it holds
    the amount again, which the balance may refuse.

    :raises RequestNotApproved: the request is not approved, or no longer.
    :raises RequestPaid: it has a payout that has not failed.
    """
    check_payable(request)
    payout = Payout(
        payout_id=opening.payout_id,
        incentive_request_id=request.incentive_request_id,
        customer_id=request.customer_id,
        username=username,
        amount=request.amount,
        currency=request.currency,
        account=account,
        created_at=opening.at,
        created_by=opening.origin.actor,
        updated_at=opening.at,
        request_hash=opening.request_hash,
        body_hash=opening.body_hash,
        from_balance=request.from_balance,
        description=opening.description,
        replaces=request.payout_ids[-1] if request.payout_ids else None,
    )
    entries: tuple[Entry, ...] = ()
    if request.from_balance and not request.held:
        same = hold_hash(request, opening)
        entries = (_entry(payout, "hold", payout.created_by, same, amount=-payout.amount, reserved=payout.amount),)
    following = replace(
        request,
        held=request.amount if request.from_balance else 0,
        active_payout_id=payout.payout_id,
        payout_ids=(*request.payout_ids, payout.payout_id),
        rev=request.rev + 1,
    )
    told = {name: value for name in ("status", "description") if (value := getattr(payout, name)) is not None}
    line = AuditLine(payout.step, opening.at, opening.origin.actor, opening.origin.request_id, after=told)
    return PayoutDecision(payout, following, line, entries)


def hold_cause(payout_id: str) -> str:
    """Return the cause under which a payout holds its amount anew, or was refused it."""
    return causes.payout(payout_id, 1, "hold")


def hold_hash(request: IncentiveRequest, opening: Opening) -> str:
    """Return what tells that a call asks again for what it asked for before."""
    return payload_hash(Kind.PAYOUT, request.amount, opening.request_hash, opening.body_hash)


def changed(
    request: IncentiveRequest,
    payout: Payout,
    wanted: Mapping[str, Any],
    account: Account | None,
    origin: Origin,
    at: Instant,
) -> PayoutDecision | None:
    """Return a payout with some of ``CHANGEABLE`` (or ``occurred_at``) changed; None where all of it is so already.

    An end without ``occurred_at`` is told by a person, and counts from ``at`` on: no report from before undoes it.

    A late success takes what the balance has, as far as ``account`` knows it, and the rest is owed. Without an account
    the balance is taken to suffice: the ledger says when that is wrong.

    :raises StateConflict: there is no such move.
    :raises RequestNotApproved: a late success of a request that was turned down since.
    :raises RequestPaid: a late success of a request that has another payout.
    :raises Invalid: ``reason_required``, or ``reason_without_failure``.
    """
    if not wanted.keys() <= _KNOWN:
        raise ValueError("a payout has no such thing to change")
    status = PayoutStatus(wanted.get("status", payout.status))
    is_moving = status is not payout.status
    changes = {name: value for name, value in wanted.items() if getattr(payout, name) != value}
    if not is_moving and "reason" in changes:
        _check_reason(status, wanted["reason"])
    if not changes:
        return None
    if is_moving:
        _check_move(request, payout, status, wanted.get("reason"))
        changes["reason"] = wanted.get("reason")
        if status in ENDS and "occurred_at" not in wanted:
            changes["occurred_at"] = max(at, payout.occurred_at or at)
    after = replace(payout, **{**changes, "status": status}, updated_at=at, step=payout.step + 1, rev=payout.rev + 1)
    told = [name for name in CHANGEABLE if getattr(payout, name) != getattr(after, name)]
    line = AuditLine(
        after.step,
        at,
        origin.actor,
        origin.request_id,
        before={name: getattr(payout, name) for name in told},
        after={name: getattr(after, name) for name in told},
    )
    entries = _moved_money(request, payout, after, account, origin.actor) if is_moving else ()
    is_pinned = any(entry.amount < 0 or entry.owed for entry in entries)
    following = _followed(request, payout, after)
    if account is None or not is_pinned:
        return PayoutDecision(after, following, line, entries)
    return PayoutDecision(after, following, line, entries, account.version, account.customer_id)


def wordless(payout: Payout) -> Payout | None:
    """Return a payout without the person: no name, no words, no account but its masked end; None where nothing is left
    to take."""
    silent = replace(
        payout,
        username=payout.customer_id,
        description=None,
        reason=None,
        account=replace(payout.account, sealed={}),
    )
    return None if silent == payout else replace(silent, rev=payout.rev + 1)


def wordless_line(line: AuditLine) -> AuditLine:
    """Return a line of the audit without what anybody wrote."""
    return replace(
        line,
        before={name: value for name, value in line.before.items() if name not in _WORDED},
        after={name: value for name, value in line.after.items() if name not in _WORDED},
    )


def _check_reason(status: PayoutStatus, reason: str | None) -> None:
    if (reason is None) is (status is PayoutStatus.FAILED):
        code = "reason_required" if reason is None else "reason_without_failure"
        raise Invalid("reason", code, "a failure has a reason, and nothing else has")


def _check_move(request: IncentiveRequest, payout: Payout, status: PayoutStatus, reason: str | None) -> None:
    if status not in MOVES[payout.status]:
        raise StateConflict(f"the payout is {payout.status}")
    _check_reason(status, reason)
    if payout.status is PayoutStatus.FAILED:
        check_payable(request)


def _moved_money(
    request: IncentiveRequest, before: Payout, after: Payout, account: Account | None, actor: str
) -> tuple[Entry, ...]:
    """Return what a move does to the balance; ``amount`` of an entry is what it gives, ``reserved`` what it holds."""
    if not before.from_balance:
        return ()
    amount, held = before.amount, request.held
    match before.status, after.status:
        case ((PayoutStatus.PENDING | PayoutStatus.ON_PROCESS), PayoutStatus.SUCCESS):
            return (_counted(after, "settle", actor, reserved=-held),)
        case ((PayoutStatus.PENDING | PayoutStatus.ON_PROCESS), PayoutStatus.FAILED):
            return (_counted(after, "void", actor, amount=held, reserved=-held),)
        case PayoutStatus.SUCCESS, PayoutStatus.FAILED:
            return (_counted(after, "void", actor, amount=amount, voids=True),)
        case PayoutStatus.FAILED, PayoutStatus.SUCCESS:
            taken = amount if account is None else min(amount, max(0, account.available))
            return (_counted(after, "settle", actor, amount=-taken, owed=amount - taken),)
    return ()


def _followed(request: IncentiveRequest, before: Payout, after: Payout) -> IncentiveRequest:
    """Return the request as it stands beside its payout: it holds nothing once the end is known."""
    if after.status is before.status or after.is_live:
        return request
    active = after.payout_id if after.status is PayoutStatus.SUCCESS else None
    return replace(request, held=0, active_payout_id=active, rev=request.rev + 1)


def _counted(payout: Payout, movement: str, actor: str, **moves: Any) -> Entry:
    """An entry whose cause holds the number of the payout's step."""
    same = payload_hash(Kind.PAYOUT, payout.amount, payout.status)
    return _entry(payout, movement, actor, same, **moves)


def _entry(payout: Payout, movement: str, actor: str, same: str, **moves: Any) -> Entry:
    return Entry(
        cause=causes.payout(payout.payout_id, payout.step, movement),
        kind=Kind.PAYOUT,
        actor=actor,
        payload_hash=same,
        payout_id=payout.payout_id,
        **{"amount": 0, **moves},
    )
