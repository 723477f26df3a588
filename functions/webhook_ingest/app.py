"""A shop calls: POST /webhooks/{store_id}/{source}."""

from typing import Any

from cashback.edge import deps
from cashback.edge.clients import HURRIED, calls_begin_within
from cashback.edge.clock import now
from cashback.edge.webhook import handle

deps.at_start(deps.secrets, deps.event_queue)


@calls_begin_within(HURRIED)
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Verify the signature, queue the delivery, answer."""
    return handle(event, deps.secrets().read, deps.event_queue().send, now())
