"""The numbered cases of the cashback rules, each as the life of one order, told to the real use cases."""

import json
from copy import replace
from fractions import Fraction
from typing import Any

import pytest

from cashback.adapters.dynamo.documents import order_item, order_of
from cashback.domain import causes
from cashback.domain.erasure import wordless
from cashback.domain.errors import StateConflict
from cashback.domain.facts import Body
from cashback.domain.ledger import AccountMoved, Entry, Kind, Outcome, Posted, Posting, Replayed, payload_hash
from cashback.domain.money import round_half_up
from cashback.domain.news import Ignored
from cashback.domain.orders import Mode, News, Order, Status
from cashback.storefronts.parsing import read
from tests.unit.builders import (
    CUSTOMER,
    JPY,
    KWD,
    NOW,
    ORDER,
    STORE,
    Shop,
    body,
    line,
    listing,
    news,
    paid,
    refund,
    units,
)

POLICIES = ["partial", "full_or_skip", "allow_negative"]


def assert_stands(
    store: Shop,
    *,
    status: Status,
    balance: int,
    reason: str | None = None,
    award: int | None = None,
    target: int = 0,
    owed: int = 0,
    waived: int = 0,
    spent: int,
    shortfall: int = 0,
    order_id: str = ORDER,
) -> None:
    """Everything that a case can change, compared at once."""
    order, account = store.orders[order_id], store.account
    assert (order.status, order.award, order.target, order.owed, order.waived, order.taken) == (
        status,
        award,
        target,
        owed,
        waived,
        target - owed - waived,
    )
    assert reason is None or order.reason == reason
    assert (account.available, account.shortfall, account.total_spent) == (balance, shortfall, spent)


def test_case_02_a_capped_award_is_clawed_back_in_proportion_to_what_each_line_earned() -> None:
    store = Shop(max_award="10")
    store.hear(paid(line("1", 20_000), line("2", 10_000)))
    assert_stands(store, status=Status.PROCESSED, award=1_000, balance=1_000, spent=30_000)
    store.hear(news(None, refund("r", units("2", 1, 10_000))))
    assert_stands(store, status=Status.PARTIALLY_REVERSED, award=1_000, target=333, balance=667, spent=20_000)
    assert store.posted == {f"ord:{ORDER}:earn": 1_000, f"ord:{ORDER}:ref:r": -333}
    assert store.account.orders_count == 1


@pytest.mark.parametrize("by_line", [True, False])
@pytest.mark.row("I3")
def test_case_03_nine_refunds_of_one_dollar_claw_back_exactly_the_award_and_never_more(by_line: bool) -> None:
    store = Shop(base_rate="0.018")
    store.hear(paid(line("1", 900, quantity=9), total=900))
    assert_stands(store, status=Status.PROCESSED, award=16, balance=16, spent=900)
    for i in range(9):
        back = refund(f"r{i}", units("1", 1, 100)) if by_line else refund(f"r{i}", money=100)
        store.hear(news(None, back))
        assert 0 <= store.order.target <= 16
        assert store.account.available == 16 - store.order.target
        assert store.account.total_spent == 900 - 100 * (i + 1)
    assert_stands(store, status=Status.REVERSED, award=16, target=16, balance=0, spent=0)


@pytest.mark.parametrize("cents", [999, 1_000, 1_001, 5_000])
def test_case_04_cents_of_difference_leave_no_remainder_and_take_nothing_from_other_lines(cents: int) -> None:
    store = Shop()
    store.hear(paid(line("1", 1_000), line("2", 1_000)))
    store.hear(news(None, refund("r", units("1", 1, cents))))
    assert_stands(store, status=Status.PARTIALLY_REVERSED, award=100, target=50, balance=50, spent=1_000)
    store.hear(news(None, refund("s", units("2", 1, 1_001))))
    assert_stands(store, status=Status.REVERSED, award=100, target=100, balance=0, spent=0)


def test_case_06_a_discrepancy_in_favour_of_the_shop_lowers_what_is_clawed_back() -> None:
    store = Shop()
    store.hear(paid(line("1", 10_000), total=10_000))
    store.hear(news(None, refund("r", money=5_000), refund("s", money=-2_000)))
    assert_stands(store, status=Status.PARTIALLY_REVERSED, award=500, target=150, balance=350, spent=7_000)
    assert store.posted == {f"ord:{ORDER}:earn": 500, f"ord:{ORDER}:ref:r": -150}


def test_case_07_a_refund_of_the_delivery_alone_claws_back_nothing() -> None:
    store = Shop()
    store.hear(paid(line("1", 10_000), shipping=900, total=10_900))
    store.hear(news(None, refund("r", shipping=900)))
    assert_stands(store, status=Status.PROCESSED, award=500, balance=500, spent=10_000)
    assert store.posted == {f"ord:{ORDER}:earn": 500}


def test_case_07_where_the_delivery_earned_its_refund_claws_back_what_it_earned() -> None:
    store = Shop(earn_on={"shipping": True, "tax": False})
    store.hear(paid(line("1", 10_000), shipping=1_000, total=11_000))
    store.hear(news(None, refund("r", shipping=500)))
    assert_stands(store, status=Status.PARTIALLY_REVERSED, award=550, target=25, balance=525, spent=10_000)


@pytest.mark.parametrize("parts", [[], [{"line_item_id": 1, "quantity": 1, "subtotal": 0.0, "total_tax": 0.0}]])
def test_case_08_money_given_back_without_lines_claws_its_share_of_what_was_paid(parts: list[dict[str, Any]]) -> None:
    store = Shop()
    delivery = {"id": 5, "title": "Standard", "price": "4.85", "discounted_price": "4.85"}
    sold = shopify_line(1, "90.02", quantity=2)
    tell(store, "orders/paid", shopify_order(sold, shipping_lines=[delivery], total_price="184.89"))
    assert_stands(store, status=Status.PROCESSED, award=900, balance=900, spent=18_004)
    paid_out = {"kind": "refund", "status": "success", "amount": "41.94", "currency": "USD"}
    back = {"id": 900, "order_id": int(ORDER), "refund_line_items": parts, "transactions": [paid_out]}
    tell(store, "refunds/create", back)
    target, gone = round_half_up(Fraction(900 * 4_194, 18_489)), round_half_up(Fraction(18_004 * 4_194, 18_489))
    assert (target, gone) == (204, 4_084)
    assert_stands(
        store, status=Status.PARTIALLY_REVERSED, award=900, target=target, balance=900 - target, spent=18_004 - gone
    )


def test_case_09_a_gift_card_earns_nothing_and_its_refund_claws_back_nothing() -> None:
    store = Shop()
    store.hear(paid(line("1", 10_000), line("2", 5_000, gift_card=True)))
    assert_stands(store, status=Status.PROCESSED, award=500, balance=500, spent=10_000)
    store.hear(news(None, refund("r", units("2", 1, 5_000))))
    assert_stands(store, status=Status.PROCESSED, award=500, balance=500, spent=10_000)


def test_case_10_tips_duties_and_fees_never_earn_even_where_delivery_and_tax_do() -> None:
    store = Shop(earn_on={"shipping": True, "tax": True})
    sold = shopify_line(1, "100.00", duties=[{"id": 7, "price_set": money("15.00")}])
    extras = {
        "total_tip_received": "20.00",
        "original_total_duties_set": money("15.00"),
        "original_total_additional_fees_set": money("3.00"),
        "total_price": "138.00",
    }
    tell(store, "orders/paid", shopify_order(sold, **extras))
    assert_stands(store, status=Status.PROCESSED, award=500, balance=500, spent=10_000)
    woo = Shop(earn_on={"shipping": True, "tax": True})
    order = {
        "id": 1,
        "status": "processing",
        "currency": "USD",
        "customer_id": int(CUSTOMER),
        "date_modified_gmt": "2026-03-01T00:01:00",
        "line_items": [{"id": 1, "quantity": 1, "subtotal": "100.00", "total": "100.00", "total_tax": "0.00"}],
        "fee_lines": [{"id": 2, "name": "Gift wrap", "total": "38.00", "total_tax": "7.00"}],
        "total": "145.00",
        "total_tax": "7.00",
    }
    told = read("woocommerce", "order.updated", json.dumps(order).encode(), woo.settings)
    assert isinstance(told, News)
    woo.hear(told)
    assert_stands(woo, status=Status.PROCESSED, award=500, balance=500, spent=10_000, order_id="1")


