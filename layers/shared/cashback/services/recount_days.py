"""Recount the days that are over from the entries and the orders themselves: the proof of what the stream counted."""

from collections.abc import Callable, Iterator
from copy import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from cashback.domain.day_totals import Day, DayTotals, Drift, Recount
from cashback.domain.delays import local_time
from cashback.domain.errors import Busy
from cashback.domain.projection import date_of, of_entry, of_order
from cashback.domain.times import Instant
from cashback.services.books import Books
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
    dates = [(first + timedelta(days=n)).isoformat() for n in range((local.date() - first).days)]
    known = totals.days(store_id, dates)
    for day in (known[one] for one in dates if known[one].closed_at is None):
        counted = _entries_of(books, totals, store_id, day.date, zone, has_time)
        if counted is None:
            return
        recounted = counted + _moves_of(books, store_id, day.date, zone)
        closed, drift = _close(books, totals, store_id, day.date, recounted, now)
        if drift is not None:
            yield drift
        yield closed


def _close(
    books: Books, totals: "Totals", store_id: str, day_date: str, recounted: DayTotals, now: Instant
) -> tuple[Day, Drift | None]:
    levels = books.lists.levels(store_id)
    for _ in range(_TRIES):
        day = totals.days(store_id, [day_date])[day_date]
        drift = Drift(day_date, day.totals, recounted) if day.totals != recounted else None
        closed = replace(day, totals=recounted, rev=day.rev + 1, closed_at=now, levels=levels)
        if day.closed_at is not None:
            return day, None
        if totals.close(store_id, closed, drift):
            return closed, drift
    raise Busy("the day keeps changing")


def _moves_of(books: Books, store_id: str, day_date: str, zone: "tzinfo") -> DayTotals:
    """Count what the orders did on a day: those that have moved since it began have it in their histories."""
    first, _ = _around(day_date)
    added = (
        totals
        for orders in books.lists.moved_since(store_id, first)
        for order in orders
        for moved_on, totals in of_order(order, zone)
        if moved_on == day_date
    )
    return sum(added, start=DayTotals())


def _entries_of(
    books: Books, totals: "Totals", store_id: str, day_date: str, zone: "tzinfo", has_time: Callable[[], bool]
) -> DayTotals | None:
    """Count the entries of a day, customer by customer; None where the time was up first, which is remembered."""
    begun = totals.recount(store_id)
    at = begun if begun is not None and begun.date == day_date else Recount(day_date)
    first, last = _around(day_date)
    while at.shard < books.customers.parts:
        if not has_time():
            totals.save_recount(store_id, at)
            return None
        customer_ids, after = books.customers.listed(store_id, at.shard, _PAGE, at.after)
        found = [
            added
            for customer_id in customer_ids
            for entry in books.history.posted_between(store_id, customer_id, first, last)
            for posted_on, added in [of_entry(entry, zone)]
            if posted_on == day_date
        ]
        shard = at.shard if after is not None else at.shard + 1
        at = replace(at, shard=shard, after=after, totals=sum(found, start=at.totals))
    return at.totals


def _around(day_date: str) -> tuple[Instant, Instant]:
    """Return an instant before a date begins, and one after it ends, in every time zone there is."""
    day = date.fromisoformat(day_date)
    before, after = day - timedelta(days=1), day + timedelta(days=1)
    return f"{before}T00:00:00.000000Z", f"{after}T23:59:59.999999Z"
