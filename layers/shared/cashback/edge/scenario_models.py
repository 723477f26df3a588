"""The bodies, queries and answers about scenarios, their tasks and promo codes; apart from the others, because only one
function's cold start needs them."""

import re
from typing import Annotated, Final, TypedDict

from pydantic import BeforeValidator, Field, WithJsonSchema

from cashback.domain.delays import Unit
from cashback.domain.json_text import Number
from cashback.domain.scenarios import Channel, Condition, ScenarioStatus, Trigger
from cashback.domain.tasks import Action, ActionStatus, Result, TaskStatus
from cashback.domain.times import Instant
from cashback.edge import models
from cashback.edge.fields import UNSENT, AmountText, Comment, Flag, Limit, Name, StoredId, Whole, refuse
from cashback.edge.models import Amount, Answer, Request, Word

_UNITS: Final = r"-?[0-9]{1,15}"


def _units(value: object) -> int:
    if not isinstance(value, Number) or re.fullmatch(_UNITS, value.text) is None:
        raise refuse("delay_range")
    return int(value.text)


_Units = Annotated[int, BeforeValidator(_units), WithJsonSchema({"type": "integer", "minimum": 0})]
_Words = Annotated[list[Word], Field(max_length=20)]
_Conditions = Annotated[list[Condition], Field(max_length=len(Condition))]


class Delay(Request):
    """So many units, 24 months at most. Days and longer ones are days of the store's calendar."""

    value: _Units
    unit: Unit


class OrderNumbers(Request):
    """Which orders of a customer, both ends counted: 1 to 1 is the first."""

    min: Whole | None = None
    max: Whole | None = None


class ScenarioLimits(Request):
    """Which orders start a scenario, both ends counted; what is left out admits all."""

    sources: _Words = Field(default_factory=list)
    delivery_types: _Words = Field(default_factory=list)
    min_price: AmountText | None = None
    max_price: AmountText | None = None
    order_number: OrderNumbers | None = None


class SuccessAsked(Request):
    """What makes an executed task a success, up to ``within`` after its actions have run."""

    on: Annotated[list[Condition], Field(min_length=1, max_length=len(Condition))]
    within: Delay


class CreditAsked(Request):
    """What is credited; without an amount, or with 0, the action is skipped when it runs."""

    amount: AmountText | None = None


class MessageAsked(Request):
    """A text, in which {{userName}}, {{promoCode}}, {{amount}} and {{balance}} are filled."""

    channel: Channel
    text: Comment


class DiscountAsked(Request):
    """What a promo code takes off: a percent, above 0 and up to 100, or an amount."""

    percent: AmountText | None = None
    amount: AmountText | None = None


class PromoCodeAsked(Request):
    """A promo code; without ``expires_in`` it is good for ever."""

    prefix: Annotated[str, WithJsonSchema({"type": "string", "pattern": "^[A-Z0-9-]{0,20}$"})] = ""
    discount: DiscountAsked
    expires_in: Delay | None = None


class ActionsAsked(Request):
    """What is done, each apart from the others; at least one."""

    generate_promo_code: PromoCodeAsked | None = None
    credit_cashback: CreditAsked | None = None
    send_message: MessageAsked | None = None


class ChangeScenario(Request):
    """What to change; what is left out stays. Each part is replaced whole; null clears limits, delay and success."""

    name: Name = UNSENT
    status: ScenarioStatus = UNSENT
    trigger: Trigger = UNSENT
    limits: ScenarioLimits | None = None
    delay: Delay | None = None
    once_per_order: Flag = UNSENT
    once_per_customer: Flag = UNSENT
    cancel_on: _Conditions = UNSENT
    success: SuccessAsked | None = None
    actions: ActionsAsked = UNSENT


class CreateScenario(ChangeScenario):
    """A scenario to make."""

    name: Name
    status: ScenarioStatus
    trigger: Trigger
    actions: ActionsAsked


class ScenariosQuery(Request):
    """Which scenarios; ``q`` is a part of their names, whatever its case."""

    status: ScenarioStatus | None = None
    q: Name | None = None
    limit: Limit = 20
    cursor: str | None = None


class TasksQuery(Request):
    """Which tasks."""

    status: TaskStatus | None = None
    limit: Limit = 20
    cursor: str | None = None


class PromoCodesQuery(Request):
    """Which promo codes."""

    limit: Limit = 20
    cursor: str | None = None


class CancelTask(Request):
    """Nothing."""


