"""What each operation asks of DynamoDB on the deployed stack: made to happen as a shop or an admin makes it happen, and
counted where the functions' calls arrive, with the sizes of the items that they write.

Every operation is counted alone, once the stack has come to rest after the one before it. What a function does is put
down to it, so that the share of those who follow (the projector, the notifier) stands apart from the share of those
who decide. The sweeper and the hourly function run by the clock and are left out.
"""

import json
import re
import tempfile
import time
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from dev.client import wait_until
from dev.project import LOCAL, STACK_NAME
from tests.e2e import payouts
from tests.e2e.deployed import FUNCTIONS, DeployedStack, start
from tests.e2e.groups import enrol, gather
from tests.e2e.scenarios import make
from tests.e2e.shop import Shop, fresh_id, sample

COUNTED: Final = Path(__file__).parent / "units.toml"
"""What ``make bench`` counted last. The end-to-end tests count again and compare."""

REST: Final = 0.8
"""Seconds without a call, after which an operation is over, and all that follows it: queues and streams are looked at
far more often."""

MEMBERS: Final = 100
BATCH: Final = 10
"""Messages that a worker of a busy store gets at once: the ``BatchSize`` of template.yaml."""

BUSY: Final = 40
"""Orders of a busy store at once: full batches for the worker, and two fifths of one for the projector."""

BY_THE_CLOCK: Final = frozenset({"sweeper", "daily"})
ENTRANCES: Final = frozenset({"webhook_ingest", "authorizer"})
FOLLOWING: Final = frozenset({"projector", "notifier"})
WRITTEN_BEHIND: Final = frozenset({"BATCH", "DAY", "DLV", "NTF", "SEARCH"})
"""Kinds of items that only those write who follow."""

DECIDING: Final = frozenset(FUNCTIONS) - ENTRANCES - FOLLOWING - BY_THE_CLOCK

_READS: Final = frozenset({"GetItem", "BatchGetItem", "Query", "TransactGetItems"})
_DAY: Final = {"value": 1, "unit": "days"}


class Share(Struct):
    """What functions did for an operation. ``cpu`` is in seconds. ``settings_units`` are those of the read units that
    read the settings, where an API looks them up by their key. ``refused_units`` is what AWS charges for writes whose
    condition failed, by its rules: of those the engine says nothing. ``events`` went to the bus, ``logged`` is bytes.
    """

    invocations: int = 0
    cpu: float = 0.0
    logged: int = 0
    events: int = 0
    table_units: float = 0.0
    index_units: float = 0.0
    refused_units: float = 0.0
    read_units: float = 0.0
    settings_units: float = 0.0
    calls: Counter[str] = field(default_factory=Counter)

    @property
    def writes(self) -> float:
        """Write units that moved something, of the tables and of their indexes."""
        return self.table_units + self.index_units

    @property
    def table_calls(self) -> int:
        """Calls of DynamoDB."""
        return sum(count for name, count in self.calls.items() if name in _READS or name.endswith(("Item", "Items")))

    def __add__(self, other: "Share") -> "Share":
        return Share(**{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__})

    def __sub__(self, other: "Share") -> "Share":
        calls = Counter({name: count - other.calls[name] for name, count in self.calls.items()})
        numbers = [name for name in self.__struct_fields__ if name != "calls"]
        less: dict[str, Any] = {name: getattr(self, name) - getattr(other, name) for name in numbers}
        return Share(**less, calls=calls)


class Operation(Struct):
    """One operation: what each function did for it, and the largest of each kind of item that was written."""

    name: str
    shares: dict[str, Share]
    items: dict[str, int]

    def of(self, functions: frozenset[str]) -> Share:
        """What these functions did together."""
        return sum((share for name, share in self.shares.items() if name in functions), Share())

    @property
    def decided(self) -> Share:
        """What those did who decide, and post."""
        return self.of(DECIDING)


class Budget(Struct, frozen=True):
    """A row of the budget: an operation, less what another one costs where it comes on top of that, for each of so
    many; its most write units and read units, and the test of ``make test`` that holds it in this process."""

    operation: str
    writes: float
    reads: float
    test: str
    on_top_of: str | None = None
    each: int = 1
    functions: frozenset[str] = DECIDING


_IN_PROCESS: Final = "test_budgets.py"
_OF_TASKS: Final = "test_task_budgets.py"

