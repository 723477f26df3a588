"""Scenarios as their services run them: what starts, cancels, runs and judges a task, however it is told."""

from copy import replace
from typing import Any

import pytest

from cashback.adapters.dynamo.tasks import Tasks
from cashback.domain.delays import AT_ONCE, Delay, Unit
from cashback.domain.due import DueKind, DueThing
from cashback.domain.facts import Facts
from cashback.domain.orders import News
from cashback.domain.scenarios import Actions, Condition, Limits, ScenarioStatus, Trigger
from cashback.domain.tasks import Result, TaskStatus
from cashback.services.close_store import close_store
from cashback.services.close_window import close_window
from cashback.services.follow_tasks import Followed, follow_order
from cashback.services.import_orders import import_orders
from cashback.services.record_order import hear_news, settle_claims
from cashback.services.run_task import run_task
from cashback.services.sweep import settle_due
from tests.unit.builders import CUSTOMER, NOW, ORIGIN, SOURCE, STORE, at, body, line, news, refund, units
from tests.unit.people import merge
from tests.unit.stage import SCENARIO, Stage, scenario, success

A = "A-1"


def told_of(trigger: Trigger, order_id: str = A, second: int = 0) -> News:
    """What tells an order with all that comes before it, and then what a scenario waits for."""
    about = body(line("1", 10_000), second=second, created_at=at(second))
    match trigger:
        case Trigger.ORDER_CREATED:
            return news(about, order_id=order_id)
        case Trigger.ORDER_PAID:
            return news(about, order_id=order_id, paid=True, since={"paid": at(second)})
        case Trigger.ORDER_COMPLETED:
            return news(about, order_id=order_id, completed=True, since={"completed": at(second)})
        case Trigger.ORDER_CANCELLED:
            return news(about, order_id=order_id, cancelled=True, since={"cancelled": at(second)})
        case Trigger.ORDER_REFUNDED:
            return news(about, refund("r1", units("1", 1, 100), created_at=at(second)), order_id=order_id, paid=True)
        case _:
            return news(about, order_id=order_id, reviews={"rv1": at(second)})


def review(order_id: str = A, second: int = 10, review_id: str = "rv1") -> News:
    return News(order_id, SOURCE, Facts(reviews={review_id: at(second)}))


def mark(order_id: str = A, second: int = 10, **marks: Any) -> News:
    return News(order_id, SOURCE, Facts(**marks, since=dict.fromkeys(marks, at(second))))


# ---- what starts


@pytest.mark.parametrize("trigger", [one for one in Trigger if one.value.startswith(("order", "review"))])
def test_each_fact_of_an_order_starts_its_scenarios_once(trigger: Trigger) -> None:
    stage = Stage(scenario(trigger, delay=AT_ONCE))
    stage.person()
    for _ in range(3):
        stage.hear(told_of(trigger))
    assert [(task.trigger, task.order_id, task.customer_id) for task in stage.tasks] == [(trigger, A, CUSTOMER)]
    stage.act()
    assert stage.states == ["executed"]
    assert list(stage.credited.values()) == [500]


def test_a_registration_starts_once_for_ever() -> None:
    stage = Stage(scenario(Trigger.CUSTOMER_CREATED, delay=AT_ONCE))
    stage.person(name="Ada")
    assert stage.tasks == []
    stage.person(name="Ada", created=True)
    stage.person(name="Ada", created=True)
    stage.act()
    assert [(task.cause, task.status) for task in stage.tasks] == [(f"cus:{CUSTOMER}:created", "executed")]
    assert list(stage.credited.values()) == [500]


def test_nothing_starts_from_what_was_recorded_before_a_scenario_was_made() -> None:
    stage = Stage()
    stage.paid()
    stage.clock.advance(1)
    stage.save(scenario(active_since=stage.now))
    stage.paid()
    assert stage.tasks == []
    stage.paid("A-2", 5)
    assert [task.order_id for task in stage.tasks] == ["A-2"]


def test_an_inactive_scenario_starts_nothing_and_what_waits_runs() -> None:
    stage = Stage(scenario(cancel_on=(Condition.ORDER_CANCELLED,)))
    stage.paid()
    stopped = scenario(
        cancel_on=(Condition.ORDER_CANCELLED,), status=ScenarioStatus.INACTIVE, inactive_since=stage.now, rev=2
    )
    stage.save(stopped)
    stage.paid("A-2", 5)
    stage.wait(hours=2)
    assert [(task.order_id, task.status) for task in stage.tasks] == [(A, "executed")]


