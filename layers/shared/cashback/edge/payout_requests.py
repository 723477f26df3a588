"""Requests about incentive requests and payouts as what the use cases take."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from cashback.domain.audit import Origin
from cashback.domain.errors import Invalid
from cashback.domain.incentive_requests import Decided, IncentiveRequest, RequestStatus, Signatory
from cashback.domain.money import Currency
from cashback.domain.payout_reports import PayoutReport, ReportRow
from cashback.domain.payouts import Opening, Payout
from cashback.domain.settings import Settings
from cashback.domain.times import Instant, instant
from cashback.edge.caller import Caller, IdempotentRequest
from cashback.edge.clock import utc
from cashback.edge.ids import new_id
from cashback.edge.payout_models import ChangePayout, CreateIncentiveRequest, CreatePayout, PayoutsQuery
from cashback.services.books import PayoutBooks
from cashback.services.manage_payouts import list_payouts

REPORT_TIME: Final = timedelta(seconds=14)
"""How long rows of a report are settled: the last of them too must be through before no call begins any more."""


def new_request(
    body: CreateIncentiveRequest, currency: Currency, who: Caller, request: IdempotentRequest, now: Instant
) -> IncentiveRequest:
    """Return the incentive request that is asked for.

    :raises Invalid: ``amount_*``, also ``amount_zero`` and ``amount_negative``.
    """
    amount = _not_negative(body.amount, "amount", currency)
    if amount == 0:
        raise Invalid("amount", "amount_zero")
    return IncentiveRequest(
        incentive_request_id=new_id("irq", request.request_hash),
        customer_id=body.customer_id,
        program=body.program,
        amount=amount,
        currency=currency.code,
        created_at=now,
        requested_by=who.actor,
        requester=signatory(who),
        request_hash=request.request_hash,
        body_hash=request.body_hash,
        from_balance=body.from_balance,
        description=body.description,
        held=amount if body.from_balance else 0,
    )


def signatory(who: Caller) -> Signatory:
    """Return who calls, to be told from who approves."""
    return Signatory(who.api_key_id, who.person)


def decision(status: str, reason: str | None, who: Caller, request: IdempotentRequest, now: Instant) -> Decided:
    """Return a decision on an incentive request."""
    return Decided(RequestStatus(status), now, who.actor, request.request_hash, request.body_hash, reason)


def opening(body: CreatePayout, who: Caller, request: IdempotentRequest, now: Instant) -> Opening:
    """Return what a request for a payout says besides what it is for."""
    payout_id = new_id("pay", request.request_hash)
    return Opening(payout_id, body.description, who.origin, request.request_hash, request.body_hash, now)


def changes(body: ChangePayout, currency: Currency) -> Mapping[str, Any]:
    """Return what a request says of a payout, in exact values; a reference without spaces around it.

    :raises Invalid: ``amount_*`` of the fee, also ``amount_negative``.
    """
    given = {name: getattr(body, name) for name in body.model_fields_set}
    if body.external_reference is not None:
        given["external_reference"] = body.external_reference.strip()
    if body.fee is not None:
        given["fee"] = _not_negative(body.fee, "fee", currency)
    return given


def payouts_page(
    work: PayoutBooks, store_id: str, query: PayoutsQuery, before: str | None
) -> tuple[list[Payout], str | None]:
    """Return a page of the payouts that a query asks for, and where to go on.

    :raises Invalid: ``q_too_short``.
    """
    if query.q is None:
        return list_payouts(work, store_id, query.wanted(), query.limit, before)
    from cashback.services.search_payouts import search_payouts  # noqa: PLC0415 - a cold start does not need it

    return search_payouts(work, store_id, query.q, query.wanted(), query.limit, before)


def reconciled(work: PayoutBooks, settings: Settings, origin: Origin, rows: tuple[ReportRow, ...]) -> PayoutReport:
    """Settle a provider's report, as far as there is time."""
    from cashback.services.reconcile_payouts import reconcile_payouts  # noqa: PLC0415 - a cold start does not need it

    began = utc()
    return reconcile_payouts(work, settings, rows, origin, instant(began), lambda: utc() < began + REPORT_TIME)


def _not_negative(literal: str, field: str, currency: Currency) -> int:
    minor = currency.parse(literal, field)
    if minor < 0:
        raise Invalid(field, "amount_negative")
    return minor
