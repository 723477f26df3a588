"""The due index on the emulator and on the simulation's store alike: what stands in it, and what reading it costs."""

import uuid
from collections.abc import Iterator
from typing import cast

import pytest
from types_boto3_dynamodb import DynamoDBClient

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.due import DueIndex
from cashback.adapters.dynamo.tables import StateTable
from cashback.domain.due import DueThing
from cashback.domain.shards import SHARDS
from tests.integration.conftest import Tables
from tests.integration.metering import Meter
from tests.simulation.dynamo import SimulatedDynamo
from tests.simulation.project_tables import table_specs

HOUR = "2026-11-22T13"
START = f"{HOUR}:00:00.000000Z"
END = f"{HOUR}:59:59.999999Z"
ODD = "s#1%23"


@pytest.fixture(params=["emulator", "simulation"])
def index(request: pytest.FixtureRequest) -> Iterator[DueIndex]:
    """An index with nothing due in that hour, before and after."""
    if request.param == "emulator":
        client = request.getfixturevalue("dynamodb")
        made = DueIndex(StateTable(client, request.getfixturevalue("tables").state))
    else:
        made = DueIndex(StateTable(cast("DynamoDBClient", SimulatedDynamo(table_specs())), "State"))
    yield made
    for thing in list(made.due(HOUR, END)):
        put(made, thing, due_at=None)


def put(index: DueIndex, thing: DueThing, due_at: str | None) -> None:
    pk, sk = keys.order(thing.store_id, thing.item_id)
    attributes = index.attributes(thing.store_id, thing.kind, thing.item_id, due_at)
    index.table.commit(index.table.put({"pk": pk, "sk": sk, "status": "x", **attributes}))


def thing(at: str, store_id: str = ODD) -> DueThing:
    return DueThing(at, store_id, "guest", uuid.uuid4().hex)


def test_an_hour_gives_back_what_is_due_in_it_by_now_from_all_its_partitions(index: DueIndex) -> None:
    due = [thing(f"{HOUR}:{n:02d}:00.000000Z") for n in range(60)]
    others = [thing("2026-11-22T12:59:59.999999Z"), thing("2026-11-22T14:00:00.000000Z")]
    for one in (*due, *others):
        put(index, one, one.due_at)
    assert sorted(index.due(HOUR, END), key=lambda one: one.due_at) == due
    assert sorted(index.due(HOUR, due[29].due_at), key=lambda one: one.due_at) == due[:30]
    for one in others:
        put(index, one, None)


def test_what_is_written_without_a_due_time_leaves_the_index(index: DueIndex) -> None:
    one = thing(START)
    put(index, one, one.due_at)
    assert list(index.due(HOUR, START)) == [one]
    put(index, one, END)
    assert list(index.due(HOUR, START)) == []
    assert [found.due_at for found in index.due(HOUR, END)] == [END]
    put(index, one, None)
    assert list(index.due(HOUR, END)) == []


def test_a_bookmark_is_where_it_was_left(index: DueIndex) -> None:
    for hour in (HOUR, "2026-11-22T14"):
        index.move_bookmark(hour)
        assert index.bookmark() == hour


def test_an_empty_hour_costs_8_read_units_and_a_due_order_one_write_unit_more(
    dynamodb: DynamoDBClient, tables: Tables
) -> None:
    index, meter, one = DueIndex(StateTable(dynamodb, tables.state)), Meter(dynamodb), thing(START, "s")
    with meter.on() as cost:
        assert list(index.due("2026-11-22T20", END)) == []
    assert (cost.reads, cost.calls) == (0.5 * SHARDS, ["Query"] * SHARDS)
    for due_at, units in ((START, 1 + 1), (START, 1 + 0), (None, 1 + 1)):
        with meter.on() as cost:
            put(index, one, due_at)
        assert cost.writes == units
