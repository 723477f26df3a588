"""Customers in the State table: the profile and the account, created together or not at all."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from msgspec import Struct

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.codec import Item
from cashback.adapters.dynamo.tables import Lost, StateTable
from cashback.domain.customers import Profile
from cashback.domain.ledger import Write
from cashback.domain.shards import SHARDS
from cashback.domain.times import Instant

_FIELDS = Profile.__struct_fields__


class Customers(Struct, frozen=True):
    """Who the customers are. Balances are the ledger's."""

    table: StateTable

    def get(self, store_id: str, customer_id: str) -> Profile | None:
        """Return a profile (consistent)."""
        item = self.table.get(keys.profile(store_id, customer_id))
        return None if item is None else _profile_of(item)

    @property
    def parts(self) -> int:
        """In how many parts customers are listed."""
        return SHARDS

    def listed(self, store_id: str, shard: int, limit: int, after: str | None) -> tuple[dict[str, str], str | None]:
        """Return up to ``limit`` ids of the customers of one of the 16 parts, oldest first, each with the place to go
        on after it, and where to go on, None at the end. Read through the index, which may lag a second; erased and
        merged customers are among them."""
        values = {":pk": keys.customers_listed_in(store_id, shard), ":after": after or "0"}
        condition = "listing_pk = :pk AND listing_sk > :after"
        found = self.table.query(condition, values, IndexName="listing", Limit=limit + 1)
        places = [str(item["listing_sk"]) for item in islice(found, limit + 1)]
        there = {keys.listed_id(place): place for place in places[:limit]}
        return there, places[limit - 1] if len(places) > limit else None

    def get_many(self, store_id: str, customer_ids: Sequence[str]) -> list[Profile]:
        """Return those of any number of profiles that exist, in the order asked for (consistent)."""
        wanted = [keys.profile(store_id, customer_id) for customer_id in customer_ids]
        found = self.table.get_many(wanted)
        return [_profile_of(found[key]) for key in wanted if key in found]

    def page(self, store_id: str, limit: int, before: str | None) -> tuple[list[Profile], str | None]:
        """Return up to ``limit`` customers, the newest first, those before a place, and the place to go on (None at the
        end). The index may lag a second; the profiles themselves are read fresh."""
        places, place = self.table.newest(keys.all_customers_listed(store_id), limit, before)
        return self.get_many(store_id, [keys.listed_id(one) for one in places]), place

    def born_on(self, store_id: str, month_day: str) -> Iterator[str]:
        """Yield the ids of the customers whose birthday is on a day, as in ``02-29``. The index may lag a second."""
        partition = {":pk": keys.birthdays(store_id, month_day)}
        for item in self.table.query("listing_pk = :pk", partition, IndexName="listing"):
            yield keys.unescape(item["listing_sk"])

    def create(self, store_id: str, profile: Profile, now: Instant, also: Iterable[Write] = ()) -> bool:
        """Create profile and account in one transaction, with ``also`` (contacts, audit); False when the customer was
        there already. An erased profile makes an erased account."""
        account_pk, account_sk = keys.account(store_id, profile.customer_id)
        account: Item = {
            "pk": account_pk,
            "sk": account_sk,
            "available": 0,
            "version": 0,
            "created_at": now,
            "erased_at": profile.erased_at,
            "listing_pk": keys.customers_listed(store_id, profile.customer_id),
            "listing_sk": keys.listed(now, profile.customer_id),
        }
        return self.table.try_commit(
            self.table.put(account, "attribute_not_exists(pk)"),
            self.table.put(_item(store_id, profile), "attribute_not_exists(pk)"),
            *also,
        )

    def save(self, store_id: str, profile: Profile, *also: Write) -> bool:
        """Write the next revision of a profile, with ``also``; False when someone else was first."""
        return self.table.try_commit(self.write(store_id, profile), *also)

    def write(self, store_id: str, profile: Profile) -> Write:
        """Build the conditional write of a profile's next revision."""
        return self.table.put(_item(store_id, profile), "rev = :rev", {":rev": profile.rev - 1})

    def mark(self, store_id: str, profile: Profile) -> Write:
        """Build the write that makes the account say what its profile does: erased, or not. Never at a merged one,
        whose person is somebody else by now."""
        key = keys.account(store_id, profile.customer_id)
        condition = "attribute_exists(pk) AND attribute_not_exists(merged_into)"
        if profile.erased_at is None:
            return self.table.update(key, "REMOVE erased_at", condition)
        return self.table.update(key, "SET erased_at = :erased_at", condition, {":erased_at": profile.erased_at})

    def note_newest_order(self, store_id: str, customer_id: str, order_id: str, created_at: Instant) -> bool:
        """Make this the newest order that the account knows of, unless it knows a newer one, or another of that moment.

        False where there is no account to note it at: none at all, or one that was merged into another.

        :raises Busy: contended or unreachable; whether it is noted is unknown.
        """
        noted = self.table.update(
            keys.account(store_id, customer_id),
            "SET newest_order_id = :id, newest_order_at = :at",
            "attribute_exists(pk) AND attribute_not_exists(merged_into)"
            " AND (attribute_not_exists(newest_order_at) OR newest_order_at < :at)",
            {":id": order_id, ":at": created_at},
        )
        try:
            self.table.commit(noted)
        except Lost as lost:
            standing = lost.images[0]
            return standing is not None and "merged_into" not in standing
        return True

    def comments(self, store_id: str, customer_id: str, causes: Iterable[str]) -> dict[str, str]:
        """Return what persons said of these entries of a customer, by cause; nothing of those that are silent."""
        return self._comments({keys.note(store_id, customer_id, cause): cause for cause in causes})

    def blank_notes(self, store_id: str, customer_id: str, at: Instant) -> None:
        """Take the text out of every note beside the customer's entries."""
        pk, prefix = keys.notes(store_id, customer_id)
        values = {":pk": pk, ":prefix": prefix}
        for item in self.table.query("pk = :pk AND begins_with(sk, :prefix)", values, ConsistentRead=True):
            if "erased_at" not in item:
                self.table.commit(self.table.put({"pk": pk, "sk": item["sk"], "erased_at": at}))

    def job_comments(self, store_id: str, job_ids: Iterable[str]) -> dict[str, str]:
        """Return what was said of these group jobs, by id; nothing of those that are silent."""
        from cashback.adapters.dynamo import group_keys  # noqa: PLC0415 - a cold start does not need it

        return self._comments({group_keys.job(store_id, job_id): job_id for job_id in job_ids})

    def _comments(self, wanted: Mapping[keys.Key, str]) -> dict[str, str]:
        """Return the comments of items, by what each stands for (consistent)."""
        items = self.table.get_many(wanted)
        return {wanted[key]: item["comment"] for key, item in items.items() if "comment" in item}


def _item(store_id: str, profile: Profile) -> Item:
    pk, sk = keys.profile(store_id, profile.customer_id)
    values = {name: value for name in _FIELDS if (value := getattr(profile, name)) not in (None, False, ())}
    if profile.tags:
        values["tags"] = json.dumps(profile.tags)
    for name in ("contacts", "given_up"):
        if name in values:
            values[name] = list(values[name])
    if profile.celebrated_on is not None:
        values["listing_pk"] = keys.birthdays(store_id, profile.celebrated_on)
        values["listing_sk"] = keys.escape(profile.customer_id)
    return {"pk": pk, "sk": sk, **values}


def _profile_of(item: Item) -> Profile:
    values = {name: item[name] for name in _FIELDS if name in item}
    lists = {name: tuple(item.get(name, ())) for name in ("contacts", "given_up")}
    lists["tags"] = tuple(json.loads(item.get("tags", "[]")))
    return Profile(**{**values, **lists})
