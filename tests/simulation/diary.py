"""What was committed of scenarios, orders and tasks in a world, in the order in which it was."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.codec import from_item
from cashback.adapters.dynamo.documents import order_of
from cashback.adapters.dynamo.packing import Packing
from cashback.adapters.dynamo.tasks import task_of
from cashback.domain.scenarios import Scenario
from cashback.domain.times import Instant, instant

if TYPE_CHECKING:
    from cashback.domain.orders import Order
    from cashback.domain.tasks import Task
    from tests.simulation.dynamo import Write
    from tests.simulation.values import Item
    from tests.simulation.world import World

SCENARIOS = Packing[Scenario](Scenario)


class Invocation(NamedTuple):
    """One invocation: its number, and whether it is a worker's."""

    began: int
    is_worker: bool


class Saved(NamedTuple):
    """One version of a scenario."""

    at: int
    scenario: Scenario


class Recorded(NamedTuple):
    """One version of an order, and who wrote it."""

    at: int
    by: Invocation
    item: Item

    @property
    def order(self) -> Order:
        return order_of(from_item(self.item))


class Moved(NamedTuple):
    """One version of a task, when it was written, and in which invocation."""

    at: int
    by: Invocation
    now: Instant
    task: Task
    is_calm: bool


class Diary:
    """Writes and invocations are numbered as they happen, so numbers tell what was before what."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.scenarios: defaultdict[str, list[Saved]] = defaultdict(list)
        self.orders: defaultdict[str, list[Recorded]] = defaultdict(list)
        self.tasks: defaultdict[str, list[Moved]] = defaultdict(list)
        self.profiles: defaultdict[str, list[Recorded]] = defaultdict(list)
        self.alarms: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        """When an alarm was set for a step of a task."""
        self.codes: dict[str, str] = {}
        self.merges: dict[str, tuple[int, str]] = {}
        """Into whom an account was merged, and when."""
        self.handled: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        """When each delivery was begun and done with, each time that it was handled to the end."""
        self.cut_off: set[int] = set()
        """When invocations began that could not handle all they were given."""
        self.mornings: list[tuple[int, int, Instant]] = []
        """When the birthdays of a day were begun and done with, and by the clock."""

    def note(self, write: Write) -> None:
        """Keep one write."""
        if write.new is None:
            return
        at = self.world.tick()
        match str(write.key[1]):
            case "TASK":
                task = task_of(from_item(write.new))
                now = instant(self.world.clock.now())
                moved = Moved(at, self.world.invocation, now, task, self.world.is_calm)
                self.tasks[task.task_id].append(moved)
            case "SCENARIO":
                scenario = SCENARIOS.unpack(from_item(write.new)["document"])
                self.scenarios[scenario.scenario_id].append(Saved(at, scenario))
            case "ORDER":
                order_id = keys.unescape(str(write.key[0]).rpartition("#")[2])
                self.orders[order_id].append(Recorded(at, self.world.invocation, write.new))
            case "PROFILE":
                customer_id = keys.unescape(str(write.key[0]).rpartition("#")[2])
                self.profiles[customer_id].append(Recorded(at, self.world.invocation, write.new))
            case "ACCOUNT" if "merged_into" in write.new and "merged_into" not in (write.old or {}):
                customer_id = keys.unescape(str(write.key[0]).rpartition("#")[2])
                self.merges[customer_id] = at, str(from_item(write.new)["merged_into"])
            case "PROMO" if write.old is None:
                code = keys.unescape(str(write.key[0]).rpartition("#")[2])
                self.codes[code] = self.world.automation.at_work[-1] if self.world.automation else ""

    def owner(self, customer_id: str | None, at: int) -> str | None:
        """Who a customer was at a time, after all merges."""
        if customer_id is None or customer_id not in self.merges:
            return customer_id
        merged, into = self.merges[customer_id]
        return self.owner(into, at) if merged <= at else customer_id

    def order_at(self, order_id: str, at: int) -> Order | None:
        """An order as it stood at a time."""
        before = [recorded for recorded in self.orders[order_id] if recorded.at <= at]
        return before[-1].order if before else None
