"""Start a group job, or the one that undoes another. It runs by messages; what is answered is that it will."""

from copy import replace
from typing import Final

from msgspec import Struct

from cashback.domain.api_keys import Role
from cashback.domain.errors import Busy, Forbidden, IdempotencyMismatch, Invalid, StateConflict
from cashback.domain.group_jobs import ApplyType, Job, JobStatus, OnInsufficient, Progress
from cashback.domain.settings import Settings
from cashback.domain.times import Instant
from cashback.services.books import JobBooks
from cashback.services.manage_groups import read_group
from cashback.services.plan_group_job import existing_job, send_next

_TRIES: Final = 5


class JobRequest(Struct, frozen=True):
    """Who asks for a job, and what makes their call the same as another: repeated, it finds the job it made."""

    job_id: str
    actor: str
    request_hash: str
    body_hash: str
    at: Instant


class Instruction(Struct, frozen=True):
    """What a job is to do; ``amount`` is the text of an amount."""

    apply_type: ApplyType
    amount: str
    comment: str | None = None
    on_insufficient: OnInsufficient = OnInsufficient.REFUSE
    dry_run: bool = False


def start_group_job(
    work: JobBooks, settings: Settings, group_id: str, instruction: Instruction, request: JobRequest, role: Role
) -> tuple[Job, bool]:
    """Create a job for the members of a group and set it going. Return it as accepted, and whether this very call had
    made it before.

    Whoever may not adjust by any amount may not set balances: what that changes of a balance is known only then.

    :raises Invalid: ``amount_zero``, ``amount_negative`` of an absolute job, ``group_empty``, or no amount at all.
    :raises Forbidden: more for each member than this role may adjust by.
    :raises NotFound: no such group in this store, or it is deleted.
    :raises IdempotencyMismatch: the same key with another body.
    :raises Busy: out of reach; the same call is safe to repeat.
    """
    amount = _amount(settings, instruction)
    found = _found(work, settings.store_id, request)
    if found is not None:
        return found, True
    limit = None if role is Role.ADMIN else settings.adjust_limit
    if limit is not None and (instruction.apply_type is ApplyType.ABSOLUTE or abs(amount) > limit):
        raise Forbidden("the amount may be larger than this role may adjust by")
    group = read_group(work.groups, settings.store_id, group_id)
    if group.rule is None and group.members == 0:
        raise Invalid("group_id", "group_empty", "the group has no members")
    job = Job(
        job_id=request.job_id,
        group_id=group_id,
        group_name=group.name,
        apply_type=instruction.apply_type,
        amount=amount,
        actor=request.actor,
        created_at=request.at,
        request_hash=request.request_hash,
        body_hash=request.body_hash,
        comment=instruction.comment,
        on_insufficient=instruction.on_insufficient,
        dry_run=instruction.dry_run,
        rule=group.rule,
    ).watched(request.at)
    if not work.jobs.create(settings.store_id, job):
        return _standing(work, settings.store_id, request), True
    send_next(work, settings.store_id, job)
    return job, False


def undo_group_job(
    work: JobBooks, store_id: str, job_id: str, comment: str | None, request: JobRequest
) -> tuple[Job, bool]:
    """Create the job that posts the opposite of what another one posted, and set it going; what was spent since is
    refused. Return it as accepted, and whether this very call had made it before.

    :raises NotFound: no such job in this store.
    :raises StateConflict: not every member has an outcome yet, or it has been undone, or posted nothing by its nature.
    :raises IdempotencyMismatch: the same key with another body.
    :raises Busy: the job keeps changing, or is out of reach; the same call is safe to repeat.
    """
    for _ in range(_TRIES):
        undone = existing_job(work, store_id, job_id)
        found = _found(work, store_id, request)
        if found is not None:
            return found, True
        job = _opposite(undone, comment, request)
        marked = replace(undone, undone_by=job.job_id, rev=undone.rev + 1)
        if work.jobs.create(store_id, job, work.jobs.write(store_id, marked)):
            send_next(work, store_id, job)
            return job.accepted(), False
    raise Busy("the job keeps changing")


def _amount(settings: Settings, instruction: Instruction) -> int:
    amount = settings.currency.parse(instruction.amount)
    if instruction.apply_type is ApplyType.RELATIVE and amount == 0:
        raise Invalid("amount", "amount_zero", "an amount of 0 would change nothing")
    if instruction.apply_type is ApplyType.ABSOLUTE and instruction.amount.startswith("-"):
        raise Invalid("amount", "amount_negative", "nobody can be left with less than nothing")
    return amount


def _opposite(undone: Job, comment: str | None, request: JobRequest) -> Job:
    if not undone.is_undoable:
        raise StateConflict(_why_not(undone))
    moved = undone.result or Progress()
    job = Job(
        job_id=request.job_id,
        group_id=undone.group_id,
        group_name=undone.group_name,
        apply_type=ApplyType.RELATIVE,
        amount=0,
        actor=request.actor,
        created_at=request.at,
        request_hash=request.request_hash,
        body_hash=request.body_hash,
        comment=comment,
        undoes=undone.job_id,
        status=JobStatus.RUNNING,
        total=moved.credited + moved.debited,
        chunks=undone.chunks,
        started_at=request.at,
    ).watched(request.at)
    # Who was told an error or as not found may be credited late, which is found as each chunk is undone.
    if job.total or moved.uncertain:
        return job
    return replace(job, chunks=0).closed(Progress(), request.at)


def _why_not(job: Job) -> str:
    if job.undoes is not None:
        return "an undo cannot be undone"
    if job.undone_by is not None:
        return "the job is undone already"
    return (
        "a dry run posted nothing" if job.dry_run else f"the job is {job.status}: not every member has an outcome yet"
    )


def _found(work: JobBooks, store_id: str, request: JobRequest) -> Job | None:
    """Return the job that this very call made before; its first message may have been lost with the first answer."""
    job = work.jobs.get(store_id, request.job_id)
    if job is None:
        return None
    if job.body_hash != request.body_hash:
        raise IdempotencyMismatch
    if job.step == 0:
        send_next(work, store_id, job)
    return job.accepted()


def _standing(work: JobBooks, store_id: str, request: JobRequest) -> Job:
    job = _found(work, store_id, request)
    if job is None:
        raise Busy("the job is not there")
    return job
