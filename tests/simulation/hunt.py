"""Mutants of the lines that guard money: how many worlds it takes until each breaks a rule.

python -m tests.simulation.hunt                      all that worlds can catch; 1 if one of them survives
python -m tests.simulation.hunt --only "the account's version" --most 500

Each is made in a copy of the tree, never in the tree itself, and hunted by the modules of that copy. Worlds are those
of the seeds from 0 on, so what is told is the first seed that fails, and one. A mutant that no world can tell from the
original names the test that can.
"""

import argparse
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Final

from dev.project import ROOT
from tests.simulation.automation import has_scenarios
from tests.simulation.guards import CODE, MUTANTS, Mutant
from tests.simulation.invariants import violations
from tests.simulation.jobs import has_jobs
from tests.simulation.projecting import is_projected
from tests.simulation.withdrawals import is_office
from tests.simulation.world import World

MOST: Final = 10_000
"""Worlds that a mutant survives at most."""

STUCK: Final = 120
"""Seconds after which a world counts as one that never ends."""

_COPIED: Final = (CODE, "tests", "dev")
_COPIED_FILES: Final = ("pyproject.toml", "template.yaml")


def hunt(among: str, most: int) -> dict[str, Any]:
    """Run worlds until one breaks a rule; say in how many of them, and how."""
    kinds = {"jobs": has_jobs, "offices": is_office, "scenarios": has_scenarios, "projected": is_projected}
    is_concerned = kinds[among] if among else lambda _seed: True

    def give_up(_signal: int, _frame: object) -> None:
        raise TimeoutError("a world that never ends")

    signal.signal(signal.SIGALRM, give_up)
    for seed in filter(is_concerned, range(most)):
        signal.alarm(STUCK)
        try:
            with redirect_stdout(io.StringIO()):
                found = violations(World(seed).run())
        except Exception as bug:  # noqa: BLE001 - whatever it is, the mutant is caught
            where = traceback.extract_tb(bug.__traceback__)[-1]
            found = [f"{type(bug).__name__}: {bug} ({where.name})"]
        signal.alarm(0)
        if found:
            return {"worlds": seed + 1, "found": found[0]}
    return {"worlds": None, "found": ""}


def caught(mutant: Mutant, most: int) -> dict[str, Any]:
    """Make a mutant in a copy of the tree, and hunt it there in a process of its own: by worlds, or by the test that
    holds it."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as place:
        copy = Path(place)
        for name in _COPIED:
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in _COPIED_FILES:
            shutil.copy(ROOT / name, copy / name)
        mutant.made_in(copy)
        if mutant.held_by:
            told = _run(copy, "pytest", "-q", "-p", "no:cacheprovider", mutant.held_by)
            return {"worlds": None, "found": mutant.held_by if told.returncode == 1 else ""}
        told = _run(copy, "tests.simulation.hunt", "--hunt", "--among", mutant.among, "--most", str(most))
    if told.returncode:
        raise RuntimeError(told.stderr)
    answer: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return answer


def _run(copy: Path, *module: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{copy}/layers/shared:{copy}", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-m", *module], cwd=copy, env=environment, capture_output=True, text=True, check=False
    )


def rows(wanted: list[Mutant], most: int) -> Iterator[tuple[Mutant, dict[str, Any]]]:
    """Hunt mutants, two at a time; yield each with what became of it."""
    with ThreadPoolExecutor(2) as pool:
        yield from zip(wanted, pool.map(lambda one: caught(one, most), wanted), strict=True)


def main() -> int:
    """Do what the arguments ask for."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--most", type=int, default=MOST, help="worlds that a mutant survives at most")
    asked.add_argument("--only", default="", help="part of the names of the mutants to hunt")
    asked.add_argument("--hunt", action="store_true", help=argparse.SUPPRESS)
    asked.add_argument("--among", default="", help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.hunt:
        print(json.dumps(hunt(given.among, given.most)))
        return 0
    survived = 0
    print("| mutant | guards | worlds it took | what broke |\n|---|---|---|---|")
    for mutant, answer in rows([one for one in MUTANTS if given.only in one.name], given.most):
        survived += not answer["found"]
        took = (
            "held by a test"
            if mutant.held_by
            else f"survives {given.most:,}"
            if not answer["found"]
            else f"{answer['worlds']:,}"
        )
        broke = f"{mutant.why}: `{answer['found']}`" if mutant.held_by else answer["found"][:100].replace("|", "/")
        print(f"| {mutant.name} | {mutant.guards} | {took} | {broke} |", flush=True)
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