def test_case_13_yen_and_dinars_are_rounded_in_their_own_minor_units() -> None:
    yen, dinar = Shop(JPY), Shop(KWD)
    yen.hear(paid(line("1", 1_999), currency=JPY))
    dinar.hear(paid(line("1", 1_999), currency=KWD))
    assert (yen.account.available, JPY.format(yen.account.available)) == (100, "100")
    assert (dinar.account.available, KWD.format(dinar.account.available)) == (100, "0.100")


@pytest.mark.parametrize(
    ("changes", "sold", "reason", "spent"),
    [
        ({}, line("1", 0), "nothing_to_earn_on", 0),
        ({"exclusions": {"skus": ["X"]}}, line("1", 4_000, sku="X"), "excluded", 4_000),
        ({"exclusions": {"sources": ["website"]}}, line("1", 4_000), "excluded", 4_000),
        ({"min_order": "100"}, line("1", 4_000), "below_minimum", 4_000),
        ({"base_rate": "0.0001"}, line("1", 4_000), "rounds_to_zero", 4_000),
    ],
)
@pytest.mark.parametrize("automatic", [True, False])
def test_case_15_an_order_that_earns_nothing_says_why_and_still_counts_as_spent(
    changes: dict[str, Any], sold: Any, reason: str, spent: int, automatic: bool
) -> None:
    store = Shop(**changes, auto_processing=automatic)
    store.hear(paid(sold))
    assert_stands(store, status=Status.NOT_ELIGIBLE, reason=reason, balance=0, spent=spent)
    assert store.posted == {}
    assert store.account.orders_count == 1
    store.hear(news(None, refund("r", units("1"))))
    assert_stands(store, status=Status.NOT_ELIGIBLE, reason=reason, balance=0, spent=0)


def test_case_19_a_refund_before_the_payment_waits_and_is_clawed_back_in_the_posting_of_the_award() -> None:
    store = Shop()
    store.hear(news(None, refund("r", units("1", 1, 5_000))))
    assert_stands(store, status=Status.AWAITING, reason="not_paid", balance=0, spent=0)
    store.hear(paid(line("1", 10_000, quantity=2)))
    assert store.postings == [{f"ord:{ORDER}:earn": 500, f"ord:{ORDER}:ref:r": -250}]
    assert_stands(store, status=Status.PARTIALLY_REVERSED, award=500, target=250, balance=250, spent=5_000)


@pytest.mark.parametrize("refund_first", [True, False])
def test_case_19_a_refund_at_the_same_moment_meets_the_payment_on_the_order(refund_first: bool) -> None:
    store = Shop()
    payment, back = paid(line("1", 10_000, quantity=2)), news(None, refund("r", units("1", 1, 5_000)))
    race(store, *((back, payment) if refund_first else (payment, back)))
    assert_stands(store, status=Status.PARTIALLY_REVERSED, award=500, target=250, balance=250, spent=5_000)


def race(store: Shop, first: News, second: News) -> None:
    """Two workers decide from the same order; the slower one finds that it moved, and decides again."""
    heard: list[Order | None] = []
    with store.before_writes(lambda: heard.append(store.hear(first))):
        store.hear(second)
    assert heard[0] is not None, "the first was decided after the second had read, and before it wrote"


def test_case_20_an_old_paid_after_refunded_undoes_nothing() -> None:
    store = Shop()
    store.hear(paid(line("1", 10_000), second=1))
    store.hear(paid(line("1", 10_000, current=0), refunds=[refund("r", units("1", 1, 10_000))], second=2))
    assert_stands(store, status=Status.REVERSED, award=500, target=500, balance=0, spent=0)
    before = store.order
    assert store.hear(paid(line("1", 10_000), second=1)) is None
    assert store.order == before
    assert_stands(store, status=Status.REVERSED, award=500, target=500, balance=0, spent=0)


def test_case_20_of_one_moment_what_happened_stays_and_units_gone_never_fall() -> None:
    store = Shop()
    store.hear(news(body(line("1", 10_000, quantity=2, current=1), second=1), paid=True, completed=True))
    assert_stands(store, status=Status.PARTIALLY_REVERSED, award=500, target=250, balance=250, spent=5_000)
    assert store.hear(news(body(line("1", 10_000, quantity=2, current=2), second=1))) is None
    assert (store.order.facts.paid, store.order.facts.completed) == (True, True)
    assert_stands(store, status=Status.PARTIALLY_REVERSED, award=500, target=250, balance=250, spent=5_000)


def test_case_20_a_newer_body_may_bring_units_back() -> None:
    store = Shop()
    store.hear(paid(line("1", 10_000, quantity=2, current=1), second=1))
    store.hear(news(body(line("1", 10_000, quantity=2), second=2)))
    assert_stands(store, status=Status.PROCESSED, reason="awarded", award=500, balance=500, spent=10_000)


def test_case_21_one_event_twice_at_the_same_moment_is_one_entry() -> None:
    store = Shop()
    told = paid(line("1", 10_000))
    race(store, told, told)
    assert_stands(store, status=Status.PROCESSED, award=500, balance=500, spent=10_000)
    assert store.hear(told) is None
    assert store.posted == {f"ord:{ORDER}:earn": 500}
    assert store.account.orders_count == 1


def test_case_22_a_cancelled_order_is_reversed_whole_once_whatever_was_refunded() -> None:
    store = Shop()
    store.hear(paid(line("1", 59_894, quantity=2), total=59_894, second=1))
    store.hear(news(None, refund("r", money=1_000)))
    assert_stands(store, status=Status.PARTIALLY_REVERSED, award=2_995, target=50, balance=2_945, spent=58_894)
    gone = body(line("1", 59_894, quantity=2, current=0), total=59_894, second=2)
    store.hear(news(gone, refund("r", money=1_000), cancelled=True))
    assert_stands(
        store, status=Status.REVERSED, reason="order_cancelled", award=2_995, target=2_995, balance=0, spent=0
    )
    store.hear(news(None, refund("s", units("1", 2, 58_894))))
    assert_stands(store, status=Status.REVERSED, award=2_995, target=2_995, balance=0, spent=0)
    assert store.posted == {
        f"ord:{ORDER}:earn": 2_995,
        f"ord:{ORDER}:ref:r": -50,
        f"ord:{ORDER}:cancel": -2_945,
    }


def test_case_22_a_line_sent_with_quantity_0_by_a_cancelled_order_is_gone_too() -> None:
    store = Shop()
    store.hear(paid(line("1", 10_000), line("2", 5_000), second=1))
    store.hear(news(body(line("1", 0, quantity=0), second=2), cancelled=True))
    assert_stands(store, status=Status.REVERSED, award=750, target=750, balance=0, spent=0)


@pytest.mark.parametrize("held", [False, True])
def test_case_23_cancelled_while_it_waits_for_review_is_rejected_for_good(held: bool) -> None:
    store = Shop(auto_processing=held, hold_over_award="1" if held else None)
    store.hear(paid(line("1", 10_000)))
    assert_stands(store, status=Status.HELD if held else Status.PENDING, balance=0, spent=10_000)
    store.hear(news(None, cancelled=True))
    assert_stands(store, status=Status.REJECTED, reason="order_cancelled", balance=0, spent=0)
    with pytest.raises(StateConflict):
        store.approve()
    store.hear(paid(line("1", 10_000), second=9))
    assert_stands(store, status=Status.REJECTED, reason="order_cancelled", balance=0, spent=0)
    assert store.posted == {}


def test_case_24_a_refund_while_pending_shrinks_what_would_be_credited_and_both_are_seen() -> None:
    store = Shop(auto_processing=False)
    store.hear(paid(line("1", 10_000, quantity=4)))
    assert (store.order.basis, store.order.calculated) == (500, 500)
    store.hear(news(None, refund("r", units("1", 1, 2_500))))
    assert (store.order.status, store.order.basis, store.order.calculated) == (Status.PENDING, 500, 375)
    store.approve()
    assert_stands(store, status=Status.PROCESSED, reason="approved", award=375, balance=375, spent=7_500)
    store.hear(news(None, refund("s", units("1", 1, 2_500))))
    assert_stands(store, status=Status.PARTIALLY_REVERSED, award=375, target=125, balance=250, spent=5_000)
    store.hear(news(None, refund("t", units("1", 2, 5_000))))
    assert_stands(store, status=Status.REVERSED, award=375, target=375, balance=0, spent=0)


