"""What must hold of customers, their contacts and their data, and of everything that waits for something."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.codec import from_item
from cashback.domain.news import CustomerDeleted, CustomerNews, CustomersMerged, ProductNews
from cashback.domain.orders import AMBIGUOUS_CONTACT, PRODUCT_UNKNOWN, Order, Status
from cashback.domain.times import instant, moment
from tests.simulation.people import name_of
from tests.simulation.persons import STORE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cashback.domain.customers import Profile
    from cashback.domain.ledger import Account
    from tests.simulation.world import World

_RACE = timedelta(minutes=30)
"""A contact that is verified this shortly before an order expires may be overlooked."""


def violations(
    world: World, accounts: dict[str, Account], orders: dict[str, Order], living: Callable[[str | None], str | None]
) -> list[str]:
    """Everything that does not hold of them."""
    found = [*_waiting(world, orders), *_due(world), *_registered_for_ever(world)]
    found += [
        f"28: order {one} was claimed, and was that of {owners}" for one, owners in world.claims if len(owners) > 1
    ]
    for order in orders.values():
        found += [f"{one} (order {order.order_id}, {order.reason})" for one in _decidable(world, order)]
    if world.sold:
        found += _catalogue(world)
    if world.emails or world.people_go:
        profiles = {one: profile for one in accounts if (profile := world.books.customers.get(STORE, one))}
        found += [
            *_contacts(world, profiles, living),
            *_privacy(world, profiles, orders),
            *_told(world, profiles, living),
        ]
    return found


def _waiting(world: World, orders: dict[str, Order]) -> Iterator[str]:
    """The items beside what is waited for stand for the orders that wait, and for no other."""
    stand = {key for key in _state_keys(world) if "#GUEST#" in key[0] or key[1].startswith(keys.WAIT)}
    wait = {tuple(keys.guest(STORE, mac, one.order_id)) for one in orders.values() for mac in one.awaited_contacts}
    wait |= {
        tuple(keys.waits_for_product(STORE, product_id, one.order_id))
        for one in orders.values()
        for product_id in one.awaited_products
    }
    if stand != wait:
        yield f"28, 12: items stand for {sorted(stand - wait)}, none for {sorted(wait - stand)}"


def _registered_for_ever(world: World) -> Iterator[str]:
    """When a customer registered never changes, whatever becomes of the profile."""
    for writes in world.commits.values():
        for write in writes:
            was = (write.old or {}).get("registered_at")
            if write.key[1] == "PROFILE" and was not in (None, (write.new or {}).get("registered_at")):
                yield f"{write.key[0]!s} registered anew"


def _state_keys(world: World) -> Iterator[tuple[str, str]]:
    for pk, partition in world.dynamo.engine.table("State").partitions.items():
        yield from ((str(pk), str(sk)) for sk in partition)


def _due(world: World) -> Iterator[str]:
    now = instant(world.clock.now())
    for partition in world.dynamo.engine.table("State").partitions.values():
        for item in partition.values():
            if "due_sk" in item and str(from_item(item)["due_sk"]) < now:
                yield f"9: {from_item(item)['due_sk']} is past and was not settled"


def _decidable(world: World, order: Order) -> Iterator[str]:
    """No order waits for what is known."""
    contacts = order.facts.body.contacts if order.facts.body else frozenset()
    owners = world.books.contacts.customers(STORE, contacts) if contacts else frozenset()
    if order.status is Status.AWAITING_CUSTOMER and owners:
        yield f"28: it waits, and its contact is that of {sorted(owners)}"
    if order.unresolved and order.reason == AMBIGUOUS_CONTACT and len(owners) < 2:
        yield f"28: its contact is ambiguous, and is that of {sorted(owners)}"
    if order.awaited_products and (known := world.books.products.get_many(STORE, sorted(order.missing))):
        yield f"12: it waits for products, and {sorted(known)} are known"
    if order.unresolved and order.reason == PRODUCT_UNKNOWN and not order.missing:
        yield "12: it waits for products, and for none"
    if order.reason == "guest_not_claimed":
        last = instant(moment(order.history[-1].at) - _RACE)
        since = {
            world.since[key]
            for mac in contacts
            for one in owners
            if (key := tuple(keys.contact(STORE, mac, one))) in world.since
        }
        if since and min(since) < last:
            yield f"28: it expired, and its contact is that of {sorted(owners)} since {min(since)}"


def _catalogue(world: World) -> Iterator[str]:
    """The catalogue is as new as what was told."""
    for delivery in [*world.deliveries, *world.late]:
        news = world.news_of(delivery)
        if isinstance(news, ProductNews):
            stands = world.books.products.get(STORE, news.product.product_id)
            if stands is None or stands.rank < news.product.rank:
                yield f"20: the catalogue does not know {news.product}"


def _contacts(world: World, profiles: dict[str, Profile], living: Callable[[str | None], str | None]) -> Iterator[str]:
    """Contacts stand for those who verified them, and profiles name just those that stand."""
    stand = {key for key in _state_keys(world) if "#CONTACT#" in key[0]}
    named = {tuple(keys.contact(STORE, mac, one)) for one, profile in profiles.items() for mac in profile.contacts}
    if stand != named:
        yield f"28: the contacts {sorted(stand - named)} stand for nobody, {sorted(named - stand)} are missing"
    findable = {key for key in _state_keys(world) if "#FIND#" in key[0]}
    said = {
        tuple(keys.findable(STORE, mac, one))
        for one, profile in profiles.items()
        for mac in world.books.contacts.macs(STORE, profile.unverified)
    }
    if findable != said:
        yield f"28: {sorted(findable - said)} find nobody who says so, {sorted(said - findable)} are missing"
    for profile in profiles.values():
        missing = world.books.contacts.macs(STORE, profile.verified) - set(profile.contacts)
        if missing:
            yield f"28: {profile.customer_id} has verified {sorted(missing)}, which do not stand"
        live = profiles.get(living(profile.customer_id) or "")
        if live and live.erased_at and (profile.contacts or profile.given_up):
            yield f"19: {profile.customer_id} is erased and has contacts"


def _privacy(world: World, profiles: dict[str, Profile], orders: dict[str, Order]) -> Iterator[str]:
    """What names a person stands in that person's profile and nowhere else, and there only until it is erased."""
    words = {name_of(one): one for one in world.customers} | dict.fromkeys(world.emails, "") | {"+4915550100": ""}
    allowed = {
        tuple(keys.profile(STORE, one))
        for one, profile in profiles.items()
        if not (profile.erased_at or profile.merged_into)
    }
    for table in ("State", "Ledger"):
        for pk, partition in world.dynamo.engine.table(table).partitions.items():
            text_of_all = repr(partition)
            there = {word: owner for word, owner in words.items() if word in text_of_all}
            for sk, item in partition.items() if there else ():
                text = repr(item)
                for word, owner in there.items():
                    if word not in text:
                        continue
                    if (pk, sk) not in allowed or (owner and (pk, sk) != tuple(keys.profile(STORE, owner))):
                        yield f"19: {word} stands at {pk!s} {sk!s}"
    for order in orders.values():
        if any(word in repr(order) for word in words):
            yield f"19: order {order.order_id} names a person"


