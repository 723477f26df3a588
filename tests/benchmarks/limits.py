"""The limits of the design, beside what was counted or measured of each, and what holds it."""

import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from cashback.domain.group_jobs import CHUNK
from dev import deploy
from dev.project import StepFailedError, only_one
from tests import bytecode
from tests.benchmarks import cold, cost, group_jobs, instructions, naive_units, runtime, runtime_page, warm, weights
from tests.benchmarks.budgets import BUDGETS, MEMBER_CALLS, ORDER_CALLS, cost_of
from tests.benchmarks.capacity import DEFAULT_QUOTA
from tests.benchmarks.job_projection import Run
from tests.benchmarks.loads import LIMITS
from tests.benchmarks.projection import COLD_TABLE, LEDGER_UNITS, WARM_TABLE
from tests.benchmarks.runtime import MOST_MEMORY, MOST_OF_LARGE, OURS
from tests.benchmarks.spread import told
from tests.benchmarks.units import BATCH, MANY, MEMBERS, Operation

HOT_LIMIT, ADMIN_LIMIT = 0.75, 1.2
"""B of a cold start: of what shops and queues wait for, and of the admin API."""

WARM_LIMIT: Final = 1.05
"""b of a webhook, taken in and posted."""

JOB_SECONDS: Final = 150

HEAD: Final = "| figure | limit | now | naive | best known | floor | held by |"

TESTS: Final = {
    "cold starts": "tests/benchmarks/test_import_budgets.py::test_a_cold_start_is_within_its_budget",
    "cold limits": "tests/benchmarks/test_import_budgets.py::test_no_budget_is_above_the_limit_of_its_kind",
    "certificates": (
        "tests/benchmarks/test_import_budgets.py::test_amazon_s_certificates_are_read_in_a_twentieth_of_what_all_take"
    ),
    "bytecode": "tests/template/test_layer.py::test_every_module_has_bytecode_that_is_never_checked_again",
    "warm": "tests/benchmarks/test_warm_budgets.py::test_a_warm_call_is_within_its_budget",
    "warm limit": "tests/benchmarks/test_warm_budgets.py::test_the_budgets_of_a_webhook_are_within_its_limit",
    "memory": "tests/benchmarks/test_warm_budgets.py::test_a_hot_function_holds_little_memory",
    "million, warm": (
        "tests/benchmarks/test_projection.py"
        "::test_a_million_members_take_150_seconds_on_warm_tables_at_the_default_quota"
    ),
    "orders beside": "tests/benchmarks/test_projection.py::test_orders_are_posted_beside_a_job_as_if_they_were_alone",
    "million, cold": "tests/benchmarks/test_projection.py::test_a_million_members_take_20_minutes_on_cold_tables",
    "counted": "tests/benchmarks/test_cost.py::test_every_operation_is_within_its_budget",
    "dollars": "tests/benchmarks/test_cost.py::test_what_is_counted_costs_no_more_than_the_design_says",
}
"""The tests of ``make test`` that the table names, but for those of ``BUDGETS``."""


class Counted(Struct, frozen=True):
    """What is the same on any machine: cold starts in B, of ours and of the naive webhook, and certificates by
    ``TrustedRoots``, warm calls in b, MB held by the names of loads, and the share of the layer's modules with valid
    bytecode."""

    cold: Mapping[str, float]
    naive_cold: Mapping[str, float]
    certificates: Mapping[str, float]
    warm: Mapping[str, float]
    memory: Mapping[str, float]
    compiled: float


def require_valgrind() -> None:
    """Refuse to begin where there is nothing to count with.

    :raises StepFailedError: it is not installed.
    """
    if instructions.valgrind() is None:
        raise StepFailedError(instructions.MISSING)


def measure() -> Counted:
    """Build, and count with what the tests count with."""
    with only_one("build"):
        deploy.build()
    with tempfile.TemporaryDirectory() as home:
        taped = warm.record(Path(home))
        return Counted(
            cold.measure(deploy.BUILD),
            cold.measure_naive(),
            cold.measure_certificates(deploy.BUILD),
            warm.measure(deploy.BUILD, taped),
            weights.measure(deploy.BUILD),
            _compiled(deploy.BUILD / "SharedLayer" / "python"),
        )


def _compiled(layer: Path) -> float:
    modules = list(layer.rglob("*.py"))
    return sum(map(bytecode.is_valid, modules)) / len(modules)