BUDGETS: Final = (
    Budget("webhook accepted", 0, 0, "test_webhook_budget.py", functions=frozenset({"webhook_ingest"})),
    Budget("unpaid order recorded", 2 + 2, 1, _IN_PROCESS),
    Budget("unpaid order changed", 1 + 1, 1, _IN_PROCESS),
    Budget("paid order, first seen", 6 + 3, 2, _IN_PROCESS),
    Budget("paid order, already recorded", 6 + 4, 2, _IN_PROCESS),
    Budget("duplicate delivery", 6, 2, _IN_PROCESS),
    Budget("scenarios with conditions", 0, 2, _OF_TASKS, "paid order, first seen"),
    Budget("a newest order to keep", 2, 2, _IN_PROCESS, "paid order, first seen"),
    Budget("first order of an unknown customer", 4 + 1, 0, _IN_PROCESS, "paid order, first seen"),
    Budget("refund clawed back", 8 + 3, 2, _IN_PROCESS),
    Budget("approve", 6 + 4, 2, _IN_PROCESS),
    Budget("manual credit", 6 + 1, 1, _IN_PROCESS),
    Budget("manual debit", 6 + 1, 1, _IN_PROCESS),
    Budget("group job", 5.5, 1, _IN_PROCESS, each=MEMBERS),
    Budget("task created", 4 + 2 * 2, 4, _OF_TASKS, "paid order, first seen"),
    Budget("task cancelled", 5 + 2, 4, _OF_TASKS, "order cancelled"),
    Budget(
        "task executed with a credit",
        14 + 2,
        4,
        _OF_TASKS,
        functions=frozenset({"action_worker", "credit_worker"}),
    ),
    Budget("balance read", 0, 1, _IN_PROCESS),
    Budget("paid orders in batches of ten", 6 + 3, 2, "test_webhook_budget.py", each=BUSY),
)
"""The table of the design, and a batch. Settings and active scenarios are read once for each batch, or call of the API,
and counted apart. One guard and one watch for tasks."""


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
        if line["operation"] in _READS:
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
            self.count(name, lambda: shop.store.post(f"/v1/customers/{customer_id}/adjustments", body).expect(201))  # noqa: B023
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
            self.count(name, lambda: shop.send("orders/paid", paid))  # noqa: B023
            if name == "task created":
                self.count("task cancelled", lambda: shop.send("orders/cancelled", cancelled(paid)))  # noqa: B023

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
def scene() -> Iterator[Scene]:
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
    with scene() as found:
        return found.all()


# ---- what was counted, as a file and as a page


def write(operations: Sequence[Operation]) -> None:
    """Keep what was counted."""
    lines = [
        "# Written by `make bench`, or by `python -m tests.benchmarks.units`: what each operation asked of DynamoDB",
        "# and of other services, by function.",
    ]
    for operation in operations:
        lines += ["", "[[operation]]", f'name = "{operation.name}"', f"items = {_inline(operation.items)}"]
        for name, share in sorted(operation.shares.items()):
            lines += ["", f"[operation.shares.{name}]"]
            for figure in share.__struct_fields__:
                value = getattr(share, figure)
                lines.append(f"{figure} = {_inline(value) if isinstance(value, Counter) else round(value, 4)}")
    COUNTED.write_text("\n".join(lines) + "\n")


def _inline(values: Mapping[str, int]) -> str:
    return "{" + ", ".join(f"{name} = {value}" for name, value in sorted(values.items())) + "}"


def read() -> dict[str, Operation]:
    """What was counted last, by name."""
    kept = tomllib.loads(COUNTED.read_text())["operation"]
    operations = [msgspec.convert(one, Operation, dec_hook=lambda kind, value: kind(value)) for one in kept]
    return {one.name: one for one in operations}


def cost_of(budget: Budget, operations: Mapping[str, Operation]) -> Share:
    """What a row of the budget came to, for each; on top of what another operation costs, if it is so."""
    share = operations[budget.operation].of(budget.functions)
    return share - operations[budget.on_top_of].of(budget.functions) if budget.on_top_of else share


def check(operations: Sequence[Operation]) -> list[str]:
    """Return what is over its budget."""
    by_name = {one.name: one for one in operations}
    return [over for budget in BUDGETS if (over := _over(budget, by_name))]