def _told(world: World, profiles: dict[str, Profile], living: Callable[[str | None], str | None]) -> Iterator[str]:
    """Profiles are as new as what was told, the merged are one, the erased are gone."""
    newest: dict[str, CustomerNews] = {}
    erased: dict[str, str] = {}
    registered: set[str] = set()
    merges: list[CustomersMerged] = []
    for delivery in [*world.deliveries, *world.late]:
        news = world.news_of(delivery)
        match news:
            case CustomerNews(customer_id, occurred_at):
                registered |= {customer_id} if news.created else set()
                if customer_id not in newest or newest[customer_id].occurred_at < occurred_at:
                    newest[customer_id] = news
            case CustomerDeleted(customer_id, occurred_at):
                erased[customer_id] = max(erased.get(customer_id, ""), occurred_at)
            case CustomersMerged():
                merges.append(news)
            case _:
                pass
    for merge in merges:
        together = living(merge.kept_id) == living(merge.deleted_id)
        if not together and living(merge.deleted_id) == merge.deleted_id:
            yield f"29: {merge.deleted_id} was not merged into {merge.kept_id}"
    changed = {one for merge in merges for one in (merge.kept_id, merge.deleted_id)}
    for customer_id in (newest.keys() | erased.keys()) - changed:
        profile, said = profiles.get(customer_id), newest.get(customer_id)
        if customer_id in registered and customer_id not in erased and not (profile and profile.registered_at):
            yield f"3: the registration of {customer_id} was lost"
        is_gone = erased.get(customer_id, "") >= (said.occurred_at if said else "")
        if profile is None:
            yield f"3: customer {customer_id} was lost"
        elif is_gone and profile.erased_at is None:
            yield f"19: {customer_id} should be erased"
        elif said and not is_gone and (profile.email, profile.erased_at) != (said.email, None):
            yield f"20: {profile} is not as the shop told last: {said}"
