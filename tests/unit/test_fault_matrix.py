"""Rows of the fault matrix that are about what many modules share: the worker of store events between its queue and the
tables, calls that are not answered, and items that other versions of this code wrote."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, cast

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ReadTimeoutError
from hypothesis import given, settings
from hypothesis import strategies as st

from cashback.adapters.dynamo import keys, store_keys
from cashback.adapters.dynamo.customers import Customers
from cashback.adapters.dynamo.ledger import Ledger
from cashback.adapters.dynamo.tables import StateTable
from cashback.adapters.queues import EventQueue, encode
from cashback.domain.customers import Profile
from cashback.domain.errors import Busy
from cashback.domain.ledger import Entry, Kind, Posted, Posting, payload_hash
from cashback.domain.news import Delivery
from cashback.domain.orders import Status
from cashback.domain.tasks import Step, TaskStep
from cashback.domain.times import instant, moment
from cashback.edge.batch import POISON_AFTER
from cashback.edge.clients import client
from cashback.edge.worker import EventBatch
from cashback.services.manage_tasks import cancel_task
from cashback.services.record_order import record_order
from tests.simulation.clock import Clock
from tests.simulation.dynamo import SimulatedDynamo
from tests.simulation.errors import client_error
from tests.simulation.faults import Fault, Rates
from tests.simulation.project_tables import table_specs
from tests.simulation.queue import Queue
from tests.simulation.sqs import SimulatedSqs
from tests.simulation.test_every_call import STORIES, told, what_stands
from tests.unit.builders import CUSTOMER, NOW, STORE, Shop, line, news, paid, refund, units
from tests.unit.deployment import Deployment, Reply, function
from tests.unit.people import until_it_is_done
from tests.unit.shopify_bodies import order as bought
from tests.unit.stage import Stage, scenario
from tests.unit.test_worker import record

HOURS, DAYS = 3_600, 86_400
ENDPOINTS = "/v1/webhook-endpoints"
OTHER_STORE = {"store_id": "other", "name": "Other", "currency": "USD", "timezone": "Europe/Berlin"}


class Worker:
    """A store whose events come through the queue, and time that tests move."""

    def __init__(self, **changes: Any) -> None:
        self.shop = Shop(**changes)
        self.clock = Clock(moment(NOW))
        self.dead = Queue("dead", self.clock)
        self.queue = Queue("events", self.clock, visibility=180, max_receive_count=20, dead_letters=self.dead)
        sqs = cast("Any", SimulatedSqs([self.queue, self.dead]))
        self.events = EventQueue(sqs, self.queue.url, self.dead.url)

    def deliver(self, topic: str = "orders/paid", order_id: int = 1, **fields: Any) -> str:
        """Queue what the shop tells of an order of 100.00; the message's id."""
        told = bought(id=order_id, customer={"id": int(CUSTOMER)}, **fields)
        delivery = Delivery(STORE, "shopify", topic, "d", instant(self.clock.now()), json.dumps(told).encode())
        return self.queue.send(encode(delivery))

    def run(self, event: dict[str, Any]) -> dict[str, list[dict[str, str]]]:
        alarms = cast("Any", None)
        return EventBatch(self.events, self.shop.books, alarms, clock=self.clock.now).run(event)

    def work(self) -> None:
        """Handle all that can be received now."""
        while (event := self.queue.event()) is not None:
            self.queue.settle(event, self.run(event))

    def wait(self, seconds: int) -> None:
        """Let time pass and handle what comes."""
        until = self.clock.time() + seconds
        while (visible := self.queue.next_visible_at()) is not None and visible <= until:
            self.clock.advance(max(0.0, visible - self.clock.time()))
            self.work()
        self.clock.advance(until - self.clock.time())

    @property
    def money(self) -> dict[str, int]:
        """What was posted, by cause, once the balance was found to be its sum."""
        posted = self.shop.posted
        assert (self.shop.account.available, self.shop.account.version) == (sum(posted.values()), len(posted))
        return posted

    @property
    def tables(self) -> list[Any]:
        """All that stands, but for the note that events of the store were late."""
        items = [*self.shop.dynamo.items("State"), *self.shop.dynamo.items("Ledger")]
        return [item for item in items if (item["pk"]["S"], item["sk"]["S"]) != store_keys.delay(STORE)]


# ---- calls that are refused, late or never answered


