"""What each operation asks of DynamoDB on the deployed stack: the budgets, what was counted last, and both as a page.

What a function does is put down to it, so that the share of those who follow (the projector, the notifier) stands apart
from the share of those who decide. The sweeper and the hourly function run by the clock and are left out.
"""

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from tests.e2e.deployed import FUNCTIONS

COUNTED: Final = Path(__file__).parent / "units.toml"
"""What ``make bench`` counted last. The end-to-end tests count again and compare."""

MEMBERS: Final = 100
BATCH: Final = 10
"""Messages that a worker of a busy store gets at once: the ``BatchSize`` of template.yaml."""

BUSY: Final = 40
"""Orders of a busy store at once: full batches for the worker, and two fifths of one for the projector."""

BY_THE_CLOCK: Final = frozenset({"sweeper", "daily"})
ENTRANCES: Final = frozenset({"webhook_ingest", "authorizer"})
FOLLOWING: Final = frozenset({"projector", "notifier"})
WRITTEN_BEHIND: Final = frozenset({"BATCH", "DAY", "DLV", "NTF", "SEARCH"})
"""Kinds of items that only those write who follow."""

READS: Final = frozenset({"GetItem", "BatchGetItem", "Query", "TransactGetItems"})

DECIDING: Final = frozenset(FUNCTIONS) - ENTRANCES - FOLLOWING - BY_THE_CLOCK


class Share(Struct):
    """What functions did for an operation. ``cpu`` is in seconds. ``settings_units`` are those of the read units that
    read the settings, where an API looks them up by their key. ``refused_units`` is what AWS charges for writes whose
    condition failed, by its rules: of those the engine says nothing. ``events`` went to the bus, ``logged`` is bytes.
    """

    invocations: int = 0
    cpu: float = 0.0
    logged: int = 0
    events: int = 0
    table_units: float = 0.0
    index_units: float = 0.0
    refused_units: float = 0.0
    read_units: float = 0.0
    settings_units: float = 0.0
    calls: Counter[str] = field(default_factory=Counter)

    @property
    def writes(self) -> float:
        """Write units that moved something, of the tables and of their indexes."""
        return self.table_units + self.index_units

    @property
    def table_calls(self) -> int:
        """Calls of DynamoDB."""
        return sum(count for name, count in self.calls.items() if name in READS or name.endswith(("Item", "Items")))

    def __add__(self, other: "Share") -> "Share":
        return Share(**{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__})

    def __sub__(self, other: "Share") -> "Share":
        calls = Counter({name: count - other.calls[name] for name, count in self.calls.items()})
        numbers = [name for name in self.__struct_fields__ if name != "calls"]
        less: dict[str, Any] = {name: getattr(self, name) - getattr(other, name) for name in numbers}
        return Share(**less, calls=calls)


class Operation(Struct):
    """One operation: what each function did for it, and the largest of each kind of item that was written."""

    name: str
    shares: dict[str, Share]
    items: dict[str, int]

    def of(self, functions: frozenset[str]) -> Share:
        """What these functions did together."""
        return sum((share for name, share in self.shares.items() if name in functions), Share())

    @property
    def decided(self) -> Share:
        """What those did who decide, and post."""
        return self.of(DECIDING)


class Budget(Struct, frozen=True):
    """A row of the budget: an operation, less what another one costs where it comes on top of that, for each of so
    many; its most write units and read units, and the test of ``make test`` that holds it in this process."""

    operation: str
    writes: float
    reads: float
    test: str
    on_top_of: str | None = None
    each: int = 1
    functions: frozenset[str] = DECIDING


_IN_PROCESS: Final = "test_budgets.py"
_OF_TASKS: Final = "test_task_budgets.py"

BUDGETS: Final = (
    Budget("webhook accepted", 0, 0, "test_webhook_budget.py", functions=frozenset({"webhook_ingest"})),
    Budget("unpaid order recorded", 2 + 2, 1, _IN_PROCESS),
    Budget("unpaid order changed", 1 + 1, 1, _IN_PROCESS),
    Budget("paid order, first seen", 6 + 3, 2, _IN_PROCESS),
    Budget("paid order, already recorded", 6 + 4, 2, _IN_PROCESS),
    Budget("duplicate delivery", 6, 2, _IN_PROCESS),
    Budget("scenarios with conditions", 0, 2, _OF_TASKS, "paid order, first seen"),
    Budget("a newest order to keep", 2, 2, _IN_PROCESS, "paid order, first seen"),
    Budget("first order of an unknown customer", 4 + 1, 0, _IN_PROCESS, "paid order, first seen"),
    Budget("refund clawed back", 8 + 3, 2, _IN_PROCESS),
    Budget("approve", 6 + 4, 2, _IN_PROCESS),
    Budget("manual credit", 6 + 1, 1, _IN_PROCESS),
    Budget("manual debit", 6 + 1, 1, _IN_PROCESS),
    Budget("group job", 5.5, 1, _IN_PROCESS, each=MEMBERS),
    Budget("task created", 4 + 2 * 2, 4, _OF_TASKS, "paid order, first seen"),
    Budget("task cancelled", 5 + 2, 4, _OF_TASKS, "order cancelled"),
    Budget(
        "task executed with a credit",
        14 + 2,
        4,
        _OF_TASKS,
        functions=frozenset({"action_worker", "credit_worker"}),
    ),
    Budget("balance read", 0, 1, _IN_PROCESS),
    Budget("paid orders in batches of ten", 6 + 3, 2, "test_webhook_budget.py", each=BUSY),
)
"""The table of the design, and a batch. Settings and active scenarios are read once for each batch, or call of the API,
and counted apart. One guard and one watch for tasks."""


