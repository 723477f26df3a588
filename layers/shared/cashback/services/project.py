"""Count what changed in the totals of its day, and tell the bus of it: once each, however often it is delivered."""

from collections.abc import Iterable, Sequence
from copy import replace
from itertools import batched
from typing import TYPE_CHECKING, Final

from cashback.domain.day_totals import DayTotals
from cashback.domain.errors import Busy
from cashback.domain.projection import Addition, Change, addition_of, event_of, failure_of
from cashback.domain.settings import Settings
from cashback.domain.times import Instant
from cashback.services.time_zones import zone_of

if TYPE_CHECKING:
    from cashback.adapters.dynamo.totals import Totals
    from cashback.adapters.event_bus import EventBus

AT_ONCE: Final = 45
"""Changes counted in one transaction of at most 100 writes, even where each is of another day."""

_TRIES: Final = 8


def project(
    totals: "Totals", bus: "EventBus", settings: Settings, changes: Sequence[Change], now: Instant
) -> frozenset[str]:
    """Count changes of one store, note what failed, and publish the events. Return the ids of the changes whose events
    the bus did not take: they are to be delivered again.

    The totals come first. A change that is delivered again is not counted again; its event may be, under the same id,
    but where ``remember_told`` was told of it.

    :raises Busy: the tables are contended or out of reach; the same call is safe to repeat.
    """
    zone = zone_of(settings)
    additions = [(change, found) for change in changes if (found := addition_of(change, zone))]
    for some in batched(additions, AT_ONCE, strict=False):
        occasions = {change.change_id: change.occasion for change, _ in some}
        _count(totals, settings.store_id, {change.change_id: found for change, found in some}, occasions, now)
    for change in changes:
        code = failure_of(change)
        if code is not None:
            totals.note_failure(settings.store_id, change.at, code, change.change_id)
    events = [event for change in changes if (event := event_of(change, settings.currency))]
    told = totals.told(settings.store_id, [event.event_id for event in events])
    return bus.publish([event for event in events if event.event_id not in told])


def remember_told(totals: "Totals", store_id: str, changes: Sequence[Change], now: Instant) -> None:
    """Remember that what these changes tell is told: a record before them fails, and they come again with it for as
    long as it does.

    :raises Busy: out of reach; their events may be published again.
    """
    change_ids = [change.change_id for change in changes]
    known = totals.told(store_id, change_ids)
    totals.note_told(store_id, [change_id for change_id in change_ids if change_id not in known], now)


def _count(
    totals: "Totals", store_id: str, additions: dict[str, Addition], occasions: dict[str, str], now: Instant
) -> None:
    """Add to the days all that is not counted yet. A day that is closed has it already: it was recounted from the
    tables, and whatever happened on it had been written by then."""
    for _ in range(_TRIES):
        dates = sorted({date for date, _ in additions.values()})
        days = totals.days(store_id, dates)
        open_ = {change_id: one for change_id, one in additions.items() if days[one[0]].closed_at is None}
        sums = sum_by_day(open_.values())
        if not sums:
            return
        changed = [
            replace(days[date], totals=days[date].totals + added, rev=days[date].rev + 1)
            for date, added in sums.items()
        ]
        counted_before = totals.count(store_id, changed, {one: occasions[one] for one in open_}, now)
        if counted_before is None:
            return
        additions = {change_id: one for change_id, one in open_.items() if change_id not in counted_before}
    raise Busy("the totals keep changing")


def sum_by_day(additions: Iterable[Addition]) -> dict[str, DayTotals]:
    """Return the totals of each day that anything is added to."""
    sums: dict[str, DayTotals] = {}
    for date, totals in additions:
        sums[date] = sums.get(date, DayTotals()) + totals
    return sums
