"""What every key of both tables is made of, and the keys of customers, orders and what comes due. The others are in
``scenario_keys``, ``group_keys``, ``payout_keys``, ``store_keys`` and ``figure_keys``; nothing else builds one.

Every partition key starts ``S#<store>#``, so no key of one store can name an item of another; the exceptions are the
API keys (``K#``), the directory of stores (``STORES``), and what the sweeper reads: the index ``due`` (``D#``) and its
bookmark (``DUE``). Ids are escaped, so an id holding ``#`` cannot reach into another partition even where the edge
forgot to refuse it.
"""

import hmac
from hashlib import sha256
from typing import NamedTuple

from cashback.domain.shards import SHARDS

AFTER_ALL = "\U0010ffff"
"""Sorts after every key there is."""


class Key(NamedTuple):
    """Partition and sort key of one item."""

    pk: str
    sk: str


BOOKMARK = Key("DUE", "BOOKMARK")
"""The hour where a sweep begins: nothing is left in the index ``due`` before it."""

WAIT = "WAIT#"


def escape(part: str) -> str:
    """Percent-escape the two characters that have a meaning in keys."""
    return part.replace("%", "%25").replace("#", "%23")


def unescape(part: str) -> str:
    """Return what ``escape`` was given."""
    return part.replace("%23", "#").replace("%25", "%")


def partition(store: str, *parts: str) -> str:
    """A partition of a store."""
    return "#".join(["S", escape(store), *parts])


def last_id(pk: str) -> str:
    """Return the id that a partition of one thing ends with, or that of what one thing has."""
    return unescape(pk.rpartition("#")[2])


def shard_by_hash(item_id: str) -> int:
    """Return which of the shards a thing is in, by hash of its id."""
    return sha256(item_id.encode()).digest()[0] % SHARDS


def written(pk: str) -> tuple[str, str, str] | None:
    """Return the store, the kind (``C``, ``O``, ``T``, ``J``, ``P``, ``R``, ``Y``) and the id of a partition of one
    thing; None for every other partition."""
    parts = pk.split("#")
    return (unescape(parts[1]), parts[2], unescape(parts[3])) if len(parts) == 4 and parts[0] == "S" else None


def keyed_hash(key: bytes, store: str, text: str) -> str:
    """Return what stands in a key for a text that nobody may read there, or try texts on. A text begins with what it is
    of (``email:``, ``reference#``), so that equal texts of two kinds are not alike."""
    return hmac.digest(key, f"{store}#{text}".encode(), "sha256").hex()[:32]


def of_customer(store: str, customer_id: str, prefix: str, place: str) -> Key:
    """An entry of a list in a customer's partition; ``prefix`` names the list."""
    return Key(customer(store, customer_id), f"{prefix}{place}")


def listed(created_at: str, item_id: str) -> str:
    """Sort key of both indexes: by time, ties by id."""
    return f"{created_at}#{escape(item_id)}"


def listed_id(place: str) -> str:
    """Return the id in a place that ``listed`` made."""
    return unescape(place.partition("#")[2])


def listed_until(at: str | None) -> str:
    """Return the place after everything of an instant, or after everything there is."""
    return f"{at or ':'}#{AFTER_ALL}"


# Customers


def customer(store: str, customer_id: str) -> str:
    """Partition of a customer: entries in the Ledger table, account and profile in the State table."""
    return partition(store, "C", escape(customer_id))


def entry(store: str, customer_id: str, cause: str) -> Key:
    """One ledger entry; the cause is the permanent idempotency key."""
    return Key(customer(store, customer_id), cause)


def posted_at_cause(posted_at: str, cause: str) -> str:
    """Sort key of the local index ``posted``: history in order of time."""
    return f"{posted_at}#{cause}"


def account(store: str, customer_id: str) -> Key:
    """Balance and figures of a customer."""
    return Key(customer(store, customer_id), "ACCOUNT")


def profile(store: str, customer_id: str) -> Key:
    """Who the customer is."""
    return Key(customer(store, customer_id), "PROFILE")


