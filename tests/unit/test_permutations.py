"""Whatever order one order's events come in, and however often, they end alike (invariants 6, 7, 15 and 16).

``Shop`` checks the invariants of every ledger after every event; these tests compare where the worlds end.
"""

from copy import replace
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from cashback.domain.facts import Body, Facts, Line, Refund, RefundLine
from cashback.domain.ledger import Kind
from cashback.domain.money import round_half_up
from cashback.domain.orders import AWARDED, REVIEWED, News, Status
from tests.unit.builders import CUSTOMER, ORDER, Shop, body, line, listing, news, paid, refund, units

POLICIES = st.sampled_from(["partial", "full_or_skip", "allow_negative"])


@dataclass(frozen=True, slots=True)
class Story:
    """The settings of a store in the form of the API, and everything that is ever told of one order."""

    rules: dict[str, Any]
    told: tuple[News, ...]


@st.composite
def some_rules(draw: st.DrawFn, /, **fixed: Any) -> dict[str, Any]:
    """Rates, a cap, a minimum, exclusions and a policy."""
    return {
        "base_rate": draw(st.sampled_from(["0.05", "0.018", "0.333333", "1"])),
        "product_rates": draw(st.sampled_from([[], [{"sku": "A", "rate": "0.1"}, {"sku": "B", "rate": "0"}]])),
        "exclusions": draw(st.sampled_from([{}, {"skus": ["C"]}])),
        "max_award": draw(st.sampled_from([None, None, "0.07", "10"])),
        "min_order": draw(st.sampled_from(["0", "0", "0", "5"])),
        "hold_over_award": draw(st.sampled_from([None, None, None, "20"])),
        "earn_on": {"shipping": draw(st.booleans()), "tax": draw(st.booleans())},
        "award_on": draw(st.sampled_from(["paid", "paid", "completed"])),
        "tiers": draw(st.sampled_from([[], [{"name": "gold", "min_spent": "10", "rate": "0.2"}]])),
        "clawback": draw(POLICIES),
        **fixed,
    }


