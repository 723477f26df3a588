"""The scenarios of a world, and who makes, changes and deletes them, cancels their tasks and redeems their codes."""

from __future__ import annotations

from copy import replace
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from cashback.domain.api_keys import Role
from cashback.domain.delays import Delay, Unit
from cashback.domain.errors import DomainError, NotFound, VersionConflict
from cashback.domain.scenarios import (
    OF_AN_ORDER,
    Actions,
    Channel,
    Condition,
    Discount,
    Limits,
    Message,
    PromoOffer,
    Scenario,
    ScenarioStatus,
    Success,
    Trigger,
)
from cashback.services.manage_scenarios import change_scenario, create_scenario, delete_scenario
from cashback.services.manage_tasks import cancel_task
from cashback.services.redeem_promo_code import Redemption, redeem_promo_code
from tests.simulation.persons import STORE, Person

if TYPE_CHECKING:
    from random import Random

    from tests.simulation.world import World

TRIGGERS = (*[Trigger.ORDER_CREATED, Trigger.ORDER_PAID] * 4, *Trigger)
DELAYS = (
    *[Delay(0, Unit.MINUTES), Delay(5, Unit.MINUTES), Delay(20, Unit.MINUTES), Delay(2, Unit.HOURS)] * 2,
    Delay(14, Unit.HOURS),
    Delay(1, Unit.DAYS),
    Delay(1, Unit.WEEKS),
)
WINDOWS = (Delay(10, Unit.MINUTES), Delay(6, Unit.HOURS), Delay(2, Unit.DAYS))
TEXTS = ("Hello", "Hello {{userName}}", "{{amount}} for you", "You have {{balance}}")
DELETED: dict[str, Any] = {}
"""Stands among changes for the scenario's deletion."""


def some_scenario(random: Random, scenario_id: str) -> Scenario:
    """A scenario as somebody would save it; when, it does not say."""
    trigger = random.choice(TRIGGERS)
    return Scenario(
        scenario_id,
        name="Thanks",
        status=ScenarioStatus.ACTIVE if random.random() < 0.95 else ScenarioStatus.INACTIVE,
        trigger=trigger,
        actions=_some_actions(random),
        active_since="",
        created_at="",
        created_by="key:ann",
        limits=_some_limits(random),
        delay=random.choice(DELAYS),
        once_per_order=random.random() < 0.3,
        once_per_customer=random.random() < 0.4,
        cancel_on=_some_conditions(random, trigger, tuple(Condition)),
        success=_some_success(random, trigger),
        body_hash="body",
    )


def _some_actions(random: Random) -> Actions:
    offer = PromoOffer(Discount(percent=Fraction(10)), prefix="A-") if random.random() < 0.35 else None
    texts = (*TEXTS, "Take {{promoCode}}") if offer else TEXTS
    channel = random.choice((*[Channel.SMS] * 4, *Channel))
    message = Message(channel, random.choice(texts)) if random.random() < 0.5 else None
    credit = random.choice((0, 50, 500, 500)) if random.random() < 0.8 or not (offer or message) else None
    return Actions(promo_code=offer, credit=credit, message=message)


def _some_limits(random: Random) -> Limits:
    if random.random() < 0.7:
        return Limits()
    return random.choice(
        (Limits(min_price=10_000), Limits(max_price=30_000), Limits(max_number=1), Limits(sources=("website", "app")))
    )


def _some_conditions(random: Random, trigger: Trigger, among: tuple[Condition, ...]) -> tuple[Condition, ...]:
    fit = among if trigger in OF_AN_ORDER else (Condition.ORDER_CREATED,)
    return tuple(condition for condition in fit if random.random() < 0.4)


def _some_success(random: Random, trigger: Trigger) -> Success | None:
    on = _some_conditions(random, trigger, (Condition.ORDER_CREATED, Condition.REVIEW_CREATED))
    return Success(on, random.choice(WINDOWS)) if on else None


def some_changes(random: Random, scenario: Scenario) -> list[dict[str, Any]]:
    """What is changed of a scenario after it was made, one after the other."""
    changes: list[dict[str, Any]] = []
    for _ in range(random.choice((0, 0, 0, 1, 1, 2))):
        other = some_scenario(random, scenario.scenario_id)
        kept = {"trigger": scenario.trigger, "cancel_on": other.cancel_on, "success": other.success}
        if scenario.trigger not in OF_AN_ORDER:
            kept |= {"cancel_on": scenario.cancel_on, "success": None}
        changes.append(
            random.choice(
                (
                    {"status": ScenarioStatus.INACTIVE},
                    {"status": ScenarioStatus.ACTIVE},
                    {"actions": other.actions, "delay": other.delay},
                    {"limits": other.limits},
                    {"once_per_order": other.once_per_order, "once_per_customer": other.once_per_customer},
                    kept,
                )
            )
        )
    if random.random() < 0.1:
        changes.append(DELETED)
    return changes


@dataclass(slots=True)
class Campaigning(Person):
    """An admin makes a scenario, and changes it then and again."""

    scenario: Scenario
    changes: list[dict[str, Any]] = field(default_factory=list)
    is_made: bool = False
    is_deleting: bool = False
    is_deleted: bool = False

    def act(self, world: World) -> None:
        try:
            self._save(world)
        except DomainError as error:
            if not (error.retryable or isinstance(error, VersionConflict)):
                raise

    def again(self, world: World) -> None:
        """What was never answered is asked for again."""
        if not self.is_made:
            self.act(world)

    def _save(self, world: World) -> None:
        settings, now = world.books.stores.settings(STORE), world.now()
        if not self.is_made:
            made = replace(self.scenario, created_at=now, active_since=now)
            create_scenario(world.books, settings, made, Role.ADMIN)
            self.is_made = True
        elif self.changes and world.random.random() < 0.3:
            scenario_id, changes = self.scenario.scenario_id, self.changes[0]
            try:
                if changes is DELETED:
                    self.is_deleting = True
                    delete_scenario(world.books, STORE, scenario_id, "key:ann", now)
                else:
                    change_scenario(world.books, settings, scenario_id, changes, Role.ADMIN, "key:ann", now)
            except NotFound:
                # A deletion that was not answered, or was asked for meanwhile, and yet did it.
                assert self.is_deleting
            self.is_deleted = self.is_deleted or changes is DELETED
            self.changes = [one for one in self.changes if one is not changes]


@dataclass(slots=True)
class CancellingByHand(Person):
    """An operator cancels a task that they see waiting, and repeats the call."""

    task_id: str | None = None

    def act(self, world: World) -> None:
        assert world.automation is not None
        seen = world.automation.diary.tasks
        if self.task_id is None:
            if not seen:
                return
            self.task_id = world.random.choice(list(seen))
        with world.answering(f"cancel:{self.task_id}"):
            cancel_task(world.books, STORE, self.task_id, "key:ann", f"cancel:{self.task_id}", world.now())
            world.answers[f"cancel:{self.task_id}"].add("cancelled")


@dataclass(slots=True)
class Redeeming(Person):
    """A cashier takes the first code that somebody shows, and so may another one."""

    name: str
    code: str | None = None

    def act(self, world: World) -> None:
        assert world.automation is not None
        seen = world.automation.diary.codes
        if self.code is None:
            if not seen:
                return
            self.code = next(iter(seen))
        key = f"redeem:{self.code}:{self.name}"
        with world.answering(key):
            asked = Redemption("1000", self.name, key, "body", world.now())
            redeem_promo_code(world.books, STORE, self.code, asked)
            world.answers[key].add("redeemed")