def note(store: str, customer_id: str, cause: str) -> Key:
    """The comment of one manual posting, erasable apart from its entry."""
    return Key(customer(store, customer_id), f"NOTE#{cause}")


def notes(store: str, customer_id: str) -> Key:
    """What the sort keys of a customer's notes begin with, in their partition."""
    return Key(customer(store, customer_id), "NOTE#")


def contact_holders(store: str, mac: str) -> str:
    """Partition of the customers who have one verified contact."""
    return partition(store, "CONTACT", mac)


def contact(store: str, mac: str, customer_id: str) -> Key:
    """One verified contact of one customer."""
    return Key(contact_holders(store, mac), customer_id)


def findable_by(store: str, mac: str) -> str:
    """Partition of the customers who gave one contact that nobody has verified: to find them by, and never to claim."""
    return partition(store, "FIND", mac)


def findable(store: str, mac: str, customer_id: str) -> Key:
    """One of them."""
    return Key(findable_by(store, mac), customer_id)


def customers_listed(store_id: str, customer_id: str) -> str:
    """Partition of index ``listing`` for a customer: one of 16, by hash, so that no partition grows hot."""
    return customers_listed_in(store_id, shard_by_hash(customer_id))


def all_customers_listed(store_id: str) -> list[str]:
    """Return all partitions of index ``listing`` for the customers of a store."""
    return [customers_listed_in(store_id, shard) for shard in range(SHARDS)]


def customers_listed_in(store_id: str, shard: int) -> str:
    """One of the partitions of index ``listing`` for customers."""
    return partition(store_id, "CUST", str(shard))


def birthdays(store_id: str, month_day: str) -> str:
    """Partition of index ``listing``: whose birthday is on a day, as in ``02-29``; the sort key is the escaped id."""
    return partition(store_id, "BDAY", month_day)


# Orders, and the products that they are decided by


def order(store: str, order_id: str) -> Key:
    """One order document."""
    return Key(partition(store, "O", escape(order_id)), "ORDER")


def guests(store: str, mac: str) -> str:
    """Partition of the guests' orders that wait for a customer with this contact."""
    return partition(store, "GUEST", mac)


def guest(store: str, mac: str, order_id: str) -> Key:
    """One of them."""
    return Key(guests(store, mac), escape(order_id))


def orders_by_status(store_id: str, status: str) -> str:
    """Partition of index ``listing``: the orders of one status."""
    return partition(store_id, "ORDER", status)


def orders_by_customer(store_id: str, customer_id: str) -> str:
    """Partition of index ``by_customer``."""
    return partition(store_id, "CUST", escape(customer_id))


def product(store: str, product_id: str) -> Key:
    """A product of the catalogue."""
    return Key(partition(store, "PR", escape(product_id)), "PRODUCT")


def waits_for_product(store: str, product_id: str, order_id: str) -> Key:
    """One order that waits for a product, beside it."""
    return Key(product(store, product_id).pk, f"{WAIT}{escape(order_id)}")


def products_listed(store_id: str) -> str:
    """Partition of index ``listing``: the products of a store, whose sort key is the escaped id."""
    return partition(store_id, "PRODUCT")


# What comes due


def due(at: str, shard_of: str) -> str:
    """Partition of index ``due`` for what comes due at an instant: that of its hour, one of 16 by hash of its id."""
    return f"D#{at[:13]}#{shard_by_hash(shard_of)}"


def due_in(hour: str) -> list[str]:
    """Return all partitions of index ``due`` for an hour, as in ``2026-11-22T13``."""
    return [f"D#{hour}#{shard}" for shard in range(SHARDS)]


def due_place(at: str, store_id: str, kind: str, item_id: str) -> str:
    """Sort key of index ``due``: by time, and all that is needed to find the thing."""
    return "#".join([at, escape(store_id), escape(kind), escape(item_id)])


def due_thing(place: str) -> list[str]:
    """Return the instant, store, kind and id in a place that ``due_place`` made."""
    return [unescape(part) for part in place.split("#")]
