"""What cost other shops money, as stories of this one."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.builders import CUSTOMER, Shop, line, news, paid, refund, units
from tests.unit.shopify_bodies import heard, order

PRICES = st.lists(st.integers(1, 50_000), min_size=1, max_size=4)


@pytest.mark.row("I2", "I3")
@pytest.mark.parametrize("policy", ["partial", "allow_negative"])
@settings(max_examples=60)
@given(prices=PRICES, data=st.data())
def test_nobody_gains_by_earning_spending_and_giving_back(policy: str, prices: list[int], data: st.DataObject) -> None:
    shop, spent = Shop(base_rate="0.1", clawback=policy), 0
    for n, price in enumerate(prices):
        shop.hear(paid(line("1", price), order_id=f"A-{n}"))
        available = shop.account.available
        if available > 0 and data.draw(st.booleans()):
            part = data.draw(st.integers(1, available))
            shop.spend(part)
            spent += part
    for n in data.draw(st.permutations(range(len(prices)))):
        back = refund(f"r{n}", units("1", 1, prices[n]))
        for _ in range(data.draw(st.integers(1, 2))):
            shop.hear(news(None, back, order_id=f"A-{n}"))
    account = shop.accounts[CUSTOMER]
    assert spent + account.available - account.shortfall == 0


@pytest.mark.row("42")
@pytest.mark.parametrize("extra", [{"__proto__": {"a": 1}}, {"balance": 9e9}, {"store_id": "other"}, {"award": "9.00"}])
def test_what_a_shop_sends_besides_is_not_read(extra: dict[str, Any]) -> None:
    assert heard({**order(), **extra}) == heard(order())
    lines = [{**order()["line_items"][0], **extra}]
    assert heard(order(line_items=lines)) == heard(order())
