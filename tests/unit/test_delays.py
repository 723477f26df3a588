from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cashback.domain.delays import AT_ONCE, LONGEST, Delay, Unit, after, check_delay, local_time, longest_after
from cashback.domain.errors import Invalid
from cashback.domain.times import instant, moment

CALENDAR = (Unit.DAYS, Unit.WEEKS, Unit.MONTHS)

names = st.sampled_from(sorted(available_timezones()))
delays = st.sampled_from(Unit).flatmap(
    lambda unit: st.builds(Delay, st.integers(0, LONGEST[unit]) | st.integers(0, 3), st.just(unit))
)
begins = st.datetimes(datetime(1970, 1, 3), datetime(2037, 1, 1), timezones=st.just(UTC)).map(instant)  # noqa: DTZ001
restless = st.sampled_from(
    ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Tehran", "Africa/Casablanca"]
)


@cache
def changes(name: str) -> list[datetime]:
    """The days of this century on which clocks of a zone change."""
    zone, day = ZoneInfo(name), timedelta(days=1)
    days = [datetime(2000, 1, 1, tzinfo=UTC) + n * day for n in range(13_000)]
    return [one for one in days if one.astimezone(zone).utcoffset() != (one + day).astimezone(zone).utcoffset()]


@st.composite
def near_a_change(draw: st.DrawFn) -> tuple[str, str, Delay]:
    """A delay whose begin, or whose end, lies on a day on which the clocks change."""
    name = draw(restless)
    zone = ZoneInfo(name)
    unit = draw(st.sampled_from(CALENDAR))
    delay = Delay(draw(st.integers(0, 3) | st.sampled_from([12, 24])), unit)
    there = draw(st.sampled_from(changes(name))) + timedelta(minutes=draw(st.integers(-90, 1_530)), seconds=0.25)
    local = there.astimezone(zone).replace(tzinfo=None)
    if draw(st.booleans()):
        return name, instant(there), delay
    earlier = _by_months(local, -delay.value) if unit is Unit.MONTHS else local - _days(delay)
    return name, instant(earlier.replace(tzinfo=zone)), delay


def _days(delay: Delay) -> timedelta:
    return timedelta(days=delay.value * (7 if delay.unit is Unit.WEEKS else 1))


def _by_months(wall: datetime, months: int) -> datetime:
    """The same day so many months on, or the last one that there is: one month after another, as on a wall calendar."""
    first = wall.date().replace(day=1)
    for _ in range(abs(months)):
        first = (first + timedelta(days=31 if months > 0 else -1)).replace(day=1)
    return datetime.combine(first.replace(day=min(wall.day, monthrange(first.year, first.month)[1])), wall.time())


def at_local(name: str, text: str) -> str:
    """The first instant at which clocks of the zone show this."""
    return instant(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(name)))


def ends(name: str, begin: str, delay: Delay) -> str:
    """What clocks in UTC show when a delay is over that begins at a local time."""
    return after(at_local(name, begin), delay, ZoneInfo(name))[:16]


# ---- the calendar


@pytest.mark.parametrize(
    ("begin", "months", "end"),
    [
        ("2026-01-31T10:00", 1, "2026-02-28T10:00"),
        ("2028-01-31T10:00", 1, "2028-02-29T10:00"),
        ("2026-01-31T10:00", 2, "2026-03-31T10:00"),
        ("2026-08-31T10:00", 1, "2026-09-30T10:00"),
        ("2026-11-30T10:00", 1, "2026-12-30T10:00"),
        ("2026-12-31T23:59", 1, "2027-01-31T23:59"),
        ("2026-12-01T00:00", 12, "2027-12-01T00:00"),
        ("2028-02-29T10:00", 12, "2029-02-28T10:00"),
        ("2028-02-29T10:00", 24, "2030-02-28T10:00"),
        ("2026-02-28T10:00", 24, "2028-02-28T10:00"),
    ],
)
def test_a_month_later_is_the_same_day_or_the_last_one_that_the_month_has(begin: str, months: int, end: str) -> None:
    assert ends("UTC", begin, Delay(months, Unit.MONTHS)) == end


def test_the_day_of_a_month_is_the_stores_and_not_that_of_utc() -> None:
    assert ends("Pacific/Auckland", "2026-01-31T08:00", Delay(1, Unit.MONTHS)) == "2026-02-27T19:00"


