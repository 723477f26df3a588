"""How long things take in a Region, which is assumed, and how the template feeds its functions, which is read there."""

from typing import Final

from msgspec import Struct

from cashback.edge.batch import FIRST_PAUSE, LONGEST_PAUSE
from dev.template import as_written

FIRST_WORKERS: Final = 5
WORKERS_A_SECOND: Final = 300 / 60
"""With how many batches at once Lambda begins to read a queue, and how fast it adds to them. Source: Lambda, SQS."""

MEMORY: Final = as_written()["Globals"]["Function"]["MemorySize"] / 1_024
"""GB of every function."""

SHARE: Final = MEMORY * 1_024 / 1_769
"""Of a CPU, what a function of so much memory has. Source: Lambda, memory."""


RAW: Final = 0.0011
"""Seconds of a core's CPU for one raw transaction (``b``), net of the runtime: how fast a core is taken to be. CPU that
is counted is told as of such a core, whatever counted it."""


class Pace(Struct, frozen=True):
    """Seconds. Those of the SDK's calls are what AWS calls single-digit milliseconds, and more for transactions; those
    of our own CPU are of a function that has ``SHARE`` of a core, each at least what was counted on the local stack and
    at most four times that (``assumed``)."""

    read: float = 0.005
    write: float = 0.008
    transaction: float = 0.012
    each_item: float = 0.0005
    send: float = 0.008
    hop: float = 0.02
    """From a message's being sent to its being received, at least."""
    invoke: float = 0.015
    schedule: float = 0.03
    member: float = 200e-6 / SHARE
    """Of CPU, for a member of a job of a hundred, with all that the job takes."""
    listed: float = 6e-6 / SHARE
    """Of CPU, for a member that is read."""
    paged: float = 8e-6
    """Of the table's time, for each member of a page."""
    figured: float = 20e-6 / SHARE
    """Of CPU, for a customer whose account is read to see whether a rule takes them."""
    hundred: float = 0.015
    """For a BatchGetItem of so many."""
    taken_in: float = 0.00056 / SHARE
    """Of CPU, for a webhook at the entrance."""
    order: float = 0.00118 / SHARE
    """Of CPU, for a paid order in a batch."""
    start: float = 0.0048 / SHARE
    """The same for an order that starts a task."""
    task: float = 0.0024 / SHARE
    """For a task that is run alone; in a batch it is less, and so is the next."""
    credit: float = 0.0021 / SHARE
    unchanged: float = 0.0008 / SHARE
    """For a message of a task that has nothing left to do, in a batch."""
    swept: float = 220e-6 / SHARE
    """For a task that is found due: of the index, of the table, its message and the lines of its log."""

    def read_members(self, members: int) -> float:
        """What reading so many members of a page takes."""
        return members * (self.listed + self.paged)

    def together(self, items: int) -> float:
        """What a transaction of so many items takes."""
        return self.transaction + self.each_item * items


PACE: Final = Pace()


class EventSourceMapping(Struct, frozen=True):
    """An event source mapping: how a queue feeds its function, so many batches at once, of so many messages."""

    workers: int
    batch: int

    @staticmethod
    def of(name: str) -> "EventSourceMapping":
        """Read one of the template."""
        template = as_written()
        properties = template["Resources"][name]["Properties"]
        workers = properties["ScalingConfig"]["MaximumConcurrency"]
        if isinstance(workers, dict):
            workers = template["Parameters"][workers["Ref"]]["Default"]
        return EventSourceMapping(workers, properties["BatchSize"])


JOB_SOURCE: Final = EventSourceMapping.of("GroupJobWorkerSource")
ORDER_SOURCE: Final = EventSourceMapping.of("EventWorkerSource")
ACTION_SOURCE: Final = EventSourceMapping.of("ActionWorkerSource")
CREDIT_SOURCE: Final = EventSourceMapping.of("CreditWorkerSource")
"""Those of the models: read here, so that they are values of which a fingerprint can be taken."""


def pause_after(receives: int) -> float:
    """How long a message rests that failed, as ``MessageBatch`` lets it."""
    return float(min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(receives - 1, 10)))
