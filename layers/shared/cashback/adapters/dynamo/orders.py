"""Orders in the State table."""

from collections.abc import Iterable, Iterator
from itertools import batched

from msgspec import Struct

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.accounts import AccountImage
from cashback.adapters.dynamo.codec import Item, decode, from_item
from cashback.adapters.dynamo.documents import order_item, order_of
from cashback.adapters.dynamo.tables import READ_AT_ONCE, Lost, StateTable
from cashback.domain.errors import Busy
from cashback.domain.ledger import Write
from cashback.domain.orders import Order


class Orders(Struct, frozen=True):
    """The documents of orders, each written only over the revision that was read."""

    table: StateTable

    def get(self, store_id: str, order_id: str) -> Order | None:
        """Return an order (consistent, one read unit)."""
        item = self.table.get(keys.order(store_id, order_id))
        return None if item is None else order_of(item)

    def get_with_account(
        self, store_id: str, order_id: str, customer_id: str
    ) -> tuple[Order | None, AccountImage | None]:
        """Return an order and the account of a customer in one call (consistent, one read unit each). They are not of
        one moment: either may be the older."""
        places = keys.order(store_id, order_id), keys.account(store_id, customer_id)
        found = {decode(attributes["sk"]): attributes for attributes in self.table.read_together(places)}
        order, account = (found.get(place.sk) for place in places)
        return (
            None if order is None else order_of(from_item(order)),
            None if account is None else AccountImage(customer_id, account),
        )

    def get_many(self, store_id: str, order_ids: list[str]) -> list[Order]:
        """Return those of any number of orders that exist, in the order asked for."""
        wanted = [keys.order(store_id, order_id) for order_id in order_ids]
        found = self.table.get_many(wanted)
        return [order_of(found[key]) for key in wanted if key in found]

    def each(self, store_id: str, order_ids: Iterable[str]) -> Iterator[Order]:
        """Yield the same, where they may be more than there is room for: they are read a few at a time."""
        for some in batched(order_ids, READ_AT_ONCE, strict=False):
            yield from self.get_many(store_id, list(some))

    def write(self, store_id: str, order: Order) -> Write:
        """Build the conditional write of an order's next revision."""
        if order.rev == 1:
            return self.table.put(order_item(store_id, order), "attribute_not_exists(pk)")
        return self.table.put(order_item(store_id, order), "rev = :rev", {":rev": order.rev - 1})

    def save(self, store_id: str, order: Order, *also: Write) -> Order | None:
        """Write a revision that moves no money. Return None, or the order that stands there where someone was first."""
        try:
            self.table.commit(self.write(store_id, order), *also)
        except Lost as lost:
            return self.read(lost.images[0])
        return None

    @staticmethod
    def read(image: Item | None) -> Order:
        """Read the image of an order that a failed condition returned.

        :raises Busy: there is none, although orders are never deleted: read again.
        """
        if image is None:
            raise Busy("the order is not there yet")
        return order_of(image)
