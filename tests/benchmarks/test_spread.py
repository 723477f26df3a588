"""Rounds are told by their median and their ends, each number in turn, and what a run has to do is other work."""

import json
from collections.abc import Iterator

import pytest

from cashback.adapters import queues
from tests.benchmarks import bench, instructions, limits, runtime, runtime_page, stock, story, webhook_load
from tests.benchmarks.runtime import (
    ADMIN,
    ALONE,
    BUSY_WORKER,
    LARGE,
    NAIVE_PACKED,
    NAIVE_WEBHOOK,
    NAIVE_WORKER,
    OURS,
    RAW_TRANSACTION,
    Measured,
    Run,
)
from tests.benchmarks.spread import told
from tests.benchmarks.webhook_load import CALLERS, ORDERS, Load
from tests.simulation.dynamo import SimulatedDynamo
from tests.simulation.project_tables import table_specs
from tests.unit.deployment import Deployment


def load(callers: int, seconds: float) -> Load:
    return Load(callers, seconds, seconds, [0.1] * ORDERS, [seconds] * ORDERS, 0, 2.0, 1.0, 1.0)


def test_of_several_rounds_the_median_is_told_with_the_least_and_the_most() -> None:
    assert told([3_000.0, 1_000.0, 1_500.0]) == "1,500 (1,000-3,000)"
    assert told([3_000.4]) == "3,000"


def test_the_numbers_of_callers_come_in_turn_after_a_round_that_only_warms_up() -> None:
    came: list[int] = []

    def one(callers: int) -> Load:
        came.append(callers)
        return load(callers, float(len(came)))

    found = webhook_load.rounds(one)
    assert came == [CALLERS[0], *CALLERS * webhook_load.ROUNDS]
    assert [[one.callers for one in runs] for runs in found] == [[n] * webhook_load.ROUNDS for n in CALLERS]
    assert all(one.accepted > 1 for runs in found for one in runs)


def test_a_number_of_callers_has_one_row_for_all_its_rounds() -> None:
    found = [[load(callers, ORDERS / rate) for rate in (30, 10, 20)] for callers in CALLERS]
    rows = [line for line in webhook_load.section(found) if line.startswith("| 4 |")]
    answer, posting = "100 (100-100)", "6,000 (4,000-12,000)"
    told_once = f"{answer} / {answer} | {posting} / {posting}"
    assert rows == [f"| 4 | 3 | 20 (10-30) | 20 (10-30) | {told_once} | 0 (0-0) |"]


def starts() -> list[Measured]:
    """What the functions took in three rounds. The machine was half as fast in the second, and the entrance took twice
    as much of it in the third."""
    seconds = {ALONE: 1.0, RAW_TRANSACTION: 3.0, "webhook_ingest": 2.0, "event_worker": 5.0, BUSY_WORKER: 21.0}
    seconds |= {"group_job_worker": 9.0, NAIVE_WEBHOOK: 11.0, NAIVE_PACKED: 11.0, NAIVE_WORKER: 41.0}
    seconds |= {"settings_api": 2.0} | dict.fromkeys(LARGE, 50.0)
    found = []
    for name, one in seconds.items():
        each = [one, 2 * one, 2 * one if name == "webhook_ingest" else one]
        found.append(Measured(name, [Run(each_one, each_one / 2, each_one, 30.0, each_one) for each_one in each]))
    return found


def test_what_is_told_in_figures_of_another_is_that_of_the_same_round_first() -> None:
    lines = runtime_page.section(starts())
    assert "| 3,000.0 (3,000.0-6,000.0) | 1.00 (1.00-1.00) |" in next(line for line in lines if "| one raw" in line)
    (entrance,) = [line for line in lines if line.startswith("| webhook_ingest |")]
    init, both, warm = (entrance.split(" | ")[column] for column in (2, 4, 6))
    assert (init, both, warm) == ("0.67 (0.67-1.33)", "1.00 (1.00-2.00)", "0.50 (0.50-1.50)")
    said = " ".join(lines)
    assert "takes 2.50 (2.50-3.50) b in our two functions" in said
    assert "Naively it takes 5.00 (5.00-5.00) b, 2.0 (1.4-2.0) and 3.3 (2.0-3.3) times as much." in said
    assert "11 (6-11) members a second of CPU" in said


def test_of_what_is_run_for_its_memory_alone_nothing_else_is_told() -> None:
    lines = runtime_page.section(starts())
    assert [line for line in lines if line.startswith("| event_worker, ") and "1 MiB" in line] == [
        f"| {name} | | | | | | | 30.0 (30.0-30.0) |" for name in LARGE
    ]


@pytest.fixture
def at_work() -> Iterator[None]:
    stand_ins = Deployment(SimulatedDynamo(table_specs()))
    with story.at_work(story.NAMES, stand_ins.client):
        story.open_store()
        yield


@pytest.mark.usefixtures("at_work")
@pytest.mark.parametrize("name", [*OURS, *ADMIN])
def test_each_call_of_a_function_is_other_work_but_of_those_that_are_said_to_be_asked_the_same(name: str) -> None:
    events = list(story.events(name, 3))
    assert len({json.dumps(event) for event in events}) == (1 if name in story.ALIKE else 3)
    for event in events:
        story.serve(name, event)


@pytest.mark.usefixtures("at_work")
def test_no_order_is_posted_in_two_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "RUNS", 1)
    events = runtime.orders_to_post(2)
    bodies = [record["body"] for some in events.values() for event in some for record in event["Records"]]
    numbers = [json.loads(queues.decode(body).body)["id"] for body in bodies]
    assert {name: len(some) for name, some in events.items()} == {"event_worker": 2, BUSY_WORKER: 2} | dict.fromkeys(
        LARGE, runtime.LARGE_CALLS
    )
    assert len(set(numbers)) == len(numbers)


def test_nothing_is_measured_where_nothing_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instructions, "valgrind", lambda: None)
    monkeypatch.setattr(limits, "measure", pytest.fail)
    monkeypatch.setattr(stock, "site_packages", pytest.fail)
    with pytest.raises(SystemExit, match="error: valgrind is not installed"):
        bench.main()


def test_what_is_interrupted_has_written_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bench, "_main", interrupted)
    with pytest.raises(SystemExit, match="interrupted: nothing was written"):
        bench.main()
