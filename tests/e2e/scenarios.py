"""Scenarios as end-to-end tests see them: the events that start them, their tasks, and the messages that those sent."""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

from cashback.adapters.dynamo.tables import StateTable
from cashback.adapters.dynamo.tasks import Tasks
from cashback.adapters.task_queue import TaskQueue
from cashback.domain.tasks import CreditStep, OrderStep, Step, TaskStep
from dev.client import wait_until
from tests.e2e.deployed import DeployedStack
from tests.e2e.shop import Shop, fresh_id, plain

CREDIT = {"credit_cashback": {"amount": "1.00"}}


def ago(seconds: float = 0) -> str:
    """A time so many seconds ago, as the shop tells it."""
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()


@dataclass(frozen=True, slots=True)
class Buyer:
    """A customer of a shop that sends our own events; each has a phone of their own."""

    customer_id: str = field(default_factory=lambda: f"C-{fresh_id()}")
    phone: str | None = field(default_factory=lambda: f"+49{fresh_id()}")
    name: str = "Ada"

    @property
    def body(self) -> dict[str, Any]:
        """Who they are, as an order tells it."""
        return {"customer_id": self.customer_id, "name": self.name, **({"phone": self.phone} if self.phone else {})}


@dataclass(frozen=True, slots=True)
class Purchase:
    """An order of a shop that sends our own events, made at some time; of a guest where it has no buyer."""

    buyer: Buyer | None = field(default_factory=Buyer)
    price: str = "20.00"
    created_at: str = field(default_factory=ago)
    source: str = "website"
    delivery_type: str = "delivery"
    order_id: str = field(default_factory=lambda: f"A-{fresh_id()}")

    @property
    def customer_id(self) -> str | None:
        """Whose it is."""
        return self.buyer.customer_id if self.buyer else None

    @property
    def phone(self) -> str | None:
        """Where its buyer gets messages."""
        return self.buyer.phone if self.buyer else None

    def event(self, kind: str, at: str | None = None, **fields: Any) -> dict[str, Any]:
        """What the shop tells when something happened to it; when it was made, unless a time is named."""
        order = {
            "order_id": self.order_id,
            "status": {"refunded": "paid"}.get(kind, kind),
            "created_at": self.created_at,
            "updated_at": at or self.created_at,
            "currency": "USD",
            "total": self.price,
            "source": self.source,
            "delivery_type": self.delivery_type,
            "lines": [{"line_id": "1", "product_id": "P-1", "quantity": 1, "unit_price": self.price}],
            **({"customer": self.buyer.body} if self.buyer else {}),
            **fields,
        }
        return {"type": f"order.{kind}", "occurred_at": at or self.created_at, "data": {"order": order}}

    def refunded(self, amount: str = "1.00") -> dict[str, Any]:
        """What the shop tells when some of the money goes back."""
        refund = {"refund_id": f"R-{fresh_id()}", "lines": [{"line_id": "1", "quantity": 0, "amount": amount}]}
        event = self.event("refunded", ago())
        return {**event, "data": {**event["data"], "refund": {**refund, "amount": amount}}}

    def reviewed(self, at: str | None = None) -> dict[str, Any]:
        """What the shop tells when the customer leaves a review of it."""
        review = {"review_id": f"V-{fresh_id()}", "order_id": self.order_id, "rating": 5}
        return {"type": "review.created", "occurred_at": at or ago(), "data": {"review": review}}


def tell(shop: Shop, *events: dict[str, Any]) -> None:
    """Deliver events of our own one after the other, each once the one before it was handled."""
    for event in events:
        shop.tell("", event, source="events")


def make(shop: Shop, trigger: str, **fields: Any) -> str:
    """A new active scenario that credits one dollar, unless said otherwise; its id."""
    body = {"name": trigger, "status": "active", "trigger": trigger, "actions": CREDIT, **fields}
    return str(shop.store.api("POST", "/v1/scenarios", body).expect(201)["scenario_id"])


def tasks(shop: Shop, scenario_id: str) -> list[dict[str, Any]]:
    """The tasks of a scenario, newest first; amounts are texts."""
    page = plain(shop.store.api("GET", f"/v1/scenarios/{scenario_id}/tasks?limit=100").expect(200))
    assert page["next_cursor"] is None
    items: list[dict[str, Any]] = page["items"]
    return items


