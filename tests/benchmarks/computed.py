"""The projections as they are kept, for the tests that hold them against limits. That they are what would be computed
now is a test of its own."""

from functools import cache

from tests.benchmarks import projection, task_projection, units
from tests.benchmarks.job_projection import Run

STEPS = task_projection.Steps.counted(units.read())


@cache
def kept() -> projection.Figures:
    """All of them."""
    return projection.read()


def job(table: projection.Table, *, by_the_second: bool = False) -> Run:
    """A million members beside orders."""
    return (kept().by_the_second if by_the_second else kept().jobs)[table.name]


def orders_alone(table: projection.Table) -> Run:
    """Orders without a job."""
    return kept().alone[table.name]


def tasks(due: str, table: projection.Table, *, by_the_second: bool = False) -> task_projection.Run:
    """A million tasks, beside orders that start a task each."""
    return (kept().tasks_by_the_second if by_the_second else kept().tasks)[due][table.name]


def starting(table: projection.Table) -> task_projection.Run:
    """Orders that start a task each, alone."""
    return kept().starting[table.name]
