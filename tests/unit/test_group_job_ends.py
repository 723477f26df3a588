"""How a group job ends: once all its chunks have, and with what they came to, whoever is cut off or comes late."""

from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from typing import Any, Final

import pytest

from cashback.adapters.dynamo import group_jobs as job_items
from cashback.adapters.dynamo.ledger import Ledger
from cashback.domain import group_jobs
from cashback.domain.errors import Busy
from cashback.domain.group_jobs import CHUNK, Job, JobStatus
from cashback.domain.group_steps import ChunkStep, FanOutStep
from cashback.domain.times import instant, moment
from cashback.services import plan_group_job, run_group_job
from cashback.services.close_store import close_store
from cashback.services.manage_group_jobs import cancel_group_job
from cashback.services.post_shares import post_shares
from cashback.services.run_group_job import WORKER_TIMEOUT, give_up_job_step, run_job_step
from cashback.services.run_group_step import CLOSED, run_group_step
from tests.simulation.dynamo import Crash, Fault
from tests.unit.builders import NOW, ORIGIN, STORE
from tests.unit.jobs import JobShop
from tests.unit.people import erase


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


def run_and_meanwhile(shop: JobShop, job: Job, act: Callable[[], object], *, is_cut_off: bool) -> None:
    """Run the first chunk, and let ``act`` happen at the moment before it posts. Whoever is cut off has posted, and
    cannot tell."""

    def post(*told: Any) -> Any:
        patched.undo()
        act()
        results = post_shares(*told)
        if is_cut_off:
            raise Crash("after it posted")
        return results

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(run_group_job, "post_shares", post)
        with pytest.raises(Crash) if is_cut_off else nullcontext():
            run(shop, job, 0)


def give_up_while_it_posts(shop: JobShop, job: Job) -> None:
    """Run the first chunk, give its message up at the moment before it posts, and cut it off once it has."""
    run_and_meanwhile(shop, job, lambda: give_up(shop, job, 0), is_cut_off=True)


def cut_off_before_it_looks(
    shop: JobShop, job: Job, number: int, act: Callable[[JobShop, Job, int], object] = run
) -> None:
    """Run a chunk or give it up, and end whoever does once all is kept, before it asks whether all others have
    ended."""

    def hook(index: int, operation: str) -> None:
        if operation == "BatchGetItem":
            shop.dynamo.faults.before_call = None
            shop.dynamo.faults.script = {index: Fault.CRASH_BEFORE}

    shop.dynamo.faults.before_call = hook
    with pytest.raises(Crash):
        act(shop, job, number)
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


def with_a_stranger(*known: str) -> tuple[JobShop, Job]:
    """A job of one chunk that has its message, with a member who is no customer yet."""
    shop = JobShop([0])
    shop.group("grp_new", [*known, "late"])
    job = shop.start("5.00", group_id="grp_new")
    shop.work(1)
    shop.work(1)
    return shop, job


def made_meanwhile(*, is_cut_off: bool) -> tuple[JobShop, Job]:
    """Two workers have the chunk: one does not find a customer, who is made then, and the other posts."""
    shop, job = with_a_stranger("c0000")

    def found_by_nobody() -> None:
        assert run(shop, job, 0) == "posted"
        assert shop.outcomes(job) == {"c0000": "credited", "late": "not_found"}
        shop.enrol("late")

    run_and_meanwhile(shop, job, found_by_nobody, is_cut_off=is_cut_off)
    assert shop.balances == {"c0000": 500, "late": 500}
    return shop, job


CREDITED: Final = {"c0000": "credited", "late": "credited"}


def test_who_was_not_there_for_one_worker_and_is_credited_by_another_is_told_as_credited() -> None:
    shop, job = made_meanwhile(is_cut_off=False)
    assert shop.outcomes(job) == CREDITED
    shop.check_sums(job)
    shop.undo(job)
    shop.drain()
    assert shop.balances == {"c0000": 0, "late": 0}


