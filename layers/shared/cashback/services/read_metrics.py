"""What a store's days came to, and where its orders stand."""

from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from cashback.domain.day_totals import Day
from cashback.domain.errors import Invalid
from cashback.domain.money import Currency
from cashback.domain.projection import date_of
from cashback.domain.times import Instant
from cashback.services.books import Books
from cashback.services.read_levels import read_levels
from cashback.services.time_zones import zone_of

if TYPE_CHECKING:
    from cashback.adapters.dynamo.totals import Totals

MOST_DAYS: Final = 92
"""Days of one answer: the longest quarter."""


class Metrics(Struct, frozen=True):
    """Days one after the other, those on which nothing happened too, as of a moment.

    A day that is over has the levels of when it was closed, the present one those of now; None where they are unknown:
    of a day that is not closed yet, or still to come.
    """

    currency: Currency
    days: tuple[Day, ...]
    as_of: Instant


def read_metrics(
    books: Books, totals: "Totals", store_id: str, first: str | None, last: str | None, now: Instant
) -> Metrics:
    """Return the days from one date to another; today alone, in the store's own calendar, where none is named.

    :raises NotFound: no such store.
    :raises Invalid: ``date_range``: only one end is named, they are the wrong way round, or more than ``MOST_DAYS``
        apart.
    """
    settings = books.stores.settings(store_id)
    today = date_of(now, zone_of(settings))
    if (first is None) != (last is None):
        raise Invalid("to" if last is None else "from", "date_range")
    dates = _dates(first or today, last or today)
    known = {day.date: day for day in totals.between(store_id, dates[0], dates[-1])}
    days = [known.get(one, Day(one)) for one in dates]
    levels = read_levels(books, store_id) if today in dates else None
    present = (Day(day.date, day.totals, day.rev, day.closed_at, levels) if day.date == today else day for day in days)
    return Metrics(settings.currency, tuple(present), now)


def _dates(first: str, last: str) -> list[str]:
    begin, end = date.fromisoformat(first), date.fromisoformat(last)
    if not 0 <= (end - begin).days < MOST_DAYS:
        raise Invalid("to", "date_range")
    return [(begin + timedelta(days=n)).isoformat() for n in range((end - begin).days + 1)]