def test_weeks_and_days_keep_the_time_of_day_across_a_change_of_clocks() -> None:
    assert ends("Europe/Berlin", "2026-03-22T10:00", Delay(1, Unit.WEEKS)) == "2026-03-29T08:00"
    assert ends("Europe/Berlin", "2026-10-24T10:00", Delay(1, Unit.DAYS)) == "2026-10-25T09:00"
    assert ends("America/New_York", "2026-10-18T10:00", Delay(2, Unit.WEEKS)) == "2026-11-01T15:00"


def test_hours_and_minutes_pass_on_the_clock_whatever_is_done_to_it() -> None:
    assert ends("Europe/Berlin", "2026-03-28T10:00", Delay(24, Unit.HOURS)) == "2026-03-29T09:00"
    assert ends("Europe/Berlin", "2026-10-24T10:00", Delay(24, Unit.HOURS)) == "2026-10-25T08:00"
    assert ends("Europe/Berlin", "2026-03-29T01:30", Delay(90, Unit.MINUTES)) == "2026-03-29T02:00"


@pytest.mark.parametrize(
    ("name", "begin", "delay", "end"),
    [
        ("America/New_York", "2026-03-07T02:30", Delay(1, Unit.DAYS), "2026-03-08T07:00"),
        ("Europe/Berlin", "2026-03-28T02:30", Delay(1, Unit.DAYS), "2026-03-29T01:00"),
        ("Europe/Berlin", "2026-01-29T02:00", Delay(2, Unit.MONTHS), "2026-03-29T01:00"),
        ("Europe/Berlin", "2026-03-22T02:59", Delay(1, Unit.WEEKS), "2026-03-29T01:00"),
        ("Australia/Lord_Howe", "2026-10-03T02:15", Delay(1, Unit.DAYS), "2026-10-03T15:30"),
        ("Pacific/Apia", "2011-12-29T10:00", Delay(1, Unit.DAYS), "2011-12-30T10:00"),
        ("Pacific/Apia", "2011-11-30T23:59", Delay(1, Unit.MONTHS), "2011-12-30T10:00"),
    ],
)
@pytest.mark.row("F38")
def test_a_time_that_is_left_out_becomes_the_first_instant_after_it(
    name: str, begin: str, delay: Delay, end: str
) -> None:
    assert ends(name, begin, delay) == end


def test_a_left_out_time_with_fractions_ends_at_the_very_change_of_clocks() -> None:
    begin = at_local("Europe/Berlin", "2026-03-28T02:30:59.999999")
    assert after(begin, Delay(1, Unit.DAYS), ZoneInfo("Europe/Berlin")) == "2026-03-29T01:00:00.000000Z"


@pytest.mark.parametrize(
    ("name", "begin", "end"),
    [
        ("America/New_York", "2026-10-31T01:30", "2026-11-01T05:30"),
        ("Europe/Berlin", "2026-10-24T02:30", "2026-10-25T00:30"),
        ("Australia/Lord_Howe", "2026-04-04T01:45", "2026-04-04T14:45"),
    ],
)
@pytest.mark.row("F38")
def test_a_time_that_comes_twice_is_the_first_of_the_two(name: str, begin: str, end: str) -> None:
    assert ends(name, begin, Delay(1, Unit.DAYS)) == end


def test_a_delay_that_begins_in_the_second_of_two_equal_hours_ends_in_the_first_of_two() -> None:
    first, second = at_local("Asia/Tehran", "2021-09-21T23:30"), "2021-09-21T20:00:00.000000Z"
    for begin in (first, second):
        assert local_time(begin, ZoneInfo("Asia/Tehran")).isoformat() == "2021-09-21T23:30:00"
        assert after(begin, Delay(12, Unit.MONTHS), ZoneInfo("Asia/Tehran"))[:16] == "2022-09-21T19:00"


@pytest.mark.parametrize("unit", Unit)
@pytest.mark.parametrize("begin", ["2026-10-25T00:30:00.123456Z", "2026-10-25T01:30:00.123456Z"])
def test_nothing_of_any_unit_is_at_once_in_either_of_two_equal_hours(unit: Unit, begin: str) -> None:
    assert after(begin, Delay(0, unit), ZoneInfo("Europe/Berlin")) == begin
    assert after(begin, AT_ONCE, ZoneInfo("Europe/Berlin")) == begin


# ---- what holds of every delay


@given(names, begins, delays)
def test_no_delay_ends_before_it_begins(name: str, begin: str, delay: Delay) -> None:
    assert after(begin, delay, ZoneInfo(name)) >= begin


