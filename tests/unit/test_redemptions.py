"""Case 11: what an order was paid with cashback leaves the balance once, earns nothing, and comes back with refunds."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashback.domain.errors import StateConflict
from cashback.domain.facts import Line, Refund
from cashback.domain.orders import News, Status
from cashback.domain.reviews import fail
from tests.unit.builders import CUSTOMER, NOW, ORDER, STORE, Shop, body, line, news, paid, refund, units

EARLIER = "1"


def shop(balance: int = 5_000, **changes: Any) -> Shop:
    """A shop at 10 % whose customer earned a balance by an earlier order."""
    store = Shop(base_rate="0.1", **changes)
    if balance:
        store.hear(paid(line(gross=balance * 10), order_id=EARLIER))
    return store


def bought(*lines: Line, cashback: int, refunds: Iterable[Refund] = (), second: int = 0, **more: Any) -> News:
    return paid(*lines, refunds=refunds, paid_with_cashback=cashback, second=second, **more)


def test_case_11_the_redemption_is_taken_once_and_that_part_earns_nothing() -> None:
    store = shop()
    told = bought(line(gross=10_000), cashback=2_000)
    store.hear(told)
    assert store.hear(told) is None
    assert store.posted[f"ord:{ORDER}:spend"] == -2_000
    assert store.posted[f"ord:{ORDER}:earn"] == 800, "10 % of the 80.00 that were paid with money"
    assert store.account.available == 5_000 - 2_000 + 800


def test_an_order_paid_wholly_with_cashback_earns_nothing_but_is_redeemed() -> None:
    store = shop()
    store.hear(bought(line(gross=3_000), cashback=3_000))
    assert (store.order.status, store.order.reason) == (Status.NOT_ELIGIBLE, "rounds_to_zero")
    assert store.account.available == 2_000


def test_a_redemption_beyond_the_orders_total_is_held_and_takes_no_more_than_the_total() -> None:
    store = shop()
    store.hear(bought(line(gross=1_000), cashback=1_500))
    assert (store.order.status, store.order.reason) == (Status.HELD, "redemption_over_total")
    assert store.posted[f"ord:{ORDER}:spend"] == -1_000


def test_case_11_a_refund_gives_back_in_proportion_under_its_own_cause() -> None:
    store = shop()
    lines = (line("1", 6_000), line("2", 4_000))
    store.hear(bought(*lines, cashback=2_000))
    store.hear(news(None, refund("r1", units("2"))))
    assert store.posted[f"ord:{ORDER}:back:r1"] == 800
    assert store.posted[f"ord:{ORDER}:ref:r1"] == -320
    store.hear(news(None, refund("r2", units("1"))))
    assert store.posted[f"ord:{ORDER}:back:r2"] == 1_200
    assert store.account.available == 5_000, "a wholly refunded order leaves the balance as it was"


def test_case_11_a_cancelled_order_gives_back_all_that_refunds_did_not() -> None:
    store = shop()
    store.hear(bought(line("1", 6_000), line("2", 4_000), cashback=2_000))
    store.hear(news(None, refund("r1", units("2"))))
    store.hear(news(cancelled=True))
    assert store.account.available == 5_000
    assert (store.order.redeemed, store.order.redemption_owed) == (0, 0)


def test_a_refund_that_is_told_with_the_cancellation_has_no_entry_of_its_own() -> None:
    store = shop()
    store.hear(bought(line("1", 6_000), line("2", 4_000), cashback=2_000))
    store.hear(news(None, refund("r1", units("2")), cancelled=True))
    assert store.posted[f"ord:{ORDER}:spend:1"] == 2_000
    assert f"ord:{ORDER}:back:r1" not in store.posted


def test_a_line_that_an_unpaid_edit_leaves_out_gives_back_its_part() -> None:
    store = shop()
    spent: dict[str, Any] = {"paid_with_cashback": 2_000}
    store.hear(news(body(line("1", 6_000), line("2", 4_000), paid=True, **spent), paid=True))
    store.hear(news(body(line("1", 6_000), second=1, paid=False, **spent)))
    assert store.order.redeemed == 1_200


def test_one_cent_is_redeemed() -> None:
    store = shop()
    store.hear(bought(line(gross=1_000), cashback=1))
    assert store.posted[f"ord:{ORDER}:spend"] == -1


def test_what_costs_nothing_brings_nothing_back() -> None:
    store = shop()
    store.hear(bought(line("1", 100), line("2", 0), cashback=100))
    store.hear(news(None, refund("r1", units("2"))))
    assert store.order.redeemed == 100


def test_a_refund_that_brought_nothing_back_brings_nothing_back_later() -> None:
    store = shop()
    store.hear(bought(line("1", 100), line("2", 0), cashback=100))
    store.hear(news(None, refund("r1", units("2"))))
    store.hear(bought(line("1", 100), line("2", 0), cashback=40, second=1))
    assert store.posted[f"ord:{ORDER}:spend:2"] == 60
    assert f"ord:{ORDER}:back:r1" not in store.posted


def test_an_order_of_fees_alone_is_redeemed_and_one_of_nothing_is_not() -> None:
    store = shop()
    store.hear(bought(line(gross=0), cashback=400, tips_and_fees=1_000, total=1_000))
    assert store.order.redeemed == 400
    store.hear(bought(line(gross=0), cashback=400, order_id="free"))
    assert store.orders["free"].redeemed == 0


def test_an_order_cancelled_before_it_was_heard_of_as_paid_takes_nothing() -> None:
    store = shop()
    store.hear(news(cancelled=True))
    store.hear(bought(line(gross=10_000), cashback=2_000))
    assert [cause for cause in store.posted if cause.startswith(f"ord:{ORDER}:")] == []


@pytest.mark.parametrize(
    ("policy", "available", "shortfall"),
    [("partial", 0, 1_500), ("full_or_skip", 500, 0), ("allow_negative", -1_500, 0)],
)
def test_case_11_a_balance_that_lacks_is_treated_by_the_clawback_policy(
    policy: str, available: int, shortfall: int
) -> None:
    store = shop(balance=500, clawback=policy, auto_processing=True)
    store.change(auto_processing=False)
    store.hear(bought(line(gross=10_000), cashback=2_000))
    assert (store.order.status, store.account.available, store.account.shortfall) == (
        Status.PENDING,
        available,
        shortfall,
    )
    store.approve()
    assert store.account.available - store.account.shortfall == available - shortfall + 800


@pytest.mark.parametrize("policy", ["partial", "full_or_skip", "allow_negative"])
def test_case_11_what_was_never_taken_is_never_given_back(policy: str) -> None:
    store = shop(balance=500, clawback=policy, auto_processing=True)
    store.change(auto_processing=False)
    store.hear(bought(line(gross=10_000), cashback=2_000))
    store.hear(news(cancelled=True))
    assert (store.account.available, store.account.shortfall) == (500, 0)


@pytest.mark.parametrize(
    ("policy", "owed", "waived"), [("partial", 1_500, 0), ("full_or_skip", 0, 2_000), ("allow_negative", 0, 0)]
)
def test_an_order_keeps_what_of_its_redemption_was_not_taken(policy: str, owed: int, waived: int) -> None:
    store = shop(balance=500, clawback=policy)
    store.change(auto_processing=False)
    store.hear(bought(line(gross=10_000), cashback=2_000))
    assert (store.order.redemption_owed, store.order.redemption_waived) == (owed, waived)


def test_a_shortfall_that_an_award_repaid_comes_back_with_the_refund() -> None:
    store = shop(balance=500)
    store.change(auto_processing=False)
    store.hear(bought(line(gross=10_000), cashback=2_000))
    assert store.account.shortfall == 1_500
    store.change(auto_processing=True)
    store.hear(paid(line(gross=20_000), order_id="later"))
    assert (store.account.available, store.account.shortfall) == (500, 0)
    store.hear(news(cancelled=True))
    assert (store.account.available, store.account.shortfall) == (2_500, 0)


def test_a_guests_redemption_is_taken_from_whoever_claims_the_order() -> None:
    store = shop()
    store.hear(bought(line(gross=10_000), cashback=2_000, customer_id=None))
    assert store.order.redeemed == 0
    store.hear(bought(line(gross=10_000), cashback=2_000, customer_id=CUSTOMER, second=1))
    assert store.account.available == 5_000 - 2_000 + 800


def test_a_rejected_order_keeps_what_paid_for_it_until_it_is_refunded() -> None:
    store = shop()
    store.change(auto_processing=False)
    store.hear(bought(line(gross=10_000), cashback=2_000))
    store.reject()
    assert store.account.available == 3_000
    store.hear(news(None, refund("r1", units("1"))))
    assert store.account.available == 5_000


def test_a_body_that_names_another_redemption_moves_the_difference_once() -> None:
    store = shop()
    store.hear(bought(line(gross=10_000), cashback=2_000))
    store.hear(bought(line(gross=10_000), cashback=2_500, second=1))
    assert store.order.redeemed == 2_500
    store.hear(bought(line(gross=10_000), cashback=1_000, second=2))
    assert store.order.redeemed == 1_000
    assert store.account.available == 5_000 - 1_000 + 800 - 0


def test_many_refunds_at_once_fit_into_one_transaction() -> None:
    store = shop()
    lines = [line(str(n), 100) for n in range(60)]
    store.hear(bought(*lines, cashback=2_000))
    refunds = [refund(f"r{n}", units(str(n))) for n in range(60)]
    store.hear(news(None, *refunds))
    assert store.account.available == 5_000


EVENTS = [
    bought(line("1", 700), line("2", 300, quantity=3), cashback=199),
    news(None, refund("r1", units("2", 1))),
    news(None, refund("r2", units("2", 2))),
    news(None, refund("r3", units("1", 1, 350))),
    news(cancelled=True),
]


@given(st.lists(st.sampled_from(range(len(EVENTS))), min_size=1, max_size=8), st.sampled_from([0, 100, 5_000]))
def test_any_order_and_number_of_events_ends_alike(told: list[int], balance: int) -> None:
    ends = []
    for run in (told, sorted(set(told)), sorted(set(told), reverse=True)):
        store = shop(balance=balance)
        for n in run:
            store.hear(EVENTS[n])
        ends.append((store.order.redeemed, store.order.facts, store.account.available - store.account.shortfall))
    assert ends[0] == ends[1] == ends[2]


@pytest.mark.parametrize(("before", "after"), [(0, 10_000), (5_000, 0), (0, 5_000), (5_000, 2_500)])
def test_a_later_body_with_another_redemption_earns_what_it_would_have_earned_at_once(before: int, after: int) -> None:
    """The part that a redemption pays earns nothing, whenever it is told."""
    late, at_once = shop(), shop()
    late.hear(bought(line(gross=10_000), cashback=before, paid=True))
    late.hear(bought(line(gross=10_000), cashback=after, second=1, paid=True))
    at_once.hear(bought(line(gross=10_000), cashback=after, second=1, paid=True))
    assert late.account.available - late.account.shortfall == at_once.account.available - at_once.account.shortfall


def test_a_price_cut_to_what_the_redemption_pays_leaves_nothing_earned() -> None:
    store = shop()
    store.hear(bought(line(gross=10_000), cashback=5_000, paid=True))
    store.hear(bought(line(gross=5_000), cashback=5_000, second=1, paid=True))
    assert store.account.available == 0


def test_a_line_added_to_an_order_paid_in_part_with_cashback_earns_its_part() -> None:
    store = shop()
    store.hear(bought(line("1", 10_000), cashback=0, paid=True))
    store.hear(bought(line("1", 10_000), line("2", 10_000), cashback=5_000, second=1, paid=True))
    assert store.order.award is not None
    assert store.order.award - store.order.target == 1_500, "10 % of the 150.00 paid with money"


def test_a_cancellation_that_failed_to_be_recorded_gives_back_when_it_is_processed() -> None:
    store = shop()
    store.change(auto_processing=False)
    store.hear(bought(line(gross=10_000), cashback=2_000))
    order = store.order
    failed = fail(order, news(cancelled=True), "KeyError", NOW)
    assert failed is not None
    assert store.books.orders.save(STORE, failed.order) is None
    assert (store.order.status, store.account.available) == (Status.FAILED, 3_000)
    store.process()
    assert (store.order.reason, store.account.available) == ("order_cancelled", 5_000)
    with pytest.raises(StateConflict, match="cancelled"):
        store.preview()


@pytest.mark.parametrize(
    ("bodies", "net"),
    [
        ([((10_000,), 0), ((10_001,), 9_900)], 10),
        ([((10_000,), 0), ((10_000,), 5_000), ((10_000, 1_000), 5_500)], 550),
        ([((10_000,), 0), ((10_000,), 10_000), ((10_000, 100), 10_000)], 10),
    ],
)
def test_what_is_added_while_a_redemption_rises_brings_nothing_back(
    bodies: list[tuple[tuple[int, ...], int]], net: int
) -> None:
    store = shop()
    for second, (grosses, cashback) in enumerate(bodies):
        lines = [line(str(n), gross) for n, gross in enumerate(grosses)]
        store.hear(bought(*lines, cashback=cashback, second=second, paid=True))
    assert store.order.award is not None
    assert abs(store.order.award - store.order.target - net) <= 1