def test_limits_and_order_numbers_choose_the_orders() -> None:
    stage = Stage(
        scenario(limits=Limits(min_number=1, max_number=1)), scenario(scenario_id="s2", limits=Limits(min_price=10_001))
    )
    settings, live = stage.books.scenarios.live(STORE)
    assert settings is not None
    assert live.number_orders
    settings = replace(settings, numbers_orders=True)

    for order_id, second in (("A-1", 0), ("A-2", 5)):
        order, _ = hear_news(stage.books, settings, told_of(Trigger.ORDER_PAID, order_id, second), stage.now)
        assert order is not None
        follow_order(stage.books, lambda: stage.outlets.alarms, settings, live, order, stage.now)
    assert [task.order_id for task in stage.tasks] == ["A-1"]


def test_once_per_customer_counts_what_was_created_even_if_it_was_cancelled() -> None:
    stage = Stage(scenario(once_per_customer=True, cancel_on=(Condition.ORDER_CANCELLED,)))
    stage.paid("A-1")
    stage.hear(mark("A-1", cancelled=True))
    stage.paid("A-2", 5)
    stage.paid("B-1", 6, customer_id="7009")
    assert [(task.order_id, task.reason) for task in stage.tasks] == [("A-1", "order.cancelled"), ("B-1", None)]


def test_once_per_customer_survives_a_merge() -> None:
    stage = Stage(scenario(once_per_customer=True))
    stage.paid("B-1", 0, customer_id="7002")
    stage.person(CUSTOMER)
    merge(stage.shop, CUSTOMER, "7002")
    stage.paid("A-1", 5)
    assert [task.order_id for task in stage.tasks] == ["B-1"]


def test_once_per_customer_counts_orders_that_still_name_who_was_merged() -> None:
    stage = Stage(scenario(once_per_customer=True))
    stage.person("7002")
    stage.paid("A-1")
    merge(stage.shop, CUSTOMER, "7002")
    stage.paid("B-1", 5, customer_id="7002")
    stage.paid("B-2", 6, customer_id="7002")
    assert [(task.order_id, task.customer_id) for task in stage.tasks] == [("A-1", CUSTOMER)]


def test_once_per_customer_counts_for_whom_a_merged_one_is_now() -> None:
    stage = Stage(scenario(once_per_customer=True))
    stage.person("7002")
    stage.person(CUSTOMER)
    merge(stage.shop, CUSTOMER, "7002")
    stage.paid("B-1", 5, customer_id="7002")
    stage.paid("A-1", 6)
    assert [(task.order_id, task.customer_id) for task in stage.tasks] == [("B-1", CUSTOMER)]


def test_once_per_order_counts_the_refunds_of_one_order_once() -> None:
    stage = Stage(scenario(Trigger.ORDER_REFUNDED, once_per_order=True))
    about = body(line("1", 10_000, quantity=2, current=2))
    for refund_id in ("r1", "r2"):
        stage.hear(news(about, refund(refund_id, units("1", 1, 100)), order_id=A, paid=True))
    assert len(stage.tasks) == 1


def test_an_import_starts_nothing_and_neither_does_what_is_told_of_it_again() -> None:
    stage = Stage(scenario(delay=AT_ONCE), scenario(Trigger.ORDER_COMPLETED, "s2", delay=AT_ONCE))

    told = told_of(Trigger.ORDER_PAID)
    hear_news(stage.books, stage.shop.settings, told, stage.now, starts_nothing=True)
    stage.hear(told)
    assert stage.tasks == []
    stage.hear(mark(completed=True))
    assert [task.trigger for task in stage.tasks] == ["order.completed"]
    assert import_orders(stage.books, stage.shop.settings, "events", ["{}"], NOW)[0].outcome == "ignored"


