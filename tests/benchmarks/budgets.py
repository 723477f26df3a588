"""The budgets of operations: the design's table, and what an operation that was counted has over its row."""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from tests.benchmarks.units import BUSY, DECIDING, FOLLOWING, MANY, MEMBERS, RUNNING, Operation, Share

CHARGED_BEHIND: Final = {"approve": 4}
"""The most units of refused writes of those who follow, for the operations that have any: two tables tell at once of a
decision and of the award that it posts, and whoever counts the one finds that the other has moved the day (ADR 63)."""


CUT: Final = frozenset({"members read by hand", "customers read by a rule"})
"""What is counted until its first invocation ends, while the next one may have begun."""


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
    # Kept where a scenario has the condition of a later order: its reads are those of the row above.
    Budget("a newest order to keep", 2, 2, _TOLD, "paid order, first seen"),
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


def cost_of(budget: Budget, operations: Mapping[str, Operation]) -> Share:
    """What a row of the budget came to, for each; on top of what another operation costs, if it is so."""
    share = operations[budget.operation].of(budget.functions)
    return share - operations[budget.on_top_of].of(budget.functions) if budget.on_top_of else share


def check(operations: Sequence[Operation], budgets: Sequence[Budget] = BUDGETS) -> list[str]:
    """Return what is over its budget, and who read the settings of a store more than once for a batch of messages or a
    call: they are a unit."""
    by_name = {one.name: one for one in operations}
    over = [found for budget in budgets if (found := _over(budget, by_name))]
    over += [
        f"{one.name}: {name} read settings {share.settings_units:g} times in {share.invocations:g} invocations"
        for one in operations
        for name, share in one.shares.items()
        if one.name not in CUT and share.settings_units > share.invocations
    ]
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
