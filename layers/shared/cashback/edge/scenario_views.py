"""Scenarios, their tasks and promo codes, in the words and shapes of the API."""

from collections.abc import Iterable, Mapping
from typing import Final

from cashback.domain import promo_codes, scenarios, tasks
from cashback.domain.delays import Delay
from cashback.domain.money import Currency, Money
from cashback.domain.scenario_rules import warnings_of
from cashback.domain.scenarios import ScenarioStatus
from cashback.domain.settings import Settings
from cashback.domain.tasks import ActionOutcome, ActionStatus, Result, TaskStatus
from cashback.domain.times import Instant
from cashback.edge import scenario_models as models
from cashback.edge.models import ChangeWarning
from cashback.edge.views import amount, rate
from cashback.services.read_scenario_stats import ScenarioStats

WARNINGS: Final[Mapping[str, str]] = {
    "cashback_disabled": "The store's cashback is off: while it is, nothing is credited.",
    "limits_ignored": "Limits are about orders: what starts this scenario is none, so they admit all.",
    "once_per_order_ignored": "What starts this scenario is no order's, so each time counts.",
    "condition_without_effect": "It cancels on the very thing that starts it, which never happens again.",
}

_SCENARIO_LABELS: Final = {ScenarioStatus.ACTIVE: "Active", ScenarioStatus.INACTIVE: "Inactive"}
_TASK_LABELS: Final = {
    TaskStatus.WAITING: "Waiting for execution",
    TaskStatus.RUNNING: "In progress",
    TaskStatus.EXECUTED: "Executed",
    TaskStatus.FAILED: "Failed",
    TaskStatus.CANCELLED: "Cancelled",
}
_RESULT_LABELS: Final = {
    Result.AWAITING: "Awaiting result",
    Result.SUCCESSFUL: "Successfully completed",
    Result.NOT_MET: "Conditions not met",
}
_ACTION_LABELS: Final = {
    ActionStatus.QUEUED: "In progress",
    ActionStatus.SENDING: "In progress",
    ActionStatus.DONE: "Executed",
    ActionStatus.SKIPPED: "Skipped",
    ActionStatus.FAILED: "Failed",
    ActionStatus.UNCONFIRMED: "Unconfirmed",
}


def scenario(known: scenarios.Scenario, settings: Settings) -> models.Scenario:
    """Return a scenario, with what to know about it."""
    same = ("scenario_id", "name", "status", "trigger", "once_per_order", "once_per_customer", "active_since")
    times = ("inactive_since", "created_at", "created_by", "deleted_at")
    currency = settings.currency
    return models.Scenario(
        **{name: getattr(known, name) for name in (*same, *times)},
        status_label=_SCENARIO_LABELS[known.status],
        limits=_limits(known.limits, currency),
        delay=_delay(known.delay),
        cancel_on=list(known.cancel_on),
        success=_success(known.success),
        actions=_actions(known.actions, currency),
        currency=currency.code,
        updated_at=known.updated_at or known.created_at,
        updated_by=known.updated_by or known.created_by,
        warnings=[ChangeWarning(code=code, detail=WARNINGS[code]) for code in warnings_of(known, settings)],
    )


def scenario_page(
    known: Iterable[scenarios.Scenario], next_cursor: str | None, settings: Settings
) -> models.ScenarioPage:
    """Return a page of scenarios."""
    return models.ScenarioPage(items=[scenario(one, settings) for one in known], next_cursor=next_cursor)


def stats(counted: ScenarioStats, currency: Currency) -> models.ScenarioStats:
    """Return what has come of a scenario."""
    return models.ScenarioStats(
        scenario_id=counted.scenario.scenario_id,
        created=counted.created,
        waiting=counted.open,
        executed=counted.executed,
        failed=counted.failed,
        cancelled=dict(counted.cancelled),
        awaiting_result=counted.results[Result.AWAITING],
        successful=counted.results[Result.SUCCESSFUL],
        conditions_not_met=counted.results[Result.NOT_MET],
        success_rate=None if counted.success_rate is None else rate(counted.success_rate),
        credited_total=amount(Money(counted.credited, currency)),
    )


