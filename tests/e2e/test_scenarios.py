"""Scenarios on the deployed stack, from signed webhooks and calls of the API alone to what customers get.

What needs a minute is begun once for the module, and looked at last. A delay counts from when the shop says that
something happened, so an event that is told late waits for the rest only.
"""

from collections.abc import Callable
from copy import replace
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from cashback.adapters.alarm_clock import AlarmClock
from cashback.adapters.task_queue import TaskQueue
from cashback.domain.tasks import Step, TaskStep
from cashback.domain.times import instant
from dev.client import Store, wait_until
from dev.deploy import EMAIL_SENDER
from dev.project import STACK_NAME
from tests.e2e.deployed import DeployedStack
from tests.e2e.scenarios import (
    CREDIT,
    Buyer,
    Purchase,
    ago,
    announce,
    causes,
    emails,
    ended,
    make,
    only,
    outcomes,
    send_again,
    stats,
    task_store,
    tasks,
    tell,
    texts_of_scenarios,
)
from tests.e2e.shop import Shop, fresh_id, plain, problem

MINUTE = {"value": 1, "unit": "minutes"}
HOUR = {"value": 1, "unit": "hours"}
DAY = {"value": 1, "unit": "days"}
TEXT = "{{userName}}, {{amount}} for you makes {{balance}}"
THANKS = {**CREDIT, "send_message": {"channel": "sms", "text": TEXT}}
DONE = ("done", None)
EMAIL = "ada@example.com"


def schedule_of(shop: Shop, task_id: str) -> str:
    """The name of the schedule that runs a task."""
    queue = TaskQueue(None, "", "")  # type: ignore[arg-type]
    clock = AlarmClock(queue, lambda: None, "", "", "", "", STACK_NAME)
    return clock.name_of(TaskStep(shop.store.store_id, task_id, Step.RUN))


@dataclass(frozen=True)
class Begun:
    """Scenarios that need a while: a delayed one, one that is inactive by now, and one whose window stays open."""

    shop: Shop
    purchase: Purchase
    delayed: str
    unmet: str
    quiet: Shop
    """The shop of the inactive one."""
    waiting: Purchase
    inactive: str


@pytest.fixture(scope="module", autouse=True)
def begun(stack: DeployedStack, make_store: Callable[..., Store]) -> Begun:
    """Autouse, so that the minute passes while the others run."""
    shop, quiet = Shop(stack, make_store()), Shop(stack, make_store())
    delayed = make(shop, "order.paid", delay=MINUTE, actions=THANKS)
    unmet = make(shop, "order.paid", success={"on": ["order.created"], "within": MINUTE})
    inactive = make(quiet, "order.paid", delay=MINUTE)
    purchase, waiting = Purchase(created_at=ago(30)), Purchase(created_at=ago(40))
    tell(shop, purchase.event("paid"))
    tell(quiet, waiting.event("paid"))
    assert (only(shop, delayed)["status"], only(quiet, inactive)["status"]) == ("waiting", "waiting")
    quiet.store.api("PATCH", f"/v1/scenarios/{inactive}", {"status": "inactive"}).expect(200)
    return Begun(shop, purchase, delayed, unmet, quiet, waiting, inactive)


# ---- what starts them


def test_each_first_time_fact_of_an_order_starts_its_scenario_once(shop: Shop) -> None:
    facts = ("created", "paid", "completed", "cancelled", "refunded")
    scenarios = {fact: make(shop, f"order.{fact}") for fact in facts}
    reviewed = make(shop, "review.created")
    purchase = Purchase(created_at=ago(60))
    events = [purchase.event(fact, ago(50 - n)) for n, fact in enumerate(("created", "paid", "completed"))]
    tell(shop, *events, purchase.refunded(), review := purchase.reviewed(), purchase.event("cancelled", ago()))
    tell(shop, *events, review)
    started = {fact: causes(shop, scenario_id) for fact, scenario_id in scenarios.items()}
    (refund,) = started.pop("refunded")
    assert started == {fact: [f"ord:{purchase.order_id}:{fact}"] for fact in facts if fact != "refunded"}
    assert refund.startswith(f"ord:{purchase.order_id}:ref:R-")
    assert causes(shop, reviewed) == [f"rev:{review['data']['review']['review_id']}"]
    assert {only(shop, one)["customer_id"] for one in (*scenarios.values(), reviewed)} == {purchase.customer_id}