def test_case_24_refunded_whole_while_pending_it_is_rejected() -> None:
    store = Shop(auto_processing=False)
    store.hear(paid(line("1", 10_000)))
    store.hear(news(None, refund("r", units("1", 1, 9_999))))
    assert_stands(store, status=Status.REJECTED, reason="fully_refunded", balance=0, spent=0)


@pytest.mark.parametrize("amount", [1, 7, 100, 374, 375, 376, 1_000, 50_000])
def test_case_24_another_amount_approved_after_a_refund_is_posted_and_clawed_back_in_proportion(amount: int) -> None:
    store = Shop(auto_processing=False)
    store.hear(paid(line("1", 10_000, quantity=4)))
    store.hear(news(None, refund("r", units("1", 1, 2_500))))
    store.approve(amount=amount)
    assert_stands(store, status=Status.PROCESSED, award=amount, balance=amount, spent=7_500)
    assert store.order.calculated == amount, "what was gone already is not clawed back again"
    assert sum(share.award for share in store.order.calculation.lines) == amount
    store.hear(news(body(line("1", 10_000, quantity=4), second=3)))
    assert_stands(store, status=Status.PROCESSED, award=amount, balance=amount, spent=7_500)
    store.hear(news(None, refund("s", units("1", 1, 2_500))))
    assert abs(store.order.target - amount / 3) <= 1
    store.hear(news(None, refund("t", units("1", 2, 5_000))))
    assert_stands(store, status=Status.REVERSED, award=amount, target=amount, balance=0, spent=0)


def test_case_24_approving_a_tiny_rest_of_a_huge_order_takes_no_time() -> None:
    store = Shop(auto_processing=False, base_rate="1")
    whole = 10**13
    store.hear(paid(line("1", whole), total=whole))
    store.hear(news(None, refund("r", money=whole - 1)))
    store.approve(amount=3)
    assert_stands(store, status=Status.PROCESSED, award=3, balance=3, spent=1)


@pytest.mark.parametrize(
    ("first", "second"),
    [("approve", "approve"), ("approve", "reject"), ("reject", "approve"), ("reject", "reject")],
)
def test_case_25_the_first_verdict_wins_and_the_second_is_told_so(first: str, second: str) -> None:
    store = Shop(auto_processing=False)
    store.hear(paid(line("1", 10_000)))
    verdicts = {"approve": store.approve, "reject": store.reject}
    verdicts[first]()
    stood = store.order
    with pytest.raises(StateConflict):
        verdicts[second]()
    assert store.order == stood
    if first == "approve":
        assert_stands(store, status=Status.PROCESSED, reason="approved", award=500, balance=500, spent=10_000)
    else:
        assert_stands(store, status=Status.REJECTED, reason="suspicious", balance=0, spent=10_000)


def test_case_25_a_rejected_order_stays_so_whatever_is_heard_of_it() -> None:
    store = Shop(auto_processing=False)
    store.hear(paid(line("1", 10_000)))
    store.reject()
    store.hear(news(body(line("1", 10_000), second=5), refund("r", units("1")), completed=True))
    assert_stands(store, status=Status.REJECTED, reason="suspicious", balance=0, spent=0)


@pytest.mark.parametrize("refund_first", [True, False])
def test_case_26_units_removed_after_the_award_claw_like_a_refund_and_once_with_their_refund(
    refund_first: bool,
) -> None:
    store = Shop()
    sold = line("2", 6_000, quantity=4)
    store.hear(paid(line("1", 10_000), sold, second=1))
    assert_stands(store, status=Status.PROCESSED, award=800, balance=800, spent=16_000)
    edited = news(body(line("1", 10_000), replace(sold, current_quantity=2), second=2))
    refunded = news(None, refund("r", units("2", 2, 3_000)))
    for told in (refunded, edited) if refund_first else (edited, refunded):
        store.hear(told)
        assert_stands(store, status=Status.PARTIALLY_REVERSED, award=800, target=150, balance=650, spent=13_000)
    assert sorted(store.posted.values()) == [-150, 800]


@pytest.mark.parametrize(
    ("policy", "balance", "owed", "waived", "shortfall"),
    [("partial", 0, 400, 0, 400), ("full_or_skip", 100, 0, 500, 0), ("allow_negative", -400, 0, 0, 0)],
)
@pytest.mark.row("I2")
def test_case_31_a_clawback_larger_than_the_balance_goes_by_policy(
    policy: str, balance: int, owed: int, waived: int, shortfall: int
) -> None:
    store = Shop(clawback=policy)
    store.hear(paid(line("1", 10_000)))
    store.spend(400)
    store.hear(news(None, refund("r", units("1"))))
    assert_stands(
        store,
        status=Status.REVERSED,
        award=500,
        target=500,
        owed=owed,
        waived=waived,
        balance=balance,
        shortfall=shortfall,
        spent=0,
    )


def test_case_31_the_shortfall_is_repaid_by_the_next_award_as_far_as_it_goes() -> None:
    store = Shop()
    store.hear(paid(line("1", 10_000)))
    store.spend(500)
    store.hear(news(None, refund("r", units("1"))))
    store.hear(paid(line("1", 6_000), order_id="2"))
    assert_stands(store, status=Status.REVERSED, award=500, target=500, owed=500, balance=0, shortfall=200, spent=6_000)
    assert (store.posted["ord:2:earn"], store.posted["rec:ord:2:earn"]) == (300, -300)
    store.hear(paid(line("1", 6_000), order_id="3"))
    assert (store.account.available, store.account.shortfall, store.posted["rec:ord:3:earn"]) == (100, 0, -200)
    assert store.account.credited == 1_100
    assert store.account.debited == 1_000


def test_case_31_an_award_that_comes_with_a_refund_repays_no_more_than_it_leaves() -> None:
    store = Shop()
    store.hear(paid(line("1", 10_000)))
    store.spend(500)
    store.hear(news(None, refund("r", units("1"))))
    store.hear(paid(line("1", 10_000, quantity=4), refunds=[refund("q", units("1", 3))], order_id="2"))
    assert (store.posted["ord:2:earn"], store.posted["ord:2:ref:q"], store.posted["rec:ord:2:earn"]) == (
        500,
        -375,
        -125,
    )
    assert (store.account.available, store.account.shortfall) == (0, 375)


def test_case_31_an_approved_award_repays_the_shortfall_too() -> None:
    store = Shop()
    store.hear(paid(line("1", 10_000)))
    store.spend(500)
    store.hear(news(None, refund("r", units("1"))))
    store.change(auto_processing=False)
    store.hear(paid(line("1", 6_000), order_id="2"))
    store.approve("2")
    assert (store.posted["ord:2:earn"], store.posted["rec:ord:2:earn"]) == (300, -300)
    assert (store.account.available, store.account.shortfall) == (0, 200)


@pytest.mark.parametrize(
    ("policy", "takes", "owed", "waived", "balance"),
    [
        ("partial", {"r": -200, "s": 0}, 300, 0, 0),
        ("full_or_skip", {}, 0, 500, 200),
        ("allow_negative", {"r": -250, "s": -250}, 0, 0, -300),
    ],
)
def test_case_31_two_refunds_told_at_once_take_from_one_balance(
    policy: str, takes: dict[str, int], owed: int, waived: int, balance: int
) -> None:
    store = Shop(clawback=policy)
    store.hear(paid(line("1", 10_000, quantity=2)))
    store.spend(300)
    store.hear(news(None, refund("r", units("1", 1)), refund("s", units("1", 1))))
    assert_stands(
        store,
        status=Status.REVERSED,
        award=500,
        target=500,
        owed=owed,
        waived=waived,
        balance=balance,
        shortfall=owed,
        spent=0,
    )
    clawed = {cause.rpartition(":")[2]: amount for cause, amount in store.posted.items() if ":ref:" in cause}
    assert clawed == takes


def test_case_31_a_balance_that_another_policy_left_negative_has_nothing_to_take() -> None:
    store = Shop(clawback="allow_negative")
    store.hear(paid(line("1", 10_000), order_id="1"))
    store.hear(paid(line("1", 10_000)))
    store.spend(1_000)
    store.hear(news(None, refund("q", units("1")), order_id="1"))
    assert (store.account.available, store.account.shortfall) == (-500, 0)
    store.change(clawback="partial")
    store.hear(news(None, refund("r", units("1"))))
    assert_stands(store, status=Status.REVERSED, award=500, target=500, owed=500, balance=-500, shortfall=500, spent=0)


