"""Cold starts in units of stock boto3, each within its budget."""

from pathlib import Path

import pytest

from dev.project import ROOT
from tests.benchmarks import cold, runtime
from tests.benchmarks.cold import BUDGETS
from tests.benchmarks.limits import ADMIN_LIMIT, HOT_LIMIT


@pytest.fixture(scope="module")
def costs(counter: None, build: Path) -> dict[str, float]:
    """What each function's cold start takes, in B."""
    return cold.measure(build)


def test_every_function_has_a_budget() -> None:
    assert set(BUDGETS) == {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}


@pytest.mark.parametrize("function", BUDGETS)
def test_no_budget_is_above_the_limit_of_its_kind(function: str) -> None:
    assert BUDGETS[function]["budget"] <= (ADMIN_LIMIT if function.endswith("_api") else HOT_LIMIT)


@pytest.mark.parametrize("function", BUDGETS)
def test_a_cold_start_is_within_its_budget(costs: dict[str, float], function: str) -> None:
    assert costs[function] <= BUDGETS[function]["budget"]


@pytest.fixture(scope="module")
def naive(counter: None) -> dict[str, float]:
    """What the naive webhook's cold start takes, in B."""
    return cold.measure_naive()


@pytest.mark.parametrize("function", BUDGETS)
def test_a_budget_is_a_third_of_the_naive_start_and_half_of_it_for_the_admin_api(
    naive: dict[str, float], function: str
) -> None:
    assert BUDGETS[function]["budget"] <= naive[runtime.NAIVE_WEBHOOK] / (2 if function.endswith("_api") else 3)
    assert naive[runtime.NAIVE_PACKED] >= 2 * naive[runtime.NAIVE_WEBHOOK]


def test_amazon_s_certificates_are_read_in_a_twentieth_of_what_all_take(counter: None, build: Path) -> None:
    counted = cold.measure_certificates(build)
    assert counted["amazon"] <= counted["all"] / 20
