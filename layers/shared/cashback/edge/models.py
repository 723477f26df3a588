"""Bodies, queries and answers of the API, but for what the function of orders or that of customers alone loads.

Requests refuse the fields they do not know.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from cashback.domain.api_keys import Role
from cashback.domain.audit import ActsWanted
from cashback.domain.ledger import Kind
from cashback.domain.names import Source
from cashback.domain.orders import Status
from cashback.domain.settings import PRODUCT_ATTRIBUTES, AwardOn, Clawback
from cashback.domain.times import Instant
from cashback.edge.fields import (
    UNSENT,
    AmountText,
    Comment,
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
    text,
)

TransactionType = Literal["order", "manual", "group", "reversal", "recovery", "redemption", "payout", "expiry", "merge"]

TYPES: Final[Mapping[Kind, TransactionType]] = MappingProxyType(
    {
        Kind.ORDER: "order",
        Kind.MANUAL: "manual",
        Kind.GROUP: "group",
        Kind.SCENARIO: "manual",
        Kind.REVERSAL: "reversal",
        Kind.RECOVERY: "recovery",
        Kind.REDEMPTION: "redemption",
        Kind.PAYOUT: "payout",
        Kind.EXPIRY: "expiry",
        Kind.MERGE: "merge",
    }
)
"""Kinds of entries as people know them: what a scenario credits is a manual credit to them."""

Word = Annotated[str, BeforeValidator(text(255))]
_Words = Annotated[list[Word], Field(max_length=1_000)]
_Rates = Annotated[dict[Word, RateText], Field(max_length=100)]


class Request(BaseModel):
    """What a caller sends."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Answer(BaseModel):
    """What a caller gets."""

    model_config = ConfigDict(frozen=True, defer_build=True)


# ---- settings


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
    """Where the shop itself hears of failed orders, holds and old pending orders."""

    email: Email = UNSENT
    webhook_url: HttpsUrl = UNSENT


def _event_name(value: object) -> object:
    if not isinstance(value, str) or re.fullmatch(r"[a-z][a-z_]{0,39}", value, re.ASCII) is None:
        raise refuse("enum")
    return value


_EventName = Annotated[str, BeforeValidator(_event_name)]


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
    notifications: Annotated[dict[_EventName, NotificationSettings], Field(max_length=50)] = UNSENT
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


class Warning(Answer):  # noqa: A001  # what the API calls it
    """Something to know about a change that was made."""

    code: str
    detail: str


class ChangedSettings(Settings):
    """Settings as they are after a change, and what to know about it."""

    warnings: list[Warning]


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


# ---- money


class Amount(Answer):
    """An amount, with exactly the decimals of its currency."""

    amount: str
    currency: str


# ---- orders


class OrderReview(Answer):
    """Who acted, what they saw and what they posted; ``seconds_to_decision`` where the act decided."""

    verdict: str
    actor: str
    at: Instant
    expected_amount: Amount | None
    amount: Amount | None
    comment: str | None
    seconds_to_decision: int | None


class Order(Answer):
    """An order and its cashback. ``calculated`` is what it earns, less what was refunded before it was decided."""

    order_id: str
    source: str
    status: Status
    status_label: str
    badge: str
    reason: str
    customer_id: str | None
    total: Amount | None
    tier: str | None
    rate: str | None
    calculated: Amount
    calculated_before_refunds: Amount
    award: Amount
    mode: str | None
    queued_at: Instant | None
    created_at: Instant
    review: OrderReview | None


class OrderPage(Answer):
    """Some orders, newest first."""

    items: list[Order]
    next_cursor: str | None


class ProcessedLine(Answer):
    """What a line earns."""

    line_id: str
    base: Amount
    rate: str
    award: Amount


class ProcessedOrder(Answer):
    """An order as processing leaves it or, in a ``dry_run``, would; ``amount`` is what that credits."""

    dry_run: bool
    order_id: str
    status: Status
    status_label: str
    reason: str
    amount: Amount
    tier: str | None
    rate: str | None
    lines: list[ProcessedLine]