@pytest.mark.row("F4")
def test_a_message_whose_posting_is_contended_goes_back_to_its_queue_and_is_posted_later() -> None:
    worker = Worker()
    worker.deliver()
    worker.shop.dynamo.faults.set_rates(Rates(conflict=1.0))
    worker.work()
    assert (worker.money, len(worker.queue), len(worker.dead)) == ({}, 1, 0)
    worker.shop.dynamo.faults.calm()
    worker.wait(HOURS)
    assert (worker.money, len(worker.queue), len(worker.dead)) == ({"ord:1:earn": 500}, 0, 0)


@pytest.mark.row("F5")
@pytest.mark.parametrize("fault", [Fault.CONFLICT, Fault.THROTTLE])
def test_a_conflict_of_a_single_update_is_busy_and_the_same_call_succeeds_later(fault: Fault) -> None:
    shop = Shop()
    shop.hear(paid(line("1", 10_000)))
    faults = shop.dynamo.faults
    faults.script = {faults.calls + 1: fault}
    with pytest.raises(Busy):
        shop.books.customers.note_newest_order(STORE, CUSTOMER, "A-9", NOW)
    assert faults.fired[fault.name.lower()] == 1
    assert shop.books.customers.note_newest_order(STORE, CUSTOMER, "A-9", NOW)


@pytest.mark.row("F8")
def test_a_mismatched_token_ends_among_the_dead_letters_and_nothing_is_posted(monkeypatch: pytest.MonkeyPatch) -> None:
    worker, asked = Worker(), []

    def mismatch(**request: Any) -> None:
        asked.append(request)
        raise client_error("dynamodb", "TransactWriteItems", "IdempotentParameterMismatchException", "injected", {})

    worker.deliver()
    with monkeypatch.context() as patched:
        patched.setattr(worker.shop.dynamo, "transact_write_items", mismatch)
        worker.wait(DAYS)
    # A receive tries once, and the last one also notes the failure; no try brings a token of its own.
    assert POISON_AFTER <= len(asked) <= POISON_AFTER + 1
    assert not any("ClientRequestToken" in request for request in asked)
    assert (worker.money, len(worker.queue), len(worker.dead)) == ({}, 0, 1)
    worker.dead.redrive(worker.queue)
    worker.work()
    assert worker.money == {"ord:1:earn": 500}


