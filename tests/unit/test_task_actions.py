"""What the actions of a task come to, each apart from the others."""

from copy import replace
from typing import Any

import pytest

from cashback.adapters.dynamo.tasks import Tasks
from cashback.domain.delays import AT_ONCE, Delay, Unit
from cashback.domain.errors import Busy, Forbidden
from cashback.domain.scenarios import Actions, Channel, Discount, Message, PromoOffer, Trigger
from cashback.domain.tasks import Action, ActionOutcome, ActionStatus, Task, TaskStatus, acted
from cashback.services.change_settings import change_settings
from cashback.services.post_credit import give_up_credit, post_credit
from cashback.services.run_task import give_up_task, run_task
from tests.unit.builders import CUSTOMER, NOW, ORIGIN, STORE, body, line, news
from tests.unit.people import erase, merge
from tests.unit.stage import Stage, scenario

OFFER = PromoOffer(Discount(amount=100), prefix="HI-", expires_in=Delay(1, Unit.DAYS))
SMS = Message(Channel.SMS, "{{userName}}: {{amount}}, {{balance}}, {{promoCode}}")
ADA: dict[str, Any] = {"name": "Ada", "phone": "+4915550104477", "email": "ada@example.com"}


def ran(actions: Actions, *, person: dict[str, Any] | None = None, **terms: Any) -> Stage:
    stage = Stage(scenario(actions=actions, delay=AT_ONCE, **terms))
    stage.person(**(ADA if person is None else person))
    stage.paid()
    stage.act()
    return stage


def test_all_three_actions_are_done_and_the_message_tells_of_the_others() -> None:
    stage = ran(Actions(promo_code=OFFER, credit=500, message=SMS))
    task = stage.task
    assert {action: one.status for action, one in task.outcomes.items()} == dict.fromkeys(Action, ActionStatus.DONE)
    assert task.promo_code is not None
    assert task.promo_code.startswith("HI-")
    # The order itself gave 5.00 before.
    assert stage.sender.sent == [("+4915550104477", f"Ada: 5.00 USD, 10.00 USD, {task.promo_code}")]
    assert stage.shop.account.available == 1_000
    promo = stage.books.promo_codes.get(STORE, task.promo_code)
    assert promo is not None
    assert (promo.task_id, promo.customer_id, promo.expires_at) == (
        task.task_id,
        CUSTOMER,
        "2026-03-02T12:00:00.000000Z",
    )


@pytest.mark.parametrize(
    ("channel", "person", "to"),
    [
        (Channel.SMS, ADA, "+4915550104477"),
        (Channel.EMAIL, ADA, "ada@example.com"),
        (Channel.PUSH, ADA, None),
        (Channel.SMS, {"email": "ada@example.com"}, None),
    ],
)
def test_a_message_goes_where_its_channel_reaches_or_is_skipped(
    channel: Channel, person: dict[str, Any], to: str | None
) -> None:
    stage = ran(Actions(message=Message(channel, "Dear {{ userName }}")), person=person)
    if to is None:
        assert stage.outcome(Action.MESSAGE) == (ActionStatus.SKIPPED, "no_recipient")
        assert stage.sender.sent == []
    else:
        assert stage.sender.sent == [(to, "Dear Ada")]


def test_a_person_without_a_name_is_a_customer_and_nothing_credited_is_nothing() -> None:
    stage = ran(
        Actions(credit=0, message=Message(Channel.SMS, "{{userName}} {{amount}} {{balance}}")),
        person={"phone": "+491555"},
    )
    assert stage.sender.sent == [("+491555", "customer 0.00 USD 5.00 USD")]
    assert stage.outcome(Action.CREDIT) == (ActionStatus.SKIPPED, "amount_zero")


def test_a_refused_message_fails_with_its_reason_and_stops_nothing() -> None:
    stage = Stage(scenario(actions=Actions(credit=500, message=SMS, promo_code=OFFER), delay=AT_ONCE))
    stage.person(**ADA)
    stage.sender.refuses = "OptedOut"
    stage.paid()
    stage.act()
    assert stage.outcome(Action.MESSAGE) == (ActionStatus.FAILED, "recipient_opted_out")
    assert stage.task.status is TaskStatus.EXECUTED
    assert len(stage.credited) == 1


