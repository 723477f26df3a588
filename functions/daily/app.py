"""Once an hour: greets the customers of each store whose birthday it is, in the store's own morning, compares its
balances with the ledger in its own night, and looks for what has waited for a person for too long."""

from typing import Any

from cashback.edge import deps
from cashback.edge.daily import Daily


def handler(_event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Do what is due of the day, and end in good time."""
    left = context.get_remaining_time_in_millis
    return Daily(deps.books(), deps.alarm_clock, deps.due, deps.reconciliations, left).run()
