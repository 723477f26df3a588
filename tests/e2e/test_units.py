"""What those functions ask of DynamoDB that decide, counted again on the deployed stack: what ``make bench`` counted
last, and what docs/performance.md says, is so today."""

from collections.abc import Callable, Iterator

import pytest

from tests.benchmarks import units
from tests.benchmarks.units import Operation, Scene


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with units.scene() as found:
        yield found


@pytest.mark.parametrize("part", [Scene.sales, Scene.reviews, Scene.group], ids=["sales", "reviews", "group"])
def test_operations_cost_what_was_counted_last(scene: Scene, part: Callable[[Scene], None]) -> None:
    scene.found.clear()
    part(scene)
    kept: dict[str, Operation] = units.read()
    assert scene.found
    assert [line for again in scene.found.values() for line in units.recounted(kept[again.name], again)] == []
