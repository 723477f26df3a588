"""The routes of scenarios, their tasks and promo codes: bad input does nothing, and answers say all that was saved."""

from collections.abc import Callable
from copy import replace
from fractions import Fraction
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cashback.domain.promo_codes import PromoCode
from cashback.domain.scenarios import Discount, PromoOffer, Scenario, birthday_of
from cashback.domain.tasks import (
    Action,
    ActionOutcome,
    ActionStatus,
    Result,
    Task,
    acted,
    cancelled,
    finished,
    fired,
    given_up,
    judged,
    task_of,
)
from cashback.domain.times import Instant
from tests.unit.builders import at, usd
from tests.unit.deployment import Deployment, Reply

SCENARIOS = "/v1/scenarios"
LONG_AGO = "2020-01-01T00:00:00.000000Z"
UTC = ZoneInfo("UTC")
PLAIN = {
    "name": "Birthday",
    "status": "active",
    "trigger": "customer.birthday",
    "actions": {"credit_cashback": {"amount": "10.5"}},
}
RICH = {
    "name": "Come back",
    "status": "inactive",
    "trigger": "order.cancelled",
    "limits": {
        "sources": ["app"],
        "delivery_types": ["pickup"],
        "min_price": 50,
        "max_price": "100",
        "order_number": {"min": 1, "max": 1},
    },
    "delay": {"value": 1, "unit": "days"},
    "once_per_order": True,
    "once_per_customer": True,
    "cancel_on": ["order.created"],
    "success": {"on": ["order.created", "review.created"], "within": {"value": 7, "unit": "days"}},
    "actions": {
        "generate_promo_code": {
            "prefix": "BACK-",
            "discount": {"percent": "12.50"},
            "expires_in": {"value": 1, "unit": "months"},
        },
        "credit_cashback": {},
        "send_message": {"channel": "push", "text": "Hello, {{userName}}: {{promoCode}}"},
    },
}


@pytest.fixture
def admin(deployment: Deployment) -> str:
    return deployment.create_store(settings={"adjust_limit": "20.00"})


@pytest.fixture
def operator(deployment: Deployment, admin: str) -> str:
    return deployment.make_key(admin, "operator")


def create(deployment: Deployment, key: str, **changes: Any) -> Any:
    return deployment.call("POST", SCENARIOS, {**PLAIN, **changes}, key=key).expect(201)


def patch(deployment: Deployment, key: str, scenario_id: str, **changes: Any) -> Reply:
    return deployment.call("PATCH", f"{SCENARIOS}/{scenario_id}", changes, key=key)


def saved(deployment: Deployment, scenario_id: str) -> Scenario:
    scenario = deployment.books.scenarios.get("demo", scenario_id)
    assert scenario is not None
    return scenario


def start(deployment: Deployment, scenario_id: str, customer_id: str = "c1", now: Instant = LONG_AGO) -> Task:
    occasion = birthday_of(customer_id, 2026, now)
    task = task_of("demo", saved(deployment, scenario_id), occasion, now, UTC)
    assert deployment.books.tasks.create("demo", task, once_per_order=False, once_per_customer=False)
    return task


def move(deployment: Deployment, task: Task, *steps: Callable[[Task], Task | None]) -> Task:
    for step in steps:
        after = step(task)
        assert after is not None
        assert deployment.books.tasks.save("demo", task, after)
        task = after
    return task


def run(deployment: Deployment, task: Task) -> Task:
    queued = ActionOutcome(ActionStatus.QUEUED)
    steps = (
        lambda known: fired(known, at(0)),
        lambda known: acted(known, Action.CREDIT, queued),
        lambda known: finished(known, at(1), UTC),
    )
    return move(deployment, task, *steps)


# ---- scenarios


def test_an_answer_shows_all_that_was_saved_in_canonical_form(deployment: Deployment, admin: str) -> None:
    made = deployment.call("POST", SCENARIOS, RICH, key=admin, x_actor="anna").expect(201)
    assert made["scenario_id"].startswith("scn_")
    assert made["limits"] == {
        "sources": ["app"],
        "delivery_types": ["pickup"],
        "min_price": "50.00",
        "max_price": "100.00",
        "order_number": {"min": 1, "max": 1},
    }
    assert made["actions"] == {
        "generate_promo_code": {
            "prefix": "BACK-",
            "discount": {"percent": "12.5", "amount": None},
            "expires_in": {"value": 1, "unit": "months"},
        },
        "credit_cashback": {"amount": "0.00"},
        "send_message": {"channel": "push", "text": "Hello, {{userName}}: {{promoCode}}"},
    }
    for name in ("name", "status", "trigger", "delay", "once_per_order", "once_per_customer", "cancel_on", "success"):
        assert made[name] == RICH[name]
    assert (made["status_label"], made["currency"], made["warnings"]) == ("Inactive", "USD", [])
    assert made["created_at"] == made["updated_at"] == made["active_since"] == made["inactive_since"]
    assert made["created_by"] == made["updated_by"]
    assert made["created_by"].startswith("anna (key:")
    assert made["deleted_at"] is None
    read = deployment.call("GET", f"{SCENARIOS}/{made['scenario_id']}", key=admin).expect(200)
    assert read == made


