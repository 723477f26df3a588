"""What requests and answers are made of, and the answers of more than one function. Those of one, and all requests,
are in store_models, order_models and customer_models: a model costs each cold start that loads it.

Requests refuse the fields they do not know.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

from cashback.domain.ledger import Kind
from cashback.domain.names import NOTIFIED
from cashback.domain.orders import Status
from cashback.domain.settings import PRODUCT_ATTRIBUTES
from cashback.domain.times import Instant
from cashback.edge.fields import UNSENT, text

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


class Request(BaseModel):
    """What a caller sends."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Answer(BaseModel):
    """What a caller gets."""

    model_config = ConfigDict(frozen=True, defer_build=True)


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
    those products, or for ``process``. The ``transactions`` are null within an export, which tells all of a customer.
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


# ---- errors


class ProblemError(Answer):
    """One thing wrong with one field."""

    field: str
    code: str


class ChangeWarning(Answer):
    """Something to know about a change that was made."""

    code: str
    detail: str


class Problem(Answer):
    """RFC 9457. ``payout_id`` names the payout that is in the way, with the codes ``payout_exists`` and
    ``payout_live``."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[ProblemError]
    request_id: str
    payout_id: str = UNSENT


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
        "webhook_endpoint_id",
        "webhook_delivery_id",
        "payment_account_id",
        "incentive_request_id",
        "payout_id",
        *NOTIFIED,
    }
    waiting: list[type[BaseModel]] = [Request]
    while waiting:
        model = waiting.pop()
        names |= {field.alias or name for name, field in model.model_fields.items()}
        waiting += model.__subclasses__()
    return frozenset(names)
