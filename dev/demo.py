"""`make demo`: watch a signed Shopify order become cashback on the local stack, a scenario thank for it, and some of it
be paid out.

Everything shown was answered by the deployed stack; nothing is computed here but sums of what was answered.
"""

import copy
import json
import secrets
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import boto3

from dev import report, stack
from dev.client import Store, Urls, send, wait_until
from dev.project import ACCESS_KEY, ROOT, SECRET_KEY

WITHDRAWN = "5.00"
SHOPIFY = ROOT / "events" / "shopify"
THANKS = {
    "name": "Thank for the first order",
    "status": "active",
    "trigger": "order.paid",
    "limits": {"order_number": {"max": 1}},
    "once_per_customer": True,
    "actions": {
        "credit_cashback": {"amount": "1.00"},
        "send_message": {
            "channel": "sms",
            "text": "Thank you for your first order, {{userName}}! {{amount}} are yours, {{balance}} in all.",
        },
    },
}


def main() -> None:
    """Bring the stack up, then tell the story of one order; leave everything running."""
    stack.main(["up"])
    known = stack.read_stack_file()
    store = Store(Urls(known["api_url"], known["webhook_url"]), known["store_id"], known["api_key"], known["secrets"])
    story = Story(store, EventQueue(known), f"{known['endpoint_url']}/_ministack/sns/sms-messages")
    try:
        for line in story.lines():
            print(line, flush=True)
    except TimeoutError:
        sys.exit("error: the events are not handled within a minute; make logs shows what the functions said")
    print(farewell(store, story.customer_id))
    print(f"\nThe day as a page: {report.write(store, story.order_id).as_uri()}")


