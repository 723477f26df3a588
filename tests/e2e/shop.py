"""A shop on Shopify: what it sells, what it tells, and what became of it."""

import itertools
import json
import uuid
from collections.abc import Callable, Container, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from dev.client import Answer, Store, as_bytes, standard_webhook_headers, wait_until, woocommerce_headers
from dev.project import ROOT
from tests.e2e.deployed import DeployedStack

_IDS = itertools.count(4_500_000_000_000)

PATIENCE = 60
"""Seconds for what a busy machine may need some of."""


def fresh_id() -> int:
    """An id as Shopify's: a number of 13 digits."""
    return next(_IDS)


def sample(source: str, name: str) -> dict[str, Any]:
    """A body as a source sends it, of those in ``events/``."""
    body: dict[str, Any] = json.loads((ROOT / "events" / source / f"{name}.json").read_text())
    return body


def minute(n: int) -> str:
    """A time of the day on which all orders of these tests happen."""
    return f"2026-02-03T{10 + n // 60:02d}:{n % 60:02d}:00+01:00"


@dataclass(slots=True)
class Sale:
    """An order as the shop keeps it: lines of (quantity, unit price), all of one customer or of a guest."""

    lines: Sequence[tuple[int, str]] = ((2, "100.00"),)
    customer_id: int | None = field(default_factory=fresh_id)
    currency: str = "USD"
    phone: str | None = None
    order_id: int = field(default_factory=fresh_id)
    refunds: list[dict[str, Any]] = field(default_factory=list)

    @property
    def path(self) -> str:
        """The order's route of the admin API."""
        return f"/v1/orders/{self.order_id}"

    def body(self, at: int, status: str = "paid", **fields: Any) -> dict[str, Any]:
        """The order's body as of a minute, with its refunds so far."""
        person = {"id": self.customer_id, "first_name": "Ada", "phone": self.phone, "updated_at": minute(0)}
        return {
            "id": self.order_id,
            "created_at": minute(0),
            "updated_at": minute(at),
            "cancelled_at": None,
            "financial_status": status,
            "currency": self.currency,
            "total_price": str(sum(quantity * Decimal(price) for quantity, price in self.lines)),
            "source_name": "web",
            "test": False,
            "taxes_included": False,
            "customer": person if self.customer_id else None,
            "line_items": [
                {"id": self.line_id(n), "quantity": quantity, "current_quantity": quantity, "price": price}
                for n, (quantity, price) in enumerate(self.lines)
            ],
            "refunds": list(self.refunds),
            **fields,
        }

    def cancelled(self, at: int) -> dict[str, Any]:
        """The order's body once it was cancelled: no unit is left, the money is another matter."""
        body = self.body(at, cancelled_at=minute(at), cancel_reason="customer")
        return {**body, "line_items": [{**line, "current_quantity": 0} for line in body["line_items"]]}

    def refund(self, quantity: int = 1, line: int = 0) -> dict[str, Any]:
        """Some units of a line come back, at the price they were sold for."""
        subtotal = str(quantity * Decimal(self.lines[line][1]))
        refund = {
            "id": fresh_id(),
            "order_id": self.order_id,
            "created_at": minute(30),
            "refund_line_items": [{"line_item_id": self.line_id(line), "quantity": quantity, "subtotal": subtotal}],
            "order_adjustments": [],
            "transactions": [{"kind": "refund", "status": "success", "amount": subtotal, "currency": self.currency}],
        }
        self.refunds.append(refund)
        return refund

    def line_id(self, n: int) -> int:
        """The id of a line."""
        return self.order_id * 10 + n


