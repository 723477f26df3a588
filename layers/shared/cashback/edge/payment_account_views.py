"""What the domain knows of payment accounts, in the words and shapes of the API."""

from collections.abc import Iterable
from typing import Final

from cashback.domain.payment_accounts import AccountType
from cashback.edge import ids
from cashback.edge import payment_account_models as models
from cashback.edge.caller import IdempotentRequest
from cashback.services.manage_payment_accounts import NewAccount, ShownAccount

TYPE_LABELS: Final = {AccountType.BANK: "Bank transfer", AccountType.DIGITAL: "Digital payment"}


def new_account(body: models.CreatePaymentAccount, request: IdempotentRequest) -> NewAccount:
    """Return the account that a request asks for.

    :raises Invalid: it is none.
    """
    account_id = ids.new_id("pac", request.request_hash)
    return NewAccount(account_id, body.details(), body.default, request.body_hash)


def payment_account(shown: ShownAccount) -> models.PaymentAccount:
    """Return an account."""
    account = shown.account
    told = account.masks if shown.fields is None else shown.fields
    return models.PaymentAccount(
        payment_account_id=account.payment_account_id,
        customer_id=account.customer_id,
        type=account.type.value,
        type_label=TYPE_LABELS[account.type],
        provider=account.provider,
        holder=told.get("holder"),
        account_number=told.get("account_number"),
        iban=told.get("iban"),
        routing_number=told.get("routing_number"),
        swift=told.get("swift"),
        handle=told.get("handle"),
        unmasked=shown.fields is not None,
        default=shown.is_default,
        shared_with=None if shown.shared_with is None else list(shown.shared_with),
        created_at=account.created_at,
        created_by=account.created_by,
    )


def payment_account_page(shown: Iterable[ShownAccount], next_cursor: str | None) -> models.PaymentAccountPage:
    """Return a page of accounts."""
    return models.PaymentAccountPage(items=[payment_account(one) for one in shown], next_cursor=next_cursor)
