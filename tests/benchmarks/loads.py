"""What hot functions are weighed with: what they do all day, and the most that one event makes them hold, which are the
longest pages of an index, the largest batches and the longest bodies. Each is made ``at_work`` in a new store."""

import json
from collections.abc import Callable, Iterator, Mapping
from copy import replace
from itertools import batched, count, islice
from typing import Any, Final

import msgspec.json
from msgspec import Struct

from cashback.adapters import notification_queue, queues, step_messages
from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.tasks import Tasks
from cashback.domain.delays import Delay, Unit
from cashback.domain.domain_events import DomainEvent
from cashback.domain.group_imports import PAGE, MembersImport
from cashback.domain.group_jobs import CHUNK, ApplyType, Job, JobStatus
from cashback.domain.group_steps import FanOutStep, GroupStep, ImportStep, SnapshotStep
from cashback.domain.groups import Group, Rule
from cashback.domain.member_rows import Column, Row
from cashback.domain.names import STORED_ID_LENGTHS
from cashback.domain.news import MAX_BODY
from cashback.domain.outgoing import AttemptStep, Endpoint, delivery_of, sealed_for
from cashback.domain.scenarios import Actions, Channel, Condition, Message, Success
from cashback.domain.tasks import Step, TaskStep
from cashback.edge import clients, deps
from cashback.services import recount_days
from cashback.services.plan_group_job import READ_AT_ONCE, READ_BY_HAND, SENT_AT_ONCE
from tests.benchmarks import story
from tests.benchmarks.pace import EventSourceMapping
from tests.benchmarks.story import LATER, NOW, STORE, batch_of
from tests.benchmarks.units import BATCH
from tests.streams import Stream

RECORDS: Final = 100
"""Records of a stream that the projector is given at most."""

ORDERS: Final = recount_days._ORDERS
"""Orders that the recount of a day lists at once."""

DUE: Final = 3_500
"""Things that came due in one of an hour's partitions: more than a megabyte of the index."""

ATTEMPTS: Final = EventSourceMapping.of("NotifierSource").batch - 1
"""Webhooks to attempt, beside an event to tell: together a full batch."""

LONG_ORDER, LONG_ORDERS = "an order of 1 MiB", "ten orders of 1 MiB"
"""What the worker of orders holds most of, alone and in a batch."""

_JOB: Final = "job_7b20d94c51e84fa6b3c8f1d2a9"
_GROUP: Final = Group("grp_everybody", "Everybody", NOW, "key:ann", "request", "body")
_PERSON: Final = {
    "name": "Anna Bell",
    "email": "anna.bell@example.com",
    "email_verified": True,
    "phone": "+14155550123",
}
_TAGS: Final = ("regular", "coffee", "newsletter", "wholesale", "summer")

type Event = dict[str, Any]


def _one(name: str) -> Event:
    (event,) = story.events(name, 1)
    return event


def _ten(name: str) -> Event:
    return batch_of(story.events(name, BATCH))


def _of_one_part(form: str) -> Iterator[str]:
    """Ids that are all in the first of 16 partitions."""
    return (one for number in count() if keys.shard_by_hash(one := form.format(number)) == 0)


# ---- orders


def _longest_webhook() -> Event:
    event = _one("webhook_ingest")
    order = json.loads(event["body"])
    return story.signed(event, json.dumps({**order, "note": "x" * (MAX_BODY - len(json.dumps(order)) - 100)}))


def longest(event: Event) -> Event:
    """Orders of as many lines as their bodies have room for."""
    for record in event["Records"]:
        delivery = queues.decode(record["body"])
        record["body"] = queues.encode(replace(delivery, body=_filled(json.loads(delivery.body))))
    return event


