"""ConditionExpression and FilterExpression, compiled once into a closure `(item, values) -> bool`.

A missing attribute fails every comparison but `<>`; arithmetic is no part of the grammar, as on AWS.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from tests.simulation.errors import invalid
from tests.simulation.expressions import Node, Path, Reader, Ref, dig
from tests.simulation.values import kind_of, number

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.expressions import Scope, Tree
    from tests.simulation.values import Item, Value, Values

    type Comparison = Callable[[Any, Any], Any]
    type Condition = Callable[[Item, Values], bool]
    type Operand = Callable[[Item, Values], Value | None]

ORDERED = frozenset({"S", "N", "B"})
_TEXTUAL = frozenset({"S", "B"})
_SIZED = frozenset({"S", "B", "SS", "NS", "BS", "L", "M"})
_TYPES = frozenset({"S", "N", "B", "SS", "NS", "BS", "L", "M", "NULL", "BOOL"})
_COMPARATORS: dict[str, Comparison] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_PREDICATES = {"attribute_exists": 1, "attribute_not_exists": 1, "attribute_type": 2, "begins_with": 2, "contains": 2}
_PATHS_ONLY = ("attribute_exists", "attribute_not_exists", "attribute_type")


def read_condition(slot: str, text: str, scope: Scope) -> Tree:
    reader = _ConditionReader(slot, text, scope)
    tree = reader.disjunction()
    reader.finish()
    return reader.truth(tree)


class _ConditionReader(Reader):
    def disjunction(self) -> Tree:
        return self._chain("OR", self._conjunction)

    def _conjunction(self) -> Tree:
        return self._chain("AND", self._negation)

    def _chain(self, op: str, part: Callable[[], Tree]) -> Tree:
        left = part()
        while self.accept(op):
            left = Node(op, (self.truth(left), self.truth(part())))
        return left

    def _negation(self) -> Tree:
        if self.accept("NOT"):
            return Node("NOT", (self.truth(self._negation()),))
        return self._comparison()

    def _comparison(self) -> Tree:
        left = self._primary()
        token = self.keyword()
        if token in _COMPARATORS:
            self.take()
            right = self._value(self._primary())
            tree = Node(token, (self._value(left), right))
            if token not in ("=", "<>"):
                self._same_kind(token, tree.args, ORDERED)
            return tree
        if token == "BETWEEN":
            self.take()
            low = self._value(self._primary())
            self.take("AND")
            tree = Node("BETWEEN", (self._value(left), low, self._value(self._primary())))
            self._same_kind("BETWEEN", tree.args, ORDERED)
            return tree
        if token == "IN":
            self.take()
            self.take("(")
            options = [self.operand()]
            while self.accept(","):
                options.append(self.operand())
            self.take(")")
            self._distinct("IN", self._value(left), options)
            return Node("IN", (self._value(left), *options))
        return left

    def _primary(self) -> Tree:
        if not self.accept("("):
            return self.operand()
        inner = self.disjunction()
        self.take(")")
        if isinstance(inner, Node) and inner.op == "group":
            raise self.error("The expression has redundant parentheses;")
        return Node("group", (inner,))

    def call(self) -> Node:
        node = super().call()
        op, args = node.op, node.args
        if op in ("if_not_exists", "list_append"):
            raise self.error(f"The function is not allowed in a condition expression; function: {op}")
        wanted = _PREDICATES.get(op, 1)
        if len(args) != wanted:
            raise self.error(
                f"Incorrect number of operands for operator or function; operator or function: {op}, "
                f"number of operands: {len(args)}"
            )
        if op in _PATHS_ONLY and not isinstance(args[0], Path):
            raise self.error(f"Operator or function requires a document path; operator or function: {op}")
        if op == "attribute_type":
            self._same_kind(op, args[1:], frozenset({"S"}))
        elif op == "begins_with":
            self._same_kind(op, args, _TEXTUAL)
        elif op == "contains":
            self._distinct(op, args[0], list(args[1:]))
        elif op == "size":
            self._same_kind(op, args, _SIZED)
        return node

    def _same_kind(self, op: str, operands: tuple[Tree, ...], allowed: frozenset[str]) -> None:
        for operand in operands:
            self.check_type(
                operand,
                allowed,
                f"Incorrect operand type for operator or function; operator or function: {op}, operand type: {{kind}}",
            )

    def _distinct(self, op: str, first: Tree, rest: list[Tree]) -> None:
        if isinstance(first, Path) and first in rest:
            raise self.error(
                "The first operand must be distinct from the remaining operands for this operator or function; "
                f"operator: {op}, first operand: {first}"
            )

    def truth(self, tree: Tree) -> Tree:
        """Refuse an operand where something true or false must stand."""
        bare = ungroup(tree)
        if isinstance(bare, Node) and bare.op != "size":
            return tree
        if isinstance(bare, Node):
            raise self.error("The function is not allowed to be used this way in an expression; function: size")
        return self.fail()

    def _value(self, tree: Tree) -> Tree:
        """Refuse something true or false where an operand must stand."""
        bare = ungroup(tree)
        if isinstance(bare, Node) and bare.op != "size":
            if bare.op in _PREDICATES:
                raise self.error(
                    f"The function is not allowed to be used this way in an expression; function: {bare.op}"
                )
            self.fail()
        return bare


def ungroup(tree: Tree) -> Tree:
    while isinstance(tree, Node) and tree.op == "group":
        tree = tree.args[0]
    return tree


def compile_operand(tree: Tree) -> Operand:
    if isinstance(tree, Ref):
        ref = tree.name
        return lambda item, values: values[ref]
    if isinstance(tree, Path):
        parts = tree.parts
        if len(parts) == 1:
            return lambda item, values: item.get(parts[0])  # type: ignore[arg-type]
        return lambda item, values: dig(item, parts)
    measured = compile_operand(tree.args[0])
    return lambda item, values: _size(measured(item, values))


def compile_condition(tree: Tree) -> Condition:
    tree = ungroup(tree)
    assert isinstance(tree, Node)
    op = tree.op
    if op in ("AND", "OR", "NOT"):
        return _logic(op, [compile_condition(arg) for arg in tree.args])
    if op in ("attribute_exists", "attribute_not_exists"):
        return _existence(tree.args[0], wanted=op == "attribute_exists")
    operands = [compile_operand(arg) for arg in tree.args]
    first, second = operands[0], operands[1]
    match op:
        case "=":
            return lambda item, values: (a := first(item, values)) is not None and a == second(item, values)
        case "<>":
            return lambda item, values: (a := first(item, values)) is None or a != second(item, values)
        case "<" | "<=" | ">" | ">=":
            compare = _COMPARATORS[op]
            return lambda item, values: _ordered(compare, first(item, values), second(item, values))
        case "BETWEEN":
            return _between(first, second, operands[2], tree)
        case "IN":
            options = operands[1:]
            return lambda item, values: (
                (a := first(item, values)) is not None and any(a == option(item, values) for option in options)
            )
        case "begins_with":
            return lambda item, values: _begins(first(item, values), second(item, values))
        case "contains":
            return lambda item, values: _contains(first(item, values), second(item, values))
        case _:
            return lambda item, values: _is_type(first(item, values), second(item, values))


def _logic(op: str, parts: list[Condition]) -> Condition:
    if op == "NOT":
        negated = parts[0]
        return lambda item, values: not negated(item, values)
    left, right = parts
    if op == "AND":
        return lambda item, values: left(item, values) and right(item, values)
    return lambda item, values: left(item, values) or right(item, values)


def _existence(tree: Tree, *, wanted: bool) -> Condition:
    assert isinstance(tree, Path)
    parts = tree.parts
    if len(parts) > 1:
        return lambda item, values: (dig(item, parts) is not None) is wanted
    name = parts[0]
    if wanted:
        return lambda item, values: name in item
    return lambda item, values: name not in item


def _between(subject: Operand, low: Operand, high: Operand, tree: Node) -> Condition:
    if isinstance(tree.args[1], Ref) and isinstance(tree.args[2], Ref):
        lower, upper = tree.args[1].name, tree.args[2].name

        def bounded(item: Item, values: Values) -> bool:
            check_bounds(values[lower], values[upper], "ConditionExpression")
            value = subject(item, values)
            return _ordered(operator.ge, value, values[lower]) and _ordered(operator.le, value, values[upper])

        return bounded
    return lambda item, values: (
        _ordered(operator.ge, value := subject(item, values), low(item, values))
        and _ordered(operator.le, value, high(item, values))
    )


def check_bounds(low: Value, high: Value, slot: str) -> None:
    if kind_of(low) != kind_of(high):
        raise invalid(f"Invalid {slot}: The BETWEEN operator requires same data type for lower and upper bounds")
    if not _ordered(operator.le, low, high):
        raise invalid(
            f"Invalid {slot}: The BETWEEN operator requires upper bound to be greater than or equal to lower bound"
        )


def _ordered(compare: Comparison, left: Value | None, right: Value | None) -> bool:
    """Order within one type only: strings by code point (so by UTF-8 byte), numbers by value, binaries by byte."""
    if left is None or right is None:
        return False
    if "N" in left:
        return "N" in right and bool(compare(number(left["N"]), number(right["N"])))
    if "S" in left:
        return "S" in right and bool(compare(left["S"], right["S"]))
    return "B" in left and "B" in right and bool(compare(left["B"], right["B"]))


def _begins(text: Value | None, prefix: Value | None) -> bool:
    if text is None or prefix is None:
        return False
    kind = kind_of(text)
    return kind in _TEXTUAL and kind in prefix and text[kind].startswith(prefix[kind])


def _contains(whole: Value | None, part: Value | None) -> bool:
    if whole is None or part is None:
        return False
    kind, inner = kind_of(whole), kind_of(part)
    if kind == "L":
        return part in whole["L"]
    if kind in _TEXTUAL:
        return inner == kind and part[inner] in whole[kind]
    return kind == inner + "S" and part[inner] in whole[kind]


def _is_type(value: Value | None, wanted: Value | None) -> bool:
    name = (wanted or {}).get("S")
    if name not in _TYPES:
        raise invalid(f"Invalid ConditionExpression: Invalid attribute type name found; type: {name}")
    return value is not None and name in value


def _size(value: Value | None) -> Value | None:
    if value is None or kind_of(value) not in _SIZED:
        return None
    kind, raw = next(iter(value.items()))
    if kind == "S" and not raw.isascii():
        return {"N": str(len(raw.encode("utf-16-le", "surrogatepass")) // 2)}
    return {"N": str(len(raw))}
