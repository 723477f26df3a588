"""What the entries of an order say besides their amounts: by what they are found again when they are told once more."""

from typing import Any

import pytest

from cashback.domain.cashback import hear
from cashback.domain.clawback import MAX_NAMED
from cashback.domain.ledger import Account, Entry, Kind, payload_hash
from cashback.domain.lookups import Known
from cashback.domain.money import round_half_up
from cashback.domain.orders import Review, Status
from tests.unit.builders import CUSTOMER, JPY, NOW, ORDER, Shop, body, line, listing, news, refund, settings, units
from tests.unit.test_additions import A, B, shown
from tests.unit.test_redemptions import bought
from tests.unit.test_redemptions import shop as shop_with_a_balance

SHOP = "shop:shopify"


def entry(cause: str, kind: Kind, amount: int, same: str, actor: str = SHOP) -> Entry:
    """An entry of this order; what a redemption moves depends on no settings."""
    version = None if kind is Kind.REDEMPTION else 1
    cause = f"ord:{ORDER}:{cause}"
    return Entry(cause, kind, amount, actor, same, order_id=ORDER, rule_version=version, posted_at=NOW)


def entries(shop: Shop) -> list[Entry]:
    return [entry for entry in shop.entries[CUSTOMER].values() if entry.order_id == ORDER]


def test_an_award_an_addition_and_an_edit() -> None:
    shop = Shop(base_rate="0.1")
    for second, lines in enumerate([(A,), (A, B), (A,), (line("1", 10_000, current=0),)]):
        shop.hear(shown(*lines, second=second))
    assert entries(shop) == [
        entry("earn", Kind.ORDER, 1_000, payload_hash(Kind.ORDER)),
        entry("earn:1", Kind.ORDER, 500, payload_hash(Kind.ORDER, 500, 1_500)),
        entry("edit:2", Kind.REVERSAL, -500, payload_hash(Kind.REVERSAL, 500, 500)),
        entry("edit:3", Kind.REVERSAL, -1_000, payload_hash(Kind.REVERSAL, 1_000, 1_500)),
    ]


def test_a_redemption_a_refund_of_it_and_a_redemption_of_less() -> None:
    shop = shop_with_a_balance()
    shop.hear(bought(line("1", 6_000), line("2", 4_000), cashback=2_000))
    shop.hear(news(None, refund("r1", units("2"))))
    shop.hear(bought(line("1", 6_000), line("2", 4_000, current=0), cashback=1_000, second=1))
    assert entries(shop) == [
        entry("earn", Kind.ORDER, 800, payload_hash(Kind.ORDER)),
        entry("spend", Kind.REDEMPTION, -2_000, payload_hash(Kind.REDEMPTION)),
        entry("back:r1", Kind.REDEMPTION, 800, payload_hash(Kind.REDEMPTION)),
        entry("ref:r1", Kind.REVERSAL, -320, payload_hash(Kind.REVERSAL)),
        entry("spend:2", Kind.REDEMPTION, 600, payload_hash(Kind.REDEMPTION, -600, 600)),
    ]


def test_an_approval_of_less() -> None:
    shop = Shop(base_rate="0.1", auto_processing=False)
    shop.hear(shown(A, second=0))
    shop.approve(amount=900)
    same = payload_hash(Kind.ORDER, 900, "key:anna", "request-1")
    assert entries(shop) == [entry("earn", Kind.ORDER, 900, same, actor="key:anna")]
    assert shop.order.reviews == (Review("approved", "key:anna", NOW, "request-1", "yes", expected=1_000, amount=900),)


def test_a_refund_that_is_deleted_and_a_cancellation() -> None:
    shop = Shop(base_rate="0.1")
    shop.hear(listing(A, B))
    shop.hear(listing(A, B, refunds=[refund("r1", units("2"))], second=1))
    assert (shop.order.status, shop.order.reason) == (Status.PARTIALLY_REVERSED, "refunded")
    shop.hear(listing(A, B, second=2))
    assert (shop.order.status, shop.order.reason) == (Status.PROCESSED, "awarded")
    shop.hear(news(cancelled=True))
    assert (shop.order.status, shop.order.reason) == (Status.REVERSED, "order_cancelled")
    same = payload_hash(Kind.REVERSAL)
    assert entries(shop)[1:] == [
        entry("ref:r1", Kind.REVERSAL, -500, same),
        entry("ref:r1:del", Kind.REVERSAL, 500, same),
        entry("cancel", Kind.REVERSAL, -1_500, same),
    ]


@pytest.mark.parametrize("amount", [1, 2, 7, 10])
@pytest.mark.parametrize(("units_sold", "units_gone"), [(3, 0), (3, 1), (3, 2), (7, 3), (10, 9)])
def test_an_approval_stands_for_the_least_award_that_leaves_its_amount(
    amount: int, units_sold: int, units_gone: int
) -> None:
    shop = Shop(base_rate="0.1", auto_processing=False)
    shop.hear(shown(line("1", units_sold * 1_000, quantity=units_sold), second=0))
    if units_gone:
        shop.hear(news(None, refund("r1", units("1", units_gone))))
    shop.approve(amount=amount)
    order = shop.order
    assert (order.award, order.calculated) == (amount, amount)
    less = order.basis - 1
    assert less - round_half_up(less * order.gone) < amount


