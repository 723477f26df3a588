"""Many tasks whose alarms were lost: handed over many at a time, and none lost, doubled or held up by another."""

from collections import Counter
from copy import replace
from itertools import count, islice
from typing import TYPE_CHECKING, Any, cast

import pytest

from cashback.adapters.dynamo import keys, scenario_keys
from cashback.adapters.dynamo.due import DueIndex
from cashback.adapters.task_queue import decode_action
from cashback.domain.due import DueKind, DueThing
from cashback.domain.errors import Busy
from cashback.domain.scenarios import Actions, Condition
from cashback.domain.tasks import Step, Task, TaskStep, cancelled
from cashback.domain.times import Instant
from cashback.edge.sweeper import AT_ONCE, ENOUGH_TIME, Sweep
from cashback.services.sweep import remind_tasks, settle_due
from tests.simulation.dynamo import Fault, Rates
from tests.unit.builders import CUSTOMER, NOW, STORE, at
from tests.unit.scenario_builders import waiting
from tests.unit.stage import Stage, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from cashback.adapters.dynamo.tables import StateTable

PLENTY = 10 * ENOUGH_TIME
DUE = at(60)


class Missed(Stage):
    """A store with tasks that were due a quarter of an hour ago, and of which no alarm was heard."""

    def __init__(self, tasks: int = 0) -> None:
        super().__init__(scenario(), now=at(16 * 60))
        self.reached = replace(self.books, steps=lambda: self.action_queue)
        self.milliseconds_left: Callable[[], int] = lambda: PLENTY
        self.person(CUSTOMER)
        self.sweep()
        for task_id in islice(ids_of_one_partition(), tasks):
            self.add(task_id)

    def add(self, task_id: str, due_at: Instant = DUE, store_id: str = STORE) -> Task:
        task = replace(waiting(), task_id=task_id, due_at=due_at, actions=Actions(credit=1), cancel_on=())
        assert self.books.tasks.create(store_id, task, once_per_order=False, once_per_customer=False)
        return task

    def sweep(self) -> dict[str, int | bool]:
        unused, due = cast("Any", None), DueIndex(self.books.tasks.table)
        left = self.milliseconds_left
        return Sweep(self.reached, due, unused, unused, unused, left, clock=self.clock.now).run()

    @property
    def sent(self) -> list[str]:
        """The tasks that messages are of."""
        steps = [decode_action(message.body) for message in self.actions.messages]
        return sorted(step.task_id for step in steps if isinstance(step, TaskStep) and step.step is Step.RUN)

    @property
    def waiting(self) -> list[str]:
        return sorted(task.task_id for task in self.tasks if task.status == "waiting")

    @property
    def calls(self) -> Counter[str]:
        """How often a sweep makes each call."""
        asked: Counter[str] = Counter()
        self.faults.before_call = lambda _, operation: asked.update([operation])
        self.sweep()
        self.faults.before_call = None
        return asked


def ids_of_one_partition() -> Any:
    """Tasks that come due in the same partition of an hour."""
    made = (f"tsk_{number:05}" for number in count())
    return (task_id for task_id in made if keys.due(DUE, task_id) == keys.due(DUE, "tsk_00000"))


def test_many_tasks_are_read_a_hundred_and_sent_ten_at_a_time() -> None:
    missed = Missed(2 * AT_ONCE + 50)
    missed.sweep()
    assert missed.sent == missed.waiting
    missed.actions.messages.clear()
    calls = missed.calls
    assert (calls["BatchGetItem"], calls["SendMessageBatch"], calls["SendMessage"]) == (3, 25, 0)
    assert len(missed.sent) == 2 * AT_ONCE + 50
    run_all(missed)
    assert missed.waiting == []


def test_tasks_of_other_stores_are_read_with_them() -> None:
    missed = Missed()
    ids = list(islice(ids_of_one_partition(), 6))
    for number, task_id in enumerate(ids):
        missed.add(task_id, store_id=f"store-{number % 3}")
    calls = missed.calls
    assert (calls["BatchGetItem"], calls["SendMessageBatch"]) == (1, 1)
    groups = Counter(message.group for message in missed.actions.messages)
    assert groups == {"store-0": 2, "store-1": 2, "store-2": 2}


@pytest.mark.row("F40")
def test_tasks_on_many_pages_which_come_in_parts_are_all_sent_once() -> None:
    missed = Missed(150)
    missed.faults.set_rates(Rates(short_page=0.95))
    assert missed.sweep() == {"settled": 150, "failed": 0, "cut_short": False}
    assert missed.faults.fired["short_page"] >= 3
    assert missed.sent == missed.waiting


# ---- what fails


@pytest.mark.row("F23")
def test_of_a_batch_that_fails_in_part_only_what_failed_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    missed = Missed(30)
    refuse(missed, monkeypatch, times=1)
    assert missed.sweep() == {"settled": 30, "failed": 0, "cut_short": False}
    assert missed.sent == missed.waiting


