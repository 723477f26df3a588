import re
from collections.abc import Callable
from copy import replace
from itertools import chain, combinations, permutations
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cashback.domain.delays import Delay, Unit
from cashback.domain.facts import Facts
from cashback.domain.scenarios import (
    OF_AN_ORDER,
    Actions,
    Condition,
    Success,
    Trigger,
    birthday_of,
    occasions_of,
    registration_of,
)
from cashback.domain.tasks import (
    Action,
    ActionOutcome,
    ActionStatus,
    Result,
    Surroundings,
    Task,
    TaskStatus,
    acted,
    cancelled,
    cancelled_by,
    finished,
    fired,
    fulfils,
    given_up,
    judged,
    task_id_of,
    task_of,
)
from cashback.domain.times import OLDEST, Instant, just_after
from tests.unit.builders import CUSTOMER, ORDER, STORE, at
from tests.unit.scenario_builders import (
    ALL_ACTIONS,
    ALL_CONDITIONS,
    BERLIN,
    occasion,
    recorded,
    scenario,
    waiting,
)

HOUR = Delay(1, Unit.HOURS)
DAY = Delay(1, Unit.DAYS)
ON_BOTH = Success((Condition.ORDER_CREATED, Condition.REVIEW_CREATED), HOUR)
DONE = ActionOutcome(ActionStatus.DONE)

ids = st.text(alphabet=[*"a1:%", "\n"], min_size=1, max_size=4)


def running(**more: Any) -> Task:
    task = fired(waiting(**more), at(60))
    assert task is not None
    return task


def executed(second: int = 100, **more: Any) -> Task:
    """A task whose actions have run at a second of the day."""
    return finished(running(**more), at(second), BERLIN)


def some(task: Task | None) -> Task:
    assert task is not None
    return task


# ---- how a task comes to be


def test_a_task_carries_what_the_scenario_said_and_waits() -> None:
    said = scenario(actions=ALL_ACTIONS, cancel_on=ALL_CONDITIONS, success=ON_BOTH, delay=HOUR)
    assert task_of(STORE, said, occasion(second=60), at(90), BERLIN) == Task(
        task_id=task_id_of(STORE, "scn_1", f"ord:{ORDER}:paid"),
        scenario_id="scn_1",
        trigger=Trigger.ORDER_PAID,
        cause=f"ord:{ORDER}:paid",
        occurred_at=at(60),
        created_at=at(90),
        due_at=at(3_660),
        actions=ALL_ACTIONS,
        customer_id=CUSTOMER,
        order_id=ORDER,
        cancel_on=ALL_CONDITIONS,
        success=ON_BOTH,
    )


def test_a_task_of_a_customer_has_no_order() -> None:
    said = scenario(Trigger.CUSTOMER_BIRTHDAY)
    task = task_of(STORE, said, birthday_of(CUSTOMER, 2026, at(60)), at(60), BERLIN)
    assert (task.customer_id, task.order_id, task.due_at) == (CUSTOMER, None, at(60))


def test_the_delay_counts_from_when_it_happened_and_what_is_due_already_is_due_now() -> None:
    assert task_of(STORE, scenario(delay=HOUR), occasion(second=60), at(3_000), BERLIN).due_at == at(3_660)
    assert task_of(STORE, scenario(delay=HOUR), occasion(second=60), at(5_000), BERLIN).due_at == at(5_000)


@pytest.mark.row("F46")
def test_what_a_shop_tells_of_the_future_happens_now() -> None:
    task = task_of(STORE, scenario(delay=HOUR), occasion(second=9_000), at(60), BERLIN)
    assert (task.occurred_at, task.due_at) == (at(60), at(3_660))


def test_the_delay_is_counted_on_the_calendar_of_the_store() -> None:
    paid_at = "2026-03-28T01:30:00.000000Z"
    happened = replace(occasion(), occurred_at=paid_at)
    task = task_of(STORE, scenario(delay=DAY), happened, paid_at, BERLIN)
    assert task.due_at == "2026-03-29T01:00:00.000000Z", "02:30 is left out in Berlin that night"