def test_what_is_shown_may_be_sent_back(deployment: Deployment, admin: str) -> None:
    made = deployment.call("POST", SCENARIOS, RICH, key=admin).expect(201)
    again = {name: made[name] for name in RICH}
    assert patch(deployment, admin, made["scenario_id"], **again).expect(200) == made
    assert saved(deployment, made["scenario_id"]).rev == 1


def test_a_scenario_without_more_starts_at_once_and_for_all(deployment: Deployment, admin: str) -> None:
    made = create(deployment, admin)
    assert (made["delay"], made["cancel_on"], made["success"]) == ({"value": 0, "unit": "minutes"}, [], None)
    assert made["limits"] == {
        "sources": [],
        "delivery_types": [],
        "min_price": None,
        "max_price": None,
        "order_number": None,
    }
    assert made["actions"]["credit_cashback"] == {"amount": "10.50"}
    assert (made["status_label"], made["inactive_since"]) == ("Active", None)


def test_warnings_say_what_has_no_effect(deployment: Deployment, admin: str) -> None:
    version = deployment.call("GET", "/v1/store", key=admin).expect(200)["version"]
    off = {"cashback_enabled": False}
    deployment.call("PATCH", "/v1/store", off, key=admin, if_match=str(version)).expect(200)
    made = create(deployment, admin, limits={"min_price": 1}, once_per_order=True)
    told = [warning["code"] for warning in made["warnings"]]
    assert told == ["cashback_disabled", "limits_ignored", "once_per_order_ignored"]
    assert all(warning["detail"] for warning in made["warnings"])
    assert deployment.call("GET", f"{SCENARIOS}/{made['scenario_id']}", key=admin).expect(200) == made
    assert deployment.call("GET", SCENARIOS, key=admin).expect(200)["items"] == [made]
    changed = patch(deployment, admin, made["scenario_id"], trigger="order.cancelled", cancel_on=["order.cancelled"])
    told = [warning["code"] for warning in changed.expect(200)["warnings"]]
    assert told == ["cashback_disabled", "condition_without_effect"]


DEEP = "actions.generate_promo_code.discount.percent"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"name": ""}, ("name", "length")),
        ({"name": "x" * 201}, ("name", "length")),
        ({"name": None}, ("name", "type")),
        ({"status": "on"}, ("status", "enum")),
        ({"trigger": "order.shipped"}, ("trigger", "enum")),
        ({"cancel_on": ["order.paid"]}, ("cancel_on.0", "enum")),
        ({"cancel_on": ["order.cancelled"]}, ("cancel_on", "condition_needs_order")),
        ({"cancel_on": "order.created"}, ("cancel_on", "type")),
        ({"success": {"on": [], "within": {"value": 1, "unit": "days"}}}, ("success.on", "too_few_items")),
        ({"success": {"on": ["order.created"]}}, ("success.within", "required")),
        (
            {"success": {"on": ["order.created"], "within": {"value": 0, "unit": "days"}}},
            ("success.within.value", "delay_range"),
        ),
        ({"delay": {"value": 25, "unit": "months"}}, ("delay.value", "delay_range")),
        ({"delay": {"value": -1, "unit": "days"}}, ("delay.value", "delay_range")),
        ({"delay": {"value": 1.5, "unit": "days"}}, ("delay.value", "delay_range")),
        ({"delay": {"value": "1", "unit": "days"}}, ("delay.value", "delay_range")),
        ({"delay": {"value": True, "unit": "days"}}, ("delay.value", "delay_range")),
        ({"delay": {"value": 1, "unit": "years"}}, ("delay.unit", "enum")),
        ({"delay": {"value": 1}}, ("delay.unit", "required")),
        ({"limits": {"min_price": "2", "max_price": "1"}}, ("limits.min_price", "range")),
        ({"limits": {"min_price": -1}}, ("limits.min_price", "amount_negative")),
        ({"limits": {"min_price": 0.001}}, ("limits.min_price", "amount_precision")),
        ({"limits": {"max_price": "1e2"}}, ("limits.max_price", "amount_format")),
        ({"limits": {"order_number": {"min": 2, "max": 1}}}, ("limits.order_number.min", "range")),
        ({"limits": {"order_number": {"min": 1.5}}}, ("limits.order_number.min", "type")),
        ({"limits": {"order_number": {"min": 0}}}, ("limits.order_number.min", "out_of_range")),
        ({"limits": {"sources": ["app"] * 21}}, ("limits.sources", "too_many_items")),
        ({"limits": {"sources": [""]}}, ("limits.sources.0", "length")),
        ({"limits": {"currency": "USD"}}, ("limits", "field_unknown")),
        ({"once_per_order": 1}, ("once_per_order", "type")),
        ({"once_per_customer": None}, ("once_per_customer", "type")),
        ({"actions": {}}, ("actions", "actions_missing")),
        ({"actions": {"credit_cashback": None}}, ("actions", "actions_missing")),
        ({"actions": {"pay": {}}}, ("actions", "field_unknown")),
        ({"actions": {"credit_cashback": {"amount": "-1"}}}, ("actions.credit_cashback.amount", "amount_negative")),
        ({"actions": {"credit_cashback": {"amount": "1.005"}}}, ("actions.credit_cashback.amount", "amount_precision")),
        ({"actions": {"credit_cashback": {"amount": True}}}, ("actions.credit_cashback.amount", "amount_format")),
        ({"actions": {"send_message": {"channel": "fax", "text": "a"}}}, ("actions.send_message.channel", "enum")),
        ({"actions": {"send_message": {"channel": "sms", "text": ""}}}, ("actions.send_message.text", "length")),
        (
            {"actions": {"send_message": {"channel": "sms", "text": "x" * 1_001}}},
            ("actions.send_message.text", "length"),
        ),
        (
            {"actions": {"send_message": {"channel": "sms", "text": "{{name}}"}}},
            ("actions.send_message.text", "placeholder_unknown"),
        ),
        (
            {"actions": {"send_message": {"channel": "sms", "text": "{{promoCode}}"}}},
            ("actions.send_message.text", "promo_code_missing"),
        ),
        ({"actions": {"generate_promo_code": {}}}, ("actions.generate_promo_code.discount", "required")),
        (
            {"actions": {"generate_promo_code": {"discount": {}}}},
            ("actions.generate_promo_code.discount", "one_discount"),
        ),
        ({"actions": {"generate_promo_code": {"discount": {"percent": "101"}}}}, (DEEP, "out_of_range")),
        ({"actions": {"generate_promo_code": {"discount": {"percent": "-5"}}}}, (DEEP, "out_of_range")),
        ({"actions": {"generate_promo_code": {"discount": {"percent": "5%"}}}}, (DEEP, "percent_format")),
        ({"actions": {"generate_promo_code": {"discount": {"percent": "1.005"}}}}, (DEEP, "percent_format")),
        (
            {"actions": {"generate_promo_code": {"prefix": "back", "discount": {"amount": 5}}}},
            ("actions.generate_promo_code.prefix", "prefix_format"),
        ),
        ({"scenario_id": "mine"}, ("body", "field_unknown")),
        ({"store_id": "other"}, ("body", "field_unknown")),
    ],
)
@pytest.mark.row("43", "44", "73", "74")
def test_a_scenario_that_cannot_be_is_422_and_nothing_is_written(
    deployment: Deployment, admin: str, changes: dict[str, Any], fault: tuple[str, str]
) -> None:
    before = deployment.everything()
    reply = deployment.call("POST", SCENARIOS, {**PLAIN, **changes}, key=admin)
    assert (reply.status, reply.faults) == (422, [fault])
    assert deployment.everything() == before