def test_a_registration_by_webhook_starts_once_and_a_customer_who_merely_buys_does_not(shop: Shop) -> None:
    scenario = make(shop, "customer.created", actions=THANKS)
    tell(shop, Purchase(buyer := Buyer()).event("paid"))
    assert tasks(shop, scenario) == []
    registered = {"type": "customer.created", "occurred_at": ago(), "data": {"customer": buyer.body}}
    tell(shop, registered, registered)
    task = ended(shop, scenario)
    assert (task["cause"], task["order_id"]) == (f"cus:{buyer.customer_id}:created", None)
    assert outcomes(task) == {"credit_cashback": DONE, "send_message": DONE}


def test_a_registration_by_the_api_starts_the_same(shop: Shop) -> None:
    scenario = make(shop, "customer.created", once_per_customer=True)
    for customer_id, registered in (("C-1", True), ("C-2", False)):
        shop.store.api("POST", "/v1/customers", {"customer_id": customer_id, "registered": registered}).expect(201)
    assert (ended(shop, scenario)["cause"], shop.available("C-1")) == ("cus:C-1:created", "1.00")


def test_a_birthday_starts_in_the_morning_of_the_store_once_a_year(
    stack: DeployedStack, make_store: Callable[..., Store]
) -> None:
    zones = (ZoneInfo("Asia/Tokyo"), ZoneInfo("Europe/Berlin"), ZoneInfo("America/Los_Angeles"))
    morning = next(zone for zone in zones if 9 <= datetime.now(zone).hour < 23)
    shop = Shop(stack, make_store(timezone=morning.key))
    scenario = make(shop, "customer.birthday", once_per_customer=True)
    today = datetime.now(morning)
    for customer_id, born in (("C-1", f"--{today:%m-%d}"), ("C-2", f"--{today + timedelta(days=2):%m-%d}")):
        shop.store.api("POST", "/v1/customers", {"customer_id": customer_id, "birthday": born}).expect(201)
    for _ in range(2):
        assert stack.invoke("daily", {})["failed"] == 0
    assert (ended(shop, scenario)["cause"], shop.available("C-1")) == (f"bday:C-1:{today:%Y}", "1.00")


def test_an_order_that_a_guest_made_starts_once_it_is_known_whose_it_is(shop: Shop) -> None:
    scenario = make(shop, "order.paid", once_per_customer=True, cancel_on=["order.created"])
    tell(shop, (guest := Purchase(buyer=None)).event("paid", customer={"email": EMAIL}))
    assert tasks(shop, scenario) == []
    body = {"customer_id": "C-1", "email": EMAIL, "email_verified": True}
    shop.store.api("POST", "/v1/customers", body).expect(201)
    assert shop.store.api("GET", f"/v1/orders/{guest.order_id}").expect(200)["status"] == "processed"
    announce(shop, guest.order_id)
    assert (ended(shop, scenario)["customer_id"], shop.available("C-1")) == ("C-1", "2.00")


def test_an_import_starts_nothing_but_what_it_lets_guests_claim(shop: Shop) -> None:
    scenario = make(shop, "order.paid", once_per_customer=True)
    tell(shop, (guest := Purchase(buyer=None)).event("paid", customer={"email": EMAIL}))
    person = {"customer_id": "C-1", "email": EMAIL, "email_verified": True}
    imported = {"source": "events", "orders": [(order := Purchase()).event("paid", customer=person)]}
    (made,) = shop.store.post("/v1/orders/import", imported).expect(200)["results"]
    assert (made["order_id"], made["outcome"]) == (order.order_id, "recorded")
    assert shop.store.api("GET", f"/v1/orders/{guest.order_id}").expect(200)["status"] == "processed"
    for order_id in (order.order_id, guest.order_id):
        announce(shop, order_id)
    assert ended(shop, scenario)["cause"] == f"ord:{guest.order_id}:paid"
    assert shop.available("C-1") == "3.00"


# ---- which orders, and how often


def test_limits_admit_a_source_a_delivery_type_and_prices_with_both_ends(shop: Shop) -> None:
    limits = {"sources": ["app"], "delivery_types": ["pickup"], "min_price": "50.00", "max_price": "100.00"}
    scenario = make(shop, "order.paid", limits=limits)
    wanted = {price: Purchase(price=price, source="app", delivery_type="pickup") for price in ("50.00", "100.00")}
    others = [
        Purchase(price="49.99", source="app", delivery_type="pickup"),
        Purchase(price="100.01", source="app", delivery_type="pickup"),
        Purchase(price="60.00", source="website", delivery_type="pickup"),
        Purchase(price="60.00", source="app", delivery_type="delivery"),
    ]
    tell(shop, *[purchase.event("paid") for purchase in (*wanted.values(), *others)])
    assert causes(shop, scenario) == sorted(f"ord:{purchase.order_id}:paid" for purchase in wanted.values())


