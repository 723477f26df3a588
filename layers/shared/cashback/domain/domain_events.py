"""What the rest of the world is told of: the events on the bus, documented in docs/domain-events.schema.json."""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from cashback.domain.times import Instant

SOURCE: Final = "cashback"
"""What the bus calls us."""

CASHBACK_AWARDED: Final = "CashbackAwarded"
CASHBACK_REVERSED: Final = "CashbackReversed"
CASHBACK_RESTORED: Final = "CashbackRestored"
ORDER_HELD: Final = "OrderHeld"
ORDER_PENDING: Final = "OrderPending"
ORDER_REJECTED: Final = "OrderRejected"
ORDER_FAILED: Final = "OrderFailed"
BALANCE_ADJUSTED: Final = "BalanceAdjusted"
GROUP_JOB_FINISHED: Final = "GroupJobFinished"
TASK_EXECUTED: Final = "TaskExecuted"
TASK_CANCELLED: Final = "TaskCancelled"
PROMO_CODE_REDEEMED: Final = "PromoCodeRedeemed"
INCENTIVE_REQUEST_STATUS_CHANGED: Final = "IncentiveRequestStatusChanged"
PAYOUT_STATUS_CHANGED: Final = "PayoutStatusChanged"

KINDS: Final = (
    CASHBACK_AWARDED,
    CASHBACK_REVERSED,
    CASHBACK_RESTORED,
    ORDER_HELD,
    ORDER_PENDING,
    ORDER_REJECTED,
    ORDER_FAILED,
    BALANCE_ADJUSTED,
    GROUP_JOB_FINISHED,
    TASK_EXECUTED,
    TASK_CANCELLED,
    PROMO_CODE_REDEEMED,
    INCENTIVE_REQUEST_STATUS_CHANGED,
    PAYOUT_STATUS_CHANGED,
)
"""All that is published, and what an endpoint may be told of."""


class DomainEvent(Struct, frozen=True):
    """One event. ``event_id`` follows from what was written, so an event that is published again has the same.

    ``detail`` holds ids and amounts only, never a word of a person or about one.
    """

    event_id: str
    kind: str
    store_id: str
    occurred_at: Instant
    detail: Mapping[str, Any]

    @property
    def body(self) -> dict[str, Any]:
        """What stands on the bus as its detail."""
        about = {"event_id": self.event_id, "store_id": self.store_id, "occurred_at": self.occurred_at}
        return {**about, **{name: value for name, value in self.detail.items() if value is not None}}

    @property
    def customer_id(self) -> str | None:
        """Whose it is."""
        return self._text("customer_id")

    @property
    def order_id(self) -> str | None:
        """Which order it is about."""
        return self._text("order_id")

    @property
    def status(self) -> str | None:
        """What it says that something became."""
        return self._text("status")

    @property
    def amount(self) -> str | None:
        """How much it is about, as it stands on the wire."""
        amount = self.detail.get("amount")
        return amount.get("amount") if isinstance(amount, Mapping) else None

    def _text(self, name: str) -> str | None:
        value = self.detail.get(name)
        return value if isinstance(value, str) else None
