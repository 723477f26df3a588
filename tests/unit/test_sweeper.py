"""What comes due is settled: in time, late by weeks, beside what fails, and never at the cost of what comes due now."""

from copy import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.codec import from_item
from cashback.adapters.dynamo.documents import order_item, order_of
from cashback.adapters.dynamo.due import DueIndex
from cashback.adapters.dynamo.tables import StateTable
from cashback.domain.due import DueKind, DueThing, hour_from, hour_of, hours_between
from cashback.domain.errors import Busy, NotFound
from cashback.domain.orders import Order, Status
from cashback.domain.shards import SHARDS
from cashback.domain.times import Instant, instant, moment
from cashback.edge import clock, deps
from cashback.edge.sweeper import ENOUGH_TIME, Sweep
from cashback.services import sweep
from tests.simulation.dynamo import Fault, Rates, SimulatedDynamo
from tests.simulation.project_tables import table_specs
from tests.unit.builders import STORE
from tests.unit.deployment import Deployment, function

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = "2026-03-01T12:34:56.000000Z"
PLENTY = 10 * ENOUGH_TIME


def after(at: Instant, **time: float) -> Instant:
    return instant(moment(at) + timedelta(**time))


class World:
    """Things with a due time, which are settled by losing it; ``failures`` are those that fail instead."""

    def __init__(self) -> None:
        self.dynamo = SimulatedDynamo(table_specs())
        self.table = StateTable(cast("Any", self.dynamo), "State")
        self.due = DueIndex(self.table)
        self.settled: list[str] = []
        self.tried: list[str] = []
        self.failures: dict[str, Exception] = {}
        self.milliseconds_left: Callable[[], int] = lambda: PLENTY

    def add(self, item_id: str, due_at: Instant, kind: str = DueKind.GUEST) -> None:
        pk, sk = keys.order(STORE, item_id)
        attributes = DueIndex.attributes(STORE, kind, item_id, due_at)
        self.table.commit(self.table.put({"pk": pk, "sk": sk, **attributes}))

    def settle(
        self,
        _books: object,
        _api_keys: object,
        _job_books: object,
        _outgoing: object,
        thing: DueThing,
        now: Instant,
    ) -> str:
        assert thing.store_id == STORE
        assert thing.due_at <= now
        self.tried.append(thing.item_id)
        if thing.item_id in self.failures:
            raise self.failures[thing.item_id]
        pk, sk = keys.order(STORE, thing.item_id)
        self.table.commit(self.table.put({"pk": pk, "sk": sk}))
        self.settled.append(thing.item_id)
        return "settled"

    def sweep(self, now: Instant) -> dict[str, int | bool]:
        self.tried.clear()
        left, unused = self.milliseconds_left, cast("Any", None)
        return Sweep(unused, self.due, unused, unused, unused, left, clock=lambda: moment(now)).run()

    def calls_of_a_sweep(self, now: Instant) -> int:
        before = self.dynamo.faults.calls
        self.sweep(now)
        return self.dynamo.faults.calls - before


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr("cashback.edge.sweeper.settle_due", made.settle)
    return made


# ---- in time


def test_a_thing_due_in_each_minute_is_settled_by_the_next_sweep_and_never_early(world: World) -> None:
    minutes = [after("2026-03-01T21:00:00.000000Z", minutes=n) for n in range(4 * 60)]
    for at in minutes:
        world.add(at, at)
    for n in range(0, 4 * 60 + 5, 5):
        now = after(minutes[0], minutes=n)
        world.sweep(now)
        assert sorted(world.settled) == [at for at in minutes if at <= now]


def test_what_is_due_at_this_very_moment_is_settled_and_a_microsecond_later_is_not(world: World) -> None:
    world.add("now", NOW)
    world.add("later", after(NOW, microseconds=1))
    assert world.sweep(NOW) == {"settled": 1, "failed": 0, "cut_short": False}
    assert world.settled == ["now"]


@pytest.mark.row("F40")
def test_an_hour_of_many_pages_is_read_to_its_end(world: World) -> None:
    for n in range(100):
        world.add(str(n), NOW)
    world.dynamo.faults.set_rates(Rates(short_page=0.7))
    assert world.sweep(NOW)["settled"] == 100
    assert world.dynamo.faults.fired["short_page"] > 10


def test_a_usual_sweep_reads_two_or_three_hours(world: World) -> None:
    world.sweep(NOW)
    assert world.calls_of_a_sweep(after(NOW, minutes=5)) == 1 + 2 * SHARDS
    an_hour_later = after(NOW, hours=1)
    assert world.calls_of_a_sweep(an_hour_later) == 1 + 3 * SHARDS + 1
    assert world.calls_of_a_sweep(an_hour_later) == 1 + 2 * SHARDS


# ---- late


