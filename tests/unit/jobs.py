"""Group jobs on the simulated tables: a store with customers and groups, the real services, and the real worker."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

from cashback.adapters.job_queue import JobQueue
from cashback.domain.api_keys import Role
from cashback.domain.customers import Profile
from cashback.domain.fingerprints import fingerprint
from cashback.domain.group_jobs import ApplyType, Job, OnInsufficient, Outcome, Result
from cashback.domain.groups import Group, Rule
from cashback.domain.ledger import Entry, EntryStatus, Kind, Posted, Posting, payload_hash
from cashback.domain.times import OLDEST
from cashback.edge.deps import make_group_books, make_job_books
from cashback.edge.ids import new_id
from cashback.edge.job_worker import JobBatch
from cashback.services.manage_group_jobs import ShownJob, cancel_group_job, group_job_results, read_group_job
from cashback.services.start_group_job import Instruction, JobRequest, start_group_job, undo_group_job
from tests.simulation.clock import Clock
from tests.simulation.dynamo import Crash
from tests.simulation.queue import Queue, Traffic
from tests.simulation.sqs import SimulatedSqs
from tests.unit.builders import NOW, STORE, Shop

GROUP: Final = "grp_vip"
SMALL: Final = 200
"""Rounds in which every job of these tests has long ended."""


class JobShop(Shop):
    """A shop whose admin runs group jobs."""

    def __init__(self, balances: Sequence[int] = (), traffic: Traffic | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self.clock = Clock()
        self.dead = Queue("dead", self.clock)
        self.queue = Queue(
            "jobs", self.clock, traffic=traffic, visibility=360, max_receive_count=20, dead_letters=self.dead
        )
        sqs = cast("Any", SimulatedSqs([self.queue, self.dead], self.dynamo.faults))
        steps = JobQueue(sqs, self.queue.url, self.dead.url, sleep=lambda _: None)
        client = cast("Any", self.dynamo)
        groups = make_group_books(client, "State", sleep=lambda _: None)
        self.job_books = make_job_books(self.books, groups, lambda: steps, client, "State", sleep=lambda _: None)
        self._keys = itertools.count(1)
        self.members = [f"c{n:04d}" for n in range(len(balances))]
        for customer_id, balance in zip(self.members, balances, strict=True):
            self.enrol(customer_id, balance)
        if balances:
            self.group(GROUP, self.members)

    # ---- what is there

    def enrol(self, customer_id: str, balance: int = 0) -> None:
        """A customer with so much in the balance."""
        assert self.books.customers.create(STORE, Profile(customer_id, OLDEST, NOW), NOW)
        if balance:
            self.credit(customer_id, balance)

    def credit(self, customer_id: str, amount: int) -> None:
        """A credit of its own, as an admin makes one; a negative one is a debit."""
        entry = Entry(f"adm:own-{next(self._keys)}", Kind.MANUAL, amount, "key:anna", payload_hash(Kind.MANUAL))
        assert isinstance(self.books.ledger.post(Posting(STORE, customer_id, NOW, entries=(entry,))), Posted)

    def group(self, group_id: str, members: Iterable[str] = (), rule: Rule | None = None) -> None:
        """A group by hand, or by rule."""
        made = Group(group_id, "Friends", NOW, "key:anna", "request", "body", rule=rule)
        assert self.job_books.groups.groups.create(STORE, made) is None
        ids = list(members)
        if ids:
            self.job_books.groups.groups.add(STORE, group_id, ids, "by hand", NOW)

    # ---- what an admin does

    def asked(self, key: str) -> JobRequest:
        return JobRequest(new_id("job", fingerprint(key)), "key:anna", fingerprint(key), fingerprint("body", key), NOW)

    def start(
        self, amount: str, apply_type: str = "relative", *, group_id: str = GROUP, key: str = "k", **more: Any
    ) -> Job:
        """Ask for a job; the role is an admin's unless named."""
        role = more.pop("role", Role.ADMIN)
        if "on_insufficient" in more:
            more["on_insufficient"] = OnInsufficient(more["on_insufficient"])
        told = Instruction(ApplyType(apply_type), amount, **more)
        job, _ = start_group_job(self.job_books, self.settings, group_id, told, self.asked(key), role)
        return job

    def undo(self, job: Job, key: str = "undo") -> Job:
        undo, _ = undo_group_job(self.job_books, STORE, job.job_id, None, self.asked(key))
        return undo

    def cancel(self, job: Job) -> ShownJob:
        return cancel_group_job(self.job_books, STORE, job.job_id, NOW)

    # ---- what the worker does

    def work(self, most: int = 5) -> bool:
        """One invocation; False where no message is visible. A killed one leaves its messages in flight."""
        event = self.queue.event(most)
        if event is None:
            return False
        try:
            answer = JobBatch(self.job_books.queue(), self.job_books, clock=self.clock.now).run(event)
        except Crash:
            return True
        self.queue.settle(event, answer)
        return True

    def drain(self) -> None:
        """Let the worker work until no message is left."""
        for _ in range(SMALL * 20):
            if not self.work() and not self.queue.messages:
                return
            if self.queue.messages:
                at = self.queue.next_visible_at() or 0
                self.clock.advance(max(0.0, at - self.clock.time()))
        raise AssertionError("the queue never drains")

    def run(self, amount: str, apply_type: str = "relative", **more: Any) -> Job:
        """Start a job and see it through."""
        job = self.start(amount, apply_type, **more)
        self.drain()
        return self.job(job)

    # ---- what came of it

    def shown(self, job: Job) -> ShownJob:
        return read_group_job(self.job_books, STORE, job.job_id)

    def job(self, job: Job) -> Job:
        return self.shown(job).job

    def results(self, job: Job, outcome: Outcome | None = None) -> dict[str, Result]:
        """Every result, by member, read page by page; nobody is on two pages."""
        found: dict[str, Result] = {}
        place: str | None = None
        while True:
            lines, place = group_job_results(self.job_books, STORE, job.job_id, outcome, 7, place)
            for line in lines:
                assert line.result.customer_id not in found
                found[line.result.customer_id] = line.result
            if place is None:
                return found

    def outcomes(self, job: Job) -> dict[str, str]:
        return {customer_id: result.outcome.value for customer_id, result in self.results(job).items()}

    @property
    def balances(self) -> dict[str, int]:
        return {customer_id: account.available for customer_id, account in self.accounts.items()}

    def entries_of(self, job: Job) -> dict[str, list[int]]:
        """What the job posted, by the customer at whom it stands; refusals are in it as None would be: not at all."""
        return {
            customer_id: amounts
            for customer_id, entries in self.entries.items()
            if (
                amounts := [
                    entry.amount
                    for entry in entries.values()
                    if entry.job_id == job.job_id and entry.status is EntryStatus.POSTED
                ]
            )
        }

    def check_sums(self, job: Job) -> None:
        """The job's progress is the sum of its results, and its amounts are those of its entries."""
        self._writes.clear()
        for customer_id, account in self.accounts.items():
            theirs = self.entries.get(customer_id, {}).values()
            posted = [entry for entry in theirs if entry.status is EntryStatus.POSTED]
            bought = [order for order in self.orders.values() if order.customer_id == customer_id]
            self._check_account(account, posted, bought)
        shown, results = self.shown(job), self.results(job)
        progress = shown.progress
        assert shown.job.total == len(results) == progress.done
        assert progress.chunks == shown.job.chunks
        assert self.job_books.jobs.progress(STORE, job.job_id) == progress
        for outcome in Outcome:
            assert getattr(progress, outcome) == sum(result.outcome is outcome for result in results.values())
        moved = [amount for amounts in self.entries_of(job).values() for amount in amounts]
        if shown.job.dry_run:
            assert not moved
            moved = [result.amount for result in results.values()]
        assert progress.amount_credited == sum(amount for amount in moved if amount > 0)
        assert progress.amount_debited == -sum(amount for amount in moved if amount < 0)
