"""Orders whose events come in any order, some again, end on the deployed stack as the property tests say they do."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dev.client import wait_until
from tests.e2e.shop import Sale, Shop, fresh_id, minute

LIVES = range(4)
type Delivery = tuple[str, dict[str, Any]]


def life(number: int) -> tuple[Sale, int, list[Delivery]]:
    """Everything that happens to a guest's order of an unknown product at 20 % and a line at 5 %, in a random order and
    partly twice; of every other life a cancellation too. The customer, whose e-mail is verified, is the second."""
    chance, customer_id, product_id = random.Random(number), fresh_id(), fresh_id()
    sale, email = Sale(((2, "100.00"), (1, "60.00")), customer_id=None), f"{customer_id}@example.com"

    def body(at: int, status: str, **fields: Any) -> dict[str, Any]:
        told = sale.body(at, status, email=email, **fields)
        told["line_items"][0]["product_id"] = product_id
        return told

    deliveries = [("orders/create", body(0, "pending")), ("orders/paid", body(1, "paid"))]
    deliveries += [("refunds/create", sale.refund(1)), ("refunds/create", sale.refund(1, line=1))]
    deliveries.append(("orders/updated", body(31, "partially_refunded")))
    if number % 2:
        cancelled = {**sale.cancelled(at=40), "email": email}
        deliveries.append(("orders/cancelled", cancelled))
    person = {"id": customer_id, "email": email, "verified_email": True, "updated_at": minute(1)}
    product = {"id": product_id, "title": "Tea", "product_type": "Tea", "tags": "", "updated_at": minute(1)}
    deliveries += [("customers/create", person), ("products/create", product)]
    deliveries += chance.choices(deliveries, k=3)
    chance.shuffle(deliveries)
    return sale, customer_id, deliveries


def assert_ended(shop: Shop, number: int, sale: Sale, customer_id: int) -> None:
    order, cancelled = shop.order(sale), number % 2
    assert len(order["refunds"]) == 2
    net = "0.00" if cancelled else "20.00"
    assert shop.available(customer_id) == net, order["history"]
    account = shop.stack.ledger.account(shop.store.store_id, str(customer_id))
    assert account.total_spent == (0 if cancelled else 10_000)
    gone, kept = {"not_eligible", "rejected", "reversed"}, {"processed", "partially_reversed"}
    assert order["status"] in (gone if cancelled else kept), "the badge may tell what came before the award"


@pytest.fixture
def tea_shop(new_shop: Callable[..., Shop]) -> Shop:
    return new_shop(product_rates=[{"category": "Tea", "rate": "0.2"}])


@pytest.mark.row("F18", "P7")
def test_one_after_the_other_in_any_order_and_number(tea_shop: Shop) -> None:
    for number in LIVES:
        sale, customer_id, deliveries = life(number)
        for topic, payload in deliveries:
            tea_shop.tell(topic, payload)
        assert_ended(tea_shop, number, sale, customer_id)


@pytest.mark.row("F18")
def test_all_at_once(tea_shop: Shop) -> None:
    lives = [life(number) for number in LIVES]
    deliveries = [delivery for _, _, told in lives for delivery in told]
    random.Random(0).shuffle(deliveries)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda told: tea_shop.send(*told), deliveries))
    # What loses one race after another rests half a minute before it is tried again.
    wait_until(lambda: tea_shop.stack.queued(tea_shop.stack.store_events_queue_url) == 0, seconds=120)
    for number, (sale, customer_id, _) in enumerate(lives):
        assert_ended(tea_shop, number, sale, customer_id)


def test_in_manual_mode_with_an_approval_as_soon_as_one_is_possible(new_shop: Callable[..., Shop]) -> None:
    """A person waits for the product. What is cancelled or gone before is rejected for good, and earns nothing too."""
    shop = new_shop(product_rates=[{"category": "Tea", "rate": "0.2"}], auto_processing=False)
    for number in LIVES:
        sale, customer_id, deliveries = life(number)
        for topic, payload in deliveries:
            shop.tell(topic, payload)
            (order,) = shop.store.api("GET", "/v1/orders?status=pending").expect(200)["items"] or [None]
            if order is not None:
                shop.approve(sale, order["calculated"]["amount"]).expect(200)
        assert_ended(shop, number, sale, customer_id)
