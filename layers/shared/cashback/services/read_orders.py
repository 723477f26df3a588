"""Look at orders."""

from copy import replace

from cashback.domain.errors import NotFound
from cashback.domain.ledger import HistoryLine
from cashback.domain.orders import Order
from cashback.domain.queries import OrdersWanted
from cashback.services.books import Books


def list_orders(
    books: Books, store_id: str, wanted: OrdersWanted, limit: int, before: str | None
) -> tuple[list[Order], str | None]:
    """Return a page of orders, newest first, and the place where the next one begins (None at the end).

    A customer's orders are also those of the customers who were merged into them.
    """
    if wanted.customer_ids is not None:
        merged = [one for asked in wanted.customer_ids for one in books.history.merged_from(store_id, asked)]
        wanted = replace(wanted, customer_ids=(*wanted.customer_ids, *merged))
    return books.lists.page(store_id, wanted, limit, before)


def read_order(books: Books, store_id: str, order_id: str) -> tuple[Order, list[HistoryLine]]:
    """Return an order and its entries, oldest first.

    :raises NotFound: no such order in this store.
    """
    order = books.orders.get(store_id, order_id)
    if order is None:
        raise NotFound
    if order.customer_id is None:
        return order, []
    return order, books.history.of_order(store_id, order.customer_id, order_id)
