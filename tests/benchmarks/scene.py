"""Operations made to happen on the deployed stack as a shop or an admin makes them happen, and counted where the
functions' calls arrive, with the sizes of the items that they write.

Every operation is counted alone, once the stack has come to rest after the one before it.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import batched, islice
from pathlib import Path
from typing import Any, Final

from msgspec import Struct, field

from cashback.adapters.dynamo.customers import Customers
from cashback.adapters.dynamo.keys import shard_by_hash
from cashback.adapters.task_queue import TaskQueue
from cashback.domain.customers import Profile
from cashback.domain.tasks import Step, TaskStep
from cashback.domain.times import instant
from cashback.edge.sweeper import AT_ONCE
from cashback.services.plan_group_job import READ_AT_ONCE, READ_BY_HAND
from cashback.services.sweep import ALARM_RINGS_FOR
from dev.client import wait_until
from dev.project import LOCAL
from tests.benchmarks import page, recount, units, yardstick
from tests.benchmarks.register import Register, counted, function_of
from tests.benchmarks.story import Gathering, task
from tests.benchmarks.units import BUSY, MANY, MEMBERS, Operation
from tests.e2e import payouts
from tests.e2e.deployed import DeployedStack, start
from tests.e2e.groups import gather
from tests.e2e.scenarios import make, task_store
from tests.e2e.shop import Shop, fresh_id, sample

ROUNDS: Final = 3
"""How often everything is counted."""

_DAY: Final = {"value": 1, "unit": "days"}
_NOW: Final = {**_DAY, "value": 0}
_ONE_EACH: Final = {"once_per_order": True, "cancel_on": ["order.cancelled"]}
_TWO_EACH: Final = {**_ONE_EACH, "once_per_customer": True, "cancel_on": ["order.cancelled", "order.created"]}
"""What guards a task, and what it watches."""


def _ago(seconds: float = 0) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()


class Scene(Struct):
    """Makes shops on a stack, and counts what is done in them."""

    stack: DeployedStack
    register: Register
    found: dict[str, Operation] = field(default_factory=dict)
    shops: int = 0

    def count(self, name: str, act: Callable[[], object]) -> Operation:
        """Count an operation."""
        self.found[name] = self.register.count(name, act)
        return self.found[name]

    def count_alone(self, name: str, function: str, act: Callable[[], object], *, first: bool = False) -> None:
        """Count what one function does of an operation, in all of its invocations or in the first."""
        lines = [line for line in self.register.watch(act) if function_of(line["function"]) == function]
        ends = [place for place, line in enumerate(lines, 1) if line["service"] == "lambda"]
        self.found[name] = replace(counted(name, lines[: ends[0] if first else None]), items={}, read={})

    def shop(self, **settings: Any) -> Shop:
        """A new shop; its id is as long as that of shops is."""
        self.shops += 1
        return Shop(self.stack, self.stack.platform.create_store(f"northwind-{self.shops:02d}", settings=settings))

    def all(self) -> list[Operation]:
        """Let everything happen a few times, after a round that only warms the functions up.

        :raises StepFailedError: what is to be the same each time is not (``recount.of_rounds``).
        """
        every: list[Operation] = []
        for part in (*PARTS, Scene.steps):
            self._round(part)
            rounds = [self._round(part) for _ in range(ROUNDS)]
            every += [recount.of_rounds([found[name] for found in rounds]) for name in rounds[-1]]
        return every

    def _round(self, part: Callable[["Scene"], None]) -> dict[str, Operation]:
        self.found.clear()
        part(self)
        return dict(self.found)

    def sales(self) -> None:
        """Orders of a customer whom the store knows."""
        shop = self.shop()
        customer_id = known_customer(shop)
        self.count("balance read", lambda: shop.store.api("GET", f"/v1/customers/{customer_id}/balance").expect(200))
        paid = order(customer_id)
        self.count("paid order, first seen", lambda: shop.send("orders/paid", paid))
        self.count("duplicate delivery", lambda: shop.send("orders/paid", paid))
        unpaid = order(customer_id, financial_status="pending")
        self.count("unpaid order recorded", lambda: shop.send("orders/create", unpaid))
        self.count("unpaid order changed", lambda: shop.send("orders/updated", {**unpaid, "updated_at": _ago()}))
        paid_later = {**unpaid, "updated_at": _ago(), "financial_status": "paid"}
        self.count("paid order, already recorded", lambda: shop.send("orders/paid", paid_later))
        # The entrance has seen the secrets of the store by now.
        self.count_alone("webhook accepted", "webhook_ingest", lambda: shop.send("orders/paid", order(customer_id)))

    def more_sales(self) -> None:
        """What becomes of orders, orders of strangers, changes by hand, and many orders at once."""
        shop = self.shop()
        customer_id = known_customer(shop)
        paid, paid_later = order(customer_id), order(customer_id)
        for one in (paid, paid_later):
            shop.send("orders/paid", one)
        self.count("refund clawed back", lambda: shop.send("refunds/create", refund(paid)))
        self.count("order cancelled", lambda: shop.send("orders/cancelled", cancelled(paid_later)))
        unknown = order(fresh_id(), contacts=False)
        self.count("first order of an unknown regular", lambda: shop.send("orders/paid", unknown))
        stranger = of_new_customer(order(fresh_id(), contacts=False))
        self.count("first order of an unknown customer", lambda: shop.send("orders/paid", stranger))
        stranger = of_new_customer(order(fresh_id()))
        self.count("the same with phone and e-mail", lambda: shop.send("orders/paid", stranger))
        for name, amount in (("manual credit", "5.00"), ("manual debit", "-3.00")):
            body = {"amount": amount, "comment": "The parcel was late"}
            self.count(name, partial(adjust, shop, customer_id, body))
        orders = [order(known_customer(shop)) for _ in range(BUSY)]
        self.count("paid orders in batches of ten", lambda: self._at_once(shop, orders))

    def _at_once(self, shop: Shop, orders: Sequence[dict[str, Any]]) -> None:
        """Let the worker get all orders at once, and the projector all that becomes of them."""
        self.stack.pause("event_worker", "projector")
        for one in orders:
            shop.send("orders/paid", one)
        self.stack.resume("event_worker")
        wait_until(lambda: self.stack.queued(self.stack.store_events_queue_url) == 0)
        self.stack.resume("projector")
        # A mapping looks for its work a second after it was enabled.
        time.sleep(1.5)

    def reviews(self) -> None:
        """An order that waits for a person's yes."""
        shop = self.shop(auto_processing=False)
        paid = order(known_customer(shop))
        self.count("order to be reviewed", lambda: shop.send("orders/paid", paid))
        path = f"/v1/orders/{paid['id']}"
        expected = shop.store.api("GET", path).expect(200)["calculated"]["amount"]
        body = {"expected_amount": expected, "comment": "Looks right"}
        self.count("approve", lambda: shop.store.post(f"{path}/approve", body).expect(200))

    def scenarios(self) -> None:
        """What scenarios add to an order, and a task from its beginning to its end."""
        shop = self.shop()
        customer_id = known_customer(shop)
        make(shop, "order.refunded", delay=_DAY, cancel_on=["order.cancelled"])
        self.count("scenarios with conditions", lambda: shop.send("orders/paid", order(customer_id)))
        shop = self.shop()
        customer_id = known_customer(shop)
        make(shop, "order.refunded", delay=_DAY, cancel_on=["order.created"])
        self.count("a newest order to keep", lambda: shop.send("orders/paid", order(customer_id)))
        for more, conditions in (("", _ONE_EACH), (", two guards and watches", _TWO_EACH)):
            for delay, name in ((_DAY, f"task created{more}"), (_NOW, f"task executed with a credit{more}")):
                shop = self.shop()
                customer_id = known_customer(shop)
                make(shop, "order.paid", delay=delay, **conditions)
                paid = order(customer_id)
                self.count(name, partial(shop.send, "orders/paid", paid))
                if delay is _DAY:
                    self.count(f"task cancelled{more}", partial(shop.send, "orders/cancelled", cancelled(paid)))
        shop = self.shop()
        orders = [order(known_customer(shop)) for _ in range(BUSY)]
        make(shop, "order.paid", delay=_NOW, **_ONE_EACH)
        self.count("tasks executed in batches of ten", lambda: self._run_at_once(shop, orders))

    def _run_at_once(self, shop: Shop, orders: Sequence[dict[str, Any]]) -> None:
        """Let each worker on the way to the credit get all its messages at once."""
        stack = self.stack
        workers = {
            "event_worker": stack.store_events_queue_url,
            "action_worker": stack.scenario_actions_queue_url,
            "credit_worker": stack.credits_queue_url,
        }
        stack.pause(*workers)
        for one in orders:
            shop.send("orders/paid", one)
        for worker, queue_url in workers.items():
            wait_until(partial(self._holds, queue_url, len(orders)))
            stack.resume(worker)

    def _holds(self, queue_url: str, messages: int) -> bool:
        return self.stack.queued(queue_url) == messages

    def group(self) -> None:
        """A credit for every member of a small group and of a large one, a balance that all are left with, and a debit
        of more than that."""
        shop = self.shop()
        members = enrol_many(shop, MANY)
        gather(shop, "grp_friends", members[:MEMBERS])
        gather(shop, "grp_everybody", members)
        relative = {"apply_type": "relative", "amount": "5.00", "comment": "Thanks for staying"}
        absolute = {"apply_type": "absolute", "amount": "50.00"}
        clamp = {"apply_type": "relative", "amount": "-60.00", "on_insufficient": "clamp"}
        for name, group_id, body in (
            ("group job", "grp_friends", relative),
            ("group job of 1,000", "grp_everybody", relative),
            ("group job, absolute", "grp_friends", absolute),
            ("group job, clamp", "grp_friends", clamp),
        ):
            self.count(name, partial(start_job, shop, group_id, body))

    def steps(self) -> None:
        """Steps whose CPU the projections assume (``pace``), and that no operation above has by themselves."""
        stack, shop = self.stack, self.shop()
        enrol_many(shop, READ_AT_ONCE)
        rule = {"name": "Nobody", "rule": {"min_spent": "100"}}
        nobody = shop.store.post("/v1/groups", rule).expect(201)["group_id"]
        gather(shop, "grp_strangers", [str(fresh_id()) for _ in range(READ_BY_HAND)])
        amount = {"apply_type": "absolute", "amount": "50.00"}
        for name, group_id in (("members read by hand", "grp_strangers"), ("customers read by a rule", nobody)):
            act = partial(start_job, shop, group_id, amount)
            self.count_alone(name, "group_job_worker", act, first=True)
        task_ids = overdue(shop, AT_ONCE)
        self.count_alone("tasks swept", "sweeper", lambda: stack.invoke("sweeper", {}))
        self.count_alone("duplicate task messages", "action_worker", lambda: self._send_again(shop, task_ids[:BUSY]))

    def _send_again(self, shop: Shop, task_ids: Sequence[str]) -> None:
        """Let the worker get messages of tasks that have run, in full batches."""
        url = self.stack.scenario_actions_queue_url
        queue = TaskQueue(self.stack.client("sqs"), url, url)
        self.stack.pause("action_worker")
        for task_id in task_ids:
            queue.send(TaskStep(shop.store.store_id, task_id, Step.RUN))
        self.stack.resume("action_worker")

    def payout(self) -> None:
        """A payout from the request to the payment."""
        shop = self.shop()
        customer_id = payouts.customer(shop)
        made: dict[str, Any] = {}

        def ask() -> None:
            made.update(payouts.ask(shop, customer_id).expect(201))

        def approve() -> None:
            shop.store.post(f"{payouts.REQUESTS}/{made['incentive_request_id']}/approve").expect(200)

        def pay() -> None:
            request = {"incentive_request_id": made["incentive_request_id"]}
            made.update(shop.store.post(payouts.PAYOUTS, request).expect(201))

        self.count("payout: request", ask)
        self.count("payout: request approved", approve)
        self.count("payout: made", pay)
        self.count("payout: on process", lambda: payouts.turn(shop, made["payout_id"], "on_process").expect(200))
        self.count("payout: paid", lambda: payouts.turn(shop, made["payout_id"], "success").expect(200))


