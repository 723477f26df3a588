"""Groups of customers: make, list, change and delete them, see, add and remove who is in them, and the jobs that credit
or debit all of them."""

from typing import Annotated, Any

from cashback.edge import deps, group_job_views, group_views
from cashback.edge.clock import now
from cashback.edge.csv_pages import last_place
from cashback.edge.fields import Id, StoredId
from cashback.edge.group_job_models import (
    GroupJob,
    GroupJobPage,
    GroupJobResultPage,
    GroupJobResultsQuery,
    StartGroupJob,
    UndoGroupJob,
)
from cashback.edge.group_models import (
    AddedMembers,
    AddMembers,
    ChangeGroup,
    CreateGroup,
    Group,
    GroupMember,
    GroupMemberPage,
    GroupPage,
    GroupsQuery,
    MembersImport,
    PreviewGroup,
)
from cashback.edge.group_requests import add_or_import, changes, instruction, job_request, new_group
from cashback.edge.http import Api, Path, Query, Response, Role, answer, table
from cashback.services import (
    add_members,
    import_members,
    manage_group_jobs,
    manage_groups,
    read_members,
    start_group_job,
)
from cashback.services.close_store import open_store
from cashback.services.read_store import read_settings

deps.at_start(deps.job_books)
api = Api()

# Made once: each costs a cold start as much as a route.
PageQuery = Annotated[GroupsQuery, Query()]
GivenId = Annotated[Id, Path()]
CustomerId = Annotated[StoredId, Path()]


@api.route("POST", "/v1/groups", Role.OPERATOR, status=201)
def create_group(body: CreateGroup) -> Response[Group]:
    """Make a group, by hand or by rule."""
    who, request, books = api.caller(), api.request(body), deps.books()
    currency = read_settings(books, who.store_id).currency
    given = new_group(body, currency, who, request, now())
    group, replayed = manage_groups.create_group(deps.group_books(), who.store_id, given)
    return answer(group_views.group(group, currency), 201, replayed=replayed)


@api.route("GET", "/v1/groups", Role.VIEWER)
def list_groups(query: PageQuery) -> Response[GroupPage]:
    """List the store's groups, newest first."""
    store_id, cursors, groups = api.caller().store_id, api.cursors(query), deps.group_books()
    found, place = manage_groups.list_groups(groups, store_id, query.limit, cursors.read(query.cursor))
    return answer(group_views.group_page(found, cursors.make(place), read_settings(deps.books(), store_id).currency))


@api.route("POST", "/v1/groups/preview", Role.VIEWER)
def preview_group(body: PreviewGroup, query: PageQuery) -> Response[GroupMemberPage]:
    """See who a rule matches now, with their figures. It changes nothing, so whoever may read may ask."""
    books, cursors, at = deps.books(), api.cursors(query, body), now()
    settings = read_settings(books, api.caller().store_id).settings()
    rule, place = body.rule.rule(settings.currency), cursors.read(query.cursor)
    found, place = read_members.list_matching(books, settings, rule, query.limit, place, at)
    return answer(group_views.member_page(found, cursors.make(place), settings.currency, at))


@api.route("GET", "/v1/groups/<group_id>", Role.VIEWER)
def read_group(group_id: GivenId) -> Response[Group]:
    """Read a group."""
    store_id = api.caller().store_id
    group = manage_groups.read_group(deps.group_books(), store_id, group_id)
    return answer(group_views.group(group, read_settings(deps.books(), store_id).currency))


@api.route("PATCH", "/v1/groups/<group_id>", Role.OPERATOR)
def change_group(group_id: GivenId, body: ChangeGroup) -> Response[Group]:
    """Change a group's name, description or rule; what is left out stays as it is."""
    store_id, groups = api.caller().store_id, deps.group_books()
    currency = read_settings(deps.books(), store_id).currency
    group = manage_groups.change_group(groups, store_id, group_id, changes(body, currency), now())
    return answer(group_views.group(group, currency))


@api.route("DELETE", "/v1/groups/<group_id>", Role.OPERATOR, status=204)
def delete_group(group_id: GivenId) -> Response[None]:
    """Delete a group; jobs that run on it go on."""
    manage_groups.delete_group(deps.group_books(), api.caller().store_id, group_id, now())
    return Response(204)


@api.route("GET", "/v1/groups/<group_id>/members", Role.VIEWER)
def list_members(group_id: GivenId, query: PageQuery) -> Response[GroupMemberPage | str]:
    """List who is in a group, of one by rule who it matches now; as CSV for who accepts text/csv."""
    books, groups, cursors, at = deps.books(), deps.group_books(), api.cursors(query), now()
    rows, place = query.rows if api.wants_csv else query.limit, cursors.read(query.cursor)
    settings = read_settings(books, api.caller().store_id).settings()
    group = manage_groups.read_group(groups, settings.store_id, group_id)
    found, place = read_members.list_members(books, groups, settings, group, rows, place, at)
    if api.wants_csv:
        text, shown = group_views.members_csv(found, settings.currency, at)
        return table(text, cursors.make(last_place(found, shown, place)), query)
    page: Response[Any] = answer(group_views.member_page(found, cursors.make(place), settings.currency, at))
    return page


@api.route("POST", "/v1/groups/<group_id>/members", Role.OPERATOR, takes_csv=True, defers=True)
def add_many(group_id: GivenId, body: AddMembers = AddMembers()) -> Response[AddedMembers]:
    """Add customers to a group by hand, by their ids or by a file; over 1,000 rows become an import."""
    rows, request, books = body.rows(api.csv()), api.request(body), deps.books()
    return add_or_import(books, deps.group_books(), api.caller(), group_id, rows, request, now())


