"""GET /v1/metrics, and what of the engine failed: read from what the projector counted and from the lists."""

from itertools import count
from typing import Any

import pytest

import dev.reconcile
from cashback.adapters.dynamo import order_lists
from cashback.domain.errors import Invalid
from cashback.domain.orders import Status
from cashback.domain.times import instant
from cashback.services import recount_days as recount_days_module
from cashback.services.change_settings import change_settings
from cashback.services.read_metrics import Metrics, read_metrics
from cashback.services.read_store import EngineStatus, read_status
from cashback.services.recount_days import recount_days
from tests.unit.builders import CUSTOMER, NOW, ORIGIN, STORE, line, paid
from tests.unit.stage import Stage, scenario
from tests.unit.test_projector import DAY, Told


def read(told: Told, first: str | None = None, last: str | None = None) -> Metrics:
    return read_metrics(told.stage.books, told.totals, STORE, first, last, told.stage.now)


def test_today_has_the_levels_of_now_and_a_closed_day_those_of_its_end() -> None:
    told = Told(Stage(auto_processing=False))
    told.stage.hear(paid(line("1", 10_000)))
    told.stage.clock.advance(600)
    told.project()
    (today,) = read(told).days
    assert today.date == DAY
    assert today.levels is not None
    assert (today.levels.pending, today.levels.oldest_pending_since) == (1, NOW)
    told.stage.clock.advance(86_400)
    assert read(told, DAY, DAY).days[0].levels is None
    list(recount_days(told.stage.books, told.totals, STORE, instant(told.stage.clock.now()), lambda: True))
    told.stage.shop.reject()
    (closed,) = read(told, DAY, DAY).days
    assert closed.levels is not None
    assert (closed.levels.pending, closed.closed_at is not None) == (1, True)


def test_days_on_which_nothing_happened_are_there() -> None:
    told = Told()
    told.stage.hear(paid(line("1", 10_000)))
    told.project()
    days = read(told, "2026-02-27", "2026-03-02").days
    assert [day.date for day in days] == ["2026-02-27", "2026-02-28", DAY, "2026-03-02"]
    assert [day.totals.orders_processed for day in days] == [0, 0, 1, 0]


@pytest.mark.parametrize(
    ("first", "last"), [(DAY, None), (None, DAY), (DAY, "2026-02-28"), ("2026-01-01", "2026-04-03")]
)
def test_a_range_has_both_its_ends_in_order_and_is_a_quarter_at_most(first: str | None, last: str | None) -> None:
    with pytest.raises(Invalid) as refused:
        read(Told(), first, last)
    assert refused.value.code == "date_range"


def test_a_recount_that_has_no_time_goes_on_where_it_was() -> None:
    told = Told()
    for number in range(3):
        told.stage.person(str(number))
    told.stage.hear(paid(line("1", 10_000)))
    told.stage.clock.advance(86_400)
    now, rounds = told.stage.now, 0
    while not told.totals.days(STORE, [DAY])[DAY].closed_at:
        left = iter([True] * 5)
        list(recount_days(told.stage.books, told.totals, STORE, now, lambda left=left: next(left, False)))  # type: ignore[misc]
        rounds += 1
    assert rounds > 2
    assert told.day.cashback_issued == 500
    assert told.day.orders_processed == 1


@pytest.mark.parametrize("checks", [1, 2, 3])
def test_a_recount_goes_on_among_the_orders_and_reads_no_entry_twice(
    checks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recount_days_module, "_ORDERS", 2)
    told = Told()
    for number in range(7):
        told.stage.hear(paid(line("1", 10_000), order_id=f"A-{number}"))
    told.stage.clock.advance(86_400)
    history, read = type(told.stage.books.history), [0]
    posted_between = history.posted_between

    def counted(self: Any, *given: Any) -> Any:
        read[0] += 1
        return posted_between(self, *given)

    monkeypatch.setattr(history, "posted_between", counted)
    for _ in range(100):
        left = iter([True] * checks)
        list(recount_days(told.stage.books, told.totals, STORE, told.stage.now, lambda left=left: next(left, False)))  # type: ignore[misc]
        if told.totals.days(STORE, [DAY])[DAY].closed_at:
            break
    assert (told.day.orders_processed, told.day.cashback_issued) == (7, 3_500)
    assert read == [1]


def test_orders_that_arrive_all_the_time_do_not_keep_a_recount_from_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    told, number = Told(), count()
    lists = type(told.stage.books.lists)
    listed = lists._listed_between

    def meanwhile(self: Any, *given: Any) -> Any:
        told.stage.hear(paid(line("1", 10_000), order_id=f"A-{next(number)}"))
        return listed(self, *given)

    monkeypatch.setattr(lists, "_listed_between", meanwhile)
    found, after = told.stage.books.lists.moved_since(STORE, NOW, 1_000, None)
    assert after is None
    assert len(list(found)) > len(Status)
    assert next(number) <= 3 * len(Status)


