"""Query: which items of a partition, in which order, from which cursor."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tests.simulation.conditions import check_bounds, read_condition, ungroup
from tests.simulation.errors import invalid
from tests.simulation.expressions import Node, Path, Ref, Scope
from tests.simulation.tables import NO_RANGE
from tests.simulation.values import number

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.expressions import Tree
    from tests.simulation.tables import IndexSpec, Key, Part, Table
    from tests.simulation.values import Item, Value, Values

_SLOT = "KeyConditionExpression"
_MISSED = "Query condition missed key schema element"


@dataclass(frozen=True, slots=True)
class KeyPlan:
    """A key condition, checked against the schema it queries: one equality, and at most one range test."""

    hash: str
    hash_ref: str
    range: str | None
    test: str | None
    range_refs: tuple[str, ...]
    used_names: frozenset[str]
    used_values: frozenset[str]


@lru_cache(maxsize=2048)
def key_plan(text: str, names: tuple[tuple[str, str], ...], hash_key: str, range_key: str | None) -> KeyPlan:
    scope = Scope(dict(names))
    equality: str | None = None
    ranged: tuple[str, tuple[str, ...]] | None = None
    for clause in _clauses(read_condition(_SLOT, text, scope)):
        name, op, refs = _clause(clause)
        if name == hash_key and equality is None:
            if op != "=":
                raise invalid("Query key condition not supported")
            equality = refs[0]
        elif name == range_key and name is not None and ranged is None:
            ranged = (op, refs)
        elif name in (hash_key, range_key):
            raise invalid("KeyConditionExpressions must only contain one condition per key")
        else:
            raise invalid(f"{_MISSED}: {hash_key if equality is None else name}")
    if equality is None:
        raise invalid(f"{_MISSED}: {hash_key}")
    test, range_refs = ranged if ranged is not None else (None, ())
    return KeyPlan(
        hash_key, equality, range_key, test, range_refs, frozenset(scope.used_names), frozenset(scope.used_values)
    )


def _clauses(tree: Tree) -> list[Node]:
    tree = ungroup(tree)
    assert isinstance(tree, Node)
    if tree.op == "AND":
        return [clause for arg in tree.args for clause in _clauses(arg)]
    if tree.op in ("OR", "NOT", "<>", "IN"):
        raise invalid(f"Invalid operator used in KeyConditionExpression: {tree.op}")
    return [tree]


def _clause(node: Node) -> tuple[str, str, tuple[str, ...]]:
    op, args = node.op, node.args
    if isinstance(args[0], Ref) and len(args) == 2 and op != "begins_with":
        args, op = args[::-1], {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(op, op)
    path, *operands = args
    if op not in ("=", "<", "<=", ">", ">=", "BETWEEN", "begins_with"):
        raise invalid(f"Invalid operator used in KeyConditionExpression: {op}")
    if not isinstance(path, Path):
        raise invalid("KeyConditionExpressions cannot contain nested operations")
    if len(path.parts) > 1:
        raise invalid("KeyConditionExpressions cannot have conditions on nested attributes")
    refs = [operand.name for operand in operands if isinstance(operand, Ref)]
    if len(refs) < len(operands):
        raise invalid(f"Invalid {_SLOT}: operands must be values")
    return str(path.parts[0]), op, tuple(refs)


def key_part(table: Table, attribute: str, value: Value) -> Part:
    """A literal as a key part, or the refusal for one that no key can equal."""
    kind = table.spec.types.get(attribute, "S")
    raw = value.get(kind)
    if raw is None:
        raise invalid("One or more parameter values were invalid: Condition parameter type does not match schema type")
    if not raw:
        raise invalid(
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain "
            f"an empty string value. Key: {attribute}"
        )
    return number(raw) if kind == "N" else raw


def range_test(table: Table, plan: KeyPlan, values: Values) -> Callable[[Any], bool]:
    if plan.test is None or plan.range is None:
        return lambda part: True
    bounds: list[Any] = [key_part(table, plan.range, values[ref]) for ref in plan.range_refs]
    low = bounds[0]
    match plan.test:
        case "=":
            return lambda part: bool(part == low)
        case "<":
            return lambda part: bool(part < low)
        case "<=":
            return lambda part: bool(part <= low)
        case ">":
            return lambda part: bool(part > low)
        case ">=":
            return lambda part: bool(part >= low)
        case "begins_with":
            return lambda part: bool(part.startswith(low))
    check_bounds(values[plan.range_refs[0]], values[plan.range_refs[1]], _SLOT)
    return lambda part: bool(low <= part <= bounds[1])


def ordered(
    table: Table, index: IndexSpec | None, candidates: list[tuple[Key, Item]], matches: Callable[[Any], bool]
) -> list[tuple[tuple[Part, ...], Item]]:
    """The matching candidates with their positions, ascending: by the queried range key, then by the primary key."""
    if index is None:
        return sorted(((key[1],), item) for key, item in candidates if matches(key[1]))
    found: list[tuple[tuple[Part, ...], Item]] = []
    for key, item in candidates:
        part = _part(table, index.range, item)
        if part is not None and matches(part):
            found.append(((part, *key), item))
    return sorted(found, key=lambda entry: entry[0])


def _part(table: Table, attribute: str | None, attributes: Item) -> Part | None:
    if attribute is None:
        return NO_RANGE
    value = attributes.get(attribute)
    return None if value is None else key_part(table, attribute, value)


def cursor_position(
    table: Table, index: IndexSpec | None, start: Item, hash_part: Part, matches: Callable[[Any], bool]
) -> tuple[Part, ...]:
    """Where an ExclusiveStartKey stands in the order. One of another partition is refused; a made-up one is not."""
    wanted = set(table.key_names) | ({index.hash, index.range} - {None} if index else set())
    if start.keys() != wanted:
        raise invalid("The provided starting key is invalid")
    key = table.key_of({name: start[name] for name in table.key_names}, exact=True)
    queried = key[0] if index is None else _part(table, index.hash, start)
    position = key[1] if index is None else _part(table, index.range, start)
    if queried != hash_part or not matches(position):
        raise invalid("The provided starting key does not match the range key predicate")
    assert position is not None
    return (position,) if index is None else (position, *key)
