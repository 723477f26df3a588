"""The time zones of stores."""

from datetime import tzinfo

from cashback.domain.settings import Settings


def zone_of(settings: Settings) -> tzinfo:
    """Return the time zone of a store, whose name was checked when it was saved."""
    # Most events start nothing, and pay for no time zones.
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - a cold start does not need it

    return ZoneInfo(settings.timezone)
