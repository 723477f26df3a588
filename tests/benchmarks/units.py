"""What each operation asks of DynamoDB on the deployed stack: the budgets, and what was counted last.

What a function does is put down to it, so that the share of those who follow (the projector, the notifier) stands apart
from the share of those who decide. The sweeper and the hourly function run by the clock and are left out,
but for a sweep that is counted alone.
"""

import statistics
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from copy import replace
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from tests.e2e.deployed import FUNCTIONS

COUNTED: Final = Path(__file__).parent / "units.toml"
"""What ``make bench`` counted last. The end-to-end tests count again and compare."""

MEMBERS: Final = 100
MANY: Final = 1_000
"""Members of a small group and of a large one."""

BATCH: Final = 10
"""Messages that a worker of a busy store gets at once: the ``BatchSize`` of template.yaml."""

BUSY: Final = 40
"""Orders of a busy store at once: full batches for the worker, and two fifths of one for the projector."""

BY_CHANCE: Final = frozenset({"group job of 1,000"})
"""Chunks that end at once all look for the job's end, and how many do is by chance: so these have a limit and no more.
"""

STEPS: Final = frozenset({"members read by hand", "customers read by a rule", "tasks swept", "duplicate task messages"})
"""Counted for the CPU that projections assume, of one function alone, and by nobody again."""

BY_THE_CLOCK: Final = frozenset({"sweeper", "daily"})
ENTRANCES: Final = frozenset({"webhook_ingest", "authorizer"})
FOLLOWING: Final = frozenset({"projector", "notifier"})

READS: Final = frozenset({"GetItem", "BatchGetItem", "Query", "TransactGetItems"})

KEPT: Final = frozenset({"Decrypt", "GetParameter"})
"""Calls whose answers a function keeps."""

RUNNING: Final = frozenset({"action_worker", "credit_worker"})
"""Functions that run a task."""

CHARGED_BEHIND: Final = {"approve": 4}
"""The most units of refused writes of those who follow, for the operations that have any: two tables tell at once of a
decision and of the award that it posts, and whoever counts the one finds that the other has moved the day (ADR 63)."""

DECIDING: Final = frozenset(FUNCTIONS) - ENTRANCES - FOLLOWING - BY_THE_CLOCK


class Share(Struct):
    """What functions did for an operation. ``cpu`` is in seconds of the core that ``pace`` assumes. ``settings_units``
    are those of the read units that read the settings, where an API looks them up by their key. ``refused_units`` is
    what AWS charges for writes whose condition failed, by its rules: of those the engine says nothing. ``events`` went
    to the bus, ``logged`` is bytes."""

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

    @property
    def steady_calls(self) -> dict[str, int]:
        """Calls that are made each time: not those for what a function keeps as long as it lives."""
        return {name: count for name, count in self.calls.items() if name not in KEPT}

    def __add__(self, other: "Share") -> "Share":
        return Share(**{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__})

    def __sub__(self, other: "Share") -> "Share":
        calls = Counter({name: count - other.calls[name] for name, count in self.calls.items()})
        numbers = [name for name in self.__struct_fields__ if name != "calls"]
        less: dict[str, Any] = {name: getattr(self, name) - getattr(other, name) for name in numbers}
        return Share(**less, calls=calls)


class Operation(Struct):
    """One operation: what each function did for it, the largest of each kind of item that was written, and how many of
    each kind those looked for who decide (a query is one). ``rounds`` are the CPU seconds of each function every time
    it was counted, where that was more than once: its share has their median."""

    name: str
    shares: dict[str, Share]
    items: dict[str, int]
    read: dict[str, int] = field(default_factory=dict)
    rounds: dict[str, list[float]] = field(default_factory=dict)

    def of(self, functions: frozenset[str]) -> Share:
        """What these functions did together."""
        return sum((share for name, share in self.shares.items() if name in functions), Share())

    @property
    def decided(self) -> Share:
        """What those did who decide, and post."""
        return self.of(DECIDING)


class Budget(Struct, frozen=True):
    """A row of the budget: an operation, less what another one costs where it comes on top of that, for each of so
    many; its most write units and read units, and the test of ``make test`` that holds it in this process. ``calls``
    are the most calls of DynamoDB, where the design names them. ``of_accounts``: its read units are those of accounts
    alone, and what a job reads of itself and of its list of members is told beside them. ``charged`` are the most units
    of writes that are refused, of all it is made of: none, where nobody else was first."""

    operation: str
    writes: float
    reads: float
    test: str
    on_top_of: str | None = None
    each: int = 1
    functions: frozenset[str] = DECIDING
    calls: float | None = None
    of_accounts: bool = False
    charged: float = 0

    @property
    def held_by(self) -> str:
        """The name of its test, as the page tells it."""
        return f"`{self.test.partition('::')[2]}`"


