"""The totals of days, what guards them against counting anything twice, and what of a store's engine failed lately."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import batched
from typing import Final

from msgspec import Struct

from cashback.adapters.dynamo import figure_keys, keys
from cashback.adapters.dynamo.codec import Item
from cashback.adapters.dynamo.tables import Lost, StateTable
from cashback.adapters.faults import tries
from cashback.domain.day_totals import Day, DayTotals, Drift, Levels, Recount
from cashback.domain.errors import Busy
from cashback.domain.ledger import Write
from cashback.domain.times import Instant, moment

GUARDED_FOR: Final = 7 * 86_400
"""Seconds that a change is remembered: a stream keeps its records for one day, and days are closed long before."""

FAILURES_KEPT_FOR: Final = 86_400
"""Seconds that a failure is kept; the state of an engine asks for the last hour."""

_TRIES: Final = 5
_MARKED_BY: Final = 16
"""Characters of a change's id that tell it from the others of its occasion, as an attribute of their item."""

_WRITTEN_AT_ONCE: Final = 100
"""Writes of one transaction."""


class Totals(Struct, frozen=True):
    """Days, each written only over the revision that was read. ``sleep`` and ``jitter`` are arguments so that time can
    be virtual."""

    table: StateTable
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random

    def days(self, store_id: str, dates: Sequence[str]) -> dict[str, Day]:
        """Return the days of up to 100 dates (consistent); one of which nothing is known is empty."""
        wanted = {figure_keys.day_totals(store_id, date): date for date in dates}
        found = self.table.get_many(list(wanted)) if wanted else {}
        return {date: _day_of(found[key]) if key in found else Day(date) for key, date in wanted.items()}

    def between(self, store_id: str, first: str, last: str) -> list[Day]:
        """Return the days from one date to another of which anything is known (consistent)."""
        pk, low = figure_keys.day_totals(store_id, first)
        high = figure_keys.day_totals(store_id, last).sk
        values = {":pk": pk, ":low": low, ":high": high}
        items = self.table.query("pk = :pk AND sk BETWEEN :low AND :high", values, ConsistentRead=True)
        return [_day_of(item) for item in items]

    def write(self, store_id: str, day: Day) -> Write:
        """Build the write of a day over the revision before it."""
        item = _item(store_id, day)
        if day.rev == 1:
            return self.table.put(item, "attribute_not_exists(pk)")
        return self.table.put(item, "rev = :rev", {":rev": day.rev - 1})

    def count(
        self, store_id: str, days: Sequence[Day], changes: Mapping[str, str], now: Instant
    ) -> frozenset[str] | None:
        """Write days together with what guards the changes that are counted in them: a mark of each change, and one
        item for all changes of an occasion. ``changes`` are occasions by change id.

        Return None once that is done; else those of the changes that were counted before, none where only a day moved.

        :raises Busy: contended or out of reach; the same call is safe to repeat.
        """
        expiry = int(moment(now).timestamp()) + GUARDED_FOR
        marks = {change_id: f"c{change_id[:_MARKED_BY]}" for change_id in changes}
        together: dict[str, list[str]] = {}
        for change_id, occasion in changes.items():
            together.setdefault(occasion, []).append(marks[change_id])
        guards = [
            self.table.update(
                figure_keys.counted(store_id, occasion),
                f"SET expires_at_epoch = :expiry, {', '.join(f'{mark} = :counted' for mark in new)}",
                " AND ".join(f"attribute_not_exists({mark})" for mark in new),
                {":expiry": expiry, ":counted": True},
            )
            for occasion, new in together.items()
        ]
        try:
            self._commit([*(self.write(store_id, day) for day in days), *guards])
        except Lost as lost:
            seen = {mark for i, image in lost.images.items() if i >= len(days) for mark in image or ()}
            return frozenset(change_id for change_id, mark in marks.items() if mark in seen)
        return None

    def _commit(self, writes: list[Write]) -> None:
        """Commit, again where both tables' streams write the same day at once."""
        for _ in tries(_TRIES, self.jitter, self.sleep):
            with suppress(Busy):
                return self.table.commit(*writes)
        raise Busy("the totals are contended or out of reach")

    def close(self, store_id: str, day: Day, drift: Drift | None) -> bool:
        """Write a recounted day over the revision before it, with a report of what it drifted by if it did; False where
        someone else was first."""
        report = [self.table.put(_report(store_id, drift, day.closed_at))] if drift is not None else []
        return self.table.try_commit(self.write(store_id, day), *report)

    def drifts(self, store_id: str, first: str, last: str) -> list[Drift]:
        """Return the reports of the days from one date to another that drifted (consistent)."""
        pk, low = figure_keys.drift(store_id, first)
        values = {":pk": pk, ":low": low, ":high": figure_keys.drift(store_id, last).sk}
        items = self.table.query("pk = :pk AND sk BETWEEN :low AND :high", values, ConsistentRead=True)
        return [Drift(item["date"], _totals_of(item["counted"]), _totals_of(item["recounted"])) for item in items]

    def recount(self, store_id: str) -> Recount | None:
        """Return how far the recount is that an earlier call did not end; None where there is none."""
        item = self.table.get(figure_keys.recount(store_id))
        if item is None:
            return None
        return Recount(
            item["date"],
            item["shard"],
            item.get("after"),
            _totals_of(item["totals"]),
            item.get("since"),
            item.get("until"),
        )

    def save_recount(self, store_id: str, recount: Recount) -> None:
        """Remember how far the recount is. Of two at once either may write last: each is right about what it read."""
        pk, sk = figure_keys.recount(store_id)
        place = {"date": recount.date, "shard": recount.shard, "after": recount.after}
        place |= {"since": recount.since, "until": recount.until}
        self.table.commit(self.table.put({"pk": pk, "sk": sk, **place, "totals": _attributes(recount.totals)}))

    def told(self, store_id: str, event_ids: Sequence[str]) -> frozenset[str]:
        """Return which of these events ``note_told`` was told of (consistent)."""
        places = {figure_keys.told(store_id, event_id): event_id for event_id in event_ids}
        return frozenset(places[key] for key in self.table.get_many(places)) if places else frozenset()

    def note_told(self, store_id: str, event_ids: Sequence[str], now: Instant) -> None:
        """Remember events that are on the bus.

        :raises Busy: out of reach; the same call is safe to repeat.
        """
        expiry = int(moment(now).timestamp()) + GUARDED_FOR
        places = [figure_keys.told(store_id, event_id) for event_id in dict.fromkeys(event_ids)]
        for some in batched(places, _WRITTEN_AT_ONCE, strict=False):
            self.table.commit(*(self.table.put({"pk": pk, "sk": sk, "expires_at_epoch": expiry}) for pk, sk in some))

    def note_failure(self, store_id: str, at: Instant, code: str, change_id: str) -> None:
        """Remember that something of the store's engine failed; told again, it is the same failure.

        :raises Busy: out of reach; the same call is safe to repeat.
        """
        pk, sk = figure_keys.failure(store_id, at, code, change_id)
        expiry = int(moment(at).timestamp()) + FAILURES_KEPT_FOR
        self.table.commit(self.table.put({"pk": pk, "sk": sk, "expires_at_epoch": expiry}))

    def failures(self, store_id: str, since: Instant) -> dict[str, list[Instant]]:
        """Return what of the store's engine failed since a time, by code: when, the oldest first (consistent)."""
        pk, low = figure_keys.failure(store_id, since, "", "")
        values = {":pk": pk, ":low": low, ":high": figure_keys.failure(store_id, keys.AFTER_ALL, "", "").sk}
        found: dict[str, list[Instant]] = {}
        for item in self.table.query("pk = :pk AND sk BETWEEN :low AND :high", values, ConsistentRead=True):
            at, code = figure_keys.failure_told(item["sk"])
            found.setdefault(code, []).append(at)
        return found


