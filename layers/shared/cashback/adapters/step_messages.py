"""Steps as the text of messages, on every queue whose messages are made here alone."""

from typing import Any

import msgspec
from msgspec import Struct

from cashback.domain.errors import Malformed


def encode(step: Struct) -> str:
    """Return a step as the text of a message."""
    return msgspec.json.encode(step).decode()


def decode(message: str, kind: Any) -> Any:
    """Read a step of a kind back, or of one of a union of kinds.

    :raises Malformed: ``message_invalid``, it was not made by ``encode``.
    """
    try:
        return msgspec.json.decode(message, type=kind)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise Malformed("message_invalid") from error
