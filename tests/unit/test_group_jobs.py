"""Group jobs: what they post, refuse and leave, and what becomes of one that is stopped, repeated or undone."""

from collections import Counter
from copy import replace

import pytest

from cashback.adapters.dynamo import group_jobs
from cashback.domain.api_keys import Role
from cashback.domain.errors import Forbidden, IdempotencyMismatch, Invalid, NotFound, StateConflict
from cashback.domain.group_jobs import CHUNK, PAGE, ApplyType, Job, JobStatus, Outcome, Progress, chunks_in, page_of
from cashback.domain.group_steps import ChunkStep, FanOutStep, SnapshotStep
from cashback.domain.groups import Rfm, Rule
from cashback.domain.ledger import Entry, Kind, Posting, payload_hash
from cashback.domain.queries import EntriesWanted
from cashback.services import plan_group_job
from cashback.services.adjust_balance import Adjustment, adjust_balance
from cashback.services.read_customers import transactions
from cashback.services.run_group_job import run_job_step
from cashback.services.start_group_job import Instruction, start_group_job
from tests.simulation.dynamo import Rates
from tests.simulation.queue import Traffic
from tests.unit.builders import NOW, STORE, line, paid
from tests.unit.jobs import GROUP, JobShop
from tests.unit.people import erase, merge


def test_a_relative_job_credits_every_member_once() -> None:
    shop = JobShop([0, 100, 2_500])
    job = shop.run("5.00", comment="Happy birthday")
    assert (job.status, job.total, job.finished_at is not None) == (JobStatus.DONE, 3, True)
    assert shop.balances == {"c0000": 500, "c0001": 600, "c0002": 3_000}
    assert shop.outcomes(job) == dict.fromkeys(shop.members, "credited")
    progress = shop.shown(job).progress
    assert (progress.amount_credited, progress.amount_debited, job.percent(progress)) == (1_500, 0, 100)
    shop.check_sums(job)


def test_a_debit_refuses_whoever_has_less_and_records_it() -> None:
    shop = JobShop([0, 499, 500, 2_500])
    job = shop.run("-5.00")
    assert shop.balances == {"c0000": 0, "c0001": 499, "c0002": 0, "c0003": 2_000}
    assert Counter(shop.outcomes(job).values()) == {"refused": 2, "debited": 2}
    refused = shop.results(job, Outcome.REFUSED)
    assert {result.reason for result in refused.values()} == {"insufficient_balance"}
    assert {result.amount for result in refused.values()} == {0}
    assert job.status is JobStatus.DONE
    shop.check_sums(job)


def test_a_debit_that_clamps_takes_what_is_there() -> None:
    shop = JobShop([0, 499, 2_500])
    job = shop.run("-5.00", on_insufficient="clamp")
    assert shop.balances == {"c0000": 0, "c0001": 0, "c0002": 2_000}
    assert shop.outcomes(job) == {"c0000": "unchanged", "c0001": "debited", "c0002": "debited"}
    told = shop.results(job)["c0001"]
    assert (told.amount, told.before, told.after, told.reserved) == (-499, 499, 0, 0)
    shop.check_sums(job)


@pytest.mark.parametrize("target", [0, 5_000])
def test_an_absolute_job_leaves_exactly_its_amount(target: int) -> None:
    shop = JobShop([0, 5_000, 9_900])
    job = shop.run(f"{target // 100}", "absolute")
    assert set(shop.balances.values()) == {target}
    expected = {0: ["unchanged", "debited", "debited"], 5_000: ["credited", "unchanged", "debited"]}[target]
    assert [shop.outcomes(job)[member] for member in shop.members] == expected
    told = shop.results(job)["c0002"]
    assert (told.before, told.after, told.amount) == (9_900, target, target - 9_900)
    entry = shop.entries["c0002"][f"grp:{job.job_id}"]
    assert (entry.before, entry.target) == (9_900, target)
    shop.check_sums(job)


