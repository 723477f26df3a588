"""Customers in the State table: the profile and the account, created together or not at all."""

import json

from msgspec import Struct

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.codec import Item
from cashback.adapters.dynamo.tables import Lost, StateTable
from cashback.domain.customers import Profile
from cashback.domain.times import Instant

_FIELDS = Profile.__struct_fields__


class Customers(Struct, frozen=True):
    """Who the customers are. Balances are the ledger's."""

    table: StateTable

    def get(self, store_id: str, customer_id: str) -> Profile | None:
        """Return a profile (consistent)."""
        item = self.table.get(keys.profile(store_id, customer_id))
        return None if item is None else _profile_of(item)

    def create(self, store_id: str, profile: Profile, now: Instant) -> bool:
        """Create profile and account in one transaction; False when the customer was there already."""
        account_pk, account_sk = keys.account(store_id, profile.customer_id)
        account: Item = {
            "pk": account_pk,
            "sk": account_sk,
            "available": 0,
            "version": 0,
            "created_at": now,
            "listing_pk": keys.customers_listed(store_id, profile.customer_id),
            "listing_sk": keys.listed(now, profile.customer_id),
        }
        try:
            self.table.commit(
                self.table.put(account, "attribute_not_exists(pk)"),
                self.table.put(_item(store_id, profile), "attribute_not_exists(pk)"),
            )
        except Lost:
            return False
        return True

    def update(self, store_id: str, profile: Profile) -> bool:
        """Write a profile over one that is no newer; False when what stands there is newer by now, or erased."""
        condition = "attribute_exists(pk) AND attribute_not_exists(erased_at) AND updated_at <= :updated_at"
        try:
            self.table.commit(self.table.put(_item(store_id, profile), condition, {":updated_at": profile.updated_at}))
        except Lost:
            return False
        return True


def _item(store_id: str, profile: Profile) -> Item:
    pk, sk = keys.profile(store_id, profile.customer_id)
    values = {name: value for name in _FIELDS if (value := getattr(profile, name)) not in (None, False, ())}
    if profile.tags:
        values["tags"] = json.dumps(profile.tags)
    return {"pk": pk, "sk": sk, **values}


def _profile_of(item: Item) -> Profile:
    values = {name: item[name] for name in _FIELDS if name in item}
    return Profile(**{**values, "tags": tuple(json.loads(item.get("tags", "[]")))})