def known_customer(shop: Shop) -> int:
    """A new customer of a shop, who has a name."""
    customer_id = fresh_id()
    shop.store.api("POST", "/v1/customers", {"customer_id": str(customer_id), "name": "Ada"}).expect(201)
    return customer_id


def adjust(shop: Shop, customer_id: int, body: Mapping[str, str]) -> None:
    """Change the balance of a customer by hand."""
    shop.store.post(f"/v1/customers/{customer_id}/adjustments", body).expect(201)


def enrol_many(shop: Shop, count: int) -> list[str]:
    """So many new customers with empty accounts."""
    client, state_table = shop.stack.client("dynamodb"), shop.stack.state_table
    ids = [str(fresh_id()) for _ in range(count)]
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    for some in batched(ids, 12, strict=False):
        table = Gathering(client, state_table, gathered=[])
        for customer_id in some:
            Customers(table).create(shop.store.store_id, Profile(customer_id, now, now), now)
        puts = [{"PutRequest": {"Item": write["Put"]["Item"]}} for write in table.gathered]
        assert not client.batch_write_item(RequestItems={state_table: puts})["UnprocessedItems"]
    return ids


def start_job(shop: Shop, group_id: str, body: Mapping[str, str]) -> None:
    """Set a job of a group going."""
    shop.store.post(f"/v1/groups/{group_id}/cashback", body).expect(202)


