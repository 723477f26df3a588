"""Orders and refunds that make no sense, or make it at an odd moment: never more cashback than was earned."""

from copy import replace
from hashlib import sha512
from typing import Any

import pytest

from cashback.domain.api_keys import Role
from cashback.domain.customers import profile_of
from cashback.domain.errors import OrderTooLarge
from cashback.domain.facts import MAX_LINE_TEXT, Facts, Refund, RefundLine
from cashback.domain.ledger import Entry, Kind, Posted, Posting, payload_hash
from cashback.domain.news import CustomerNews
from cashback.domain.orders import News, Review, Status
from cashback.domain.queries import OrdersWanted
from cashback.services.record_customer import record_customer
from cashback.services.review_order import approve_order
from cashback.storefronts.fields import Unreadable, fitting, identifier
from tests.unit.builders import CUSTOMER, NOW, ORDER, SOURCE, STORE, Shop, at, body, line, news, paid, refund, units


def given(shop: Shop, amount: int) -> None:
    """A manual credit, which repays no shortfall."""
    entry = Entry("adm:gift", Kind.MANUAL, amount, "test", payload_hash("gift"))
    assert isinstance(shop.books.ledger.post(Posting(STORE, CUSTOMER, NOW, entries=(entry,))), Posted)


def test_a_discrepancy_told_with_a_refund_lowers_what_is_owed_and_credits_nothing() -> None:
    shop = Shop()
    shop.hear(paid(line("1", 20_000, quantity=2)))
    shop.spend(1_000)
    shop.hear(news(None, refund("a1", units("1", 1, 10_000))))
    given(shop, 10_000)
    shop.hear(news(None, refund("b1", money=6_000), refund("z1", money=-2_000)))
    order, account = shop.order, shop.account
    assert order.target == order.taken + order.owed + order.waived
    assert account.shortfall == order.owed
    assert account.available == 10_000 - (order.target - 500)
    assert all(amount <= 0 for cause, amount in shop.posted.items() if ":ref:" in cause or ":edit:" in cause)


def test_a_name_for_the_app_that_is_added_later_does_not_change_what_waits() -> None:
    shop = Shop(auto_processing=False, source_rates={"app": "0.5"})
    shop.hear(paid(line("1", 10_000), channel="myapp"))
    shop.change(app_sources=["myapp"])
    shop.hear(paid(line("1", 10_000), channel="myapp", updated_at=at(90_00)))
    assert shop.order.calculated == 500


def test_an_order_from_the_stores_own_app_earns_at_its_rate() -> None:
    shop = Shop(source_rates={"app": "0.5"}, app_sources=["myapp"])
    shop.hear(paid(line("1", 10_000), channel="myapp"))
    assert shop.account.available == 5_000


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        ({"lines": (line("1", 10_000, tax=-100_000),), "taxes_included": True}, "line_amount"),
        ({"lines": (line("1", 110_000),), "total": 10_000, "shipping": -100_000}, "amount_negative"),
        ({"lines": (line("1", 110_000),), "total": 10_000, "tips_and_fees": -100_000}, "amount_negative"),
        ({"lines": (line("1", 110_000),), "total": 10_000, "tax": -100_000}, "amount_negative"),
        ({"lines": (line("1", 10_000), line("1", 10_000)), "line_count": 2}, "line_doubled"),
    ],
)
def test_amounts_below_zero_and_doubled_lines_wait_for_a_person(odd: dict[str, Any], reason: str) -> None:
    shop = Shop()
    shop.hear(news(replace(body(line("1", 10_000)), **odd), paid=True))
    assert (shop.order.status, shop.order.reason, shop.account.available) == (Status.HELD, reason, 0)


@pytest.mark.row("I13")
def test_a_refund_in_another_currency_counts_by_its_units() -> None:
    shop = Shop()
    shop.hear(paid(line("1", 20_000, quantity=2)))
    shop.hear(news(None, Refund("r", (RefundLine("1", 1),), foreign=True)))
    assert shop.order.taken == 500


def test_an_amount_only_refund_of_an_order_whose_total_is_nothing_counts_by_what_its_parts_add_up_to() -> None:
    shop = Shop()
    shop.hear(paid(line("1", 20_000), total=0))
    assert shop.order.reason == "lines_exceed_total"
    shop.approve()
    shop.hear(news(None, refund("r", money=20_000)))
    assert (shop.order.status, shop.account.available) == (Status.REVERSED, 0)


def test_an_approval_that_is_repeated_gets_its_first_answer_after_a_refund() -> None:
    shop = Shop(auto_processing=False)
    shop.hear(paid(line("1", 20_000, quantity=2)))
    review = Review("approved", "key:anna", NOW, "request", "body", expected=1_000)
    first, _ = approve_order(shop.books, shop.settings, ORDER, review, Role.ADMIN)
    shop.hear(news(None, refund("r", units("1", 1, 10_000))))
    again, repeated = approve_order(shop.books, shop.settings, ORDER, review, Role.ADMIN)
    assert repeated
    assert (again.status, again.reason, again.award) == (first.status, first.reason, first.award)
    assert shop.order.status is Status.PARTIALLY_REVERSED


