"""Group jobs and imports whose next message was lost, and those of closed stores."""

from datetime import timedelta
from typing import Any, cast

from cashback.adapters.dynamo.due import DueIndex
from cashback.adapters.dynamo.tables import StateTable
from cashback.domain.due import DueKind, DueThing, hour_of, hours_between
from cashback.domain.group_imports import ImportStatus, MembersImport
from cashback.domain.group_jobs import Job, JobStatus
from cashback.domain.group_steps import ImportStep
from cashback.domain.member_rows import Column, rows_of_ids
from cashback.domain.times import Instant, instant, moment
from cashback.services.close_store import close_store
from cashback.services.import_members import start_import
from cashback.services.reconcile import overdue
from cashback.services.sweep import settle_due
from tests.unit.builders import NOW, ORIGIN, STORE
from tests.unit.jobs import JobShop


def after(minutes: int) -> Instant:
    return instant(moment(NOW) + timedelta(minutes=minutes))


def due(shop: JobShop, now: Instant) -> list[DueThing]:
    """What the sweeper finds of the hours since NOW."""
    index = DueIndex(StateTable(shop.job_books.jobs.table.client, "State"))
    return [thing for hour in hours_between(hour_of(NOW), hour_of(now)) for thing in index.due(hour, now)]


def sweep(shop: JobShop, now: Instant) -> list[str]:
    return [settled(shop, thing, now) for thing in due(shop, now)]


def settled(shop: JobShop, thing: DueThing, now: Instant) -> str:
    return settle_due(shop.books, cast("Any", None), lambda: shop.job_books, cast("Any", None), thing, now)


def lost(shop: JobShop) -> None:
    shop.queue.messages.clear()


def begun_import(shop: JobShop, group_id: str) -> MembersImport:
    rows = rows_of_ids([*shop.members, *(f"unknown-{n}" for n in range(1_000))])
    made = MembersImport("imp_1", group_id, Column.CUSTOMER_ID, len(rows.rows), NOW, "key:anna", "body").watched(NOW)
    begun, _, _ = start_import(shop.job_books.groups, STORE, made, rows.rows)
    return begun


def test_a_job_whose_first_message_was_lost_is_set_going_by_the_sweeper() -> None:
    shop = JobShop([100, 100])
    job = shop.start("5.00")
    lost(shop)
    assert due(shop, after(29)) == []
    assert sweep(shop, after(31)) == ["resumed"]
    assert sweep(shop, after(36)) == ["unchanged"]
    assert len(shop.queue.messages) == 1
    shop.drain()
    assert shop.job(job).status is JobStatus.DONE
    assert shop.balances == {"c0000": 600, "c0001": 600}
    assert due(shop, after(120)) == []


def test_an_undo_whose_first_message_was_lost_is_set_going_too() -> None:
    shop = JobShop([100, 100])
    undo = shop.undo(shop.run("5.00"))
    lost(shop)
    assert sweep(shop, after(31)) == ["resumed"]
    shop.drain()
    assert shop.job(undo).status is JobStatus.DONE
    assert shop.balances == {"c0000": 100, "c0001": 100}


def test_a_job_that_moved_since_is_looked_at_later_and_sent_nothing() -> None:
    shop = JobShop([100, 100])
    shop.start("5.00")
    assert shop.work()
    lost(shop)
    assert sweep(shop, after(31)) == ["moving"]
    assert not shop.queue.messages
    assert sweep(shop, after(62)) == ["resumed"]
    shop.drain()
    assert shop.balances == {"c0000": 600, "c0001": 600}


def test_what_stands_still_whatever_is_sent_is_overdue() -> None:
    shop = JobShop([100, 100])
    job = shop.start("5.00")
    shop.group("grp_imported")
    begun = begun_import(shop, "grp_imported")
    resumed = 0
    for minute in range(5, 180, 5):
        lost(shop)
        resumed += sweep(shop, after(minute)).count("resumed")
    assert resumed == 2 * 5
    index = DueIndex(StateTable(shop.job_books.jobs.table.client, "State"))
    assert {thing.item_id for thing in overdue(index, after(180))} == {job.job_id, f"grp_imported/{begun.import_id}"}
    assert list(overdue(index, after(145))) == []


def test_what_moves_however_slowly_is_not_overdue() -> None:
    shop = JobShop([100] * 2_500)
    shop.start("5.00")
    index = DueIndex(StateTable(shop.job_books.jobs.table.client, "State"))
    for minute in range(5, 240, 5):
        sweep(shop, after(minute))
        if minute % 40 == 0:
            assert shop.work()
        assert list(overdue(index, after(minute))) == []


def test_an_index_that_lags_shows_a_job_that_is_over_and_nothing_is_sent() -> None:
    shop = JobShop([100])
    job = shop.run("5.00")
    thing = DueThing(after(30), STORE, DueKind.GROUP_JOB, job.job_id)
    assert settled(shop, thing, after(31)) == "unchanged"
    assert not shop.queue.messages


def test_an_import_whose_message_was_lost_is_set_going_by_the_sweeper() -> None:
    shop = JobShop([100, 100])
    shop.group("grp_imported")
    begun = begun_import(shop, "grp_imported")
    assert sweep(shop, after(31)) == ["resumed"]
    shop.drain()
    ended = shop.job_books.groups.imports.get(STORE, "grp_imported", begun.import_id)
    assert ended is not None
    assert (ended.status, ended.added, ended.left) == (ImportStatus.DONE, 2, 1_000)
    assert due(shop, after(120)) == []


def test_in_a_closed_store_a_job_posts_nothing_and_an_import_adds_nobody() -> None:
    shop = JobShop([100, 100])
    job: Job = shop.start("5.00")
    assert shop.work()
    shop.group("grp_imported")
    begun = begun_import(shop, "grp_imported")
    shop.job_books.queue().send([ImportStep(STORE, "grp_imported", begun.import_id, 0)])
    close_store(shop.books, STORE, "gone", ORIGIN, NOW)
    shop.drain()
    assert shop.balances == {"c0000": 100, "c0001": 100}
    assert (shop.job(job).status, shop.job(job).reason) == (JobStatus.FAILED, "store_closed")
    ended = shop.job_books.groups.imports.get(STORE, "grp_imported", begun.import_id)
    assert ended is not None
    assert (ended.status, ended.reason, ended.added) == (ImportStatus.FAILED, "store_closed", 0)
    assert [thing for thing in due(shop, after(120)) if thing.kind != DueKind.STORE] == []