def test_an_order_that_a_contact_claims_is_looked_at_also_if_the_claim_is_cut_off() -> None:
    stage = Stage(scenario(once_per_customer=True, delay=AT_ONCE))
    stage.shop.books = stage.books = replace(stage.books, steps=lambda: stage.action_queue)
    about = body(line("1", 10_000), customer_id=None)
    guest = news(about, order_id=A, paid=True, since={"paid": at(0)})
    stage.hear(replace(guest, contacts=frozenset({"ada@example.com"})))
    assert stage.tasks == []
    stage.shop.verify("ada@example.com")
    macs = stage.books.contacts.macs(STORE, ["ada@example.com"])
    assert settle_claims(stage.books, stage.shop.settings, macs, stage.now) == 1
    assert stage.tasks == [], "whoever settled it may be cut off here"
    stage.wait(minutes=5)
    assert [(task.customer_id, task.status) for task in stage.tasks] == [(CUSTOMER, "executed")]
    assert list(stage.credited.values()) == [500]


# ---- what cancels


@pytest.mark.parametrize("is_seen", [True, False])
def test_a_task_that_was_written_after_its_watches_were_looked_for_is_cancelled_all_the_same(
    monkeypatch: pytest.MonkeyPatch, is_seen: bool
) -> None:
    """Two deliveries of an order at once: whoever starts the task knows nothing of the other yet."""
    stage = Stage(scenario(cancel_on=(Condition.ORDER_CANCELLED,)))
    stage.paid()
    monkeypatch.setattr(Tasks, "watching_order", lambda *_: {})
    if not is_seen:
        monkeypatch.setattr(Tasks, "started", lambda *_: {})
    settings, live = stage.books.scenarios.live(STORE)
    assert settings is not None
    order, _ = hear_news(stage.books, settings, mark(cancelled=True), stage.now)
    assert order is not None
    followed = follow_order(stage.books, lambda: stage.outlets.alarms, settings, live, order, stage.now)
    assert (stage.states, followed) == (["order.cancelled"], Followed(started=0, cancelled=1, successful=0))


def test_an_order_whose_review_has_the_id_of_another_s_tells_that_one_s_task_nothing() -> None:
    stage = Stage(scenario(Trigger.REVIEW_CREATED, cancel_on=(Condition.ORDER_CREATED,)))
    for order_id, customer_id, second in ((A, CUSTOMER, 0), ("B-2", "9999", 20)):
        stage.paid(order_id, second, customer_id=customer_id)
        stage.hear(review(order_id, second + 5))
    assert [(task.order_id, task.status) for task in stage.tasks] == [(A, TaskStatus.WAITING)]


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        (Condition.ORDER_CREATED, told_of(Trigger.ORDER_CREATED, "A-2", 10)),
        (Condition.ORDER_CANCELLED, mark(cancelled=True)),
        (Condition.ORDER_COMPLETED, mark(completed=True)),
        (Condition.REVIEW_CREATED, review()),
    ],
)
def test_each_condition_cancels_what_waits(condition: Condition, told: News) -> None:
    stage = Stage(scenario(cancel_on=(condition,)))
    stage.paid()
    assert stage.states == ["waiting"]
    stage.hear(told)
    assert stage.states == [condition]
    stage.wait(hours=3)
    assert (stage.states, stage.credited) == ([condition], {})
    left = [item["sk"]["S"] for item in stage.shop.dynamo.items("State") if item["sk"]["S"].startswith("WATCH#")]
    assert left == []


def test_any_of_several_conditions_cancels_and_none_that_it_does_not_name() -> None:
    stage = Stage(scenario(cancel_on=(Condition.REVIEW_CREATED, Condition.ORDER_CANCELLED)))
    stage.paid()
    stage.hear(mark(completed=True))
    stage.hear(told_of(Trigger.ORDER_CREATED, "A-2", 10))
    stage.hear(review("A-2"))
    assert stage.states[0] == "waiting"
    stage.hear(mark(cancelled=True))
    assert stage.states[0] == "order.cancelled"


def test_the_order_that_triggers_a_task_does_not_cancel_it_nor_does_an_older_or_foreign_one() -> None:
    stage = Stage(scenario(Trigger.ORDER_CREATED, cancel_on=(Condition.ORDER_CREATED,)))
    stage.hear(told_of(Trigger.ORDER_CREATED, A, 20))
    stage.hear(told_of(Trigger.ORDER_PAID, A, 21))
    stage.hear(news(body(line(), second=30, created_at=at(30), customer_id="7009"), order_id="B-1"))
    stage.hear(news(body(line(), second=5, created_at=at(5)), order_id="A-0"))
    assert [task.reason for task in stage.tasks if task.order_id == A] == [None]
    stage.wait(hours=2)
    assert [task.status for task in stage.tasks if task.order_id == A] == ["executed"]


