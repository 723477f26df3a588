"""Scenarios: what a store wants done after something happened, unless something else does.

Pure: what starts, what cancels and what fulfils a scenario is decided from facts that were recorded once.
"""

from collections.abc import Iterable, Iterator, Mapping
from copy import replace
from enum import StrEnum
from fractions import Fraction
from typing import Final

from msgspec import Struct

from cashback.domain.delays import AT_ONCE, Delay, Unit, longest_after
from cashback.domain.errors import StateConflict
from cashback.domain.orders import Order
from cashback.domain.rules import channel_of
from cashback.domain.settings import Settings
from cashback.domain.times import Instant


class Trigger(StrEnum):
    """What starts a scenario: a fact that was recorded for the first time."""

    ORDER_CREATED = "order.created"
    ORDER_PAID = "order.paid"
    ORDER_COMPLETED = "order.completed"
    ORDER_CANCELLED = "order.cancelled"
    ORDER_REFUNDED = "order.refunded"
    CUSTOMER_CREATED = "customer.created"
    CUSTOMER_BIRTHDAY = "customer.birthday"
    REVIEW_CREATED = "review.created"


class Condition(StrEnum):
    """What cancels a waiting task, or makes an executed one a success."""

    ORDER_CREATED = "order.created"
    """By the same customer: any order but the one that triggered the task."""
    ORDER_CANCELLED = "order.cancelled"
    ORDER_COMPLETED = "order.completed"
    REVIEW_CREATED = "review.created"
    """The last three are of the very order that triggered the task."""


LIMITED: Final = frozenset(
    {
        Trigger.ORDER_CREATED,
        Trigger.ORDER_PAID,
        Trigger.ORDER_COMPLETED,
        Trigger.ORDER_CANCELLED,
        Trigger.ORDER_REFUNDED,
    }
)
"""Triggers that limits apply to."""

OF_AN_ORDER: Final = LIMITED | {Trigger.REVIEW_CREATED}
"""Triggers that name an order."""

SUCCESSES: Final = frozenset({Condition.ORDER_CREATED, Condition.REVIEW_CREATED})
"""Conditions that may make a success."""


class ScenarioStatus(StrEnum):
    """Whether a scenario starts anything new. What waits runs to its end either way."""

    ACTIVE = "active"
    INACTIVE = "inactive"


class Channel(StrEnum):
    """What a message is sent by."""

    SMS = "sms"
    PUSH = "push"
    EMAIL = "email"


class Limits(Struct, frozen=True, omit_defaults=True):
    """Which orders start a scenario: prices (minor units) and order numbers with both ends; nothing named is all.

    ``sources`` are named as in the rates: ``app`` is whatever the store calls its app. The price is the total that the
    shop sent, be it nothing; where it sent none, what the parts add up to.
    """

    sources: tuple[str, ...] = ()
    delivery_types: tuple[str, ...] = ()
    min_price: int | None = None
    max_price: int | None = None
    min_number: int | None = None
    max_number: int | None = None

    @property
    def numbers(self) -> bool:
        """Tell whether they ask which order of its customer an order is."""
        return self.min_number is not None or self.max_number is not None

    def admit(self, order: Order, settings: Settings) -> bool:
        """Tell whether an order with a body lies within them."""
        body = order.facts.body
        if body is None:
            return False
        price = body.expected_total if body.total is None else body.total
        return (
            (not self.sources or channel_of(body, settings) in self.sources)
            and (not self.delivery_types or body.delivery_type in self.delivery_types)
            and _within(price, self.min_price, self.max_price)
            and (
                not self.numbers
                or (order.number is not None and _within(order.number, self.min_number, self.max_number))
            )
        )


class Success(Struct, frozen=True, omit_defaults=True):
    """What makes an executed task a success: any of ``on``, up to ``within`` after its actions have run."""

    on: tuple[Condition, ...]
    within: Delay


class Discount(Struct, frozen=True, omit_defaults=True):
    """What a promo code takes off: a ``percent`` in (0, 100], or an ``amount`` in minor units; one of the two."""

    percent: Fraction | None = None
    amount: int | None = None


class PromoOffer(Struct, frozen=True, omit_defaults=True):
    """The promo code that a task makes; without ``expires_in`` it is good for ever."""

    discount: Discount
    prefix: str = ""
    expires_in: Delay | None = None


