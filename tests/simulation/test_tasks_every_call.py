"""Tasks are started, cancelled, run, credited and judged, struck by a fault at each call in turn, and raced by another
worker before each call: told again, each ends alike (F14, F17, F31, F34, F35)."""

from collections.abc import Callable
from typing import Any

import pytest

from cashback.domain.errors import Busy
from cashback.domain.scenarios import Actions, Channel, Condition, Discount, Message, PromoOffer, Trigger
from cashback.domain.tasks import Action, ActionStatus
from cashback.services.post_credit import post_credit
from cashback.services.run_task import run_task
from tests.simulation.faults import Crash, Fault
from tests.unit.builders import STORE, at
from tests.unit.people import until_it_is_done
from tests.unit.stage import Stage, scenario, success
from tests.unit.test_scenarios import mark, told_of

MOST_CALLS = 80
OF_TABLES = {"BatchGetItem", "GetItem", "PutItem", "Query", "TransactWriteItems"}
ALL = Actions(
    promo_code=PromoOffer(Discount(amount=100)),
    credit=500,
    message=Message(Channel.SMS, "{{promoCode}} {{balance}}"),
)


def new_stage() -> Stage:
    """A shop whose one scenario does all there is, an hour after an order was paid."""
    terms: dict[str, Any] = {
        "actions": ALL,
        "cancel_on": (Condition.ORDER_CANCELLED, Condition.ORDER_CREATED),
        "success": success(Condition.ORDER_CREATED, hours=1),
        "once_per_customer": True,
        "once_per_order": True,
    }
    stage = Stage(scenario(**terms), now=at(0))
    stage.person(name="Ada", phone="+491555")
    stage.faults.calls = 0
    return stage


def lives(stage: Stage, minutes: int) -> None:
    """Let the workers work; whoever is killed is followed by another."""
    for _ in range(minutes):
        stage.clock.advance(60)
        try:
            stage.act()
        except Crash:
            continue


def runs(stage: Stage) -> None:
    until_it_is_done(stage.paid)
    lives(stage, 150)


def is_cancelled(stage: Stage) -> None:
    until_it_is_done(stage.paid)
    until_it_is_done(stage.hear, mark(second=10, cancelled=True))
    lives(stage, 80)


def succeeds(stage: Stage) -> None:
    until_it_is_done(stage.paid)
    lives(stage, 70)
    until_it_is_done(stage.hear, told_of(Trigger.ORDER_CREATED, "A-2", 65 * 60))
    lives(stage, 80)


def struck(story: Callable[[Stage], None], n: int = 0, fault: Fault | None = None) -> Stage:
    stage = new_stage()
    if fault is not None:
        stage.faults.script = {n: fault}
    story(stage)
    return stage


def check_run(stage: Stage, result: str, where: str) -> None:
    task = stage.task
    assert stage.states == [result], where
    assert task.outcomes[Action.CREDIT].status is ActionStatus.DONE, where
    assert stage.credited == {f"scn:{task.task_id}": 500}, where
    assert stage.shop.account.available == 1_000, where
    codes = [item for item in stage.shop.dynamo.items("State") if item["sk"]["S"] == "PROMO"]
    assert len(codes) == 1, where
    message = task.outcomes[Action.MESSAGE].status
    assert message in {ActionStatus.DONE, ActionStatus.UNCONFIRMED}, where
    assert len(stage.sender.sent) <= 1, where
    assert message is ActionStatus.UNCONFIRMED or len(stage.sender.sent) == 1, where


@pytest.mark.parametrize(("story", "result"), [(runs, "conditions_not_met"), (succeeds, "successful")])
@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.row("F14", "P8")
def test_a_run_struck_at_any_call_ends_alike(fault: Fault, story: Callable[[Stage], None], result: str) -> None:
    calls = struck(story).faults.calls
    assert 20 <= calls < MOST_CALLS
    for n in range(1, calls + 1):
        stage = struck(story, n, fault)
        assert sum(stage.faults.fired.values()) == 1, f"call {n}: the fault never struck"
        check_run(stage, result, f"call {n}")


