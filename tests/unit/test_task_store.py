"""Tasks in the State table: what creates them once, what finds them, and what is counted of them."""

from collections import Counter
from copy import replace
from itertools import pairwise
from typing import Any

import pytest

from cashback.adapters.dynamo import scenario_keys
from cashback.adapters.dynamo.codec import from_item
from cashback.domain.delays import AT_ONCE, Delay, Unit
from cashback.domain.due import DueKind
from cashback.domain.scenarios import Condition, Success, Trigger
from cashback.domain.tasks import (
    Action,
    ActionOutcome,
    ActionStatus,
    Part,
    Result,
    Task,
    TaskFigure,
    acted,
    cancelled,
    finished,
    fired,
    given_up,
    judged,
)
from tests.unit.builders import CUSTOMER, NOW, ORDER, STORE, Shop, at
from tests.unit.scenario_builders import ALL_ACTIONS, BERLIN, recorded, scenario, waiting

QUEUED = ActionOutcome(ActionStatus.QUEUED)
SUCCESS = Success((Condition.ORDER_CREATED, Condition.REVIEW_CREATED), Delay(14, Unit.DAYS))


def create(shop: Shop, task: Task, **once: bool) -> bool:
    return shop.books.tasks.create(STORE, task, **{"once_per_order": False, "once_per_customer": False, **once})


def items(shop: Shop, prefix: str) -> list[dict[str, Any]]:
    """The items of the State table whose sort key begins so."""
    return [item for item in map(from_item, shop.dynamo.items("State")) if item["sk"].startswith(prefix)]


def watched(shop: Shop) -> set[str]:
    return {item["sk"].split("#")[1] for item in items(shop, "WATCH#")}


def ended(task: Task, *, credit: ActionStatus | None = None) -> Task:
    """The task as it was executed, and what became of its credit."""
    begun = fired(task, task.due_at)
    assert begun is not None
    if credit is not None:
        begun = acted(begun, Action.CREDIT, ActionOutcome(credit))
    return finished(begun, task.due_at, BERLIN)


# ---- created


def test_a_task_is_read_as_it_was_created() -> None:
    shop = Shop()
    task = waiting(actions=ALL_ACTIONS, cancel_on=tuple(Condition), success=SUCCESS)
    assert create(shop, task)
    assert shop.books.tasks.get(STORE, task.task_id) == task
    assert shop.books.tasks.get(STORE, "tsk_other") is None
    assert shop.books.tasks.get_many(STORE, ["tsk_other", task.task_id, task.task_id]) == [task]


def test_a_task_is_created_once() -> None:
    shop = Shop()
    task = waiting()
    assert create(shop, task)
    assert shop.books.tasks.save(STORE, task, ended(task))
    assert not create(shop, task)
    assert shop.books.tasks.get(STORE, task.task_id) == ended(task)


@pytest.mark.parametrize("once", ["once_per_order", "once_per_customer"])
def test_what_happens_once_is_started_by_no_second_fact(once: str) -> None:
    shop = Shop()
    first, second = waiting(Trigger.ORDER_PAID), waiting(Trigger.ORDER_COMPLETED)
    assert create(shop, first, **{once: True})
    assert not create(shop, second, **{once: True})
    assert shop.books.tasks.get(STORE, second.task_id) is None
    assert create(shop, second)


def test_another_customer_and_another_scenario_have_guards_of_their_own() -> None:
    shop = Shop()
    task = waiting()
    assert create(shop, task, once_per_customer=True)
    assert create(shop, replace(task, task_id="tsk_2", customer_id="other"), once_per_customer=True)
    assert create(shop, replace(task, task_id="tsk_3", scenario_id="scn_2"), once_per_customer=True)


def test_a_task_without_an_order_or_a_customer_is_guarded_and_watches_where_it_can() -> None:
    shop = Shop()
    task = replace(waiting(cancel_on=tuple(Condition)), customer_id=None, order_id=None)
    assert create(shop, task, once_per_order=True, once_per_customer=True)
    assert items(shop, "ONCE#") == items(shop, "WATCH#") == []


def test_what_need_not_be_created_is_what_exists_or_was_started_before() -> None:
    shop = Shop()
    exists, guarded, new = (waiting(trigger) for trigger in list(Trigger)[:3])
    once = scenario(once_per_customer=True)
    assert create(shop, exists, once_per_customer=True)
    before = shop.dynamo.faults.calls
    found = shop.books.tasks.started(STORE, [(exists, once), (guarded, once), (new, scenario())])
    assert shop.dynamo.faults.calls == before + 1
    assert found == {exists.task_id: exists, guarded.task_id: None}


