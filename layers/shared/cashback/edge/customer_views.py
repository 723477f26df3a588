"""What the domain knows of customers, in the words and shapes of the API."""

from collections.abc import Iterable

from cashback.domain.customers import Profile
from cashback.domain.ledger import Account, HistoryLine
from cashback.domain.money import Currency, Money
from cashback.domain.rules import tier_of
from cashback.domain.settings import Settings
from cashback.domain.times import Instant
from cashback.edge.customer_models import (
    Balance,
    Contact,
    Customer,
    CustomerPage,
    CustomersTransaction,
    TransactionPage,
)
from cashback.edge.views import amount, transaction, transaction_fields


def customers_transaction(line: HistoryLine, customer_id: str, currency: Currency) -> CustomersTransaction:
    """Return an entry of the ledger, and whose it is."""
    return CustomersTransaction(**transaction_fields(line, currency), customer_id=customer_id)


def transaction_page(lines: Iterable[HistoryLine], next_cursor: str | None, currency: Currency) -> TransactionPage:
    """Return a page of a customer's history."""
    return TransactionPage(items=[transaction(line, currency) for line in lines], next_cursor=next_cursor)


def customer(profile: Profile) -> Customer:
    """Return who a customer is."""
    known = {name: getattr(profile, name) for name in Customer.model_fields}
    return Customer(**{**known, "tags": list(profile.tags), "updated_at": profile.updated_at or None})


def customer_page(profiles: Iterable[Profile], next_cursor: str | None) -> CustomerPage:
    """Return a page of customers."""
    return CustomerPage(items=[customer(profile) for profile in profiles], next_cursor=next_cursor)


def contacts(profile: Profile) -> list[Contact]:
    """Return what a person may be recognised by, as they gave it."""
    given = []
    if profile.email is not None:
        given.append(Contact(kind="email", value=profile.email, verified=profile.email_verified))
    if profile.phone is not None:
        given.append(Contact(kind="phone", value=profile.phone, verified=profile.phone_verified))
    return given


def balance(account: Account, store: Settings, at: Instant | None) -> Balance:
    """Return what a customer has; of an earlier time only the available balance is known."""
    money = store.currency
    available = amount(Money(account.available, money))
    if at is not None:
        unknown = dict.fromkeys(("reserved", "credited", "debited", "shortfall", "tier", "version"))
        merged = account.merged_into
        return Balance(customer_id=account.customer_id, available=available, at=at, merged_into=merged, **unknown)
    tier = tier_of(store, account.total_spent)
    return Balance(
        customer_id=account.customer_id,
        available=available,
        reserved=amount(Money(account.reserved, money)),
        credited=amount(Money(account.credited, money)),
        debited=amount(Money(account.debited, money)),
        shortfall=amount(Money(account.shortfall, money)),
        tier=tier.name if tier else None,
        version=account.version,
        at=None,
        merged_into=account.merged_into,
    )
