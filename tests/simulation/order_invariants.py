"""What must hold of the orders of a world: they know what they were told, and the ledger holds what they say."""

from __future__ import annotations

from collections import defaultdict
from copy import replace
from functools import reduce
from typing import TYPE_CHECKING

from cashback.adapters.dynamo.codec import from_item
from cashback.adapters.dynamo.documents import order_of
from cashback.domain.clawback import target_of
from cashback.domain.facts import Facts, facts_of
from cashback.domain.ledger import Entry, Kind
from cashback.domain.orders import AWARDED, News, Order, Status
from cashback.domain.redemption import redeemed_of
from tests.simulation.persons import STORE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulation.world import World


def violations(world: World, orders: dict[str, Order], ledger: list[Entry]) -> Iterator[str]:
    """Everything that does not hold of the orders."""
    by_order: defaultdict[str | None, list[Entry]] = defaultdict(list)
    for entry in ledger:
        by_order[entry.order_id].append(entry)
    yield from _recorded_for_ever(world)
    for order_id, told in facts_told(world).items():
        order = orders.get(order_id)
        if order is None:
            yield f"3: order {order_id} was lost"
            continue
        if order.facts != reduce(Facts.merged, told, Facts()):
            yield f"7: order {order_id} knows other facts than it was told"
        entries = by_order[order_id]
        found = [*_redemption(order, entries), *_award(order, entries), *_state(order), *_reviews(order)]
        found += [*_capped(world, order), *_dated(order, told)]
        yield from (f"{one} (order {order_id}, {order.status}, {order.reason})" for one in found)


def facts_told(world: World) -> dict[str, list[Facts]]:
    """What the shop said of each order."""
    told: defaultdict[str, list[Facts]] = defaultdict(list)
    for delivery in world.deliveries:
        news = world.news_of(delivery)
        if isinstance(news, News):
            told[news.order_id].append(_hashed(world, news))
        else:
            assert not delivery.topic.startswith("order"), news
    return told


def _hashed(world: World, news: News) -> Facts:
    """The facts of news as the order keeps them: of a guest's contacts the keyed hashes."""
    if news.facts.body is None:
        return news.facts
    macs = world.books.contacts.macs(STORE, news.contacts)
    return replace(news.facts, body=replace(news.facts.body, contacts=macs))


def _recorded_for_ever(world: World) -> Iterator[str]:
    """When a fact was recorded never changes, nor does the number of an order."""
    read: dict[int, Order] = {}
    """By image: the old one of a write is the new one of the write before."""
    for writes in world.commits.values():
        for write in writes:
            if write.key[1] != "ORDER" or write.new is None or write.old is None:
                continue
            new = read[id(write.new)] = order_of(from_item(write.new))
            old = read.get(id(write.old)) or order_of(from_item(write.old))
            if not old.recorded.items() <= new.recorded.items() or (old.number or new.number) != new.number:
                yield f"order {new.order_id} was recorded anew: {old.recorded} became {new.recorded}"


def _dated(order: Order, told: list[Facts]) -> Iterator[str]:
    """Every fact is recorded, and each thing is so since the earliest time that was told."""
    if order.recorded.keys() != set(facts_of(order.facts)):
        yield f"its facts were recorded at {order.recorded}"
    for name in ("paid", "completed", "cancelled"):
        times = [facts.since[name] for facts in told if getattr(facts, name)]
        if order.facts.since.get(name) != min(times, default=None):
            yield f"7: it is {name} since {order.facts.since.get(name)}, and was told {times}"
    reviews = {review_id for facts in told for review_id in facts.reviews}
    if order.facts.reviews.keys() != reviews:
        yield f"7: it was reviewed by {sorted(reviews)} and knows of {sorted(order.facts.reviews)}"


