"""What every key of both tables is made of. The keys themselves are in ``customer_keys``, ``order_keys``,
``scenario_keys``, ``group_keys``, ``store_keys``, ``figure_keys`` and ``due_keys``, and nothing else builds one.

Every partition key starts ``S#<store>#``, so no key of one store can name an item of another; the exceptions are the
API keys (``K#``), the directory of stores (``STORES``), and what the sweeper reads: the index ``due`` (``D#``) and its
bookmark (``DUE``). Ids are escaped, so an id holding ``#`` cannot reach into another partition even where the edge
forgot to refuse it.
"""

from hashlib import sha256
from typing import NamedTuple

from cashback.domain.shards import SHARDS

AFTER_ALL = "\U0010ffff"
"""Sorts after every key there is."""


class Key(NamedTuple):
    """Partition and sort key of one item."""

    pk: str
    sk: str


def escape(part: str) -> str:
    """Percent-escape the two characters that have a meaning in keys."""
    return part.replace("%", "%25").replace("#", "%23")


def unescape(part: str) -> str:
    """Return what ``escape`` was given."""
    return part.replace("%23", "#").replace("%25", "%")


def partition(store: str, *parts: str) -> str:
    """A partition of a store."""
    return "#".join(["S", escape(store), *parts])


def shard_by_hash(item_id: str) -> int:
    """Return which of the shards a thing is in, by hash of its id."""
    return sha256(item_id.encode()).digest()[0] % SHARDS


def written(pk: str) -> tuple[str, str, str] | None:
    """Return the store, the kind (``C``, ``O``, ``T``, ``J``, ``P``) and the id of a partition of one thing; None for
    every other partition."""
    parts = pk.split("#")
    return (unescape(parts[1]), parts[2], unescape(parts[3])) if len(parts) == 4 and parts[0] == "S" else None


def listed(created_at: str, item_id: str) -> str:
    """Sort key of both indexes: by time, ties by id."""
    return f"{created_at}#{escape(item_id)}"


def listed_id(place: str) -> str:
    """Return the id in a place that ``listed`` made."""
    return unescape(place.partition("#")[2])


def listed_until(at: str | None) -> str:
    """Return the place after everything of an instant, or after everything there is."""
    return f"{at or ':'}#{AFTER_ALL}"
