"""What those functions ask of DynamoDB that decide, counted again on the deployed stack: every operation of the budget
costs today what ``make bench`` counted last, in calls, in units, in the items that are read and in the units of those
that are written, and in dollars what it may. It takes a minute.

The notifier is at rest here: it decides nothing, and takes half a minute to look at what a thousand members were given.
"""

from tests.benchmarks import cost, recount, units
from tests.benchmarks.scene import PARTS, opened


def test_every_operation_costs_what_was_counted_last() -> None:
    with opened("notifier") as scene:
        for part in PARTS:
            part(scene)
    kept, again = units.read(), scene.found
    assert recount.recounted(kept, again) == []
    now = {name: recount.to_price(kept[name], found) for name, found in again.items()}
    assert cost.check(kept | now) == []
