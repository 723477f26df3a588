"""What else a group job could be bound by than the tables' quotas and its workers."""

from math import ceil
from typing import Final

from cashback.adapters.dynamo import group_jobs as job_items
from cashback.adapters.queues import SENT_AT_ONCE
from cashback.domain.group_jobs import CHUNK, PAGE, Outcome, Result
from cashback.domain.shards import SHARDS
from cashback.services import plan_group_job, project
from tests.benchmarks.capacity import PARTITION_READS, PARTITION_WRITES
from tests.benchmarks.pace import PACE

TOTALS: Final = "totals and events: one partition of a store for what was counted"


def limits() -> dict[str, float]:
    """Return what else a job could be bound by, in members a second."""
    results = len(job_items._RESULTS.pack([Result(one, Outcome.CREDITED, 500, True) for one in _ids()[:CHUNK]]))
    step = 2 * PACE.read + PACE.together(10) + PACE.send + PACE.hop + PACE.invoke
    by_hand, by_rule = plan_group_job.READ_BY_HAND, plan_group_job.READ_AT_ONCE
    figured = PACE.read_members(by_rule) + by_rule * PACE.figured + by_rule / 100 * PACE.hundred
    sending = PACE.read + plan_group_job.SENT_AT_ONCE / SENT_AT_ONCE * PACE.send + PACE.write + PACE.send + PACE.hop
    chunk_units = 1 + 2 * ceil((results + 100) / 1_024) + 2
    counting = PACE.read + PACE.together(project.AT_ONCE + 1)
    return {
        "reading members by hand, a step after another": by_hand / (step + PACE.read_members(by_hand)),
        "reading customers by a rule, a step after another; twice where it asks for scores": by_rule / (step + figured),
        "sending chunks, a step after another": plan_group_job.SENT_AT_ONCE * CHUNK / sending,
        "one partition for the job and its snapshot: reads": PARTITION_READS / (1 + ceil(page_bytes() / 4_096)) * CHUNK,
        "16 partitions for chunks and results: writes": SHARDS * PARTITION_WRITES / chunk_units * CHUNK,
        "16 items for the progress, one transaction at a time": SHARDS / PACE.together(2) * CHUNK,
        TOTALS: PARTITION_WRITES / 2,  # a batch of a stream may hold one entry of each of many chunks
        "totals and events: one item for the day, one transaction at a time": project.AT_ONCE / counting,
    }


def page_bytes() -> int:
    """Return the size of a page of a snapshot."""
    return len(job_items._MEMBERS.pack(_ids()))


def _ids() -> list[str]:
    """A page of customers, with ids as those of shops are."""
    return sorted(f"{7_311_900_471_021 + 7_919_777 * n % 1_000_000_007:013d}" for n in range(PAGE))
