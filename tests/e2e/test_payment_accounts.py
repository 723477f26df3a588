"""Where customers are paid, on the deployed stack: added, shown masked, opened for admins, merged, erased, and never
told to anybody else."""

from collections.abc import Callable
from typing import Any

import pytest

from dev.client import Answer, Store
from tests.e2e.shop import Shop, at_once, fresh_id, problem
from tests.e2e.test_people import asking, merged, person

IBAN = "DE89370400440532013000"
BANK = {"type": "bank", "holder": "Ada Zq7canary", "iban": IBAN, "swift": "COBADEFFXXX"}
HOME = {"type": "bank", "holder": "Ada Zq7canary", "account_number": "000123456789", "routing_number": "111000025"}
WALLET = {"type": "digital", "provider": "PayPal", "handle": "ada.zq7@example.com"}
IN_CLEAR = (IBAN, "COBADEFFXXX", "000123456789", "111000025", "ada.zq7@example.com", "Zq7canary")


@pytest.fixture
def customer(shop: Shop) -> str:
    return told(shop)


def told(shop: Shop) -> str:
    """A new customer, of whom the shop has told."""
    customer_id = fresh_id()
    shop.tell("customers/create", person(customer_id, at=1))
    return str(customer_id)


def path(customer_id: str, account_id: str = "") -> str:
    return f"/v1/customers/{customer_id}/payment-accounts" + (f"/{account_id}" if account_id else "")


def add(store: Store, customer_id: str, body: dict[str, Any] = BANK, key: str | None = None, **more: Any) -> Answer:
    headers = {"idempotency-key": key} if key else {}
    return store.api("POST", path(customer_id), {**body, **more}, headers=headers)


def added(shop: Shop, customer_id: str, body: dict[str, Any] = BANK, **more: Any) -> dict[str, Any]:
    account: dict[str, Any] = add(shop.store, customer_id, body, **more).expect(201)
    return account


def listed(shop: Shop, customer_id: str, query: str = "") -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = shop.store.api("GET", path(customer_id) + query).expect(200)["items"]
    return items


def opened(shop: Shop, customer_id: str, account_id: str) -> dict[str, Any]:
    account: dict[str, Any] = shop.store.api("GET", f"{path(customer_id, account_id)}?unmasked=true").expect(200)
    return account


def audited(shop: Shop, what: str) -> list[str]:
    acts = shop.store.api("GET", "/v1/audit?limit=100").expect(200)["items"]
    return [act["target"] for act in acts if act["what"] == what]


@pytest.mark.row("91", "S20")
def test_accounts_are_added_listed_and_deleted_and_show_four_characters_at_most(shop: Shop, customer: str) -> None:
    bank, home, wallet = (added(shop, customer, body) for body in (BANK, HOME, WALLET))
    assert (bank["type_label"], bank["iban"], bank["swift"]) == ("Bank transfer", "****3000", "****FXXX")
    assert (home["account_number"], home["routing_number"]) == ("****6789", "****0025")
    assert (wallet["type_label"], wallet["provider"], wallet["handle"]) == ("Digital payment", "PayPal", "****.com")
    assert [one["holder"] for one in (bank, home, wallet)] == [None, None, None]
    assert listed(shop, customer) == [wallet, home, bank]
    assert [one["default"] for one in (bank, home, wallet)] == [True, False, False]
    first = shop.store.api("GET", f"{path(customer)}?limit=2").expect(200)
    assert first["items"] == [wallet, home]
    assert listed(shop, customer, f"?limit=2&cursor={first['next_cursor']}") == [bank]
    assert shop.store.api("GET", path(customer, home["payment_account_id"])).expect(200) == home
    for one in (bank, home):
        shop.store.api("DELETE", path(customer, one["payment_account_id"])).expect(204)
        assert problem(shop.store.api("GET", path(customer, one["payment_account_id"])), 404)
        assert problem(shop.store.api("DELETE", path(customer, one["payment_account_id"])), 404)
    assert listed(shop, customer) == [{**wallet, "default": True}]
    assert audited(shop, "payment_account_deleted") == [home["payment_account_id"], bank["payment_account_id"]]
    assert len(audited(shop, "payment_account_added")) == 3


