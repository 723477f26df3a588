"""Stories of an order, each killed or cut off at each of its calls in turn: told again, they end alike (F1, F14)."""

from collections.abc import Callable

import pytest

from cashback.domain.orders import News, Order, Status
from cashback.domain.products import Product
from cashback.services.manage_products import record_product
from cashback.services.record_order import record_order, settle_claims
from tests.simulation.faults import Fault
from tests.unit.builders import CUSTOMER, NOW, ORDER, Shop, line, news, paid, refund, units
from tests.unit.people import ADA, OTHER, merge, tell, until_it_is_done
from tests.unit.test_additions import shown
from tests.unit.test_guests import guest

type Step = Callable[[Shop], object]

MOST_CALLS = 60


def heard(told: News) -> Step:
    def step(shop: Shop) -> Order | None:
        return record_order(shop.books, shop.settings, told, NOW)

    return step


def verified(shop: Shop) -> None:
    """What the worker does with news of a customer: the news first, then the look."""
    settle_claims(shop.books, shop.settings, tell(shop, CUSTOMER, **ADA).contacts, NOW)


def given_up(shop: Shop) -> None:
    """The other customer with the contact of an order has it no longer."""
    settle_claims(shop.books, shop.settings, tell(shop, OTHER, second=1).contacts, NOW)


def held_by_both(shop: Shop) -> None:
    for customer_id in (CUSTOMER, OTHER):
        settle_claims(shop.books, shop.settings, tell(shop, customer_id, **ADA).contacts, NOW)


def merged(shop: Shop) -> None:
    settle_claims(shop.books, shop.settings, merge(shop).recorded.contacts, NOW)


def stocked(shop: Shop) -> None:
    record_product(shop.books, shop.settings, Product("p1", NOW, categories=("Food",)), NOW)


LINE, MORE = line("l", 10_000, quantity=2), line("m", 5_000)
HALF = heard(news(None, refund("r1", units("l", 1, 2_000))))
REST = heard(news(None, refund("r2", units("l", 1, 3_000))))
CANCELLED = heard(news(cancelled=True))
BY_ADA = heard(guest(LINE, contacts=("email:ada@example.com",)))

STORIES: dict[str, tuple[tuple[Step, ...], tuple[Status, str, int | None, int, int]]] = {
    # Both units of the one line come back, for less than they cost: with no unit left the whole award goes.
    "refunded": ((heard(paid(LINE)), HALF, REST), (Status.REVERSED, CUSTOMER, 1_000, 1_000, 0)),
    "claimed late": ((BY_ADA, HALF, verified), (Status.PARTIALLY_REVERSED, CUSTOMER, 1_000, 200, 0)),
    "ambiguous": ((held_by_both, BY_ADA, given_up), (Status.PROCESSED, CUSTOMER, 1_000, 0, 0)),
    "product appears": (
        (heard(paid(line("l", 10_000, product_id="p1"))), stocked),
        (Status.PROCESSED, CUSTOMER, 2_000, 0, 0),
    ),
    "added and refunded": (
        (heard(shown(LINE, second=0)), heard(shown(LINE, MORE, second=1)), HALF),
        (Status.PARTIALLY_REVERSED, CUSTOMER, 1_500, 200, 0),
    ),
    "redeemed and given back": (
        (heard(paid(MORE, order_id="earlier")), heard(paid(LINE, paid_with_cashback=300)), HALF),
        (Status.PARTIALLY_REVERSED, CUSTOMER, 970, 194, 240),
    ),
    "redeemed and cancelled": (
        (heard(paid(LINE, paid_with_cashback=2_000)), HALF, CANCELLED),
        (Status.REVERSED, CUSTOMER, 800, 800, 0),
    ),
    "merged": (
        (heard(paid(LINE, customer_id=OTHER)), merged, HALF, CANCELLED),
        (Status.REVERSED, OTHER, 1_000, 1_000, 0),
    ),
}
"""What happens, and how the order ends: state, customer, award, what was called back, what stays redeemed."""


def told(steps: tuple[Step, ...], fault: tuple[int, Fault] | None = None) -> Shop:
    """A shop that heard it all; ``fault`` strikes at that call of the telling."""
    shop = Shop(base_rate="0.1", product_rates=[{"category": "Food", "rate": "0.2"}])
    if fault is not None:
        shop.dynamo.faults.script = dict([fault])
    for step in steps:
        until_it_is_done(step, shop)
    return shop


def what_stands(shop: Shop) -> list[object]:
    """Balances, entries and orders, and which keys there are: all that an interruption must not change."""
    orders = [(one.status, one.award, one.target, one.owed, one.redeemed, one.spent) for one in shop.orders.values()]
    keys = sorted((item["pk"]["S"], item["sk"]["S"]) for item in shop.dynamo.items("State"))
    moved = {one: {cause: entry.amount for cause, entry in some.items()} for one, some in shop.entries.items()}
    return [shop.accounts, moved, orders, keys]


@pytest.mark.parametrize("name", STORIES)
def test_the_stories_have_enough_calls_to_be_worth_interrupting(name: str) -> None:
    steps, expected = STORIES[name]
    shop = told(steps)
    assert 6 <= shop.dynamo.faults.calls < MOST_CALLS
    order = shop.orders[ORDER]
    assert (order.status, order.customer_id, order.award, order.target, order.redeemed) == expected


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize("name", STORIES)
@pytest.mark.row("F1", "F3", "F4", "F5", "F10", "F11", "F14")
def test_a_story_interrupted_at_any_call_and_told_again_ends_alike(name: str, fault: Fault) -> None:
    steps, _ = STORIES[name]
    whole = told(steps)
    expected = what_stands(whole)
    for n in range(1, whole.dynamo.faults.calls + 1):
        shop = told(steps, (n, fault))
        assert what_stands(shop) == expected, f"call {n}"
        assert sum(shop.dynamo.faults.fired.values()) == 1, f"call {n}: the fault never struck"
