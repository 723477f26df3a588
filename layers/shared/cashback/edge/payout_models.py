"""The bodies, queries and answers about incentive requests and payouts, which only one function loads."""

from typing import Annotated, Final, TypedDict

from pydantic import BeforeValidator, WithJsonSchema

from cashback.domain.errors import Invalid
from cashback.domain.incentive_requests import RequestStatus, RequestsWanted
from cashback.domain.payment_accounts import AccountType
from cashback.domain.payout_reports import ReportRow, read_report
from cashback.domain.payouts import PayoutStatus, PayoutsWanted
from cashback.domain.times import Instant
from cashback.edge.fields import UNSENT, AmountText, Comment, Flag, Limit, Name, QueryFlag, StoredId, refuse
from cashback.edge.models import Amount, Answer, Request, Word

_PAGE_SIZES: Final = {str(size): size for size in (5, 10, 20, 50)}


def _page_size(value: object) -> int:
    size = _PAGE_SIZES.get(value) if isinstance(value, str) else None
    if size is None:
        raise refuse("enum")
    return size


PageSize = Annotated[
    int, BeforeValidator(_page_size), WithJsonSchema({"type": "integer", "enum": list(_PAGE_SIZES.values())})
]
"""How many of these lists people see at once."""


# ---- requests


class CreateIncentiveRequest(Request):
    """What a customer is to be paid. ``from_balance``: it is a withdrawal of cashback, and reserved at once."""

    customer_id: StoredId
    program: Name
    amount: AmountText
    from_balance: Flag = False
    description: Comment | None = None


class ApproveIncentiveRequest(Request):
    """Nothing."""


class TurnDownIncentiveRequest(Request):
    """Why it is rejected or cancelled."""

    reason: Comment


class IncentiveRequestsQuery(Request):
    """Which requests."""

    status: RequestStatus | None = None
    customer_id: StoredId | None = None
    limit: PageSize = 20
    cursor: str | None = None

    def wanted(self) -> RequestsWanted:
        """Return what the list is asked for."""
        return RequestsWanted(self.status, self.customer_id)


class RequestDecision(TypedDict):
    """A decision: who made it, when and why."""

    status: RequestStatus
    status_label: str
    at: Instant
    actor: str
    reason: str | None


class IncentiveRequest(Answer):
    """An incentive request. ``held`` is what it has reserved of the balance, ``payout_ids`` are its payouts in their
    order, and ``active_payout_id`` is the one that has not failed."""

    incentive_request_id: str
    customer_id: str
    program: str
    status: RequestStatus
    status_label: str
    amount: Amount
    from_balance: bool
    held: Amount
    description: str | None
    decisions: list[RequestDecision]
    payout_ids: list[str]
    active_payout_id: str | None
    created_at: Instant
    created_by: str
    updated_at: Instant


class IncentiveRequestPage(Answer):
    """Some incentive requests, newest first. A page of one status may hold fewer than were asked for, even none, and
    still lead on: the list has ended where ``next_cursor`` is null."""

    items: list[IncentiveRequest]
    next_cursor: str | None


# ---- payouts


class CreatePayout(Request):
    """A payout to make. Amount and currency are those of the request, and it goes to the customer's default account
    unless another one is named."""

    incentive_request_id: StoredId
    payment_account_id: StoredId | None = None
    description: Comment | None = None


class ChangePayout(Request):
    """What to change; what is left out stays, null clears. ``reason`` is told with a failure, and
    may be put right while that stands."""

    status: PayoutStatus = UNSENT
    external_reference: Word | None = None
    description: Comment | None = None
    fee: AmountText | None = None
    reason: Comment = UNSENT


class PayoutsQuery(Request):
    """Which payouts. ``q``: each of its words begins a word of the payout's id, its request's id, the username, the
    external reference or the description, of which the first 30 different words count."""

    q: Name | None = None
    status: PayoutStatus | None = None
    customer_id: StoredId | None = None
    limit: PageSize = 20
    cursor: str | None = None

    def wanted(self) -> PayoutsWanted:
        """Return what the list is asked for."""
        return PayoutsWanted(self.status, self.customer_id)


class PayoutQuery(Request):
    """Whether with the account in clear, which only an admin sees and the audit tells."""

    unmasked: QueryFlag = False


class PayoutHistoryQuery(Request):
    """Which changes."""

    limit: Limit = 20
    cursor: str | None = None


class PayoutAccount(TypedDict):
    """The account as it was when the payout was made. ``fields`` are in clear, null unless an admin asks for it
    ``unmasked``."""

    payment_account_id: str
    type: AccountType
    type_label: str
    provider: str | None
    masked: str
    fields: dict[str, str] | None


class Payout(Answer):
    """A payout: what is known of a payment that is made elsewhere. ``reason`` says why it failed, ``replaces`` is the
    failed payout of the same request before it. The ``fee`` does not change the amount."""

    payout_id: str
    incentive_request_id: str
    customer_id: str
    username: str
    status: PayoutStatus
    status_label: str
    amount: Amount
    fee: Amount | None
    description: str | None
    external_reference: str | None
    reason: str | None
    account: PayoutAccount
    replaces: str | None
    created_at: Instant
    created_by: str
    updated_at: Instant


class PayoutPage(Answer):
    """Some payouts, newest first. A page of one status, or of a search, may hold fewer than were asked for, even none,
    and still lead on: the list has ended where ``next_cursor`` is null."""

    items: list[Payout]
    next_cursor: str | None


class PayoutFields(TypedDict, total=False):
    """What was, or became, of a payout, as far as it changed."""

    status: PayoutStatus
    reason: str | None
    external_reference: str | None
    description: str | None
    fee: Amount | None


class PayoutChange(Answer):
    """A change of a payout: who made it, when, and what there was before and after."""

    number: int
    at: Instant
    actor: str
    request_id: str
    before: PayoutFields
    after: PayoutFields


class PayoutHistory(Answer):
    """Some changes of a payout, newest first."""

    items: list[PayoutChange]
    next_cursor: str | None


# ---- reports of providers


class ReconcilePayouts(Request):
    """Nothing: the report is a file, sent as text/csv."""

    def rows(self, file: str | None) -> tuple[ReportRow, ...]:
        """Return the rows of the file.

        :raises Invalid: ``csv_required``, or what is wrong with the file.
        """
        if file is None:
            raise Invalid("body", "csv_required", "send the report as text/csv")
        return read_report(file)


class ReportedRow(TypedDict):
    """A row of a report, as a spreadsheet counts it; which payout it is about, null where that is none or in doubt; and
    why nothing was changed, where the list does not say so itself."""

    row: int
    payout_id: str | None
    code: str | None


class PayoutReconciliation(Answer):
    """What a report came to; every row is in one list. ``matched`` says what is known, ``mismatched`` contradicts it.
    ``duplicate`` rows are about the same payout or reference, ``missing_here`` about none of ours. ``busy`` ones could
    not be settled now: make the same call again. ``missing_there`` are payouts without an end that no row names, the
    newest first; ``more`` where there are over a thousand, or there was no time to look for all."""

    matched: list[ReportedRow]
    updated: list[ReportedRow]
    mismatched: list[ReportedRow]
    duplicate: list[ReportedRow]
    missing_here: list[ReportedRow]
    busy: list[ReportedRow]
    missing_there: list[str]
    more: bool
