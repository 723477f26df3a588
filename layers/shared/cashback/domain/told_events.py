"""Events of a store as the bus tells them: what customers, the shop and its endpoints hear of."""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from cashback.domain.times import Instant

STORE_ALERT: Final = "StoreAlert"
"""Made here and not on the bus: what endpoints get where the settings send alerts to their address."""


class ToldEvent(Struct, frozen=True):
    """One event. Told again, it has the same id; ``detail`` holds ids and amounts only, and the fields of this one."""

    event_id: str
    kind: str
    store_id: str
    occurred_at: Instant
    detail: Mapping[str, Any]

    @property
    def customer_id(self) -> str | None:
        """Whose it is."""
        return self._text("customer_id")

    @property
    def order_id(self) -> str | None:
        """Which order it is about."""
        return self._text("order_id")

    @property
    def amount(self) -> str | None:
        """How much it is about, as it stands on the wire."""
        amount = self.detail.get("amount")
        return amount.get("amount") if isinstance(amount, Mapping) else None

    def _text(self, name: str) -> str | None:
        value = self.detail.get(name)
        return value if isinstance(value, str) else None
