"""The bodies, queries and answers about group jobs; apart from the others, because only one function's cold start needs
them."""

from cashback.domain.group_jobs import ApplyType, JobStatus, OnInsufficient, Outcome
from cashback.domain.times import Instant
from cashback.edge.fields import AmountText, Comment, Flag
from cashback.edge.group_models import GroupsQuery
from cashback.edge.models import Amount, Answer, Request


class StartGroupJob(Request):
    """What to do for every member: ``relative`` adds the amount, or with a sign takes it; ``absolute`` leaves exactly
    the amount available. ``on_insufficient`` is of a relative debit of more than there is."""

    apply_type: ApplyType
    amount: AmountText
    comment: Comment | None = None
    on_insufficient: OnInsufficient = OnInsufficient.REFUSE
    dry_run: Flag = False


class UndoGroupJob(Request):
    """Nothing, or what the entries of the undo are to say."""

    comment: Comment | None = None


class GroupJobResultsQuery(GroupsQuery):
    """Which results."""

    outcome: Outcome | None = None


class GroupJob(Answer):
    """A group job and how far it is. ``total`` grows while the members are read, then stays; ``rate`` is in members
    a second. In a dry run nothing is posted, and the counts and amounts are what would be."""

    job_id: str
    group_id: str
    group_name: str
    status: JobStatus
    status_label: str
    reason: str | None
    apply_type: ApplyType | None
    amount: Amount | None
    comment: str | None
    on_insufficient: OnInsufficient
    dry_run: bool
    total: int
    done: int
    credited: int
    debited: int
    refused: int
    unchanged: int
    not_found: int
    error: int
    cancelled: int
    percent: int
    rate: float
    amount_credited: Amount
    amount_debited: Amount
    undoes: str | None
    undone_by: str | None
    actor: str
    created_at: Instant
    started_at: Instant | None
    finished_at: Instant | None


class GroupJobPage(Answer):
    """Some group jobs, newest first."""

    items: list[GroupJob]
    next_cursor: str | None


class GroupJobResult(Answer):
    """What a job made of a member. ``amount`` is what it posted, in a dry run what it would. ``kept_id`` is where the
    entry is, or the account, of a customer who had been merged. ``before``, ``after`` and ``reserved`` are told where
    the amount was decided from the balance."""

    customer_id: str
    outcome: Outcome
    reason: str | None
    amount: Amount
    transaction_id: str | None
    kept_id: str | None
    before: Amount | None
    after: Amount | None
    reserved: Amount | None


class GroupJobResultPage(Answer):
    """Some results, in the order of the snapshot. Of a filtered list a page may hold few, or none, and go on."""

    items: list[GroupJobResult]
    next_cursor: str | None
