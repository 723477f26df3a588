"""Group jobs in the words and shapes of the API: as callers ask for them, as they are shown, and their results."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from cashback.domain.group_jobs import Job, JobStatus, Outcome, Progress
from cashback.domain.money import Currency, Money
from cashback.domain.times import Instant
from cashback.edge import group_job_models as models
from cashback.edge import views
from cashback.edge.caller import Caller, IdempotentRequest
from cashback.edge.exports import cell
from cashback.edge.ids import new_id
from cashback.services.manage_group_jobs import ResultLine, Shown
from cashback.services.start_group_job import Asked, Instruction

LABELS: Final[Mapping[JobStatus, str]] = {
    JobStatus.SNAPSHOTTING: "Reading the members",
    JobStatus.RUNNING: "In progress",
    JobStatus.DONE: "Successfully completed",
    JobStatus.FAILED: "Failed",
    JobStatus.CANCELLED: "Cancelled",
}

RESULT_COLUMNS: Final = (
    "customer_id",
    "outcome",
    "reason",
    "amount",
    "before",
    "after",
    "reserved",
    "currency",
    "transaction_id",
    "kept_id",
)
"""Of results as CSV; amounts are numbers, empty where they are not known."""


def asked(who: Caller, request: IdempotentRequest, at: Instant) -> Asked:
    """Return who asks for a job; the same request asks for the same one."""
    job_id = new_id("job", request.request_hash)
    return Asked(job_id, who.actor, request.request_hash, request.body_hash, at)


def instruction(body: models.StartGroupJob) -> Instruction:
    """Return what a job is to do."""
    return Instruction(body.apply_type, body.amount, body.comment, body.on_insufficient, body.dry_run)


def accepted(job: Job, currency: Currency) -> models.GroupJob:
    """Return a job as it is answered to whoever asked for it, however often they do."""
    return models.GroupJob(**_job(job, Progress(), currency, job.created_at))


def shown(of: Shown, currency: Currency, now: Instant) -> models.GroupJob:
    """Return a job and how far it is."""
    return models.GroupJob(**_job(of.job, of.progress, currency, now))


def page(found: Iterable[Shown], next_cursor: str | None, currency: Currency, now: Instant) -> models.GroupJobPage:
    """Return a page of jobs."""
    return models.GroupJobPage(items=[shown(each, currency, now) for each in found], next_cursor=next_cursor)


def _job(job: Job, progress: Progress, currency: Currency, now: Instant) -> dict[str, Any]:
    same = ("job_id", "group_id", "group_name", "status", "reason", "comment", "on_insufficient", "dry_run", "total")
    told = ("undoes", "undone_by", "actor", "created_at", "started_at", "finished_at")
    counts = {outcome.value: getattr(progress, outcome.value) for outcome in Outcome}
    is_undo = job.undoes is not None
    return {
        **{name: getattr(job, name) for name in (*same, *told)},
        **counts,
        "status_label": LABELS[job.status],
        "apply_type": None if is_undo else job.apply_type,
        "amount": None if is_undo else views.amount(Money(job.amount, currency)),
        "done": progress.done,
        "percent": job.percent(progress),
        "rate": job.rate(progress, now),
        "amount_credited": views.amount(Money(progress.amount_credited, currency)),
        "amount_debited": views.amount(Money(progress.amount_debited, currency)),
    }


def results(lines: Iterable[ResultLine], next_cursor: str | None, currency: Currency) -> models.GroupJobResultPage:
    """Return a page of what a job made of its members."""
    return models.GroupJobResultPage(items=[result(line, currency) for line in lines], next_cursor=next_cursor)


def result(line: ResultLine, currency: Currency) -> models.GroupJobResult:
    """Return what a job made of a member."""
    came = line.result
    return models.GroupJobResult(
        customer_id=came.customer_id,
        outcome=came.outcome,
        reason=came.reason,
        amount=views.amount(Money(came.amount, currency)),
        transaction_id=line.transaction_id,
        kept_id=came.kept_id,
        before=views.maybe(came.before, currency),
        after=views.maybe(came.after, currency),
        reserved=views.maybe(came.reserved, currency),
    )


def results_csv(lines: Iterable[ResultLine], currency: Currency) -> str:
    """Return a page of results as CSV (RFC 4180, with a header)."""
    rows = [result(line, currency) for line in lines]
    return "\r\n".join([",".join(RESULT_COLUMNS), *map(_row, rows), ""])


def _row(shown: models.GroupJobResult) -> str:
    amounts = [shown.amount, shown.before, shown.after, shown.reserved]
    texts = [cell(shown.customer_id), cell(shown.outcome), cell(shown.reason or "")]
    numbers = [each.amount if each else "" for each in amounts]
    currency = cell(shown.amount.currency)
    return ",".join([*texts, *numbers, currency, cell(shown.transaction_id or ""), cell(shown.kept_id or "")])
