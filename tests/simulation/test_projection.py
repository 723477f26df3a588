"""Random lives of orders, told by the streams in any split, order and repetition: the totals are those of a recount."""

import os
from random import Random
from typing import Any

import pytest

from cashback.adapters.dynamo.totals import Totals
from cashback.domain.day_totals import Behind, Day, DayTotals, Drift
from cashback.edge.projector import Projection
from cashback.services.recount_days import recount_days
from tests.simulation.dynamo import Write
from tests.simulation.persons import STORE
from tests.simulation.projecting import after_all
from tests.simulation.withdrawals import paid_out
from tests.simulation.world import World
from tests.streams import FakeEvents, Stream, bus_on

WORLDS = int(os.environ.get("CASHBACK_WORLDS", "10000")) // 100
EACH = 10


def told(seed: int) -> tuple[World, Stream]:
    """A world that is over, and what its streams told of it, from its opening on."""
    world, stream = World(seed), Stream()
    for item in world.dynamo.items("Ledger"):
        stream.watch(Write(0, "Ledger", (item["pk"]["S"], item["sk"]["S"]), None, item))
    world.dynamo.observers.append(stream.watch)
    return world.run(), stream


def projected(world: World, batches: list[list[dict[str, Any]]]) -> tuple[Totals, FakeEvents]:
    totals, events = Totals(world.books.orders.table), FakeEvents()
    projection = Projection(
        world.books.stores, totals, bus_on(events), lambda: world.payouts, lambda: 60_000, clock=world.clock.now
    )
    for batch in batches:
        assert projection.run({"Records": batch}) == {"batchItemFailures": []}
    return totals, events


@pytest.fixture(autouse=True)
def _nobody_counted_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some worlds last longer than a recount looks back, and are recounted at their end only."""
    monkeypatch.setattr("cashback.services.recount_days.MISSED_DAYS", 30)


def recounted(world: World, totals: Totals) -> list[Day | Drift | Behind]:
    return list(recount_days(world.books, totals, STORE, after_all(world), lambda: True))


@pytest.mark.parametrize("first", range(0, WORLDS, EACH))
@pytest.mark.row("F27", "F28")
def test_the_totals_of_any_delivery_are_those_of_a_recount(first: int) -> None:
    for seed in range(first, first + EACH):
        world, stream = told(seed)
        totals, _ = projected(world, stream.shuffled(Random(seed)))
        counted = {day.date: day.totals for day in totals.between(STORE, "2000-01-01", "2100-01-01")}
        found = recounted(world, totals)
        assert not [one for one in found if isinstance(one, Drift)], f"seed {seed}"
        closed = {day.date: day.totals for day in found if isinstance(day, Day)}
        assert {date: closed[date] for date in counted if date in closed} == {
            date: one for date, one in counted.items() if date in closed
        }
        posted = [day.orders_processed for day in closed.values()]
        assert sum(posted) == sum(order.award is not None for order in world.documents().values()), f"seed {seed}"
        assert sum(day.cashback_paid_out for day in closed.values()) == paid_out(world), f"seed {seed}"


def test_some_worlds_have_everything_that_is_counted() -> None:
    sums = DayTotals()
    for seed in range(40):
        world, stream = told(seed)
        totals, _ = projected(world, [stream.records])
        sums = sum((day.totals for day in totals.between(STORE, "2000-01-01", "2100-01-01")), start=sums)
    assert all((sums.orders_processed, sums.cashback_issued, sums.cashback_reversed, sums.cashback_paid_out))
    assert sums.rejected
    assert sums.decisions


@pytest.mark.row("F29")
def test_a_recount_puts_right_what_the_stream_never_told() -> None:
    world, stream = told(7)
    lost = [record for record in stream.records if "posted_at_cause" not in record["dynamodb"]["NewImage"]]
    totals, _ = projected(world, [lost])
    found = recounted(world, totals)
    (drift,) = [one for one in found if isinstance(one, Drift)]
    assert drift.counted.cashback_issued == 0 < drift.recounted.cashback_issued
    assert totals.drifts(STORE, "2000-01-01", "2100-01-01") == [drift]
    assert totals.days(STORE, [drift.date])[drift.date].totals == drift.recounted
    # What is told late of a closed day is in it already.
    projected(world, [stream.records])
    assert totals.days(STORE, [drift.date])[drift.date].totals == drift.recounted
