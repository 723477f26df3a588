"""Once an hour: what stores do once a day, each at its own time, and what is looked for every hour."""

import traceback
from collections import deque
from collections.abc import Callable, Sequence
from copy import replace
from datetime import datetime
from itertools import product
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field

from cashback.domain.day_totals import Behind, Drift
from cashback.domain.errors import DomainError, reason_of
from cashback.domain.times import Instant, instant
from cashback.edge.clock import utc
from cashback.edge.log import log, metric
from cashback.services.books import Books
from cashback.services.greet_birthdays import greet_birthdays
from cashback.services.recount_days import recount_days
from cashback.services.watch_pending import watch_pending

if TYPE_CHECKING:
    from cashback.adapters.alarm_clock import AlarmClock
    from cashback.adapters.dynamo.due import DueIndex
    from cashback.adapters.dynamo.reconciliations import Reconciliations
    from cashback.adapters.dynamo.totals import Totals
    from cashback.adapters.notification_queue import NotificationQueue
    from cashback.domain.due import DueThing
    from cashback.domain.reconciliation import Reconciliation

ENOUGH_TIME: Final = 60_000
"""Milliseconds that the function must have left to begin with one more store, or one more page of its customers."""

TURN: Final = 10_000
"""Milliseconds after which what takes long lets the others go on, and waits for its next turn."""


