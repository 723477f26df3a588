"""Keys of customers: their entries in the Ledger table, and in the State table who they are, what they have, and how
they are found."""

from cashback.adapters.dynamo.keys import Key, escape, partition, shard_by_hash
from cashback.domain.shards import SHARDS


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
