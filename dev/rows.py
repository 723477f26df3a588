"""The rows of docs/reliability.md (promises, faults, bad input, security, incidents), and their tests.

A test says which rows it shows with `@pytest.mark.row("F4", "45")`. `python -m dev.rows` writes the names of such tests
into the table of docs/reliability.md; whatever that table says of a row without a test stays as it is.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dev.project import ROOT

PAGE: Final = ROOT / "docs/reliability.md"
TESTS: Final = ROOT / "tests"
NO_TEST: Final = "No test: "
_ROW: Final = re.compile(r"^\| ([FSIP]?\d+b?) \| (.+?) \| (.*) \|$", re.MULTILINE)

Shown = dict[str, list[str]]
"""The tests of each row, as folder/file.py::name, in the order of the files."""


def shown(tests: Path = TESTS) -> Shown:
    """What the marks in all test files say. A mark that is neither on a test nor of its whole module is an error."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(tests.rglob("test_*.py")):
        tree = ast.parse(path.read_text())
        here: Shown = {}
        of_module = [row for node in tree.body if _is_pytestmark(node) for row in _rows_in(node)]
        for name, function in _functions(tree):
            for row in dict.fromkeys([*of_module, *(row for one in function.decorator_list for row in _rows_in(one))]):
                here.setdefault(row, []).append(f"{path.relative_to(tests)}::{name}")
        if lost := set(_rows_in(tree)) - here.keys():
            raise ValueError(f"{path}: the marks of {sorted(lost)} are on no test")
        for row, names in here.items():
            found[row] += names
    return dict(found)


def rows_of(page: str) -> dict[str, tuple[str, str]]:
    """What each row of the table is about, and the cell that says how it is shown."""
    return {row: (about, cell) for row, about, cell in _ROW.findall(page)}


def written(page: str, tests: Shown) -> str:
    """The page with the tests of each row that has some."""

    def line(found: re.Match[str]) -> str:
        row, about, cell = found.groups()
        names = "<br>".join(f"`{name}`" for name in tests.get(row, [])) or cell
        return f"| {row} | {about} | {names} |"

    return _ROW.sub(line, page)


def _is_pytestmark(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.name, node
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef) and inner.name.startswith("test_"):
                    yield f"{node.name}::{inner.name}", inner


def _rows_in(node: ast.AST) -> list[str]:
    """The names in every `pytest.mark.row(...)` of a piece of code."""
    calls = [part for part in ast.walk(node) if isinstance(part, ast.Call)]
    named = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "row"]
    marks = [call for call in named if ast.unparse(call.func) == "pytest.mark.row"]
    return [ast.literal_eval(argument) for mark in marks for argument in mark.args]


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(), shown()))
