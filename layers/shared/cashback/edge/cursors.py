"""Page cursors: signed, and good for one store, route and set of filters, for a day."""

import base64
import binascii
import hmac
import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final

from msgspec import Struct

from cashback.domain.errors import Malformed

GOOD_FOR: Final = 86_400
"""Seconds."""

_LONGEST: Final = 4_096
_MAC: Final = 32


class Cursors(Struct, frozen=True):
    """Makes and reads the cursors of one list. ``scope`` is all that must be the same on the next page; ``key`` is
    asked for only where there is a cursor, and ``now`` is in seconds."""

    key: Callable[[], bytes]
    scope: str
    now: int

    def make(self, position: str | None) -> str | None:
        """Return the cursor of a position; None where the list has ended."""
        if position is None:
            return None
        body = json.dumps([position, self.now + GOOD_FOR], separators=(",", ":")).encode()
        return _text(self._mac(body) + body)

    def read(self, cursor: str | None) -> str | None:
        """Return the position of a cursor; None for the first page.

        :raises Malformed: ``page_token_invalid``: edited, of another list, or too old.
        """
        if cursor is None:
            return None
        if not cursor.isascii() or len(cursor) > _LONGEST:
            raise _invalid()
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except binascii.Error as error:
            raise _invalid() from error
        mac, body = raw[:_MAC], raw[_MAC:]
        if not hmac.compare_digest(mac, self._mac(body)) or cursor != _text(raw):
            raise _invalid()
        position, expires_at = json.loads(body)
        if expires_at <= self.now:
            raise _invalid()
        return str(position)

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self.key(), b"\n".join([self.scope.encode(), body]), sha256)


def _text(raw: bytes) -> str:
    """The one spelling of a cursor; base64 has others for the same bytes, which are refused."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def scope_of(store_id: str, route: str, filters: Mapping[str, Any]) -> str:
    """Return what a cursor is bound to."""
    return json.dumps([store_id, route, sorted(filters.items())], separators=(",", ":"), default=str)


def _invalid() -> Malformed:
    return Malformed("page_token_invalid", "the cursor is not one of this list")