def test_once_per_order_and_once_per_customer_count_what_was_created_also_what_was_cancelled(shop: Shop) -> None:
    per_order = make(shop, "order.refunded", once_per_order=True, delay=DAY)
    per_customer = make(shop, "order.paid", once_per_customer=True, delay=DAY)
    first = Purchase(created_at=ago(60))
    tell(shop, first.event("paid"), first.refunded())
    for scenario in (per_order, per_customer):
        shop.store.api("POST", f"/v1/tasks/{only(shop, scenario)['task_id']}/cancel").expect(200)
    second = Purchase(first.buyer)
    tell(shop, first.refunded(), second.event("paid"), Purchase().event("paid"), second.refunded())
    assert len(causes(shop, per_order)) == 2
    assert len({cause.split(":")[1] for cause in causes(shop, per_order)}) == 2
    assert len({task["customer_id"] for task in tasks(shop, per_customer)}) == len(tasks(shop, per_customer)) == 2


# ---- what cancels them


@pytest.mark.parametrize("event", ["order.created", "order.cancelled", "order.completed", "review.created"])
def test_each_condition_cancels_a_waiting_task(shop: Shop, event: str) -> None:
    conditions = ["order.created", "order.cancelled", "order.completed", "review.created"]
    every = make(shop, "order.paid", delay=HOUR, cancel_on=conditions, actions=THANKS)
    others = make(shop, "order.paid", delay=HOUR, cancel_on=[one for one in conditions if one != event])
    purchase = Purchase(created_at=ago(30))
    tell(shop, purchase.event("paid"), purchase.event("paid"))
    assert only(shop, every)["status"] == "waiting"
    match event:
        case "order.created":
            tell(shop, Purchase(purchase.buyer).event("created"))
        case "review.created":
            tell(shop, purchase.reviewed())
        case _:
            tell(shop, purchase.event(event.removeprefix("order."), ago()))
    task = only(shop, every)
    assert (task["status_label"], task["reason"]) == ("Cancelled", event)
    assert only(shop, others)["status"] == "waiting"
    send_again(shop, task["task_id"], Step.RUN)
    assert only(shop, every) == task


def test_an_event_that_overtakes_what_starts_a_scenario_cancels_it(shop: Shop) -> None:
    scenario = make(shop, "order.created", cancel_on=["order.created"], actions=THANKS)
    first = Purchase(created_at=ago(60))
    second = Purchase(first.buyer, created_at=ago(30))
    tell(shop, second.event("created"), first.event("created"))
    found = {task["order_id"]: (task["status"], task["reason"]) for task in tasks(shop, scenario)}
    assert found[first.order_id] == ("cancelled", "order.created")
    assert found[second.order_id] != ("cancelled", "order.created")


@pytest.mark.row("98")
def test_a_task_cancelled_by_hand_does_not_run_when_its_alarm_rings(shop: Shop) -> None:
    scenario = make(shop, "order.paid", delay=MINUTE, actions=THANKS)
    tell(shop, Purchase().event("paid"))
    path = f"/v1/tasks/{only(shop, scenario)['task_id']}/cancel"
    task = plain(shop.store.api("POST", path).expect(200))
    assert (task["status"], task["reason"]) == ("cancelled", "by_hand")
    assert problem(shop.store.api("POST", path), 409)["code"] == "task_not_waiting"
    send_again(shop, task["task_id"], Step.RUN)
    assert only(shop, scenario) == task


# ---- what they do


def test_a_promo_code_stands_in_the_message_is_listed_and_is_redeemed_once(shop: Shop) -> None:
    offer = {"prefix": "HI-", "discount": {"percent": "10"}, "expires_in": DAY}
    message = {"channel": "sms", "text": "Take {{ promoCode }}"}
    scenario = make(shop, "order.paid", actions={"generate_promo_code": offer, "send_message": message})
    purchase = Purchase()
    tell(shop, purchase.event("paid"))
    task = ended(shop, scenario)
    assert outcomes(task) == {"generate_promo_code": DONE, "send_message": DONE}
    code = task["promo_code"]
    assert code.startswith("HI-")
    assert texts_of_scenarios(shop.stack, purchase.phone) == [f"Take {code}"]
    listed = plain(shop.store.api("GET", "/v1/promo-codes").expect(200))["items"]
    assert [(one["code"], one["status"], one["task_id"]) for one in listed] == [(code, "active", task["task_id"])]
    path = f"/v1/promo-codes/{code}/redeem"
    assert plain(shop.store.api("POST", path).expect(200))["status"] == "redeemed"
    assert problem(shop.store.api("POST", path), 409)["code"] == "promo_code_redeemed"