@st.composite
def some_lines(draw: st.DrawFn) -> list[Line]:
    lines = []
    for i in range(draw(st.integers(1, 4))):
        gross = draw(st.integers(0, 5_000))
        lines.append(
            line(
                str(i),
                gross,
                draw(st.integers(1, 4)),
                tax=draw(st.integers(0, gross // 5)),
                sku=draw(st.sampled_from(["A", "B", "C", None])),
                gift_card=draw(st.sampled_from([False, False, False, True])),
            )
        )
    return lines


@st.composite
def some_refund(draw: st.DrawFn, refund_id: str, lines: list[Line], *, whole_units: bool) -> Refund:
    """By lines with or without amounts, by amount only, of the delivery, or all of these; discrepancies are negative.

    ``whole_units``: no unit comes back for less than its share, so that nothing that is gone ever comes back.
    """
    parts = []
    for sold in draw(st.lists(st.sampled_from(lines), max_size=2, unique=True)):
        quantity = draw(st.integers(1, sold.quantity))
        share = -(-sold.gross * quantity // sold.quantity)
        amount = draw(st.none() | st.integers(share if whole_units else 0, 2 * share + 1))
        parts.append(RefundLine(sold.line_id, quantity, amount))
    return refund(
        refund_id,
        *parts,
        money=draw(st.sampled_from([0, 0, 0 if whole_units else -150, 1, 100, 2_500, 50_000])),
        shipping=draw(st.sampled_from([0, 0, 100, 900])),
    )


@st.composite
def stories(draw: st.DrawFn, rules: st.SearchStrategy[dict[str, Any]], *, whole_units: bool = False) -> Story:
    """An order created, paid, completed, refunded up to four times, edited and perhaps cancelled.

    The bodies differ only in their times and in the units that are left; some say nothing new, some are as old as
    another, and refunds come alone or embedded.
    """
    lines = draw(some_lines())
    gross = sum(sold.gross for sold in lines)
    common: dict[str, Any] = {
        "shipping": draw(st.sampled_from([0, 500])),
        "taxes_included": draw(st.booleans()),
        "total": draw(st.sampled_from([None, None, gross + 700, gross + 1_500, max(0, gross - 50)])),
    }

    def told_at(second: int, *sold: Line) -> Body:
        return body(*(sold or lines), second=second, **common)

    refunds = [draw(some_refund(f"r{i}", lines, whole_units=whole_units)) for i in range(draw(st.integers(0, 4)))]
    left = [replace(sold, current_quantity=draw(st.integers(0, sold.quantity))) for sold in lines]
    told = [news(told_at(0)), news(told_at(draw(st.integers(0, 2))), paid=True), news(None, completed=True)]
    told += [news(None, each) for each in refunds]
    if draw(st.booleans()):
        told.append(news(told_at(draw(st.integers(2, 3)), *left), *refunds[:2], paid=draw(st.booleans())))
    if draw(st.sampled_from([False, False, True])):
        told.append(news(draw(st.sampled_from([None, told_at(4, *left)])), cancelled=True))
    return Story(draw(rules), tuple(told))


@st.composite
def shuffled(draw: st.DrawFn, told: tuple[News, ...]) -> list[News]:
    """Every event at least once, in any order, some again."""
    again = draw(st.lists(st.sampled_from(told), max_size=4))
    return draw(st.permutations([*told, *again]))


def end_of(store: Shop) -> dict[str, Any]:
    """What must not depend on the order of deliveries; the badge may, and so may how the clawback was split up."""
    order, account = store.order, store.account
    return {
        "facts": order.facts,
        "net": (order.award or 0) - order.target,
        "balance": account.available - account.shortfall,
        "spent": account.total_spent,
        "orders": account.orders_count,
    }


def is_told(story: Story, told: list[News], *, spending: frozenset[int] = frozenset()) -> Shop:
    """Let a new store hear it all; before some events the customer takes out what there is."""
    store = Shop(**story.rules)
    for i, each in enumerate(told):
        if i in spending and store.account.available > 0:
            store.spend(store.account.available)
        store.hear(each)
    return store


@examples(max_examples=400)
@given(st.data(), stories(some_rules()))
@pytest.mark.row("F18", "P7")
def test_invariant_7_any_order_and_duplication_of_events_ends_alike(data: st.DataObject, story: Story) -> None:
    straight = is_told(story, list(story.told))
    turned = is_told(story, data.draw(shuffled(story.told)))
    event(straight.order.status)
    assert end_of(turned) == end_of(straight)
    assert turned.account.available == straight.account.available
    assert turned.account.shortfall == straight.account.shortfall == 0
    assert (turned.order.owed, turned.order.waived) == (0, 0), "nothing was spent, so all could be taken"


@examples(max_examples=200)
@given(st.data(), stories(some_rules()))
def test_what_was_heard_before_changes_nothing(data: st.DataObject, story: Story) -> None:
    store = is_told(story, data.draw(shuffled(story.told)))
    stood = store.order, store.account, store.posted
    for each in story.told:
        assert store.hear(each) is None
    assert (store.order, store.account, store.posted) == stood


@examples(max_examples=300)
@given(st.data(), stories(some_rules(clawback="partial")), st.frozensets(st.integers(1, 9), min_size=2))
@pytest.mark.row("I2")
def test_invariant_7_holds_where_the_money_was_spent_meanwhile(
    data: st.DataObject, story: Story, spending: frozenset[int]
) -> None:
    straight = is_told(story, list(story.told))
    turned = is_told(story, data.draw(shuffled(story.told)), spending=spending)
    took_out = -sum(entry.amount for entry in turned.entries.get(CUSTOMER, {}).values() if entry.kind is Kind.MANUAL)
    ends = end_of(turned)
    assert {**ends, "balance": ends["balance"] + took_out} == end_of(straight)
    assert turned.account.available >= 0
    event(f"owed: {turned.order.owed > 0}")


@examples(max_examples=300)
@given(
    st.data(),
    POLICIES.flatmap(lambda policy: stories(some_rules(clawback=policy))),
    st.frozensets(st.integers(1, 9), min_size=2),
)
@pytest.mark.row("I3", "P5", "P6")
def test_invariants_5_and_6_a_clawback_never_exceeds_its_award_nor_overdraws(
    data: st.DataObject, story: Story, spending: frozenset[int]
) -> None:
    store = is_told(story, data.draw(shuffled(story.told)), spending=spending)
    order = store.order
    ours = [entry for entry in store.entries.get(CUSTOMER, {}).values() if entry.order_id == ORDER]
    clawed = -sum(entry.amount for entry in ours if entry.kind is Kind.REVERSAL)
    assert clawed <= (order.award or 0)
    assert 0 <= order.target <= (order.award or 0)
    assert order.taken + order.owed + order.waived == order.target
    assert order.waived == 0 or story.rules["clawback"] == "full_or_skip"
    assert store.account.version == len(store.entries.get(CUSTOMER, {}))
    event(f"waived: {order.waived > 0}")


@examples(max_examples=400)
@given(st.data(), stories(some_rules(auto_processing=False), whole_units=True))
def test_invariant_7_holds_with_a_review_wherever_one_is_possible(data: st.DataObject, story: Story) -> None:
    told = data.draw(shuffled(story.told))
    review_at = data.draw(st.integers(0, len(told) - 1))
    manual = Shop(**story.rules)
    for i, each in enumerate(told):
        manual.hear(each)
        if i >= review_at and manual.order.status in REVIEWED and manual.order.calculated:
            manual.approve()
    automatic = Shop(**{**story.rules, "auto_processing": True, "hold_over_award": None})
    for each in story.told:
        automatic.hear(each)
    event(manual.order.status)
    if automatic.order.status is Status.HELD and automatic.order.calculated:
        automatic.approve()
    assert end_of(manual) == end_of(automatic)


@examples(max_examples=200)
@given(st.data(), stories(some_rules(auto_processing=False), whole_units=True))
def test_what_a_reviewer_would_credit_now_is_what_automatic_mode_would_have_left(
    data: st.DataObject, story: Story
) -> None:
    manual = is_told(story, data.draw(shuffled(story.told)))
    automatic = is_told(replace(story, rules={**story.rules, "auto_processing": True}), list(story.told))
    if manual.order.status in REVIEWED:
        assert (manual.order.calculated > 0) == (manual.order.basis > 0)
        if automatic.order.status in AWARDED:
            assert manual.order.calculated == automatic.account.available
    else:
        assert automatic.account.available == 0
    assert manual.account.total_spent == automatic.account.total_spent


@st.composite
def listed_stories(draw: st.DrawFn) -> Story:
    """The bodies of a shop that lists an order's refunds in each, by amount only. Refunds come and go, some bodies are
    as old as another, and the order may be cancelled."""
    lines = draw(some_lines())
    refunds = [refund(f"r{i}", money=draw(st.sampled_from([1, 100, 2_500, 50_000]))) for i in range(3)]
    told = [listing(*lines, second=draw(st.integers(0, 1)))]
    for second in draw(st.lists(st.integers(1, 5), max_size=5)):
        kept = draw(st.lists(st.sampled_from(refunds), unique=True))
        told.append(listing(*lines, refunds=kept, second=second))
    if draw(st.sampled_from([False, False, False, True])):
        told.append(news(None, cancelled=True))
    return Story(draw(some_rules(hold_over_award=None)), tuple(told))


@examples(max_examples=400)
@given(st.data(), listed_stories(), st.frozensets(st.integers(1, 9), max_size=2))
def test_invariant_7_holds_where_refunds_are_deleted_again(
    data: st.DataObject, story: Story, spending: frozenset[int]
) -> None:
    straight = is_told(story, list(story.told))
    rules = {**story.rules, "clawback": "partial"}
    turned = is_told(Story(rules, story.told), data.draw(shuffled(story.told)), spending=spending)
    took_out = -sum(entry.amount for entry in turned.entries.get(CUSTOMER, {}).values() if entry.kind is Kind.MANUAL)
    ends = end_of(turned)
    assert {**ends, "balance": ends["balance"] + took_out} == end_of(straight)
    assert turned.order.owed == turned.account.shortfall
    event(f"given back: {any(cause.endswith(':del') for cause in turned.posted)}")
    for each in story.told:
        assert turned.hear(each) is None


@given(st.data(), st.integers(1, 900), st.booleans())
def test_nine_refunds_of_one_dollar_take_back_an_award_exactly(data: st.DataObject, award: int, by_line: bool) -> None:
    store = Shop(base_rate="1", max_award=f"{award / 100:.2f}")
    store.hear(paid(line("1", 900, quantity=9), total=900))
    backs = [refund(f"r{i}", units("1", 1, 100)) if by_line else refund(f"r{i}", money=100) for i in range(9)]
    for count, back in enumerate(data.draw(st.permutations(backs)), 1):
        store.hear(news(None, back))
        assert store.order.target == round_half_up(Fraction(award * count, 9))
    assert (store.order.target, store.account.available, store.account.total_spent) == (award, 0, 0)


@given(
    st.lists(st.lists(st.integers(0, 300), min_size=1, max_size=5), min_size=1, max_size=20),
    st.integers(0, 10**6),
)
@pytest.mark.row("I10")
def test_many_small_orders_earn_no_more_than_the_rate_and_half_a_minor_unit_each(
    orders: list[list[int]], millionths: int
) -> None:
    rate = Fraction(millionths, 10**6)
    store = Shop(base_rate=f"{millionths // 10**6}.{millionths % 10**6:06d}")
    for i, grosses in enumerate(orders):
        store.hear(paid(*(line(str(n), gross) for n, gross in enumerate(grosses)), order_id=str(i)))
    eligible = sum(map(sum, orders))
    assert abs(store.account.available - rate * eligible) <= Fraction(len(orders), 2)


@examples(max_examples=200)
@given(st.data(), stories(some_rules()), stories(some_rules()))
def test_the_events_of_two_orders_of_one_customer_do_not_disturb_each_other(
    data: st.DataObject, one: Story, other: Story
) -> None:
    rules = {**one.rules, "tiers": []}
    second = tuple(replace(each, order_id="2") for each in other.told)
    apart = [is_told(Story(rules, told), list(told)).account for told in (one.told, other.told)]
    both = Shop(**rules)
    for each in data.draw(st.permutations([*one.told, *second])):
        both.hear(each)
    assert both.account.available == apart[0].available + apart[1].available
    assert both.account.total_spent == apart[0].total_spent + apart[1].total_spent
    assert both.account.orders_count == 2


def test_facts_of_a_story_are_those_of_all_its_news() -> None:
    store = Shop()
    first, second = news(body(line(), second=1)), paid(line(), refunds=[refund("r", money=5)])
    store.hear(first)
    store.hear(second)
    assert store.order.facts == Facts().merged(first.facts).merged(second.facts)
