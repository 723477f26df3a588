"""Pages of CSV (RFC 4180): safe cells, and no more rows than an answer of Lambda holds."""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

MOST_BYTES: Final = 4_500_000
"""Of what a page holds, as JSON within JSON spells it. Lambda answers at most 6 MB; the rest is for the last row of a
page, an order of a thousand lines, and for the profile."""

_FORMULA: Final = re.compile(r"[\s\"']*[=+\-@\t\r\0\uff1d\uff0b\uff0d\uff20]")
"""How a text begins that a spreadsheet would run: OWASP ASVS 1.2.10, with what some programs skip before it, and with
the full-width forms of those signs."""


class Placed(Protocol):
    """What a list shows, with where it goes on after it."""

    @property
    def place(self) -> str:
        """Where the list goes on."""
        ...


def cell(text: str) -> str:
    """Return a text as a quoted cell that no spreadsheet takes for a formula: one that looks like it gets a ``'``."""
    safe = f"'{text}" if _FORMULA.match(text) else text
    return '"' + safe.replace('"', '""') + '"'


def csv_page(columns: Iterable[str], rows: Iterable[str]) -> tuple[str, int]:
    """Return rows under a header, and how many of them fit: at least one."""
    page = [",".join(columns)]
    size = 0
    for row in rows:
        size += size_of(row)
        if size > MOST_BYTES and len(page) > 1:
            break
        page.append(row)
    return "\r\n".join([*page, ""]), len(page) - 1


def size_of(text: str) -> int:
    """Bytes of a text within a JSON text, whatever escapes are used."""
    return len(json.dumps(text))


def last_place(lines: Sequence[Placed], shown: int, place: str | None) -> str | None:
    """Return where a list goes on of which only so many lines were shown."""
    return lines[shown - 1].place if shown < len(lines) else place
