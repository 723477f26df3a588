"""Look at who is in a group: those it holds, or those its rule matches now, with their figures.

Pages go through sixteen partitions one after the other. The work of a call is bounded, so a page may hold fewer than it
was asked for and still lead on.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import replace
from typing import Final

import msgspec
from msgspec import Struct

from cashback.domain.customers import Profile
from cashback.domain.errors import Invalid, Malformed
from cashback.domain.groups import Group, Histogram, Member, Rule, Scores, Thresholds, matches, scores
from cashback.domain.ledger import Account
from cashback.domain.rules import tier_of
from cashback.domain.settings import Settings
from cashback.domain.shards import SHARDS
from cashback.domain.times import Instant
from cashback.services.books import Books, GroupBooks

MOST_READ: Final = 5_000
"""Customers that one call looks at to fill a page."""

MOST_RANKED: Final = 20_000
"""Customers whose quintiles one call works out; a group job does so for any number of them."""

_AT_ONCE: Final = 100


class ListedMember(Struct, frozen=True):
    """A customer in a group; ``scores`` where the group's rule asks for some. ``place`` is where a list that shows them
    goes on."""

    member: Member
    profile: Profile | None
    scores: Scores | None = None
    place: str = ""


class Place(Struct, frozen=True):
    """Where a page ends, and all that must stay the same on the next one: the revision of the rule, the moment, and the
    limits of the quintiles."""

    shard: int = 0
    after: str | None = None
    rev: int = 0
    at: Instant = ""
    thresholds: Thresholds | None = None


type _Read = Callable[[int, int, str | None], tuple[Mapping[str, str], str | None]]
"""Return customers of a partition, each with the place after it: as many as still fit, after a place; and the place to
go on after."""
type _Choose = Callable[[Sequence[str]], Iterable[ListedMember]]
"""Return of some customers those that belong to the page."""


def members_of(
    books: Books, settings: Settings, customer_ids: Sequence[str], *, with_tags: bool = False
) -> list[Member]:
    """Return the figures of customers, in the order given, without those who are unknown, erased or merged. Tags are
    the profile's, so they cost a second read, and are only looked up ``with_tags``."""
    accounts = books.ledger.accounts(settings.store_id, customer_ids)
    standing = [accounts[one] for one in customer_ids if one in accounts and accounts[one].is_live]
    profiles = _profiles(books, settings.store_id, [one.customer_id for one in standing]) if with_tags else {}
    return [_member(account, profiles.get(account.customer_id), settings) for account in standing]


def describe(books: Books, settings: Settings, customer_id: str) -> ListedMember | None:
    """Return one customer as lists show them; None for one who is unknown, erased or merged."""
    found = members_of(books, settings, [customer_id])
    return _with_profiles(books, settings.store_id, [ListedMember(one, None) for one in found])[0] if found else None


def list_members(
    books: Books, groups: GroupBooks, settings: Settings, group: Group, limit: int, position: str | None, now: Instant
) -> tuple[list[ListedMember], str | None]:
    """Return a page of a group's members, and where to go on (None at the end). Erased and merged ones are left out.

    :raises Malformed: the rule was changed since the page before.
    :raises Invalid: as ``list_matching``.
    """
    if group.rule is not None:
        return list_matching(books, settings, group.rule, limit, position, now, rev=group.rev)
    place = _place(position) or Place()

    def read(shard: int, most: int, after: str | None) -> tuple[Mapping[str, str], str | None]:
        some, end = groups.groups.members(settings.store_id, group.group_id, shard, min(most, _AT_ONCE), after)
        return {one: one for one in some}, end

    def choose(customer_ids: Sequence[str]) -> Iterable[ListedMember]:
        return (ListedMember(one, None) for one in members_of(books, settings, customer_ids))

    page, end = _page(place, limit, read, choose)
    return _with_profiles(books, settings.store_id, page), end


