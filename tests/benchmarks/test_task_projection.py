"""A million tasks of scenarios, in virtual time: limits of 9-performance."""

from typing import Any

import pytest
from botocore.retries import standard

from cashback.edge import clients
from cashback.edge.batch import FIRST_PAUSE, LAST_RECEIVE
from cashback.edge.patient_batch import PATIENCE
from tests.benchmarks import projection, task_projection, units
from tests.benchmarks.budgets import BUDGETS, cost_of
from tests.benchmarks.capacity import COLD, Message, Queue, Table, Tables, Timeline
from tests.benchmarks.computed import STEPS, starting, tasks
from tests.benchmarks.pace import PACE, EventSourceMapping
from tests.benchmarks.projection import (
    COLD_TABLE,
    IN_A_MINUTE,
    MILLION,
    RAISED_TABLE,
    TABLES,
    THE_HOUR,
    UNHEARD,
    WARM_TABLE,
)
from tests.benchmarks.workers import Orders, Workers


def test_what_a_task_writes_is_what_is_counted() -> None:
    """Index ``due``, which it enters and leaves, has no table in the model."""
    counted = {budget.operation: cost_of(budget, units.read()).writes for budget in BUDGETS}
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
    hour = tasks(THE_HOUR, COLD_TABLE)
    assert hour.credited[1] <= 120
    assert hour.deepest <= 1_000
    assert hour.lost == 0


@pytest.mark.parametrize(
    ("table", "by_the_second"),
    [(COLD_TABLE, False), (COLD_TABLE, True), (WARM_TABLE, False), (WARM_TABLE, True), (RAISED_TABLE, False)],
)
def test_every_task_is_credited_and_no_order_lost_whatever_the_tables(
    table: projection.Table, by_the_second: bool
) -> None:
    minute = tasks(IN_A_MINUTE, table, by_the_second=by_the_second)
    assert (minute.lost, minute.orders_lost) == (0, 0)
    assert (minute.throttled > 0.01) is (table is COLD_TABLE)


def test_the_same_run_of_tasks_has_the_same_end() -> None:
    assert len({str(task_projection.run(STEPS, 2_000, 1, COLD)) for _ in range(2)}) == 1


def test_what_is_run_again_of_one_minute_is_throttled_and_sent_back() -> None:
    run = projection.sample(STEPS, IN_A_MINUTE)
    assert run.throttled > 0.01
    assert (run.sent_back > 0, run.orders_sent_back > 0) == (True, True)


@pytest.mark.parametrize(("table", "last"), [(COLD_TABLE, 1.1 * FIRST_PAUSE), (WARM_TABLE, 1.0), (RAISED_TABLE, 1.0)])
def test_beside_tasks_of_one_minute_99_of_100_orders_are_posted_as_if_alone_and_the_last_after_one_rest(
    table: projection.Table, last: float
) -> None:
    """The rest is on cold tables alone: half a minute before an order that found no capacity comes once more."""
    alone, beside = starting(table), tasks(IN_A_MINUTE, table)
    assert beside.waits[1] <= alone.waits[1] + 0.1
    assert beside.waits[2] <= last


@pytest.mark.parametrize(("table", "share"), [(COLD_TABLE, 0.05), (WARM_TABLE, 0.0), (RAISED_TABLE, 0.0)])
def test_of_the_orders_beside_tasks_few_come_once_more_for_the_task_they_start(
    table: projection.Table, share: float
) -> None:
    beside = tasks(IN_A_MINUTE, table)
    assert beside.orders_sent_back <= share * beside.orders


def test_beside_tasks_on_the_worst_tables_99_of_100_orders_are_posted_within_a_second() -> None:
    beside = tasks(IN_A_MINUTE, COLD_TABLE, by_the_second=True)
    assert beside.waits[1] <= 1.0
    assert beside.orders_sent_back <= 0.05 * beside.orders


def test_a_million_tasks_an_hour_are_within_every_quota_and_our_own_workers() -> None:
    a_second = task_projection.DUE / task_projection.HOUR
    assert a_second <= 0.6 * task_projection.run_a_second(STEPS)
    assert a_second <= 0.6 * task_projection.credited_a_second(STEPS)
    assert a_second <= task_projection.written_a_second(STEPS, COLD)
    assert a_second <= 0.6 * task_projection.STARTED_BEFORE
    assert task_projection.DUE <= task_projection.SCHEDULES
    assert task_projection.hot_due(task_projection.run_a_second(STEPS)) <= 0.2
    assert task_projection.hot_list(a_second) <= 0.6


def test_orders_that_start_a_task_each_are_taken_at_200_a_second_and_within_the_smallest_quota() -> None:
    assert 200 <= task_projection.created_a_second(STEPS) <= task_projection.CREATED_ELSEWHERE


@pytest.mark.row("P9")
@pytest.mark.parametrize("table", TABLES)
def test_a_million_tasks_an_hour_are_credited_within_20_minutes_though_every_alarm_is_lost(
    table: projection.Table,
) -> None:
    """Orders keep their share of the tables meanwhile."""
    unheard = tasks(UNHEARD, table)
    assert unheard.credited[2] <= 20 * 60
    assert (unheard.lost, unheard.orders_lost) == (0, 0)
    assert unheard.waits[1] <= 0.5


def test_the_sweeper_finds_by_a_half_more_tasks_than_a_million_an_hour() -> None:
    assert task_projection.swept_a_second() >= 1.5 * MILLION / 3_600


def test_a_plain_call_is_tried_as_often_as_the_product_lets_the_sdk() -> None:
    backoff: Any = standard.ExponentialBackoff
    assert clients.client.__wrapped__.__defaults__ == (task_projection.SDK_TRIES,)
    assert backoff._DEFAULT_BACKOFF_CONFIG["throttling_base_scale"] == task_projection.SDK_PAUSE
