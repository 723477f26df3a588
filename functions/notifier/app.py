"""Tells customers and shops of what happened: by message, by signed webhook, by alert."""

from typing import Any

from cashback.edge import deps
from cashback.edge.notifier import NotificationBatch

deps.at_start(deps.notification_queue, deps.desk)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Handle a batch of SQS messages; the answer names those that must come again."""
    return NotificationBatch(deps.notification_queue(), deps.desk()).run(event)
