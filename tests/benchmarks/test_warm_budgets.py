"""Warm calls in units of one raw transaction, each within its budget, and the memory of hot functions."""

from pathlib import Path

import pytest

from tests.benchmarks import warm
from tests.benchmarks.cold import BUDGETS
from tests.benchmarks.limits import WARM_LIMIT
from tests.benchmarks.runtime import MOST_MEMORY, OURS


@pytest.fixture(scope="module")
def taped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Where the tape of each hot function is, and that of the raw transaction."""
    return warm.record(tmp_path_factory.mktemp("tapes"))


@pytest.fixture(scope="module")
def costs(counter: None, build: Path, taped: dict[str, Path]) -> dict[str, float]:
    """What a warm call of each counted function takes, in b."""
    return warm.measure(build, taped)


@pytest.mark.parametrize("function", warm.COUNTED)
def test_a_warm_call_is_within_its_budget(costs: dict[str, float], function: str) -> None:
    assert costs[function] <= BUDGETS[function]["warm"]


def test_the_budgets_of_a_webhook_are_within_its_limit() -> None:
    assert sum(BUDGETS[function]["warm"] for function in warm.COUNTED) <= WARM_LIMIT


@pytest.mark.parametrize("function", OURS)
def test_a_hot_function_holds_little_memory(build: Path, taped: dict[str, Path], function: str) -> None:
    assert warm.memory(function, build, taped[function]) <= MOST_MEMORY
