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
ROOTS: Final = {"amazon": "amazon-roots.pem", "all": "botocore/cacert.pem"}
"""What parameter ``TrustedRoots`` chooses between."""
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
    """The instructions that a function takes to start: to be imported, to make what its first call works on, and to
    connect. Whoever it connects to is among it, some 0.01 B."""
    paths = [build / "SharedLayer" / "python", build / logical_id(function), runtime.HERE]
    return instructions.count("import played; played.start()", paths, {**_NAMES, **instructions.ON_LAMBDA})


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


def measure_certificates(build: Path) -> dict[str, float]:
    """Count what it takes to read the certificates that a connection is checked against, in B, by ``TrustedRoots``."""
    layer = build / "SharedLayer" / "python"
    context = "import ssl; context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)"
    with instructions.side_by_side() as pool:
        unit, without = pool.submit(stock.instructions), pool.submit(instructions.count, context, [], {})
        code = {roots: f"{context}; context.load_verify_locations('{layer / file}')" for roots, file in ROOTS.items()}
        counted = {roots: pool.submit(instructions.count, code[roots], [], {}) for roots in ROOTS}
        return {roots: (counted[roots].result() - without.result()) / unit.result() for roots in ROOTS}


def _write(counts: Mapping[str, int]) -> None:
    """One line each: instructions, the same in B, and the budget."""
    lines = [f"{'':16} {'instructions':>14} {'B':>7} {'budget':>7}"]
    for name, count in counts.items():
        budget = BUDGETS.get(name, {}).get("budget", "")
        lines.append(f"{name:16} {count:14,} {count / counts[UNIT]:7.3f} {budget:>7}")
    FIGURES.write_text("\n".join(lines) + "\n")
