"""What must hold of scenarios and tasks. A model of what should be is made of the facts, the versions of scenarios and
the customers that there were, each at the time at which it was written."""

from __future__ import annotations

from collections import Counter, defaultdict
from copy import replace
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from cashback.adapters.dynamo import scenario_keys
from cashback.adapters.dynamo.codec import from_item
from cashback.domain.delays import Unit
from cashback.domain.ledger import EntryStatus
from cashback.domain.orders import News
from cashback.domain.scenarios import LIMITED, Actions, Condition, Limits, ScenarioStatus, Trigger
from cashback.domain.tasks import MOVES, Action, ActionStatus, Part, Result, Step, TaskStatus, task_id_of
from cashback.domain.times import Instant, moment
from cashback.services.read_scenario_stats import read_scenario_stats
from tests.simulation.campaigns import Campaigning
from tests.simulation.persons import STORE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cashback.domain.delays import Delay
    from cashback.domain.ledger import Entry
    from cashback.domain.orders import Order
    from cashback.domain.scenarios import Scenario
    from cashback.domain.tasks import Task
    from tests.simulation.diary import Diary, Invocation, Moved
    from tests.simulation.world import World

WITHIN = timedelta(minutes=20)
"""What is due is done so soon after, whatever became of its alarm."""

TRIGGERS = {
    "created": Trigger.ORDER_CREATED,
    "paid": Trigger.ORDER_PAID,
    "completed": Trigger.ORDER_COMPLETED,
    "cancelled": Trigger.ORDER_CANCELLED,
    "ref": Trigger.ORDER_REFUNDED,
    "rev": Trigger.REVIEW_CREATED,
}
SPANS = {Unit.MINUTES: 1, Unit.HOURS: 60, Unit.DAYS: 1_440, Unit.WEEKS: 10_080}
"""Minutes of each unit; the clocks of these worlds never change."""


def violations(world: World, orders: dict[str, Order], entries: dict[str, list[Entry]]) -> Iterator[str]:
    """Everything that does not hold of them."""
    if world.automation is None:
        return
    yield from Model(world, orders, [entry for some in entries.values() for entry in some]).violations()


