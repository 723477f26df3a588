"""Lists of orders, newest first, through the indexes. They may lag a second; the orders themselves are read fresh."""

import heapq
from collections.abc import Iterator
from itertools import islice

from msgspec import Struct

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.orders import Orders
from cashback.adapters.dynamo.tables import StateTable
from cashback.domain.orders import Order, Status
from cashback.domain.queries import OrdersWanted


class OrderLists(Struct, frozen=True):
    """Orders by status or by customer. A place is an order's time and id, the same in every partition, so a page
    continues rightly even when orders changed their status in between."""

    table: StateTable
    orders: Orders

    def page(
        self, store_id: str, wanted: OrdersWanted, limit: int, before: str | None
    ) -> tuple[list[Order], str | None]:
        """Return up to ``limit`` orders and the place where to go on, None at the end."""
        if wanted.customer_ids is not None:
            name, index = "customer", "by_customer"
            partitions = [keys.orders_by_customer(store_id, customer_id) for customer_id in wanted.customer_ids]
        else:
            name = index = "listing"
            partitions = [keys.orders_by_status(store_id, status) for status in wanted.statuses]
        each = [self._places(name, index, partition, wanted, before, limit) for partition in partitions]
        places = heapq.merge(*each, reverse=True)
        return self._page(store_id, places, limit, frozenset(wanted.statuses))

    def oldest(self, store_id: str, status: Status, limit: int) -> list[Order]:
        """Return the ``limit`` orders of a status that were created first."""
        values = {":pk": keys.orders_by_status(store_id, status)}
        items = self.table.query("listing_pk = :pk", values, IndexName="listing", Limit=limit)
        places = [str(item["listing_sk"]) for item in islice(items, limit)]
        return self._read(store_id, [(place, keys.listed_id(place)) for place in places], frozenset({status}))

    @staticmethod
    def place(order: Order) -> str:
        """Return the place where a list of one customer's orders goes on after this one."""
        return keys.listed(order.created_at, order.order_id)

    def _page(
        self, store_id: str, places: Iterator[tuple[str, str]], limit: int, statuses: frozenset[Status]
    ) -> tuple[list[Order], str | None]:
        """Read the orders at these places, as many as fit; one whose status moved on since is left out."""
        page: list[Order] = []
        seen: set[str] = set()
        waiting: list[tuple[str, str]] = []
        last: str | None = None
        for place, order_id in places:
            if order_id in seen:
                continue
            if len(page) == limit:
                return page, last
            seen.add(order_id)
            waiting.append((place, order_id))
            if len(page) + len(waiting) < limit:
                continue
            page += self._read(store_id, waiting, statuses)
            last, waiting = place, []
        return page + self._read(store_id, waiting, statuses), None

    def _read(self, store_id: str, places: list[tuple[str, str]], statuses: frozenset[Status]) -> list[Order]:
        orders = self.orders.get_many(store_id, [order_id for _, order_id in places]) if places else []
        return [order for order in orders if order.status in statuses]

    def _places(
        self, name: str, index: str, partition: str, wanted: OrdersWanted, before: str | None, limit: int
    ) -> Iterator[tuple[str, str]]:
        """Yield (place, order id) from the newest on, reading the index a page at a time."""
        low = wanted.created_from or "0"
        high = before or keys.listed_until(wanted.created_to)
        if low > high:
            return
        values = {":pk": partition, ":low": low, ":high": high}
        condition = f"{name}_pk = :pk AND {name}_sk BETWEEN :low AND :high"
        for item in self.table.query(condition, values, IndexName=index, ScanIndexForward=False, Limit=limit + 1):
            place: str = item[f"{name}_sk"]
            if place != before:
                yield place, keys.listed_id(place)
