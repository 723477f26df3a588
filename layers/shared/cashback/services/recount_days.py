"""Recount the days that are over from the entries and the orders themselves: the proof of what the stream counted."""

from collections.abc import Callable, Iterator
from copy import replace
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from cashback.domain.day_totals import Day, DayTotals, Drift, Recount
from cashback.domain.delays import local_time
from cashback.domain.errors import Busy
from cashback.domain.projection import date_of, totals_of_entry, totals_of_order
from cashback.domain.times import Instant, instant
from cashback.services.books import Books
from cashback.services.read_levels import read_levels
from cashback.services.time_zones import zone_of

if TYPE_CHECKING:
    from datetime import tzinfo

    from cashback.adapters.dynamo.totals import Totals

QUIET: Final = 2
"""The local hour from which yesterday is recounted: by then whatever was written in it is committed and visible."""

MISSED_DAYS: Final = 7
"""How many days back are recounted that nobody recounted."""

_PAGE: Final = 100
_TRIES: Final = 5

type _Span = tuple[Instant, Instant]
"""From when a day is, and until before when. Days follow each other without a gap or an overlap, also where the store
got another time zone in between: nothing of what happened is in none of them, or in two."""


def recount_days(
    books: Books, totals: "Totals", store_id: str, now: Instant, has_time: Callable[[], bool]
) -> Iterator[Day | Drift]:
    """Recount the days of a store that are over and still open, the oldest first; yield each as it is closed, after the
    drift where there was one. Stops where the time is up; called again it goes on there.

    A closed day is right for good: its totals are what the tables say, and the stream adds nothing to it any more.

    :raises NotFound: no such store.
    :raises Busy: out of reach, or a day keeps changing; called again it goes on.
    """
    document = books.stores.document(store_id)
    zone = zone_of(document.settings())
    local = local_time(now, zone)
    if document.closed_at is not None or local.hour < QUIET:
        return
    first = max(local.date() - timedelta(days=MISSED_DAYS), date.fromisoformat(date_of(document.created_at, zone)))
    days = [first + timedelta(days=n) for n in range(-1, (local.date() - first).days)]
    known = totals.days(store_id, [day.isoformat() for day in days])
    begin: Instant | None = None
    for date_ in days:
        day = known[date_.isoformat()]
        begin = begin or _midnight(date_, zone)
        end = day.until or max(begin, _midnight(date_ + timedelta(days=1), zone))
        if day.closed_at is None and date_ >= first:
            counted = _entries_of(books, totals, store_id, day.date, (begin, end), has_time)
            if counted is None:
                return
            recounted = counted + _moves_of(books, store_id, (begin, end))
            closed, drift = _close(books, totals, store_id, replace(day, until=end), recounted, now)
            if drift is not None:
                yield drift
            yield closed
        begin = end


def _close(
    books: Books, totals: "Totals", store_id: str, over: Day, recounted: DayTotals, now: Instant
) -> tuple[Day, Drift | None]:
    levels = read_levels(books, store_id)
    for _ in range(_TRIES):
        day = totals.days(store_id, [over.date])[over.date]
        drift = Drift(day.date, day.totals, recounted) if day.totals != recounted else None
        closed = replace(day, totals=recounted, rev=day.rev + 1, closed_at=now, levels=levels, until=over.until)
        if day.closed_at is not None:
            return day, None
        if totals.close(store_id, closed, drift):
            return closed, drift
    raise Busy("the day keeps changing")


def _moves_of(books: Books, store_id: str, span: _Span) -> DayTotals:
    """Count what the orders did on a day: those that have moved since it began have it in their histories."""
    begin, end = span
    added = (
        totals
        for orders in books.lists.moved_since(store_id, begin)
        for order in orders
        for at, totals in totals_of_order(order)
        if begin <= at < end
    )
    return sum(added, start=DayTotals())


def _entries_of(
    books: Books, totals: "Totals", store_id: str, day_date: str, span: _Span, has_time: Callable[[], bool]
) -> DayTotals | None:
    """Count the entries of a day, customer by customer; None where the time was up first, which is remembered."""
    begin, end = span
    begun = totals.recount(store_id)
    is_same = begun is not None and (begun.date, begun.until) == (day_date, end)
    at = begun if begun is not None and is_same else Recount(day_date, until=end)
    while at.shard < books.customers.parts:
        if not has_time():
            totals.save_recount(store_id, at)
            return None
        customer_ids, after = books.customers.listed(store_id, at.shard, _PAGE, at.after)
        found = [
            totals_of_entry(entry)
            for customer_id in customer_ids
            for entry in books.history.posted_between(store_id, customer_id, begin, end)
            if begin <= entry.posted_at < end
        ]
        shard = at.shard if after is not None else at.shard + 1
        at = replace(at, shard=shard, after=after, totals=sum(found, start=at.totals))
    return at.totals


def _midnight(day: date, zone: "tzinfo") -> Instant:
    """Return when a date begins in a time zone."""
    return instant(datetime.combine(day, time.min, zone))
