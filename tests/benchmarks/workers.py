"""The workers of a queue in virtual time, and the paid orders that come while something large is done."""

from abc import abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import ClassVar, Final

from msgspec import Struct, field

from cashback.adapters import faults
from cashback.adapters.dynamo import ledger
from cashback.edge.batch import LAST_RECEIVE, AbstractStruct
from tests.benchmarks.capacity import Items, Message, Process, Queue, Tables, Timeline
from tests.benchmarks.pace import PACE, EventSourceMapping, pause_after

MEMBER: Final = (3, 2)
"""Write units of a member's posting, in the ledger and in the state: the entry with its place in the history, and the
account. Transactional items count twice. What a job writes besides is a hundredth of that."""

ORDER: Final = (MEMBER, (0, 2))
"""Those of a paid order: the same, and the order. Its places in indexes have capacity of their own."""

ORDERS: Final = 100.0
"""Paid orders a second beside what is projected, at random times."""

type Doing = Generator[float, None, bool]
"""A process that tells at its end whether it did what it was for."""


class Workers(Struct, metaclass=AbstractStruct):
    """The workers of a queue: each receives a batch, and hides what failed for as long as ``MessageBatch`` does, up to
    the last receive. ``asked`` and ``throttled`` count what they wrote, or would have."""

    line: Timeline
    tables: Tables
    mapping: EventSourceMapping
    queue: Queue
    asked: int = 0
    throttled: int = 0
    sent_back: int = 0
    dead: int = 0

    idle: ClassVar[float] = PACE.hop
    """Seconds after which a worker that found nothing looks again."""
    patience: ClassVar[float] = 0.0
    """Seconds that the messages of a batch rest in all where there is no capacity, before they go back."""

    def start(self) -> None:
        """Let them begin."""
        for number in range(self.mapping.workers):
            self.line.start(self.work(number))

    def work(self, _number: int) -> Process:
        """Do what one of them does."""
        while not self.is_over:
            taken = self.queue.receive(self.mapping.batch)
            yield PACE.invoke if taken else self.idle
            pauses = faults.rests(self.patience, self.line.random.random)
            for message in taken:
                if (yield from self._handled(message, pauses)):
                    continue
                if message.receives >= LAST_RECEIVE:
                    self.dead += 1
                    self.give_up(message)
                else:
                    self.sent_back += 1
                    self.queue.hide(message, pause_after(message.receives))

    def _handled(self, message: Message, pauses: Iterator[float]) -> Doing:
        """Do what a message says, once more after each rest of a batch that is patient."""
        while not (yield from self.handle(message)):
            pause = next(pauses, None) if self.patience else None
            if pause is None:
                return False
            yield pause
        return True

    @property
    @abstractmethod
    def is_over(self) -> bool:
        """Whether there is nothing more to wait for."""

    @abstractmethod
    def handle(self, message: Message) -> Doing:
        """Do what a message says."""

    def give_up(self, message: Message) -> None:
        """Note that a message went to the dead letters."""

    def commit(self, *items: Items) -> bool:
        """Write, if the tables have so much left, and count it."""
        self.asked += 1
        done = self.tables.commit(*items)
        self.throttled += not done
        return done

    def post(self, seconds: float, *items: Items) -> Doing:
        """Post, with the tries and pauses of ``post``, of which each takes so many seconds."""
        for pause in faults.backoff(ledger._TRIES, self.line.random.random, self.line.clock):
            yield pause + seconds
            if self.commit(*items):
                return True
        return False


class Orders(Workers, kw_only=True):
    """Paid orders that come until ``until`` says so, and the workers that post them. With ``starts`` each starts a task
    besides, which takes ``seconds`` more and these units; an order whose task was not created comes once more.
    ``waits`` are from the acceptance of each to its posting."""

    until: Callable[[], bool]
    starts: Sequence[Items] = ()
    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)
    posted: set[int] = field(default_factory=set)
    sent: int = 0
    closed: bool = False

    def start(self) -> None:
        """Let them come."""
        self.line.start(self._shops())
        super().start()

    @property
    def is_over(self) -> bool:
        """Whether none comes any more, and none waits."""
        return self.closed and not len(self.queue)

    def handle(self, message: Message) -> Doing:
        """Post an order, unless it is posted, and start its task."""
        yield 2 * PACE.read + PACE.order
        if message.body not in self.posted:
            if not (yield from self.post(PACE.together(3), *((1, units) for units in ORDER))):
                return False
            self.posted.add(message.body)
            self.waits.append(self.line.now - message.sent_at)
        if not self.starts:
            return True
        yield self.seconds
        return self.commit(*self.starts)

    def _shops(self) -> Process:
        while not self.until():
            self.queue.send(self.sent)
            self.sent += 1
            yield self.line.random.expovariate(ORDERS)
        self.closed = True


def quantiles(seconds: Iterable[float]) -> list[float]:
    """Return what half of them took, 99 of 100, and the last."""
    ordered = sorted(seconds) or [0.0]
    return [ordered[int(share * (len(ordered) - 1))] for share in (0.5, 0.99, 1.0)]
