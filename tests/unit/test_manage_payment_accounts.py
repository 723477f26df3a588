"""Where customers are paid: added once, opened for who may see it, and moved with the customer."""

from copy import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cashback.domain.audit import ActsWanted
from cashback.domain.errors import (
    Busy,
    CustomerNotFound,
    IdempotencyMismatch,
    NotFound,
    PaymentAccountExists,
    TooManyPaymentAccounts,
)
from cashback.domain.payment_accounts import MOST_ACCOUNTS, AccountDetails, bank_account, digital_account, snapshot_of
from cashback.domain.times import OLDEST
from cashback.edge.payment_account_views import payment_account
from cashback.services import manage_payment_accounts
from cashback.services.seal_accounts import open_fields
from tests.unit.builders import CUSTOMER, ORIGIN, STORE, Shop
from tests.unit.deployment import Deployment
from tests.unit.people import LATER, OTHER, erase, merge, paid_to, pay, tell

BANK = bank_account("Ada", iban="DE89370400440532013000")
HOME = bank_account("Ada", account_number="000123456789", routing_number="111000025")
WALLET = digital_account("PayPal", "ada@example.com")


@pytest.fixture
def shop() -> Shop:
    made = Shop()
    for customer_id in (CUSTOMER, OTHER):
        tell(made, customer_id, name="Ada")
    return made


def wallets(count: int) -> list[AccountDetails]:
    return [digital_account("PayPal", f"ada-{n}") for n in range(count)]


def delete(shop: Shop, account_id: str, customer_id: str = CUSTOMER) -> None:
    origin = replace(ORIGIN, request_id=f"delete {account_id}")
    manage_payment_accounts.delete_account(shop.books, STORE, customer_id, account_id, origin, LATER)


def acts(shop: Shop) -> list[str]:
    found, _ = shop.books.audit.page(STORE, ActsWanted(), OLDEST, LATER, 100, None)
    return [act.what for act in reversed(found) if act.what.startswith("payment")]


def test_the_first_account_is_the_default_until_another_is_wanted_and_gives_it_back_once_that_is_gone(
    shop: Shop,
) -> None:
    assert pay(shop, BANK, second=1).is_default
    assert not pay(shop, HOME, second=2).is_default
    assert pay(shop, WALLET, second=3, is_default=True).is_default
    assert list(paid_to(shop)) == ["pac_7001_3", "pac_7001_1", "pac_7001_2"]
    delete(shop, "pac_7001_3")
    assert next(iter(paid_to(shop))) == "pac_7001_1"
    delete(shop, "pac_7001_1")
    assert next(iter(paid_to(shop))) == "pac_7001_2"
    delete(shop, "pac_7001_2")
    assert shop.books.payment_accounts.default(STORE, CUSTOMER) is None
    assert acts(shop) == ["payment_account_added"] * 3 + ["payment_account_deleted"] * 3


def test_one_customer_has_at_most_so_many_accounts(shop: Shop) -> None:
    for n, details in enumerate(wallets(MOST_ACCOUNTS)):
        pay(shop, details, second=n)
    with pytest.raises(TooManyPaymentAccounts):
        pay(shop, WALLET, second=99)
    delete(shop, "pac_7001_0")
    assert pay(shop, WALLET, second=99)


def test_a_request_that_comes_again_adds_nothing_and_another_body_is_refused(shop: Shop) -> None:
    first = pay(shop, WALLET, second=1)
    assert pay(shop, WALLET, second=1) == first
    with pytest.raises(IdempotencyMismatch):
        pay(shop, WALLET, second=1, body_hash="another")
    with pytest.raises(PaymentAccountExists):
        pay(shop, digital_account("PAYPAL", "ADA@example.com"), second=2)
    delete(shop, "pac_7001_1")
    assert pay(shop, WALLET, second=1).account.sealed == {}
    assert paid_to(shop) == {}


