"""The worlds that have something of their own do have it: a rule that nothing could break would prove nothing."""

from collections.abc import Callable, Iterator

from cashback.domain.group_jobs import JobStatus, Outcome
from cashback.domain.ledger import Kind
from tests.simulation.invariants import books_of
from tests.simulation.jobs import has_jobs, results_of
from tests.simulation.projecting import is_projected
from tests.simulation.withdrawals import is_office
from tests.simulation.world import World

SEEDS = range(500)


def worlds(is_wanted: Callable[[int], bool]) -> Iterator[World]:
    return (World(seed).run() for seed in SEEDS if is_wanted(seed))


def test_group_jobs_come_to_every_end_and_are_stopped_and_undone() -> None:
    jobs, outcomes = [], set()
    for world in worlds(has_jobs):
        assert world.jobs is not None
        made = world.jobs.all()
        jobs += made
        outcomes |= {result.outcome for job in made for result in results_of(world, job.job_id)}
    assert outcomes >= set(Outcome) - {Outcome.ERROR}
    assert {job.status for job in jobs} >= {JobStatus.DONE, JobStatus.CANCELLED}
    assert any(job.undoes for job in jobs)
    assert any(job.chunks > 2 for job in jobs)


def test_payments_fall_short_arrive_late_and_are_returned_to_who_owes() -> None:
    entries = [entry for world in worlds(is_office) for some in books_of(world).entries.values() for entry in some]
    paid = [entry for entry in entries if entry.kind is Kind.PAYOUT]
    assert any(entry.owed > 0 for entry in paid)
    assert any(entry.voids for entry in paid)
    assert any(entry.kind is Kind.RECOVERY and entry.cause.startswith("rec:pay:") for entry in entries)


def test_streams_are_read_to_their_end_and_parts_of_them_come_again() -> None:
    told = again = 0
    for world in worlds(is_projected):
        assert world.projecting is not None
        assert not world.projecting.has_more()
        taken = world.projecting.bus.taken
        told, again = told + len(taken.events), again + len(taken.put) - len(taken.events)
    assert told
    assert again
