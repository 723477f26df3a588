"""Once an hour: greets the customers of each store whose birthday it is, in the store's own morning, and looks which
orders wait too long."""

from typing import Any

from cashback.edge import deps
from cashback.edge.daily import Daily


def handler(_event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Do what is due of the day, and end in good time."""
    return Daily(deps.books(), deps.alarm_clock, deps.notification_queue, context.get_remaining_time_in_millis).run()
