"""The table of the page names tests that there are, and says of a figure above its limit that it is."""

import re

import pytest

from dev.project import ROOT
from tests.benchmarks import bench, instructions, limits, loads, naive_units, runtime, units
from tests.benchmarks.group_jobs import Figures, Measured, Rounds
from tests.benchmarks.job_projection import Run
from tests.benchmarks.limits import Counted
from tests.benchmarks.page import PAGE

WARM = {
    "the runtime alone": 0.001,
    "one raw transaction": 0.003,
    "webhook_ingest": 0.002,
    "event_worker": 0.005,
    runtime.BUSY_WORKER: 0.021,
    "group_job_worker": 0.02,
    runtime.NAIVE_WEBHOOK: 0.011,
    runtime.NAIVE_WORKER: 0.05,
}
"""Seconds of a warm call under the runtime."""


def row(figure: str, webhook: float = 1.0, warm_seconds: float = 139.0, cpu: float = 20.0) -> str:
    """The row of a figure in a table of figures within their limits, but for those that are given."""
    counted = Counted(
        {"webhook_ingest": 0.55, "settings_api": 1.1},
        {runtime.NAIVE_WEBHOOK: 2.5, runtime.NAIVE_PACKED: 7.0},
        {"amazon": 0.009, "all": 0.2},
        {"webhook_ingest": 0.25, "event_worker": webhook - 0.25, "group_job_worker": 4.9},
        {"webhook_ingest": 31.0, **loads.LIMITS},
        1.0,
    )
    small = Rounds([Measured(1_000, 2.0, 0.2, 5_070, 60, 138)])
    large = Rounds([Measured(100_000, 120.0, cpu, 506_000, 3_000, 9_700)])
    jobs = Figures(small, small, [small, large])
    projected = {"warm": run(warm_seconds), "cold": run(1_000.0)}
    starts = [
        runtime.Measured(name, [runtime.Run(0.1, 0.1, seconds, 31.0 if name in runtime.OURS else 75.0, seconds)])
        for name, seconds in WARM.items()
    ]
    starts += [runtime.Measured(name, [runtime.Run(0.1, 0.1, 0.1, 43.0, 0.1)]) for name in runtime.LARGE]
    lines = limits.section(counted, units.read(), jobs, projected, naive_units.read(), starts)
    (found,) = [line for line in lines if line.startswith(f"| {figure}")]
    return found


def run(seconds: float) -> Run:
    return Run(1_000_000, 0.0, seconds, 0.0, 0, 0, 0, [], 0, 0)


@pytest.mark.parametrize("test", limits.TESTS.values(), ids=limits.TESTS)
def test_every_limit_is_held_by_a_test_that_there_is(test: str) -> None:
    path, _, name = test.partition("::")
    assert f"\ndef {name}(" in (ROOT / path).read_text()


def test_a_figure_above_its_limit_is_said_to_be() -> None:
    assert "| **2.10 b, 2.00 times the limit**: " in row("warm call", webhook=2.1)
    assert "| 1.05 b: " in row("warm call", webhook=1.05)
    assert "**300 s, 2.00 times the limit** warm" in row("1,000,000 members", warm_seconds=300)
    assert "| 139 s warm, 17 min cold" in row("1,000,000 members")


def test_what_the_clock_says_of_a_webhook_stands_under_now_as_above_the_limit() -> None:
    clock = "**2.50 b, 2.38 times the limit** alone, **1.50 b, 1.43 times the limit** in batches of 10"
    assert f" webhook_ingest; by the CPU clock, under the runtime, {clock} | 5.00 b here, by " in row("warm call")


def test_calls_for_a_member_of_a_small_job_are_said_to_be_above_the_limit() -> None:
    small = r"in one of 100, with the job's own, \*\*0\.\d\d, [\d.]+ times the limit\*\* / "
    assert re.search(r"\| 0\.1\d / [\d.]+ in a job of 1,000; " + small, row("group member: calls"))