@pytest.mark.parametrize(
    ("policy", "balance", "owed", "waived"),
    [("partial", 0, 400, 0), ("full_or_skip", 100, 0, 500), ("allow_negative", -400, 0, 0)],
)
@pytest.mark.parametrize("before", POLICIES)
def test_case_31_the_policy_is_that_of_the_clawback_and_not_that_of_the_award(
    before: str, policy: str, balance: int, owed: int, waived: int
) -> None:
    store = Shop(clawback=before)
    store.hear(paid(line("1", 10_000)))
    store.spend(400)
    store.change(clawback=policy, base_rate="0.5")
    store.hear(news(None, refund("r", units("1"))))
    assert_stands(
        store,
        status=Status.REVERSED,
        award=500,
        target=500,
        owed=owed,
        waived=waived,
        balance=balance,
        shortfall=owed,
        spent=0,
    )


def test_case_31_what_was_skipped_is_not_taken_later_and_not_given_back_either() -> None:
    store = Shop(clawback="full_or_skip")
    store.hear(paid(line("1", 10_000, quantity=2), second=1))
    store.spend(400)
    store.hear(news(body(line("1", 10_000, quantity=2, current=1), second=2)))
    assert_stands(store, status=Status.PARTIALLY_REVERSED, award=500, target=250, waived=250, balance=100, spent=5_000)
    store.hear(news(body(line("1", 10_000, quantity=2), second=3)))
    assert_stands(store, status=Status.PROCESSED, award=500, balance=100, spent=10_000)


def test_case_32_the_order_of_an_unknown_customer_opens_the_account_it_is_posted_to() -> None:
    store = Shop()
    order = store.hear(paid(line("1", 10_000), customer_id="9007199254740993"))
    assert order is not None
    assert order.customer_id == "9007199254740993"
    assert store.books.customers.get(STORE, "9007199254740993") is not None
    account = store.accounts["9007199254740993"]
    assert (account.available, account.orders_count, account.total_spent) == (500, 1, 10_000)
    assert account.first_order_at == account.last_order_at == order.created_at


def test_case_33_tax_inside_the_price_is_taken_out_of_the_base() -> None:
    store = Shop()
    store.hear(paid(line("1", 11_900, tax=1_900), tax=1_900, taxes_included=True, total=11_900))
    assert_stands(store, status=Status.PROCESSED, award=500, balance=500, spent=10_000)
    store.hear(news(None, refund("r", units("1", 1, 11_900))))
    assert_stands(store, status=Status.REVERSED, award=500, target=500, balance=0, spent=0)


@pytest.mark.row("I5")
def test_case_34_a_refund_told_twice_and_seen_in_the_quantities_is_clawed_back_once() -> None:
    store = Shop()
    store.hear(paid(line("1", 10_000, quantity=2), second=1))
    back = refund("r", units("1", 2, 10_000))
    store.hear(news(None, back))
    store.hear(news(body(line("1", 10_000, quantity=2, current=0), second=2), back))
    assert_stands(store, status=Status.REVERSED, award=500, target=500, balance=0, spent=0)
    assert store.posted == {f"ord:{ORDER}:earn": 500, f"ord:{ORDER}:ref:r": -500}


def test_case_34_seen_in_the_quantities_first_it_is_clawed_back_once_too() -> None:
    store = Shop()
    store.hear(paid(line("1", 10_000, quantity=2), second=1))
    store.hear(news(body(line("1", 10_000, quantity=2, current=1), second=2)))
    assert_stands(store, status=Status.PARTIALLY_REVERSED, award=500, target=250, balance=250, spent=5_000)
    store.hear(news(None, refund("r", units("1", 1, 5_000))))
    assert_stands(store, status=Status.PARTIALLY_REVERSED, award=500, target=250, balance=250, spent=5_000)


def test_case_35_first_seen_as_partially_refunded_it_is_credited_and_clawed_back_in_one_posting() -> None:
    store = Shop()
    sold = line("1", 10_000, quantity=2, current=1)
    store.hear(paid(sold, refunds=[refund("r", units("1", 1, 5_000))]))
    assert store.postings == [{f"ord:{ORDER}:earn": 500, f"ord:{ORDER}:ref:r": -250}]
    assert_stands(store, status=Status.PARTIALLY_REVERSED, award=500, target=250, balance=250, spent=5_000)


def test_case_35_first_seen_as_refunded_it_leaves_nothing() -> None:
    store = Shop()
    store.hear(paid(line("1", 10_000), refunds=[refund("r", units("1"))]))
    assert_stands(store, status=Status.REVERSED, award=500, target=500, balance=0, spent=0)


def test_case_36_an_order_created_in_automatic_mode_and_paid_after_the_switch_is_pending() -> None:
    store = Shop()
    store.hear(news(body(line("1", 10_000), second=1)))
    assert_stands(store, status=Status.AWAITING, balance=0, spent=0)
    store.change(auto_processing=False)
    store.hear(paid(line("1", 10_000), second=2))
    assert_stands(store, status=Status.PENDING, reason="manual_review", balance=0, spent=10_000)
    assert store.order.terms is not None
    assert (store.order.terms.mode, store.order.terms.settings_version) == (Mode.MANUAL, 2)


def test_case_36_and_the_switch_back_leaves_it_pending_at_the_rate_it_was_paid_at() -> None:
    store = Shop(auto_processing=False)
    store.hear(paid(line("1", 10_000), second=1))
    store.change(auto_processing=True, base_rate="0.5")
    store.hear(news(body(line("1", 10_000), second=2), completed=True))
    assert_stands(store, status=Status.PENDING, balance=0, spent=10_000)
    store.approve()
    assert_stands(store, status=Status.PROCESSED, award=500, balance=500, spent=10_000)
    assert store.entries[CUSTOMER][f"ord:{ORDER}:earn"].rule_version == 1


def move(store: Shop, cause: str, kept_back: int) -> Outcome:
    """Reserve money for a payout, or release it; a release repays an open shortfall first."""
    entry = Entry(cause, Kind.PAYOUT, -kept_back, "key:anna", payload_hash(Kind.PAYOUT, kept_back), kept_back)
    released = kept_back < 0
    posting = Posting(STORE, CUSTOMER, NOW, entries=(entry,), repays=released, forbids_shortfall=not released)
    return store.books.ledger.post(posting)


@pytest.mark.row("I12")
def test_case_37_what_was_asked_for_as_a_payout_repays_the_refund_once_it_is_released() -> None:
    store = Shop(base_rate="0.4")
    store.hear(paid(line("1", 10_000)))
    assert isinstance(move(store, causes.request_hold("R-1"), 4_000), Posted)
    assert (store.account.available, store.account.reserved) == (0, 4_000)
    store.hear(news(None, refund("r", units("1"))))
    assert_stands(
        store, status=Status.REVERSED, award=4_000, target=4_000, owed=4_000, balance=0, shortfall=4_000, spent=0
    )
    assert isinstance(move(store, causes.request_hold("R-2"), 1), AccountMoved), "all of it is asked for"
    for outcome in (Posted, Replayed):
        assert isinstance(move(store, causes.request_release("R-1"), -4_000), outcome)
        assert (store.account.available, store.account.reserved, store.account.shortfall) == (0, 0, 0)
    assert store.posted == {
        f"ord:{ORDER}:earn": 4_000,
        "req:R-1:hold": -4_000,
        f"ord:{ORDER}:ref:r": 0,
        "req:R-1:release": 4_000,
        "rec:req:R-1:release": -4_000,
    }
    assert isinstance(move(store, causes.request_hold("R-3"), 1), AccountMoved), "nothing is left to ask for"
    store.hear(news(body(line("1", 10_000), second=9)))
    assert_stands(store, status=Status.REVERSED, award=4_000, target=4_000, owed=4_000, balance=0, spent=0)


def test_case_37_a_release_larger_than_the_shortfall_leaves_the_rest() -> None:
    store = Shop(base_rate="0.4")
    store.hear(paid(line("1", 10_000, quantity=4)))
    assert isinstance(move(store, causes.request_hold("R-1"), 4_000), Posted)
    store.hear(news(None, refund("r", units("1", 1, 2_500))))
    assert (store.account.available, store.account.shortfall) == (0, 1_000)
    assert isinstance(move(store, causes.request_release("R-1"), -4_000), Posted)
    assert (store.account.available, store.account.reserved, store.account.shortfall) == (3_000, 0, 0)
    assert isinstance(move(store, causes.request_hold("R-2"), 3_001), AccountMoved)
    assert isinstance(move(store, causes.request_hold("R-3"), 3_000), Posted)


