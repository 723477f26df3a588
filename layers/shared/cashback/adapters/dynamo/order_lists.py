"""Lists of orders, newest first, through the indexes. They may lag a second; the orders themselves are read fresh."""

from collections.abc import Iterator
from itertools import batched
from typing import Final

from msgspec import Struct

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.codec import Item
from cashback.adapters.dynamo.orders import Orders
from cashback.adapters.dynamo.tables import BY_CUSTOMER, LISTING, StateTable
from cashback.domain.day_totals import Levels
from cashback.domain.orders import Order, Status
from cashback.domain.queries import OrdersWanted
from cashback.domain.times import Instant, microseconds

_WAITING: Final = (Status.PENDING, Status.HELD, Status.AWAITING_CUSTOMER)

_READ_AT_ONCE: Final = 100
"""Items of one BatchGetItem."""


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
            index = BY_CUSTOMER
            partitions = [keys.orders_by_customer(store_id, customer_id) for customer_id in wanted.customer_ids]
        else:
            index = LISTING
            partitions = [keys.orders_by_status(store_id, status) for status in wanted.statuses]
        end = before or keys.listed_until(wanted.created_to)
        if wanted.created_from is not None and wanted.created_from > end:
            return [], None
        places = self.table.places(partitions, limit + 1, end, wanted.created_from, index)
        return self._page(store_id, places, limit, frozenset(wanted.statuses))

    def moved_since(self, store_id: str, since: Instant) -> Iterator[list[Order]]:
        """Yield the orders that changed their state since a time, some at once, each once.

        The statuses are walked through again until nothing is found that was not found before, because an order may
        move out of one that is still to come into one that is over.
        """
        seen: set[str] = set()
        begin = microseconds(since)
        while True:
            places = (item for status in Status for item in self._listed(store_id, status))
            moved = (keys.listed_id(item["listing_sk"]) for item in places if item.get("moved", begin) >= begin)
            fresh = [order_id for order_id in dict.fromkeys(moved) if order_id not in seen]
            if not fresh:
                return
            seen |= set(fresh)
            for some in batched(fresh, _READ_AT_ONCE, strict=False):
                yield self.orders.get_many(store_id, list(some))

    def levels(self, store_id: str) -> Levels:
        """Return how many orders wait for what now, and nothing of the rest, read off the index alone, which may lag a
        second."""
        waits: dict[Status, list[Instant | None]] = {
            status: [item.get("queued_at") for item in self._listed(store_id, status)] for status in _WAITING
        }
        queued = (at for at in waits[Status.PENDING] if at is not None)
        pending, held, awaiting = (len(waits[status]) for status in _WAITING)
        return Levels(pending, held, awaiting, min(queued, default=None))

    def _listed(self, store_id: str, status: Status) -> Iterator[Item]:
        values = {":pk": keys.orders_by_status(store_id, status)}
        return self.table.query("listing_pk = :pk", values, IndexName="listing")

    @staticmethod
    def place(order: Order) -> str:
        """Return the place where a list of one customer's orders goes on after this one."""
        return keys.listed(order.created_at, order.order_id)

    def _page(
        self, store_id: str, places: Iterator[str], limit: int, statuses: frozenset[Status]
    ) -> tuple[list[Order], str | None]:
        """Read the orders at these places, as many as fit; one whose status moved on since is left out."""
        page: list[Order] = []
        seen: set[str] = set()
        waiting: list[str] = []
        last: str | None = None
        for place in places:
            order_id = keys.listed_id(place)
            if order_id in seen:
                continue
            if len(page) == limit:
                return page, last
            seen.add(order_id)
            waiting.append(order_id)
            if len(page) + len(waiting) < limit:
                continue
            page += self._read(store_id, waiting, statuses)
            last, waiting = place, []
        return page + self._read(store_id, waiting, statuses), None

    def _read(self, store_id: str, order_ids: list[str], statuses: frozenset[Status]) -> list[Order]:
        orders = self.orders.get_many(store_id, order_ids)
        return [order for order in orders if order.status in statuses]
