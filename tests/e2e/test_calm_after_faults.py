"""Everything that moves money at once while every service fails, functions are killed and the stack is restarted; then
calm, and what is left must be what a world without faults would have."""

import json
import random
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from dev.client import wait_until
from dev.project import STACK_NAME
from dev.reconcile import reconcile
from tests.e2e.deployed import FUNCTIONS, REFUSAL, DeployedStack
from tests.e2e.fault_rules import LOST, RESET, TRIES, WRITE, Rule, bursts, cancelled, error, everything, on
from tests.e2e.faults import FaultyStack
from tests.e2e.shop import Sale
from tests.e2e.test_scenarios import schedule_of
from tests.e2e.two_shops import Act, TwoShops, open_two_shops

AT_ONCE = 4
CALM = 150
"""Seconds in which everything is over, on a machine that is busy."""

BACK_AFTER = "10"
"""Seconds after which a queue shows a failed message again, where nobody has put it off: twenty times, of which a busy
machine takes some for nothing."""

# How a function that has no caller to tell, or no other way to tell them, says that something is out of reach; and how
# the authorizer refuses a key.
NO_BUGS = ("cashback.domain.errors.Busy", REFUSAL)
WORKERS = ("event_worker", "action_worker", "credit_worker", "group_job_worker", "notifier")


@pytest.fixture
def shops(faulty: FaultyStack) -> TwoShops:
    """Two shops on a stack whose queues show soon again what failed."""
    for url in queues(faulty.stack):
        attributes = {"VisibilityTimeout": BACK_AFTER}
        faulty.stack.client("sqs").set_queue_attributes(QueueUrl=url, Attributes=attributes)
    return open_two_shops(faulty.stack)


@pytest.mark.row("F1", "F3", "F4", "F5", "F7", "F9", "F10", "F11", "F13", "F14", "F15", "F17", "F18", "F22", "F34")
@pytest.mark.row("F37", "F42", "F43", "P3", "P20")
def test_what_was_asked_for_under_faults_is_done_once_when_they_are_over(faulty: FaultyStack, shops: TwoShops) -> None:
    saver, other = shops.savers
    held, stuck, again = (Sale() for _ in range(3))
    acts = [shops.sale(stuck), *shops.sales(), *shops.purchases(), *shops.adjustments(), *shops.job(), *shops.sealing()]
    slow = {"held": {**of_order(held), "latency": 1_000, "times": 1}}
    with faulty.faults({**slow, **sent_back(stuck), **everything()}) as fired:
        # In the middle of its posting, which is made when its function is dead.
        shops.sale(held)()
        wait_until(lambda: fired("held"))
        assert faulty.kill_functions()
        all_at_once(shops.withdrawal(saver), [*acts, faulty.kill_functions])
    calm(faulty.stack)
    assert shops.posted() == shops.wanted()

    faulty.stack.pause(*WORKERS)
    all_at_once(shops.withdrawal(other), [shops.sale(again), *shops.sales(), *shops.purchases(), *shops.job()])
    # Records of the streams are not written when the emulator stops.
    wait_until(lambda: is_reconciled(faulty.stack), seconds=CALM)
    waiting = faulty.stack.queued(faulty.stack.store_events_queue_url)
    faulty.restart()
    stack = faulty.stack
    assert stack.queued(stack.store_events_queue_url) == waiting >= 10
    with faulty.faults({**sent_back(again), **some()}):
        stack.resume(*WORKERS)
    calm(stack)

    assert shops.posted() == shops.wanted()
    everybody = len(shops.members)
    assert shops.job_outcomes() == [("done", everybody, everybody)] * 2
    gone = {purchase.order_id for purchase in shops.cancelled}
    later = shops.later_tasks()
    assert {order_id: task["status"] for order_id, task in later.items()} == {
        purchase.order_id: "cancelled" if purchase.order_id in gone else "waiting" for purchase in shops.paid
    }
    alarms = stack.client("scheduler").list_schedules(GroupName=f"{STACK_NAME}-tasks")["Schedules"]
    waiting_for = {schedule_of(shops.events, task["task_id"]) for task in later.values() if task["status"] == "waiting"}
    assert waiting_for <= {alarm["Name"] for alarm in alarms}


def of_order(sale: Sale) -> Rule:
    """The posting of what an order earns."""
    cause = f"ord:{sale.order_id}:earn"
    return on("dynamodb", "TransactWriteItems", f"TransactItems[?Put.Item.sk.S == '{cause}'] | [0]")


def sent_back(sale: Sale) -> dict[str, Rule]:
    """An order's message goes back to its queue, and cannot be put off there: it comes again as soon as it is shown."""
    return {
        "in conflict to the end": {**of_order(sale), **cancelled("None", "TransactionConflict"), "times": TRIES},
        "message not put off": {**on("sqs", "ChangeMessageVisibility"), **error("RequestThrottled")},
    }


def some() -> dict[str, Rule]:
    """Faults for those who have no caller to ask again: workers find their messages again."""
    return {
        "posting lost": {**WRITE, **LOST, **bursts(3, 6, 11)},
        "posting cut off": {**WRITE, **RESET, **bursts(3, 3, 11)},
        "posting throttled": {**WRITE, **error("ProvisionedThroughputExceededException"), **bursts(3, 3, 11)},
    }


def all_at_once(longest: Iterable[Act], others: list[Act]) -> None:
    """Do everything, some of it at once: what takes longest from the beginning on, the others in any order."""
    random.shuffle(others)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done in [pool.submit(act) for act in (*longest, *others)]:
            done.result()


def calm(stack: DeployedStack) -> None:
    """Wait until nothing is on its way: no queue holds anything, not even what is put off, there are no dead letters,
    and the streams are read to their ends."""

    def left() -> dict[str, int]:
        counts = {url.rpartition("/")[2]: stack.queued(url) for url in queues(stack)}
        return {name: count for name, count in counts.items() if count}

    try:
        wait_until(lambda: not left() and is_reconciled(stack) and not left(), seconds=CALM)
    except TimeoutError as late:
        raise AssertionError((left(), complaints(stack))) from late
    assert complaints(stack) == set()


def queues(stack: DeployedStack) -> list[str]:
    return list(stack.client("sqs").list_queues()["QueueUrls"])


def is_reconciled(stack: DeployedStack) -> bool:
    """Whether every balance, order and total of a day is what the entries say."""
    return reconcile(stack.client("dynamodb"), stack.ledger_table, stack.state_table)


def complaints(stack: DeployedStack) -> set[tuple[str, str]]:
    """What functions logged as a bug of theirs, or were refused."""
    found = {("denied", line) for line in stack.denials()}
    for function in FUNCTIONS:
        lines = [json.loads(line) for line in stack.lines(function, "_failed") if line.startswith("{")]
        found |= {(line["event"], line["code"]) for line in lines if line["code"] != "busy"}
        found |= {(function, error) for error in raised(stack, function) if not error.startswith(NO_BUGS)}
    return found


def raised(stack: DeployedStack, function: str) -> Iterator[str]:
    """The errors that ended invocations of a function."""
    pages = stack.client("logs").get_paginator("filter_log_events").paginate(logGroupName=f"/{STACK_NAME}/{function}")
    traced, last = False, ""
    for line in (event["message"] for page in pages for event in page["events"]):
        if line.startswith("END "):
            if traced:
                yield last
            traced = False
        elif line.startswith("Traceback"):
            traced = True
        elif line and not line[0].isspace() and line[0] != "{":
            last = line
