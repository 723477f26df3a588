"""Bodies, queries and answers about payment accounts, which only one function loads."""

from typing import Literal

from cashback.domain.errors import Invalid
from cashback.domain.payment_accounts import AccountDetails, bank_account, digital_account
from cashback.domain.times import Instant
from cashback.edge.fields import UNSENT, Flag, Limit, Name, QueryFlag, Text
from cashback.edge.models import Answer, Request

_BANK = ("account_number", "iban", "routing_number", "swift")
_DIGITAL = ("provider", "handle")


class CreatePaymentAccount(Request):
    """An account to add: of a bank (``holder``, and an ``iban`` or an ``account_number``; ``routing_number`` is that of
    the ABA, ``swift`` a BIC) or of a payment service (``provider`` and ``handle``). Spaces, hyphens and case do not
    matter in numbers."""

    type: Literal["bank", "digital"]
    holder: Name = UNSENT
    account_number: Text = UNSENT
    iban: Text = UNSENT
    routing_number: Text = UNSENT
    swift: Text = UNSENT
    provider: Text = UNSENT
    handle: Text = UNSENT
    default: Flag = False

    def details(self) -> AccountDetails:
        """Return the account that is meant.

        :raises Invalid: ``required``, ``field_unknown`` of one that the other type has, or what the account's numbers
            are refused for.
        """
        needed, others = (("holder",), _DIGITAL) if self.type == "bank" else (_DIGITAL, ("holder", *_BANK))
        for name in others:
            if name in self.model_fields_set:
                raise Invalid(name, "field_unknown", "the other type of account has that")
        for name in needed:
            if name not in self.model_fields_set:
                raise Invalid(name, "required")
        if self.type == "digital":
            return digital_account(self.provider, self.handle)
        return bank_account(self.holder, **{name: getattr(self, name) for name in _BANK})


class PaymentAccountsQuery(Request):
    """Which payment accounts."""

    limit: Limit = 20
    cursor: str | None = None


class PaymentAccountQuery(Request):
    """Whether in clear, which only an admin sees and the audit tells."""

    unmasked: QueryFlag = False


class PaymentAccount(Answer):
    """A payment account. Of its numbers, and of its handle, four characters at most are shown behind ``****``, and the
    holder is not, unless an admin asks for it ``unmasked``. ``shared_with`` are other customers with the same one,
    null within an export, which tells of one person only."""

    payment_account_id: str
    customer_id: str
    type: Literal["bank", "digital"]
    type_label: str
    provider: str | None
    holder: str | None
    account_number: str | None
    iban: str | None
    routing_number: str | None
    swift: str | None
    handle: str | None
    unmasked: bool
    default: bool
    shared_with: list[str] | None
    created_at: Instant
    created_by: str


class PaymentAccountPage(Answer):
    """Some payment accounts, newest first."""

    items: list[PaymentAccount]
    next_cursor: str | None
