"""What those functions ask of DynamoDB that decide, counted again on the deployed stack: every operation of the budget
costs today what ``make bench`` counted last, in calls, in units and in the items that are read, and in dollars what it
may. It takes 50 s.

The notifier is at rest here: it decides nothing, and takes half a minute to look at what a thousand members were given.
"""

from collections.abc import Callable, Iterator

import pytest

from tests.benchmarks import cost, units
from tests.benchmarks.scene import PARTS, Scene, opened


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with opened("notifier") as found:
        yield found


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_operations_cost_what_was_counted_last(scene: Scene, part: Callable[[Scene], None]) -> None:
    scene.found.clear()
    part(scene)
    kept = units.read()
    assert scene.found
    assert [line for again in scene.found.values() for line in units.differences(kept[again.name], again)] == []
    now = {name: units.to_price(kept[name], found) for name, found in scene.found.items()}
    assert cost.check(kept | now) == []
