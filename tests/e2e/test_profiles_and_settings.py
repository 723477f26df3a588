"""Who the customers are, and which settings govern an order."""

from collections.abc import Callable
from typing import Any

from tests.e2e.shop import Sale, Shop, minute


def person(customer_id: int, at: int, **fields: Any) -> dict[str, Any]:
    """A customer's body as of a minute."""
    about = {"email": "ada@example.com", "first_name": "Ada", "last_name": "Brandt", "phone": "+4915550104477"}
    times = {"created_at": minute(0), "updated_at": minute(at)}
    return {"id": customer_id, **about, "verified_email": True, "tags": "vip, barista club", **times, **fields}


def profile(shop: Shop, customer_id: int) -> dict[str, Any]:
    found: dict[str, Any] = shop.store.api("GET", f"/v1/customers/{customer_id}").expect(200)
    return found


def test_a_new_customer_has_a_profile_and_an_empty_account(shop: Shop) -> None:
    assert shop.outcome("customers/create", person(7001, at=1)) == "customer_recorded"
    known = profile(shop, 7001)
    assert (known["customer_id"], known["name"], known["email"]) == ("7001", "Ada Brandt", "ada@example.com")
    assert (known["email_verified"], known["phone_verified"], known["tags"]) == (True, False, ["vip", "barista club"])
    account = shop.account(7001)
    assert (account["available"], account["reserved"], account["shortfall"]) == ("0.00", "0.00", "0.00")
    assert shop.entries(7001) == []


def test_a_newer_update_changes_the_profile_and_an_older_one_does_not(shop: Shop) -> None:
    shop.tell("customers/create", person(7001, at=1))
    assert shop.outcome("customers/update", person(7001, at=3, first_name="Augusta")) == "customer_recorded"
    before = shop.stack.snapshot(shop.store)
    assert shop.outcome("customers/update", person(7001, at=2, first_name="Old")) == "event_unchanged"
    assert shop.outcome("customers/update", person(7001, at=3, first_name="Ada")) == "event_unchanged"
    assert shop.stack.snapshot(shop.store) == before
    assert profile(shop, 7001)["name"] == "Augusta Brandt"


def test_an_update_of_an_unknown_customer_makes_them_known(shop: Shop) -> None:
    assert shop.outcome("customers/update", person(7001, at=2)) == "customer_recorded"
    assert profile(shop, 7001)["name"] == "Ada Brandt"


def test_an_order_makes_its_customer_known_and_never_overwrites_a_newer_profile(shop: Shop) -> None:
    shop.sell(customer_id=7001)
    assert profile(shop, 7001)["name"] == "Ada"
    shop.tell("customers/update", person(7001, at=5, first_name="Augusta"))
    shop.sell(customer_id=7001)
    assert profile(shop, 7001)["name"] == "Augusta Brandt"
    assert shop.available(7001) == "20.00"


def test_a_profile_update_leaves_the_balance_alone(shop: Shop) -> None:
    shop.sell(customer_id=7001)
    before = shop.account(7001)
    shop.tell("customers/update", person(7001, at=5))
    assert shop.account(7001) == before


def test_a_change_governs_every_order_first_known_to_be_paid_after_it(shop: Shop) -> None:
    old, waiting = shop.sell(), Sale()
    shop.tell("orders/create", waiting.body(at=0, status="pending"))
    shop.change(base_rate="0.1")
    assert shop.outcome("orders/paid", waiting.body(at=1)) == "processed"
    assert [shop.order(sale)["award"] for sale in (old, waiting, shop.sell())] == ["10.00", "20.00", "20.00"]
    shop.tell("refunds/create", old.refund())
    assert shop.available(old.customer_id) == "5.00"


def test_a_refund_after_a_change_is_clawed_at_the_rate_of_the_award(shop: Shop) -> None:
    sale = shop.sell()
    shop.change(base_rate="0.5", exclusions={"sources": ["website"]})
    shop.tell("refunds/create", sale.refund())
    assert shop.available(sale.customer_id) == "5.00"


def test_switching_to_manual_and_back_never_touches_what_was_decided(shop: Shop) -> None:
    automatic, created = shop.sell(), Sale()
    shop.tell("orders/create", created.body(at=0, status="pending"))
    assert shop.change(auto_processing=False)["warnings"] == []
    assert shop.outcome("orders/paid", created.body(at=1)) == "pending"
    assert shop.order(automatic)["status"] == "processed"

    (warning,) = shop.change(auto_processing=True)["warnings"]
    assert warning["code"] == "orders_still_pending"
    assert shop.order(created)["status"] == "pending"
    assert shop.outcome("orders/updated", created.body(at=2)) == "pending"
    assert shop.order(shop.sell())["status"] == "processed"
    shop.approve(created, "10.00").expect(200)
    assert shop.available(created.customer_id) == "10.00"


def test_cashback_that_is_off_earns_nothing_and_clawbacks_go_on(shop: Shop) -> None:
    sale = shop.sell()
    shop.change(cashback_enabled=False)
    missed = shop.sell()
    assert (shop.order(missed)["status"], shop.order(missed)["reason"]) == ("not_eligible", "cashback_disabled")
    shop.tell("refunds/create", sale.refund())
    assert shop.available(sale.customer_id) == "5.00"


def test_a_completed_order_earns_where_the_store_asks_for_completion(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(award_on="completed")
    sale = shop.sell()
    assert (shop.order(sale)["status"], shop.order(sale)["reason"]) == ("awaiting", "not_completed")
    assert shop.outcome("orders/fulfilled", sale.body(at=2, fulfillment_status="fulfilled")) == "processed"
    assert shop.available(sale.customer_id) == "10.00"


def test_the_tier_reached_before_the_order_sets_its_rate(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(tiers=[{"name": "Gold", "min_spent": "200.00", "rate": "0.1"}])
    orders = [shop.order(shop.sell(customer_id=7001)) for _ in range(2)]
    assert [(order["tier"], order["award"]) for order in orders] == [(None, "10.00"), ("Gold", "20.00")]
    assert shop.account(7001)["tier"] == "Gold"


def test_the_status_says_why_an_engine_is_paused(shop: Shop) -> None:
    def status() -> tuple[str, list[str]]:
        engine = shop.store.api("GET", "/v1/store/status").expect(200)
        return engine["status"], [cause["code"] for cause in engine["causes"]]

    assert status() == ("active", [])
    shop.change(auto_processing=False)
    assert status() == ("paused", ["manual_mode"])
    shop.change(auto_processing=True, cashback_enabled=False)
    assert status() == ("paused", ["cashback_disabled"])
    shop.change(cashback_enabled=True)
    assert status() == ("active", [])
