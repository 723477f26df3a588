"""Bodies, queries and answers about stores: their settings, keys, secrets and audit, which only the functions of
settings and of the operator load."""

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from cashback.domain.api_keys import Role
from cashback.domain.audit import ActsWanted
from cashback.domain.errors import Invalid
from cashback.domain.names import Notified, Source
from cashback.domain.settings import AwardOn, Clawback
from cashback.domain.times import Instant
from cashback.edge import models
from cashback.edge.fields import (
    UNSENT,
    AmountText,
    Comment,
    Date,
    Email,
    Flag,
    HttpsUrl,
    Limit,
    Moment,
    Name,
    RateText,
    StoreId,
    Timezone,
    Whole,
    refuse,
)
from cashback.edge.models import Answer, Request, Word

_Words = Annotated[list[Word], Field(max_length=1_000)]
_Rates = Annotated[dict[Word, RateText], Field(max_length=100)]


class TierSettings(Request):
    """A rate earned by spending at least ``min_spent`` before the order."""

    name: Name
    min_spent: AmountText
    rate: RateText


class ProductRateSettings(Request):
    """A rate for lines that match the one attribute named."""

    sku: Word = UNSENT
    product_id: Word = UNSENT
    vendor: Word = UNSENT
    category: Word = UNSENT
    tag: Word = UNSENT
    rate: RateText


class EarnOnSettings(Request):
    """What earns beside the goods."""

    shipping: Flag = False
    tax: Flag = False


class ExclusionSettings(Request):
    """What never earns."""

    skus: _Words = UNSENT
    product_ids: _Words = UNSENT
    vendors: _Words = UNSENT
    categories: _Words = UNSENT
    tags: _Words = UNSENT
    sources: _Words = UNSENT
    customer_tags: _Words = UNSENT
    payment_methods: _Words = UNSENT


class NotificationSettings(Request):
    """Whether and how customers hear of one kind of event."""

    enabled: Flag = True
    channel: Literal["sms", "push", "email"] = UNSENT
    template: Comment = UNSENT


class AlertSettings(Request):
    """Where the shop itself hears of failed orders, holds and old pending orders: by e-mail, and by webhook at the
    endpoint that has this address. Of holds only above an amount of cashback, where one is named."""

    email: Email = UNSENT
    webhook_url: HttpsUrl = UNSENT
    holds_over: AmountText = UNSENT


class SettingsRequest(Request):
    """Settings to give or to change; those left out stay as they are. Null only where a setting may be off."""

    cashback_enabled: Flag = UNSENT
    auto_processing: Flag = UNSENT
    award_on: AwardOn = UNSENT
    base_rate: RateText = UNSENT
    tiers: Annotated[list[TierSettings], Field(max_length=50)] = UNSENT
    product_rates: Annotated[list[ProductRateSettings], Field(max_length=1_000)] = UNSENT
    delivery_type_rates: _Rates = UNSENT
    source_rates: _Rates = UNSENT
    customer_tag_rates: _Rates = UNSENT
    earn_on: EarnOnSettings = UNSENT
    exclusions: ExclusionSettings = UNSENT
    min_order: AmountText = UNSENT
    max_award: AmountText | None = None
    hold_over_award: AmountText | None = None
    hold_over_total: AmountText | None = None
    clawback: Clawback = UNSENT
    guest_claim_days: Whole = UNSENT
    adjust_limit: AmountText | None = None
    four_eyes: Flag = UNSENT
    app_sources: Annotated[list[Word], Field(max_length=100)] = UNSENT
    notifications: Annotated[dict[Notified, NotificationSettings], Field(max_length=50)] = UNSENT
    alerts: AlertSettings = UNSENT
    pending_alarm_hours: Whole = UNSENT

    def given(self) -> dict[str, Any]:
        """Return the settings that were sent, in the form they are kept in."""
        return self.model_dump(mode="json", exclude_unset=True)


class ChangeStore(SettingsRequest):
    """Settings to change. The currency may be repeated, but never changed."""

    name: Name = UNSENT
    timezone: Timezone = UNSENT
    currency: Name = UNSENT


def _secret(value: object) -> object:
    if not isinstance(value, str) or re.fullmatch(r"[!-~](?:[ -~]{0,253}[!-~])?", value) is None:
        raise refuse("secret_format")
    return value


WebhookSecretText = Annotated[str, BeforeValidator(_secret)]


class CreateStore(Request):
    """A store to create."""

    store_id: StoreId
    name: Name
    currency: Name
    timezone: Timezone
    settings: SettingsRequest = SettingsRequest()
    webhook_secrets: dict[Source, WebhookSecretText] = Field(default_factory=dict)


class RotateSecret(Request):
    """A new signing secret; one is made where none is given."""

    source: Source
    secret: WebhookSecretText = UNSENT
    keep_previous: Flag = True


class CloseStore(Request):
    """Why a store is closed; the audit keeps it."""

    reason: Comment


