"""Warm calls in units of one raw transaction, each within its budget, and the memory of hot functions."""

from pathlib import Path

import pytest

from dev.project import ROOT
from tests.benchmarks import tapes, warm, weights
from tests.benchmarks.cold import BUDGETS
from tests.benchmarks.limits import WARM_LIMIT
from tests.benchmarks.loads import LIMITS, LOADS, Load
from tests.benchmarks.runtime import MOST_MEMORY, OURS


@pytest.fixture(scope="module")
def taped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Where the tape of each counted function is, and that of the raw transaction."""
    return warm.record(tmp_path_factory.mktemp("tapes"))


@pytest.fixture(scope="module")
def costs(counter: None, build: Path, taped: dict[str, Path]) -> dict[str, float]:
    """What a warm call of each counted function takes, in b."""
    return warm.measure(build, taped)


@pytest.mark.parametrize("function", warm.COUNTED)
def test_a_warm_call_is_within_its_budget(costs: dict[str, float], function: str) -> None:
    assert costs[function] <= BUDGETS[function]["warm"]


def test_the_budgets_of_a_webhook_are_within_its_limit() -> None:
    assert sum(BUDGETS[function]["warm"] for function in warm.WEBHOOK) <= WARM_LIMIT


@pytest.mark.parametrize("function", OURS)
def test_a_first_call_finds_its_connections_open_but_that_to_kms(build: Path, tmp_path: Path, function: str) -> None:
    tape = tapes.record(function)[function]
    tape.write(tmp_path / function)
    at_start, in_call = warm.connections(function, build, tmp_path / function)
    assert (at_start >= 1, in_call) == (True, "Decrypt" in tape.answers())


@pytest.mark.parametrize("load", LOADS.values(), ids=LOADS)
def test_a_hot_function_holds_little_memory(build: Path, load: Load) -> None:
    assert weights.weigh(load, build) <= LIMITS.get(load.name, MOST_MEMORY)


def test_every_hot_function_is_weighed() -> None:
    functions = {folder.name for folder in (ROOT / "functions").iterdir()}
    assert {load.function for load in LOADS.values()} == {name for name in functions if not name.endswith("_api")}