def test_case_38_two_refunds_in_two_workers_are_both_clawed_back() -> None:
    store = Shop()
    store.hear(paid(line("1", 10_000, quantity=4)))
    race(
        store,
        news(None, refund("r", units("1", 1, 2_500))),
        news(None, refund("s", units("1", 2, 5_000))),
    )
    assert_stands(store, status=Status.PARTIALLY_REVERSED, award=500, target=375, balance=125, spent=2_500)
    assert store.posted == {f"ord:{ORDER}:earn": 500, f"ord:{ORDER}:ref:r": -125, f"ord:{ORDER}:ref:s": -250}


def test_case_40_the_refund_of_an_excluded_line_claws_back_nothing() -> None:
    store = Shop(base_rate="0.1", exclusions={"skus": ["B"]})
    store.hear(paid(line("1", 10_000, sku="A"), line("2", 10_000, sku="B")))
    store.hear(news(None, refund("r", units("2", 1, 10_000))))
    assert_stands(store, status=Status.PROCESSED, award=1_000, balance=1_000, spent=10_000)
    store.hear(news(None, refund("s", units("1", 1, 10_000))))
    assert_stands(store, status=Status.REVERSED, award=1_000, target=1_000, balance=0, spent=0)


def test_case_27_a_deleted_refund_is_given_back_as_a_new_entry() -> None:
    store = Shop()
    store.hear(listing(line("1", 10_000), second=1))
    store.hear(listing(line("1", 10_000), refunds=[refund("r", money=4_000)], second=2))
    assert_stands(store, status=Status.PARTIALLY_REVERSED, award=500, target=200, balance=300, spent=6_000)
    store.hear(listing(line("1", 10_000), second=3))
    assert_stands(store, status=Status.PROCESSED, reason="awarded", award=500, balance=500, spent=10_000)
    assert store.posted == {f"ord:{ORDER}:earn": 500, f"ord:{ORDER}:ref:r": -200, f"ord:{ORDER}:ref:r:del": 200}
    assert store.hear(listing(line("1", 10_000), refunds=[refund("r", money=4_000)], second=2)) is None


def test_case_27_the_deletion_may_be_told_before_the_refund() -> None:
    store = Shop()
    store.hear(listing(line("1", 10_000), second=3))
    store.hear(listing(line("1", 10_000), refunds=[refund("r", money=4_000)], second=2))
    assert_stands(store, status=Status.PROCESSED, award=500, balance=500, spent=10_000)
    assert store.posted == {f"ord:{ORDER}:earn": 500}
    store.hear(listing(line("1", 10_000), refunds=[refund("s", money=2_000)], second=4))
    assert_stands(store, status=Status.PARTIALLY_REVERSED, award=500, target=100, balance=400, spent=8_000)
    assert store.posted == {f"ord:{ORDER}:earn": 500, f"ord:{ORDER}:ref:s": -100}


def test_case_27_what_is_owed_for_the_refund_is_forgiven_first() -> None:
    store = Shop()
    store.hear(listing(line("1", 10_000), second=1))
    store.spend(400)
    store.hear(listing(line("1", 10_000), refunds=[refund("r", money=10_000)], second=2))
    assert_stands(store, status=Status.REVERSED, award=500, target=500, owed=400, balance=0, shortfall=400, spent=0)
    store.hear(listing(line("1", 10_000), second=3))
    assert_stands(store, status=Status.PROCESSED, award=500, balance=100, spent=10_000)


def test_case_27_one_refund_deleted_and_another_made_in_its_place_have_an_entry_each() -> None:
    store = Shop()
    store.hear(listing(line("1", 10_000), second=1))
    store.spend(400)
    store.hear(listing(line("1", 10_000), refunds=[refund("r", money=6_000)], second=2))
    assert_stands(
        store, status=Status.PARTIALLY_REVERSED, award=500, target=300, owed=200, balance=0, shortfall=200, spent=4_000
    )
    store.hear(listing(line("1", 10_000), refunds=[refund("s", money=8_000)], second=3))
    assert_stands(
        store, status=Status.PARTIALLY_REVERSED, award=500, target=400, owed=300, balance=0, shortfall=300, spent=2_000
    )
    moved = store.entries[CUSTOMER]
    deleted, made = moved[f"ord:{ORDER}:ref:r:del"], moved[f"ord:{ORDER}:ref:s"]
    assert [(entry.amount, entry.owed) for entry in (deleted, made)] == [(100, -200), (-100, 300)]


def test_case_27_a_refund_that_bodies_of_one_moment_disagree_about_stands_and_is_settled_as_often_as_told() -> None:
    store = Shop()
    without, with_refund = line("1", 10_000), [refund("r", money=4_000)]
    store.hear(listing(without, refunds=with_refund, second=1))
    store.hear(listing(without, second=2))
    store.hear(listing(without, refunds=with_refund, second=2))
    assert_stands(store, status=Status.PARTIALLY_REVERSED, award=500, target=200, balance=300, spent=6_000)
    store.hear(listing(without, second=3))
    assert_stands(store, status=Status.PROCESSED, award=500, balance=500, spent=10_000)
    store.hear(listing(without, refunds=with_refund, second=4))
    assert_stands(store, status=Status.PARTIALLY_REVERSED, award=500, target=200, balance=300, spent=6_000)


def test_case_27_where_more_was_removed_than_the_deleted_refund_took_the_deletion_takes_nothing() -> None:
    store = Shop()
    store.hear(listing(line("1", 6_000), line("2", 4_000), refunds=[refund("r", money=1_000)], second=1))
    store.hear(listing(line("1", 6_000), second=2))
    assert_stands(store, status=Status.PARTIALLY_REVERSED, award=500, target=200, balance=300, spent=6_000)
    assert store.posted == {f"ord:{ORDER}:earn": 500, f"ord:{ORDER}:ref:r": -50, f"ord:{ORDER}:edit:1": -150}
    assert (set(store.order.clawed), set(store.order.undone)) == ({"r"}, {"r"})
    assert order_of(order_item("demo", store.order)) == store.order


def test_case_27_of_a_cancelled_order_no_deleted_refund_comes_back() -> None:
    store = Shop()
    store.hear(listing(line("1", 10_000), refunds=[refund("r", money=4_000)], second=1))
    store.hear(news(body(line("1", 10_000), second=2, refund_ids=frozenset()), cancelled=True))
    store.hear(listing(line("1", 10_000), second=3))
    assert_stands(store, status=Status.REVERSED, reason="order_cancelled", award=500, target=500, balance=0, spent=0)
    assert store.posted == {f"ord:{ORDER}:earn": 500, f"ord:{ORDER}:ref:r": -200, f"ord:{ORDER}:cancel": -300}


def test_case_27_a_refund_deleted_while_pending_counts_for_the_reviewer_no_more_and_is_not_given_back_twice() -> None:
    store = Shop(auto_processing=False)
    store.hear(listing(line("1", 10_000), refunds=[refund("r", money=4_000)], second=1))
    assert store.order.calculated == 300
    store.hear(listing(line("1", 10_000), second=2))
    assert store.order.calculated == 500
    store.approve()
    store.hear(listing(line("1", 10_000), second=3))
    assert store.posted == {f"ord:{ORDER}:earn": 500}


def test_case_27_a_crowd_of_deletions_is_given_back_whole_in_one_posting() -> None:
    store = Shop()
    crowd = [refund(f"r{i}", money=100) for i in range(90)]
    store.hear(listing(line("1", 10_000), refunds=crowd, second=1))
    assert_stands(store, status=Status.PARTIALLY_REVERSED, award=500, target=450, balance=50, spent=1_000)
    store.hear(listing(line("1", 10_000), refunds=crowd[:1], second=2))
    assert len(store.postings[-1]) <= 41
    assert_stands(store, status=Status.PARTIALLY_REVERSED, award=500, target=5, balance=495, spent=9_900)


def owing_ten() -> Shop:
    """Order A earned 10.00, which was spent before the order was refunded."""
    store = Shop(base_rate="0.1")
    store.hear(listing(line("1", 10_000), second=1))
    store.spend(1_000)
    store.hear(listing(line("1", 10_000), refunds=[refund("r", units("1"))], second=2))
    assert_stands(
        store, status=Status.REVERSED, award=1_000, target=1_000, owed=1_000, balance=0, shortfall=1_000, spent=0
    )
    return store