def _redemption(order: Order, entries: list[Entry]) -> Iterator[str]:
    moved = sum(entry.owed - entry.amount for entry in entries if entry.kind is Kind.REDEMPTION)
    if moved != order.redeemed - order.redemption_waived:
        yield f"11: {moved} left the balance of {order.redeemed} redeemed, {order.redemption_waived} waived"
    if order.status is not Status.FAILED and order.redeemed != redeemed_of(order, order.facts):
        yield f"11: {order.redeemed} is redeemed, the facts say {redeemed_of(order, order.facts)}"
    if min(order.redemption_owed, order.redemption_waived) < 0:
        yield f"11: owed {order.redemption_owed}, waived {order.redemption_waived}"
    if order.redemption_owed + order.redemption_waived > order.redeemed:
        yield f"11: the balance lacked more than the {order.redeemed} redeemed"
    body = order.facts.body
    if order.redeemed > (min(body.paid_with_cashback, max(0, body.paid_total)) if body else 0):
        yield f"11: {order.redeemed} is redeemed, more than was paid so"
    by_cause: defaultdict[str, int] = defaultdict(int)
    for entry in entries:
        if entry.kind is Kind.REDEMPTION:
            by_cause["spent" if entry.owed > 0 or entry.amount < 0 else "back"] += abs(entry.owed - entry.amount)
    if by_cause["back"] > by_cause["spent"]:
        yield f"11: {by_cause['back']} was given back of {by_cause['spent']}"


def _award(order: Order, entries: list[Entry]) -> Iterator[str]:
    if sum(line.award for line in order.calculation.lines) != order.calculation.award:
        yield f"15: the lines do not sum to {order.calculation.award}"
    earned = [entry for entry in entries if entry.kind is Kind.ORDER]
    moved = [entry for entry in entries if entry.kind is Kind.REVERSAL]
    if order.status not in AWARDED:
        if earned or moved or order.award is not None:
            yield f"2: without an award it has {[*earned, *moved]}"
        return
    award = order.award or 0
    if order.calculation.award != award:
        yield f"15: the lines sum to {order.calculation.award}, the award is {award}"
    if sum(entry.amount for entry in earned) != award or min(entry.amount for entry in earned) <= 0:
        yield f"2: the award of {award} has the entries {earned}"
    if sum(entry.cause == f"ord:{order.order_id}:earn" for entry in earned) != 1:
        yield f"2: it has the awards {earned}"
    if not 0 <= order.target <= award:
        yield f"6: it calls back {order.target} of {award}"
    if min(order.taken, order.owed, order.waived) < 0:
        yield f"6: taken {order.taken}, owed {order.owed}, waived {order.waived}"
    if sum(entry.owed - entry.amount for entry in moved) != order.target - order.waived:
        yield f"6: its entries called back other than {order.target} less {order.waived}: {moved}"
    if order.target != target_of(order):
        yield f"7: it calls back {order.target}, its facts say {target_of(order)}"


def _capped(world: World, order: Order) -> Iterator[str]:
    """No award exceeds the cap of its terms: nobody approves more than was calculated."""
    if order.award is not None and order.terms is not None:
        cap = world.books.stores.settings(STORE, order.terms.settings_version).max_award
        if cap is not None and order.award > cap:
            yield f"the award of {order.award} exceeds {cap}"


def _state(order: Order) -> Iterator[str]:
    if order.status in AWARDED:
        badge = {0: Status.PROCESSED, order.award: Status.REVERSED}.get(order.target, Status.PARTIALLY_REVERSED)
        if order.status is not badge:
            yield f"it should be {badge}"
    elif order.facts.cancelled and order.status not in {Status.NOT_ELIGIBLE, Status.REJECTED}:
        yield "23: it is cancelled and waits"
    if order.status is Status.AWAITING and order.terms is not None and not order.facts.cancelled:
        yield "18: it was known to earn and awaits that"
    if order.status is Status.FAILED:
        yield "3: it failed"


def _reviews(order: Order) -> Iterator[str]:
    ends = [review.verdict for review in order.reviews if review.verdict in {"approved", "rejected"}]
    credited = [review for review in order.reviews if review.amount is not None and review.verdict != "added"]
    if len(ends) > 1 or len(credited) > 1 or (credited and "rejected" in ends):
        yield f"10: it was decided {len(order.reviews)} times: {[review.verdict for review in order.reviews]}"
    if len({review.request_hash for review in order.reviews}) != len(order.reviews):
        yield "4: one request was heard twice"