def write(operations: Sequence[Operation]) -> None:
    """Keep what was counted."""
    lines = [
        "# Written by `make bench`, or by `python -m tests.benchmarks.scene`: what each operation asked of DynamoDB",
        "# and of other services, by function.",
    ]
    for operation in operations:
        lines += ["", "[[operation]]", f'name = "{operation.name}"', f"items = {_inline(operation.items)}"]
        for name, share in sorted(operation.shares.items()):
            lines += ["", f"[operation.shares.{name}]"]
            for figure in share.__struct_fields__:
                value = getattr(share, figure)
                lines.append(f"{figure} = {_inline(value) if isinstance(value, Counter) else round(value, 4)}")
    COUNTED.write_text("\n".join(lines) + "\n")


def _inline(values: Mapping[str, int]) -> str:
    return "{" + ", ".join(f"{name} = {value}" for name, value in sorted(values.items())) + "}"


def read() -> dict[str, Operation]:
    """What was counted last, by name."""
    kept = tomllib.loads(COUNTED.read_text())["operation"]
    operations = [msgspec.convert(one, Operation, dec_hook=lambda kind, value: kind(value)) for one in kept]
    return {one.name: one for one in operations}


def cost_of(budget: Budget, operations: Mapping[str, Operation]) -> Share:
    """What a row of the budget came to, for each; on top of what another operation costs, if it is so."""
    share = operations[budget.operation].of(budget.functions)
    return share - operations[budget.on_top_of].of(budget.functions) if budget.on_top_of else share


def check(operations: Sequence[Operation]) -> list[str]:
    """Return what is over its budget."""
    by_name = {one.name: one for one in operations}
    return [over for budget in BUDGETS if (over := _over(budget, by_name))]


def _over(budget: Budget, operations: Mapping[str, Operation]) -> str:
    share = cost_of(budget, operations)
    writes, reads = share.writes / budget.each, (share.read_units - share.settings_units) / budget.each
    most = budget.writes + larger(operations[budget.operation]) / budget.each
    if writes <= most and reads <= budget.reads:
        return ""
    return f"{budget.operation}: {writes:g} write units of {most:g}, {reads:g} read units of {budget.reads:g}"


def larger(operation: Operation) -> int:
    """Return the write units by which items of more than the 1 KB of the budget exceed it, in a transaction."""
    return sum(2 * ((size - 1) // 1024) for kind, size in operation.items.items() if kind not in WRITTEN_BEHIND)


def recounted(kept: Operation, again: Operation) -> list[str]:
    """Return what those who decide did otherwise than it was counted before."""
    figures = ("writes", "read_units", "settings_units", "refused_units", "calls")
    before, now = kept.decided, again.decided
    return [
        f"{kept.name}: {figure} {getattr(now, figure)}, and {getattr(before, figure)} when it was counted"
        for figure in figures
        if getattr(now, figure) != getattr(before, figure)
    ]


def section(operations: Sequence[Operation]) -> list[str]:
    """Return the lines of the page."""
    by_name = {one.name: one for one in operations}
    return [
        "## Calls and units of each operation",
        "",
        "Each was made to happen on the deployed stack by a signed webhook, a call of the API or a schedule, alone,",
        "and counted where the functions' calls arrive. The order is Shopify's, of six lines. Units are those of the",
        "tables and of their indexes; reads of settings and active scenarios stand apart, as a batch shares them. A",
        "row that comes on top of another is the difference. Where an item is larger than the 1 KB of the budget,",
        "the budget has two units more for each write of it. *Held by* is the test of `make test` that fails above",
        "the budget; `tests/e2e/test_units.py` counts a part of these rows on the deployed stack again.",
        "",
        "| operation | calls | write units | budget | charged | read units | budget | settings | held by |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---|",
        *(_budget_row(budget, by_name) for budget in BUDGETS),
        "",
        "*Charged* are units of writes whose condition failed: they move nothing, and AWS charges for them. Behind an",
        "operation follow the projector (totals, events, words to search by) and the notifier; and here are those",
        "operations that have no budget.",
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


def _budget_row(budget: Budget, operations: Mapping[str, Operation]) -> str:
    share, more = cost_of(budget, operations), larger(operations[budget.operation])
    name = f"{budget.operation}, on top" if budget.on_top_of else budget.operation
    cells = [
        f"{name}, each of {budget.each}" if budget.each > 1 else name,
        f"{share.table_calls / budget.each:g}",
        f"{share.writes / budget.each:g}",
        f"{budget.writes:g} + {more}" if more else f"{budget.writes:g}",
        f"{share.refused_units / budget.each:g}",
        f"{(share.read_units - share.settings_units) / budget.each:g}",
        f"{budget.reads:g}",
        f"{share.settings_units / budget.each:g}",
        f"`{budget.test}`",
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
        units = -(-size // 1024)
        yield f"| {kind} | {size:,} | {units} | {name} |"
