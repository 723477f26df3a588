"""What was counted is within its budget, and costs what it may. ``tests/e2e/test_units.py`` counts again."""

import pytest

from dev.project import ROOT
from tests.benchmarks import cost, scene, units
from tests.benchmarks.units import BUDGETS, Budget, Operation, Share


@pytest.fixture(scope="module")
def found() -> dict[str, Operation]:
    return units.read()


def test_every_operation_is_within_its_budget(found: dict[str, Operation]) -> None:
    assert units.check(list(found.values())) == []


@pytest.mark.parametrize("budget", BUDGETS, ids=lambda budget: budget.operation)
def test_every_budget_is_held_by_a_test(budget: Budget) -> None:
    assert (ROOT / "tests" / "integration" / budget.test).is_file()


def test_what_is_counted_costs_no_more_than_the_design_says(found: dict[str, Operation]) -> None:
    assert cost.check(found) == []


def test_an_operation_above_its_budget_is_named(found: dict[str, Operation]) -> None:
    share = found["paid order, first seen"].shares["event_worker"]
    dear = {**found, "paid order, first seen": Operation("paid order, first seen", {"event_worker": share + share}, {})}
    assert "paid order, first seen: 18 write units of 9, 2 read units of 2" in units.check(list(dear.values()))


def test_an_item_above_the_size_of_the_budget_may_take_what_its_size_takes() -> None:
    assert units.larger(Operation("approve", {}, {"ORDER": 1024, "entry": 300})) == 0
    assert units.larger(Operation("approve", {}, {"ORDER": 1025, "entry": 2049})) == 2 + 4


def test_a_write_that_was_refused_is_charged_and_said_apart() -> None:
    line = {"function": "cashback-EventWorker-1", "service": "dynamodb", "operation": "TransactWriteItems"}
    items = [["Put", "cashback-State-1", "S#s#O#1", "ORDER", 1025], ["Update", "cashback-State-1", "S#s#C#1", "X", 0]]
    operation = scene.counted("refused", [{**line, "status": 400, "used": None, "items": items}])
    share = operation.shares["event_worker"]
    assert (share.writes, share.refused_units) == (0, 2 * 2 + 2)
    assert cost.bill(operation.shares).parts["writes"] == 6 * 0.625


def test_a_batch_shares_what_a_queue_and_an_invocation_cost_and_nothing_else() -> None:
    shares = {"event_worker": Share(invocations=1, table_units=6, index_units=3, read_units=2)}
    alone, shared = cost.bill(shares), cost.bill(shares, batch=10)
    assert alone.parts["queues"] == pytest.approx(10 * shared.parts["queues"])
    assert alone.parts["invocations"] == pytest.approx(10 * shared.parts["invocations"])
    assert (alone.parts["writes"], alone.parts["reads"]) == (shared.parts["writes"], shared.parts["reads"])
    assert alone.counted == pytest.approx(9 * 0.625 + 2 * 0.125 + 2 * 0.40 + 0.20)
