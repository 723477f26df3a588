"""Whole lives of an order: whatever order everything that can happen to it comes in, and however often, they end alike.

Beside what ``test_permutations`` tells: a guest whose customer is verified at any point, a product that appears at any
point, a part paid with cashback, one addition, refunds that are deleted again, and a person who approves.

Where the order of events matters by the rules, these lives leave it out, and say so here:

- ``full_or_skip`` where the balance lacks: a clawback that was skipped is never taken later. Here the customer has more
  than all clawbacks together, but where they spend it, under ``partial``.
- An approval fixes an amount: a refund deleted after it, or one that an addition makes smaller, gives back no more than
  was awarded. Where a person decides, refunds are of whole units and none is deleted.
- An approval rounds what is left, and what is added afterwards comes on top of the rounded amount: where both happen to
  an order, a cent may lie between approving early and late.
- A rejection is final: an addition after everything was refunded under review earns nothing. No refund takes all here;
  a cancellation does, and nothing follows that could earn.
- A person who approves an order while a product of it is unknown decides without the product. This one waits for it.
- A cap that is reached before an addition leaves nothing to it, so that its refund claws nothing. There is none here.
- A body that takes a line away, or shows it for less, is measured against the award that stands. Where it is the first
  that is heard of, the order earns by it alone: by the minimum, the cap and the holds as it then is, and rounded once
  (docs/adr/0057). Here lines stay as they were sold.
- How often a guest's order counts among the customer's orders: not where it was cancelled before it had one.
"""

from collections.abc import Callable
from copy import replace
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from cashback.domain.additions import has_more
from cashback.domain.facts import Line, Refund
from cashback.domain.ledger import Kind
from cashback.domain.orders import REVIEWED, News
from cashback.domain.products import Product
from cashback.services.manage_products import record_product
from cashback.services.record_order import settle_claims
from tests.unit.builders import CUSTOMER, NOW, Shop, at, body, line, news, paid, refund, units
from tests.unit.people import tell

MAIL = "ada@example.com"
TEA = Product("tea", at(0), categories=("Tea",))


@dataclass(frozen=True, slots=True)
class Life:
    """The settings of a store, and everything that ever happens to one order of it."""

    rules: dict[str, Any]
    happenings: tuple[Callable[[Shop], None], ...]


def told(what: News) -> Callable[[Shop], None]:
    """Something that the shop tells of the order."""

    def happen(store: Shop) -> None:
        store.hear(what)

    return happen


def verified(store: Shop) -> None:
    """The customer's e-mail is verified; what waited for it is decided by that alone."""
    recorded = tell(store, CUSTOMER, second=1, email=MAIL, email_verified=True)
    settle_claims(store.books, store.settings, recorded.contacts, NOW)
    assert_settled(store)


def stocked(store: Shop) -> None:
    """The product appears; what waited for it is decided by that alone."""
    record_product(store.books, store.settings, TEA, NOW)
    assert_settled(store)


def assert_settled(store: Shop) -> None:
    """Looking at the order once more brings it no further."""
    stood = [(one.status, one.award) for one in store.orders.values()]
    store.settle()
    assert [(one.status, one.award) for one in store.orders.values()] == stood


def guests(about: News) -> News:
    """The same as a guest's, who left an e-mail."""
    if about.facts.body is None:
        return about
    facts = replace(about.facts, body=replace(about.facts.body, customer_id=None))
    return replace(about, facts=facts, contacts=frozenset({f"email:{MAIL}"}))


@st.composite
def some_lines(draw: st.DrawFn) -> list[Line]:
    """Up to three lines that refunds may take, and one that none does."""
    lines = [
        line(
            str(i),
            draw(st.integers(0, 5_000)),
            draw(st.integers(1, 3)),
            sku=draw(st.sampled_from(["A", "C", None])),
            product_id=draw(st.sampled_from(["tea", None])),
        )
        for i in range(draw(st.integers(0, 3)))
    ]
    return [*lines, line("kept", draw(st.integers(500, 5_000)))]