@pytest.mark.row("F23")
def test_what_the_queue_goes_on_refusing_stays_due_and_is_sent_by_the_next_sweep(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    missed = Missed(30)
    with monkeypatch.context() as refusing:
        refuse(missed, refusing, times=2)
        assert missed.sweep() == {"settled": 29, "failed": 1, "cut_short": False}
    assert len(missed.sent) == 29
    missed.act()
    assert len(missed.waiting) == 1
    assert missed.sweep()["failed"] == 0
    missed.act()
    assert missed.waiting == []


def refuse(missed: Missed, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Let the queue refuse the fourth message of the first batch so many times."""
    sqs: Any = missed.action_queue.client
    send, refused = sqs.send_message_batch, [""] * times

    def answer(*, QueueUrl: str, Entries: list[Any]) -> Any:
        if not refused[0]:
            refused[:] = [Entries[3]["MessageBody"]] * times
        bad = [entry for entry in Entries if entry["MessageBody"] in refused]
        del refused[: len(bad)]
        refused.append("-")
        good = [entry for entry in Entries if entry not in bad]
        answered = send(QueueUrl=QueueUrl, Entries=good) if good else {}
        return {**answered, "Failed": [{"Id": entry["Id"], "Code": "InternalError"} for entry in bad]}

    monkeypatch.setattr(sqs, "send_message_batch", answer)


@pytest.mark.parametrize("fault", [Fault.LOST_BEFORE, Fault.LOST_AFTER, Fault.THROTTLE])
@pytest.mark.parametrize("operation", ["BatchGetItem", "SendMessageBatch"])
def test_a_call_that_fails_leaves_no_task_unsent(operation: str, fault: Fault) -> None:
    missed = Missed(130)

    def fail_the_second(call: int, called: str) -> None:
        seen.update([called])
        if called == operation and seen[called] == 2:
            missed.faults.script = {call: fault}

    seen: Counter[str] = Counter()
    missed.faults.before_call = fail_the_second
    assert missed.sweep()["failed"] == 0
    assert missed.faults.fired[fault.name.lower()] == 1
    assert sorted(set(missed.sent)) == missed.waiting
    assert len(missed.sent) <= 140


def test_one_broken_task_holds_up_no_other() -> None:
    missed = Missed(20)
    table: StateTable = missed.books.tasks.table
    place = scenario_keys.task(STORE, "tsk_00000")
    table.commit(table.update(place, "SET document = :broken", "attribute_exists(pk)", {":broken": b"?"}))
    with pytest.raises(ValueError, match="truncated"):
        missed.sweep()
    assert len(missed.sent) == 19
    assert "tsk_00000" not in missed.sent


def test_a_bug_of_the_common_way_holds_up_no_task_and_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise KeyError("the common way")

    missed = Missed(20)
    monkeypatch.setattr("cashback.edge.sweeper.remind_tasks", broken)
    with pytest.raises(KeyError, match="the common way"):
        missed.sweep()
    assert missed.sent == missed.waiting


def test_the_message_of_one_task_that_cannot_be_queued_is_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    missed = Missed(1)
    monkeypatch.setattr(missed.action_queue.client, "send_message_batch", lambda **_: {"Failed": [{"Id": "0"}]})
    unused = cast("Any", None)
    thing = DueThing(DUE, STORE, DueKind.TASK, "tsk_00000")
    with pytest.raises(Busy):
        settle_due(missed.reached, unused, unused, unused, thing, missed.now)


# ---- the time is up


def test_where_the_time_was_up_the_next_sweeps_go_on_and_send_nothing_twice() -> None:
    missed = Missed(5 * AT_ONCE)
    settled = []
    for _ in range(4):
        until = missed.faults.calls + 50
        missed.milliseconds_left = lambda until=until: PLENTY if missed.faults.calls < until else 0  # type: ignore[misc]
        answer = missed.sweep()
        settled.append((answer["settled"], answer["cut_short"]))
        assert len(set(missed.sent)) == len(missed.sent) == answer["settled"]
        run_all(missed)
    assert sum(count for count, _ in settled) == 5 * AT_ONCE
    assert settled[0][1]
    assert settled[-1] == (0, False)
    assert missed.waiting == []


def run_all(missed: Missed) -> None:
    """Let the workers run what is queued, which takes them a while."""
    while missed.actions.messages or missed.credits.messages:
        missed.act()


# ---- what is not to be run


def test_only_what_is_due_by_the_table_is_handed_over() -> None:
    missed = Missed()
    for task_id in ("due", "ended", "postponed"):
        missed.add(task_id)
    tasks = missed.books.tasks
    ended, postponed = (tasks.get(STORE, task_id) for task_id in ("ended", "postponed"))
    assert ended is not None
    assert postponed is not None
    stopped = cancelled(ended, Condition.ORDER_CANCELLED, NOW)
    assert stopped is not None
    assert tasks.save(STORE, ended, stopped)
    assert tasks.save(STORE, postponed, replace(postponed, due_at=at(17 * 60), rev=postponed.rev + 1))
    missed.add("ringing", at(15 * 60))
    told = {"due": DUE, "ended": DUE, "postponed": DUE, "unknown": DUE, "ringing": at(15 * 60)}
    things = [DueThing(due_at, STORE, DueKind.TASK, task_id) for task_id, due_at in told.items()]
    outcomes = remind_tasks(missed.reached, things, missed.now)
    assert {thing.item_id: outcome for thing, outcome in outcomes.items()} == {
        "due": "reminded",
        "ended": "unchanged",
        "postponed": "unchanged",
        "unknown": "unchanged",
        "ringing": "ringing",
    }
    assert missed.sent == ["due"]
