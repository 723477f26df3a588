"""The group jobs of a world: groups of its customers and of others, admins who start, stop and undo jobs, the worker,
and what must hold of all that. A chunk has two members, so that jobs have several of them at work at once."""

from __future__ import annotations

from contextlib import contextmanager
from copy import replace
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any, Final, cast
from unittest.mock import patch

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.codec import from_item
from cashback.adapters.dynamo.group_jobs import job_of
from cashback.adapters.job_queue import JobQueue
from cashback.domain import group_jobs
from cashback.domain.api_keys import Role
from cashback.domain.customers import Profile
from cashback.domain.due import STALLED_AFTER
from cashback.domain.group_jobs import ApplyType, Job, JobStatus, OnInsufficient, Outcome, Progress, Result
from cashback.domain.groups import Group, Rule
from cashback.domain.ledger import Entry, EntryStatus, Kind, Posting, payload_hash
from cashback.edge.deps import make_group_books, make_job_books
from cashback.edge.job_worker import JobBatch
from cashback.services import run_group_job
from cashback.services.manage_group_jobs import cancel_group_job, group_job_results, read_group_job
from cashback.services.start_group_job import Instruction, JobRequest, start_group_job, undo_group_job
from tests.simulation.persons import STORE, Person
from tests.simulation.queue import Queue, Traffic
from tests.simulation.sqs import SimulatedSqs

if TYPE_CHECKING:
    from collections import defaultdict
    from collections.abc import Iterator

    from cashback.domain.ledger import Account
    from tests.simulation.world import World

SHARE: Final = 0.12
"""Of the worlds, those whose admins run group jobs."""

CHUNK: Final = 2
LOOKS: Final = 8
"""Sweeps after which a job that stood still has long been seen to, twice."""

_STRANGERS: Final = ("901", "902", "903", "904")
_UNKNOWN: Final = "999"

_INSTRUCTIONS: Final = (
    Instruction(ApplyType.RELATIVE, "5.00"),
    Instruction(ApplyType.RELATIVE, "5.00"),
    Instruction(ApplyType.RELATIVE, "-4.00"),
    Instruction(ApplyType.RELATIVE, "-4.00", on_insufficient=OnInsufficient.CLAMP),
    Instruction(ApplyType.ABSOLUTE, "7.00"),
    Instruction(ApplyType.ABSOLUTE, "0"),
)


def has_jobs(seed: int) -> bool:
    return Random(f"{seed}/jobs").random() < SHARE


class Jobs:
    """The part of a world that its group jobs live in."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.random = random = Random(f"{seed}/jobs/made")
        clock = world.clock
        self.queue = Queue("jobs", clock, seed=seed, visibility=360, max_receive_count=20, dead_letters=world.dead)
        sqs = cast("Any", SimulatedSqs([self.queue, world.dead], world.faults))
        timing: dict[str, Any] = {"sleep": clock.sleep, "jitter": random.random}
        self.steps = JobQueue(sqs, self.queue.url, world.dead.url, **timing)
        client = cast("Any", world.dynamo)
        groups = make_group_books(client, "State", **timing)
        self.books = make_job_books(world.books, groups, lambda: self.steps, client, "State", **timing)

    def open_groups(self, customers: list[str]) -> None:
        """Make a group of the shop's customers and strangers, one of whom nobody knows, and one by a rule."""
        world, random, now = self.world, self.random, self.world.now()
        strangers = random.sample(_STRANGERS, random.randint(1, len(_STRANGERS)))
        for customer_id in strangers:
            world.books.customers.create(STORE, Profile(customer_id, "", now), now)
            given = random.choice((100, 900))
            entry = Entry(f"adm:{customer_id}", Kind.MANUAL, given, "admin", payload_hash(customer_id))
            world.books.ledger.post(Posting(STORE, customer_id, now, entries=(entry,)))
        groups = self.books.groups.groups
        groups.create(STORE, Group("friends", "Friends", now, "anna", "request", "body"))
        groups.add(STORE, "friends", [*customers, *strangers, _UNKNOWN], "by hand", now)
        groups.create(STORE, Group("all", "All", now, "anna", "request", "body", rule=Rule()))

    def persons(self) -> list[Person]:
        """Who starts jobs, stops and undoes them."""
        random = self.random
        return [
            Instructing(
                f"job{n}",
                random.choice(("friends", "friends", "friends", "all")),
                replace(random.choice(_INSTRUCTIONS), dry_run=random.random() < 0.1),
                is_stopping=random.random() < 0.3,
                is_undoing=random.random() < 0.5,
                is_forgetful=random.random() < 0.3,
            )
            for n in range(random.choice((1, 1, 2, 3)))
        ]

    def storm(self) -> None:
        self.queue.traffic = Traffic(duplicate=0.1, resurrect=0.1, reorder=0.5)

    def calm(self) -> None:
        self.queue.calm()

    def work(self) -> None:
        """One invocation of the job worker."""
        event = self.queue.event(self.random.randint(1, 4))
        if event is not None:
            batch = JobBatch(self.steps, self.books, clock=self.world.clock.now)
            self.queue.settle(event, batch.run(event))

    def resume(self) -> Iterator[None]:
        """Let the sweeper see to jobs that stand still, until there is none: what was sent is to be handled after
        each."""
        for _ in range(LOOKS):
            if not any(job.is_awaited for job in self.all()):
                return
            self.world.clock.advance(STALLED_AFTER + timedelta(minutes=1))
            self.world.invoke(self.world.sweep)
            yield

    def all(self) -> list[Job]:
        """Every job, read by no call."""
        partitions = self.world.dynamo.engine.table("State").partitions.values()
        return [job_of(from_item(items["JOB"])) for items in partitions if "JOB" in items]


