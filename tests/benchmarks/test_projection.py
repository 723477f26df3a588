"""What follows from counts, quotas and the product's own constants, in virtual time: limits of 9-performance."""

from collections import Counter
from collections.abc import Callable
from copy import replace
from itertools import product
from typing import Any

import pytest

from cashback.adapters import faults
from cashback.adapters.dynamo import group_keys, ledger
from cashback.domain.group_jobs import CHUNK, PAGE
from cashback.edge.sweeper import ENOUGH_TIME
from dev.template import as_written
from tests.benchmarks import (
    assumed,
    bounds,
    capacity,
    fingerprint,
    job_projection,
    pace,
    projection,
    projection_page,
    task_projection,
    units,
    workers,
    yardstick,
)
from tests.benchmarks.capacity import (
    COLD,
    DEFAULT_QUOTA,
    DOUBLES_AFTER,
    Queue,
    Table,
    Tables,
    Timeline,
    grown,
)
from tests.benchmarks.computed import STEPS, job, kept, orders_alone
from tests.benchmarks.pace import EventSourceMapping
from tests.benchmarks.projection import (
    COLD_TABLE,
    CROWDED_TABLE,
    LARGEST,
    LEDGER_UNITS,
    MILLION,
    RAISED_TABLE,
    RAISED_WORKERS,
    WARM_TABLE,
)
from tests.benchmarks.workers import MEMBER

SOURCE = '''"""A module."""
NAME = "cold"
"""What it is."""
def twice(of):
    """What it does."""
    return 2 * of  # The second one.
'''

WARM_LIMIT = 150
COLD_LIMIT = 20 * 60


# ---- the model


def test_a_partition_takes_no_more_in_a_second_than_it_has_and_has_it_again_in_the_next() -> None:
    for by_the_second in (False, True):
        line = Timeline()
        table = Table(line, 1_000, by_the_second=by_the_second)
        assert [table.take(400) for _ in range(3)] == [True, True, False]
        line.now = 0.9
        assert table.take(400) is not by_the_second
        line.now = 2.0
        assert [table.take(500) for _ in range(3)] == [True, True, False]


def test_a_transaction_that_is_refused_has_used_up_what_could_be_written_of_it() -> None:
    line = Timeline()
    ledger, state = Table(line, 1_000), Table(line, 1_000)
    tables = Tables(ledger, state)
    assert ledger.take(999)
    assert not tables.commit((1, (2, 600)))
    assert not tables.commit((1, (0, 600)))


def test_a_queue_shows_a_message_when_its_time_has_come_and_again_after_it_was_hidden() -> None:
    line = Timeline()
    queue = Queue(line, 0.02)
    queue.send("a")
    assert queue.receive(10) == []
    line.now = 0.02
    (message,) = queue.receive(10)
    queue.hide(message, 30)
    line.now = 30.02
    assert [(again.body, again.receives) for again in queue.receive(10)] == [("a", 2)]


def test_a_table_takes_twice_as_much_each_half_hour_up_to_a_limit() -> None:
    assert grown(4_000 * 60, 4_000, 40_000, 1.0) == 60
    assert grown(4_000 * DOUBLES_AFTER + 8_000 * 60, 4_000, 40_000, 1.0) == DOUBLES_AFTER + 60
    assert grown(40_000 * 60, 40_000, 10_000, 1.0) == 240


def test_the_same_run_has_the_same_end() -> None:
    assert job_projection.run(20_000, COLD) == job_projection.run(20_000, COLD)


# ---- group jobs


def test_a_million_members_take_150_seconds_on_warm_tables_at_the_default_quota() -> None:
    assert job(WARM_TABLE).seconds <= WARM_LIMIT


def test_a_million_members_take_20_minutes_on_cold_tables() -> None:
    assert job(COLD_TABLE).seconds <= COLD_LIMIT


def test_the_workers_of_the_template_leave_a_fifth_of_the_default_quota_to_others() -> None:
    run = job(WARM_TABLE)
    assert run.rate * LEDGER_UNITS <= 0.8 * DEFAULT_QUOTA
    assert run.throttled <= 0.001
    assert run.sent_back == 0


@pytest.mark.parametrize(
    ("table", "by_the_second"),
    [(COLD_TABLE, False), (WARM_TABLE, False), (WARM_TABLE, True), (RAISED_TABLE, False), (RAISED_TABLE, True)],
)
def test_orders_are_posted_beside_a_job_as_if_they_were_alone(table: projection.Table, by_the_second: bool) -> None:
    alone, beside = orders_alone(table), job(table, by_the_second=by_the_second)
    assert beside.orders >= 100 * beside.posted_in
    assert (beside.orders_lost, beside.orders_sent_back) == (0, 0)
    assert beside.waits[1] <= alone.waits[1] + 0.1


