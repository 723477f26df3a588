"""Entries and accounts as items, and the account's conditional update."""

from typing import Any

from msgspec import Struct

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.codec import Attributes, Item, encode, from_item, key_attributes, to_item
from cashback.domain.ledger import Account, Entry, EntryStatus, Kind, Posting
from cashback.domain.times import Instant

_ENTRY_FIELDS = Entry.__struct_fields__
_IF_ANY = {"reserved", "owed", "voids"}
_ACCOUNT_FIELDS = Account.__struct_fields__


def entry_item(store_id: str, customer_id: str, entry: Entry) -> Item:
    """Return an entry as it is stored; fields without a value are left out."""
    values = {name: getattr(entry, name) for name in _ENTRY_FIELDS if name != "cause"}
    kept = {name: value for name, value in values.items() if value is not None and (value or name not in _IF_ANY)}
    pk, sk = keys.entry(store_id, customer_id, entry.cause)
    return {"pk": pk, "sk": sk, "posted_at_cause": keys.posted_at_cause(entry.posted_at, entry.cause), **kept}


def entry_of(item: Item) -> Entry:
    """Read an entry back."""
    values = {name: item[name] for name in _ENTRY_FIELDS if name in item}
    return Entry(**{**values, "cause": item["sk"], "kind": Kind(item["kind"]), "status": EntryStatus(item["status"])})


def account_of(customer_id: str, item: Item) -> Account:
    """Read an account; attributes a newer version of the code added are not ours to judge, absent ones are zero."""
    return Account(**{"customer_id": customer_id, **{name: item[name] for name in _ACCOUNT_FIELDS if name in item}})


class AccountImage(Struct, frozen=True):
    """An account as it was read. It is decoded each time somebody asks for more than whether it is there."""

    customer_id: str
    attributes: Attributes

    @property
    def account(self) -> Account:
        """The account."""
        return account_of(self.customer_id, from_item(self.attributes))


def put_entry(table: str, store_id: str, customer_id: str, entry: Entry) -> dict[str, Any]:
    """The parameters of the only way an entry is ever written: its cause must be new."""
    return {
        "TableName": table,
        "Item": to_item(entry_item(store_id, customer_id, entry)),
        "ConditionExpression": "attribute_not_exists(pk)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def put_note(table: str, posting: Posting, comment: str) -> dict[str, Any]:
    """The parameters of writing what a person said of a posting's one entry, beside the account it lands at."""
    pk, sk = keys.note(posting.store_id, posting.customer_id, posting.entries[0].cause)
    return {"TableName": table, "Item": to_item({"pk": pk, "sk": sk, "comment": comment})}


def update_account(table: str, posting: Posting) -> dict[str, Any]:
    """The account's share of a posting: the sums of its entries, and every condition under which they may stand."""
    entries = posting.entries
    sums = {
        "available": posting.amount,
        "reserved": sum(entry.reserved for entry in entries),
        "credited": sum(entry.credited for entry in entries),
        "debited": sum(entry.debited for entry in entries),
        "shortfall": sum(entry.owed for entry in entries),
        "orders_count": posting.figures.orders_count,
        "total_spent": posting.figures.total_spent,
    }
    values: Attributes = {f":{name}": encode(change) for name, change in sums.items() if change}
    adds = [f"{name} :{name}" for name, change in sums.items() if change]
    adds.append("version :entries")
    values[":entries"] = encode(len(entries))
    sets = []
    if posting.merged_into is not None:
        sets.append("merged_into = :merged_into")
        values[":merged_into"] = encode(posting.merged_into)
    if posting.merged_hops is not None:
        sets.append("merged_hops = :merged_hops")
        values[":merged_hops"] = encode(posting.merged_hops)
    conditions = ["attribute_exists(pk)", "attribute_not_exists(merged_into)"]
    if posting.merged_into is not None:
        # The version does not rise where figures move without an entry, and an emptied account must keep none.
        conditions += [_holds_no_more(name, sums[name], values) for name in ("orders_count", "total_spent")]
        conditions.append(_knows_no_newer(posting.figures.newest_order, values))
    elif posting.figures.newest_order is not None:
        sets.append("newest_order_id = :newest_order_id, newest_order_at = :newest_order_at")
        conditions.append("(attribute_not_exists(newest_order_at) OR newest_order_at < :newest_order_at)")
        values[":newest_order_id"], values[":newest_order_at"] = map(encode, posting.figures.newest_order)
    if posting.active_only:
        conditions.append("attribute_not_exists(erased_at)")
    if sums["available"] < 0 and not posting.overdraft:
        conditions.append("available >= :need")
        values[":need"] = encode(-sums["available"])
    if sums["reserved"] < 0:
        conditions.append("reserved >= :release")
        values[":release"] = encode(-sums["reserved"])
    if posting.version is not None:
        conditions.append("version = :version")
        values[":version"] = encode(posting.version)
    elif posting.repays or posting.forbids_shortfall:
        conditions.append("(attribute_not_exists(shortfall) OR shortfall = :zero)")
        values[":zero"] = encode(0)
    if posting.figures.ordered_at is not None:
        sets.append("last_order_at = :ordered_at")
        if posting.figures.began_at is None:
            sets.append("first_order_at = if_not_exists(first_order_at, :ordered_at)")
        conditions.append("(attribute_not_exists(last_order_at) OR last_order_at < :ordered_at)")
        values[":ordered_at"] = encode(posting.figures.ordered_at)
    if posting.figures.began_at is not None:
        sets.append("first_order_at = :began_at")
        conditions.append("(attribute_not_exists(first_order_at) OR first_order_at > :began_at)")
        values[":began_at"] = encode(posting.figures.began_at)
    return {
        "TableName": table,
        "Key": key_attributes(keys.account(posting.store_id, posting.customer_id)),
        "UpdateExpression": (f"SET {', '.join(sets)} " if sets else "") + "ADD " + ", ".join(adds),
        "ConditionExpression": " AND ".join(conditions),
        "ExpressionAttributeValues": values,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def _knows_no_newer(order: tuple[str, Instant] | None, values: Attributes) -> str:
    """The condition that the newest order known is exactly the one that is taken over."""
    if order is None:
        return "attribute_not_exists(newest_order_at)"
    values[":newest_order_at"] = encode(order[1])
    return "newest_order_at = :newest_order_at"


def _holds_no_more(name: str, change: int, values: Attributes) -> str:
    """The condition that a figure is exactly what is taken from it."""
    values[f":all_{name}"] = encode(-change)
    return f"{name} = :all_{name}" if change else f"(attribute_not_exists({name}) OR {name} = :all_{name})"