@pytest.mark.row("85")
def test_one_request_adds_one_account_also_once_it_is_deleted(shop: Shop, customer: str) -> None:
    first = add(shop.store, customer, key="k").expect(201)
    again = add(shop.store, customer, key="k")
    assert (again.expect(201), again.headers["idempotency-replayed"]) == (first, "true")
    assert problem(add(shop.store, customer, WALLET, key="k"), 409)["code"] == "idempotency_mismatch"
    twice = add(shop.store, customer, {**BANK, "iban": "de89 3704 0044 0532 0130 00\n", "holder": "A. Brandt"})
    assert problem(twice, 409)["code"] == "payment_account_exists"
    shop.store.api("DELETE", path(customer, first["payment_account_id"])).expect(204)
    add(shop.store, customer, key="k").expect(201)
    assert listed(shop, customer) == []
    assert added(shop, customer)["payment_account_id"] != first["payment_account_id"]


def test_one_account_that_many_add_at_once_is_there_once(shop: Shop, customer: str) -> None:
    answers = at_once(*(lambda: add(shop.store, customer) for _ in range(6)))
    assert sorted(answer.status for answer in answers).count(201) == 1
    assert {answer.status for answer in answers} <= {201, 409, 503}
    assert len(listed(shop, customer)) == 1


@pytest.mark.row("90", "I11")
def test_an_account_that_two_customers_share_is_taken_and_told(shop: Shop, customer: str) -> None:
    other = told(shop)
    mine = added(shop, customer)
    theirs = added(shop, other, {**BANK, "iban": "DE89-3704-0044-0532-0130-00", "swift": "COBADEFF"})
    assert (mine["shared_with"], theirs["shared_with"]) == ([], [customer])
    assert [one["shared_with"] for one in listed(shop, customer)] == [[other]]
    shop.store.api("DELETE", path(other, theirs["payment_account_id"])).expect(204)
    assert [one["shared_with"] for one in listed(shop, customer)] == [[]]


def test_only_an_admin_sees_an_account_in_clear_and_it_is_written_down(shop: Shop, customer: str) -> None:
    bank, wallet = added(shop, customer), added(shop, customer, WALLET)
    for role in ("viewer", "operator"):
        seen = shop.with_key(role)
        asked = f"{path(customer, bank['payment_account_id'])}?unmasked="
        assert problem(seen.api("GET", f"{asked}true"), 403)["code"] == "forbidden"
        assert seen.api("GET", f"{asked}false").expect(200)["iban"] == "****3000"
    assert audited(shop, "payment_account_read") == []
    clear = opened(shop, customer, bank["payment_account_id"])
    assert {name: clear[name] for name in BANK} == BANK
    assert clear["unmasked"] is True
    assert opened(shop, customer, wallet["payment_account_id"])["handle"] == WALLET["handle"]
    assert audited(shop, "payment_account_read") == [wallet["payment_account_id"], bank["payment_account_id"]]
    assert problem(shop.store.api("GET", f"{path(customer)}?unmasked=true"), 422)["code"] == "parameter_unknown"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({**BANK, "iban": "DE88370400440532013000"}, "iban_checksum"),
        ({**BANK, "iban": "DE00370400440532013000"}, "iban_checksum"),
        ({**BANK, "iban": "DE8937040044053201300"}, "iban_length"),
        ({**BANK, "iban": "ZZ89370400440532013000"}, "iban_country"),
        ({**BANK, "iban": "IR580540105180021273113007"}, "iban_country"),
        ({**BANK, "iban": "RU0304452522540817810538091310419"}, "iban_country"),
        ({**BANK, "iban": "\uff24\uff2589370400440532013000"}, "iban_format"),
        ({**BANK, "iban": ""}, "iban_format"),
        ({**BANK, "iban": 89370400440532013000}, "type"),
        ({**BANK, "swift": "BNPAFRPP"}, "swift_country"),
        ({**BANK, "swift": "COBADEF"}, "swift_format"),
        ({**HOME, "routing_number": "111000026"}, "routing_number_checksum"),
        ({**HOME, "routing_number": "11100002"}, "routing_number_format"),
        ({**HOME, "account_number": "12"}, "account_number_format"),
        ({"type": "bank", "holder": "Ada Zq7canary"}, "account_required"),
        ({"type": "bank", "iban": IBAN}, "required"),
        ({**BANK, "holder": " "}, "length"),
        ({**BANK, "handle": "ada"}, "field_unknown"),
        ({**WALLET, "handle": "ada zq7"}, "handle_format"),
        ({**WALLET, "provider": "<b>"}, "provider_format"),
        ({**WALLET, "iban": IBAN}, "field_unknown"),
        ({"type": "digital", "provider": "PayPal"}, "required"),
        ({**WALLET, "type": "cheque"}, "enum"),
        ({**WALLET, "default": "yes"}, "type"),
        ({**WALLET, "balance": "1"}, "field_unknown"),
        ({**WALLET, "handle": None}, "type"),
    ],
)
@pytest.mark.row("84", "86", "87", "88", "89", "91")
def test_what_is_no_account_is_refused_by_its_field_and_changes_nothing(
    traceless: Shop, body: dict[str, Any], code: str
) -> None:
    answer = add(traceless.store, "7001", body)
    assert problem(answer, 422)["code"] == code
    sent = [str(value) for name, value in body.items() if name != "type" and value and len(str(value)) > 4]
    assert not [text for text in sent if text.encode() in answer.body]


