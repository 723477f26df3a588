"""Of all that figures were computed from, so that it can be told whether those that are kept still follow from it: the
code that computed them, without what is only said in it, and the values that this code takes from elsewhere."""

import ast
import hashlib
import inspect
import sys
import textwrap
from collections.abc import Collection, Mapping
from types import FunctionType, ModuleType
from typing import Any, Final

import msgspec
from msgspec import Struct, field

MODELS: Final = "tests.benchmarks"
"""The package whose modules are followed as they import one another."""
PRODUCT: Final = "cashback"
"""The one that they take constants and functions from: those alone count, not the modules around them."""


def of(start: ModuleType, given: object, *, apart: Collection[str]) -> str:
    """Return the fingerprint of what a module computes from what it is given.

    What it imports from the modules ``apart`` does not count: what they make is what is given.

    :raises TypeError: something of the product is used that is neither a value nor code.
    """
    trail = Trail({f"{MODELS}.{name}" for name in apart})
    trail.follow(start)
    every = {**trail.found, "given": _text(given)}
    return hashlib.sha256(msgspec.json.encode(every, order="sorted")).hexdigest()


def code(source: str) -> str:
    """Return code as it runs: without comments, docstrings and layout."""
    tree = ast.parse(textwrap.dedent(source))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            node.body = [one for one in node.body if not _is_said(one)]
    return ast.dump(tree)


def _is_said(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


class Trail(Struct):
    """What was found so far, code and values, by their names."""

    apart: set[str]
    found: dict[str, str] = field(default_factory=dict)

    def follow(self, module: ModuleType) -> None:
        """Add a module of the models, what it imports of them, and what it uses."""
        if module.__name__ in self.found:
            return
        source = inspect.getsource(module)
        self.found[module.__name__] = code(source)
        tree, left_out, of_product = ast.parse(source), set[str](), set[str]()
        for node in ast.walk(tree):
            match node:
                case ast.ImportFrom(module=str(name)) if _is_product(name):
                    of_product.update(_bound(node))
                case ast.ImportFrom(module=str(name)) if name in self.apart:
                    left_out.update(_bound(node))
                case ast.ImportFrom(module=str(name)) if name.startswith(f"{MODELS}."):
                    self.follow(sys.modules[name])
                case ast.ImportFrom(module=str(name)) if name == MODELS:
                    for one in node.names:
                        if f"{MODELS}.{one.name}" not in self.apart:
                            self.follow(sys.modules[f"{MODELS}.{one.name}"])
        used = {name: one for name, one in vars(module).items() if name not in left_out}
        self._use(tree, used, module.__name__, of_product)

    def _use(self, tree: ast.AST, names: Mapping[str, Any], where: str, of_product: Collection[str] = ()) -> None:
        """Add what code uses of the module that it is in."""
        for node in ast.walk(tree):
            match node:
                case ast.Attribute(value=ast.Name(id=name), attr=attribute) if _is_of_product(names.get(name)):
                    used = names[name]
                    self._take(f"{used.__name__}.{attribute}", getattr(used, attribute), of_product=True)
                case ast.Name(id=name) if name in names and not name.startswith("__"):
                    self._take(f"{where}.{name}", names[name], of_product=name in of_product)

    def _take(self, name: str, value: Any, *, of_product: bool) -> None:
        if name in self.found or isinstance(value, ModuleType):
            return
        if isinstance(value, FunctionType | type):
            if _is_product(value.__module__):
                source, module = inspect.getsource(value), sys.modules[value.__module__]
                self.found[name] = code(source)
                self._use(ast.parse(textwrap.dedent(source)), vars(module), module.__name__, _made_in_product(module))
            return
        try:
            self.found[name] = _text(value)
        except TypeError:
            # What the models make themselves follows from their code, and from what that uses.
            if of_product:
                raise


def _bound(statement: ast.Import | ast.ImportFrom) -> list[str]:
    """The names that an import gives to what it imports."""
    return [one.asname or one.name for one in statement.names]


def _made_in_product(module: ModuleType) -> set[str]:
    """The names of a module of the product that nobody else made: its own, and what it imports from the product."""
    imported = set[str]()
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        match node:
            case ast.Import():
                imported.update(_bound(node))
            case ast.ImportFrom(module=str(name)) if not _is_product(name):
                imported.update(_bound(node))
    return vars(module).keys() - imported


def _is_of_product(value: object) -> bool:
    return isinstance(value, ModuleType) and _is_product(value.__name__)


def _is_product(module: str) -> bool:
    return module.partition(".")[0] == PRODUCT


def _text(value: object) -> str:
    """A value as text, which is the same in every process.

    :raises TypeError: it is none.
    """
    return msgspec.json.encode(value, order="sorted").decode()