@st.composite
def some_refunds(draw: st.DrawFn, lines: list[Line], *, whole_units: bool) -> list[Refund]:
    refunds = []
    for i in range(draw(st.integers(0, 3))):
        parts = [
            units(sold.line_id, draw(st.integers(1, sold.quantity)))
            for sold in draw(
                st.lists(st.sampled_from(lines[:-1]), max_size=2, unique=True) if lines[1:] else st.just([])
            )
        ]
        money = 0 if whole_units else draw(st.sampled_from([0, 0, 1, 100]))
        refunds.append(refund(f"r{i}", *parts, money=money))
    return refunds


@st.composite
def lives(draw: st.DrawFn, *, reviewed: bool) -> Life:
    """``reviewed``: in manual mode, or held for a limit in automatic mode."""
    lines, is_guest, lists = draw(some_lines()), draw(st.booleans()), not reviewed and draw(st.booleans())
    refunds = draw(some_refunds(lines, whole_units=reviewed))
    cashback = draw(st.sampled_from([0, 0, 1, 150, 499]))

    def bodies(second: int, *sold: Line, is_paid: bool = True, standing: list[Refund] | None = None) -> News:
        listed = frozenset(one.refund_id for one in standing or ()) if lists else None
        about = body(*sold, second=second, paid=is_paid, refund_ids=listed, paid_with_cashback=cashback)
        return news(about, *(standing or ()), paid=is_paid)

    tales = [bodies(0, *lines, is_paid=False), bodies(1, *lines), news(None, completed=True)]
    if lists:
        tales += [bodies(2 + i, *lines, standing=refunds[: i + 1]) for i in range(len(refunds))]
        tales += [bodies(6, *lines, standing=draw(st.lists(st.sampled_from(refunds), unique=True)) if refunds else [])]
    else:
        tales += [news(None, each) for each in refunds]
    if draw(st.booleans()):
        extra = line("extra", draw(st.integers(1, 3_000)), product_id=draw(st.sampled_from(["tea", None])))
        tales.append(bodies(7, *lines, extra, standing=refunds if lists and draw(st.booleans()) else None))
    if draw(st.sampled_from([False, False, False, True])):
        tales.append(news(None, cancelled=True))
    happenings = [told(guests(tale) if is_guest else tale) for tale in tales]
    happenings += [verified, stocked]
    manual = reviewed and draw(st.booleans())
    rules = {
        "base_rate": draw(st.sampled_from(["0.05", "0.018", "1"])),
        "product_rates": draw(st.sampled_from([[], [{"category": "Tea", "rate": "0.3"}]])),
        "exclusions": draw(st.sampled_from([{}, {"skus": ["C"]}])),
        "min_order": draw(st.sampled_from(["0", "0", "5"])),
        "award_on": draw(st.sampled_from(["paid", "completed"])),
        "tiers": draw(st.sampled_from([[], [{"name": "gold", "min_spent": "10", "rate": "0.2"}]])),
        "clawback": draw(st.sampled_from(["partial", "full_or_skip", "allow_negative"])),
        "auto_processing": not manual,
        "hold_over_award": "2" if reviewed and not manual else None,
    }
    return Life(rules, tuple(happenings))


def lived(life: Life, happenings: list[Callable[[Shop], None]], *, spends: frozenset[int] = frozenset()) -> Shop:
    """A shop in which the customer earned 100.00 before, and all this happens; a person approves what they may."""
    store = Shop(**{**life.rules, "auto_processing": True, "hold_over_award": None})
    store.hear(paid(line("1", 10_000), order_id="before", second=0))
    store.change(base_rate="1", tiers=[], award_on="paid", min_order="0")
    store.hear(paid(line("1", 10_000), order_id="rich", second=0))
    store.change(**life.rules)
    for i, happen in enumerate(happenings):
        if i in spends and store.account.available > 0:
            store.spend(store.account.available)
        happen(store)
        approve(store)
    return store


