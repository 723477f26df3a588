"""Tasks in the State table, with what they watch and the guards of what is to happen once, in the partitions of their
customers and orders."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from cashback.adapters.dynamo import keys, scenario_keys
from cashback.adapters.dynamo.codec import Item
from cashback.adapters.dynamo.due import DueIndex
from cashback.adapters.dynamo.packing import Packing
from cashback.adapters.dynamo.tables import COUNTED_AT_ONCE, StateTable
from cashback.domain.due import DueKind
from cashback.domain.ledger import Write
from cashback.domain.scenarios import Condition, Scenario
from cashback.domain.tasks import Part, Task, TaskFigure, TaskStatus
from cashback.domain.times import moment

_PACKING: Final = Packing[Task](
    Task,
    b'{"task_id":"tsk_","scenario_id":"scn_","trigger":"customer.created","trigger":"order.paid","cause":"ord:1000:paid",'
    b'"cause":"cus:1000:created","occurred_at":"2026-01-01T00:00:00.000000Z","created_at":"2026-01-01T00:00:00.000000Z",'
    b'"due_at":"2026-01-01T00:00:00.000000Z","actions":{"promo_code":{"discount":{"percent":"10","amount":1000},"prefix":'
    b'"A-","expires_in":{"value":30,"unit":"days"}},"credit":1000,"message":{"channel":"email","channel":"push",'
    b'"channel":"sms","text":"{{userName}} {{promoCode}} {{amount}} {{balance}}"}},"customer_id":"1000",'
    b'"order_id":"1000","cancel_on":["order.created","order.cancelled","order.completed","review.created"],"success":{"on":'
    b'["order.created"],"within":{"value":14,"unit":"days"}},"status":"running","status":"cancelled","status":"executed","reason":'
    b'"order.created","outcomes":{"generate_promo_code":{"status":"done"},"credit_cashback":{"status":"queued"},'
    b'"send_message":{"status":"skipped","detail":"no_recipient"}},"promo_code":"A-","started_at":'
    b'"2026-01-01T00:00:00.000000Z","finished_at":"2026-01-01T00:00:00.000000Z","window_until":'
    b'"2026-01-01T00:00:00.000000Z","result":"awaiting_result","rev":4}',
)


class Tasks(Struct, frozen=True):
    """The documents of tasks, each written only over the revision that was read."""

    table: StateTable

    def get(self, store_id: str, task_id: str) -> Task | None:
        """Return a task (consistent, one read unit)."""
        item = self.table.get(scenario_keys.task(store_id, task_id))
        return None if item is None else task_of(item)

    def get_many(self, store_id: str, task_ids: Sequence[str]) -> list[Task]:
        """Return those of any number of tasks that exist, in the order asked for (consistent)."""
        return list(self.of_stores((store_id, task_id) for task_id in task_ids).values())

    def of_stores(self, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Task]:
        """Return those of any number of tasks that exist, each by its store and its id (consistent)."""
        places = {one: scenario_keys.task(*one) for one in wanted}
        found = self.table.get_many(places.values())
        return {one: task_of(found[place]) for one, place in places.items() if place in found}

    def started(self, store_id: str, candidates: Sequence[tuple[Task, Scenario]]) -> dict[str, Task | None]:
        """Return those of the tasks that need not be created, by id: the one that exists, or None where the scenario
        was started for the customer or the order before and does so once (consistent)."""
        places = {task.task_id: scenario_keys.task(store_id, task.task_id) for task, _ in candidates}
        guards = {
            task.task_id: _guards(store_id, task, scenario.once_per_order, scenario.once_per_customer)
            for task, scenario in candidates
        }
        found = self.table.get_many([*places.values(), *(guard for some in guards.values() for guard in some)])
        there: dict[str, Task | None] = {
            task_id: None for task_id, some in guards.items() if any(guard in found for guard in some)
        }
        return there | {task_id: task_of(found[key]) for task_id, key in places.items() if key in found}

    def create(self, store_id: str, task: Task, *, once_per_order: bool, once_per_customer: bool) -> bool:
        """Create a task in one transaction with its guards and, while it waits, with what it watches; False where it
        exists, or where its scenario was started before and does so once."""
        absent = "attribute_not_exists(pk)"
        guards = [
            self.table.put({"pk": pk, "sk": sk, "task_id": task.task_id}, absent)
            for pk, sk in _guards(store_id, task, once_per_order, once_per_customer)
        ]
        expiry = int(moment(task.heard_until).timestamp())
        watches = [
            self.table.put({"pk": pk, "sk": sk, "expires_at_epoch": expiry}) for pk, sk in _watches(store_id, task)
        ]
        return self.table.try_commit(self.table.put(_item(store_id, task), absent), *guards, *watches)

    def write(self, store_id: str, before: Task, after: Task) -> Write:
        """Build the conditional write of a task over the revision ``before``."""
        return self.table.put(_item(store_id, after), "rev = :rev", {":rev": before.rev})

    def changes(self, store_id: str, before: Task, after: Task) -> list[Write]:
        """Build the same, with the end of the watches that are no longer needed."""
        ended = _watches(store_id, before) - _watches(store_id, after)
        return [self.write(store_id, before, after), *(self.table.delete(place) for place in sorted(ended))]

    def save(self, store_id: str, before: Task, after: Task, *also: Write) -> bool:
        """Write a task over the revision ``before``, with ``also``; False where someone else was first."""
        return self.table.try_commit(*self.changes(store_id, before, after), *also)

    def watching_customer(self, store_id: str, customer_id: str) -> list[str]:
        """Return the tasks that are to be told of an order of a customer (consistent). They may have ended."""
        pk, prefix = scenario_keys.watch_of_customer(store_id, customer_id, Condition.ORDER_CREATED, "")
        return [scenario_keys.watched(item["sk"])[1] for item in self._begins(pk, prefix)]

    def watching_order(self, store_id: str, order_id: str) -> dict[str, frozenset[Condition]]:
        """Return the tasks that are to be told of what happens to an order, and of what (consistent). They may have
        ended."""
        found: dict[str, frozenset[Condition]] = {}
        for item in self._begins(keys.order(store_id, order_id).pk, scenario_keys.WATCH):
            event, task_id = scenario_keys.watched(item["sk"])
            found[task_id] = found.get(task_id, frozenset()) | {Condition(event)}
        return found

    def copy_guards(self, store_id: str, from_id: str, into_id: str) -> None:
        """Let what was started once for one customer be started for another no more. It can be repeated."""
        into = keys.customer(store_id, into_id)
        for item in self._begins(keys.customer(store_id, from_id), scenario_keys.ONCE):
            self.table.try_commit(self.table.put({**item, "pk": into}, "attribute_not_exists(pk)"))

    def page(
        self, store_id: str, scenario_ids: Sequence[str], parts: Sequence[Part], limit: int, before: str | None
    ) -> tuple[list[Task], str | None]:
        """Return up to ``limit`` tasks of these scenarios that stand in these lists, the newest first, those before a
        place, and the place to go on (None at the end).

        The index may lag a second; the tasks themselves are read fresh, and one that moved on since is left out.
        """
        partitions = [
            scenario_keys.tasks_listed(store_id, scenario, part) for scenario in scenario_ids for part in parts
        ]
        places, place = self.table.newest(partitions, limit, before)
        page = self.get_many(store_id, [keys.listed_id(one) for one in places])
        return [task for task in page if task.part in parts], place

    def figures(self, store_id: str, scenario_id: str) -> Iterator[TaskFigure]:
        """Yield what is counted of each task of a scenario, read off the index, which may lag a second."""
        for part in Part:
            values = {":pk": scenario_keys.tasks_listed(store_id, scenario_id, part)}
            for item in self.table.query("listing_pk = :pk", values, IndexName="listing", Limit=COUNTED_AT_ONCE):
                yield TaskFigure(part, item.get("outcome"), item.get("credit", 0))

    def _begins(self, pk: str, prefix: str) -> Iterator[Item]:
        condition = "pk = :pk AND begins_with(sk, :prefix)"
        return self.table.query(condition, {":pk": pk, ":prefix": prefix}, ConsistentRead=True)


def _guards(store_id: str, task: Task, once_per_order: bool, once_per_customer: bool) -> list[keys.Key]:
    """The places that say that a scenario was started for a task's order, or for its customer."""
    guards = []
    if once_per_order and task.order_id is not None:
        guards.append(scenario_keys.once_per_order(store_id, task.order_id, task.scenario_id))
    if once_per_customer and task.customer_id is not None:
        guards.append(scenario_keys.once_per_customer(store_id, task.customer_id, task.scenario_id))
    return guards