def test_a_sweeper_that_was_down_for_weeks_finds_everything(world: World) -> None:
    world.sweep(NOW)
    due = [after(NOW, hours=7 * n, minutes=n) for n in range(100)]
    for at in due:
        world.add(at, at)
    back = after(due[-1], days=3)
    assert world.sweep(back)["settled"] == 100
    assert sorted(world.settled) == due
    world.sweep(back)
    assert world.due.bookmark() == hour_from(hour_of(back), -1)
    assert world.calls_of_a_sweep(back) == 1 + 2 * SHARDS


def test_the_first_sweep_begins_a_day_ago(world: World) -> None:
    world.add("yesterday", after(NOW, days=-1))
    world.add("long ago", after(NOW, days=-1, hours=-1))
    world.sweep(NOW)
    assert world.settled == ["yesterday"]


def test_the_first_bookmark_stays_although_its_very_hour_holds_what_fails(world: World) -> None:
    world.add("first", after(NOW, days=-1))
    world.failures["first"] = Busy("contended")
    world.sweep(NOW)
    world.failures.clear()
    world.sweep(after(NOW, days=2))
    assert world.settled == ["first"]


def test_the_bookmark_passes_no_hour_that_ended_less_than_an_hour_ago(world: World) -> None:
    world.sweep("2026-03-01T12:00:00.000000Z")
    assert world.due.bookmark() == "2026-03-01T11"
    world.add("slow", "2026-03-01T11:59:59.000000Z")
    world.sweep("2026-03-01T12:59:59.000000Z")
    assert world.settled == ["slow"]


@pytest.mark.row("F39")
def test_what_the_index_still_shows_holds_the_bookmark_until_it_is_gone(world: World) -> None:
    world.sweep(NOW)
    world.add("a", after(NOW, minutes=5))
    late = after(NOW, hours=5)
    world.sweep(late)
    assert world.settled == ["a"]
    assert world.due.bookmark() == hour_of(NOW)
    world.sweep(late)
    assert world.due.bookmark() == "2026-03-01T16"


# ---- what fails


@pytest.mark.parametrize("failure", [Busy("contended"), NotFound("no such store"), KeyError("a bug")])
def test_what_fails_stops_no_other_and_is_tried_again_until_it_is_settled(world: World, failure: Exception) -> None:
    world.sweep(NOW)
    for n in range(20):
        world.add(str(n), after(NOW, hours=n % 4))
    world.failures = {"5": failure, "6": failure}
    late = after(NOW, days=40)
    for _ in range(3):
        sweep_or_crash(world, late, failure)
    assert sorted(world.settled) == sorted({str(n) for n in range(20)} - {"5", "6"})
    assert sorted(world.tried) == ["5", "6"]
    assert world.due.bookmark() == hour_of(after(NOW, hours=1))
    world.failures.clear()
    assert world.sweep(late) == {"settled": 2, "failed": 0, "cut_short": False}
    world.sweep(late)
    assert world.due.bookmark() == hour_from(hour_of(late), -1)


def sweep_or_crash(world: World, now: Instant, failure: Exception) -> None:
    """Only what time may heal ends a sweep well; an alarm sees the rest."""
    if isinstance(failure, Busy):
        assert world.sweep(now)["failed"] == 2
    else:
        with pytest.raises(type(failure)):
            world.sweep(now)


