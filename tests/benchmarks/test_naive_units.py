"""What the naive functions ask for is what was counted of them, and ours are held against it."""

from collections import Counter

import pytest

from tests.benchmarks import cost, cost_page, naive_scene, naive_units, recount, units
from tests.benchmarks.naive_units import BATCH, CREATED, EXECUTED, ORDER, of_one
from tests.benchmarks.naive_units import MEMBERS as NAIVE_MEMBERS
from tests.benchmarks.units import MEMBERS, Operation, Share


@pytest.fixture(scope="module")
def naive() -> dict[str, Operation]:
    return naive_units.read()


@pytest.fixture(scope="module")
def ours() -> dict[str, Operation]:
    return units.read()


def test_the_naive_functions_ask_for_what_was_counted_last(naive: dict[str, Operation]) -> None:
    again = naive_scene.count(rounds=1)
    assert {one.name for one in again} == set(naive)
    assert [
        fault for one in again for fault in recount.differences(naive[one.name], one, frozenset(naive[one.name].shares))
    ] == []


def test_an_order_of_ours_takes_half_of_the_naive_calls_and_no_more_write_units(
    ours: dict[str, Operation], naive: dict[str, Operation]
) -> None:
    alone, naively = ours["paid order, first seen"].decided, of_one(naive, ORDER)
    assert alone.table_calls <= naively.table_calls / 2
    assert alone.writes <= naively.writes


def test_a_group_member_of_ours_takes_a_tenth_of_the_naive_calls_and_fewer_write_units(
    ours: dict[str, Operation], naive: dict[str, Operation]
) -> None:
    job, naively = ours["group job"].decided, of_one(naive, NAIVE_MEMBERS)
    assert job.table_calls / MEMBERS <= naively.table_calls / BATCH / 10
    assert job.writes / MEMBERS < naively.writes / BATCH


def test_a_group_member_of_ours_costs_at_most_four_fifths_of_the_naive_dollars(
    ours: dict[str, Operation], naive: dict[str, Operation]
) -> None:
    priced = next(one for one in cost.lines(ours, naive) if one.name.startswith("group member"))
    assert priced.naively is not None
    assert priced.bill.counted <= 0.8 * priced.naively.counted


def test_a_task_is_charged_for_its_creation_its_schedule_and_its_share_of_a_batch(naive: dict[str, Operation]) -> None:
    parts = cost.naive_bills(naive)["task"].parts
    created, executed = of_one(naive, CREATED), of_one(naive, EXECUTED)
    assert parts["writes"] == pytest.approx((created.writes + executed.writes / BATCH) * 0.625)
    assert parts["reads"] == pytest.approx((created.read_units + executed.read_units / BATCH) * 0.125)
    assert (parts["schedules"], parts["webhooks"]) == (1.0, 0.0)
    assert parts["queues"] == pytest.approx((1 + 2 / BATCH) * 0.40)
    assert parts["invocations"] == pytest.approx(0.20 / BATCH)


def test_a_member_is_charged_for_the_message_that_brings_it(naive: dict[str, Operation]) -> None:
    parts = cost.naive_bills(naive)["member"].parts
    assert parts["queues"] == pytest.approx((1 + 2 / BATCH) * 0.40)
    assert parts["invocations"] == pytest.approx(0.20 / BATCH)


def test_a_naive_order_is_charged_as_a_request_of_the_gateway(naive: dict[str, Operation]) -> None:
    parts = cost.naive_bills(naive)["order"].parts
    assert (parts["webhooks"], parts["invocations"], parts["queues"]) == (1.0, 0.20, 0.0)


def test_the_page_shows_naive_dollars_beside_those_that_the_design_names(
    ours: dict[str, Operation], naive: dict[str, Operation]
) -> None:
    page = cost_page.section(ours, naive)
    (row,) = [text for text in page if text.startswith("| group member, of a job of 100 ") and "82.00" in text]
    priced = cost.naive_bills(naive)["member"]
    assert row.endswith(f"| 3.60 | {priced.counted:.2f} | {priced.time:.2f} | 0.62 | 82.00 | 0.60 |")
    assert "a member 6 in 4, a task" in page
    assert "15 in 14. The design names more: 13 in 5 an order, 10" in page


def test_calls_that_do_not_do_the_same_are_not_shared_out() -> None:
    total = Share(table_units=8, read_units=2, calls=Counter({"PutItem": 8}))
    assert naive_scene.each(total, 4) == Share(table_units=2, read_units=0.5, calls=Counter({"PutItem": 2}))
    with pytest.raises(ValueError, match="do the same"):
        naive_scene.each(total, 3)
