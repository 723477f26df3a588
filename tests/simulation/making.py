"""What a world is made of: its store's settings, what its shop will tell, and who calls its API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cashback.domain.audit import Act, Origin
from cashback.domain.news import Delivery
from cashback.domain.settings import DEFAULTS
from cashback.domain.stores import StoreDocument, StoreRecord
from tests.simulation.bodies import time
from tests.simulation.people import RULES, catalogue, lives
from tests.simulation.persons import (
    CHANGES,
    STORE,
    USD,
    Adjustment,
    BulkApproval,
    Cataloguing,
    Governing,
    Import,
    Person,
    Processing,
    Reviewing,
)
from tests.simulation.shop import Told, life
from tests.simulation.withdrawals import office, withdrawals

if TYPE_CHECKING:
    from cashback.domain.settings import Settings
    from tests.simulation.world import World

CLAIM_DAYS = 1


def open_store(world: World) -> Settings:
    random = world.random
    document = {
        **DEFAULTS,
        "name": "Shop",
        "timezone": "Europe/Berlin",
        "auto_processing": random.random() < 0.7,
        "award_on": random.choice(("paid", "paid", "paid", "paid", "paid", "completed")),
        "base_rate": random.choice(("0.05", "0.1", "0.333333", "1")),
        "clawback": random.choice(("partial", "partial", "full_or_skip", "allow_negative")),
        "max_award": random.choice((None, None, "10.00")),
        "tiers": random.choice(([], [{"name": "Gold", "min_spent": "50.00", "rate": "0.2"}])),
        "guest_claim_days": CLAIM_DAYS,
        **(random.choice(RULES) if world.sold else {}),
    }
    now = world.now()
    first = StoreDocument(STORE, 1, USD, document, now, now, "test", {})
    record = StoreRecord(STORE, "Shop", now, None, None)
    opened = Act("store_created", STORE, now, Origin("test", "r", "-"))
    assert world.books.stores.create(record, first, (), opened) is None
    return first.settings()


def deliveries(world: World) -> tuple[list[Delivery], list[Delivery]]:
    """What the shop sends, roughly as it happens, and what comes when all else is quiet again: stories interleave,
    and some messages overtake others."""
    random = world.random
    stories = [life(random, order, is_brief=world.is_brief) for order in world.orders]
    birthdays = world.automation.birthdays if world.automation else ()
    beside = lives(random, world.customers, world.emails, may_go=world.people_go, birthdays=birthdays)
    beside += catalogue(random, world.sold)
    late = [story.pop() for story in beside if story and random.random() < 0.2]
    stories += beside
    sent: list[Told] = []
    while any(stories):
        sent.append(random.choice([story for story in stories if story]).pop(0))
    for i in range(len(sent) - 1):
        if random.random() < 0.3:
            sent[i], sent[i + 1] = sent[i + 1], sent[i]
    made = [_delivery(told, n) for n, told in enumerate(sent + late)]
    return made[: len(sent)], made[len(sent) :]


def persons(world: World) -> list[Person]:
    random, order_ids = world.random, [order.order_id for order in world.orders]
    if world.is_office:
        return [*office(world), Reviewing(order_ids[0])]
    made: list[Person] = [_adjustment(world, n) for n in range(random.randint(0, 8))]
    made += [Reviewing(order_id) for order_id in order_ids]
    if random.random() < 0.4:
        made += [Processing(order_id) for order_id in order_ids]
    if random.random() < 0.2:
        made.append(BulkApproval("bulk", order_ids))
    if random.random() < 0.2:
        made += _imports(world)
    if random.random() < 0.25:
        made += [Governing(random.choice(CHANGES)) for _ in range(random.randint(1, 3))]
    if random.random() < 0.1:
        made += [Governing({"cashback_enabled": False}), *[Governing({"cashback_enabled": True})] * 2]
    if world.automation:
        made += world.automation.persons()
    if random.random() < 0.25:
        made += withdrawals(world)
    if world.jobs:
        made += world.jobs.persons()
    if world.sold and random.random() < 0.3:
        made.append(Cataloguing(random.choice(world.sold), random.choice(("Food", "Toys"))))
    return made


def _adjustment(world: World, n: int) -> Adjustment:
    amount = world.random.choice((500, 2_000, -100, -300, -1_000))
    customer_id = world.random.choice(world.customers)
    if world.random.random() < 0.25:
        return Adjustment(f"set{n}", customer_id, abs(amount), absolute=True)
    return Adjustment(f"adj{n}", customer_id, amount)


def _imports(world: World) -> list[Import]:
    source = world.random.choice(world.orders).source
    told = [one for one in world.deliveries if one.source == source and one.topic.startswith("order")]
    return [Import("import", world.random.sample(told, min(3, len(told))))]


def _delivery(told: Told, n: int) -> Delivery:
    return Delivery(STORE, told.source, told.topic, f"d{n}", time(told.minute).replace("Z", ".000000Z"), told.body)