def test_an_event_that_overtakes_the_trigger_cancels_and_counts() -> None:
    stage = Stage(scenario(cancel_on=(Condition.ORDER_CREATED,), once_per_customer=True))
    stage.hear(told_of(Trigger.ORDER_CREATED, "A-2", 10))
    stage.paid("A-1", 5)
    assert [(task.order_id, task.reason) for task in stage.tasks] == [("A-1", "order.created")]
    assert len(stage.actions) + len(stage.scheduler.schedules) == 0
    stage.paid("A-3", 20)
    assert len(stage.tasks) == 1


def test_a_cancellation_that_was_told_first_cancels() -> None:
    stage = Stage(scenario(cancel_on=(Condition.ORDER_CANCELLED,)))
    stage.hear(mark(second=10, cancelled=True))
    stage.paid(second=5)
    assert stage.states == ["order.cancelled"]


def test_what_no_watch_found_cancels_when_the_task_is_fired() -> None:
    stage = Stage(scenario(cancel_on=(Condition.ORDER_CREATED,)))
    stage.paid()
    for item in list(stage.shop.dynamo.items("State")):
        if item["sk"]["S"].startswith("WATCH#"):
            stage.shop.dynamo.delete_item(TableName="State", Key={"pk": item["pk"], "sk": item["sk"]})
    stage.hear(told_of(Trigger.ORDER_CREATED, "A-2", 10))
    assert stage.states == ["waiting"]
    stage.wait(hours=2)
    assert (stage.states, stage.credited) == (["order.created"], {})


# ---- success


def run_with_success(*on: Condition) -> Stage:
    stage = Stage(scenario(success=success(*on, hours=1), delay=Delay(1, Unit.MINUTES)), now=at(0))
    stage.paid()
    stage.wait(minutes=15)
    assert stage.states == ["awaiting_result"]
    return stage


def limit_of(stage: Stage) -> tuple[str, str]:
    task = stage.task
    assert task.finished_at is not None
    assert task.window_until is not None
    return task.finished_at, task.window_until


def order_at(when: str, order_id: str = "A-9") -> News:
    return news(replace(body(line()), created_at=when, updated_at=when), order_id=order_id)


def test_an_order_in_the_window_is_a_success_at_once_and_at_its_limits_too() -> None:
    for end in (0, 1):
        stage = run_with_success(Condition.ORDER_CREATED)
        stage.hear(order_at(limit_of(stage)[end]))
        assert (stage.states, stage.task.judged_by) == (["successful"], "ord:A-9:created")
        stage.wait(hours=3)
        assert stage.states == ["successful"]


def test_an_order_before_the_run_or_after_the_window_is_none() -> None:
    stage = run_with_success(Condition.ORDER_CREATED)
    _, ended = limit_of(stage)
    stage.hear(order_at(at(30), "A-8"))
    stage.hear(order_at(ended[:-2] + "9Z", "A-9"))
    assert stage.states == ["awaiting_result"]
    stage.wait(hours=2)
    assert stage.states == ["conditions_not_met"]


def test_nothing_at_the_limit_is_no_success_until_something_in_time_is_told_late() -> None:
    stage = run_with_success(Condition.ORDER_CREATED, Condition.REVIEW_CREATED)
    begun, _ = limit_of(stage)
    stage.wait(hours=2)
    assert stage.states == ["conditions_not_met"]
    stage.hear(News(A, SOURCE, Facts(reviews={"rv": begun})))
    assert (stage.states, stage.task.judged_by) == (["successful"], "rev:rv")


def test_a_success_that_no_watch_found_is_found_when_the_window_closes() -> None:
    stage = run_with_success(Condition.ORDER_CREATED)
    begun, _ = limit_of(stage)

    hear_news(stage.books, stage.shop.settings, order_at(begun), stage.now)
    stage.hear(order_at(at(86_000), "A-10"))
    assert stage.states == ["awaiting_result"]
    stage.wait(hours=2)
    assert stage.states == ["successful"]
    assert len(stage.credited) == 1


