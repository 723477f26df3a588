"""Recount the days that are over from the entries and the orders themselves: the proof of what the stream counted."""

from collections.abc import Callable, Iterator, Sequence
from copy import replace
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from cashback.domain.day_totals import Behind, Day, DayTotals, Drift, Recount
from cashback.domain.delays import local_time
from cashback.domain.errors import Busy
from cashback.domain.projection import date_of, totals_of_entry, totals_of_order
from cashback.domain.times import NEWEST, Instant, instant, moment
from cashback.services.books import Books
from cashback.services.read_levels import read_levels
from cashback.services.time_zones import zone_of

if TYPE_CHECKING:
    from datetime import tzinfo

    from cashback.adapters.dynamo.totals import Totals

QUIET: Final = 2
"""The local hour from which yesterday is recounted: by then whatever was written in it is committed and visible."""

MISSED_DAYS: Final = 7
"""How many days back a store's recounts begin that had none yet. From then on each day has its turn, however late."""

LATE: Final = timedelta(days=1)
"""How long after a day its recount is late: by then the next one waits for it."""

_PAGE: Final = 100
"""Customers of a page."""

_ORDERS: Final = 1_000
"""Orders of a page: of most of them nothing is read but the index."""

_TRIES: Final = 5

type Span = tuple[Instant, Instant]
"""From when a day is, and until before when. Days follow each other without a gap or an overlap, also where the store
got another time zone in between: nothing of what happened is in none of them, or in two."""


def recount_days(
    books: Books, totals: "Totals", store_id: str, now: Instant, has_time: Callable[[], bool]
) -> Iterator[Day | Drift | Behind]:
    """Recount the days of a store that are over and still open, the oldest first; yield each as it is closed, after the
    drift where there was one. Stops where the time is up, which is told of a day that has been over for long; called
    again it goes on there.

    A closed day is right for good: its totals are what the tables say, and the stream adds nothing to it any more.

    :raises NotFound: no such store.
    :raises Busy: out of reach, or a day keeps changing; called again it goes on.
    """
    document = books.stores.document(store_id)
    zone = zone_of(document.settings())
    local = local_time(now, zone)
    if document.closed_at is not None or local.hour < QUIET:
        return
    begun = totals.recount(store_id)
    oldest = local.date() - timedelta(days=MISSED_DAYS)
    if begun is not None:
        oldest = min(oldest, date.fromisoformat(begun.date))
    known = {
        day.date: day
        for day in totals.between(store_id, (oldest - timedelta(days=1)).isoformat(), local.date().isoformat())
    }
    first = max(oldest.isoformat(), min((date_of(document.created_at, zone), *known)))
    dates = dates_between(date.fromisoformat(first) - timedelta(days=1), local.date())
    for day, (begin, end) in spans_of([known.get(one, Day(one)) for one in dates], zone)[:-1]:
        if day.closed_at is None and day.date >= first:
            recounted = _recounted(books, totals, store_id, day.date, (begin, end), has_time)
            if recounted is None:
                if moment(now) - moment(end) > LATE:
                    yield Behind(day.date)
                return
            closed, drift = _close(books, totals, store_id, replace(day, since=begin, until=end), recounted, now)
            if drift is not None:
                yield drift
            yield closed


def spans_of(days: Sequence[Day], zone: "tzinfo") -> list[tuple[Day, Span]]:
    """Return days that follow each other, the oldest first, each with the span of what happened on it.

    A closed day keeps its own. An open one begins where the one before ends, and ends at midnight in the time zone that
    the store has now, or where a closed one after it begins: a store that moves west may get a day before its first.
    """
    found: list[tuple[Day, Span]] = []
    begin: Instant | None = None
    for day, after, limit in zip(days, [*days[1:], None], _limits(days), strict=True):
        date_ = date.fromisoformat(day.date)
        begin = min(day.since or begin or _midnight(date_, zone), limit)
        end = day.until or (after and after.since) or min(max(begin, _midnight(date_ + timedelta(days=1), zone)), limit)
        found.append((day, (begin, end)))
        begin = end
    return found


def dates_between(first: date, last: date) -> list[str]:
    """Return all dates from one to another."""
    return [(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]


def _limits(days: Sequence[Day]) -> list[Instant]:
    """Return for each day where the next closed one begins; without one, NEWEST."""
    limits, limit = [], NEWEST
    for day in reversed(days):
        limits.append(limit)
        limit = day.since or limit
    return limits[::-1]


def _close(
    books: Books, totals: "Totals", store_id: str, over: Day, recounted: DayTotals, now: Instant
) -> tuple[Day, Drift | None]:
    levels = read_levels(books, store_id)
    for _ in range(_TRIES):
        day = totals.days(store_id, [over.date])[over.date]
        drift = Drift(day.date, day.totals, recounted) if day.totals != recounted else None
        closed = replace(day, totals=recounted, rev=day.rev + 1, closed_at=now, levels=levels)
        closed = replace(closed, since=over.since, until=over.until)
        if day.closed_at is not None:
            return day, None
        if totals.close(store_id, closed, drift):
            return closed, drift
    raise Busy("the day keeps changing")


def _recounted(
    books: Books, totals: "Totals", store_id: str, day_date: str, span: Span, has_time: Callable[[], bool]
) -> DayTotals | None:
    """Count a day's entries, customer by customer, then what the orders did on it; None where the time was up first.
    How far it is, is remembered."""
    begun = totals.recount(store_id)
    is_same = begun is not None and (begun.date, begun.since, begun.until) == (day_date, *span)
    at = begun if begun is not None and is_same else Recount(day_date, since=span[0], until=span[1])
    orders = books.customers.parts
    while at.shard <= orders:
        if not has_time():
            totals.save_recount(store_id, at)
            return None
        read = _entries_of if at.shard < orders else _moves_of
        found, after = read(books, store_id, at, span)
        shard = at.shard if after is not None else at.shard + 1
        at = replace(at, shard=shard, after=after, totals=sum(found, start=at.totals))
    totals.save_recount(store_id, at)
    return at.totals


def _entries_of(books: Books, store_id: str, at: Recount, span: Span) -> tuple[list[DayTotals], str | None]:
    """Count the entries of a page of customers; return with it where to go on, None at the end of their part."""
    begin, end = span
    customer_ids, after = books.customers.listed(store_id, at.shard, _PAGE, at.after)
    found = [
        totals_of_entry(entry)
        for customer_id in customer_ids
        for entry in books.history.posted_between(store_id, customer_id, begin, end)
        if begin <= entry.posted_at < end
    ]
    return found, after


def _moves_of(books: Books, store_id: str, at: Recount, span: Span) -> tuple[list[DayTotals], str | None]:
    """Count what a page of orders did: those that have moved since the day began have it in their histories."""
    begin, end = span
    orders, after = books.lists.moved_since(store_id, begin, _ORDERS, at.after)
    found = [totals for order in orders for moved_at, totals in totals_of_order(order) if begin <= moved_at < end]
    return found, after


def _midnight(day: date, zone: "tzinfo") -> Instant:
    """Return when a date begins in a time zone."""
    return instant(datetime.combine(day, time.min, zone))