class Message(Struct, frozen=True, omit_defaults=True):
    """A message with placeholders, as ``message_texts`` names them."""

    channel: Channel
    text: str


class Actions(Struct, frozen=True, omit_defaults=True):
    """What a task does, each apart from the others and in this order. ``credit`` is minor units; 0 is skipped."""

    promo_code: PromoOffer | None = None
    credit: int | None = None
    message: Message | None = None


class Scenario(Struct, frozen=True, omit_defaults=True):
    """A scenario as it is saved. ``active_since`` is when what starts it was last set: nothing recorded before starts
    it. ``inactive_since`` is when it last ceased to start anything. ``deleted_at`` hides it from lists. ``former`` are
    conditions of earlier terms, each with the last moment at which a task made under them may have to hear of it."""

    scenario_id: str
    name: str
    status: ScenarioStatus
    trigger: Trigger
    actions: Actions
    active_since: Instant
    created_at: Instant
    created_by: str
    limits: Limits = Limits()
    delay: Delay = AT_ONCE
    once_per_order: bool = False
    once_per_customer: bool = False
    cancel_on: tuple[Condition, ...] = ()
    success: Success | None = None
    inactive_since: Instant | None = None
    former: Mapping[Condition, Instant] = {}
    deleted_at: Instant | None = None
    updated_at: Instant | None = None
    updated_by: str | None = None
    rev: int = 1
    request_hash: str | None = None
    body_hash: str | None = None

    @property
    def watched(self) -> frozenset[Condition]:
        """The conditions that its tasks wait for, those made under earlier terms too."""
        return self._named.union(self.former)

    def concerns(self, now: Instant) -> bool:
        """Tell whether any delivery must know of it: it is active, or it has conditions, and a task of it may still
        wait or be in its window."""
        if self.status is ScenarioStatus.ACTIVE and self.deleted_at is None:
            return True
        ends = [*self.former.values()]
        if self._named and self.inactive_since is not None:
            ends.append(self._heard_until(self.inactive_since))
        return any(now <= end for end in ends)

    def succeeding(self, earlier: "Scenario", now: Instant) -> "Scenario":
        """Return this version as it follows another one: tasks made until now keep what that one waited for.

        The conditions that it watches stay watched, so that the facts which decide those tasks go on being kept.
        """
        former = {condition: end for condition, end in earlier.former.items() if now <= end}
        if (self.delay, self.cancel_on, self.success) != (earlier.delay, earlier.cancel_on, earlier.success):
            end = earlier._heard_until(now)
            former |= {condition: max(end, former.get(condition, end)) for condition in earlier._named}
        return replace(self, former=former)

    @property
    def _named(self) -> frozenset[Condition]:
        return frozenset(self.cancel_on) | frozenset(self.success.on if self.success else ())

    def _heard_until(self, last: Instant) -> Instant:
        """Return until when a task must hear of what happens that was made at ``last`` the latest."""
        runs = longest_after(last, self.delay)
        closes = longest_after(runs, self.success.within) if self.success else runs
        return longest_after(closes, LATE)


LATE: Final = Delay(30, Unit.DAYS)
"""How long after a window has closed an event of a time inside it is still heard."""


MOST_SCENARIOS: Final = 100
"""Scenarios of a store that are not deleted."""


class TooManyScenarios(StateConflict):
    """One more, and a delivery could not know of them all."""

    code = "too_many_scenarios"


class LiveScenarios(Struct, frozen=True):
    """The scenarios of a store that deliveries must know of; those that start nothing without what they would do.
    ``count`` is how many are not deleted, those among them that concern no delivery too."""

    scenarios: tuple[Scenario, ...] = ()
    rev: int = 0
    count: int = 0

    @property
    def number_orders(self) -> bool:
        """Tell whether any of them asks which order of its customer an order is."""
        return any(scenario.limits.numbers for scenario in self.scenarios)

    def having(self, scenario: Scenario, now: Instant) -> "LiveScenarios":
        """Return what they are with a scenario as it was just created, changed or deleted, and without those that
        concern nobody any longer. A deleted scenario is never changed again.

        :raises TooManyScenarios: it would be one more than a store may have.
        """
        count = self.count + (scenario.rev == 1) - (scenario.deleted_at is not None)
        if count > MOST_SCENARIOS and scenario.rev == 1:
            raise TooManyScenarios
        others = (other for other in self.scenarios if other.scenario_id != scenario.scenario_id)
        live = tuple(_remembered(one) for one in (*others, scenario) if one.concerns(now))
        return replace(self, scenarios=live, rev=self.rev + 1, count=count)


