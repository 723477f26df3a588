"""Start what a store wants done on its customers' birthdays, once a day, in the store's own morning."""

from calendar import isleap
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from cashback.domain.delays import local_time
from cashback.domain.scenarios import Occasion, ScenarioStatus, Trigger, birthday_of
from cashback.domain.times import Instant
from cashback.services.books import Books
from cashback.services.start_tasks import start_tasks
from cashback.services.time_zones import zone_of

if TYPE_CHECKING:
    from cashback.adapters.alarm_clock import AlarmClock

MORNING: Final = 9
"""The local hour from which birthdays are told."""

MISSED_DAYS: Final = 7
"""How many days back birthdays are made up for that nobody told of."""


def greet_birthdays(books: Books, alarms: "Callable[[], AlarmClock]", store_id: str, now: Instant) -> str:
    """Start the tasks of all birthdays since the last day that was done, today's too. Return in one word what became
    of it: ``closed``, ``early``, ``done`` before, or ``greeted``.

    A birthday is told once for each customer and year, so all of it can be repeated; the day is marked as done last.

    :raises NotFound: no such store.
    :raises Busy: out of reach; called again it goes on.
    """
    settings, live = books.scenarios.live(store_id)
    if settings is None:
        return "closed"
    local = local_time(now, zone_of(settings))
    if local.hour < MORNING:
        return "early"
    done, today = books.stores.birthdays_done(store_id), local.date()
    if done is not None and done >= today.isoformat():
        return "done"
    if any(one.trigger is Trigger.CUSTOMER_BIRTHDAY and one.status is ScenarioStatus.ACTIVE for one in live.scenarios):
        occasions = (one for day in _days(done, today) for one in _birthdays(books, store_id, day, now))
        start_tasks(books, alarms, settings, live, occasions, now)
    books.stores.move_birthdays_done(store_id, today.isoformat())
    return "greeted"


def _days(done: str | None, today: date) -> Iterator[date]:
    """Yield the days that are left: today alone where none was ever done."""
    day = today
    if done is not None:
        day = max(date.fromisoformat(done) + timedelta(days=1), today - timedelta(days=MISSED_DAYS))
    while day <= today:
        yield day
        day += timedelta(days=1)


def _birthdays(books: Books, store_id: str, day: date, now: Instant) -> Iterator[Occasion]:
    """Yield the birthdays of a day. Those of 29 February are on the 28th where there is none."""
    dates = [f"{day:%m-%d}"]
    if dates == ["02-28"] and not isleap(day.year):
        dates.append("02-29")
    for month_day in dates:
        for customer_id in books.customers.born_on(store_id, month_day):
            yield birthday_of(customer_id, day.year, now)
