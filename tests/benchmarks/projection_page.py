"""The projections, as two sections of the page and a plot."""

from collections.abc import Mapping, Sequence
from typing import Final

import matplotlib as mpl

from cashback.domain.group_jobs import PAGE
from cashback.domain.shards import SHARDS
from cashback.edge.patient_batch import PATIENCE
from cashback.edge.sweeper import ENOUGH_TIME
from cashback.services import plan_group_job
from dev.project import ROOT
from tests.benchmarks import bounds, spread, task_projection, units
from tests.benchmarks.capacity import COLD, DEFAULT_QUOTA, DOUBLES_AFTER, PARTITION_WRITES
from tests.benchmarks.cost import PRICES
from tests.benchmarks.job_projection import Run
from tests.benchmarks.pace import RAW
from tests.benchmarks.projection import (
    COLD_TABLE,
    CROWDED_TABLE,
    IN_A_MINUTE,
    LARGEST,
    LEDGER_UNITS,
    LONG,
    MILLION,
    RAISED_TABLE,
    RAISED_WORKERS,
    SIZES,
    STATE_UNITS,
    TABLES,
    UNHEARD,
    WARM_TABLE,
    Figures,
    Table,
)
from tests.benchmarks.task_projection import (
    CREATED_A_SECOND,
    CREATED_ELSEWHERE,
    DUE,
    EVERY,
    HOUR,
    LONGEST_SWEEP,
    SCHEDULES,
    STARTED_A_SECOND,
    STARTED_BEFORE,
    Steps,
    hot_due,
    hot_list,
)
from tests.benchmarks.units import Operation
from tests.benchmarks.units_page import paragraph
from tests.benchmarks.workers import ORDERS

mpl.use("svg")
from matplotlib import pyplot as plt

PLOT: Final = ROOT / "docs" / "projection.svg"
GIVEN_UP_AFTER: Final = 43_200
"""Seconds after which the projector gives a record up. Source: the template, asserted in test_projection.py."""


def section(figures: Figures, operations: Mapping[str, Operation]) -> list[str]:
    """Return the lines of the page."""
    return [*_of_jobs(figures), *_of_orders(figures), *_of_limits(figures), *_of_tasks(figures, operations)]


def _of_jobs(figures: Figures) -> list[str]:
    millions = [(one, figures.jobs[one.name]) for one in (*TABLES, CROWDED_TABLE)]
    cold, crowded = figures.jobs[COLD_TABLE.name], figures.jobs[CROWDED_TABLE.name]
    rows = [_job_row(one, MILLION, run.read_in, run.posted_in, run.throttled) for one, run in millions]
    rows += [_job_row(one, LARGEST, *figures.scaled(one, LARGEST)) for one in TABLES]
    return [
        "## Group jobs projected",
        "",
        *paragraph(
            "Not run but computed: a simulation in virtual time of the tables' partitions, the queue, Lambda's "
            "workers and the product's own sizes, pauses and tries, with workers and batches as template.yaml has "
            "them. How long calls take in a Region is assumed (tests/benchmarks/pace.py). Members are in a group "
            f"made by hand. A member takes {LEDGER_UNITS} write units of the ledger, which binds, and {STATE_UNITS} "
            f"of the state. A *cold* table is new: it takes {COLD:,} units a second, and twice what it took before "
            "each half hour. A *warm* one takes its quota (parameter `WarmWriteUnits`). The *raised quota* is what "
            f"AWS gives on request, with `GroupJobWorkers` at {RAISED_WORKERS}."
        ),
        *paragraph(
            "`make test` holds the limits of this, and of the tasks below, against the figures that are kept from the "
            "last time all was computed. A fingerprint says that the models, the product's values and functions that "
            "they use, and what was counted are still those of then: where it is another, the test fails until all is "
            "computed anew. Only a little is run again, what takes seconds, parts of the million among it, and has to "
            "come to the same."
        ),
        "| members | tables | quota | read in | posted in | all | transactions throttled |",
        "|---:|---|---:|---:|---:|---:|---:|",
        *rows,
        "",
        *paragraph(
            f"Jobs of {LARGEST:,} are not simulated but scaled. They read their members, and post them, as fast as the "
            f"job of {MILLION:,} on warm tables does; on the raised quota as fast as one of {LONG:,}, in which the "
            "time that Lambda takes to add workers weighs little. On cold tables they get the share of what a table "
            f"takes that the job of {MILLION:,} gets there, {figures.cold_share:.0%}, up to what they post on warm "
            f"ones; that it takes more after {duration(DOUBLES_AFTER)} is in this row alone, and which share of their "
            "transactions is throttled until it takes enough is not computed."
        ),
        *paragraph(
            "`GroupJobWorkers` is to be raised with the quota, and on warm tables only: "
            f"{RAISED_WORKERS} of them ask a cold table for many times what it takes. {crowded.throttled:.0%} of "
            "their transactions are throttled, each of which uses up what others could have written: a million take "
            f"{crowded.seconds / 60:.0f} min instead of {cold.seconds / 60:.0f}, and orders wait for longer."
        ),
        "![Time, and write units with their price, against members](projection.svg)",
        "",
    ]


