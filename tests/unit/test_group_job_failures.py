"""Group jobs under other hands and failures: balances that move meanwhile, messages given up, and their redrive."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from cashback.adapters import job_queue, step_messages
from cashback.adapters.dynamo.ledger import Ledger
from cashback.domain.errors import Busy, Malformed, NotFound, StateConflict
from cashback.domain.group_jobs import CHUNK, PAGE, Job, JobStatus, Outcome
from cashback.domain.group_steps import ChunkStep, FanOutStep, SnapshotStep
from cashback.domain.names import STORED_ID_LENGTHS
from cashback.services import plan_group_job, run_group_job
from cashback.services.post_shares import PATIENCE, post_shares
from cashback.services.run_group_job import give_up_job_step, run_job_step
from tests.simulation.dynamo import Crash, Fault
from tests.unit.builders import NOW, STORE
from tests.unit.jobs import GROUP, JobShop


def before_transactions(shop: JobShop, act: Callable[[], None], times: int) -> list[int]:
    """Let ``act`` happen before each of the next transactions, as somebody else would do it. A job's first is that of
    its snapshot, its second that of the first chunk."""
    done: list[int] = []

    def hook(index: int, operation: str) -> None:
        if operation == "TransactWriteItems" and len(done) < times:
            done.append(index)
            shop.dynamo.faults.before_call = None
            act()
            shop.dynamo.faults.before_call = hook

    shop.dynamo.faults.before_call = hook
    return done


# ---- races


@pytest.mark.parametrize("times", [2, 3, 5])
@pytest.mark.row("I7")
def test_setting_balances_loses_no_concurrent_credit(times: int) -> None:
    shop = JobShop([1_000, 1_000])
    done = before_transactions(shop, lambda: shop.credit("c0000", 100), times)
    job = shop.run("5.00", "absolute")
    assert len(done) == times
    (set_to,) = [entry for entry in shop.entries["c0000"].values() if entry.job_id]
    came_before = 1_000 if set_to.before is None else set_to.before
    assert came_before + set_to.amount == 500
    credited = sum(entry.amount for entry in shop.entries["c0000"].values() if not entry.job_id)
    assert shop.balances["c0000"] == credited + set_to.amount
    assert credited == 1_000 + 100 * times
    told = shop.results(job)["c0000"]
    assert (told.before, told.after) == (came_before, 500)
    shop.check_sums(job)


def test_a_clamped_debit_never_overdraws_whoever_spends_meanwhile() -> None:
    shop = JobShop([1_000, 1_000])
    before_transactions(shop, lambda: shop.credit("c0000", -300), 2)
    job = shop.run("-9.00", on_insufficient="clamp")
    assert shop.balances == {"c0000": 0, "c0001": 100}
    assert shop.results(job)["c0000"].amount == -400
    shop.check_sums(job)


def test_a_balance_that_never_rests_is_an_error_of_its_member_alone() -> None:
    shop = JobShop([1_000, 1_000])
    before_transactions(shop, lambda: shop.credit("c0000", 1), 9)
    job = shop.run("5.00", "absolute")
    assert (shop.outcomes(job), job.status) == ({"c0000": "error", "c0001": "debited"}, JobStatus.FAILED)
    assert (job.reason, shop.results(job)["c0000"].reason) == ("members_failed", "state_conflict")
    shop.check_sums(job)


def test_a_job_whose_member_failed_goes_on_when_its_message_comes_again() -> None:
    shop = JobShop([1_000, 1_000])
    before_transactions(shop, lambda: shop.credit("c0000", 1), 9)
    job = shop.run("5.00", "absolute")
    shop.dynamo.faults.before_call = None
    shop.job_books.queue().send([ChunkStep(STORE, job.job_id, 0)])
    shop.drain()
    assert (shop.job(job).status, shop.outcomes(job)) == (JobStatus.DONE, dict.fromkeys(shop.members, "debited"))
    assert set(shop.balances.values()) == {500}
    shop.check_sums(job)


def test_a_member_that_failed_is_not_tried_again_once_the_job_is_undone() -> None:
    shop = JobShop([1_000, 1_000])
    before_transactions(shop, lambda: shop.credit("c0000", 1), 9)
    job = shop.run("5.00", "absolute")
    shop.dynamo.faults.before_call = None
    shop.undo(job)
    shop.drain()
    shop.job_books.queue().send([ChunkStep(STORE, job.job_id, 0)])
    shop.drain()
    assert shop.balances["c0001"] == 1_000
    assert list(shop.entries_of(job)) == ["c0001"]
    shop.check_sums(job)


def test_a_job_that_is_tried_again_cannot_be_undone_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = JobShop([1_000, 1_000])
    before_transactions(shop, lambda: shop.credit("c0000", 1), 9)
    job = shop.run("5.00", "absolute")
    shop.dynamo.faults.before_call = None
    tried: list[str] = []

    def post(*arguments: Any) -> Any:
        with pytest.raises(StateConflict):
            shop.undo(job)
        tried.append("undo")
        return post_shares(*arguments)

    monkeypatch.setattr(run_group_job, "post_shares", post)
    run_job_step(shop.job_books, ChunkStep(STORE, job.job_id, 0), NOW)
    assert tried == ["undo"]
    assert shop.job(job).status is JobStatus.DONE


def with_a_failure() -> tuple[JobShop, Job]:
    """A job that is over, in which the first of two members failed."""
    shop = JobShop([1_000, 1_000])
    before_transactions(shop, lambda: shop.credit("c0000", 1), 9)
    job = shop.run("5.00", "absolute")
    shop.dynamo.faults.before_call = None
    assert shop.outcomes(job) == {"c0000": "error", "c0001": "debited"}
    return shop, job


def killed(shop: JobShop, job: Job, call: int) -> None:
    """The first chunk's message comes again; what handles it is killed after so many calls."""
    shop.dynamo.faults.calls = 0
    shop.dynamo.faults.script = {call: Fault.CRASH_AFTER}
    with pytest.raises(Crash):
        run_job_step(shop.job_books, ChunkStep(STORE, job.job_id, 0), NOW)
    shop.dynamo.faults.script = {}


