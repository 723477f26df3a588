"""Incentive requests and payouts: ask for a payment, decide on it, and follow what became of it."""

from typing import Annotated, Any

from cashback.edge import deps, payout_views
from cashback.edge.answers import answer_kept
from cashback.edge.clock import now
from cashback.edge.fields import Id
from cashback.edge.http import Api, Path, Query, Response, Role, answer
from cashback.edge.payout_models import (
    ApproveIncentiveRequest,
    ChangePayout,
    CreateIncentiveRequest,
    CreatePayout,
    IncentiveRequest,
    IncentiveRequestPage,
    IncentiveRequestsQuery,
    Payout,
    PayoutHistory,
    PayoutHistoryQuery,
    PayoutPage,
    PayoutQuery,
    PayoutReconciliation,
    PayoutsQuery,
    ReconcilePayouts,
    TurnDownIncentiveRequest,
)
from cashback.edge.payout_requests import changes, decision, new_request, opening, payouts_page, reconciled, signatory
from cashback.services import manage_payouts, manage_requests
from cashback.services.close_store import open_store
from cashback.services.manage_payment_accounts import Reading
from cashback.services.read_store import read_settings

deps.at_start(deps.payout_books)
api = Api()

# Made once: each costs a cold start as much as a route.
GivenId = Annotated[Id, Path()]

# What a body says that is not sent. Calling the model would build its validator in every cold start.
NO_BODY = ApproveIncentiveRequest.model_construct()
A_FILE = ReconcilePayouts.model_construct()


@api.route("POST", "/v1/incentive-requests", Role.OPERATOR, status=201, needs_key=True)
def create_incentive_request(body: CreateIncentiveRequest) -> Response[IncentiveRequest]:
    """Ask for a payment to a customer; of their balance, it is reserved at once."""
    who, request, work = api.caller(), api.request(body), deps.payout_books()
    settings = open_store(work.books.stores, who.store_id).settings()
    asked = new_request(body, settings.currency, who, request, now())
    made, replayed = manage_requests.create_request(work, settings, asked, who.role)
    return answer(payout_views.incentive_request(made, settings.currency), 201, replayed=replayed)


@api.route("GET", "/v1/incentive-requests", Role.VIEWER)
def list_incentive_requests(
    query: Annotated[IncentiveRequestsQuery, Query()],
) -> Response[IncentiveRequestPage]:
    """List the store's incentive requests, newest first."""
    store_id, cursors, work = api.caller().store_id, api.cursors(query), deps.payout_books()
    wanted, place = query.wanted(), cursors.read(query.cursor)
    found, place = manage_requests.list_requests(work, store_id, wanted, query.limit, place)
    currency = read_settings(work.books, store_id).currency
    return answer(payout_views.incentive_request_page(found, cursors.make(place), currency))


@api.route("GET", "/v1/incentive-requests/<incentive_request_id>", Role.VIEWER)
def read_incentive_request(incentive_request_id: GivenId) -> Response[IncentiveRequest]:
    """Read an incentive request with the decisions on it."""
    store_id, work = api.caller().store_id, deps.payout_books()
    found = manage_requests.read_request(work, store_id, incentive_request_id)
    return answer(payout_views.incentive_request(found, read_settings(work.books, store_id).currency))


@api.route("POST", "/v1/incentive-requests/<incentive_request_id>/approve", Role.OPERATOR, needs_key=True)
def approve_incentive_request(
    incentive_request_id: GivenId, body: ApproveIncentiveRequest = NO_BODY
) -> Response[IncentiveRequest]:
    """Approve an incentive request, once: it may be paid."""
    return decide(incentive_request_id, "approved", body, None)


@api.route("POST", "/v1/incentive-requests/<incentive_request_id>/reject", Role.OPERATOR, needs_key=True)
def reject_incentive_request(
    incentive_request_id: GivenId, body: TurnDownIncentiveRequest
) -> Response[IncentiveRequest]:
    """Reject an incentive request, for good: what it has reserved is given back."""
    return decide(incentive_request_id, "rejected", body, body.reason)


@api.route("POST", "/v1/incentive-requests/<incentive_request_id>/cancel", Role.OPERATOR, needs_key=True)
def cancel_incentive_request(
    incentive_request_id: GivenId, body: TurnDownIncentiveRequest
) -> Response[IncentiveRequest]:
    """Cancel an approved incentive request that has no payout, or a failed one; what it has reserved is given back."""
    return decide(incentive_request_id, "cancelled", body, body.reason)


