"""How a group job ends: once all its chunks have, and with what they came to, whoever is cut off or comes late."""

from collections.abc import Callable
from typing import Any

import pytest

from cashback.adapters.dynamo import group_jobs as job_items
from cashback.domain import group_jobs
from cashback.domain.errors import Busy
from cashback.domain.group_jobs import CHUNK, Job, JobStatus
from cashback.domain.group_steps import ChunkStep
from cashback.services import plan_group_job, run_group_job
from cashback.services.close_store import close_store
from cashback.services.post_shares import post_shares
from cashback.services.run_group_job import give_up_job_step, run_job_step
from cashback.services.run_group_step import CLOSED, run_group_step
from tests.simulation.dynamo import Crash, Fault
from tests.unit.builders import NOW, ORIGIN, STORE
from tests.unit.jobs import JobShop


def begun(chunks: int) -> tuple[JobShop, Job]:
    """A job of so many chunks, each of which has its message."""
    shop = JobShop([0] * (chunks * CHUNK))
    job = shop.start("5.00")
    shop.work(1)
    shop.work(1)
    return shop, job


def run(shop: JobShop, job: Job, number: int) -> str:
    return run_job_step(shop.job_books, ChunkStep(STORE, job.job_id, number), NOW)


def give_up(shop: JobShop, job: Job, number: int) -> None:
    give_up_job_step(shop.job_books, ChunkStep(STORE, job.job_id, number), "busy", NOW)


def give_up_while_it_posts(shop: JobShop, job: Job) -> None:
    """Run the first chunk, and give its message up at the moment before it posts."""

    def given_up(_: int, operation: str) -> None:
        if operation == "TransactWriteItems":
            shop.dynamo.faults.before_call = None
            give_up(shop, job, 0)

    shop.dynamo.faults.before_call = given_up
    run(shop, job, 0)


def cut_off_before_it_looks(shop: JobShop, job: Job, number: int) -> None:
    """Run a chunk of which all is kept, and end whoever runs it before it asks whether all others have ended."""

    def hook(index: int, operation: str) -> None:
        if operation == "BatchGetItem":
            shop.dynamo.faults.before_call = None
            shop.dynamo.faults.script = {index: Fault.CRASH_BEFORE}

    shop.dynamo.faults.before_call = hook
    with pytest.raises(Crash):
        run(shop, job, number)
    shop.dynamo.faults.script = {}


def before_it_ends(shop: JobShop, act: Callable[[], None]) -> list[str]:
    """Let ``act`` happen between a look that found all chunks ended and the write of the job's end."""
    calls: list[str] = []

    def hook(_: int, operation: str) -> None:
        if operation == "PutItem" and calls[-1:] == ["BatchGetItem"]:
            shop.dynamo.faults.before_call = None
            act()
        calls.append(operation)

    shop.dynamo.faults.before_call = hook
    return calls


def test_a_job_does_not_end_on_what_a_chunk_came_to_that_is_begun_again_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop, job = begun(2)
    give_up(shop, job, 0)

    def busy(*_: Any) -> Any:
        raise Busy("the tables are")

    def begin_again() -> None:
        monkeypatch.setattr(run_group_job, "post_shares", busy)
        with pytest.raises(Busy):
            run(shop, job, 0)
        monkeypatch.setattr(run_group_job, "post_shares", post_shares)

    before_it_ends(shop, begin_again)
    assert run(shop, job, 1) == "posted"
    assert shop.dynamo.faults.before_call is None, "the chunk was begun again at that moment"
    assert shop.job(job).finished_at is None
    shop.drain()
    assert (shop.job(job).status, set(shop.balances.values())) == (JobStatus.DONE, {500})
    shop.check_sums(job)


def test_a_cancelled_job_ends_with_what_a_late_chunk_turned_out_to_have_posted() -> None:
    shop, job = begun(2)
    give_up_while_it_posts(shop, job)
    shop.cancel(job)
    before_it_ends(shop, lambda: cut_off_before_it_looks(shop, job, 0))
    assert run(shop, job, 1) == "cancelled"
    ended = shop.job(job)
    assert ended.status is JobStatus.CANCELLED
    assert ended.result is not None
    assert (ended.result.credited, ended.result.cancelled, ended.result.error) == (CHUNK, CHUNK, 0)
    shop.check_sums(job)


