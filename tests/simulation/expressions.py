"""The grammar shared by DynamoDB's expressions: text to a small syntax tree, refused where DynamoDB refuses it.

The tree is what `conditions`, `updates` and `queries` compile into closures. Messages follow DynamoDB Local, which
runs AWS's own expression library; `reserved_words.txt` is the developer guide's list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import TYPE_CHECKING, NoReturn

from tests.simulation.errors import Refusal, invalid
from tests.simulation.values import kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.simulation.values import Item, Value, Values

RESERVED = frozenset((File(__file__).parent / "reserved_words.txt").read_text(encoding="ascii").split())
FUNCTIONS = frozenset(
    {
        "attribute_exists",
        "attribute_not_exists",
        "attribute_type",
        "begins_with",
        "contains",
        "size",
        "if_not_exists",
        "list_append",
    }
)
_TOKEN = re.compile(r"<>|<=|>=|[=<>(),.\[\]+-]|#\w+|:\w+|\d+|[A-Za-z]\w*", re.ASCII)
_END = "<EOF>"
_LONG_NAMES = {"S": "STRING", "N": "NUMBER", "B": "BINARY", "BOOL": "BOOLEAN", "L": "LIST", "M": "MAP"}


@dataclass(frozen=True, slots=True)
class Path:
    """A document path with its aliases resolved: names are str, list positions int."""

    parts: tuple[str | int, ...]

    def __str__(self) -> str:
        return "[" + ", ".join(f"[{p}]" if isinstance(p, int) else p for p in self.parts) + "]"


@dataclass(frozen=True, slots=True)
class Ref:
    """A value of ExpressionAttributeValues, named with its colon."""

    name: str


@dataclass(frozen=True, slots=True)
class Node:
    """An operator or function on its arguments; `group` is a pair of parentheses."""

    op: str
    args: tuple[Tree, ...]


type Tree = Path | Ref | Node


@dataclass(frozen=True, slots=True)
class TypeCheck:
    """DynamoDB checks the types of literal operands before it looks at the item."""

    ref: str
    allowed: frozenset[str]
    message: str

    def __call__(self, values: Values) -> None:
        kind = kind_of(values[self.ref])
        if kind not in self.allowed:
            raise invalid(self.message.format(kind=kind, long=_LONG_NAMES.get(kind, kind)))


@dataclass(slots=True)
class Scope:
    """What the expressions of one request share, and what they were seen to use."""

    names: Mapping[str, str]
    used_names: set[str] = field(default_factory=set)
    used_values: set[str] = field(default_factory=set)
    roots: set[str] = field(default_factory=set)
    checks: list[TypeCheck] = field(default_factory=list)

    def require_used(self) -> None:
        if self.used_names != self.names.keys():
            unused = ", ".join(sorted(self.names.keys() - self.used_names))
            raise invalid(f"Value provided in ExpressionAttributeNames unused in expressions: keys: {{{unused}}}")


class Reader:
    """A recursive-descent reader over one expression. `slot` names the request parameter in messages."""

    def __init__(self, slot: str, text: str, scope: Scope) -> None:
        if not text.strip():
            raise invalid(f"Invalid {slot}: The expression can not be empty;")
        if len(text) > 4096:
            raise invalid(f"Invalid {slot}: Expression size has exceeded the maximum allowed size;")
        self.slot, self.text, self.scope = slot, text, scope
        self.tokens: list[tuple[str, int]] = []
        self.at = 0
        position = 0
        while position < len(text):
            if text[position].isspace():
                position += 1
                continue
            match = _TOKEN.match(text, position)
            self.tokens.append((match.group() if match else text[position], position))
            if match is None:
                self.at = len(self.tokens) - 1
                self.fail()
            position = match.end()

    def peek(self, ahead: int = 0) -> str:
        return self.tokens[self.at + ahead][0] if self.at + ahead < len(self.tokens) else _END

    def keyword(self, ahead: int = 0) -> str:
        return self.peek(ahead).upper()

    def take(self, expected: str | None = None) -> str:
        token = self.peek()
        if token == _END or (expected is not None and token.upper() != expected):
            self.fail()
        self.at += 1
        return token

    def accept(self, token: str) -> bool:
        if self.keyword() != token:
            return False
        self.at += 1
        return True

    def finish(self) -> None:
        if self.peek() != _END:
            self.fail()

    def error(self, message: str) -> Refusal:
        return invalid(f"Invalid {self.slot}: {message}")

    def fail(self) -> NoReturn:
        """Refuse the token in hand, quoting it with its neighbours."""
        first, last = max(self.at - 1, 0), min(self.at + 1, len(self.tokens) - 1)
        near = self.text[self.tokens[first][1] : self.tokens[last][1] + len(self.tokens[last][0])]
        raise self.error(f'Syntax error; token: "{self.peek()}", near: "{near}"')

    def check_type(self, operand: Tree, allowed: frozenset[str], message: str) -> None:
        if isinstance(operand, Ref):
            self.scope.checks.append(TypeCheck(operand.name, allowed, f"Invalid {self.slot}: {message}"))

    def path(self) -> Path:
        root = self._name()
        parts: list[str | int] = [root]
        self.scope.roots.add(root)
        while True:
            if self.accept("."):
                parts.append(self._name())
            elif self.accept("["):
                if not self.peek().isdecimal():
                    self.fail()
                parts.append(int(self.take()))
                self.take("]")
            else:
                return Path(tuple(parts))

    def _name(self) -> str:
        token = self.take()
        if token[0] == "#":
            if token not in self.scope.names:
                raise self.error(
                    f"An expression attribute name used in the document path is not defined; attribute name: {token}"
                )
            self.scope.used_names.add(token)
            return self.scope.names[token]
        if not token[0].isalpha():
            self.at -= 1
            self.fail()
        if token.upper() in RESERVED:
            raise self.error(f"Attribute name is a reserved keyword; reserved keyword: {token}")
        return token

    def ref(self) -> Ref:
        if self.peek()[0] != ":":
            self.fail()
        token = self.take()
        self.scope.used_values.add(token)
        return Ref(token)

    def operand(self) -> Tree:
        """A path, a value, or a function of operands."""
        token = self.peek()
        if token[0] == ":":
            return self.ref()
        if self.peek(1) == "(" and token[0].isalpha():
            return self.call()
        return self.path()

    def call(self) -> Node:
        name = self.take()
        if name not in FUNCTIONS:
            raise self.error(f"Invalid function name; function: {name}")
        self.take("(")
        args = [self.operand()]
        while self.accept(","):
            args.append(self.operand())
        self.take(")")
        return Node(name, tuple(args))


def values_of(scope_values: frozenset[str], given: Values, slot: str) -> None:
    """Refuse values that no expression uses, and uses that no value meets."""
    for name in sorted(scope_values - given.keys()):
        raise invalid(
            f"Invalid {slot}: An expression attribute value used in expression is not defined; attribute value: {name}"
        )
    if unused := sorted(given.keys() - scope_values):
        raise invalid(
            f"Value provided in ExpressionAttributeValues unused in expressions: keys: {{{', '.join(unused)}}}"
        )


def dig(item: Item, parts: tuple[str | int, ...]) -> Value | None:
    """The value at a document path, None where the path leads nowhere."""
    value = item.get(parts[0])  # type: ignore[arg-type]
    for part in parts[1:]:
        if value is None:
            return None
        if isinstance(part, int):
            elements = value.get("L")
            value = elements[part] if elements is not None and part < len(elements) else None
        else:
            value = value.get("M", {}).get(part)
    return value


def read_projection(text: str, scope: Scope) -> tuple[Path, ...]:
    reader = Reader("ProjectionExpression", text, scope)
    paths = [reader.path()]
    while reader.accept(","):
        paths.append(reader.path())
    reader.finish()
    refuse_overlap(paths, reader)
    return tuple(paths)


def refuse_overlap(paths: list[Path], reader: Reader) -> None:
    for later, path in enumerate(paths):
        for other in paths[:later]:
            shared = min(len(path.parts), len(other.parts))
            if path.parts[:shared] == other.parts[:shared]:
                raise reader.error(
                    "Two document paths overlap with each other; must remove or rewrite one of these paths; "
                    f"path one: {other}, path two: {path}"
                )


def project(item: Item, paths: tuple[Path, ...]) -> Item:
    """The parts of an item at the given paths; list positions close up, as in DynamoDB."""
    picked: Item = {}
    nested: dict[str, list[tuple[str | int, ...]]] = {}
    for path in paths:
        root = path.parts[0]
        assert isinstance(root, str)
        if len(path.parts) == 1:
            if root in item:
                picked[root] = item[root]
        elif dig(item, path.parts) is not None:
            nested.setdefault(root, []).append(path.parts[1:])
    for root, rests in nested.items():
        picked[root] = _pick(item[root], rests)
    return picked


def _pick(value: Value, rests: list[tuple[str | int, ...]]) -> Value:
    below: dict[str | int, list[tuple[str | int, ...]]] = {}
    for rest in rests:
        below.setdefault(rest[0], []).append(rest[1:])
    if "L" in value:
        positions = sorted(part for part in below if isinstance(part, int))
        return {"L": [_inner(value["L"][position], below[position]) for position in positions]}
    return {"M": {name: _inner(value["M"][name], below[name]) for name in below}}


def _inner(value: Value, rests: list[tuple[str | int, ...]]) -> Value:
    return value if rests == [()] else _pick(value, rests)
