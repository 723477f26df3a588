"""Once an hour: what stores do once a day, each at its own time, and what is looked for every hour."""

import traceback
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from cashback.domain.errors import DomainError, reason_of
from cashback.domain.times import instant
from cashback.edge.clock import utc
from cashback.edge.log import log, metric
from cashback.services.books import Books
from cashback.services.greet_birthdays import greet_birthdays
from cashback.services.watch_pending import watch_pending

if TYPE_CHECKING:
    from cashback.adapters.alarm_clock import AlarmClock
    from cashback.adapters.notification_queue import NotificationQueue

ENOUGH_TIME: Final = 60_000
"""Milliseconds that the function must have left to begin with one more store."""


class Daily(Struct):
    """One invocation. A store that fails, or that the time was up for, is left for the next hour."""

    books: Books
    alarms: "Callable[[], AlarmClock]"
    notifications: "Callable[[], NotificationQueue]"
    milliseconds_left: Callable[[], int]
    clock: Callable[[], datetime] = utc
    greeted: int = 0
    alarmed: int = 0
    failed: int = 0
    hopeless: Exception | None = None

    def run(self) -> dict[str, int | bool]:
        """Greet whoever has their birthday, and have shops alarmed whose orders wait too long, store by store; answer
        with how many stores greeted, how many were alarmed, and how many failed.

        :raises Busy: the directory is out of reach.
        :raises Exception: what made a store fail that no retry can help, once all others were tried: an alarm sees it.
        """
        cut_short = False
        for store_id in self.books.stores.ids():
            if self.milliseconds_left() < ENOUGH_TIME:
                cut_short = True
                break
            self._try(store_id, self._greet)
            self._try(store_id, self._watch)
        log("day_done", greeted=self.greeted, alarmed=self.alarmed, failed=self.failed, cut_short=cut_short)
        if self.hopeless is not None:
            raise self.hopeless
        return {"greeted": self.greeted, "alarmed": self.alarmed, "failed": self.failed, "cut_short": cut_short}

    def _greet(self, store_id: str) -> None:
        if greet_birthdays(self.books, self.alarms, store_id, instant(self.clock())) == "greeted":
            self.greeted += 1
            log("birthdays_greeted", store=store_id)

    def _watch(self, store_id: str) -> None:
        if watch_pending(self.books, self.notifications, store_id, instant(self.clock())):
            self.alarmed += 1
            log("pending_old", store=store_id)

    def _try(self, store_id: str, do: Callable[[str], None]) -> None:
        """Do something of one store; whatever becomes of it, the others go on."""
        try:
            do(store_id)
        except DomainError as error:
            self._failed(store_id, error, retryable=error.retryable)
        except Exception as bug:  # noqa: BLE001 - raised again when the others were tried
            self._failed(store_id, bug, retryable=False)

    def _failed(self, store_id: str, error: Exception, *, retryable: bool) -> None:
        self.failed += 1
        where = traceback.extract_tb(error.__traceback__)[-1]
        log("day_failed", store=store_id, code=reason_of(error), at=f"{where.name}:{where.lineno}")
        metric("DayFailed")
        if not retryable:
            self.hopeless = self.hopeless or error
