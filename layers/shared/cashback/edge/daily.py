"""Once an hour: what stores do once a day, each at its own time."""

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

if TYPE_CHECKING:
    from cashback.adapters.alarm_clock import AlarmClock

ENOUGH_TIME: Final = 60_000
"""Milliseconds that the function must have left to begin with one more store."""


class Daily(Struct):
    """One invocation. A store that fails, or that the time was up for, is left for the next hour."""

    books: Books
    alarms: "Callable[[], AlarmClock]"
    milliseconds_left: Callable[[], int]
    clock: Callable[[], datetime] = utc
    greeted: int = 0
    failed: int = 0
    hopeless: Exception | None = None

    def run(self) -> dict[str, int | bool]:
        """Greet whoever has their birthday, store by store; answer with how many stores did, and how many failed.

        :raises Busy: the directory is out of reach.
        :raises Exception: what made a store fail that no retry can help, once all others were tried: an alarm sees it.
        """
        cut_short = False
        for store_id in self.books.stores.ids():
            if self.milliseconds_left() < ENOUGH_TIME:
                cut_short = True
                break
            self._greet(store_id)
        log("day_done", greeted=self.greeted, failed=self.failed, cut_short=cut_short)
        if self.hopeless is not None:
            raise self.hopeless
        return {"greeted": self.greeted, "failed": self.failed, "cut_short": cut_short}

    def _greet(self, store_id: str) -> None:
        """Do one store; whatever becomes of it, the others go on."""
        try:
            outcome = greet_birthdays(self.books, self.alarms, store_id, instant(self.clock()))
        except DomainError as error:
            self._failed(store_id, error, retryable=error.retryable)
        except Exception as bug:  # noqa: BLE001 - raised again when the others were tried
            self._failed(store_id, bug, retryable=False)
        else:
            if outcome == "greeted":
                self.greeted += 1
                log("birthdays_greeted", store=store_id)

    def _failed(self, store_id: str, error: Exception, *, retryable: bool) -> None:
        self.failed += 1
        where = traceback.extract_tb(error.__traceback__)[-1]
        log("day_failed", store=store_id, code=reason_of(error), at=f"{where.name}:{where.lineno}")
        metric("DayFailed")
        if not retryable:
            self.hopeless = self.hopeless or error