class Model:
    """What there should be in one world."""

    def __init__(self, world: World, orders: dict[str, Order], entries: list[Entry]) -> None:
        assert world.automation is not None
        self.world = world
        self.orders = orders
        self.automation = world.automation
        self.diary: Diary = world.automation.diary
        self.tasks = {task_id: moves[-1].task for task_id, moves in self.diary.tasks.items()}
        self.scenarios = {scenario_id: some[-1].scenario for scenario_id, some in self.diary.scenarios.items()}
        self.credits: defaultdict[str, list[Entry]] = defaultdict(list)
        for entry in entries:
            if entry.cause.startswith("scn:"):
                self.credits[entry.cause.removeprefix("scn:")].append(entry)
        self.handled = self._handled()

    def _handled(self) -> dict[str, list[tuple[int, int]]]:
        """When deliveries of each order were handled to the end."""
        handled: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        for delivery in self.world.deliveries:
            news = self.world.news_of(delivery)
            if isinstance(news, News):
                handled[news.order_id] += self.diary.handled[delivery.delivery_id]
        return handled

    def violations(self) -> Iterator[str]:
        yield from self._queues()
        for task_id, moves in self.diary.tasks.items():
            found = [
                *self._made(moves[0]),
                *self._alarm(moves),
                *self._told(moves),
                *self._moves(moves),
                *self._end(moves),
                *self._window(moves),
            ]
            about = f"task {task_id} of {moves[0].task.scenario_id} for {moves[0].task.cause}"
            yield from (f"{one} ({about})" for one in found)
        yield from self._started()
        yield from self._items()
        yield from self._codes()
        yield from self._answers()
        yield from self._catalogue()
        yield from self._stats()

    def _queues(self) -> Iterator[str]:
        for queue in (self.automation.actions, self.automation.credits):
            if queue.messages:
                yield f"20: {len(queue.messages)} messages still wait for {queue.name} in the calm"
        for task_id in self.credits.keys() - self.tasks.keys():
            yield f"8: {task_id} is credited, and is no task"

    # ---- how a task began

    def _made(self, first: Moved) -> Iterator[str]:
        """Some version of its scenario that stood then asks for it, and it is as that one says."""
        task, versions = first.task, self.diary.scenarios[first.task.scenario_id]
        begins = [version.at for version in versions]
        ends = [*begins[1:], first.at + 1]
        stood = [
            version.scenario
            for version, begin, end in zip(versions, begins, ends, strict=True)
            if begin <= first.at and end > first.by.began
        ]
        if not any(self._asks(scenario, first) for scenario in stood):
            yield "no version of its scenario asks for it"
        if task.occurred_at > task.created_at or task.due_at < task.created_at:
            yield f"8: it was made at {task.created_at}, of {task.occurred_at}, and is due at {task.due_at}"
        if task.status is TaskStatus.RUNNING:
            yield "8: it runs from the beginning"
        if task.status is TaskStatus.WAITING:
            yield from self._undisturbed(first)

    def _asks(self, scenario: Scenario, first: Moved) -> bool:
        task = first.task
        said = scenario.trigger, scenario.actions, scenario.cancel_on, scenario.success
        if said != (task.trigger, task.actions, task.cancel_on, task.success):
            return False
        due_at = moment(task.occurred_at) + _span(scenario.delay)
        if moment(task.due_at) != max(due_at, moment(task.created_at)):
            return False
        if task.order_id is None:
            return _starts(scenario, task.created_at if "bday:" in task.cause else self._registered(task), None, task)
        stood = [one for one in self.diary.orders[task.order_id] if one.at <= first.at]
        late = [one for one in stood if one.at > first.by.began]
        candidates = [*stood[: len(stood) - len(late)][-1:], *late]
        for order in (one.order for one in candidates):
            recorded_at = _causes(order).get(task.cause, ("", ""))[1]
            is_theirs = order.customer_id == task.customer_id
            is_theirs = is_theirs or self._is_same(order.customer_id, task.customer_id, first.at)
            if recorded_at and is_theirs and _starts(scenario, recorded_at, order, task):
                return True
        return False

    def _registered(self, task: Task) -> Instant:
        of = [from_item(one.item) for one in self.diary.profiles[task.customer_id or ""]]
        return next((str(one["registered_at"]) for one in reversed(of) if one.get("registered_at")), "")

    def _alarm(self, moves: list[Moved]) -> Iterator[str]:
        """Whoever made a task, or came upon it as it waited, has set its alarm before they were done. Where its
        scenario was changed meanwhile, nobody looks for it any more but the sweeper."""
        first = moves[0]
        changed = [saved.at for saved in self.diary.scenarios[first.task.scenario_id] if saved.at > first.by.began]
        set_at = min(self.diary.alarms[first.task.task_id, Step.RUN], default=self.world.ticks)
        for began, ended in self.handled.get(first.task.order_id or "", ()):
            came_upon = began > first.at and not any(at < ended for at in changed)
            if (came_upon or self._was_whole(first.by, began)) and ended < min(self._waited_until(moves), set_at):
                yield "9: it waits, and its alarm was not set"

    def _told(self, moves: list[Moved]) -> Iterator[str]:
        """Whoever recorded what of its own order cancels a task has told it before they were done, where it was made by
        then. Where its scenario was changed meanwhile, nobody looks for it any more, and its run looks at the order
        itself."""
        first = moves[0]
        if first.task.order_id is None or len(self.diary.scenarios[first.task.scenario_id]) > 1:
            return
        until = self._waited_until(moves)
        for recorded in self.diary.orders[first.task.order_id]:
            for began, ended in self.handled.get(first.task.order_id, ()):
                is_too_late = self._was_whole(recorded.by, began) and first.at < ended < until
                if is_too_late and any(self._befell(first.task, recorded.order)):
                    yield "8: it waits, and whoever knew what cancels it was done"

    def _waited_until(self, moves: list[Moved]) -> int:
        return next((move.at for move in moves if move.task.status is not TaskStatus.WAITING), self.world.ticks)

    def _was_whole(self, by: Invocation, began: int) -> bool:
        """Tell whether what began then was of this invocation, and was not cut off."""
        return began == by.began + 1 and began not in self.diary.cut_off

    # ---- how it went on

    def _moves(self, moves: list[Moved]) -> Iterator[str]:
        calm_at = self.world.calm_at
        for before, after in pairwise(moves):
            old, new = before.task, after.task
            if new.rev <= old.rev:
                yield f"8: revision {new.rev} was written over {old.rev}"
            if old.started_at not in (None, new.started_at):
                yield f"8: it ran at {old.started_at}, and at {new.started_at}"
            if old.status is not new.status:
                if all((old.status, new.status) != (one, into) for (one, _), into in MOVES.items()):
                    yield f"8: it was {old.status} and became {new.status}"
                if after.now < old.due_at and new.status is not TaskStatus.CANCELLED:
                    yield f"8: it became {new.status} at {after.now}, before it was due at {old.due_at}"
                if new.status is TaskStatus.RUNNING:
                    yield from self._undisturbed(after)
            if old.result is Result.SUCCESSFUL and new.result is not Result.SUCCESSFUL:
                yield f"it was successful and became {new.result}"
            due_at = old.comes_due_at
            if due_at is None and Action.CREDIT in old.outcomes and new.outcomes != old.outcomes:
                due_at = old.finished_at
            if after.is_calm and due_at is not None and due_at <= after.now:
                late = moment(after.now) - max(moment(due_at), moment(calm_at))
                if late > WITHIN:
                    yield f"9: {old.comes_due_at} was settled {late} late"

    def _undisturbed(self, begun: Moved) -> Iterator[str]:
        """A task runs only where nothing that was known when its run began cancels it."""
        task, began = begun.task, begun.by.began
        order = self.diary.order_at(task.order_id, began) if task.order_id else None
        if order is not None:
            for condition in self._befell(task, order):
                yield f"8: it was {task.status}, and {condition} was known"
        if Condition.ORDER_CREATED not in task.cancel_on or task.customer_id is None:
            return
        since = self._cancels_since(task)
        for other in self.orders.values():
            at = other.facts.created_at
            if other.order_id == task.order_id or at is None or at <= task.occurred_at:
                continue
            if order is not None and (order.facts.created_at or at) >= at:
                continue
            told = any(since < begin and end <= began for begin, end in self.handled[other.order_id])
            if told and self._had_one_customer(other) and self._is_same(other.customer_id, task.customer_id, began):
                yield f"8: it was {task.status} at {begun.now}, and order {other.order_id} of {at} was known"

    def _befell(self, task: Task, order: Order) -> Iterator[Condition]:
        """What happened to a task's own order that cancels it."""
        for condition in task.cancel_on:
            name = condition.removeprefix("order.")
            at: Instant | None = None
            if condition is Condition.REVIEW_CREATED:
                others = [when for one, when in order.facts.reviews.items() if task.cause != f"rev:{one}"]
                at = max(others, default=None)
            elif condition is not Condition.ORDER_CREATED and condition.value != task.trigger.value:
                at = order.facts.since.get(name) or order.recorded.get(name)
            if at is not None and at >= task.occurred_at:
                yield condition

    def _cancels_since(self, task: Task) -> int:
        """Since when orders of customers are noted for the sake of a task's scenario."""
        versions = self.diary.scenarios[task.scenario_id]
        return next(one.at for one in versions if Condition.ORDER_CREATED in one.scenario.watched)

    def _had_one_customer(self, order: Order) -> bool:
        return len({from_item(one.item).get("customer_pk") for one in self.diary.orders[order.order_id]}) == 1

    def _is_same(self, one: str | None, other: str | None, at: int) -> bool:
        return one is not None and self.diary.owner(one, at) == self.diary.owner(other, at)

    # ---- how it ended

    def _end(self, moves: list[Moved]) -> Iterator[str]:
        task = moves[-1].task
        if task.status in {TaskStatus.WAITING, TaskStatus.RUNNING} or task.result is Result.AWAITING:
            yield f"9: it is {task.status} and {task.result} in the end"
            return
        if task.status is TaskStatus.CANCELLED:
            yield from self._cancelled(task, moves[-1].at)
        if task.status is TaskStatus.FAILED and not task.reason:
            yield "9: it failed without a reason"
        yield from self._credit(task)
        yield from self._message(task)
        if task.status is TaskStatus.EXECUTED and set(task.outcomes) != set(task.asked):
            yield f"9: it was executed, and of {task.asked} these have an outcome: {list(task.outcomes)}"

    def _cancelled(self, task: Task, at: int) -> Iterator[str]:
        """What cancelled it had happened, as far as was known then: what is told later may date it earlier."""
        if task.outcomes or task.promo_code or task.started_at or self.credits[task.task_id]:
            yield f"8: it was cancelled, and did {task.outcomes}"
        if task.reason == "by_hand":
            return
        known = self.orders.get(task.order_id or "")
        stood = [one.order for one in self.diary.orders[task.order_id or ""] if one.at <= at]
        befell = {condition for order in stood for condition in self._befell(task, order)}
        others = [
            other
            for other in self.orders.values()
            if other.order_id != task.order_id and (other.facts.created_at or "") > task.occurred_at
        ]
        whose = task.customer_id or (known.customer_id if known else None)
        if any(self._is_same(other.customer_id, whose, self.world.ticks) for other in others):
            befell |= {Condition.ORDER_CREATED} & set(task.cancel_on)
        if task.reason not in befell:
            yield f"8: it was cancelled by {task.reason}, and only {sorted(befell)} happened"

    def _credit(self, task: Task) -> Iterator[str]:
        outcome, posted = task.outcomes.get(Action.CREDIT), self.credits[task.task_id]
        given = [entry.amount for entry in posted if entry.status is EntryStatus.POSTED]
        is_done = outcome is not None and outcome.status is ActionStatus.DONE
        if given != ([task.actions.credit] if is_done else []):
            yield f"8: its credit of {task.actions.credit} is {outcome}, and {given} is posted"
        if outcome is None or is_done:
            return
        if outcome.status is not ActionStatus.SKIPPED:
            yield f"9: its credit of {task.actions.credit} is {outcome}"
        is_zero = not task.actions.credit
        if is_zero != (outcome.detail == "amount_zero"):
            yield f"its credit of {task.actions.credit} is {outcome}"

    def _message(self, task: Task) -> Iterator[str]:
        outcome = task.outcomes.get(Action.MESSAGE)
        texts = [text for task_id, text in self.automation.sender.sent if task_id == task.task_id]
        status = outcome.status if outcome else None
        fits = {ActionStatus.DONE: {1}, ActionStatus.UNCONFIRMED: {0, 1}}.get(status, {0}) if status else {0}
        if len(texts) not in fits:
            yield f"8: its message is {outcome}, and was sent {len(texts)} times"
        if status is ActionStatus.SENDING:
            yield "9: its message is being sent for ever"
        if any("{{" in text for text in texts) or (task.promo_code is None and any("Take" in text for text in texts)):
            yield f"its message says {texts}"

    def _window(self, moves: list[Moved]) -> Iterator[str]:
        """Whether it was a success is what happened in its window, whoever told of it and when."""
        task = moves[-1].task
        if task.result is None or task.success is None or task.finished_at is None or task.window_until is None:
            return
        if moment(task.window_until) != moment(task.finished_at) + _span(task.success.within):
            yield f"its window is {task.finished_at} to {task.window_until}"
        now, owner, may, must = self.world.ticks, moves[0].task.customer_id, set[str](), set[str]()
        known = self.orders.get(task.order_id or "")
        whose = task.customer_id or (known.customer_id if known else None)
        for order in self.orders.values():
            for condition, cause, at in _events(order):
                is_own = order.order_id == task.order_id
                if condition not in task.success.on or not task.finished_at <= at <= task.window_until:
                    continue
                if condition is Condition.REVIEW_CREATED and is_own:
                    may.add(cause)
                    must.add(cause)
                if condition is Condition.ORDER_CREATED and not is_own:
                    may |= {cause} if self._is_same(order.customer_id, whose, now) else set()
                    is_told = order.customer_id == owner is not None and self._had_one_customer(order)
                    must |= {cause} if is_told else set()
        if task.result is Result.SUCCESSFUL and task.judged_by not in may:
            yield f"it is successful by {task.judged_by}, and only {sorted(may)} happened in its window"
        if task.result is Result.NOT_MET and must:
            yield f"it is not successful, and {sorted(must)} happened in its window"

    # ---- what was to begin

    def _started(self) -> Iterator[str]:
        """Every fact that was told to the end while the last version of a scenario stood has started it."""
        for versions in self.diary.scenarios.values():
            scenario, saved = versions[-1].scenario, versions[-1].at
            for order in self.orders.values():
                if saved > self._told_last(order):
                    continue
                for cause, (trigger, recorded_at) in _causes(order).items():
                    if trigger is scenario.trigger and _starts(scenario, recorded_at, order, None):
                        yield from self._is_there(scenario, cause, order.customer_id, order.order_id)
            if scenario.trigger is Trigger.CUSTOMER_CREATED:
                yield from self._registrations(scenario, saved)
            if scenario.trigger is Trigger.CUSTOMER_BIRTHDAY:
                yield from self._birthdays(scenario, saved)

    def _told_last(self, order: Order) -> int:
        """When the last one began who told scenarios of an order as it is."""
        changed = [one for one in self.diary.orders[order.order_id] if _facts_of(one.order) != _facts_of(order)]
        last = next(one for one in self.diary.orders[order.order_id] if not changed or one.at > changed[-1].at)
        told = [began for began, _ in self.handled[order.order_id] if began >= last.at]
        return max([*told, last.by.began if last.by.is_worker else -1])

    def _is_there(self, scenario: Scenario, cause: str, customer_id: str | None, order_id: str | None) -> Iterator[str]:
        if task_id_of(STORE, scenario.scenario_id, cause) in self.tasks:
            return
        guards = [scenario_keys.once_per_order(STORE, order_id, scenario.scenario_id)] if order_id else []
        owner = customer_id and self.diary.owner(customer_id, self.world.ticks)
        guards += [
            scenario_keys.once_per_customer(STORE, one, scenario.scenario_id) for one in (customer_id, owner) if one
        ]
        if scenario.once_per_customer and customer_id is None:
            return
        if not any(self.world.dynamo.item("State", *guard) for guard in guards):
            yield f"3: {cause} did not start {scenario.scenario_id}"

    def _registrations(self, scenario: Scenario, saved: int) -> Iterator[str]:
        for customer_id, versions in self.diary.profiles.items():
            final = from_item(versions[-1].item)
            registered_at = final.get("registered_at")
            if registered_at and self._is_stable(customer_id) and _starts(scenario, registered_at, None, None):
                first = next(one for one in versions if from_item(one.item).get("registered_at"))
                if saved <= first.by.began:
                    yield from self._is_there(scenario, f"cus:{customer_id}:created", customer_id, None)

    def _birthdays(self, scenario: Scenario, saved: int) -> Iterator[str]:
        for began, _ended, at in self.diary.mornings:
            for customer_id, versions in self.diary.profiles.items():
                known = [from_item(one.item) for one in versions if one.at <= began]
                birthday = known[-1].get("birthday") if known else None
                is_long_known = len(known) == len(versions) and self._is_stable(customer_id)
                is_today = birthday is not None and birthday[5:] == at[5:10] and is_long_known
                if saved <= began and is_today and _starts(scenario, at, None, None):
                    yield from self._is_there(scenario, f"bday:{customer_id}:{at[:4]}", customer_id, None)

    def _is_stable(self, customer_id: str) -> bool:
        """Tell whether a customer was never merged nor erased."""
        return not any(
            from_item(one.item).get("merged_into") or from_item(one.item).get("erased_at")
            for one in self.diary.profiles[customer_id]
        )

    # ---- what is left of it

    def _items(self) -> Iterator[str]:
        """Watches stand for the tasks that need them, guards for those that were started once; no other."""
        state = self.world.dynamo.engine.table("State").partitions
        stand = {(str(pk), str(sk)) for pk, partition in state.items() for sk in partition}
        watches = {key for key in stand if key[1].startswith(scenario_keys.WATCH)}
        wanted: set[tuple[str, str]] = set()
        for moves in self.diary.tasks.values():
            first, last = moves[0].task, moves[-1].task
            on = last.success.on if last.success and last.status is TaskStatus.EXECUTED else ()
            for condition in on:
                if condition is not Condition.ORDER_CREATED and first.order_id:
                    wanted.add(scenario_keys.watch_of_order(STORE, first.order_id, condition, first.task_id))
                elif condition is Condition.ORDER_CREATED and first.customer_id:
                    wanted.add(scenario_keys.watch_of_customer(STORE, first.customer_id, condition, first.task_id))
        if watches != wanted:
            yield f"watches stand for {sorted(watches - wanted)}, none for {sorted(wanted - watches)}"
        yield from self._guards({key for key in stand if key[1].startswith(scenario_keys.ONCE)})

    def _guards(self, stand: set[tuple[str, str]]) -> Iterator[str]:
        """Guards are written with tasks and never after, and what is copied in a merge is of the merged."""
        wanted: set[tuple[str, str]] = set()
        once: Counter[tuple[str, str]] = Counter()
        allowed: set[tuple[str, str]] = set()
        for moves in self.diary.tasks.values():
            first = moves[0].task
            by_order, by_customer = self._once(moves[0])
            if by_order is not None and first.order_id:
                own = {scenario_keys.once_per_order(STORE, first.order_id, first.scenario_id)}
                allowed |= own
                wanted |= own if by_order else set()
                once.update(own if by_order else ())
            if by_customer is not None and first.customer_id:
                own = {scenario_keys.once_per_customer(STORE, first.customer_id, first.scenario_id)}
                allowed |= own
                wanted |= own if by_customer else set()
                once.update(own if by_customer else ())
                owner = first.customer_id
                while owner in self.diary.merges:
                    merged, owner = self.diary.merges[owner]
                    copy = scenario_keys.once_per_customer(STORE, owner, first.scenario_id)
                    allowed.add(copy)
                    if by_customer and moves[0].at < merged and merged < self.world.calm_from:
                        wanted.add(copy)
        if not wanted <= stand <= allowed:
            yield f"8: guards stand for {sorted(stand - allowed)}, none for {sorted(wanted - stand)}"
        for key, times in once.items():
            if times > 1:
                yield f"8: {key} was to be once, and was {times} times"

    def _once(self, first: Moved) -> tuple[bool | None, bool | None]:
        """Whether a task counts for its order, and for its customer: None for surely not, False for perhaps."""
        versions = self.diary.scenarios[first.task.scenario_id]
        ends = [*(version.at for version in versions[1:]), first.at + 1]
        stood = [
            version.scenario
            for version, end in zip(versions, ends, strict=True)
            if version.at <= first.at and end > first.by.began
        ]
        flags = [(one.once_per_order, one.once_per_customer) for one in stood]
        each = [{flag[n] for flag in flags} for n in range(2)]
        return tuple(None if one == {False} else one == {True} for one in each)  # type: ignore[return-value]

    def _codes(self) -> Iterator[str]:
        of = Counter(self.diary.codes.values())
        for task_id, task in self.tasks.items():
            outcome = task.outcomes.get(Action.PROMO_CODE)
            made = [code for code, whose in self.diary.codes.items() if whose == task_id]
            is_done = outcome is not None and outcome.status is ActionStatus.DONE
            if of[task_id] > 1 or (is_done and [task.promo_code] != made):
                yield f"8: task {task_id} made the codes {made}, and says {outcome}, {task.promo_code}"

    def _answers(self) -> Iterator[str]:
        redeemed: Counter[str] = Counter()
        for key, answers in self.world.answers.items():
            what, _, about = key.partition(":")
            if what == "cancel" and answers and self.tasks[about].reason != "by_hand":
                yield f"8: task {about} was answered cancelled, and is {self.tasks[about].status}"
            if what == "redeem" and answers:
                redeemed[about.partition(":")[0]] += 1
        for code, times in redeemed.items():
            if times > 1:
                yield f"code {code} was redeemed {times} times"
        for person in self.world.persons:
            if isinstance(person, Campaigning):
                standing = self.scenarios.get(person.scenario.scenario_id)
                if standing is None or (person.is_deleted and standing.deleted_at is None):
                    yield f"4: {person.scenario.scenario_id} was answered, and is not so"

    def _catalogue(self) -> Iterator[str]:
        """Deliveries know every scenario as it is saved, but for those that concern none, and for what stopped ones
        would do."""
        live = self.world.books.scenarios.catalogue(STORE)
        last = max((one.updated_at or one.created_at for one in self.scenarios.values()), default="")
        known = {one.scenario_id: one for one in live.scenarios}
        saved = {key: _as_known(one) for key, one in self.scenarios.items() if one.concerns(last)}
        if known != saved or live.count != sum(one.deleted_at is None for one in self.scenarios.values()):
            yield f"the catalogue holds {sorted(known)} of {sorted(saved)}, or not as they are saved, and {live.count}"

    def _stats(self) -> Iterator[str]:
        for scenario_id in self.scenarios:
            tasks = [task for task in self.tasks.values() if task.scenario_id == scenario_id]
            stats = read_scenario_stats(self.world.books, STORE, scenario_id)
            parts = Counter(task.status for task in tasks)
            given = sum(entry.amount for task in tasks for entry in self.credits[task.task_id])
            said = stats.executed, stats.failed, stats.open, sum(stats.cancelled.values()), stats.credited
            counted = parts[TaskStatus.EXECUTED], parts[TaskStatus.FAILED], 0, parts[TaskStatus.CANCELLED], given
            reasons = Counter(task.reason for task in tasks if task.part is Part.CANCELLED)
            results = Counter(task.result for task in tasks if task.result)
            if said != counted or Counter(stats.cancelled) != reasons or Counter(stats.results) != results:
                yield f"the stats of {scenario_id} are {stats}, its tasks {parts}, {reasons}, {results}, {given}"


