"""What AWS lets through, in virtual time: the write units of a table's partitions, a queue, and who works at both.

No wall clock and no threads: a process is a generator that yields how many seconds it takes until it goes on, and
``Timeline`` runs all of them in the order of their times. A run is the same each time.
"""

from collections.abc import Generator, Sequence
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any, Final

from msgspec import Struct

PARTITION_WRITES: Final = 1_000
"""Write units a second of one partition. Source: DynamoDB, best practices for partition keys."""
PARTITION_READS: Final = 3_000
"""Read units a second of one partition; a single item never has more. Source: the same."""
COLD: Final = 4_000
"""Write units a second that a new on-demand table takes at once. Source: DynamoDB, on-demand capacity mode."""
DOUBLES_AFTER: Final = 1_800.0
"""Seconds after which a table takes twice what it has taken so far. Source: the same."""
DEFAULT_QUOTA: Final = 40_000
"""Write units a second of one table, as every account begins. Source: the quotas of DynamoDB."""
RAISED_QUOTA: Final = 200_000
"""What is asked for in a case with AWS; adjustable, so a figure to compare with and no limit."""

type Process = Generator[float]
type Items = tuple[int, Sequence[int]]
"""So many items of a transaction, and the units of each in every table."""


class Timeline:
    """Virtual time, in seconds."""

    def __init__(self) -> None:
        self.now = 0.0
        self.random = Random(1)
        self._order = count()
        self._waiting: list[tuple[float, int, Process]] = []

    def start(self, process: Process, after: float = 0.0) -> None:
        """Let a process begin."""
        heappush(self._waiting, (self.now + after, next(self._order), process))

    def run(self) -> None:
        """Go on until every process has ended."""
        while self._waiting:
            self.now, _, process = heappop(self._waiting)
            for seconds in process:
                heappush(self._waiting, (self.now + seconds, next(self._order), process))
                break

    def clock(self) -> float:
        """Tell the time, as ``time.monotonic`` does."""
        return self.now


class Table:
    """The partitions of a table, each with its share of what the table takes. Bursts are best effort, so none has more
    than a second's worth at once.

    How DynamoDB counts seconds is not promised, so there are two readings. Units flow back as time goes by; or, which
    is the worst there can be, ``by_the_second``: they are there when a second begins, and who comes once they are used
    up finds nothing until the next one.

    Keys are spread by hash, so every item of another customer is at a partition drawn by lot.
    """

    def __init__(self, line: Timeline, writes_a_second: int, *, by_the_second: bool = False) -> None:
        self._line, self._by_the_second = line, by_the_second
        self._share = float(min(writes_a_second, PARTITION_WRITES))
        self._left = [self._share] * max(1, writes_a_second // PARTITION_WRITES)
        self._seen = [0.0] * len(self._left)

    def take(self, units: int) -> bool:
        """Write an item, if its partition has so much left."""
        place = int(self._line.random.random() * len(self._left))
        seen, now = self._seen[place], self._line.now
        gained = (int(now) - int(seen) if self._by_the_second else now - seen) * self._share
        left = min(self._share, self._left[place] + gained)
        self._seen[place] = now
        self._left[place] = left - units if left >= units else left
        return left >= units


class Tables:
    """Transactions over several tables."""

    def __init__(self, *tables: Table) -> None:
        self.tables = tables

    def commit(self, *items: Items) -> bool:
        """Write items, with units for each table or for the first ones: all, or nothing where one partition has too
        little left. What the others wrote of it is used up all the same, which is the worse of what may be."""
        done = True
        for times, units in items:
            for table, each in zip(self.tables, units, strict=False):
                for _ in range(times if each else 0):
                    done = table.take(each) and done
        return done


class Message(Struct):
    """A message, with what its receiver remembers of it."""

    body: Any
    sent_at: float
    receives: int = 0


class Queue:
    """A standard queue: what is visible comes in the order in which it became so."""

    def __init__(self, line: Timeline, hop: float) -> None:
        self._line, self._hop = line, hop
        self._order = count()
        self._held: list[tuple[float, int, Message]] = []
        self.deepest = 0

    def send(self, body: Any) -> None:
        """Queue a message, which is received a moment later at the earliest."""
        self.hide(Message(body, self._line.now), self._hop)

    def hide(self, message: Message, seconds: float) -> None:
        """Let a message be received, again, in so many seconds."""
        heappush(self._held, (self._line.now + seconds, next(self._order), message))
        self.deepest = max(self.deepest, len(self._held))

    def receive(self, most: int) -> list[Message]:
        """Take up to so many messages that are visible."""
        taken: list[Message] = []
        while self._held and len(taken) < most and self._held[0][0] <= self._line.now:
            taken.append(heappop(self._held)[2])
            taken[-1].receives += 1
        return taken

    def __len__(self) -> int:
        return len(self._held)


def grown(units: float, writes_a_second: float, most: float, share: float) -> float:
    """Return the seconds in which a table takes so many units, at no more than ``most`` a second, from somebody who
    gets ``share`` of what it can take: every half hour it takes twice what it has taken before."""
    seconds = 0.0
    while (rate := min(writes_a_second * share, most)) < most and units > rate * DOUBLES_AFTER:
        units -= rate * DOUBLES_AFTER
        seconds += DOUBLES_AFTER
        writes_a_second = max(writes_a_second, 2 * rate)
    return seconds + units / rate
