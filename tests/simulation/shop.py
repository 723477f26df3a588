"""A small shop in one world: its orders, and what its storefront says of each over time."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from cashback.domain.names import EVENTS, SHOPIFY, WOOCOMMERCE
from tests.simulation import bodies

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random


_NOON = 12 * 60
"""When a refund is made in a shop whose orders all began at midnight."""


class Told(NamedTuple):
    """One webhook: ``minute`` of the shop's day is when it was sent."""

    source: str
    topic: str
    body: bytes
    minute: int


def told(source: str, topic: str, body: dict[str, Any], minute: int) -> Told:
    return Told(source, topic, json.dumps(body).encode(), minute)


@dataclass(slots=True)
class Line:
    line_id: int
    quantity: int
    price: int
    discount: int
    gift_card: bool
    left: int
    product_id: str | None = None

    @property
    def gross(self) -> int:
        return self.quantity * self.price - self.discount


@dataclass(frozen=True, slots=True)
class Refund:
    """Units of one line, or none, and the money that came back at ``minute``."""

    refund_id: int
    money: int
    minute: int
    line_id: int | None = None
    units: int = 0


@dataclass(slots=True)
class ShopOrder:
    """One order as the shop knows it; every change makes it newer. ``owing``: more was added to it than was paid.
    ``paid_minute`` is when it was paid, where the shop says so; ``began`` when it was created, and ``pace`` how many
    minutes pass between two changes of it."""

    order_id: str
    source: str
    customer_id: str | None
    email: str | None
    lines: list[Line]
    cashback: int = 0
    began: int = 0
    pace: int = 1
    minute: int = 0
    paid: bool = False
    paid_minute: int | None = None
    owing: bool = False
    completed: bool = False
    cancelled: bool = False
    refunds: list[Refund] = field(default_factory=list)
    said: list[Told] = field(default_factory=list)

    @property
    def total(self) -> int:
        return sum(line.gross for line in self.lines)

    def say(self, what: str) -> None:
        """Let its storefront tell what happened: created, paid, changed, completed or cancelled."""
        self.said.append(told(self.source, *bodies.order(self, what), self.minute))

    def say_refund(self, refund: Refund) -> None:
        """Tell of a refund; a shop that lists them in its orders' bodies sends one of those."""
        self.said.append(told(self.source, *bodies.refund(self, refund), self.minute))

    def say_review(self, review_id: int) -> None:
        """Tell that the customer reviewed it, which our own events alone can."""
        self.said.append(told(EVENTS, *bodies.review(self, review_id), self.minute))


def life(random: Random, order: ShopOrder, *, is_brief: bool) -> list[Told]:
    """Everything the shop says of one order from its creation on, in the order in which it happens; in brief it says
    only that it was paid."""
    if is_brief:
        order.paid = True
        order.say("paid")
        return order.said
    order.say("created")
    if random.random() < 0.12:
        return _cancelled(order)
    _later(random, order)
    order.paid = True
    order.paid_minute = random.choice((None, order.minute))
    order.say("paid")
    changes: list[Callable[[Random, ShopOrder], None]] = []
    changes += [_refunded] * random.choice((0, 0, 1, 1, 2, 3))
    changes += [_edited] * random.choice((0, 0, 0, 0, 0, 0, 1, 2))
    if order.source == WOOCOMMERCE and random.random() < 0.5:
        changes.append(_refund_deleted)
    if random.random() < 0.5:
        changes.append(_completed)
    if order.customer_id is None and random.random() < 0.15:
        changes.append(_named)
    if order.source == EVENTS:
        changes += [_reviewed] * random.choice((0, 0, 1, 2))
    random.shuffle(changes)
    for change in changes:
        _later(random, order)
        change(random, order)
    return _cancelled(order) if random.random() < 0.15 else order.said


def _later(random: Random, order: ShopOrder) -> None:
    """Time goes on; seldom two changes are of one moment."""
    order.minute += order.pace * (random.random() > 0.04)


def _cancelled(order: ShopOrder) -> list[Told]:
    order.minute, order.cancelled = order.minute + 1, True
    order.say("cancelled")
    return order.said


def _completed(_random: Random, order: ShopOrder) -> None:
    order.completed = True
    order.say("completed")


def _named(_random: Random, order: ShopOrder) -> None:
    """The shop learns whose order it is."""
    order.customer_id = "100"
    order.say("changed")


def _refunded(random: Random, order: ShopOrder) -> None:
    """Some units of a line come back, or money alone."""
    refund_id = int(order.order_id) * 100 + len(order.said)
    minute = order.minute if order.began else _NOON
    open_lines = [line for line in order.lines if line.left]
    if random.random() < 0.2:
        refund = Refund(refund_id, random.randint(1, 500), minute)
    elif open_lines:
        line = random.choice(open_lines)
        units = random.randint(1, line.left)
        line.left -= units
        refund = Refund(refund_id, line.gross * units // line.quantity, minute, line.line_id, units)
    else:
        return
    order.refunds = [*order.refunds, refund]
    order.say_refund(refund)
    if random.random() < 0.7:
        order.say("changed")


def _reviewed(_random: Random, order: ShopOrder) -> None:
    order.say_review(int(order.order_id) * 100 + len(order.said))


def _refund_deleted(random: Random, order: ShopOrder) -> None:
    if order.refunds:
        order.minute += 1
        order.refunds = [one for one in order.refunds if one is not random.choice(order.refunds)]
        order.say("changed")


def _edited(random: Random, order: ShopOrder) -> None:
    """A line is added, sold for more or partly taken away; what is added is owed for a while."""
    drawn, line = random.random(), random.choice(order.lines)
    if drawn < 0.5:
        order.lines = [*order.lines, _some_line(random, int(order.order_id) * 10 + len(order.lines), line.product_id)]
    elif drawn < 0.75:
        line.price += random.randint(1, 5_000)
    elif line.left:
        line.left -= 1
    if drawn < 0.75 and random.random() < 0.7:
        order.owing = True
        order.say("changed")
        order.minute += 1
        order.owing = False
    order.say("changed")


def some_order(
    random: Random,
    order_id: int,
    customers: list[str],
    *,
    emails: list[str],
    sold: list[str],
    sources: tuple[int, int, int] = (75, 15, 10),
) -> ShopOrder:
    """An order of one to four lines. ``emails`` are those that a guest may have, ``sold`` the products; both may be
    empty: then hardly anybody is a guest, and no line says what it is. ``sources`` are the shares of Shopify, our own
    events and WooCommerce."""
    ids = [order_id * 10 + n for n in range(random.randint(1, 4))]
    lines = [_some_line(random, line_id, random.choice(sold) if sold else None) for line_id in ids]
    is_guest = random.random() < (0.6 if emails else 0.05)
    source = random.choices((SHOPIFY, EVENTS, WOOCOMMERCE), sources)[0]
    order = ShopOrder(
        str(order_id),
        source,
        None if is_guest else random.choice(customers),
        random.choice(emails) if emails and is_guest else None,
        lines,
    )
    if source == EVENTS and random.random() < 0.7:
        order.cashback = random.choice((order.total, order.total + 700, random.randint(0, order.total), 500))
    return order


def _some_line(random: Random, line_id: int, product_id: str | None) -> Line:
    quantity, price = random.randint(1, 3), random.randint(1, 20_000)
    discount = random.choice((0, 0, random.randint(0, quantity * price)))
    return Line(line_id, quantity, price, discount, random.random() < 0.1, quantity, product_id)
