"""Posts what scenarios credit."""

from typing import Any

from cashback.edge import deps
from cashback.edge.credit_worker import CreditBatch

deps.at_start(deps.credit_queue, deps.books)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Handle a batch of SQS messages; the answer names those that must come again."""
    return CreditBatch(deps.credit_queue(), deps.books()).run(event)
