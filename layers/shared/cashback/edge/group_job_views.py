"""Group jobs and their results, in the words and shapes of the API."""

from collections.abc import Iterable, Mapping
from typing import Final

from cashback.domain.group_jobs import Job, JobStatus, Outcome, Progress
from cashback.domain.money import Currency, Money
from cashback.domain.times import Instant
from cashback.edge import group_job_models as models
from cashback.edge import views
from cashback.edge.csv_pages import cell, csv_page
from cashback.services.manage_group_jobs import ResultLine, ShownJob

_LABELS: Final[Mapping[JobStatus, str]] = {
    JobStatus.SNAPSHOTTING: "Reading the members",
    JobStatus.RUNNING: "In progress",
    JobStatus.DONE: "Successfully completed",
    JobStatus.FAILED: "Failed",
    JobStatus.CANCELLED: "Cancelled",
}

COLUMNS: Final = (
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


_AS_STORED: Final = (
    "job_id",
    "group_id",
    "group_name",
    "status",
    "reason",
    "comment",
    "on_insufficient",
    "dry_run",
    "total",
    "undoes",
    "undone_by",
    "actor",
    "created_at",
    "started_at",
    "finished_at",
)
"""What is shown of a job as it is stored."""


def accepted(job: Job, currency: Currency) -> models.GroupJob:
    """Return a job as it is answered to whoever asked for it, however often they do."""
    return _job(job, Progress(), currency, job.created_at)


def shown(of: ShownJob, currency: Currency, now: Instant) -> models.GroupJob:
    """Return a job and how far it is."""
    return _job(of.job, of.progress, currency, now)


def page(found: Iterable[ShownJob], next_cursor: str | None, currency: Currency, now: Instant) -> models.GroupJobPage:
    """Return a page of jobs."""
    return models.GroupJobPage(items=[shown(each, currency, now) for each in found], next_cursor=next_cursor)


def results(lines: Iterable[ResultLine], next_cursor: str | None, currency: Currency) -> models.GroupJobResultPage:
    """Return a page of what a job made of its members."""
    return models.GroupJobResultPage(items=[result(line, currency) for line in lines], next_cursor=next_cursor)


def result(line: ResultLine, currency: Currency) -> models.GroupJobResult:
    """Return what a job made of a member."""
    made = line.result
    return models.GroupJobResult(
        customer_id=made.customer_id,
        outcome=made.outcome,
        reason=made.reason,
        amount=views.amount(Money(made.amount, currency)),
        transaction_id=line.transaction_id,
        kept_id=made.kept_id,
        before=views.maybe(made.before, currency),
        after=views.maybe(made.after, currency),
        reserved=views.maybe(made.reserved, currency),
    )


def results_csv(lines: Iterable[ResultLine], currency: Currency) -> tuple[str, int]:
    """Return results as CSV, and how many of them fit."""
    return csv_page(COLUMNS, (_row(result(line, currency)) for line in lines))


def _job(job: Job, progress: Progress, currency: Currency, now: Instant) -> models.GroupJob:
    is_undo = job.undoes is not None
    counts = {outcome.value: getattr(progress, outcome.value) for outcome in Outcome}
    return models.GroupJob(
        **{name: getattr(job, name) for name in _AS_STORED},
        **counts,
        status_label=_LABELS[job.status],
        apply_type=None if is_undo else job.apply_type,
        amount=None if is_undo else views.amount(Money(job.amount, currency)),
        done=progress.done,
        percent=job.percent(progress),
        rate=job.rate(progress, now),
        amount_credited=views.amount(Money(progress.amount_credited, currency)),
        amount_debited=views.amount(Money(progress.amount_debited, currency)),
    )


def _row(shown: models.GroupJobResult) -> str:
    amounts = [shown.amount, shown.before, shown.after, shown.reserved]
    texts = [cell(shown.customer_id), cell(shown.outcome), cell(shown.reason or "")]
    numbers = [each.amount if each else "" for each in amounts]
    currency = cell(shown.amount.currency)
    return ",".join([*texts, *numbers, currency, cell(shown.transaction_id or ""), cell(shown.kept_id or "")])
