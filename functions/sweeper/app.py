"""Every five minutes: settles what came due although no event told of it."""

from typing import Any

from cashback.edge import deps
from cashback.edge.sweeper import Sweep

deps.at_start(deps.books, deps.due, deps.api_keys)


def handler(_event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Sweep once, and end in good time."""
    left = context.get_remaining_time_in_millis
    return Sweep(deps.books(), deps.due(), deps.api_keys(), deps.job_books, deps.endpoint_books, left).run()