RETRIED: Final = 12
"""Calls of a chunk that is tried again, but for the last, which ends the job."""


@pytest.mark.parametrize("call", range(1, RETRIED + 1))
def test_a_chunk_tried_again_that_is_killed_at_any_call_leaves_its_job_complete(call: int) -> None:
    shop, job = with_a_failure()
    killed(shop, job, call)
    shop.job_books.queue().send([ChunkStep(STORE, job.job_id, 0)])
    shop.drain()
    assert (shop.job(job).status, shop.outcomes(job)) == (JobStatus.DONE, dict.fromkeys(shop.members, "debited"))
    shop.check_sums(job)


@pytest.mark.parametrize("call", range(1, RETRIED + 1))
def test_a_chunk_tried_again_and_killed_at_any_call_is_undone_wholly_or_not_at_all(call: int) -> None:
    shop, job = with_a_failure()
    killed(shop, job, call)
    try:
        undo = shop.undo(job)
    except StateConflict:
        assert shop.job(job).finished_at is None
        return
    shop.drain()
    shop.job_books.queue().send([ChunkStep(STORE, job.job_id, 0)])
    shop.drain()
    assert (shop.outcomes(undo), shop.outcomes(job)["c0000"]) == ({"c0001": "credited"}, "refused")
    assert (shop.balances["c0001"], list(shop.entries_of(job))) == (1_000, ["c0001"])
    shop.check_sums(job)
    shop.check_sums(undo)