def test_an_absolute_job_leaves_what_is_reserved_and_says_so() -> None:
    shop = JobShop([1_000])
    hold = Entry("req:1:hold", Kind.PAYOUT, -400, "key:anna", payload_hash("h"), reserved=400)
    shop.books.ledger.post(Posting(STORE, "c0000", NOW, entries=(hold,)))
    job = shop.run("0", "absolute")
    account = shop.accounts["c0000"]
    assert (account.available, account.reserved) == (0, 400)
    told = shop.results(job)["c0000"]
    assert (told.before, told.after, told.reserved) == (600, 0, 400)


def test_a_dry_run_tells_what_would_come_of_it_and_writes_no_money() -> None:
    clamp, told_of = {"on_insufficient": "clamp"}, [("5.00", "relative"), ("-5.00", "relative"), ("3.00", "absolute")]
    for (told, apply_type), more in [*((each, {}) for each in told_of), (told_of[1], clamp)]:
        shop = JobShop([0, 499, 500, 2_500])
        ledger, accounts = shop.entries, shop.accounts
        job = shop.run(told, apply_type, dry_run=True, **more)
        assert (shop.entries, shop.accounts) == (ledger, accounts)
        dry = shop.shown(job).progress
        real = shop.shown(shop.run(told, apply_type, key="real", **more)).progress
        assert dry == real
        assert {result.recorded for result in shop.results(job).values()} == {False}


def test_whoever_is_unknown_or_erased_is_not_found() -> None:
    shop = JobShop([100, 100])
    shop.group("odd", ["c0000", "nobody", "c0001"])
    erase(shop, "c0001")
    for amount, apply_type in (("1.00", "relative"), ("1.00", "absolute")):
        job = shop.run(amount, apply_type, group_id="odd", key=apply_type)
        assert shop.outcomes(job)["nobody"] == shop.outcomes(job)["c0001"] == "not_found"
        shop.check_sums(job)
    dry = shop.run("1.00", group_id="odd", key="dry", dry_run=True)
    assert Counter(shop.outcomes(dry).values()) == {"not_found": 2, "credited": 1}


@pytest.mark.parametrize("apply_type", ["relative", "absolute"])
@pytest.mark.row("100")
def test_a_member_twice_by_an_old_and_a_kept_id_is_credited_once(apply_type: str) -> None:
    shop = JobShop([100, 100])
    merge(shop, "c0000", "c0001")
    job = shop.run("5.00", apply_type)
    assert shop.balances["c0000"] == (700 if apply_type == "relative" else 500)
    assert shop.balances["c0001"] == 0
    assert sorted(shop.outcomes(job).values()) == ["credited", "unchanged"]
    old = shop.results(job)["c0001"]
    assert (old.kept_id, len(shop.entries_of(job)["c0000"])) == ("c0000", 1)
    shop.check_sums(job)


def test_a_merged_member_is_credited_at_the_kept_id_and_the_result_names_it() -> None:
    shop = JobShop([100])
    shop.enrol("kept")
    merge(shop, "kept", "c0000")
    job = shop.run("5.00")
    assert (shop.balances["kept"], shop.balances["c0000"]) == (600, 0)
    told = shop.results(job)["c0000"]
    assert (told.outcome, told.kept_id, told.amount) == (Outcome.CREDITED, "kept", 500)
    shop.check_sums(job)


def test_the_undo_of_two_members_who_were_merged_since_takes_back_both_credits() -> None:
    shop = JobShop([0, 0])
    job = shop.run("5.00")
    merge(shop, "c0000", "c0001")
    assert shop.balances["c0000"] == 1_000
    undo = shop.undo(job)
    shop.drain()
    assert (shop.balances["c0000"], shop.outcomes(undo)) == (0, {"c0000": "debited", "c0001": "debited"})
    shop.check_sums(undo)


# ---- the snapshot