def test_who_is_credited_by_one_worker_stays_so_when_another_tells_that_they_were_not_there() -> None:
    shop, job = with_a_stranger("c0000")

    def post(*told: Any) -> Any:
        patched.undo()
        results = post_shares(*told)
        shop.enrol("late")
        assert run(shop, job, 0) == "posted"
        return results

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(run_group_job, "post_shares", post)
        run(shop, job, 0)
    assert shop.outcomes(job) == CREDITED
    shop.check_sums(job)


@pytest.mark.parametrize("come_again", [run, give_up])
def test_who_was_not_there_and_is_made_once_the_job_is_over_stays_not_found(
    come_again: Callable[[JobShop, Job, int], object],
) -> None:
    shop, job = with_a_stranger("c0000")
    shop.drain()
    shop.enrol("late")
    come_again(shop, job, 0)
    assert (shop.outcomes(job)["late"], shop.balances["late"]) == ("not_found", 0)
    shop.check_sums(job)


@pytest.mark.parametrize("come_again", [run, give_up])
def test_what_a_worker_posted_that_was_cut_off_before_it_told_is_told_when_its_message_comes_again(
    come_again: Callable[[JobShop, Job, int], object],
) -> None:
    shop, job = made_meanwhile(is_cut_off=True)
    assert shop.outcomes(job)["late"] == "not_found"
    come_again(shop, job, 0)
    assert shop.outcomes(job) == CREDITED
    shop.check_sums(job)


def test_an_undo_takes_back_what_was_posted_to_a_customer_who_was_not_there_at_first() -> None:
    shop, job = made_meanwhile(is_cut_off=True)
    undo = shop.undo(job)
    run(shop, undo, 0)
    assert (shop.outcomes(job)["late"], shop.balances) == ("not_found", {"c0000": 0, "late": 0})
    shop.drain()
    assert (shop.outcomes(job), shop.job(job).undone_by) == (CREDITED, undo.job_id)
    assert shop.balances == {"c0000": 0, "late": 0}
    for one in (job, undo):
        shop.check_sums(one)


@pytest.mark.parametrize("known", [["c0000"], []])
def test_an_undo_waits_for_a_worker_that_may_still_post_to_a_customer_who_is_made_now(known: list[str]) -> None:
    shop, job = with_a_stranger(*known)

    def undone() -> None:
        assert run(shop, job, 0) == "posted"
        undo = shop.undo(job)
        with pytest.raises(Busy):
            run(shop, undo, 0)
        shop.enrol("late")

    run_and_meanwhile(shop, job, undone, is_cut_off=True)
    assert shop.balances == {"c0000": 500 * len(known), "late": 500}
    shop.drain()
    assert shop.balances == {"c0000": 0, "late": 0}
    shop.check_sums(job)


def test_an_undo_waits_no_longer_than_such_a_worker_lasts() -> None:
    shop, job = with_a_stranger("c0000")
    shop.drain()
    undo = shop.undo(job)
    shop.drain()
    ended = [shop.job(one).finished_at for one in (job, undo)]
    took = moment(str(ended[1])) - moment(str(ended[0]))
    assert timedelta(seconds=2 * WORKER_TIMEOUT) < took < timedelta(seconds=4 * WORKER_TIMEOUT)
    assert shop.balances == {"c0000": 0}


def test_an_undo_waits_for_such_a_worker_too_where_the_customer_is_made_while_it_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop, job = with_a_stranger()
    refuse = Ledger.refuse

    def refuse_and_meanwhile(*told: Any) -> Any:
        try:
            return refuse(*told)
        finally:
            shop.enrol("late")

    def undone() -> None:
        assert run(shop, job, 0) == "posted"
        undo = shop.undo(job)
        with monkeypatch.context() as patched:
            patched.setattr(Ledger, "refuse", refuse_and_meanwhile)
            with pytest.raises(Busy):
                run(shop, undo, 0)

    run_and_meanwhile(shop, job, undone, is_cut_off=True)
    shop.drain()
    assert shop.balances["late"] == 0


