"""The bytecode of the built layer."""

import importlib.util
from pathlib import Path
from typing import Final

_HASHED: Final = 0b01
"""Flags of a .pyc: made from a source's hash, and not to be checked against it again."""


def is_valid(module: Path) -> bool:
    """The .pyc is of this Python, marked as hashed and unchecked, and made from this very source."""
    compiled = Path(importlib.util.cache_from_source(str(module)))
    if not compiled.exists():
        return False
    header = compiled.read_bytes()[:16]
    magic, flags, source_hash = header[:4], int.from_bytes(header[4:8], "little"), header[8:]
    expected = importlib.util.source_hash(module.read_bytes())
    return (magic, flags, source_hash) == (importlib.util.MAGIC_NUMBER, _HASHED, expected)
