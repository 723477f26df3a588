"""The one way to hash what was asked for. See ADR 62."""

import json
from hashlib import sha256
from typing import Final

_ENCODER: Final = json.JSONEncoder(separators=(",", ":"))

_DIGITS: Final = 32
"""Of hex, 128 bits: nobody finds a second request with the hash of a given one."""


def fingerprint(*parts: str | int | None) -> str:
    """Return the hash of some values, none of which can be shifted into the next: the first half of their SHA-256."""
    return sha256(_ENCODER.encode(parts).encode()).hexdigest()[:_DIGITS]