def _job_row(table: Table, members: int, reads: float, posts: float, throttled: float | None) -> str:
    times = " | ".join(map(duration, (reads, posts, reads + posts)))
    share = "not computed" if throttled is None else f"{throttled:.0%}"
    return f"| {members:,} | {table.name} | {table.quota:,} | {times} | {share} |"


def _of_orders(figures: Figures) -> list[str]:
    rows = []
    for name in (table.name for table in (*TABLES, CROWDED_TABLE)):
        if name in figures.alone:
            rows.append(_order_row(f"alone, {name}", figures.alone[name]))
        rows.append(_order_row(f"beside a job, {name}", figures.jobs[name]))
        rows.append(_order_row(f"the same by the second, {name}", figures.by_the_second[name]))
    return [
        *paragraph(
            f"Webhooks meanwhile: {ORDERS:.0f} paid orders a second on the same tables, from acceptance to posting. "
            "*By the second* is the worst that a table can be: all that it has for a second is there at its "
            "beginning, and who comes later finds nothing. An order that finds no capacity five times rests for "
            "half a minute. A chunk that finds none waits up to four seconds each time, so that orders do "
            "(docs/adr/0056)."
        ),
        "| orders | posted | p50, ms | p99, ms | the last, s | sent back | lost |",
        "|---|---:|---:|---:|---:|---:|---:|",
        *rows,
        "",
    ]


def _order_row(name: str, one: Run | task_projection.Run) -> str:
    half, most, last = one.waits
    cells = [f"{one.orders:,}", f"{half * 1e3:,.0f}", f"{most * 1e3:,.0f}", f"{last:.1f}"]
    return f"| {name} | {' | '.join(cells)} | {one.orders_sent_back / one.orders:.1%} | {one.orders_lost} |"


def _of_limits(figures: Figures) -> list[str]:
    bound = bounds.limits()
    counted = bound[bounds.TOTALS]
    return [
        "What else could bind a job:",
        "",
        "| | members/s |",
        "|---|---:|",
        f"| the ledger's default quota | {DEFAULT_QUOTA / LEDGER_UNITS:,.0f} |",
        f"| the workers of the template | {figures.jobs[WARM_TABLE.name].rate:,.0f} |",
        *(f"| {name} | {rate:,.0f} |" for name, rate in bound.items()),
        "",
        *paragraph(
            f"A snapshot of a hundred million members is {LARGEST // PAGE:,} pages, "
            f"{LARGEST // PAGE * bounds.page_bytes() / 1e9:.1f} GB. "
            f"Its chunks are sent {plan_group_job.SENT_AT_ONCE} at a time, so no message waits for long, and the four "
            "days that a queue keeps one are no limit."
        ),
        *paragraph(
            "Totals of days and events are what a job outruns. Balances are right at once; the projector follows "
            f"at {counted:,.0f} entries a second of one store, until DynamoDB splits the partition. That is "
            f"{duration(MILLION / counted)} for a million, and {duration(LARGEST / counted)} for a hundred million. "
            "What is older than half a day is given up: beyond some "
            f"{counted * GIVEN_UP_AFTER / 1e6:.0f} million members in one store, events of the last ones are missing. "
            "The nightly recount mends the totals."
        ),
    ]


