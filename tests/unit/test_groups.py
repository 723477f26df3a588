"""Rules over figures: who matches, and how histograms rank customers."""

import math
from copy import replace
from datetime import timedelta
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashback.domain.groups import (
    Histogram,
    Member,
    Rfm,
    Rule,
    Scores,
    Thresholds,
    bucket,
    bucket_limit,
    matches,
    scores,
)
from cashback.domain.times import instant, moment
from tests.unit.builders import NOW

FIFTHS = Thresholds((10, 20, 30, 40), (1, 2, 3, 4), (100, 200, 300, 400))
VALUES = st.integers(0, 10**14)


def days_ago(days: float) -> str:
    return instant(moment(NOW) - timedelta(days=days))


def buyer(days: float = 10, orders: int = 2, spent: int = 3_000, **more: Any) -> Member:
    known = Member("c1", orders, spent, days_ago(400), days_ago(days), "Gold", ("vip", "b2b"), 500)
    return replace(known, **more)


VISITOR = Member("c2")


@pytest.mark.parametrize(
    ("rule", "takes"),
    [
        (Rule(), True),
        (Rule(min_orders=2), True),
        (Rule(min_orders=3), False),
        (Rule(max_orders=2), True),
        (Rule(max_orders=1), False),
        (Rule(min_spent=3_000, max_spent=3_000), True),
        (Rule(min_spent=3_001), False),
        (Rule(max_spent=2_999), False),
        (Rule(min_average=1_500, max_average=1_500), True),
        (Rule(min_average=1_501), False),
        (Rule(max_average=1_499), False),
        (Rule(inactive_days=10), True),
        (Rule(inactive_days=11), False),
        (Rule(active_days=11), True),
        (Rule(active_days=10), False),
        (Rule(inactive_days=5, active_days=15), True),
        (Rule(tiers=("Silver", "Gold")), True),
        (Rule(tiers=("gold",)), False),
        (Rule(tags=("new", "b2b")), True),
        (Rule(tags=("new",)), False),
        (Rule(min_orders=1, tags=("vip",), tiers=("Silver",)), False),
    ],
)
def test_a_customer_belongs_who_meets_every_criterion(rule: Rule, takes: bool) -> None:
    assert matches(rule, buyer(), None, NOW) is takes


@pytest.mark.parametrize(
    ("rule", "takes"),
    [
        (Rule(), True),
        (Rule(inactive_days=3_000), True),
        (Rule(inactive_days=30, min_orders=1), False),
        (Rule(active_days=3_000), False),
        (Rule(max_orders=0), True),
        (Rule(max_spent=0), True),
        (Rule(min_average=0), False),
        (Rule(max_average=10_000), False),
        (Rule(rfm=Rfm(r=(1,), f=(1,), m=(1,))), True),
        (Rule(rfm=Rfm(r=(1,)), min_orders=1), False),
        (Rule(rfm=Rfm(m=(2, 3, 4, 5))), False),
        (Rule(tiers=("Gold",)), False),
    ],
)
def test_one_who_never_ordered_is_inactive_and_has_no_average_and_the_worst_scores(rule: Rule, takes: bool) -> None:
    assert matches(rule, VISITOR, FIFTHS, NOW) is takes


def test_an_average_is_compared_without_rounding() -> None:
    third = buyer(orders=3, spent=1_000)
    assert matches(Rule(min_average=333), third, None, NOW)
    assert not matches(Rule(min_average=334), third, None, NOW)
    assert not matches(Rule(max_average=333), third, None, NOW)


def test_days_are_whole_and_an_order_ahead_of_our_clock_is_of_today() -> None:
    assert buyer(days=29.999).inactive_days(NOW) == 29
    assert buyer(days=-5).inactive_days(NOW) == 0
    assert VISITOR.inactive_days(NOW) is None


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        (buyer(days=10, orders=1, spent=100), Scores(5, 1, 1)),
        (buyer(days=11, orders=2, spent=101), Scores(4, 2, 2)),
        (buyer(days=40, orders=4, spent=400), Scores(2, 4, 4)),
        (buyer(days=41, orders=5, spent=401), Scores(1, 5, 5)),
        (VISITOR, Scores(1, 1, 1)),
    ],
)
def test_five_is_best_and_a_limit_belongs_to_its_fifth(member: Member, expected: Scores) -> None:
    assert scores(member, FIFTHS, NOW) == expected


@pytest.mark.parametrize(
    ("rfm", "takes"),
    [(Rfm(r=(5,)), True), (Rfm(r=(4, 5), f=(2,)), True), (Rfm(r=(4, 5), f=(1,)), False), (Rfm(m=(5,)), True)],
)
def test_scores_that_are_asked_for_must_all_fit(rfm: Rfm, takes: bool) -> None:
    assert matches(Rule(rfm=rfm), buyer(days=1), FIFTHS, NOW) is takes