def list_matching(
    books: Books,
    settings: Settings,
    rule: Rule,
    limit: int,
    position: str | None,
    now: Instant,
    *,
    rev: int = 0,
) -> tuple[list[ListedMember], str | None]:
    """Return a page of those whom a rule matches as of the first page, and where to go on (None at the end).

    :raises Malformed: ``page_token_invalid``, the rule is another one than on the page before.
    :raises Invalid: ``directory_too_large``, the rule asks for scores and the store has too many customers to rank.
    """
    place = _place(position)
    if place is None:
        ranked = None if rule.rfm is None else _thresholds(books, settings, now)
        place = Place(rev=rev, at=now, thresholds=ranked)
    if place.rev != rev:
        raise Malformed("page_token_invalid", "the rule was changed since")
    thresholds, at = place.thresholds, place.at

    def read(shard: int, _most: int, after: str | None) -> tuple[Mapping[str, str], str | None]:
        return books.customers.listed(settings.store_id, shard, _AT_ONCE, after)

    def choose(customer_ids: Sequence[str]) -> Iterable[ListedMember]:
        found = members_of(books, settings, customer_ids, with_tags=bool(rule.tags))
        chosen = (one for one in found if matches(rule, one, thresholds, at))
        return (ListedMember(one, None, None if thresholds is None else scores(one, thresholds, at)) for one in chosen)

    page, end = _page(place, limit, read, choose)
    return _with_profiles(books, settings.store_id, page), end


def _page(place: Place, limit: int, read: _Read, choose: _Choose) -> tuple[list[ListedMember], str | None]:
    """Walk the partitions from a place on. One more than fits is looked for, so that the last page says it is that."""
    chosen: list[ListedMember] = []
    looked_at, here = 0, place
    while here.shard < SHARDS:
        if looked_at >= MOST_READ:
            return chosen, _position(here)
        places, after = read(here.shard, limit + 1 - len(chosen), here.after)
        looked_at += len(places)
        chosen += [
            replace(one, place=_position(_moved(here, here.shard, places[one.member.customer_id])))
            for one in choose(list(places))
        ]
        if len(chosen) > limit:
            return chosen[:limit], chosen[limit - 1].place
        here = _moved(here, here.shard, after) if after is not None else _moved(here, here.shard + 1, None)
    return chosen, None


def _moved(place: Place, shard: int, after: str | None) -> Place:
    return Place(shard, after, place.rev, place.at, place.thresholds)


def _thresholds(books: Books, settings: Settings, now: Instant) -> Thresholds:
    """Return the limits of the quintiles of all customers, read in one go.

    :raises Invalid: ``directory_too_large``.
    """
    histogram, ranked = Histogram(), 0
    for shard in range(SHARDS):
        after: str | None = None
        while True:
            some, after = books.customers.listed(settings.store_id, shard, _AT_ONCE, after)
            ranked += len(some)
            if ranked > MOST_RANKED:
                detail = f"scores can be shown while a store has at most {MOST_RANKED:,} customers"
                raise Invalid("rule.rfm", "directory_too_large", detail)
            histogram = histogram.merged(Histogram.of(members_of(books, settings, list(some)), now))
            if after is None:
                break
    return histogram.thresholds()


def _with_profiles(books: Books, store_id: str, page: Iterable[ListedMember]) -> list[ListedMember]:
    """Return the page with who they are; the profile's tags are those shown."""
    listed = list(page)
    profiles = _profiles(books, store_id, [one.member.customer_id for one in listed])
    return [replace(one, profile=profiles.get(one.member.customer_id)) for one in listed]


def _profiles(books: Books, store_id: str, customer_ids: Sequence[str]) -> dict[str, Profile]:
    return {one.customer_id: one for one in books.customers.get_many(store_id, customer_ids)}


def _member(account: Account, profile: Profile | None, settings: Settings) -> Member:
    tier = tier_of(settings, account.total_spent)
    return Member(
        account.customer_id,
        account.orders_count,
        account.total_spent,
        account.first_order_at,
        account.last_order_at,
        tier.name if tier else None,
        profile.tags if profile else (),
        account.available,
    )


def _place(position: str | None) -> Place | None:
    return None if position is None else msgspec.json.decode(position, type=Place)


def _position(place: Place) -> str:
    return msgspec.json.encode(place).decode()
