"""What reviewers and admins do in a world. Each call has an Idempotency-Key and is repeated, also after its answer:
the answer to a key must never change."""

from __future__ import annotations

from abc import ABC, abstractmethod
from copy import replace
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cashback.domain.api_keys import Role
from cashback.domain.audit import Origin
from cashback.domain.customers import Profile
from cashback.domain.errors import AmountConflict, DomainError
from cashback.domain.ledger import (
    Entry,
    EntryStatus,
    Kind,
    OnRefusal,
    Posted,
    Posting,
    Refused,
    Replayed,
    payload_hash,
)
from cashback.domain.money import Currency
from cashback.domain.orders import REVIEWED, Order, Review, Status
from cashback.domain.products import Product
from cashback.services.answer_once import answer_once
from cashback.services.approve_orders import approve_orders
from cashback.services.change_settings import change_settings
from cashback.services.import_orders import import_orders
from cashback.services.manage_products import put_product
from cashback.services.process_order import preview_order, process_order
from cashback.services.review_order import approve_order, hold_order, reject_order, release_order

if TYPE_CHECKING:
    from cashback.domain.news import Delivery
    from tests.simulation.world import World

STORE = "shop"
USD = Currency("USD", 2)


class Person(ABC):
    """Somebody who calls the API now and then."""

    @abstractmethod
    def act(self, world: World) -> None:
        """Make the call, for the first time or again. It may fail; then nothing is known of it."""

    def again(self, world: World) -> None:
        """Repeat in the calm what was asked for before."""
        self.act(world)

    def settle(self, world: World) -> None:  # noqa: B027 - most have nothing to end
        """Bring to an end, when the calm begins, what others wait for."""


@dataclass(slots=True)
class Adjustment(Person):
    """An admin adds to a balance, takes from it, or sets it."""

    key: str
    customer_id: str
    amount: int
    absolute: bool = False

    def act(self, world: World) -> None:
        entry = Entry(f"adm:{self.key}", Kind.MANUAL, self.amount, "admin", payload_hash(self.key))
        now = world.now()
        posting = Posting(STORE, self.customer_id, now, entries=(entry,), on_refusal=OnRefusal.FINAL)
        try:
            world.books.customers.create(STORE, Profile(self.customer_id, "", now), now)
            if self.absolute:
                outcome = world.books.ledger.set_available(replace(posting), self.amount)
            else:
                outcome = world.books.ledger.post(posting)
        except DomainError as error:
            if not (error.retryable or self.absolute):
                raise
            return
        match outcome:
            case Posted(entries=entries) | Replayed(entries=entries):
                rejected = entries[0].status is EntryStatus.REJECTED
                world.answers[self.key].add("refused" if rejected else f"posted {entries[0].amount}")
            case Refused():
                world.answers[self.key].add("refused")
            case _:
                world.answers[self.key].add(repr(outcome))


@dataclass(slots=True)
class Reviewing(Person):
    """Three reviewers look at one order; each acts on what they see, and repeats the call."""

    order_id: str

    def act(self, world: World) -> None:
        drawn = world.random.random()
        if drawn < 0.4:
            self._decide(world, approves=True)
        elif drawn < 0.7:
            self._decide(world, approves=False)
        else:
            self._set_aside(world, world.random.choice(("held", "released")), world.random.randint(0, 2))

    def again(self, world: World) -> None:
        """Only repeat: what still waits is to be seen waiting."""
        order = self._order(world)
        if order is not None and (order.review is not None or order.status is Status.PENDING):
            self._decide(world, approves=world.random.random() < 0.5)

    def _order(self, world: World) -> Order | None:
        order = world.books.orders.get(STORE, self.order_id)
        return order if order is not None and (order.status in REVIEWED or order.reviews) else None

    def _decide(self, world: World, *, approves: bool) -> None:
        key = f"{'approved' if approves else 'rejected'}:{self.order_id}"
        with world.answering(key):
            order = self._order(world)
            if order is None:
                return
            settings = world.books.stores.settings(STORE)
            if approves:
                other = order.calculated // 2 + 1 if int(self.order_id) % 4 == 0 else None
                seen = Review("approved", "ann", world.now(), key, "body", expected=order.calculated, amount=other)
                decided, _ = approve_order(world.books, settings, self.order_id, seen, Role.ADMIN)
            else:
                review = Review("rejected", "bob", world.now(), key, "body")
                decided, _ = reject_order(world.books, settings, self.order_id, "suspicious", review)
            assert decided.review is not None
            world.verdicts[self.order_id].add(decided.review.verdict)
            world.answers[key].add(decided.status)

    def _set_aside(self, world: World, verdict: str, n: int) -> None:
        key = f"{verdict}:{self.order_id}:{n}"
        with world.answering(key):
            if self._order(world) is None:
                return
            settings = world.books.stores.settings(STORE)
            review = Review(verdict, "eve", world.now(), key, "body")
            if verdict == "held":
                order, _ = hold_order(world.books, settings, self.order_id, "to be looked at", review)
            else:
                order, _ = release_order(world.books, settings, self.order_id, review)
            world.answers[key].add(order.status)


