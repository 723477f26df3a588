"""Add, read, list and delete the payment accounts of a customer; of a merged one, of who they are now."""

from collections.abc import Iterable, Mapping
from copy import replace
from typing import Any, Final

from msgspec import Struct

from cashback.domain.api_keys import Role
from cashback.domain.audit import Act, Origin
from cashback.domain.errors import (
    Busy,
    CustomerNotFound,
    Forbidden,
    IdempotencyMismatch,
    NotFound,
    PaymentAccountExists,
    TooManyPaymentAccounts,
)
from cashback.domain.payment_accounts import MOST_ACCOUNTS, AccountDetails, PaymentAccount, default_of
from cashback.domain.stores import as_text
from cashback.domain.times import Instant
from cashback.services.books import Books
from cashback.services.seal_accounts import open_fields, seal_fields

_TRIES: Final = 5


class NewAccount(Struct, frozen=True):
    """An account to add, under the id that its request gives it; ``body_hash`` is only ever kept keyed, because it is
    one of personal data."""

    payment_account_id: str
    details: AccountDetails
    is_default: bool
    body_hash: str


class ShownAccount(Struct, frozen=True):
    """An account. ``shared_with`` are other customers who have the same one, None where nobody is to know of others;
    ``fields`` are its fields in clear, None where they are not to be seen."""

    account: PaymentAccount
    is_default: bool
    shared_with: tuple[str, ...] | None
    fields: Mapping[str, str] | None = None


class Reading(Struct, frozen=True):
    """A request to see an account, in clear or not, and whose."""

    unmasked: bool
    role: Role
    origin: Origin
    at: Instant

    def check(self) -> None:
        """Refuse to show an account in clear to anybody but an admin.

        :raises Forbidden: somebody else asks for it.
        """
        if self.unmasked and not self.role.covers(Role.ADMIN):
            raise Forbidden("only an admin sees an account in clear")


def add_account(
    books: Books, store_id: str, customer_id: str, new: NewAccount, origin: Origin, now: Instant
) -> tuple[ShownAccount, bool]:
    """Add an account to a customer. Return it, and whether this very call had added it before. Another customer may
    have the same one: that is told, not refused.

    :raises CustomerNotFound: no such customer in this store, or an erased one.
    :raises PaymentAccountExists: the customer has it already.
    :raises TooManyPaymentAccounts: they have ``MOST_ACCOUNTS``.
    :raises IdempotencyMismatch: the same Idempotency-Key with another body.
    :raises Busy: the customer keeps changing, or the tables or KMS are out of reach; the same call is safe to repeat.
    """
    asked_hash = _keyed(books, store_id, f"account-body#{new.body_hash}")
    mac = _keyed(books, store_id, f"account#{new.details.canonical}")
    for _ in range(_TRIES):
        live = _live(books, store_id, customer_id)
        made = books.payment_accounts.find(store_id, live, new.payment_account_id)
        if made is not None and made.asked_hash != asked_hash:
            raise IdempotencyMismatch
        if made is not None:
            return _shown(books, store_id, made, books.payment_accounts.all(store_id, live)), True
        known = books.customers.get(store_id, live)
        if known is None or known.erased_at is not None:
            raise CustomerNotFound
        standing = books.payment_accounts.all(store_id, live)
        if any(one.mac == mac for one in standing):
            raise PaymentAccountExists("the customer has this account already")
        if len(standing) >= MOST_ACCOUNTS:
            raise TooManyPaymentAccounts("delete an account first")
        account = PaymentAccount(
            payment_account_id=new.payment_account_id,
            customer_id=live,
            type=new.details.type,
            provider=new.details.provider,
            masks=new.details.masks,
            sealed=seal_fields(books, store_id, live, new.details.fields),
            mac=mac,
            created_at=now,
            created_by=origin.actor,
            asked_hash=asked_hash,
            default_since=now if new.is_default or not standing else None,
        )
        act = Act("payment_account_added", account.payment_account_id, now, origin, after=_described(account))
        if books.payment_accounts.add(store_id, account, books.stores.line(store_id, act)):
            return _shown(books, store_id, account, [*standing, account]), False
    raise Busy("the customer keeps changing")