def test_an_order_too_large_for_its_document_is_shown_as_failed_without_what_does_not_fit() -> None:
    shop = Shop()
    ids = [sha512(str(n).encode()).hexdigest() for n in range(8_000)]
    refunds = {one: Refund(one, (RefundLine(one[::-1], 1),)) for one in ids}
    told = News(ORDER, SOURCE, Facts(refunds=refunds))
    with pytest.raises(OrderTooLarge):
        shop.hear(told)
    shop.fail(told, "order_too_large")
    assert (shop.order.status, shop.order.reason) == (Status.FAILED, "order_too_large")


def test_lines_stop_where_a_document_has_no_room_for_more() -> None:
    lines = [line(f"{n:0200d}", sku="s" * 255, vendor="v" * 255) for n in range(1_000)]
    kept = fitting(lines)
    assert len(kept) == MAX_LINE_TEXT // 710
    assert kept == tuple(lines[: len(kept)])


def test_a_list_between_times_in_the_wrong_order_is_empty() -> None:
    shop = Shop()
    shop.hear(paid(line("1", 10_000)))
    wanted = OrdersWanted(created_from="2026-02-01T00:00:00.000000Z", created_to="2025-02-01T00:00:00.000000Z")
    assert shop.books.lists.page(STORE, wanted, 20, None) == ([], None)
    mine = replace(wanted, customer_ids=(CUSTOMER,))
    assert shop.books.lists.page(STORE, mine, 20, None) == ([], None)


def test_a_customer_whom_an_order_only_mentioned_is_filled_by_older_news_of_the_customer() -> None:
    shop = Shop()
    shop.hear(paid(line("1", 10_000)))
    assert record_customer(shop.books, STORE, CustomerNews(CUSTOMER, at(1), name="Ada Brandt"), NOW).changed
    profile = shop.books.customers.get(STORE, CUSTOMER)
    assert profile is not None
    assert profile.name == "Ada Brandt"


def test_news_of_a_customer_of_one_moment_end_alike_in_either_order() -> None:
    one = CustomerNews("c", at(5), name="Ada", email="ada@example.com")
    other = CustomerNews("c", at(5), name="Bea", phone="+4930901820")
    both = profile_of(other, profile_of(one, None, NOW), NOW)
    assert both == profile_of(one, profile_of(other, None, NOW), NOW)
    assert (both.name, both.email, both.phone) == ("Bea", "ada@example.com", "+4930901820")


@pytest.mark.parametrize("cheaper", [5_000, 1, 0])
def test_a_line_that_is_sold_for_less_after_the_award_gives_the_difference_back_in_either_order(cheaper: int) -> None:
    first, later = paid(line("1", 10_000)), paid(line("1", cheaper), updated_at=at(80_000))
    forwards, backwards = Shop(base_rate="0.1"), Shop(base_rate="0.1")
    for told in (first, later):
        forwards.hear(told)
    for told in (later, first):
        backwards.hear(told)
    assert forwards.account.available == backwards.account.available == cheaper // 10
    assert forwards.order.spent == backwards.order.spent == cheaper


def test_a_line_with_fewer_units_after_the_award_and_then_a_refund_ends_at_what_is_left() -> None:
    shop = Shop(base_rate="0.1")
    shop.hear(paid(line("1", 30_000, quantity=3)))
    shop.hear(paid(line("1", 20_000, quantity=2), updated_at=at(80_000)))
    assert shop.account.available == 2_000
    shop.hear(news(None, refund("r", units("1", 1, 10_000))))
    assert shop.account.available == 1_000
    shop.hear(news(None, refund("s", units("1", 1, 10_000))))
    assert (shop.order.status, shop.account.available) == (Status.REVERSED, 0)


def test_a_line_that_becomes_dearer_earns_no_more_and_keeps_its_award_while_as_much_is_kept() -> None:
    shop = Shop(base_rate="0.1")
    shop.hear(paid(line("1", 10_000)))
    shop.hear(paid(line("1", 30_000, quantity=3), updated_at=at(80_000)))
    shop.hear(news(None, refund("r", units("1", 2, 20_000))))
    assert (shop.order.status, shop.account.available) == (Status.PROCESSED, 1_000)


def test_a_price_with_tax_inside_that_falls_gives_back_in_proportion() -> None:
    shop = Shop()
    shop.hear(paid(line("1", 11_900, tax=1_900), taxes_included=True))
    assert shop.account.available == 500
    shop.hear(paid(line("1", 5_950, tax=950), taxes_included=True, updated_at=at(80_000)))
    assert shop.account.available == 250


def test_refunds_told_together_with_the_missing_units_are_each_named_with_their_own_part() -> None:
    shop = Shop()
    shop.hear(paid(line("1", 10_000), line("2", 8_000)))
    gone = (line("1", 10_000, current=0), line("2", 8_000, current=0))
    together = [refund("a", units("1", 1, 10_000)), refund("b", units("2", 1, 8_000))]
    shop.hear(paid(*gone, refunds=together, updated_at=at(80_000)))
    reversals = {cause: amount for cause, amount in shop.posted.items() if ":ref:" in cause}
    assert sorted(reversals.values()) == [-500, -400]


def test_ids_that_look_like_escapes_of_one_another_are_kept_apart() -> None:
    kept = [identifier(raw) for raw in ("a/b", "a%2Fb", "a%252Fb", "%", "%25", "=25", "..", ".")]
    assert len(set(kept)) == len(kept)
    assert all("%25" not in one for one in kept)


def test_an_id_with_half_a_character_is_no_id() -> None:
    for raw in ("\ud800", "a\udbff"):
        with pytest.raises(Unreadable, match="id_invalid"):
            identifier(raw)