@api.route("PUT", "/v1/groups/<group_id>/members/<customer_id>", Role.OPERATOR, creates=True)
def put_member(group_id: GivenId, customer_id: CustomerId) -> Response[GroupMember]:
    """Add one customer to a group by hand; one merged into another is added as who they are now."""
    books, groups, at, origin = deps.books(), deps.group_books(), now(), api.request_id
    settings = read_settings(books, api.caller().store_id).settings()
    listed, added = add_members.put_member(books, groups, settings, group_id, customer_id, origin, at)
    return answer(group_views.member(listed, settings.currency, at), 201 if added else 200)


@api.route("DELETE", "/v1/groups/<group_id>/members/<customer_id>", Role.OPERATOR, status=204)
def remove_member(group_id: GivenId, customer_id: CustomerId) -> Response[None]:
    """Take one customer out of a group by hand."""
    add_members.remove_member(deps.group_books(), api.caller().store_id, group_id, customer_id)
    return Response(204)


@api.route("GET", "/v1/groups/<group_id>/imports/<import_id>", Role.VIEWER)
def read_import(group_id: GivenId, import_id: GivenId, query: PageQuery) -> Response[MembersImport]:
    """Read how far an import of members is, and the rows that added nobody."""
    store_id, cursors, place = api.caller().store_id, api.cursors(query), api.cursors(query).read(query.cursor)
    found = import_members.read_import(deps.group_books(), store_id, group_id, import_id, query.limit, place)
    import_, left, place = found
    return answer(group_views.members_import(import_, left, cursors.make(place)))


@api.route("POST", "/v1/groups/<group_id>/cashback", Role.OPERATOR, status=202, needs_key=True)
def start_job(group_id: GivenId, body: StartGroupJob) -> Response[GroupJob]:
    """Credit or debit every member of a group, or set what each has; a job does it and tells how far it is."""
    who, request, work = api.caller(), api.request(body), deps.job_books()
    settings, asked = open_store(work.books.stores, who.store_id).settings(), job_request(who, request, now())
    job, replayed = start_group_job.start_group_job(work, settings, group_id, instruction(body), asked, who.role)
    return answer(group_job_views.accepted(job, settings.currency), 202, replayed=replayed)


@api.route("GET", "/v1/group-jobs", Role.VIEWER)
def list_jobs(query: PageQuery) -> Response[GroupJobPage]:
    """List the store's group jobs, newest first."""
    store_id, cursors, work = api.caller().store_id, api.cursors(query), deps.job_books()
    place = cursors.read(query.cursor)
    shown, place = manage_group_jobs.list_group_jobs(work, store_id, query.limit, place)
    currency = read_settings(work.books, store_id).currency
    return answer(group_job_views.page(shown, cursors.make(place), currency, now()))


@api.route("GET", "/v1/group-jobs/<job_id>", Role.VIEWER)
def read_job(job_id: GivenId) -> Response[GroupJob]:
    """Read how far a group job is, and what it came to."""
    store_id, work = api.caller().store_id, deps.job_books()
    shown = manage_group_jobs.read_group_job(work, store_id, job_id)
    return answer(group_job_views.shown(shown, read_settings(work.books, store_id).currency, now()))


@api.route("GET", "/v1/group-jobs/<job_id>/results", Role.VIEWER)
def list_results(
    job_id: GivenId, query: Annotated[GroupJobResultsQuery, Query()]
) -> Response[GroupJobResultPage | str]:
    """List what a group job made of each member, in the order of its snapshot; as CSV for who accepts text/csv."""
    store_id, cursors, work = api.caller().store_id, api.cursors(query), deps.job_books()
    rows, place = query.rows if api.wants_csv else query.limit, cursors.read(query.cursor)
    lines, place = manage_group_jobs.group_job_results(work, store_id, job_id, query.outcome, rows, place)
    currency = read_settings(work.books, store_id).currency
    if api.wants_csv:
        text, shown = group_job_views.results_csv(lines, currency)
        return table(text, cursors.make(last_place(lines, shown, place)), query)
    page: Response[Any] = answer(group_job_views.results(lines, cursors.make(place), currency))
    return page


@api.route("POST", "/v1/group-jobs/<job_id>/cancel", Role.OPERATOR)
def cancel_job(job_id: GivenId) -> Response[GroupJob]:
    """Stop a group job: what it has not begun by then, it leaves; what it has posted stays."""
    store_id, work, at = api.caller().store_id, deps.job_books(), now()
    shown = manage_group_jobs.cancel_group_job(work, store_id, job_id, at)
    return answer(group_job_views.shown(shown, read_settings(work.books, store_id).currency, at))


@api.route("POST", "/v1/group-jobs/<job_id>/undo", Role.ADMIN, status=202, needs_key=True)
def undo_job(job_id: GivenId, body: UndoGroupJob = UndoGroupJob()) -> Response[GroupJob]:
    """Post the opposite of what a group job posted, by another job; what was spent since is refused."""
    who, request, work = api.caller(), api.request(body), deps.job_books()
    currency, asked = open_store(work.books.stores, who.store_id).currency, job_request(who, request, now())
    job, replayed = start_group_job.undo_group_job(work, who.store_id, job_id, body.comment, asked)
    return answer(group_job_views.accepted(job, currency), 202, replayed=replayed)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Serve one request of API Gateway."""
    return api.resolve(event, context)