@pytest.mark.parametrize("unit", Unit)
@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Auckland", "UTC"])
def test_a_shops_time_of_the_year_1_is_long_ago_in_every_zone(unit: Unit, zone: str) -> None:
    happened = replace(occasion(), occurred_at=OLDEST)
    task = task_of(STORE, scenario(delay=Delay(1, unit)), happened, at(60), ZoneInfo(zone))
    assert (task.occurred_at, task.due_at) == (OLDEST, at(60))


@given(ids, ids, ids, ids)
@example("a:1", "1", "1", "a:1")
def test_other_causes_make_other_tasks_and_the_same_cause_the_same_one(
    one: str, other: str, item: str, another: str
) -> None:
    causes = {
        found.cause
        for order_id in (one, other)
        for found in occasions_of(
            recorded(dict.fromkeys(["created", "paid", f"ref:{item}", f"ref:{another}", f"rev:{one}"], at(1)), order_id)
        )
    } | {registration_of(one, at(1)).cause, birthday_of(one, 2026, at(1)).cause, birthday_of(one, 2027, at(1)).cause}
    made = [
        (store, scn, cause) for store in ("demo", "other") for scn in ("scn_1", "scn_2") for cause in sorted(causes)
    ]
    task_ids = [task_id_of(*of) for of in made]
    assert len(set(task_ids)) == len(made)
    assert task_ids == [task_id_of(*of) for of in made]


def test_the_id_of_a_task_is_short_and_fit_for_every_name() -> None:
    task_id = task_id_of(STORE, "scn_1", "ord:%:" + "x" * 500)
    assert re.fullmatch(r"tsk_[a-z2-7]{26}", task_id)


# ---- what cancels it: facts, whatever their order

type Heard = tuple[str, Instant]
"""What was told and when it happened: an order of this id, or a condition of the trigger order, or a review's id."""

ANOTHER = "another"


def told(known: Surroundings, heard: Heard) -> Surroundings:
    """Add a fact as it is recorded: the newest order stays, and of each other thing the earliest time."""
    what, when = heard
    order = known.order or recorded({})
    facts = order.facts
    match what:
        case "cancelled" | "completed":
            facts = replace(facts, since={**facts.since, what: min(when, facts.since.get(what, when))})
        case "r1" | "r2":
            facts = replace(facts, reviews={**facts.reviews, what: min(when, facts.reviews.get(what, when))})
        case _ if known.newest_order_at is None or known.newest_order_at < when:
            return Surroundings(what, when, known.order)
    return replace(known, order=replace(order, facts=facts))


def surroundings(*heard: Heard) -> Surroundings:
    known = Surroundings()
    for one in heard:
        known = told(known, one)
    return known


CANCELS: dict[Condition, Heard] = {
    Condition.ORDER_CREATED: (ANOTHER, at(61)),
    Condition.ORDER_CANCELLED: ("cancelled", at(61)),
    Condition.ORDER_COMPLETED: ("completed", at(61)),
    Condition.REVIEW_CREATED: ("r1", at(61)),
}


@pytest.mark.parametrize("condition", Condition)
def test_each_condition_cancels_alone_and_only_by_its_own_fact(condition: Condition) -> None:
    task = waiting(cancel_on=(condition,))
    found = {of: cancelled_by(task, surroundings(heard)) for of, heard in CANCELS.items()}
    assert found == {of: condition if of is condition else None for of in Condition}
    assert cancelled_by(waiting(), surroundings(*CANCELS.values())) is None


def test_any_of_several_conditions_cancels_in_whatever_order_they_were_named_or_told() -> None:
    chosen = chain.from_iterable(combinations(Condition, size) for size in range(1, 5))
    for conditions in chosen:
        known = {surroundings_key(surroundings(*(CANCELS[of] for of in order))) for order in permutations(conditions)}
        assert len(known) == 1
        for named in permutations(conditions):
            assert (
                cancelled_by(waiting(cancel_on=named), surroundings(*map(CANCELS.__getitem__, conditions))) is named[0]
            )


