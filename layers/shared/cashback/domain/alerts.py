"""What the shop itself is alarmed by, as the setting ``alerts`` says: each cause once an hour at most."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from cashback.domain.domain_events import ORDER_FAILED, ORDER_HELD, DomainEvent
from cashback.domain.due import hour_of
from cashback.domain.money import Currency
from cashback.domain.times import Instant

STORE_ALERT: Final = "StoreAlert"
"""Told by no bus: what endpoints get where the settings send alerts to their address."""


class AlertCause(StrEnum):
    """Why a shop is alarmed."""

    ORDERS_FAILED = "orders_failed"
    ORDERS_HELD = "orders_held"
    PENDING_OLD = "pending_old"
    """Orders wait for review longer than the setting ``pending_alarm_hours`` says."""
    ENDPOINT_DISABLED = "webhook_endpoint_disabled"


TEXTS: Final[Mapping[AlertCause, str]] = MappingProxyType(
    {
        AlertCause.ORDERS_FAILED: "An order could not be processed.",
        AlertCause.ORDERS_HELD: "An order is held and waits for a decision.",
        AlertCause.PENDING_OLD: "Orders have been waiting for review for longer than your settings allow.",
        AlertCause.ENDPOINT_DISABLED: "A webhook endpoint was disabled because it does not take what is sent to it.",
    }
)


def cause_of(event: DomainEvent, alerts: Mapping[str, Any], currency: Currency) -> AlertCause | None:
    """Return what an event alarms the shop by; None where it does not.

    A hold of an amount that is not known alarms whatever the threshold ``holds_over`` is.
    """
    if event.kind == ORDER_FAILED:
        return AlertCause.ORDERS_FAILED
    if event.kind != ORDER_HELD:
        return None
    least, amount = alerts.get("holds_over"), event.amount
    is_small = least is not None and amount is not None and currency.parse(amount) <= currency.parse(least)
    return None if is_small else AlertCause.ORDERS_HELD


def alert_event(store_id: str, cause: AlertCause, subject: Mapping[str, str], at: Instant) -> DomainEvent:
    """Return the alert of what happened at a time, which is the same one for a whole hour; ``subject`` are ids of what
    began it. Told again in another hour, it is the one of its own hour."""
    occurred_at = f"{hour_of(at)}:00:00.000000Z"
    event_id = f"alert:{cause}:{hour_of(at)}"
    return DomainEvent(event_id, STORE_ALERT, store_id, occurred_at, {"cause": str(cause), **subject})


def alert_text(alert: DomainEvent) -> str:
    """Return the text of an e-mail."""
    subject = sorted((name, value) for name, value in alert.detail.items() if name != "cause")
    lines = [TEXTS[AlertCause(alert.detail["cause"])], *(f"{name}: {value}" for name, value in subject)]
    return "\n".join([*lines, "Of this cause nothing more is sent within the hour."])