def test_a_task_that_begins_as_cancelled_is_guarded_and_neither_due_nor_told_of_anything() -> None:
    shop = Shop()
    task = cancelled(waiting(cancel_on=tuple(Condition)), "order.created", NOW)
    assert task is not None
    assert create(shop, task, once_per_customer=True)
    assert len(items(shop, "ONCE#")) == 1
    assert items(shop, "WATCH#") == []
    [item] = items(shop, "TASK")
    assert not {"due_pk", "credit"} & item.keys()
    assert list(shop.books.tasks.figures(STORE, "scn_1")) == [TaskFigure(Part.CANCELLED, "order.created")]


# ---- watched


def test_events_find_the_tasks_that_watch_for_them_in_their_own_partition() -> None:
    shop = Shop()
    by_customer = waiting(Trigger.ORDER_PAID, cancel_on=(Condition.ORDER_CREATED,))
    by_order = waiting(Trigger.ORDER_COMPLETED, cancel_on=(Condition.ORDER_CANCELLED, Condition.REVIEW_CREATED))
    assert create(shop, by_customer)
    assert create(shop, by_order)
    assert shop.books.tasks.watching_customer(STORE, CUSTOMER) == [by_customer.task_id]
    assert shop.books.tasks.watching_order(STORE, ORDER) == {
        by_order.task_id: frozenset({Condition.ORDER_CANCELLED, Condition.REVIEW_CREATED})
    }
    assert shop.books.tasks.watching_customer(STORE, "other") == []
    assert shop.books.tasks.watching_order("elsewhere", ORDER) == {}


def test_a_task_that_begins_to_run_is_told_no_more_of_what_would_only_have_cancelled_it() -> None:
    shop = Shop()
    task = waiting(cancel_on=(Condition.ORDER_CREATED, Condition.ORDER_CANCELLED), success=SUCCESS)
    assert create(shop, task)
    assert watched(shop) == {"order.created", "order.cancelled", "review.created"}
    begun = fired(task, task.due_at)
    assert begun is not None
    assert shop.books.tasks.save(STORE, task, begun)
    assert watched(shop) == {"order.created", "review.created"}
    assert shop.books.tasks.save(STORE, begun, finished(begun, NOW, BERLIN))
    assert watched(shop) == {"order.created", "review.created"}


@pytest.mark.parametrize("end", [cancelled, given_up])
def test_a_task_that_is_cancelled_or_fails_is_told_of_nothing_more(end: Any) -> None:
    shop = Shop()
    task = waiting(cancel_on=tuple(Condition), success=SUCCESS)
    assert create(shop, task)
    assert shop.books.tasks.save(STORE, task, end(task, "by_hand", NOW))
    assert items(shop, "WATCH#") == []