class RedeemPromoCode(Request):
    """Nothing, or the order that the code was redeemed for."""

    order_id: StoredId | None = None


# The parts of answers are no models: each would cost a cold start as much as a route, and nothing is checked of them.


class DelayShown(TypedDict):
    """So many units."""

    value: int
    unit: Unit


class OrderNumbersShown(TypedDict):
    """Which orders of a customer."""

    min: int | None
    max: int | None


class LimitsShown(TypedDict):
    """Which orders start a scenario; what is null or empty admits all."""

    sources: list[str]
    delivery_types: list[str]
    min_price: str | None
    max_price: str | None
    order_number: OrderNumbersShown | None


class SuccessShown(TypedDict):
    """What makes an executed task a success."""

    on: list[Condition]
    within: DelayShown


class CreditShown(TypedDict):
    """What is credited."""

    amount: str


class MessageShown(TypedDict):
    """What is sent."""

    channel: Channel
    text: str


class DiscountShown(TypedDict):
    """What a promo code takes off: one of the two."""

    percent: str | None
    amount: str | None


class PromoCodeOffer(TypedDict):
    """The promo code that a task makes."""

    prefix: str
    discount: DiscountShown
    expires_in: DelayShown | None


class ActionsShown(TypedDict):
    """What is done, in this order."""

    generate_promo_code: PromoCodeOffer | None
    credit_cashback: CreditShown | None
    send_message: MessageShown | None


class Scenario(Answer):
    """A scenario; its parts have the form they are sent in, amounts are in ``currency``. What was recorded before
    ``active_since`` does not start it; ``warnings`` say what of it has no effect as the settings are now."""

    scenario_id: str
    name: str
    status: ScenarioStatus
    status_label: str
    trigger: Trigger
    limits: LimitsShown
    delay: DelayShown
    once_per_order: bool
    once_per_customer: bool
    cancel_on: list[Condition]
    success: SuccessShown | None
    actions: ActionsShown
    currency: str
    active_since: Instant
    inactive_since: Instant | None
    created_at: Instant
    created_by: str
    updated_at: Instant
    updated_by: str
    deleted_at: Instant | None
    warnings: list[models.ChangeWarning]


class ScenarioPage(Answer):
    """Some scenarios, newest first."""

    items: list[Scenario]
    next_cursor: str | None


class ScenarioStats(Answer):
    """The tasks of a scenario, counted; ``waiting`` ones include those that run at this moment, ``cancelled`` ones are
    counted by reason. ``success_rate`` is of those that a result is known of, as a fraction of 1."""

    scenario_id: str
    created: int
    waiting: int
    executed: int
    failed: int
    cancelled: dict[str, int]
    awaiting_result: int
    successful: int
    conditions_not_met: int
    success_rate: str | None
    credited_total: Amount


class ActionTaken(TypedDict):
    """What became of one action, and the code that says why; null while it has not run."""

    status: ActionStatus | None
    status_label: str
    detail: str | None


class Task(Answer):
    """What a scenario does for one fact: ``trigger`` happened at ``occurred_at``. ``reason`` says why it was cancelled
    or failed, ``judged_by`` what made it a success; a success counts up to ``window_until``."""

    task_id: str
    scenario_id: str
    customer_id: str | None
    order_id: str | None
    trigger: Trigger
    cause: str
    occurred_at: Instant
    status: TaskStatus
    status_label: str
    result: Result | None
    result_label: str | None
    reason: str | None
    judged_by: str | None
    ended_by: str | None
    actions: dict[Action, ActionTaken]
    promo_code: str | None
    cancel_on: list[Condition]
    success: SuccessShown | None
    created_at: Instant
    due_at: Instant
    started_at: Instant | None
    finished_at: Instant | None
    window_until: Instant | None


class TaskPage(Answer):
    """Some tasks, newest first. A page of one status may hold fewer than were asked for, even none, and still lead on:
    the list has ended where ``next_cursor`` is null."""

    items: list[Task]
    next_cursor: str | None


class PromoCode(Answer):
    """A promo code. ``order_id`` is the order that it was redeemed for, where one was named."""

    code: str
    status: str
    status_label: str
    discount: DiscountShown
    currency: str
    scenario_id: str
    task_id: str
    customer_id: str | None
    created_at: Instant
    expires_at: Instant | None
    redeemed_at: Instant | None
    redeemed_by: str | None
    order_id: str | None


class PromoCodePage(Answer):
    """Some promo codes, newest first."""

    items: list[PromoCode]
    next_cursor: str | None
