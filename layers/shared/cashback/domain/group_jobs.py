"""Group jobs: one adjustment for every member of a group, cut into pieces each of which may be done again.

First a snapshot of the members, page by page; then chunks of it, in any order and at the same time. What a job made of
each member is kept, so that it can be shown and undone.
"""

from collections.abc import Iterable, Sequence
from copy import replace
from enum import StrEnum
from typing import Final

from msgspec import Struct

from cashback.domain import causes
from cashback.domain.due import stalled_at
from cashback.domain.group_steps import FanOutStep, PlanStep, SnapshotStep
from cashback.domain.groups import Histogram, Rule, Thresholds
from cashback.domain.ledger import Entry, Kind, payload_hash
from cashback.domain.shards import SHARDS
from cashback.domain.times import Instant, moment

CHUNK: Final = 100
"""Members of a chunk: what is read and written for it is shared by four transactions of postings."""

PAGE: Final = 500
"""Members of a page of the snapshot; every page but the last is full, so that a chunk's place follows from its
number."""


class JobStatus(StrEnum):
    """How far a job is. ``failed``: something of it needs a hand; what is in the dead letters may be sent again."""

    SNAPSHOTTING = "snapshotting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ApplyType(StrEnum):
    """Whether the amount is added to what is available, or replaces it."""

    RELATIVE = "relative"
    ABSOLUTE = "absolute"


class OnInsufficient(StrEnum):
    """What becomes of a debit of more than there is."""

    REFUSE = "refuse"
    CLAMP = "clamp"


class Outcome(StrEnum):
    """What a job made of a member."""

    CREDITED = "credited"
    DEBITED = "debited"
    REFUSED = "refused"
    UNCHANGED = "unchanged"
    NOT_FOUND = "not_found"
    ERROR = "error"
    CANCELLED = "cancelled"


UNCERTAIN: Final = frozenset({Outcome.ERROR, Outcome.NOT_FOUND})
"""Outcomes of members to whom another worker with the same chunk may post all the same, while it is told or later: a
customer who was not there may be made meanwhile."""


class Share(Struct, frozen=True):
    """What a job is to do for one member: an amount to post or, where it sets balances, to leave available."""

    customer_id: str
    amount: int


class Result(Struct, frozen=True, array_like=True):
    """What a job made of a member. ``amount`` is what it posted, or in a dry run would have.

    ``recorded``: an entry of the job stands for this member, a refused one too; it is at ``kept_id`` where the customer
    had been merged. ``before`` and ``after`` are of what is available, and told with what is ``reserved`` where they
    were decided from an image of the account.
    """

    customer_id: str
    outcome: Outcome
    amount: int = 0
    recorded: bool = False
    reason: str | None = None
    kept_id: str | None = None
    before: int | None = None
    after: int | None = None
    reserved: int | None = None


class Progress(Struct, frozen=True):
    """How many members came to what, in how many chunks, and what was moved in minor units."""

    chunks: int = 0
    credited: int = 0
    debited: int = 0
    refused: int = 0
    unchanged: int = 0
    not_found: int = 0
    error: int = 0
    cancelled: int = 0
    amount_credited: int = 0
    amount_debited: int = 0

    @property
    def done(self) -> int:
        """Members whose outcome is known."""
        return sum(getattr(self, outcome.value) for outcome in Outcome)

    @property
    def uncertain(self) -> int:
        """Members to whom another worker may have posted all the same."""
        return sum(getattr(self, outcome.value) for outcome in UNCERTAIN)

    @staticmethod
    def of(results: Iterable[Result]) -> "Progress":
        """Return what one chunk of these results comes to."""
        counts = dict.fromkeys(Progress.__struct_fields__, 0) | {"chunks": 1}
        for result in results:
            counts[result.outcome] += 1
            counts["amount_credited"] += max(0, result.amount)
            counts["amount_debited"] += max(0, -result.amount)
        return Progress(**counts)

    def plus(self, other: "Progress", times: int = 1) -> "Progress":
        """Return the sum of both; with ``times`` = -1, the difference."""
        fields = self.__struct_fields__
        return Progress(**{name: getattr(self, name) + times * getattr(other, name) for name in fields})


class Chunk(Struct, frozen=True):
    """A chunk that was begun. ``results`` are there once it is done; while what failed of it is tried again they are
    ``retried`` instead, and count in no progress. ``rev`` counts its writes."""

    rev: int
    results: tuple[Result, ...] | None = None
    retried: tuple[Result, ...] | None = None


