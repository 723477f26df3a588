"""Add customers to groups and take them out again. Who is unknown is told of and never stored."""

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from cashback.domain.errors import CustomerNotFound, NotFound
from cashback.domain.groups import Group, GroupByRule
from cashback.domain.member_rows import Column, Fault, Left, Report, Row, Rows
from cashback.domain.settings import Settings
from cashback.domain.times import Instant
from cashback.services.books import Books, GroupBooks
from cashback.services.manage_groups import read_group
from cashback.services.read_members import ListedMember, describe

_CONTACT: Final = {Column.EMAIL: "email:", Column.PHONE: "phone:"}


class _Found(Struct, frozen=True):
    """Whom a row names: a live customer, or why none."""

    row: Row
    customer_id: str | None = None
    fault: Fault | None = None


def group_by_hand(groups: GroupBooks, store_id: str, group_id: str) -> Group:
    """Return a group whose members are added by hand.

    :raises NotFound: no such group in this store, or a deleted one.
    :raises GroupByRule: its members follow from a rule.
    """
    group = read_group(groups, store_id, group_id)
    if group.rule is not None:
        raise GroupByRule("who is in this group follows from its rule")
    return group


def without_contacts(books: Books, store_id: str, rows: Rows) -> tuple[Row, ...]:
    """Return rows that name customers by id or by the keyed hash of a contact: what may be kept and looked up."""
    if rows.column is Column.CUSTOMER_ID:
        return rows.rows
    kind = _CONTACT[rows.column]
    hashed = (
        Row(row.number, row.key if row.fault else _mac(books, store_id, f"{kind}{row.key}"), row.fault)
        for row in rows.rows
    )
    return tuple(hashed)


def add_rows(
    books: Books, groups: GroupBooks, store_id: str, group_id: str, column: Column, rows: Iterable[Row], origin: str,
    now: Instant,
) -> Report:  # fmt: skip
    """Add whom rows name to a group, a merged customer as the one they are now. Return what became of each row.

    ``origin`` names this act: made again after it was cut off, it reports what it did the first time.

    :param rows: without contacts.
    :raises NotFound: the group is not there, or no longer; what was added before it went stays.
    :raises Busy: the tables are contended or out of reach; the same call is safe to repeat.
    """
    found = _found(books, store_id, column, list(rows))
    wanted = [one.customer_id for one in found if one.customer_id is not None]
    standing = groups.groups.add(store_id, group_id, wanted, origin, now)
    added = already = duplicates = 0
    left, seen = [], set[str]()
    for one in found:
        if one.customer_id is None:
            left.append(_left(one, column))
        elif one.customer_id in seen or _is_earlier(standing[one.customer_id], origin):
            duplicates += 1
        elif standing[one.customer_id] == origin:
            added += 1
        else:
            already += 1
        if one.customer_id is not None:
            seen.add(one.customer_id)
    return Report(added, already, duplicates, tuple(left))


def put_member(
    books: Books, groups: GroupBooks, settings: Settings, group_id: str, customer_id: str, origin: str, now: Instant
) -> tuple[ListedMember, bool]:
    """Make one customer a member, a merged one as who they are now. Return them, and whether they were none before.

    :raises NotFound: no such group in this store, or no such customer, or an erased one.
    :raises GroupByRule: the group's members follow from a rule.
    :raises Busy: the tables are contended or out of reach; the same call is safe to repeat.
    """
    group_by_hand(groups, settings.store_id, group_id)
    live = _live(books, settings.store_id, customer_id)
    listed = describe(books, settings, live) if live else None
    if live is None or listed is None:
        raise CustomerNotFound
    return listed, groups.groups.add(settings.store_id, group_id, [live], origin, now)[live] == origin


def remove_member(groups: GroupBooks, store_id: str, group_id: str, customer_id: str) -> None:
    """Take one customer out of a group.

    :raises NotFound: no such group in this store, or not a member.
    :raises GroupByRule: the group's members follow from a rule.
    :raises Busy: the tables are contended or out of reach; the same call is safe to repeat.
    """
    group_by_hand(groups, store_id, group_id)
    if not groups.groups.remove(store_id, group_id, customer_id):
        raise NotFound


def page_origin(act: str, page: int) -> str:
    """Return the origin of one page of an act that has several."""
    return f"{act}/{page}"


def _is_earlier(standing: str, origin: str) -> bool:
    """Tell whether a member was added by another page of the same act: the row names somebody a second time."""
    act, mark, _ = origin.partition("/")
    return bool(mark) and standing != origin and standing.partition("/")[0] == act


def _found(books: Books, store_id: str, column: Column, rows: list[Row]) -> list[_Found]:
    """Return whom each row names."""
    if column is Column.CUSTOMER_ID:
        named = {row.key: frozenset({row.key}) for row in rows if row.fault is None}
    else:
        named = {row.key: frozenset[str]() for row in rows if row.fault is None}
        named = {mac: books.contacts.findable(store_id, mac) for mac in named}
    live = _all_live(books, store_id, sorted({one for holders in named.values() for one in holders}))
    return [_who(row, named, live) for row in rows]


def _who(row: Row, named: Mapping[str, frozenset[str]], live: Mapping[str, str]) -> _Found:
    if row.fault is not None:
        return _Found(row, fault=row.fault)
    holders = {live[one] for one in named[row.key] if one in live}
    if len(holders) == 1:
        return _Found(row, holders.pop())
    return _Found(row, fault=Fault.AMBIGUOUS if holders else Fault.NOT_FOUND)


def _all_live(books: Books, store_id: str, customer_ids: list[str]) -> dict[str, str]:
    """Return who each customer is now, without those who are unknown or erased."""
    accounts = books.ledger.accounts(store_id, customer_ids)
    live = {one: one for one, account in accounts.items() if account.is_live}
    for one, account in accounts.items():
        if account.merged_into is not None and (kept := _live(books, store_id, one)) is not None:
            live[one] = kept
    return live


def _live(books: Books, store_id: str, customer_id: str) -> str | None:
    try:
        account = books.ledger.live_account(store_id, customer_id)
    except CustomerNotFound:
        return None
    return account.customer_id if account.erased_at is None else None


def _left(one: _Found, column: Column) -> Left:
    names = column is Column.CUSTOMER_ID and bool(one.row.key)
    return Left(one.row.number, one.fault or Fault.NOT_FOUND, one.row.key if names else None)


def _mac(books: Books, store_id: str, contact: str) -> str:
    (mac,) = books.contacts.macs(store_id, [contact])
    return mac
