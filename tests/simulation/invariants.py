"""What must hold in every world, whatever went wrong in it. Numbers are those of the ledger design's invariants."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.accounts import account_of, entry_of
from cashback.adapters.dynamo.codec import from_item
from cashback.domain.causes import group_job
from cashback.domain.ledger import Account, Entry, EntryStatus, Kind
from cashback.domain.settings import Clawback
from tests.simulation import jobs, order_invariants, people_invariants, projecting, scenario_invariants, withdrawals
from tests.simulation.persons import Adjustment
from tests.simulation.project_tables import inconsistent_reads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cashback.adapters.dynamo.codec import Item
    from cashback.domain.orders import Order
    from tests.simulation.world import World


_TAKING = frozenset({Kind.REVERSAL, Kind.REDEMPTION, Kind.PAYOUT})
"""What takes as much as there is, and owes the rest."""

_REPAYING = frozenset({Kind.ORDER, Kind.PAYOUT})
"""Awards, and what is given back of payments: an open shortfall is repaid out of these first."""


_GIVING = frozenset({Kind.GROUP, Kind.SCENARIO})
"""What nobody gets who is forgotten, but for what an undo sets right."""


@dataclass(slots=True)
class Books:
    """What stands in the tables of a world, read by no call."""

    accounts: dict[str, Account]
    entries: defaultdict[str, list[Entry]]
    orders: dict[str, Order]

    def living(self, customer_id: str | None) -> str | None:
        """Who a customer is now, after all merges."""
        account = self.accounts.get(customer_id or "")
        into = account.merged_into if account else None
        return customer_id if into is None else self.living(into)


def violations(world: World) -> list[str]:
    """Everything that does not hold; empty for a good world."""
    with world.memory.in_use():
        return _violations(world)


def _violations(world: World) -> list[str]:
    books = books_of(world)
    return [
        *_queues(world),
        *(f"17: {read}" for read in inconsistent_reads(world.dynamo)),
        *_postings(world),
        *_answers(world, books),
        *_accounts(world, books),
        *order_invariants.violations(world, books.orders, [one for some in books.entries.values() for one in some]),
        *people_invariants.violations(world, books.accounts, books.orders, books.living),
        *scenario_invariants.violations(world, books.orders, books.entries),
        *withdrawals.violations(world, books.accounts, books.entries, books.living),
        *jobs.violations(world, books.accounts, books.entries),
        *projecting.violations(world, books.accounts, books.entries),
    ]


def books_of(world: World) -> Books:
    """Read accounts, ledger and orders."""
    accounts = {}
    for partition in world.dynamo.engine.table("State").partitions.values():
        if (item := partition.get("ACCOUNT")) is not None:
            plain = from_item(item)
            accounts[_owner(plain)] = account_of(_owner(plain), plain)
    entries: defaultdict[str, list[Entry]] = defaultdict(list)
    for item in world.dynamo.items("Ledger"):
        plain = from_item(item)
        entries[_owner(plain)].append(entry_of(plain))
    return Books(accounts, entries, world.documents())


def _owner(item: Item) -> str:
    return keys.unescape(str(item["pk"]).rpartition("#")[2])


def _queues(world: World) -> Iterator[str]:
    for queue, _ in world.workers():
        if queue.messages:
            yield f"20: {len(queue.messages)} messages of {queue.name} still wait in the calm"
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
                there = [entry.new for entry in entries if entry.key[0] == write.key[0] and entry.new is not None]
                made = [entry_of(from_item(item)) for item in there]
                posted = [entry for entry in made if entry.status is EntryStatus.POSTED]
                yield from _posting(from_item(write.old), from_item(write.new), posted)


def _posting(old: Item, new: Item, entries: list[Entry]) -> Iterator[str]:
    if new["version"] - old["version"] != len(entries):
        yield f"16: {len(entries)} entries moved the version from {old['version']} to {new['version']}"
    if old.get("merged_into"):
        yield f"29: {new['pk']} changed after it was merged"
    for entry in entries:
        is_hold = entry.kind is Kind.PAYOUT and entry.reserved > 0
        is_undo = entry.kind is Kind.GROUP and entry.cause != group_job(str(entry.job_id))
        is_gift = entry.kind in _GIVING and not is_undo
        if old.get("erased_at") and (is_gift or is_hold):
            yield f"{entry.cause} was posted for {new['pk']}, who was erased"
        if is_hold and old.get("shortfall", 0) > 0:
            yield f"41: {entry.cause} holds something of {new['pk']}, who owes {old['shortfall']}"
    for entry in entries:
        if entry.before is not None and entry.before != old["available"]:
            yield f"11: {entry.cause} was decided from {entry.before} and committed over {old['available']}"
    lacks = [entry.owed for entry in entries if entry.kind in _TAKING]
    if sum(lacks) > 0 and min(lacks) >= 0 and new["available"] > 0:
        yield f"31: {sum(lacks)} was owed by {new['pk']} beside a balance of {new['available']}"
    if new.get("shortfall", 0) < 0:
        yield f"5: the shortfall of {new['pk']} fell to {new['shortfall']}"
    kinds, owed = {entry.kind for entry in entries}, old.get("shortfall", 0)
    if not kinds & _REPAYING or owed <= 0:
        return
    if new.get("shortfall", 0) > 0 and new["available"] > old["available"]:
        yield f"41: {kinds} raised the balance of {new['pk']} beside a shortfall of {new['shortfall']}"
    gained = sum(entry.amount for entry in entries)
    repaid = sum(-entry.owed for entry in entries if entry.kind is Kind.RECOVERY)
    if kinds <= {*_REPAYING, Kind.RECOVERY} and repaid != max(0, min(owed, gained + repaid)):
        yield f"41: {kinds} of {gained + repaid} repaid {repaid} of a shortfall of {owed}"


def _answers(world: World, books: Books) -> Iterator[str]:
    for key, answers in world.answers.items():
        if len(answers) > 1:
            yield f"4: {key} was answered {sorted(answers)}"
    posted = {entry.cause for entries in books.entries.values() for entry in entries}
    for person in world.persons:
        if isinstance(person, Adjustment):
            given = [answer for answer in world.answers[person.key] if answer.startswith("posted")]
            if given and f"adm:{person.key}" not in posted:
                yield f"4: {person.key} was answered posted, and is not"
    for order_id, verdicts in world.verdicts.items():
        if len(verdicts) > 1:
            yield f"10: order {order_id} was both {sorted(verdicts)}"


def _named(entry: Entry) -> str:
    """What only one entry may be posted for: a group job has one cause for all its members."""
    return f"{entry.cause} for {entry.payload_hash}" if entry.kind is Kind.GROUP else entry.cause


def _accounts(world: World, books: Books) -> Iterator[str]:
    every = (entry for entries in books.entries.values() for entry in entries)
    causes = Counter(_named(entry) for entry in every if entry.kind is not Kind.MERGE)
    for cause, times in causes.items():
        if times > 1:
            yield f"2: {cause} is posted {times} times"
    for customer_id in books.entries.keys() - books.accounts.keys():
        yield f"customer {customer_id} has entries and no account"
    for customer_id, account in books.accounts.items():
        posted = [entry for entry in books.entries[customer_id] if entry.status is EntryStatus.POSTED]
        orders = [order for order in books.orders.values() if books.living(order.customer_id) == customer_id]
        sums = {
            "available": sum(entry.amount for entry in posted),
            "reserved": sum(entry.reserved for entry in posted),
            "credited": sum(entry.credited for entry in posted),
            "debited": sum(entry.debited for entry in posted),
            "shortfall": sum(entry.owed for entry in posted),
            "version": len(posted),
            "total_spent": sum(order.spent for order in orders),
            "orders_count": sum(order.counted for order in orders),
        }
        for name, expected in sums.items():
            if getattr(account, name) != expected:
                yield f"1: {name} of {customer_id} is {getattr(account, name)}, its entries and orders say {expected}"
        if account.available + account.reserved != account.credited - account.debited:
            yield f"1: the sums of {customer_id} do not agree: {account}"
        if account.available < 0 and Clawback.ALLOW_NEGATIVE not in world.policies():
            yield f"5: {customer_id} is overdrawn: {account.available}"
        if account.shortfall < 0:
            yield f"5: the shortfall of {customer_id} is negative: {account.shortfall}"
        if account.merged_into is not None and (account.available, account.shortfall, account.reserved) != (0, 0, 0):
            yield f"29: {customer_id} was merged and is left with something: {account}"
