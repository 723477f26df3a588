"""The reading half of the engine: gets, batches, read transactions and queries.

An eventually consistent read may be given a recent earlier image, a global index a recent earlier state, a page may
end early and a batch may come back incomplete: each only when the fault plan says so.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.simulation.conditions import compile_condition, read_condition
from tests.simulation.engine import Request, cancelled
from tests.simulation.errors import bad_parameter, invalid
from tests.simulation.expressions import Path, Scope, project, read_projection
from tests.simulation.programs import bind, names_of
from tests.simulation.queries import cursor_position, key_part, key_plan, ordered, range_test
from tests.simulation.tables import MismatchedKey
from tests.simulation.values import admit_all, copy_of, item_size

if TYPE_CHECKING:
    from tests.simulation.conditions import Condition
    from tests.simulation.engine import Engine
    from tests.simulation.expressions import TypeCheck
    from tests.simulation.queries import KeyPlan
    from tests.simulation.tables import IndexSpec, Key, Part, Table
    from tests.simulation.values import Item

_PAGE_BYTES = 1 << 20


@lru_cache(maxsize=2048)
def projection(text: str, names: tuple[tuple[str, str], ...]) -> tuple[Path, ...]:
    scope = Scope(dict(names))
    paths = read_projection(text, scope)
    scope.require_used()
    return paths


class _QueryPlan(NamedTuple):
    """The expressions of one query, compiled together; ``roots`` are the attributes that it filters on."""

    key: KeyPlan
    filter: Condition | None
    roots: frozenset[str]
    paths: tuple[Path, ...] | None
    used_values: frozenset[str]
    checks: tuple[TypeCheck, ...]


@lru_cache(maxsize=2048)
def _query_plan(
    text: str,
    filtered: str | None,
    projected: str | None,
    names: tuple[tuple[str, str], ...],
    hash_key: str,
    range_key: str | None,
) -> _QueryPlan:
    plan = key_plan(text, names, hash_key, range_key)
    scope = Scope(dict(names), used_names=set(plan.used_names))
    tree = None if filtered is None else read_condition("FilterExpression", filtered, scope)
    roots = frozenset(scope.roots)
    paths = None if projected is None else read_projection(projected, scope)
    scope.require_used()
    condition = None if tree is None else compile_condition(tree)
    used_values = plan.used_values | scope.used_values
    return _QueryPlan(plan, condition, roots, paths, used_values, tuple(scope.checks))


def _key(table: Table, raw: Any) -> Key:
    if (plain := table.plain_key(raw)) is not None:
        return plain
    try:
        return table.key_of(admit_all(raw), exact=True)
    except MismatchedKey as mismatch:
        raise invalid(str(mismatch)) from None


def _projected(item: Item, request: Request) -> Item:
    text = request.get("ProjectionExpression")
    names = names_of(request, expressions=text is not None)
    return copy_of(item if text is None else project(item, projection(text, names)))


def get_item(engine: Engine, request: Request, _call: int) -> dict[str, Any]:
    table = engine.table(request["TableName"])
    key = _key(table, request["Key"])
    item = _image(engine, table, key, consistent=request.get("ConsistentRead", False))
    shown = _projected(item if item is not None else {}, request)
    return {"Item": shown} if item is not None else {}


def _image(engine: Engine, table: Table, key: Key, *, consistent: bool) -> Item | None:
    if not consistent:
        engine.inconsistent.add((table.name, key[0]))
    if not consistent and engine.faults.chance("stale_read"):
        return table.stale(key, engine.clock.monotonic() - engine.faults.rates.lag)
    return table.get(key)


def batch_get_item(engine: Engine, request: Request, _call: int) -> dict[str, Any]:
    wanted: list[tuple[str, Request, Any, Key]] = []
    for name, part in request["RequestItems"].items():
        table = engine.table(name)
        if not part["Keys"]:
            bad_parameter(f"Invalid length for parameter RequestItems.{name}.Keys, value: 0, valid min length: 1")
        wanted.extend((name, part, raw, _key(table, raw)) for raw in part["Keys"])
    if not wanted:
        raise invalid("The requestItems parameter is required for BatchGetItem")
    if len(wanted) > 100:
        raise invalid("Too many items requested for the BatchGetItem call")
    if len({(name, key) for name, _, _, key in wanted}) < len(wanted):
        raise invalid("Provided list of item keys contains duplicates")
    served = len(wanted)
    if engine.faults.chance("partial"):
        engine.faults.random.shuffle(wanted)
        served = engine.faults.random.randrange(len(wanted))
    responses: dict[str, list[Item]] = {name: [] for name in request["RequestItems"]}
    for name, part, _, key in wanted[:served]:
        item = _image(engine, engine.table(name), key, consistent=part.get("ConsistentRead", False))
        shown = _projected(item if item is not None else {}, part)
        if item is not None:
            responses[name].append(shown)
    left: dict[str, Any] = {}
    for name, part, raw, _ in wanted[served:]:
        left.setdefault(name, {**part, "Keys": []})["Keys"].append(raw)
    return {"Responses": responses, "UnprocessedKeys": left}


def transact_get(engine: Engine, request: Request, _call: int, *, conflict: bool = False) -> dict[str, Any]:
    gets = [member["Get"] for member in request["TransactItems"]]
    if len(gets) > 100:
        raise invalid("Member must have length less than or equal to 100")
    targets = [(engine.table(get["TableName"]), get) for get in gets]
    keys = [_key(table, get["Key"]) for table, get in targets]
    if len({(table.name, key) for (table, _), key in zip(targets, keys, strict=True)}) < len(keys):
        raise invalid("Transaction request cannot include multiple operations on one item")
    if conflict:
        reasons: list[dict[str, Any]] = [{"Code": "None"} for _ in gets]
        reasons[engine.faults.random.randrange(len(gets))] = {
            "Code": "TransactionConflict",
            "Message": "Transaction is ongoing for the item",
        }
        raise cancelled(reasons)
    responses: list[dict[str, Any]] = []
    for (table, get), key in zip(targets, keys, strict=True):
        item = table.get(key)
        shown = _projected(item if item is not None else {}, get)
        responses.append({"Item": shown} if item is not None else {})
    return {"Responses": responses}


def query(engine: Engine, request: Request, _call: int) -> dict[str, Any]:
    table = engine.table(request["TableName"])
    index = _index(table, request)
    hash_key, range_key = (table.spec.hash, table.spec.range) if index is None else (index.hash, index.range)
    text = request.get("KeyConditionExpression")
    if text is None:
        raise invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
    names = names_of(request, expressions=True)
    filtered, projected = request.get("FilterExpression"), request.get("ProjectionExpression")
    plan = _query_plan(text, filtered, projected, names, hash_key, range_key)
    values = bind(request, plan.used_values, plan.checks, "KeyConditionExpression")
    if plan.roots or plan.paths:
        _check_attributes(table, index, plan, {hash_key, range_key})
    hash_part = key_part(table, hash_key, values[plan.key.hash_ref])
    matches = range_test(table, plan.key, values)
    start, limit = request.get("ExclusiveStartKey"), request.get("Limit")
    candidates = _candidates(engine, table, index, hash_part, consistent=request.get("ConsistentRead", False))
    if not candidates and start is None and limit is None:
        return {"Count": 0, "ScannedCount": 0} | ({} if request.get("Select") == "COUNT" else {"Items": []})
    entries = ordered(table, index, candidates, matches) if candidates else []
    forward = request.get("ScanIndexForward", True)
    if not forward:
        entries.reverse()
    if start is not None:
        at: Any = cursor_position(table, index, admit_all(start), hash_part, matches)
        entries = [entry for entry in entries if (entry[0] > at if forward else entry[0] < at)]
    evaluated = [item for _, item in entries]
    page = _page(engine, evaluated, limit)
    kept = page if plan.filter is None else [item for item in page if plan.filter(item, values)]
    answer: dict[str, Any] = {"Count": len(kept), "ScannedCount": len(page)}
    if request.get("Select") != "COUNT":
        answer["Items"] = [copy_of(_shown(table, index, item, plan.paths)) for item in kept]
    if page and (len(page) < len(evaluated) or len(page) == limit):
        answer["LastEvaluatedKey"] = _cursor(table, plan.key, page[-1])
    return answer


def _index(table: Table, request: Request) -> IndexSpec | None:
    name = request.get("IndexName")
    if name is None:
        return None
    index = table.indexes.get(name)
    if index is None:
        raise invalid(f"The table does not have the specified index: {name}")
    if index.is_global and request.get("ConsistentRead"):
        raise invalid("Consistent reads are not supported on global secondary indexes")
    return index


def _check_attributes(
    table: Table,
    index: IndexSpec | None,
    plan: _QueryPlan,
    key_names: set[str | None],
) -> None:
    if keys := plan.roots & key_names:
        raise invalid(
            "Filter Expression can only contain non-primary key attributes: "
            f"Primary key attribute: {min(str(key) for key in keys)}"
        )
    if index is None or index.projected is None or not index.is_global:
        return
    there = index.projected | table.key_names | key_names
    if missing := plan.roots - there:
        raise invalid(
            "One or more parameter values were invalid: "
            f"Secondary index {index.name} does not project one or more filter attributes: {sorted(missing)}"
        )
    if hidden := {str(path.parts[0]) for path in plan.paths or ()} - there:
        raise invalid(
            "One or more parameter values were invalid: "
            f"Global secondary index {index.name} does not project {sorted(hidden)}"
        )


def _candidates(
    engine: Engine, table: Table, index: IndexSpec | None, hash_part: Part, *, consistent: bool
) -> list[tuple[Key, Item]]:
    faults = engine.faults
    oldest = engine.clock.monotonic() - faults.rates.lag
    if index is not None and index.is_global:
        entries = table.global_index(index.name)
        if faults.chance("stale_index"):
            entries.catch_up(0.5, faults.random, oldest)
        else:
            entries.catch_up()
        return entries.partition(hash_part)
    if not consistent:
        engine.inconsistent.add((table.name, hash_part))
    partition = table.partitions.get(hash_part, {})
    if consistent or not faults.chance("stale_read"):
        return [((hash_part, part), item) for part, item in partition.items()]
    candidates = []
    for part in {**table.previous.get(hash_part, {}), **partition}:
        key = (hash_part, part)
        item = table.stale(key, oldest) if faults.random.random() < 0.5 else table.get(key)
        if item is not None:
            candidates.append((key, item))
    return candidates


def _page(engine: Engine, evaluated: list[Item], limit: int | None) -> list[Item]:
    """At most `limit` items and one mebibyte, counted before any filter."""
    if limit is not None and limit < 1:
        bad_parameter(f"Invalid value for parameter Limit, value: {limit}, valid min value: 1")
    page = evaluated if limit is None else evaluated[:limit]
    if len(page) < 2:
        return page
    if engine.faults.chance("short_page"):
        return page[: engine.faults.random.randrange(1, len(page))]
    weight = 0
    for count, item in enumerate(page if len(page) > 2 else ()):
        weight += item_size(item)
        if weight > _PAGE_BYTES:
            return page[: count + 1]
    return page


def _shown(table: Table, index: IndexSpec | None, item: Item, paths: tuple[Path, ...] | None) -> Item:
    if paths is not None:
        return project(item, paths)
    if index is None or index.projected is None:
        return item
    there = index.projected | table.key_names | {index.hash, index.range}
    return {name: value for name, value in item.items() if name in there}


def _cursor(table: Table, plan: KeyPlan, last: Item) -> Item:
    names = [*(name for name, _ in table.keys), plan.hash, *([plan.range] if plan.range is not None else [])]
    return copy_of({name: last[name] for name in names})
