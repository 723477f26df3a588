"""What follows from counts, quotas and the product's own constants, in virtual time: limits of 9-performance."""

from collections.abc import Sequence
from copy import replace
from functools import cache
from itertools import product
from typing import Any

import pytest
from botocore.retries import standard

from cashback.adapters.dynamo import group_keys
from cashback.domain.group_jobs import CHUNK, PAGE
from cashback.edge import clients
from cashback.edge.batch import LAST_RECEIVE
from cashback.edge.patient_batch import PATIENCE
from cashback.edge.sweeper import AT_ONCE, ENOUGH_TIME
from cashback.services.plan_group_job import READ_AT_ONCE, READ_BY_HAND
from dev.template import as_written
from tests.benchmarks import budgets, job_projection, projection, projection_page, task_projection, units
from tests.benchmarks.capacity import (
    COLD,
    DEFAULT_QUOTA,
    DOUBLES_AFTER,
    RAISED_QUOTA,
    Message,
    Queue,
    Table,
    Tables,
    Timeline,
    grown,
)
from tests.benchmarks.job_projection import Run
from tests.benchmarks.pace import PACE, SHARE, EventSourceMapping
from tests.benchmarks.projection import (
    COLD_TABLE,
    LARGEST,
    LEDGER_UNITS,
    MILLION,
    RAISED_TABLE,
    RAISED_WORKERS,
    UNHEARD,
    WARM_TABLE,
)
from tests.benchmarks.workers import MEMBER, Orders, Workers

WARM_LIMIT = 150
COLD_LIMIT = 20 * 60


def job(writes: int, workers: int | None = None, *, by_the_second: bool = False) -> Run:
    """A million members beside orders."""
    return _job(writes, workers, by_the_second)


@cache
def _job(writes: int, workers: int | None, by_the_second: bool) -> Run:
    return job_projection.run(MILLION, writes, workers, by_the_second=by_the_second)


@cache
def orders_alone(writes: int) -> Run:
    return job_projection.run(0, writes)


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
    assert job(DEFAULT_QUOTA).seconds <= WARM_LIMIT


def test_a_million_members_take_20_minutes_on_cold_tables() -> None:
    assert job(COLD).seconds <= COLD_LIMIT


def test_the_workers_of_the_template_leave_a_fifth_of_the_default_quota_to_others() -> None:
    run = job(DEFAULT_QUOTA)
    assert run.rate * LEDGER_UNITS <= 0.8 * DEFAULT_QUOTA
    assert run.throttled <= 0.001
    assert run.sent_back == 0


@pytest.mark.parametrize(
    ("table", "by_the_second"),
    [(COLD_TABLE, False), (WARM_TABLE, False), (WARM_TABLE, True), (RAISED_TABLE, False), (RAISED_TABLE, True)],
)
def test_orders_are_posted_beside_a_job_as_if_they_were_alone(table: projection.Table, by_the_second: bool) -> None:
    alone, beside = orders_alone(table.takes), job(table.takes, table.workers, by_the_second=by_the_second)
    assert beside.orders >= 100 * beside.posted_in
    assert (beside.orders_lost, beside.orders_sent_back) == (0, 0)
    assert beside.waits[1] <= alone.waits[1] + 0.1


def test_of_the_orders_beside_a_job_on_the_worst_tables_one_in_forty_waits_and_none_is_lost() -> None:
    beside = job(COLD, by_the_second=True)
    assert beside.orders_sent_back <= beside.orders / 40
    assert beside.orders_lost == 0