class Cursor(Struct, frozen=True):
    """How far the members were read: after which one, in which partition.

    A rule that asks for scores is read twice: while there is a ``histogram`` it is being filled, then the
    ``thresholds`` that follow from it are known.
    """

    shard: int = 0
    after: str | None = None
    histogram: Histogram | None = None
    thresholds: Thresholds | None = None

    @property
    def is_at_end(self) -> bool:
        """Whether every partition was read."""
        return self.shard == SHARDS


class Job(Struct, frozen=True):
    """A job. ``amount`` is in minor units; of an undo it says nothing, each member has their own.

    ``rule`` is a copy of the group's, so whatever becomes of the group changes nothing. ``rev`` counts the writes, each
    of which stands only over the one it was made from; ``step`` those that prepare the chunks: the snapshot of
    ``total`` members first, then the sending of ``sent`` messages for ``chunks``. ``finished_at`` and ``result`` are
    there once every member has an outcome. ``due_at`` is when the sweeper looks at a job that is awaited, and
    ``seen_step`` where it stood at the look before: had it moved by itself, nothing is to be done. A job that stands
    stays due, as long as it does, and ``resumed_at`` is when its message was last sent again.
    """

    job_id: str
    group_id: str
    group_name: str
    apply_type: ApplyType
    amount: int
    actor: str
    created_at: Instant
    request_hash: str
    body_hash: str
    comment: str | None = None
    on_insufficient: OnInsufficient = OnInsufficient.REFUSE
    dry_run: bool = False
    rule: Rule | None = None
    undoes: str | None = None
    undone_by: str | None = None
    status: JobStatus = JobStatus.SNAPSHOTTING
    reason: str | None = None
    rev: int = 1
    step: int = 0
    cursor: Cursor = Cursor()
    total: int = 0
    chunks: int = 0
    sent: int = 0
    started_at: Instant | None = None
    finished_at: Instant | None = None
    result: Progress | None = None
    due_at: Instant | None = None
    seen_step: int = 0
    resumed_at: Instant | None = None

    @property
    def is_awaited(self) -> bool:
        """Whether a message that takes it on to its chunks is under way, or lost. Of one that failed it is in the dead
        letters."""
        over = self.finished_at is not None or self.status is JobStatus.FAILED
        return not over and (self.started_at is None or self.sent < self.chunks)

    @property
    def is_pinned(self) -> bool:
        """Whether what to post is decided from an image of the account, which must not have moved until then."""
        clamps = self.amount < 0 and self.on_insufficient is OnInsufficient.CLAMP
        return self.undoes is None and (self.apply_type is ApplyType.ABSOLUTE or clamps)

    @property
    def is_undoable(self) -> bool:
        """Whether there is anything that an undo could take back, and nothing of it is still to come."""
        over = self.finished_at is not None
        return over and self.undoes is None and self.undone_by is None and not self.dry_run

    def share_of(self, customer_id: str) -> Share:
        """Return a member's share of a job that is no undo."""
        return Share(customer_id, self.amount)

    def cause(self, customer_id: str) -> str:
        """Return the cause of the entry for a member. An undo has one for each: where a merge has since made two
        members one account, both were credited and both are to be debited."""
        if self.undoes is not None:
            return causes.group_undo(self.job_id, customer_id)
        return causes.group_job(self.job_id)

    def entry(self, share: Share, amount: int, before: int | None = None) -> Entry:
        """Return the entry for a member.

        Its payload names the member: where two members are one account, whoever comes second finds that the cause is
        taken for another.
        """
        is_set = self.apply_type is ApplyType.ABSOLUTE and self.undoes is None
        return Entry(
            cause=self.cause(share.customer_id),
            kind=Kind.GROUP,
            amount=amount,
            actor=self.actor,
            payload_hash=payload_hash(Kind.GROUP, share.customer_id),
            before=before,
            target=share.amount if is_set else None,
            job_id=self.job_id,
        )

    def wanted(self, share: Share, available: int) -> int:
        """Return what to post for a member who has this much available, where that decides it."""
        if self.apply_type is ApplyType.ABSOLUTE:
            return share.amount - available
        return -min(-share.amount, max(0, available))

    def accepted(self) -> "Job":
        """Return the job as it was when it was asked for: the answer to whoever asks again. An undo knows its members
        from the first."""
        fresh = replace(
            self,
            status=JobStatus.RUNNING,
            reason=None,
            undone_by=None,
            rev=1,
            step=0,
            cursor=Cursor(),
            sent=0,
            finished_at=None,
            result=None,
        )
        if self.undoes is not None:
            return fresh
        return replace(fresh, status=JobStatus.SNAPSHOTTING, total=0, chunks=0, started_at=None)

    def begun(self, now: Instant) -> "Job":
        """Return the job once all its members are known; without any, it is over."""
        begun = replace(self, status=JobStatus.RUNNING, chunks=-(-self.total // CHUNK), started_at=now, reason=None)
        return begun if begun.chunks else begun.closed(Progress(), now)

    def closed(self, result: Progress, now: Instant) -> "Job":
        """Return the job once every member has an outcome. An undo may have found more members than the job it undoes
        told of: what failed of that one may have been posted late."""
        ended = JobStatus.FAILED if result.error else JobStatus.DONE
        status = JobStatus.CANCELLED if self.status is JobStatus.CANCELLED else ended
        reason = "members_failed" if status is JobStatus.FAILED else None
        total = self.total if self.undoes is None else result.done
        return replace(self, status=status, reason=reason, total=total, finished_at=now, result=result)

    def reopened(self) -> "Job":
        """Return a job in which something failed as it is while that is tried again. That it had ended shows that each
        chunk had its message, also where the one that sent them could not note it any more; else some may have none
        yet."""
        sent = self.sent if self.finished_at is None else self.chunks
        return replace(self, status=JobStatus.RUNNING, reason=None, sent=sent, finished_at=None, result=None)

    def amended(self, gained: Progress) -> "Job":
        """Return the job with what a chunk that had ended comes to in addition; one that failed for it may be done."""
        if self.result is None or self.finished_at is None:
            return self
        return self.closed(self.result.plus(gained), self.finished_at)

    def watched(self, now: Instant) -> "Job":
        """Return the job as one that moves, and is looked at should it stand where it does."""
        return replace(self, due_at=stalled_at(now), seen_step=self.step, resumed_at=None)

    def awaited_from(self, before: "Job", now: Instant) -> "Job":
        """Return the job as it stands after a change, watched anew where nobody awaited it before: the due time of then
        may lie where no sweep looks any more."""
        return self if before.is_awaited else self.watched(now)

    def percent(self, progress: Progress) -> int:
        """Return how much of it is done; 100 only once all is."""
        if self.finished_at is not None:
            return 100
        return min(99, progress.done * 100 // self.total) if self.started_at is not None and self.total else 0

    def rate(self, progress: Progress, now: Instant) -> float:
        """Return how many members a second it did, on average since all of them were known."""
        if self.started_at is None:
            return 0.0
        seconds = (moment(self.finished_at or now) - moment(self.started_at)).total_seconds()
        return round(progress.done / seconds, 1) if seconds > 0 else 0.0


def next_step(store_id: str, job: Job) -> PlanStep | None:
    """Return the message that takes a job on to its chunks; None where all of these have theirs, or it is over."""
    if job.finished_at is not None:
        return None
    if job.started_at is None:
        return SnapshotStep(store_id, job.job_id, job.step)
    return FanOutStep(store_id, job.job_id, job.step) if job.sent < job.chunks else None


def page_of(number: int) -> tuple[int, int]:
    """Return where a chunk is: the page of the snapshot, and the position of its first member there."""
    chunks_a_page = PAGE // CHUNK
    return number // chunks_a_page, number % chunks_a_page * CHUNK


def pages_with(total: int, page: Sequence[str], ids: Iterable[str]) -> dict[int, list[str]]:
    """Return the pages, by number, that change when these members are added to ``total`` others, of whom ``page`` is
    the last page that is not full. Nobody is in a page twice."""
    first = total // PAGE
    there = list(dict.fromkeys([*page, *ids]))
    return {first + n: there[n * PAGE : (n + 1) * PAGE] for n in range(-(-len(there) // PAGE)) if there}


def with_recorded(results: Sequence[Result], found: Iterable[Result]) -> tuple[Result, ...]:
    """Return results, with each that is uncertain replaced by what was found recorded of its member."""
    recorded = {result.customer_id: result for result in found if result.recorded}
    return tuple(
        recorded.get(result.customer_id, result) if result.outcome in UNCERTAIN else result for result in results
    )


def chunks_in(shard: int, chunks: int) -> int:
    """Return how many of so many chunks are in a partition."""
    return len(range(shard, chunks, SHARDS))
