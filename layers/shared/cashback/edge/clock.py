"""The time, for use cases, which get it as an argument. Lines of log and what is cached ask for it themselves."""

from datetime import UTC, datetime

from cashback.domain.times import Instant, instant


def utc() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def now() -> Instant:
    """Return the time, as use cases take it."""
    return instant(utc())
