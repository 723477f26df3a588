"""Operations made to happen on the deployed stack as a shop or an admin makes them happen, and counted where the
functions' calls arrive, with the sizes of the items that they write.

Every operation is counted alone, once the stack has come to rest after the one before it.
"""

import json
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from msgspec import Struct, field

from dev.client import wait_until
from dev.project import LOCAL, STACK_NAME
from tests.benchmarks import units
from tests.benchmarks.units import (
    BUSY,
    BY_THE_CLOCK,
    MEMBERS,
    READS,
    Operation,
    Share,
)
from tests.e2e import payouts
from tests.e2e.deployed import FUNCTIONS, DeployedStack, start
from tests.e2e.groups import enrol, gather
from tests.e2e.scenarios import make
from tests.e2e.shop import Shop, fresh_id, sample

REST: Final = 0.8
"""Seconds without a call, after which an operation is over, and all that follows it: queues and streams are looked at
far more often."""

_DAY: Final = {"value": 1, "unit": "days"}


class Register(Struct):
    """Reads the journal of a stack, an operation at a time. ``is_idle`` says that nothing waits in its queues."""

    path: Path
    is_idle: Callable[[], bool]
    place: int = 0

    def count(self, name: str, act: Callable[[], object]) -> Operation:
        """Do something at rest, and count all that it brings about."""
        self._rest()
        self._lines()
        act()
        self._rest()
        found = counted(name, self._lines())
        assert found.shares, f"nothing was called for: {name}"
        return found

    def _rest(self) -> None:
        """Wait until nothing is called any more."""
        size, since = -1, time.monotonic()
        while time.monotonic() < since + REST:
            if (now := self.path.stat().st_size) != size or not self.is_idle():
                size, since = now, time.monotonic()
            time.sleep(0.1)

    def _lines(self) -> list[dict[str, Any]]:
        with self.path.open() as journal:
            journal.seek(self.place)
            text = journal.read()
            self.place = journal.tell()
        return [json.loads(line) for line in text.splitlines()]


def counted(name: str, lines: Sequence[Mapping[str, Any]]) -> Operation:
    """Put each line down to its function."""
    shares: dict[str, Share] = defaultdict(Share)
    items: dict[str, int] = {}
    for line in lines:
        function = _function(line["function"])
        if function in BY_THE_CLOCK:
            continue
        share = shares[function]
        if line["service"] == "lambda":
            share.invocations += 1
            share.cpu += line["cpu"]
            share.logged += line["logged"]
            continue
        share.events += line.get("entries", 0)
        share.calls[_NAMES.get(line["operation"], line["operation"])] += 1
        if line["service"] == "dynamodb":
            _add_units(share, line)
            for action, table, pk, sk, size in line["items"]:
                if action in {"Put", "Update"}:
                    kind = _kind(table, pk, sk)
                    items[kind] = max(size, items.get(kind, 0))
    return Operation(name, dict(shares), items)


_NAMES: Final = {"POST /schedules": "CreateSchedule", "DELETE /schedules": "DeleteSchedule"}