@pytest.mark.parametrize("call", range(2, RETRIED + 1))
def test_a_chunk_tried_again_of_a_job_cancelled_meanwhile_tells_what_it_posted(call: int) -> None:
    shop, job = with_a_failure()
    killed(shop, job, call)
    try:
        shop.cancel(job)
    except StateConflict:
        assert shop.job(job).finished_at is not None
    shop.job_books.queue().send([ChunkStep(STORE, job.job_id, 0)])
    shop.drain()
    assert shop.job(job).finished_at is not None
    shop.check_sums(job)


def test_what_was_posted_while_its_chunk_was_given_up_is_undone_too(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = JobShop([0] * 3)
    job = shop.start("5.00")
    shop.work(1)
    shop.work(1)
    chunk = ChunkStep(STORE, job.job_id, 0)

    def post_and_be_cut_off(*told: Any) -> Any:
        give_up_job_step(shop.job_books, chunk, "late", NOW)
        post_shares(*told)
        raise Crash("after it posted")

    monkeypatch.setattr(run_group_job, "post_shares", post_and_be_cut_off)
    with pytest.raises(Crash):
        run_job_step(shop.job_books, chunk, NOW)
    monkeypatch.undo()
    assert (set(shop.outcomes(job).values()), set(shop.balances.values())) == ({"error"}, {500})
    undo = shop.undo(job)
    shop.drain()
    assert (set(shop.outcomes(undo).values()), set(shop.balances.values())) == ({"debited"}, {0})
    shop.check_sums(undo)


def test_what_is_tried_again_before_all_chunks_have_their_message_holds_up_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plan_group_job, "SENT_AT_ONCE", 1)
    shop = JobShop([1_000] * (2 * CHUNK))
    job = shop.start("5.00", "absolute")
    shop.work(1)
    shop.work(1)
    unlucky = shop.job_books.jobs.members(STORE, job.job_id, 0)[0]
    before_transactions(shop, lambda: shop.credit(unlucky, 1), 15)
    run_job_step(shop.job_books, ChunkStep(STORE, job.job_id, 0), NOW)
    shop.dynamo.faults.before_call = None
    assert (shop.outcomes(job)[unlucky], shop.job(job).sent) == ("error", 1)
    shop.drain()
    assert (shop.job(job).status, set(shop.balances.values())) == (JobStatus.DONE, {500})
    shop.check_sums(job)


def test_two_workers_with_one_chunk_credit_each_member_once() -> None:
    shop = JobShop([0] * 3)
    job = shop.start("5.00")
    shop.work()
    shop.work()
    before_transactions(shop, lambda: run_nothing(shop, job.job_id), 1)
    shop.drain()
    assert set(shop.balances.values()) == {500}
    assert shop.job(job).status is JobStatus.DONE
    shop.check_sums(job)


def run_nothing(shop: JobShop, job_id: str) -> None:
    assert run_job_step(shop.job_books, ChunkStep(STORE, job_id, 0), NOW) == "posted"


# ---- what is given up


def exhaust(shop: JobShop) -> None:
    """Let the worker fail until the queue gives its messages up."""
    for _ in range(60):
        shop.work()
        shop.clock.advance(1_000)
        if not shop.queue.messages:
            return


def test_a_chunk_that_is_given_up_says_what_it_posted_and_its_redrive_does_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop = JobShop([0] * (CHUNK + 5))
    job = shop.start("5.00")
    shop.work()
    shop.work()

    def post(books: Any, store_id: str, of: Any, shares: Any, now: str) -> Any:
        post_shares(books, store_id, of, shares[:2], now)
        raise RuntimeError("a bug")

    monkeypatch.setattr(run_group_job, "post_shares", post)
    exhaust(shop)
    failed = shop.job(job)
    assert (failed.status, failed.reason, len(shop.dead)) == (JobStatus.FAILED, "members_failed", 2)
    assert sorted(shop.outcomes(job).values()) == ["credited"] * 4 + ["error"] * (CHUNK + 1)
    assert {result.reason for result in shop.results(job, Outcome.ERROR).values()} == {"RuntimeError"}
    shop.check_sums(job)
    monkeypatch.undo()
    shop.dead.redrive(shop.queue)
    shop.drain()
    assert (shop.job(job).status, set(shop.balances.values())) == (JobStatus.DONE, {500})
    shop.check_sums(job)