def test_an_email_is_sent_by_ses_and_a_push_message_to_a_device(stack: DeployedStack, shop: Shop) -> None:
    stack.client("ses").verify_email_identity(EmailAddress=EMAIL_SENDER)
    sns = stack.client("sns")
    app = sns.create_platform_application(Name=f"app-{fresh_id()}", Platform="GCM", Attributes={})
    device = sns.create_platform_endpoint(PlatformApplicationArn=app["PlatformApplicationArn"], Token="token")
    address = f"{fresh_id()}@example.com"
    scenarios = {
        channel: make(
            shop, "customer.created", actions={"send_message": {"channel": channel, "text": "Hello {{userName}}!"}}
        )
        for channel in ("email", "push", "sms")
    }
    body = {"customer_id": "C-1", "name": "Ada", "email": address, "push_endpoint": device["EndpointArn"]}
    shop.store.api("POST", "/v1/customers", {**body, "registered": True}).expect(201)
    became = {channel: outcomes(ended(shop, one))["send_message"] for channel, one in scenarios.items()}
    assert became == {"email": DONE, "push": DONE, "sms": ("skipped", "no_recipient")}
    assert all(part in emails(stack) for part in (address, "Hello Ada!", EMAIL_SENDER))


def test_a_customer_without_a_phone_is_credited_all_the_same(shop: Shop) -> None:
    scenario = make(shop, "order.paid", actions=THANKS)
    buyer = Buyer(phone=None)
    tell(shop, Purchase(buyer).event("paid"))
    assert outcomes(ended(shop, scenario)) == {
        "credit_cashback": DONE,
        "send_message": ("skipped", "no_recipient"),
    }
    assert sorted(shop.entries(buyer.customer_id)) == [("manual", "1.00"), ("order", "1.00")]


@pytest.mark.parametrize("erased", [False, True])
def test_who_is_unknown_or_forgotten_is_not_credited_and_nothing_fails(shop: Shop, *, erased: bool) -> None:
    buyer = Buyer() if erased else None
    if buyer is not None:
        tell(shop, Purchase(buyer).event("paid"))
        assert shop.store.api("DELETE", f"/v1/customers/{buyer.customer_id}").status == 204
    scenario = make(shop, "order.created")
    tell(shop, Purchase(buyer).event("created"))
    task = ended(shop, scenario)
    assert (task["status"], outcomes(task)) == ("executed", {"credit_cashback": ("skipped", "customer_not_found")})


def test_who_is_known_by_an_unpaid_order_alone_is_credited(shop: Shop) -> None:
    scenario, buyer = make(shop, "order.created"), Buyer()
    tell(shop, Purchase(buyer).event("created"))
    assert outcomes(ended(shop, scenario)) == {"credit_cashback": DONE}
    assert shop.entries(buyer.customer_id) == [("manual", "1.00")]


@pytest.mark.row("43")
def test_nothing_is_credited_while_cashback_is_off_or_the_amount_is_zero(shop: Shop) -> None:
    shop.change(cashback_enabled=False)
    made = shop.store.api(
        "POST", "/v1/scenarios", {"name": "Off", "status": "active", "trigger": "order.paid", "actions": CREDIT}
    ).expect(201)
    assert [warning["code"] for warning in made["warnings"]] == ["cashback_disabled"]
    nothing = make(shop, "order.paid", actions={"credit_cashback": {"amount": "0"}})
    tell(shop, Purchase().event("paid"))
    became = [outcomes(ended(shop, one)) for one in (made["scenario_id"], nothing)]
    assert [one["credit_cashback"] for one in became] == [("skipped", "cashback_disabled"), ("skipped", "amount_zero")]


def test_a_success_stays_one_and_is_counted(shop: Shop) -> None:
    scenario = make(shop, "order.paid", success={"on": ["order.created", "review.created"], "within": HOUR})
    first, second, third = Purchase(), Purchase(), Purchase()
    tell(shop, *[purchase.event("paid") for purchase in (first, second, third)])
    wait_until(lambda: stats(shop, scenario)["executed"] == 3)
    again = Purchase(first.buyer)
    tell(shop, again.event("created"), second.reviewed())
    found = {task["order_id"]: task for task in tasks(shop, scenario)}
    assert found[first.order_id]["result_label"] == "Successfully completed"
    assert found[first.order_id]["judged_by"] == f"ord:{again.order_id}:created"
    assert found[second.order_id]["result"] == "successful"
    assert found[third.order_id]["result_label"] == "Awaiting result"
    wait_until(lambda: stats(shop, scenario)["credited_total"] == "3.00")
    figures = stats(shop, scenario)
    assert {name: figures[name] for name in ("created", "successful", "awaiting_result", "conditions_not_met")} == {
        "created": 3,
        "successful": 2,
        "awaiting_result": 1,
        "conditions_not_met": 0,
    }
    assert (figures["success_rate"], figures["cancelled"]) == ("1", {})