def test_a_rule_that_asks_for_scores_is_not_guessed_at_without_thresholds() -> None:
    with pytest.raises(ValueError, match="thresholds"):
        matches(Rule(rfm=Rfm(r=(5,))), buyer(), None, NOW)


# ---- histograms


@given(VALUES)
def test_a_bucket_is_at_most_one_percent_wide_and_its_limit_is_in_it(value: int) -> None:
    limit = bucket_limit(bucket(value))
    assert value <= limit <= value * 1.01
    assert bucket(limit) == bucket(value) == bucket(limit + 1) - 1


def test_a_histogram_stays_small_whatever_it_counts() -> None:
    assert bucket(10**14) < 6_000
    assert bucket(-7) == bucket(0) == 0


def exact(values: list[int], *, best_is_first: bool) -> list[int]:
    """The limits of the first four fifths; -1 of a fifth that nobody is in."""
    ends = [Fraction(len(values) * fifth, 5) for fifth in range(1, 5)]
    ranks = [math.ceil(end) if best_is_first else math.floor(end) for end in ends]
    return [sorted(values)[rank - 1] if rank else -1 for rank in ranks]


@given(st.lists(st.tuples(st.integers(0, 4_000), st.integers(1, 10**6), VALUES), min_size=1, max_size=80))
def test_thresholds_are_the_exact_quintiles_within_a_bucket(figures: list[tuple[int, int, int]]) -> None:
    members = [buyer(days, orders, spent) for days, orders, spent in figures]
    limits = Histogram.of(members, NOW).thresholds()
    for found, values in zip((limits.r, limits.f, limits.m), zip(*figures, strict=True), strict=True):
        wanted = exact(list(values), best_is_first=found is limits.r)
        assert [bucket(limit) for limit in found] == [bucket(value) for value in wanted]
        assert all(limit >= value for limit, value in zip(found, wanted, strict=True))


@given(st.lists(st.integers(0, 10**9), max_size=60), st.integers(0, 60))
def test_the_histogram_of_two_parts_is_that_of_the_whole(spent: list[int], cut: int) -> None:
    members = [buyer(spent=amount, orders=amount % 9 + 1, days=amount % 700) for amount in spent]
    parts = Histogram.of(members[:cut], NOW).merged(Histogram.of(members[cut:], NOW))
    assert parts == Histogram.of(members, NOW)
    assert msgspec.json.decode(msgspec.json.encode(parts), type=Histogram) == parts


@given(st.lists(st.integers(1, 10**7), min_size=2, max_size=60))
def test_who_spent_more_never_has_a_lower_score_and_the_same_has_the_same(spent: list[int]) -> None:
    members = [buyer(spent=amount) for amount in spent]
    limits = Histogram.of(members, NOW).thresholds()
    ranked = [(member.total_spent, scores(member, limits, NOW).m) for member in members]
    assert sorted(ranked) == sorted(ranked, key=lambda one: (one[1], one[0]))
    assert all(1 <= score <= 5 for _, score in ranked)


def test_five_hundred_different_customers_are_five_fifths() -> None:
    members = [buyer(days=n, orders=n + 1, spent=n * 1_000) for n in range(500)]
    limits = Histogram.of(members, NOW).thresholds()
    found = [scores(member, limits, NOW) for member in members]
    for kind in ("r", "f", "m"):
        counts = [sum(getattr(one, kind) == score for one in found) for score in range(1, 6)]
        assert all(95 <= count <= 105 for count in counts), (kind, counts)


@pytest.mark.parametrize("count", range(1, 12))
def test_somebody_is_best_in_every_figure_however_few_they_are(count: int) -> None:
    members = [buyer(days=n, orders=count - n, spent=(count - n) * 100) for n in range(count)]
    limits = Histogram.of(members, NOW).thresholds()
    assert scores(members[0], limits, NOW) == Scores(5, 5, 5)
    worst = scores(members[-1], limits, NOW)
    assert worst.r == worst.f == worst.m
    assert (worst == Scores(1, 1, 1)) is (count >= 5)


def test_who_never_ordered_moves_no_threshold_and_nobody_at_all_is_no_error() -> None:
    few = [buyer(spent=amount) for amount in (100, 200, 300, 400, 500)]
    assert Histogram.of([*few, *[VISITOR] * 100], NOW) == Histogram.of(few, NOW)
    assert Histogram.of([VISITOR], NOW).thresholds() == Thresholds((-1,) * 4, (-1,) * 4, (-1,) * 4)
