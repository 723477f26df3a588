"""Once an hour: greets the customers of each store whose birthday it is, looks which orders wait too long, recounts the
days that are over, and compares balances with the ledger in the store's own night."""

from typing import Any

from cashback.edge import deps
from cashback.edge.daily import Daily

deps.at_start(deps.books, deps.totals)


def handler(_event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Do what is due of the day, and end in good time."""
    return Daily(
        deps.books(),
        deps.alarm_clock,
        deps.notification_queue,
        deps.totals(),
        deps.due,
        deps.reconciliations,
        context.get_remaining_time_in_millis,
    ).run()
