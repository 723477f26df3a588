"""Keys of payment accounts, incentive requests and payouts."""

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.keys import Key, escape, partition

REQUEST = "REQ#"
"""What the list of a customer's requests begins with, in the customer's partition."""

PAYOUT = "PAY#"
"""What the list of payouts to a customer begins with, in the same partition."""

AUDIT = "AUDIT#"
"""What the lines of a payout's audit begin with, in the payout's partition."""


def payment_accounts(store: str, customer_id: str) -> Key:
    """What the sort keys of a customer's payment accounts begin with, in their partition."""
    return Key(keys.customer(store, customer_id), "PAYACC#")


def payment_account(store: str, customer_id: str, account_id: str) -> Key:
    """One of them."""
    pk, prefix = payment_accounts(store, customer_id)
    return Key(pk, f"{prefix}{escape(account_id)}")


def account_holders(store: str, mac: str) -> str:
    """Partition of the customers who are paid to one account."""
    return partition(store, "ACC", mac)


def account_holder(store: str, mac: str, customer_id: str) -> Key:
    """One of them."""
    return Key(account_holders(store, mac), customer_id)


def incentive_request(store: str, request_id: str) -> Key:
    """An incentive request."""
    return Key(partition(store, "R", escape(request_id)), "REQUEST")


def payout(store: str, payout_id: str) -> Key:
    """A payout."""
    return Key(partition(store, "Y", escape(payout_id)), "PAYOUT")


def payout_audit(store: str, payout_id: str, number: int) -> Key:
    """One line of a payout's audit."""
    return Key(payout(store, payout_id).pk, f"{AUDIT}{number:06d}")


def payouts_referred(store: str, mac: str) -> str:
    """Partition of the payouts that have one external reference."""
    return partition(store, "REF", mac)


def payout_referred(store: str, mac: str, payout_id: str) -> Key:
    """One of them."""
    return Key(payouts_referred(store, mac), payout_id)


def incentive_requests_listed(store_id: str, status: str) -> str:
    """Partition of index ``listing``: the incentive requests of one status."""
    return partition(store_id, "REQ", status)


def payouts_listed(store_id: str, status: str) -> str:
    """Partition of index ``listing``: the payouts of one status."""
    return partition(store_id, "PAYOUT", status)


def payouts_found(store: str, mac: str) -> str:
    """Partition of the payouts that a beginning of a word finds; each is there by its place."""
    return partition(store, "SEARCH", "payout", mac)
