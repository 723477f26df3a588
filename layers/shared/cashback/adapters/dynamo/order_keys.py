"""Keys of orders, and of the products that they are decided by."""

from cashback.adapters.dynamo.keys import Key, escape, partition

WAIT = "WAIT#"


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