def _span(delay: Delay) -> timedelta:
    return timedelta(minutes=delay.value * SPANS[delay.unit])


def _as_known(scenario: Scenario) -> Scenario:
    if scenario.status is ScenarioStatus.ACTIVE:
        return scenario
    return replace(scenario, name="", limits=Limits(), actions=Actions())


def _starts(scenario: Scenario, recorded_at: Instant, order: Order | None, task: Task | None) -> bool:
    """Tell whether a scenario starts with a fact of its trigger, recorded then."""
    if scenario.status is not ScenarioStatus.ACTIVE or scenario.deleted_at or recorded_at < scenario.active_since:
        return False
    customer_id = task.customer_id if task else order.customer_id if order else "somebody"
    if scenario.once_per_customer and customer_id is None:
        return False
    if order is None or scenario.trigger not in LIMITED:
        return True
    body, limits = order.facts.body, scenario.limits
    if body is None:
        return False
    price = body.total if body.total is not None else body.expected_total
    number = order.number
    return (
        (limits.min_price is None or price >= limits.min_price)
        and (limits.max_price is None or price <= limits.max_price)
        and (not limits.sources or ("website" if body.channel == "web" else body.channel) in limits.sources)
        and (limits.max_number is None or (number is not None and number <= limits.max_number))
    )


def _causes(order: Order) -> dict[str, tuple[Trigger, Instant]]:
    """What may start of an order: by cause, and when it was recorded."""
    causes: dict[str, tuple[Trigger, Instant]] = {}
    for fact, at in order.recorded.items():
        name, _, item_id = fact.partition(":")
        cause = f"rev:{item_id}" if name == "rev" else f"ord:{order.order_id}:{fact}"
        if order.facts.body is not None:
            causes[cause] = TRIGGERS[name], at
    return causes


def _events(order: Order) -> Iterator[tuple[Condition, str, Instant]]:
    """What of an order may make tasks a success."""
    if order.facts.created_at is not None:
        yield Condition.ORDER_CREATED, f"ord:{order.order_id}:created", order.facts.created_at
    for review_id, at in order.facts.reviews.items():
        yield Condition.REVIEW_CREATED, f"rev:{review_id}", at


def _facts_of(order: Order) -> object:
    return order.facts, order.customer_id, order.number, order.recorded
