"""Reads the streams of both tables: counts what changed in the totals of its day, and publishes it as events."""

from typing import Any

from cashback.edge import deps
from cashback.edge.projector import Projection


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Project a batch of stream records."""
    return Projection(deps.stores(), deps.totals(), deps.event_bus(), deps.payout_books).run(event)