def _watches(store_id: str, task: Task) -> set[keys.Key]:
    """The places where an event finds a task: none once it was cancelled or failed, for nothing concerns it then."""
    if task.status in {TaskStatus.CANCELLED, TaskStatus.FAILED}:
        return set()
    watches = set()
    for condition in task.watches(waiting=task.status is TaskStatus.WAITING):
        if condition is not Condition.ORDER_CREATED:
            if task.order_id is not None:
                watches.add(scenario_keys.watch_of_order(store_id, task.order_id, condition, task.task_id))
        elif task.customer_id is not None:
            watches.add(scenario_keys.watch_of_customer(store_id, task.customer_id, condition, task.task_id))
    return watches


def _item(store_id: str, task: Task) -> Item:
    """A task as it is stored. What is counted of it stands as attributes beside its place in the list, and is left out
    where there is nothing to count."""
    pk, sk = scenario_keys.task(store_id, task.task_id)
    figure = task.figure
    return {
        "pk": pk,
        "sk": sk,
        "rev": task.rev,
        "document": _PACKING.pack(task),
        "listing_pk": scenario_keys.tasks_listed(store_id, task.scenario_id, figure.part),
        "listing_sk": keys.listed(task.created_at, task.task_id),
        "outcome": figure.outcome,
        "credit": figure.credit or None,
        **DueIndex.attributes(store_id, DueKind.TASK, task.task_id, task.comes_due_at),
    }


def task_of(item: Item) -> Task:
    """Return the task that an item holds."""
    return _PACKING.unpack(item["document"])