def _of_counted_tasks(operations: Mapping[str, Operation]) -> list[str]:
    writes = sum(share.writes for share in task_projection.shares(operations))
    every = task_projection.cpu(operations)
    each = " + ".join(spread.told([seconds * 1e3 for seconds in one], ".1f") for one in every)
    rounds = [sum(one) for one in zip(*every, strict=True)]
    return paragraph(
        f"A million tasks of one scenario that come due in one hour, {DUE / HOUR:.0f} a second, each with a "
        f"guard, a watch and a credit: {writes:g} write units, as counted above. Its own CPU, counted where each came "
        f"alone, is {each} ms, to create, run and credit it: a core's own is enough for "
        f"{spread.told(1 / seconds for seconds in rounds)} tasks a second, where a raw transaction takes one "
        f"{RAW * 1e3:g} ms. Simulated in the same way, on the same tables; what a cold one takes more "
        "after half an hour is left out. An alarm rings within a minute of the next whole one, and no more than "
        f"{STARTED_A_SECOND:,} ring in a second, as in large Regions."
    )


def _of_tasks(figures: Figures, operations: Mapping[str, Operation]) -> list[str]:
    steps, a_second = Steps.counted(operations), DUE / HOUR
    created, swept = task_projection.created_a_second(steps), task_projection.swept_a_second()
    written = [(one.name, task_projection.written_a_second(steps, one.takes)) for one in TABLES]
    minute, cold = (figures.tasks[IN_A_MINUTE][table.name] for table in (WARM_TABLE, COLD_TABLE))
    unheard = figures.tasks[UNHEARD][COLD_TABLE.name]
    return [
        "## Tasks of scenarios projected",
        "",
        *_of_counted_tasks(operations),
        "| due within | tables | run late, p50 | p99 | credited, p99 | last | throttled | sent back | queue | lost |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
        *(_task_row(due, name, one) for due, runs in figures.tasks.items() for name, one in runs.items()),
        "",
        *_of_orders_beside_tasks(figures),
        "| | tasks/s |",
        "|---|---:|",
        f"| created as orders come, by the workers of the template | {created:,.0f} |",
        f"| schedules created: the quota of large Regions | {CREATED_A_SECOND:,} |",
        f"| schedules created: the quota of the others | {CREATED_ELSEWHERE:,} |",
        f"| schedules started: the quota of large Regions | {STARTED_A_SECOND:,} |",
        f"| schedules started: the quota of every Region until August 2024 | {STARTED_BEFORE:,} |",
        f"| run, by the workers of the template | {task_projection.run_a_second(steps):,.0f} |",
        f"| credited, by the workers of the template | {task_projection.credited_a_second(steps):,.0f} |",
        *(f"| run and credited: what a table of the state takes, {name} | {rate:,.0f} |" for name, rate in written),
        f"| run: the partition of index `listing` with a scenario's open tasks | {PARTITION_WRITES - ORDERS:,.0f} |",
        f"| found by the sweeper alone, were every alarm lost | {swept:,.0f} |",
        "",
        *paragraph(
            f"A million schedules are {DUE / SCHEDULES:.0%} of what a Region holds. On tables that are warm what binds "
            f"is our own workers: a million orders that start a task each take {duration(DUE / created)}, and those "
            f"of one minute are credited at {DUE / minute.ended_at:,.0f} a second. On a cold one it is the state. What "
            f"it and the partition of `listing` take is told beside {ORDERS:.0f} orders a second. An hour of index "
            f"`due` has {SHARDS} partitions, each used at {hot_due(a_second):.0%}. The partition of `listing` is used "
            f"at {hot_list(a_second):.0%} if as many tasks enter as leave."
        ),
        *paragraph(
            f"On cold tables {cold.throttled:.0%} of the writes of a million of one minute are throttled: they are "
            f"credited after {duration(cold.ended_at)} instead of {duration(minute.ended_at)}, which `WarmWriteUnits` "
            "mends. Of the orders beside them 99 of 100 are posted as if they were alone, because a task or a credit "
            f"that finds no capacity rests up to four seconds each time, {PATIENCE:.0f} a batch in all, before its "
            "message goes back (docs/adr/0061). Where every alarm is lost, so that five minutes' worth come at once, "
            f"the last of the hour is credited {duration(unheard.credited[2])} late, within the 20 minutes of P9."
        ),
        *paragraph(
            f"Were every alarm lost, the sweeper would find {swept * HOUR:,.0f} tasks an hour, though it sweeps "
            f"{LONGEST_SWEEP - ENOUGH_TIME / 1_000:.0f} seconds of {EVERY} at most. It leaves an alarm two minutes, "
            "and cannot tell what is lost from what waits in a long queue: of the million of one minute it would send "
            f"{minute.reminded:,} messages for nothing, which are within the figures above."
        ),
    ]


