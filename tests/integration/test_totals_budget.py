"""What the totals of days cost on the engine, as ``test_budgets.py`` counts what they are totals of."""

import uuid

import pytest
from types_boto3_dynamodb import DynamoDBClient

from cashback.adapters.dynamo.tables import StateTable
from cashback.adapters.dynamo.totals import Totals
from cashback.domain.day_totals import Day, DayTotals
from cashback.domain.ledger import Entry, Kind, payload_hash
from cashback.domain.projection import EntryPosted
from cashback.services.project import AT_ONCE
from tests.integration.conftest import Tables
from tests.integration.metering import Meter
from tests.integration.test_budgets import NOW

ONE = DayTotals(cashback_issued=1)


@pytest.fixture
def totals(dynamodb: DynamoDBClient, tables: Tables) -> Totals:
    return Totals(StateTable(dynamodb, tables.state))


def posted(store_id: str, number: int, kind: Kind = Kind.ORDER, at: str = NOW) -> EntryPosted:
    entry = Entry(f"ord:{number}:earn", kind, 500, "shop:shopify", payload_hash(kind))
    return EntryPosted(
        store_id=store_id, item_id=f"{number}", revision=entry.cause, at=at, entry=entry, transaction_id=f"t{number}"
    )


def occasions(changes: list[EntryPosted]) -> dict[str, str]:
    return {change.change_id: change.occasion for change in changes}


def test_changes_of_one_second_are_counted_for_4_write_units_together(totals: Totals) -> None:
    store_id = f"totals-{uuid.uuid4().hex[:12]}"
    changes = [posted(store_id, number) for number in range(AT_ONCE)]
    with (meter := Meter(totals.table.client)).on() as cost:
        assert totals.count(store_id, [Day("2026-03-01", ONE, 1)], occasions(changes), NOW) is None
    assert (cost.writes, cost.calls) == (2 + 2, ["TransactWriteItems"])
    with meter.on() as cost:
        again = totals.count(store_id, [Day("2026-03-01", ONE, 2)], occasions(changes[3:5]), NOW)
    assert (again, cost.writes) == (frozenset(change.change_id for change in changes[3:5]), 0)
    assert totals.days(store_id, ["2026-03-01"])["2026-03-01"].rev == 1


def test_what_is_counted_of_a_second_keeps_nothing_from_being_counted_that_is_not(totals: Totals) -> None:
    store_id = f"totals-{uuid.uuid4().hex[:12]}"
    first, second, later = posted(store_id, 1), posted(store_id, 2), posted(store_id, 3, at="2026-03-01T09:30:01Z")
    assert totals.count(store_id, [Day("2026-03-01", ONE, 1)], occasions([first]), NOW) is None
    told = totals.count(store_id, [Day("2026-03-01", ONE, 2)], occasions([first, second, later]), NOW)
    assert told == frozenset({first.change_id})
    assert totals.count(store_id, [Day("2026-03-01", ONE, 2)], occasions([second, later]), NOW) is None
    told = totals.count(store_id, [Day("2026-03-01", ONE, 3)], occasions([first, second, later]), NOW)
    assert told == frozenset({first.change_id, second.change_id, later.change_id})


def test_members_of_a_chunk_are_counted_for_half_a_write_unit_each(totals: Totals) -> None:
    store_id = f"totals-{uuid.uuid4().hex[:12]}"
    changes = [posted(store_id, number, Kind.GROUP) for number in range(10 * AT_ONCE)]
    with Meter(totals.table.client).on() as cost:
        for rev in range(10):
            some = changes[rev * AT_ONCE : (rev + 1) * AT_ONCE]
            assert totals.count(store_id, [Day("2026-03-01", ONE, rev + 1)], occasions(some), NOW) is None
    assert cost.writes / len(changes) <= 0.5


def test_chunks_of_a_job_share_no_guard_and_orders_of_a_second_do() -> None:
    """A job posts thousands a second, and what guards them is one item, which is written with each transaction."""
    moments = ("2026-03-01T09:30:00.000001Z", "2026-03-01T09:30:00.000002Z")
    assert len({posted("s", 1, Kind.GROUP, at).occasion for at in moments}) == 2
    assert len({posted("s", 1, Kind.ORDER, at).occasion for at in moments}) == 1


def test_changes_of_two_seconds_are_guarded_apart_so_that_no_guard_becomes_large() -> None:
    moments = [NOW, NOW.replace("09:30:00.000000", "09:30:00.999999"), NOW.replace("09:30:00", "09:30:01")]
    first, same, next_ = (posted("demo", 1, at=moment).occasion for moment in moments)
    assert first == same != next_