def approve(store: Shop) -> None:
    """Approve the order where a person may and knows all of it, and what was added to it."""
    order = next((one for one in store.orders.values() if one.order_id not in {"before", "rich"}), None)
    if order is None:
        return
    if order.status in REVIEWED and order.calculated and not order.unresolved:
        store.approve()
    elif order.award is not None and has_more(order) and store.preview().amount:
        is_reviewed = not store.settings.auto_processing or store.settings.hold_over_award is not None
        assert is_reviewed, "where orders are credited by themselves, what is added to them is too"
        store.process()


def end_of(store: Shop) -> dict[str, Any]:
    """What must not depend on the order of what happens; what the customer spent meanwhile is added to the balance."""
    order, account = store.order, store.account
    spent = -sum(one.amount for one in store.entries[CUSTOMER].values() if one.kind is Kind.MANUAL)
    return {
        "facts": order.facts,
        "net": (order.award or 0) - order.target,
        "redeemed": order.redeemed,
        "spent": account.total_spent,
        "balance": account.available - account.shortfall + spent,
    }


@st.composite
def turned(draw: st.DrawFn, life: Life) -> list[Callable[[Shop], None]]:
    """Everything at least once, in any order, some of it again."""
    again = draw(st.lists(st.sampled_from(life.happenings), max_size=4))
    return draw(st.permutations([*life.happenings, *again]))


@examples(max_examples=150)
@given(st.data(), lives(reviewed=False))
@pytest.mark.row("I4", "P7")
def test_a_life_ends_alike_in_any_order_and_number_of_what_happens(data: st.DataObject, life: Life) -> None:
    straight, other = lived(life, list(life.happenings)), lived(life, data.draw(turned(life)))
    event(straight.order.status)
    event(f"redeemed: {straight.order.redeemed > 0}")
    assert end_of(other) == end_of(straight)
    assert (other.order.owed, other.order.waived, other.account.shortfall) == (0, 0, 0), "there was always enough"


@examples(max_examples=150)
@given(st.data(), lives(reviewed=True))
def test_a_life_ends_alike_where_a_person_approves_whenever_they_may(data: st.DataObject, life: Life) -> None:
    straight, other = lived(life, list(life.happenings)), lived(life, data.draw(turned(life)))
    event(straight.order.status)
    event(f"approved: {straight.order.review is not None}")
    ended, otherwise = end_of(straight), end_of(other)
    rounded = otherwise["net"] - ended["net"]
    added = (
        any(sold.line_id == "extra" for sold in straight.order.facts.body.lines) if straight.order.facts.body else False
    )
    assert abs(rounded) <= added
    assert otherwise == {**ended, "net": ended["net"] + rounded, "balance": ended["balance"] + rounded}


@examples(max_examples=150)
@given(st.data(), lives(reviewed=False), st.frozensets(st.integers(0, 9), min_size=1))
def test_a_life_ends_alike_where_the_customer_spends_meanwhile(
    data: st.DataObject, life: Life, spends: frozenset[int]
) -> None:
    life = replace(life, rules={**life.rules, "clawback": "partial"})
    straight, other = lived(life, list(life.happenings)), lived(life, data.draw(turned(life)), spends=spends)
    event(f"owed: {other.order.owed > 0}")
    assert end_of(other) == end_of(straight)


@examples(max_examples=150)
@given(st.data(), st.booleans().flatmap(lambda reviewed: lives(reviewed=reviewed)))
def test_what_happened_before_changes_nothing_when_it_happens_again(data: st.DataObject, life: Life) -> None:
    store = lived(life, data.draw(turned(life)))
    stood = store.order, store.account, store.posted
    for happen in life.happenings:
        happen(store)
    assert (store.order, store.account, store.posted) == stood
