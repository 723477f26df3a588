"""Tells CPU that was counted here as of the core that is assumed (``pace.RAW``), so that assumptions about CPU, and
dollars, depend neither on the machine that counts nor on how busy it is. What is measured stays of the machine: so does
the rate of its core that ``make bench`` holds group jobs against."""

import tempfile
from collections.abc import Sequence
from copy import replace
from pathlib import Path

from dev import local_aws
from dev.project import LOCAL
from tests.benchmarks import runtime
from tests.benchmarks.pace import RAW
from tests.benchmarks.units import Operation


def on_the_assumed_core(operations: Sequence[Operation]) -> list[Operation]:
    """Return operations that were counted a moment ago with their CPU as of the assumed core."""
    factor = RAW / raw_transaction()
    return [scaled(one, factor) for one in operations]


def scaled(operation: Operation, factor: float) -> Operation:
    """Return an operation with so many times its CPU."""
    shares = {name: replace(one, cpu=one.cpu * factor) for name, one in operation.shares.items()}
    rounds = {name: [seconds * factor for seconds in every] for name, every in operation.rounds.items()}
    return replace(operation, shares=shares, rounds=rounds)


def raw_transaction() -> float:
    """Measure the CPU seconds of one raw transaction here and now, net of the runtime."""
    runtime.install()
    with tempfile.TemporaryDirectory(dir=LOCAL) as home:
        engine = local_aws.start(Path(home), local_aws.free_port(), with_this_process=True)
        try:
            with runtime.opened(engine):
                subjects = runtime.unit_subjects()
            with runtime.surroundings(engine) as around:
                found = runtime.in_turn(subjects, around)
        finally:
            engine.stop()
    return runtime.raw_transaction(found)