_BUDGETS: Final = "tests/integration/test_budgets.py"
_TASKS: Final = "tests/integration/test_task_budgets.py"
_ORDERS: Final = "tests/integration/test_order_task_budgets.py"
_WEBHOOKS: Final = "tests/integration/test_webhook_budget.py"
_MEMBER: Final = f"{_BUDGETS}::test_a_member_of_a_group_job_costs_at_most_5_and_a_half_write_units_all_included"
_CREATED: Final = (
    f"{_ORDERS}::test_an_order_that_starts_a_task_costs_4_write_units_and_2_for_each_guard_and_watch_and_few_reads"
)
_CANCELLED: Final = (
    f"{_ORDERS}::test_an_order_that_cancels_its_task_costs_5_write_units_and_2_for_each_watch_and_few_reads"
)
_EXECUTED: Final = f"{_TASKS}::test_running_and_crediting_costs_14_write_units_and_2_for_each_watch_and_few_reads"
_TOLD: Final = (
    f"{_ORDERS}::test_an_order_that_concerns_no_task_costs_2_read_units_and_2_write_units_if_it_is_the_newest"
)
_MANUAL: Final = f"{_BUDGETS}::test_a_manual_credit_or_debit_with_a_comment_costs_7_write_units_and_1_read_unit"

ORDER_CALLS: Final = 3
MEMBER_CALLS: Final = 0.15
"""The most calls of DynamoDB for a paid order, and for a member of a large group job."""

BUDGETS: Final = (
    Budget(
        "webhook accepted",
        0,
        0,
        f"{_WEBHOOKS}::test_a_webhook_takes_no_unit_once_the_secrets_of_its_store_are_known",
        functions=frozenset({"webhook_ingest"}),
    ),
    Budget(
        "unpaid order recorded",
        2 + 2,
        1,
        f"{_BUDGETS}::test_recording_an_unpaid_order_costs_4_write_units_and_1_read_unit",
    ),
    Budget(
        "unpaid order changed",
        1 + 1,
        1,
        f"{_BUDGETS}::test_changing_an_unpaid_order_costs_2_write_units_and_1_read_unit",
    ),
    Budget(
        "paid order, first seen",
        6 + 3,
        2,
        f"{_BUDGETS}::test_a_paid_order_seen_for_the_first_time_costs_9_write_units_in_one_transaction",
        calls=ORDER_CALLS,
    ),
    Budget(
        "paid order, already recorded",
        6 + 4,
        2,
        f"{_BUDGETS}::test_a_known_order_that_is_paid_costs_10_write_units_in_one_transaction",
        calls=ORDER_CALLS,
    ),
    Budget("duplicate delivery", 6, 2, f"{_BUDGETS}::test_a_repeated_delivery_costs_one_call_and_writes_nothing"),
    Budget("scenarios with conditions", 0, 2, _TOLD, "paid order, first seen"),
    # Kept where a scenario has the condition of a later order: its reads are those of a store with conditions.
    Budget("a newest order to keep", 2 + 0, 0 + 2, _TOLD, "paid order, first seen"),
    Budget(
        "first order of an unknown customer",
        6 + 3 + 4 + 1,
        2,
        f"{_BUDGETS}::test_the_first_order_of_an_unknown_customer_costs_5_write_units_more",
    ),
    # Whom the shop has had for longer, and we have never been told of: the first transaction is refused (ADR 63).
    Budget(
        "first order of an unknown regular",
        6 + 3 + 4 + 1,
        2,
        f"{_BUDGETS}::test_the_first_order_of_an_unknown_customer_costs_5_write_units_more",
        charged=6,
    ),
    Budget("refund clawed back", 8 + 3, 2, f"{_BUDGETS}::test_clawing_back_a_refund_costs_11_write_units"),
    Budget("approve", 6 + 4, 2, f"{_BUDGETS}::test_approving_an_order_costs_10_write_units"),
    Budget("manual credit", 6 + 1, 1, _MANUAL),
    Budget("manual debit", 6 + 1, 1, _MANUAL),
    Budget("group job", 5.5, 0, _MEMBER, each=MEMBERS, of_accounts=True),
    # Chunks that end at once each try to end the job, and it refuses all but one.
    Budget("group job of 1,000", 5.5, 0, _MEMBER, each=MANY, calls=MEMBER_CALLS, of_accounts=True, charged=0.02),
    Budget("group job, absolute", 5.5, 1, _MEMBER, each=MEMBERS, of_accounts=True),
    Budget("group job, clamp", 5.5, 1, _MEMBER, each=MEMBERS, of_accounts=True),
    Budget("task created", 4 + 2 * (1 + 1), 4, _CREATED, "paid order, first seen"),
    Budget("task cancelled", 5 + 2, 4, _CANCELLED, "order cancelled"),
    Budget("task executed with a credit", 14 + 2, 4, _EXECUTED, functions=RUNNING),
    Budget("task created, two guards and watches", 4 + 2 * (2 + 2) + 2, 4 + 2, _CREATED, "paid order, first seen"),
    # Whether an order is the newest of its customer is asked by writing it.
    Budget("task cancelled, two guards and watches", 5 + 2 * 2, 4 + 2, _CANCELLED, "order cancelled", charged=1),
    Budget("task executed with a credit, two guards and watches", 14 + 2 * 2, 4, _EXECUTED, functions=RUNNING),
    Budget(
        "tasks executed in batches of ten",
        14 + 2,
        4,
        f"{_TASKS}::test_a_batch_of_tasks_and_one_of_credits_read_the_settings_of_a_store_once",
        each=BUSY,
        functions=RUNNING,
    ),
    Budget("balance read", 0, 1, f"{_BUDGETS}::test_reading_a_balance_costs_1_read_unit_however_long_the_history"),
    Budget(
        "paid orders in batches of ten",
        6 + 3,
        2,
        f"{_WEBHOOKS}::test_a_batch_reads_the_settings_and_scenarios_of_a_store_once",
        each=BUSY,
        calls=ORDER_CALLS,
    ),
)
"""The table of the design, and batches. Settings and active scenarios are read once for each batch, or call of the API,
and counted apart. Tasks have one guard and one watch, where their names do not say two of each: those watch the
customer too, and have on top what the table has for a newest order and for a store with conditions. What a first order
costs on top stands with the order itself: who may be unknown is read with it, of the reads that a paid order may take.
"""


