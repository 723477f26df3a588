"""Groups of customers: kept by hand, or by a rule over the figures that accounts carry.

Recency, frequency and money are scored 1 to 5 by the quintiles of all customers who ever ordered; 5 is best.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec import Struct, field

from cashback.domain.errors import DomainError
from cashback.domain.times import Instant, moment

BEST: Final = 5
WORST: Final = 1

_EXACT_BITS: Final = 7
"""Values below 128 have a bucket each; above, each doubling has 128, so none is wider than 1 % of what it holds."""


class GroupByRule(DomainError):
    """Who is in such a group follows from its rule, and is not added or removed."""

    code = "group_by_rule"
    status = 409


class GroupByHand(DomainError):
    """Such a group has members and no rule."""

    code = "group_by_hand"
    status = 409


class Rfm(Struct, frozen=True, omit_defaults=True):
    """The scores that are asked for; none of a kind asks for nothing."""

    r: tuple[int, ...] = ()
    f: tuple[int, ...] = ()
    m: tuple[int, ...] = ()


class Rule(Struct, frozen=True, omit_defaults=True):
    """Who belongs to a group: whoever meets every criterion that is given, so without any everybody.

    Amounts are minor units, bounds are inclusive, and of tiers and tags one is enough. ``inactive_days``: the last
    order is at least so many days old, or there was none. ``active_days``: it is younger than that.
    """

    min_orders: int | None = None
    max_orders: int | None = None
    min_spent: int | None = None
    max_spent: int | None = None
    min_average: int | None = None
    max_average: int | None = None
    inactive_days: int | None = None
    active_days: int | None = None
    rfm: Rfm | None = None
    tiers: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


class Group(Struct, frozen=True):
    """A group. ``rule`` is None where members are added by hand; ``members`` then counts them exactly, erased and
    merged ones too. ``rev`` counts the changes of what an admin can change; adding members is none."""

    group_id: str
    name: str
    created_at: Instant
    created_by: str
    request_hash: str
    body_hash: str
    description: str | None = None
    rule: Rule | None = None
    members: int = 0
    rev: int = 1
    updated_at: Instant = ""
    deleted_at: Instant | None = None


class Membership(Struct, frozen=True):
    """That a customer was added to a group by hand."""

    group_id: str
    name: str
    added_at: Instant


class Member(Struct, frozen=True):
    """The figures of one customer; amounts are minor units. ``tags`` are empty where nobody asked for them."""

    customer_id: str
    orders_count: int = 0
    total_spent: int = 0
    first_order_at: Instant | None = None
    last_order_at: Instant | None = None
    tier: str | None = None
    tags: tuple[str, ...] = ()
    available: int = 0

    @property
    def has_ordered(self) -> bool:
        """Whether there is an order to speak of."""
        return self.orders_count > 0 and self.last_order_at is not None

    def inactive_days(self, now: Instant) -> int | None:
        """Return the whole days since the last order, None without one. An order ahead of our clock is of today."""
        if not self.has_ordered or self.last_order_at is None:
            return None
        return max(0, (moment(now) - moment(self.last_order_at)).days)


class Thresholds(Struct, frozen=True):
    """The upper limits of the first four quintiles: of days since the last order, of orders, and of money spent."""

    r: tuple[int, int, int, int]
    f: tuple[int, int, int, int]
    m: tuple[int, int, int, int]


class Scores(Struct, frozen=True):
    """Recency, frequency and money, each 1 to 5."""

    r: int
    f: int
    m: int


class Histogram(Struct, frozen=True):
    """How the figures of customers are spread: how many fall into each bucket. Of bounded size, whoever many they are,
    and those of two sets of customers merge into that of both; so quintiles need no sorting and no memory.

    Only customers who ever ordered count: else most buyers of a shop with many mere visitors would be its best fifth.
    """

    recency: Mapping[int, int] = field(default_factory=dict)
    frequency: Mapping[int, int] = field(default_factory=dict)
    money: Mapping[int, int] = field(default_factory=dict)

    @staticmethod
    def of(members: Iterable[Member], now: Instant) -> "Histogram":
        """Return the histogram of some customers, as of a moment."""
        ordered = [member for member in members if member.has_ordered]
        return Histogram(
            _counted(member.inactive_days(now) or 0 for member in ordered),
            _counted(member.orders_count for member in ordered),
            _counted(member.total_spent for member in ordered),
        )

    def merged(self, other: "Histogram") -> "Histogram":
        """Return the histogram of the customers of both."""
        return Histogram(
            _summed(self.recency, other.recency),
            _summed(self.frequency, other.frequency),
            _summed(self.money, other.money),
        )

    def thresholds(self) -> Thresholds:
        """Return the limits of the quintiles: each is the largest value of the bucket that the exact limit is in.

        Where fifths are no whole numbers of customers, the best one has what is left over, so that somebody is best.
        """
        recency = _limits(self.recency, best_is_first=True)
        return Thresholds(recency, _limits(self.frequency), _limits(self.money))


def scores(member: Member, thresholds: Thresholds, now: Instant) -> Scores:
    """Return a customer's scores; one who never ordered has the worst. Equal figures have equal scores."""
    days = member.inactive_days(now)
    if days is None:
        return Scores(WORST, WORST, WORST)
    return Scores(
        BEST - _above(days, thresholds.r),
        WORST + _above(member.orders_count, thresholds.f),
        WORST + _above(member.total_spent, thresholds.m),
    )


