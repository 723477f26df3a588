"""What the functions took under the runtime, as a section of the page, and in figures of one another: of each round,
whose runs were in turn, so that what a busy machine did to a round is in both."""

from collections.abc import Sequence

from cashback.domain.group_jobs import CHUNK
from tests.benchmarks import story, units
from tests.benchmarks.naive_units import BATCH
from tests.benchmarks.runtime import (
    BUSY_WORKER,
    CALLS,
    COUNTED,
    LARGE,
    LARGE_CALLS,
    NAIVE_PACKED,
    NAIVE_WEBHOOK,
    NAIVE_WORKER,
    RAW_TRANSACTION,
    RUNS,
    Measured,
    measure,
    net_of_the_runtime,
)
from tests.benchmarks.spread import divided, told
from tests.benchmarks.units_page import paragraph


def init_in_b(found: Sequence[Measured]) -> dict[str, list[float]]:
    """What the start of each takes, in starts of the raw transaction, by rounds."""
    start = {one.name: one.each("init") for one in found}
    return {name: divided(rounds, start[RAW_TRANSACTION]) for name, rounds in start.items()}


def cold_in_b(found: Sequence[Measured]) -> dict[str, list[float]]:
    """The same with the first call of each."""
    first, starts = {one.name: one.each("first") for one in found}, {one.name: one.each("init") for one in found}
    return {
        name: divided(map(sum, zip(rounds, first[name], strict=True)), starts[RAW_TRANSACTION])
        for name, rounds in starts.items()
    }


def warm_in_b(found: Sequence[Measured]) -> dict[str, list[float]]:
    """What a warm call of each takes, net of the runtime, in calls of the raw transaction, by rounds."""
    warm = net_of_the_runtime(found)
    return {name: divided(rounds, warm[RAW_TRANSACTION]) for name, rounds in warm.items()}


def webhook_in_b(found: Sequence[Measured]) -> tuple[list[float], list[float], list[float]]:
    """What a paid order takes, taken in and posted, in b, by rounds: in our two functions, where the worker gets it
    alone and where it gets it in a batch, and in the naive one."""
    warm = warm_in_b(found)
    ours = list(zip(warm["webhook_ingest"], warm["event_worker"], warm[BUSY_WORKER], strict=True))
    alone = [taken_in + posted for taken_in, posted, _ in ours]
    return alone, [taken_in + batch / units.BATCH for taken_in, _, batch in ours], warm[NAIVE_WEBHOOK]


def member_rates(found: Sequence[Measured]) -> tuple[list[float], list[float]]:
    """Members of a group a second of CPU, warm, by rounds: in a chunk of ours, and in a batch of the naive worker."""
    warm = {one.name: one.each("warm") for one in found}
    ours, naively = warm["group_job_worker"], warm[NAIVE_WORKER]
    return [CHUNK / seconds for seconds in ours], [BATCH / seconds for seconds in naively]


def section(found: Sequence[Measured]) -> list[str]:
    """Return the lines of the page."""
    init, cold, warm = init_in_b(found), cold_in_b(found), warm_in_b(found)
    webhook, of_a_batch, naively = webhook_in_b(found)
    rate, _ = member_rates(found)
    chunked = [calls / CHUNK for calls in warm["group_job_worker"]]
    one_by_one = [calls / BATCH for calls in warm[NAIVE_WORKER]]
    return [
        "## Cold starts and warm calls",
        "",
        "CPU of each function as it is built, in a process of its own under Lambda's runtime client: from its start",
        "to its first request for an event (INIT), in its first call, and in a warm one; then the most memory it held.",
        f"Medians of {RUNS} runs in turn, and between what they were; what is in B or b, or so many times another, is",
        f"that in each round first. A run is {CALLS} calls; the last {COUNTED} count as warm. Orders of 1 MiB are run",
        f"for memory alone, {LARGE_CALLS} calls each. *B* is the INIT of a function that imports stock boto3 and makes",
        "a client, *b* its warm call: one raw TransactWriteItems, the one that posts a paid order. A warm call in b is",
        "net of the runtime. The naive functions do their work with boto3's resource, a call for each item, and all of",
        "Powertools; they know one rate, post in steps and verify no signature.",
        "",
        *paragraph(
            "Each call is work that was not done before: webhook_ingest takes in an order that the shop has not sent "
            f"yet, event_worker posts another one, or {units.BATCH} others that it gets at once, credit_worker the "
            f"credit of another task, group_job_worker credits {CHUNK} other members, customers_api reads the balance "
            "of another customer; the raw transaction and the naive functions have other orders and members too. "
            f"Only {' and '.join(story.ALIKE)} are asked the same each time: whose a key is, and a store's settings. "
            "Neither keeps what it has read. Kept between warm calls are, here as on AWS, connections, the headers "
            "of operations and the signing key of the day, what the text of a store's settings means, and by "
            "webhook_ingest the secrets of the store, for a minute."
        ),
        "CPU is another measure than the instructions counted at the top of this page, and B and b are others:",
        "here INIT is in the runtime, whose start B contains, and calls of AWS go through a socket to the engine.",
        "",
        "| | INIT, ms | INIT, B | first call, ms | both, B | warm, ms | warm, b | memory, MB |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
        *(
            f"| {one.name} | {one.told('init')} | {told(init[one.name], '.2f')} | {one.told('first')} "
            f"| {told(cold[one.name], '.2f')} | {one.told('warm')} | {told(warm[one.name], '.2f')} "
            f"| {one.told('memory', 1)} |"
            for one in found
            if one.name not in LARGE
        ),
        *(f"| {one.name} | | | | | | | {one.told('memory', 1)} |" for one in found if one.name in LARGE),
        "",
        *paragraph(
            f"A paid order, taken in and posted, takes {told(webhook, '.2f')} b in our two functions where the worker "
            f"gets it alone, and {told(of_a_batch, '.2f')} b where it gets {units.BATCH} at once, as of a busy store: "
            f"the entrance and a tenth of the batch. Naively it takes {told(naively, '.2f')} b, "
            f"{told(divided(naively, webhook), '.1f')} and {told(divided(naively, of_a_batch), '.1f')} times as much. "
            f"Until a cold function has answered a shop it takes {told(cold['webhook_ingest'], '.2f')} B; the naive "
            f"one {told(cold[NAIVE_WEBHOOK], '.2f')} B, and {told(cold[NAIVE_PACKED], '.2f')} B as `sam build` packs "
            f"it. A member of a group takes {told(chunked, '.3f')} b among {CHUNK}, {told(rate)} members a second of "
            f"CPU; {told(one_by_one, '.2f')} b naively, {told(divided(one_by_one, chunked))} times as much."
        ),
    ]


if __name__ == "__main__":
    print("\n".join(section(measure())))