def _add_units(share: Share, line: Mapping[str, Any]) -> None:
    if line["status"] != 200:
        factor = 2 if line["operation"] == "TransactWriteItems" else 1
        share.refused_units += sum(factor * max(1, -(-size // 1024)) for *_, size in line["items"])
        return
    used = line["used"] or []
    for part in used if isinstance(used, list) else [used]:
        kinds = ("GlobalSecondaryIndexes", "LocalSecondaryIndexes")
        indexes = sum(index["CapacityUnits"] for kind in kinds for index in part.get(kind, {}).values())
        if line["operation"] in READS:
            share.read_units += part["CapacityUnits"]
        else:
            share.index_units += indexes
            share.table_units += part["CapacityUnits"] - indexes
    if line["operation"] in {"GetItem", "Query"} and line["items"][0][2].endswith("#CFG"):
        share.settings_units += line["used"]["CapacityUnits"]


def _function(deployed: str) -> str:
    (name,) = [name for name in FUNCTIONS if deployed.startswith(f"{STACK_NAME}-{name.title().replace('_', '')}-")]
    return name


def _kind(table: str, pk: str, sk: str) -> str:
    """Name an item by the word of its sort key, or else by that of its partition."""
    if table.startswith(f"{STACK_NAME}-Ledger-"):
        return "entry"
    word = re.match(r"[A-Z]+(?=#|$)", sk)
    return word[0] if word else pk.split("#")[2]


# ---- the operations


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

    def shop(self, **settings: Any) -> Shop:
        """A new shop; its id is as long as that of shops is."""
        self.shops += 1
        return Shop(self.stack, self.stack.platform.create_store(f"northwind-{self.shops:02d}", settings=settings))

    def all(self) -> list[Operation]:
        """Let everything happen, after a round that only warms the functions up."""
        for operations in (self.sales, self._more_sales, self.reviews, self._scenarios, self.group, self._payout):
            operations()
            operations()
        return list(self.found.values())

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
        # What the entrance does for any order of a store whose secrets it has seen.
        entrance = self.found["duplicate delivery"].shares["webhook_ingest"]
        self.found["webhook accepted"] = Operation("webhook accepted", {"webhook_ingest": entrance}, {})

    def _more_sales(self) -> None:
        shop = self.shop()
        customer_id = known_customer(shop)
        paid, paid_later = order(customer_id), order(customer_id)
        for one in (paid, paid_later):
            shop.send("orders/paid", one)
        self.count("refund clawed back", lambda: shop.send("refunds/create", refund(paid)))
        self.count("order cancelled", lambda: shop.send("orders/cancelled", cancelled(paid_later)))
        stranger = order(fresh_id(), contacts=False)
        self.count("first order of an unknown customer", lambda: shop.send("orders/paid", stranger))
        stranger = order(fresh_id())
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
        time.sleep(2 * REST)

    def reviews(self) -> None:
        """An order that waits for a person's yes."""
        shop = self.shop(auto_processing=False)
        paid = order(known_customer(shop))
        self.count("order to be reviewed", lambda: shop.send("orders/paid", paid))
        path = f"/v1/orders/{paid['id']}"
        expected = shop.store.api("GET", path).expect(200)["calculated"]["amount"]
        body = {"expected_amount": expected, "comment": "Looks right"}
        self.count("approve", lambda: shop.store.post(f"{path}/approve", body).expect(200))

    def _scenarios(self) -> None:
        shop = self.shop()
        customer_id = known_customer(shop)
        make(shop, "order.refunded", delay=_DAY, cancel_on=["order.cancelled"])
        self.count("scenarios with conditions", lambda: shop.send("orders/paid", order(customer_id)))
        shop = self.shop()
        customer_id = known_customer(shop)
        make(shop, "order.refunded", delay=_DAY, cancel_on=["order.created"])
        self.count("a newest order to keep", lambda: shop.send("orders/paid", order(customer_id)))
        for delay, name in ((_DAY, "task created"), ({**_DAY, "value": 0}, "task executed with a credit")):
            shop = self.shop()
            customer_id = known_customer(shop)
            make(shop, "order.paid", delay=delay, once_per_order=True, cancel_on=["order.cancelled"])
            paid = order(customer_id)
            self.count(name, partial(shop.send, "orders/paid", paid))
            if name == "task created":
                self.count("task cancelled", partial(shop.send, "orders/cancelled", cancelled(paid)))

    def group(self) -> None:
        """A credit for every member of a group."""
        shop = self.shop()
        gather(shop, "grp_friends", enrol(shop, *[0] * MEMBERS))
        body = {"apply_type": "relative", "amount": "5.00", "comment": "Thanks for staying"}
        self.count("group job", lambda: shop.store.post("/v1/groups/grp_friends/cashback", body).expect(202))

    def _payout(self) -> None:
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


def order(customer_id: int, *, contacts: bool = True, **fields: Any) -> dict[str, Any]:
    """A paid order of six lines of now, as Shopify sends it."""
    body = deepcopy(sample("shopify", "order_paid"))
    at = _ago()
    person = {**body["customer"], "id": customer_id}
    if not contacts:
        person |= {"email": None, "phone": None, "default_address": None}
    changed = {"id": fresh_id(), "customer": person, "created_at": at, "processed_at": at, "updated_at": at}
    return {**body, **changed, **fields}


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


@contextmanager
def opened() -> Iterator[Scene]:
    """A stack of its own."""
    LOCAL.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=LOCAL) as home:
        journal = Path(home) / "journal"
        stack = start(Path(home), journal=journal)
        try:
            urls = (stack.store_events_queue_url, stack.group_jobs_queue_url, stack.credits_queue_url)
            yield Scene(stack, Register(journal, lambda: not any(map(stack.queued, urls))))
        finally:
            stack.aws.stop()


def measure() -> list[Operation]:
    """Count every operation."""
    with opened() as found:
        return found.all()


if __name__ == "__main__":
    units.write(measure())