@pytest.mark.parametrize("name", ["name", "status", "trigger", "actions"])
def test_what_a_scenario_cannot_be_without_is_required(deployment: Deployment, admin: str, name: str) -> None:
    reply = deployment.call("POST", SCENARIOS, {**PLAIN, name: "left out"} | {name: None}, key=admin)
    assert reply.status == 422
    reply = deployment.call("POST", SCENARIOS, {key: PLAIN[key] for key in PLAIN if key != name}, key=admin)
    assert (reply.status, reply.faults) == (422, [(name, "required")])


def test_a_repeated_call_gets_the_scenario_that_it_made(deployment: Deployment, admin: str) -> None:
    first = deployment.call("POST", SCENARIOS, PLAIN, key=admin, idempotency_key="k")
    again = deployment.call("POST", SCENARIOS, PLAIN, key=admin, idempotency_key="k")
    assert again.expect(201) == first.expect(201)
    assert again.headers["Idempotency-Replayed"] == ["true"]
    other = deployment.call("POST", SCENARIOS, {**PLAIN, "name": "Other"}, key=admin, idempotency_key="k")
    assert (other.status, other.code) == (409, "idempotency_mismatch")
    assert create(deployment, admin)["scenario_id"] != first.json["scenario_id"]


def test_the_101st_scenario_is_refused_until_one_is_deleted(deployment: Deployment, admin: str) -> None:
    keys = [f"k{n}" for n in range(100)]
    made = [
        deployment.call("POST", SCENARIOS, PLAIN, key=admin, idempotency_key=key).expect(201)["scenario_id"]
        for key in keys
    ]
    reply = deployment.call("POST", SCENARIOS, PLAIN, key=admin)
    assert (reply.status, reply.code) == (409, "too_many_scenarios")
    assert deployment.call("POST", SCENARIOS, PLAIN, key=admin, idempotency_key="k7").expect(201)
    patch(deployment, admin, made[0], name="Other").expect(200)
    deployment.call("DELETE", f"{SCENARIOS}/{made[0]}", key=admin).expect(204)
    create(deployment, admin)