def test_a_load_that_is_held_to_a_figure_of_its_own_is_above_the_limit_too() -> None:
    ten = "**42.0 MB, 1.05 times the limit**, held to 42 (event_worker, ten orders of 1 MiB)"
    assert f"| 40 MB | 31.0 MB (webhook_ingest); {ten}; " in row("memory")


def test_what_large_orders_make_the_worker_hold_in_the_runtime_is_above_the_limit_too() -> None:
    one, ten = (
        f"**43.0 MB, 1.07 times the limit** in the runtime, held to {most} (event_worker, {orders} of 1 MiB)"
        for orders, most in (("an order", 42), ("ten orders", 43))
    )
    assert f"; {one}; {ten} | 75 MB here, " in row("memory")


@pytest.mark.parametrize(("name", "most"), [("event_worker", 40.0), *zip(runtime.LARGE, (42.0, 43.0), strict=True)])
def test_a_function_that_holds_more_under_the_runtime_than_is_allowed_is_a_fault(name: str, most: float) -> None:
    def measured(memory: float) -> list[runtime.Measured]:
        return [runtime.Measured(name, [runtime.Run(0.1, 0.1, 0.1, memory, 0.1)])]

    assert runtime.check(measured(most)) == []
    assert runtime.check(measured(most + 0.2)) == [f"{name} holds {most + 0.2} MB, more than {most:.0f}"]


def test_every_row_has_a_cell_for_each_column_and_the_design_s_best_before_its_floor() -> None:
    columns = limits.HEAD.split(" | ")
    assert columns[4:6] == ["best known", "floor"]
    cells = [line.split(" | ") for line in PAGE.read_text().partition(limits.HEAD)[2].split("\n\n")[0].splitlines()[2:]]
    assert {len(row) for row in cells} == {len(columns)}
    assert "| 0.33 B | 0.12 B |" in row("cold start: webhook_ingest")
    assert "| 1 / 4 | 1 / 1 |" in row("paid order: DynamoDB calls")
    assert "| 7.80 | 1.82 here; 2.70 |" in row("$ a million: paid order")
    assert re.search(r" \|  \| [\d.]+ here \| `", row("$ a million: Scheduler"))


@pytest.mark.skipif(instructions.valgrind() is None, reason=instructions.MISSING)
def test_the_versions_are_those_that_are_pinned() -> None:
    pins = (ROOT / "layers" / "shared" / "requirements.txt").read_text()
    found = bench.measured_with()
    assert all(f"{name}=={found[name]} " in pins for name in ("botocore", "boto3", "aws-lambda-powertools", "pydantic"))
    assert all(re.fullmatch(r"[\d.]+", version) for version in found.values())


def test_a_rate_below_the_limit_is_said_to_be() -> None:
    assert "| 2,500 (**below the limit**), on this machine; 0.049 b each, of 100 |" in row("group job", cpu=40.0)
    assert "| 5,000, on this machine; 0.049 b each, of 100 |" in row("group job")


def test_the_naive_figures_of_this_run_stand_before_those_of_the_design() -> None:
    assert "| 6 / 10 here; 5 / 13 |" in row("paid order: DynamoDB calls")
    assert "| 4 / 6 here; 4 / 10 |" in row("group member: calls")
    assert "| 200 here, under the runtime, where ours is 5,000; 610 |" in row("group job")
    assert "| 100 s here, by its table's write units, where ours are 75 s; 250 s |" in row("1,000,000 members")
    assert " here; 36.60 |" in row("$ a million: paid order")
    for start in ("cold start: webhook_ingest", "cold start: admin"):
        assert "| 2.50 B here, and 7.00 B as `sam build` packs it; 1.8 B, and 5.8 B |" in row(start)
    assert "| 5.00 b here, by the same clock; 5.7 b |" in row("warm call")
    assert "| 75 MB here, under the runtime, where of ours webhook_ingest has most, 31; 68 MB |" in row("memory")


def test_a_task_s_limit_with_time_stands_beside_the_design_s_and_says_where_it_is_from() -> None:
    (link,) = re.findall(r"\((adr/[^)]+)\)", row("$ a million: delayed task"))
    assert (ROOT / "docs" / link).is_file()
