"""A whole group job, killed or cut off at each of its calls in turn: told again, it ends alike (F14)."""

from collections.abc import Callable

import pytest

from cashback.domain import group_jobs
from cashback.domain.errors import Busy
from cashback.domain.group_jobs import Job, JobStatus
from cashback.domain.groups import Rfm, Rule
from cashback.services import run_group_job
from tests.simulation.faults import Crash, Fault
from tests.unit.builders import line, paid
from tests.unit.jobs import JobShop
from tests.unit.people import merge

BALANCES = [100 * n for n in range(27)]
"""Two chunks: one that is full, and two members more."""

type Story = Callable[[JobShop], Job]


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (group_jobs, run_group_job):
        monkeypatch.setattr(module, "CHUNK", 25)


def repeated(act: Callable[[], Job]) -> Job:
    """An admin's call, made again until it is answered."""
    for _ in range(5):
        try:
            return act()
        except (Busy, Crash):
            continue
    raise AssertionError("it is never answered")


def credited(shop: JobShop) -> Job:
    return repeated(lambda: shop.start("5.00"))


def debited(shop: JobShop) -> Job:
    return repeated(lambda: shop.start("-10.00"))


def clamped(shop: JobShop) -> Job:
    return repeated(lambda: shop.start("-10.00", on_insufficient="clamp"))


def made_equal(shop: JobShop) -> Job:
    return repeated(lambda: shop.start("10", "absolute"))


def tried(shop: JobShop) -> Job:
    return repeated(lambda: shop.start("-10.00", dry_run=True))


def undone(shop: JobShop) -> Job:
    job = repeated(lambda: shop.start("5.00"))
    shop.drain()
    return repeated(lambda: shop.undo(job))


def cancelled(shop: JobShop) -> Job:
    job = repeated(lambda: shop.start("5.00"))
    shop.work()
    repeated(lambda: shop.cancel(job).job)
    return job


def by_rule(shop: JobShop) -> Job:
    return repeated(lambda: shop.start("5.00", group_id="buyers"))


STORIES = [credited, debited, clamped, made_equal, tried, undone, by_rule]


def told(story: Story, fault: tuple[int, Fault] | None = None) -> tuple[JobShop, Job, int]:
    """A shop that saw the story through, and in how many calls; ``fault`` strikes at that call of it."""
    shop = JobShop(BALANCES)
    if story is by_rule:
        shop.group("buyers", rule=Rule(rfm=Rfm(f=(1, 2, 3, 4, 5))))
        for n in range(4):
            shop.hear(paid(line("l", 1_000), order_id=f"o{n}", customer_id=shop.members[n]))
    merge(shop, "c0025", "c0026")
    faults = shop.dynamo.faults
    faults.calls = 0
    if fault is not None:
        faults.script = dict([fault])
    job = story(shop)
    shop.drain()
    faults.script = {}
    return shop, job, faults.calls


def left_by(shop: JobShop, job: Job) -> tuple[object, ...]:
    """All that is to be the same: balances, entries, results and counts."""
    shown = shop.shown(job)
    return shop.balances, shop.entries_of(job), shop.results(job), shown.progress, shown.job.status


@pytest.mark.parametrize("story", [*STORIES, cancelled])
def test_the_stories_have_enough_calls_to_be_worth_interrupting(story: Story) -> None:
    shop, job, calls = told(story)
    assert 15 <= calls < 120
    assert shop.job(job).chunks == 2
    shop.check_sums(job)


# A crash before a call is one after the call before it.
@pytest.mark.parametrize("fault", [Fault.CRASH_AFTER, Fault.LOST_AFTER, Fault.CONFLICT])
@pytest.mark.parametrize("story", STORIES)
@pytest.mark.row("F14", "P12")
def test_a_job_interrupted_at_any_call_and_delivered_again_ends_alike(story: Story, fault: Fault) -> None:
    calm, first, calls = told(story)
    expected = left_by(calm, first)
    for n in range(1, calls + 1):
        shop, job, _ = told(story, (n, fault))
        assert left_by(shop, job) == expected, f"call {n}"
        assert shop.job(job).finished_at is not None, f"call {n}"
        assert len(shop.dead) == 0, f"call {n}"
        assert all(len(amounts) == 1 for amounts in shop.entries_of(job).values()), f"call {n}"
        shop.check_sums(job)


@pytest.mark.parametrize("fault", [Fault.CRASH_AFTER, Fault.LOST_AFTER, Fault.CONFLICT])
def test_a_job_cancelled_before_its_chunks_posts_nothing_whatever_is_interrupted(fault: Fault) -> None:
    for n in range(1, told(cancelled)[2] + 1):
        shop, job, _ = told(cancelled, (n, fault))
        ended = shop.job(job)
        assert (ended.status, ended.finished_at is not None) == (JobStatus.CANCELLED, True), f"call {n}"
        assert shop.entries_of(job) == {}, f"call {n}"
        shop.check_sums(job)
