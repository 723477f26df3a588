"""The table of docs/reliability.md and the marks of the tests say the same, and no row is left out."""

import re
from pathlib import Path

import pytest

from dev.rows import NO_TEST, PAGE, Shown, rows_of, shown, written

FAULTS = {f"F{n}" for n in range(1, 49)} - {"F36"}
BAD_INPUT = {str(n) for n in range(1, 104)} - {"53", "101"}
SECURITY = {f"S{n}" for n in range(1, 39)} | {"S10b"}
INCIDENTS = {f"I{n}" for n in range(1, 15)}
PROMISES = {f"P{n}" for n in range(1, 21)}
# The numbers that are left out were never given.
ROWS = FAULTS | BAD_INPUT | SECURITY | INCIDENTS | PROMISES


@pytest.fixture(scope="module")
def tests() -> Shown:
    """The rows that tests say they show."""
    return shown()


def test_every_row_is_in_the_table_once_and_says_what_it_is_about() -> None:
    page = PAGE.read_text()
    assert rows_of(page).keys() == ROWS
    assert len(re.findall(r"^\| [FSIP]?\d+b? \|", page, re.MULTILINE)) == len(ROWS)
    assert all(about.strip() for about, _ in rows_of(page).values())


def test_every_mark_names_a_row(tests: Shown) -> None:
    assert tests.keys() <= ROWS


def test_a_mark_that_no_test_bears_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text('@pytest.mark.row("F1")\ndef test_b(): ...\n')
    assert shown(tmp_path) == {"F1": ["test_a.py::test_b"]}
    (tmp_path / "test_a.py").write_text('MARK = pytest.mark.row("F1")\n@MARK\ndef test_b(): ...\n')
    with pytest.raises(ValueError, match="F1"):
        shown(tmp_path)


def test_the_table_names_exactly_the_tests_that_are_marked(tests: Shown) -> None:
    page = PAGE.read_text()
    assert written(page, tests) == page, "python -m dev.rows"


def test_each_row_has_a_test_or_a_reason(tests: Shown) -> None:
    rows = rows_of(PAGE.read_text())
    without = {row: cell for row, (_, cell) in rows.items() if row not in tests}
    assert [row for row, cell in without.items() if not re.fullmatch(rf"{NO_TEST}.{{20,}}", cell)] == []
    assert [row for row in tests if rows[row][1].startswith(NO_TEST)] == []
