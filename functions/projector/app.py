"""Reads the streams of both tables: counts what changed in the totals of its day, and publishes it as events."""

from typing import TYPE_CHECKING, Any

from cashback.edge import deps
from cashback.edge.projector import Projection

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

deps.at_start(deps.stores, deps.totals, deps.event_bus)


def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """Project a batch of stream records."""
    left = context.get_remaining_time_in_millis
    return Projection(deps.stores(), deps.totals(), deps.event_bus(), deps.payout_books, left).run(event)