def surroundings_key(known: Surroundings) -> str:
    facts = known.order.facts if known.order else Facts()
    parts = known.newest_order_id, known.newest_order_at, sorted(facts.since.items()), sorted(facts.reviews.items())
    return repr(parts)


heard_facts = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from([ANOTHER, "third", "cancelled", "completed", "r1", "r2"]),
            st.sampled_from([59, 60, 61]).map(at),
        ),
        st.tuples(st.just(ORDER), st.integers(40, 60).map(at)),
    ),
    max_size=6,
)
REVIEWS: list[Heard] = [("r1", at(59)), ("r2", at(61))]
later_facts = st.tuples(st.sampled_from([ANOTHER, "third", "cancelled", "completed", "r1", "r2"]), st.just(at(70)))
named_conditions = st.lists(st.sampled_from(Condition), unique=True).map(tuple)
order_triggers = st.sampled_from([one for one in Trigger if one in OF_AN_ORDER])


@given(
    heard_facts.flatmap(lambda heard: st.tuples(st.just(heard), st.permutations(heard))),
    named_conditions,
    order_triggers,
)
@example(([REVIEWS[0], REVIEWS[1]], [REVIEWS[1], REVIEWS[0]]), (Condition.REVIEW_CREATED,), Trigger.ORDER_PAID)
def test_what_cancels_a_task_does_not_depend_on_the_order_in_which_it_was_told(
    heard: tuple[list[Heard], list[Heard]], named: tuple[Condition, ...], trigger: Trigger
) -> None:
    task = waiting(trigger, cancel_on=named)
    one, other = (cancelled_by(task, surroundings(*facts)) for facts in heard)
    assert one is other


@given(heard_facts, named_conditions, order_triggers)
def test_a_task_is_cancelled_by_just_the_facts_that_follow_what_started_it(
    heard: list[Heard], named: tuple[Condition, ...], trigger: Trigger
) -> None:
    first = {what: min(when for of, when in heard if of == what) for what, _ in heard}
    counts = {
        Condition.ORDER_CREATED: any(when > at(60) for what, when in heard if what in {ANOTHER, "third"}),
        Condition.ORDER_CANCELLED: first.get("cancelled", OLDEST) >= at(60) and trigger is not Trigger.ORDER_CANCELLED,
        Condition.ORDER_COMPLETED: first.get("completed", OLDEST) >= at(60) and trigger is not Trigger.ORDER_COMPLETED,
        Condition.REVIEW_CREATED: max(first.get("r1", OLDEST), first.get("r2", OLDEST)) >= at(60),
    }
    found = cancelled_by(waiting(trigger, cancel_on=named), surroundings(*heard))
    assert found is next((of for of in named if counts[of]), None)


@given(heard_facts, named_conditions, order_triggers, later_facts)
def test_a_later_fact_never_lets_a_cancelled_task_go_on(
    heard: list[Heard], named: tuple[Condition, ...], trigger: Trigger, later: Heard
) -> None:
    task = waiting(trigger, cancel_on=named)
    known = surroundings(*heard)
    more = told(known, later)
    assert cancelled_by(task, known) is None or cancelled_by(task, more) is not None


@pytest.mark.parametrize("condition", Condition)
def test_an_order_counts_from_just_after_the_trigger_and_the_rest_from_that_moment_on(condition: Condition) -> None:
    task, what = waiting(cancel_on=(condition,)), CANCELS[condition][0]
    assert cancelled_by(task, surroundings((what, at(59)))) is None
    at_once = None if condition is Condition.ORDER_CREATED else condition
    assert cancelled_by(task, surroundings((what, at(60)))) is at_once
    assert cancelled_by(task, surroundings((what, just_after(at(60))))) is condition