def deleted(store: Shop) -> list[tuple[str, int, int]]:
    """What the deletion of the order's one refund posts: cause, amount and owed of each entry."""
    known = store.entries[CUSTOMER]
    store.hear(listing(line("1", 10_000), second=3))
    posted = (entry for cause, entry in store.entries[CUSTOMER].items() if cause not in known)
    return [(entry.cause, entry.amount, entry.owed) for entry in posted]


def test_case_41_what_was_repaid_for_a_refund_is_given_back_when_the_refund_is_deleted() -> None:
    store = owing_ten()
    store.hear(paid(line("1", 10_000), order_id="B"))
    assert_stands(store, status=Status.REVERSED, award=1_000, target=1_000, owed=1_000, balance=0, spent=10_000)
    assert deleted(store) == [(f"ord:{ORDER}:ref:r:del", 1_000, 0)]
    assert_stands(store, status=Status.PROCESSED, award=1_000, balance=1_000, spent=20_000)


def test_case_41_what_is_still_owed_is_forgiven_and_nothing_is_given_back() -> None:
    store = owing_ten()
    assert deleted(store) == [(f"ord:{ORDER}:ref:r:del", 0, -1_000)]
    assert_stands(store, status=Status.PROCESSED, award=1_000, balance=0, spent=10_000)


def test_case_41_of_what_was_half_repaid_one_half_is_forgiven_and_the_other_given_back() -> None:
    store = owing_ten()
    store.hear(paid(line("1", 4_000), order_id="B"))
    assert deleted(store) == [(f"ord:{ORDER}:ref:r:del", 400, -600)]
    assert_stands(store, status=Status.PROCESSED, award=1_000, balance=400, spent=14_000)


def test_case_41_what_is_given_back_repays_the_shortfall_of_other_orders() -> None:
    store = Shop(base_rate="0.1")
    store.hear(listing(line("1", 10_000), second=1))
    store.hear(listing(line("1", 10_000), refunds=[refund("r", units("1"))], second=2))
    store.hear(paid(line("1", 6_000), order_id="B"))
    store.spend(600)
    store.hear(news(None, refund("q", units("1")), order_id="B"))
    assert (store.account.available, store.account.shortfall) == (0, 600)
    cause = f"ord:{ORDER}:ref:r:del"
    assert deleted(store) == [(cause, 1_000, 0), (f"rec:{cause}", -600, -600)]
    assert_stands(store, status=Status.PROCESSED, award=1_000, balance=400, spent=10_000)


def test_a_refund_told_beside_one_that_lowers_it_leaves_no_more_owing_than_both_take() -> None:
    store = Shop()
    store.hear(paid(line("1", 10_000), total=10_000))
    store.spend(500)
    store.hear(news(None, refund("r", money=5_000), refund("s", money=-2_000)))
    assert_stands(
        store, status=Status.PARTIALLY_REVERSED, award=500, target=150, owed=150, balance=0, shortfall=150, spent=7_000
    )


def test_case_41_units_that_come_back_forgive_what_is_owed_before_anything_is_credited() -> None:
    store = Shop()
    store.hear(paid(line("1", 10_000, quantity=2), second=1))
    store.spend(400)
    store.hear(news(body(line("1", 10_000, quantity=2, current=0), second=2)))
    assert_stands(store, status=Status.REVERSED, award=500, target=500, owed=400, balance=0, shortfall=400, spent=0)
    store.hear(news(body(line("1", 10_000, quantity=2), second=3)))
    assert_stands(store, status=Status.PROCESSED, award=500, balance=100, spent=10_000)


@pytest.mark.parametrize("moneys", [(8_000, 900), (900, 8_000)])
@pytest.mark.row("61")
def test_row_61_a_refund_id_reused_with_another_amount_takes_the_larger_and_never_credits(
    moneys: tuple[int, int],
) -> None:
    store = Shop()
    store.hear(paid(line("1", 10_000), total=10_000))
    for amount in moneys:
        before = store.account.available
        store.hear(news(None, refund("r", money=amount)))
        assert store.account.available <= before
    assert_stands(store, status=Status.PARTIALLY_REVERSED, award=500, target=400, balance=100, spent=2_000)


def test_a_crowd_of_refunds_told_at_once_is_clawed_back_whole_in_one_posting() -> None:
    store = Shop()
    store.hear(paid(line("1", 10_000, quantity=100)))
    store.hear(news(None, *(refund(f"r{i}", units("1", 1)) for i in range(99))))
    assert_stands(store, status=Status.PARTIALLY_REVERSED, award=500, target=495, balance=5, spent=100)
    assert len(store.posted) <= 50
    store.hear(news(None, refund("r99", units("1", 1))))
    assert_stands(store, status=Status.REVERSED, award=500, target=500, balance=0, spent=0)


def test_an_approved_order_whose_refund_is_taken_back_is_approved_again() -> None:
    store = Shop(auto_processing=False)
    store.hear(paid(line("1", 10_000, quantity=2), second=1))
    store.approve()
    store.hear(news(body(line("1", 10_000, quantity=2, current=1), second=2)))
    store.hear(news(body(line("1", 10_000, quantity=2), second=3)))
    assert_stands(store, status=Status.PROCESSED, reason="approved", award=500, balance=500, spent=10_000)


def test_what_is_removed_after_an_approval_is_not_laid_to_a_refund_before_it() -> None:
    store = Shop(auto_processing=False)
    store.hear(paid(line("1", 10_000, quantity=4), second=1))
    store.hear(news(None, refund("r", units("1", 1))))
    store.approve()
    store.hear(news(body(line("1", 10_000, quantity=4, current=1), second=2)))
    assert store.posted == {f"ord:{ORDER}:earn": 375, f"ord:{ORDER}:edit:3": -250}


def test_the_tier_stays_that_of_the_payment_while_the_order_waits_for_review() -> None:
    store = Shop(auto_processing=False, tiers=[{"name": "gold", "min_spent": "100", "rate": "0.5"}])
    store.hear(paid(line("1", 20_000), order_id="first"))
    store.hear(paid(line("1", 10_000, quantity=2)))
    assert (store.orders["first"].basis, store.order.basis) == (1_000, 5_000)
    store.hear(news(None, refund("q", units("1")), order_id="first"))
    store.hear(news(None, refund("r", units("1", 1))))
    assert store.order.terms is not None
    assert (store.order.terms.tier, store.order.basis, store.order.calculated) == ("gold", 5_000, 2_500)


def test_the_tier_is_the_one_reached_before_the_order_even_where_it_earns_only_when_completed() -> None:
    tiers = [{"name": "gold", "min_spent": "100", "rate": "0.5"}]
    store = Shop(award_on="completed", tiers=tiers)
    store.hear(paid(line("1", 10_000), second=1))
    assert_stands(store, status=Status.AWAITING, reason="not_completed", balance=0, spent=10_000)
    store.hear(news(body(line("1", 10_000), second=2), completed=True))
    assert_stands(store, status=Status.PROCESSED, award=500, balance=500, spent=10_000)
    store.hear(news(body(line("1", 1_000), second=3), paid=True, completed=True, order_id="2"))
    assert store.account.available == 1_000


def test_an_order_without_lines_is_never_held_because_no_award_could_be_spread_over_it() -> None:
    store = Shop(hold_over_total="1")
    store.hear(paid(total=5_000, tips_and_fees=5_000))
    assert_stands(store, status=Status.NOT_ELIGIBLE, reason="nothing_to_earn_on", balance=0, spent=0)


def test_a_refunded_order_held_for_its_currency_is_rejected_and_cannot_be_approved() -> None:
    store = Shop()
    store.hear(paid(line("1", 10_000), currency=JPY))
    assert_stands(store, status=Status.HELD, reason="currency_mismatch", balance=0, spent=0)
    store.hear(news(None, refund("r", units("1"))))
    assert_stands(store, status=Status.REJECTED, reason="fully_refunded", balance=0, spent=0)


