"""UpdateExpression, compiled once into a closure `(item, values) -> new item`.

Every value on a right-hand side is read from the image before the update. The old image is never touched: what lies
on a changed path is copied, the rest is shared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.simulation.errors import invalid
from tests.simulation.expressions import Node, Path, Reader, Ref, dig, refuse_overlap
from tests.simulation.values import kind_of, total, unite

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.expressions import Scope, Tree
    from tests.simulation.values import Item, Value, Values

    type Update = Callable[[Item, Values], Item]
    type Source = Callable[[Item, Values], Value]
    type Parts = tuple[str | int, ...]

_SETS = frozenset({"SS", "NS", "BS"})


@dataclass(frozen=True, slots=True)
class Action:
    """One step of an update: SET path = tree, REMOVE path, ADD path ref or DELETE path ref."""

    clause: str
    path: Path
    tree: Tree | None


def read_update(text: str, scope: Scope) -> tuple[Action, ...]:
    reader = _UpdateReader("UpdateExpression", text, scope)
    actions: list[Action] = []
    seen: set[str] = set()
    while reader.peek() != "<EOF>":
        clause = reader.keyword()
        if clause not in ("SET", "REMOVE", "ADD", "DELETE"):
            reader.fail()
        if clause in seen:
            raise reader.error(f'The "{clause}" section can only be used once in an update expression;')
        seen.add(clause)
        reader.take()
        actions.append(reader.action(clause))
        while reader.accept(","):
            actions.append(reader.action(clause))
    refuse_overlap([action.path for action in actions], reader)
    return tuple(actions)


class _UpdateReader(Reader):
    def action(self, clause: str) -> Action:
        path = self.path()
        if clause == "REMOVE":
            return Action(clause, path, None)
        if clause == "SET":
            self.take("=")
            return Action(clause, path, self._source())
        ref = self.ref()
        self.check_type(
            ref,
            _SETS if clause == "DELETE" else _SETS | {"N"},
            f"Incorrect operand type for operator or function; operator: {clause}, "
            f"operand type: {{long}}, typeSet: ALLOWED_FOR_{clause}_OPERAND",
        )
        return Action(clause, path, ref)

    def _source(self) -> Tree:
        if self.accept("("):
            inner = self._source()
            self.take(")")
            if self.peek() not in ("+", "-"):
                return inner
            left = inner
        else:
            left = self.operand()
        if self.peek() not in ("+", "-"):
            return left
        op = self.take()
        right = self.operand()
        for operand in (left, right):
            self.check_type(
                operand,
                frozenset({"N"}),
                f"Incorrect operand type for operator or function; operator or function: {op}, operand type: {{kind}}",
            )
        return Node(op, (left, right))

    def call(self) -> Node:
        node = super().call()
        if node.op not in ("if_not_exists", "list_append"):
            raise self.error(f"The function is not allowed in an update expression; function: {node.op}")
        if len(node.args) != 2:
            raise self.error(
                f"Incorrect number of operands for operator or function; operator or function: {node.op}, "
                f"number of operands: {len(node.args)}"
            )
        if node.op == "if_not_exists" and not isinstance(node.args[0], Path):
            raise self.error("Operator or function requires a document path; operator or function: if_not_exists")
        if node.op == "list_append":
            for operand in node.args:
                self.check_type(
                    operand,
                    frozenset({"L"}),
                    "Incorrect operand type for operator or function; "
                    "operator or function: list_append, operand type: {kind}",
                )
        return node


def compile_update(actions: tuple[Action, ...]) -> Update:
    sets = [(a.path.parts, _source_of(a.tree)) for a in actions if a.clause == "SET" and a.tree is not None]
    others = [_step(a) for a in actions if a.clause in ("ADD", "DELETE")]
    removals = sorted((a.path.parts for a in actions if a.clause == "REMOVE"), key=_last_position_first)

    def update(item: Item, values: Values) -> Item:
        new = dict(item)
        assigned = [(parts, source(item, values)) for parts, source in sets]
        for parts, value in assigned:
            _assign(new, parts, value)
        for parts in removals:
            _remove(new, parts)
        for step in others:
            step(new, item, values)
        return new

    return update


def _last_position_first(parts: Parts) -> tuple[tuple[int, str], ...]:
    """Positions of REMOVE mean the list as it was, so the highest goes first."""
    return tuple((-part, "") if isinstance(part, int) else (0, part) for part in parts)


def _source_of(tree: Tree) -> Source:
    if isinstance(tree, Ref):
        ref = tree.name
        return lambda item, values: values[ref]
    if isinstance(tree, Path):
        return _existing(tree.parts)
    if tree.op == "if_not_exists":
        path, default = tree.args[0], _source_of(tree.args[1])
        assert isinstance(path, Path)
        parts = path.parts
        return lambda item, values: found if (found := dig(item, parts)) is not None else default(item, values)
    left, right = _source_of(tree.args[0]), _source_of(tree.args[1])
    if tree.op == "list_append":
        return lambda item, values: {
            "L": [*_typed(left(item, values), "L"), *_typed(right(item, values), "L")],
        }
    sign = 1 if tree.op == "+" else -1
    return lambda item, values: {
        "N": total(_typed(left(item, values), "N"), _typed(right(item, values), "N"), sign),
    }


def _existing(parts: Parts) -> Source:
    def source(item: Item, values: Values) -> Value:
        value = dig(item, parts)
        if value is None:
            raise invalid("The provided expression refers to an attribute that does not exist in the item")
        return value

    return source


def _typed[T](value: dict[str, T], kind: str) -> T:
    if kind not in value:
        raise invalid("An operand in the update expression has an incorrect data type")
    return value[kind]


def _step(action: Action) -> Callable[[Item, Item, Values], None]:
    parts = action.path.parts
    assert isinstance(action.tree, Ref)
    ref = action.tree.name
    change = _added if action.clause == "ADD" else _deleted

    def step(new: Item, old: Item, values: Values) -> None:
        value = change(dig(old, parts), values[ref])
        if value is None:
            _remove(new, parts)
        else:
            _assign(new, parts, value)

    return step


def _added(old: Value | None, by: Value) -> Value:
    kind = kind_of(by)
    if old is None:
        return by
    if kind == "N":
        return {"N": total(_typed(old, "N"), by["N"])}
    return unite(kind, {*_typed(old, kind), *by[kind]})


def _deleted(old: Value | None, by: Value) -> Value | None:
    kind = kind_of(by)
    left = set(_typed(old, kind)) - set(by[kind]) if old is not None else None
    return unite(kind, left) if left else None


def _assign(item: Item, parts: Parts, value: Value) -> None:
    """Set in `item`, whose top level is ours; deeper levels are copied on the way."""
    root = parts[0]
    assert isinstance(root, str)
    item[root] = value if len(parts) == 1 else _assigned(item.get(root), parts[1:], value)


def _assigned(container: Value | None, parts: Parts, value: Value) -> Value:
    part, rest = parts[0], parts[1:]
    if isinstance(part, int) and container is not None and "L" in container:
        elements = list(container["L"])
        inner = elements[part] if part < len(elements) else None
        new = value if not rest else _assigned(inner, rest, value)
        elements[part : part + 1] = [new]
        return {"L": elements}
    if isinstance(part, str) and container is not None and "M" in container:
        members = container["M"]
        return {"M": {**members, part: value if not rest else _assigned(members.get(part), rest, value)}}
    raise invalid("The document path provided in the update expression is invalid for update")


def _remove(item: Item, parts: Parts) -> None:
    root = parts[0]
    assert isinstance(root, str)
    if len(parts) == 1:
        item.pop(root, None)
    else:
        item[root] = _removed(item.get(root), parts[1:])


def _removed(container: Value | None, parts: Parts) -> Value:
    part, rest = parts[0], parts[1:]
    if isinstance(part, int) and container is not None and "L" in container:
        elements = list(container["L"])
        inner = [_removed(elements[part] if part < len(elements) else None, rest)] if rest else []
        elements[part : part + 1] = inner
        return {"L": elements}
    if isinstance(part, str) and container is not None and "M" in container:
        members = dict(container["M"])
        if rest:
            members[part] = _removed(members.get(part), rest)
        else:
            members.pop(part, None)
        return {"M": members}
    raise invalid("The document path provided in the update expression is invalid for update")


def changed_parts(actions: tuple[Action, ...], image: Item) -> Item:
    """What ReturnValues=UPDATED_NEW or UPDATED_OLD shows of an image: the touched paths that are there."""
    shown: Item = {}
    for action in actions:
        parts = action.path.parts
        root = parts[0]
        assert isinstance(root, str)
        value = dig(image, parts)
        if any(isinstance(part, int) for part in parts):
            if root in image:
                shown[root] = image[root]
        elif value is not None:
            inner = shown
            for part in parts[:-1]:
                inner = inner.setdefault(part, {"M": {}})["M"]  # type: ignore[arg-type]
            inner[parts[-1]] = value  # type: ignore[index]
    return shown
