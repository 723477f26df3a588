"""Two shops on one stack: what is asked of them, and what that should come to in whatever order it arrives.

The sums are those of what is sent, made by hand: nothing of the project computes them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any

from cashback.adapters.dynamo.codec import from_item
from tests.e2e.deployed import DeployedStack
from tests.e2e.faults import UNSERVED
from tests.e2e.groups import enrol, finished, gather
from tests.e2e.payouts import PAYOUTS, REQUESTS, account
from tests.e2e.scenarios import Buyer, Purchase, ago, make, tasks
from tests.e2e.shop import Sale, Shop, fresh_id, insist

type Act = Callable[[], object]
type Place = tuple[str, str, str]
"""A store, a customer, and an order of theirs or, where it is of none, the kind of what was posted."""
type Sums = Mapping[Place, Sequence[Decimal]]

GROUP = "grp_friends"
MINUTE, HOUR = {"value": 1, "unit": "minutes"}, {"value": 1, "unit": "hours"}
OF_ORDERS = {"order", "reversal"}
# What tells one answer from another.
IDS = ("transaction_id", "payment_account_id", "code")


@dataclass(slots=True)
class TwoShops:
    """A shop on Shopify, and one that tells events of our own and has scenarios, a group and payouts."""

    shopify: Shop
    events: Shop
    scenarios: Mapping[str, str]
    members: list[str]
    savers: list[str]
    expected: defaultdict[Place, list[Decimal]] = field(default_factory=lambda: defaultdict(list))
    paid: list[Purchase] = field(default_factory=list)
    cancelled: list[Purchase] = field(default_factory=list)
    jobs: list[dict[str, Any]] = field(default_factory=list)

    def due(self, shop: Shop, customer_id: int | str | None, what: int | str, *amounts: str) -> None:
        """Note what a customer should get."""
        self.expected[shop.store.store_id, str(customer_id), str(what)] += map(Decimal, amounts)

    # ---- what is to be sent; what it should come to is noted at once

    def sales(self) -> Iterator[Act]:
        """Four lives of an order: told twice, refunded before it is known, grown, and cancelled."""
        once, refunded, grown, gone = (Sale() for _ in range(4))
        delivery = f"d-{fresh_id()}"
        for _ in range(2):
            yield self._told("orders/paid", once.body(at=1), delivery)
        yield self._told("orders/paid", once.body(at=1))
        self.due(self.shopify, once.customer_id, once.order_id, "10.00")

        old = refunded.body(at=0, status="pending")
        yield self._told("refunds/create", refunded.refund())
        yield self._told("orders/paid", refunded.body(at=1))
        yield self._told("orders/create", old)
        self.due(self.shopify, refunded.customer_id, refunded.order_id, "10.00", "-5.00")

        more = Sale(((2, "100.00"), (1, "60.00")), grown.customer_id, order_id=grown.order_id)
        yield self._told("orders/paid", grown.body(at=1))
        for _ in range(2):
            yield self._told("orders/updated", more.body(at=3))
        self.due(self.shopify, grown.customer_id, grown.order_id, "10.00", "3.00")

        yield self._told("orders/paid", gone.body(at=1))
        yield self._told("orders/cancelled", gone.cancelled(at=4))
        self.due(self.shopify, gone.customer_id, gone.order_id, "10.00", "-10.00")

    def sale(self, sale: Sale) -> Act:
        """An order that is told once."""
        self.due(self.shopify, sale.customer_id, sale.order_id, "10.00")
        return self._told("orders/paid", sale.body(at=1))

    def purchases(self) -> Iterator[Act]:
        """Three orders that start every scenario; the first is refunded by half, the second is cancelled."""
        bought = [Purchase(Buyer(), created_at=ago(57)) for _ in range(3)]
        for purchase in bought:
            for _ in range(2):
                yield self._heard(purchase.event("paid"))
            self.due(self.events, purchase.customer_id, purchase.order_id, "1.00")
            self.due(self.events, purchase.customer_id, "scenario", "1.00", "2.00")
        yield self._heard(bought[0].refunded("10.00"))
        self.due(self.events, bought[0].customer_id, bought[0].order_id, "-0.50")
        yield self._heard(bought[1].event("cancelled", ago()))
        self.due(self.events, bought[1].customer_id, bought[1].order_id, "-1.00")
        self.paid += bought
        self.cancelled.append(bought[1])

    def adjustments(self) -> Iterator[Act]:
        """A credit, a debit, and a debit of more than anybody has, which moves nothing."""
        for customer_id in self.members[:2]:
            path = f"/v1/customers/{customer_id}/adjustments"
            for amount, status in (("7.00", 201), ("-2.00", 201), ("-9000.00", 409)):
                yield self._asked_twice(path, {"amount": amount}, status)
            self.due(self.events, customer_id, "manual", "7.00", "-2.00")

    def job(self) -> Iterator[Act]:
        """Something for each member of the group."""
        ask = partial(
            self.events.store.post,
            f"/v1/groups/{GROUP}/cashback",
            {"apply_type": "relative", "amount": "3.00"},
            key=f"k-{fresh_id()}",
        )
        yield lambda: self.jobs.append(insist(ask, UNSERVED).expect(202))
        for customer_id in self.members:
            self.due(self.events, customer_id, "group", "3.00")

    def withdrawal(self, customer_id: str) -> Iterator[Act]:
        """Money that is asked for, approved and paid out, one after the other."""
        store, key = self.events.store, f"k-{fresh_id()}"
        wish = {"customer_id": customer_id, "program": "Friends", "amount": "40.00", "from_balance": True}

        def withdraw() -> None:
            made = insist(partial(store.post, REQUESTS, wish, key=key), UNSERVED).expect(201)
            request_id = made["incentive_request_id"]
            insist(partial(store.post, f"{REQUESTS}/{request_id}/approve", key=key), UNSERVED).expect(200)
            pay = partial(store.post, PAYOUTS, {"incentive_request_id": request_id}, key=key)
            path = f"{PAYOUTS}/{insist(pay, UNSERVED).expect(201)['payout_id']}"
            for status in ("on_process", "success"):
                # A change has no key: made again after an answer that was lost, it may find itself made.
                insist(partial(store.api, "PATCH", path, {"status": status}), UNSERVED).expect(200, 409)
                assert insist(partial(store.api, "GET", path), UNSERVED).expect(200)["status"] == status

        yield withdraw
        self.due(self.events, customer_id, "payout", "-40.00", "0.00")

    def sealing(self) -> Iterator[Act]:
        """An account at which somebody is to be paid."""
        path = f"/v1/customers/{self.members[0]}/payment-accounts"
        yield self._asked_twice(
            path, {"type": "digital", "provider": "PayPal", "handle": f"{fresh_id()}@a.example"}, 201
        )

    # ---- how it is sent

    def _told(self, topic: str, payload: Any, delivery: str | None = None) -> Act:
        headers = {"x-shopify-webhook-id": delivery or f"d-{fresh_id()}"}
        deliver = partial(self.shopify.store.shopify, topic, payload, headers=headers)
        return lambda: insist(deliver, UNSERVED).expect(200)

    def _heard(self, event: dict[str, Any]) -> Act:
        return lambda: insist(partial(self.events.store.event, event), UNSERVED).expect(200)

    def _asked_twice(self, path: str, body: dict[str, str], status: int) -> Act:
        """Both times with the same key, and so with the same answer."""
        ask = partial(self.events.store.post, path, body, key=f"k-{fresh_id()}")

        def asked() -> None:
            first, again = (insist(ask, UNSERVED).expect(status) for _ in range(2))
            assert {first.get(name) for name in IDS} == {again.get(name) for name in IDS}

        return asked

    # ---- what became of it

    def wanted(self) -> Sums:
        """What each customer should have by now."""
        return _summed(self.expected)

    def posted(self) -> Sums:
        """What each customer has got, read off the table; it was found to be what their account says."""
        found: defaultdict[Place, list[Decimal]] = defaultdict(list)
        for shop in (self.shopify, self.events):
            balances: defaultdict[str, int] = defaultdict(int)
            available: dict[str, int] = {}
            for item in map(from_item, shop.stack.snapshot(shop.store).values()):
                customer_id = item["pk"].rpartition("#")[2]
                if item["sk"] == "ACCOUNT":
                    available[customer_id] = item["available"]
                    assert (item.get("reserved", 0), item.get("shortfall", 0)) == (0, 0)
                elif item.get("status") == "POSTED":
                    what = item["order_id"] if item["kind"] in OF_ORDERS else item["kind"]
                    found[shop.store.store_id, customer_id, what].append(Decimal(item["amount"]).scaleb(-2))
                    balances[customer_id] += item["amount"]
            assert {one: balances[one] for one in available} == available
        return _summed(found)

    def later_tasks(self) -> dict[str, dict[str, Any]]:
        """The tasks that are due in an hour, by order; each order has one."""
        found = tasks(self.events, self.scenarios["later"])
        assert len({task["order_id"] for task in found}) == len(found)
        return {task["order_id"]: task for task in found}

    def job_outcomes(self) -> list[tuple[str, int, int]]:
        """How each job ended, whom it credited, and how many members it had."""
        ended = [finished(self.events, job) for job in self.jobs]
        return [(job["status"], job["credited"], job["total"]) for job in ended]


def open_two_shops(stack: DeployedStack, members: int = 30) -> TwoShops:
    """Both shops, opened in quiet times, with customers of the second who have something already."""
    shopify, events = (
        Shop(stack, stack.platform.create_store(f"t-{name}-{fresh_id()}")) for name in ("shopify", "events")
    )
    wanted: dict[str, dict[str, Any]] = {
        "now": {"actions": _credit("1.00")},
        "soon": {"actions": _credit("2.00"), "delay": MINUTE},
        "later": {"actions": _credit("4.00"), "delay": HOUR, "cancel_on": ["order.cancelled", "order.created"]},
    }
    scenarios = {name: make(events, "order.paid", **fields) for name, fields in wanted.items()}
    shops = TwoShops(shopify, events, scenarios, enrol(events, *[0] * members), enrol(events, 0, 0))
    gather(events, GROUP, shops.members)
    for customer_id, amount in [
        *((one, "10.00") for one in shops.members[:2]),
        *((one, "100.00") for one in shops.savers),
    ]:
        events.store.post(f"/v1/customers/{customer_id}/adjustments", {"amount": amount}).expect(201)
        shops.due(events, customer_id, "manual", amount)
    for customer_id in shops.savers:
        account(events, customer_id)
    return shops


def _credit(amount: str) -> dict[str, Any]:
    return {"credit_cashback": {"amount": amount}}


def _summed(amounts: Sums) -> Sums:
    """Of an order the sum, because what cancels itself out is posted or not as its events arrive; else each amount."""
    kinds = {"manual", "group", "scenario", "payout"}
    sums = {place: sorted(each) if place[2] in kinds else [sum(each, Decimal())] for place, each in amounts.items()}
    return {place: each for place, each in sums.items() if each != [Decimal()]}
