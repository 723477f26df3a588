"""One story, killed or cut off at each of its calls in turn: told again, it ends alike (F1, F14)."""

import pytest

from cashback.domain.errors import Busy
from cashback.domain.orders import Status
from tests.simulation.faults import Crash, Fault
from tests.unit.test_record_order import Shop, paid, refund

STORY = (paid(), refund("r1", 2_000), refund("r2", 3_000))
"""Both units of the one line come back, for less than they cost: with no unit left the whole award goes."""
MOST_CALLS = 40


def tell(shop: Shop) -> None:
    for news in STORY:
        for _ in range(5):
            try:
                shop.record(news)
                break
            except (Busy, Crash):
                continue


def calls_of_the_story() -> int:
    shop = Shop()
    tell(shop)
    return shop.dynamo.faults.calls


def test_the_story_has_enough_calls_to_be_worth_interrupting() -> None:
    assert 6 <= calls_of_the_story() < MOST_CALLS


@pytest.mark.parametrize("fault", list(Fault))
def test_a_story_interrupted_at_any_call_and_told_again_ends_alike(fault: Fault) -> None:
    for n in range(1, calls_of_the_story() + 1):
        shop = Shop()
        shop.dynamo.faults.script[n] = fault
        tell(shop)
        order, account = shop.order(), shop.books.ledger.account("shop", "c")
        assert (order.status, order.taken, order.award) == (Status.REVERSED, 1_000, 1_000), f"call {n}"
        assert (account.available, account.version, account.total_spent) == (0, 3, 0), f"call {n}"
        assert sum(shop.dynamo.faults.fired.values()) == 1, f"call {n}: the fault never struck"