def section(
    counted: Counted,
    operations: Mapping[str, Operation],
    jobs: group_jobs.Figures,
    projected: Mapping[str, Run],
    naive: Mapping[str, Operation],
    starts: Sequence[runtime.Measured],
) -> list[str]:
    """Return the lines of the page. ``projected`` are the jobs of a million members, by the table they run on;
    ``starts`` what the functions took under the runtime, ours and the naive ones."""
    return [
        "## Against the limits of the design",
        "",
        "*B* is the instructions that importing stock boto3 and creating a DynamoDB client take, *b* those of one raw",
        "TransactWriteItems by stock boto3, the one that posts a paid order. They are counted under cachegrind, with",
        "AWS's answers from a tape, over sockets without TLS: all that the process does of a call is in them, in ours",
        "as in the unit; the system and Lambda's runtime are not. What the CPU clock says under the runtime stands",
        "behind, as does the memory of large orders, and all of it under *Cold starts and warm calls*. What is above a",
        "limit by either is bold, and [ADR 64](adr/0064-what-the-limits-of-the-design-are-of.md) says why it is left",
        "so. *Naive* is what handlers with nothing of this take, and *floor* the least that is possible:",
        "of a cold start the runtime alone. Where *naive* or *floor* says *here*, the functions of",
        "`tests/benchmarks/naive` were counted in this run, or the floor was, and the design's own figure stands",
        "behind; why they differ is said under *Dollars a million*. The naive webhook has a resolver with validation:",
        "its start is that of an admin function too, and is counted as ours are. *Best known* is the design's own",
        "figure, which is not counted here; it is empty where the design has none. *Memory* is the most that a hot",
        "function holds when it is called with its longest page, batch or body twice; what is named first holds most,",
        "but for what is held to a figure of its own. The design measured it with Lambda's runtime client, and",
        f"`make test` holds it without. With the client orders of 1 MiB are above {MOST_MEMORY:.0f} MB, one and ten of",
        "them, and `make bench` fails beyond what they are held to; usual bodies take less. The calls for a member of",
        "a group are limited for large jobs; in a small one the job's own weigh more. *Held by* names the test of",
        "`make test` that fails beyond the limit, or `make bench` where that does.",
        "",
        HEAD,
        "|---|---|---|---|---|---|---|",
        *_of_instructions(counted, starts),
        *of_operations(operations, naive),
        *_of_jobs(counted, jobs, starts),
        *of_projections(projected, naive),
        *of_dollars(operations, naive),
        "",
    ]


def _of_instructions(counted: Counted, starts: Sequence[runtime.Measured]) -> list[str]:
    started = "; ".join((_naive_start(counted.naive_cold), "1.8 B, and 5.8 B"))
    alone, of_a_batch, naively = runtime_page.webhook_in_b(starts)
    held_by = {one.name: one.each("memory") for one in starts}
    in_runtime = [
        f"{_of_rounds(held_by[name], 'MB', MOST_MEMORY, '.1f')} in the runtime, held to {most:.0f} ({name})"
        for name, most in MOST_OF_LARGE.items()
    ]
    heaviest_run = max(filter(held_by.__contains__, OURS), key=lambda name: statistics.median(held_by[name]))
    hot = {name: figure for name, figure in counted.cold.items() if not name.endswith("_api")}
    admin = {name: figure for name, figure in counted.cold.items() if name.endswith("_api")}
    held = f"{_test('cold starts')}, {_test('cold limits')}"
    of_webhook = {name: counted.warm[name] for name in warm.WEBHOOK}
    webhook = sum(of_webhook.values())
    parts = " + ".join(f"{figure:.2f} {name}" for name, figure in of_webhook.items())
    ours = _against(f"{webhook:.2f} b", webhook, WARM_LIMIT)
    by_the_clock = (
        f"{_of_rounds(alone, 'b', WARM_LIMIT, '.2f')} alone, {_of_rounds(of_a_batch, 'b', WARM_LIMIT, '.2f')} in "
        f"batches of {BATCH}"
    )
    share = f"1/{counted.certificates['all'] / counted.certificates['amazon']:.0f}"
    return [
        _row(
            "cold start: webhook_ingest, authorizer, workers",
            f"{HOT_LIMIT} B",
            f"webhook_ingest {hot['webhook_ingest']:.2f} B; {_most(hot, HOT_LIMIT)}",
            started,
            "0.33 B",
            "0.12 B",
            held,
        ),
        _row(
            "cold start: admin functions",
            f"{ADMIN_LIMIT} B",
            _most(admin, ADMIN_LIMIT),
            started,
            "1.2 B",
            "0.12 B",
            held,
        ),
        _row(
            "certificates read for a connection",
            "1/20 of what all take",
            f"{counted.certificates['amazon']:.3f} B, {share} of all",
            f"{counted.certificates['all']:.2f} B here, and with `TrustedRoots=all`",
            "",
            "",
            _test("certificates"),
        ),
        _row(
            "modules of the layer with valid bytecode",
            "100 %",
            f"{counted.compiled:.0%}".replace("%", " %"),
            "0 %",
            "100 %",
            "100 %",
            _test("bytecode"),
        ),
        _row(
            "warm call of a webhook, taken in and posted",
            f"{WARM_LIMIT} b",
            f"{ours}: {parts}; by the CPU clock, under the runtime, {by_the_clock}",
            f"{told(naively, '.2f')} b here, by the same clock; 5.7 b",
            "0.31 b",
            "0.04 b",
            f"{_test('warm')}, {_test('warm limit')}",
        ),
        _row(
            "memory of hot functions",
            f"{MOST_MEMORY:.0f} MB",
            "; ".join((_heaviest(counted.memory), *in_runtime)),
            f"{told(held_by[runtime.NAIVE_WEBHOOK])} MB here, under the runtime, where of ours {heaviest_run} has "
            f"most, {told(held_by[heaviest_run])}; 68 MB",
            "27 MB",
            "15 MB",
            f"{_test('memory')}; under the runtime `make bench`",
        ),
    ]


