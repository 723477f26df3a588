"""Case 26: what is added to an order after its award earns once it is paid; what is removed is clawed back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashback.domain.additions import has_more
from cashback.domain.errors import StateConflict
from cashback.domain.facts import Line
from cashback.domain.orders import News, Status
from cashback.domain.products import Product
from cashback.services.manage_products import forget_product, record_product
from tests.unit.builders import NOW, ORDER, Shop, at, body, line, news, paid, refund, units

A, B = line("1", 10_000), line("2", 5_000)


def shown(*lines: Line, second: int, is_paid: bool = True, **more: Any) -> News:
    """The order as its newest body shows it; it was paid before, this moment is ``is_paid``."""
    return news(body(*lines, second=second, paid=is_paid, **more), paid=True)


def shop(**changes: Any) -> Shop:
    """A shop at 10 % whose order of one line was awarded 10.00."""
    store = Shop(base_rate="0.1", **changes)
    store.hear(shown(A, second=0))
    return store


def test_case_26_a_line_added_and_paid_earns_once_under_a_cause_of_its_own() -> None:
    store = shop()
    told = shown(A, B, second=1)
    store.hear(told)
    assert store.hear(told) is None
    assert store.posted == {f"ord:{ORDER}:earn": 1_000, f"ord:{ORDER}:earn:1": 500}
    assert [(share.line_id, share.award) for share in store.order.calculation.lines] == [("1", 1_000), ("2", 500)]
    assert (store.order.award, store.order.status) == (1_500, Status.PROCESSED)


def test_case_26_a_line_added_but_not_paid_yet_waits_for_its_payment() -> None:
    store = shop()
    store.hear(shown(A, B, second=1, is_paid=False))
    assert store.order.award == 1_000
    store.hear(shown(A, B, second=2))
    assert store.order.award == 1_500


def test_more_units_of_a_line_earn_what_they_cost_more() -> None:
    store = shop()
    store.hear(shown(line("1", 20_000, quantity=2), second=1))
    assert (store.order.award, store.account.available) == (2_000, 2_000)


def test_an_added_line_that_is_refunded_claws_back_what_it_earned() -> None:
    store = shop()
    store.hear(shown(A, B, second=1))
    store.hear(news(None, refund("r1", units("2"))))
    assert (store.order.target, store.account.available) == (500, 1_000)
    store.hear(news(None, refund("r2", units("1"))))
    assert (store.order.status, store.account.available) == (Status.REVERSED, 0)


def test_a_line_added_and_refunded_in_one_body_moves_nothing_in_the_end() -> None:
    store = shop()
    store.hear(news(body(A, B, second=1, paid=True), refund("r1", units("2")), paid=True))
    assert (store.order.award, store.order.target, store.account.available) == (1_500, 500, 1_000)


def test_case_26_one_line_swapped_for_another_claws_and_earns_in_one_posting() -> None:
    store = shop()
    store.hear(shown(line("1", 10_000, current=0), B, second=1))
    assert store.account.available == 500
    assert store.postings[-1].keys() == {f"ord:{ORDER}:earn:1", f"ord:{ORDER}:edit:1"}


def test_additions_keep_to_the_terms_of_the_order_and_not_to_todays() -> None:
    store = shop()
    store.change(base_rate="0.5")
    store.hear(shown(A, B, second=1))
    assert store.order.award == 1_500


def test_additions_to_an_order_paid_with_cashback_in_part_earn_as_if_they_had_been_there_at_once() -> None:
    spent: dict[str, Any] = {"paid_with_cashback": 2_000}
    store, at_once = Shop(base_rate="0.1"), Shop(base_rate="0.1")
    for each in (store, at_once):
        each.hear(news(body(line(gross=50_000), second=0, paid=True), order_id="before", paid=True))
    store.hear(shown(A, second=0, **spent))
    assert store.posted[f"ord:{ORDER}:earn"] == 800
    store.hear(shown(A, B, second=1, **spent))
    assert store.posted[f"ord:{ORDER}:earn:1"] == 500, "the 50.00 were paid with money"
    at_once.hear(shown(A, B, second=1, **spent))
    assert store.account.available == at_once.account.available
    for each in (store, at_once):
        each.hear(news(None, refund("r1", units("2"))))
    assert store.account.available == at_once.account.available


def test_an_addition_earns_at_the_tier_that_the_order_was_given() -> None:
    store = Shop(base_rate="0.1", tiers=[{"name": "gold", "min_spent": "0", "rate": "0.2"}])
    store.hear(shown(A, second=0))
    store.hear(shown(A, B, second=1))
    assert store.order.award == 3_000


def test_an_addition_to_an_approved_order_that_was_paid_with_cashback_in_part_keeps_what_was_approved() -> None:
    store = Shop(base_rate="0.1", auto_processing=False)
    store.hear(shown(A, second=0, paid_with_cashback=2_000))
    store.approve(amount=400)
    store.hear(shown(A, B, second=1, paid_with_cashback=2_000))
    store.process()
    assert store.order.award == 400 + 433, "of the 5.00 of the new line, 13/15 were paid with money"


def test_an_approval_of_what_earns_nothing_grows_by_no_addition() -> None:
    rates = [{"sku": "X", "rate": "0.1"}]
    store = Shop(base_rate="0", auto_processing=False, hold_over_total="1.00", product_rates=rates)
    store.hear(shown(A, second=0))
    store.approve(amount=700)
    store.change(auto_processing=True, hold_over_total=None)
    store.hear(shown(A, line("2", 5_000, sku="X"), second=1))
    assert (store.order.award, store.account.available) == (700, 700)


def test_an_addition_of_one_cent_is_posted() -> None:
    store = shop()
    store.hear(shown(A, line("2", 10), second=1))
    assert store.posted == {f"ord:{ORDER}:earn": 1_000, f"ord:{ORDER}:earn:1": 1}


def test_an_added_line_earns_by_what_the_catalogue_says_once_it_says_so() -> None:
    store = shop(product_rates=[{"category": "Tea", "rate": "0.2"}])
    store.hear(shown(A, line("2", 5_000, product_id="p2"), second=1))
    assert store.order.award == 1_000, "what is unknown is not added at another rate"
    assert store.order.missing == {"p2"}
    store.stock("p3", "Tea")
    store.hear(shown(A, line("2", 5_000, product_id="p3"), second=2))
    assert (store.order.award, store.account.available) == (2_000, 2_000)
    assert store.order.missing == frozenset()


def test_an_added_line_of_an_unknown_product_earns_by_itself_once_the_product_appears() -> None:
    store = shop(product_rates=[{"category": "Tea", "rate": "0.2"}])
    store.hear(shown(A, line("2", 5_000, product_id="p2"), line("3", 1_000, product_id="p3"), second=1))
    tell_of(store, "p3", "Tea")
    assert (store.order.award, store.order.missing) == (1_000, frozenset({"p2"})), "the whole addition waits"
    tell_of(store, "p2", "Tea")
    assert (store.order.award, store.account.available, store.order.missing) == (2_200, 2_200, frozenset())


def test_an_added_line_waits_for_its_product_and_then_for_a_person_where_orders_are_reviewed() -> None:
    store = Shop(base_rate="0.1", auto_processing=False, product_rates=[{"category": "Tea", "rate": "0.2"}])
    store.hear(paid(A))
    store.approve()
    store.hear(shown(A, line("2", 5_000, product_id="p2"), second=1))
    assert (store.order.award, store.order.missing) == (1_000, frozenset({"p2"}))
    tell_of(store, "p2", "Tea")
    assert (store.order.award, store.order.missing) == (1_000, frozenset())
    assert store.process().award == 2_000


@pytest.mark.row("P7")
def test_an_addition_of_less_than_a_cent_whose_product_is_known_late_is_not_forgotten_by_a_clawback() -> None:
    """What it costs is more money paid beside the same cashback spent, so of what stays a cent more is earned."""
    parts = line("1", 1_289), line("2", 3_736)

    def lived(*, is_known: bool) -> Shop:
        store = Shop(base_rate="0.2", product_rates=[{"category": "Tea", "rate": "0.3"}], award_on="paid")
        store.hear(paid(line("1", 10_000), order_id="before", second=0))
        if is_known:
            tell_of(store, "tea", "Tea")
        store.hear(news(body(*parts, paid=True, paid_with_cashback=150), refund("r", units("1"), money=100), paid=True))
        extra = line("3", 1, product_id="tea")
        store.hear(news(body(*parts, extra, second=1, paid=True, paid_with_cashback=150), paid=True))
        tell_of(store, "tea", "Tea")
        return store

    late, early = lived(is_known=False), lived(is_known=True)
    assert (late.order.target, late.account.available) == (early.order.target, early.account.available)
    assert (early.order.award, early.order.target) == (975, 264)


def test_an_order_that_was_approved_without_its_product_waits_for_none() -> None:
    store = Shop(base_rate="0.1", auto_processing=False, product_rates=[{"category": "Tea", "rate": "0.2"}])
    store.hear(paid(line("1", 10_000, product_id="p1")))
    store.approve()
    assert (store.order.award, store.order.missing) == (1_000, frozenset())
    tell_of(store, "p1", "Tea")
    assert store.order.award == 1_000


def tell_of(store: Shop, product_id: str, *categories: str) -> None:
    """What the worker does with news of a product."""
    record_product(store.books, store.settings, Product(product_id, at(0), categories=categories), NOW)


def test_an_order_with_tax_in_its_prices_has_no_more_than_it_was_awarded_for() -> None:
    store = Shop(base_rate="0.1")
    store.hear(shown(line("1", 11_900, tax=1_900), second=0, taxes_included=True))
    assert store.order.award == 1_000
    assert not has_more(store.order)


def test_a_line_that_is_gone_from_the_body_stays_in_what_was_earned() -> None:
    store = shop()
    store.hear(shown(B, second=1))
    assert [(share.line_id, share.award) for share in store.order.calculation.lines] == [("1", 1_000), ("2", 500)]
    assert (store.order.award, store.order.target, store.account.available) == (1_500, 1_000, 500)


def test_a_line_that_costs_more_is_compared_with_that_from_then_on() -> None:
    store = Shop(base_rate="0.1")
    store.hear(shown(line("1", 11_900, tax=1_900), second=0, taxes_included=True))
    store.hear(shown(line("1", 12_000, tax=2_000), second=1, taxes_included=True))
    assert [(share.base, share.gross) for share in store.order.calculation.lines] == [(10_000, 11_900)]
    store.hear(shown(line("1", 23_800, tax=3_800), second=2, taxes_included=True))
    assert [(share.base, share.gross) for share in store.order.calculation.lines] == [(20_000, 23_800)]
    assert store.order.award == 2_000


def test_an_approved_order_that_a_redemption_now_pays_whole_has_earned_nothing() -> None:
    store = Shop(base_rate="0.1", auto_processing=False)
    store.hear(shown(A, second=0))
    store.approve(amount=1_200)
    store.hear(shown(A, B, second=1, paid_with_cashback=15_000))
    assert (store.order.award, store.order.target) == (1_200, 1_200)


def test_the_cap_of_the_order_holds_for_all_of_it() -> None:
    store = shop(max_award="12.00")
    store.hear(shown(A, B, second=1))
    assert store.order.award == 1_200
    store.hear(shown(A, B, line("3", 90_000), second=2))
    assert store.order.award == 1_200


def test_an_approved_amount_stays_and_additions_come_on_top() -> None:
    store = Shop(base_rate="0.1", auto_processing=False)
    store.hear(shown(A, second=0))
    store.approve(amount=2_000)
    store.hear(shown(A, B, second=1))
    assert store.order.award == 2_000, "in manual mode a person says so"
    assert store.preview().amount == 500
    store.process()
    assert (store.order.award, store.account.available) == (2_500, 2_500)
    store.hear(news(None, refund("r1", units("1"))))
    assert store.account.available == 500, "the first line takes all that it was approved for with it"


@pytest.mark.parametrize("changes", [{"hold_over_award": "12.00"}, {"hold_over_total": "120.00"}])
def test_additions_beyond_a_limit_wait_for_a_person(changes: dict[str, str]) -> None:
    store = shop(**changes)
    store.hear(shown(A, B, second=1))
    assert store.order.award == 1_000
    store.process()
    assert store.order.award == 1_500


def test_an_addition_of_less_than_a_cent_waits_for_nobody_and_is_not_forgotten() -> None:
    """Of 1.659 the line takes 1.0056 with it, of 1.662 it takes 1.0038."""
    store = Shop(auto_processing=False, base_rate="0.3")
    store.hear(paid(line("1", 335), line("kept", 218)))
    store.approve()
    store.hear(paid(line("1", 335), line("kept", 218), line("extra", 1), second=7, paid=True))
    store.hear(news(None, refund("r", units("1"))))
    assert (store.order.award, store.order.target) == (166, 100)


def test_an_addition_repays_an_open_shortfall_first() -> None:
    store = shop()
    store.spend(1_000)
    store.hear(news(None, refund("r1", money=3_000)))
    assert store.account.shortfall == 300
    store.hear(shown(A, B, second=1))
    assert store.postings[-1] == {f"ord:{ORDER}:earn:2": 500, f"rec:ord:{ORDER}:earn:2": -300}
    assert (store.account.available, store.account.shortfall) == (200, 0)


def test_a_cancelled_order_earns_nothing_more() -> None:
    store = shop()
    store.hear(news(cancelled=True))
    store.hear(shown(A, B, second=1))
    assert (store.order.award, store.account.available) == (1_000, 0)


def test_delivery_that_does_not_earn_is_no_addition() -> None:
    store = Shop(base_rate="0.1")
    store.hear(shown(A, second=0, shipping=500))
    store.change(base_rate="0.2")
    store.dynamo.faults.calls = 0
    store.hear(news(None, refund("r1", units("1"))))
    assert store.dynamo.faults.calls == 3, "order, settings of today, posting: not those of its terms"


def test_delivery_added_later_earns_where_delivery_earns() -> None:
    store = Shop(base_rate="0.1", earn_on={"shipping": True})
    store.hear(shown(A, second=0))
    store.hear(shown(A, second=1, shipping=500))
    assert store.order.award == 1_050


@given(st.data())
def test_edits_in_any_order_leave_what_the_newest_body_earns(data: st.DataObject) -> None:
    """The net cashback is what the newest body alone would have earned, but for cents of separate rounding."""
    bodies = [
        shown(
            *(
                line(str(n), data.draw(st.integers(1, 2_000)), quantity=1, current=data.draw(st.integers(0, 1)))
                for n in range(data.draw(st.integers(1, 4)))
            ),
            second=second,
        )
        for second in range(data.draw(st.integers(1, 4)))
    ]
    store, alone = Shop(base_rate="0.1"), Shop(base_rate="0.1")
    for told in data.draw(st.permutations(bodies)):
        store.hear(told)
    alone.hear(bodies[-1])
    assert abs(store.account.available - alone.account.available) <= len(bodies)


@pytest.mark.parametrize("second_first", [False, True])
def test_one_line_exchanged_for_another_under_the_cap_is_shared_like_a_refund(*, second_first: bool) -> None:
    store = Shop(base_rate="0.1", max_award="5.00")
    told = [shown(A, second=0), shown(line("1", 10_000, current=0), line("2", 10_000), second=1)]
    for one in reversed(told) if second_first else told:
        store.hear(one)
    assert (store.order.award, store.account.available) == (500, 250)


def test_an_exchange_within_the_limit_needs_no_person() -> None:
    store = shop(hold_over_award="12.00")
    store.hear(shown(line("1", 10_000, current=0), line("2", 10_000), second=1))
    assert (store.order.award, store.account.available) == (2_000, 1_000)


def test_what_falls_below_the_minimum_earns_nothing_more() -> None:
    store = shop(min_order="60.00")
    store.hear(shown(B, second=1))
    assert store.account.available == 0


def test_nothing_is_added_while_cashback_is_off() -> None:
    store = shop()
    store.change(cashback_enabled=False)
    store.hear(shown(A, B, second=1))
    assert store.order.award == 1_000
    store.change(cashback_enabled=True)
    store.process()
    assert store.order.award == 1_500


@pytest.mark.parametrize("edit_first", [False, True])
def test_an_edit_that_overtakes_the_payment_earns_what_was_paid(*, edit_first: bool) -> None:
    store = Shop(base_rate="0.1")
    told = [shown(A, second=0), news(body(A, B, second=1, paid=False))]
    for one in reversed(told) if edit_first else told:
        store.hear(one)
    assert (store.order.award, store.account.total_spent) == (1_000, 10_000)
    store.hear(shown(A, B, second=2))
    assert (store.order.award, store.account.total_spent) == (1_500, 15_000)


def test_a_pending_order_counts_what_was_paid_and_not_what_an_edit_added() -> None:
    store = Shop(base_rate="0.1", auto_processing=False)
    store.hear(shown(A, second=0))
    store.hear(shown(A, B, second=1, is_paid=False))
    assert store.order.calculated == 1_000


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 0, 1), (2, 1, 0)])
def test_a_payment_that_an_unpaid_edit_overtook_earns_all_it_paid_for(order: tuple[int, ...]) -> None:
    store = Shop(base_rate="0.1")
    told = [shown(A, second=0), shown(A, B, second=1), news(body(A, B, line("3", 9_000), second=2, paid=False))]
    for n in order:
        store.hear(told[n])
    assert (store.order.award, store.account.available) == (1_500, 1_500)


def test_an_exchange_that_is_still_to_be_paid_rejects_nothing() -> None:
    store = Shop(base_rate="0.1", auto_processing=False)
    exchanged = (line("1", 10_000, current=0), line("2", 15_000))
    store.hear(shown(A, second=0))
    store.hear(shown(*exchanged, second=1, is_paid=False))
    assert store.order.status is Status.PENDING
    with pytest.raises(StateConflict, match="nothing of it is left"):
        store.approve(amount=500)
    store.hear(shown(*exchanged, second=2))
    assert (store.order.status, store.order.calculated) == (Status.PENDING, 1_500)


def test_an_addition_waits_for_no_product_of_a_line_that_was_awarded_without_it() -> None:
    store = Shop(base_rate="0.1", product_rates=[{"category": "Tea", "rate": "0.2"}])
    first = line("1", 10_000, product_id="p1")
    store.hear(paid(first))
    store.approve()
    store.hear(shown(first, line("2", 5_000, category="Coffee"), second=1))
    assert (store.order.award, store.order.missing) == (1_500, frozenset())


def test_an_addition_waits_for_no_product_that_was_deleted_since_its_line_was_awarded() -> None:
    store = shop(product_rates=[{"category": "Tea", "rate": "0.2"}])
    tell_of(store, "p2", "Tea")
    second = line("2", 5_000, product_id="p2")
    store.hear(shown(A, second, second=1))
    forget_product(store.books, "demo", "p2", at(5))
    store.hear(shown(A, second, line("3", 1_000), second=2))
    assert (store.order.award, store.order.missing) == (2_100, frozenset())


def test_an_addition_that_comes_with_a_refund_leaves_the_clawback_to_the_policy_of_today() -> None:
    store = Shop(base_rate="0.1", clawback="partial")
    store.hear(shown(A, second=0))
    store.spend(1_000)
    store.change(clawback="full_or_skip")
    store.hear(news(body(A, line("2", 1_000), second=1, paid=True), refund("r", units("1")), paid=True))
    assert (store.order.award, store.order.owed, store.order.waived) == (1_100, 0, 1_000)


@pytest.mark.row("P15")
def test_an_order_that_lost_its_last_line_cannot_be_approved_because_no_line_could_be_clawed_back() -> None:
    store = Shop(base_rate="0.1", auto_processing=False)
    store.hear(shown(A, second=0))
    store.hear(shown(second=1, total=500, tips_and_fees=500))
    assert store.order.status is Status.PENDING
    with pytest.raises(StateConflict, match="nothing of it is left"):
        store.approve(amount=500)
    store.hear(shown(A, second=2))
    store.approve(amount=500)
    store.hear(news(None, cancelled=True))
    assert (store.order.award, store.account.available) == (500, 0)


def test_a_refund_is_measured_against_what_was_paid() -> None:
    store = shop()
    store.hear(news(None, refund("r1", money=5_000)))
    assert store.account.available == 500
    store.hear(shown(A, line("2", 10_000), second=1, is_paid=False))
    assert store.account.available == 500