def _task_row(due: str, name: str, one: task_projection.Run) -> str:
    times = " | ".join(map(duration, (one.ran[0], one.ran[1], one.credited[1], one.credited[2])))
    counted = f"{one.throttled:.0%} | {one.sent_back:,} | {one.deepest:,} | {one.lost}"
    return f"| {due} | {name} | {times} | {counted} |"


def _of_orders_beside_tasks(figures: Figures) -> list[str]:
    rows = []
    for table in TABLES:
        rows.append(_order_row(f"alone, {table.name}", figures.starting[table.name]))
        for due, runs in figures.tasks.items():
            rows.append(_order_row(f"beside those of {due}, {table.name}", runs[table.name]))
            if (by_the_second := figures.tasks_by_the_second.get(due, {}).get(table.name)) is not None:
                rows.append(_order_row(f"the same by the second, {table.name}", by_the_second))
    return [
        *paragraph(
            f"Webhooks meanwhile: {ORDERS:.0f} paid orders a second, each of which starts a task that is due another "
            "day; from acceptance to posting. Who is posted and finds no capacity for the task's creation is sent back "
            "too, and one order may be so more than once."
        ),
        "| orders | posted | p50, ms | p99, ms | the last, s | sent back | lost |",
        "|---|---:|---:|---:|---:|---:|---:|",
        *rows,
        "",
    ]


def duration(seconds: float) -> str:
    """Return a time as people tell it."""
    if seconds < 600:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"


def write_plot(figures: Figures, sizes: Mapping[str, Sequence[Run]], operations: Mapping[str, Operation]) -> None:
    """Draw time against members, and what is written with its price. ``sizes`` are jobs of ``SIZES``, by the table;
    those of a million are in ``figures``, and larger ones scaled."""
    mpl.rcParams.update({"svg.hashsalt": "cashback", "font.size": 9})
    scaled = (10 * MILLION, LARGEST)
    members = [*SIZES, MILLION, *scaled]
    each = units.of_a_job(operations)["write units"][1]
    figure, (times, written) = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    for table, style in ((COLD_TABLE, ":"), (WARM_TABLE, "-"), (RAISED_TABLE, "--")):
        seconds = [one.seconds for one in (*sizes[table.name], figures.jobs[table.name])]
        seconds += [sum(figures.scaled(table, size)[:2]) for size in scaled]
        times.plot(members, seconds, style, label=f"{table.name}, {table.quota:,} a second")
    times.legend(fontsize=7)
    written.plot(members, [size * each for size in members])
    price = PRICES["writes"].dollars / MILLION
    written.secondary_yaxis("right", functions=(lambda some: some * price, lambda paid: paid / price)).set_ylabel("$")
    for panel, title in ((times, "seconds"), (written, "write units")):
        panel.set(xscale="log", yscale="log", xlabel="members", title=title)
        panel.grid(visible=True, alpha=0.3)
    figure.savefig(PLOT, metadata={"Date": None})