def test_what_time_may_heal_is_given_up_after_twenty_receives(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = JobShop([0] * 3)
    job = shop.start("5.00")
    shop.work()
    shop.work()

    def post(*_: Any) -> Any:
        raise Busy("contended")

    monkeypatch.setattr(run_group_job, "post_shares", post)
    exhaust(shop)
    assert (shop.job(job).status, len(shop.dead)) == (JobStatus.FAILED, 1)
    monkeypatch.undo()
    shop.dead.redrive(shop.queue)
    shop.drain()
    assert (shop.job(job).status, set(shop.balances.values())) == (JobStatus.DONE, {500})


@pytest.mark.parametrize("steps", [0, 1])
def test_a_step_of_the_plan_that_is_given_up_fails_the_job_until_its_redrive(
    monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    shop = JobShop([0] * 3)
    job = shop.start("5.00")
    for _ in range(steps):
        shop.work()

    def plan(*_: Any) -> Any:
        raise RuntimeError("a bug")

    monkeypatch.setattr(run_group_job, "plan", plan)
    exhaust(shop)
    failed = shop.job(job)
    assert (failed.status, failed.reason, failed.finished_at) == (JobStatus.FAILED, "RuntimeError", None)
    with pytest.raises(StateConflict):
        shop.undo(job)
    monkeypatch.undo()
    shop.dead.redrive(shop.queue)
    shop.drain()
    assert (shop.job(job).status, set(shop.balances.values())) == (JobStatus.DONE, {500})


def test_what_is_given_up_twice_is_noted_once() -> None:
    shop = JobShop([0] * 3)
    job = shop.start("5.00")
    shop.work()
    shop.work()
    for _ in range(2):
        give_up_job_step(shop.job_books, ChunkStep(STORE, job.job_id, 0), "busy", NOW)
    assert shop.shown(job).progress.error == 3
    shop.drain()
    assert set(shop.balances.values()) == {500}
    shop.check_sums(job)


def test_a_job_that_is_not_there_goes_to_the_dead_letters_and_fails_alone() -> None:
    shop = JobShop([0] * 3)
    job = shop.start("5.00")
    shop.job_books.queue().send([ChunkStep(STORE, "job_unknown", 0)])
    exhaust(shop)
    assert (len(shop.dead), shop.job(job).status) == (1, JobStatus.DONE)
    with pytest.raises(NotFound):
        give_up_job_step(shop.job_books, ChunkStep(STORE, "job_unknown", 0), "x", NOW)


@pytest.mark.parametrize(
    "body", ["", "{}", "null", '{"type": "chunk"}', '{"type": "other", "store_id": "s"}', "\ud800"]
)
def test_what_is_no_step_is_refused(body: str) -> None:
    with pytest.raises(Malformed, match="message_invalid"):
        job_queue.decode(body)


@pytest.mark.parametrize("step", [SnapshotStep("s", "j", 1), FanOutStep("s", "j", 2), ChunkStep("s", "j", 3)])
def test_a_step_survives_its_message(step: Any) -> None:
    assert job_queue.decode(step_messages.encode(step)) == step


def test_a_message_whose_sending_is_unknown_is_sent_again_with_the_step(capsys: pytest.CaptureFixture[str]) -> None:
    shop = JobShop([0] * 3)
    job = shop.start("5.00")
    shop.dynamo.faults.calls = 0
    for call in range(1, 30):
        shop.dynamo.faults.script[call] = Fault.THROTTLE
    shop.work()
    assert '"step_retried"' in capsys.readouterr().out
    shop.dynamo.faults.script = {}
    shop.drain()
    assert (shop.job(job).status, set(shop.balances.values())) == (JobStatus.DONE, {500})


@pytest.mark.parametrize(("amount", "apply_type"), [("5.00", "relative"), ("50", "absolute"), ("-3.00", "relative")])
@pytest.mark.row("F15")
def test_a_worker_that_is_still_posting_when_the_job_is_undone_posts_nothing(
    amount: str, apply_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = JobShop([1_000, 1_000])
    job = shop.start(amount, apply_type)
    shop.work(1)
    shop.work(1)
    step = ChunkStep(STORE, job.job_id, 0)
    undone: list[Job] = []

    def slow(*told: Any) -> Any:
        monkeypatch.setattr(run_group_job, "post_shares", post_shares)
        give_up_job_step(shop.job_books, step, "busy", NOW)
        undone.append(shop.undo(job))
        run_job_step(shop.job_books, ChunkStep(STORE, undone[0].job_id, 0), NOW)
        return post_shares(*told)

    monkeypatch.setattr(run_group_job, "post_shares", slow)
    run_job_step(shop.job_books, step, NOW)
    shop.drain()
    assert set(shop.balances.values()) == {1_000}
    assert shop.entries_of(job) == {}
    assert shop.job(undone[0]).status is JobStatus.DONE


@pytest.mark.parametrize("fault", [Fault.CONFLICT, Fault.THROTTLE, Fault.LOST_AFTER])
def test_results_that_another_chunk_is_in_the_way_of_are_written_a_moment_later(fault: Fault) -> None:
    shop = JobShop([0] * 3)
    job = shop.start("5.00")
    shop.work(1)
    shop.work(1)
    transactions: list[int] = []

    def hook(index: int, operation: str) -> None:
        if operation == "TransactWriteItems":
            transactions.append(index)
            if len(transactions) == 2:
                shop.dynamo.faults.script = {index: fault}

    shop.dynamo.faults.before_call = hook
    assert run_job_step(shop.job_books, ChunkStep(STORE, job.job_id, 0), NOW) == "posted"
    assert shop.dynamo.faults.fired[fault.name.lower()] == 1
    assert (shop.job(job).status, set(shop.balances.values())) == (JobStatus.DONE, {500})
    shop.check_sums(job)


def test_a_large_group_is_read_by_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_group_job, "READ_BY_HAND", 2 * PAGE)
    shop = JobShop()
    shop.group(GROUP, [f"m{n:05d}" for n in range(3 * PAGE + 30)])
    job = shop.start("1.00")
    assert run_job_step(shop.job_books, SnapshotStep(STORE, job.job_id, 0), NOW) == JobStatus.SNAPSHOTTING
    assert shop.job(job).total == 2 * PAGE
    assert run_job_step(shop.job_books, SnapshotStep(STORE, job.job_id, 1), NOW) == JobStatus.RUNNING
    pages = [shop.job_books.jobs.members(STORE, job.job_id, page) for page in range(5)]
    assert [len(page) for page in pages] == [PAGE, PAGE, PAGE, 30, 0]


def test_what_a_step_reads_fits_one_transaction_however_long_its_ids_are() -> None:
    quoted = STORED_ID_LENGTHS[-1] + len('"",')
    assert plan_group_job.READ_BY_HAND * quoted < 4 * 2**20


def test_a_chunk_that_finds_no_capacity_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = JobShop([0] * 3)
    job = shop.start("5.00")
    rested: list[float] = []
    post = Ledger.post_batch

    def watched(ledger: Ledger, *postings: Any, patience: float = 0.0) -> Any:
        rested.append(patience)
        return post(ledger, *postings, patience=patience)

    monkeypatch.setattr(Ledger, "post_batch", watched)
    shop.drain()
    assert (shop.job(job).status, rested) == (JobStatus.DONE, [PATIENCE])
