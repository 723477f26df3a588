"""Runs every naive function as ``runtime`` runs them, each under a role, and counts what it asks for as ``scene``
counts ours: where their calls arrive. Several rounds of other events, in turn: their CPU is the median."""

import itertools
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from dev import local_aws
from dev.project import LOCAL, REGION
from tests.benchmarks import naive_events, naive_units, recount, runtime, story, yardstick
from tests.benchmarks.naive_units import BATCH, CREATED, EXECUTED, MEMBERS, ORDER
from tests.benchmarks.register import Register, counted
from tests.benchmarks.runtime import FIRST, HERE, NAIVE_NAMES, Subject
from tests.benchmarks.units import Operation, Share

ROUNDS: Final = 3
CALLS: Final = FIRST + 3
"""The calls of a round."""

_EVENTS: Final = ROUNDS * CALLS
_TASKS: Final = _EVENTS * BATCH
_CUSTOMER: Final = "9007199254740993"
_ROLE: Final = "arn:aws:iam::000000000000:role/naive"
_NAMES: Final = {
    **NAIVE_NAMES,
    "NAIVE_QUEUE_ARN": f"arn:aws:sqs:{REGION}:000000000000:naive-tasks",
    "NAIVE_ROLE_ARN": _ROLE,
}


def starts() -> Iterator[dict[str, Any]]:
    """Orders that each start a task."""
    for number in range(_TASKS):
        yield {
            "store_id": story.STORE,
            "customer_id": _CUSTOMER,
            "order_id": f"8{number:012d}",
            "scenario_id": "thanks",
            "days": 1,
            "amount": "5.00",
        }


def dues() -> Iterator[dict[str, Any]]:
    """Batches of the messages that the schedules of those tasks put in the queue."""
    event = story.sample("action_worker")
    for batch in itertools.batched(starts(), BATCH, strict=True):
        bodies = [
            {
                "store_id": one["store_id"],
                "customer_id": one["customer_id"],
                "task_id": f"{one['scenario_id']}-{one['order_id']}",
            }
            for one in batch
        ]
        yield {
            "Records": [
                {**event["Records"][0], "messageId": body["task_id"], "body": json.dumps(body)} for body in bodies
            ]
        }


def subjects() -> dict[str, Subject]:
    """The naive functions with the events of all rounds, by the operation that a call of each is."""
    naive, (compiled, _) = HERE / "naive", runtime.naive_packages()
    made = (
        (ORDER, "naive_webhook", "webhook.handler", naive_events.orders(_EVENTS)),
        (MEMBERS, "naive_credit", "credit.handler", naive_events.members(_EVENTS)),
        (CREATED, "naive_task", "task.create", starts()),
        (EXECUTED, "naive_task_worker", "task.handler", dues()),
    )
    return {
        operation: Subject(name, [naive, compiled], handler, _NAMES, list(events))
        for operation, name, handler, events in made
    }


def measure() -> list[Operation]:
    """Run every naive function and count, with its CPU as of the assumed core."""
    return yardstick.on_the_assumed_core(count(ROUNDS))


def count(rounds: int) -> list[Operation]:
    """Run every naive function on an engine of their own, and count; their CPU is of this machine. One round counts as
    well as more do, and tells the CPU worse."""
    LOCAL.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=LOCAL) as home:
        journal = Path(home) / "journal"
        engine = local_aws.start(Path(home), local_aws.free_port(), with_this_process=True, journal=journal)
        try:
            return _count_rounds(engine, journal, rounds)
        finally:
            engine.stop()


def _count_rounds(engine: local_aws.LocalAws, journal: Path, rounds: int) -> list[Operation]:
    dynamodb, register = engine.client("dynamodb"), Register(journal, lambda: True)
    runtime.make_naive_tables(dynamodb)
    engine.client("sqs").create_queue(QueueName="naive-tasks")
    _make_role(engine.client("iam"))
    every = subjects()
    found: dict[str, list[Operation]] = {operation: [] for operation in every}
    with runtime.surroundings(engine) as around:
        for number in range(rounds):
            for operation, subject in every.items():
                environment = {**around, **_under_the_role(engine.client("sts"), subject.name)}
                of_a_round = len(subject.events) // ROUNDS
                events = subject.events[number * of_a_round : (number + 1) * of_a_round]
                run = runtime.run(subject, events, environment)
                total = counted(operation, register.lines(), str)
                share = each(total.shares[subject.name], len(events))
                share.invocations, share.cpu, share.logged = 1, run.warm, run.logged // len(events)
                found[operation].append(Operation(operation, {subject.name: share}, total.items))
    # A call of each: an order, and a batch of members and of tasks.
    runtime.check_naive(dynamodb, rounds * CALLS * (1 + 2 * BATCH))
    return [*map(recount.of_rounds, found.values())]


def _make_role(iam: Any) -> None:
    """A role that may do everything: calls are put down to those who took one on."""
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    rights = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    document, policy = (json.dumps({"Version": "2012-10-17", "Statement": [one]}) for one in (trust, rights))
    iam.create_role(RoleName="naive", AssumeRolePolicyDocument=document)
    iam.put_role_policy(RoleName="naive", PolicyName="everything", PolicyDocument=policy)


def _under_the_role(sts: Any, name: str) -> dict[str, str]:
    keys = sts.assume_role(RoleArn=_ROLE, RoleSessionName=name)["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": keys["SessionToken"],
    }


def each(total: Share, calls: int) -> Share:
    """What one of so many calls did.

    :raises ValueError: they cannot all have done the same.
    """
    if any(count % calls for count in total.calls.values()):
        raise ValueError(f"{calls} calls of a function that do the same made {total.calls}")
    units_of = ("table_units", "index_units", "refused_units", "read_units")
    return Share(
        **{name: getattr(total, name) / calls for name in units_of},
        calls=Counter({name: count // calls for name, count in total.calls.items()}),
    )


if __name__ == "__main__":
    naive_units.COUNTED.write_text(naive_units.written(measure()))
