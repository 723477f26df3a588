"""Group jobs against whoever else moves the same balances, on the engine and with threads of their own."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from types_boto3_dynamodb import DynamoDBClient

from cashback.adapters.dynamo.accounts import entry_of
from cashback.adapters.dynamo.codec import from_item, to_item
from cashback.adapters.dynamo.keys import customer
from cashback.domain.api_keys import Role
from cashback.domain.customers import Profile
from cashback.domain.errors import Busy
from cashback.domain.fingerprints import fingerprint
from cashback.domain.group_jobs import ApplyType, Job, JobStatus, OnInsufficient
from cashback.domain.group_steps import JobStep
from cashback.domain.groups import Group
from cashback.domain.ledger import Entry, EntryStatus, Kind, Posted, Posting, payload_hash
from cashback.edge.deps import make_group_books, make_job_books
from cashback.services.run_group_job import run_job_step
from cashback.services.start_group_job import Instruction, JobRequest, start_group_job
from tests.integration.conftest import Tables
from tests.integration.test_budgets import NOW, make_shop

if TYPE_CHECKING:
    from cashback.adapters.job_queue import JobQueue

MEMBERS = 30


class Club:
    """A group of customers with 30.00 each, on the engine."""

    def __init__(self, dynamodb: DynamoDBClient, tables: Tables, members: int = MEMBERS) -> None:
        shop = make_shop(dynamodb, tables)
        self.dynamodb, self.tables = dynamodb, tables
        self.books, self.settings = shop.books, shop.settings
        self.sent: list[JobStep] = []
        queue = cast("JobQueue", SimpleNamespace(send=self.sent.extend))
        groups = make_group_books(dynamodb, tables.state)
        self.job_books = make_job_books(shop.books, groups, lambda: queue, dynamodb, tables.state)
        self.members = [f"m{n:03d}" for n in range(members)]
        for member in self.members:
            self.books.customers.create(self.store_id, Profile(member, NOW, NOW), NOW)
            self.credit(member, 3_000)
        groups.groups.create(self.store_id, Group("grp_1", "Friends", NOW, "ann", "r", "b"))
        groups.groups.add(self.store_id, "grp_1", self.members, "by hand", NOW)

    @property
    def store_id(self) -> str:
        return self.settings.store_id

    def credit(self, member: str, amount: int) -> None:
        entry = Entry(f"adm:{uuid.uuid4().hex}", Kind.MANUAL, amount, "ann", payload_hash("m"))
        assert isinstance(self.books.ledger.post(Posting(self.store_id, member, NOW, entries=(entry,))), Posted)

    def start(self, key: str, amount: str, apply_type: ApplyType, insufficient: OnInsufficient) -> str:
        asked = JobRequest(f"job_{fingerprint(key)[:26]}", "ann", fingerprint(key), fingerprint("b", key), NOW)
        told = Instruction(apply_type, amount, on_insufficient=insufficient)
        start_group_job(self.job_books, self.settings, "grp_1", told, asked, Role.ADMIN)
        return asked.job_id

    def work(self, workers: int) -> None:
        """Run what was sent, each message twice, by so many workers at once; who finds all contended tries again."""
        while self.sent:
            twice = [step for step in self.sent for _ in range(2)]
            self.sent.clear()
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(self._run, twice))

    def _run(self, step: JobStep) -> None:
        try:
            run_job_step(self.job_books, step, NOW)
        except Busy:
            self.sent.append(step)

    @contextmanager
    def overtaken(self, credited: dict[str, int], left: dict[str, int]) -> Iterator[None]:
        """Credit every third member by one cent right before each transaction that posts to many; note what every
        member's balance is right after the job has posted to it."""
        busy = False

        def before(params: dict[str, Any], **_: Any) -> None:
            nonlocal busy
            if not busy and params["body"].count(b'"ACCOUNT"') > 1:
                busy = True
                for member in self.members[::3]:
                    self.credit(member, 1)
                    credited[member] += 1
                busy = False

        def after(**_: Any) -> None:
            if busy:
                return
            for member in self.members:
                if member not in left and any(entry.job_id for entry in self.entries(member)):
                    left[member] = self.books.ledger.account(self.store_id, member).available

        events: Any = self.dynamodb.meta.events
        events.register("before-call.dynamodb.TransactWriteItems", before)
        events.register("after-call.dynamodb.TransactWriteItems", after)
        try:
            yield
        finally:
            events.unregister("before-call.dynamodb.TransactWriteItems", before)
            events.unregister("after-call.dynamodb.TransactWriteItems", after)

    def job(self, job_id: str) -> Job:
        job = self.job_books.jobs.get(self.store_id, job_id)
        assert job is not None
        assert job.status is JobStatus.DONE, job.reason
        return job

    def entries(self, member: str) -> list[Entry]:
        values: Any = to_item({":pk": customer(self.store_id, member)})
        found = self.dynamodb.query(
            TableName=self.tables.ledger,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=values,
            ConsistentRead=True,
        )
        return [entry_of(from_item(item)) for item in found["Items"]]


@pytest.fixture
def club(dynamodb: DynamoDBClient, tables: Tables) -> Club:
    return Club(dynamodb, tables)


@pytest.mark.parametrize(
    ("apply_type", "amount", "insufficient"),
    [
        (ApplyType.ABSOLUTE, "50", OnInsufficient.REFUSE),
        (ApplyType.ABSOLUTE, "0", OnInsufficient.REFUSE),
        (ApplyType.RELATIVE, "-30.05", OnInsufficient.CLAMP),
        (ApplyType.RELATIVE, "-30", OnInsufficient.REFUSE),
    ],
)
@pytest.mark.row("P11")
def test_a_job_and_concurrent_credits_lose_nothing_of_each_other(
    club: Club, apply_type: ApplyType, amount: str, insufficient: OnInsufficient
) -> None:
    credited = dict.fromkeys(club.members, 0)
    left: dict[str, int] = {}
    with club.overtaken(credited, left):
        job_id = club.start("k", amount, apply_type, insufficient)
        club.work(1)
    assert club.job(job_id).total == MEMBERS
    for member in club.members:
        entries = club.entries(member)
        posted = [entry for entry in entries if entry.status is EntryStatus.POSTED]
        account = club.books.ledger.account(club.store_id, member)
        assert account.available == sum(entry.amount for entry in posted) >= 0
        assert sum(entry.amount == 1 for entry in posted if entry.job_id is None) == credited[member]
        (mine,) = (entry for entry in entries if entry.job_id == job_id)
        if apply_type is ApplyType.ABSOLUTE:
            assert left[member] == mine.target == club.settings.currency.parse(amount)
        elif insufficient is OnInsufficient.CLAMP:
            assert (left[member], -3_005 <= mine.amount <= -3_000) == (0, True)
        else:
            assert mine.amount == -3_000


def test_of_sixteen_jobs_that_debit_the_whole_balance_at_once_one_does(
    dynamodb: DynamoDBClient, tables: Tables
) -> None:
    club = Club(dynamodb, tables, members=4)
    jobs = [club.start(f"k{n}", "-30", ApplyType.RELATIVE, OnInsufficient.REFUSE) for n in range(16)]
    club.work(16)
    assert {club.job(job_id).total for job_id in jobs} == {4}
    for member in club.members:
        entries = [entry for entry in club.entries(member) if entry.job_id is not None]
        assert [entry.amount for entry in entries if entry.status is EntryStatus.POSTED] == [-3_000]
        assert {entry.job_id for entry in entries} == set(jobs)
        assert club.books.ledger.account(club.store_id, member).available == 0
