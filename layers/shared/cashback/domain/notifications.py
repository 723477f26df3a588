"""What customers are told of, by which channel and in which words."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct

from cashback.domain.customers import Profile
from cashback.domain.domain_events import (
    BALANCE_ADJUSTED,
    CASHBACK_AWARDED,
    CASHBACK_RESTORED,
    CASHBACK_REVERSED,
    PAYOUT_STATUS_CHANGED,
    DomainEvent,
)
from cashback.domain.message_texts import check_text
from cashback.domain.names import Notified
from cashback.domain.scenarios import Channel

NAMES: Final[Mapping[tuple[str, str | None], Notified]] = MappingProxyType(
    {
        (CASHBACK_AWARDED, None): "order_credited",
        (CASHBACK_REVERSED, None): "order_reversed",
        (CASHBACK_RESTORED, None): "order_restored",
        (BALANCE_ADJUSTED, None): "balance_adjusted",
        (PAYOUT_STATUS_CHANGED, "pending"): "payout_pending",
        (PAYOUT_STATUS_CHANGED, "on_process"): "payout_on_process",
        (PAYOUT_STATUS_CHANGED, "success"): "payout_success",
        (PAYOUT_STATUS_CHANGED, "failed"): "payout_failed",
    }
)
"""What the settings call what customers may hear of: a kind of events, and the status that one tells of."""

TEXTS: Final[Mapping[Notified, str]] = MappingProxyType(
    {
        "order_credited": "Hello {{userName}}, you received {{amount}} cashback. Your balance is {{balance}}.",
        "order_reversed": "Hello {{userName}}, {{amount}} cashback was taken back after a refund. Your balance is "
        "{{balance}}.",
        "order_restored": "Hello {{userName}}, {{amount}} cashback was given back. Your balance is {{balance}}.",
        "balance_adjusted": "Hello {{userName}}, your balance was changed by {{amount}} to {{balance}}.",
        "payout_pending": "Hello {{userName}}, your payout of {{amount}} is being prepared.",
        "payout_on_process": "Hello {{userName}}, your payout of {{amount}} is on its way.",
        "payout_success": "Hello {{userName}}, your payout of {{amount}} has arrived.",
        "payout_failed": "Hello {{userName}}, your payout of {{amount}} did not go through. Your balance is "
        "{{balance}}.",
    }
)
"""Said where the settings give no words."""

CHANNELS: Final = (Channel.EMAIL, Channel.PUSH, Channel.SMS)
"""The order in which a channel is looked for where the settings name none: those that cost the least come first."""


class Notification(Struct, frozen=True):
    """That customers are told of something; without a channel by the first that they are reached by."""

    channel: Channel | None
    text: str

    def way_to(self, profile: Profile) -> tuple[Channel, str] | None:
        """Return by which channel a person is told, and where; None where they cannot be."""
        ways = {Channel.SMS: profile.phone, Channel.EMAIL: profile.email, Channel.PUSH: profile.push_endpoint}
        for channel in CHANNELS if self.channel is None else (self.channel,):
            if recipient := ways[channel]:
                return channel, recipient
        return None


def notification_of(settings: Mapping[str, Mapping[str, Any]], event: DomainEvent) -> Notification | None:
    """Return what the setting ``notifications`` says of an event; None where customers hear nothing of it."""
    name = NAMES.get((event.kind, event.status))
    said = settings.get(name) if name else None
    if name is None or said is None or not said.get("enabled", True):
        return None
    channel = said.get("channel")
    return Notification(Channel(channel) if channel else None, said.get("template") or TEXTS[name])


def check_notifications(settings: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse the setting ``notifications`` where nothing could fill its texts.

    :raises Invalid: of a template as ``check_text``.
    """
    for name, said in settings.items():
        if said.get("template") is not None:
            check_text(said["template"], f"notifications.{name}.template", has_promo_code=False)