def test_a_failure_is_logged_by_its_code_and_never_by_its_words(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.add("a", NOW)
    world.failures["a"] = KeyError("ada@example.com")
    with pytest.raises(KeyError):
        world.sweep(NOW)
    said = capsys.readouterr().out
    assert '"event":"due_failed"' in said
    assert '"item":"a"' in said
    assert '"code":"KeyError"' in said
    assert "ada@" not in said


def test_an_index_out_of_reach_ends_the_sweep_where_the_next_one_begins(world: World) -> None:
    world.sweep(NOW)
    late = after(NOW, hours=5)
    world.add("a", after(NOW, minutes=5))
    world.dynamo.faults.script = {world.dynamo.faults.calls + 2 + 2 * SHARDS: Fault.ERROR_BEFORE}
    with pytest.raises(Busy):
        world.sweep(late)
    assert world.settled == []
    world.sweep(late)
    assert world.settled == ["a"]


def test_what_was_found_is_settled_although_the_next_partition_is_out_of_reach(world: World) -> None:
    world.sweep(NOW)
    found = next(str(n) for n in range(99) if keys.due(NOW, str(n)) == next(iter(keys.due_in(hour_of(NOW)))))
    world.add(found, NOW)
    world.dynamo.faults.script = {world.dynamo.faults.calls + 1 + SHARDS + 1 + 1 + 1: Fault.ERROR_BEFORE}
    with pytest.raises(Busy):
        world.sweep(NOW)
    assert world.settled == [found]


# ---- the time is up


def test_a_sweep_ends_in_good_time_and_the_next_ones_do_the_rest(world: World) -> None:
    world.sweep(NOW)
    for n in range(30):
        world.add(str(n), after(NOW, hours=n // 10))
    late = after(NOW, days=3)
    world.milliseconds_left = lambda: PLENTY if len(world.tried) < 7 else ENOUGH_TIME - 1
    answers = [world.sweep(late) for _ in range(5)]
    assert [answer["settled"] for answer in answers] == [7, 7, 7, 7, 2]
    assert [answer["cut_short"] for answer in answers] == [True, True, True, True, False]
    assert len(set(world.settled)) == 30


def test_a_sweep_without_time_touches_nothing_and_reads_no_hour(world: World) -> None:
    world.add("a", NOW)
    world.milliseconds_left = lambda: ENOUGH_TIME - 1
    world.due.move_bookmark(hour_of(after(NOW, days=-9)))
    before = world.dynamo.faults.calls
    assert world.sweep(NOW) == {"settled": 0, "failed": 0, "cut_short": True}
    assert world.dynamo.faults.calls == before + 1


def test_however_much_is_stuck_what_comes_due_now_is_settled(world: World) -> None:
    world.sweep(NOW)
    for n in range(50):
        world.add(f"stuck-{n}", after(NOW, hours=1 + n))
        world.failures[f"stuck-{n}"] = Busy("contended")
    late = after(NOW, days=10)
    world.add("fresh", late)
    world.milliseconds_left = lambda: PLENTY if len(world.tried) < 10 else ENOUGH_TIME - 1
    assert world.sweep(late) == {"settled": 1, "failed": 9, "cut_short": True}
    assert world.settled == ["fresh"]


# ---- what each kind is


def test_a_guest_s_order_is_settled_with_the_settings_of_its_store(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.create_store()
    called: list[Any] = []

    def settle_order(_books: Any, settings: Any, order_id: str, now: Instant) -> Order | None:
        called.append((settings.store_id, order_id, now))
        return Order(order_id, "shopify", NOW, status=Status.NOT_ELIGIBLE) if order_id == "A-1" else None

    monkeypatch.setattr(sweep, "settle_order", settle_order)
    things = [DueThing(NOW, STORE, DueKind.GUEST, order_id) for order_id in ("A-1", "A-2")]
    reached = deployment.books, deps.api_keys(), deps.job_books, deps.endpoint_books
    outcomes = [sweep.settle_due(*reached, thing, NOW) for thing in things]
    assert outcomes == ["not_eligible", "unchanged"]
    assert called == [(STORE, "A-1", NOW), (STORE, "A-2", NOW)]


def test_a_kind_that_only_newer_code_knows_is_a_failure(deployment: Deployment) -> None:
    reached = deployment.books, deps.api_keys(), deps.job_books, deps.endpoint_books
    with pytest.raises(ValueError, match="kind"):
        sweep.settle_due(*reached, DueThing(NOW, STORE, "tomorrow", "1"), NOW)


def test_the_function_settles_what_is_due_until_its_time_is_up(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.create_store()
    settled: list[str] = []
    monkeypatch.setattr(sweep, "settle_order", lambda _books, _settings, order_id, _now: settled.append(order_id))
    order = waiting(after(clock.now(), minutes=-1))
    table = deployment.books.orders.table
    table.commit(table.put(order_item(STORE, order)))
    handler = function("sweeper").handler
    assert handler({}, SimpleNamespace(get_remaining_time_in_millis=lambda: 0))["cut_short"]
    assert settled == []
    counts = {"settled": 1, "failed": 0, "cut_short": False}
    assert handler({}, SimpleNamespace(get_remaining_time_in_millis=lambda: PLENTY)) == counts
    assert settled == ["A-1"]


# ---- orders in the index


def waiting(until: Instant | None) -> Order:
    return Order("A-1", "shopify", NOW, rev=1, status=Status.AWAITING_CUSTOMER, claimable_until=until)


def test_an_order_is_due_while_it_waits_for_a_customer_and_no_longer(world: World) -> None:
    for order, due in (
        (waiting(NOW), [DueThing(NOW, STORE, DueKind.GUEST, "A-1")]),
        (replace(waiting(NOW), rev=2, status=Status.PROCESSED), []),
        (replace(waiting(NOW), rev=3), [DueThing(NOW, STORE, DueKind.GUEST, "A-1")]),
        (waiting(None), []),
    ):
        item = order_item(STORE, order)
        assert order_of(item) == order
        world.table.commit(world.table.put(item))
        assert list(world.due.due(hour_of(NOW), NOW)) == due
        stored = from_item(world.dynamo.item("State", *keys.order(STORE, "A-1")) or {})
        assert ("due_pk" in stored, "due_sk" in stored) == (bool(due), bool(due))


# ---- hours


def test_hours_go_on_over_the_ends_of_days_and_years() -> None:
    assert list(hours_between("2026-12-31T22", "2027-01-01T01")) == [
        "2026-12-31T22",
        "2026-12-31T23",
        "2027-01-01T00",
        "2027-01-01T01",
    ]
    assert list(hours_between("2026-12-31T22", "2026-12-31T21")) == []
    assert hour_from("2026-03-01T00", -24) == "2026-02-28T00"
