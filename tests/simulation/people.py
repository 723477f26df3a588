"""The customers of a world and its products, and what the shop tells of them: news that may come late, or never."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cashback.domain.names import EVENTS, SHOPIFY
from tests.simulation.bodies import time
from tests.simulation.shop import Told, told

if TYPE_CHECKING:
    from random import Random

RULES: tuple[dict[str, Any], ...] = (
    {"product_rates": [{"category": "Food", "rate": "0.2"}]},
    {"exclusions": {"tags": ["no-cashback"]}},
    {"product_rates": [{"tag": "sale", "rate": "0.01"}], "exclusions": {"categories": ["Toys"]}},
)
"""Rules that ask what a product is."""


def name_of(customer_id: str) -> str:
    """The one spelling in which a customer's name stands in any text."""
    return f"Ada{customer_id}Brandt"


@dataclass(slots=True)
class Customer:
    """A customer as the shop tells of them: all news of one come from one source."""

    customer_id: str
    source: str
    minute: int = 0
    birthday: str | None = None
    said: list[Told] = field(default_factory=list)

    def say(self, email: str | None, phone: str | None, *, verified: bool) -> None:
        """Tell who they are now."""
        self.minute += 1
        registered = len(self.said) == 0
        if self.source == SHOPIFY:
            topic, body = "customers/create" if registered else "customers/update", self._shopify(email, verified)
        else:
            topic = "customer.created" if registered else "customer.updated"
            body = self._event(topic, email, phone, verified)
        self.said.append(told(self.source, topic, body, self.minute))

    def say_gone(self) -> None:
        """Tell that they are to be forgotten."""
        self.minute += 1
        if self.source == SHOPIFY:
            body = {"shop_id": 1, "shop_domain": "a", "customer": {"id": int(self.customer_id)}, "orders_to_redact": []}
            self.said.append(told(SHOPIFY, "customers/redact", body, self.minute))
        else:
            data = {"customer": {"customer_id": self.customer_id}}
            body = {"type": "customer.deleted", "occurred_at": time(self.minute), "data": data}
            self.said.append(told(EVENTS, "customer.deleted", body, self.minute))

    def _shopify(self, email: str | None, verified: bool) -> dict[str, Any]:
        return {
            "id": int(self.customer_id),
            "first_name": name_of(self.customer_id),
            "email": email,
            "verified_email": verified,
            "updated_at": time(self.minute),
            "tags": "",
        }

    def _event(self, kind: str, email: str | None, phone: str | None, verified: bool) -> dict[str, Any]:
        customer = {
            "customer_id": self.customer_id,
            "name": name_of(self.customer_id),
            "email": email,
            "email_verified": verified,
            "phone": phone,
            "phone_verified": verified,
            "birthday": self.birthday,
        }
        return {"type": kind, "occurred_at": time(self.minute), "data": {"customer": customer}}


def lives(
    random: Random, customers: list[str], emails: list[str], *, may_go: bool, birthdays: tuple[str, ...] = ()
) -> list[list[Told]]:
    """What the shop tells of its customers: who verified which e-mail, gave it up again, was merged or left, and whose
    birthday is when."""
    stories = []
    for customer_id in customers:
        customer = Customer(customer_id, random.choice((SHOPIFY, SHOPIFY, EVENTS)))
        if birthdays:
            customer.source, customer.birthday = EVENTS, random.choice((*birthdays, None))
        for _ in range(random.choice((1, 1, 2, 2, 3)) if emails or may_go or birthdays else 0):
            phone = f"+4915550100{customer_id}" if random.random() < (0.8 if birthdays else 0.3) else None
            customer.say(random.choice([*emails, *emails, None]), phone, verified=random.random() < 0.75)
        if may_go and random.random() < 0.3:
            customer.say_gone()
            if random.random() < 0.2:
                customer.say(random.choice([*emails, None]), None, verified=True)
        stories.append(customer.said)
    if may_go and len(customers) > 1:
        pairs = [random.sample(customers, 2) for _ in range(random.choice((0, 1, 1, 1, 2)))]
        stories += [[_merge(kept, deleted, random.randint(1, 4))] for kept, deleted in pairs]
    return stories


def _merge(kept: str, deleted: str, minute: int) -> Told:
    body = {
        "admin_graphql_api_customer_kept_id": f"gid://shopify/Customer/{kept}",
        "admin_graphql_api_customer_deleted_id": f"gid://shopify/Customer/{deleted}",
        "status": "completed",
    }
    return told(SHOPIFY, "customers/merge", body, minute)


def catalogue(random: Random, sold: list[str]) -> list[list[Told]]:
    """What the shop tells of its products; of some nothing."""
    stories = []
    for product_id in sold:
        story: list[Told] = []
        for minute in range(1, 1 + random.choice((0, 1, 1, 1, 2))):
            if story and random.random() < 0.2:
                story.append(told(SHOPIFY, "products/delete", {"id": int(product_id)}, minute))
                continue
            body = {
                "id": int(product_id),
                "title": "A product",
                "updated_at": time(minute),
                "product_type": random.choice(("Food", "Toys", "")),
                "tags": random.choice(("", "sale", "sale, no-cashback")),
            }
            story.append(told(SHOPIFY, "products/update" if story else "products/create", body, minute))
        stories.append(story)
    return stories
