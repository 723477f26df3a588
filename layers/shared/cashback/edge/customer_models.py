"""Every body, every query and every answer about customers, which only their function loads."""

from copy import replace
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from cashback.domain import customers
from cashback.domain.contacts import contacts_of
from cashback.domain.errors import Invalid
from cashback.domain.queries import EntriesWanted
from cashback.domain.times import Instant
from cashback.edge.fields import (
    UNSENT,
    AmountText,
    Birthday,
    Comment,
    Email,
    Flag,
    Id,
    Limit,
    Moment,
    Name,
    Phone,
    PushEndpoint,
    QueryFlag,
)
from cashback.edge.models import TYPES, Amount, Answer, OrderDetail, Request, Transaction, TransactionType, Word
from cashback.edge.payment_account_models import PaymentAccount
from cashback.edge.payout_models import IncentiveRequest, Payout, PayoutChange


class BalanceQuery(Request):
    """When."""

    at: Moment | None = None


CSV_ROWS: Final = 5_000
"""Rows of a page of CSV, where no smaller limit is asked for."""


class TransactionsQuery(Request):
    """Which transactions."""

    type: TransactionType | None = None
    from_: Moment | None = Field(default=None, alias="from")
    to: Moment | None = None
    include_zero: QueryFlag = False
    limit: Limit = 20
    cursor: str | None = None

    def wanted(self) -> EntriesWanted:
        """Return what the history is asked for."""
        kinds = frozenset(kind for kind, shown in TYPES.items() if self.type in (None, shown))
        return EntriesWanted(kinds, self.from_, self.to, self.include_zero)

    @property
    def rows(self) -> int:
        """How many rows of CSV."""
        return self.limit if "limit" in self.model_fields_set else CSV_ROWS


class CustomersQuery(Request):
    """Which customers."""

    limit: Limit = 20
    cursor: str | None = None


class ExportQuery(Request):
    """Where to go on."""

    cursor: str | None = None


class ChangeCustomer(Request):
    """What to change of a profile; what is left out stays, null clears. An e-mail or a phone that becomes another one
    is not verified unless the same call says so."""

    name: Name | None = None
    email: Email | None = None
    email_verified: Flag = UNSENT
    phone: Phone | None = None
    phone_verified: Flag = UNSENT
    birthday: Birthday | None = None
    tags: Annotated[list[Word], Field(max_length=customers.MOST_TAGS)] | None = None
    push_endpoint: PushEndpoint | None = None

    def given(self) -> dict[str, Any]:
        """Return what was sent of the profile, in the form it is kept in."""
        sent = self.model_dump(include=set(ChangeCustomer.model_fields), exclude_unset=True)
        return {**sent, "tags": tuple(sent["tags"] or ())} if "tags" in sent else sent


class CreateCustomer(ChangeCustomer):
    """A customer to make. ``registered`` says that this is their registration, which scenarios may wait for."""

    customer_id: Id
    registered: Flag = False

    def profile(self, now: Instant) -> customers.Profile:
        """Return the profile, as of now."""
        nobody = customers.Profile(self.customer_id, now, now, registered_at=now if self.registered else None)
        return replace(customers.changed_profile(nobody, self.given(), now), updated_at=now)


class FindCustomers(Request):
    """Whom: by an e-mail or by a phone with the code of its country, as they are compared: without case and spaces."""

    email: Email = UNSENT
    phone: Phone = UNSENT

    def contact(self) -> str:
        """Return the one contact that is asked for.

        :raises Invalid: ``one_contact``, ``email_format`` or ``phone_format``.
        """
        if (self.email is None) == (self.phone is None):
            raise Invalid("body", "one_contact", "give an e-mail or a phone")
        found = contacts_of(self.email, self.phone)
        if not found:
            raise Invalid(*(("email", "email_format") if self.phone is None else ("phone", "phone_format")))
        return next(iter(found))


class AdjustBalance(Request):
    """An amount to credit or, with a sign, to debit."""

    amount: AmountText
    comment: Comment | None = None


class Customer(Answer):
    """Who a customer is, as far as the shop told. Of one erased, or merged into another, only the id is left."""

    customer_id: str
    name: str | None
    email: str | None
    email_verified: bool
    phone: str | None
    phone_verified: bool
    birthday: str | None
    tags: list[str]
    push_endpoint: str | None
    created_at: Instant
    updated_at: Instant | None
    erased_at: Instant | None
    merged_into: str | None


class Balance(Answer):
    """What a customer has. At an earlier time only ``available`` is known. What a merged customer had is at the one
    they were merged into."""

    customer_id: str
    available: Amount
    reserved: Amount | None
    credited: Amount | None
    debited: Amount | None
    shortfall: Amount | None
    tier: str | None
    version: int | None
    at: Instant | None
    merged_into: str | None


class CustomerPage(Answer):
    """Some customers: of a list the newest first, erased and merged ones among them; of a search by id, at most 100."""

    items: list[Customer]
    next_cursor: str | None


class CustomersTransaction(Transaction):
    """An entry of the ledger, and whose it is: of a customer who was merged already, that of the one they are now; what
    was posted before stays where it was."""

    customer_id: str


class Contact(Answer):
    """What a person may be recognised by."""

    kind: Literal["email", "phone"]
    value: str
    verified: bool


class GroupMembership(Answer):
    """A group that the customer was added to by hand."""

    group_id: str
    name: str
    added_at: Instant


class ExportedPayout(Payout):
    """A payout with its changes, the newest first."""

    history: list[PayoutChange]


class ExportedRequest(IncentiveRequest):
    """An incentive request with its payouts in their order."""

    payouts: list[ExportedPayout]


class CustomerExport(Answer):
    """Everything that is held on a customer. Where it is more than fits an answer, ``next_cursor`` leads to further
    pages of transactions, orders and incentive requests; the rest is on each. ``contact_hashes`` are keyed, of verified
    contacts, also of those taken over from ``merged_from``, and of those that were verified last. Payment accounts are
    masked."""

    customer: Customer
    balance: "Balance"
    contacts: list[Contact]
    contact_hashes: list[str]
    merged_from: list[str]
    groups: list[GroupMembership]
    payment_accounts: list[PaymentAccount]
    transactions: list[CustomersTransaction]
    orders: list[OrderDetail]
    incentive_requests: list[ExportedRequest]
    next_cursor: str | None


class TransactionPage(Answer):
    """Some transactions, newest first."""

    items: list[Transaction]
    next_cursor: str | None
