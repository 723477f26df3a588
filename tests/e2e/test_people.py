"""People by webhook: merged, erased, and asking what is held of them."""

from typing import Any

from dev.client import wait_until
from tests.e2e.shop import Shop, fresh_id, minute

ADA = {"first_name": "Ada", "last_name": "Brandt", "email": "ada@example.com", "phone": "+4915550104477"}


def person(customer_id: int, at: int, **fields: Any) -> dict[str, Any]:
    """A customer's body as of a minute."""
    return {"id": customer_id, **ADA, "verified_email": True, "updated_at": minute(at), **fields}


def merged(kept: int, deleted: int) -> dict[str, Any]:
    """The body of customers/merge once it is done."""
    return {
        "admin_graphql_api_customer_kept_id": f"gid://shopify/Customer/{kept}",
        "admin_graphql_api_customer_deleted_id": f"gid://shopify/Customer/{deleted}",
        "admin_graphql_api_job_id": None,
        "status": "completed",
        "errors": [],
    }


def asking(customer_id: int, **fields: Any) -> dict[str, Any]:
    """The body of a request that a privacy law makes of an app."""
    customer = {"id": customer_id, "email": ADA["email"], "phone": ADA["phone"]}
    return {"shop_id": 954889, "shop_domain": "quay-street.myshopify.com", "customer": customer, **fields}


def profile(shop: Shop, customer_id: int) -> dict[str, Any]:
    answer: dict[str, Any] = shop.store.api("GET", f"/v1/customers/{customer_id}").expect(200)
    return answer


def test_a_merge_moves_the_balance_and_later_orders_of_the_old_id_credit_the_kept_one(shop: Shop) -> None:
    kept, deleted = fresh_id(), fresh_id()
    shop.tell("customers/create", person(deleted, at=1))
    sales = [shop.sell(customer_id=customer_id) for customer_id in (kept, deleted)]
    assert (shop.available(kept), shop.available(deleted)) == ("10.00", "10.00")
    assert shop.outcome("customers/merge", merged(kept, deleted)) == "customers_merged"
    assert (shop.available(kept), shop.available(deleted)) == ("20.00", "0.00")
    later = shop.sell(customer_id=deleted)
    assert shop.order(later)["status"] == "processed"
    assert shop.available(kept) == "30.00"
    shop.tell("refunds/create", sales[1].refund())
    assert shop.available(kept) == "25.00"
    shown = [line["amount"] for line in shop.order(sales[1])["transactions"]]
    assert shown == ["10.00", "-5.00"]
    assert shop.entries(deleted) == [("merge", "-10.00"), ("order", "10.00")]
    old = profile(shop, deleted)
    assert (old["merged_into"], old["name"], old["email"], old["phone"]) == (str(kept), None, None, None)
    balance = shop.store.api("GET", f"/v1/customers/{deleted}/balance").expect(200)
    assert balance["merged_into"] == str(kept)
    assert shop.outcome("customers/update", person(deleted, at=9)) == "event_unchanged"
    assert shop.outcome("customers/merge", merged(kept, deleted)) == "event_unchanged"
    assert shop.outcome("customers/merge", merged(deleted, kept)) == "merged_in_a_circle"


def test_a_redaction_empties_the_profile_and_a_later_refund_still_posts(new_shop: Any) -> None:
    shop: Shop = new_shop(auto_processing=False)
    sale = shop.sell()
    customer_id = sale.customer_id
    assert customer_id is not None
    shop.tell("customers/update", person(customer_id, at=1))
    shop.approve(sale, "10.00", comment="Ada Brandt is a friend of mine").expect(200)
    assert profile(shop, customer_id)["email"] == "ada@example.com"
    assert shop.outcome("customers/redact", asking(customer_id, orders_to_redact=[])) == "customer_erased"
    shop.tell("refunds/create", sale.refund(2))
    assert (shop.order(sale)["status"], shop.available(customer_id)) == ("reversed", "0.00")
    gone = profile(shop, customer_id)
    told = ("name", "email", "phone", "birthday", "tags", "merged_into")
    assert [gone[name] for name in told] == [None, None, None, None, [], None]
    assert gone["erased_at"] is not None
    assert shop.order(sale)["review"]["comment"] is None
    assert shop.outcome("customers/update", person(customer_id, at=9)) == "event_unchanged"
    left = repr(shop.stack.snapshot(shop.store))
    assert [word for word in ("Ada", "Brandt", "ada@example.com", "15550104477", "CONTACT") if word in left] == []
    back = {**person(customer_id, at=9), "updated_at": "2099-01-01T00:00:00Z"}
    assert shop.outcome("customers/update", back) == "customer_recorded"
    assert (profile(shop, customer_id)["name"], profile(shop, customer_id)["erased_at"]) == ("Ada Brandt", None)


def test_a_request_for_data_is_written_down_once(shop: Shop) -> None:
    customer_id = fresh_id()
    request = asking(customer_id, orders_requested=[], data_request={"id": 9999})
    assert shop.outcome("customers/data_request", request) == "data_requested"
    assert shop.outcome("customers/data_request", request) == "event_unchanged"
    wait_until(lambda: repr(shop.stack.snapshot(shop.store)).count("'data_requested'") == 1)
