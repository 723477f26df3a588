"""What hot functions are weighed with: what they do all day, and the most that one event makes them hold, which are the
longest pages of an index, the largest batches and the longest bodies. Each is made ``at_work`` in a new store."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import replace
from itertools import batched, count, islice
from typing import Any, Final

from msgspec import Struct

from cashback.adapters import queues, step_messages
from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.tasks import Tasks
from cashback.domain.delays import Delay, Unit
from cashback.domain.group_imports import PAGE, MembersImport
from cashback.domain.group_jobs import CHUNK, ApplyType, Job, JobStatus
from cashback.domain.group_steps import FanOutStep, GroupStep, ImportStep, SnapshotStep
from cashback.domain.groups import Group, Rule
from cashback.domain.member_rows import Column, Row
from cashback.domain.names import STORED_ID_LENGTHS
from cashback.domain.news import MAX_BODY
from cashback.domain.outgoing import Endpoint, sealed_for
from cashback.domain.scenarios import Actions, Channel, Condition, Message, Success, Trigger
from cashback.domain.tasks import Step, Task, TaskStep
from cashback.edge import clients, deps
from cashback.services import recount_days
from cashback.services.plan_group_job import READ_AT_ONCE, READ_BY_HAND
from tests.benchmarks import story
from tests.benchmarks.story import LATER, NOW, STORE
from tests.streams import Stream

RECORDS: Final = 100
"""Records of a stream that the projector is given at most."""

ORDERS: Final = recount_days._ORDERS
"""Orders that the recount of a day lists at once."""

LINES: Final = 500
"""Lines of a large order. One of a whole MiB has three times as many, and takes the event worker 40.4 MB: what is read
strictly is held whole."""

DUE: Final = 3_500
"""Things that came due in one of an hour's partitions: more than a page of the index has."""

_BATCH: Final = 10
_JOB: Final = "job_4e5a1c7d0b9f42638ad1e6c0f2"
_GROUP: Final = Group("grp_regulars", "Regulars", NOW, "key:ann", "request", "body")
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
    return _together(story.events(name, _BATCH))


def _together(events: Iterable[Event]) -> Event:
    """One batch of the messages of all."""
    records = [record for event in events for record in event["Records"]]
    return {"Records": [{**record, "messageId": str(number)} for number, record in enumerate(records)]}


def _of_one_part(form: str) -> Iterator[str]:
    """Ids that are all in the first of 16 partitions."""
    return (one for number in count() if keys.shard_by_hash(one := form.format(number)) == 0)


# ---- orders


def _longest_webhook() -> Event:
    event = _one("webhook_ingest")
    order = json.loads(event["body"])
    return story.signed(event, json.dumps({**order, "note": "x" * (MAX_BODY - len(json.dumps(order)) - 100)}))


def _large_orders() -> Event:
    event = _ten("event_worker")
    for record in event["Records"]:
        delivery = queues.decode(record["body"])
        order = json.loads(delivery.body)
        (line, *_) = order["line_items"]
        lines = [{**line, "id": line["id"] + number} for number in range(LINES)]
        body = json.dumps({**order, "line_items": lines}).encode()
        record["body"] = queues.encode(replace(delivery, body=body))
    return event


def _record_orders(orders: int) -> None:
    for event in story.events("event_worker", orders):
        story.serve("event_worker", event)


def _stream() -> Event:
    """The records of orders, their entries and accounts."""
    stream = Stream()
    clients.dynamodb().observers.append(stream.watch)  # type: ignore[attr-defined]  # the stand-in's
    _record_orders(RECORDS)
    (sample,) = story.sample("projector")["Records"]
    return {"Records": [{**sample, **record} for record in stream.records[:RECORDS]]}


def _day() -> Event:
    """As many orders of yesterday as the recount lists at once."""
    _record_orders(ORDERS)
    return story.sample("daily")


# ---- groups


def _group_step(step: GroupStep) -> Event:
    return story.message("group_job_worker", step_messages.encode(step))


def _start(**fields: Any) -> None:
    job = Job(_JOB, _GROUP.group_id, "Regulars", ApplyType.RELATIVE, 500, "key:ann", NOW, "request", "body", **fields)
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
    story.enrol(islice(_of_one_part("7311{:09}"), READ_AT_ONCE + 1), tags=_TAGS, **_PERSON)
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


def _task(task_id: str, due_at: str = NOW) -> Task:
    return Task(
        task_id=task_id,
        scenario_id="scn_01KGH2Q7WZ8V3N5T6R4Y9XABCD",
        trigger=Trigger.ORDER_PAID,
        cause=f"ord:{task_id}:paid",
        occurred_at=NOW,
        created_at=NOW,
        due_at=due_at,
        actions=Actions(credit=500, message=Message(Channel.EMAIL, "Thank you, {user_name}")),
        customer_id="7401000000000",
        success=Success((Condition.ORDER_CREATED,), Delay(2, Unit.DAYS)),
    )


def _tasks() -> Event:
    """Tasks that credit, write to the customer, and set an alarm for the end of their windows."""
    story.enrol(["7401000000000"], **_PERSON)
    tasks = [_task(f"tsk_{number:026}") for number in range(_BATCH)]
    for task in tasks:
        assert deps.books().tasks.create(STORE, task, once_per_order=False, once_per_customer=False)
    steps = [TaskStep(STORE, task.task_id, Step.RUN) for task in tasks]
    return _together(story.message("action_worker", step_messages.encode(step)) for step in steps)


def _come_due(due_at: str) -> None:
    with story.gathered() as table:
        for task_id in islice(_of_one_part("tsk_{:026}"), DUE):
            Tasks(table).create(STORE, _task(task_id, due_at), once_per_order=False, once_per_customer=False)
    deps.due().move_bookmark(due_at[:13])


def _due() -> Event:
    _come_due(LATER.replace("T19:", "T18:"))
    return story.sample("sweeper")


def _overdue() -> Event:
    _come_due(LATER.replace("T19:", "T08:"))
    return story.sample("daily")


def _news() -> Event:
    """The sample, in a store that has an endpoint."""
    sealed = deps.seals().seal("whsec_c2VjcmV0", sealed_for(STORE, "whe_1"))
    endpoint = Endpoint("whe_1", "https://shop.example.com/hook", sealed, NOW, "key:ann", "body", NOW)
    assert deps.endpoint_books().endpoints.save(STORE, endpoint)
    return story.sample("notifier")


class Load(Struct, frozen=True):
    """An event of a function, and in a few words what is large about it."""

    function: str
    what: str
    make: Callable[[], Event]

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
        Load("event_worker", f"ten orders of {LINES} lines", _large_orders),
        Load("credit_worker", "ten credits", lambda: _ten("credit_worker")),
        Load("group_job_worker", f"a chunk of {CHUNK}", lambda: _one("group_job_worker")),
        Load("group_job_worker", f"{READ_BY_HAND:,} members by hand", _by_hand),
        Load("group_job_worker", f"{READ_AT_ONCE:,} members by a rule", _by_rule),
        Load("group_job_worker", f"{PAGE} members of an import", _import),
        Load("group_job_worker", "the messages of 500 chunks", _fan_out),
        Load("action_worker", "ten tasks", _tasks),
        Load("notifier", "an event and an attempt", _news),
        Load("projector", f"{RECORDS} records", _stream),
        Load("sweeper", f"{DUE:,} tasks of an hour", _due),
        Load("daily", f"a day of {ORDERS:,} orders", _day),
        Load("daily", f"{DUE:,} overdue tasks", _overdue),
    )
}
