"""A store of the deployment, and its settings as the documents they are kept in."""

import json
from collections.abc import Mapping
from copy import replace
from typing import Any, Final

from msgspec import Struct, field

from cashback.domain.money import Currency
from cashback.domain.settings import Settings, not_negative, parse_settings
from cashback.domain.times import Instant

AMOUNTS: Final = ("min_order", "max_award", "hold_over_award", "hold_over_total", "adjust_limit")
"""Settings that are amounts of the store's currency."""


class Closing(Struct, frozen=True):
    """How far the erasure of a closed store is.

    It walks through the store: ``place`` is where its part ``part`` goes on, None at the beginning. A walk ends the
    erasure if it ``began_at`` a time when nothing wrote any more, and ``found`` nothing.
    """

    closed_at: Instant
    began_at: Instant
    rev: int = 0
    part: int = 0
    place: str | None = None
    found: bool = False
    erased_at: Instant | None = None


class StoreRecord(Struct, frozen=True):
    """A store in the directory; ``request_hash`` and ``body_hash`` are of the call that created it."""

    store_id: str
    name: str
    created_at: Instant
    request_hash: str | None = None
    body_hash: str | None = None


class StoreDocument(Struct, frozen=True):
    """The settings of a store at one version, in the form of the API: amounts and rates are texts, and none is missing.

    ``changed_at`` says since when each setting is what it is, for those that were ever changed. Since ``closed_at`` the
    store hears and does nothing any more; of a version of the history it is not known.
    """

    store_id: str
    version: int
    currency: Currency
    document: Mapping[str, Any]
    created_at: Instant
    updated_at: Instant
    updated_by: str
    changed_at: Mapping[str, Instant] = field(default_factory=dict)
    closed_at: Instant | None = None

    def settings(self) -> Settings:
        """Return the settings as exact values.

        :raises Invalid: names the setting that is not acceptable.
        """
        return parse_settings(self.store_id, self.version, self.currency, self.document)

    def since(self, setting: str) -> Instant:
        """Return since when a setting is what it is."""
        return self.changed_at.get(setting, self.created_at)

    def changed(self, changes: Mapping[str, Any], at: Instant, by: str) -> "StoreDocument":
        """Return the next version; equal to this one in all but version and time where nothing changes.

        :raises Invalid: names the setting that is not acceptable.
        """
        document = {**self.document, **changes}
        after = replace(self, version=self.version + 1, document=document, updated_at=at, updated_by=by).canonical()
        moved = {name: at for name in changes if after.document[name] != self.document.get(name)}
        return replace(after, changed_at={**self.changed_at, **moved})

    def canonical(self) -> "StoreDocument":
        """Return the same settings with their amounts written in the currency's decimals, as they will be answered.

        :raises Invalid: names the setting that is not acceptable.
        """
        from cashback.domain.notifications import check_notifications  # noqa: PLC0415 - a cold start does not need it
        from cashback.domain.outgoing import target_of  # noqa: PLC0415 - a cold start does not need it

        settings, currency = self.settings(), self.currency
        check_notifications(self.document["notifications"])
        alerts = dict(self.document["alerts"])
        if alerts.get("webhook_url") is not None:
            target_of(alerts["webhook_url"], "alerts.webhook_url")
        if alerts.get("holds_over") is not None:
            alerts["holds_over"] = currency.format(not_negative(currency, alerts["holds_over"], "alerts.holds_over"))
        amounts = {name: getattr(settings, name) for name in AMOUNTS}
        written = {name: None if minor is None else currency.format(minor) for name, minor in amounts.items()}
        least = {tier.name: currency.format(tier.min_spent) for tier in settings.tiers}
        tiers = [{**tier, "min_spent": least[tier["name"]]} for tier in self.document["tiers"]]
        return replace(self, document={**self.document, **written, "tiers": tiers, "alerts": alerts})


def as_text(document: Mapping[str, Any]) -> str:
    """Return a document as the text it is stored and compared in."""
    return json.dumps(document, separators=(",", ":"), sort_keys=True)