def test_a_throttled_message_is_sent_with_the_next_try() -> None:
    stage = Stage(scenario(actions=Actions(credit=500, message=SMS, promo_code=OFFER), delay=AT_ONCE))
    stage.person(**ADA)
    stage.sender.refuses = "Throttled"
    stage.paid()
    stage.act()
    assert stage.states == ["running"]
    assert Action.MESSAGE not in stage.task.outcomes
    stage.sender.refuses = None
    stage.wait(hours=1)
    assert stage.states == ["executed"]
    assert len(stage.sender.sent) == 1
    assert len(stage.credited) == 1


@pytest.mark.parametrize("error", [Forbidden("no"), Busy("later"), TypeError("a bug")])
def test_codes_that_cannot_be_made_stop_nothing_else(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(scenario(actions=Actions(promo_code=OFFER, credit=500, message=SMS), delay=AT_ONCE))
    stage.person(**ADA)
    stage.paid()

    def fails(*_: Any) -> None:
        raise error

    monkeypatch.setattr(type(stage.books.promo_codes), "make", fails)
    task_id = stage.task.task_id
    if isinstance(error, Forbidden):
        stage.act()
        assert stage.outcome(Action.PROMO_CODE) == (ActionStatus.FAILED, "forbidden")
        assert stage.outcome(Action.MESSAGE) == (ActionStatus.SKIPPED, "promo_code_missing")
        assert stage.states == ["executed"]
    else:
        with pytest.raises(type(error)):
            run_task(stage.books, stage.outlets, STORE, task_id, stage.now)
        give_up_task(stage.books, STORE, task_id, "gone", stage.now)
        stage.act()
        assert stage.states == ["gone"]
        assert stage.outcome(Action.PROMO_CODE) == (ActionStatus.FAILED, "gone")
        assert stage.outcome(Action.MESSAGE) == (ActionStatus.FAILED, "gone")
    assert stage.sender.sent == []
    assert stage.outcome(Action.CREDIT) == (ActionStatus.DONE, None)
    assert len(stage.credited) == 1


def test_a_resumed_run_never_sends_what_may_have_been_sent() -> None:
    stage = Stage(scenario(actions=Actions(message=SMS, promo_code=OFFER), delay=AT_ONCE))
    stage.person(**ADA)
    stage.paid()
    task = stage.task
    sending = {Action.MESSAGE: ActionOutcome(ActionStatus.SENDING)}
    begun = replace(task, status=TaskStatus.RUNNING, outcomes=sending, rev=3)
    assert stage.books.tasks.save(STORE, task, begun)
    stage.act()
    assert stage.outcome(Action.MESSAGE) == (ActionStatus.UNCONFIRMED, None)
    assert (stage.states, stage.sender.sent) == (["executed"], [])


def test_a_run_never_takes_back_that_another_one_may_have_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(scenario(actions=Actions(message=Message(Channel.SMS, "Hello")), delay=AT_ONCE))
    stage.person(**ADA)
    stage.paid()
    stage.sender.refuses = "Throttled"
    save = Tasks.save

    def unanswered(tasks: Tasks, store_id: str, before: Task, after: Task) -> bool:
        is_saved = save(tasks, store_id, before, after)
        if before.outcomes == {}:
            return is_saved
        assert after.outcomes == {}
        monkeypatch.setattr(Tasks, "save", save)
        # It was taken back, but the SDK repeated the call, and another run marks it before this one looks.
        marked = acted(after, Action.MESSAGE, ActionOutcome(ActionStatus.SENDING))
        return not save(tasks, store_id, after, marked)

    monkeypatch.setattr(Tasks, "save", unanswered)
    with pytest.raises(Busy):
        run_task(stage.books, stage.outlets, STORE, stage.task.task_id, stage.now)
    stage.sender.refuses = None
    stage.wait(hours=1)
    assert stage.outcome(Action.MESSAGE) == (ActionStatus.UNCONFIRMED, None)
    assert stage.sender.sent == []


# ---- credits


def test_cashback_that_is_off_credits_nothing_when_it_runs_nor_when_it_is_posted() -> None:
    stage = Stage(scenario(delay=AT_ONCE))
    stage.paid()
    change_settings(stage.books, STORE, 1, {"cashback_enabled": False}, ORIGIN, NOW)
    stage.act()
    assert stage.outcome(Action.CREDIT) == (ActionStatus.SKIPPED, "cashback_disabled")
    stage = Stage(scenario(delay=AT_ONCE))
    stage.paid()
    run_task(stage.books, stage.outlets, STORE, stage.task.task_id, stage.now)
    assert stage.outcome(Action.CREDIT) == (ActionStatus.QUEUED, None)
    change_settings(stage.books, STORE, 1, {"cashback_enabled": False}, ORIGIN, NOW)
    stage.act()
    assert stage.outcome(Action.CREDIT) == (ActionStatus.SKIPPED, "cashback_disabled")
    assert stage.credited == {}


def test_a_guest_s_order_credits_whose_it_is_by_then_or_nobody() -> None:
    stage = Stage(scenario(Trigger.ORDER_CREATED, delay=AT_ONCE))
    about = body(line("1", 10_000), customer_id=None)
    stage.hear(news(about, order_id="A-1"))
    stage.act()
    assert stage.outcome(Action.CREDIT) == (ActionStatus.SKIPPED, "customer_not_found")
    stage = Stage(scenario(Trigger.ORDER_CREATED))
    stage.hear(news(about, order_id="A-1"))
    stage.hear(news(body(line("1", 10_000), second=1), order_id="A-1", paid=True))
    stage.wait(hours=2)
    assert (stage.task.customer_id, list(stage.credited.values())) == (CUSTOMER, [500])


def test_a_customer_whom_only_an_unpaid_order_names_is_credited() -> None:
    stage = Stage(scenario(Trigger.ORDER_CREATED, delay=AT_ONCE))
    stage.hear(news(body(line("1", 10_000)), order_id="A-1"))
    stage.act()
    assert (stage.outcome(Action.CREDIT), list(stage.credited.values())) == ((ActionStatus.DONE, None), [500])
    assert stage.shop.account.available == 500


def test_an_erased_customer_is_credited_nothing_and_a_merged_one_where_they_are() -> None:
    stage = Stage(scenario(delay=AT_ONCE))
    stage.paid()
    erase(stage.shop)
    stage.act()
    assert stage.outcome(Action.CREDIT) == (ActionStatus.SKIPPED, "customer_not_found")
    stage = Stage(scenario(delay=AT_ONCE))
    stage.person("7002")
    stage.paid()
    merge(stage.shop, "7002", CUSTOMER)
    stage.act()
    assert stage.outcome(Action.CREDIT) == (ActionStatus.DONE, None)
    assert stage.shop.accounts["7002"].available == 1_000


def test_a_credit_told_again_is_posted_once_and_one_that_failed_may_be_posted_later() -> None:
    stage = Stage(scenario(delay=AT_ONCE))
    stage.paid()
    task_id = stage.task.task_id
    assert post_credit(stage.books, STORE, task_id, stage.now) == "unchanged", "it does not run yet"
    run_task(stage.books, stage.outlets, STORE, task_id, stage.now)
    give_up_credit(stage.books, STORE, task_id, "busy")
    assert stage.outcome(Action.CREDIT) == (ActionStatus.FAILED, "busy")
    assert post_credit(stage.books, STORE, task_id, stage.now) == "posted"
    assert post_credit(stage.books, STORE, task_id, stage.now) == "unchanged"
    give_up_credit(stage.books, STORE, task_id, "busy")
    assert stage.outcome(Action.CREDIT) == (ActionStatus.DONE, None)
    (entry,) = [one for cause, one in stage.shop.entries[CUSTOMER].items() if cause.startswith("scn:")]
    assert (entry.kind, entry.amount, entry.task_id, entry.actor) == ("scenario", 500, task_id, "scenario:scn_1")