def test_an_approval_of_what_was_calculated_stands_for_the_whole_award() -> None:
    shop = Shop(base_rate="0.1", auto_processing=False)
    shop.hear(shown(line("1", 150, quantity=2), second=0))
    shop.hear(news(None, refund("r1", units("1", 1, 75))))
    shop.approve()
    assert (shop.order.award, shop.order.basis) == (7, 15)
    assert [review.amount for review in shop.order.reviews] == [7]


def test_a_refund_that_is_told_with_the_cancellation_takes_its_own_part() -> None:
    shop = Shop(base_rate="0.1")
    shop.hear(shown(A, B, second=0))
    shop.hear(news(None, refund("r1", units("2")), cancelled=True))
    same = payload_hash(Kind.REVERSAL)
    assert entries(shop)[1:] == [
        entry("ref:r1", Kind.REVERSAL, -500, same),
        entry("cancel", Kind.REVERSAL, -1_000, same),
    ]


def test_deletions_and_refunds_that_are_told_at_once_fit_into_one_transaction() -> None:
    shop = Shop(base_rate="0.1")
    lines = [line(str(n), 1_000) for n in range(50)]
    gone = [refund(f"a{n}", units(str(n))) for n in range(20)]
    shop.hear(listing(*lines))
    shop.hear(listing(*lines, refunds=gone, second=1))
    shop.hear(listing(*lines, refunds=[refund(f"b{n}", units(str(n))) for n in range(20, 50)], second=2))
    assert len(shop.postings[-1]) == MAX_NAMED + 1
    assert shop.account.available == 2_000


def test_a_customer_who_never_ordered_reaches_no_tier_that_asks_for_a_cent() -> None:
    shop = Shop(base_rate="0.1", tiers=[{"name": "gold", "min_spent": "0.01", "rate": "0.5"}])
    shop.hear(shown(A, second=0))
    assert shop.order.award == 1_000


def test_an_order_in_another_currency_stands_for_no_award() -> None:
    shop = Shop(base_rate="0.1")
    shop.hear(shown(A, second=0, currency=JPY))
    assert (shop.order.status, shop.order.reason, shop.order.basis) == (Status.HELD, "currency_mismatch", 0)


def test_an_order_of_which_less_than_half_a_cent_is_left_is_rejected() -> None:
    shop = Shop(base_rate="0.1", auto_processing=False)
    shop.hear(listing(line("1", 10)))
    shop.hear(listing(line("1", 10), refunds=[refund("r1", money=8)], second=1))
    assert (shop.order.status, shop.order.reason, shop.order.calculated) == (Status.REJECTED, "fully_refunded", 0)


@pytest.mark.parametrize("amount", [{name: -1} for name in ("shipping", "shipping_tax", "tax", "tips_and_fees")])
def test_an_order_with_a_negative_amount_is_held(amount: Any) -> None:
    shop = Shop(base_rate="0.1")
    shop.hear(news(body(A, **amount), paid=True))
    assert (shop.order.status, shop.order.reason) == (Status.HELD, "amount_negative")


def test_an_order_that_a_person_released_is_not_awarded_by_what_became_known() -> None:
    shop = Shop(base_rate="0.1", product_rates=[{"category": "Tea", "rate": "0.2"}])
    food = line("1", 10_000, category="Food")
    shop.hear(shown(food, line("2", -1, category="Food"), second=0))
    assert (shop.order.status, shop.order.reason) == (Status.HELD, "line_amount")
    shop.act("released", "request", NOW)
    shop.hear(shown(food, line("3", 1_000, product_id="p1"), second=1))
    assert (shop.order.status, shop.order.reason) == (Status.HELD, "product_unknown")
    shop.stock("p1", "Tea")
    shop.settle()
    assert (shop.order.status, shop.order.reason) == (Status.PENDING, "manual_review")


def test_where_an_order_may_earn_nothing_there_is_nothing_to_earn_on() -> None:
    shop = Shop(base_rate="0.1", max_award="0")
    shop.hear(shown(A, second=0))
    assert (shop.order.status, shop.order.reason) == (Status.NOT_ELIGIBLE, "nothing_to_earn_on")


def test_what_was_processed_by_hand_keeps_the_amount() -> None:
    shop = Shop(base_rate="0.1", auto_processing=False)
    shop.fail(shown(A, second=0), "KeyError")
    shop.process()
    assert [review.amount for review in shop.order.reviews] == [1_000]


@pytest.mark.parametrize(("cashback", "version", "owner"), [(0, None, None), (1, 5, "kept")])
def test_the_account_that_the_customer_was_merged_into_is_pinned_only_where_a_balance_is_taken_from(
    cashback: int, version: int | None, owner: str | None
) -> None:
    known = Known(account=Account("kept", available=10, credited=10, version=5))
    decision = hear(None, shown(A, second=0, paid_with_cashback=cashback), settings(), known, NOW)
    assert decision is not None
    assert (decision.version, decision.version_owner, decision.repays) == (version, owner, version is None)


def test_a_customer_without_an_account_has_spent_nothing() -> None:
    rules = settings(tiers=[{"name": "gold", "min_spent": "0.01", "rate": "0.5"}])
    decision = hear(None, shown(A, second=0), rules, Known(), NOW)
    assert decision is not None
    assert decision.order.terms is not None
    assert decision.order.terms.tier is None