def _filled(order: Mapping[str, Any]) -> bytes:
    (line, *_) = order["line_items"]
    room = MAX_BODY - len(msgspec.json.encode(order))
    lines = [{**line, "id": line["id"] + number} for number in range(room // len(msgspec.json.encode(line)) - 1)]
    return msgspec.json.encode({**order, "line_items": lines})


def _record_orders(orders: int) -> None:
    for event in story.events("event_worker", orders):
        story.serve("event_worker", event)


def _stream() -> Event:
    """The records of orders, their entries and accounts."""
    stand_in: Any = clients.dynamodb()
    stream = Stream()
    stand_in.observers.append(stream.watch)
    _record_orders(RECORDS)
    (sample,) = story.sample("projector")["Records"]
    return {"Records": [{**sample, **record} for record in stream.records[:RECORDS]]}


def _day() -> Event:
    """As many orders of yesterday as the recount lists at once."""
    _record_orders(ORDERS)
    return story.sample("daily")


# ---- groups


def _group_step(step: GroupStep) -> Event:
    """A step, and the chunk of another job, which come as one batch."""
    return batch_of([story.message("group_job_worker", step_messages.encode(step)), _one("group_job_worker")])


def _start(**fields: Any) -> None:
    job = Job(_JOB, _GROUP.group_id, _GROUP.name, ApplyType.RELATIVE, 500, "key:ann", NOW, "request", "body", **fields)
    assert deps.job_books().jobs.create(STORE, job)


def _by_hand() -> Event:
    """Members with the longest ids, as many of one partition as one step reads, and one more."""
    groups = deps.group_books().groups
    groups.create(STORE, _GROUP)
    members = islice(_of_one_part(f"{{:0{STORED_ID_LENGTHS[-1]}}}"), READ_BY_HAND + 1)
    for some in batched(members, 90, strict=False):
        groups.add(STORE, _GROUP.group_id, some, "imp_4e5a1c7d0b9f42638ad1e6c0f2/12", NOW)
    _start()
    return _group_step(SnapshotStep(STORE, _JOB, 0))


def _by_rule() -> Event:
    """Customers of whom all match, by their tags too."""
    story.enrol(islice(_of_one_part("7310{:09}"), READ_AT_ONCE + 1), tags=_TAGS, **_PERSON)
    _start(rule=Rule(min_orders=0, tags=_TAGS[:1]))
    return _group_step(SnapshotStep(STORE, _JOB, 0))


def _import() -> Event:
    """The first page of two that name the same customers."""
    customers = [f"7412{number:09}" for number in range(PAGE)]
    story.enrol(customers)
    rows = tuple(Row(number, one) for number, one in enumerate(customers * 2))
    books, group_id = deps.group_books(), _GROUP.group_id
    books.groups.create(STORE, _GROUP)
    made = MembersImport("imp_1", group_id, Column.CUSTOMER_ID, len(rows), NOW, "key:ann", "body", due_at=NOW)
    assert books.imports.create(STORE, made, rows) is None
    return _group_step(ImportStep(STORE, group_id, made.import_id, 0))


def _fan_out() -> Event:
    _start(total=1_000_000, chunks=1_000_000 // CHUNK, started_at=NOW, status=JobStatus.RUNNING)
    return _group_step(FanOutStep(STORE, _JOB, 0))


# ---- what comes due, and what is told


_THANKS: Final = {
    "actions": Actions(credit=500, message=Message(Channel.EMAIL, "Thank you, {user_name}")),
    "customer_id": "7401000000000",
    "success": Success((Condition.ORDER_CREATED,), Delay(2, Unit.DAYS)),
}


def _tasks() -> Event:
    """Tasks that credit, write to the customer, and set an alarm for the end of their windows."""
    story.enrol(["7401000000000"], **_PERSON)
    tasks = [story.task(f"tsk_{number:026}", NOW, **_THANKS) for number in range(BATCH)]
    for task in tasks:
        assert deps.books().tasks.create(STORE, task, once_per_order=False, once_per_customer=False)
    steps = [TaskStep(STORE, task.task_id, Step.RUN) for task in tasks]
    return batch_of(story.message("action_worker", step_messages.encode(step)) for step in steps)


def _come_due(due_at: str) -> None:
    with story.gathered() as table:
        for task_id in islice(_of_one_part("tsk_{:026}"), DUE):
            task = story.task(task_id, due_at, **_THANKS)
            Tasks(table).create(STORE, task, once_per_order=False, once_per_customer=False)
    deps.due().move_bookmark(due_at[:13])


def _due() -> Event:
    _come_due(LATER.replace("T19:", "T18:"))
    return story.sample("sweeper")


def _overdue() -> Event:
    _come_due(LATER.replace("T19:", "T08:"))
    return story.sample("daily")


def _news() -> Event:
    """An event of a store that has an endpoint, and attempts of deliveries of others."""
    sealed = deps.seals().seal("whsec_c2VjcmV0", sealed_for(STORE, "whe_1"))
    endpoint = Endpoint("whe_1", "https://shop.example.com/hook", sealed, NOW, "key:ann", "body", NOW)
    assert deps.endpoint_books().endpoints.save(STORE, endpoint)
    told = story.message("notifier", story.sample("notifier")["Records"][0]["body"])
    event = notification_queue.decode(told["Records"][0]["body"])
    assert isinstance(event, DomainEvent)
    deliveries = [delivery_of(replace(event, event_id=f"{n:032x}"), "whe_1", NOW) for n in range(ATTEMPTS)]
    assert all(deps.endpoint_books().deliveries.save(STORE, delivery) for delivery in deliveries)
    steps = [AttemptStep(STORE, delivery.delivery_id) for delivery in deliveries]
    return batch_of([told, *(story.message("notifier", step_messages.encode(step)) for step in steps)])


class Load(Struct, frozen=True):
    """An event of a function, and in a few words what is large about it. ``attempts`` are the calls of shops' endpoints
    that it makes."""

    function: str
    what: str
    make: Callable[[], Event]
    attempts: int = 0

    @property
    def name(self) -> str:
        """Both, as the page names it."""
        return f"{self.function}, {self.what}"


LOADS: Final[Mapping[str, Load]] = {
    load.name: load
    for load in (
        Load("webhook_ingest", "a paid order", lambda: _one("webhook_ingest")),
        Load("webhook_ingest", "a body of 1 MiB", _longest_webhook),
        Load("authorizer", "a key", lambda: _one("authorizer")),
        Load("event_worker", "a paid order", lambda: _one("event_worker")),
        Load("event_worker", LONG_ORDER, lambda: longest(_one("event_worker"))),
        Load("event_worker", LONG_ORDERS, lambda: longest(_ten("event_worker"))),
        Load("credit_worker", "ten credits", lambda: _ten("credit_worker")),
        Load("group_job_worker", f"two chunks of {CHUNK}", lambda: batch_of(story.events("group_job_worker", 2))),
        Load("group_job_worker", f"{READ_BY_HAND:,} members by hand", _by_hand),
        Load("group_job_worker", f"{READ_AT_ONCE:,} members by a rule", _by_rule),
        Load("group_job_worker", f"{PAGE} members of an import", _import),
        Load("group_job_worker", f"the messages of {SENT_AT_ONCE} chunks", _fan_out),
        Load("action_worker", "ten tasks", _tasks),
        Load("notifier", f"an event and {ATTEMPTS} attempts", _news, ATTEMPTS),
        Load("projector", f"{RECORDS} records", _stream),
        Load("sweeper", f"{DUE:,} tasks of an hour", _due),
        Load("daily", f"a day of {ORDERS:,} orders", _day),
        Load("daily", f"{DUE:,} overdue tasks", _overdue),
    )
}

LIMITS: Final = {f"event_worker, {LONG_ORDERS}": 42.0}
"""The most MB, where they are more than for all others. What an order of 1 MiB is read into is five times as long, and
not all of it is given back before the next one is read."""