def _over(budget: Budget, operations: Mapping[str, Operation]) -> str:
    share = cost_of(budget, operations)
    writes, reads = share.writes / budget.each, (share.read_units - share.settings_units) / budget.each
    most = budget.writes + larger(operations[budget.operation]) / budget.each
    if writes <= most and reads <= budget.reads:
        return ""
    return f"{budget.operation}: {writes:g} write units of {most:g}, {reads:g} read units of {budget.reads:g}"


def larger(operation: Operation) -> int:
    """Return the write units by which items of more than the 1 KB of the budget exceed it, in a transaction."""
    return sum(2 * ((size - 1) // 1024) for kind, size in operation.items.items() if kind not in WRITTEN_BEHIND)


def recounted(kept: Operation, again: Operation) -> list[str]:
    """Return what those who decide did otherwise than it was counted before."""
    figures = ("writes", "read_units", "settings_units", "refused_units", "calls")
    before, now = kept.decided, again.decided
    return [
        f"{kept.name}: {figure} {getattr(now, figure)}, and {getattr(before, figure)} when it was counted"
        for figure in figures
        if getattr(now, figure) != getattr(before, figure)
    ]


def section(operations: Sequence[Operation]) -> list[str]:
    """Return the lines of the page."""
    by_name = {one.name: one for one in operations}
    return [
        "## Calls and units of each operation",
        "",
        "Each was made to happen on the deployed stack by a signed webhook, a call of the API or a schedule, alone,",
        "and counted where the functions' calls arrive. The order is Shopify's, of six lines. Units are those of the",
        "tables and of their indexes; reads of settings and active scenarios stand apart, as a batch shares them. A",
        "row that comes on top of another is the difference. Where an item is larger than the 1 KB of the budget,",
        "the budget has two units more for each write of it. *Held by* is the test of `make test` that fails above",
        "the budget; `tests/e2e/test_units.py` counts a part of these rows on the deployed stack again.",
        "",
        "| operation | calls | write units | budget | charged | read units | budget | settings | held by |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---|",
        *(_budget_row(budget, by_name) for budget in BUDGETS),
        "",
        "*Charged* are units of writes whose condition failed: they move nothing, and AWS charges for them. Behind an",
        "operation follow the projector (totals, events, words to search by) and the notifier; and here are those",
        "operations that have no budget.",
        "",
        "| operation | who | invocations | calls | write units | charged | read units | events |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
        *(row for operation in operations for row in _share_rows(operation)),
        "",
        "### Sizes of items",
        "",
        "The largest of each kind that was written. A write costs a unit for each started 1,024 bytes, two in a",
        "transaction.",
        "",
        "| item | bytes | units of a write | largest in |",
        "|---|---:|---:|---|",
        *_size_rows(operations),
        "",
    ]


def _budget_row(budget: Budget, operations: Mapping[str, Operation]) -> str:
    share, more = cost_of(budget, operations), larger(operations[budget.operation])
    name = f"{budget.operation}, on top" if budget.on_top_of else budget.operation
    cells = [
        f"{name}, each of {budget.each}" if budget.each > 1 else name,
        f"{share.table_calls / budget.each:g}",
        f"{share.writes / budget.each:g}",
        f"{budget.writes:g} + {more}" if more else f"{budget.writes:g}",
        f"{share.refused_units / budget.each:g}",
        f"{(share.read_units - share.settings_units) / budget.each:g}",
        f"{budget.reads:g}",
        f"{share.settings_units / budget.each:g}",
        f"`{budget.test}`",
    ]
    return f"| {' | '.join(cells)} |"


def _share_rows(operation: Operation) -> Iterator[str]:
    hidden = ENTRANCES | (DECIDING if operation.name in {budget.operation for budget in BUDGETS} else frozenset())
    for name, share in sorted(operation.shares.items()):
        if name in hidden:
            continue
        figures = (share.invocations, share.table_calls, share.writes, share.refused_units, share.read_units)
        cells = [operation.name, name, *(f"{figure:g}" for figure in figures), f"{share.events}"]
        yield f"| {' | '.join(cells)} |"


def _size_rows(operations: Sequence[Operation]) -> Iterator[str]:
    found: dict[str, tuple[int, str]] = {}
    for operation in operations:
        for kind, size in operation.items.items():
            found[kind] = max(found.get(kind, (0, "")), (size, operation.name))
    for kind, (size, name) in sorted(found.items(), key=lambda item: -item[1][0]):
        units = -(-size // 1024)
        yield f"| {kind} | {size:,} | {units} | {name} |"


if __name__ == "__main__":
    write(measure())
