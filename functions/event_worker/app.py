"""Takes store events from their queue: normalises, decides, posts."""

from typing import Any

from cashback.edge import deps
from cashback.edge.worker import EventBatch

deps.at_start(deps.event_queue, deps.books)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Handle a batch of SQS messages; the answer names those that must come again."""
    return EventBatch(deps.event_queue(), deps.books(), deps.alarm_clock).run(event)
