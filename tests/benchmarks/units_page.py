"""What each operation asks of DynamoDB beside its budget, as a section of the page."""

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Final

from cashback.domain.group_jobs import CHUNK
from tests.benchmarks.budgets import BUDGETS, CHARGED_BEHIND, Budget, cost_of
from tests.benchmarks.units import DECIDING, ENTRANCES, MANY, MEMBERS, Operation, of_a_job, units_of


def paragraph(text: str) -> list[str]:
    """Return a text in lines of the page."""
    return [*wrap(text, 118, break_long_words=False, break_on_hyphens=False), ""]


def _charged_behind() -> str:
    return ", ".join(f"*{name}* (up to {most} units)" for name, most in CHARGED_BEHIND.items())


_COLUMNS: Final = (
    "operation",
    "calls",
    "most",
    "write units",
    "budget",
    "charged",
    "most",
    "read units",
    "budget",
    "settings",
    "held by",
)


def section(operations: Sequence[Operation]) -> list[str]:
    """Return the lines of the page."""
    by_name = {one.name: one for one in operations}
    return [
        "## Calls and units of each operation",
        "",
        "Each was made to happen on the deployed stack by a signed webhook, a call of the API or a schedule, alone,",
        "and counted where the functions' calls arrive. The order is Shopify's, of six lines. Units are those of the",
        "tables and of their indexes; reads of settings and active scenarios stand apart, as a batch shares them:",
        "but for attempts of webhooks and for alerts, which ask anew (ADR 64), nobody reads those of a store twice in",
        "an invocation. A row that comes on top of another is the difference. *Calls* are those of DynamoDB. *Charged*",
        "are units of writes whose condition failed: they move nothing, and AWS charges for them; each has its limit",
        "beside it.",
        "*Held by* is the test of `make test` that fails above the budget in one process. `tests/e2e/test_units.py`",
        "counts every row again on the deployed stack, and fails where one is missing, and where calls, units, the",
        "items that are read or the units of those that are written are not those that stand here: so a row without a",
        "limit for calls has what was counted for its limit. Tasks with two guards and watches watch the customer too:",
        "their budgets have what the design adds for a newest order and for a store with conditions. A newest order is",
        "kept by 2 write units and no read, where a scenario has the condition of a later order: the reads of that",
        "row, and their budget, are those of the row above it.",
        "",
        f"| {' | '.join(_COLUMNS)} |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|",
        *(_budget_row(budget, by_name) for budget in BUDGETS),
        "",
        *_of_jobs(by_name),
        "Behind an operation follow the projector (totals, events, words to search by) and the notifier, whose figures",
        "depend on how their batches fell: none of them is charged for a write that moves nothing, but for",
        f"{_charged_behind()}. Here they are, and those operations that have no budget.",
        "",
        "| operation | who | invocations | calls | write units | charged | read units | events |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
        *(row for operation in operations for row in _share_rows(operation)),
        "",
        "### Sizes of items",
        "",
        "The largest of each kind that was written. A write costs a unit for each started 1,024 bytes, two in a",
        "transaction.",
        "",
        "| item | bytes | units of a write | largest in |",
        "|---|---:|---:|---|",
        *_size_rows(operations),
        "",
    ]


def _of_jobs(operations: Mapping[str, Operation]) -> list[str]:
    parts = of_a_job(operations)
    itself = ", ".join(f"{own:.0f} {name}" for name, (own, _) in parts.items())
    each = ", ".join(f"{one:.3f} {name}" for name, (_, one) in parts.items())
    read = operations["group job of 1,000"].read
    kinds = ", ".join(f"{count} {_READ_BY_JOBS[kind]}" for kind, count in sorted(read.items()))
    return paragraph(
        f"A group job takes for itself {itself}; and each member adds {each}, their part of a chunk of {CHUNK} among "
        f"them: the line through the jobs of {MEMBERS} and of {MANY:,}. So the limit of calls is one of jobs that are "
        f"not small. Their reads are of the job and of its list of members: those of the job of {MANY:,} looked for "
        f"{kinds}. Where the amount is relative no account is read; where it is absolute or clamped, each once. Chunks "
        "that end at the same moment all look whether the job has ended, so that a few calls of the job of "
        f"{MANY:,} are by chance: it is counted again against its limits alone."
    )


_READ_BY_JOBS: Final = {
    "G": "partitions of the list",
    "GROUP": "group",
    "JOB": "times the job",
    "PROGRESS": "parts of the progress, most of them one of 16 that a single call gets",
    "SETTINGS": "times the settings",
    "SNAP": "times a page of the snapshot",
}
"""Kinds of items that a job looks for, in words; anything else is not to be looked for."""


def _budget_row(budget: Budget, operations: Mapping[str, Operation]) -> str:
    share = cost_of(budget, operations)
    name = f"{budget.operation}, on top" if budget.on_top_of else budget.operation
    cells = [
        f"{name}, each of {budget.each:,}" if budget.each > 1 else name,
        f"{share.table_calls / budget.each:g}",
        "" if budget.calls is None else f"{budget.calls:g}",
        f"{share.writes / budget.each:g}",
        f"{budget.writes:g}",
        f"{share.refused_units / budget.each:g}",
        f"{budget.charged:g}",
        f"{(share.read_units - share.settings_units) / budget.each:g}",
        f"{budget.reads:g} of accounts" if budget.of_accounts else f"{budget.reads:g}",
        f"{share.settings_units / budget.each:g}",
        budget.held_by,
    ]
    return f"| {' | '.join(cells)} |"


def _share_rows(operation: Operation) -> Iterator[str]:
    hidden = ENTRANCES | (DECIDING if operation.name in {budget.operation for budget in BUDGETS} else frozenset())
    for name, share in sorted(operation.shares.items()):
        if name in hidden:
            continue
        figures = (share.invocations, share.table_calls, share.writes, share.refused_units, share.read_units)
        cells = [operation.name, name, *(f"{figure:g}" for figure in figures), f"{share.events}"]
        yield f"| {' | '.join(cells)} |"


def _size_rows(operations: Sequence[Operation]) -> Iterator[str]:
    found: dict[str, tuple[int, str]] = {}
    for operation in operations:
        for kind, size in operation.items.items():
            found[kind] = max(found.get(kind, (0, "")), (size, operation.name))
    for kind, (size, name) in sorted(found.items(), key=lambda item: -item[1][0]):
        yield f"| {kind} | {size:,} | {units_of(size)} | {name} |"
