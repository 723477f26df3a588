"""What must happen at a time although no event tells of it: the sweeper looks for it by the hour."""

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from typing import Final

from msgspec import Struct

from cashback.domain.times import Instant, instant, moment

type Hour = str
"""An hour in UTC, as in ``2026-11-22T13``: compares and sorts as it stands."""


STALLED_AFTER: Final = timedelta(minutes=30)
"""After which a chain of messages that stands still has lost one: no message of ours rests longer than half of it."""


class DueKind(StrEnum):
    """What can come due."""

    GUEST = "guest"
    """An order of a guest, which nobody may claim any longer; its id is the order's."""
    STORE = "store"
    """A store that is closed and whose customers are being erased; its id is the store's."""
    TASK = "task"
    """A task of a scenario that is to be run, or whose window for a success is over; its id is the task's."""
    GROUP_JOB = "group_job"
    """A group job whose next message is awaited; its id is the job's."""
    MEMBERS_IMPORT = "members_import"
    """An import of members whose next message is awaited; its id is the group's and its own, with a slash between."""

    DELIVERY = "delivery"
    """A webhook to a shop's endpoint whose next attempt is due; its id is the delivery's."""


class DueThing(Struct, frozen=True):
    """Something that came due. ``kind`` is a word of ``DueKind``, or of newer code."""

    due_at: Instant
    store_id: str
    kind: str
    item_id: str


def stalled_at(now: Instant) -> Instant:
    """Return when to look whether something that moves now has stood still."""
    return instant(moment(now) + STALLED_AFTER)


def is_waited_for(sent_at: Instant | None, now: Instant) -> bool:
    """Tell whether a message that was sent again is still on its way, as far as anybody can know."""
    return sent_at is not None and stalled_at(sent_at) > now


def hour_of(at: Instant) -> Hour:
    """Return the hour of an instant."""
    return at[:13]


def hour_from(hour: Hour, hours: int) -> Hour:
    """Return the hour that comes so many hours later, or earlier."""
    return hour_of(instant(moment(f"{hour}:00:00.000000Z") + timedelta(hours=hours)))


def hours_between(first: Hour, last: Hour) -> Iterator[Hour]:
    """Yield each hour from the first to the last one; none if that is before it."""
    while first <= last:
        yield first
        first = hour_from(first, 1)