def overdue(shop: Shop, count: int) -> list[str]:
    """So many tasks of one partition, of orders that nobody knows, whose alarms were lost; their ids."""
    at, made = instant(datetime.now(UTC) - 2 * ALARM_RINGS_FOR), iter(lambda: f"tsk_{fresh_id()}", "")
    ids = list(islice((task_id for task_id in made if shard_by_hash(task_id) == 0), count))
    for task_id in ids:
        late = task(task_id, at, customer_id=str(fresh_id()), order_id=str(fresh_id()))
        store_id = shop.store.store_id
        assert task_store(shop.stack).create(store_id, late, once_per_order=False, once_per_customer=False)
    return ids


def order(customer_id: int, *, contacts: bool = True, **fields: Any) -> dict[str, Any]:
    """A paid order of six lines of now, as Shopify sends it."""
    body = deepcopy(sample("shopify", "order_paid"))
    at = _ago()
    person = {**body["customer"], "id": customer_id}
    if not contacts:
        person |= {"email": None, "phone": None, "default_address": None}
    changed = {"id": fresh_id(), "customer": person, "created_at": at, "processed_at": at, "updated_at": at}
    return {**body, **changed, **fields}


def of_new_customer(sold: Mapping[str, Any]) -> dict[str, Any]:
    """The same order of somebody who came to the shop with it."""
    return {**sold, "customer": {**sold["customer"], "created_at": sold["created_at"]}}


