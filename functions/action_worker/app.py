"""Does what is due of scenarios: runs their tasks, and closes the windows for a success."""

from typing import Any

from cashback.edge import deps
from cashback.edge.action_worker import ActionBatch

deps.at_start(deps.task_queue, deps.books, deps.outlets)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Handle a batch of SQS messages; the answer names those that must come again."""
    return ActionBatch(deps.task_queue(), deps.books(), deps.outlets()).run(event)