def test_of_the_orders_beside_a_job_on_the_worst_tables_one_in_forty_waits_and_none_is_lost() -> None:
    beside = job(COLD_TABLE, by_the_second=True)
    assert beside.orders_sent_back <= beside.orders / 40
    assert beside.orders_lost == 0


def test_workers_for_a_raised_quota_make_a_job_on_cold_tables_take_three_times_as_long_at_least() -> None:
    """As docs/runbook.md warns."""
    few, many = job(COLD_TABLE), job(CROWDED_TABLE)
    assert many.posted_in >= 3 * few.posted_in
    assert few.throttled < many.throttled
    assert many.orders_lost == 0


def test_of_the_orders_beside_such_workers_on_the_worst_tables_one_in_six_waits_and_none_is_lost() -> None:
    """As docs/runbook.md warns."""
    crowded = job(CROWDED_TABLE, by_the_second=True)
    assert crowded.orders_sent_back == pytest.approx(crowded.orders / 6, rel=0.2)
    assert crowded.orders_lost == 0


def test_the_page_tells_of_orders_on_every_table_and_of_too_many_workers() -> None:
    lines = projection_page.section(projection.read(), units.read())
    told = [line.split(" | ")[0].removeprefix("| ") for line in lines]
    for name in (table.name for table in projection.TABLES):
        assert {f"alone, {name}", f"beside a job, {name}", f"the same by the second, {name}"} <= set(told)
    for due, table in product(projection.DUE_WITHIN, projection.TABLES):
        assert f"beside those of {due}, {table.name}" in told
        assert any(line.startswith(f"| {due} | {table.name} | ") for line in lines)
    assert any(line.startswith(f"| 1,000,000 | cold, {RAISED_WORKERS} workers | 40,000 | ") for line in lines)
    assert any(line.startswith("| 100,000,000 | cold | ") and line.endswith(" | not computed |") for line in lines)


def test_nothing_else_binds_a_job_before_its_workers_but_what_is_told_of_it() -> None:
    bound = {name for name, rate in bounds.limits().items() if rate < 2 * job(WARM_TABLE).rate}
    assert {name.split(":")[0] for name in bound} == {
        "reading customers by a rule, a step after another; twice where it asks for scores",
        "totals and events",
    }


def test_reading_its_members_is_less_than_half_of_a_job() -> None:
    run = job(WARM_TABLE)
    assert run.read_in <= run.seconds / 2


def test_what_a_member_writes_is_what_is_counted() -> None:
    _, each = units.of_a_job(units.read())["write units"]
    assert sum(MEMBER) == pytest.approx(each, abs=0.1)


def test_the_pages_and_chunks_of_a_hundred_million_members_sort_by_their_numbers() -> None:
    pages, chunks = LARGEST // PAGE, LARGEST // CHUNK
    assert group_keys.job_page("s", "j", pages - 1).sk < group_keys.job_page("s", "j", pages).sk
    assert len({len(group_keys.job_page("s", "j", page).sk) for page in (0, pages)}) == 1
    assert len({len(group_keys.job_chunk("s", "j", chunk).sk) for chunk in (0, chunks)}) == 1


# ---- what is kept


def test_what_was_computed_last_follows_from_what_there_is_now() -> None:
    """The models, their values and the counts are those of then, so that all would be computed as it is kept, what
    takes minutes too. Where this fails, the command that the failure names computes all anew."""
    assert kept().follows_from == projection.followed(units.read()), "python -m tests.benchmarks.page --project"


def test_a_little_of_what_was_computed_last_is_what_is_computed_now() -> None:
    """As what is kept is no longer where somebody wrote into it, or another Python computes otherwise."""
    now = replace(
        kept(),
        jobs={**kept().jobs, WARM_TABLE.name: job_projection.run(MILLION, WARM_TABLE.takes)},
        alone={**kept().alone, COLD_TABLE.name: job_projection.run(0, COLD_TABLE.takes)},
        samples={due: projection.sample(STEPS, due) for due in projection.DUE_WITHIN},
        starting={**kept().starting, COLD_TABLE.name: task_projection.run(STEPS, 0, 0, COLD_TABLE.takes)},
    )
    assert projection.written(now) == projection.PROJECTED.read_text(), "python -m tests.benchmarks.page --project"


