"""Encrypt and decrypt the fields of payment accounts: each by itself, for its customer and its name alone.

The events that merge customers need this too, and their cold start has no use for more.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cashback.services.books import Books

if TYPE_CHECKING:
    from cashback.domain.payment_accounts import AccountSnapshot, PaymentAccount


def seal_fields(books: Books, store_id: str, customer_id: str, fields: Mapping[str, str]) -> dict[str, bytes]:
    """Encrypt the fields of a customer's account.

    :raises Busy: KMS is out of reach.
    """
    return {name: books.seals.seal(text, _context(store_id, customer_id, name)) for name, text in fields.items()}


def open_fields(books: Books, store_id: str, account: "PaymentAccount | AccountSnapshot") -> dict[str, str]:
    """Decrypt the fields of an account, or of what a payout kept of one. Who reads them is to be audited by the caller.

    :raises Busy: KMS is out of reach.
    """
    whose = account.customer_id
    return {name: books.seals.open(sealed, _context(store_id, whose, name)) for name, sealed in account.sealed.items()}


def _context(store_id: str, customer_id: str, field: str) -> dict[str, str]:
    return {"store": store_id, "customer": customer_id, "field": field}