def test_nobody_who_is_not_there_is_paid(shop: Shop, customer: str) -> None:
    assert problem(add(shop.store, "no-such-customer"), 404)
    assert problem(shop.store.api("GET", path("no-such-customer")), 404)
    shop.store.api("DELETE", f"/v1/customers/{customer}").expect(204)
    assert problem(add(shop.store, customer), 404)


def test_accounts_of_one_store_are_nobodys_in_another(shop: Shop, customer: str, new_shop: Callable[..., Shop]) -> None:
    mine, foreign = added(shop, customer), new_shop()
    foreign.store.api("POST", "/v1/customers", {"customer_id": customer}).expect(201)
    for method in ("GET", "DELETE"):
        assert problem(foreign.store.api(method, path(customer, mine["payment_account_id"])), 404)
    assert listed(foreign, customer) == []
    assert added(foreign, customer)["shared_with"] == []
    assert opened(shop, customer, mine["payment_account_id"])["iban"] == IBAN


def test_a_merge_seals_the_accounts_anew_for_the_kept_customer(shop: Shop, customer: str) -> None:
    kept = told(shop)
    own = added(shop, kept, WALLET)
    doubled, moved = added(shop, customer, WALLET), added(shop, customer, HOME, default=True)
    assert shop.outcome("customers/merge", merged(int(kept), int(customer))) == "customers_merged"
    now = {one["payment_account_id"]: one for one in listed(shop, kept)}
    assert set(now) == {own["payment_account_id"], moved["payment_account_id"]}
    assert [one["default"] for one in now.values()] == [False, True]
    assert all(one["shared_with"] == [] for one in now.values())
    assert problem(shop.store.api("GET", path(kept, doubled["payment_account_id"])), 404)
    clear = opened(shop, kept, moved["payment_account_id"])
    assert (clear["customer_id"], clear["account_number"], clear["holder"]) == (kept, "000123456789", HOME["holder"])
    assert listed(shop, customer) == list(now.values())
    assert shop.outcome("customers/merge", merged(int(kept), int(customer))) == "event_unchanged"
    assert len(listed(shop, kept)) == 2


@pytest.mark.parametrize("by", ["shop", "admin"])
def test_an_erasure_leaves_no_account_of_anyone_who_was_merged(shop: Shop, customer: str, by: str) -> None:
    kept = told(shop)
    added(shop, customer, HOME)
    gone = added(shop, kept, WALLET)
    shop.store.api("DELETE", path(kept, gone["payment_account_id"])).expect(204)
    added(shop, kept)
    shop.tell("customers/merge", merged(int(kept), int(customer)))
    exported = shop.store.api("GET", f"/v1/customers/{kept}/export").expect(200)
    assert len(exported["payment_accounts"]) == 2
    assert not [text for text in IN_CLEAR if text in str(exported)]
    if by == "shop":
        assert shop.outcome("customers/redact", asking(int(kept), orders_to_redact=[])) == "customer_erased"
    else:
        shop.store.api("DELETE", f"/v1/customers/{kept}").expect(204)
    assert listed(shop, kept) == listed(shop, customer) == []
    left = shop.stack.snapshot(shop.store)
    assert [key for key in left if "#ACC#" in key] == []
    assert [key for key, item in left.items() if "PAYACC#" in key and "document" in item] == []


@pytest.mark.row("91", "S19", "S20", "S21")
def test_no_number_is_ever_logged_or_stored_in_clear(shop: Shop, customer: str) -> None:
    other = told(shop)
    for body in (BANK, HOME, WALLET):
        opened(shop, customer, added(shop, customer, body)["payment_account_id"])
        add(shop.store, customer, body)
    add(shop.store, customer, {**BANK, "swift": "BNPAFRPP"})
    shop.tell("customers/merge", merged(int(other), int(customer)))
    assert listed(shop, other)
    left = repr(shop.stack.snapshot(shop.store))
    assert [text for text in IN_CLEAR if text in left] == []
    for function in ("customers_api", "event_worker", "projector", "authorizer"):
        assert not [text for text in IN_CLEAR if shop.stack.lines(function, text)]
    assert shop.stack.lines("customers_api", shop.store.store_id)
