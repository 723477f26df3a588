"""What a call takes once a function is warm, in units of one raw transaction.

AWS's answers come from a tape, over sockets of the process's own: what is counted has the HTTP client in it, in ours
and in the unit, but nothing that the system does, and no TLS.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dev.project import logical_id
from tests.benchmarks import instructions, stock, story, tapes
from tests.benchmarks.cold import BUDGETS, FIGURES

HERE: Final = Path(__file__).parent
COUNTED: Final = tuple(name for name in BUDGETS if "warm" in BUDGETS[name])
WEBHOOK: Final = ("event_worker", "webhook_ingest")
"""A webhook's whole way: taken in, and posted."""

WARM, MORE = 3, 13
"""Calls up to which nothing is counted, and up to which everything is."""


def record(home: Path) -> dict[str, Path]:
    """Write the tape of each counted function, and that of the raw transaction; return where each is."""
    recorded = dict(tapes.record(*COUNTED))
    recorded["raw"] = tapes.raw(recorded["event_worker"])
    for name, tape in recorded.items():
        tape.write(home / name)
    return {name: home / name for name in recorded}


def measure(build: Path, taped: Mapping[str, Path]) -> dict[str, float]:
    """Count what a warm call of each counted function takes, in b; also written down beside the cold starts."""
    wanted = [(name, times) for name in (*COUNTED, "raw") for times in (WARM, MORE)]
    with instructions.side_by_side() as pool:
        runs = {(name, times): pool.submit(_calls, name, times, build, taped[name]) for name, times in wanted}
        counts = {name: runs[name, MORE].result() - runs[name, WARM].result() for name in (*COUNTED, "raw")}
    lines = [
        f"{name:16} {counts[name] / (MORE - WARM):14,.0f} {counts[name] / counts['raw']:7.3f} b" for name in counts
    ]
    FIGURES.with_name("warm.txt").write_text("\n".join(lines) + "\n")
    return {name: counts[name] / counts["raw"] for name in COUNTED}


def _calls(name: str, times: int, build: Path, tape: Path) -> int:
    """The instructions of a cold start and so many calls."""
    if name == "raw":
        paths, code = [stock.site_packages(), HERE / "handlers", HERE], f"import played; played.raw('{tape}', {times})"
    else:
        paths, code = _built(name, build), f"import played; played.function('{tape}', {times})"
    return instructions.count(code, paths, {**story.NAMES, **instructions.ON_LAMBDA})


def connections(name: str, build: Path, tape: Path) -> tuple[int, int]:
    """How many connections a function opens while it starts, and in its first call."""
    code = f"import played; played.first_call('{tape}')"
    printed = instructions.run(code, _built(name, build), {**story.NAMES, **instructions.ON_LAMBDA})
    at_start, in_call = map(int, printed.split())
    return at_start, in_call


def _built(name: str, build: Path) -> list[Path]:
    """Where a built function imports from, and what plays to it."""
    return [build / "SharedLayer" / "python", build / logical_id(name), HERE]