class Daily(Struct):
    """One invocation. A store that fails, or that the time was up for, is left for the next hour.

    What takes long comes last, after every store was done with what does not: recounts and comparisons of all stores
    take turns. Each hour begins at another store, so where one hour is too short for all, each comes first some time of
    the day.
    """

    books: Books
    alarms: "Callable[[], AlarmClock]"
    notifications: "Callable[[], NotificationQueue]"
    totals: "Totals"
    due: "Callable[[], DueIndex]"
    reconciliations: "Callable[[], Reconciliations]"
    milliseconds_left: Callable[[], int]
    clock: Callable[[], datetime] = utc
    greeted: int = 0
    late: int = 0
    recounted: int = 0
    reconciled: int = 0
    failed: int = 0
    cut_short: bool = False
    turn_ends: int = ENOUGH_TIME
    turn_is_over: bool = False
    behind: dict[str, str] = field(default_factory=dict)
    hopeless: Exception | None = None
    stuck: "list[DueThing]" = field(default_factory=list)

    def run(self) -> dict[str, int | bool]:
        """Do everything for each store; answer with how many greeted, how many have orders that wait too long, how many
        days were recounted, how many stores were reconciled, and how often one failed.

        :raises Busy: the directory is out of reach.
        :raises Exception: what made a store fail that no retry can help, once all others were tried: an alarm sees it.
        """
        self._tell_overdue()
        store_ids = self._in_turn(list(self.books.stores.ids()))
        for part, store_id in product((self._greet, self._watch), store_ids):
            if not self._has_time():
                break
            self._try(part, store_id)
        turns = deque(product(store_ids, (self._recount, self._reconcile)))
        while turns and self._has_time():
            store_id, part = turns.popleft()
            self.turn_ends, self.turn_is_over = max(ENOUGH_TIME, self.milliseconds_left() - TURN), False
            self._try(part, store_id)
            if self.turn_is_over:
                turns.append((store_id, part))
        for store_id, date in self.behind.items():
            log("recount_behind", level="ERROR", store=store_id, date=date)
        metric("RecountsBehind", len(self.behind))
        metric("DailyCutShort", int(self.cut_short))
        counts = ("greeted", "late", "recounted", "reconciled", "failed", "cut_short")
        done: dict[str, Any] = {name: getattr(self, name) for name in counts}
        log("day_done", **done)
        if self.hopeless is not None:
            raise self.hopeless
        return done

    def _in_turn(self, store_ids: Sequence[str]) -> list[str]:
        """Return the stores in the order of this hour: it begins further on, and is around once a day."""
        first = len(store_ids) * self.clock().hour // 24
        return [*store_ids[first:], *store_ids[:first]]

    def _has_time(self) -> bool:
        self.cut_short = self.cut_short or self.milliseconds_left() < ENOUGH_TIME
        return not self.cut_short

    def _goes_on(self) -> bool:
        """Tell whether a turn has time for one more page."""
        left = self.milliseconds_left()
        self.cut_short = self.cut_short or left < ENOUGH_TIME
        self.turn_is_over = self.turn_is_over or left < self.turn_ends
        return not (self.cut_short or self.turn_is_over)

    def _try(self, part: Callable[[str], None], store_id: str) -> None:
        """Do a part of one store's day; whatever becomes of it, the others go on."""
        try:
            part(store_id)
        except DomainError as error:
            self._failed(store_id, error, retryable=error.retryable)
        except Exception as bug:  # noqa: BLE001 - raised again when the others were tried
            self._failed(store_id, bug, retryable=False)

    def _greet(self, store_id: str) -> None:
        if greet_birthdays(self.books, self.alarms, store_id, self._now()) == "greeted":
            self.greeted += 1
            log("birthdays_greeted", store=store_id)

    def _watch(self, store_id: str) -> None:
        if watch_pending(self.books, self.notifications, store_id, self._now()):
            self.late += 1
            log("reviews_late", level="WARN", store=store_id, counted="ReviewsLate")

    def _recount(self, store_id: str) -> None:
        for found in recount_days(self.books, self.totals, store_id, self._now(), self._goes_on):
            if isinstance(found, Drift):
                log("totals_drifted", level="WARN", store=store_id, date=found.date, counted="TotalsDrift")
            elif isinstance(found, Behind):
                self.behind[store_id] = found.date
            else:
                self.behind.pop(store_id, None)
                self.recounted += 1
                log("day_recounted", store=store_id, date=found.date)

    def _reconcile(self, store_id: str) -> None:
        """Go on with the store's comparison. What it finds is told before it is remembered, so at least once."""
        from cashback.services.reconcile import compare_next, open_comparison  # noqa: PLC0415 - at night only

        made = open_comparison(self.books, self.reconciliations(), store_id, self._now())
        if isinstance(made, str):
            return
        while made.finished_at is None and self._goes_on():
            made, page = compare_next(self.books, store_id, made, self._now())
            if page.differences:
                metric("LedgerDrift", len(page.differences))
            for one in page.differences:
                told: dict[str, Any] = {one.subject.value: one.item_id, "figure": one.figure, "stands": one.stands}
                log("ledger_drift", level="ERROR", store=store_id, expected=one.expected, **told)
            if made.finished_at is not None:
                made = self._finished(store_id, made)
            self.reconciliations().save(store_id, made)

    def _finished(self, store_id: str, made: "Reconciliation") -> "Reconciliation":
        """Tell what a finished comparison came to, and return it with what of the store is overdue."""
        from cashback.domain.reconciliation import overdue_of  # noqa: PLC0415 - at night only

        made = replace(made, overdue=overdue_of(self.stuck, store_id))
        counts: dict[str, Any] = {"orders": made.orders, "moving": made.moving, "found": made.found}
        log("reconciled", store=store_id, customers=made.customers, overdue=len(made.overdue), **counts)
        if not made.found:
            metric("LedgerDrift", 0)
        self.reconciled += 1
        return made

    def _tell_overdue(self) -> None:
        """Tell what is stuck, of all stores, those that are closed too: in every hour in which it is."""
        from cashback.services.reconcile import overdue  # noqa: PLC0415 - a cold start does not need it

        try:
            self.stuck = list(overdue(self.due(), self._now()))
        except DomainError as error:
            self._failed("", error, retryable=error.retryable)
            return
        for one in self.stuck:
            log("overdue", level="ERROR", store=one.store_id, kind=one.kind, id=one.item_id, due=one.due_at)
        metric("Overdue", len(self.stuck))

    def _now(self) -> Instant:
        return instant(self.clock())

    def _failed(self, store_id: str, error: Exception, *, retryable: bool) -> None:
        self.failed += 1
        where = traceback.extract_tb(error.__traceback__)[-1]
        log("day_failed", store=store_id, code=reason_of(error), at=f"{where.name}:{where.lineno}", counted="DayFailed")
        if not retryable:
            self.hopeless = self.hopeless or error