class Occasion(Struct, frozen=True, omit_defaults=True):
    """A fact that may start scenarios. ``cause`` names it for ever; ``occurred_at`` is when the shop says that it
    happened, ``recorded_at`` when it was recorded here for the first time."""

    trigger: Trigger
    cause: str
    occurred_at: Instant
    recorded_at: Instant
    customer_id: str | None = None
    order: Order | None = None


def starts(scenario: Scenario, occasion: Occasion, settings: Settings) -> bool:
    """Tell whether an occasion starts a scenario, but for what was started before.

    What is to happen once per customer cannot be counted without one, and is not started.
    """
    return (
        scenario.status is ScenarioStatus.ACTIVE
        and scenario.deleted_at is None
        and scenario.trigger is occasion.trigger
        and scenario.active_since <= occasion.recorded_at
        and (occasion.customer_id is not None or not scenario.once_per_customer)
        and (
            occasion.trigger not in LIMITED
            or (occasion.order is not None and scenario.limits.admit(occasion.order, settings))
        )
    )


def occasions_of(order: Order) -> Iterator[Occasion]:
    """Yield all that was recorded of an order; nothing while no body tells whose it is and what it cost.

    A fact of a kind that is not known here, as newer code may record it, starts nothing.
    """
    facts = order.facts
    if facts.body is None:
        return
    for fact, recorded_at in order.recorded.items():
        name, _, item_id = fact.partition(":")
        occurred_at: Instant | None
        match name:
            case "created":
                trigger, cause, occurred_at = Trigger.ORDER_CREATED, created_cause(order), order.created_at
            case "paid" | "completed" | "cancelled":
                trigger, cause = Trigger(f"order.{name}"), f"{_of(order)}:{name}"
                occurred_at = facts.since.get(name)
            case "ref":
                refund = facts.refunds.get(item_id)
                trigger, cause = Trigger.ORDER_REFUNDED, f"{_of(order)}:ref:{_id(item_id)}"
                occurred_at = refund.created_at if refund else None
            case "rev":
                trigger, cause, occurred_at = Trigger.REVIEW_CREATED, review_cause(item_id), facts.reviews.get(item_id)
            case _:
                continue
        yield Occasion(trigger, cause, occurred_at or recorded_at, recorded_at, order.customer_id, order)


def created_cause(order: Order) -> str:
    """The cause of what the creation of an order starts."""
    return f"{_of(order)}:created"


def review_cause(review_id: str) -> str:
    """The cause of what a review starts."""
    return f"rev:{_id(review_id)}"


def registration_of(customer_id: str, registered_at: Instant) -> Occasion:
    """The registration of a customer: once for ever."""
    return Occasion(
        Trigger.CUSTOMER_CREATED, f"cus:{_id(customer_id)}:created", registered_at, registered_at, customer_id
    )


def birthday_of(customer_id: str, year: int, at: Instant) -> Occasion:
    """The birthday of a customer in one year."""
    return Occasion(Trigger.CUSTOMER_BIRTHDAY, f"bday:{_id(customer_id)}:{year}", at, at, customer_id)


def watched(scenarios: Iterable[Scenario]) -> frozenset[Condition]:
    """Return the conditions that any of these scenarios waits for."""
    return frozenset(condition for scenario in scenarios for condition in scenario.watched)


def _remembered(scenario: Scenario) -> Scenario:
    """Return what deliveries must know of a scenario. One that starts nothing is known for what its tasks wait for, so
    it takes little room for as long as they do, and there is always room to stop one."""
    if scenario.status is ScenarioStatus.ACTIVE:
        return scenario
    return replace(scenario, name="", limits=Limits(), actions=Actions())


def _of(order: Order) -> str:
    return f"ord:{_id(order.order_id)}"


def _id(part: str) -> str:
    return part.replace("%", "%25").replace(":", "%3A")


def _within(value: int, least: int | None, most: int | None) -> bool:
    return (least is None or least <= value) and (most is None or value <= most)