def _item(store_id: str, day: Day) -> Item:
    pk, sk = figure_keys.day_totals(store_id, day.date)
    names = Levels.__struct_fields__ if day.levels else ()
    levels = {name: value for name in names if (value := getattr(day.levels, name)) is not None}
    item = {"pk": pk, "sk": sk, "rev": day.rev, "closed_at": day.closed_at, "levels": levels or None}
    item |= {"since": day.since, "until": day.until}
    return {**item, **_attributes(day.totals)}


def _day_of(item: Item) -> Day:
    levels: Item | None = item.get("levels")
    stood = Levels(**{name: levels[name] for name in Levels.__struct_fields__ if name in levels}) if levels else None
    date = figure_keys.day_date(item["sk"])
    return Day(date, _totals_of(item), item["rev"], item.get("closed_at"), stood, item.get("since"), item.get("until"))


def _report(store_id: str, drift: Drift, at: Instant | None) -> Item:
    pk, sk = figure_keys.drift(store_id, drift.date)
    found = {"counted": _attributes(drift.counted), "recounted": _attributes(drift.recounted)}
    return {"pk": pk, "sk": sk, "date": drift.date, "found_at": at, **found}


def _attributes(totals: DayTotals) -> Item:
    numbers = {name: getattr(totals, name) for name in DayTotals.__struct_fields__}
    return {**numbers, "decisions": {str(bucket): count for bucket, count in totals.decisions.items()}}


def _totals_of(item: Item) -> DayTotals:
    """Read totals back; what newer code added is left alone, what older code did not write is zero."""
    totals = {name: item[name] for name in DayTotals.__struct_fields__ if name in item}
    totals["decisions"] = {int(bucket): count for bucket, count in totals.get("decisions", {}).items()}
    return DayTotals(**totals)
