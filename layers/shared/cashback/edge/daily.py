"""Once an hour: what stores do once a day, each at its own time, and what is looked for every hour."""

import traceback
from collections.abc import Callable
from datetime import datetime
from itertools import product
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from cashback.domain.day_totals import Drift
from cashback.domain.errors import DomainError, reason_of
from cashback.domain.times import instant
from cashback.edge.clock import utc
from cashback.edge.log import log, metric
from cashback.services.books import Books
from cashback.services.greet_birthdays import greet_birthdays
from cashback.services.recount_days import recount_days
from cashback.services.watch_pending import watch_pending

if TYPE_CHECKING:
    from cashback.adapters.alarm_clock import AlarmClock
    from cashback.adapters.dynamo.totals import Totals
    from cashback.adapters.notification_queue import NotificationQueue

ENOUGH_TIME: Final = 60_000
"""Milliseconds that the function must have left to begin with one more store."""


class Daily(Struct):
    """One invocation. A store that fails, or that the time was up for, is left for the next hour."""

    books: Books
    alarms: "Callable[[], AlarmClock]"
    notifications: "Callable[[], NotificationQueue]"
    totals: "Totals"
    milliseconds_left: Callable[[], int]
    clock: Callable[[], datetime] = utc
    greeted: int = 0
    alarmed: int = 0
    recounted: int = 0
    failed: int = 0
    hopeless: Exception | None = None

    def run(self) -> dict[str, int | bool]:
        """Greet whoever has their birthday, have shops alarmed whose orders wait too long, then recount the days that
        are over, store by store; answer with how many stores greeted, how many were alarmed, how many days were
        recounted, and how many times something failed.

        :raises Busy: the directory is out of reach.
        :raises Exception: what made a store fail that no retry can help, once all others were tried: an alarm sees it.
        """
        store_ids = list(self.books.stores.ids())
        cut_short = False
        for part, store_id in product((self._greet, self._watch, self._recount), store_ids):
            if not self._has_time():
                cut_short = True
                break
            self._try(part, store_id)
        counts = {name: getattr(self, name) for name in ("greeted", "alarmed", "recounted", "failed")}
        done: dict[str, int | bool] = {**counts, "cut_short": cut_short}
        log("day_done", level="INFO", **done)
        if self.hopeless is not None:
            raise self.hopeless
        return done

    def _has_time(self) -> bool:
        return self.milliseconds_left() >= ENOUGH_TIME

    def _try(self, part: Callable[[str], None], store_id: str) -> None:
        """Do a part of one store's day; whatever becomes of it, the others go on."""
        try:
            part(store_id)
        except DomainError as error:
            self._failed(store_id, error, retryable=error.retryable)
        except Exception as bug:  # noqa: BLE001 - raised again when the others were tried
            self._failed(store_id, bug, retryable=False)

    def _greet(self, store_id: str) -> None:
        if greet_birthdays(self.books, self.alarms, store_id, instant(self.clock())) == "greeted":
            self.greeted += 1
            log("birthdays_greeted", store=store_id)

    def _watch(self, store_id: str) -> None:
        if watch_pending(self.books, self.notifications, store_id, instant(self.clock())):
            self.alarmed += 1
            log("pending_old", store=store_id)

    def _recount(self, store_id: str) -> None:
        for found in recount_days(self.books, self.totals, store_id, instant(self.clock()), self._has_time):
            if isinstance(found, Drift):
                log("totals_drifted", level="WARN", store=store_id, date=found.date)
                metric("TotalsDrift")
            else:
                self.recounted += 1
                log("day_recounted", store=store_id, date=found.date)

    def _failed(self, store_id: str, error: Exception, *, retryable: bool) -> None:
        self.failed += 1
        where = traceback.extract_tb(error.__traceback__)[-1]
        log("day_failed", store=store_id, code=reason_of(error), at=f"{where.name}:{where.lineno}")
        metric("DayFailed")
        if not retryable:
            self.hopeless = self.hopeless or error
