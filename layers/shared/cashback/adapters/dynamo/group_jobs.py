"""Group jobs in the State table: the job, the snapshot of its members, its chunks with their results, and its progress.

Chunks and progress lie in 16 partitions, so that no job is bound by what one partition takes.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from msgspec import Struct

from cashback.adapters.dynamo import group_keys, keys
from cashback.adapters.dynamo.codec import Item
from cashback.adapters.dynamo.due import DueIndex
from cashback.adapters.dynamo.packing import Packing
from cashback.adapters.dynamo.tables import Lost, StateTable
from cashback.adapters.faults import tries
from cashback.domain.due import DueKind
from cashback.domain.errors import Busy
from cashback.domain.group_jobs import Chunk, Job, Progress, Result
from cashback.domain.ledger import Write, transaction_id
from cashback.domain.shards import SHARDS

_PROGRESS: Final = {name: f"sum_{name}" for name in Progress.__struct_fields__}
"""Attributes by field; some fields are words that expressions may not hold."""

_TRIES: Final = 5

_JOB: Final = Packing[Job](Job)
_MEMBERS: Final = Packing[Sequence[str]](list[str])
_RESULTS: Final = Packing[Sequence[Result]](tuple[Result, ...])


class GroupJobs(Struct, frozen=True):
    """Jobs, each written only over the revision that was read. ``sleep`` and ``jitter`` are arguments so that time can
    be virtual."""

    table: StateTable
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random

    def get(self, store_id: str, job_id: str) -> Job | None:
        """Return a job (consistent)."""
        item = self.table.get(group_keys.job(store_id, job_id))
        return None if item is None else job_of(item)

    def create(self, store_id: str, job: Job, *also: Write) -> bool:
        """Create a job, with ``also``; False where a condition failed."""
        return self.table.try_commit(self.table.put(_job_item(store_id, job), "attribute_not_exists(pk)"), *also)

    def save(self, store_id: str, job: Job, *also: Write) -> Job | None:
        """Write the next revision of a job, with ``also``. Return None, or the job that stands there where someone else
        was first."""
        try:
            self.table.commit(self.write(store_id, job), *also)
        except Lost as lost:
            item = lost.images.get(0)
            if item is None:
                raise Busy("the job is not there") from lost
            return job_of(item)
        return None

    def reopen(self, store_id: str, job: Job, number: int, chunk: Chunk) -> Job | None:
        """Write the next revision of a job while a chunk of it stands as it was read, as ``save`` does; again where
        another chunk of it does at the same moment.

        :raises Busy: the chunk stands otherwise, or the job is contended or out of reach.
        """
        key = group_keys.job_chunk(store_id, job.job_id, number)
        stands = self.table.check(key, "rev = :rev", {":rev": chunk.rev})
        for _ in tries(_TRIES, self.jitter, self.sleep):
            try:
                self.table.commit(self.write(store_id, job), stands)
            except Lost as lost:
                item = lost.images.get(0)
                if item is None:
                    raise Busy("the chunk is not as it was read") from lost
                return job_of(item)
            except Busy:
                continue
            return None
        raise Busy("the job is contended or out of reach")

    def write(self, store_id: str, job: Job) -> Write:
        """Build the conditional write of a job's next revision."""
        return self.table.put(_job_item(store_id, job), "rev = :rev", {":rev": job.rev - 1})

    def page(self, store_id: str, limit: int, before: str | None) -> tuple[list[Job], str | None]:
        """Return up to ``limit`` jobs, the newest first, and the place to go on (None at the end). The index may lag a
        second; the jobs themselves are read fresh."""
        places, place = self.table.newest([group_keys.jobs_listed(store_id)], limit, before)
        wanted = [group_keys.job(store_id, keys.listed_id(one)) for one in places]
        items = self.table.get_many(wanted)
        return [job_of(items[key]) for key in wanted if key in items], place

    # ---- the snapshot

    def members(self, store_id: str, job_id: str, page: int) -> list[str]:
        """Return the members of a page of the snapshot (consistent); none where there is no such page yet."""
        item = self.table.get(group_keys.job_page(store_id, job_id, page))
        return [] if item is None else list(_MEMBERS.unpack(item["members"]))

    def pages(self, store_id: str, job_id: str, pages: Mapping[int, Sequence[str]]) -> list[Write]:
        """Build the writes of pages; they belong into the transaction of the job's own."""
        places = {group_keys.job_page(store_id, job_id, page): members for page, members in pages.items()}
        return [self.table.put({"pk": key.pk, "sk": key.sk, "members": _MEMBERS.pack(m)}) for key, m in places.items()]

    # ---- chunks

    def chunk(self, store_id: str, job_id: str, number: int) -> Chunk | None:
        """Return a chunk (consistent); None where nobody began it."""
        item = self.table.get(group_keys.job_chunk(store_id, job_id, number))
        return None if item is None else _chunk_of(item)

    def chunks(self, store_id: str, job_id: str, numbers: Sequence[int]) -> dict[int, Chunk]:
        """Return those of any number of chunks that were begun, by number (consistent)."""
        wanted = {group_keys.job_chunk(store_id, job_id, number): number for number in numbers}
        found = self.table.get_many(wanted)
        return {wanted[key]: _chunk_of(item) for key, item in found.items()}

    def begin(self, store_id: str, job_id: str, number: int) -> Chunk:
        """Mark a chunk as begun. Return it as it stands then: this mark, or what was there already."""
        pk, sk = group_keys.job_chunk(store_id, job_id, number)
        try:
            self.table.commit(self.table.put({"pk": pk, "sk": sk, "rev": 1}, "attribute_not_exists(pk)"))
        except Lost as lost:
            item = lost.images[0]
            if item is None:
                raise Busy("the chunk is not there") from lost
            return _chunk_of(item)
        return Chunk(1)

    def finish(self, store_id: str, job_id: str, number: int, over: Chunk | None, results: Sequence[Result]) -> bool:
        """Keep the results of a chunk that had none, over what was read of it, and raise its partition's progress by
        them, in one transaction. False where someone else was first, who has done both."""
        held = {"results": _RESULTS.pack(results)}
        return self._move(store_id, job_id, number, over, held, Progress.of(results))

    def amend(
        self, store_id: str, job: Job, number: int, over: Chunk, before: Sequence[Result], results: Sequence[Result]
    ) -> bool:
        """Keep other results of a chunk than it had ended with before, in one transaction with the progress and the
        job, in its next revision: whoever is about to end it looks again. False where someone else was first."""
        gained = Progress.of(results).plus(Progress.of(before), -1)
        written = self.write(store_id, job.amended(gained))
        return self._move(store_id, job.job_id, number, over, {"results": _RESULTS.pack(results)}, gained, written)

    def begin_again(
        self, store_id: str, job_id: str, number: int, over: Chunk, results: Sequence[Result]
    ) -> Chunk | None:
        """Set the results of a chunk aside and take what they came to back, in one transaction: the job is then not
        complete. Return the chunk as it stands then, None where someone else was first."""
        lost = Progress().plus(Progress.of(results), -1)
        if not self._move(store_id, job_id, number, over, {"retried": _RESULTS.pack(results)}, lost):
            return None
        return Chunk(over.rev + 1, retried=tuple(results))

    def _move(
        self,
        store_id: str,
        job_id: str,
        number: int,
        over: Chunk | None,
        held: Item,
        gained: Progress,
        *also: Write,
    ) -> bool:
        """Write a chunk with its partition's progress, again where another chunk of it does at the same moment: given
        up, all that was posted would be looked for anew."""
        pk, sk = group_keys.job_chunk(store_id, job_id, number)
        rev = 0 if over is None else over.rev
        condition, values = ("attribute_not_exists(pk)", None) if over is None else ("rev = :rev", {":rev": rev})
        sums = {attribute: change for name, attribute in _PROGRESS.items() if (change := getattr(gained, name))}
        raised = self.table.update(
            group_keys.job_progress(store_id, job_id, number % SHARDS),
            "ADD " + ", ".join(f"{name} :{name}" for name in sums),
            values={f":{name}": change for name, change in sums.items()},
        )
        put = self.table.put({"pk": pk, "sk": sk, "rev": rev + 1, **held}, condition, values)
        for _ in tries(_TRIES, self.jitter, self.sleep):
            with suppress(Busy):
                return self.table.try_commit(put, raised, *also)
        raise Busy("the progress is contended or out of reach")

    @staticmethod
    def transaction_id(store_id: str, job: Job, result: Result) -> str | None:
        """Return the id of the entry that stands for a member, None where none does."""
        if not result.recorded:
            return None
        return transaction_id(
            keys.customer(store_id, result.kept_id or result.customer_id), job.cause(result.customer_id)
        )

    # ---- progress

    def progress_in(self, store_id: str, job_id: str, shard: int) -> Progress:
        """Return what the chunks of one partition came to so far (consistent)."""
        return _progress_of(self.table.get(group_keys.job_progress(store_id, job_id, shard)))

    def progress(self, store_id: str, job_id: str) -> Progress:
        """Return what all chunks came to so far (each partition consistent)."""
        places = [group_keys.job_progress(store_id, job_id, shard) for shard in range(SHARDS)]
        total = Progress()
        for item in self.table.get_many(places).values():
            total = total.plus(_progress_of(item))
        return total


def _job_item(store_id: str, job: Job) -> Item:
    """A job as it is stored: what conditions, lists and histories read, and the whole compressed."""
    pk, sk = group_keys.job(store_id, job.job_id)
    return {
        "pk": pk,
        "sk": sk,
        "listing_pk": group_keys.jobs_listed(store_id),
        "listing_sk": keys.listed(job.created_at, job.job_id),
        "rev": job.rev,
        "comment": job.comment,
        "document": _JOB.pack(job),
        **DueIndex.attributes(store_id, DueKind.GROUP_JOB, job.job_id, job.due_at if job.is_awaited else None),
    }


def job_of(item: Item) -> Job:
    """Read a job back."""
    return _JOB.unpack(item["document"])


def _chunk_of(item: Item) -> Chunk:
    held = {name: tuple(_RESULTS.unpack(item[name])) for name in ("results", "retried") if name in item}
    return Chunk(item["rev"], **held)


def _progress_of(item: Item | None) -> Progress:
    there = item or {}
    return Progress(**{name: there[attribute] for name, attribute in _PROGRESS.items() if attribute in there})
