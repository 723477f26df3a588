"""Orders that wait for something to become known: a customer with a contact of theirs, or a product.

An item a thing, beside what is waited for, written and deleted in the order's own transaction. Both sides write first
and then look, so whichever is second finds the other."""

from msgspec import Struct

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.tables import StateTable
from cashback.domain.ledger import Write
from cashback.domain.orders import Order


class Waiting(Struct, frozen=True):
    """Who waits for what."""

    table: StateTable

    def changes(self, store_id: str, before: Order | None, after: Order) -> tuple[Write, ...]:
        """Build the writes that make what is kept here follow an order from one revision to the next."""
        was = _places(store_id, before) if before is not None else set()
        now = _places(store_id, after)
        begun = [self.table.put({"pk": key.pk, "sk": key.sk, "order_id": after.order_id}) for key in sorted(now - was)]
        return (*begun, *(self.table.delete(key) for key in sorted(was - now)))

    def for_contact(self, store_id: str, mac: str) -> list[str]:
        """Return the guests' orders that this contact would claim (consistent)."""
        return self._orders(keys.guests(store_id, mac), "")

    def for_product(self, store_id: str, product_id: str) -> list[str]:
        """Return the orders that wait for this product (consistent)."""
        return self._orders(keys.product(store_id, product_id).pk, keys.WAIT)

    def _orders(self, pk: str, prefix: str) -> list[str]:
        condition = "pk = :pk AND begins_with(sk, :prefix)" if prefix else "pk = :pk"
        values = {":pk": pk, ":prefix": prefix} if prefix else {":pk": pk}
        return [item["order_id"] for item in self.table.query(condition, values, ConsistentRead=True)]


def _places(store_id: str, order: Order) -> set[keys.Key]:
    contacts = {keys.guest(store_id, mac, order.order_id) for mac in order.awaited_contacts}
    return contacts | {keys.waits_for_product(store_id, one, order.order_id) for one in order.awaited_products}
