"""What a call takes once a function is warm, in units of one raw transaction, and how much memory it holds by then.

AWS's answers come from a tape inside the process, so what is counted has no socket in it: neither ours nor the unit.
"""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.benchmarks import instructions, stock, story, tapes
from tests.benchmarks.runtime import MOST_MEMORY, OURS
from tests.benchmarks.test_import_budgets import AT_ONCE, BUDGETS, FIGURES

HERE = Path(__file__).parent
COUNTED = tuple(name for name in BUDGETS if "warm" in BUDGETS[name])
WARM, MORE = 3, 13
"""Calls up to which nothing is counted, and up to which everything is."""

USE = "import re, pathlib; print(re.search(r'VmHWM:\\s+(\\d+)', pathlib.Path('/proc/self/status').read_text())[1])"


@pytest.fixture(scope="module")
def taped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Where the tape of each hot function is, and that of the raw transaction."""
    home = tmp_path_factory.mktemp("tapes")
    recorded = dict(tapes.record(*OURS))
    recorded["raw"] = tapes.raw(recorded["event_worker"])
    for name, tape in recorded.items():
        tape.write(home / name)
    return {name: home / name for name in recorded}


@pytest.fixture(scope="module")
def warm(build: Path, taped: dict[str, Path]) -> dict[str, float]:
    """What a warm call of each counted function takes, in b; also written down beside the cold starts."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = {(name, times): pool.submit(calls, name, times, build, taped[name]) for name, times in wanted()}
        counts = {name: runs[name, MORE].result() - runs[name, WARM].result() for name in (*COUNTED, "raw")}
    lines = [
        f"{name:16} {counts[name] / (MORE - WARM):14,.0f} {counts[name] / counts['raw']:7.3f} b" for name in counts
    ]
    FIGURES.with_name("warm.txt").write_text("\n".join(lines) + "\n")
    return {name: counts[name] / counts["raw"] for name in COUNTED}


def wanted() -> list[tuple[str, int]]:
    """Every run that is counted."""
    return [(name, times) for name in (*COUNTED, "raw") for times in (WARM, MORE)]


def calls(name: str, times: int, build: Path, tape: Path) -> int:
    """The instructions of a cold start and so many calls."""
    if name == "raw":
        paths, code = [stock.site_packages(), HERE / "handlers", HERE], f"import played; played.raw('{tape}', {times})"
    else:
        paths, code = built(name, build), f"import played; played.function('{tape}', {times})"
    return instructions.count(code, paths, story.NAMES)


def built(name: str, build: Path) -> list[Path]:
    """Where a built function imports from, and what plays to it."""
    return [build / "SharedLayer" / "python", build / "".join(word.title() for word in name.split("_")), HERE]


@pytest.mark.parametrize("function", COUNTED)
def test_a_warm_call_is_within_its_budget(warm: dict[str, float], function: str) -> None:
    assert warm[function] <= BUDGETS[function]["warm"]


@pytest.mark.parametrize("function", OURS)
def test_a_hot_function_holds_little_memory(build: Path, taped: dict[str, Path], function: str) -> None:
    paths = [str(path) for path in built(function, build)]
    program = f"import sys; sys.path[:0] = {paths}; import played; played.function('{taped[function]}', 2); {USE}"
    finished = subprocess.run(
        [str(instructions.PYTHON), "-S", "-B", "-P", "-c", program],
        env={**instructions.ENVIRONMENT, **story.NAMES},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(finished.stdout.splitlines()[-1]) / 1024 <= MOST_MEMORY
