"""CPU that is counted several times, on whatever machine, is told as of one core."""

from collections import Counter
from copy import replace
from itertools import permutations

import pytest

from dev.project import StepFailedError
from tests.benchmarks import recount, runtime, runtime_page, units, yardstick
from tests.benchmarks.pace import RAW
from tests.benchmarks.runtime import Measured, Run
from tests.benchmarks.units import Operation, Share


def counted(cpu: float, calls: int = 2, **others: float) -> Operation:
    """An operation of the worker, and of whom else it took."""
    shares = {"event_worker": Share(cpu=cpu, invocations=calls)}
    return Operation("approve", {**shares, **{name: Share(cpu=seconds) for name, seconds in others.items()}}, {})


def test_of_several_rounds_the_median_of_the_cpu_is_kept_and_the_rest_of_the_last() -> None:
    found = recount.of_rounds([counted(0.3), counted(0.1, notifier=0.5), counted(0.2, calls=3, notifier=0.7)])
    assert found.shares == {"event_worker": Share(cpu=0.2, invocations=3), "notifier": Share(cpu=0.6)}
    assert found.rounds == {"event_worker": [0.3, 0.1, 0.2], "notifier": [0.5, 0.7]}


def test_what_is_written_is_what_is_read() -> None:
    found = recount.of_rounds([counted(0.3), counted(0.1), counted(0.2)])
    assert units.parsed(units.written([found])) == {"approve": found}


def test_cpu_is_told_as_of_the_core_that_is_assumed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A raw transaction takes 3 times as long here, net of the runtime, as on that core."""
    monkeypatch.setattr(yardstick, "raw_transaction", lambda: 3 * RAW)
    (found,) = yardstick.on_the_assumed_core([recount.of_rounds([counted(0.3), counted(0.9), counted(0.6)])])
    assert found.shares["event_worker"].cpu == pytest.approx(0.2)
    assert found.shares["event_worker"].invocations == 2
    assert found.rounds["event_worker"] == pytest.approx([0.1, 0.3, 0.2])


def test_the_yardstick_is_a_raw_transaction_net_of_the_runtime() -> None:
    warm = {runtime.ALONE: 0.5, runtime.RAW_TRANSACTION: 3.5, "webhook_ingest": 5.0}
    measured = [Measured(name, [Run(0, 0, seconds, 0, 0)]) for name, seconds in warm.items()]
    for found in permutations(measured):
        assert runtime.raw_transaction(found) == 3.0
        assert runtime_page.warm_in_b(found)["webhook_ingest"] == [1.5]


@pytest.mark.parametrize(
    "once_more",
    [
        Share(table_units=1),
        Share(read_units=1),
        Share(refused_units=1),
        Share(calls=Counter(Query=1)),
    ],
)
@pytest.mark.parametrize("odd", [0, 1, 2])
def test_what_those_who_decide_did_in_one_round_alone_is_named(once_more: Share, odd: int) -> None:
    rounds = [counted(0.1) for _ in range(3)]
    rounds[odd].shares["event_worker"] += once_more
    with pytest.raises(StepFailedError, match="approve: "):
        recount.of_rounds(rounds)


def test_what_was_read_in_one_round_alone_is_named() -> None:
    with pytest.raises(StepFailedError, match="approve: items read"):
        recount.of_rounds([replace(counted(0.1), read={"ORDER": 2}), counted(0.1)])


def test_what_differs_from_round_to_round_by_chance_is_not_named() -> None:
    other = Share(invocations=9, table_units=1, calls=Counter(PutItem=1))
    to_know = Share(calls=Counter(Decrypt=1))
    behind = replace(counted(0.1), items={"BATCH": 2_000})
    behind.shares.update(projector=other, notifier=other, webhook_ingest=other, authorizer=other)
    behind.shares["event_worker"] += to_know
    rounds = [behind, replace(counted(0.1), items={"BATCH": 100})]
    assert recount.of_rounds(rounds).name == "approve"
    for name in recount.BY_CHANCE | recount.STEPS:
        step = replace(counted(0.1), name=name)
        step.shares["event_worker"] += other
        assert recount.of_rounds([step, replace(counted(0.1), name=name)]).name == name