# ---- when their alarms fail, or ring twice


@pytest.mark.row("F32")
def test_a_task_whose_schedule_was_deleted_is_run_by_the_sweeper(shop: Shop) -> None:
    stack, store_id = shop.stack, shop.store.store_id
    scenario = make(shop, "order.paid", delay=DAY)
    tell(shop, Purchase().event("paid"))
    task = only(shop, scenario)
    name, group = schedule_of(shop, task["task_id"]), f"{STACK_NAME}-tasks"
    scheduler = stack.client("scheduler")
    schedule = scheduler.get_schedule(Name=name, GroupName=group)
    rings_at = datetime.fromisoformat(schedule["ScheduleExpression"].removeprefix("at(").removesuffix(")"))
    late = rings_at.replace(tzinfo=UTC) - datetime.fromisoformat(task["due_at"])
    assert timedelta() <= late < timedelta(minutes=1)
    scheduler.delete_schedule(Name=name, GroupName=group)
    store = task_store(stack)
    known = store.get(store_id, task["task_id"])
    assert known is not None
    due = replace(known, due_at=instant(datetime.now(UTC) - timedelta(minutes=5)), rev=known.rev + 1)
    assert store.save(store_id, known, due)
    assert only(shop, scenario)["status"] == "waiting"
    assert stack.invoke("sweeper", {})["failed"] == 0
    done = ended(shop, scenario)
    assert (done["status_label"], outcomes(done)) == ("Executed", {"credit_cashback": DONE})


@pytest.mark.row("F31")
def test_alarms_and_credits_that_come_twice_change_nothing(shop: Shop) -> None:
    scenario = make(shop, "order.paid", actions=THANKS, success={"on": ["order.created"], "within": HOUR})
    purchase = Purchase()
    tell(shop, purchase.event("paid"))
    task = ended(shop, scenario)
    phone, before = purchase.phone, shop.stack.snapshot(shop.store)
    assert len(texts_of_scenarios(shop.stack, phone)) == 1
    send_again(shop, task["task_id"], Step.RUN, Step.RUN, Step.CLOSE)
    assert shop.stack.snapshot(shop.store) == before
    assert len(texts_of_scenarios(shop.stack, phone)) == 1


# ---- what took its time


def test_a_delayed_scenario_credits_and_sends_after_its_delay(begun: Begun) -> None:
    shop, purchase = begun.shop, begun.purchase
    task = ended(shop, begun.delayed, seconds=60)
    assert task["started_at"] >= task["due_at"]
    assert datetime.fromisoformat(task["due_at"]) - datetime.fromisoformat(task["occurred_at"]) == timedelta(minutes=1)
    assert outcomes(task) == {"credit_cashback": DONE, "send_message": DONE}
    # The order earned 1.00, and the other scenario credited 1.00 at once.
    assert texts_of_scenarios(shop.stack, purchase.phone) == ["Ada, 1.00 USD for you makes 3.00 USD"]
    history = plain(shop.store.api("GET", f"/v1/customers/{purchase.customer_id}/transactions").expect(200))["items"]
    assert [(line["type"], line["type_label"], line["note"], line["amount"]) for line in history[:2]] == [
        ("manual", "Manual", "Cashback credited by scenario", "1.00"),
        ("manual", "Manual", "Cashback credited by scenario", "1.00"),
    ]


def test_an_inactive_scenario_starts_nothing_and_finishes_what_waits(begun: Begun) -> None:
    shop, purchase = begun.quiet, begun.waiting
    tell(shop, Purchase().event("paid"))
    task = ended(shop, begun.inactive, seconds=60)
    assert (task["status"], task["order_id"]) == ("executed", purchase.order_id)
    assert shop.available(purchase.customer_id) == "2.00"


def test_a_window_in_which_nothing_happened_closes_without_success(begun: Begun) -> None:
    shop = begun.shop
    wait_until(lambda: only(shop, begun.unmet)["result"] == "conditions_not_met", seconds=100)
    task, figures = only(shop, begun.unmet), stats(shop, begun.unmet)
    assert (task["result_label"], task["judged_by"]) == ("Conditions not met", None)
    assert (figures["conditions_not_met"], figures["success_rate"], figures["credited_total"]) == (1, "0", "1.00")