def written(operations: Sequence[Operation], module: str = "scene") -> str:
    """Return what was counted as text, rounded; ``module`` counts it."""
    lines = [
        f"# Written by `make bench`, or by `python -m tests.benchmarks.{module}`: what each operation asked of",
        "# DynamoDB and of other services, by function.",
    ]
    for operation in operations:
        lines += ["", "[[operation]]", f'name = "{operation.name}"', f"items = {_inline(operation.items)}"]
        lines += [f"read = {_inline(operation.read)}", f"rounds = {_inline(operation.rounds)}"]
        for name, share in sorted(operation.shares.items()):
            lines += ["", f"[operation.shares.{name}]"]
            for figure in share.__struct_fields__:
                value = getattr(share, figure)
                lines.append(f"{figure} = {_inline(value) if isinstance(value, Counter) else round(value, 4)}")
    return "\n".join(lines) + "\n"


def _inline(values: Mapping[str, int | list[float]]) -> str:
    return "{" + ", ".join(f"{name} = {_told(value)}" for name, value in sorted(values.items())) + "}"


def _told(value: int | list[float]) -> str:
    return f"{[round(one, 4) for one in value] if isinstance(value, list) else value}"


def of_rounds(rounds: Sequence[Operation]) -> Operation:
    """Return an operation that was counted several times as it was the last time, with the median of its CPU."""
    last = rounds[-1]
    cpu = {name: [one.shares[name].cpu for one in rounds if name in one.shares] for name in last.shares}
    shares = {name: replace(share, cpu=statistics.median(cpu[name])) for name, share in last.shares.items()}
    return replace(last, shares=shares, rounds=cpu)


def read() -> dict[str, Operation]:
    """What was counted last, by name."""
    return parsed(COUNTED.read_text())


def parsed(text: str) -> dict[str, Operation]:
    """What is written there, by name."""
    kept = tomllib.loads(text)["operation"]
    operations = [msgspec.convert(one, Operation, dec_hook=lambda kind, value: kind(value)) for one in kept]
    return {one.name: one for one in operations}


def cost_of(budget: Budget, operations: Mapping[str, Operation]) -> Share:
    """What a row of the budget came to, for each; on top of what another operation costs, if it is so."""
    share = operations[budget.operation].of(budget.functions)
    return share - operations[budget.on_top_of].of(budget.functions) if budget.on_top_of else share


