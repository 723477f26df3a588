"""Many worlds, each another mixture of news, reviewers, adjustments, faults, crashes and interleavings."""

import os

import pytest

from cashback.domain.reconciliation import Reconciliation
from cashback.domain.times import OLDEST
from cashback.services.reconcile import compare_next
from tests.simulation.persons import STORE
from tests.simulation.soak import broken
from tests.simulation.world import World

WORLDS = int(os.environ.get("CASHBACK_WORLDS", "10000"))
EACH = 50
"""A second of work: so many show how far it is, and that no worker of pytest's waits long for the last one."""


@pytest.mark.parametrize("first", range(0, WORLDS, EACH))
@pytest.mark.row(
    "P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9", "P10", "P11", "P12", "P14", "P16", "P17", "P19", "P20"
)
def test_every_invariant_holds_in_every_world(first: int) -> None:
    found = broken(range(first, first + EACH))
    assert not found, f"`python -m tests.simulation.soak --replay {found[0][0]}` tells what happened: {found}"


@pytest.mark.parametrize("first", range(0, WORLDS // 50, EACH))
@pytest.mark.row("P1")
def test_a_comparison_finds_nothing_in_any_world(first: int) -> None:
    compared = 0
    for seed in range(first, first + EACH):
        world = World(seed).run()
        made = Reconciliation("2026-01-01", world.now(), OLDEST)
        while made.finished_at is None:
            made, page = compare_next(world.books, STORE, made, world.now())
            assert not page.differences, f"seed {seed}: {page.differences}"
        compared += made.customers
    assert compared
