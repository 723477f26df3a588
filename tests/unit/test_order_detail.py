"""What an order shows of itself beside its lines: what it was paid with, what it waits for, and who may claim it."""

from typing import Any

import pytest

from cashback.domain.facts import Line
from cashback.domain.orders import News
from cashback.services.record_order import record_order
from tests.unit.builders import NOW, ORDER, body, line, news, paid, refund, units, usd
from tests.unit.deployment import Deployment

A, B = line("1", 10_000), line("2", 5_000)


def record(deployment: Deployment, told: News) -> None:
    record_order(deployment.books, deployment.stores.settings("demo"), told, NOW)


def shown(deployment: Deployment, admin: str, order_id: str = ORDER) -> Any:
    return deployment.call("GET", f"/v1/orders/{order_id}", key=admin).expect(200)


def change(deployment: Deployment, admin: str, **settings: Any) -> None:
    version = str(deployment.stores.document("demo").version)
    deployment.call("PATCH", "/v1/store", settings, key=admin, if_match=version).expect(200)


# ---- what was paid with cashback


@pytest.mark.parametrize(
    ("clawback", "redemption"),
    [
        ("partial", {"redeemed": usd("20.00"), "owed": usd("15.00"), "waived": usd("0.00")}),
        ("full_or_skip", {"redeemed": usd("20.00"), "owed": usd("0.00"), "waived": usd("20.00")}),
    ],
)
def test_an_order_shows_what_was_paid_with_cashback_and_what_of_it_the_balance_lacked(
    deployment: Deployment, clawback: str, redemption: Any
) -> None:
    admin = deployment.create_store(settings={"clawback": clawback, "auto_processing": False})
    earlier = paid(line(gross=10_000), order_id="1")
    record(deployment, earlier)
    approve = {"expected_amount": "5.00"}
    deployment.call("POST", "/v1/orders/1/approve", approve, key=admin, idempotency_key="k").expect(200)
    record(deployment, paid(A, paid_with_cashback=2_000))
    assert shown(deployment, admin)["redemption"] == redemption


def test_a_redemption_that_came_back_is_nothing_and_not_unknown(deployment: Deployment) -> None:
    admin = deployment.create_store()
    record(deployment, paid(line("1", 10_000), order_id="1"))
    record(deployment, paid(A, paid_with_cashback=300))
    record(deployment, news(None, refund("r1", units("1"))))
    assert shown(deployment, admin)["redemption"] == dict.fromkeys(("redeemed", "owed", "waived"), usd("0.00"))


def test_an_order_paid_with_money_shows_no_redemption(deployment: Deployment) -> None:
    admin = deployment.create_store()
    record(deployment, paid(A))
    assert shown(deployment, admin)["redemption"] is None


# ---- what it waits for


def test_an_order_names_the_products_it_waits_for_until_they_are_known(deployment: Deployment) -> None:
    admin = deployment.create_store(settings={"product_rates": [{"category": "Mugs", "rate": "0.1"}]})
    lines = [line(str(n), 5_000, product_id=f"P-{n}") for n in (2, 1)]
    record(deployment, paid(*lines))
    assert shown(deployment, admin)["missing"] == ["P-1", "P-2"]
    for n in (1, 2):
        deployment.call("PUT", f"/v1/products/P-{n}", {"categories": ["Mugs"]}, key=admin).expect(201)
    order = shown(deployment, admin)
    assert (order["status"], order["missing"]) == ("processed", [])


def test_an_order_that_a_person_held_waits_for_no_product(deployment: Deployment) -> None:
    admin = deployment.create_store(
        settings={"product_rates": [{"category": "Mugs", "rate": "0.1"}], "auto_processing": False}
    )
    record(deployment, paid(line("1", 5_000, product_id="P-1")))
    for act, told in (("release", {}), ("hold", {"reason": "a call"})):
        deployment.call("POST", f"/v1/orders/{ORDER}/{act}", told, key=admin, idempotency_key=act).expect(200)
    order = shown(deployment, admin)
    assert (order["status"], order["missing"]) == ("held", [])