def check(operations: Sequence[Operation], budgets: Sequence[Budget] = BUDGETS) -> list[str]:
    """Return what is over its budget."""
    by_name = {one.name: one for one in operations}
    over = [found for budget in budgets if (found := _over(budget, by_name))]
    behind = {one.name: one.of(FOLLOWING).refused_units for one in operations}
    return over + [
        f"{name}: {charged:g} charged behind it"
        for name, charged in behind.items()
        if charged > CHARGED_BEHIND.get(name, 0)
    ]


def _over(budget: Budget, operations: Mapping[str, Operation]) -> str:
    share = cost_of(budget, operations)
    figures = [
        ("write units", share.writes / budget.each, budget.writes),
        ("charged", share.refused_units / budget.each, budget.charged),
    ]
    if budget.of_accounts:
        figures.append(("accounts read", accounts_read(operations[budget.operation]) / budget.each, budget.reads))
    else:
        figures.append(("read units", (share.read_units - share.settings_units) / budget.each, budget.reads))
    if budget.calls is not None:
        figures.append(("calls", share.table_calls / budget.each, budget.calls))
    if all(figure <= limit for _, figure, limit in figures):
        return ""
    return f"{budget.operation}: " + ", ".join(f"{figure:g} {name} of {limit:g}" for name, figure, limit in figures)


def accounts_read(operation: Operation) -> int:
    """Return how many accounts were looked for by those who decide. They lie in their customers' partitions, so a
    query of one is taken for such a look."""
    return sum(operation.read.get(kind, 0) for kind in ("ACCOUNT", "C"))


def recounted(kept: Mapping[str, Operation], again: Mapping[str, Operation]) -> list[str]:
    """Return what was done otherwise than it was counted before, and what was not counted again."""
    wanted = kept.keys() - STEPS | {budget.operation for budget in BUDGETS}
    left_out = [f"{name}: not counted again" for name in sorted(wanted - again.keys())]
    return left_out + [line for name, operation in again.items() for line in differences(kept[name], operation)]


def differences(kept: Operation, again: Operation, functions: frozenset[str] = DECIDING) -> list[str]:
    """Return what these functions, or whom the budget names, did otherwise than it was counted before, and which items
    take other units than they took; of what is by chance, what is over its budget instead."""
    found: list[tuple[str, object, object]] = [
        (f"units of {kind}", units_of(kept.items[kind]), units_of(size))
        for kind, size in again.items.items()
        if kind in kept.items  # what nobody wrote is missed among the units, but for those who follow
    ]
    over = []
    if kept.name in BY_CHANCE:
        over = check([again], [budget for budget in BUDGETS if budget.operation == kept.name])
    else:
        functions = functions.union(*(budget.functions for budget in BUDGETS if budget.operation == kept.name))
        figures = ("writes", "read_units", "settings_units", "refused_units", "steady_calls")
        before, now = kept.of(functions), again.of(functions)
        found += [(name, getattr(before, name), getattr(now, name)) for name in figures]
        found.append(("items read", kept.read, again.read))
    return over + [
        f"{kept.name}: {name} {now}, and {before} when it was counted" for name, before, now in found if now != before
    ]


def units_of(size: int) -> int:
    """Return the units of a write of an item of so many bytes, outside of a transaction."""
    return -(-size // 1_024)


def to_price(kept: Operation, again: Operation) -> Operation:
    """Return an operation as it was counted again, to be priced. What is by chance is as it was counted before: CPU,
    what a function keeps for a while or has to look up once more, and the share of whoever was at rest."""
    return replace(
        kept,
        shares={
            **kept.shares,
            **{name: _share_again(name, kept.shares.get(name, Share()), share) for name, share in again.shares.items()},
        },
    )


def _share_again(function: str, kept: Share, found: Share) -> Share:
    if function in ENTRANCES:
        return replace(kept, invocations=found.invocations, logged=found.logged)
    calls = Counter(found.steady_calls) + Counter({name: kept.calls[name] for name in KEPT})
    return replace(found, cpu=kept.cpu, calls=calls)


def of_a_job(operations: Mapping[str, Operation]) -> dict[str, tuple[float, float]]:
    """Return what a job takes for itself, and what each of its members adds with the chunk they are in: the line
    through the two jobs that were counted. Reads are without those of settings."""
    few, many = (operations[name].decided for name in ("group job", "group job of 1,000"))
    more = many - few
    figures = {
        "calls": (few.table_calls, more.table_calls),
        "write units": (few.writes, more.writes),
        "read units": (few.read_units - few.settings_units, more.read_units - more.settings_units),
    }
    each = {name: further / (MANY - MEMBERS) for name, (_, further) in figures.items()}
    return {name: (all_in - each[name] * MEMBERS, each[name]) for name, (all_in, _) in figures.items()}