def test_an_excluded_order_that_was_held_and_approved_is_clawed_back_by_its_refunds() -> None:
    store = Shop(exclusions={"sources": ["website"]}, hold_over_total="1")
    store.hear(paid(line("1", 10_000, quantity=2)))
    assert_stands(store, status=Status.HELD, reason="total_over_limit", balance=0, spent=10_000)
    store.approve(amount=300)
    store.hear(news(None, refund("r", units("1"))))
    assert_stands(store, status=Status.PARTIALLY_REVERSED, award=300, target=150, balance=150, spent=5_000)


def test_a_failure_is_recorded_with_its_facts_and_newer_facts_are_decided_as_usual() -> None:
    store = Shop()
    store.fail(paid(line("1", 10_000), second=1), "calculation_error")
    assert (store.order.status, store.order.reason, store.order.facts.paid) == (
        Status.FAILED,
        "calculation_error",
        True,
    )
    store.hear(news(body(line("1", 10_000), second=2)))
    assert_stands(store, status=Status.PROCESSED, award=500, balance=500, spent=10_000)


@pytest.mark.parametrize("automatic", [True, False])
def test_a_failed_order_is_decided_by_the_same_event_delivered_again(automatic: bool) -> None:
    store, told = Shop(auto_processing=automatic), paid(line("1", 10_000))
    store.fail(told, "calculation_error")
    failed = store.order
    assert (failed.status, store.accounts) == (Status.FAILED, {})
    assert store.hear(told) is not None
    if automatic:
        assert_stands(store, status=Status.PROCESSED, reason="awarded", award=500, balance=500, spent=10_000)
    else:
        assert_stands(store, status=Status.PENDING, reason="manual_review", balance=0, spent=10_000)
    assert (store.order.facts, store.order.rev) == (failed.facts, failed.rev + 1)
    assert [step.status for step in store.order.history] == [Status.FAILED, store.order.status]
    assert store.hear(told) is None


@pytest.mark.parametrize("automatic", [True, False])
@pytest.mark.parametrize("told", [news(None, cancelled=True), news(None, refund("r", units("1")))])
def test_a_failure_to_hear_more_hides_neither_an_award_nor_a_rejection(automatic: bool, told: News) -> None:
    store = Shop(auto_processing=automatic)
    store.hear(paid(line("1", 10_000)))
    store.hear(told)
    assert store.order.status in {Status.REVERSED, Status.REJECTED}
    stood = store.order
    store.fail(news(None, completed=True), "calculation_error")
    assert store.order == stood


def test_case_39_news_of_another_source_leave_one_line_of_history_and_nothing_else() -> None:
    store = Shop()
    store.hear(paid(line("1", 10_000)))
    stood = store.order
    other = replace(news(body(line("1", 90_000), second=9), cancelled=True), source="woocommerce")
    store.hear(other)
    assert store.order == replace(stood, rev=stood.rev + 1, history=store.order.history)
    assert [step.reason for step in store.order.history] == ["awarded", "source_conflict"]
    stood = store.order
    assert store.hear(other) is None
    store.fail(other, "calculation_error")
    assert store.order == stood
    assert_stands(store, status=Status.PROCESSED, award=500, balance=500, spent=10_000)


def test_an_order_that_was_counted_for_a_customer_stays_theirs() -> None:
    store = Shop(award_on="completed", tiers=[{"name": "gold", "min_spent": "100", "rate": "0.5"}])
    store.hear(paid(line("1", 10_000), second=1))
    store.hear(news(body(line("1", 10_000), second=2, customer_id="8"), completed=True))
    assert store.order.customer_id == CUSTOMER
    assert "8" not in store.accounts
    assert_stands(store, status=Status.PROCESSED, award=500, balance=500, spent=10_000)


def test_a_guest_order_waits_for_its_customer_and_is_counted_when_there_is_one() -> None:
    store = Shop()
    store.hear(paid(line("1", 10_000), second=1, customer_id=None))
    assert_stands(store, status=Status.AWAITING_CUSTOMER, reason="guest_order", balance=0, spent=0)
    store.hear(news(body(line("1", 10_000), second=2)))
    assert_stands(store, status=Status.PROCESSED, award=500, balance=500, spent=10_000)


def test_a_store_with_cashback_off_awards_nothing_and_goes_on_clawing_back() -> None:
    store = Shop()
    store.hear(paid(line("1", 10_000)))
    store.change(cashback_enabled=False)
    store.hear(paid(line("1", 10_000), order_id="2"))
    assert (store.orders["2"].status, store.orders["2"].reason) == (Status.NOT_ELIGIBLE, "cashback_disabled")
    store.hear(news(None, refund("r", units("1"))))
    assert_stands(store, status=Status.REVERSED, award=500, target=500, balance=0, spent=10_000)


@pytest.mark.parametrize(
    ("changes", "about", "reason"),
    [
        ({}, body(line("1", 10_000), line_count=2), "too_many_lines"),
        ({}, body(line("1", 10_000), currency=JPY), "currency_mismatch"),
        ({}, body(line("1", 10_000, quantity=-1)), "line_quantity"),
        ({}, body(line("1", 10_000), line("2", 0, quantity=0)), "line_quantity"),
        ({}, body(line("1", 10_000), line("2", -1)), "line_amount"),
        ({}, body(line("1", 10_000, tax=-1)), "line_amount"),
        ({}, body(line("1", 10_000), line("1", 10_000)), "line_doubled"),
        ({}, body(line("1", 10_000), shipping=-1), "amount_negative"),
        ({}, body(line("1", 10_000), tips_and_fees=-1), "amount_negative"),
        ({}, body(line("1", 10_000), line("2", 0), total=9_997), "lines_exceed_total"),
        ({"hold_over_total": "99.99"}, body(line("1", 10_000)), "total_over_limit"),
        ({"hold_over_award": "4.99"}, body(line("1", 10_000)), "award_over_limit"),
    ],
)
def test_a_doubtful_order_is_held_even_in_automatic_mode(changes: dict[str, Any], about: Body, reason: str) -> None:
    store = Shop(**changes)
    store.hear(news(about, paid=True))
    assert (store.order.status, store.order.reason, store.posted) == (Status.HELD, reason, {})


def test_an_order_of_less_than_nothing_takes_nothing_from_what_was_spent() -> None:
    store = Shop()
    store.hear(paid(line("1", -500)))
    assert_stands(store, status=Status.HELD, reason="line_amount", balance=0, spent=0)


@pytest.mark.parametrize(
    ("changes", "about"),
    [
        ({}, body(line("1", 10_000), line("2", 0), total=9_998)),
        ({}, body(line("1", 10_000), total=99_999)),
        ({"hold_over_total": "100"}, body(line("1", 10_000))),
        ({"hold_over_award": "5"}, body(line("1", 10_000))),
        ({}, body(line("1", 10_000, tax=1_900), tax=1_900, taxes_included=True, total=10_000)),
    ],
)
def test_at_the_limit_an_order_is_not_held(changes: dict[str, Any], about: Body) -> None:
    store = Shop(**changes)
    store.hear(news(about, paid=True))
    assert store.order.status is Status.PROCESSED


# Cases about what Shopify sends


def money(amount: Any, presented: Any = None) -> dict[str, Any]:
    """An amount in shop money, beside another one in the currency the buyer saw."""
    return {
        "shop_money": {"amount": amount, "currency_code": "USD"},
        "presentment_money": {"amount": amount if presented is None else presented, "currency_code": "EUR"},
    }


def shopify_line(line_id: int, price: Any, *discounts: str, quantity: int = 1, **more: Any) -> dict[str, Any]:
    allocations = [{"amount": each, "amount_set": money(each), "discount_application_index": 0} for each in discounts]
    return {
        "id": line_id,
        "price": price,
        "quantity": quantity,
        "current_quantity": quantity,
        "total_discount": "0.00",
        "discount_allocations": allocations,
        "tax_lines": [],
        **more,
    }


def shopify_order(*lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": int(ORDER),
        "created_at": "2026-03-01T00:00:00-05:00",
        "updated_at": "2026-03-01T00:01:00-05:00",
        "cancelled_at": None,
        "currency": "USD",
        "presentment_currency": "EUR",
        "financial_status": "paid",
        "fulfillment_status": None,
        "test": False,
        "taxes_included": False,
        "total_tax": "0.00",
        "source_name": "web",
        "customer": {"id": int(CUSTOMER), "updated_at": "2026-03-01T00:00:00-05:00"},
        "line_items": list(lines),
        "refunds": [],
        **more,
    }


