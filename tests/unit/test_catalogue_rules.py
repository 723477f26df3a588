"""Case 12: rules by category or tag where a payload has none: the catalogue says, and orders wait for what it lacks."""

from typing import Any

import pytest

from cashback.domain.facts import Line
from cashback.domain.orders import Status
from cashback.domain.products import Product
from tests.unit.builders import ORDER, Shop, at, line, news, paid, refund, units

PRODUCT = Product("p1", "2026-01-01T00:00:00.000000Z", categories=("Tea",))
TEA = {"product_rates": [{"category": "Tea", "rate": "0.2"}]}


def sold(product_id: str | None = "p1", **more: Any) -> Line:
    return line(gross=10_000, product_id=product_id, **more)


def shop(**changes: Any) -> Shop:
    return Shop(**{"base_rate": "0.1", **TEA, **changes})


def waiting(store: Shop, product_id: str = "p1") -> list[str]:
    return store.books.waiting.for_product("demo", product_id)


def test_case_12_a_category_of_the_catalogue_decides_the_rate() -> None:
    store = shop()
    store.stock("p1", "Drinks", "Tea")
    store.hear(paid(sold()))
    assert (store.order.status, store.order.award) == (Status.PROCESSED, 2_000)


def test_case_12_an_unknown_product_under_such_a_rule_is_held_and_decided_when_it_appears() -> None:
    store = shop()
    store.hear(paid(sold()))
    assert (store.order.status, store.order.reason) == (Status.HELD, "product_unknown")
    assert waiting(store) == [ORDER]
    store.stock("p1", "Tea")
    store.settle()
    assert (store.order.status, store.order.award) == (Status.PROCESSED, 2_000)
    assert waiting(store) == []
    assert store.settle() is None


def test_a_product_that_appears_between_the_decision_and_its_commit_is_seen() -> None:
    store = shop()
    with store.before_writes(lambda: store.books.products.record("demo", PRODUCT)):
        store.hear(paid(sold()))
    assert (store.order.status, store.order.award) == (Status.PROCESSED, 2_000)


def test_an_order_beyond_a_limit_is_calculated_with_its_product_before_a_person_looks_at_it() -> None:
    store = shop(hold_over_total="50")
    store.hear(paid(sold()))
    assert (store.order.reason, store.order.calculated) == ("product_unknown", 1_000)
    store.stock("p1", "Tea")
    store.settle()
    assert (store.order.status, store.order.reason, store.order.calculated) == (Status.HELD, "total_over_limit", 2_000)
    store.approve()
    assert store.account.available == 2_000


def test_case_12_an_order_waits_for_each_of_its_unknown_products_in_turn() -> None:
    store = shop()
    store.hear(paid(line("1", 1_000, product_id="p1"), line("2", 1_000, product_id="p2")))
    store.stock("p1", "Tea")
    store.settle()
    assert (store.order.status, waiting(store, "p1"), waiting(store, "p2")) == (Status.HELD, [], [ORDER])
    store.stock("p2")
    store.settle()
    assert store.order.award == 300


def test_hundreds_of_unknown_products_are_waited_for_in_transactions_that_fit() -> None:
    store = shop()
    store.hear(paid(*(line(str(n), 100, product_id=f"p{n:03}") for n in range(150))))
    assert len([n for n in range(150) if waiting(store, f"p{n:03}")]) == 20
    for n in range(150):
        store.stock(f"p{n:03}", "Tea")
        if waiting(store, f"p{n:03}"):
            store.settle()
    assert (store.order.status, store.order.award) == (Status.PROCESSED, 3_000)


@pytest.mark.parametrize(
    ("given", "award"),
    [
        (sold(category="Tea"), 2_000),
        (sold(category="Coffee"), 1_000),
        (sold(tags=("new",)), 1_000),
        (sold(None), 1_000),
        (sold(gift_card=True), None),
    ],
)
def test_a_line_that_says_it_itself_or_has_no_product_asks_nobody(given: Line, award: int | None) -> None:
    store = shop()
    store.hear(paid(given))
    assert store.order.award == award


