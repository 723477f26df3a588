"""Deliveries to the shops' endpoints in the State table: kept for a month, and due until they came to an end."""

from itertools import islice
from typing import Final

from msgspec import Struct

from cashback.adapters.dynamo import keys, store_keys
from cashback.adapters.dynamo.audit import audit_line
from cashback.adapters.dynamo.codec import Item
from cashback.adapters.dynamo.due import DueIndex
from cashback.adapters.dynamo.packing import Packing
from cashback.adapters.dynamo.tables import StateTable
from cashback.domain.audit import Act
from cashback.domain.due import DueKind
from cashback.domain.outgoing import Delivery, DeliveryStatus

MOST_READ: Final = 1_000
"""Deliveries that one page of a filtered list looks at."""

_PACKING = Packing[Delivery](Delivery)


class Deliveries(Struct, frozen=True):
    """What is, or was, on its way. All reads are consistent."""

    table: StateTable

    def get(self, store_id: str, delivery_id: str) -> Delivery | None:
        """Return a delivery."""
        item = self.table.get(store_keys.delivery(store_id, delivery_id))
        return None if item is None else _PACKING.unpack(item["document"])

    def page(
        self,
        store_id: str,
        endpoint_id: str | None,
        status: DeliveryStatus | None,
        limit: int,
        before: str | None,
    ) -> tuple[list[Delivery], str | None]:
        """Return up to ``limit`` deliveries, those of the newest events first, and the place where to go on, None at
        the end. Where few fit the filters a page may hold less, and still have a next one."""
        values = {":pk": store_keys.deliveries(store_id), ":before": before or keys.AFTER_ALL}
        read_at_once = MOST_READ if endpoint_id or status else limit + 1
        how = {"ConsistentRead": True, "ScanIndexForward": False, "Limit": min(read_at_once, 100)}
        items = self.table.query("pk = :pk AND sk < :before", values, **how)
        page: list[Delivery] = []
        place: str | None = None
        for number, item in enumerate(islice(items, read_at_once + 1)):
            if len(page) == limit or number == read_at_once:
                return page, place
            delivery, place = _PACKING.unpack(item["document"]), item["sk"]
            if endpoint_id in {None, delivery.endpoint_id} and status in {None, delivery.status}:
                page.append(delivery)
        return page, None

    def save(self, store_id: str, delivery: Delivery, act: Act | None = None) -> bool:
        """Write the next revision of a delivery, with the line of audit where a person acts; False where it is there
        already, or someone else moved it first."""
        guard = ("rev = :rev", {":rev": delivery.rev - 1}) if delivery.rev > 1 else ("attribute_not_exists(pk)",)
        also = () if act is None else (audit_line(self.table, store_id, act),)
        return self.table.try_commit(self.table.put(_item(store_id, delivery), *guard), *also)

    def note_reminder(self, store_id: str, delivery: Delivery) -> bool:
        """Write when a delivery, the same in all else, was reminded of; False where someone moved it."""
        same = ("rev = :rev", {":rev": delivery.rev})
        return self.table.try_commit(self.table.put(_item(store_id, delivery), *same))


def _item(store_id: str, delivery: Delivery) -> Item:
    pk, sk = store_keys.delivery(store_id, delivery.delivery_id)
    due = DueIndex.attributes(store_id, DueKind.DELIVERY, delivery.delivery_id, delivery.next_attempt_at)
    return {
        "pk": pk,
        "sk": sk,
        "rev": delivery.rev,
        "document": _PACKING.pack(delivery),
        "expires_at_epoch": int(delivery.kept_until.timestamp()),
        **due,
    }
