"""A group job and the orders beside it, in virtual time.

Whatever the product decides is taken from it: sizes of chunks, transactions and steps, pauses and tries, workers and
batches. The model repeats what plan_group_job, run_group_job and ``post_batch`` do, call by call.
"""

from collections.abc import Sequence

from msgspec import Struct, field

from cashback.adapters import faults
from cashback.adapters.dynamo import group_jobs as job_items
from cashback.adapters.dynamo import ledger
from cashback.adapters.queues import SENT_AT_ONCE
from cashback.domain.group_jobs import CHUNK, PAGE
from cashback.domain.shards import SHARDS
from cashback.services import plan_group_job
from cashback.services.post_shares import PATIENCE
from tests.benchmarks.capacity import Message, Process, Queue, Table, Tables, Timeline
from tests.benchmarks.pace import FIRST_WORKERS, JOB_SOURCE, ORDER_SOURCE, PACE, WORKERS_A_SECOND, EventSourceMapping
from tests.benchmarks.workers import MEMBER, Doing, Orders, Workers, quantiles


class Job(Workers, kw_only=True):
    """The chain of messages that reads members, the one that sends chunks, and workers that do both and post."""

    members: int
    done: int = 0
    conflicts: int = 0
    begun_at: float = 0.0
    ended_at: float = 0.0
    committed: dict[int, int] = field(default_factory=dict)
    written_until: list[float] = field(default_factory=lambda: [0.0] * SHARDS)

    def start(self) -> None:
        """Send the first message, and let workers wait for it."""
        self.queue.send(("read", 0))
        super().start()

    @property
    def chunks(self) -> int:
        """How many there are."""
        return -(-self.members // CHUNK)

    @property
    def is_over(self) -> bool:
        """Whether all are posted, or given up."""
        return self.done + self.dead >= self.chunks

    def work(self, number: int) -> Process:
        """Begin when Lambda has come so far."""
        if number >= FIRST_WORKERS:
            while not self.begun_at:
                yield 0.5
            yield (number - FIRST_WORKERS) / WORKERS_A_SECOND
        yield from super().work(number)

    def handle(self, message: Message) -> Doing:
        """Read, send, or post a chunk."""
        kind, place = message.body
        if kind == "post":
            return (yield from self._run_chunk(place))
        yield from self._read(place) if kind == "read" else self._send(place)
        return True

    def _read(self, first: int) -> Process:
        """Take a step of the snapshot."""
        some = min(plan_group_job.READ_BY_HAND, self.members - first)
        yield 2 * PACE.read + PACE.read_members(some) + PACE.together(2 + some // PAGE) + PACE.send
        if first + some < self.members:
            self.queue.send(("read", first + some))
        else:
            self.begun_at = self.line.now
            self.queue.send(("send", 0))

    def _send(self, first: int) -> Process:
        """Send the messages of some chunks."""
        until = min(first + plan_group_job.SENT_AT_ONCE, self.chunks)
        yield PACE.read
        for number in range(first, until):
            if number % SENT_AT_ONCE == 0:
                yield PACE.send
            self.queue.send(("post", number))
        yield PACE.write + PACE.send
        if until < self.chunks:
            self.queue.send(("send", until))

    def _run_chunk(self, number: int) -> Doing:
        """Post a chunk; what was committed before it was sent back is found member by member."""
        size = min(CHUNK, self.members - number * CHUNK)
        yield 2 * PACE.read + PACE.write + size * PACE.member
        for _ in range(self.committed.get(number, 0)):
            yield from self._find_again()
        pauses = faults.rests(PATIENCE, self.line.random.random)
        while self.committed.get(number, 0) * ledger.BATCH < size:
            yield PACE.together(2 * ledger.BATCH)
            if self.commit((ledger.BATCH, MEMBER)):
                self.committed[number] = self.committed.get(number, 0) + 1
                continue
            pause = next(pauses, None)
            if pause is None:
                return False
            yield pause
        if not (yield from self._finish(number % SHARDS)):
            return False
        self.done += 1
        self.ended_at = self.line.now
        return True

    def _find_again(self) -> Process:
        """A transaction whose members are all posted already, and each of them alone."""
        yield PACE.together(2 * ledger.BATCH)
        self.tables.commit((ledger.BATCH, MEMBER))
        for _ in range(ledger.BATCH):
            yield PACE.together(2)
            self.tables.commit((1, MEMBER))

    def _finish(self, shard: int) -> Doing:
        """Write results and progress: of two chunks of a partition at the same moment one is in the other's way."""
        for pause in faults.backoff(job_items._TRIES, self.line.random.random, self.line.clock):
            yield pause
            if self.line.now >= self.written_until[shard]:
                self.written_until[shard] = self.line.now + PACE.together(2)
                yield PACE.together(2) + PACE.read
                return True
            self.conflicts += 1
            yield PACE.transaction
        return False


class Run(Struct, frozen=True):
    """What a run came to. Times are in seconds; ``waits`` are of the orders: half of them, 99 of 100, and the last."""

    members: int
    read_in: float
    posted_in: float
    throttled: float
    sent_back: int
    conflicts: int
    orders: int
    waits: Sequence[float]
    orders_sent_back: int
    orders_lost: int

    @property
    def seconds(self) -> float:
        """From the call of the API to the end."""
        return self.read_in + self.posted_in

    @property
    def rate(self) -> float:
        """Members posted a second."""
        return self.members / self.posted_in if self.posted_in else 0.0


def run(members: int, writes_a_second: int, workers: int | None = None, *, by_the_second: bool = False) -> Run:
    """Run a job on tables that take so many write units a second each, with orders beside it. Without members there
    are only orders, for a minute."""
    line = Timeline()
    tables = Tables(*(Table(line, writes_a_second, by_the_second=by_the_second) for _ in MEMBER))
    job_mapping = EventSourceMapping(workers or JOB_SOURCE.workers, JOB_SOURCE.batch)
    job = Job(line, tables, job_mapping, Queue(line, PACE.hop), members=members)
    if members:
        job.start()
    until = (lambda: job.is_over) if members else (lambda: line.now > 60)
    orders = Orders(line, tables, ORDER_SOURCE, Queue(line, PACE.hop), until=until)
    orders.start()
    line.run()
    return Run(
        members=members,
        read_in=job.begun_at,
        posted_in=job.ended_at - job.begun_at,
        throttled=job.throttled / job.asked if members else 0.0,
        sent_back=job.sent_back,
        conflicts=job.conflicts,
        orders=orders.sent,
        waits=quantiles(orders.waits),
        orders_sent_back=orders.sent_back,
        orders_lost=orders.dead,
    )
