"""A store of the deployment, and its settings as the documents they are kept in."""

import json
import re
from collections.abc import Mapping
from copy import replace
from typing import Any, Final

from msgspec import Struct, field

from cashback.domain.money import Currency
from cashback.domain.settings import DEFAULTS, Settings, parse_settings
from cashback.domain.times import Instant

STORE_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{2,39}", re.ASCII)

SOURCES: Final = ("shopify", "woocommerce", "events")
"""Where webhooks come from; each has signing secrets of its own."""

AMOUNTS: Final = ("min_order", "max_award", "hold_over_award", "hold_over_total", "adjust_limit")
"""Settings that are amounts of the store's currency."""


class StoreRecord(Struct, frozen=True):
    """A store in the directory; ``request`` and ``payload`` are the hashes of the call that created it."""

    store_id: str
    name: str
    created_at: Instant
    request: str | None = None
    payload: str | None = None


class StoreDocument(Struct, frozen=True):
    """The settings of a store at one version, in the form of the API (amounts and rates are texts).

    ``changed_at`` says since when each setting is what it is, for those that were ever changed.
    """

    store_id: str
    version: int
    currency: Currency
    document: Mapping[str, Any]
    created_at: Instant
    updated_at: Instant
    updated_by: str
    changed_at: Mapping[str, Instant] = field(default_factory=dict)

    def settings(self) -> Settings:
        """Return the settings as exact values.

        :raises Invalid: names the setting that is not acceptable.
        """
        return parse_settings(self.store_id, self.version, self.currency, {**DEFAULTS, **self.document})

    def since(self, setting: str) -> Instant:
        """Return since when a setting is what it is."""
        return self.changed_at.get(setting, self.created_at)

    def changed(self, changes: Mapping[str, Any], at: Instant, by: str) -> "StoreDocument":
        """Return the next version; equal to this one in all but version and time where nothing changes."""
        document = {**self.document, **changes}
        moved = {name: at for name, value in changes.items() if value != self.document.get(name)}
        return replace(
            self,
            version=self.version + 1,
            document=document,
            updated_at=at,
            updated_by=by,
            changed_at={**self.changed_at, **moved},
        )


def canonical(document: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Return a document with its amounts written in the currency's decimals, as they will be answered."""
    written = {
        name: None if getattr(settings, name) is None else settings.currency.format(getattr(settings, name))
        for name in AMOUNTS
    }
    least = {tier.name: settings.currency.format(tier.min_spent) for tier in settings.tiers}
    tiers = [{**tier, "min_spent": least[tier["name"]]} for tier in document["tiers"]]
    return {**document, **written, "tiers": tiers}


def as_text(document: Mapping[str, Any]) -> str:
    """Return a document as the text it is stored and compared in."""
    return json.dumps(document, separators=(",", ":"), sort_keys=True)
