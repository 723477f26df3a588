"""Who is to be added to a group, row by row: as ids, or as a file that a spreadsheet saved."""

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct

from cashback.domain.contacts import email_of, phone_of
from cashback.domain.csv_rows import bare, columns_of, records
from cashback.domain.errors import Invalid
from cashback.domain.names import DOTS, STORED_ID, STORED_ID_LENGTHS

MOST_ROWS: Final = 100_000


class Column(StrEnum):
    """What customers are named by; of several columns of a file the first of these counts."""

    CUSTOMER_ID = "customer_id"
    EMAIL = "email"
    PHONE = "phone"


class Fault(StrEnum):
    """Why a row adds nobody."""

    INVALID = "invalid"
    """Not an id, an e-mail, or a phone with the code of its country."""
    CELLS = "cells"
    """More or fewer cells than the header has."""
    NOT_FOUND = "not_found"
    AMBIGUOUS = "ambiguous"
    """Several customers have this contact."""


class Row(Struct, frozen=True):
    """One row: ``number`` as a spreadsheet counts it, ``key`` an id or, of a contact, its text or its keyed hash."""

    number: int
    key: str
    fault: Fault | None = None


class Rows(Struct, frozen=True):
    """All that is to be added."""

    column: Column
    rows: tuple[Row, ...]


class Left(Struct, frozen=True):
    """A row that added nobody, and why. The id is named where the row gave one that can be; a contact never is."""

    row: int
    reason: Fault
    customer_id: str | None = None


class Report(Struct, frozen=True):
    """What became of rows: customers added, those in the group already, those named before in the same rows, and rows
    that added nobody. The four are all rows there were."""

    added: int = 0
    already: int = 0
    duplicates: int = 0
    left: tuple[Left, ...] = ()

    @property
    def rows(self) -> int:
        """How many rows it tells of."""
        return self.added + self.already + self.duplicates + len(self.left)


def rows_of_ids(customer_ids: Iterable[str]) -> Rows:
    """Return ids as rows, counted from 1."""
    return Rows(Column.CUSTOMER_ID, tuple(Row(number, one) for number, one in enumerate(customer_ids, 1)))


def read_rows(text: str) -> Rows:
    """Read a file with a header that names customer_id, email or phone among its columns. Blank rows are left out.

    :raises Invalid: ``csv_format``, ``csv_columns``, ``csv_empty`` or ``too_many_rows``; nothing of it is then good.
    """
    numbered = records(text)
    _, header = next(numbered, (0, []))
    names = columns_of(header)
    column = next((one for one in Column if names.count(one) == 1), None)
    if column is None or any(names.count(one) > 1 for one in Column):
        raise Invalid("body", "csv_columns", "the header must name customer_id, email or phone, and each once")
    rows: list[Row] = []
    for number, cells in numbered:
        if len(rows) == MOST_ROWS:
            raise Invalid("body", "too_many_rows", f"a file has at most {MOST_ROWS:,} rows")
        rows.append(_row(number, cells, names.index(column), len(names), column))
    if not rows:
        raise Invalid("body", "csv_empty", "the file has no rows but its header")
    return Rows(column, tuple(rows))


def _row(number: int, cells: Sequence[str], place: int, width: int, column: Column) -> Row:
    if len(cells) != width:
        return Row(number, "", Fault.CELLS)
    text = bare(cells[place])
    match column:
        case Column.CUSTOMER_ID:
            key = text if is_id(text) else None
        case Column.EMAIL:
            key = email_of(text)
        case Column.PHONE:
            key = phone_of(text)
    return Row(number, "", Fault.INVALID) if key is None else Row(number, key)


def is_id(text: str) -> bool:
    """Tell whether anything of a store may have this id: nothing else can be looked for."""
    return len(text) in STORED_ID_LENGTHS and text not in DOTS and re.fullmatch(STORED_ID, text) is not None