@pytest.mark.row("S19")
def test_the_hash_of_what_was_asked_for_is_kept_keyed(shop: Shop) -> None:
    account = pay(shop, WALLET, body_hash="the body's hash").account
    assert "the body's hash" not in account.asked_hash
    assert (account.asked_hash,) == tuple(shop.books.contacts.macs(STORE, ["account-body#the body's hash"]))


def test_what_another_call_added_meanwhile_is_seen(shop: Shop) -> None:
    with shop.before_writes(lambda: pay(shop, WALLET, second=2)), pytest.raises(PaymentAccountExists):
        pay(shop, WALLET, second=1)
    assert list(paid_to(shop)) == ["pac_7001_2"]


def test_no_account_is_added_to_a_customer_who_was_erased_meanwhile(shop: Shop) -> None:
    with shop.before_writes(lambda: erase(shop)), pytest.raises(CustomerNotFound):
        pay(shop, WALLET)
    assert paid_to(shop) == {}


def test_an_account_goes_to_whom_its_customer_was_merged_into_meanwhile(shop: Shop) -> None:
    with shop.before_writes(lambda: merge(shop)):
        assert pay(shop, WALLET, OTHER).account.customer_id == CUSTOMER
    assert (paid_to(shop, OTHER), paid_to(shop)) == ({}, {"pac_7002_0": WALLET.fields})


def test_an_account_that_was_moved_meanwhile_is_deleted_where_it_is_now(shop: Shop) -> None:
    pay(shop, WALLET, OTHER)
    with shop.before_writes(lambda: merge(shop)):
        delete(shop, "pac_7002_0", OTHER)
    assert paid_to(shop) == paid_to(shop, OTHER) == {}


def test_the_default_of_the_kept_customer_stays_and_that_of_the_merged_one_serves_where_there_is_none(
    shop: Shop,
) -> None:
    pay(shop, BANK, second=1)
    pay(shop, HOME, OTHER, second=2)
    pay(shop, WALLET, OTHER, second=3, is_default=True)
    merge(shop)
    assert next(iter(paid_to(shop))) == "pac_7001_1"
    tell(shop, "7003")
    merge(shop, "7003", CUSTOMER)
    assert list(paid_to(shop, "7003")) == ["pac_7001_1", "pac_7002_2", "pac_7002_3"]
    delete(shop, "pac_7001_1", OTHER)
    assert next(iter(paid_to(shop, "7003"))) == "pac_7002_2"


def test_a_default_that_came_by_a_merge_stays_until_another_is_wanted(shop: Shop) -> None:
    pay(shop, wallets(1)[0], OTHER, second=0)
    pay(shop, WALLET, OTHER, second=1, is_default=True)
    merge(shop)
    assert next(iter(paid_to(shop))) == "pac_7002_1"
    assert not pay(shop, HOME, second=2).is_default
    assert pay(shop, BANK, second=3, is_default=True).is_default


def test_an_account_of_both_is_kept_once_and_shared_with_nobody(shop: Shop) -> None:
    pay(shop, WALLET, second=1)
    assert pay(shop, WALLET, OTHER, second=2).shared_with == (CUSTOMER,)
    merge(shop)
    (shown,), _ = manage_payment_accounts.list_accounts(shop.books, STORE, CUSTOMER, 20, None)
    assert (shown.account.payment_account_id, shown.shared_with) == ("pac_7001_1", ())
    assert shop.books.payment_accounts.owners(STORE, shown.account.mac) == {CUSTOMER}


def test_what_is_held_of_one_person_names_no_other_with_the_same_account(shop: Shop) -> None:
    pay(shop, WALLET, second=1)
    pay(shop, WALLET, OTHER, second=2)
    (shown,) = manage_payment_accounts.shown_accounts(shop.books, STORE, CUSTOMER)
    assert OTHER not in payment_account(shown).model_dump_json()


def test_who_is_merged_into_an_erased_customer_loses_their_accounts(shop: Shop) -> None:
    pay(shop, WALLET, OTHER)
    erase(shop)
    merge(shop)
    assert paid_to(shop) == paid_to(shop, OTHER) == {}
    assert "#ACC#" not in repr(shop.dynamo.items("State"))


