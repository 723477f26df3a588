"""One store with a customer, a task and a group, and for every function that is measured the events that it is called
with: each is work that was not done before, but for the two functions of ``ALIKE``. On the stand-ins or on the local
engine alike."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import replace
from itertools import batched
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast
from unittest.mock import patch
from zoneinfo import ZoneInfo

from cashback.adapters import queues, step_messages
from cashback.adapters.dynamo.customers import Customers
from cashback.adapters.dynamo.tables import StateTable
from cashback.domain.api_keys import Role
from cashback.domain.customers import Profile
from cashback.domain.fingerprints import fingerprint
from cashback.domain.group_jobs import CHUNK, ApplyType
from cashback.domain.group_steps import ChunkStep, JobStep
from cashback.domain.groups import Group
from cashback.domain.ledger import Write
from cashback.domain.scenarios import Actions, Trigger
from cashback.domain.tasks import Action, ActionOutcome, ActionStatus, CreditStep, Task, acted, finished, fired
from cashback.domain.times import Instant
from cashback.edge import clients, deps, ids
from cashback.services.run_group_job import run_job_step
from cashback.services.start_group_job import Instruction, JobRequest, start_group_job
from dev.client import base64_hmac
from dev.project import ROOT
from dev.template import table_definition
from tests.benchmarks.played import CONTEXT
from tests.unit.deployment import clear_caches, function

if TYPE_CHECKING:
    from cashback.adapters.job_queue import JobQueue

STORE: Final = "harbour-coffee"
NOW: Final = "2026-02-03T09:14:10.000000Z"
LATER: Final = "2026-02-04T19:14:10.000000Z"
"""The evening of the next day: ``NOW`` is yesterday, and its recount is due, wherever the store is."""
NAMES: Final = {
    name.upper(): {"ledger_table": "Ledger", "state_table": "State"}.get(name, name)
    for name in clients.Environment.__struct_fields__
}
"""What the template names, as the stand-ins know it."""

ALIKE: Final = ("authorizer", "settings_api")
"""Functions that are called with the same event each time: they read, and keep nothing of it."""

_NEVER_LATE: Final = "4102444800000"
"""When a message was sent. Of one that waited long a note is made, which is not what happens to most."""


class Gathering(StateTable, frozen=True):
    """A table whose commits are gathered, so that many customers or tasks can be written at once."""

    gathered: list[Write]

    def commit(self, *writes: Write) -> None:
        """Keep the writes."""
        self.gathered.extend(writes)


@contextmanager
def at_work(names: Mapping[str, str], client: Callable[..., Any]) -> Iterator[None]:
    """Let the composition root of this process find these clients, and nothing that it found before."""
    clear_caches()
    clients.environment.cache_clear()
    with patch.dict("os.environ", names), patch.object(clients, "client", client):
        yield
    clear_caches()
    clients.environment.cache_clear()


def make_resources(client: Callable[[str], Any]) -> dict[str, str]:
    """Make the tables, queues and keys on an engine; return what the template would name."""
    for table in ("Ledger", "State"):
        client("dynamodb").create_table(TableName=table, **table_definition(table))
    queues = {
        name: client("sqs").create_queue(QueueName=name.lower())["QueueUrl"] for name in NAMES if name.endswith("URL")
    }
    keys = {name: client("kms").create_key()["KeyMetadata"]["Arn"] for name in NAMES if name.endswith("KEY_ID")}
    return {**NAMES, **queues, **keys, "KEYS_PARAMETER": "/cashback/keys"}


def sample(name: str) -> dict[str, Any]:
    """An event of ``events/``; its messages have just been sent."""
    event: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text())
    for record in event.get("Records", ()):
        if "attributes" in record:
            record["attributes"]["SentTimestamp"] = _NEVER_LATE
    return event


def message(name: str, body: str) -> dict[str, Any]:
    """The sample of a worker with another message."""
    event = sample(name)
    event["Records"] = [{**event["Records"][0], "body": body}]
    return event


def batch_of(events: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """One batch of the messages of several events."""
    records = [record for event in events for record in event["Records"]]
    return {"Records": [{**record, "messageId": str(number)} for number, record in enumerate(records)]}


def task(task_id: str, due_at: Instant, **more: Any) -> Task:
    """A task that credits, due as soon as it was started by an order."""
    credit = Task(
        task_id=task_id,
        scenario_id="scn_01KGH2Q7WZ8V3N5T6R4Y9XABCD",
        trigger=Trigger.ORDER_PAID,
        cause=f"ord:{task_id}:paid",
        occurred_at=due_at,
        created_at=due_at,
        due_at=due_at,
        actions=Actions(credit=500),
    )
    return replace(credit, **more)


def serve(name: str, event: Mapping[str, Any]) -> None:
    """Call a function in this process.

    :raises AssertionError: it did not do what it was asked.
    """
    answer = function(name).handler(event, CONTEXT)
    assert answer.get("statusCode", 200) in {200, 201}, answer
    assert not answer.get("batchItemFailures"), answer


def open_store() -> None:
    """Create the store, and let its first customer be known by a first order; to be called ``at_work``."""
    key = sample("authorizer")["authorizationToken"].removeprefix("Bearer ")
    with patch.object(ids, "new_api_key", lambda _store_id: key):
        serve("platform_api", sample("platform_api"))
    serve("event_worker", sample("event_worker"))


def events(name: str, most: int) -> Iterator[dict[str, Any]]:
    """The events of a function, no more than so many; to be called ``at_work``."""
    if name in ALIKE:
        return iter([sample(name)] * most)
    return _MAKERS[name](most)


def _webhooks(most: int) -> Iterator[dict[str, Any]]:
    """Paid orders as the shop sends them, none sent before."""
    event = sample("webhook_ingest")
    number = json.loads(event["body"])["id"]
    for other in range(number + 1, number + 1 + most):
        body = event["body"].replace(str(number), str(other))
        headers = {**event["headers"], "x-shopify-webhook-id": f"5b8f6f0e-4f4c-4a52-9e0f-{other % 10**12:012d}"}
        yield signed({**event, "headers": headers}, body)


def signed(event: dict[str, Any], body: str) -> dict[str, Any]:
    """A webhook with another body."""
    secret = json.loads(sample("platform_api")["body"])["webhook_secrets"]["shopify"]
    signature = base64_hmac(secret.encode(), body.encode())
    return {**event, "headers": {**event["headers"], "x-shopify-hmac-sha256": signature}, "body": body}


def _orders(most: int) -> Iterator[dict[str, Any]]:
    """Paid orders of a known customer, none heard of before."""
    delivery = queues.decode(sample("event_worker")["Records"][0]["body"])
    number = json.loads(delivery.body)["id"]
    for other in range(number + 1, number + 1 + most):
        body = delivery.body.replace(str(number).encode(), str(other).encode())
        yield message("event_worker", queues.encode(replace(delivery, body=body)))


def _credits(most: int) -> Iterator[dict[str, Any]]:
    """Credits of tasks that have begun to run, one a message."""
    tasks = deps.books().tasks
    for number in range(most):
        task_id = f"tsk_{fingerprint(str(number))[:26]}"
        begun = fired(task(task_id, NOW, customer_id="9007199254740993", order_id=str(number)), NOW)
        assert begun is not None
        queued = acted(begun, Action.CREDIT, ActionOutcome(ActionStatus.QUEUED))
        done = finished(queued, NOW, ZoneInfo("Europe/Berlin"))
        assert tasks.create(STORE, done, once_per_order=False, once_per_customer=False)
        yield message("credit_worker", step_messages.encode(CreditStep(STORE, task_id)))


def _balances(most: int) -> Iterator[dict[str, Any]]:
    """Balances of customers, none asked for before."""
    text = json.dumps(sample("customers_api"))
    customers = [f"7412{number:09d}" for number in range(most)]
    enrol(customers)
    for customer_id in customers:
        yield json.loads(text.replace("9007199254740993", customer_id))


def enrol(customers: Iterable[str], **known: Any) -> None:
    """Write customers with empty accounts, many at once."""
    with gathered() as table:
        for customer_id in customers:
            Customers(table).create(STORE, Profile(customer_id, NOW, NOW, **known), NOW)


@contextmanager
def gathered() -> Iterator[StateTable]:
    """A table whose commits are gathered, and sent many at once."""
    table = Gathering(clients.dynamodb(), clients.environment().state_table, gathered=[])
    yield table
    for some in batched(table.gathered, 100, strict=False):
        puts: list[Any] = list(some)
        table.client.transact_write_items(TransactItems=puts)


def _chunks(most: int) -> Iterator[dict[str, Any]]:
    """The chunks of a group job, one a message."""
    books, group_id = deps.books(), "grp_regulars"
    members = [f"7311{number:09d}" for number in range(most * CHUNK)]
    enrol(members)
    groups = deps.group_books().groups
    groups.create(STORE, Group(group_id, "Regulars", NOW, "key:ann", group_id, group_id))
    for place in range(0, len(members), 90):
        groups.add(STORE, group_id, members[place : place + 90], "by hand", NOW)
    steps: list[JobStep] = []
    queue = cast("JobQueue", SimpleNamespace(send=steps.extend))
    work = deps.make_job_books(books, deps.group_books(), lambda: queue, clients.dynamodb(), NAMES["STATE_TABLE"])
    asked = JobRequest("job_4e5a1c7d0b9f42638ad1e6c0f2", "key:ann", "request", "body", NOW)
    settings = books.stores.document(STORE).settings()
    start_group_job(work, settings, group_id, Instruction(ApplyType.RELATIVE, "5.00"), asked, Role.ADMIN)
    while planned := [step for step in steps if not isinstance(step, ChunkStep)]:
        steps.remove(planned[0])
        run_job_step(work, planned[0], NOW)
    assert len(steps) == most
    for step in steps:
        yield message("group_job_worker", step_messages.encode(step))


_MAKERS: Final = {
    "webhook_ingest": _webhooks,
    "event_worker": _orders,
    "credit_worker": _credits,
    "group_job_worker": _chunks,
    "customers_api": _balances,
}