def causes(shop: Shop, scenario_id: str) -> list[str]:
    """What started the tasks of a scenario, sorted."""
    return sorted(task["cause"] for task in tasks(shop, scenario_id))


def only(shop: Shop, scenario_id: str) -> dict[str, Any]:
    """The one task of a scenario."""
    (task,) = tasks(shop, scenario_id)
    return task


def ended(shop: Shop, scenario_id: str, *, seconds: float = 30) -> dict[str, Any]:
    """The one task of a scenario, once it has ended and its credit is on its way no longer."""

    def look() -> dict[str, Any] | None:
        found = tasks(shop, scenario_id)
        if not found or found[0]["status"] in {"waiting", "running"}:
            return None
        outcomes = {taken["status"] for taken in found[0]["actions"].values()}
        return None if "queued" in outcomes else found[0]

    wait_until(look, seconds=seconds)
    return only(shop, scenario_id)


def outcomes(task: dict[str, Any]) -> dict[str, tuple[str | None, str | None]]:
    """What became of each action of a task, and why."""
    return {name: (taken["status"], taken["detail"]) for name, taken in task["actions"].items()}


def stats(shop: Shop, scenario_id: str) -> dict[str, Any]:
    """What is counted of a scenario; amounts are texts."""
    counted: dict[str, Any] = plain(shop.store.api("GET", f"/v1/scenarios/{scenario_id}/stats").expect(200))
    return counted


def task_store(stack: DeployedStack) -> Tasks:
    """The project's own tasks on the deployed table, with every right."""
    return Tasks(StateTable(stack.client("dynamodb"), stack.state_table))


def announce(shop: Shop, order_id: str) -> None:
    """Have an order looked at now. What functions announce is looked at two minutes later, when it is surely done."""
    queue_url = shop.stack.scenario_actions_queue_url
    TaskQueue(shop.stack.client("sqs"), queue_url, queue_url).send(OrderStep(shop.store.store_id, order_id))


def send_again(shop: Shop, task_id: str, *steps: Step) -> None:
    """Queue alarms of a task, and its credit, once more, and wait until each was handled."""
    stack, store_id = shop.stack, shop.store.store_id
    urls = (stack.scenario_actions_queue_url, stack.credits_queue_url)
    actions, credits_ = (TaskQueue(stack.client("sqs"), url, url) for url in urls)
    workers = ("action_worker", "credit_worker")
    said = {worker: len(stack.lines(worker, task_id)) for worker in workers}
    for step in steps:
        actions.send(TaskStep(store_id, task_id, step))
        credits_.send(CreditStep(store_id, task_id))
    for worker in workers:
        _heard(stack, worker, task_id, said[worker] + len(steps))


def _heard(stack: DeployedStack, worker: str, task_id: str, count: int) -> None:
    """Wait until a worker said so many things of a task: a line for each message that it was done with."""
    for late in range(1, 21):
        with suppress(TimeoutError):
            wait_until(lambda: len(stack.lines(worker, task_id)) >= count, seconds=3)
            return
        stack.flush_worker(late, worker)
    raise AssertionError(f"{worker} did not say {count} things of {task_id}")


def texts_to(stack: DeployedStack, phone: str | None) -> list[str]:
    """The texts of all SMS that a phone got."""
    found = _read_back(stack, f"sns/sms-messages?phoneNumber={quote(phone or '')}")["sms_messages"]
    return [message["Message"] for message in found.get(phone, [])]


def texts_of_scenarios(stack: DeployedStack, phone: str | None) -> list[str]:
    """Those of them that scenarios sent: not the notice of an award, whenever the notifier gets to it."""
    return [text for text in texts_to(stack, phone) if not text.startswith("Hello ")]


def emails(stack: DeployedStack) -> str:
    """All e-mails that were sent, as one text."""
    return json.dumps(_read_back(stack, "ses/messages"), ensure_ascii=False)


def _read_back(stack: DeployedStack, path: str) -> Any:
    with urlopen(f"{stack.aws.url}/_ministack/{path}") as answer:
        return json.load(answer)
