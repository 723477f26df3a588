"""What those functions ask of DynamoDB that decide, counted again on the deployed stack: what ``make bench`` counted
last is so today."""

from collections.abc import Callable, Iterator

import pytest

from tests.benchmarks import units
from tests.benchmarks.scene import Scene, opened


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with opened() as found:
        yield found


@pytest.mark.parametrize("part", [Scene.sales, Scene.reviews, Scene.group], ids=["sales", "reviews", "group"])
def test_operations_cost_what_was_counted_last(scene: Scene, part: Callable[[Scene], None]) -> None:
    scene.found.clear()
    part(scene)
    kept = units.read()
    assert scene.found
    assert [line for again in scene.found.values() for line in units.recounted(kept[again.name], again)] == []
