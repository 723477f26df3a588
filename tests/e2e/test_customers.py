"""Customers by the API, on the deployed stack: made, listed, found, changed, exported and erased."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dev.client import Answer, wait_until
from tests.e2e.shop import Sale, Shop, at_once, plain, problem

CUSTOMERS = "/v1/customers"
ADA = {
    "customer_id": "ada",
    "name": "Ada Brandt",
    "email": "ada@example.com",
    "phone": "+49 155 50104477",
    "birthday": "--02-29",
    "tags": ["vip"],
}
PRIVATE = ("Ada", "Brandt", "ada@example.com", "155 50104477", "--02-29", "vip", "CONTACT", "FIND")


def make(shop: Shop, key: str | None = None, **fields: Any) -> Answer:
    headers = {"idempotency-key": key} if key else {}
    return shop.store.api("POST", CUSTOMERS, {**ADA, **fields}, headers=headers)


def search(shop: Shop, **body: Any) -> list[str]:
    answer = shop.store.api("POST", f"{CUSTOMERS}/search", body)
    return [item["customer_id"] for item in answer.expect(200)["items"]]


def change(shop: Shop, customer_id: str = "ada", **body: Any) -> Answer:
    return shop.store.api("PATCH", f"{CUSTOMERS}/{customer_id}", body)


def test_a_customer_is_made_once_and_read(shop: Shop) -> None:
    made = make(shop, "k").expect(201)
    assert {name: made[name] for name in ADA} == ADA
    assert shop.store.api("GET", f"{CUSTOMERS}/ada").expect(200) == made
    before = shop.stack.snapshot(shop.store)
    again = make(shop, "k")
    assert (again.expect(201), again.headers["idempotency-replayed"]) == (made, "true")
    assert problem(make(shop, "k", name="Other"), 409)["code"] == "idempotency_mismatch"
    assert make(shop).expect(200) == made
    assert problem(make(shop, name="Other"), 409)["code"] == "already_exists"
    assert shop.stack.snapshot(shop.store) == before


def test_one_id_made_by_many_at_once_is_made_once(shop: Shop) -> None:
    answers = at_once(*(lambda n=n: make(shop, name=f"Ada {n % 2}") for n in range(8)))
    statuses = sorted(answer.status for answer in answers)
    assert statuses.count(201) <= 1
    assert set(statuses) <= {200, 201, 409, 503}
    assert shop.store.api("GET", f"{CUSTOMERS}/ada").expect(200)["name"] in {"Ada 0", "Ada 1"}
    assert shop.available("ada") == "0.00"


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_the_list_is_newest_first_complete_and_ends(shop: Shop, limit: int) -> None:
    made = [f"c-{n}" for n in range(7)]
    for customer_id in made:
        make(shop, customer_id=customer_id).expect(201)

    def listed() -> list[str]:
        found, query = [], f"?limit={limit}"
        while True:
            page = shop.store.api("GET", f"{CUSTOMERS}{query}").expect(200)
            found += [item["customer_id"] for item in page["items"]]
            if page["next_cursor"] is None:
                return found
            query = f"?limit={limit}&cursor={page['next_cursor']}"

    assert wait_until(lambda: listed() == made[::-1])


def test_customers_are_found_by_what_they_are_reached_by(shop: Shop) -> None:
    make(shop, email_verified=True).expect(201)
    make(shop, customer_id="bob", email=None).expect(201)
    assert search(shop, email="ADA@example.com") == ["ada"]
    assert search(shop, phone="0049 155 50104477") == ["ada", "bob"]
    assert search(shop, email="nobody@example.com") == []
    assert problem(shop.store.api("POST", f"{CUSTOMERS}/search", {}), 422)["code"] == "one_contact"
    assert problem(shop.store.api("POST", f"{CUSTOMERS}/search", {"phone": "0155"}), 422)["code"] == "phone_format"
    change(shop, phone=None).expect(200)
    assert search(shop, phone="0049 155 50104477") == ["bob"]
    assert "ada@example.com" not in repr(shop.stack.lines("customers_api", "search"))


@pytest.mark.row("I7")
def test_changes_at_one_moment_all_stand(shop: Shop) -> None:
    make(shop).expect(201)
    changes: list[dict[str, Any]] = [{"name": "Augusta"}, {"email": "a@example.org"}, {"birthday": None}, {"tags": []}]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda body: change(shop, **body), changes))
    for answer, body in zip(answers, changes, strict=True):
        if answer.status == 503:
            change(shop, **body).expect(200)
    known = shop.store.api("GET", f"{CUSTOMERS}/ada").expect(200)
    assert [known[name] for name in ("name", "email", "birthday", "tags")] == ["Augusta", "a@example.org", None, []]
    assert known["phone"] == ADA["phone"]


def test_an_older_event_of_the_shop_undoes_no_change(shop: Shop) -> None:
    told = {"id": "7001", "first_name": "Shop", "email": "shop@example.com", "updated_at": "2026-02-03T10:00:00Z"}
    shop.tell("customers/create", told)
    change(shop, "7001", name="Mine").expect(200)
    late = {**told, "updated_at": "2026-02-04T10:00:00Z"}
    assert shop.outcome("customers/update", late) == "event_unchanged"
    assert shop.store.api("GET", f"{CUSTOMERS}/7001").expect(200)["name"] == "Mine"


@pytest.mark.parametrize("how", ["made", "changed"])
def test_a_verified_email_claims_the_guests_order_that_waited_for_it(shop: Shop, how: str) -> None:
    sale = Sale(customer_id=None)
    assert shop.outcome("orders/paid", sale.body(at=1, email="ada@example.com")) == "awaiting_customer"
    if how == "made":
        make(shop, email_verified=True).expect(201)
    else:
        make(shop).expect(201)
        assert shop.order(sale)["status"] == "awaiting_customer"
        change(shop, email_verified=True).expect(200)
    assert (shop.order(sale)["status"], shop.available("ada")) == ("processed", "10.00")


@pytest.mark.row("S22")
def test_an_erased_customer_leaves_nothing_personal_and_keeps_the_balance(shop: Shop) -> None:
    make(shop, email_verified=True).expect(201)
    body = {"amount": "5.00", "comment": "Ada Brandt asked for it"}
    shop.store.post(f"{CUSTOMERS}/ada/adjustments", body).expect(201)
    assert all(word in repr(shop.stack.snapshot(shop.store)) for word in PRIVATE)
    for _ in range(2):
        assert shop.store.api("DELETE", f"{CUSTOMERS}/ada").status == 204
    left = repr(shop.stack.snapshot(shop.store))
    assert [word for word in PRIVATE if word in left] == []
    assert shop.available("ada") == "5.00"
    assert shop.store.api("GET", f"{CUSTOMERS}/ada").expect(200)["erased_at"] is not None
    assert problem(change(shop, name="Ada"), 404)["code"] == "not_found"
    assert problem(shop.store.api("DELETE", f"{CUSTOMERS}/none"), 404)["code"] == "not_found"
    assert shop.store.api("POST", CUSTOMERS, {"customer_id": "ada", "name": "Back"}).expect(201)["erased_at"] is None


def test_an_export_tells_all_that_is_held_and_is_written_down(shop: Shop) -> None:
    sale = shop.sell(customer_id=7001)
    body = {"amount": "-2.50", "comment": "=1+1"}
    shop.store.post(f"{CUSTOMERS}/7001/adjustments", body).expect(201)
    change(shop, "7001", email="ada@example.com", email_verified=True).expect(200)
    wait_until(lambda: shop.store.api("GET", "/v1/orders?customer_id=7001").expect(200)["items"])
    told = plain(shop.store.api("GET", f"{CUSTOMERS}/7001/export").expect(200))
    assert (told["customer"]["customer_id"], told["balance"]["available"]) == ("7001", "7.50")
    assert told["contacts"] == [{"kind": "email", "value": "ada@example.com", "verified": True}]
    assert [(line["amount"], line["customer_id"]) for line in told["transactions"]] == [
        ("-2.50", "7001"),
        ("10.00", "7001"),
    ]
    assert told["transactions"][0]["note"] == "=1+1"
    assert [order["order_id"] for order in told["orders"]] == [str(sale.order_id)]
    assert told["next_cursor"] is None
    assert repr(shop.stack.snapshot(shop.store)).count("'customer_exported'") == 1


def test_a_balance_at_a_time_follows_what_was_posted_by_then(shop: Shop) -> None:
    make(shop).expect(201)
    first = shop.store.post(f"{CUSTOMERS}/ada/adjustments", {"amount": "5.00"}).expect(201)
    shop.store.post(f"{CUSTOMERS}/ada/adjustments", {"amount": "-2.00"}).expect(201)
    then = shop.store.api("GET", f"{CUSTOMERS}/ada/balance?at={first['created_at']}").expect(200)
    assert (plain(then)["available"], shop.available("ada")) == ("5.00", "3.00")
