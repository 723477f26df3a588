"""A group job and the orders beside it, in virtual time.

Whatever the product decides is taken from it: sizes of chunks, transactions and steps, pauses and tries, workers and
batches. The model repeats what plan_group_job, run_group_job and ``post_batch`` do, call by call.
"""

from collections.abc import Callable, Generator, Sequence
from typing import Final

from msgspec import Struct, field

from cashback.adapters import faults
from cashback.adapters.dynamo import group_jobs as job_items
from cashback.adapters.dynamo import ledger
from cashback.domain.group_jobs import CHUNK, PAGE
from cashback.domain.shards import SHARDS
from cashback.edge.batch import LAST_RECEIVE
from cashback.services import plan_group_job
from cashback.services.post_shares import PATIENCE
from tests.benchmarks.capacity import Line, Message, Process, Queue, Table, Tables
from tests.benchmarks.pace import FIRST_WORKERS, PACE, WORKERS_A_SECOND, Mapping, pause_after

MEMBER: Final = (3, 2)
"""Write units of a member's posting, in the ledger and in the state: the entry with its place in the history, and the
account. Transactional items count twice. What a job writes besides is a hundredth of that."""

ORDER: Final = (MEMBER, (0, 2))
"""Those of a paid order: the same, and the order. Its places in indexes have capacity of their own."""

ORDERS: Final = 100.0
"""Paid orders a second beside a job, at random times."""

SENT_AT_ONCE: Final = 10
"""Messages of one SendMessageBatch. Source: the quotas of SQS."""

type Doing = Generator[float, None, bool]
"""A process that tells at its end whether it did what it was for."""


class Job(Struct):
    """The chain of messages that reads members, the one that sends chunks, and workers that do both and post."""

    line: Line
    tables: Tables
    members: int
    mapping: Mapping
    queue: Queue
    done: int = 0
    sent_back: int = 0
    transactions: int = 0
    throttled: int = 0
    conflicts: int = 0
    begun_at: float = 0.0
    ended_at: float = 0.0
    committed: dict[int, int] = field(default_factory=dict)
    written_until: list[float] = field(default_factory=lambda: [0.0] * SHARDS)

    def start(self) -> None:
        """Send the first message, and let workers wait for it."""
        self.queue.send(("read", 0))
        for number in range(self.mapping.workers):
            self.line.start(self._worker(number))

    @property
    def chunks(self) -> int:
        """How many there are."""
        return -(-self.members // CHUNK)

    @property
    def is_over(self) -> bool:
        """Whether all are posted."""
        return self.done >= self.chunks

    def _worker(self, number: int) -> Process:
        if number >= FIRST_WORKERS:
            while not self.begun_at:
                yield 0.5
            yield (number - FIRST_WORKERS) / WORKERS_A_SECOND
        while not self.is_over:
            taken = self.queue.receive(self.mapping.batch)
            yield PACE.invoke if taken else PACE.hop
            for message in taken:
                yield from self._handle(message)

    def _handle(self, message: Message) -> Process:
        kind, place = message.body
        if kind == "read":
            yield from self._read(place)
        elif kind == "send":
            yield from self._send(place)
        elif not (yield from self._run_chunk(place)):
            self.sent_back += 1
            self.queue.hide(message, pause_after(message.receives))

    def _read(self, first: int) -> Process:
        """Take a step of the snapshot."""
        some = min(plan_group_job.READ_BY_HAND, self.members - first)
        yield 2 * PACE.read + some * PACE.listed + PACE.together(2 + some // PAGE) + PACE.send
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
            self.transactions += 1
            if self.tables.commit((ledger.BATCH, MEMBER)):
                self.committed[number] = self.committed.get(number, 0) + 1
                continue
            self.throttled += 1
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


class Orders(Struct):
    """Paid orders that come until somebody says it is over, and the workers that post them."""

    line: Line
    tables: Tables
    mapping: Mapping
    is_over: Callable[[], bool]
    queue: Queue
    waits: list[float] = field(default_factory=list)
    sent: int = 0
    sent_back: int = 0
    dead: int = 0
    closed: bool = False

    def start(self) -> None:
        """Let them come."""
        self.line.start(self._shops())
        for _ in range(self.mapping.workers):
            self.line.start(self._worker())

    def wait(self, share: float) -> float:
        """Return within how many seconds such a share of them was posted, from its acceptance on."""
        return sorted(self.waits)[int(share * (len(self.waits) - 1))]

    def _shops(self) -> Process:
        while not self.is_over():
            self.queue.send(None)
            self.sent += 1
            yield self.line.random.expovariate(ORDERS)
        self.closed = True

    def _worker(self) -> Process:
        while not self.closed or len(self.queue):
            taken = self.queue.receive(self.mapping.batch)
            yield PACE.invoke if taken else PACE.hop
            for message in taken:
                yield 2 * PACE.read + PACE.order
                if (yield from self._post()):
                    self.waits.append(self.line.now - message.sent_at)
                elif message.receives >= LAST_RECEIVE:
                    self.dead += 1
                else:
                    self.sent_back += 1
                    self.queue.hide(message, pause_after(message.receives))

    def _post(self) -> Doing:
        """Post one, with the tries and pauses of ``post``."""
        for pause in faults.backoff(ledger._TRIES, self.line.random.random, self.line.clock):
            yield pause + PACE.together(3)
            if self.tables.commit(*((1, units) for units in ORDER)):
                return True
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


def run(
    members: int, writes_a_second: int, workers: int | None = None, *, by_the_second: bool = False, seed: int = 1
) -> Run:
    """Run a job on tables that take so many write units a second each, with orders beside it. Without members there
    are only orders, for a minute."""
    line = Line(seed)
    tables = Tables(*(Table(line, writes_a_second, by_the_second=by_the_second) for _ in MEMBER))
    mapping = Mapping.of("GroupJobWorkerSource")
    job = Job(line, tables, members, Mapping(workers or mapping.workers, mapping.batch), Queue(line, PACE.hop))
    if members:
        job.start()
    is_over = (lambda: job.is_over) if members else (lambda: line.now > 60)
    orders = Orders(line, tables, Mapping.of("EventWorkerSource"), is_over, Queue(line, PACE.hop))
    orders.start()
    line.run()
    return Run(
        members=members,
        read_in=job.begun_at,
        posted_in=job.ended_at - job.begun_at,
        throttled=job.throttled / job.transactions if members else 0.0,
        sent_back=job.sent_back,
        conflicts=job.conflicts,
        orders=orders.sent,
        waits=[orders.wait(share) for share in (0.5, 0.99, 1.0)],
        orders_sent_back=orders.sent_back,
        orders_lost=orders.sent - len(orders.waits),
    )
