"""A seed tells the same story each time: in another process, and whether its readings are remembered or not."""

import io
import os
import subprocess
import sys
from contextlib import nullcontext, redirect_stdout

import pytest

from dev.project import ROOT
from tests.simulation.invariants import violations
from tests.simulation.memory import Memory
from tests.simulation.world import World

SEEDS = (39, 61, 65)
"""Their queries go on at cursors, which have two names."""

TOLD_BY = """
import sys
from tests.simulation.test_replay import story
for seed in map(int, sys.argv[1:]):
    print(*story(seed), sep="\\n")
"""


def story(seed: int) -> list[str]:
    """What each call of a world did, and what did not hold."""
    trace: list[str] = []
    with redirect_stdout(io.StringIO()):
        wrong = violations(World(seed, trace=trace).run())
    return [*trace, *wrong]


def told_where_hashes_are(hash_seed: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", TOLD_BY, *map(str, SEEDS)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}/layers/shared:{ROOT}", "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_a_seed_replays_its_world_call_by_call_whatever_hashes_a_process_has() -> None:
    first, *others = (told_where_hashes_are(hash_seed) for hash_seed in ("0", "1"))
    assert len(first.splitlines()) > 500
    assert others == [first]


def test_what_is_remembered_changes_no_call_of_a_world(monkeypatch: pytest.MonkeyPatch) -> None:
    remembering = [story(seed) for seed in range(30)]
    monkeypatch.setattr(Memory, "in_use", lambda _: nullcontext())
    for seed, told in enumerate(remembering):
        assert story(seed) == told, f"seed {seed}"
