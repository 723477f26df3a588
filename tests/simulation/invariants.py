"""What must hold in every world, whatever went wrong in it. Numbers are those of the ledger design's invariants."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.accounts import entry_of
from cashback.adapters.dynamo.codec import from_item
from cashback.domain.clawback import target_of
from cashback.domain.errors import CustomerNotFound
from cashback.domain.facts import Facts
from cashback.domain.ledger import Entry, EntryStatus, Kind
from cashback.domain.orders import AWARDED, News, Order
from cashback.domain.settings import Clawback
from cashback.storefronts import parsing
from tests.simulation.world import STORE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cashback.adapters.dynamo.codec import Item
    from tests.simulation.world import World


def violations(world: World) -> list[str]:
    """Everything that does not hold; empty for a good world."""
    return [*_queues(world), *_postings(world), *_answers(world), *_accounts(world), *_orders(world)]


def _queues(world: World) -> Iterator[str]:
    if world.queue.messages:
        yield f"20: {len(world.queue.messages)} messages still wait in the calm"
    if world.dead.messages:
        yield f"3: {len(world.dead.messages)} messages are among the dead letters"


def _postings(world: World) -> Iterator[str]:
    """What each single commit did to an account, against the entries committed with it."""
    for writes in world.commits.values():
        entries = [write for write in writes if write.table == "Ledger"]
        for write in entries:
            if write.old is not None or write.new is None:
                yield f"14: the entry {write.key} was changed"
        for write in writes:
            if write.key[1] == "ACCOUNT" and write.old is not None and write.new is not None:
                posted = [entry_of(from_item(entry.new)) for entry in entries if entry.new is not None]
                yield from _posting(from_item(write.old), from_item(write.new), posted)


def _posting(old: Item, new: Item, entries: list[Entry]) -> Iterator[str]:
    if new["version"] - old["version"] != len(entries):
        yield f"16: {len(entries)} entries moved the version from {old['version']} to {new['version']}"
    for entry in entries:
        if entry.before is not None and entry.before != old["available"]:
            yield f"11: {entry.cause} was decided from {entry.before} and committed over {old['available']}"
    gained, owed = sum(entry.amount for entry in entries), old.get("shortfall", 0)
    repaid = sum(-entry.owed for entry in entries if entry.kind is Kind.RECOVERY)
    if any(entry.kind is Kind.ORDER for entry in entries) and owed > 0 and repaid != min(owed, gained + repaid):
        yield f"an award of {gained + repaid} repaid {repaid} of a shortfall of {owed}"


def _answers(world: World) -> Iterator[str]:
    for adjustment in world.adjustments:
        answers = world.answers[adjustment.key]
        if len(answers) > 1:
            yield f"4: {adjustment.key} was answered {sorted(answers)}"
        posted = [
            entry for entry in entries_of(world)[adjustment.customer_id] if entry.cause == f"adm:{adjustment.key}"
        ]
        if [answer for answer in answers if answer.startswith("posted")] and not posted:
            yield f"4: {adjustment.key} was answered posted, and is not"
    for order_id, verdicts in world.verdicts.items():
        if len(verdicts) > 1:
            yield f"10: order {order_id} was both {sorted(verdicts)}"


def _accounts(world: World) -> Iterator[str]:
    by_customer = entries_of(world)
    documents = world.documents()
    for customer_id in world.customers:
        try:
            account = world.books.ledger.account(STORE, customer_id)
        except CustomerNotFound:
            if by_customer[customer_id]:
                yield f"customer {customer_id} has entries and no account"
            continue
        posted = [entry for entry in by_customer[customer_id] if entry.status is EntryStatus.POSTED]
        sums = {
            "available": sum(entry.amount for entry in posted),
            "reserved": sum(entry.reserved for entry in posted),
            "credited": sum(entry.credited for entry in posted),
            "debited": sum(entry.debited for entry in posted),
            "shortfall": sum(entry.owed for entry in posted),
            "version": len(posted),
            "total_spent": sum(order.spent for order in documents.values() if order.customer_id == customer_id),
            "orders_count": sum(order.counted for order in documents.values() if order.customer_id == customer_id),
        }
        for name, expected in sums.items():
            if getattr(account, name) != expected:
                yield f"1: {name} of {customer_id} is {getattr(account, name)}, its entries and orders say {expected}"
        if account.available + account.reserved != account.credited - account.debited:
            yield f"1: the sums of {customer_id} do not agree: {account}"
        if account.available < 0 and world.settings.clawback is not Clawback.ALLOW_NEGATIVE:
            yield f"5: {customer_id} is overdrawn: {account.available}"
        if account.shortfall < 0:
            yield f"5: the shortfall of {customer_id} is negative: {account.shortfall}"


def _orders(world: World) -> Iterator[str]:
    told = facts_told(world)
    documents = world.documents()
    by_order: defaultdict[str | None, list[Entry]] = defaultdict(list)
    for entries in entries_of(world).values():
        for entry in entries:
            by_order[entry.order_id].append(entry)
    for order_id, facts in told.items():
        order = documents.get(order_id)
        if order is None:
            yield f"3: order {order_id} was lost"
            continue
        if order.facts != facts:
            yield f"7: order {order_id} knows other facts than it was told"
        yield from _order(order, by_order[order_id])


def _order(order: Order, entries: list[Entry]) -> Iterator[str]:
    moved = [entry for entry in entries if entry.kind is not Kind.RECOVERY]
    earned = Counter(entry.cause for entry in moved if entry.kind is Kind.ORDER)
    if order.status not in AWARDED:
        if moved:
            yield f"2: order {order.order_id} is {order.status} and has entries {moved}"
        return
    if sum(earned.values()) != 1:
        yield f"2: order {order.order_id} has the awards {earned}"
    award = order.award or 0
    if not 0 <= order.target <= award:
        yield f"6: order {order.order_id} calls back {order.target} of {award}"
    if min(order.taken, order.owed, order.waived) < 0:
        yield f"6: order {order.order_id}: taken {order.taken}, owed {order.owed}, waived {order.waived}"
    if sum(entry.amount for entry in moved) < award - order.target:
        yield f"6: order {order.order_id} took more than its target"
    if sum(entry.amount for entry in moved) > award - order.taken:
        yield f"6: order {order.order_id} left {sum(e.amount for e in moved)} of {award - order.taken}"
    if order.target != target_of(order, order.facts):
        yield f"7: order {order.order_id} calls back {order.target}, its facts say {target_of(order, order.facts)}"
    if sum(line.award for line in order.calculation.lines) != award:
        yield f"15: the lines of order {order.order_id} do not sum to {award}"


def entries_of(world: World) -> defaultdict[str, list[Entry]]:
    """The whole ledger, by customer."""
    found: defaultdict[str, list[Entry]] = defaultdict(list)
    partitions = {keys.customer(STORE, customer_id): customer_id for customer_id in world.customers}
    for item in world.dynamo.items("Ledger"):
        plain = from_item(item)
        found[partitions[plain["pk"]]].append(entry_of(plain))
    return found


def facts_told(world: World) -> dict[str, Facts]:
    """What the shop said of each order, all together."""
    told: dict[str, Facts] = {}
    for delivery in world.deliveries:
        news = parsing.read(delivery.source, delivery.topic, delivery.body, world.settings, delivery.received_at)
        assert isinstance(news, News), news
        told[news.order_id] = told.get(news.order_id, Facts()).merged(news.facts)
    return told