@pytest.mark.parametrize("trigger", [one for one in Trigger if one in OF_AN_ORDER])
@pytest.mark.parametrize("now", [at(60), at(30), at(90)], ids=["at once", "from the future", "late"])
def test_what_started_a_task_never_cancels_it(trigger: Trigger, now: Instant) -> None:
    happened = occasion(trigger, second=60)
    task = task_of(STORE, scenario(trigger, cancel_on=ALL_CONDITIONS), happened, now, BERLIN)
    assert cancelled_by(task, Surroundings(ORDER, at(60), happened.order)) is None
    assert cancelled_by(task, Surroundings()) is None


@given(ids, ids)
@example("a:b", "a%3Ab")
def test_the_review_that_started_a_task_never_cancels_it_but_another_one_does(mine: str, other: str) -> None:
    order = recorded({f"rev:{mine}": at(60)}, reviews={mine: at(60)})
    [happened] = occasions_of(order)
    said = scenario(Trigger.REVIEW_CREATED, cancel_on=(Condition.REVIEW_CREATED,))
    task = task_of(STORE, said, happened, at(60), BERLIN)
    assert cancelled_by(task, Surroundings(order=order)) is None
    both = replace(order, facts=replace(order.facts, reviews={mine: at(60), other: at(61)}))
    expected = None if mine == other else Condition.REVIEW_CREATED
    assert cancelled_by(task, Surroundings(order=both)) is expected


def test_what_was_told_without_a_time_counts_from_when_it_was_recorded() -> None:
    task = waiting(cancel_on=(Condition.ORDER_CANCELLED,))
    assert cancelled_by(task, Surroundings(order=recorded({"cancelled": at(59)}))) is None
    assert cancelled_by(task, Surroundings(order=recorded({"cancelled": at(60)}))) is Condition.ORDER_CANCELLED
    told_by_the_shop = recorded({"cancelled": at(70)}, since={"cancelled": at(50)})
    assert cancelled_by(task, Surroundings(order=told_by_the_shop)) is None


@pytest.mark.parametrize(
    "occasion_of", [lambda: registration_of(CUSTOMER, at(60)), lambda: birthday_of(CUSTOMER, 2026, at(60))]
)
def test_any_order_since_cancels_what_no_order_started(occasion_of: Callable[[], Any]) -> None:
    happened = occasion_of()
    said = scenario(happened.trigger, cancel_on=(Condition.ORDER_CREATED,))
    task = task_of(STORE, said, happened, at(60), BERLIN)
    assert cancelled_by(task, Surroundings(ORDER, at(60))) is None
    assert cancelled_by(task, Surroundings(ORDER, at(61))) is Condition.ORDER_CREATED


# ---- what makes it a success


@pytest.mark.parametrize(
    ("condition", "order_id"), [(Condition.ORDER_CREATED, ANOTHER), (Condition.REVIEW_CREATED, ORDER)]
)
def test_both_ends_of_the_window_count(condition: Condition, order_id: str) -> None:
    task = executed(second=100, success=ON_BOTH)
    assert (task.finished_at, task.window_until) == (at(100), at(3_700))
    instants = [at(99), at(100), at(2_000), at(3_700), just_after(at(3_700))]
    assert [fulfils(task, condition, when, order_id) for when in instants] == [False, True, True, True, False]


def test_another_order_is_a_success_and_the_one_that_started_it_is_not() -> None:
    task = executed(success=ON_BOTH)
    assert fulfils(task, Condition.ORDER_CREATED, at(200), ANOTHER)
    assert not fulfils(task, Condition.ORDER_CREATED, at(200), ORDER)