@pytest.mark.row("S16")
def test_an_operator_saves_no_credit_above_the_limit(deployment: Deployment, admin: str, operator: str) -> None:
    large = {"credit_cashback": {"amount": "20.01"}}
    reply = deployment.call("POST", SCENARIOS, {**PLAIN, "actions": large}, key=operator)
    assert (reply.status, reply.code) == (403, "forbidden")
    scenario_id = create(deployment, operator, actions={"credit_cashback": {"amount": "20.00"}})["scenario_id"]
    assert patch(deployment, operator, scenario_id, actions=large).status == 403
    patch(deployment, admin, scenario_id, actions=large).expect(200)
    assert patch(deployment, operator, scenario_id, trigger="order.paid").status == 403
    patch(deployment, operator, scenario_id, status="inactive").expect(200)
    assert patch(deployment, operator, scenario_id, status="active").status == 403
    deployment.call("DELETE", f"{SCENARIOS}/{scenario_id}", key=operator).expect(204)


def test_a_call_that_an_admins_limit_came_after_is_still_answered(
    deployment: Deployment, admin: str, operator: str
) -> None:
    body = {**PLAIN, "actions": {"credit_cashback": {"amount": "15.00"}}}
    first = deployment.call("POST", SCENARIOS, body, key=operator, idempotency_key="k").expect(201)
    version = deployment.call("GET", "/v1/store", key=admin).expect(200)["version"]
    limit = {"adjust_limit": "1.00"}
    deployment.call("PATCH", "/v1/store", limit, key=admin, if_match=str(version)).expect(200)
    assert deployment.call("POST", SCENARIOS, body, key=operator, idempotency_key="k").expect(201) == first


def test_a_change_leaves_what_is_left_out(deployment: Deployment, admin: str) -> None:
    made = deployment.call("POST", SCENARIOS, RICH, key=admin).expect(201)
    changed = patch(deployment, admin, made["scenario_id"], name="Other").expect(200)
    moved = {name for name in made if made[name] != changed[name]}
    assert moved == {"name", "updated_at"}
    cleared = patch(deployment, admin, made["scenario_id"], limits=None, delay=None, success=None).expect(200)
    assert cleared["limits"]["sources"] == []
    assert cleared["delay"] == {"value": 0, "unit": "minutes"}
    assert cleared["success"] is None


@pytest.mark.parametrize(
    "changes",
    [
        {"trigger": "customer.created"},
        {"limits": {"min_price": 1}},
        {"once_per_order": True},
        {"once_per_customer": True},
    ],
)
def test_what_starts_a_scenario_counts_from_its_change_on(
    deployment: Deployment, admin: str, changes: dict[str, Any]
) -> None:
    made = create(deployment, admin)
    changed = patch(deployment, admin, made["scenario_id"], **changes).expect(200)
    assert changed["active_since"] == changed["updated_at"] > made["active_since"]


def test_what_it_does_changes_without_a_new_beginning(deployment: Deployment, admin: str) -> None:
    made = create(deployment, admin)
    more = {"name": "Other", "delay": {"value": 1, "unit": "hours"}, "cancel_on": ["order.created"], "status": "active"}
    changed = patch(deployment, admin, made["scenario_id"], **more, actions={"credit_cashback": {}}).expect(200)
    assert changed["active_since"] == made["active_since"] < changed["updated_at"]


def test_a_scenario_that_is_started_again_begins_anew(deployment: Deployment, admin: str) -> None:
    made = create(deployment, admin)
    stopped = patch(deployment, admin, made["scenario_id"], status="inactive").expect(200)
    assert (stopped["inactive_since"], stopped["active_since"]) == (stopped["updated_at"], made["active_since"])
    started = patch(deployment, admin, made["scenario_id"], status="active").expect(200)
    assert started["active_since"] == started["updated_at"] > stopped["inactive_since"]


def test_tasks_of_earlier_terms_are_still_heard_of(deployment: Deployment, admin: str) -> None:
    made = create(deployment, admin, cancel_on=["order.created"])
    patch(deployment, admin, made["scenario_id"], cancel_on=[]).expect(200)
    (live,) = deployment.books.scenarios.catalogue("demo").scenarios
    assert live.watched == {"order.created"}


def test_a_change_is_checked_like_a_new_scenario(deployment: Deployment, admin: str) -> None:
    made = create(deployment, admin, trigger="order.paid", cancel_on=["order.cancelled"])
    before = deployment.everything()
    faults: list[tuple[dict[str, Any], tuple[str, str]]] = [
        ({"trigger": "customer.birthday"}, ("cancel_on", "condition_needs_order")),
        ({"actions": {}}, ("actions", "actions_missing")),
        ({"status": None}, ("status", "enum")),
        ({"actions": None}, ("actions", "type")),
        ({"created_by": "x"}, ("body", "field_unknown")),
    ]
    for changes, fault in faults:
        reply = patch(deployment, admin, made["scenario_id"], **changes)
        assert (reply.status, reply.faults) == (422, [fault])
    assert deployment.everything() == before


def test_a_deleted_scenario_is_in_no_list_and_changes_no_more(deployment: Deployment, admin: str) -> None:
    made = create(deployment, admin)
    path = f"{SCENARIOS}/{made['scenario_id']}"
    deployment.call("DELETE", path, key=admin).expect(204)
    assert deployment.call("GET", SCENARIOS, key=admin).expect(200)["items"] == []
    assert patch(deployment, admin, made["scenario_id"], name="Other").status == 404
    assert deployment.call("DELETE", path, key=admin).status == 404
    gone = deployment.call("GET", path, key=admin).expect(200)
    assert (gone["status"], gone["inactive_since"]) == ("inactive", gone["deleted_at"])
    assert deployment.call("GET", f"{path}/stats", key=admin).expect(200)["created"] == 0
    assert deployment.books.scenarios.catalogue("demo").scenarios == ()


