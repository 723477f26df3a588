"""Customers of the simulated shop: how they are told of, and what stands in the tables of them."""

from typing import Any, Final

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.codec import from_item
from cashback.domain.audit import Origin
from cashback.domain.contacts import contacts_of
from cashback.domain.customers import Profile
from cashback.domain.errors import Busy
from cashback.domain.news import CustomerNews, CustomersMerged
from cashback.domain.payment_accounts import AccountDetails
from cashback.services.erase_customer import erase_customer
from cashback.services.manage_payment_accounts import NewAccount, ShownAccount, add_account
from cashback.services.merge_customers import Merged, merge_customers
from cashback.services.record_customer import Recorded, record_customer
from cashback.services.seal_accounts import open_fields
from tests.simulation.faults import Crash
from tests.unit.builders import CUSTOMER, NOW, STORE, Shop, at

OTHER: Final = "7002"
ADA: Final[dict[str, Any]] = {
    "name": "Ada Brandt",
    "email": "ada@example.com",
    "email_verified": True,
    "phone": "+4915550104477",
}
SHOP: Final = Origin("shop:shopify", "erase:7001", "-")
LATER: Final = "2026-03-02T12:00:00.000000Z"
"""When all of it is told: after every time that these tests name."""


def tell(shop: Shop, customer_id: str = CUSTOMER, second: int = 0, **fields: Any) -> Recorded:
    """What the worker does with news of a customer."""
    return record_customer(shop.books, STORE, CustomerNews(customer_id, at(second), **fields), LATER)


def merge(shop: Shop, kept: str = CUSTOMER, deleted: str = OTHER) -> Merged:
    """What the worker does with news of a merge."""
    return merge_customers(shop.books, STORE, CustomersMerged(kept, deleted, NOW), "shop:shopify", LATER)


def erase(shop: Shop, customer_id: str = CUSTOMER, second: int = 3_000) -> Recorded:
    """What the worker does with news that a customer is to be forgotten."""
    return erase_customer(shop.books, STORE, customer_id, at(second), SHOP, LATER)


def profile(shop: Shop, customer_id: str = CUSTOMER) -> Profile:
    found = shop.books.customers.get(STORE, customer_id)
    assert found is not None
    return found


def owners(shop: Shop, email: str | None = None, phone: str | None = None) -> set[str]:
    """Who has a contact, by what the table says."""
    macs = shop.books.contacts.macs(STORE, contacts_of(email, phone))
    return set(shop.books.contacts.customers(STORE, macs))


def pay(shop: Shop, details: AccountDetails, customer_id: str = CUSTOMER, second: int = 0, **how: Any) -> ShownAccount:
    """What an admin does to say where a customer is paid."""
    name = how.pop("request", f"{customer_id}_{second}")
    given = {"is_default": False, "body_hash": f"body of {name}", **how}
    origin = Origin("key:anna", f"pay:{name}", "-")
    shown, _ = add_account(
        shop.books, STORE, customer_id, NewAccount(f"pac_{name}", details, **given), origin, at(second)
    )
    return shown


def paid_to(shop: Shop, customer_id: str = CUSTOMER) -> dict[str, dict[str, str]]:
    """The accounts of a customer by id, opened; the default is the first."""
    found = shop.books.payment_accounts.all(STORE, customer_id)
    default = shop.books.payment_accounts.default(STORE, customer_id)
    ordered = sorted(found, key=lambda one: (one != default, one.payment_account_id))
    return {one.payment_account_id: open_fields(shop.books, STORE, one) for one in ordered}


def everything(shop: Shop) -> str:
    """All items of both tables, documents of orders unpacked."""
    items = [from_item(item) for table in ("State", "Ledger") for item in shop.dynamo.items(table)]
    return repr(items) + repr(shop.orders)


def note(shop: Shop, customer_id: str, cause: str, text: str) -> None:
    """A comment beside an entry, as an admin leaves it."""
    pk, sk = keys.note(STORE, customer_id, cause)
    shop.books.customers.table.commit(shop.books.customers.table.put({"pk": pk, "sk": sk, "comment": text}))


def until_it_is_done(act: Any, *arguments: Any) -> Any:
    """Deliver the same news again and again until they are handled."""
    for _ in range(5):
        try:
            return act(*arguments)
        except (Busy, Crash):
            continue
    raise AssertionError("it is never done")