class Wire:
    """A client of DynamoDB as the functions have it, and answers that never came over a network."""

    def __init__(self, answers: list[tuple[int, str]], monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in (("DEFAULT_REGION", "eu-central-1"), ("ACCESS_KEY_ID", "k"), ("SECRET_ACCESS_KEY", "s")):
            monkeypatch.setenv(f"AWS_{name}", value)
        self.answers, self.tokens, self.pauses = answers, list[str](), list[float]()
        self.client = client.__wrapped__("dynamodb")
        self.client.meta.events.register_first("before-send.dynamodb", self.send)
        monkeypatch.setattr("botocore.endpoint.time.sleep", self.pauses.append)

    def send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        self.tokens.append(json.loads(cast("bytes", request.body))["ClientRequestToken"])
        status, code = self.answers.pop(0)
        return AWSResponse(
            request.url, status, HTTPHeaders(), Raw(json.dumps({"__type": f"aws#{code}"} if code else {}).encode())
        )


class Raw:
    """The body of such an answer."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.body


@pytest.mark.row("F1", "F9", "F11")
@pytest.mark.parametrize("answer", [(400, "TransactionInProgressException"), (500, "InternalServerError")])
def test_the_sdk_sends_what_may_be_committed_again_under_the_same_token(
    answer: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = Wire([answer, answer, (200, "")], monkeypatch)
    entry = Entry("a", Kind.MANUAL, 1, "test", payload_hash("m"))
    ledger = Ledger(wire.client, "Ledger", "State")
    assert isinstance(ledger.post(Posting("s", "c", NOW, entries=(entry,))), Posted)
    assert len(wire.tokens) == 3
    assert len(set(wire.tokens)) == 1
    assert len(wire.pauses) == 2


@pytest.mark.row("F9", "F13")
def test_no_posting_is_tried_again_once_a_table_has_not_answered_for_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call takes nine seconds until the SDK gives it up; API Gateway waits twenty-nine."""
    clock, calls = Clock(), []

    def silence(**_: Any) -> None:
        calls.append(clock.monotonic())
        clock.advance(9)
        raise ReadTimeoutError(endpoint_url="simulated")

    dynamo = SimulatedDynamo(table_specs(), clock=clock)
    Customers(StateTable(cast("Any", dynamo), "State")).create("s", Profile("c", NOW, NOW), NOW)
    monkeypatch.setattr(dynamo, "transact_write_items", silence)
    entry = Entry("a", Kind.MANUAL, 1, "test", payload_hash("m"))
    posting = Posting("s", "c", NOW, entries=(entry,))
    ledger = Ledger(cast("Any", dynamo), "Ledger", "State", sleep=clock.sleep, clock=clock.monotonic)
    with pytest.raises(Busy):
        ledger.post(posting)
    assert calls == [0.0]


@pytest.mark.row("F12")
def test_a_table_that_is_away_for_hours_loses_no_event_and_doubles_none() -> None:
    worker = Worker()
    for n in range(1, 4):
        worker.deliver(order_id=n)
    worker.work()
    worker.shop.dynamo.faults.set_rates(Rates(error_before=0.5, lost_after=0.5))
    for n in range(1, 8):
        worker.deliver(order_id=n)
    worker.wait(3 * HOURS)
    worker.shop.dynamo.faults.calm()
    worker.dead.redrive(worker.queue)
    worker.wait(HOURS)
    assert worker.money == {f"ord:{n}:earn": 500 for n in range(1, 8)}
    assert (len(worker.queue), len(worker.dead)) == (0, 0)


SHUT = ["ThrottlingException", "AccessDeniedException", "DisabledException", "KMSInvalidStateException"]


@pytest.mark.row("F42")
@pytest.mark.parametrize("code", SHUT)
def test_without_kms_no_store_is_created_and_no_secret_rotated_and_the_same_call_succeeds_later(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    admin = deployment.create_store()
    made = deployment.call("POST", ENDPOINTS, {"url": "https://a.example/h"}, key=admin).expect(201)
    endpoint = f"{ENDPOINTS}/{made['webhook_endpoint_id']}"
    calls: tuple[Callable[[], Reply], ...] = (
        lambda: deployment.operator("POST", "/platform/stores", OTHER_STORE),
        lambda: deployment.operator("POST", "/platform/stores/demo/webhook-secrets", {"source": "shopify"}),
        lambda: deployment.call("PATCH", endpoint, {"rotate_secret": True}, key=admin),
    )
    before = deployment.everything()
    with monkeypatch.context() as patched:
        patched.setattr(deployment.kms, "encrypt", shut(code))
        for refused in (call() for call in calls):
            assert (refused.status, refused.code, refused.headers["Retry-After"]) == (503, "busy", ["2"])
    assert deployment.everything() == before
    assert [call().status for call in calls] == [201, 201, 200]


def shut(code: str) -> Callable[..., None]:
    """What KMS answers to everything."""

    def refuse(**_: Any) -> None:
        raise client_error("kms", "Encrypt", code, "injected", {})

    return refuse


@pytest.mark.row("F42")
@pytest.mark.parametrize("code", SHUT)
def test_without_kms_accounts_are_shown_masked_and_none_is_added_or_opened(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    admin = deployment.create_store()
    deployment.call("POST", "/v1/customers", {"customer_id": "c1"}, key=admin).expect(201)
    path = "/v1/customers/c1/payment-accounts"
    paypal = {"type": "digital", "provider": "PayPal", "handle": "ada@example.com"}
    made = deployment.call("POST", path, paypal, key=admin).expect(201)

    monkeypatch.setattr(deployment.kms, "encrypt", shut(code))
    monkeypatch.setattr(deployment.kms, "decrypt", shut(code))
    before = deployment.everything()
    account = f"{path}/{made['payment_account_id']}"
    assert deployment.call("GET", account, key=admin).expect(200)["handle"] == "****.com"
    for refused in (
        deployment.call("POST", path, {**paypal, "handle": "bob@example.com"}, key=admin),
        deployment.call("GET", f"{account}?unmasked=true", key=admin),
    ):
        assert (refused.status, refused.code, refused.headers["Retry-After"]) == (503, "busy", ["2"])
    assert deployment.everything() == before


# ---- workers that sleep, and messages that come again


@pytest.mark.row("F15", "F17")
@pytest.mark.parametrize("name", STORIES)
def test_who_sleeps_before_any_call_while_another_does_all_the_work_changes_nothing(name: str) -> None:
    steps, _ = STORIES[name]
    whole = told(steps)
    for n in range(1, whole.dynamo.faults.calls + 1):
        shop = told(())
        faults = shop.dynamo.faults
        first = faults.calls

        def others(index: int, _operation: str, shop: Shop = shop, awake: int = first + n) -> None:
            if index == awake:
                shop.dynamo.faults.before_call = None
                shop.dynamo.clock.advance(600)
                for step in steps:
                    until_it_is_done(step, shop)

        faults.before_call = others
        for step in steps:
            until_it_is_done(step, shop)
        assert faults.before_call is None, f"call {n}: nobody else worked"
        assert what_stands(shop) == what_stands(whole), f"call {n}"


@pytest.mark.row("F16")
def test_a_worker_that_is_still_warm_reads_the_settings_anew(deployment: Deployment) -> None:
    admin = deployment.create_store()
    for n, rate in ((1, "0.05"), (2, "0.1")):
        version = deployment.call("GET", "/v1/store", key=admin).expect(200)["version"]
        deployment.call("PATCH", "/v1/store", {"base_rate": rate}, key=admin, if_match=str(version)).expect(200)
        told = json.dumps(bought(id=n, customer={"id": 7})).encode()
        function("event_worker").handler({"Records": [record("shopify", told, "orders/paid")]}, None)
    awards = [deployment.books.orders.get("demo", order_id) for order_id in ("1", "2")]
    assert [order and order.award for order in awards] == [500, 1_000]


@pytest.mark.row("F20")
@pytest.mark.parametrize("report", [{"batchItemFailures": [{"itemIdentifier": "unknown"}]}, {"batchItemFailures": 7}])
def test_a_batch_whose_report_is_lost_or_malformed_is_handled_again_without_harm(report: dict[str, Any]) -> None:
    worker = Worker()
    for n in range(1, 4):
        worker.deliver(order_id=n)
    event = worker.queue.event()
    assert event is not None
    worker.run(event)
    before = worker.tables
    assert worker.queue.settle(event, report) == []
    worker.wait(HOURS)
    assert worker.tables == before
    assert (len(worker.queue), len(worker.dead)) == (0, 0)


MESSAGES = st.sampled_from(["junk", "{}", "[]", "null", "7"]) | st.text(
    st.characters(codec="ascii", min_codepoint=32), min_size=1
)


@pytest.mark.row("F21")
@settings(max_examples=50)
@given(st.lists(st.tuples(MESSAGES | st.none(), st.integers(1, 25)), max_size=6), st.booleans())
def test_a_report_names_only_messages_of_the_batch_and_each_once(
    batch: list[tuple[str | None, int]], out_of_reach: bool
) -> None:
    worker = Worker()
    worker.deliver()
    (sent,) = worker.queue.receive()
    records = [
        {
            **sent,
            "messageId": f"m{n}",
            "body": sent["body"] if body is None else body,
            "attributes": {**sent["attributes"], "ApproximateReceiveCount": str(receives)},
        }
        for n, (body, receives) in enumerate(batch)
    ]
    worker.shop.dynamo.faults.set_rates(Rates(error_before=1.0 if out_of_reach else 0.0))
    answer = worker.run({"Records": records})
    assert answer.keys() == {"batchItemFailures"}
    named = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
    assert len(named) == len(set(named))
    assert set(named) <= {one["messageId"] for one in records}


@pytest.mark.row("F17", "F22")
def test_a_message_that_is_seen_again_while_it_is_handled_is_posted_once() -> None:
    for n in range(1, 30):
        worker = Worker()
        worker.deliver()
        faults = worker.shop.dynamo.faults
        awake = faults.calls + n

        def meanwhile(index: int, _operation: str, worker: Worker = worker, awake: int = awake) -> None:
            if index == awake:
                worker.shop.dynamo.faults.before_call = None
                worker.clock.advance(181)
                worker.work()

        faults.before_call = meanwhile
        worker.work()
        faults.before_call = None
        worker.wait(HOURS)
        assert (worker.money, len(worker.queue), len(worker.dead)) == ({"ord:1:earn": 500}, 0, 0), f"call {n}"


@pytest.mark.row("18", "F2", "F25", "I14")
def test_what_comes_back_from_the_dead_letters_after_13_days_posts_nothing_twice() -> None:
    worker = Worker()
    worker.deliver()
    worker.deliver("orders/paid", order_id=2)
    copies = [message.body for message in worker.queue.messages]
    worker.work()
    worker.deliver("orders/cancelled", 2, cancelled_at="2026-03-01T10:00:00Z", updated_at="2026-03-01T10:00:00Z")
    worker.work()
    before = worker.tables
    for body in copies:
        worker.dead.send(body)
    worker.clock.advance(13 * DAYS)
    assert worker.dead.redrive(worker.queue) == 2
    worker.wait(HOURS)
    assert worker.shop.orders["2"].status is Status.REVERSED
    assert worker.shop.account.available == 500
    assert worker.tables == before


@pytest.mark.row("F25")
def test_a_step_that_comes_back_after_13_days_is_decided_by_what_stands_then() -> None:
    for cancelled in (False, True):
        stage = Stage(scenario())
        stage.paid()
        task = stage.task
        stage.scheduler.schedules.clear()
        if cancelled:
            cancel_task(stage.books, STORE, task.task_id, "key:anna", "request", stage.now)
        stage.clock.advance(timedelta(days=13))
        for _ in range(2):
            stage.action_queue.send(TaskStep(STORE, task.task_id, Step.RUN))
        stage.act()
        assert list(stage.credited.values()) == ([] if cancelled else [500])


# ---- clocks, indexes and other versions


@pytest.mark.row("F46")
@pytest.mark.parametrize("clocks", [(NOW, "2026-03-01T11:00:00.000000Z", "2026-02-28T12:00:00.000000Z")])
def test_a_clock_that_is_wrong_changes_no_balance_no_order_and_no_version(clocks: tuple[str, ...]) -> None:
    half = refund("r1", units("1", 1, 5_000))
    events = [paid(line("1", 10_000, quantity=2)), news(None, half), news(None, half, cancelled=True)]
    ends = []
    for times in (clocks, (NOW,) * 3, tuple(reversed(clocks))):
        shop = Shop()
        for event, now in zip(events, times, strict=True):
            record_order(shop.books, shop.settings, event, now)
        order = shop.order
        ends.append((shop.account.available, shop.account.version, order.status, order.award, order.target))
        assert sum(shop.posted.values()) == shop.account.available
    assert ends == [(0, 3, Status.REVERSED, 500, 500)] * 3


@pytest.mark.row("F39")
@pytest.mark.parametrize("name", STORIES)
def test_money_is_never_decided_by_an_index(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read, query = list[str](), SimulatedDynamo.query

    def spy(self: SimulatedDynamo, **request: Any) -> Any:
        read.append(request.get("IndexName", request["TableName"]))
        return query(self, **request)

    monkeypatch.setattr(SimulatedDynamo, "query", spy)
    told(STORIES[name][0])
    assert set(read) <= {"State", "Ledger"}


NEWER = {"M": {"a": {"L": [{"N": "1"}]}, "b": {"NULL": True}}}


@pytest.mark.row("F44")
def test_attributes_of_newer_code_are_ignored_and_survive_what_older_code_does() -> None:
    worker = Worker(auto_processing=True)
    worker.deliver()
    worker.work()
    shop = worker.shop
    before = (shop.orders, shop.accounts, shop.entries, shop.settings)
    for table in ("State", "Ledger"):
        for item in shop.dynamo.items(table):
            shop.dynamo.put_item(TableName=table, Item={**item, "of_newer_code": NEWER})
    assert (shop.orders, shop.accounts, shop.entries, shop.settings) == before
    worker.deliver("orders/cancelled", cancelled_at="2026-03-01T10:00:00Z", updated_at="2026-03-01T10:00:00Z")
    worker.work()
    assert shop.orders["1"].status is Status.REVERSED
    assert shop.account.available == 0
    account = shop.dynamo.item("State", *keys.account(STORE, CUSTOMER))
    assert account is not None
    assert account["of_newer_code"] == NEWER


@pytest.mark.row("F44")
def test_a_setting_of_newer_code_stands_while_older_code_changes_another(deployment: Deployment) -> None:
    admin = deployment.create_store()
    before = deployment.call("GET", "/v1/store", key=admin).expect(200)
    (item,) = [item for item in deployment.dynamo.items("State") if item["sk"]["S"] == "SETTINGS"]
    document = json.loads(item["document"]["S"]) | {"of_newer_code": {"a": [1, None]}}
    newer = {**item, "document": {"S": json.dumps(document)}, "of_newer_code": NEWER}
    deployment.dynamo.put_item(TableName="State", Item=newer)
    assert deployment.call("GET", "/v1/store", key=admin).expect(200) == before
    changed = deployment.call("PATCH", "/v1/store", {"cashback_enabled": False}, key=admin, if_match="1").expect(200)
    assert changed["cashback_enabled"] is False
    assert deployment.stores.document("demo").document["of_newer_code"] == {"a": [1, None]}