def test_a_list_is_filtered_and_paged(deployment: Deployment, admin: str) -> None:
    for n in range(5):
        create(deployment, admin, name=f"Birthday {n}", status="inactive" if n % 2 else "active")
    create(deployment, admin, name="Straße")
    first = deployment.call("GET", f"{SCENARIOS}?q=bIRTH&limit=3", key=admin).expect(200)
    assert [item["name"] for item in first["items"]] == ["Birthday 4", "Birthday 3", "Birthday 2"]
    path = f"{SCENARIOS}?q=bIRTH&limit=3&cursor={first['next_cursor']}"
    rest = deployment.call("GET", path, key=admin).expect(200)
    assert ([item["name"] for item in rest["items"]], rest["next_cursor"]) == (["Birthday 1", "Birthday 0"], None)
    stopped = deployment.call("GET", f"{SCENARIOS}?status=inactive", key=admin).expect(200)
    assert [item["name"] for item in stopped["items"]] == ["Birthday 3", "Birthday 1"]
    assert len(deployment.call("GET", f"{SCENARIOS}?q=STRASSE", key=admin).expect(200)["items"]) == 1
    reply = deployment.call("GET", f"{SCENARIOS}?q=x&limit=3&cursor={first['next_cursor']}", key=admin)
    assert (reply.status, reply.code) == (400, "page_token_invalid")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (f"{SCENARIOS}?status=on", "enum"),
        (f"{SCENARIOS}?limit=0", "out_of_range"),
        (f"{SCENARIOS}?q=", "length"),
        (f"{SCENARIOS}?trigger=order.paid", "parameter_unknown"),
        ("/v1/tasks?status=open", "enum"),
        ("/v1/tasks?limit=101", "out_of_range"),
        (f"{SCENARIOS}/scn_1/tasks?status=", "enum"),
        ("/v1/promo-codes?limit=x", "out_of_range"),
        ("/v1/promo-codes?status=active", "parameter_unknown"),
    ],
)
def test_a_query_that_is_none_is_422(deployment: Deployment, admin: str, path: str, code: str) -> None:
    reply = deployment.call("GET", path, key=admin)
    assert (reply.status, reply.code) == (422, code)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{SCENARIOS}/{{0}}"),
        ("PATCH", f"{SCENARIOS}/{{0}}"),
        ("DELETE", f"{SCENARIOS}/{{0}}"),
        ("GET", f"{SCENARIOS}/{{0}}/stats"),
        ("GET", f"{SCENARIOS}/{{0}}/tasks"),
        ("GET", "/v1/tasks/{1}"),
        ("POST", "/v1/tasks/{1}/cancel"),
        ("POST", "/v1/promo-codes/{2}/redeem"),
    ],
)
def test_what_is_another_stores_is_the_same_404_as_what_is_not_there(
    deployment: Deployment, admin: str, method: str, path: str
) -> None:
    made = create(deployment, admin)["scenario_id"]
    task, promo = start(deployment, made), make_code(deployment)
    other = deployment.create_store("other")
    body = {"name": "Mine"} if method == "PATCH" else None
    foreign = deployment.call(method, path.format(made, task.task_id, promo.code), body, key=other)
    absent = deployment.call(method, path.format("none", "none", "none"), body, key=other)
    assert foreign.status == absent.status == 404
    assert {**foreign.json, "request_id": ""} == {**absent.json, "request_id": ""}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", SCENARIOS, PLAIN),
        ("PATCH", f"{SCENARIOS}/scn_1", {}),
        ("DELETE", f"{SCENARIOS}/scn_1", None),
        ("POST", "/v1/tasks/tsk_1/cancel", None),
        ("POST", "/v1/promo-codes/A/redeem", None),
    ],
)
def test_a_viewer_reads_and_changes_nothing(
    deployment: Deployment, admin: str, method: str, path: str, body: Any
) -> None:
    viewer = deployment.make_key(admin, "viewer")
    assert deployment.call(method, path, body, key=viewer).status == 403
    for readable in (SCENARIOS, "/v1/tasks", "/v1/promo-codes"):
        deployment.call("GET", readable, key=viewer).expect(200)


def test_a_closed_store_saves_no_scenario(deployment: Deployment, admin: str) -> None:
    made = create(deployment, admin)
    deployment.operator("POST", "/platform/stores/demo/close", {"reason": "gone"}).expect(200)
    assert deployment.call("POST", SCENARIOS, PLAIN, key=admin).status == 409
    assert patch(deployment, admin, made["scenario_id"], name="Other").status == 409


