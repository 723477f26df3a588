"""What leaves in large pieces, as CSV."""

import re
from typing import Final

_FORMULA: Final = re.compile(r"[\s\"']*[=+\-@\t\r\0\uff1d\uff0b\uff0d\uff20]")

COLUMNS: Final = ("transaction_id",)


def cell(text: str) -> str:
    """Return a text as a quoted cell that no spreadsheet takes for a formula: one that looks like it gets a ``'``."""
    safe = f"'{text}" if _FORMULA.match(text) else text
    return '"' + safe.replace('"', '""') + '"'
