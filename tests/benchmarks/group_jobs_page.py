"""What group jobs took, as a section of the page and a plot."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Final

import matplotlib as mpl
from msgspec import Struct

from cashback.domain.group_jobs import CHUNK
from dev.project import ROOT
from tests.benchmarks import naive_units, runtime
from tests.benchmarks.group_jobs import WANTED_RATE, Figures, Measured, Rounds
from tests.benchmarks.spread import divided, told

mpl.use("svg")
from matplotlib import pyplot as plt

PLOT: Final = ROOT / "docs" / "group-jobs.svg"


def section(figures: Figures, built: Sequence[runtime.Measured]) -> list[str]:
    """Return the lines of the page: the figures, with how they came about. ``built`` are the functions as they were
    measured under the runtime client."""
    one_by_one, bare, most = figures.one_by_one, figures.bare, figures.jobs[-1]
    return [
        "## Group jobs",
        "",
        "A credit for every member of a group made by hand, from the call of the API to the end of the job: snapshot,",
        "chunks, results and progress are all in it. *One by one* is the same job with a chunk, that is a message, for",
        "each member. *Bare postings* are the transactions alone, a call each: no job, no result, no progress, nothing",
        "to resume or to undo. The rounds were in turn: medians, and between what they were. The heap is of one more",
        "job, not timed, in one step: where it grows, a step reads a fuller page of the list, of 1 MB at most.",
        "",
        "| members | rounds | members/s | own CPU, us | write units each | read units each | calls each | heap, KB |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|",
        row(f"{one_by_one.members:,} one by one", one_by_one),
        row(f"{bare.members:,} bare postings", bare),
        *(row(f"{one.members:,}", one) for one in figures.jobs),
        "",
        "Own CPU is what a Lambda function is paid for. Of the largest job a core's own is enough for",
        f"{told(most.core_rates)} members a second; {WANTED_RATE:,} were wanted.",
        "",
        "![Time, write units and memory against members](group-jobs.svg)",
        "",
        *_compared(figures, {one.name: one for one in built}),
    ]


def _compared(figures: Figures, built: Mapping[str, runtime.Measured]) -> list[str]:
    """What a job gains, against each way of crediting members one by one that was measured."""
    job, bare, one_by_one = (_each(one.runs) for one in (figures.same, figures.bare, figures.one_by_one))
    worker = _each_of_a_call(built["group_job_worker"], CHUNK)
    naive = _each_of_a_call(built[runtime.NAIVE_WORKER], naive_units.BATCH)
    return [
        "### What a job gains",
        "",
        "A member costs a job less than one by one, and how much less depends on what one by one is. *Bare postings*",
        "are the least that it can be, and keep nothing but the posting. The *naive handler* is what one would write,",
        f"a message for each member and {naive_units.BATCH} messages a call; it claims the message, writes the entry,",
        "adds to the balance and ends the claim, a call each. *Chunks of one* are our own job at its worst, which",
        "nobody would run. The first three rows are of the table above; the last two are built functions under the",
        "runtime client, as at the end of this page, whose own time is in both. The last two columns are of each round",
        "first.",
        "",
        "| a member is credited | members/s | own CPU, us | against | as fast | less CPU |",
        "|---|---:|---:|---|---:|---:|",
        _compared_row(f"in a job of {figures.same.members:,}", job),
        _compared_row("one by one, bare postings", bare, f"the job of {figures.same.members:,}", job),
        _compared_row("one by one, chunks of one", one_by_one, f"the job of {figures.same.members:,}", job),
        _compared_row(f"{CHUNK} a call, by group_job_worker", worker),
        _compared_row(f"{naive_units.BATCH} a call, by the naive handler", naive, "group_job_worker", worker),
        "",
    ]


class Each(Struct, frozen=True):
    """Members a second, and CPU seconds of a member, in each round."""

    rates: Sequence[float]
    cpu: Sequence[float]


def _each(runs: Sequence[Measured]) -> Each:
    return Each([one.rate for one in runs], [one.cpu / one.members for one in runs])


def _each_of_a_call(built: runtime.Measured, members: int) -> Each:
    return Each([members / one.wall for one in built.runs], [one.warm / members for one in built.runs])


def _compared_row(name: str, one: Each, against: str = "", better: Each | None = None) -> str:
    cells = [name, told(one.rates), told(cpu * 1e6 for cpu in one.cpu), against, "", ""]
    if better is not None:
        cells[-2:] = [_times(better.rates, one.rates), _times(one.cpu, better.cpu)]
    return f"| {' | '.join(cells)} |"


def _times(these: Sequence[float], those: Sequence[float]) -> str:
    """How many times the others these are: by rounds, or by the medians where one way had fewer rounds."""
    if len(these) == len(those):
        return told(divided(these, those), ".1f")
    return f"{statistics.median(these) / statistics.median(those):.1f}"


def row(name: str, one: Rounds) -> str:
    """A line of the table."""
    cells = [
        name,
        f"{len(one.runs)}",
        told(run.rate for run in one.runs),
        told(run.cpu / run.members * 1e6 for run in one.runs),
        f"{one.writes / one.members:.2f}",
        f"{one.reads / one.members:.2f}",
        f"{one.calls / one.members:.3f}",
        f"{one.memory / 1024:,.0f}" if one.memory else "",
    ]
    return f"| {' | '.join(cells)} |"


def write_plot(found: Sequence[Rounds]) -> None:
    """Draw time and write units, which grow with the members, and memory, which a page of a table bounds."""
    mpl.rcParams.update({"svg.hashsalt": "cashback", "font.size": 9})
    members = [one.members for one in found]
    figure, panels = plt.subplots(1, 3, figsize=(10, 3), layout="constrained")
    drawn = (
        ("seconds", [one.seconds for one in found]),
        ("write units", [one.writes for one in found]),
        ("heap, MB", [one.memory / 2**20 for one in found]),
    )
    for panel, (title, values) in zip(panels, drawn, strict=True):
        panel.plot(members, values, marker="o")
        panel.set(xscale="log", xlabel="members", title=title, ylim=(min(values) / 3, max(values) * 3), yscale="log")
        panel.grid(visible=True, alpha=0.3)
    figure.savefig(PLOT, metadata={"Date": None})