@dataclass(frozen=True, slots=True)
class Shop:
    """One store's storefront and its admin."""

    stack: DeployedStack
    store: Store

    def send(self, topic: str, payload: Any, delivery: str | None = None) -> str:
        """Deliver a signed webhook and return the delivery's id; what becomes of it is not waited for."""
        delivery = delivery or str(uuid.uuid4())
        answer = self.store.shopify(topic, payload, headers={"x-shopify-webhook-id": delivery})
        assert answer.expect(200) == {"status": "accepted"}
        return delivery

    def verdicts(self, delivery: str, count: int = 1) -> list[dict[str, Any]]:
        """What the worker logged of a delivery, once it said so many things; what scenarios made of it is left out."""

        def look() -> list[dict[str, Any]]:
            said = self.stack.worker_lines(delivery)
            lines = [line for line in said if line["event"] != "scenarios_followed"]
            return lines if len(lines) >= count else []

        for late in range(1, 13):
            with suppress(TimeoutError):
                return wait_until(look, seconds=2)
            self.stack.flush_worker(late)
        raise AssertionError(f"the worker said nothing of {delivery}")

    def send_as(self, source: str, topic: str, payload: Any) -> str:
        """Deliver a webhook as a source signs it and return the delivery's id; an event of our own has no topic."""
        if source == "shopify":
            return self.send(topic, payload)
        body = as_bytes(payload)
        if source == "woocommerce":
            headers = woocommerce_headers(self.store.secrets[source], topic, body)
        else:
            headers = standard_webhook_headers(self.store.secrets[source], body)
        assert self.store.deliver(source, body, headers).expect(200) == {"status": "accepted"}
        return headers["x-wc-webhook-delivery-id" if source == "woocommerce" else "webhook-id"]

    def tell(self, topic: str, payload: Any, source: str = "shopify") -> dict[str, Any]:
        """Deliver a signed webhook and return what the worker made of it."""
        (verdict,) = self.verdicts(self.send_as(source, topic, payload))
        return verdict

    def outcome(self, topic: str, payload: Any, source: str = "shopify") -> str:
        """The same in one word: the order's new status, the reason it was ignored for, or what happened."""
        verdict = self.tell(topic, payload, source)
        return str(verdict.get("status") or verdict.get("reason") or verdict["event"])

    def sell(self, **fields: Any) -> Sale:
        """A new order, paid and handled."""
        sale = Sale(**fields)
        self.tell("orders/paid", sale.body(at=1))
        return sale

    def order(self, sale: Sale) -> dict[str, Any]:
        """The order as the API shows it; amounts are texts."""
        order: dict[str, Any] = plain(self.store.api("GET", sale.path).expect(200))
        return order

    def entries(self, customer_id: int | str | None) -> list[tuple[str, str]]:
        """Type and amount of each transaction, newest first."""
        return [(item["type"], item["amount"]) for item in self.transactions(customer_id)]

    def account(self, customer_id: int | str | None) -> dict[str, Any]:
        """The balance as the API shows it, once it was found to be the sum of its transactions."""
        balance: dict[str, Any] = plain(self.store.api("GET", f"/v1/customers/{customer_id}/balance").expect(200))
        posted = [item["amount"] for item in self.transactions(customer_id) if item["status"] == "POSTED"]
        assert sum(map(Decimal, posted)) == Decimal(balance["available"])
        assert Decimal(balance["credited"]) - Decimal(balance["debited"]) == Decimal(balance["available"])
        return balance

    def transactions(self, customer_id: int | str | None) -> list[dict[str, Any]]:
        """A customer's transactions as the API shows them, newest first; amounts are texts."""
        answer = self.store.api("GET", f"/v1/customers/{customer_id}/transactions?limit=100&include_zero=true")
        page = plain(answer.expect(200))
        assert page["next_cursor"] is None
        items: list[dict[str, Any]] = page["items"]
        return items

    def available(self, customer_id: int | str | None) -> str:
        """What the customer has."""
        return str(self.account(customer_id)["available"])

    def change(self, **settings: Any) -> dict[str, Any]:
        """Change settings over their current version; the whole answer."""
        version = self.store.api("GET", "/v1/store").expect(200)["version"]
        answer = self.store.api("PATCH", "/v1/store", settings, headers={"if-match": str(version)})
        changed: dict[str, Any] = answer.expect(200)
        return changed

    def approve(self, sale: Sale, expected: str, key: str | None = None, **fields: Any) -> Answer:
        """Approve an order at what the reviewer saw."""
        return self.store.post(f"{sale.path}/approve", {"expected_amount": expected, **fields}, key=key)

    def reject(self, sale: Sale, reason: str = "looks like a reseller", key: str | None = None) -> Answer:
        """Reject an order."""
        return self.store.post(f"{sale.path}/reject", {"reason": reason}, key=key)

    def with_key(self, role: str, **fields: Any) -> Store:
        """The same store, seen by a new key of a role."""
        made = self.store.api("POST", "/v1/api-keys", {"name": f"{role} key", "role": role, **fields}).expect(201)
        return Store(self.store.urls, self.store.store_id, made["api_key"], self.store.secrets)


def plain(value: Any) -> Any:
    """An answer with every amount as its text alone."""
    if isinstance(value, dict):
        return value["amount"] if value.keys() == {"amount", "currency"} else {k: plain(v) for k, v in value.items()}
    return [plain(part) for part in value] if isinstance(value, list) else value


def at_once[T](*calls: Callable[[], T]) -> list[T]:
    """Make calls at the same moment and return what each gave."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def insist(call: Callable[[], Answer], unserved: Container[int] = (503,)) -> Answer:
    """Make a call as a client does: the same again while it is told to come back. `unserved`: the statuses that tell
    so, which are more where services fail."""
    answers: list[Answer] = []

    def is_served() -> bool:
        answers.append(call())
        if answers[-1].status == 503:
            assert answers[-1].headers["retry-after"]
        return answers[-1].status not in unserved

    wait_until(is_served, seconds=PATIENCE)
    return answers[-1]


def problem(answer: Answer, *statuses: int) -> dict[str, Any]:
    """A refusal, once it was found to be a problem of the form that every error has."""
    body: dict[str, Any] = json.loads(answer.body)
    assert answer.status in statuses, (answer.status, body)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    more = {"payout_id"} if body["code"] == "payout_exists" else set()
    assert body.keys() == {"type", "title", "status", "code", "detail", "errors", "request_id"} | more
    assert (body["type"], body["status"]) == ("about:blank", answer.status)
    assert all(fault.keys() == {"field", "code"} for fault in body["errors"])
    assert body["title"]
    assert body["detail"]
    assert body["request_id"]
    return body
