"""What is known of an order, and how news of it are merged so that their order and number do not matter."""

from collections.abc import Collection, Iterable, Mapping
from copy import replace
from fractions import Fraction
from typing import Final

from msgspec import Struct

from cashback.domain.money import ONE, ZERO
from cashback.domain.times import Instant

MAX_LINES: Final = 1_000
MAX_LINE_TEXT: Final = 150_000
"""Characters of ids, skus and names that the lines of one order may have in all: an item holds 400 KB."""

SHIPPING: Final = "#shipping"
"""Stands for the delivery among the lines; no shop's line id holds a ``#``."""


class Line(Struct, frozen=True, omit_defaults=True):
    """A line as sold. ``gross`` = unit price x quantity - discount allocations, in minor units as the shop priced it:
    with tax inside where the order's ``taxes_included`` says so. ``tax`` is that line's tax either way."""

    line_id: str
    quantity: int
    gross: int
    current_quantity: int
    tax: int = 0
    product_id: str | None = None
    sku: str | None = None
    vendor: str | None = None
    category: str | None = None
    tags: tuple[str, ...] = ()
    gift_card: bool = False


class RefundLine(Struct, frozen=True, omit_defaults=True):
    """Units of one line that came back; ``amount`` in the terms of the line's gross, None where the shop sent none."""

    line_id: str
    quantity: int
    amount: int | None = None


class Refund(Struct, frozen=True, omit_defaults=True):
    """One refund. ``money`` is what it gave back beyond its lines (amount-only refunds, discrepancies; may be
    negative); ``shipping`` what it gave back of the delivery. ``transactions`` is what the shop says was paid out,
    kept for comparison only: lines win. ``foreign``: told in another currency, so only its units are known."""

    refund_id: str
    lines: tuple[RefundLine, ...] = ()
    money: int = 0
    shipping: int = 0
    transactions: int | None = None
    created_at: Instant | None = None
    foreign: bool = False


class Body(Struct, frozen=True, omit_defaults=True):
    """What one order body says. The newest body wins as a whole: its fields describe one moment together.

    ``lines`` holds at most ``MAX_LINES`` of the ``line_count`` that were sent, with at most ``MAX_LINE_TEXT`` in all.
    ``paid`` is whether it was paid at that moment. ``channel`` is where the order was placed (website, pos, ...), or
    what the shop calls it. ``customer_tags`` is None where bodies never carry them. ``contacts`` are keyed hashes of a
    guest's e-mail and phone. ``paid_with_cashback`` is what of the total a redemption paid, in minor units.
    ``refund_ids`` are the refunds the order had at that moment, where the shop lists all of them in each body
    (WooCommerce); None where it does not, and then no refund is ever taken for deleted.
    """

    updated_at: Instant
    created_at: Instant
    currency: str
    lines: tuple[Line, ...] = ()
    total: int | None = None
    shipping: int = 0
    shipping_tax: int = 0
    tax: int = 0
    tips_and_fees: int = 0
    taxes_included: bool = False
    customer_id: str | None = None
    customer_tags: tuple[str, ...] | None = None
    contacts: frozenset[str] = frozenset()
    paid: bool = False
    channel: str = ""
    delivery_type: str = ""
    payment_methods: tuple[str, ...] = ()
    line_count: int = 0
    paid_with_cashback: int = 0
    refund_ids: frozenset[str] | None = None

    @property
    def goods(self) -> int:
        """Merchandise as priced, all lines."""
        return sum(line.gross for line in self.lines)

    @property
    def worth(self) -> dict[str, int]:
        """What each line, and the delivery, is sold for."""
        return {**{line.line_id: line.gross for line in self.lines}, SHIPPING: self.shipping}

    @property
    def expected_total(self) -> int:
        """What lines, shipping, tax, tips and fees add up to."""
        added_tax = 0 if self.taxes_included else self.tax
        return self.goods + self.shipping + added_tax + self.tips_and_fees

    @property
    def paid_total(self) -> int:
        """What the order cost: the total as sent, else (absent, or nothing) what its parts add up to."""
        return self.total or self.expected_total


