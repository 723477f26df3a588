"""Incentive requests and payouts, in the words and shapes of the API."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from cashback.domain import incentive_requests, payouts
from cashback.domain.incentive_requests import RequestStatus
from cashback.domain.money import Currency, Money
from cashback.domain.payment_accounts import AccountSnapshot
from cashback.domain.payout_reports import Outcome, PayoutReport
from cashback.domain.payouts import PayoutStatus
from cashback.edge import payout_models as models
from cashback.edge.payment_account_views import TYPE_LABELS
from cashback.edge.views import amount, maybe

_REQUEST_LABELS: Final = {
    RequestStatus.REQUESTED: "Requested",
    RequestStatus.APPROVED: "Approved",
    RequestStatus.REJECTED: "Rejected",
    RequestStatus.CANCELLED: "Cancelled",
}
_PAYOUT_LABELS: Final = {
    PayoutStatus.PENDING: "Pending",
    PayoutStatus.ON_PROCESS: "On Process",
    PayoutStatus.SUCCESS: "Success",
    PayoutStatus.FAILED: "Failed",
}


def incentive_request(known: incentive_requests.IncentiveRequest, currency: Currency) -> models.IncentiveRequest:
    """Return an incentive request."""
    same = (
        "incentive_request_id",
        "customer_id",
        "program",
        "status",
        "from_balance",
        "description",
        "active_payout_id",
        "created_at",
        "updated_at",
    )
    return models.IncentiveRequest(
        **{name: getattr(known, name) for name in same},
        status_label=_REQUEST_LABELS[known.status],
        amount=amount(Money(known.amount, currency)),
        held=amount(Money(known.held, currency)),
        decisions=[_decision(one) for one in known.decisions],
        payout_ids=list(known.payout_ids),
        created_by=known.requested_by,
    )


def incentive_request_page(
    known: Iterable[incentive_requests.IncentiveRequest], next_cursor: str | None, currency: Currency
) -> models.IncentiveRequestPage:
    """Return a page of incentive requests."""
    return models.IncentiveRequestPage(
        items=[incentive_request(one, currency) for one in known], next_cursor=next_cursor
    )


def payout(known: payouts.Payout, currency: Currency, fields: Mapping[str, str] | None = None) -> models.Payout:
    """Return a payout; ``fields`` are those of its account in clear, where they are to be seen."""
    same = (
        "payout_id",
        "incentive_request_id",
        "customer_id",
        "username",
        "status",
        "description",
        "external_reference",
        "reason",
        "replaces",
        "created_at",
        "created_by",
        "updated_at",
    )
    return models.Payout(
        **{name: getattr(known, name) for name in same},
        status_label=_PAYOUT_LABELS[known.status],
        amount=amount(Money(known.amount, currency)),
        fee=maybe(known.fee, currency),
        account=_account(known.account, fields),
    )


def payout_page(known: Iterable[payouts.Payout], next_cursor: str | None, currency: Currency) -> models.PayoutPage:
    """Return a page of payouts."""
    return models.PayoutPage(items=[payout(one, currency) for one in known], next_cursor=next_cursor)


def payout_history(
    lines: Iterable[payouts.AuditLine], next_cursor: str | None, currency: Currency
) -> models.PayoutHistory:
    """Return a page of the changes of a payout."""
    return models.PayoutHistory(items=[payout_change(line, currency) for line in lines], next_cursor=next_cursor)


def payout_change(line: payouts.AuditLine, currency: Currency) -> models.PayoutChange:
    """Return a change of a payout."""
    told: dict[str, Any] = {"before": _fields(line.before, currency), "after": _fields(line.after, currency)}
    return models.PayoutChange(number=line.number, at=line.at, actor=line.actor, request_id=line.request_id, **told)


def reconciliation(report: PayoutReport) -> models.PayoutReconciliation:
    """Return what a provider's report came to."""
    rows: dict[Outcome, list[models.ReportedRow]] = {outcome: [] for outcome in Outcome}
    for one in report.verdicts:
        rows[one.outcome].append(models.ReportedRow(row=one.row, payout_id=one.payout_id, code=one.code))
    lists: dict[str, Any] = {outcome.value: told for outcome, told in rows.items()}
    return models.PayoutReconciliation(**lists, missing_there=list(report.missing_there), more=report.more)


def _decision(decided: incentive_requests.Decided) -> models.RequestDecision:
    return models.RequestDecision(
        status=decided.status,
        status_label=_REQUEST_LABELS[decided.status],
        at=decided.at,
        actor=decided.actor,
        reason=decided.reason,
    )


def _account(account: AccountSnapshot, fields: Mapping[str, str] | None) -> models.PayoutAccount:
    return models.PayoutAccount(
        payment_account_id=account.payment_account_id,
        type=account.type,
        type_label=TYPE_LABELS[account.type],
        provider=account.provider,
        masked=account.masked,
        fields=None if fields is None else dict(fields),
    )


def _fields(told: Mapping[str, Any], currency: Currency) -> dict[str, Any]:
    return {name: maybe(value, currency) if name == "fee" else value for name, value in told.items()}
