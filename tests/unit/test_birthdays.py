"""Birthdays: once a year, in the store's own morning."""

import pytest

from cashback.domain.delays import AT_ONCE
from cashback.domain.errors import Busy
from cashback.domain.scenarios import Trigger
from cashback.edge.daily import ENOUGH_TIME
from cashback.services.close_store import close_store
from cashback.services.greet_birthdays import greet_birthdays
from tests.unit.builders import ORIGIN, STORE
from tests.unit.stage import Stage, scenario


def stage_of(now: str, *birthdays: str, timezone: str = "UTC") -> Stage:
    stage = Stage(scenario(Trigger.CUSTOMER_BIRTHDAY, delay=AT_ONCE), now=now, timezone=timezone)
    for number, birthday in enumerate(birthdays):
        stage.person(str(100 + number), birthday=birthday)
    return stage


def greet(stage: Stage) -> str:
    return greet_birthdays(stage.books, lambda: stage.outlets.alarms, STORE, stage.now)


def whose(stage: Stage) -> list[str | None]:
    return [task.customer_id for task in stage.tasks]


@pytest.mark.row("F38", "I11")
def test_whose_birthday_it_is_is_greeted_once_a_year() -> None:
    stage = stage_of("2026-05-17T08:59:00.000000Z", "1990-05-17", "1990-05-18", "2000-05-17")
    assert greet(stage) == "early"
    stage.clock.advance(120)
    assert (greet(stage), greet(stage)) == ("greeted", "done")
    stage.act()
    assert whose(stage) == ["100", "102"]
    assert list(stage.credited.values()) == [500, 500]
    stage.clock.advance(365 * 86_400)
    greet(stage)
    assert [task.cause for task in stage.tasks][-2:] == ["bday:100:2027", "bday:102:2027"]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2027-02-28T10:00:00.000000Z", ["100", "101"]),
        ("2028-02-28T10:00:00.000000Z", ["101"]),
        ("2028-02-29T10:00:00.000000Z", ["100"]),
    ],
)
@pytest.mark.row("F38", "76")
def test_the_29th_of_february_is_the_28th_where_there_is_none(now: str, expected: list[str]) -> None:
    stage = stage_of(now, "1992-02-29", "1992-02-28")
    greet(stage)
    assert sorted(whose(stage), key=str) == expected


@pytest.mark.parametrize(
    ("timezone", "now", "expected"),
    [
        ("Pacific/Auckland", "2026-05-16T20:59:00.000000Z", "early"),
        ("Pacific/Auckland", "2026-05-16T21:00:00.000000Z", "greeted"),
        ("America/Los_Angeles", "2026-05-17T15:59:00.000000Z", "early"),
        ("America/Los_Angeles", "2026-05-17T16:00:00.000000Z", "greeted"),
    ],
)
def test_it_is_morning_where_the_store_is(timezone: str, now: str, expected: str) -> None:
    stage = stage_of(now, "1990-05-17", timezone=timezone)
    assert greet(stage) == expected
    assert whose(stage) == (["100"] if expected == "greeted" else [])


def test_days_that_were_missed_are_made_up_for() -> None:
    stage = stage_of("2026-12-30T10:00:00.000000Z", "1990-12-31", "1990-01-01")
    assert greet(stage) == "greeted"
    stage.clock.advance(2 * 86_400 + 3_600)
    assert greet(stage) == "greeted"
    assert [task.cause for task in stage.tasks] == ["bday:100:2026", "bday:101:2027"]


def test_a_store_without_such_scenarios_only_moves_its_mark_and_a_closed_one_nothing() -> None:
    stage = Stage(now="2026-05-17T10:00:00.000000Z", timezone="UTC")
    stage.person("100", birthday="1990-05-17")
    assert greet(stage) == "greeted"
    assert stage.books.stores.birthdays_done(STORE) == "2026-05-17"
    stage.save(scenario(Trigger.CUSTOMER_BIRTHDAY))
    assert greet(stage) == "done"
    stage = stage_of("2026-05-17T10:00:00.000000Z", "1990-05-17")
    close_store(stage.books, STORE, "gone", ORIGIN, stage.now)
    assert (greet(stage), stage.tasks) == ("closed", [])


def test_the_daily_function_goes_on_after_a_store_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = stage_of("2026-05-17T10:00:00.000000Z", "1990-05-17")
    monkeypatch.setattr(type(stage.books.stores), "ids", lambda _self: iter(["nobody", STORE]))
    daily = stage.daily()
    with pytest.raises(Exception, match="not_found"):
        daily.run()
    assert (daily.greeted, daily.reconciled, daily.failed, whose(stage)) == (1, 1, 4, ["100"])
    hurried = stage.daily(ENOUGH_TIME - 1)
    nothing = {"greeted": 0, "late": 0, "recounted": 0, "reconciled": 0, "failed": 0}
    assert hurried.run() == {**nothing, "cut_short": True}


def test_a_store_that_is_out_of_reach_is_left_for_the_next_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = stage_of("2026-05-17T10:00:00.000000Z", "1990-05-17")

    def fails(*_: object) -> None:
        raise Busy("away")

    with monkeypatch.context() as broken:
        broken.setattr(type(stage.books.customers), "born_on", fails)
        daily = stage.daily()
        done = {"greeted": 0, "late": 0, "recounted": 7, "reconciled": 1, "failed": 1}
        assert daily.run() == {**done, "cut_short": False}
    assert greet(stage) == "greeted"
    assert whose(stage) == ["100"]