@pytest.mark.row("F39")
def test_an_order_that_the_index_does_not_show_yet_is_found_by_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = run_with_success(Condition.ORDER_CREATED)
    begun, _ = limit_of(stage)
    hear_news(stage.books, stage.shop.settings, order_at(begun), stage.now)
    assert stage.books.customers.note_newest_order(STORE, CUSTOMER, "A-9", begun)
    monkeypatch.setattr(type(stage.books.lists), "page", lambda *_: ([], None))
    stage.wait(hours=2)
    assert stage.states == ["successful"]


def test_an_alarm_that_closes_early_is_set_again() -> None:
    stage = run_with_success(Condition.ORDER_CREATED)
    task_id = stage.task.task_id
    assert close_window(stage.books, stage.outlets.alarms, STORE, task_id, stage.now) == "early"
    assert stage.states == ["awaiting_result"]
    stage.wait(hours=2)
    assert close_window(stage.books, stage.outlets.alarms, STORE, task_id, stage.now) == "unchanged"
    assert stage.states == ["conditions_not_met"]


# ---- when


@pytest.mark.row("F33")
def test_an_early_alarm_is_set_again_and_a_late_one_runs() -> None:
    stage = Stage(scenario(), now=at(0))
    stage.paid()
    task = stage.task

    assert run_task(stage.books, stage.outlets, STORE, task.task_id, stage.now) == "early"
    stage.clock.advance(3_600 - 60)
    assert run_task(stage.books, stage.outlets, STORE, task.task_id, stage.now) == "early"
    assert stage.states == ["waiting"]
    stage.scheduler.schedules.clear()
    stage.actions.messages.clear()
    stage.clock.advance(25 * 3_600)
    assert run_task(stage.books, stage.outlets, STORE, task.task_id, stage.now) == "executed"
    assert run_task(stage.books, stage.outlets, STORE, task.task_id, stage.now) == "unchanged"
    stage.act()
    assert list(stage.credited.values()) == [500]


@pytest.mark.row("F34")
def test_an_alarm_without_a_task_does_nothing() -> None:

    stage = Stage(scenario())
    assert run_task(stage.books, stage.outlets, STORE, "tsk_none", stage.now) == "task_unknown"
    assert close_window(stage.books, stage.outlets.alarms, STORE, "tsk_none", stage.now) == "unchanged"


@pytest.mark.row("F32", "F37")
def test_what_the_alarm_clock_lost_the_sweeper_finds() -> None:

    stage = Stage(scenario(success=success(Condition.ORDER_CREATED, hours=1)), now=at(0))
    books = replace(stage.books, steps=lambda: stage.action_queue)
    stage.paid()
    stage.scheduler.schedules.clear()
    thing = DueThing(stage.task.due_at, STORE, DueKind.TASK, stage.task.task_id)
    stage.clock.advance(3_601)
    api_keys: Any = None
    assert settle_due(books, api_keys, api_keys, api_keys, thing, stage.now) == "ringing"
    stage.clock.advance(120)
    assert settle_due(books, api_keys, api_keys, api_keys, thing, stage.now) == "reminded"
    stage.act()
    assert stage.states == ["awaiting_result"]
    assert settle_due(books, api_keys, api_keys, api_keys, thing, stage.now) == "unchanged"
    stage.scheduler.schedules.clear()
    stage.actions.messages.clear()
    stage.clock.advance(4_000)
    assert stage.task.comes_due_at is not None
    closing = DueThing(stage.task.comes_due_at, STORE, DueKind.TASK, stage.task.task_id)
    assert settle_due(books, api_keys, api_keys, api_keys, closing, stage.now) == "reminded"
    stage.act()
    assert stage.states == ["conditions_not_met"]


def test_a_closed_store_runs_nothing() -> None:

    stage = Stage(scenario(), scenario(scenario_id="s2", actions=Actions(credit=1), delay=AT_ONCE))
    stage.paid()
    close_store(stage.books, STORE, "gone", ORIGIN, stage.now)
    stage.wait(hours=2)
    assert {task.reason for task in stage.tasks} == {"store_closed"}
    assert stage.credited == {}
    assert stage.tasks[0].status is TaskStatus.CANCELLED
    assert stage.tasks[0].result is not Result.AWAITING
    assert SCENARIO in {task.scenario_id for task in stage.tasks}
