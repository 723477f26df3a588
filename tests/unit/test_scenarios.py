from copy import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashback.domain.delays import Delay, Unit, longest_after
from cashback.domain.scenarios import (
    LATE,
    LIMITED,
    OF_AN_ORDER,
    Condition,
    Limits,
    Occasion,
    Scenario,
    ScenarioStatus,
    Success,
    Trigger,
    birthday_of,
    occasions_of,
    registration_of,
    review_cause,
    starts,
    watched,
)
from cashback.domain.times import just_after
from tests.unit.builders import CUSTOMER, NOW, ORDER, at, body, line, refund, settings, united
from tests.unit.scenario_builders import occasion, recorded, scenario

STORE_SETTINGS = settings(app_sources=["580111"])
BY_ORDER = sorted(LIMITED)
BY_OTHERS = sorted(set(Trigger) - LIMITED)

ids = st.text(alphabet=[*"a1:%", *"\n#é"], min_size=1, max_size=6) | st.sampled_from(
    ["created", "1:created", "1%3Acreated", "ref:1", "rev:1", "1:ref:2", "2026"]
)


def admits(limits: Limits, number: int | None = None, **of_body: Any) -> bool:
    """Whether limits admit an order whose only line costs 100.00, unless its body says otherwise."""
    return limits.admit(recorded({}, body=body(line(), **of_body), number=number), STORE_SETTINGS)


def occasion_of(trigger: Trigger) -> Occasion:
    """What this trigger gives occasion to; only an order's has one."""
    if trigger in OF_AN_ORDER:
        return occasion(trigger)
    return Occasion(trigger, "cause", at(60), at(60), CUSTOMER)


# ---- limits


def test_no_limits_admit_every_order_with_a_body_and_none_without() -> None:
    assert admits(Limits())
    assert not Limits().admit(recorded({}, body=None), STORE_SETTINGS)


@pytest.mark.parametrize(("total", "admitted"), [(4_999, False), (5_000, True), (6_000, True), (6_001, False)])
def test_both_ends_of_the_price_count(total: int, admitted: bool) -> None:
    assert admits(Limits(min_price=5_000, max_price=6_000), total=total) is admitted


def test_either_end_of_the_price_may_be_open() -> None:
    assert admits(Limits(min_price=5_000), total=10**9)
    assert not admits(Limits(min_price=5_000), total=4_999)
    assert admits(Limits(max_price=5_000), total=1)
    assert not admits(Limits(max_price=5_000), total=5_001)
    assert not admits(Limits(max_price=0), total=1)


def test_an_order_that_was_sent_without_a_total_costs_what_its_parts_add_up_to() -> None:
    exactly = Limits(min_price=10_000 + 700 + 300, max_price=11_000)
    assert admits(exactly, shipping=700, tax=300)
    assert admits(Limits(min_price=10_700, max_price=10_700), shipping=700, tax=300, taxes_included=True)


def test_an_order_whose_total_is_nothing_costs_nothing() -> None:
    assert not admits(Limits(min_price=1), total=0)
    assert admits(Limits(max_price=0), total=0)


def test_only_the_sources_named_are_admitted_and_the_stores_app_is_app() -> None:
    limits = Limits(sources=("pos", "app"))
    assert admits(limits, channel="pos")
    assert admits(limits, channel="app")
    assert admits(limits, channel="580111"), "what this store calls its app"
    assert not admits(limits, channel="580112")
    assert not admits(limits, channel="website")
    assert not admits(limits, channel="")


def test_only_the_delivery_types_named_are_admitted() -> None:
    limits = Limits(delivery_types=("pickup",))
    assert admits(limits, delivery_type="pickup")
    assert not admits(limits, delivery_type="delivery")
    assert not admits(limits, delivery_type="")


@pytest.mark.parametrize(
    ("number", "first", "second_or_third", "regular"),
    [(1, True, False, False), (2, False, True, False), (3, False, True, False), (4, False, False, True)],
)
def test_both_ends_of_the_order_number_count(number: int, first: bool, second_or_third: bool, regular: bool) -> None:
    assert admits(Limits(min_number=1, max_number=1), number) is first
    assert admits(Limits(min_number=2, max_number=3), number) is second_or_third
    assert admits(Limits(min_number=4), number) is regular
    assert admits(Limits(max_number=3), number) is not regular