def test_a_review_is_a_success_on_the_very_order_alone() -> None:
    task = executed(success=ON_BOTH)
    assert fulfils(task, Condition.REVIEW_CREATED, at(200), ORDER)
    assert not fulfils(task, Condition.REVIEW_CREATED, at(200), ANOTHER)
    of_nothing = replace(task, order_id=None)
    assert not fulfils(of_nothing, Condition.REVIEW_CREATED, at(200), None)
    assert fulfils(of_nothing, Condition.ORDER_CREATED, at(200), ORDER), "any order of who registered"


def test_only_what_the_scenario_asks_for_is_a_success() -> None:
    task = executed(success=Success((Condition.REVIEW_CREATED,), HOUR))
    assert not fulfils(task, Condition.ORDER_CREATED, at(200), ANOTHER)
    assert not fulfils(executed(), Condition.ORDER_CREATED, at(200), ANOTHER)
    assert not fulfils(task, Condition.ORDER_CANCELLED, at(200), ORDER)


def test_nothing_fulfils_what_was_not_executed() -> None:
    task = waiting(success=ON_BOTH)
    for one in (
        task,
        some(fired(task, at(60))),
        some(cancelled(task, "by_hand", at(100))),
        some(given_up(task, "busy", at(100))),
    ):
        assert not fulfils(one, Condition.ORDER_CREATED, at(100), ANOTHER)


def test_the_window_is_counted_from_the_end_of_the_actions_on_the_stores_calendar() -> None:
    task = executed(second=100, success=Success((Condition.ORDER_CREATED,), Delay(1, Unit.MONTHS)))
    assert task.window_until == "2026-03-31T23:01:40.000000Z", "the clocks of Berlin have changed by then"


# ---- how it moves


STEPS: dict[str, Callable[[Task, Instant], Task | None]] = {
    "fired": fired,
    "finished": lambda task, now: finished(task, now, BERLIN) if task.status is TaskStatus.RUNNING else None,
    "gave_up": lambda task, now: given_up(task, "busy", now),
    "cancelled": lambda task, now: cancelled(task, "by_hand", now),
    "successful": lambda task, _: judged(task, Result.SUCCESSFUL, "order"),
    "not_met": lambda task, _: judged(task, Result.NOT_MET, None),
    "awaiting": lambda task, _: judged(task, Result.AWAITING, None),
    "credited": lambda task, _: acted(task, Action.CREDIT, DONE),
}
STATES: dict[tuple[TaskStatus, str], TaskStatus] = {
    (TaskStatus.WAITING, "fired"): TaskStatus.RUNNING,
    (TaskStatus.WAITING, "gave_up"): TaskStatus.FAILED,
    (TaskStatus.WAITING, "cancelled"): TaskStatus.CANCELLED,
    (TaskStatus.RUNNING, "finished"): TaskStatus.EXECUTED,
    (TaskStatus.RUNNING, "gave_up"): TaskStatus.FAILED,
}
RESULTS: dict[tuple[Result | None, str], Result] = {
    (Result.AWAITING, "successful"): Result.SUCCESSFUL,
    (Result.AWAITING, "not_met"): Result.NOT_MET,
    (Result.NOT_MET, "successful"): Result.SUCCESSFUL,
}


@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=12), st.booleans())
def test_a_task_moves_by_the_table_alone_and_each_change_is_a_revision(steps: list[str], measured: bool) -> None:
    task = waiting(actions=ALL_ACTIONS, success=ON_BOTH if measured else None)
    for second, step in enumerate(steps, start=61):
        result = STEPS[step](task, at(second))
        moved, judgement = STATES.get((task.status, step)), RESULTS.get((task.result, step))
        assert (result is not None) is (moved is not None or judgement is not None or step == "credited")
        if result is None:
            continue
        assert result.rev == task.rev + 1
        assert result.status is (moved or task.status)
        opened = Result.AWAITING if moved is TaskStatus.EXECUTED and measured else None
        assert result.result is (judgement or opened or task.result)
        ended_at = at(second) if moved not in {None, TaskStatus.RUNNING} else task.finished_at
        assert (result.finished_at, result.due_at) == (ended_at, task.due_at)
        task = result