class EventQueue:
    """The queue between the webhooks and the worker, watched to know when everything sent was handled."""

    def __init__(self, known: dict[str, Any]) -> None:
        where = {"endpoint_url": known["endpoint_url"], "region_name": known["region"]}
        self.sqs = boto3.client("sqs", **where, aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY)
        cloudformation = boto3.client(
            "cloudformation", **where, aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY
        )
        (described,) = cloudformation.describe_stacks(StackName=known["stack_name"])["Stacks"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
        self.url = outputs["StoreEventsQueueUrl"]

    def is_empty(self) -> bool:
        """Whether nothing waits and nothing is being handled."""
        counts = self.sqs.get_queue_attributes(
            QueueUrl=self.url,
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )["Attributes"]
        return set(counts.values()) == {"0"}


class Story:
    """One order of a new customer, from the webhook to the clawback of a partial refund and the payout of some of what
    is left. The local AWS keeps what was sent to phones at ``sms_url``."""

    def __init__(self, store: Store, queue: EventQueue, sms_url: str) -> None:
        self.store = store
        self.queue = queue
        self.sms_url = sms_url
        self.order = fresh_order()
        self.refund = refund_of(self.order)
        self.order_id = str(self.order["id"])
        self.customer_id = str(self.order["customer"]["id"])

    def lines(self) -> Iterator[str]:
        """Tell what happens, as it happens."""
        yield title("Before")
        yield from self.account()
        thanks = self.thanks()
        yield f"  scenario {thanks['scenario_id']} is {thanks['status']}: {thanks['name']}"

        yield title("A paid order arrives as a signed webhook")
        yield f"  order {self.order_id}, total {self.order['total_price']} {self.order['currency']}"
        for line in self.order["line_items"]:
            discount = sum(Decimal(part["amount"]) for part in line["discount_allocations"])
            less = f", less {discount}" if discount else ""
            yield f"    {line['quantity']} x {line['title']} at {line['price']}{less}"
        began = time.monotonic()
        answer = self.store.shopify("orders/paid", self.order)
        yield f"  POST /webhooks/{self.store.store_id}/shopify -> {answer.status} {json.dumps(answer.expect(200))}"
        order = self.order_once("processed")
        took = (time.monotonic() - began) * 1000

        yield title(f"It is cashback, {took:.0f} ms later")
        base = sum(Decimal(line["base"]["amount"]) for line in order["lines"] if Decimal(line["rate"]))
        yield f"  base {base} x rate {order['rate']} = award {money(order['award'])} ({order['badge']})"

        yield title("It is the customer's first, so the scenario credits and sends an SMS")
        task = self.task_once_done(thanks["scenario_id"])
        for action, taken in task["actions"].items():
            yield f"  {action}: {taken['status_label']}"
        for text in self.texts():
            yield f"  {self.order['customer']['phone']} got: {text}"
        yield from self.account()

        yield title("The same delivery once more changes nothing")
        before = self.balance()
        again = self.store.shopify("orders/paid", self.order)
        yield f"  POST /webhooks/{self.store.store_id}/shopify -> {again.status} {json.dumps(again.expect(200))}"
        wait_until(self.queue.is_empty, seconds=30)
        if self.balance() != before:
            sys.exit("error: a repeated delivery moved money")
        yield from self.account()

        yield title("Part of the order is refunded")
        (part,) = self.refund["refund_line_items"]
        amount = part["subtotal_set"]["shop_money"]["amount"]
        yield f"  refund {self.refund['id']}: {part['quantity']} x {part['line_item']['title']}, {amount}"
        answer = self.store.shopify("refunds/create", self.refund)
        yield f"  POST /webhooks/{self.store.store_id}/shopify -> {answer.status} {json.dumps(answer.expect(200))}"
        order = self.order_once("partially_reversed")
        yield f"  clawed back {money(order['taken'])} of {money(order['award'])} ({order['badge']})"
        yield from self.account()
        yield from self.withdrawal()

    def withdrawal(self) -> Iterator[str]:
        """The customer asks for some of it, somebody approves, and the payment arrives."""
        yield title("The customer asks for a payment, which is reserved at once")
        path = f"/v1/customers/{self.customer_id}/payment-accounts"
        body = {"type": "digital", "provider": "PayPal", "handle": f"{self.customer_id}@example.com"}
        account = self.store.api("POST", path, body).expect(201)
        yield f"  to be paid by {account['type_label'].lower()}: {account['provider']} {account['handle']}"
        wanted = {"customer_id": self.customer_id, "program": "Demo", "amount": WITHDRAWN, "from_balance": True}
        request = self.store.post("/v1/incentive-requests", wanted).expect(201)
        yield f"  request {request['incentive_request_id']} of {money(request['amount'])}: {request['status_label']}"
        yield self.money()

        yield title("It is approved and paid, and the payment arrives")
        approve = f"/v1/incentive-requests/{request['incentive_request_id']}/approve"
        yield f"  request: {self.store.post(approve).expect(200)['status_label']}"
        asked = {"incentive_request_id": request["incentive_request_id"]}
        payout = self.store.post("/v1/payouts", asked).expect(201)
        yield f"  payout {payout['payout_id']}: {payout['status_label']}"
        arrived = {"status": "success", "external_reference": f"demo-{self.customer_id}"}
        payout = self.store.api("PATCH", f"/v1/payouts/{payout['payout_id']}", arrived).expect(200)
        yield f"  payout {payout['payout_id']}: {payout['status_label']}, the provider's {payout['external_reference']}"
        yield from self.account()

    def thanks(self) -> dict[str, Any]:
        """The scenario that thanks for first orders; of an earlier demo, if there was one."""
        named = self.store.api("GET", f"/v1/scenarios?{urlencode({'status': 'active', 'q': THANKS['name']})}")
        for known in named.expect(200)["items"]:
            return dict(known)
        return dict(self.store.api("POST", "/v1/scenarios", THANKS).expect(201))

    def task_once_done(self, scenario_id: str) -> dict[str, Any]:
        """What the scenario did for the order, once it is done and its credit is posted."""

        def look() -> dict[str, Any] | None:
            for task in self.store.api("GET", f"/v1/scenarios/{scenario_id}/tasks").expect(200)["items"]:
                under_way = {"queued"} & {taken["status"] for taken in task["actions"].values()}
                if task["order_id"] == self.order_id and task["finished_at"] and not under_way:
                    return dict(task)
            return None

        return wait_until(look, seconds=60) or {}

    def texts(self) -> list[str]:
        """What the customer's phone got."""
        phone = self.order["customer"]["phone"]
        answer = send("GET", f"{self.sms_url}?{urlencode({'phoneNumber': phone})}").expect(200)
        return [message["Message"] for message in answer["sms_messages"].get(phone, [])]

    def order_once(self, status: str) -> dict[str, Any]:
        """The order, once everything that was sent is handled; it must then have this status."""

        def look() -> dict[str, Any] | None:
            handled = self.queue.is_empty()  # asked first: what is read after it is what the events made
            answer = self.store.api("GET", f"/v1/orders/{self.order_id}")
            order: dict[str, Any] = answer.expect(200, 404)
            return order if handled or order.get("status") == status else None

        order = wait_until(look, seconds=60) or {}
        if order.get("status") != status:
            what = f"{order.get('badge')} ({order.get('reason')})" if "badge" in order else "not there"
            sys.exit(
                f"error: the order is {what} where {status} was expected. If the demo store's settings were changed, "
                "make reset starts over with the default ones; make logs shows what the functions said."
            )
        return order

    def balance(self) -> dict[str, Any] | None:
        """The customer's balance, None while the customer is not known."""
        answer = self.store.api("GET", f"/v1/customers/{self.customer_id}/balance")
        balance: dict[str, Any] = answer.expect(200, 404)
        return balance if answer.status == 200 else None

    def money(self) -> str:
        """What the customer has, and what of theirs is reserved."""
        balance = self.store.api("GET", f"/v1/customers/{self.customer_id}/balance").expect(200)
        reserved = f", {money(balance['reserved'])} reserved" if Decimal(balance["reserved"]["amount"]) else ""
        return f"  customer {self.customer_id} has {money(balance['available'])}{reserved}"

    def account(self) -> Iterator[str]:
        """The balance and the transactions, newest first."""
        if self.balance() is None:
            yield f"  customer {self.customer_id} is not known: no balance, no transactions"
            return
        yield self.money()
        for entry in self.store.api("GET", f"/v1/customers/{self.customer_id}/transactions").expect(200)["items"]:
            moved, left = money(entry["amount"]), money(entry["balance_after"])
            yield f"    {entry['created_at'][:19]}  {entry['type_label']:<9} {moved:>12}  leaves {left:>12}"


def fresh_order() -> dict[str, Any]:
    """The sample order with ids of its own, a customer nobody knows yet, and the times of now."""
    order: dict[str, Any] = json.loads((SHOPIFY / "order_paid.json").read_text())
    now = datetime.now(UTC).isoformat(timespec="seconds")
    order |= {"id": fresh_id(), "created_at": now, "updated_at": now, "processed_at": now}
    order["customer"] |= {"id": fresh_id(), "phone": f"+4917{fresh_id() % 10**8:08d}", "updated_at": now}
    return order


def refund_of(order: dict[str, Any]) -> dict[str, Any]:
    """The sample refund, of this order."""
    refund: dict[str, Any] = copy.deepcopy(json.loads((SHOPIFY / "refund_create.json").read_text()))
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat(timespec="seconds")
    return refund | {"id": fresh_id(), "order_id": order["id"], "created_at": soon, "processed_at": soon}


def fresh_id() -> int:
    """An id as Shopify's: a number of 13 digits."""
    return 10**12 + secrets.randbelow(9 * 10**12)


def money(amount: dict[str, str]) -> str:
    """An amount and its currency."""
    return f"{amount['amount']} {amount['currency']}"


def title(words: str) -> str:
    """A headline."""
    return f"\n{words}"


def farewell(store: Store, customer_id: str) -> str:
    """Where everything is, one call to try, and how to stop."""
    api = f"{store.urls.api_url}/v1"
    return f"""
Everything keeps running
  admin API  {api}
  webhooks   {store.urls.webhook_url}/webhooks/{store.store_id}/shopify
  API key    {store.api_key}
  the webhook secrets are in .local/stack.json

Read
  {api}/docs

Try
  curl -H 'Authorization: Bearer {store.api_key}' {api}/customers/{customer_id}/balance

Stop it with: make down"""


if __name__ == "__main__":
    main()
