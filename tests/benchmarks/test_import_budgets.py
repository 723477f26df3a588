"""Cold starts in units of stock boto3, each within its budget."""

import tomllib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from cashback.edge.clients import Environment
from dev.project import LOCAL, ROOT
from tests.benchmarks import instructions, stock

BUDGETS: dict[str, dict[str, Any]] = tomllib.loads((Path(__file__).parent / "budgets.toml").read_text())
FIGURES = LOCAL / "benchmarks" / "imports.txt"
AT_ONCE = 2
NAMES = {name.upper(): "name" for name in Environment.__struct_fields__}


@pytest.fixture(scope="module")
def costs(build: Path) -> dict[str, float]:
    """What each function's cold start takes, in B; also written down, as a table."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        unit = pool.submit(stock.instructions)
        counted = {name: pool.submit(cold_start, name, build) for name in BUDGETS}
        counts = {name: future.result() for name, future in counted.items()}
    write_table({"stock boto3": unit.result(), **counts})
    return {name: count / unit.result() for name, count in counts.items()}


def cold_start(function: str, build: Path) -> int:
    """The instructions of a function's cold start, up to what its first call works on."""
    created = "; ".join(f"deps.{name}()" for name in BUDGETS[function]["creates"])
    folder = build / "".join(word.title() for word in function.split("_"))
    code = f"import app; from cashback.edge import deps; {created}"
    return instructions.count(code, [build / "SharedLayer" / "python", folder], NAMES)


def write_table(counts: Mapping[str, int]) -> None:
    """One line each: instructions, the same in B, and the budget."""
    unit = counts["stock boto3"]
    lines = [f"{'':16} {'instructions':>14} {'B':>7} {'budget':>7}"]
    for name, count in counts.items():
        budget = BUDGETS.get(name, {}).get("budget", "")
        lines.append(f"{name:16} {count:14,} {count / unit:7.3f} {budget:>7}")
    FIGURES.write_text("\n".join(lines) + "\n")


def test_every_function_has_a_budget() -> None:
    assert set(BUDGETS) == {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}


@pytest.mark.parametrize("function", BUDGETS)
def test_a_cold_start_is_within_its_budget(costs: dict[str, float], function: str) -> None:
    assert costs[function] <= BUDGETS[function]["budget"]
