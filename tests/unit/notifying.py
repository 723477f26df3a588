"""A shop whose customers, endpoints and alerts are told: the real notifier on simulated tables, queues and services."""

import base64
import hmac
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, cast

from cashback.adapters.dynamo.due import DueIndex
from cashback.adapters.dynamo.notices import Notices
from cashback.adapters.dynamo.tables import StateTable
from cashback.adapters.notification_queue import NotificationQueue
from cashback.adapters.seals import Seals
from cashback.adapters.webhook_sender import Reply
from cashback.domain.outgoing import Delivery, Endpoint, Target
from cashback.domain.times import Instant
from cashback.edge.deps import make_endpoint_books
from cashback.edge.notifier import NotificationBatch
from cashback.edge.sweeper import ENOUGH_TIME, Sweep
from cashback.services.books import Desk
from cashback.services.manage_endpoints import create_endpoint
from tests.simulation.queue import Queue
from tests.simulation.sqs import SimulatedSqs
from tests.unit.builders import NOW, ORDER, ORIGIN, STORE
from tests.unit.deployment import FakeKms
from tests.unit.stage import Stage

SECRET: Final = "whsec_" + base64.b64encode(b"k" * 32).decode()


class FakeEndpoints:
    """What shops' endpoints answer, and what they were sent."""

    def __init__(self) -> None:
        self.posts: list[tuple[Target, Mapping[str, str], bytes]] = []
        self.reply = Reply(status=200)

    def post(self, target: Target, headers: Mapping[str, str], body: bytes) -> Reply:
        self.posts.append((target, headers, body))
        return self.reply


class Notifying(Stage):
    """One store, its notifier, and all that it reaches."""

    def __init__(self, now: Instant = NOW, **settings: Any) -> None:
        super().__init__(now=now, **settings)
        self.told = Queue("notifications", self.clock, visibility=60)
        self.dead = Queue("dead", self.clock)
        sqs = cast("Any", SimulatedSqs([self.told, self.dead], self.faults))
        self.queue = NotificationQueue(sqs, self.told.url, self.dead.url)
        self.internet = FakeEndpoints()
        kms, dynamo = cast("Any", FakeKms()), cast("Any", self.shop.dynamo)
        self.outgoing = make_endpoint_books(dynamo, "State", Seals(lambda: kms, "key"), lambda: self.queue)
        self.table = StateTable(dynamo, "State")
        notices, sender = Notices(self.table, sleep=lambda _: None), cast("Any", self.internet)
        self.desk = Desk(self.books, self.outgoing, notices, self.outlets.messages, lambda: sender)

    def endpoint(self, endpoint_id: str = "whe_1", **fields: Any) -> Endpoint:
        url = f"https://{endpoint_id.replace('_', '-')}.example.com/in"
        given = {"url": url, "created_by": "key:anna", "body_hash": "body", **fields}
        asked = Endpoint(endpoint_id, sealed=b"", created_at=self.now, updated_at=self.now, **given)
        made, _ = create_endpoint(self.outgoing, STORE, asked, SECRET, ORIGIN)
        return made

    def tell(self, kind: str = "CashbackAwarded", event_id: str = "evt-1", **detail: Any) -> None:
        """What the bus puts into the queue."""
        about = {"customer_id": "7001", "order_id": ORDER, "amount": {"amount": "5.00", "currency": "USD"}, **detail}
        told = {"event_id": event_id, "store_id": STORE, "occurred_at": NOW, **about}
        self.told.send(json.dumps({"source": "cashback", "detail-type": kind, "detail": told}))

    def notify(self) -> None:
        """Let the notifier run until nothing is left to do now."""
        for _ in range(20):
            event = self.told.event(5)
            if event is None:
                return
            batch = NotificationBatch(self.queue, self.desk, clock=self.clock.now)
            self.told.settle(event, batch.run(event))

    def sweep(self) -> None:
        unused = cast("Any", None)
        due, left = DueIndex(self.table), lambda: 10 * ENOUGH_TIME
        Sweep(self.books, due, unused, unused, lambda: self.outgoing, left, clock=self.clock.now).run()

    def pass_time(self, **by: float) -> None:
        """Let time pass, with a sweep every five minutes, or every half an hour of a long time."""
        step = timedelta(minutes=5 if timedelta(**by) <= timedelta(hours=2) else 30)
        until = self.clock.now() + timedelta(**by)
        while self.clock.now() < until:
            self.clock.advance(step)
            self.sweep()
            self.notify()

    @property
    def deliveries(self) -> list[Delivery]:
        return self.outgoing.deliveries.page(STORE, None, None, 100, None)[0]

    @property
    def delivery(self) -> Delivery:
        (delivery,) = self.deliveries
        return delivery

    def standing(self, endpoint_id: str = "whe_1") -> Endpoint:
        endpoint = self.outgoing.endpoints.get(STORE, endpoint_id)
        assert endpoint is not None
        return endpoint


def signed(headers: Mapping[str, str], body: bytes, secret: str = SECRET) -> str:
    """The signature that a receiver expects. Source: the Standard Webhooks specification."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    message = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, message, "sha256").digest()).decode()
