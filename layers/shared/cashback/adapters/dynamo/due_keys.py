"""Keys of what comes due: places in the index ``due``, and the bookmark of the sweep."""

from cashback.adapters.dynamo.keys import Key, escape, shard_by_hash, unescape
from cashback.domain.shards import SHARDS

BOOKMARK = Key("DUE", "BOOKMARK")
"""The hour where a sweep begins: nothing is left in the index ``due`` before it."""


def due(at: str, shard_of: str) -> str:
    """Partition of index ``due`` for what comes due at an instant: that of its hour, one of 16 by hash of its id."""
    return f"D#{at[:13]}#{shard_by_hash(shard_of)}"


def due_in(hour: str) -> list[str]:
    """Return all partitions of index ``due`` for an hour, as in ``2026-11-22T13``."""
    return [f"D#{hour}#{shard}" for shard in range(SHARDS)]


def due_place(at: str, store_id: str, kind: str, item_id: str) -> str:
    """Sort key of index ``due``: by time, and all that is needed to find the thing."""
    return "#".join([at, escape(store_id), escape(kind), escape(item_id)])


def due_thing(place: str) -> list[str]:
    """Return the instant, store, kind and id in a place that ``due_place`` made."""
    return [unescape(part) for part in place.split("#")]
