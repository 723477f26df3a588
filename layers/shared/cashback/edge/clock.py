"""The one place where the time is asked for; everything inside gets it as an argument."""

from datetime import UTC, datetime

from cashback.domain.times import Instant, instant


def now() -> Instant:
    """Return the time."""
    return instant(datetime.now(UTC))