class Facts(Struct, frozen=True, omit_defaults=True):
    """Everything known of an order. Payment, completion and cancellation stay true, refunds are united by id, units
    gone never fall; the body is the newest seen. So any permutation of the same news ends with the same facts.

    ``refunds`` forgets none, not even a deleted one: ``standing_refunds`` are those that count. ``began_at`` is when
    the order was created, where its bodies do not say so and an event of its own does; the earliest told.
    ``paid_body`` is the newest body that was paid at its moment, where the newest of all was not: an edit may add what
    is still to be paid.

    ``since`` is when the shop says that each of ``paid``, ``completed`` and ``cancelled`` became true, ``reviews`` when
    each of the customer's reviews of it was left: the earliest told. No cashback depends on these two.
    """

    body: Body | None = None
    paid_body: Body | None = None
    paid: bool = False
    completed: bool = False
    cancelled: bool = False
    refunds: Mapping[str, Refund] = {}
    began_at: Instant | None = None
    since: Mapping[str, Instant] = {}
    reviews: Mapping[str, Instant] = {}

    @property
    def created_at(self) -> Instant | None:
        """When the shop says the order was created, None while it has not said."""
        return self.began_at or (self.body.created_at if self.body else None)

    @property
    def are_reviews(self) -> bool:
        """Tell whether all that is known are reviews, which may be told by another source than the order itself."""
        return bool(self.reviews) and self == Facts(reviews=self.reviews)

    @property
    def earning_body(self) -> Body | None:
        """What the order earns by: its newest body that was paid at its moment, else its newest."""
        return self.paid_body or self.body

    @property
    def standing_refunds(self) -> Mapping[str, Refund]:
        """Refunds that the newest body still lists; all of them where bodies list none.

        A body lists what it brings, so one that is missing from the newest came with an older one and was deleted
        since, and an older body that arrives late brings none back. Bodies of one moment list their refunds together.
        """
        listed = self.body.refund_ids if self.body else None
        if listed is None:
            return self.refunds
        return {refund_id: refund for refund_id, refund in self.refunds.items() if refund_id in listed}

    def merged(self, news: "Facts") -> "Facts":
        """Return these facts with ``news`` added. Commutative, associative and idempotent.

        A refund id seen again with another content keeps the content that gave back more, whatever came first: so a
        refund that is told before it is paid out counts in the end, and a reused id never credits.
        """
        refunds = dict(self.refunds)
        for refund_id, refund in news.refunds.items():
            known = refunds.get(refund_id)
            if known != refund:
                refunds[refund_id] = refund if known is None else max(known, refund, key=_refund_rank)
        body, paid_body = _newest(self.body, news.body), _newest(self._last_paid, news._last_paid)
        return Facts(
            body=body,
            paid_body=None if body is None or body.paid else paid_body,
            paid=self.paid or news.paid,
            completed=self.completed or news.completed,
            cancelled=self.cancelled or news.cancelled,
            refunds=refunds,
            began_at=min((told for told in (self.began_at, news.began_at) if told), default=None),
            since=_earliest(self.since, news.since),
            reviews=_earliest(self.reviews, news.reviews),
        )

    @property
    def _last_paid(self) -> Body | None:
        return self.body if self.body and self.body.paid else self.paid_body

    def gone_shares(self) -> dict[str, Fraction]:
        """Return how much of each line of the body is gone, as a share in [0, 1]; empty while no body is known."""
        return self.gone_shares_by(self.standing_refunds)

    def gone_shares_by(self, refunds: Mapping[str, Refund], *, cancelled: bool | None = None) -> dict[str, Fraction]:
        """Return the same if these, some of the standing refunds, were all there are, and it were ``cancelled``."""
        if self.body is None:
            return {}
        paid = self.earning_body or self.body
        return gone_shares(
            self.body,
            refunds.values(),
            cancelled=self.cancelled if cancelled is None else cancelled,
            all_refunds=self.standing_refunds.values(),
            paid_total=paid.paid_total,
        )


def facts_of(facts: Facts) -> tuple[str, ...]:
    """Name what happened to an order, each thing once and for ever: what scenarios may wait for.

    A refund that was deleted again happened too.
    """
    marks = {"created": facts.body, "paid": facts.paid, "completed": facts.completed, "cancelled": facts.cancelled}
    happened = [name for name, is_told in marks.items() if is_told]
    refunds = [f"ref:{refund_id}" for refund_id in sorted(facts.refunds)]
    return (*happened, *refunds, *[f"rev:{review_id}" for review_id in sorted(facts.reviews)])