def test_a_merge_without_accounts_asks_neither_kms_nor_for_its_client(shop: Shop) -> None:
    merge(shop)
    assert shop.kms.calls == 0


def test_a_copy_opens_for_whom_it_was_made_also_after_a_merge(shop: Shop) -> None:
    copied = snapshot_of(pay(shop, HOME, OTHER).account)
    merge(shop)
    assert open_fields(shop.books, STORE, copied) == HOME.fields
    moved = shop.books.payment_accounts.get(STORE, CUSTOMER, "pac_7002_0")
    assert moved is not None
    assert (moved.moved_from, copied.customer_id) == (OTHER, OTHER)
    assert set(moved.sealed.values()).isdisjoint(copied.sealed.values())


@pytest.mark.row("S17")
def test_a_field_that_is_moved_opens_nowhere(shop: Shop) -> None:
    copied = snapshot_of(pay(shop, HOME).account)
    swapped = dict(zip(copied.sealed, reversed(list(copied.sealed.values())), strict=True))
    for moved in (replace(copied, customer_id=OTHER), replace(copied, sealed=swapped)):
        with pytest.raises(ClientError, match="InvalidCiphertextException"):
            open_fields(shop.books, STORE, moved)


def test_a_customer_who_came_back_may_send_an_old_request_again(shop: Shop) -> None:
    pay(shop, WALLET)
    erase(shop, second=3_000)
    tell(shop, second=4_000, name="Ada")
    pay(shop, WALLET)
    assert paid_to(shop) == {"pac_7001_0": WALLET.fields}


def test_nobody_deletes_what_is_not_there(shop: Shop) -> None:
    pay(shop, WALLET)
    for customer_id, account_id in ((OTHER, "pac_7001_0"), (CUSTOMER, "pac_none"), ("nobody", "pac_7001_0")):
        with pytest.raises(NotFound):
            delete(shop, account_id, customer_id)


def test_nothing_is_shown_in_clear_where_the_audit_cannot_be_written(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = deployment.create_store()
    deployment.call("POST", "/v1/customers", {"customer_id": "ada"}, key=admin).expect(201)
    place = "/v1/customers/ada/payment-accounts"
    body = {"type": "digital", "provider": "PayPal", "handle": "canary-4711"}
    made = deployment.call("POST", place, body, key=admin).expect(201)

    def fail(*_: Any) -> None:
        raise Busy

    asked = f"{place}/{made['payment_account_id']}"
    operator = deployment.make_key(admin, "operator")
    assert deployment.call("GET", f"{asked}?unmasked=true", key=operator).code == "forbidden"
    monkeypatch.setattr("cashback.adapters.dynamo.stores.Stores.act", fail)
    refused = deployment.call("GET", f"{asked}?unmasked=true", key=admin)
    assert (refused.status, "canary" in refused.text) == (503, False)
    assert deployment.call("GET", asked, key=admin).expect(200) == made


@pytest.mark.row("S19", "S21")
def test_no_line_of_the_log_and_no_item_holds_a_number_in_clear(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    admin = deployment.create_store()
    deployment.call("POST", "/v1/customers", {"customer_id": "ada"}, key=admin).expect(201)
    place = "/v1/customers/ada/payment-accounts"
    body = {"type": "bank", "holder": "Canary", "iban": "DE89370400440532013000", "swift": "COBADEFF"}
    for sent in (body, body, {**body, "swift": "BNPAFRPP"}, {**body, "iban": "DE88370400440532013000"}):
        deployment.call("POST", place, sent, key=admin)
    (account,) = deployment.call("GET", place, key=admin).expect(200)["items"]
    deployment.call("GET", f"{place}/{account['payment_account_id']}?unmasked=true", key=admin).expect(200)
    deployment.call("DELETE", f"{place}/{account['payment_account_id']}", key=admin).expect(204)
    said = capsys.readouterr().out + repr(deployment.everything())
    assert "api_call" in said
    assert not [text for text in ("Canary", "8937040044", "8837040044", "COBADEFF", "BNPAFRPP") if text in said]
