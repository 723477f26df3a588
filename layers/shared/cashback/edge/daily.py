"""Once an hour: what stores do once a day, each at its own time, and a look at what waits for a person."""

import traceback
from collections.abc import Callable, Iterator
from copy import replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from cashback.domain.errors import DomainError, reason_of
from cashback.domain.times import Instant, instant
from cashback.edge.clock import utc
from cashback.edge.log import log, metric
from cashback.services.books import Books
from cashback.services.greet_birthdays import greet_birthdays
from cashback.services.watch_reviews import reviews_are_late

if TYPE_CHECKING:
    from cashback.adapters.alarm_clock import AlarmClock
    from cashback.adapters.dynamo.due import DueIndex
    from cashback.adapters.dynamo.reconciliations import Reconciliations
    from cashback.domain.due import DueThing
    from cashback.domain.reconciliation import Reconciliation

ENOUGH_TIME: Final = 60_000
"""Milliseconds that the function must have left to begin with one more store, or one more page of its customers."""


class Daily:
    """One invocation. A store that fails, or that the time was up for, is left for the next hour. What takes long comes
    last, after every store had its turn at what does not."""

    def __init__(
        self,
        books: Books,
        alarms: "Callable[[], AlarmClock]",
        due: "Callable[[], DueIndex]",
        reconciliations: "Callable[[], Reconciliations]",
        milliseconds_left: Callable[[], int],
        clock: Callable[[], datetime] = utc,
    ) -> None:
        self.books = books
        self.alarms = alarms
        self.due = due
        self.reconciliations = reconciliations
        self.milliseconds_left = milliseconds_left
        self.clock = clock
        self.greeted = 0
        self.reconciled = 0
        self.failed = 0
        self.cut_short = False
        self.hopeless: Exception | None = None

    def run(self) -> dict[str, int | bool]:
        """Do everything for each store; answer with how many stores were greeted, reconciled, and how often one failed.

        :raises Busy: the directory is out of reach.
        :raises Exception: what made a store fail that no retry can help, once all others were tried: an alarm sees it.
        """
        for work in (self._greet, self._watch, self._reconcile):
            for store_id in self._stores():
                self._try(work, store_id)
        told: dict[str, Any] = {"greeted": self.greeted, "reconciled": self.reconciled, "failed": self.failed}
        log("day_done", **told, cut_short=self.cut_short)
        if self.hopeless is not None:
            raise self.hopeless
        return {**told, "cut_short": self.cut_short}

    def _stores(self) -> Iterator[str]:
        """Yield the stores while there is time."""
        for store_id in self.books.stores.ids():
            if not self._has_time():
                return
            yield store_id

    def _has_time(self) -> bool:
        self.cut_short = self.cut_short or self.milliseconds_left() < ENOUGH_TIME
        return not self.cut_short

    def _try(self, work: Callable[[str], None], store_id: str) -> None:
        """Do one thing for one store; whatever becomes of it, the others go on."""
        try:
            work(store_id)
        except DomainError as error:
            self._failed(store_id, error, retryable=error.retryable)
        except Exception as bug:  # noqa: BLE001 - raised again when the others were tried
            self._failed(store_id, bug, retryable=False)

    def _greet(self, store_id: str) -> None:
        if greet_birthdays(self.books, self.alarms, store_id, self._now()) == "greeted":
            self.greeted += 1
            log("birthdays_greeted", store=store_id)

    def _watch(self, store_id: str) -> None:
        if reviews_are_late(self.books, store_id, self._now()):
            log("reviews_late", level="WARN", store=store_id)
            metric("ReviewsLate")

    def _reconcile(self, store_id: str) -> None:
        """Go on with the store's comparison. What it finds is told before it is remembered, so at least once."""
        from cashback.services.reconcile import compare_next, open_comparison  # noqa: PLC0415 - at night only

        made = open_comparison(self.books, self.reconciliations(), store_id, self._now())
        if isinstance(made, str):
            return
        while made.finished_at is None and self._has_time():
            made, page = compare_next(self.books, store_id, made, self._now())
            for one in page.differences:
                told: dict[str, Any] = {one.subject.value: one.item_id, "figure": one.figure, "stands": one.stands}
                log("ledger_drift", level="ERROR", store=store_id, expected=one.expected, **told)
            if made.finished_at is not None:
                made = self._finished(store_id, made)
            self.reconciliations().save(store_id, made)

    def _finished(self, store_id: str, made: "Reconciliation") -> "Reconciliation":
        """Tell what a finished comparison came to, and return it with what is overdue."""
        from cashback.domain.reconciliation import overdue_of  # noqa: PLC0415 - at night only

        made = replace(made, overdue=overdue_of(self._overdue, store_id))
        for one in made.overdue:
            log("overdue", level="ERROR", store=store_id, kind=one.kind, id=one.item_id, due=one.due_at)
        counts: dict[str, Any] = {"orders": made.orders, "moving": made.moving, "found": made.found}
        log("reconciled", store=store_id, customers=made.customers, overdue=len(made.overdue), **counts)
        metric("LedgerDrift", made.found)
        metric("Overdue", len(made.overdue))
        self.reconciled += 1
        return made

    @cached_property
    def _overdue(self) -> "list[DueThing]":
        """What is stuck, of all stores: looked for once, when the first store asks."""
        from cashback.services.reconcile import overdue  # noqa: PLC0415 - at night only

        return list(overdue(self.due(), self._now()))

    def _now(self) -> Instant:
        return instant(self.clock())

    def _failed(self, store_id: str, error: Exception, *, retryable: bool) -> None:
        self.failed += 1
        where = traceback.extract_tb(error.__traceback__)[-1]
        log("day_failed", store=store_id, code=reason_of(error), at=f"{where.name}:{where.lineno}")
        metric("DayFailed")
        if not retryable:
            self.hopeless = self.hopeless or error
