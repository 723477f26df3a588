"""Lists of orders, newest first, through the indexes. They may lag a second; the orders themselves are read fresh."""

import heapq
from collections.abc import Iterator
from itertools import chain, islice
from operator import itemgetter
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

_LOOKS: Final = 3
"""How often a stretch of the lists is read at most for orders that move meanwhile."""


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

    def moved_since(
        self, store_id: str, since: Instant, limit: int, after: str | None
    ) -> tuple[Iterator[Order], str | None]:
        """Return, of the next ``limit`` orders that are listed after a place, those that changed their state since a
        time, each once and a few at a time, and the place where to go on, None at the end.

        Where an order is listed does not depend on its status, so each is in one such stretch. The statuses are read
        again until nothing is found that was not found before, because an order may move out of one that is still to
        be read into one that was; what does so each of three times is missed.
        """
        begin, low = after or "0", microseconds(since)
        listed = (self._listed_between(store_id, status, begin, keys.AFTER_ALL, limit) for status in Status)
        found = list(islice(heapq.merge(*listed, key=itemgetter("listing_sk")), limit))
        end = str(found[-1]["listing_sk"]) if len(found) == limit else None
        seen: set[str] = set()
        for look in range(_LOOKS):
            if look:
                again = (self._listed_between(store_id, one, begin, end or keys.AFTER_ALL, limit) for one in Status)
                found = list(chain.from_iterable(again))
            moved = {keys.listed_id(item["listing_sk"]) for item in found if item.get("moved", low) >= low}
            if look and moved <= seen:
                break
            seen |= moved
        return self.orders.each(store_id, sorted(seen)), end

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

    def _listed_between(self, store_id: str, status: Status, begin: str, end: str, limit: int) -> Iterator[Item]:
        """Yield what is listed after one place and not after the other, the oldest first."""
        values = {":pk": keys.orders_by_status(store_id, status), ":begin": begin, ":end": end}
        condition = "listing_pk = :pk AND listing_sk BETWEEN :begin AND :end"
        found = self.table.query(condition, values, IndexName="listing", Limit=limit)
        return (item for item in found if item["listing_sk"] != begin)

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
