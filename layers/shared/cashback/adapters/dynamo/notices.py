"""That somebody is told of an event, in the State table: written before they are, so that nobody is told twice."""

from datetime import timedelta
from typing import Final

from msgspec import Struct

from cashback.adapters.dynamo import store_keys
from cashback.adapters.dynamo.codec import Item
from cashback.adapters.dynamo.tables import StateTable
from cashback.domain.times import Instant, moment

SENDING: Final = "sending"
NOT_SENT: Final = "not_sent"

KEPT_FOR: Final = timedelta(days=45)
"""Longer than an event can come again from any queue."""


class Notices(Struct, frozen=True):
    """One notice for each event, or for each cause and hour of an alert."""

    table: StateTable

    def begin(self, store_id: str, event_id: str, now: Instant) -> bool:
        """Say that a message is being sent; False where one was, or may have been."""
        condition = "attribute_not_exists(pk) OR outcome = :not_sent"
        write = self.table.put(_item(store_id, event_id, SENDING, now), condition, {":not_sent": NOT_SENT})
        return self.table.try_commit(write)

    def end(self, store_id: str, event_id: str, outcome: str, now: Instant) -> None:
        """Say what became of a message whose sending was begun; ``NOT_SENT`` lets another one begin."""
        self.table.commit(self.table.put(_item(store_id, event_id, outcome, now)))


def _item(store_id: str, event_id: str, outcome: str, at: Instant) -> Item:
    pk, sk = store_keys.notice(store_id, event_id)
    expires = int((moment(at) + KEPT_FOR).timestamp())
    return {"pk": pk, "sk": sk, "outcome": outcome, "at": at, "expires_at_epoch": expires}