@contextmanager
def small_chunks() -> Iterator[None]:
    """Cut jobs into chunks of a few members."""
    with patch.object(group_jobs, "CHUNK", CHUNK), patch.object(run_group_job, "CHUNK", CHUNK):
        yield


@dataclass(slots=True)
class Instructing(Person):
    """An admin who starts one job, may stop it, and may undo it. Who is forgetful never repeats a call that was not
    answered: what it has begun goes on without them."""

    name: str
    group_id: str
    instruction: Instruction
    is_stopping: bool
    is_undoing: bool
    is_forgetful: bool
    is_asked: bool = False

    def act(self, world: World) -> None:
        if not (self.is_asked and self.is_forgetful):
            self._start(world)
        if self.is_stopping:
            self._stop(world)
        if self.is_undoing and world.random.random() < 0.5:
            self._undo(world)

    def settle(self, world: World) -> None:
        """Whoever is not forgetful has it begun before the storm is over."""
        if not self.is_forgetful:
            self._start(world)

    def again(self, world: World) -> None:
        """Repeat what was asked for; nobody stops a job now."""
        if not self.is_forgetful:
            self._start(world)
        if self.is_undoing:
            self._undo(world)

    def _start(self, world: World) -> None:
        self.is_asked = True
        key = f"job:{self.name}"
        with world.answering(key):
            settings = world.books.stores.settings(STORE)
            asked = self._asked(world, self.name)
            job, _ = start_group_job(_books(world), settings, self.group_id, self.instruction, asked, Role.ADMIN)
            world.answers[key].add(f"{job.job_id} {job.status} {job.amount} {job.total}")

    def _stop(self, world: World) -> None:
        """Stop it, more often than not once its chunks are at work."""
        key = f"stop:{self.name}"
        with world.answering(key):
            seen = read_group_job(_books(world), STORE, self.name).job
            if seen.started_at is not None or world.random.random() < 0.1:
                world.answers[key].add(cancel_group_job(_books(world), STORE, self.name, world.now()).job.status)

    def _undo(self, world: World) -> None:
        key = f"undo:{self.name}"
        with world.answering(key):
            undo, _ = undo_group_job(_books(world), STORE, self.name, None, self._asked(world, f"{self.name}-undo"))
            world.answers[key].add(f"{undo.job_id} {undo.status} {undo.undoes}")

    @staticmethod
    def _asked(world: World, job_id: str) -> JobRequest:
        return JobRequest(job_id, "anna", f"request {job_id}", "body", world.now())


def _books(world: World) -> Any:
    assert world.jobs is not None
    return world.jobs.books


def violations(world: World, accounts: dict[str, Account], entries: defaultdict[str, list[Entry]]) -> Iterator[str]:
    """Everything that does not hold of the group jobs (12)."""
    if world.jobs is None:
        return
    made = [one for some in entries.values() for one in some if one.job_id is not None]
    jobs = {job.job_id: job for job in world.jobs.all()}
    erased = _ever_erased(world)
    results = {job_id: results_of(world, job_id) for job_id in jobs}
    for entry in made:
        if entry.job_id not in jobs:
            yield f"12: {entry.cause} is of no job"
    for job in jobs.values():
        own = [one for one in made if one.job_id == job.job_id]
        for one in _of_job(world, job, results[job.job_id], own):
            yield f"12: {job.job_id} ({job.status}): {one}"
        for result in results[job.job_id]:
            if result.outcome is Outcome.NOT_FOUND and _was_there(world, accounts, erased, result.customer_id, job):
                yield f"12: {job.job_id} did not find {result.customer_id}"
        if job.undoes is not None:
            undone = [one for one in made if one.job_id == job.undoes]
            yield from _undone(job, jobs[job.undoes], results[job.job_id], results[job.undoes], undone)
    for person in world.persons:
        if isinstance(person, Instructing):
            yield from _answered(world, person, jobs)


def _ever_erased(world: World) -> set[str]:
    """Return who was erased at some time; who is told of again after that is somebody anew."""
    writes = (write for some in world.commits.values() for write in some)
    marked = {str(write.key[0]) for write in writes if write.key[1] == "ACCOUNT" and "erased_at" in (write.new or {})}
    return {keys.unescape(pk.rpartition("#")[2]) for pk in marked}