def test_the_snapshot_fills_its_pages_and_nobody_is_in_it_twice() -> None:
    members = [f"m{n:05d}" for n in range(2 * PAGE + 30)]
    shop = JobShop()
    shop.group(GROUP, members)
    job = shop.start("1.00")
    for _ in range(20):
        if shop.job(job).started_at is not None:
            break
        shop.work()
    planned = shop.job(job)
    pages = [shop.job_books.jobs.members(STORE, job.job_id, page) for page in range(4)]
    assert [len(page) for page in pages] == [PAGE, PAGE, 30, 0]
    assert sorted(one for page in pages for one in page) == members
    assert (planned.total, planned.chunks) == (len(members), -(-len(members) // CHUNK))


@pytest.mark.row("100")
def test_who_joins_or_leaves_after_the_snapshot_changes_nothing() -> None:
    shop = JobShop([0, 0])
    job = shop.start("1.00")
    shop.work()
    assert shop.job(job).started_at is not None
    shop.enrol("late")
    shop.job_books.groups.groups.add(STORE, GROUP, ["late"], "later", NOW)
    shop.job_books.groups.groups.remove(STORE, GROUP, "c0000")
    shop.drain()
    assert shop.balances == {"c0000": 100, "c0001": 100, "late": 0}


def test_a_rule_decides_over_the_whole_directory() -> None:
    shop = JobShop([0] * 30)
    shop.group("rich", rule=Rule(min_orders=1))
    shop.group("all", rule=Rule(max_orders=0))
    nobody = shop.run("1.00", group_id="rich", key="rich")
    assert (nobody.status, nobody.total, nobody.finished_at is not None) == (JobStatus.DONE, 0, True)
    assert shop.shown(nobody).job.percent(Progress()) == 100
    everybody = shop.run("1.00", group_id="all", key="all")
    assert (everybody.total, set(shop.balances.values())) == (30, {100})


def test_a_rule_with_scores_reads_the_directory_twice() -> None:
    shop = JobShop([0] * 10)
    shop.group("best", rule=Rule(rfm=Rfm(f=(5,))))
    buyers = shop.members[:5]
    for n, customer_id in enumerate(buyers):
        for order in range(n + 1):
            shop.hear(paid(line("l", 1_000), order_id=f"{customer_id}-{order}", customer_id=customer_id))
    before = shop.balances
    job = shop.run("1.00", group_id="best")
    assert (job.total, list(shop.results(job))) == (1, [buyers[-1]])
    assert shop.balances[buyers[-1]] == before[buyers[-1]] + 100
    assert job.cursor.thresholds is not None


@pytest.mark.row("100")
def test_a_million_members_fit_the_items_of_a_job() -> None:
    """Computed, not run: chunks have numbers and places, and the job itself does not grow with its members."""
    members = 1_000_000
    job = Job("job", GROUP, "g", ApplyType.RELATIVE, 1, "a", NOW, "r", "b", total=members)
    begun = job.begun(NOW)
    assert begun.chunks == 10_000
    assert sum(chunks_in(shard, begun.chunks) for shard in range(16)) == begun.chunks
    assert page_of(begun.chunks - 1) == (members // PAGE - 1, PAGE - CHUNK)
    size = len(group_jobs._JOB.pack(begun))
    ids = [f"{7_311_900_471_021 + 7 * n % 1_000_003:013d}" for n in range(PAGE)]
    assert size < 1_024
    assert len(group_jobs._MEMBERS.pack(ids)) < 100_000
    longest = ["%41" * 66 for _ in range(PAGE)]
    assert len(group_jobs._MEMBERS.pack(longest)) < 350_000


# ---- asking


@pytest.mark.parametrize(
    ("amount", "apply_type", "code"),
    [
        ("0", "relative", "amount_zero"),
        ("-0.00", "relative", "amount_zero"),
        ("-1", "absolute", "amount_negative"),
        ("-0", "absolute", "amount_negative"),
        ("1.001", "relative", "amount_precision"),
        ("1e2", "absolute", "amount_format"),
        ("1234567890123", "relative", "amount_too_large"),
    ],
)
@pytest.mark.row("56")
def test_an_amount_that_makes_no_sense_is_refused_and_changes_nothing(amount: str, apply_type: str, code: str) -> None:
    shop = JobShop([0])
    before = shop.dynamo.items("State")
    with pytest.raises(Invalid) as refused:
        shop.start(amount, apply_type)
    assert (refused.value.code, refused.value.field) == (code, "amount")
    assert (shop.dynamo.items("State"), len(shop.queue)) == (before, 0)


@pytest.mark.row("100")
def test_a_group_that_is_empty_deleted_or_unknown_is_refused() -> None:
    shop = JobShop([0])
    shop.group("empty")
    with pytest.raises(Invalid, match="no members"):
        shop.start("1.00", group_id="empty")
    with pytest.raises(NotFound):
        shop.start("1.00", group_id="unknown")
    group = shop.job_books.groups.groups.get(STORE, GROUP)
    assert group is not None
    assert shop.job_books.groups.groups.delete(STORE, replace(group, rev=group.rev + 1, deleted_at=NOW))
    with pytest.raises(NotFound):
        shop.start("1.00")


def test_a_group_deleted_while_its_job_runs_changes_nothing() -> None:
    shop = JobShop([0, 0])
    job = shop.start("1.00")
    group = shop.job_books.groups.groups.get(STORE, GROUP)
    assert group is not None
    assert shop.job_books.groups.groups.delete(STORE, replace(group, rev=group.rev + 1, deleted_at=NOW))
    shop.drain()
    assert (shop.job(job).status, shop.job(job).group_name) == (JobStatus.DONE, "Friends")
    assert set(shop.balances.values()) == {100}


@pytest.mark.parametrize(("amount", "apply_type"), [("5.01", "relative"), ("-5.01", "relative"), ("1", "absolute")])
@pytest.mark.row("S16")
def test_an_operator_may_not_adjust_each_member_by_more_than_the_limit(amount: str, apply_type: str) -> None:
    shop = JobShop([0], adjust_limit="5.00")
    with pytest.raises(Forbidden):
        shop.start(amount, apply_type, role=Role.OPERATOR)
    shop.start("5.00", role=Role.OPERATOR, key="within")
    shop.start(amount, apply_type, role=Role.ADMIN, key="admin")


def test_the_same_call_again_finds_the_job_it_made() -> None:
    shop = JobShop([0, 0])
    first = shop.start("1.00")
    shop.drain()
    again = shop.start("1.00")
    assert again == first
    shop.drain()
    assert set(shop.balances.values()) == {100}
    told = Instruction(first.apply_type, "2.00")
    other = shop.asked("k")
    with pytest.raises(IdempotencyMismatch):
        start_group_job(shop.job_books, shop.settings, GROUP, told, replace(other, body_hash="other"), Role.ADMIN)


def test_a_call_made_again_before_anything_was_read_sends_the_first_message_again() -> None:
    shop = JobShop([0, 0])
    shop.start("1.00")
    shop.queue.messages.clear()
    shop.start("1.00")
    shop.drain()
    assert set(shop.balances.values()) == {100}


# ---- messages


def test_duplicated_and_reordered_messages_change_nothing() -> None:
    expected = JobShop([10 * n for n in range(2 * CHUNK + 10)])
    expected.run("-10.00")
    for seed in range(10):
        shop = JobShop([10 * n for n in range(2 * CHUNK + 10)], Traffic(duplicate=0.3, resurrect=0.2, reorder=0.9))
        shop.queue.random.seed(seed)
        job = shop.start("-10.00")
        for _ in range(60):
            shop.work()
            shop.clock.advance(400)
        shop.queue.calm()
        shop.drain()
        assert shop.balances == expected.balances
        assert shop.job(job).status is JobStatus.DONE
        shop.check_sums(job)


def test_a_chunk_delivered_again_changes_nothing_at_all() -> None:
    shop = JobShop([100] * (CHUNK + 5))
    job = shop.run("5.00")
    before = [*shop.dynamo.items("State"), *shop.dynamo.items("Ledger")]
    shop.job_books.queue().send([ChunkStep(STORE, job.job_id, n) for n in (0, 1, 0)])
    shop.job_books.queue().send([SnapshotStep(STORE, job.job_id, 0), FanOutStep(STORE, job.job_id, 1)])
    shop.drain()
    assert [*shop.dynamo.items("State"), *shop.dynamo.items("Ledger")] == before


def test_an_old_message_of_the_plan_does_not_start_a_second_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_group_job, "READ_BY_HAND", PAGE)
    shop = JobShop()
    shop.group(GROUP, [f"m{n:05d}" for n in range(3 * PAGE)])
    job = shop.start("1.00")
    while shop.job(job).step < 2:
        shop.work()
    step = shop.job(job).step
    assert run_job_step(shop.job_books, SnapshotStep(STORE, job.job_id, 0), NOW) == "unchanged"
    assert len(shop.queue) == 1
    assert run_job_step(shop.job_books, SnapshotStep(STORE, job.job_id, step - 1), NOW) == "unchanged"
    assert len(shop.queue) == 2


def test_members_who_match_are_collected_into_one_page(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = JobShop([0] * (2 * CHUNK + 10))
    shop.group("all", rule=Rule(max_orders=0))
    monkeypatch.setattr(plan_group_job, "READ_AT_ONCE", 23)
    job = shop.run("1.00", group_id="all")
    assert (job.total, job.chunks, job.cursor.is_at_end) == (2 * CHUNK + 10, 3, True)
    assert sorted(shop.job_books.jobs.members(STORE, job.job_id, 0)) == shop.members
    assert set(shop.balances.values()) == {100}


@pytest.mark.row("F23")
def test_messages_that_could_not_be_sent_are_sent_again_and_no_others() -> None:
    shop = JobShop([0] * (12 * CHUNK))
    job = shop.start("1.00")
    shop.work()
    shop.dynamo.faults.set_rates(Rates(partial=0.4))
    shop.job_books.queue().send([ChunkStep(STORE, job.job_id, n) for n in range(12)])
    shop.dynamo.faults.calm()
    sent = [message.body for message in shop.queue.messages if '"chunk"' in message.body]
    assert shop.dynamo.faults.fired["partial"] > 0
    assert len(sent) == len(set(sent)) == 12


# ---- cancelling


def test_a_cancelled_job_posts_no_further_chunk_and_every_member_has_an_outcome() -> None:
    members = 4 * CHUNK
    shop = JobShop([0] * members)
    job = shop.start("1.00")
    shop.work()
    shop.work()
    shop.work(1)
    cancelled = shop.cancel(job)
    assert cancelled.job.status is JobStatus.CANCELLED
    posted = sum(shop.balances.values())
    assert 0 < posted < 100 * members
    shop.drain()
    assert sum(shop.balances.values()) == posted
    done = shop.job(job)
    assert (done.status, done.finished_at is not None) == (JobStatus.CANCELLED, True)
    assert Counter(shop.outcomes(job).values()) == {"credited": posted // 100, "cancelled": members - posted // 100}
    shop.check_sums(job)
    assert shop.cancel(job).job == done


def test_a_job_cancelled_while_its_members_are_read_is_over_at_once() -> None:
    shop = JobShop([0] * 3)
    job = shop.start("1.00")
    assert shop.cancel(job).job.finished_at is not None
    shop.drain()
    assert (shop.job(job).status, shop.job(job).total, shop.entries_of(job)) == (JobStatus.CANCELLED, 0, {})


def test_a_chunk_that_was_begun_is_finished_when_the_job_is_cancelled() -> None:
    shop = JobShop([0] * 3)
    job = shop.start("1.00")
    shop.work()
    shop.work()
    hit: list[str] = []

    def hook(_index: int, operation: str) -> None:
        if operation == "TransactWriteItems" and not hit:
            hit.append(operation)
            shop.cancel(job)

    shop.dynamo.faults.before_call = hook
    shop.drain()
    assert hit
    assert shop.outcomes(job) == dict.fromkeys(shop.members, "credited")
    assert shop.job(job).status is JobStatus.CANCELLED
    shop.check_sums(job)


def test_what_is_over_or_an_undo_is_not_cancelled() -> None:
    shop = JobShop([0] * 3)
    job = shop.run("1.00")
    with pytest.raises(StateConflict, match="done"):
        shop.cancel(job)
    undo = shop.undo(job)
    with pytest.raises(StateConflict, match="undo"):
        shop.cancel(undo)


# ---- undoing


def test_an_undo_takes_back_what_was_credited_and_refuses_what_was_spent() -> None:
    shop = JobShop([0] * 30)
    job = shop.run("5.00")
    shop.credit("c0003", -300)
    undo = shop.undo(job)
    shop.drain()
    assert {customer_id for customer_id, balance in shop.balances.items() if balance} == {"c0003"}
    assert shop.balances["c0003"] == 200
    assert Counter(shop.outcomes(undo).values()) == {"debited": 29, "refused": 1}
    assert (shop.job(undo).status, shop.job(job).undone_by) == (JobStatus.DONE, undo.job_id)
    shop.check_sums(undo)


def test_an_undo_gives_back_what_an_absolute_job_changed() -> None:
    shop = JobShop([0, 5_000, 9_900])
    job = shop.run("50", "absolute")
    undo = shop.undo(job)
    shop.drain()
    assert shop.balances == {"c0000": 0, "c0001": 5_000, "c0002": 9_900}
    assert shop.outcomes(undo) == {"c0000": "debited", "c0002": "credited"}
    shop.check_sums(undo)


def test_a_second_undo_and_the_undo_of_an_undo_are_refused() -> None:
    shop = JobShop([0])
    job = shop.run("5.00")
    undo = shop.undo(job)
    shop.drain()
    with pytest.raises(StateConflict, match="undone already"):
        shop.undo(job, key="second")
    with pytest.raises(StateConflict, match="undo cannot"):
        shop.undo(shop.job(undo), key="third")
    assert shop.undo(job) == undo
    dry = shop.run("5.00", key="dry", dry_run=True)
    with pytest.raises(StateConflict, match="dry run"):
        shop.undo(dry, key="fourth")


def test_a_job_is_undone_only_once_every_member_has_an_outcome() -> None:
    shop = JobShop([0] * (2 * CHUNK + 10))
    job = shop.start("1.00")
    for _ in range(3):
        with pytest.raises(StateConflict):
            shop.undo(job)
        shop.work(1)
    shop.cancel(job)
    with pytest.raises(StateConflict):
        shop.undo(job)
    shop.drain()
    shop.undo(job)
    shop.drain()
    assert set(shop.balances.values()) == {0}


def test_the_undo_of_a_job_that_moved_nothing_is_over_at_once() -> None:
    shop = JobShop([0])
    job = shop.run("-5.00")
    undo = shop.undo(job)
    assert (shop.job(undo).status, shop.job(undo).total, len(shop.queue)) == (JobStatus.DONE, 0, 0)


def test_what_was_said_of_a_job_is_the_note_of_its_entries_and_persons_keep_their_own() -> None:
    shop = JobShop([100])
    asked = Adjustment(50, "For waiting", "key:anna", "r1", NOW)
    adjust_balance(shop.books, shop.settings, "c0000", asked, Role.ADMIN)
    shop.run("5.00", comment="Thanks for staying")
    lines, _ = transactions(shop.books, STORE, "c0000", EntriesWanted(), 10, None)
    assert {one.entry.amount: one.note for one in lines} == {500: "Thanks for staying", 50: "For waiting", 100: None}
