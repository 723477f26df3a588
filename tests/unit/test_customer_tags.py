"""Rules by customer tag: what an order says of its customer counts; where orders say nothing, the profile does."""

from typing import Any

import pytest

from cashback.domain.news import CustomerNews
from cashback.domain.orders import News, Status
from cashback.services.record_customer import record_customer
from tests.unit.builders import CUSTOMER, NOW, STORE, Shop, line, paid

VIP: dict[str, Any] = {"base_rate": "0.1", "customer_tag_rates": {"vip": "0.3"}}


def tagged(store: Shop, *tags: str, second: int = 0) -> None:
    told = CustomerNews(CUSTOMER, f"2026-02-01T00:00:{second:02}.000000Z", tags=tags)
    record_customer(store.books, STORE, told, NOW)


def bought(**more: Any) -> News:
    return paid(line(gross=10_000), **more)


@pytest.mark.parametrize(("said", "award"), [(None, 3_000), ((), 1_000), (("vip",), 3_000), (("other",), 1_000)])
def test_the_profile_is_asked_only_where_the_body_says_nothing(said: tuple[str, ...] | None, award: int) -> None:
    store = Shop(**VIP)
    tagged(store, "vip")
    store.hear(bought(customer_tags=said))
    assert store.order.award == award


def test_excluded_customers_are_known_by_their_profile_too() -> None:
    store = Shop(exclusions={"customer_tags": ["staff"]})
    tagged(store, "staff")
    store.hear(bought())
    assert (store.order.status, store.order.reason) == (Status.NOT_ELIGIBLE, "excluded")


def test_tags_are_those_of_the_moment_the_order_was_decided() -> None:
    store = Shop(**VIP, auto_processing=False)
    tagged(store, "vip")
    store.hear(bought())
    tagged(store, second=1)
    store.hear(bought(second=1))
    assert store.order.calculated == 3_000


def test_a_customer_nobody_knows_yet_has_no_tags() -> None:
    store = Shop(**VIP)
    store.hear(bought())
    assert store.order.award == 1_000