def test_a_job_whose_last_worker_was_cut_off_ends_when_its_message_is_given_up() -> None:
    shop, job = begun(1)
    cut_off_before_it_looks(shop, job, 0)
    assert shop.job(job).finished_at is None
    give_up(shop, job, 0)
    assert shop.job(job).status is JobStatus.DONE
    shop.check_sums(job)


def test_a_job_whose_last_worker_was_cut_off_ends_in_a_closed_store_too() -> None:
    shop, job = begun(1)
    cut_off_before_it_looks(shop, job, 0)
    close_store(shop.books, STORE, "over", ORIGIN, NOW)
    assert run_group_step(shop.job_books, ChunkStep(STORE, job.job_id, 0), NOW) == CLOSED
    assert shop.job(job).status is JobStatus.DONE
    shop.check_sums(job)


def test_a_chunk_that_is_given_up_twice_tells_what_a_late_worker_posted() -> None:
    """Given up while a worker posts, sent again, cut off before its job is reopened, and given up once more."""
    shop, job = begun(1)
    give_up_while_it_posts(shop, job)
    assert shop.job(job).status is JobStatus.FAILED

    def cut_off(index: int, operation: str) -> None:
        if operation == "GetItem" and index > 1:
            shop.dynamo.faults.before_call = None
            shop.dynamo.faults.script = {index: Fault.CRASH_BEFORE}

    shop.dynamo.faults.calls = 0
    shop.dynamo.faults.before_call = cut_off
    with pytest.raises(Crash):
        run(shop, job, 0)
    shop.dynamo.faults.script = {}
    give_up(shop, job, 0)
    ended = shop.job(job)
    assert (ended.status, ended.result and ended.result.credited) == (JobStatus.DONE, CHUNK)
    shop.check_sums(job)


def test_an_undo_takes_back_what_was_posted_to_a_customer_who_was_not_there_at_first() -> None:
    """Two workers have the chunk: one does not find the customer, who is made then, and the other posts."""
    shop = JobShop([0])
    shop.group("grp_new", ["c0000", "late"])
    job = shop.start("5.00", group_id="grp_new")
    shop.work(1)
    shop.work(1)

    def found_by_nobody(_: int, operation: str) -> None:
        if operation == "TransactWriteItems":
            shop.dynamo.faults.before_call = None
            assert run(shop, job, 0) == "posted"
            shop.enrol("late")

    shop.dynamo.faults.before_call = found_by_nobody
    run(shop, job, 0)
    assert shop.outcomes(job) == {"c0000": "credited", "late": "not_found"}
    assert shop.balances == {"c0000": 500, "late": 500}
    shop.undo(job)
    shop.drain()
    assert shop.balances == {"c0000": 0, "late": 0}


def test_a_cancelled_job_of_which_not_all_was_sent_ends_in_a_closed_store_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_group_job, "SENT_AT_ONCE", 1)
    shop, job = begun(3)
    assert shop.job(job).sent == 1
    shop.cancel(job)
    close_store(shop.books, STORE, "over", ORIGIN, NOW)
    shop.drain()
    ended = shop.job(job)
    assert (ended.status, ended.is_awaited, ended.finished_at is not None) == (JobStatus.CANCELLED, False, True)
    assert (set(shop.outcomes(job).values()), set(shop.balances.values())) == ({"cancelled"}, {0})
    shop.check_sums(job)


def test_a_job_of_more_chunks_than_partitions_ends_with_the_last_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    shop, job = begun(5)
    for where in (group_jobs, run_group_job, job_items):
        monkeypatch.setattr(where, "SHARDS", 2)
    for number in (4, 1, 0, 3):
        run(shop, job, number)
        assert shop.job(job).finished_at is None
    run(shop, job, 2)
    assert shop.job(job).status is JobStatus.DONE
    shop.check_sums(job)