def test_a_rule_that_matches_before_needs_no_product() -> None:
    store = shop(product_rates=[{"sku": "A", "rate": "0.3"}, {"category": "Tea", "rate": "0.2"}])
    store.hear(paid(sold(sku="A")))
    assert store.order.award == 3_000


@pytest.mark.parametrize("excluded", [{"categories": ["Tea"]}, {"tags": ["sale"]}])
def test_an_excluded_category_or_tag_of_the_catalogue_earns_nothing(excluded: dict[str, list[str]]) -> None:
    store = Shop(base_rate="0.1", exclusions=excluded)
    store.stock("p1", "Tea", tags=("sale",))
    store.hear(paid(sold()))
    assert (store.order.status, store.order.reason) == (Status.NOT_ELIGIBLE, "excluded")


def test_a_tag_of_the_catalogue_decides_the_rate() -> None:
    store = Shop(base_rate="0.1", product_rates=[{"tag": "sale", "rate": "0.01"}])
    store.stock("p1", tags=("sale",))
    store.hear(paid(sold()))
    assert store.order.award == 100


def test_a_later_change_of_the_product_never_touches_what_was_decided() -> None:
    store = shop(auto_processing=False)
    store.stock("p1", "Tea")
    store.hear(paid(sold()))
    store.stock("p1", "Coffee", second=1)
    store.hear(news(None, refund("r1", units("1", 1, 5_000)), completed=True))
    assert store.order.basis == 2_000


def test_a_held_order_that_is_refunded_meanwhile_is_rejected() -> None:
    store = shop()
    store.hear(paid(sold()))
    store.hear(news(None, refund("r1", units("1"))))
    assert (store.order.status, store.order.reason, waiting(store)) == (Status.REJECTED, "fully_refunded", [])


def test_a_person_may_approve_without_waiting_and_the_product_then_changes_nothing() -> None:
    store = shop()
    store.hear(paid(sold()))
    store.approve()
    assert (store.order.award, waiting(store)) == (1_000, [])
    store.stock("p1", "Tea")
    assert store.settle() is None


def test_in_manual_mode_the_order_becomes_pending_once_the_product_is_known() -> None:
    store = shop(auto_processing=False)
    store.hear(paid(sold()))
    assert store.order.status is Status.HELD
    store.stock("p1", "Tea")
    store.settle()
    assert (store.order.status, store.order.calculated) == (Status.PENDING, 2_000)


def test_a_pending_order_to_which_an_unknown_product_is_added_is_held_until_it_is_known() -> None:
    store = shop(auto_processing=False)
    store.stock("p1", "Tea")
    store.hear(paid(sold()))
    assert store.order.status is Status.PENDING
    store.hear(paid(sold(), line("2", 5_000, product_id="p2"), second=1))
    assert (store.order.status, store.order.reason, waiting(store, "p2")) == (Status.HELD, "product_unknown", [ORDER])
    store.stock("p2", "Tea")
    store.settle()
    assert (store.order.status, store.order.calculated) == (Status.PENDING, 3_000)


def test_a_product_unknown_to_an_order_that_a_person_released_holds_it_until_the_person_may_decide_again() -> None:
    store = shop(auto_processing=False)
    store.stock("p1", "Tea")
    store.hear(paid(sold()))
    for second, verdict in enumerate(("held", "released")):
        store.act(verdict, f"request-{verdict}", at(second))
    store.hear(paid(sold(), line("2", 5_000, product_id="p2"), second=1))
    assert (store.order.status, store.order.reason) == (Status.HELD, "product_unknown")
    store.stock("p2", "Tea")
    store.settle()
    assert (store.order.status, store.order.calculated) == (Status.PENDING, 3_000)