def test_a_watch_expires_a_month_after_its_window_can_have_closed() -> None:
    shop = Shop()
    assert create(shop, waiting(delay=AT_ONCE, success=SUCCESS))
    days = {(item["expires_at_epoch"] - 1_772_323_260) // 86_400 for item in items(shop, "WATCH#")}
    assert days == {32 + 16}, "each two days more than it says, whatever the time zone"


def test_guards_go_with_the_customer_who_is_merged_and_never_over_one_that_stands() -> None:
    shop = Shop()
    mine, theirs = waiting(), replace(waiting(), task_id="tsk_2", customer_id="kept")
    other = replace(waiting(), task_id="tsk_3", scenario_id="scn_2")
    for task in (mine, theirs, other):
        assert create(shop, task, once_per_customer=True)
    for _ in range(2):
        shop.books.tasks.copy_guards(STORE, CUSTOMER, "kept")
    kept = {item["sk"]: item["task_id"] for item in items(shop, "ONCE#") if "#kept" in item["pk"]}
    assert kept == {"ONCE#scn_1": "tsk_2", "ONCE#scn_2": "tsk_3"}


# ---- moved


def test_a_task_is_moved_over_the_revision_that_was_read() -> None:
    shop = Shop()
    task = waiting(cancel_on=(Condition.ORDER_CREATED,))
    begun, stopped = fired(task, task.due_at), cancelled(task, "by_hand", NOW)
    assert begun is not None
    assert stopped is not None
    assert create(shop, task)
    assert shop.books.tasks.save(STORE, task, stopped)
    assert not shop.books.tasks.save(STORE, task, begun)
    assert shop.books.tasks.get(STORE, task.task_id) == stopped


def test_what_belongs_to_a_move_is_written_with_it_or_not_at_all() -> None:
    shop = Shop()
    task = waiting()
    begun = fired(task, task.due_at)
    assert begun is not None
    assert create(shop, task)
    impossible = shop.books.tasks.table.put({"pk": "S#demo#X", "sk": "X"}, "attribute_exists(pk)")
    assert not shop.books.tasks.save(STORE, task, begun, impossible)
    assert shop.books.tasks.get(STORE, task.task_id) == task


def test_a_task_stays_due_at_one_place_until_it_ends_and_then_until_its_window_closes() -> None:
    shop = Shop()
    task = waiting(success=SUCCESS)
    begun = fired(task, task.due_at)
    assert begun is not None
    done = finished(begun, NOW, BERLIN)
    met = judged(done, Result.SUCCESSFUL, "order.created")
    assert met is not None
    assert create(shop, task)
    due = [items(shop, "TASK")[0].get("due_sk")]
    for before, after in pairwise((task, begun, done, met)):
        assert shop.books.tasks.save(STORE, before, after)
        due.append(items(shop, "TASK")[0].get("due_sk"))
    place = f"{STORE}#{DueKind.TASK}#{task.task_id}"
    assert due == [f"{task.due_at}#{place}", f"{task.due_at}#{place}", f"{done.window_until}#{place}", None]


# ---- listed and counted


def test_lists_are_by_where_a_task_stands_newest_first_page_by_page() -> None:
    shop = Shop()
    tasks = [replace(waiting(), task_id=f"tsk_{n}", created_at=at(n)) for n in range(6)]
    other = replace(waiting(), task_id="tsk_other", scenario_id="scn_2", created_at=at(3))
    for task in (*tasks, other):
        assert create(shop, task)
    assert shop.books.tasks.save(STORE, tasks[4], ended(tasks[4]))
    listed, place = shop.books.tasks.page(STORE, ["scn_1", "scn_2"], [Part.OPEN], 3, None)
    assert [task.task_id for task in listed] == ["tsk_5", "tsk_other", "tsk_3"]
    listed, place = shop.books.tasks.page(STORE, ["scn_1", "scn_2"], [Part.OPEN], 3, place)
    assert ([task.task_id for task in listed], place) == (["tsk_2", "tsk_1", "tsk_0"], None)
    everything, _ = shop.books.tasks.page(STORE, ["scn_1"], list(Part), 10, None)
    assert [task.task_id for task in everything] == [f"tsk_{n}" for n in (5, 4, 3, 2, 1, 0)]
    assert shop.books.tasks.page(STORE, [], list(Part), 10, None) == ([], None)


def test_a_list_that_lags_shows_no_task_that_moved_on_meanwhile() -> None:
    shop = Shop()
    task = waiting()
    assert create(shop, ended(task))
    lagging = {":pk": scenario_keys.tasks_listed(STORE, "scn_1", Part.OPEN)}
    table = shop.books.tasks.table
    moved = table.update(
        scenario_keys.task(STORE, task.task_id), "SET listing_pk = :pk", "attribute_exists(pk)", lagging
    )
    table.commit(moved)
    assert shop.books.tasks.page(STORE, ["scn_1"], [Part.OPEN], 3, None) == ([], None)


def test_the_figures_of_a_scenario_are_told_without_reading_its_tasks() -> None:
    shop = Shop()
    ends: list[Task | None] = []
    for number, status in enumerate((*ActionStatus, None)):
        task = replace(waiting(), task_id=f"tsk_{number}")
        ends.append(ended(task, credit=status))
        assert create(shop, task)
        assert shop.books.tasks.save(STORE, task, ended(task, credit=status))
    running = fired(replace(waiting(), task_id="tsk_running"), NOW)
    assert running is not None
    assert create(shop, acted(running, Action.CREDIT, QUEUED))
    awaiting = replace(waiting(success=SUCCESS), task_id="tsk_awaiting")
    assert create(shop, ended(awaiting))
    failed = given_up(replace(waiting(), task_id="tsk_failed"), "Busy", NOW)
    assert failed is not None
    assert create(shop, failed)
    assert Counter(shop.books.tasks.figures(STORE, "scn_1")) == {
        TaskFigure(Part.OPEN): 1,
        TaskFigure(Part.EXECUTED): 5,
        TaskFigure(Part.EXECUTED, None, 5_000): 2,
        TaskFigure(Part.EXECUTED, "awaiting_result"): 1,
        TaskFigure(Part.FAILED, "Busy"): 1,
    }


def test_an_order_keeps_its_document_beside_guards_and_watches() -> None:
    shop = Shop()
    order = replace(recorded({"paid": at(60)}), rev=1)
    assert shop.books.orders.save(STORE, order) is None
    assert create(shop, waiting(cancel_on=tuple(Condition)), once_per_order=True)
    assert shop.books.orders.get(STORE, ORDER) == order