@pytest.mark.parametrize("step", sorted(STEPS))
@pytest.mark.parametrize("status", [TaskStatus.EXECUTED, TaskStatus.FAILED, TaskStatus.CANCELLED])
def test_an_ended_task_never_moves_again(status: TaskStatus, step: str) -> None:
    ended = replace(waiting(), status=status)
    after_all = STEPS[step](ended, at(9_000))
    assert after_all is None or after_all.status is status


@pytest.mark.parametrize("status", [one for one in TaskStatus if one is not TaskStatus.RUNNING])
def test_only_what_runs_is_finished(status: TaskStatus) -> None:
    with pytest.raises(KeyError):
        finished(replace(waiting(), status=status), at(100), BERLIN)


def test_a_task_runs_from_the_very_moment_it_is_due_and_not_before() -> None:
    task = waiting(delay=HOUR)
    assert task.due_at == at(3_660)
    assert fired(task, at(3_659)) is None
    assert fired(task, "2026-03-01T01:00:59.999999Z") is None
    begun = some(fired(task, at(3_660)))
    assert (begun.status, begun.started_at, begun.finished_at) == (TaskStatus.RUNNING, at(3_660), None)
    assert fired(begun, at(3_661)) is None, "fired twice"
    assert some(fired(task, at(9_000))).started_at == at(9_000), "late, but it runs"


@pytest.mark.row("98")
def test_a_cancelled_task_says_why_and_never_runs() -> None:
    task = some(cancelled(waiting(), "order.created", at(70)))
    assert (task.status, task.reason, task.finished_at) == (TaskStatus.CANCELLED, "order.created", at(70))
    assert fired(task, at(9_000)) is None
    assert cancelled(task, "by_hand", at(80)) is None
    assert task.result is None


def test_a_task_that_runs_is_cancelled_no_more() -> None:
    assert cancelled(running(), "by_hand", at(70)) is None
    assert cancelled(executed(), "by_hand", at(170)) is None


def test_a_task_without_success_conditions_awaits_no_result() -> None:
    task = executed(second=100)
    assert (task.status, task.result, task.window_until, task.finished_at) == (TaskStatus.EXECUTED, None, None, at(100))
    assert judged(task, Result.SUCCESSFUL, "order") is None


def test_a_late_event_still_makes_a_success_and_nothing_unmakes_it() -> None:
    awaiting = executed(success=ON_BOTH)
    assert awaiting.result is Result.AWAITING
    missed = some(judged(awaiting, Result.NOT_MET, None))
    assert (missed.result, missed.judged_by) == (Result.NOT_MET, None)
    successful = some(judged(missed, Result.SUCCESSFUL, "ord:another"))
    assert (successful.result, successful.judged_by) == (Result.SUCCESSFUL, "ord:another")
    for result in Result:
        assert judged(successful, result, "rev:v1") is None
    assert judged(missed, Result.AWAITING, None) is None
    assert judged(missed, Result.NOT_MET, None) is None


# ---- what is left to do, and when


def test_the_actions_left_are_those_asked_for_without_an_outcome_in_their_order() -> None:
    task = running(actions=ALL_ACTIONS)
    assert task.left == (Action.PROMO_CODE, Action.CREDIT, Action.MESSAGE)
    for ended in set(ActionStatus) - {ActionStatus.SENDING}:
        assert acted(task, Action.PROMO_CODE, ActionOutcome(ended)).left == (Action.CREDIT, Action.MESSAGE)
    assert acted(task, Action.CREDIT, DONE).left == (Action.PROMO_CODE, Action.MESSAGE)
    assert running(actions=Actions(message=ALL_ACTIONS.message)).left == (Action.MESSAGE,)


def test_a_credit_of_nothing_is_left_to_be_skipped_and_one_not_asked_for_is_not() -> None:
    assert running(actions=Actions(credit=0)).left == (Action.CREDIT,)
    assert running(actions=Actions()).left == ()