def task(known: tasks.Task) -> models.Task:
    """Return a task, with why it ran, was skipped or was cancelled."""
    same = (
        "task_id",
        "scenario_id",
        "customer_id",
        "order_id",
        "trigger",
        "cause",
        "occurred_at",
        "status",
        "result",
        "reason",
        "judged_by",
        "ended_by",
        "promo_code",
        "created_at",
        "due_at",
        "started_at",
        "finished_at",
        "window_until",
    )
    return models.Task(
        **{name: getattr(known, name) for name in same},
        status_label=_TASK_LABELS[known.status],
        result_label=None if known.result is None else _RESULT_LABELS[known.result],
        actions={action: _taken(known, known.outcomes.get(action)) for action in known.asked},
        cancel_on=list(known.cancel_on),
        success=_success(known.success),
    )


def task_page(known: Iterable[tasks.Task], next_cursor: str | None) -> models.TaskPage:
    """Return a page of tasks."""
    return models.TaskPage(items=[task(one) for one in known], next_cursor=next_cursor)


def promo_code(known: promo_codes.PromoCode, currency: Currency, now: Instant) -> models.PromoCode:
    """Return a promo code, as of now."""
    status = "redeemed" if known.redeemed_at else "expired" if promo_codes.is_over(known, now) else "active"
    return models.PromoCode(
        code=known.code,
        status=status,
        status_label=status.capitalize(),
        discount=_discount(known.discount, currency),
        currency=currency.code,
        scenario_id=known.scenario_id,
        task_id=known.task_id,
        customer_id=known.customer_id,
        created_at=known.created_at,
        expires_at=known.expires_at,
        redeemed_at=known.redeemed_at,
        redeemed_by=known.redeemed_by,
        order_id=known.order_id,
    )


def promo_code_page(
    known: Iterable[promo_codes.PromoCode], next_cursor: str | None, currency: Currency, now: Instant
) -> models.PromoCodePage:
    """Return a page of promo codes."""
    return models.PromoCodePage(items=[promo_code(one, currency, now) for one in known], next_cursor=next_cursor)


def _limits(limits: scenarios.Limits, currency: Currency) -> models.LimitsShown:
    numbers = models.OrderNumbersShown(min=limits.min_number, max=limits.max_number) if limits.numbers else None
    return models.LimitsShown(
        sources=list(limits.sources),
        delivery_types=list(limits.delivery_types),
        min_price=_text(limits.min_price, currency),
        max_price=_text(limits.max_price, currency),
        order_number=numbers,
    )


def _delay(delay: Delay) -> models.DelayShown:
    return models.DelayShown(value=delay.value, unit=delay.unit)


def _success(success: scenarios.Success | None) -> models.SuccessShown | None:
    if success is None:
        return None
    return models.SuccessShown(on=list(success.on), within=_delay(success.within))


def _actions(actions: scenarios.Actions, currency: Currency) -> models.ActionsShown:
    offer, credit, message = actions.promo_code, actions.credit, actions.message
    return models.ActionsShown(
        generate_promo_code=None if offer is None else _offer(offer, currency),
        credit_cashback=None if credit is None else models.CreditShown(amount=currency.format(credit)),
        send_message=None if message is None else models.MessageShown(channel=message.channel, text=message.text),
    )


def _offer(offer: scenarios.PromoOffer, currency: Currency) -> models.PromoCodeOffer:
    return models.PromoCodeOffer(
        prefix=offer.prefix,
        discount=_discount(offer.discount, currency),
        expires_in=None if offer.expires_in is None else _delay(offer.expires_in),
    )


def _discount(discount: scenarios.Discount, currency: Currency) -> models.DiscountShown:
    percent = None if discount.percent is None else rate(discount.percent)
    return models.DiscountShown(percent=percent, amount=_text(discount.amount, currency))


def _taken(known: tasks.Task, outcome: ActionOutcome | None) -> models.ActionTaken:
    if outcome is None:
        return models.ActionTaken(status=None, status_label=_TASK_LABELS[known.status], detail=known.reason)
    return models.ActionTaken(status=outcome.status, status_label=_ACTION_LABELS[outcome.status], detail=outcome.detail)


def _text(minor: int | None, currency: Currency) -> str | None:
    return None if minor is None else currency.format(minor)
