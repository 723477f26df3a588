"""Virtual time: a simulated world never waits and never reads the wall clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Clock:
    """Time moves only when somebody moves it, and never backwards."""

    start: datetime = START
    _elapsed: float = field(default=0.0, init=False)
    _began: float = field(init=False)
    _now: datetime | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._began = self.start.timestamp()

    def now(self) -> datetime:
        if self._now is None:
            self._now = self.start + timedelta(seconds=self._elapsed)
        return self._now

    def time(self) -> float:
        """Seconds since the epoch, as `time.time()`."""
        return self._began + self._elapsed

    def monotonic(self) -> float:
        """Seconds since the world began, as `time.monotonic()`."""
        return self._elapsed

    def advance(self, by: float | timedelta) -> None:
        seconds = by.total_seconds() if isinstance(by, timedelta) else by
        if seconds < 0:
            raise ValueError("time does not run backwards")
        self._elapsed += seconds
        self._now = None

    def sleep(self, seconds: float) -> None:
        """Stand-in for `time.sleep`: back-off costs virtual time only."""
        self.advance(seconds)