def _heaviest(memory: Mapping[str, float]) -> str:
    """The load that takes most, and those that are held to a figure of their own."""
    heaviest = max(memory.keys() - LIMITS.keys(), key=memory.__getitem__)
    own = (f"{_held(memory[name])}, held to {most:.0f} ({name})" for name, most in LIMITS.items())
    return "; ".join((f"{_held(memory[heaviest])} ({heaviest})", *own))


def _held(memory: float) -> str:
    return _against(f"{memory:.1f} MB", memory, MOST_MEMORY)


def _of_rounds(figures: Sequence[float], unit: str, limit: float, form: str) -> str:
    """A figure of several rounds, by its median."""
    return _against(f"{told(figures, form)} {unit}", statistics.median(figures), limit)


def _naive_start(naive: Mapping[str, float]) -> str:
    return f"{naive[runtime.NAIVE_WEBHOOK]:.2f} B here, and {naive[runtime.NAIVE_PACKED]:.2f} B as `sam build` packs it"


def _most(starts: Mapping[str, float], limit: float) -> str:
    name = max(starts, key=starts.__getitem__)
    return f"of {len(starts)} at most {_against(f'{starts[name]:.2f} B', starts[name], limit)} ({name})"


def of_operations(operations: Mapping[str, Operation], naive: Mapping[str, Operation]) -> list[str]:
    """Return the rows of what operations ask of DynamoDB, which follow from counts."""
    shares = {budget.operation: (cost_of(budget, operations), budget.each) for budget in BUDGETS}
    calls = {name: share.table_calls / each for name, (share, each) in shares.items()}
    units = {name: share.writes / each for name, (share, each) in shares.items()}
    held_by = {budget.operation: budget.held_by for budget in BUDGETS}
    alone, batch, known = "paid order, first seen", "paid orders in batches of ten", "paid order, already recorded"
    few, many = "group job", "group job of 1,000"
    order, members = naive_units.of_one(naive, naive_units.ORDER), naive_units.of_one(naive, naive_units.MEMBERS)
    balance, _ = shares["balance read"]
    return [
        _row(
            "paid order: DynamoDB calls / write units",
            f"2-{ORDER_CALLS} / 9-10",
            f"{calls[alone]:g} / {units[alone]:g} alone, {calls[known]:g} / {units[known]:g} once recorded, "
            f"{calls[batch]:.1f} / {units[batch]:g} in batches",
            f"{order.table_calls} / {order.writes:g} here; 5 / 13",
            "1 / 4",
            "1 / 1",
            f"{_test('counted')}, {held_by[alone]}, {held_by[known]}",
        ),
        _row(
            "group member: calls / write units",
            f"{MEMBER_CALLS} / {group_jobs.MOST_UNITS}",
            f"{_calls(calls[many])} / {units[many]:.2f} in a job of {MANY:,}; in one of {MEMBERS}, with the job's own, "
            f"{_calls(calls[few])} / {units[few]:.2f}",
            f"{members.table_calls / naive_units.BATCH:g} / {members.writes / naive_units.BATCH:g} here; 4 / 10",
            "2 write units",
            "1 write unit",
            f"{_test('counted')}, {held_by[many]}",
        ),
        _row(
            "balance read",
            "1 read unit, however long the history",
            f"{balance.read_units - balance.settings_units:g}, and {balance.settings_units:g} for the settings",
            "grows with the history",
            "0.5",
            "0.5",
            held_by["balance read"],
        ),
    ]