def test_the_fingerprint_of_the_projections_is_of_all_that_they_are_made_of() -> None:
    trail = fingerprint.Trail({f"tests.benchmarks.{name}" for name in (*projection.GIVEN, "fingerprint")})
    trail.follow(projection)
    models = (capacity, job_projection, pace, projection, task_projection, workers)
    assert {name for name in trail.found if name.count(".") == 2 and name.startswith("tests")} == {
        model.__name__ for model in models
    }
    assert {
        "cashback.adapters.dynamo.ledger.BATCH",
        "cashback.adapters.dynamo.ledger._TRIES",
        "cashback.adapters.faults._PATIENT",
        "cashback.adapters.faults.backoff",
        "cashback.adapters.faults.rests",
        "cashback.services.plan_group_job.READ_BY_HAND",
        "tests.benchmarks.job_projection.JOB_SOURCE",
        "tests.benchmarks.task_projection.ALARM_RINGS_FOR",
        "tests.benchmarks.workers.LAST_RECEIVE",
    } <= trail.found.keys()


@pytest.mark.parametrize(
    ("module", "name", "other"),
    [
        (capacity, "COLD", 4_001),
        (job_projection, "CHUNK", 99),
        (job_projection, "PATIENCE", 16.5),
        (ledger, "BATCH", 24),
        (faults, "_LONGEST", 2.5),
        (faults, "rests", workers.quantiles),
        (pace, "MEMORY", 0.5),
        (task_projection, "ACTION_SOURCE", EventSourceMapping(39, 10)),
        (task_projection, "PACE", pace.Pace(credit=0.1)),
    ],
)
def test_another_value_or_function_has_another_fingerprint(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, other: object
) -> None:
    before = projection.followed(units.read())
    monkeypatch.setattr(module, name, other)
    assert projection.followed(units.read()) != before


@pytest.mark.parametrize(("module", "name"), [(ledger, "BATCH"), (faults, "_LONGEST")])
def test_what_cannot_be_told_has_no_fingerprint_whether_the_models_use_it_or_what_they_take_from_the_product(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    monkeypatch.setattr(module, name, object())
    with pytest.raises(TypeError):
        projection.followed(units.read())


def test_another_count_has_another_fingerprint_where_the_models_read_it() -> None:
    counted = units.read()
    before = projection.followed(counted)
    for name, is_read in (("task executed with a credit", True), ("manual credit", False)):
        shares = {
            who: replace(share, calls=share.calls + Counter(PutItem=1)) for who, share in counted[name].shares.items()
        }
        changed = {**counted, name: replace(counted[name], shares=shares)}
        assert (projection.followed(changed) != before) is is_read


@pytest.mark.parametrize(
    ("changed", "is_other"),
    [
        (lambda source: source.replace("# The second", "# Another"), False),
        (lambda source: source.replace("What it does.", "What is done."), False),
        (lambda source: source.replace("What it is.", "What that is."), False),
        (lambda source: source.replace("return 2 * of", "return (2\n * of)"), False),
        (lambda source: source.replace("2 * of", "3 * of"), True),
        (lambda source: source.replace('"cold"', '"warm"'), True),
    ],
)
def test_code_that_is_only_told_otherwise_has_the_same_fingerprint(
    changed: Callable[[str], str], is_other: bool
) -> None:
    assert changed(SOURCE) != SOURCE
    assert (fingerprint.code(changed(SOURCE)) != fingerprint.code(SOURCE)) is is_other


# ---- what is said here of the template


def test_the_figures_of_the_template_that_are_repeated_here_are_its_own() -> None:
    resources = {name: one["Properties"] for name, one in as_written()["Resources"].items()}
    assert resources["Sweeper"]["Timeout"] == task_projection.LONGEST_SWEEP > ENOUGH_TIME / 1_000
    assert resources["SweeperSchedule"]["ScheduleExpression"] == f"rate({task_projection.EVERY // 60} minutes)"
    assert resources["LedgerSource"]["MaximumRecordAgeInSeconds"] == projection_page.GIVEN_UP_AFTER
    assert EventSourceMapping.of("GroupJobWorkerSource") == EventSourceMapping(
        as_written()["Parameters"]["GroupJobWorkers"]["Default"], 2
    )


def test_our_own_cpu_is_assumed_to_be_at_least_what_was_counted_and_at_most_four_times_that() -> None:
    counted = units.read()
    assert assumed.check(counted) == []
    for factor in (0.1, 10):
        assert len(assumed.check({name: yardstick.scaled(one, factor) for name, one in counted.items()})) == len(
            assumed.ASSUMED
        )
