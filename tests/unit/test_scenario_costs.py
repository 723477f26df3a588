"""What scenarios cost an event: nothing where there are none, and else what the tasks that it touches cost."""

from copy import replace
from pathlib import Path
from typing import Any, Final

import pytest

from cashback.adapters.queues import EventQueue, encode
from cashback.domain.delays import Delay, Unit
from cashback.domain.news import Delivery
from cashback.domain.orders import News
from cashback.domain.scenarios import Condition, Trigger
from cashback.domain.times import instant
from cashback.edge.worker import EventBatch
from cashback.services.record_order import hear_news
from cashback.storefronts import parsing
from tests.unit.builders import STORE, body, line, news
from tests.unit.stage import Stage, scenario
from tests.unit.test_scenarios import mark, told_of

WATCHED: Final[dict[str, Any]] = {
    "cancel_on": (Condition.ORDER_CREATED, Condition.ORDER_CANCELLED),
    "delay": Delay(7, Unit.DAYS),
}
BODY = (Path(__file__).parents[2] / "events/events/order_paid.json").read_bytes()


def calls_of(stage: Stage, *told: Any) -> list[str]:
    """The calls that hearing these takes, by name."""
    made: list[str] = []
    stage.faults.before_call = lambda _index, operation: made.append(operation)
    for one in told:
        stage.hear(one)
    stage.faults.before_call = None
    return made


def work(stage: Stage) -> list[str]:
    """The calls of one invocation of the event worker that handles one order."""
    made: list[str] = []
    stage.faults.before_call = lambda _index, operation: made.append(operation)
    delivery = Delivery(STORE, "events", "", "d1", instant(stage.clock.now()), BODY)
    record = {
        "messageId": "1",
        "receiptHandle": "r",
        "body": encode(delivery),
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": str(int(stage.clock.time() * 1000))},
    }
    queue: Any = EventQueue(None, "queue", "dead")  # type: ignore[arg-type]  # nothing fails
    answer = EventBatch(queue, stage.books, lambda: stage.outlets.alarms, clock=stage.clock.now).run(
        {"Records": [record]}
    )
    assert answer == {"batchItemFailures": []}
    stage.faults.before_call = None
    return made


def test_a_store_without_scenarios_pays_nothing_for_them() -> None:
    stage, alone = Stage(), Stage()
    settings = alone.shop.settings
    told = parsing.read("events", "", BODY, settings, instant(alone.clock.now()))
    assert isinstance(told, News)
    for _ in range(2):
        posting: list[str] = []
        alone.faults.before_call = lambda _index, operation, made=posting: made.append(operation)
        hear_news(alone.books, settings, told, instant(alone.clock.now()))
        alone.faults.before_call = None
        assert work(stage) == ["Query", *posting], "settings and scenarios are one read"
    assert len(work(Stage(scenario(Trigger.ORDER_PAID, **WATCHED)))) > 6


def counted_reads(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many items each query and each read of several reads from now on: what its read units depend on."""
    read: list[int] = []
    dynamo = stage.shop.dynamo
    query, batch = dynamo.query, dynamo.batch_get_item

    def counted_query(**request: Any) -> Any:
        answer = query(**request)
        read.append(answer["ScannedCount"])
        return answer

    def counted_batch(**request: Any) -> Any:
        answer = batch(**request)
        read.append(sum(map(len, answer["Responses"].values())))
        return answer

    monkeypatch.setattr(dynamo, "query", counted_query)
    monkeypatch.setattr(dynamo, "batch_get_item", counted_batch)
    return read


def waiting(count: int) -> Stage:
    """A store in which so many tasks of other customers wait; all but the first made without their orders."""
    stage = Stage(scenario(Trigger.ORDER_CREATED, **WATCHED))
    stage.hear(news(body(line("1", 100), customer_id="c0"), order_id="o0"))
    first = stage.task
    for number in range(1, count):
        task = replace(first, task_id=f"tsk_{number}", customer_id=f"c{number}", order_id=f"o{number}")
        assert stage.books.tasks.create(STORE, task, once_per_order=False, once_per_customer=False)
    return stage


@pytest.mark.parametrize("told", ["created", "cancelled"])
def test_an_event_costs_what_it_touches_and_not_what_waits(told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    costs: list[tuple[list[str], list[int]]] = []
    for count in (10, 10_000):
        stage = waiting(count)
        stage.hear(told_of(Trigger.ORDER_CREATED, "A-1"))
        one = mark("A-1", cancelled=True) if told == "cancelled" else told_of(Trigger.ORDER_CREATED, "A-2", 10)
        read = counted_reads(stage, monkeypatch)
        calls = calls_of(stage, one)
        costs.append((calls, list(read)))
        ours = [task.reason for task in stage.tasks if task.order_id == "A-1"]
        assert ours == [f"order.{told}"]
    assert costs[0] == costs[1]