@pytest.mark.row("P8")
def test_want_of_capacity_at_any_call_of_the_tables_is_waited_out_before_the_message_goes_back() -> None:
    calls: list[str] = []
    first, rested = waited_out(0, calls), 0
    for n, name in enumerate(calls, start=1):
        if name in OF_TABLES:
            stage = waited_out(n, [])
            assert stage.states == first.states, f"call {n}"
            assert list(stage.credited.values()) == [500], f"call {n}"
            rested += len(stage.naps)
    # But where a posting is tried again by itself.
    assert rested == sum(name in OF_TABLES for name in calls) - 1 >= 8


def waited_out(n: int, calls: list[str]) -> Stage:
    """The stage after its task was run and credited at one moment, with the nth call throttled."""
    stage = new_stage()
    stage.paid()
    stage.clock.advance(3_600)
    stage.faults.calls, stage.faults.script = 0, {n: Fault.THROTTLE}
    stage.faults.before_call = lambda _, operation: calls.append(operation)
    stage.act()
    stage.faults.before_call = None
    return stage


@pytest.mark.parametrize("fault", list(Fault))
def test_a_cancellation_struck_at_any_call_ends_alike(fault: Fault) -> None:
    calls = struck(is_cancelled).faults.calls
    assert 10 <= calls < MOST_CALLS
    for n in range(1, calls + 1):
        stage = struck(is_cancelled, n, fault)
        assert stage.states == ["order.cancelled"], f"call {n}"
        assert (stage.credited, stage.sender.sent) == ({}, []), f"call {n}"


@pytest.mark.row("F34")
def test_a_task_has_its_alarm_also_where_the_sdk_repeats_a_call_whose_answer_was_lost() -> None:
    for n in range(1, 20):
        stage = Stage(scenario(), now=at(0))
        stage.shop.dynamo.sdk_retries = 2
        stage.faults.script = {n: Fault.LOST_AFTER}
        until_it_is_done(stage.paid)
        assert len(stage.tasks) == len(stage.scheduler.schedules) == 1, f"call {n}"


def raced(first: Callable[[Stage], object], second: Callable[[Stage], object], n: int) -> Stage:
    """The stage after ``first``, before whose nth call ``second`` was there from its beginning to its end."""
    stage = new_stage()
    stage.paid()
    stage.clock.advance(3_600)
    stage.faults.calls = 0

    def hook(index: int, _operation: str) -> None:
        if index == n:
            stage.faults.before_call = None
            second(stage)

    stage.faults.before_call = hook
    first(stage)
    stage.faults.before_call = None
    return stage


def fire(stage: Stage) -> None:
    try:
        run_task(stage.books, stage.outlets, STORE, stage.task.task_id, stage.now)
    except Busy:
        stage.clock.advance(1)
        run_task(stage.books, stage.outlets, STORE, stage.task.task_id, stage.now)


def cancel(stage: Stage) -> None:
    stage.hear(mark(second=10, cancelled=True))


@pytest.mark.parametrize(("first", "second"), [(fire, cancel), (cancel, fire)])
@pytest.mark.row("F35", "P8")
def test_a_cancellation_and_a_run_exclude_each_other(
    first: Callable[[Stage], object], second: Callable[[Stage], object]
) -> None:
    ends: set[str] = set()
    for n in range(1, 30):
        stage = raced(first, second, n)
        lives(stage, 2)
        (state,) = stage.states
        ends.add(state)
        if state == "order.cancelled":
            assert (stage.credited, stage.sender.sent, len(stage.credits)) == ({}, [], 0), f"call {n}"
        else:
            assert state == "awaiting_result", f"call {n}"
            assert (list(stage.credited.values()), len(stage.sender.sent)) == ([500], 1), f"call {n}"
    assert ends == {"order.cancelled", "awaiting_result"}


@pytest.mark.row("F31")
def test_two_runs_at_once_send_and_credit_once() -> None:
    for n in range(1, 20):
        stage = raced(fire, fire, n)
        lives(stage, 80)
        check_run(stage, "conditions_not_met", f"call {n}")


def post(stage: Stage) -> None:
    """What the worker of credits does, if the credit is on its way."""
    task = stage.task
    if stage.credits.messages:
        post_credit(stage.books, STORE, task.task_id, stage.now)


def test_a_credit_that_is_posted_before_its_run_has_ended_is_told_rightly() -> None:
    for n in range(1, 20):
        stage = raced(fire, post, n)
        lives(stage, 80)
        check_run(stage, "conditions_not_met", f"call {n}")
        ((_, text),) = stage.sender.sent
        assert text.endswith(" 10.00 USD"), f"call {n}: {text}"
