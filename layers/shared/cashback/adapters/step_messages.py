"""Steps as the text of messages, on every queue whose messages are made here alone."""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from cashback.domain.errors import Malformed


def encode(step: Struct) -> str:
    """Return a step as the text of a message."""
    return msgspec.json.encode(step).decode()


def entries(steps: Iterable[Any]) -> list[Any]:
    """Return steps as the entries of a SendMessageBatch; the id of each is its position. Their store is the message
    group, so that what one store does does not hold up the others."""
    return [
        {"Id": str(position), "MessageBody": encode(step), "MessageGroupId": step.store_id}
        for position, step in enumerate(steps)
    ]


def decode(message: str, kind: Any) -> Any:
    """Read a step of a kind back, or of one of a union of kinds.

    :raises Malformed: ``message_invalid``, it was not made by ``encode``.
    """
    try:
        return msgspec.json.decode(message, type=kind)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise Malformed("message_invalid") from error
