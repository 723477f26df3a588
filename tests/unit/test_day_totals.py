"""Totals of a day: sums that add up in any order, with the median of a histogram whose error is known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashback.domain.day_totals import LONGEST, DayTotals, bucket_of, middle_of

SECONDS = st.integers(0, LONGEST)


def decided(seconds: int) -> DayTotals:
    return DayTotals(decisions={bucket_of(seconds): 1}, longest_decision_seconds=seconds)


def in_all(parts: list[DayTotals]) -> DayTotals:
    return sum(parts, start=DayTotals())


@given(st.lists(SECONDS, min_size=1, max_size=50))
def test_the_median_is_off_by_a_thirty_second_at_most_and_the_longest_by_nothing(waits: list[int]) -> None:
    totals = in_all([decided(wait) for wait in waits])
    median = sorted(waits)[(len(waits) - 1) // 2]
    assert totals.median_decision_seconds is not None
    assert abs(totals.median_decision_seconds - median) <= median / 32
    assert totals.longest_decision_seconds == max(waits)


@given(st.lists(SECONDS, max_size=20), st.lists(SECONDS, max_size=20), st.randoms())
def test_totals_of_parts_are_those_of_the_whole_in_any_order(
    first: list[int], second: list[int], random: object
) -> None:
    whole = [decided(wait) for wait in [*first, *second]]
    random.shuffle(whole)  # type: ignore[attr-defined]  # hypothesis' own Random
    parts = in_all([decided(wait) for wait in first]) + in_all([decided(wait) for wait in second])
    assert in_all(whole) == parts
    assert parts + DayTotals() == parts


@given(SECONDS)
def test_the_middle_of_a_bucket_lies_in_it(seconds: int) -> None:
    assert bucket_of(middle_of(bucket_of(seconds))) == bucket_of(seconds)


def test_half_a_minute_is_told_to_the_second_and_eight_years_take_no_more_buckets_than_a_page() -> None:
    assert [middle_of(bucket_of(seconds)) for seconds in range(32)] == list(range(32))
    assert bucket_of(LONGEST) == bucket_of(LONGEST + 1) < 400


@pytest.mark.row("F46")
def test_a_clock_that_went_back_makes_no_decision_of_less_than_nothing() -> None:
    assert bucket_of(-5) == 0


def test_nothing_decided_has_no_median() -> None:
    assert DayTotals().median_decision_seconds is None