def matches(rule: Rule, member: Member, thresholds: Thresholds | None, now: Instant) -> bool:
    """Tell whether a customer belongs to a group of this rule. ``thresholds`` are needed where it asks for scores."""
    if not (
        _within(member.orders_count, rule.min_orders, rule.max_orders)
        and _within(member.total_spent, rule.min_spent, rule.max_spent)
        and _average_fits(rule, member)
        and _time_fits(rule, member.inactive_days(now))
    ):
        return False
    if rule.tiers and member.tier not in rule.tiers:
        return False
    if rule.tags and not set(rule.tags) & set(member.tags):
        return False
    return rule.rfm is None or _scores_fit(rule.rfm, member, thresholds, now)


def bucket(value: int) -> int:
    """Return the number of the bucket that a value is in; what is below 0 is in that of 0."""
    value = max(0, value)
    shift = max(0, value.bit_length() - _EXACT_BITS - 1)
    return (shift << _EXACT_BITS) + (value >> shift)


def bucket_limit(number: int) -> int:
    """Return the largest value that is in a bucket."""
    shift = max(0, (number >> _EXACT_BITS) - 1)
    return ((number - (shift << _EXACT_BITS) + 1) << shift) - 1


def _counted(values: Iterable[int]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for number in map(bucket, values):
        counts[number] = counts.get(number, 0) + 1
    return counts


def _summed(mine: Mapping[int, int], theirs: Mapping[int, int]) -> dict[int, int]:
    return {number: mine.get(number, 0) + theirs.get(number, 0) for number in sorted({*mine, *theirs})}


def _limits(counts: Mapping[int, int], *, best_is_first: bool = False) -> tuple[int, int, int, int]:
    """Return the limits of the first four fifths: the value that the last of each fifth has."""
    total = sum(counts.values())
    ends = [-(-total * fifth // 5) if best_is_first else total * fifth // 5 for fifth in range(1, 5)]
    first, second, third, fourth = (_ranked(counts, end) for end in ends)
    return first, second, third, fourth


def _ranked(counts: Mapping[int, int], rank: int) -> int:
    """Return the limit of the bucket that holds the value of a rank, counted from 1; of rank 0 what all are above."""
    if rank == 0:
        return -1
    return next(bucket_limit(number) for number, upto in _running(counts) if upto >= rank)


def _running(counts: Mapping[int, int]) -> Iterator[tuple[int, int]]:
    upto = 0
    for number in sorted(counts):
        upto += counts[number]
        yield number, upto


def _above(value: int, limits: tuple[int, ...]) -> int:
    return sum(value > limit for limit in limits)


def _within(value: int, least: int | None, most: int | None) -> bool:
    return (least is None or value >= least) and (most is None or value <= most)


def _average_fits(rule: Rule, member: Member) -> bool:
    """Who never ordered has no average, so none that fits. Nothing is divided, so nothing is rounded."""
    if rule.min_average is None and rule.max_average is None:
        return True
    count = member.orders_count
    least = None if rule.min_average is None else rule.min_average * count
    most = None if rule.max_average is None else rule.max_average * count
    return member.has_ordered and _within(member.total_spent, least, most)


def _time_fits(rule: Rule, days: int | None) -> bool:
    if days is None:
        return rule.active_days is None
    is_young = rule.active_days is None or days < rule.active_days
    return is_young and (rule.inactive_days is None or days >= rule.inactive_days)


def _scores_fit(rfm: Rfm, member: Member, thresholds: Thresholds | None, now: Instant) -> bool:
    if thresholds is None:
        raise ValueError("a rule that asks for scores needs thresholds")
    has = scores(member, thresholds, now)
    return all(not asked or score in asked for asked, score in ((rfm.r, has.r), (rfm.f, has.f), (rfm.m, has.m)))