def test_an_order_whose_number_nobody_knows_is_admitted_only_where_none_is_asked() -> None:
    assert admits(Limits(), None)
    assert not admits(Limits(min_number=1), None)
    assert not admits(Limits(max_number=9), None)
    assert not Limits(min_price=1, sources=("app",)).numbers
    assert Limits(min_number=1).numbers
    assert Limits(max_number=1).numbers


def test_all_limits_must_admit_an_order() -> None:
    limits = Limits(("website",), ("delivery",), 10_000, 10_000, 1, 1)
    assert admits(limits, 1)
    for one, number in (({"channel": "pos"}, 1), ({"delivery_type": "pickup"}, 1), ({"total": 9_999}, 1), ({}, 2)):
        assert not admits(limits, number, **one)


# ---- what starts


@pytest.mark.parametrize("trigger", Trigger)
def test_a_scenario_starts_at_its_own_trigger_alone(trigger: Trigger) -> None:
    started = {one for one in Trigger if starts(scenario(trigger), occasion_of(one), STORE_SETTINGS)}
    assert started == {trigger}


@pytest.mark.parametrize("trigger", BY_ORDER)
def test_limits_keep_what_an_order_did_from_starting_a_scenario(trigger: Trigger) -> None:
    assert starts(scenario(trigger, limits=Limits(min_price=10_000)), occasion_of(trigger), STORE_SETTINGS)
    assert not starts(scenario(trigger, limits=Limits(min_price=10_001)), occasion_of(trigger), STORE_SETTINGS)


@pytest.mark.parametrize("trigger", BY_OTHERS)
def test_limits_are_ignored_where_no_order_did_anything(trigger: Trigger) -> None:
    assert starts(scenario(trigger, limits=Limits(min_price=10_001)), occasion_of(trigger), STORE_SETTINGS)


@pytest.mark.parametrize("trigger", BY_ORDER)
def test_a_trigger_of_an_order_without_the_order_starts_nothing(trigger: Trigger) -> None:
    assert not starts(scenario(trigger), replace(occasion_of(trigger), order=None), STORE_SETTINGS)


def test_an_inactive_or_deleted_scenario_starts_nothing() -> None:
    assert not starts(scenario(status=ScenarioStatus.INACTIVE), occasion(), STORE_SETTINGS)
    assert not starts(scenario(deleted_at=at(1)), occasion(), STORE_SETTINGS)


def test_a_scenario_starts_by_what_was_recorded_since_it_was_set_whenever_that_happened() -> None:
    late = replace(occasion(second=60), recorded_at=at(90))
    assert starts(scenario(active_since=at(90)), late, STORE_SETTINGS), "that very moment counts"
    assert not starts(scenario(active_since=just_after(at(90))), late, STORE_SETTINGS)
    assert not starts(scenario(active_since=at(60)), replace(late, recorded_at=at(59)), STORE_SETTINGS)


@pytest.mark.parametrize("trigger", Trigger)
def test_what_is_once_per_customer_is_not_started_without_one(trigger: Trigger) -> None:
    unknown = replace(occasion_of(trigger), customer_id=None)
    assert starts(scenario(trigger), unknown, STORE_SETTINGS)
    assert starts(scenario(trigger, once_per_order=True), unknown, STORE_SETTINGS)
    assert not starts(scenario(trigger, once_per_customer=True), unknown, STORE_SETTINGS)
    assert starts(scenario(trigger, once_per_customer=True), occasion_of(trigger), STORE_SETTINGS)


# ---- what was recorded


