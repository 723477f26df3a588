"""What group jobs took is told beside other ways, and fails where it is not as it must be."""

import pytest

from tests.benchmarks import group_jobs, group_jobs_page, runtime
from tests.benchmarks.group_jobs import Figures, Measured, Rounds


def job(members: int, *rates: float, writes: float = 5.0) -> Rounds:
    """Rounds of a job at these rates, each with a millisecond of CPU for a member."""
    return Rounds([Measured(members, members / rate, members / 1_000, writes * members, 0, 1) for rate in rates], 1_024)


def test_a_job_is_told_beside_bare_postings_its_own_chunks_of_one_and_the_naive_handler() -> None:
    figures = Figures(job(1_000, 50), job(1_000, 250, 200, 300), [job(1_000, 600, 400, 500), job(10_000, 900)])
    built = [
        runtime.Measured("group_job_worker", [runtime.Run(0, 0, 0.02, 0, 0.1)]),
        runtime.Measured(runtime.NAIVE_WORKER, [runtime.Run(0, 0, 0.06, 0, 0.2)]),
    ]
    lines = group_jobs_page.section(figures, built)
    assert "| 1,000 | 3 | 500 (400-600) | 1,000 (1,000-1,000) | 5.00 | 0.00 | 0.001 | 1 |" in lines
    gain = "2.0 (1.7-2.4) | 1.0 (1.0-1.0)"
    assert lines[-6:-1] == [
        "| in a job of 1,000 | 500 (400-600) | 1,000 (1,000-1,000) |  |  |  |",
        f"| one by one, bare postings | 250 (200-300) | 1,000 (1,000-1,000) | the job of 1,000 | {gain} |",
        "| one by one, chunks of one | 50 | 1,000 | the job of 1,000 | 10.0 | 1.0 |",
        "| 100 a call, by group_job_worker | 1,000 | 200 |  |  |  |",
        "| 10 a call, by the naive handler | 50 | 6,000 | group_job_worker | 20.0 | 30.0 |",
    ]


def figures(rate: float = 500, cpu: float = 20.0, memory: int = 2**20, units: float = 5.0) -> Figures:
    """Two jobs, one by one at 50 members a second: the first at a rate, the second with so many seconds of CPU for
    100,000 members, a heap, and write units of each."""
    largest = [Measured(100_000, 120.0, seconds, units * 100_000, 0, 1) for seconds in (1.0, cpu, 99.0)]
    return Figures(job(1_000, 50), job(1_000, 250), [job(1_000, rate), Rounds(largest, memory)])


def test_a_job_that_is_as_it_must_be_has_no_fault() -> None:
    least = figures(rate=250, cpu=25.0, memory=group_jobs.MOST_HEAP, units=group_jobs.MOST_UNITS)
    assert group_jobs.check(figures()) == group_jobs.check(least) == []


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        (figures(cpu=25.1), "a core credits 3,984 members a second of 100,000, less than 4,000"),
        (figures(rate=245), "a job is 4.9 times as fast as one by one, less than 5.0"),
        (figures(memory=11 * 2**20), "a step of a job of 100,000 holds 11 MB of Python's heap"),
        (figures(units=5.6), "a member of 100,000 costs 5.60 write units, more than 5.5"),
    ],
)
def test_what_a_job_is_beyond_its_limits_is_a_fault(found: Figures, fault: str) -> None:
    assert group_jobs.check(found) == [fault]


def test_what_a_job_of_few_members_writes_for_itself_is_no_fault() -> None:
    found = figures()
    small = [job(10, 100, writes=6.5), job(100, 100, writes=5.6)]
    (fault,) = group_jobs.check(Figures(found.one_by_one, found.bare, [*small, *found.jobs]))
    assert fault.startswith("a member of 100 costs")