def gone_shares(
    body: Body,
    refunds: Iterable[Refund],
    *,
    cancelled: bool,
    all_refunds: Collection[Refund] = (),
    paid_total: int | None = None,
) -> dict[str, Fraction]:
    """Return how much of each line is gone, as a share in [0, 1]; ``SHIPPING`` stands for the delivery.

    A refunded unit counts by its money (its share of the line as sold, both in the same terms of tax), any other
    missing unit by its share of the quantity; a line with no unit left is gone whole, so cents of difference cannot
    leave a remainder. Money refunded beyond lines is spread over everything by its share of what was paid; where it is
    negative (the shop kept some of it) it lowers no line that is gone whole. ``all_refunds`` are given where
    ``refunds`` are only some: the units that the others brought back are not counted with these. Units that come back
    for no money are gone only with the line's last.
    """
    if cancelled:
        return dict.fromkeys([*(line.line_id for line in body.lines), SHIPPING], ONE)
    refunds = list(refunds)
    if not refunds and not all_refunds:
        return {**{line.line_id: _line_share(line, [], 0) for line in body.lines}, SHIPPING: ZERO}
    loose = sum(refund.money for refund in refunds)
    whole = body.paid_total if paid_total is None else paid_total
    everywhere = Fraction(loose, whole) if whole > 0 else ZERO
    by_line: dict[str, list[RefundLine]] = {}
    for refund in refunds:
        for part in refund.lines:
            by_line.setdefault(part.line_id, []).append(part)
    explained: dict[str, int] = {}
    for refund in all_refunds or refunds:
        for part in refund.lines:
            explained[part.line_id] = explained.get(part.line_id, 0) + part.quantity
    shares = {
        line.line_id: _line_share(line, by_line.get(line.line_id, []), explained.get(line.line_id, 0))
        for line in body.lines
    }
    shipped = sum(refund.shipping for refund in refunds)
    shares[SHIPPING] = Fraction(shipped, body.shipping) if body.shipping > 0 else ZERO
    if not refunds:
        return shares
    return {
        line_id: share if share == 1 else min(max(share + everywhere, ZERO), ONE) for line_id, share in shares.items()
    }


def _earliest(mine: Mapping[str, Instant], theirs: Mapping[str, Instant]) -> Mapping[str, Instant]:
    """Unite times by name; of two of one name the earlier."""
    return {name: min(at[name] for at in (mine, theirs) if name in at) for name in mine.keys() | theirs.keys()}


def _line_share(line: Line, refunded: list[RefundLine], explained: int) -> Fraction:
    """How much of a line is gone; ``explained`` units of it came back by refunds, these or others."""
    if line.quantity <= 0:
        return ZERO
    missing = line.quantity - line.current_quantity
    others = max(0, missing - explained)
    if not others and not refunded:
        return ZERO
    paid_back = [part for part in refunded if part.amount != 0]
    named = refunded if missing >= line.quantity else paid_back
    if others + sum(part.quantity for part in named) >= line.quantity:
        return ONE
    share = Fraction(others, line.quantity)
    for part in paid_back:
        by_units = part.amount is None or line.gross <= 0
        share += Fraction(part.quantity, line.quantity) if by_units else Fraction(part.amount or 0, line.gross)
    return share


def _newest(mine: Body | None, theirs: Body | None) -> Body | None:
    """Return the newer body; of two bodies of one moment, the one that sorts last, with the refunds of both and the
    fewest units left.

    Of one moment, a body with more lines wins whole: between bodies of different lines no units can be compared.
    """
    if mine is None or theirs is None or mine == theirs:
        return mine or theirs
    if mine.updated_at != theirs.updated_at:
        return max(mine, theirs, key=lambda body: body.updated_at)
    other, kept = sorted((mine, theirs), key=_body_rank)
    listed = _listed_together(kept, other)
    kept, other = replace(kept, refund_ids=listed), replace(other, refund_ids=listed)
    if kept == other or _moment(kept) != _moment(other):
        return kept
    by_gone = sorted((*kept.lines, *other.lines), key=lambda line: line.quantity - line.current_quantity)
    gone = {line.line_id: line.quantity - line.current_quantity for line in by_gone}
    lines = tuple(replace(line, current_quantity=line.quantity - gone[line.line_id]) for line in kept.lines)
    return replace(kept, lines=lines)


def _listed_together(one: Body, other: Body) -> frozenset[str] | None:
    """The refunds that either of two bodies of one moment lists; where one lists none, no list is complete."""
    if one.refund_ids is None or other.refund_ids is None:
        return None
    return one.refund_ids | other.refund_ids


def _moment(body: Body) -> tuple[Instant, int, list[str]]:
    """What two bodies must share for their units to be compared: the time, and which lines there are."""
    return body.updated_at, len(body.lines), sorted(line.line_id for line in body.lines)


def _body_rank(body: Body) -> tuple[tuple[Instant, int, list[str]], str, list[str]]:
    """Rank bodies by all that merging does not change in them, so that no grouping of the same bodies matters.

    A set is spelled in another order by each process, so contacts are ranked by what they are.
    """
    lines = tuple(replace(line, current_quantity=0) for line in body.lines)
    rest = repr(replace(body, lines=lines, refund_ids=None, contacts=frozenset()))
    return _moment(body), rest, sorted(body.contacts)


def _refund_rank(refund: Refund) -> tuple[int, int, str]:
    money = refund.money + sum(part.amount or 0 for part in refund.lines)
    return money, sum(part.quantity for part in refund.lines), repr(refund)