def decide(
    incentive_request_id: str,
    status: str,
    body: ApproveIncentiveRequest | TurnDownIncentiveRequest,
    reason: str | None,
) -> Response[IncentiveRequest]:
    """Move an incentive request."""
    who, request, work = api.caller(), api.request(body), deps.payout_books()
    settings = open_store(work.books.stores, who.store_id).settings()
    decided, by = decision(status, reason, who, request, now()), signatory(who)
    moved, replayed = manage_requests.decide_request(work, settings, incentive_request_id, decided, by)
    return answer(payout_views.incentive_request(moved, settings.currency), replayed=replayed)


@api.route("POST", "/v1/payouts", Role.OPERATOR, status=201, needs_key=True)
def create_payout(body: CreatePayout) -> Response[Payout]:
    """Make the payout of an approved incentive request."""
    who, request, work = api.caller(), api.request(body), deps.payout_books()
    currency, asked = open_store(work.books.stores, who.store_id).currency, opening(body, who, request, now())
    made, replayed = manage_payouts.create_payout(
        work, who.store_id, body.incentive_request_id, body.payment_account_id, asked
    )
    return answer(payout_views.payout(made, currency), 201, replayed=replayed)


@api.route("GET", "/v1/payouts", Role.VIEWER)
def list_payouts(query: Annotated[PayoutsQuery, Query()]) -> Response[PayoutPage]:
    """List the store's payouts, newest first; with ``q`` those that are found by its words; of a description the
    first 30 different ones count."""
    store_id, cursors, work = api.caller().store_id, api.cursors(query), deps.payout_books()
    found, place = payouts_page(work, store_id, query, cursors.read(query.cursor))
    currency = read_settings(work.books, store_id).currency
    return answer(payout_views.payout_page(found, cursors.make(place), currency))


@api.route("POST", "/v1/payouts/reconcile", Role.OPERATOR, needs_key=True, takes_csv=True)
def reconcile_payouts(body: ReconcilePayouts = A_FILE) -> Response[PayoutReconciliation]:
    """Bring payouts up to what their provider reports of them, row by row; the same file twice changes nothing. An
    answer with ``busy`` rows is none yet: the same call goes on there."""
    who, request, work = api.caller(), api.request(body), deps.payout_books()
    rows, settings = body.rows(api.csv()), open_store(work.books.stores, who.store_id).settings()

    def settle_each() -> tuple[PayoutReconciliation, bool]:
        report = reconciled(work, settings, who.origin, rows)
        return payout_views.reconciliation(report), report.is_final

    return answer_kept(work.books, who, request, PayoutReconciliation, settle_each)


@api.route("GET", "/v1/payouts/<payout_id>", Role.VIEWER)
def read_payout(payout_id: GivenId, query: Annotated[PayoutQuery, Query()]) -> Response[Payout]:
    """Read a payout; with its account in clear only for an admin, which is written into the audit."""
    who, work = api.caller(), deps.payout_books()
    asked = Reading(query.unmasked, who.role, who.origin, now())
    found, fields = manage_payouts.show_payout(work, who.store_id, payout_id, asked)
    return answer(payout_views.payout(found, read_settings(work.books, who.store_id).currency, fields))


@api.route("PATCH", "/v1/payouts/<payout_id>", Role.OPERATOR)
def change_payout(payout_id: GivenId, body: ChangePayout) -> Response[Payout]:
    """Change what is known of a payout; its status settles what was reserved for it, or gives it back."""
    who, work = api.caller(), deps.payout_books()
    currency = open_store(work.books.stores, who.store_id).currency
    wanted = changes(body, currency)
    changed = manage_payouts.change_payout(work, who.store_id, payout_id, wanted, who.origin, now())
    return answer(payout_views.payout(changed, currency))


@api.route("GET", "/v1/payouts/<payout_id>/history", Role.VIEWER)
def read_payout_history(payout_id: GivenId, query: Annotated[PayoutHistoryQuery, Query()]) -> Response[PayoutHistory]:
    """List the changes of a payout, newest first."""
    store_id, cursors, work = api.caller().store_id, api.cursors(query), deps.payout_books()
    lines, place = manage_payouts.read_history(work, store_id, payout_id, query.limit, cursors.read(query.cursor))
    currency = read_settings(work.books, store_id).currency
    return answer(payout_views.payout_history(lines, cursors.make(place), currency))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Serve one request of API Gateway."""
    return api.resolve(event, context)