def test_a_message_that_was_being_sent_is_looked_at_again() -> None:
    sending = acted(running(actions=ALL_ACTIONS), Action.MESSAGE, ActionOutcome(ActionStatus.SENDING))
    assert sending.left == (Action.PROMO_CODE, Action.CREDIT, Action.MESSAGE)
    unconfirmed = acted(sending, Action.MESSAGE, ActionOutcome(ActionStatus.UNCONFIRMED))
    assert unconfirmed.left == (Action.PROMO_CODE, Action.CREDIT)


def test_each_action_has_an_outcome_of_its_own_and_the_last_one_told_stands() -> None:
    queued = acted(running(actions=ALL_ACTIONS), Action.CREDIT, ActionOutcome(ActionStatus.QUEUED))
    failed = acted(queued, Action.PROMO_CODE, ActionOutcome(ActionStatus.FAILED, "busy"))
    credited = acted(finished(failed, at(100), BERLIN), Action.CREDIT, DONE)
    assert credited.outcomes == {Action.CREDIT: DONE, Action.PROMO_CODE: ActionOutcome(ActionStatus.FAILED, "busy")}
    assert queued.outcomes == {Action.CREDIT: ActionOutcome(ActionStatus.QUEUED)}, "what was is not changed"
    assert (credited.status, credited.rev) == (TaskStatus.EXECUTED, 6)


def test_giving_up_fails_what_was_not_done_and_leaves_what_was() -> None:
    queued = ActionOutcome(ActionStatus.QUEUED)
    task = some(given_up(acted(running(actions=ALL_ACTIONS), Action.CREDIT, queued), "busy", at(200)))
    failed = ActionOutcome(ActionStatus.FAILED, "busy")
    assert task.outcomes == {Action.PROMO_CODE: failed, Action.CREDIT: queued, Action.MESSAGE: failed}
    assert (task.status, task.reason, task.finished_at, task.left) == (TaskStatus.FAILED, "busy", at(200), ())
    assert task.result is None


def test_giving_up_says_of_a_message_that_was_being_sent_that_nobody_knows() -> None:
    sending = acted(running(actions=ALL_ACTIONS), Action.MESSAGE, ActionOutcome(ActionStatus.SENDING))
    task = some(given_up(sending, "busy", at(200)))
    assert task.outcomes[Action.MESSAGE] == ActionOutcome(ActionStatus.UNCONFIRMED, "busy")
    assert task.outcomes[Action.CREDIT] == ActionOutcome(ActionStatus.FAILED, "busy")


def test_a_task_comes_due_to_run_to_be_resumed_and_to_be_judged_and_then_no_more() -> None:
    task = waiting(success=ON_BOTH, delay=HOUR)
    begun = some(fired(task, at(3_700)))
    assert task.comes_due_at == begun.comes_due_at == at(3_660)
    awaiting = finished(begun, at(3_800), BERLIN)
    assert awaiting.comes_due_at == awaiting.window_until == at(7_400)
    ended = [
        executed(),
        some(judged(awaiting, Result.SUCCESSFUL, "order")),
        some(judged(awaiting, Result.NOT_MET, None)),
        some(cancelled(task, "by_hand", at(70))),
        some(given_up(begun, "busy", at(3_900))),
    ]
    assert [one.comes_due_at for one in ended] == [None] * 5


def test_a_task_is_told_of_what_cancels_it_only_while_it_waits() -> None:
    task = waiting(cancel_on=(Condition.ORDER_CANCELLED, Condition.ORDER_CREATED), success=ON_BOTH)
    assert task.watches(waiting=True) == {Condition.ORDER_CANCELLED, Condition.ORDER_CREATED, Condition.REVIEW_CREATED}
    assert task.watches(waiting=False) == {Condition.ORDER_CREATED, Condition.REVIEW_CREATED}
    assert waiting().watches(waiting=True) == waiting().watches(waiting=False) == frozenset()
