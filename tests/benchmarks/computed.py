"""Runs of the projections that tests look at and compare with what is kept, each of them made once."""

from functools import cache

from tests.benchmarks import job_projection, projection, task_projection, units
from tests.benchmarks.capacity import COLD
from tests.benchmarks.job_projection import Run
from tests.benchmarks.projection import MILLION

STEPS = task_projection.Steps.counted(units.read())


# What is cached goes by how it is asked for too, by name, by place or left out: so each has one way of asking, below.
def job(writes: int, workers: int | None = None, *, by_the_second: bool = False) -> Run:
    """A million members beside orders."""
    return _job(writes, workers, by_the_second)


@cache
def _job(writes: int, workers: int | None, by_the_second: bool) -> Run:
    return job_projection.run(MILLION, writes, workers, by_the_second=by_the_second)


@cache
def orders_alone(writes: int) -> Run:
    """Orders without a job."""
    return job_projection.run(0, writes)


def sample(due: str, writes: int = COLD, *, by_the_second: bool = False) -> task_projection.Run:
    """A part of the million tasks, beside orders that start a task each."""
    return _sample(due, writes, by_the_second)


@cache
def _sample(due: str, writes: int, by_the_second: bool) -> task_projection.Run:
    return projection.sample(STEPS, due, writes, by_the_second=by_the_second)


@cache
def starting(writes: int) -> task_projection.Run:
    """Orders that start a task each, alone."""
    return task_projection.run(STEPS, 0, 0, writes)