class CreateApiKey(Request):
    """An API key to make."""

    name: Name
    role: Role
    expires_at: Moment | None = None


class Settings(Answer):
    """A store's settings; amounts are in the store's currency, rates are fractions of 1."""

    store_id: str
    version: int
    name: str
    currency: str
    timezone: str
    cashback_enabled: bool
    auto_processing: bool
    award_on: AwardOn
    base_rate: str
    tiers: list[dict[str, str]]
    product_rates: list[dict[str, str]]
    delivery_type_rates: dict[str, str]
    source_rates: dict[str, str]
    customer_tag_rates: dict[str, str]
    earn_on: dict[str, bool]
    exclusions: dict[str, list[str]]
    min_order: str
    max_award: str | None
    hold_over_award: str | None
    hold_over_total: str | None
    clawback: Clawback
    guest_claim_days: int
    adjust_limit: str | None
    four_eyes: bool
    app_sources: list[str]
    notifications: dict[str, dict[str, Any]]
    alerts: dict[str, str]
    pending_alarm_hours: int
    created_at: Instant
    updated_at: Instant
    updated_by: str


class ChangedSettings(Settings):
    """Settings as they are after a change, and what to know about it."""

    warnings: list[models.ChangeWarning]


class EngineCause(Answer):
    """Why an engine is not active."""

    code: str
    count: int
    since: Instant


class EngineStatus(Answer):
    """How a store's engine is."""

    status: Literal["active", "paused", "error"]
    causes: list[EngineCause]
    queue_delay_seconds: int


class MetricsQuery(Request):
    """Which days: one, or those from one to another, 92 at most."""

    date: Date | None = None
    from_: Date | None = Field(default=None, alias="from")
    to: Date | None = None

    def ends(self) -> tuple[str | None, str | None]:
        """Return the first and the last date asked for.

        :raises Invalid: ``date_range``, a date beside the end of a range.
        """
        if self.date is None:
            return self.from_, self.to
        if self.from_ or self.to:
            raise Invalid("date", "date_range")
        return self.date, self.date


class Figures(Answer):
    """What happened, and where things stand. ``pending`` and ``oldest_pending_seconds``, ``held``,
    ``awaiting_customer``, ``requests_waiting`` and ``payouts_live`` are those of the end of the last day (of today,
    now), and null where that is not known yet; the median is off by a thirty-second of it at most. What was paid out
    is less than nothing on a day on which more came back."""

    orders_processed: int
    cashback_issued: models.Amount
    cashback_reversed: models.Amount
    cashback_paid_out: models.Amount
    pending: int | None
    oldest_pending_seconds: int | None
    held: int | None
    rejected: int
    failed: int
    awaiting_customer: int | None
    requests_waiting: int | None
    payouts_live: int | None
    median_decision_seconds: int | None
    longest_decision_seconds: int | None


class DayFigures(Figures):
    """The figures of one day. ``closed_at`` is when they were recounted from the tables: they are final."""

    date: str
    closed_at: Instant | None


class Metrics(Figures):
    """The figures of all days together, ``date`` where it is one, and those of each day."""

    date: str | None
    days: list[DayFigures]


class ApiKey(Answer):
    """An API key, but for the key itself."""

    api_key_id: str
    name: str
    role: Role
    created_at: Instant
    created_by: str
    expires_at: Instant | None


class NewApiKey(ApiKey):
    """A key just made; ``api_key`` is shown this once, and null when the call is a repeated one."""

    api_key: str | None


class ApiKeysQuery(Request):
    """Which keys."""

    limit: Limit = 20
    cursor: str | None = None


class ApiKeyPage(Answer):
    """Some API keys."""

    items: list[ApiKey]
    next_cursor: str | None


class AuditQuery(Request):
    """Which acts."""

    from_: Moment | None = Field(default=None, alias="from")
    to: Moment | None = None
    limit: Limit = 20
    cursor: str | None = None

    def wanted(self) -> ActsWanted:
        """Return what the list is asked for."""
        return ActsWanted(self.from_, self.to)


class AuditAct(Answer):
    """What somebody did to ``target``, and what it was and became where that is not in the act itself."""

    what: str
    target: str
    at: Instant
    actor: str
    request_id: str
    source_ip: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class AuditPage(Answer):
    """Some acts, newest first."""

    items: list[AuditAct]
    next_cursor: str | None


class StoreSummary(Answer):
    """A store, as the operator sees it."""

    store_id: str
    name: str
    currency: str
    timezone: str
    version: int
    created_at: Instant
    closed_at: Instant | None


class NewStore(StoreSummary):
    """A store just created. The key and the secrets made here are shown this once; null and none when repeated."""

    api_key_id: str
    api_key: str | None
    webhook_secrets: dict[str, str]


class NewWebhookSecret(Answer):
    """A rotated secret; ``secret`` is shown where it was made here."""

    store_id: str
    source: str
    secret: str | None
