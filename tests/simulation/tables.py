"""The stored items of one table and its indexes.

Images are immutable by agreement (see `values`): a write replaces the whole image. Local indexes are read from the
partition itself, so they are always current; a global index is fed from a backlog, which may be held back per item to
model its lag, never reordered within one item.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from tests.simulation.errors import Refusal, invalid
from tests.simulation.values import Item, Number, Value, number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

type Part = str | bytes | Number
type Key = tuple[Part, Part]

NO_RANGE = ""

SHORT = 1024 // 4
"""Letters of a text that is within the limit of a key, whatever they are: none has more than four bytes."""


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """A secondary index; `projected` is None for ALL."""

    name: str
    hash: str
    range: str | None = None
    is_global: bool = True
    projected: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class TableSpec:
    """A table's keys and indexes; `types` gives S, N or B for each key attribute, S where it is silent."""

    name: str
    hash: str = "pk"
    range: str | None = "sk"
    indexes: tuple[IndexSpec, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_definition(cls, definition: Mapping[str, Any], name: str | None = None) -> TableSpec:
        """From create_table's arguments, or the Properties of an `AWS::DynamoDB::Table`."""
        types = {d["AttributeName"]: d["AttributeType"] for d in definition["AttributeDefinitions"]}
        hash_key, range_key = _key_schema(definition["KeySchema"])
        indexes = [
            _index(index, is_global=kind == "GlobalSecondaryIndexes")
            for kind in ("LocalSecondaryIndexes", "GlobalSecondaryIndexes")
            for index in definition.get(kind) or ()
        ]
        return cls(name or definition["TableName"], hash_key, range_key, tuple(indexes), types)

    def type_of(self, attribute: str) -> str:
        return self.types.get(attribute, "S")


def _key_schema(schema: list[Mapping[str, str]]) -> tuple[str, str | None]:
    by_role = {element["KeyType"]: element["AttributeName"] for element in schema}
    return by_role["HASH"], by_role.get("RANGE")


def _index(definition: Mapping[str, Any], *, is_global: bool) -> IndexSpec:
    hash_key, range_key = _key_schema(definition["KeySchema"])
    projection = definition.get("Projection", {})
    whole = projection.get("ProjectionType", "ALL") == "ALL"
    projected = None if whole else frozenset(projection.get("NonKeyAttributes") or ())
    return IndexSpec(definition["IndexName"], hash_key, range_key, is_global, projected)


class Table:
    """`partitions[hash][range]` is the current image; nothing outside this class writes to it."""

    def __init__(self, spec: TableSpec, now: Callable[[], float]) -> None:
        self.spec = spec
        self.name = spec.name
        self.partitions: dict[Part, dict[Part, Item]] = {}
        self.previous: dict[Part, dict[Part, tuple[float, Item | None]]] = {}
        self.keys = tuple((name, spec.type_of(name)) for name in (spec.hash, spec.range) if name is not None)
        self.key_names = frozenset(name for name, _ in self.keys)
        self._is_plain = [kind for _, kind in self.keys] == ["S", "S"]
        self.indexes = {index.name: index for index in spec.indexes}
        self._globals = {index.name: GlobalIndex(self, index) for index in spec.indexes if index.is_global}
        self._feeds = tuple((index.spec.hash, index.backlog) for index in self._globals.values())
        self._index_keys = tuple(
            (name, spec.type_of(name), index.name)
            for index in spec.indexes
            for name in (index.hash, index.range)
            if name is not None and name not in self.key_names
        )
        self._now = now

    def get(self, key: Key) -> Item | None:
        partition = self.partitions.get(key[0])
        return None if partition is None else partition.get(key[1])

    def stale(self, key: Key, oldest: float) -> Item | None:
        """The image an eventually consistent read may still give: the one before the last write, if that is recent."""
        when, image = self.previous.get(key[0], {}).get(key[1], (-1.0, None))
        return image if when >= oldest else self.get(key)

    def write(self, key: Key, old: Item | None, new: Item | None) -> None:
        hash_part, range_part = key
        now = self._now()
        self.previous.setdefault(hash_part, {})[range_part] = (now, old)
        if new is not None:
            self.partitions.setdefault(hash_part, {})[range_part] = new
        elif old is not None:
            del self.partitions[hash_part][range_part]
        for attribute, backlog in self._feeds:
            if (new is not None and attribute in new) or (old is not None and attribute in old):
                backlog.append((now, key, new))

    def plain_key(self, raw: Any) -> Key | None:
        """What `key_of` makes of nearly every key: two short texts, which need neither be copied nor looked at twice.
        None where there may be something to refuse, and for any other kind of key."""
        if not self._is_plain or len(raw) != 2:
            return None
        hash_value, range_value = raw.get(self.spec.hash), raw.get(self.spec.range)
        if type(hash_value) is not dict or type(range_value) is not dict or len(hash_value) + len(range_value) != 2:
            return None
        hash_part, range_part = hash_value.get("S"), range_value.get("S")
        if type(hash_part) is not str or type(range_part) is not str:
            return None
        return (hash_part, range_part) if 0 < len(hash_part) <= SHORT and 0 < len(range_part) <= SHORT else None

    def key_of(self, attributes: Item, *, exact: bool) -> Key:
        """The primary key among admitted attributes; `exact` when they are a Key, which holds nothing else."""
        if exact and len(attributes) != len(self.keys):
            raise invalid("The provided key element does not match the schema")
        parts: list[Part] = []
        for name, kind in self.keys:
            value = attributes.get(name)
            raw = None if value is None else value.get(kind)
            if not raw:
                _refuse_key(name, kind, value, exact=exact)
            parts.append(number(raw) if kind == "N" else raw)
        hash_part, range_part = parts if len(parts) == 2 else (*parts, NO_RANGE)
        if isinstance(hash_part, str) and len(hash_part) > SHORT:
            _limit_key(hash_part, 2048, "hashkey")
        if isinstance(range_part, str) and len(range_part) > SHORT:
            _limit_key(range_part, 1024, "rangekey")
        return hash_part, range_part

    def index_key_error(self, item: Item) -> str | None:
        """Why an image may not be stored: an index key of the wrong type. An empty one refuses the whole request."""
        for name, kind, index in self._index_keys:
            if name not in item:
                continue
            value = item[name]
            raw = value.get(kind)
            if raw is None:
                return (
                    f"One or more parameter values were invalid: Type mismatch for Index Key {name} "
                    f"Expected: {kind} Actual: {next(iter(value))} IndexName: {index}"
                )
            if not raw:
                raise EmptyIndexKey(
                    "ValidationException",
                    "One or more parameter values are not valid. A value specified for a secondary index key is not "
                    "supported. The AttributeValue for a key attribute cannot contain an empty string value. "
                    f"IndexName: {index}, IndexKey: {name}",
                )
        return None

    def global_index(self, name: str) -> GlobalIndex:
        return self._globals[name]


class MismatchedKey(Exception):
    """A key of the wrong type: ValidationException alone, a ValidationError reason inside a transaction."""


class EmptyIndexKey(Refusal):
    """An empty index key: ValidationException inside a transaction too, never one of its reasons."""


class GlobalIndex:
    """Entries by index partition, brought up to date by `catch_up` only."""

    def __init__(self, table: Table, spec: IndexSpec) -> None:
        self.spec = spec
        self.backlog: list[tuple[float, Key, Item | None]] = []
        self._entries: dict[Part, dict[Key, Item]] = {}
        self._where: dict[Key, Part] = {}
        self._kind = table.spec.type_of(spec.hash)

    def catch_up(self, held_back: float = 0.0, random: Random | None = None, oldest: float = 0.0) -> None:
        """Apply the backlog; with `held_back`, each item stays behind with that probability unless its write is old."""
        if not self.backlog:
            return
        kept: list[tuple[float, Key, Item | None]] = []
        behind: set[Key] = set()
        for change in self.backlog:
            when, key, new = change
            if key in behind or (random is not None and when >= oldest and random.random() < held_back):
                behind.add(key)
                kept.append(change)
            else:
                self._apply(key, new)
        self.backlog[:] = kept

    def partition(self, hash_part: Part) -> list[tuple[Key, Item]]:
        return list(self._entries.get(hash_part, {}).items())

    def _apply(self, key: Key, new: Item | None) -> None:
        before = self._where.pop(key, None)
        if before is not None:
            del self._entries[before][key]
        if new is None or self.spec.hash not in new or (self.spec.range is not None and self.spec.range not in new):
            return
        raw = new[self.spec.hash][self._kind]
        part: Part = number(raw) if self._kind == "N" else raw
        self._where[key] = part
        self._entries.setdefault(part, {})[key] = new


def _refuse_key(name: str, kind: str, value: Value | None, *, exact: bool) -> NoReturn:
    if value is None:
        raise invalid(
            "The provided key element does not match the schema"
            if exact
            else f"One or more parameter values were invalid: Missing the key {name} in the item"
        )
    if kind not in value:
        raise MismatchedKey(
            "The provided key element does not match the schema"
            if exact
            else f"One or more parameter values were invalid: Type mismatch for key {name} "
            f"expected: {kind} actual: {next(iter(value))}"
        )
    raise invalid(
        "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain "
        f"an empty string value. Key: {name}"
    )


def _limit_key(part: str, limit: int, role: str) -> None:
    if len(part.encode("utf-8", "surrogatepass")) > limit:
        raise invalid(
            f"One or more parameter values were invalid: Size of {role} "
            f"has exceeded the maximum size limit of {limit} bytes"
        )