def tell(store: Shop, topic: str, sent: dict[str, Any]) -> Order | Ignored | None:
    """One delivery, from its bytes to the ledger."""
    told = read("shopify", topic, json.dumps(sent).encode(), store.settings)
    if isinstance(told, Ignored):
        return told
    assert isinstance(told, News)
    return store.hear(told)


def test_case_01_an_order_level_discount_stands_in_the_allocations_only() -> None:
    store = Shop()
    lines = [shopify_line(i, "199.00", cut) for i, cut in enumerate(["3.34", "3.33", "3.33"], 1)]
    tell(store, "orders/paid", shopify_order(*lines, subtotal_price="597.00", total_price="587.00"))
    assert store.order.calculation.base == 58_700
    assert_stands(store, status=Status.PROCESSED, award=2_935, balance=2_935, spent=58_700)


def test_case_05_refund_lines_win_over_the_transaction_and_the_mismatch_is_kept() -> None:
    store = Shop()
    lines = [shopify_line(i, "199.00", cut) for i, cut in enumerate(["3.34", "3.33", "3.33"], 1)]
    tell(store, "orders/paid", shopify_order(*lines, total_price="587.00"))
    back = {
        "id": 900,
        "order_id": int(ORDER),
        "created_at": "2026-03-01T00:05:00-05:00",
        "refund_line_items": [
            {"line_item_id": 1, "quantity": 1, "subtotal": 195.66, "total_tax": 0},
            {"line_item_id": 2, "quantity": 1, "subtotal": 195.67, "total_tax": 0},
        ],
        "order_adjustments": [],
        "transactions": [{"kind": "refund", "status": "success", "amount": "209.00", "currency": "USD"}],
    }
    tell(store, "refunds/create", back)
    assert_stands(store, status=Status.PARTIALLY_REVERSED, award=2_935, target=1_957, balance=978, spent=19_567)
    kept = store.order.facts.refunds["900"]
    assert sum(part.amount or 0 for part in kept.lines) == 39_133
    assert kept.transactions == 20_900


def test_case_14_only_shop_money_counts() -> None:
    store = Shop()
    sold = shopify_line(1, "46.00", quantity=2, price_set=money("50.00", "46.00"))
    tell(store, "orders/paid", shopify_order(sold, total_price="92.00", total_price_set=money("100.00", "92.00")))
    assert_stands(store, status=Status.PROCESSED, award=500, balance=500, spent=10_000)
    part = {"line_item_id": 1, "quantity": 1, "subtotal": 46.0, "subtotal_set": money("50.00", "46.00")}
    paid_out = {"kind": "refund", "status": "success", "amount": "46.00", "currency": "EUR"}
    back = {"id": 900, "order_id": int(ORDER), "refund_line_items": [part], "transactions": [paid_out]}
    tell(store, "refunds/create", back)
    assert_stands(store, status=Status.PARTIALLY_REVERSED, award=500, target=250, balance=250, spent=5_000)


def test_case_16_ids_beyond_floats_are_strings_and_amounts_parse_exactly() -> None:
    store = Shop(base_rate="1")
    lines = [
        shopify_line(9_007_199_254_740_993, "348.0"),
        shopify_line(9_007_199_254_740_992, 9),
        shopify_line(3, 199),
        shopify_line(4, "199.00"),
        shopify_line(5, 0.29),
    ]
    order = shopify_order(*lines, id=9_007_199_254_740_995, customer={"id": 9_007_199_254_740_997})
    tell(store, "orders/paid", order)
    kept = store.orders["9007199254740995"]
    assert kept.customer_id == "9007199254740997"
    assert [(share.line_id, share.award) for share in kept.calculation.lines] == [
        ("9007199254740993", 34_800),
        ("9007199254740992", 900),
        ("3", 19_900),
        ("4", 19_900),
        ("5", 29),
    ]
    assert store.accounts["9007199254740997"].available == 75_529


@pytest.mark.parametrize(
    "said", [{"financial_status": "voided"}, {"cancelled_at": "2026-03-01T00:02:00-05:00"}, {"test": True}]
)
@pytest.mark.row("23")
def test_case_17_the_body_decides_and_not_the_topic(said: dict[str, Any]) -> None:
    store = Shop()
    outcome = tell(store, "orders/paid", shopify_order(shopify_line(1, "100.00"), **said))
    assert store.posted == {}
    if "test" in said:
        assert outcome == Ignored("test_order")
        assert store.orders == {}
        return
    assert_stands(store, status=Status.NOT_ELIGIBLE, reason="order_cancelled", balance=0, spent=0)


@pytest.mark.parametrize("waiting", ["pending", "authorized", "partially_paid", "expired"])
def test_case_18_an_order_waits_until_it_is_paid_whatever_seems_outstanding(waiting: str) -> None:
    store = Shop()
    order = shopify_order(shopify_line(1, "100.00"), financial_status=waiting, total_outstanding="0.00")
    tell(store, "orders/paid", order)
    assert_stands(store, status=Status.AWAITING, reason="not_paid", balance=0, spent=0)
    later = {"updated_at": "2026-03-01T00:03:00-05:00", "financial_status": "paid", "total_outstanding": "100.00"}
    tell(store, "orders/updated", {**order, **later})
    assert_stands(store, status=Status.PROCESSED, award=500, balance=500, spent=10_000)


@pytest.mark.parametrize(
    ("was_paid", "quantity", "status"),
    [
        ("paid", 0, Status.PROCESSED),
        ("partially_refunded", 1, Status.PARTIALLY_REVERSED),
        ("refunded", 2, Status.REVERSED),
    ],
)
def test_case_18_a_refunded_order_was_paid_and_is_clawed_back_by_its_refunds(
    was_paid: str, quantity: int, status: Status
) -> None:
    store = Shop()
    parts = [{"line_item_id": 1, "quantity": quantity, "subtotal": f"{50 * quantity}.00"}] if quantity else []
    refunds = [{"id": 900, "refund_line_items": parts, "transactions": []}] if quantity else []
    sold = shopify_line(1, "50.00", quantity=2)
    tell(store, "orders/updated", shopify_order(sold, financial_status=was_paid, refunds=refunds))
    left = 250 * (2 - quantity)
    assert_stands(store, status=status, award=500, target=500 - left, balance=left, spent=left * 20)


@pytest.mark.parametrize("never", ["voided", "cancelled"])
def test_case_18_voided_and_cancelled_never_earn(never: str) -> None:
    store = Shop()
    gone = {"financial_status": "voided"} if never == "voided" else {"cancelled_at": "2026-03-01T00:02:00-05:00"}
    tell(store, "orders/updated", shopify_order(shopify_line(1, "100.00"), **gone))
    later = {"updated_at": "2026-03-01T00:03:00-05:00", "financial_status": "paid"}
    tell(store, "orders/paid", {**shopify_order(shopify_line(1, "100.00")), **later})
    assert_stands(store, status=Status.NOT_ELIGIBLE, reason="order_cancelled", balance=0, spent=0)
    assert store.posted == {}


def test_case_24_a_full_refund_that_is_undone_brings_a_pending_order_back() -> None:
    store = Shop(auto_processing=False)
    store.hear(listing(line("1", 10_000), refunds=[refund("r1", units("1"))]))
    assert_stands(store, status=Status.REJECTED, reason="fully_refunded", balance=0, spent=0)
    store.hear(listing(line("1", 10_000), second=1))
    assert_stands(store, status=Status.PENDING, balance=0, spent=10_000)
    store.reject()
    store.hear(listing(line("1", 10_000), refunds=[refund("r1", units("1"))], second=2))
    store.hear(listing(line("1", 10_000), second=3))
    assert_stands(store, status=Status.REJECTED, reason="suspicious", balance=0, spent=10_000)


def test_case_24_a_held_order_that_was_refunded_says_so_and_not_what_the_person_said() -> None:
    """Neither a log nor an erasure takes the engine's reason for the words of who held the order before."""
    store = Shop(auto_processing=False)
    store.hear(listing(line("1", 10_000)))
    store.act("held", "request", NOW)
    store.hear(listing(line("1", 10_000), refunds=[refund("r1", units("1"))], second=1))
    order = store.order
    assert (order.status, order.reason_code, order.is_final) == (Status.REJECTED, "fully_refunded", False)
    silent = wordless(order)
    assert silent is not None
    assert (silent.reason, silent.is_final) == ("fully_refunded", False)
    store.hear(listing(line("1", 10_000), second=2))
    assert_stands(store, status=Status.PENDING, balance=0, spent=10_000)