@dataclass(slots=True)
class Processing(Person):
    """An admin looks at what processing an order would give, then confirms just that; a new look is a new call."""

    order_id: str
    looks: int = 0
    expected: int | None = None

    def act(self, world: World) -> None:
        key = f"process:{self.order_id}:{self.looks}"
        with world.answering(key):
            settings = world.books.stores.settings(STORE)
            review = Review("processed", "pam", world.now(), key, f"{self.expected}", expected=self.expected)
            if self.expected is None:
                self.expected = preview_order(world.books, settings, self.order_id, review).amount
                return
            try:
                done = process_order(world.books, settings, self.order_id, review)
            except AmountConflict:
                self.looks, self.expected = self.looks + 1, None
                raise
            world.answers[key].add(f"{done.amount}")

    def again(self, world: World) -> None:
        """Repeat it; or process in the calm what the storm left."""
        self.act(world)
        self.act(world)


@dataclass(slots=True)
class BulkApproval(Person):
    """A reviewer approves all that they see in one call."""

    key: str
    order_ids: list[str]
    expected: dict[str, str] = field(default_factory=dict)

    def act(self, world: World) -> None:
        with world.answering(self.key):
            settings = world.books.stores.settings(STORE)
            if not self.expected:
                orders = world.books.orders.get_many(STORE, self.order_ids)
                self.expected = {order.order_id: USD.format(order.calculated) for order in orders}
                return
            review = Review("approved", "max", world.now(), self.key, "body")

            def make() -> tuple[str, bool]:
                made = approve_orders(world.books, settings, self.expected, review, Role.ADMIN)
                return repr([(one.order_id, one.outcome) for one in made]), True

            text, _ = answer_once(world.books, STORE, self.key, "body", make)
            world.answers[self.key].add(text)

    def again(self, world: World) -> None:
        if world.answers[self.key]:
            self.act(world)


@dataclass(slots=True)
class Import(Person):
    """An admin imports orders that the webhooks tell of, too."""

    key: str
    deliveries: list[Delivery]

    def act(self, world: World) -> None:
        with world.answering(self.key):
            settings, source = world.books.stores.settings(STORE), self.deliveries[0].source
            bodies = [delivery.body.decode() for delivery in self.deliveries]

            def make() -> tuple[str, bool]:
                made = import_orders(world.books, settings, source, bodies, world.now())
                wrong = [each for each in made if each.outcome in {"failed", "ignored"}]
                assert not wrong, wrong
                return repr([each.outcome for each in made]), all(each.outcome != "busy" for each in made)

            text, _ = answer_once(world.books, STORE, self.key, "body", make)
            if "busy" not in text:
                world.answers[self.key].add(text)


@dataclass(slots=True)
class Cataloguing(Person):
    """An admin says what a product is, until it is answered that it stands."""

    product_id: str
    category: str
    is_asked: bool = False
    is_answered: bool = False

    def act(self, world: World) -> None:
        self.is_asked = True
        with world.answering(f"put:{self.product_id}"):
            settings, now = world.books.stores.settings(STORE), world.now()
            put_product(world.books, settings, Product(self.product_id, now, categories=(self.category,)), now)
            self.is_answered = True

    def again(self, world: World) -> None:
        """What nobody said in the storm stays unknown."""
        if self.is_asked and not self.is_answered:
            self.act(world)


@dataclass(slots=True)
class Governing(Person):
    """An admin changes the settings."""

    changes: dict[str, Any]
    calls: int = 0

    def act(self, world: World) -> None:
        self.calls += 1
        with world.answering("settings"):
            seen = world.books.stores.document(STORE).version
            origin = Origin("admin", f"r{self.calls}", "-")
            change_settings(world.books, STORE, seen, self.changes, origin, world.now())

    def again(self, world: World) -> None:
        """The settings of the calm are those of the storm's end."""


CHANGES: tuple[dict[str, Any], ...] = (
    {"auto_processing": True},
    {"auto_processing": False},
    {"base_rate": "0.5"},
    {"base_rate": "0"},
    {"cashback_enabled": False},
    {"cashback_enabled": True},
    {"clawback": "partial"},
    {"clawback": "full_or_skip"},
    {"clawback": "allow_negative"},
    {"max_award": "3.00"},
)
