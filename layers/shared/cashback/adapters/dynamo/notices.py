"""That somebody is told of an event, in the State table: written before they are, so that nobody is told twice."""

import random
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from secrets import token_hex
from typing import Final

from msgspec import Struct

from cashback.adapters.dynamo import store_keys
from cashback.adapters.dynamo.codec import Item
from cashback.adapters.dynamo.tables import StateTable
from cashback.adapters.faults import tries
from cashback.domain.errors import Busy
from cashback.domain.ledger import Write
from cashback.domain.times import Instant, moment

_SENDING: Final = "sending"
_NOT_SENT: Final = "not_sent"

_TRIES: Final = 4

KEPT_FOR: Final = timedelta(days=45)
"""Longer than an event can come again from any queue."""


class Notices(Struct, frozen=True):
    """One notice for each event, or for each cause and hour of an alert. ``sleep`` and ``jitter`` are arguments so that
    time can be virtual."""

    table: StateTable
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random

    def begin(self, store_id: str, event_id: str, now: Instant) -> str | None:
        """Say that a message is being sent; return the attempt, by which a write whose answer was lost is known. None
        where a message was sent, or may have been, by somebody else.

        :raises Busy: out of reach. Where that was written all the same, nobody sends it.
        """
        attempt = token_hex(8)
        condition = "attribute_not_exists(pk) OR outcome = :not_sent OR attempt = :attempt"
        values = {":not_sent": _NOT_SENT, ":attempt": attempt}
        item = _item(store_id, event_id, attempt, _SENDING, now)
        return attempt if self._commit(self.table.put(item, condition, values)) else None

    def end(self, store_id: str, event_id: str, attempt: str, outcome: str, now: Instant) -> None:
        """Say what became of a message whose sending was begun; nothing where somebody else has begun since."""
        item = _item(store_id, event_id, attempt, outcome, now)
        self._commit(self.table.put(item, "attempt = :attempt", {":attempt": attempt}))

    def take_back(self, store_id: str, event_id: str, attempt: str, now: Instant) -> None:
        """Say that nothing was sent, so that another sending may begin."""
        self.end(store_id, event_id, attempt, _NOT_SENT, now)

    def _commit(self, write: Write) -> bool:
        """Commit a write that may be repeated, some times: what it says is not to be lost with one answer. False where
        its condition does not hold."""
        for _ in tries(_TRIES, self.jitter, self.sleep):
            with suppress(Busy):
                return self.table.try_commit(write)
        raise Busy("the notice is out of reach")


def _item(store_id: str, event_id: str, attempt: str, outcome: str, at: Instant) -> Item:
    pk, sk = store_keys.notice(store_id, event_id)
    expires = int((moment(at) + KEPT_FOR).timestamp())
    return {"pk": pk, "sk": sk, "attempt": attempt, "outcome": outcome, "at": at, "expires_at_epoch": expires}