def refund(sold: Mapping[str, Any]) -> dict[str, Any]:
    """One unit of the first line of an order comes back."""
    line = {"line_item_id": sold["line_items"][0]["id"], "quantity": 1, "subtotal": "20.00"}
    paid_back = {"kind": "refund", "status": "success", "amount": "20.00", "currency": "USD"}
    return {
        "id": fresh_id(),
        "order_id": sold["id"],
        "created_at": _ago(),
        "refund_line_items": [line],
        "order_adjustments": [],
        "transactions": [paid_back],
    }


def cancelled(sold: Mapping[str, Any]) -> dict[str, Any]:
    """An order that is cancelled: no unit is left of it."""
    at = _ago(-1)
    lines = [{**line, "current_quantity": 0} for line in sold["line_items"]]
    return {**sold, "updated_at": at, "cancelled_at": at, "cancel_reason": "customer", "line_items": lines}


_QUEUES: Final = {"notifier": "Notifications"}
"""What the queues of functions are called that may be paused."""

PARTS: Final = (Scene.sales, Scene.more_sales, Scene.reviews, Scene.scenarios, Scene.group, Scene.payout)
"""Each makes shops of its own, and may be counted alone."""


@contextmanager
def opened(*paused: str) -> Iterator[Scene]:
    """A stack of its own, on which these functions take nothing from their queues; nobody waits for those."""
    LOCAL.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=LOCAL) as home:
        journal = Path(home) / "journal"
        stack = start(Path(home), journal=journal)
        try:
            stack.pause(*paused)
            left = {"Dlq", *(_QUEUES[name] for name in paused)}
            urls = stack.client("sqs").list_queues()["QueueUrls"]
            urls = [url for url in urls if not any(name in url for name in left)]
            yield Scene(stack, Register(journal, lambda: not any(map(stack.queued, urls))))
        finally:
            stack.aws.stop()


def measure() -> list[Operation]:
    """Count every operation."""
    with opened() as found:
        every = found.all()
    return yardstick.on_the_assumed_core(every)


if __name__ == "__main__":
    units.COUNTED.write_text(units.written(measure()))
    page.renew()