def test_two_who_change_scenarios_at_once_lose_nothing(
    deployment: Deployment, admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, other = create(deployment, admin)["scenario_id"], create(deployment, admin)["scenario_id"]
    scenarios = type(deployment.books.scenarios)
    read, meanwhile = scenarios.catalogue, [{"name": "Theirs"}]

    def catalogue(self: Any, store_id: str) -> Any:
        live = read(self, store_id)
        if meanwhile:
            patch(deployment, admin, other, **meanwhile.pop()).expect(200)
        return live

    monkeypatch.setattr(scenarios, "catalogue", catalogue)
    patch(deployment, admin, made, name="Ours").expect(200)
    live = deployment.books.scenarios.catalogue("demo").scenarios
    assert {scenario.name for scenario in live} == {"Ours", "Theirs"}


def test_scenarios_that_keep_changing_are_409(
    deployment: Deployment, admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = create(deployment, admin)["scenario_id"]
    monkeypatch.setattr(type(deployment.books.scenarios), "save", lambda *_: False)
    for reply in (
        deployment.call("POST", SCENARIOS, PLAIN, key=admin),
        patch(deployment, admin, made, name="Other"),
        deployment.call("DELETE", f"{SCENARIOS}/{made}", key=admin),
    ):
        assert (reply.status, reply.code) == (409, "version_conflict")


# ---- tasks


def test_a_task_says_what_it_does_and_when(deployment: Deployment, admin: str) -> None:
    made = create(deployment, admin, delay={"value": 1, "unit": "hours"}, cancel_on=["order.created"])
    task = start(deployment, made["scenario_id"])
    shown = deployment.call("GET", f"/v1/tasks/{task.task_id}", key=admin).expect(200)
    assert shown == {
        "task_id": task.task_id,
        "scenario_id": made["scenario_id"],
        "customer_id": "c1",
        "order_id": None,
        "trigger": "customer.birthday",
        "cause": "bday:c1:2026",
        "occurred_at": LONG_AGO,
        "status": "waiting",
        "status_label": "Waiting for execution",
        "result": None,
        "result_label": None,
        "reason": None,
        "judged_by": None,
        "ended_by": None,
        "actions": {
            "credit_cashback": {"status": None, "status_label": "Waiting for execution", "detail": None},
        },
        "promo_code": None,
        "cancel_on": ["order.created"],
        "success": None,
        "created_at": LONG_AGO,
        "due_at": "2020-01-01T01:00:00.000000Z",
        "started_at": None,
        "finished_at": None,
        "window_until": None,
    }


def test_a_task_says_what_became_of_each_action(deployment: Deployment, admin: str) -> None:
    success = {"on": ["order.created"], "within": {"value": 7, "unit": "days"}}
    both = {"credit_cashback": {}, "send_message": {"channel": "sms", "text": "Hello"}}
    made = create(deployment, admin, success=success, actions=both)
    task = start(deployment, made["scenario_id"])
    skipped = ActionOutcome(ActionStatus.SKIPPED, "amount_zero")
    move(
        deployment,
        task,
        lambda known: fired(known, at(0)),
        lambda known: acted(known, Action.CREDIT, skipped),
        lambda known: acted(known, Action.MESSAGE, ActionOutcome(ActionStatus.DONE)),
        lambda known: finished(replace(known, promo_code="A-1"), at(1), UTC),
    )
    shown = deployment.call("GET", f"/v1/tasks/{task.task_id}", key=admin).expect(200)
    assert (shown["status_label"], shown["result"], shown["result_label"]) == (
        "Executed",
        "awaiting_result",
        "Awaiting result",
    )
    assert shown["actions"] == {
        "credit_cashback": {"status": "skipped", "status_label": "Skipped", "detail": "amount_zero"},
        "send_message": {"status": "done", "status_label": "Executed", "detail": None},
    }
    assert (shown["promo_code"], shown["success"]) == ("A-1", success)
    assert (shown["started_at"], shown["finished_at"]) == (at(0), at(1))
    assert shown["window_until"] == "2026-03-08T00:00:01.000000Z"


@pytest.mark.parametrize(
    ("result", "label"), [(Result.SUCCESSFUL, "Successfully completed"), (Result.NOT_MET, "Conditions not met")]
)
def test_a_result_is_said_in_the_words_people_know(
    deployment: Deployment, admin: str, result: Result, label: str
) -> None:
    success = {"on": ["order.created"], "within": {"value": 7, "unit": "days"}}
    task = run(deployment, start(deployment, create(deployment, admin, success=success)["scenario_id"]))
    move(deployment, task, lambda known: judged(known, result, "order.created"))
    shown = deployment.call("GET", f"/v1/tasks/{task.task_id}", key=admin).expect(200)
    assert (shown["result_label"], shown["judged_by"]) == (label, "order.created")


def test_a_task_that_waits_is_cancelled_by_hand(deployment: Deployment, admin: str, operator: str) -> None:
    task = start(deployment, create(deployment, admin, cancel_on=["order.created"])["scenario_id"])
    path = f"/v1/tasks/{task.task_id}/cancel"
    ended = deployment.call("POST", path, key=operator, idempotency_key="k", x_actor="anna").expect(200)
    assert (ended["status"], ended["status_label"], ended["reason"]) == ("cancelled", "Cancelled", "by_hand")
    assert ended["ended_by"].startswith("anna (key:")
    assert ended["actions"]["credit_cashback"] == {"status": None, "status_label": "Cancelled", "detail": "by_hand"}
    again = deployment.call("POST", path, {}, key=operator, idempotency_key="k", x_actor="anna")
    assert again.expect(200) == ended
    assert again.headers["Idempotency-Replayed"] == ["true"]
    other = deployment.call("POST", path, key=operator)
    assert (other.status, other.code) == (409, "task_not_waiting")
    assert deployment.books.tasks.watching_customer("demo", "c1") == []


@pytest.mark.row("98")
def test_a_task_that_waits_no_longer_is_not_cancelled(deployment: Deployment, admin: str) -> None:
    scenario_id = create(deployment, admin)["scenario_id"]
    running = move(deployment, start(deployment, scenario_id, "c1"), lambda known: fired(known, at(0)))
    executed = run(deployment, start(deployment, scenario_id, "c2"))
    before = deployment.everything()
    for task in (running, executed):
        reply = deployment.call("POST", f"/v1/tasks/{task.task_id}/cancel", key=admin)
        assert (reply.status, reply.code) == (409, "task_not_waiting")
    assert deployment.everything() == before


def test_a_body_of_a_cancel_holds_nothing(deployment: Deployment, admin: str) -> None:
    task = start(deployment, create(deployment, admin)["scenario_id"])
    reply = deployment.call("POST", f"/v1/tasks/{task.task_id}/cancel", {"reason": "no"}, key=admin)
    assert (reply.status, reply.code) == (422, "field_unknown")


@pytest.mark.row("F35")
def test_a_task_that_is_fired_while_it_is_cancelled_is_not_cancelled(
    deployment: Deployment, admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.alone = False
    task = start(deployment, create(deployment, admin)["scenario_id"])
    tasks = type(deployment.books.tasks)
    save, meanwhile = tasks.save, [task]

    def late(self: Any, store_id: str, before: Task, after: Task) -> bool:
        if meanwhile:
            running = fired(meanwhile.pop(), at(0))
            assert running is not None
            assert save(self, store_id, before, running)
        return save(self, store_id, before, after)

    monkeypatch.setattr(tasks, "save", late)
    reply = deployment.call("POST", f"/v1/tasks/{task.task_id}/cancel", key=admin)
    assert (reply.status, reply.code) == (409, "task_not_waiting")


def test_tasks_are_listed_by_scenario_and_status(deployment: Deployment, admin: str) -> None:
    one, two = create(deployment, admin)["scenario_id"], create(deployment, admin)["scenario_id"]
    waiting = start(deployment, one, "c1", at(1))
    running = move(deployment, start(deployment, one, "c2", at(2)), lambda known: fired(known, at(9)))
    executed = run(deployment, start(deployment, two, "c3", LONG_AGO))
    failed = move(deployment, start(deployment, two, "c4", at(4)), lambda known: given_up(known, "busy", at(9)))
    ended = move(deployment, start(deployment, two, "c5", at(5)), lambda known: cancelled(known, "by_hand", at(9)))

    def listed(path: str) -> list[str]:
        return [item["task_id"] for item in deployment.call("GET", path, key=admin).expect(200)["items"]]

    everyone = [task.task_id for task in (ended, failed, running, waiting, executed)]
    assert listed("/v1/tasks") == everyone
    assert listed(f"{SCENARIOS}/{one}/tasks") == [running.task_id, waiting.task_id]
    assert listed(f"{SCENARIOS}/{one}/tasks?status=running") == [running.task_id]
    for status, task in (
        ("waiting", waiting),
        ("running", running),
        ("executed", executed),
        ("failed", failed),
        ("cancelled", ended),
    ):
        assert listed(f"/v1/tasks?status={status}") == [task.task_id]
    first = deployment.call("GET", "/v1/tasks?limit=3", key=admin).expect(200)
    assert [item["task_id"] for item in first["items"]] == everyone[:3]
    assert listed(f"/v1/tasks?limit=3&cursor={first['next_cursor']}") == everyone[3:]
    reply = deployment.call("GET", f"{SCENARIOS}/{one}/tasks?limit=3&cursor={first['next_cursor']}", key=admin)
    assert (reply.status, reply.code) == (400, "page_token_invalid")
    deployment.call("DELETE", f"{SCENARIOS}/{two}", key=admin).expect(204)
    assert listed("/v1/tasks") == [running.task_id, waiting.task_id]
    assert listed(f"{SCENARIOS}/{two}/tasks") == [ended.task_id, failed.task_id, executed.task_id]


def test_stats_count_tasks_and_credits(deployment: Deployment, admin: str) -> None:
    success = {"on": ["order.created"], "within": {"value": 7, "unit": "days"}}
    scenario_id = create(deployment, admin, success=success)["scenario_id"]
    path = f"{SCENARIOS}/{scenario_id}/stats"
    assert deployment.call("GET", path, key=admin).expect(200) == {
        "scenario_id": scenario_id,
        "created": 0,
        "waiting": 0,
        "executed": 0,
        "failed": 0,
        "cancelled": {},
        "awaiting_result": 0,
        "successful": 0,
        "conditions_not_met": 0,
        "success_rate": None,
        "credited_total": usd("0.00"),
    }
    made = [start(deployment, scenario_id, f"c{n}") for n in range(10)]
    move(deployment, made[1], lambda known: fired(known, at(0)))
    run(deployment, made[2])
    for task, result in ((made[3], Result.SUCCESSFUL), (made[4], Result.NOT_MET), (made[5], Result.NOT_MET)):
        move(deployment, run(deployment, task), partial(judged, result=result, judged_by=None))
    move(deployment, made[6], lambda known: given_up(known, "busy", at(0)))
    for task, reason in ((made[7], "order.created"), (made[8], "order.created"), (made[9], "by_hand")):
        move(deployment, task, partial(cancelled, reason=reason, now=at(0)))
    assert deployment.call("GET", path, key=admin).expect(200) == {
        "scenario_id": scenario_id,
        "created": 10,
        "waiting": 2,
        "executed": 4,
        "failed": 1,
        "cancelled": {"order.created": 2, "by_hand": 1},
        "awaiting_result": 1,
        "successful": 1,
        "conditions_not_met": 2,
        "success_rate": "0.333333",
        "credited_total": usd("42.00"),
    }


# ---- promo codes


def make_code(deployment: Deployment, task_id: str = "tsk_1", expires_at: Instant | None = None) -> PromoCode:
    offer = PromoOffer(Discount(percent=Fraction(25, 2)), "BACK-")
    codes = deployment.books.promo_codes
    return codes.make("demo", "scn_1", task_id, "c1", offer, at(int(task_id[4:])), expires_at)


def test_a_promo_code_is_redeemed_once(deployment: Deployment, operator: str) -> None:
    promo = make_code(deployment)
    path = f"/v1/promo-codes/{promo.code}/redeem"
    call = {"key": operator, "idempotency_key": "k", "x_actor": "till-7"}
    done = deployment.call("POST", path, {"order_id": "1001"}, **call).expect(200)
    assert (done["status"], done["status_label"], done["order_id"]) == ("redeemed", "Redeemed", "1001")
    assert done["redeemed_by"].startswith("till-7 (key:")
    again = deployment.call("POST", path, {"order_id": "1001"}, **call)
    assert again.expect(200) == done
    assert again.headers["Idempotency-Replayed"] == ["true"]
    other = deployment.call("POST", path, {"order_id": "1002"}, **call)
    assert (other.status, other.code) == (409, "idempotency_mismatch")
    twice = deployment.call("POST", path, {"order_id": "1001"}, key=operator)
    assert (twice.status, twice.code) == (409, "promo_code_redeemed")


def test_an_expired_or_unknown_code_is_not_redeemed(deployment: Deployment, admin: str) -> None:
    promo = make_code(deployment, expires_at=at(9))
    before = deployment.everything()
    reply = deployment.call("POST", f"/v1/promo-codes/{promo.code}/redeem", key=admin)
    assert (reply.status, reply.code) == (409, "promo_code_expired")
    reply = deployment.call("POST", "/v1/promo-codes/BACK-NONE/redeem", key=admin)
    assert (reply.status, reply.code) == (404, "not_found")
    reply = deployment.call("POST", f"/v1/promo-codes/{promo.code}/redeem", {"order_id": "a#b"}, key=admin)
    assert (reply.status, reply.faults) == (422, [("order_id", "id_charset")])
    assert deployment.everything() == before


@pytest.mark.row("I9")
def test_a_code_that_two_redeem_at_once_is_redeemed_once(
    deployment: Deployment, admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.alone = False
    promo = make_code(deployment)
    path = f"/v1/promo-codes/{promo.code}/redeem"
    codes = type(deployment.books.promo_codes)
    save, meanwhile = codes.save, ["other"]

    def late(self: Any, store_id: str, before: PromoCode, after: PromoCode) -> bool:
        if meanwhile:
            meanwhile.clear()
            deployment.call("POST", path, key=admin).expect(200)
        return save(self, store_id, before, after)

    monkeypatch.setattr(codes, "save", late)
    reply = deployment.call("POST", path, key=admin)
    assert (reply.status, reply.code) == (409, "promo_code_redeemed")


def test_promo_codes_are_listed_newest_first(deployment: Deployment, admin: str) -> None:
    codes = [make_code(deployment, f"tsk_{n}", at(5) if n == 1 else None).code for n in range(3)]
    first = deployment.call("GET", "/v1/promo-codes?limit=2", key=admin).expect(200)
    assert [(item["code"], item["status"]) for item in first["items"]] == [
        (codes[2], "active"),
        (codes[1], "expired"),
    ]
    path = f"/v1/promo-codes?limit=2&cursor={first['next_cursor']}"
    rest = deployment.call("GET", path, key=admin).expect(200)
    assert rest["next_cursor"] is None
    assert rest["items"] == [
        {
            "code": codes[0],
            "status": "active",
            "status_label": "Active",
            "discount": {"percent": "12.5", "amount": None},
            "currency": "USD",
            "scenario_id": "scn_1",
            "task_id": "tsk_0",
            "customer_id": "c1",
            "created_at": at(0),
            "expires_at": None,
            "redeemed_at": None,
            "redeemed_by": None,
            "order_id": None,
        }
    ]