@given(near_a_change())
def test_no_delay_around_a_change_of_clocks_ends_before_it_begins(told: tuple[str, str, Delay]) -> None:
    name, begin, delay = told
    assert after(begin, delay, ZoneInfo(name)) >= begin


@given(names, begins, delays, st.integers(1, 5))
@example("Pacific/Apia", "2011-12-29T20:00:00.000000Z", Delay(1, Unit.DAYS), 1)
@example("Europe/Berlin", "2026-01-31T10:00:00.000000Z", Delay(1, Unit.MONTHS), 1)
def test_a_longer_delay_never_ends_before_a_shorter_one(name: str, begin: str, delay: Delay, more: int) -> None:
    longer = Delay(delay.value + more, delay.unit)
    assert after(begin, delay, ZoneInfo(name)) < after(begin, longer, ZoneInfo(name))


@given(near_a_change())
def test_a_longer_delay_never_ends_before_a_shorter_one_around_a_change_of_clocks(told: tuple[str, str, Delay]) -> None:
    name, begin, delay = told
    assert after(begin, delay, ZoneInfo(name)) < after(begin, Delay(delay.value + 1, delay.unit), ZoneInfo(name))


def _keeps_the_time_of_day(name: str, begin: str, delay: Delay) -> None:
    """It ends at the first instant at which clocks show that time of that day, or are past it."""
    zone = ZoneInfo(name)
    wall = local_time(begin, zone)
    if delay.unit is Unit.MONTHS:
        wanted = _by_months(wall, delay.value)
    else:
        wanted = datetime.combine(date.fromordinal(wall.toordinal() + _days(delay).days), wall.time())
    end = after(begin, delay, zone)
    just_before = instant(moment(end) - timedelta(microseconds=1))
    assert local_time(just_before, zone) < wanted <= local_time(end, zone)
    assert moment(end).astimezone(zone).fold == 0
    shown = {wanted.replace(tzinfo=zone, fold=fold).astimezone(UTC).astimezone(zone) for fold in (0, 1)}
    if wanted in {one.replace(tzinfo=None) for one in shown}:
        assert local_time(end, zone) == wanted


@given(names, begins, st.sampled_from(CALENDAR), st.integers(1, 24))
@pytest.mark.row("F38")
def test_a_delay_of_days_keeps_the_local_time_of_day_but_for_gaps(
    name: str, begin: str, unit: Unit, value: int
) -> None:
    _keeps_the_time_of_day(name, begin, Delay(value, unit))


@given(near_a_change().filter(lambda told: told[2].value > 0))
def test_around_a_change_of_clocks_too_the_time_of_day_is_kept(told: tuple[str, str, Delay]) -> None:
    _keeps_the_time_of_day(*told)


@given(names, begins, delays)
@example("Pacific/Apia", "2011-12-29T20:00:00.000000Z", Delay(1, Unit.DAYS))
@example("UTC", "2026-07-01T00:00:00.000000Z", Delay(2, Unit.MONTHS))
def test_no_zone_ends_a_delay_later_than_the_longest(name: str, begin: str, delay: Delay) -> None:
    assert after(begin, delay, ZoneInfo(name)) <= longest_after(begin, delay)


@pytest.mark.parametrize("unit", [Unit.MINUTES, Unit.HOURS])
def test_what_passes_on_the_clock_is_as_long_in_every_zone(unit: Unit) -> None:
    begin = "2026-03-29T00:30:00.000000Z"
    assert longest_after(begin, Delay(7, unit)) == after(begin, Delay(7, unit), ZoneInfo("Europe/Berlin"))


# ---- how long they may be


@pytest.mark.parametrize("unit", Unit)
def test_a_delay_may_be_nothing_or_as_long_as_24_months_and_no_longer(unit: Unit) -> None:
    check_delay(Delay(0, unit), "delay")
    check_delay(Delay(LONGEST[unit], unit), "delay")
    for value in (-1, LONGEST[unit] + 1):
        with pytest.raises(Invalid) as refused:
            check_delay(Delay(value, unit), "success.within")
        assert (refused.value.field, refused.value.code) == ("success.within", "delay_range")


def test_the_longest_delays_are_two_years_and_no_unit_is_a_way_around_them() -> None:
    begin = "2026-01-01T00:00:00.000000Z"
    longest = {unit: after(begin, Delay(most, unit), UTC)[:16] for unit, most in LONGEST.items()}
    assert longest.pop(Unit.WEEKS) == "2027-12-30T00:00"
    assert set(longest.values()) == {"2028-01-01T00:00"}