def results_of(world: World, job_id: str) -> list[Result]:
    assert world.jobs is not None
    lines, place = group_job_results(world.jobs.books, STORE, job_id, None, 1_000, None)
    assert place is None
    return [line.result for line in lines]


def _of_job(world: World, job: Job, results: list[Result], own: list[Entry]) -> Iterator[str]:
    if job.finished_at is None:
        yield f"it never ended, {job.reason}"
        return
    members = [result.customer_id for result in results]
    if len(set(members)) < len(members):
        yield f"members have two results: {members}"
    if job.undoes is None and job.started_at is not None and sorted(members) != sorted(_snapshot(world, job)):
        yield f"its snapshot is {_snapshot(world, job)}, its results are of {members}"
    sums = replace(Progress.of(results), chunks=job.chunks)
    kept = world.jobs.books.jobs.progress(STORE, job.job_id) if world.jobs else None
    if job.started_at is not None and not (kept == job.result == sums):
        yield f"its results come to {sums}, its progress is {kept}, it ended with {job.result}"
    if job.dry_run:
        if own:
            yield f"a dry run posted {own}"
        return
    explained = set()
    for result in results:
        cause, same = job.cause(result.customer_id), payload_hash(Kind.GROUP, result.customer_id)
        found = [one for one in own if (one.cause, one.payload_hash) == (cause, same)]
        explained |= {(cause, same)}
        yield from _of_member(job, result, found)
    for entry in own:
        if (entry.cause, entry.payload_hash) not in explained:
            yield f"{entry.cause} is of no member"
        if entry.target is None or entry.status is not EntryStatus.POSTED:
            continue
        if not (entry.before or 0) + entry.amount == entry.target == job.amount:
            yield f"it was to leave {job.amount}: {entry}"


def _snapshot(world: World, job: Job) -> list[str]:
    assert world.jobs is not None
    return world.jobs.books.jobs.members(STORE, job.job_id, 0)


def _of_member(job: Job, result: Result, found: list[Entry]) -> Iterator[str]:
    """A member's result is what stands in the ledger, which is one entry at most."""
    if len(found) > 1:
        yield f"{result.customer_id} has {len(found)} entries"
    posted = [entry.amount for entry in found if entry.status is EntryStatus.POSTED]
    if result.recorded:
        wanted = [] if result.outcome is Outcome.REFUSED else [result.amount]
        if not found or posted != wanted:
            yield f"{result} is recorded, and there is {found}"
    elif result.outcome is not Outcome.ERROR and (posted or (found and job.undone_by is None)):
        # An undo refuses what could still be posted.
        yield f"{result} has the entry {found}"
    is_whole = job.undoes is None and not job.is_pinned and job.amount > 0
    if is_whole and result.recorded and result.reason is None and posted != [job.amount]:
        yield f"{result.customer_id} was to get {job.amount} and got {posted}"


def _was_there(world: World, accounts: dict[str, Account], erased: set[str], customer_id: str, job: Job) -> bool:
    """Tell whether a customer was there all the time from a job's beginning on, neither they nor who they are now ever
    erased."""
    account = accounts.get(customer_id)
    while account is not None and account.merged_into is not None and account.customer_id not in erased:
        account = accounts.get(account.merged_into)
    if account is None or account.customer_id in erased:
        return False
    return world.enrolled.get(keys.customer(STORE, customer_id), "") < job.created_at


def _undone(undo: Job, job: Job, results: list[Result], before: list[Result], posted: list[Entry]) -> Iterator[str]:
    """An undo takes back from each member just what the job posted for them, or says why not."""
    by_member = {result.customer_id: result for result in results}
    for member in before:
        same = payload_hash(Kind.GROUP, member.customer_id)
        moved = sum(one.amount for one in posted if one.payload_hash == same and one.status is EntryStatus.POSTED)
        result = by_member.get(member.customer_id)
        taken = result.amount if result is not None else 0
        is_excused = result is not None and result.outcome in {Outcome.REFUSED, Outcome.ERROR}
        if moved + taken and not is_excused:
            yield f"12: {undo.job_id} took {taken} back from {member.customer_id}, who had got {moved}"
    if job.undone_by != undo.job_id:
        yield f"12: {undo.job_id} undoes {job.job_id}, which is undone by {job.undone_by}"


def _answered(world: World, person: Instructing, jobs: dict[str, Job]) -> Iterator[str]:
    job, undo = jobs.get(person.name), jobs.get(f"{person.name}-undo")
    if world.answers[f"job:{person.name}"] and job is None:
        yield f"4: {person.name} was answered, and is not there"
    if world.answers[f"stop:{person.name}"] and (job is None or job.status is not JobStatus.CANCELLED):
        yield f"4: {person.name} was answered cancelled, and is {job.status if job else None}"
    if world.answers[f"undo:{person.name}"] and undo is None:
        yield f"4: {person.name} was answered undone, and is not"