class OrderApproval(Answer):
    """What became of one order: ``approved``, or the code of what its own call would have been refused with."""

    order_id: str
    outcome: str
    status: int
    order: Order | None


class OrderApprovals(Answer):
    """What became of each order, in the order asked for."""

    results: list[OrderApproval]


class ImportedOrder(Answer):
    """What became of the body at this index. One that is ``busy`` is recorded by the same call made again."""

    index: int
    order_id: str | None
    outcome: Literal["recorded", "unchanged", "ignored", "failed", "busy"]
    reason: str
    status: Status | None
    status_label: str | None


class ImportedOrders(Answer):
    """What became of each body, in the order sent."""

    results: list[ImportedOrder]


class OrderLine(Answer):
    """A line, what it earns and what of it is left. The line ``#shipping`` is the delivery, where it earns."""

    line_id: str
    product_id: str | None
    sku: str | None
    vendor: str | None
    category: str | None
    quantity: int
    current_quantity: int
    base: Amount
    rate: str
    award: Amount


class OrderRefund(Answer):
    """A refund; ``money`` is what it gave back beyond its lines. Of a ``foreign`` one only the units counted."""

    refund_id: str
    lines: list["RefundedLine"]
    money: Amount
    shipping: Amount
    foreign: bool
    created_at: Instant | None


class RefundedLine(Answer):
    """Units of a line that came back."""

    line_id: str
    quantity: int
    amount: Amount | None


class OrderStep(Answer):
    """One change of state: who, when, why."""

    status: Status
    status_label: str
    reason: str
    at: Instant
    actor: str


class Transaction(Answer):
    """An entry of the ledger. ``balance_after`` is null where an order's entries are listed, or nothing was posted."""

    transaction_id: str
    type: TransactionType
    type_label: str
    status: Literal["POSTED", "REJECTED"]
    status_label: str
    amount: Amount
    balance_after: Amount | None
    note: str
    order_id: str | None
    actor: str
    created_at: Instant


class Redemption(Answer):
    """What an order took from the balance, or should have, for the part that was paid with cashback, less what came
    back; of it the balance lacked ``owed``, which is still taken, and ``waived``."""

    redeemed: Amount
    owed: Amount
    waived: Amount


class OrderDetail(Order):
    """An order with all that is known of it. ``taken`` + ``owed`` + ``waived`` is what refunds have called back.

    ``missing`` are the products it waits for. ``additions_pending``: lines added after the award may earn, and wait for
    ``process``. The ``transactions`` are null within an export, which tells all of a customer.
    """

    lines: list[OrderLine]
    refunds: list[OrderRefund]
    taken: Amount
    owed: Amount
    waived: Amount
    redemption: Redemption | None
    missing: list[str]
    claimable_until: Instant | None
    additions_pending: bool
    transactions: list[Transaction] | None
    reviews: list[OrderReview]
    history: list[OrderStep]


# ---- products


class Product(Answer):
    """A product of the catalogue, as its shop or an admin told of it last."""

    product_id: str
    title: str | None
    vendor: str | None
    categories: list[str]
    tags: list[str]
    updated_at: Instant


class ProductPage(Answer):
    """Some products, by id."""

    items: list[Product]
    next_cursor: str | None


# ---- errors


class ProblemError(Answer):
    """One thing wrong with one field."""

    field: str
    code: str


class Problem(Answer):
    """RFC 9457."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[ProblemError]
    request_id: str


def field_names() -> frozenset[str]:
    """Return every name that requests have for their fields: what a problem may repeat."""
    names: set[str] = {
        *PRODUCT_ATTRIBUTES,
        "body",
        "query",
        "path",
        "order_id",
        "customer_id",
        "api_key_id",
        "store_id",
        "group_id",
        "job_id",
        "scenario_id",
        "task_id",
    }
    waiting: list[type[BaseModel]] = [Request]
    while waiting:
        model = waiting.pop()
        names |= {field.alias or name for name, field in model.model_fields.items()}
        waiting += model.__subclasses__()
    return frozenset(names)
