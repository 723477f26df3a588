"""Groups in the State table: each with a count of its members, which are items of their own in 16 partitions."""

import random
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import batched, islice
from typing import Final

import msgspec
from msgspec import Struct

from cashback.adapters.dynamo import group_keys, keys
from cashback.adapters.dynamo.codec import Item
from cashback.adapters.dynamo.tables import Lost, StateTable
from cashback.adapters.faults import tries
from cashback.domain.errors import Busy, NotFound
from cashback.domain.groups import Group, Membership, Rule
from cashback.domain.ledger import Write
from cashback.domain.times import Instant

_TRIES: Final = 8
_ADDED_AT_ONCE: Final = 99
"""Members that fit a transaction with the group's count."""

_GROUPS_AT_ONCE: Final = 100

_IS_THERE: Final = "attribute_exists(pk) AND attribute_not_exists(deleted_at)"


class _Words(Struct, frozen=True, omit_defaults=True):
    """What an admin can change of a group: one attribute, so that its change and the count never meet."""

    name: str
    description: str | None = None
    rule: Rule | None = None


class Groups(Struct, frozen=True):
    """Groups and who is in them. ``sleep`` and ``jitter`` are arguments so that time can be virtual."""

    table: StateTable
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random

    def get(self, store_id: str, group_id: str) -> Group | None:
        """Return a group, deleted ones too (consistent)."""
        item = self.table.get(group_keys.group(store_id, group_id))
        return None if item is None else _group_of(item)

    def create(self, store_id: str, group: Group) -> Group | None:
        """Create a group. None when it was created, else the one that has its id already."""
        try:
            self.table.commit(self.table.put(_item(store_id, group), "attribute_not_exists(pk)"))
        except Lost as lost:
            standing = lost.images[0]
            if standing is None:
                raise Busy("the group is not there yet") from lost
            return _group_of(standing)
        return None

    def save(self, store_id: str, group: Group) -> bool:
        """Write what an admin changed, as the next revision; False when someone else was first, or it is deleted."""
        return self._change(
            store_id,
            group,
            "SET document = :document, rev = :rev, updated_at = :at",
            {":document": _packed(group), ":rev": group.rev, ":at": group.updated_at},
        )

    def delete(self, store_id: str, group: Group) -> bool:
        """Mark a group as deleted and list it no more; False when someone else was first. Its members stay, unreachable
        but to what had begun to read them."""
        return self._change(
            store_id,
            group,
            "SET deleted_at = :at, rev = :rev REMOVE listing_pk, listing_sk",
            {":at": group.deleted_at, ":rev": group.rev},
        )

    def page(self, store_id: str, limit: int, before: str | None) -> tuple[list[Group], str | None]:
        """Return up to ``limit`` groups, the newest first, and the place to go on (None at the end).

        The index may lag a second; the groups themselves are read fresh."""
        places, place = self.table.newest([group_keys.groups_listed(store_id)], limit, before)
        wanted = [group_keys.group(store_id, keys.listed_id(one)) for one in places]
        items = self.table.get_many(wanted)
        groups = [_group_of(items[key]) for key in wanted if key in items]
        return [group for group in groups if group.deleted_at is None], place

    def members(
        self, store_id: str, group_id: str, shard: int, limit: int, after: str | None
    ) -> tuple[list[str], str | None]:
        """Return up to ``limit`` members of one of the 16 partitions, by id, those after an id, and the id to go on
        after (None at the end); consistent."""
        values = {":pk": group_keys.group_members(store_id, group_id, shard)}
        condition = "pk = :pk"
        if after is not None:
            condition, values = (
                f"{condition} AND sk > :after",
                {**values, ":after": f"{group_keys.MEMBER}{keys.escape(after)}"},
            )
        # Whole items of a few thousand members are megabytes.
        how = {"ConsistentRead": True, "ProjectionExpression": "sk", "Limit": limit + 1}
        found = self.table.query(condition, values, **how)
        ids = [group_keys.member_id(item["sk"]) for item in islice(found, limit + 1)]
        return ids[:limit], ids[limit - 1] if len(ids) > limit else None

    def memberships(self, store_id: str, customer_id: str) -> list[Membership]:
        """Return the memberships of a customer in groups made by hand, those of the newest group first (consistent, but
        for groups of the last second)."""
        found: list[Membership] = []
        before: str | None = None
        while True:
            groups, before = self.page(store_id, _GROUPS_AT_ONCE, before)
            places = {group_keys.group_member(store_id, group.group_id, customer_id): group for group in groups}
            items = self.table.get_many(list(places))
            found += [
                Membership(group.group_id, group.name, items[place]["added_at"])
                for place, group in places.items()
                if place in items
            ]
            if before is None:
                return found

    def add(
        self, store_id: str, group_id: str, customer_ids: Iterable[str], origin: str, now: Instant
    ) -> dict[str, str]:
        """Make customers members, and count exactly those who were none. Return what each is a member by.

        ``origin`` names the act of adding: repeated, it finds its own and answers alike.

        :raises NotFound: the group is not there, or no longer; what was added before it went stays.
        :raises Busy: contended or out of reach; the same call is safe to repeat.
        """
        standing: dict[str, str] = {}
        for some in batched(dict.fromkeys(customer_ids), _ADDED_AT_ONCE, strict=False):
            standing |= self._added(store_id, group_id, some, origin, now)
        return standing

    def remove(self, store_id: str, group_id: str, customer_id: str) -> bool:
        """End a membership; False where there was none.

        :raises NotFound: the group is not there, or no longer.
        :raises Busy: contended or out of reach; the same call is safe to repeat.
        """
        place, was_sent = group_keys.group_member(store_id, group_id, customer_id), False
        for _ in tries(_TRIES, self.jitter, self.sleep):
            try:
                gone = self.table.delete(place, "attribute_exists(pk)")
                self.table.commit(gone, self._counted(store_id, group_id, -1))
            except Lost as lost:
                if 1 in lost.images:
                    raise NotFound from lost
                # A call whose answer was lost may have ended it.
                return was_sent
            except Busy:
                was_sent = True
                continue
            return True
        raise Busy("the group is contended or out of reach")

    def _added(
        self, store_id: str, group_id: str, customer_ids: Sequence[str], origin: str, now: Instant
    ) -> dict[str, str]:
        places = {group_keys.group_member(store_id, group_id, customer_id): customer_id for customer_id in customer_ids}
        for _ in tries(_TRIES, self.jitter, self.sleep):
            try:
                items = self.table.get_many(places)
                standing = {places[key]: str(item["origin"]) for key, item in items.items()}
                missing = [key for key in places if key not in items]
                if not missing:
                    return standing
                puts = [
                    self.table.put(
                        {"pk": key.pk, "sk": key.sk, "origin": origin, "added_at": now}, "attribute_not_exists(pk)"
                    )
                    for key in missing
                ]
                self.table.commit(*puts, self._counted(store_id, group_id, len(puts)))
            except Lost as lost:
                if len(puts) in lost.images:
                    raise NotFound from lost
                continue
            except Busy:
                continue
            return standing | dict.fromkeys((places[key] for key in missing), origin)
        raise Busy("the group is contended or out of reach")

    def _counted(self, store_id: str, group_id: str, change: int) -> Write:
        """Build the change of the count that belongs to members who come or go: none without the group."""
        return self.table.update(
            group_keys.group(store_id, group_id), "ADD members :change", _IS_THERE, {":change": change}
        )

    def _change(self, store_id: str, group: Group, expression: str, values: dict[str, object]) -> bool:
        condition = f"{_IS_THERE} AND rev = :before"
        place = group_keys.group(store_id, group.group_id)
        return self.table.try_commit(
            self.table.update(place, expression, condition, {**values, ":before": group.rev - 1})
        )


_ATTRIBUTES: Final = tuple(name for name in Group.__struct_fields__ if name not in _Words.__struct_fields__)


def _item(store_id: str, group: Group) -> Item:
    pk, sk = group_keys.group(store_id, group.group_id)
    return {
        "pk": pk,
        "sk": sk,
        "listing_pk": group_keys.groups_listed(store_id),
        "listing_sk": keys.listed(group.created_at, group.group_id),
        "document": _packed(group),
        **{name: value for name in _ATTRIBUTES if (value := getattr(group, name)) is not None},
    }


def _group_of(item: Item) -> Group:
    words = msgspec.json.decode(item["document"], type=_Words)
    attributes = {name: item[name] for name in _ATTRIBUTES if name in item}
    return Group(**attributes, name=words.name, description=words.description, rule=words.rule)


def _packed(group: Group) -> str:
    return msgspec.json.encode(_Words(group.name, group.description, group.rule)).decode()