def test_a_guests_order_says_until_when_it_may_be_claimed(deployment: Deployment) -> None:
    admin = deployment.create_store(settings={"guest_claim_days": 10})
    record(deployment, paid(A, customer_id=None))
    record(deployment, paid(A, order_id="2"))
    assert shown(deployment, admin)["claimable_until"] == "2026-03-11T12:00:00.000000Z"
    assert shown(deployment, admin, "2")["claimable_until"] is None


# ---- additions


def grown(*lines: Line) -> News:
    """The order as a later body shows it, paid."""
    return news(body(*lines, second=1, paid=True), paid=True)


def awarded_by_hand(deployment: Deployment, **settings: Any) -> str:
    """A store whose order of one line was approved."""
    admin = deployment.create_store(settings={"auto_processing": False, "base_rate": "0.1", **settings})
    record(deployment, paid(A))
    approve = {"expected_amount": "10.00"}
    deployment.call("POST", f"/v1/orders/{ORDER}/approve", approve, key=admin, idempotency_key="k").expect(200)
    return admin


def test_lines_added_to_an_approved_order_are_pending_until_they_are_processed(deployment: Deployment) -> None:
    admin = awarded_by_hand(deployment)
    assert shown(deployment, admin)["additions_pending"] is False
    record(deployment, grown(A, B))
    assert shown(deployment, admin)["additions_pending"] is True
    yes = {"expected_amount": "5.00"}
    deployment.call("POST", f"/v1/orders/{ORDER}/process", yes, key=admin, idempotency_key="p").expect(200)
    order = shown(deployment, admin)
    assert (order["award"], order["additions_pending"]) == (usd("15.00"), False)


def test_lines_added_to_an_order_that_credits_by_itself_are_not_pending(deployment: Deployment) -> None:
    admin = deployment.create_store(settings={"base_rate": "0.1"})
    record(deployment, paid(A))
    record(deployment, grown(A, B))
    order = shown(deployment, admin)
    assert (order["award"], order["additions_pending"]) == (usd("15.00"), False)


def test_lines_that_must_be_held_are_pending_also_where_orders_are_credited_by_themselves(
    deployment: Deployment,
) -> None:
    admin = deployment.create_store(settings={"base_rate": "0.1", "hold_over_award": "12.00"})
    record(deployment, paid(A))
    record(deployment, grown(A, B))
    order = shown(deployment, admin)
    assert (order["award"], order["additions_pending"]) == (usd("10.00"), True)


def test_added_lines_of_an_unknown_product_are_pending_until_it_is_known(deployment: Deployment) -> None:
    rates = [{"category": "Mugs", "rate": "0.1"}]
    admin = deployment.create_store(settings={"base_rate": "0", "product_rates": rates})
    deployment.call("PUT", "/v1/products/P-1", {"categories": ["Mugs"]}, key=admin).expect(201)
    known = line("1", 10_000, product_id="P-1")
    record(deployment, paid(known))
    record(deployment, grown(known, line("2", 5_000, product_id="P-2")))
    order = shown(deployment, admin)
    assert (order["award"], order["additions_pending"], order["missing"]) == (usd("10.00"), True, ["P-2"])
    deployment.call("PUT", "/v1/products/P-2", {"categories": ["Mugs"]}, key=admin).expect(201)
    order = shown(deployment, admin)
    assert (order["award"], order["additions_pending"], order["missing"]) == (usd("15.00"), False, [])


def test_lines_that_would_earn_nothing_are_not_pending_at_the_settings_of_the_order(deployment: Deployment) -> None:
    admin = awarded_by_hand(deployment, max_award="10.00")
    record(deployment, grown(A, B))
    assert shown(deployment, admin)["additions_pending"] is False
    change(deployment, admin, name="Another name")
    assert shown(deployment, admin)["additions_pending"] is True, "their terms are read when they are processed"


def test_a_cancelled_order_has_no_additions(deployment: Deployment) -> None:
    admin = awarded_by_hand(deployment)
    record(deployment, grown(A, B))
    record(deployment, news(None, cancelled=True))
    assert shown(deployment, admin)["additions_pending"] is False
