"""The sweep: settles what came due, hour by hour, until all is done or the time is up."""

import traceback
from collections.abc import Callable, Collection
from datetime import datetime
from typing import TYPE_CHECKING, Final

from msgspec import Struct, field

from cashback.domain.due import DueKind, DueThing, Hour, hour_from, hour_of, hours_between
from cashback.domain.errors import DomainError, reason_of
from cashback.domain.times import Instant, instant
from cashback.edge.clock import utc
from cashback.edge.log import log
from cashback.services.books import Books
from cashback.services.sweep import UNFINISHED, remind_tasks, settle_due

if TYPE_CHECKING:
    from cashback.adapters.dynamo.api_keys import ApiKeys
    from cashback.adapters.dynamo.due import DueIndex
    from cashback.services.books import EndpointBooks, JobBooks

FIRST_LOOK: Final = 24
"""Hours back at which the very first sweep begins."""

OPEN_HOURS: Final = 2
"""The hour that has not ended, and the one that ended less than an hour ago: the bookmark passes neither."""

ENOUGH_TIME: Final = 60_000
"""Milliseconds that the function must have left for one more thing, contended as it may be, or one more batch."""

AT_ONCE: Final = 100
"""Things that are taken from the index at once. Source: a BatchGetItem reads so many."""


class Sweep(Struct):
    """One invocation.

    The open hours come first, then those that the bookmark has not passed: however much is stuck there, what comes due
    now is settled. The bookmark passes an hour in which nothing was found, and so stays at one that holds
    a thing that fails, which is tried again by every sweep. What takes many steps takes the further ones last, while
    there is time.
    """

    books: Books
    due: "DueIndex"
    api_keys: "ApiKeys"
    job_books: "Callable[[], JobBooks]"
    outgoing: "Callable[[], EndpointBooks]"
    milliseconds_left: Callable[[], int]
    clock: Callable[[], datetime] = utc
    settled: int = 0
    failed: int = 0
    cut_short: bool = False
    hopeless: Exception | None = None
    unfinished: list[DueThing] = field(default_factory=list)

    def run(self) -> dict[str, int | bool]:
        """Sweep once; answer with how many things were settled and how many failed.

        :raises Busy: the index or the bookmark is out of reach; the next sweep begins where this one did.
        :raises Exception: what made a thing fail that no retry can help, once all others were tried: an alarm sees it.
        """
        now = instant(self.clock())
        closed = hour_from(hour_of(now), -OPEN_HOURS)
        begin = self.due.bookmark() or self._first_bookmark(now)
        for hour in hours_between(hour_from(closed, 1), hour_of(now)):
            self._found_nothing(hour, now)
        self._pass(begin, closed, now)
        self._go_on()
        log("swept", begin=begin, settled=self.settled, failed=self.failed, cut_short=self.cut_short)
        if self.hopeless is not None:
            raise self.hopeless
        return {"settled": self.settled, "failed": self.failed, "cut_short": self.cut_short}

    def _first_bookmark(self, now: Instant) -> Hour:
        """Begin here from now on, also where the first hour has a thing that fails."""
        begin = hour_from(hour_of(now), -FIRST_LOOK)
        self.due.move_bookmark(begin)
        return begin

    def _pass(self, begin: Hour, last: Hour, now: Instant) -> None:
        """Sweep the hours that are long over, and move the bookmark as far as there was nothing."""
        passing = True
        for hour in hours_between(begin, last):
            passing = self._found_nothing(hour, now) and passing
            if self.cut_short:
                return
            if passing:
                self.due.move_bookmark(hour_from(hour, 1))

    def _found_nothing(self, hour: Hour, now: Instant) -> bool:
        """Settle what was due in an hour, as long as there is time; tell whether there was nothing."""
        if self._is_over():
            return False
        nothing = True
        for things in self.due.batches(hour, now, AT_ONCE):
            nothing = False
            if self._is_over():
                break
            reminded = self._remind([thing for thing in things if thing.kind == DueKind.TASK])
            for thing in things:
                if thing not in reminded and not self._is_over():
                    self._settle(thing)
        return nothing

    def _remind(self, tasks: list[DueThing]) -> Collection[DueThing]:
        """Settle together what may be many at a time. Return what is settled; each of the others is tried by itself,
        and fails by itself."""
        try:
            outcomes = remind_tasks(self.books, tasks, instant(self.clock()))
        except DomainError:
            return ()
        except Exception as bug:  # noqa: BLE001 - raised again when the others were tried
            self.hopeless = self.hopeless or bug
            return ()
        for thing, outcome in outcomes.items():
            self._settled(thing, outcome)
        return outcomes

    def _go_on(self) -> None:
        """Take further steps of what has more than one, in turn."""
        while self.unfinished and not self._is_over():
            self._settle(self.unfinished.pop(0))

    def _is_over(self) -> bool:
        self.cut_short = self.cut_short or self.milliseconds_left() < ENOUGH_TIME
        return self.cut_short

    def _settle(self, thing: DueThing) -> None:
        """Settle one thing; whatever becomes of it, the others go on."""
        try:
            now = instant(self.clock())
            outcome = settle_due(self.books, self.api_keys, self.job_books, self.outgoing, thing, now)
        except DomainError as error:
            self._failed(error, thing, retryable=error.retryable)
        except Exception as bug:  # noqa: BLE001 - raised again when the others were tried
            self._failed(bug, thing, retryable=False)
        else:
            self._settled(thing, outcome)

    def _settled(self, thing: DueThing, outcome: str) -> None:
        self.settled += 1
        log("due_settled", **_ids(thing), outcome=outcome, counted="DueSettled", by="kind")
        if outcome in UNFINISHED:
            self.unfinished.append(thing)

    def _failed(self, error: Exception, thing: DueThing, *, retryable: bool) -> None:
        """Leave a thing for the next sweep."""
        self.failed += 1
        where = traceback.extract_tb(error.__traceback__)[-1]
        log(
            "due_failed",
            **_ids(thing),
            code=reason_of(error),
            at=f"{where.name}:{where.lineno}",
            counted="DueFailed",
            by="kind",
        )
        if not retryable:
            self.hopeless = self.hopeless or error


def _ids(thing: DueThing) -> dict[str, str]:
    return {"store": thing.store_id, "kind": thing.kind, "item": thing.item_id, "due_at": thing.due_at}
