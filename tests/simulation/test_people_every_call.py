"""Customers are merged and erased, killed or cut off at each call in turn: told again, it ends alike (F1, F14)."""

from collections.abc import Callable

import pytest

from cashback.domain.payment_accounts import bank_account, digital_account
from tests.simulation.faults import Fault
from tests.unit.builders import CUSTOMER, Shop, at, line, paid
from tests.unit.people import (
    ADA,
    OTHER,
    erase,
    everything,
    merge,
    note,
    owners,
    paid_to,
    pay,
    profile,
    tell,
    until_it_is_done,
)
from tests.unit.test_erase_customer import PRIVATE, review

MOST_CALLS = 90
OWN, BOTH = digital_account("PayPal", "ada@example.com"), bank_account("Ada Brandt", iban="DE89370400440532013000")


def shop_of_two() -> Shop:
    """Two customers of whom much is held, each with an order that a person looked at."""
    shop = Shop(auto_processing=False)
    for customer_id in (CUSTOMER, OTHER):
        tell(shop, customer_id, **ADA, phone_verified=True, birthday="1990-05-17", tags=("vip",))
        shop.hear(paid(line("l", 10_000), order_id=f"o{customer_id}", customer_id=customer_id))
        review(shop, f"o{customer_id}", "yes")
        note(shop, customer_id, "adm:1", "Ada Brandt called: a secret word")
        pay(shop, BOTH, customer_id, second=10)
    pay(shop, OWN, OTHER, second=20)
    return shop


def interrupted(act: Callable[[Shop], object], fault: tuple[int, Fault] | None = None) -> Shop:
    """The shop after ``act``, which a fault struck at this call of it and which was told again."""
    shop = shop_of_two()
    shop.dynamo.faults.calls = 0
    if fault is not None:
        shop.dynamo.faults.script = dict([fault])
    until_it_is_done(act, shop)
    return shop


def calls_of(act: Callable[[Shop], object]) -> int:
    return interrupted(act).dynamo.faults.calls


def merged_and_erased(shop: Shop) -> None:
    merge(shop)
    erase(shop, OTHER)


@pytest.mark.parametrize("act", [merge, erase, merged_and_erased])
def test_the_stories_have_enough_calls_to_be_worth_interrupting(act: Callable[[Shop], object]) -> None:
    assert 6 <= calls_of(act) < MOST_CALLS


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.row("F14", "F47")
def test_a_merge_interrupted_at_any_call_and_told_again_ends_alike(fault: Fault) -> None:
    expected = everything(interrupted(merge))
    for n in range(1, calls_of(merge) + 1):
        shop = interrupted(merge, (n, fault))
        assert (shop.accounts[CUSTOMER].available, shop.accounts[OTHER].available) == (1_000, 0), f"call {n}"
        assert owners(shop, "ada@example.com") == owners(shop, None, "+4915550104477") == {CUSTOMER}, f"call {n}"
        assert paid_to(shop, OTHER) == {}, f"call {n}"
        assert paid_to(shop) == {"pac_7001_10": BOTH.fields, "pac_7002_20": OWN.fields}, f"call {n}"
        assert everything(shop) == expected, f"call {n}"
        assert sum(shop.dynamo.faults.fired.values()) == 1, f"call {n}: the fault never struck"


@pytest.mark.parametrize("act", [erase, merged_and_erased])
@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.row("S22")
def test_an_erasure_interrupted_at_any_call_and_told_again_ends_alike(
    fault: Fault, act: Callable[[Shop], object]
) -> None:
    expected = everything(interrupted(act))
    for n in range(1, calls_of(act) + 1):
        shop = interrupted(act, (n, fault))
        assert (profile(shop).erased_at, shop.account.erased_at) == (at(3_000), at(3_000)), f"call {n}"
        assert everything(shop) == expected, f"call {n}"
        assert paid_to(shop) == {}, f"call {n}"
        left = everything(shop) if act is merged_and_erased else ""
        assert [word for word in PRIVATE if word in left] == [], f"call {n}"
        assert sum(shop.dynamo.faults.fired.values()) == 1, f"call {n}: the fault never struck"


@pytest.mark.parametrize("fault", list(Fault))
def test_news_of_a_contact_interrupted_at_any_call_and_told_again_end_alike(fault: Fault) -> None:
    def moved(shop: Shop) -> None:
        tell(shop, second=5, email="new@example.com", email_verified=True)

    for n in range(1, calls_of(moved) + 1):
        shop = interrupted(moved, (n, fault))
        assert owners(shop, "new@example.com") == {CUSTOMER}, f"call {n}"
        assert owners(shop, "ada@example.com") == {OTHER}, f"call {n}"
