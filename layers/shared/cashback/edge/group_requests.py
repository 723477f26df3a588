"""Requests about groups and group jobs as what the use cases take."""

from typing import Any

from cashback.domain.group_imports import MOST_AT_ONCE, MembersImport
from cashback.domain.groups import Group
from cashback.domain.member_rows import Rows
from cashback.domain.money import Currency
from cashback.domain.times import Instant
from cashback.edge import deps, group_views
from cashback.edge.answers import answer_kept
from cashback.edge.caller import Caller, IdempotentRequest
from cashback.edge.group_job_models import StartGroupJob
from cashback.edge.group_models import AddedMembers, ChangeGroup, CreateGroup
from cashback.edge.http import Response, answer
from cashback.edge.ids import new_id
from cashback.services.add_members import add_rows, group_by_hand, without_contacts
from cashback.services.books import Books, GroupBooks
from cashback.services.import_members import start_import
from cashback.services.start_group_job import Instruction, JobRequest


def new_group(body: CreateGroup, currency: Currency, who: Caller, request: IdempotentRequest, now: Instant) -> Group:
    """Return the group that a request asks for.

    :raises Invalid: as the rule's.
    """
    return Group(
        group_id=new_id("grp", request.request_hash),
        name=body.name,
        created_at=now,
        created_by=who.actor,
        request_hash=request.request_hash,
        body_hash=request.body_hash,
        description=body.description,
        rule=None if body.rule is None else body.rule.rule(currency),
        updated_at=now,
    )


def changes(body: ChangeGroup, currency: Currency) -> dict[str, Any]:
    """Return what a request changes.

    :raises Invalid: as the rule's.
    """
    given = {name: getattr(body, name) for name in body.model_fields_set}
    return {**given, "rule": body.rule.rule(currency)} if "rule" in given else given


def add_or_import(
    books: Books, groups: GroupBooks, who: Caller, group_id: str, given: Rows, request: IdempotentRequest, now: Instant
) -> Response[AddedMembers]:
    """Add those whom rows name, at once or, where they are many, as an import.

    :raises NotFound: no such group in this store, or a deleted one.
    :raises GroupByRule: its members follow from a rule.
    :raises IdempotencyMismatch: the same key with another body.
    :raises Busy: out of reach; the same call is safe to repeat.
    """
    group_by_hand(groups, who.store_id, group_id)
    rows = without_contacts(books, who.store_id, given)
    if len(rows) > MOST_AT_ONCE:
        # Before the rows: those of another body under the same key would stand in their place.
        books.answers.noted(who.store_id, request.request_hash, request.body_hash)
        import_id, actor, body_hash = new_id("imp", request.request_hash), who.actor, request.body_hash
        import_ = MembersImport(import_id, group_id, given.column, len(rows), now, actor, body_hash).watched(now)
        begun, step, replayed = start_import(groups, who.store_id, import_, rows)
        if step is not None:
            deps.job_queue().send([step])
        return answer(group_views.begun(begun), 202, replayed=replayed)

    def add() -> tuple[AddedMembers, bool]:
        report = add_rows(books, groups, who.store_id, group_id, given.column, rows, request.request_hash, now)
        return group_views.added(report), True

    return answer_kept(books, who, request, AddedMembers, add)


def job_request(who: Caller, request: IdempotentRequest, at: Instant) -> JobRequest:
    """Return who asks for a job; the same request asks for the same one."""
    job_id = new_id("job", request.request_hash)
    return JobRequest(job_id, who.actor, request.request_hash, request.body_hash, at)


def instruction(body: StartGroupJob) -> Instruction:
    """Return what a job is to do."""
    return Instruction(body.apply_type, body.amount, body.comment, body.on_insufficient, body.dry_run)
