"""The bus that domain events are published on: EventBridge."""

import json
import random
import time
from collections.abc import Callable, Sequence
from itertools import batched
from typing import Any, Final

from msgspec import Struct

from cashback.adapters.faults import FAILURES, is_transient, tries
from cashback.domain.domain_events import SOURCE, DomainEvent

AT_ONCE: Final = 10
"""Events of one call. Source: the quotas of EventBridge."""

_TRIES: Final = 4


class EventBus(Struct, frozen=True):
    """Publishes at least once: an event told twice has the same id."""

    client: Any
    bus_name: str
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random

    def publish(self, events: Sequence[DomainEvent]) -> frozenset[str]:
        """Publish events, those that the bus does not take again. Return the ids of those that it did not take in the
        end: they may be there, or not."""
        left = frozenset[str]()
        for some in batched(events, AT_ONCE, strict=False):
            left |= {event.event_id for event in self._publish(list(some))}
        return left

    def _publish(self, events: list[DomainEvent]) -> list[DomainEvent]:
        for _ in tries(_TRIES, self.jitter, self.sleep):
            events = self._refused(events)
            if not events:
                break
        return events

    def _refused(self, events: list[DomainEvent]) -> list[DomainEvent]:
        """Send events once; return those that the bus did not take, which an answer of success may name too."""
        try:
            answer = self.client.put_events(Entries=[self._entry(event) for event in events])
        except FAILURES as error:
            if not is_transient(error):
                raise
            return events
        return [event for event, told in zip(events, answer["Entries"], strict=True) if "ErrorCode" in told]

    def _entry(self, event: DomainEvent) -> dict[str, Any]:
        detail = json.dumps(event.body, separators=(",", ":"))
        return {"EventBusName": self.bus_name, "Source": SOURCE, "DetailType": event.kind, "Detail": detail}
