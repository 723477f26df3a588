"""Instants as text whose alphabetical order is their order in time."""

from datetime import UTC, datetime, timedelta
from typing import Final

type Instant = str
"""RFC 3339 in UTC with six decimals, as in ``2026-03-01T09:30:00.000000Z``: compares, sorts and stores as it stands."""


OLDEST: Final[Instant] = "0001-01-01T00:00:00.000000Z"
"""Before everything that is told with a time."""

NEWEST: Final[Instant] = "9999-12-31T23:59:59.999999Z"
"""After everything."""


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def instant(moment: datetime) -> Instant:
    """Return an aware moment as an Instant."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_instant(text: str) -> Instant:
    """Read what a shop calls a time: ISO 8601, in UTC where no offset is given.

    :raises ValueError: when it is not a time at all.
    """
    moment = datetime.fromisoformat(text)
    try:
        return instant(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except OverflowError as beyond:
        raise ValueError("beyond the years 1 to 9999") from beyond


def moment(at: Instant) -> datetime:
    """Return the aware datetime of an Instant."""
    return datetime.fromisoformat(at)


def microseconds(at: Instant) -> int:
    """Return the microseconds since 1970, exactly."""
    return (moment(at) - _EPOCH) // timedelta(microseconds=1)


def instant_of(since_1970: int) -> Instant:
    """Return the Instant that ``microseconds`` was given."""
    return instant(_EPOCH + timedelta(microseconds=since_1970))


def just_after(at: Instant) -> Instant:
    """Return the next Instant; the last one there is, of the year 9999, is followed by itself."""
    try:
        return instant(moment(at) + timedelta(microseconds=1))
    except OverflowError:
        return at
