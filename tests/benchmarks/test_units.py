"""CPU that is counted several times, on whatever machine, is told as of one core."""

from itertools import permutations

import pytest

from tests.benchmarks import runtime, units, yardstick
from tests.benchmarks.pace import RAW
from tests.benchmarks.runtime import Measured, Run
from tests.benchmarks.units import Operation, Share


def counted(cpu: float, calls: int = 2, **others: float) -> Operation:
    """An operation of the worker, and of whom else it took."""
    shares = {"event_worker": Share(cpu=cpu, invocations=calls)}
    return Operation("approve", {**shares, **{name: Share(cpu=seconds) for name, seconds in others.items()}}, {})


def test_of_several_rounds_the_median_of_the_cpu_is_kept_and_the_rest_of_the_last() -> None:
    found = units.of_rounds([counted(0.3), counted(0.1, notifier=0.5), counted(0.2, calls=3, notifier=0.7)])
    assert found.shares == {"event_worker": Share(cpu=0.2, invocations=3), "notifier": Share(cpu=0.6)}
    assert found.rounds == {"event_worker": [0.3, 0.1, 0.2], "notifier": [0.5, 0.7]}


def test_what_is_written_is_what_is_read() -> None:
    found = units.of_rounds([counted(0.3), counted(0.1), counted(0.2)])
    assert units.parsed(units.written([found])) == {"approve": found}


def test_cpu_is_told_as_of_the_core_that_is_assumed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A raw transaction takes 3 times as long here, net of the runtime, as on that core."""
    monkeypatch.setattr(yardstick, "raw_transaction", lambda: 3 * RAW)
    (found,) = yardstick.on_the_assumed_core([units.of_rounds([counted(0.3), counted(0.9), counted(0.6)])])
    assert found.shares["event_worker"].cpu == pytest.approx(0.2)
    assert found.shares["event_worker"].invocations == 2
    assert found.rounds["event_worker"] == pytest.approx([0.1, 0.3, 0.2])


def test_the_yardstick_is_a_raw_transaction_net_of_the_runtime() -> None:
    warm = {runtime.ALONE: 0.5, runtime.RAW_TRANSACTION: 3.5, "webhook_ingest": 5.0}
    measured = [Measured(name, [Run(0, 0, seconds, 0, 0)]) for name, seconds in warm.items()]
    for found in permutations(measured):
        assert runtime.raw_transaction(found) == 3.0
        assert runtime.warm_in_b(found)["webhook_ingest"] == 1.5