def list_accounts(
    books: Books, store_id: str, customer_id: str, limit: int, after: str | None
) -> tuple[list[ShownAccount], str | None]:
    """Return a page of a customer's accounts, newest first, and where the next one begins (None at the end).

    :raises CustomerNotFound: no such customer in this store.
    """
    accounts = books.payment_accounts.all(store_id, _live(books, store_id, customer_id))
    placed = sorted(((_place(one), one) for one in accounts), key=lambda pair: pair[0], reverse=True)
    left = [(place, one) for place, one in placed if after is None or place < after]
    page = [_shown(books, store_id, one, accounts) for _, one in left[:limit]]
    return page, left[limit - 1][0] if len(left) > limit else None


def read_account(books: Books, store_id: str, customer_id: str, account_id: str, asked: Reading) -> ShownAccount:
    """Return an account; in clear only to an admin, and only once that is written into the audit.

    :raises NotFound: no such customer, or account of theirs, in this store.
    :raises Forbidden: somebody else asks for it in clear.
    :raises Busy: the tables or KMS are out of reach.
    """
    asked.check()
    accounts = books.payment_accounts.all(store_id, _live(books, store_id, customer_id))
    shown = _shown(books, store_id, _one_of(accounts, account_id), accounts)
    if not asked.unmasked:
        return shown
    fields = open_fields(books, store_id, shown.account)
    about = as_text({"customer_id": shown.account.customer_id})
    books.stores.act(store_id, Act("payment_account_read", account_id, asked.at, asked.origin, after=about))
    return replace(shown, fields=fields)


def shown_accounts(books: Books, store_id: str, customer_id: str) -> list[ShownAccount]:
    """Return what is held of the accounts of just this customer, masked, for who may know of no other."""
    accounts = books.payment_accounts.all(store_id, customer_id)
    return [ShownAccount(one, _is_default(one, accounts), None) for one in accounts]


def delete_account(
    books: Books, store_id: str, customer_id: str, account_id: str, origin: Origin, now: Instant
) -> None:
    """Delete an account. Payouts keep what they copied of it.

    :raises NotFound: no such customer, or account of theirs, in this store.
    :raises Busy: the customer keeps changing, or the tables are out of reach; the same call is safe to repeat.
    """
    for _ in range(_TRIES):
        accounts = books.payment_accounts.all(store_id, _live(books, store_id, customer_id))
        account = _one_of(accounts, account_id)
        act = Act("payment_account_deleted", account_id, now, origin, before=_described(account))
        gone = replace(account, sealed={}, deleted_at=now)
        if books.payment_accounts.delete(store_id, gone, books.stores.line(store_id, act)):
            return
    raise Busy("the customer keeps changing")


def _live(books: Books, store_id: str, customer_id: str) -> str:
    return books.ledger.live_account(store_id, customer_id).customer_id


def _one_of(accounts: Iterable[PaymentAccount], account_id: str) -> PaymentAccount:
    for account in accounts:
        if account.payment_account_id == account_id:
            return account
    raise NotFound


def _shown(books: Books, store_id: str, account: PaymentAccount, accounts: Iterable[PaymentAccount]) -> ShownAccount:
    others = books.payment_accounts.owners(store_id, account.mac) - {account.customer_id}
    return ShownAccount(account, _is_default(account, accounts), tuple(sorted(others)))


def _is_default(account: PaymentAccount, accounts: Iterable[PaymentAccount]) -> bool:
    default = default_of(accounts)
    return default is not None and default.payment_account_id == account.payment_account_id


def _keyed(books: Books, store_id: str, text: str) -> str:
    (mac,) = books.contacts.macs(store_id, [text])
    return mac


def _described(account: PaymentAccount) -> str:
    told: dict[str, Any] = {"customer_id": account.customer_id, "type": account.type.value}
    return as_text(told if account.provider is None else {**told, "provider": account.provider})


def _place(account: PaymentAccount) -> str:
    return f"{account.created_at}#{account.payment_account_id}"