def test_each_fact_recorded_of_an_order_is_an_occasion_at_the_shops_time() -> None:
    order = recorded(
        {
            "created": at(11),
            "paid": at(12),
            "completed": at(13),
            "cancelled": at(14),
            "ref:r1": at(15),
            "rev:v1": at(16),
        },
        refunds=united([refund("r1", created_at=at(5))]),
        since={"paid": at(2), "completed": at(3), "cancelled": at(4)},
        reviews={"v1": at(6)},
    )
    assert list(occasions_of(order)) == [
        Occasion(trigger, cause, at(happened), at(heard), CUSTOMER, order)
        for trigger, cause, happened, heard in [
            (Trigger.ORDER_CREATED, f"ord:{ORDER}:created", 0, 11),
            (Trigger.ORDER_PAID, f"ord:{ORDER}:paid", 2, 12),
            (Trigger.ORDER_COMPLETED, f"ord:{ORDER}:completed", 3, 13),
            (Trigger.ORDER_CANCELLED, f"ord:{ORDER}:cancelled", 4, 14),
            (Trigger.ORDER_REFUNDED, f"ord:{ORDER}:ref:r1", 5, 15),
            (Trigger.REVIEW_CREATED, "rev:v1", 6, 16),
        ]
    ]


def test_what_the_shop_gave_no_time_happened_when_it_was_recorded() -> None:
    facts = {
        "paid": at(12),
        "completed": at(13),
        "cancelled": at(14),
        "ref:r1": at(15),
        "ref:gone": at(16),
        "rev:v": at(17),
    }
    order = recorded(facts, refunds=united([refund("r1")]))
    assert [(one.occurred_at, one.recorded_at) for one in occasions_of(order)] == [
        (at(n), at(n)) for n in range(12, 18)
    ]


def test_nothing_recorded_is_no_occasion_while_no_body_tells_what_it_was() -> None:
    facts = {"paid": at(1), "rev:v1": at(2)}
    assert not list(occasions_of(recorded(facts, body=None)))
    assert len(list(occasions_of(recorded(facts)))) == 2
    assert not list(occasions_of(recorded({})))


def test_a_fact_of_a_kind_that_newer_code_records_starts_nothing_here() -> None:
    assert not list(occasions_of(recorded({"shipped": at(1), "dispute:d1": at(2), "": at(3)})))


def test_a_guests_order_is_an_occasion_without_a_customer() -> None:
    [found] = occasions_of(recorded({"paid": at(1)}, customer_id=None))
    assert found.customer_id is None


@given(ids, ids, ids, st.integers(1, 3_000))
def test_causes_keep_to_their_form_whatever_ids_hold(order_id: str, item_id: str, customer_id: str, year: int) -> None:
    order = recorded({"created": at(1), f"ref:{item_id}": at(1), f"rev:{item_id}": at(1)}, order_id)
    causes = [one.cause.split(":") for one in occasions_of(order)]
    causes += [
        registration_of(customer_id, at(1)).cause.split(":"),
        birthday_of(customer_id, year, at(1)).cause.split(":"),
    ]
    assert [len(parts) for parts in causes] == [3, 4, 2, 3, 3]
    read = [[part.replace("%3A", ":").replace("%25", "%") for part in parts] for parts in causes]
    assert read == [
        ["ord", order_id, "created"],
        ["ord", order_id, "ref", item_id],
        ["rev", item_id],
        ["cus", customer_id, "created"],
        ["bday", customer_id, str(year)],
    ]


@given(st.sets(ids, min_size=1, max_size=3), st.sets(ids, min_size=1, max_size=3))
def test_no_two_facts_have_one_cause(some: set[str], others: set[str]) -> None:
    refunds = dict.fromkeys((f"ref:{refund_id}" for refund_id in others), at(1))
    facts = {"created": at(1), "paid": at(1), "completed": at(1), "cancelled": at(1), **refunds}
    causes = [one.cause for order_id in some for one in occasions_of(recorded(facts, order_id))]
    causes += [registration_of(customer_id, NOW).cause for customer_id in some]
    causes += [birthday_of(customer_id, year, NOW).cause for customer_id in some for year in (2026, 2027)]
    causes += [review_cause(review_id) for review_id in some]
    assert len(set(causes)) == len(causes) == len(some) * (4 + len(others) + 4)


def test_a_registration_and_a_birthday_are_of_a_customer_and_no_order() -> None:
    assert registration_of("c:1", at(5)) == Occasion(Trigger.CUSTOMER_CREATED, "cus:c%3A1:created", at(5), at(5), "c:1")
    assert birthday_of("c%1", 2026, at(5)) == Occasion(
        Trigger.CUSTOMER_BIRTHDAY, "bday:c%251:2026", at(5), at(5), "c%1"
    )


