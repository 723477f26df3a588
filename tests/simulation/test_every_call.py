"""One story, killed or cut off at each of its calls in turn: told again, it ends alike (F1, F14)."""

import pytest

from cashback.domain.errors import Busy
from cashback.domain.orders import Status
from tests.simulation.faults import Crash, Fault
from tests.unit.builders import Shop, line, news, paid, refund, units

STORY = (
    paid(line("l", 10_000, quantity=2)),
    news(None, refund("r1", units("l", 1, 2_000))),
    news(None, refund("r2", units("l", 1, 3_000))),
)
"""Both units of the one line come back, for less than they cost: with no unit left the whole award goes."""
MOST_CALLS = 40


def told(fault: tuple[int, Fault] | None = None) -> Shop:
    """A shop that heard it all; ``fault`` strikes at that call of the telling."""
    shop = Shop(base_rate="0.1")
    if fault is not None:
        shop.dynamo.faults.script = dict([fault])
    for event in STORY:
        for _ in range(5):
            try:
                shop.hear(event)
                break
            except (Busy, Crash):
                continue
    return shop


def calls_of_the_story() -> int:
    return told().dynamo.faults.calls


def test_the_story_has_enough_calls_to_be_worth_interrupting() -> None:
    assert 6 <= calls_of_the_story() < MOST_CALLS


@pytest.mark.parametrize("fault", list(Fault))
def test_a_story_interrupted_at_any_call_and_told_again_ends_alike(fault: Fault) -> None:
    for n in range(1, calls_of_the_story() + 1):
        shop = told((n, fault))
        order, account = shop.order, shop.account
        assert (order.status, order.taken, order.award) == (Status.REVERSED, 1_000, 1_000), f"call {n}"
        assert (account.available, account.version, account.total_spent) == (0, 3, 0), f"call {n}"
        assert sum(shop.dynamo.faults.fired.values()) == 1, f"call {n}: the fault never struck"
