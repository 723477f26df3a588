"""What the rest of the world is told of: the events on the bus, documented in docs/domain-events.schema.json."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from cashback.domain.times import Instant


class DomainEvent(Struct, frozen=True):
    """One event. ``event_id`` follows from what was written, so an event that is published again has the same.

    ``detail`` holds ids and amounts only, never a word of a person or about one.
    """

    event_id: str
    kind: str
    store_id: str
    occurred_at: Instant
    detail: Mapping[str, Any]

    @property
    def body(self) -> dict[str, Any]:
        """What stands on the bus as its detail."""
        about = {"event_id": self.event_id, "store_id": self.store_id, "occurred_at": self.occurred_at}
        return {**about, **{name: value for name, value in self.detail.items() if value is not None}}
