"""Many worlds, each another mixture of news, reviewers, adjustments, faults, crashes and interleavings."""

import os

import pytest

from tests.simulation.invariants import violations
from tests.simulation.world import World

WORLDS = int(os.environ.get("CASHBACK_WORLDS", "2000"))
EACH = 100


@pytest.mark.parametrize("first", range(0, WORLDS, EACH))
def test_every_invariant_holds_in_every_world(first: int) -> None:
    for seed in range(first, first + EACH):
        found = violations(World(seed).run())
        assert not found, f"seed {seed}: {found}"