def _calls(of_a_member: float) -> str:
    return _against(f"{of_a_member:.2f}", of_a_member, MEMBER_CALLS)


def _of_jobs(counted: Counted, jobs: group_jobs.Figures, starts: Sequence[runtime.Measured]) -> list[str]:
    under_runtime, naively = runtime_page.member_rates(starts)
    rates = jobs.jobs[-1].core_rates
    slow = "" if statistics.median(rates) >= group_jobs.WANTED_RATE else " (**below the limit**)"
    return [
        _row(
            "group job: customers a second of a core's CPU",
            f"at least {group_jobs.WANTED_RATE:,}",
            f"{told(rates)}{slow}, on this machine; {counted.warm['group_job_worker'] / CHUNK:.3f} b each, of {CHUNK}",
            f"{told(naively)} here, under the runtime, where ours is {told(under_runtime)}; 610",
            "49,000",
            "115,000",
            f"the rate by `make bench`, b by {_test('warm')}",
        )
    ]


def of_projections(projected: Mapping[str, Run], naive: Mapping[str, Operation]) -> list[str]:
    """Return the row of what is computed, of the jobs of a million members by the table they run on."""
    written = naive_units.of_one(naive, naive_units.MEMBERS).writes / naive_units.BATCH - naive_units.REMEMBERED
    least, ours = 1e6 * written / DEFAULT_QUOTA, 1e6 * LEDGER_UNITS / DEFAULT_QUOTA
    warmed, cold_table = projected[WARM_TABLE.name].seconds, projected[COLD_TABLE.name].seconds
    return [
        _row(
            "1,000,000 members at the default 40,000 units/s",
            f"{JOB_SECONDS} s warm, about 20 min cold, orders as ever",
            f"{_against(f'{warmed:.0f} s', warmed, JOB_SECONDS)} warm, {cold_table / 60:.0f} min cold, computed",
            f"{least:.0f} s here, by its table's write units, where ours are {ours:.0f} s; 250 s",
            "50 s",
            "25 s",
            f"{_test('million, warm')}, {_test('million, cold')}, {_test('orders beside')}",
        )
    ]


def of_dollars(operations: Mapping[str, Operation], naive: Mapping[str, Operation]) -> list[str]:
    """Return the rows of what operations cost, which follow from counts and from assumptions about time."""
    return [
        _row(
            f"$ a million: {line.name}",
            f"{line.most:.2f}"
            if line.with_time is None
            else f"{line.most:.2f}; with the assumed time {line.with_time:.2f} ([ADR 60]({cost.TASK_ADR}))",
            _dollars(line, line.most),
            "; ".join(_naively(line)),
            "" if line.named_best is None else f"{line.named_best:.2f}",
            "; ".join(_at_least(line)),
            _test("dollars"),
        )
        for line in cost.lines(operations, naive)
        if line.most is not None
    ]


def _dollars(line: cost.Line, most: float) -> str:
    counted, with_time = line.bill.counted, line.with_time or most
    told = _against(f"{counted:.2f}", counted, most)
    return f"{told}; with the assumed time {_against(f'{line.both:.2f}', line.both, with_time)}"


def _naively(line: cost.Line) -> list[str]:
    here = f"{line.naively.counted:.2f} here{', listed in part' if line.is_listed else ''}" if line.naively else ""
    return [told for told in (here, "" if line.named is None else f"{line.named:.2f}") if told]


def _at_least(line: cost.Line) -> list[str]:
    here = f"{line.least.counted:.2f} here" if line.least else ""
    return [told for told in (here, "" if line.named_floor is None else f"{line.named_floor:.2f}") if told]


def _against(told: str, figure: float, limit: float) -> str:
    return told if figure <= limit else f"**{told}, {figure / limit:.2f} times the limit**"


def _test(name: str) -> str:
    return f"`{TESTS[name].partition('::')[2]}`"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
