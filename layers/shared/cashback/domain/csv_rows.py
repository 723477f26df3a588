"""The cells of a file that a spreadsheet saved."""

from collections.abc import Iterator
from io import StringIO
from typing import Final

from cashback.domain.errors import Invalid

_FORMULA: Final = ("=", "+", "-", "@")
"""How cells may begin that a spreadsheet would calculate; in our own files an apostrophe precedes them."""

_LONGEST_CELL: Final = 131_072


def records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of each record that is not blank, as a spreadsheet counts it, and its cells. The first one is
    the header, if there is one.

    :raises Invalid: ``csv_format``; nothing of the file is then good.
    """
    return ((number, cells) for number, cells in enumerate(_records(text.removeprefix("\ufeff")), 1) if any(cells))


def columns_of(header: list[str]) -> list[str]:
    """Return the names of the columns, as they are compared."""
    return [name.strip().lower() for name in header]


def bare(cell: str) -> str:
    """Return what a cell says, as it was before our own file kept a spreadsheet from calculating it."""
    text = cell.strip()
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text


def _delimiter(text: str) -> str:
    """Return what is between the cells: a comma, or a semicolon where a spreadsheet's language has decimal commas."""
    header = next(filter(None, text.splitlines()), "")
    return ";" if ";" in header and "," not in header else ","


def _records(text: str) -> Iterator[list[str]]:
    """Yield the cells of each record, blank ones too, so that their numbers are those of a spreadsheet."""
    import csv  # noqa: PLC0415 - a cold start does not need it: few calls bring a file

    csv.field_size_limit(_LONGEST_CELL)
    try:
        # newline="" is what the module asks for: line breaks within quotes stay as they are.
        yield from csv.reader(StringIO(text, newline=""), strict=True, delimiter=_delimiter(text))
    except csv.Error as error:
        raise Invalid("body", "csv_format", "the file is not CSV as RFC 4180 has it") from error
