"""What a cold start of each function takes, in instructions; told in B, those of stock boto3 with a DynamoDB client.
The naive webhook is counted in the same way."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cashback.edge.clients import Environment
from dev.project import LOCAL, logical_id
from tests.benchmarks import instructions, runtime, stock

BUDGETS: Final[dict[str, dict[str, Any]]] = tomllib.loads((Path(__file__).parent / "budgets.toml").read_text())
FIGURES: Final = LOCAL / "benchmarks" / "imports.txt"
UNIT: Final = "stock boto3"
_NAMES: Final = {name.upper(): "name" for name in Environment.__struct_fields__}


def measure(build: Path) -> dict[str, float]:
    """Count every function's cold start, in B; the counts are also written down, as a table."""
    with instructions.side_by_side() as pool:
        unit = pool.submit(stock.instructions)
        counted = {name: pool.submit(_cold_start, name, build) for name in BUDGETS}
        counts = {UNIT: unit.result(), **{name: future.result() for name, future in counted.items()}}
    _write(counts)
    return {name: counts[name] / counts[UNIT] for name in BUDGETS}


def _cold_start(function: str, build: Path) -> int:
    """The instructions of a function's cold start, up to what its first call works on."""
    created = "; ".join(f"deps.{name}()" for name in BUDGETS[function]["creates"])
    code = f"import app; from cashback.edge import deps; {created}"
    return instructions.count(code, [build / "SharedLayer" / "python", build / logical_id(function)], _NAMES)


def measure_naive() -> dict[str, float]:
    """Count the cold start of the naive webhook, in B: compiled as ours are, and with no bytecode. It makes what its
    first call works on while it is imported."""
    with instructions.side_by_side() as pool:
        unit = pool.submit(stock.instructions)
        packages = zip((runtime.NAIVE_WEBHOOK, runtime.NAIVE_PACKED), runtime.naive_packages(), strict=True)
        counted = {name: pool.submit(_naive_cold_start, folder) for name, folder in packages}
        return {name: future.result() / unit.result() for name, future in counted.items()}


def _naive_cold_start(packages: Path) -> int:
    return instructions.count("import webhook", [runtime.HERE / "naive", packages], runtime.NAIVE_NAMES)


def _write(counts: Mapping[str, int]) -> None:
    """One line each: instructions, the same in B, and the budget."""
    lines = [f"{'':16} {'instructions':>14} {'B':>7} {'budget':>7}"]
    for name, count in counts.items():
        budget = BUDGETS.get(name, {}).get("budget", "")
        lines.append(f"{name:16} {count:14,} {count / counts[UNIT]:7.3f} {budget:>7}")
    FIGURES.write_text("\n".join(lines) + "\n")
