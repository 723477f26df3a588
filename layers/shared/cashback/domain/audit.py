"""Acts of people that money does not show: who changed settings, keys and secrets, from where, and what it was."""

from collections.abc import Iterator

from msgspec import Struct

from cashback.domain.times import Instant

type Month = str
"""A month in UTC, as in ``2026-11``: compares and sorts as it stands."""


class Origin(Struct, frozen=True):
    """Where a request came from. ``actor`` names the key, and the person behind it where the caller said so."""

    actor: str
    request_id: str
    source_ip: str


class Act(Struct, frozen=True):
    """One line of the audit, written in the transaction of the change itself. ``before`` and ``after`` are JSON texts;
    no secret ever stands in them."""

    what: str
    target: str
    at: Instant
    origin: Origin
    before: str | None = None
    after: str | None = None


class ActsWanted(Struct, frozen=True):
    """Acts within these times, inclusive at both ends; None means no bound."""

    since: Instant | None = None
    until: Instant | None = None


def month_of(at: Instant) -> Month:
    """Return the month of an instant."""
    return at[:7]


def months_back(newest: Month, oldest: Month) -> Iterator[Month]:
    """Yield each month from the newest to the oldest one; none if that is later."""
    year, month = int(newest[:4]), int(newest[5:])
    while newest >= oldest:
        yield newest
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
        newest = f"{year:04}-{month:02}"
