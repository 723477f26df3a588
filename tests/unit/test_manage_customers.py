"""Customers by the API: made, listed, found, changed and erased, with what they are found by."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cashback.domain.audit import Origin
from cashback.domain.customers import Profile, changed_profile
from cashback.domain.errors import AlreadyExists, Busy, CustomerNotFound
from cashback.domain.news import CustomerNews, CustomersMerged
from cashback.domain.orders import Status
from cashback.services import read_customers
from cashback.services.manage_customers import Added, Asked, add_customer, change_customer, delete_customer
from cashback.services.merge_customers import merge_customers
from cashback.services.record_customer import record_customer
from tests.simulation.faults import Crash, Fault
from tests.unit.builders import CUSTOMER, NOW, STORE, Shop, line, paid
from tests.unit.deployment import Deployment, Reply
from tests.unit.people import LATER, OTHER, everything, merge, owners, profile, tell

CUSTOMERS = "/v1/customers"
ADA = {
    "customer_id": "ada",
    "name": "Ada Brandt",
    "email": "Ada@example.com",
    "email_verified": True,
    "phone": "+49 155 50104477",
    "birthday": "1990-02-28",
    "tags": ["vip", "early"],
    "push_endpoint": "arn:aws:sns:eu-central-1:123456789012:endpoint/GCM/app/0b1c",
}
FAR = "2099-01-01T00:00:00.000000Z"


@pytest.fixture
def admin(deployment: Deployment) -> str:
    return deployment.create_store()


def make(deployment: Deployment, key: str, body: Any = ADA, **headers: str) -> Reply:
    return deployment.call("POST", CUSTOMERS, body, key=key, **headers)


def change(deployment: Deployment, key: str, body: Any, customer_id: str = "ada") -> Reply:
    return deployment.call("PATCH", f"{CUSTOMERS}/{customer_id}", body, key=key)


def search(deployment: Deployment, key: str, **body: Any) -> list[str]:
    found = deployment.call("POST", f"{CUSTOMERS}/search", body, key=key).expect(200)
    assert found["next_cursor"] is None
    return [item["customer_id"] for item in found["items"]]


# ---- made


def test_a_customer_who_is_made_is_read_as_they_were_given(deployment: Deployment, admin: str) -> None:
    made = make(deployment, admin).expect(201)
    assert made == deployment.call("GET", f"{CUSTOMERS}/ada", key=admin).expect(200)
    assert {name: made[name] for name in ADA} == ADA
    assert (made["phone_verified"], made["erased_at"], made["merged_into"]) == (False, None, None)
    balance = deployment.call("GET", f"{CUSTOMERS}/ada/balance", key=admin).expect(200)
    assert (balance["available"]["amount"], balance["version"]) == ("0.00", 0)


def test_the_same_body_again_finds_what_it_made_and_another_is_409(deployment: Deployment, admin: str) -> None:
    made = make(deployment, admin).expect(201)
    before = deployment.everything()
    assert make(deployment, admin).expect(200) == made
    other = make(deployment, admin, {**ADA, "name": "Augusta"})
    assert (other.status, other.code) == (409, "already_exists")
    assert deployment.everything() == before
    change(deployment, admin, {"name": "Augusta"}).expect(200)
    assert make(deployment, admin).expect(200)["name"] == "Augusta"


def test_a_call_repeated_with_its_key_gets_the_first_answer_and_another_body_is_a_mismatch(
    deployment: Deployment, admin: str
) -> None:
    made = make(deployment, admin, idempotency_key="k").expect(201)
    again = make(deployment, admin, idempotency_key="k")
    assert (again.expect(201), again.headers["Idempotency-Replayed"]) == (made, ["true"])
    before = deployment.everything()
    for body in ({**ADA, "name": "Augusta"}, {**ADA, "customer_id": "other"}):
        reply = make(deployment, admin, body, idempotency_key="k")
        assert (reply.status, reply.code) == (409, "idempotency_mismatch")
    assert deployment.everything() == before
    assert make(deployment, admin, idempotency_key="other").expect(200) == made


def test_whom_the_shop_told_of_is_not_made_again(deployment: Deployment, admin: str) -> None:
    deployment.books.customers.create("demo", Profile("ada", NOW, NOW, name="Ada Brandt"), NOW)
    reply = make(deployment, admin, {"customer_id": "ada", "name": "Ada Brandt"})
    assert (reply.status, reply.code) == (409, "already_exists")


def test_an_erased_customer_may_be_made_anew_but_not_by_the_call_that_made_them_first(
    deployment: Deployment, admin: str
) -> None:
    make(deployment, admin, idempotency_key="first").expect(201)
    deployment.call("DELETE", f"{CUSTOMERS}/ada", key=admin).expect(204)
    late = make(deployment, admin, idempotency_key="first")
    assert (late.expect(201)["name"], late.headers["Idempotency-Replayed"]) == (None, ["true"])
    again = make(deployment, admin, idempotency_key="second").expect(201)
    assert (again["name"], again["erased_at"]) == ("Ada Brandt", None)
    assert search(deployment, admin, email="ada@example.com") == ["ada"]
    path = f"{CUSTOMERS}/ada/adjustments"
    deployment.call("POST", path, {"amount": "1"}, key=admin, idempotency_key="k").expect(201)


def test_who_was_merged_into_another_is_never_made_nor_changed(deployment: Deployment, admin: str) -> None:
    merge_customers(deployment.books, "demo", CustomersMerged("kept", "ada", NOW), "shop", NOW)
    before = deployment.everything()
    assert make(deployment, admin).code == "already_exists"
    assert change(deployment, admin, {"name": "Ada"}).code == "state_conflict"
    assert deployment.everything() == before


@pytest.mark.parametrize("registered", [True, False])
def test_a_registration_is_said_in_the_body_and_is_part_of_it(
    deployment: Deployment, admin: str, registered: bool
) -> None:
    body = {"customer_id": "c", "registered": registered}
    made = make(deployment, admin, body).expect(201)
    assert "registered" not in made
    assert make(deployment, admin, {**body, "registered": not registered}).code == "already_exists"
    known = deployment.books.customers.get("demo", "c")
    assert known is not None
    assert known.registered_at == (known.created_at if registered else None)


def test_a_registration_stays_when_a_person_who_was_erased_is_made_anew(deployment: Deployment, admin: str) -> None:
    for customer_id, before, after in (("a", True, True), ("b", False, True), ("c", True, False)):
        made = [make(deployment, admin, {"customer_id": customer_id, "registered": before}).expect(201)]
        deployment.call("DELETE", f"{CUSTOMERS}/{customer_id}", key=admin).expect(204)
        made.append(make(deployment, admin, {"customer_id": customer_id, "registered": after}).expect(201))
        known = deployment.books.customers.get("demo", customer_id)
        assert known is not None
        assert known.registered_at == (made[0]["created_at"] if before else made[1]["updated_at"])


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "x"}, "required"),
        ({"customer_id": ""}, "id_length"),
        ({"customer_id": " "}, "id_length"),
        ({"customer_id": "x" * 65}, "id_length"),
        ({"customer_id": "a#b"}, "id_charset"),
        ({"customer_id": "a/b"}, "id_charset"),
        ({"customer_id": ".."}, "id_charset"),
        ({"customer_id": "a\u200bb"}, "id_charset"),
        ({"customer_id": "a\0b"}, "id_charset"),
        ({"customer_id": 7}, "type"),
        ({"customer_id": "c", "name": "x" * 201}, "length"),
        ({"customer_id": "c", "email": "nobody"}, "email_format"),
        ({"customer_id": "c", "email_verified": None}, "type"),
        ({"customer_id": "c", "email_verified": "yes"}, "type"),
        ({"customer_id": "c", "phone": " "}, "length"),
        ({"customer_id": "c", "birthday": "1990-02-30"}, "birthday_format"),
        ({"customer_id": "c", "birthday": "2023-02-29"}, "birthday_format"),
        ({"customer_id": "c", "birthday": "--02-30"}, "birthday_format"),
        ({"customer_id": "c", "birthday": "-02-03"}, "birthday_format"),
        ({"customer_id": "c", "birthday": "1990-W01-1"}, "birthday_format"),
        ({"customer_id": "c", "birthday": "0000-01-01"}, "birthday_format"),
        ({"customer_id": "c", "birthday": "1850-01-01"}, "birthday_range"),
        ({"customer_id": "c", "birthday": "2998-01-01"}, "birthday_range"),
        ({"customer_id": "c", "tags": ["x"] * 251}, "too_many_items"),
        ({"customer_id": "c", "tags": [""]}, "length"),
        ({"customer_id": "c", "tags": "vip"}, "type"),
        ({"customer_id": "c", "push_endpoint": "https://example.com"}, "push_endpoint_format"),
        ({"customer_id": "c", "push_endpoint": "arn:aws:sns:eu-central-1:123456789012:topic"}, "push_endpoint_format"),
        ({"customer_id": "c", "store_id": "other"}, "field_unknown"),
        ({"customer_id": "c", "balance": "9"}, "field_unknown"),
        ({"customer_id": "c", "erased_at": None}, "field_unknown"),
    ],
    ids=lambda value: str(value)[:50],
)
@pytest.mark.row("62", "63", "64", "76")
def test_who_is_no_customer_is_422_and_changes_nothing(
    deployment: Deployment, admin: str, body: Any, code: str
) -> None:
    before = deployment.everything()
    reply = make(deployment, admin, body)
    assert (reply.status, reply.code) == (422, code)
    assert deployment.everything() == before


@pytest.mark.parametrize("birthday", ["2024-02-29", "--02-29", "--12-31", "1900-01-01"])
@pytest.mark.row("76")
def test_a_birthday_may_be_without_its_year(deployment: Deployment, admin: str, birthday: str) -> None:
    assert make(deployment, admin, {"customer_id": "c", "birthday": birthday}).expect(201)["birthday"] == birthday


# ---- listed


@pytest.mark.parametrize("limit", [1, 2, 7, 100])
def test_pages_of_customers_are_disjoint_complete_newest_first_and_end(
    deployment: Deployment, admin: str, limit: int
) -> None:
    deployment.create_store("other")
    deployment.books.customers.create("other", Profile("theirs", NOW, NOW), NOW)
    for n in range(20):
        at = f"2026-03-01T00:00:{n // 2:02d}.000000Z"
        deployment.books.customers.create("demo", Profile(f"c-{n:02d}", NOW, at), at)
    found: list[list[str]] = []
    query = f"?limit={limit}"
    while len(found) < 30:
        page = deployment.call("GET", f"{CUSTOMERS}{query}", key=admin).expect(200)
        found.append([item["customer_id"] for item in page["items"]])
        if page["next_cursor"] is None:
            break
        query = f"?limit={limit}&cursor={page['next_cursor']}"
    assert [one for page in found for one in page] == [f"c-{n:02d}" for n in reversed(range(20))]
    assert all(len(page) == limit for page in found[:-1])


def test_who_was_erased_or_merged_is_listed_with_the_bare_id(deployment: Deployment, admin: str) -> None:
    make(deployment, admin).expect(201)
    make(deployment, admin, {**ADA, "customer_id": "gone"}).expect(201)
    merge_customers(deployment.books, "demo", CustomersMerged("kept", "gone", NOW), "shop", FAR)
    deployment.call("DELETE", f"{CUSTOMERS}/ada", key=admin).expect(204)
    listed = deployment.call("GET", CUSTOMERS, key=admin).expect(200)["items"]
    assert [(one["customer_id"], one["name"], one["merged_into"]) for one in listed] == [
        ("kept", None, None),
        ("gone", None, "kept"),
        ("ada", None, None),
    ]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "q=ada", "email=ada@example.com"])
def test_a_query_that_is_none_is_422(deployment: Deployment, admin: str, query: str) -> None:
    assert deployment.call("GET", f"{CUSTOMERS}?{query}", key=admin).status == 422


# ---- found


def test_a_customer_is_found_by_what_is_verified_and_by_what_is_not(deployment: Deployment, admin: str) -> None:
    make(deployment, admin).expect(201)
    make(deployment, admin, {"customer_id": "bob", "phone": "0049-155-50104477"}).expect(201)
    viewer = deployment.make_key(admin, "viewer")
    assert search(deployment, viewer, email="ADA@EXAMPLE.COM") == ["ada"]
    assert search(deployment, viewer, phone="(+49) 155.50104477") == ["ada", "bob"]
    assert search(deployment, viewer, email="ad@example.com") == []
    other = deployment.create_store("other")
    assert search(deployment, other, email="ada@example.com") == []


def test_what_is_changed_or_erased_finds_nobody_any_more(deployment: Deployment, admin: str) -> None:
    make(deployment, admin).expect(201)
    change(deployment, admin, {"email": "new@example.com", "phone": None}).expect(200)
    assert search(deployment, admin, email="ada@example.com") == search(deployment, admin, phone=ADA["phone"]) == []
    assert search(deployment, admin, email="new@example.com") == ["ada"]
    deployment.call("DELETE", f"{CUSTOMERS}/ada", key=admin).expect(204)
    assert search(deployment, admin, email="new@example.com") == []
    left = repr(deployment.everything())
    assert [word for word in ("FIND", "CONTACT", "example.com", "Brandt", "endpoint/GCM") if word in left] == []


def test_who_was_merged_is_found_by_what_they_had_verified(deployment: Deployment, admin: str) -> None:
    make(deployment, admin).expect(201)
    merge_customers(deployment.books, "demo", CustomersMerged("kept", "ada", NOW), "shop", FAR)
    assert search(deployment, admin, email="ada@example.com") == ["kept"]
    assert search(deployment, admin, phone=ADA["phone"]) == []
    assert "FIND" not in repr(deployment.everything())


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({}, "body", "one_contact"),
        ({"email": "a@example.com", "phone": "+4915550104477"}, "body", "one_contact"),
        ({"email": "a@b"}, "email", "email_format"),
        ({"email": "nobody"}, "email", "email_format"),
        ({"phone": "0155 50104477"}, "phone", "phone_format"),
        ({"email": None}, "email", "type"),
        ({"name": "Ada"}, "body", "field_unknown"),
    ],
)
def test_a_search_for_nothing_is_422(deployment: Deployment, admin: str, body: Any, field: str, code: str) -> None:
    reply = deployment.call("POST", f"{CUSTOMERS}/search", body, key=admin)
    assert (reply.status, reply.faults) == (422, [(field, code)])


def test_one_shared_contact_finds_a_hundred_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop()
    monkeypatch.setattr(read_customers, "MOST_FOUND", 2)
    for customer_id in ("c", "a", "b"):
        tell(shop, customer_id, email="family@example.com")
    found = read_customers.find_customers(shop.books, STORE, "email:family@example.com")
    assert [one.customer_id for one in found] == ["a", "b"]


def test_a_contact_that_nobody_verified_claims_no_order() -> None:
    shop = Shop()
    tell(shop, email="ada@example.com", phone="+4915550104477")
    assert owners(shop, "ada@example.com", "+4915550104477") == set()
    change_customer(shop.books, shop.settings, CUSTOMER, {"email_verified": True}, LATER)
    assert owners(shop, "ada@example.com", "+4915550104477") == {CUSTOMER}
    assert everything(shop).count("#FIND#") == 1


# ---- changed


def test_what_is_left_out_stays_and_null_clears(deployment: Deployment, admin: str) -> None:
    made = make(deployment, admin).expect(201)
    changed = change(deployment, admin, {"name": "Augusta", "birthday": None, "tags": []}).expect(200)
    stays = ("email", "email_verified", "phone", "push_endpoint", "created_at")
    assert {name: changed[name] for name in stays} == {name: made[name] for name in stays}
    assert (changed["name"], changed["birthday"], changed["tags"]) == ("Augusta", None, [])
    assert changed["updated_at"] > made["updated_at"]
    assert deployment.call("GET", f"{CUSTOMERS}/ada", key=admin).expect(200) == changed
    cleared = change(deployment, admin, {"email": None, "tags": None, "push_endpoint": None}).expect(200)
    assert (cleared["email"], cleared["email_verified"], cleared["push_endpoint"]) == (None, False, None)


@pytest.mark.parametrize("body", [{}, {"name": "Ada Brandt"}, {"tags": ["vip", "early"], "email_verified": True}])
def test_a_change_that_changes_nothing_writes_nothing(deployment: Deployment, admin: str, body: Any) -> None:
    made = make(deployment, admin).expect(201)
    before = deployment.everything()
    assert change(deployment, admin, body).expect(200) == made
    assert deployment.everything() == before


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"customer_id": "other"}, "field_unknown"),
        ({"registered": True}, "field_unknown"),
        ({"email_verified": None}, "type"),
        ({"name": ""}, "length"),
    ],
)
def test_a_change_that_is_none_is_422(deployment: Deployment, admin: str, body: Any, code: str) -> None:
    make(deployment, admin).expect(201)
    before = deployment.everything()
    reply = change(deployment, admin, body)
    assert (reply.status, reply.code) == (422, code)
    assert deployment.everything() == before


def test_nobody_who_is_unknown_or_erased_is_changed(deployment: Deployment, admin: str) -> None:
    make(deployment, admin).expect(201)
    deployment.call("DELETE", f"{CUSTOMERS}/ada", key=admin).expect(204)
    before = deployment.everything()
    for customer_id in ("ada", "none"):
        assert change(deployment, admin, {"name": "Ada"}, customer_id).status == 404
    assert deployment.everything() == before


def test_an_email_that_becomes_another_is_not_verified_unless_the_change_says_so() -> None:
    known = Profile("c", NOW, NOW, email="a@example.com", email_verified=True, phone="+49155501", phone_verified=True)
    moved = changed_profile(known, {"email": "b@example.com"}, LATER)
    assert (moved.email_verified, moved.phone_verified) == (False, True)
    assert changed_profile(known, {"email": "b@example.com", "email_verified": True}, LATER).email_verified
    assert not changed_profile(known, {"phone": "+49155502"}, LATER).phone_verified
    assert not changed_profile(known, {"email": None, "email_verified": True}, LATER).email_verified


@given(st.sampled_from(["2025-01-01T00:00:00.000000Z", FAR, "9999-12-31T23:59:59.999999Z"]))
def test_a_change_is_newer_than_what_the_shop_said(said_at: str) -> None:
    known = Profile("c", said_at, NOW, name="Ada")
    assert changed_profile(known, {"name": "Augusta"}, LATER).updated_at >= max(LATER, said_at)
    assert (said_at[:4] == "9999") or changed_profile(known, {"name": "B"}, LATER).updated_at > said_at


def test_older_news_of_the_shop_undo_no_change_and_newer_ones_leave_what_no_shop_knows() -> None:
    shop = Shop()
    tell(shop, second=0, name="Ada")
    endpoint = {"push_endpoint": "arn:aws:sns:eu-central-1:1:endpoint/GCM/app/1"}
    change_customer(shop.books, shop.settings, CUSTOMER, {"name": "Augusta", **endpoint}, LATER)
    assert not tell(shop, second=5, name="Ada").changed
    assert profile(shop).name == "Augusta"
    record_customer(shop.books, STORE, CustomerNews(CUSTOMER, FAR, "Ada"), LATER)
    assert (profile(shop).name, profile(shop).push_endpoint) == ("Ada", endpoint["push_endpoint"])


@settings(max_examples=50, deadline=None)
@given(st.permutations(["name", "email", "phone", "birthday", "tags"]), st.integers(1, 4))
def test_changes_of_different_fields_at_one_moment_all_stand(order: list[str], at_once: int) -> None:
    shop, values = Shop(), {"name": "N", "email": "e@example.com", "phone": "+4915550", "birthday": "--01-02"}
    tell(shop)
    every: dict[str, Any] = {**values, "tags": ("t",)}
    waiting = list(order)

    def one() -> None:
        name = waiting.pop()
        change_customer(shop.books, shop.settings, CUSTOMER, {name: every[name]}, LATER)

    def meanwhile() -> None:
        for _ in range(min(at_once, len(waiting))):
            one()

    with shop.before_writes(meanwhile):
        one()
    while waiting:
        one()
    stands = profile(shop)
    assert {name: getattr(stands, name) for name in every} == every


def test_a_profile_that_changes_all_the_time_is_503() -> None:
    shop, names = Shop(), iter(f"name {n}" for n in range(99))
    tell(shop)

    def meanwhile() -> None:
        change_customer(shop.books, shop.settings, CUSTOMER, {"name": next(names)}, LATER)

    with shop.before_writes(meanwhile), pytest.raises(Busy):
        change_customer(shop.books, shop.settings, CUSTOMER, {"phone": "+4915550"}, LATER)


# ---- guests' orders


def guest(shop: Shop, order_id: str = "guest") -> None:
    told = paid(line("l", 10_000), order_id=order_id, customer_id=None)
    shop.hear(told.__class__(told.order_id, told.source, told.facts, None, frozenset({"email:ada@example.com"})))
    assert shop.orders[order_id].status is Status.AWAITING_CUSTOMER


def added(shop: Shop, now: str = LATER, **fields: Any) -> Added:
    told = Profile(CUSTOMER, now, now, email="ada@example.com", email_verified=True, **fields)
    return add_customer(shop.books, shop.settings, told, Asked("r", "b"), now)


def changed(shop: Shop) -> None:
    change_customer(shop.books, shop.settings, CUSTOMER, {"email": "ada@example.com", "email_verified": True}, LATER)


CLAIMS: dict[str, Callable[[Shop], object]] = {"added": added, "changed": changed}


@pytest.mark.parametrize("how", CLAIMS)
@pytest.mark.parametrize("fault", [None, *Fault])
def test_a_verified_contact_claims_the_orders_that_waited_for_it(how: str, fault: Fault | None) -> None:
    for n in range(1, 18 if fault else 2):
        shop = Shop()
        if how == "changed":
            tell(shop)
        guest(shop)
        shop.dynamo.faults.calls = 0
        shop.dynamo.faults.script = {n: fault} if fault else {}
        for _ in range(3):
            try:
                CLAIMS[how](shop)
                break
            except (Busy, Crash):
                continue
        assert (shop.orders["guest"].status, shop.account.available) == (Status.PROCESSED, 500), f"call {n}"
        assert "GUEST" not in everything(shop)


# ---- erased


def test_a_contact_that_a_change_took_away_is_given_up_and_forgotten_with_the_customer() -> None:
    shop = Shop()
    tell(shop, email="ada@example.com", email_verified=True)
    (lost,) = profile(shop).contacts
    change_customer(shop.books, shop.settings, CUSTOMER, {"email": "new@example.com"}, LATER)
    assert (profile(shop).contacts, profile(shop).given_up) == ((), (lost,))
    delete_customer(shop.books, shop.settings, CUSTOMER, Origin("key:anna", "r-1", "-"), FAR)
    assert profile(shop).given_up == ()
    assert lost not in everything(shop)


def test_a_customer_is_erased_once_and_erasing_again_changes_nothing(deployment: Deployment, admin: str) -> None:
    make(deployment, admin).expect(201)
    operator = deployment.make_key(admin, "operator")
    assert deployment.call("DELETE", f"{CUSTOMERS}/ada", key=operator).status == 403
    reply = deployment.call("DELETE", f"{CUSTOMERS}/ada", key=admin, x_actor="dpo")
    assert (reply.status, reply.text) == (204, "")
    before = deployment.everything()
    deployment.call("DELETE", f"{CUSTOMERS}/ada", key=admin).expect(204)
    assert deployment.everything() == before
    (act,) = [item for item in before if item.get("what") == {"S": "customer_erased"}]
    assert act["actor"]["S"].startswith("dpo (key")
    gone = deployment.call("GET", f"{CUSTOMERS}/ada", key=admin).expect(200)
    assert {name: gone[name] for name in ADA if name != "customer_id"} == {
        **dict.fromkeys(("name", "email", "phone", "birthday", "push_endpoint")),
        "email_verified": False,
        "tags": [],
    }


def test_nobody_is_erased_who_is_not_there(deployment: Deployment, admin: str) -> None:
    make(deployment, admin).expect(201)
    other = deployment.create_store("other")
    before = deployment.everything()
    for key, customer_id in ((admin, "none"), (other, "ada")):
        reply = deployment.call("DELETE", f"{CUSTOMERS}/{customer_id}", key=key)
        assert (reply.status, reply.code) == (404, "not_found")
    assert deployment.everything() == before


def test_to_erase_a_merged_customer_is_to_erase_who_they_are_now_and_again_changes_nothing() -> None:
    shop, origin = Shop(), Origin("key:a", "request", "-")
    for customer_id in (CUSTOMER, OTHER):
        tell(shop, customer_id, name="Ada Brandt", email="ada@example.com")
    merge(shop)
    delete_customer(shop.books, shop.settings, OTHER, origin, LATER)
    assert (profile(shop).erased_at, "Ada" in everything(shop)) == (LATER, False)
    before = everything(shop)
    delete_customer(shop.books, shop.settings, OTHER, origin, FAR)
    delete_customer(shop.books, shop.settings, CUSTOMER, origin, FAR)
    assert everything(shop) == before
    with pytest.raises(CustomerNotFound):
        delete_customer(shop.books, shop.settings, "none", origin, LATER)


def test_a_customer_from_the_future_is_erased_and_made_again_newer_than_that() -> None:
    shop = Shop()
    change_at = "2098-01-01T00:00:00.000000Z"
    added(shop, now=change_at)
    delete_customer(shop.books, shop.settings, CUSTOMER, Origin("key:a", "request", "-"), LATER)
    assert profile(shop).erased_at == change_at
    told = Profile(CUSTOMER, LATER, LATER, name="Ada")
    made = add_customer(shop.books, shop.settings, told, Asked(None, "other"), LATER)
    assert (made.created, profile(shop).name, profile(shop).updated_at > change_at) == (True, "Ada", True)
    assert shop.account.erased_at is None


def test_two_bodies_for_one_id_at_one_moment_make_one_of_them() -> None:
    shop = Shop()

    def meanwhile() -> None:
        told = Profile(CUSTOMER, LATER, LATER, name="First")
        add_customer(shop.books, shop.settings, told, Asked(None, "first"), LATER)

    told = Profile(CUSTOMER, LATER, LATER, name="Second")
    with shop.before_writes(meanwhile), pytest.raises(AlreadyExists):
        add_customer(shop.books, shop.settings, told, Asked(None, "second"), LATER)
    assert profile(shop).name == "First"