@pytest.mark.parametrize("moment", range(len(Status)))
def test_an_order_that_moves_while_the_lists_are_read_is_found(moment: int, monkeypatch: pytest.MonkeyPatch) -> None:
    told, reads = Told(Stage(auto_processing=False)), count()
    told.stage.hear(paid(line("1", 10_000)))
    monkeypatch.setattr(order_lists, "Status", tuple(reversed(Status)))
    lists = type(told.stage.books.lists)
    listed = lists._listed_between

    def meanwhile(self: Any, *given: Any) -> Any:
        if next(reads) == moment:
            told.stage.shop.reject()
        return list(listed(self, *given))

    monkeypatch.setattr(lists, "_listed_between", meanwhile)
    found, _ = told.stage.books.lists.moved_since(STORE, NOW, 1_000, None)
    assert [order.status for order in found] == [Status.REJECTED]


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Asia/Tokyo", "Pacific/Kiritimati", "Pacific/Niue"])
@pytest.mark.parametrize("hour", [0, 8, 20])
def test_a_store_that_moves_to_another_time_zone_has_every_order_in_one_day(zone: str, hour: int) -> None:
    told = Told(Stage(now="2026-03-01T00:30:00.000000Z"))
    for number in range(24):
        told.stage.hear(paid(line("1", 10_000), order_id=f"A-{number}"))
        told.project()
        told.stage.clock.advance(3_600)
    told.stage.clock.advance(2 * 3_600)
    recount(told)
    told.stage.clock.advance(3_600)
    for number in range(24, 48):
        if number == 24 + hour:
            change_settings(told.stage.books, STORE, 1, {"timezone": zone}, ORIGIN, told.stage.now)
        told.stage.hear(paid(line("1", 10_000), order_id=f"A-{number}"))
        told.project()
        told.stage.clock.advance(3_600)
    for _ in range(5):
        told.stage.clock.advance(12 * 3_600)
        recount(told)
    days = told.totals.between(STORE, "2026-02-20", "2026-03-10")
    assert sum(day.totals.orders_processed for day in days) == 48
    assert sum(day.totals.cashback_issued for day in days) == 48 * 500


@pytest.mark.parametrize(
    ("zone", "then", "hours"),
    [
        ("Pacific/Auckland", "Europe/Berlin", 30),
        ("America/Los_Angeles", "Pacific/Kiritimati", 2),
        ("Pacific/Kiritimati", "Pacific/Niue", 36),
        ("Pacific/Niue", "Pacific/Kiritimati", 1),
    ],
)
def test_a_young_store_that_moves_to_another_time_zone_has_every_order_in_one_day(
    zone: str, then: str, hours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told(Stage(timezone=zone))
    for hour in range(60):
        if hour == hours:
            change_settings(told.stage.books, STORE, 1, {"timezone": then}, ORIGIN, told.stage.now)
        told.stage.hear(paid(line("1", 10_000), order_id=f"A-{hour}"))
        told.project()
        recount(told)
        told.stage.clock.advance(3_600)
    for _ in range(5):
        told.stage.clock.advance(27 * 3_600)
        recount(told)
    days = [day for day in told.totals.between(STORE, "2026-02-20", "2026-03-07") if day.totals.orders_processed]
    assert sum(day.totals.orders_processed for day in days) == 60
    assert sum(day.totals.cashback_issued for day in days) == 60 * 500
    assert all(day.closed_at for day in days)
    monkeypatch.setattr(dev.reconcile, "instant", lambda _: told.stage.now)
    assert list(dev.reconcile.wrong_days(told.stage.books, told.totals, STORE, {CUSTOMER})) == []


def recount(told: Told) -> None:
    list(recount_days(told.stage.books, told.totals, STORE, told.stage.now, lambda: True))


def test_a_recount_that_takes_longer_than_a_day_comes_to_an_end_and_so_do_those_after_it() -> None:
    told = Told(Stage(now="2026-03-01T03:00:00.000000Z"))
    for _ in range(60):
        told.stage.hear(paid(line("1", 10_000), order_id=f"A-{told.stage.now}"))
        told.project()
        left = iter([True] * 3)
        list(recount_days(told.stage.books, told.totals, STORE, told.stage.now, lambda left=left: next(left, False)))  # type: ignore[misc]
        told.stage.clock.advance(86_400)
    days = told.totals.between(STORE, DAY, "2026-06-01")
    closed = [day.date for day in days if day.closed_at is not None]
    assert closed == [day.date for day in days][: len(closed)]
    assert len(closed) >= 10
    assert {day.totals.orders_processed for day in days} == {1}


def test_before_two_in_the_morning_no_day_is_recounted() -> None:
    told = Told(Stage(now="2026-03-02T00:30:00.000000Z"))
    assert list(recount_days(told.stage.books, told.totals, STORE, told.stage.now, lambda: True)) == []


def test_a_task_that_failed_puts_the_engine_in_error_for_an_hour() -> None:
    stage = Stage(scenario())
    told = Told(stage)
    stage.paid("A-1")
    now = stage.now
    told.totals.note_failure(STORE, now, "tasks_failed", "0" * 32)
    told.totals.note_failure(STORE, now, "tasks_failed", "0" * 32)
    engine = read_status(stage.books, told.totals, STORE, now)
    assert engine.status is EngineStatus.ERROR
    assert [(cause.code, cause.count, cause.since) for cause in engine.causes] == [("tasks_failed", 1, now)]
    stage.clock.advance(3_601)
    assert read_status(stage.books, told.totals, STORE, stage.now).status is EngineStatus.ACTIVE
