"""The workers of tasks and of their credits where the tables have no capacity left: they rest, so that orders need
not."""

import pytest

from cashback.domain.delays import AT_ONCE
from cashback.domain.tasks import Action, ActionStatus
from cashback.edge.batch import LAST_RECEIVE
from cashback.edge.patient_batch import PATIENCE, PatientBatch
from cashback.edge.worker import EventBatch
from cashback.services.post_credit import post_credit
from tests.simulation.faults import Rates
from tests.unit.builders import STORE
from tests.unit.stage import Stage, scenario

THROTTLED, CONTENDED = Rates(throttle=1.0), Rates(conflict=1.0)


def due(orders: int = 1) -> Stage:
    """A shop with so many tasks that are due, whose alarms ring."""
    stage = Stage(scenario(delay=AT_ONCE))
    for n in range(orders):
        stage.paid(f"A-{n}")
    return stage


def running(orders: int = 1) -> Stage:
    """The same, with their credits in the queue."""
    stage = due(orders)
    event = stage.actions.event(10)
    assert event is not None
    stage.actions.settle(event, stage.acting().run(event))
    return stage


def credit(stage: Stage) -> int:
    """Let the worker of credits work once; return how many messages came back."""
    event = stage.credits.event(10)
    assert event is not None
    answer = stage.crediting().run(event)
    stage.credits.settle(event, answer)
    return len(answer["batchItemFailures"])


def healed_by(stage: Stage, naps: int) -> None:
    """Let the tables have capacity again after so many naps."""

    def nap(seconds: float) -> None:
        stage.naps.append(seconds)
        if len(stage.naps) == naps:
            stage.faults.calm()

    stage.rests["sleep"] = nap


def test_a_credit_that_finds_no_capacity_waits_for_it_and_is_posted_once() -> None:
    stage = running()
    stage.faults.set_rates(THROTTLED)
    healed_by(stage, 1)
    assert credit(stage) == 0
    assert stage.naps == [4.0]
    assert stage.outcome(Action.CREDIT) == (ActionStatus.DONE, None)
    assert list(stage.credited.values()) == [500]
    assert stage.shop.account.available == 1_000


def test_a_task_that_finds_no_capacity_waits_for_it_and_is_run_once() -> None:
    stage = due()
    stage.faults.set_rates(THROTTLED)
    healed_by(stage, 2)
    stage.act()
    assert stage.naps == [4.0, 4.0]
    assert stage.states == ["executed"]
    assert list(stage.credited.values()) == [500]


def test_all_messages_of_a_batch_wait_no_longer_than_its_patience_together_and_then_go_back() -> None:
    stage = running(3)
    stage.faults.set_rates(THROTTLED)
    assert credit(stage) == 3
    assert sum(stage.naps) == PATIENCE
    assert stage.credited == {}
    stage.faults.calm()
    stage.wait(hours=1)
    assert sorted(stage.credited.values()) == [500, 500, 500]
    assert stage.shop.account.available == 3_000


def test_who_is_in_the_way_is_no_reason_to_wait() -> None:
    stage = running()
    stage.faults.set_rates(CONTENDED)
    assert credit(stage) == 1
    assert stage.naps == []


def test_each_batch_has_a_patience_of_its_own() -> None:
    stage = running()
    stage.faults.set_rates(THROTTLED)
    assert credit(stage) == 1
    stage.clock.advance(60)
    healed_by(stage, len(stage.naps) + 1)
    assert credit(stage) == 0
    assert list(stage.credited.values()) == [500]


def test_a_credit_that_is_posted_by_another_while_it_waits_is_not_posted_again() -> None:
    stage = running()

    def nap(_: float) -> None:
        stage.faults.calm()
        assert post_credit(stage.books, STORE, stage.task.task_id, stage.now) == "posted"

    stage.faults.set_rates(THROTTLED)
    stage.rests["sleep"] = nap
    assert credit(stage) == 0
    assert stage.shop.account.available == 1_000


def test_a_credit_is_given_up_at_its_last_receive_only_once_it_has_waited(capsys: pytest.CaptureFixture[str]) -> None:
    stage = running()
    stage.faults.set_rates(THROTTLED)
    healed_by(stage, 1)
    event = stage.credits.event(10)
    assert event is not None
    event["Records"][0]["attributes"]["ApproximateReceiveCount"] = str(LAST_RECEIVE)
    assert stage.crediting().run(event) == {"batchItemFailures": []}
    assert "failure_not_noted" not in capsys.readouterr().out


def test_orders_do_not_wait_so() -> None:
    assert not issubclass(EventBatch, PatientBatch)
