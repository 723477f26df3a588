"""Delays that people set: minutes and hours on the clock, longer ones on the calendar of the store."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from cashback.domain.errors import Invalid
from cashback.domain.times import Instant, instant, moment

if TYPE_CHECKING:
    from collections.abc import Mapping


class Unit(StrEnum):
    """What a delay counts."""

    MINUTES = "minutes"
    HOURS = "hours"
    DAYS = "days"
    WEEKS = "weeks"
    MONTHS = "months"


LONGEST: Final["Mapping[Unit, int]"] = MappingProxyType(
    {Unit.MINUTES: 1_051_200, Unit.HOURS: 17_520, Unit.DAYS: 730, Unit.WEEKS: 104, Unit.MONTHS: 24}
)
"""The most of each unit: 24 months, or two years of days."""


class Delay(Struct, frozen=True):
    """So many units; 0 of any is at once."""

    value: int
    unit: Unit


AT_ONCE: Final = Delay(0, Unit.MINUTES)


def check_delay(delay: Delay, field: str) -> None:
    """Refuse a delay below nothing or above 24 months.

    :raises Invalid: ``delay_range``.
    """
    if not 0 <= delay.value <= LONGEST[delay.unit]:
        raise Invalid(field, "delay_range")


def after(at: Instant, delay: Delay, zone: tzinfo) -> Instant:
    """Return when the delay is over that begins at ``at``.

    Minutes and hours pass on the clock. Days, weeks and months keep the local time of day: a day that the month does
    not have becomes its last one, a time that the change of clocks leaves out the first instant after it, and one that
    comes twice the first of the two.
    """
    begun = moment(at)
    if delay.unit in {Unit.MINUTES, Unit.HOURS} or not delay.value:
        return instant(begun + timedelta(**{delay.unit: delay.value}) if delay.value else begun)
    local = local_time(at, zone)
    if delay.unit is Unit.MONTHS:
        year, month = divmod(local.year * 12 + local.month - 1 + delay.value, 12)
        wall = local.replace(year=year, month=month + 1, day=min(local.day, monthrange(year, month + 1)[1]))
    else:
        wall = local + timedelta(**{delay.unit: delay.value})
    return instant(_first_at(wall, zone))


def longest_after(at: Instant, delay: Delay) -> Instant:
    """Return an instant that is no earlier than ``after`` says in any time zone."""
    days = {Unit.MONTHS: 31, Unit.WEEKS: 7, Unit.DAYS: 1}
    whole = timedelta(days=days[delay.unit] * delay.value + 2) if delay.unit in days else None
    return instant(moment(at) + (whole or timedelta(**{delay.unit: delay.value})))


def local_time(at: Instant, zone: tzinfo) -> datetime:
    """Return the date and time that clocks of the zone show, without the zone."""
    return moment(at).astimezone(zone).replace(tzinfo=None, fold=0)


def _first_at(wall: datetime, zone: tzinfo) -> datetime:
    """Return the first moment at which clocks of the zone show ``wall``, or the first after the gap it falls into."""
    aware = wall.replace(tzinfo=zone)
    found = aware.astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == wall:
        return found
    # In a gap the two readings lie on its two sides: the clocks change between them.
    before, behind = aware.replace(fold=1).astimezone(UTC), found
    offset = before.astimezone(zone).utcoffset()
    while behind - before > timedelta(seconds=1):
        middle = before + (behind - before) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            behind = middle
    return behind.replace(microsecond=0)
