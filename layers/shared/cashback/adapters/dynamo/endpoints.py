"""The shops' webhook endpoints in the State table."""

from msgspec import Struct, field

from cashback.adapters.dynamo import store_keys
from cashback.adapters.dynamo.audit import audit_line
from cashback.adapters.dynamo.codec import Item
from cashback.adapters.dynamo.packing import Packing
from cashback.adapters.dynamo.tables import StateTable
from cashback.domain.audit import Act
from cashback.domain.outgoing import KEPT_FOR, Endpoint
from cashback.domain.times import moment

_PACKING = Packing[Endpoint](Endpoint)


class Endpoints(Struct, frozen=True):
    """Where stores want to hear of their events. All reads are consistent."""

    table: StateTable

    def all(self, store_id: str) -> list[Endpoint]:
        """Return all endpoints of a store, for a month those that were deleted too."""
        return [_PACKING.unpack(item["document"]) for item in self.table.partition(store_keys.endpoints(store_id))]

    def get(self, store_id: str, endpoint_id: str) -> Endpoint | None:
        """Return an endpoint, a deleted one too."""
        item = self.table.get(store_keys.endpoint(store_id, endpoint_id))
        return None if item is None else _PACKING.unpack(item["document"])

    def save(self, store_id: str, endpoint: Endpoint, act: Act | None = None) -> bool:
        """Write the next revision of an endpoint, with the line of audit where a person acts; False where someone else
        changed it first."""
        guard = ("rev = :rev", {":rev": endpoint.rev - 1}) if endpoint.rev > 1 else ("attribute_not_exists(pk)",)
        also = () if act is None else (audit_line(self.table, store_id, act),)
        return self.table.try_commit(self.table.put(_item(store_id, endpoint), *guard), *also)


class EndpointsOfBatch(Endpoints, frozen=True):
    """The endpoints of the stores that one batch of events is about: ``all`` of each are read once. Made for the batch
    and gone with it. ``get`` reads anew each time."""

    read: dict[str, list[Endpoint]] = field(default_factory=dict)

    def all(self, store_id: str) -> list[Endpoint]:
        """Return all endpoints of a store as they stood when the batch first asked."""
        if store_id not in self.read:
            self.read[store_id] = super().all(store_id)
        return self.read[store_id]


def _item(store_id: str, endpoint: Endpoint) -> Item:
    pk, sk = store_keys.endpoint(store_id, endpoint.endpoint_id)
    item: Item = {"pk": pk, "sk": sk, "rev": endpoint.rev, "document": _PACKING.pack(endpoint)}
    if endpoint.deleted_at is not None:
        item["expires_at_epoch"] = int((moment(endpoint.deleted_at) + KEPT_FOR).timestamp())
    return item