def test_workers_for_a_raised_quota_make_a_job_on_cold_tables_take_three_times_as_long_at_least() -> None:
    """As docs/runbook.md warns."""
    few, many = (job_projection.run(MILLION // 10, COLD, workers) for workers in (None, RAISED_WORKERS))
    assert many.posted_in >= 3 * few.posted_in
    assert few.throttled < many.throttled
    assert many.orders_lost == 0


def test_of_the_orders_beside_such_workers_on_the_worst_tables_one_in_six_waits_and_none_is_lost() -> None:
    """As docs/runbook.md warns."""
    crowded = job(COLD, RAISED_WORKERS, by_the_second=True)
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
    limits = projection.limits()
    bound = {name for name, rate in limits.items() if rate < 2 * job(DEFAULT_QUOTA).rate}
    assert {name.split(":")[0] for name in bound} == {
        "reading customers by a rule, a step after another; twice where it asks for scores",
        "totals and events",
    }


def test_reading_its_members_is_less_than_half_of_a_job() -> None:
    run = job(DEFAULT_QUOTA)
    assert run.read_in <= run.seconds / 2


def test_what_a_member_writes_is_what_is_counted() -> None:
    _, each = units.of_a_job(units.read())["write units"]
    assert sum(MEMBER) == pytest.approx(each, abs=0.1)


def test_the_pages_and_chunks_of_a_hundred_million_members_sort_by_their_numbers() -> None:
    pages, chunks = LARGEST // PAGE, LARGEST // CHUNK
    assert group_keys.job_page("s", "j", pages - 1).sk < group_keys.job_page("s", "j", pages).sk
    assert len({len(group_keys.job_page("s", "j", page).sk) for page in (0, pages)}) == 1
    assert len({len(group_keys.job_chunk("s", "j", chunk).sk) for chunk in (0, chunks)}) == 1


# ---- tasks

STEPS = task_projection.Steps.counted(units.read())


def tasks(writes: int, *, by_the_second: bool = False) -> task_projection.Run:
    """A twentieth of the million of a minute, beside orders that start a task each: so many ring in the next one."""
    is_sample = writes == COLD and not by_the_second
    return sample(projection.IN_A_MINUTE) if is_sample else _tasks(writes, by_the_second)


@cache
def _tasks(writes: int, by_the_second: bool) -> task_projection.Run:
    return task_projection.run(STEPS, task_projection.DUE // 20, 3, writes, by_the_second=by_the_second)


@cache
def sample(due: str) -> task_projection.Run:
    """A part of the million on cold tables."""
    return projection.sample(STEPS, due)


@cache
def starting(writes: int) -> task_projection.Run:
    """Orders that start a task each, alone."""
    return task_projection.run(STEPS, 0, 0, writes)


def test_what_a_task_writes_is_what_is_counted() -> None:
    """Index ``due``, which it enters and leaves, has no table in the model."""
    counted = {budget.operation: budgets.cost_of(budget, units.read()).writes for budget in budgets.BUDGETS}
    written = [sum(times * sum(each) for times, each in items) for items in (STEPS.created, STEPS.begun, STEPS.ended)]
    credited = sum(times * sum(each) for times, each in STEPS.credited)
    assert written[0] + 1 == counted["task created"]
    assert sum(written[1:]) + 1 + credited == counted["task executed with a credit"]


def workers_of(*due: float, capacity: int = 1_000) -> tuple[task_projection.ActionWorkers, Queue]:
    """One worker of tasks on tables of one partition, and the queue of credits."""
    line = Timeline()
    tables = Tables(*(Table(line, capacity) for _ in range(4)))
    sent = Queue(line, PACE.hop)
    mapping, found = EventSourceMapping(1, 10), task_projection.Tasks(due)
    return task_projection.ActionWorkers(
        line, tables, mapping, Queue(line, PACE.hop), tasks=found, steps=STEPS, credits_=sent
    ), sent


def handled(workers: Workers, body: int) -> tuple[bool, float]:
    """Whether a message was handled, and how long that took."""
    began = workers.line.now
    doing = workers.handle(Message(body, began))
    while True:
        try:
            workers.line.now += next(doing)
        except StopIteration as end:
            return end.value, workers.line.now - began


def test_a_task_that_finds_no_capacity_to_begin_is_not_begun_and_asks_once() -> None:
    workers, sent = workers_of(0.0)
    assert workers.tables.tables[1].take(998)
    workers.tables.tables[1]._share = 0.0
    assert handled(workers, 0)[0] is False
    assert (workers.asked, workers.throttled, len(sent)) == (1, 1, 0)
    assert workers.tasks.begun == set()


def test_a_task_whose_end_finds_no_capacity_is_tried_three_times_and_goes_on_there_sending_its_credit_again() -> None:
    workers, sent = workers_of(0.0)
    listing = workers.tables.tables[2]
    listing._share = listing._left[0] = 0.0
    assert handled(workers, 0)[0] is False
    assert (workers.asked, workers.throttled, len(sent)) == (4, 3, 1)
    listing._share = listing._left[0] = 1_000.0
    assert handled(workers, 0)[0] is True
    assert (workers.asked, workers.throttled, len(sent)) == (5, 3, 2)
    assert set(workers.tasks.ran) == {0}
    assert handled(workers, 0)[1] == pytest.approx(task_projection.UNCHANGED)


def test_a_batch_of_tasks_rests_in_all_as_long_as_the_product_lets_it_and_then_goes_back() -> None:
    workers, _ = workers_of(0.0, 0.0, 0.0)
    workers.tables.tables[1]._share = workers.tables.tables[1]._left[0] = 0.0
    for task in range(3):
        workers.queue.send(task)
    workers.line.now, spent = 1.0, 0.0
    batch = workers.work(0)
    while workers.sent_back < 3:
        spent += next(batch)
    assert PATIENCE / 2 <= spent <= PATIENCE + workers.asked * STEPS.run.seconds + PACE.invoke
    assert workers.asked > 3
    assert Orders.patience == 0


def test_a_credit_that_was_posted_meanwhile_is_not_sent_again() -> None:
    workers, sent = workers_of(0.0)
    workers.tasks.begun.add(0)
    workers.tasks.credited[0] = 1.0
    assert handled(workers, 0)[0] is True
    assert (workers.asked, len(sent)) == (1, 0)


def test_a_message_goes_to_the_dead_letters_at_its_last_receive_and_its_task_is_over() -> None:
    workers, _ = workers_of(0.0)
    for table in workers.tables.tables:
        table._share = table._left[0] = 0.0
    workers.queue.send(0)
    workers.start()
    workers.line.run()
    assert (workers.sent_back, workers.dead, workers.tasks.given_up) == (LAST_RECEIVE - 1, 1, {0})


def test_an_order_that_is_posted_comes_again_for_its_task_alone() -> None:
    line = Timeline()
    tables = Tables(*(Table(line, 1_000) for _ in range(4)))
    orders = Orders(
        line, tables, EventSourceMapping(1, 1), Queue(line, PACE.hop), until=lambda: True, starts=STEPS.created
    )
    tables.tables[2]._left[0] = tables.tables[2]._share = 0.0
    assert [handled(orders, 7)[0] for _ in range(2)] == [False, False]
    assert (len(orders.waits), orders.asked, orders.throttled) == (1, 3, 2)


def test_tasks_that_come_due_evenly_are_credited_within_two_minutes_even_on_cold_tables() -> None:
    """A tenth of the million, in a tenth of its hour."""
    tenth = sample(projection.THE_HOUR)
    assert tenth.credited[1] <= 120
    assert tenth.deepest <= 1_000
    assert tenth.lost == 0


@pytest.mark.parametrize(
    ("writes", "by_the_second"), [(COLD, False), (COLD, True), (DEFAULT_QUOTA, False), (RAISED_QUOTA, False)]
)
def test_every_task_is_credited_and_no_order_lost_whatever_the_tables(writes: int, by_the_second: bool) -> None:
    minute = tasks(writes, by_the_second=by_the_second)
    assert (minute.lost, minute.orders_lost) == (0, 0)
    assert (minute.throttled > 0.01) is (writes == COLD)


def test_the_same_run_of_tasks_has_the_same_end() -> None:
    assert len({str(task_projection.run(STEPS, 2_000, 1, COLD)) for _ in range(2)}) == 1


@pytest.mark.parametrize("writes", [COLD, DEFAULT_QUOTA, RAISED_QUOTA])
def test_orders_are_posted_beside_tasks_of_one_minute_as_if_they_were_alone(writes: int) -> None:
    alone, beside = starting(writes), tasks(writes)
    assert beside.waits[1] <= alone.waits[1] + 0.1
    assert beside.waits[2] <= 1.0


@pytest.mark.parametrize(("writes", "share"), [(COLD, 0.04), (DEFAULT_QUOTA, 0.0), (RAISED_QUOTA, 0.0)])
def test_of_the_orders_beside_tasks_few_come_once_more_for_the_task_they_start(writes: int, share: float) -> None:
    beside = tasks(writes)
    assert beside.orders_sent_back <= share * beside.orders


def test_beside_tasks_on_the_worst_tables_99_of_100_orders_are_posted_within_a_second() -> None:
    beside = tasks(COLD, by_the_second=True)
    assert beside.waits[1] <= 1.0
    assert beside.orders_sent_back <= 0.04 * beside.orders


def test_a_million_tasks_an_hour_are_within_every_quota_and_our_own_workers() -> None:
    a_second = task_projection.DUE / task_projection.HOUR
    assert a_second <= 0.6 * task_projection.run_a_second(STEPS)
    assert a_second <= 0.6 * task_projection.credited_a_second(STEPS)
    assert a_second <= task_projection.written_a_second(STEPS, COLD)
    assert a_second <= 0.6 * task_projection.STARTED_BEFORE <= 0.6 * task_projection.STARTED_A_SECOND
    assert task_projection.DUE <= task_projection.SCHEDULES
    assert task_projection.hot_due(task_projection.run_a_second(STEPS)) <= 0.2
    assert task_projection.hot_list(a_second) <= 0.6


def test_orders_that_start_a_task_each_are_taken_at_200_a_second_and_within_the_smallest_quota() -> None:
    assert 200 <= task_projection.created_a_second(STEPS) <= task_projection.CREATED_ELSEWHERE


@pytest.mark.row("P9")
@pytest.mark.parametrize("writes", [COLD, DEFAULT_QUOTA])
def test_a_million_tasks_an_hour_are_credited_within_20_minutes_though_every_alarm_is_lost(writes: int) -> None:
    """A quarter of the million, in a quarter of its hour; orders keep their share of the tables meanwhile."""
    quarter = task_projection.DUE // 4, task_projection.HOUR / 4
    unheard = sample(UNHEARD) if writes == COLD else task_projection.run(STEPS, *quarter, writes, rings=False)
    assert unheard.credited[2] <= 20 * 60
    assert (unheard.lost, unheard.orders_lost) == (0, 0)
    assert unheard.waits[1] <= 0.5


def test_the_sweeper_finds_by_a_half_more_tasks_than_a_million_an_hour() -> None:
    assert task_projection.swept_a_second() >= 1.5 * MILLION / 3_600


def test_a_plain_call_is_tried_as_often_as_the_product_lets_the_sdk() -> None:
    backoff: Any = standard.ExponentialBackoff
    assert clients.client.__wrapped__.__defaults__ == (task_projection.SDK_TRIES,)
    assert backoff._DEFAULT_BACKOFF_CONFIG["throttling_base_scale"] == task_projection.SDK_PAUSE


# ---- what is kept


def test_what_was_computed_last_is_what_is_computed_now() -> None:
    """As far as tests compute it, without what takes minutes. What it follows from has changed where this fails:
    ``python -m tests.benchmarks.page --project`` computes all anew."""
    kept = projection.read()
    now = replace(
        kept,
        jobs={**kept.jobs, **{one.name: job(one.takes, one.workers) for one in projection.TABLES}},
        by_the_second={
            one.name: job(one.takes, one.workers, by_the_second=True)
            for one in (*projection.TABLES, projection.CROWDED_TABLE)
        },
        alone={one.name: orders_alone(one.takes) for one in projection.TABLES},
        samples={due: sample(due) for due in projection.SAMPLES},
        starting={one.name: starting(one.takes) for one in projection.TABLES},
    )
    assert projection.written(now) == projection.PROJECTED.read_text()


# ---- what is said here of the template


def test_the_figures_of_the_template_that_are_repeated_here_are_its_own() -> None:
    resources = {name: one["Properties"] for name, one in as_written()["Resources"].items()}
    assert resources["Sweeper"]["Timeout"] == task_projection.LONGEST_SWEEP > ENOUGH_TIME / 1_000
    assert resources["SweeperSchedule"]["ScheduleExpression"] == f"rate({task_projection.EVERY // 60} minutes)"
    assert resources["LedgerSource"]["MaximumRecordAgeInSeconds"] == projection_page.GIVEN_UP_AFTER
    assert EventSourceMapping.of("GroupJobWorkerSource") == EventSourceMapping(
        as_written()["Parameters"]["GroupJobWorkers"]["Default"], 2
    )


@pytest.mark.parametrize(
    ("assumed", "operation", "function", "each"),
    [
        (("taken_in",), "paid orders in batches of ten", "webhook_ingest", units.BUSY),
        (("order",), "paid orders in batches of ten", "event_worker", units.BUSY),
        (("start",), "task created", "event_worker", 1),
        (("task",), "task executed with a credit", "action_worker", 1),
        (("credit",), "task executed with a credit", "credit_worker", 1),
        (("unchanged",), "duplicate task messages", "action_worker", units.BUSY),
        (("swept",), "tasks swept", "sweeper", AT_ONCE),
        (("member",), "group job", "group_job_worker", units.MEMBERS),
        (("listed",), "members read by hand", "group_job_worker", READ_BY_HAND),
        (("listed", "figured"), "customers read by a rule", "group_job_worker", READ_AT_ONCE),
    ],
)
def test_our_own_cpu_is_assumed_to_be_at_least_what_was_counted_and_at_most_four_times_that(
    assumed: Sequence[str], operation: str, function: str, each: int
) -> None:
    counted = units.read()[operation].shares[function].cpu / each
    assert counted <= sum(getattr(PACE, name) for name in assumed) * SHARE <= 4 * counted
