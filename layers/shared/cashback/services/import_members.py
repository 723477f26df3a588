"""Imports of members: begun by a call, worked through page by page by messages, and told of while they run."""

from cashback.domain.errors import IdempotencyMismatch, NotFound
from cashback.domain.group_imports import ImportStatus, MembersImport
from cashback.domain.group_steps import ImportStep
from cashback.domain.member_rows import Left, Report, Row
from cashback.domain.times import Instant
from cashback.services.add_members import add_rows, page_origin
from cashback.services.books import Books, GroupBooks


def start_import(
    groups: GroupBooks, store_id: str, import_: MembersImport, rows: tuple[Row, ...]
) -> tuple[MembersImport, ImportStep | None, bool]:
    """Keep an import. Return it, the message to send, and whether this very call had made it before.

    The message of one that still runs is to be sent again: the first may have been lost, and a second does no harm.

    :param rows: without contacts.
    :raises IdempotencyMismatch: the same Idempotency-Key with another body.
    :raises Busy: the tables are out of reach; the same call is safe to repeat.
    """
    standing = groups.imports.create(store_id, import_, rows)
    if standing is None:
        return import_, _step(store_id, import_), False
    if standing.body_hash != import_.body_hash:
        raise IdempotencyMismatch
    return standing, _step(store_id, standing), True


def give_up_import(groups: GroupBooks, step: ImportStep, reason: str, now: Instant) -> None:
    """Note that a message goes to the dead letters: the import ends, with what it added before. The same rows may be
    sent again by another call.

    :raises Busy: out of reach; then nothing is noted.
    """
    import_ = groups.imports.get(step.store_id, step.group_id, step.import_id)
    if import_ is not None and import_.status is ImportStatus.RUNNING and import_.next_page == step.page:
        groups.imports.advance(step.store_id, import_.failed(reason, now), (), step.page)


def import_members_page(books: Books, groups: GroupBooks, step: ImportStep, now: Instant) -> ImportStep | None:
    """Work through one page of an import. Return the message to send next, None at the end.

    A message that comes again finds its page worked through and only leads on. A run that was cut off is made again and
    counts what it did the first time, so each customer is added once and each row told of once.

    :raises Busy: the tables are contended or out of reach; the message may come again.
    """
    import_ = groups.imports.get(step.store_id, step.group_id, step.import_id)
    if import_ is None or import_.status is not ImportStatus.RUNNING:
        return None
    if import_.next_page != step.page:
        return _step(step.store_id, import_)
    rows = groups.imports.rows(step.store_id, import_, step.page)
    origin = page_origin(import_.import_id, step.page)
    try:
        report = add_rows(books, groups, step.store_id, step.group_id, import_.column, rows, origin, now)
    except NotFound:
        report, after = Report(), import_.failed("group_deleted", now)
    else:
        after = import_.after(report, now)
    if groups.imports.advance(step.store_id, after, report.left, step.page):
        return _step(step.store_id, after)
    standing = groups.imports.get(step.store_id, step.group_id, step.import_id)
    return None if standing is None else _step(step.store_id, standing)


def read_import(
    groups: GroupBooks, store_id: str, group_id: str, import_id: str, limit: int, position: str | None
) -> tuple[MembersImport, list[Left], str | None]:
    """Return an import, a page of the rows that added nobody, and where to go on (None at the end).

    :raises NotFound: no such import in this store, or one of over a month ago.
    """
    import_ = groups.imports.get(store_id, group_id, import_id)
    if import_ is None:
        raise NotFound
    page, _, place = (position or "0#0").partition("#")
    left, after = groups.imports.left(store_id, import_, limit, (int(page), int(place)))
    return import_, left, None if after is None else f"{after[0]}#{after[1]}"


def _step(store_id: str, import_: MembersImport) -> ImportStep | None:
    """Return the message of the next page, None where there is none."""
    if import_.status is not ImportStatus.RUNNING:
        return None
    return ImportStep(store_id, import_.group_id, import_.import_id, import_.next_page)
