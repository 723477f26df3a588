"""Takes the steps of group jobs from their queue: reads the members, sends out chunks, posts each chunk."""

from typing import Any

from cashback.edge import deps
from cashback.edge.job_worker import JobBatch

deps.at_start(deps.job_queue, deps.job_books)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Handle a batch of SQS messages; the answer names those that must come again."""
    return JobBatch(deps.job_queue(), deps.job_books()).run(event)