@pytest.mark.parametrize("come_again", [run, give_up])
def test_what_a_worker_posted_late_is_told_of_a_cancelled_job_too_when_its_message_comes_again(
    come_again: Callable[[JobShop, Job, int], object],
) -> None:
    shop, job = begun(1)

    def over() -> None:
        shop.cancel(job)
        give_up(shop, job, 0)

    run_and_meanwhile(shop, job, over, is_cut_off=True)
    assert (shop.job(job).finished_at is not None, set(shop.outcomes(job).values())) == (True, {"error"})
    come_again(shop, job, 0)
    assert set(shop.outcomes(job).values()) == {"credited"}
    shop.check_sums(job)


@pytest.mark.parametrize("is_closed", [False, True])
def test_whoever_finds_a_chunk_begun_by_another_leaves_it_its_message(*, is_closed: bool) -> None:
    """A message that is delivered twice is gone for both once one of them has taken it as done."""
    shop, job = begun(1)
    step = ChunkStep(STORE, job.job_id, 0)
    if is_closed:
        close_store(shop.books, STORE, "over", ORIGIN, NOW)
    else:
        shop.cancel(job)

    def begun_by_another(_: int, operation: str) -> None:
        if operation == "TransactWriteItems":
            shop.dynamo.faults.before_call = None
            shop.job_books.jobs.begin(STORE, job.job_id, 0)

    shop.dynamo.faults.before_call = begun_by_another
    with pytest.raises(Busy):
        run_group_step(shop.job_books, step, NOW)
    run_group_step(shop.job_books, step, NOW)
    assert shop.job(job).finished_at is not None
    shop.check_sums(job)


def test_a_chunk_that_another_worker_ended_again_does_not_reopen_its_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have the same message, and one of them is cut off once the other has taken it as done."""
    shop, job = begun(1)
    give_up(shop, job, 0)
    reopened = run_group_job._reopened

    def reopened_late(*told: Any) -> Any:
        patched.undo()
        assert run(shop, job, 0) == "posted"
        reopened(*told)
        raise Crash("once it had reopened the job")

    with monkeypatch.context() as patched:
        patched.setattr(run_group_job, "_reopened", reopened_late)
        with pytest.raises(Busy):
            run(shop, job, 0)
    assert (shop.job(job).status, set(shop.outcomes(job).values())) == (JobStatus.DONE, {"credited"})
    shop.check_sums(job)


@pytest.mark.parametrize("amount", ["5.00", "-5.00"])
def test_a_job_is_undone_of_a_customer_too_who_was_erased_since(amount: str) -> None:
    shop = JobShop([1_000])
    job = shop.run(amount)
    erase(shop, "c0000")
    undo = shop.undo(job)
    shop.drain()
    assert (shop.balances, shop.job(undo).status) == ({"c0000": 1_000}, JobStatus.DONE)
    for one in (job, undo):
        shop.check_sums(one)


def test_a_failed_job_that_is_cancelled_much_later_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its due time of before may lie where no sweep looks any more."""
    monkeypatch.setattr(plan_group_job, "SENT_AT_ONCE", 1)
    shop, job = begun(3)
    give_up_job_step(shop.job_books, FanOutStep(STORE, job.job_id, shop.job(job).step), "busy", NOW)
    assert shop.job(job).status is JobStatus.FAILED
    later = instant(moment(NOW) + timedelta(hours=3))
    cancelled = cancel_group_job(shop.job_books, STORE, job.job_id, later).job
    assert (cancelled.is_awaited, str(cancelled.due_at) > later) == (True, True)


def test_what_is_posted_while_its_chunk_is_given_up_is_no_failure() -> None:
    shop, job = begun(1)
    run_and_meanwhile(shop, job, lambda: give_up(shop, job, 0), is_cut_off=False)
    assert (shop.job(job).status, shop.job(job).reason) == (JobStatus.DONE, None)
    shop.check_sums(job)


def test_a_job_ends_with_what_is_told_late_of_a_chunk_while_it_is_about_to_end() -> None:
    shop, job = begun(2)
    give_up_while_it_posts(shop, job)
    before_it_ends(shop, lambda: cut_off_before_it_looks(shop, job, 0, give_up))
    run(shop, job, 1)
    assert (shop.job(job).status, set(shop.outcomes(job).values())) == (JobStatus.DONE, {"credited"})
    shop.check_sums(job)


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
