"""What a store's day came to: sums that add up in any order, and the levels at which its queues stood."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from cashback.domain.times import Instant

_EXACT: Final = 32
"""Seconds up to which each second has a bucket of its own; above, each octave has half as many."""

LONGEST: Final = 2**28 - 1
"""Seconds, eight years and a half, that no bucket lies beyond: longer decisions count as this long in the median."""


class DayTotals(Struct, frozen=True):
    """What happened in one day of a store's own calendar. Amounts are minor units.

    Each is a flow, so totals of parts of a day, or of several days, add up to those of the whole. ``orders_processed``
    are those whose award was posted, ``cashback_issued`` every credit of awards, admins, group jobs and scenarios,
    ``cashback_reversed`` what clawbacks took from balances, less what deleted refunds gave back, ``cashback_paid_out``
    what payouts took from balances and did arrive, less what came back; ``rejected`` and ``failed`` how often an order
    became so. ``decisions`` are buckets of how many seconds orders had waited for review when they left it, awarded or
    rejected, with the number of each.
    """

    orders_processed: int = 0
    cashback_issued: int = 0
    cashback_reversed: int = 0
    cashback_paid_out: int = 0
    rejected: int = 0
    failed: int = 0
    decisions: Mapping[int, int] = {}
    longest_decision_seconds: int = 0

    def __add__(self, other: "DayTotals") -> "DayTotals":
        """Return both together."""
        buckets = sorted(self.decisions.keys() | other.decisions.keys())
        return DayTotals(
            self.orders_processed + other.orders_processed,
            self.cashback_issued + other.cashback_issued,
            self.cashback_reversed + other.cashback_reversed,
            self.cashback_paid_out + other.cashback_paid_out,
            self.rejected + other.rejected,
            self.failed + other.failed,
            {bucket: self.decisions.get(bucket, 0) + other.decisions.get(bucket, 0) for bucket in buckets},
            max(self.longest_decision_seconds, other.longest_decision_seconds),
        )

    @property
    def median_decision_seconds(self) -> int | None:
        """The median, the lower one of an even number; None without any. Off by a thirty-second of it at most."""
        before, half = 0, (sum(self.decisions.values()) + 1) // 2
        for bucket, count in sorted(self.decisions.items()):
            before += count
            if before >= half:
                return min(middle_of(bucket), self.longest_decision_seconds)
        return None


class Levels(Struct, frozen=True):
    """How many orders stood where at one moment, and since when the one has been waiting that waits longest; how many
    incentive requests waited for a decision, and how many payouts for their end."""

    pending: int = 0
    held: int = 0
    awaiting_customer: int = 0
    oldest_pending_since: Instant | None = None
    requests_waiting: int = 0
    payouts_live: int = 0


class Day(Struct, frozen=True):
    """A day of a store, with the number of writes. ``closed_at`` is when it was recounted: nothing is added to it after
    that; ``levels`` are those of that moment, soon after the day's end. ``since`` and ``until`` are when it began and
    ended by then: there the days beside it end and begin, whatever time zone the store has later."""

    date: str
    totals: DayTotals = DayTotals()
    rev: int = 0
    closed_at: Instant | None = None
    levels: Levels | None = None
    since: Instant | None = None
    until: Instant | None = None


class Drift(Struct, frozen=True):
    """A day whose totals were not what the tables say: what was counted, and what was then put in its place."""

    date: str
    counted: DayTotals
    recounted: DayTotals


class Behind(Struct, frozen=True):
    """A day that is still being recounted long after it was over."""

    date: str


class Recount(Struct, frozen=True):
    """How far the recount is of a day from ``since`` until before ``until``: which part of the customers it reads, the
    orders after the last of them, and after whom or what it goes on."""

    date: str
    shard: int = 0
    after: str | None = None
    totals: DayTotals = DayTotals()
    since: Instant | None = None
    until: Instant | None = None


def bucket_of(seconds: int) -> int:
    """Return the bucket of a time: below 32 s its own, then sixteen to each doubling."""
    bounded = min(max(seconds, 0), LONGEST)
    shift = max(0, bounded.bit_length() - 5)
    return shift * (_EXACT // 2) + (bounded >> shift)


def middle_of(bucket: int) -> int:
    """Return the time in the middle of a bucket, off by a thirty-second of the true one at most."""
    shift = max(0, bucket // (_EXACT // 2) - 1)
    lowest = (bucket - shift * (_EXACT // 2)) << shift
    return lowest + ((1 << shift) - 1) // 2