# ---- what a delivery must know of

MONTH = Delay(1, Unit.MONTHS)
WEEK = Delay(1, Unit.WEEKS)
ON_ORDERS = Success((Condition.ORDER_CREATED,), WEEK)
INACTIVE: dict[str, Any] = {"status": ScenarioStatus.INACTIVE, "inactive_since": at(100)}


def last_heard(since: str, *delays: Delay) -> str:
    for delay in (*delays, LATE):
        since = longest_after(since, delay)
    return since


def test_an_active_scenario_concerns_every_delivery_and_one_without_conditions_none_after_that() -> None:
    assert scenario().concerns("2099-01-01T00:00:00.000000Z")
    assert not scenario(**INACTIVE).concerns(at(100))
    assert not scenario(**INACTIVE, delay=MONTH).concerns(at(100)), "the alarm clock alone runs its tasks"
    assert not scenario(deleted_at=at(1)).concerns(at(100))


@pytest.mark.parametrize(
    ("conditions", "delays"),
    [
        ({"cancel_on": (Condition.ORDER_CANCELLED,), "delay": MONTH}, [MONTH]),
        ({"success": ON_ORDERS, "delay": MONTH}, [MONTH, WEEK]),
        ({"cancel_on": (Condition.REVIEW_CREATED,), "success": ON_ORDERS}, [Delay(0, Unit.MINUTES), WEEK]),
    ],
)
def test_an_inactive_scenario_concerns_deliveries_as_long_as_tasks_may_listen(
    conditions: dict[str, Any], delays: list[Delay]
) -> None:
    last = last_heard(at(100), *delays)
    for more in ({}, {"deleted_at": at(100)}):
        ended = scenario(**{**INACTIVE, **conditions, **more})
        assert ended.concerns(last)
        assert not ended.concerns(just_after(last))


def test_the_conditions_watched_are_those_that_cancel_and_those_that_fulfil() -> None:
    cancels = scenario(cancel_on=(Condition.ORDER_CANCELLED, Condition.ORDER_CREATED))
    assert cancels.watched == {Condition.ORDER_CANCELLED, Condition.ORDER_CREATED}
    assert scenario(success=ON_ORDERS).watched == {Condition.ORDER_CREATED}
    assert watched([cancels, scenario(success=Success((Condition.REVIEW_CREATED,), WEEK))]) == {
        Condition.ORDER_CANCELLED,
        Condition.ORDER_CREATED,
        Condition.REVIEW_CREATED,
    }
    assert watched([]) == watched([scenario()]) == frozenset()


def test_a_change_of_terms_leaves_no_waiting_task_unheard() -> None:
    before = scenario(
        cancel_on=(Condition.ORDER_CREATED,), success=Success((Condition.REVIEW_CREATED,), WEEK), delay=MONTH
    )
    bare = scenario(rev=2).succeeding(before, at(100))
    assert bare.watched == before.watched
    last = last_heard(at(100), MONTH, WEEK)
    ended = replace(bare, **INACTIVE).succeeding(bare, at(200))
    assert ended.concerns(last)
    assert not ended.concerns(just_after(last))
    assert ended.succeeding(ended, last).watched == before.watched
    assert not ended.succeeding(ended, just_after(last)).watched, "forgotten once nobody can wait for it"


def test_a_shorter_delay_does_not_shorten_what_waits_already() -> None:
    before = scenario(cancel_on=(Condition.ORDER_CREATED,), delay=MONTH)
    sooner = replace(before, delay=WEEK).succeeding(before, at(100))
    later = replace(sooner, delay=Delay(2, Unit.DAYS)).succeeding(sooner, at(200))
    ended = replace(later, **INACTIVE).succeeding(later, at(300))
    last = last_heard(at(100), MONTH)
    assert ended.concerns(last)
    assert not ended.concerns(just_after(last))


def test_a_change_of_other_things_is_no_change_of_terms() -> None:
    before: Scenario = scenario(cancel_on=(Condition.ORDER_CREATED,), delay=MONTH)
    assert replace(before, name="Renamed").succeeding(before, at(100)) == replace(before, name="Renamed")
