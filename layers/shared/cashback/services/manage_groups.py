"""Make, read, list, change and delete groups."""

from copy import replace
from typing import Any, Final

from cashback.domain.errors import Busy, IdempotencyMismatch, NotFound
from cashback.domain.groups import Group, GroupByHand
from cashback.domain.times import Instant
from cashback.services.books import GroupBooks

_TRIES: Final = 5


def create_group(groups: GroupBooks, store_id: str, group: Group) -> tuple[Group, bool]:
    """Make a group. Return it, and whether this very call had made it before.

    :raises IdempotencyMismatch: the same Idempotency-Key with another body.
    """
    standing = groups.groups.create(store_id, group)
    if standing is None:
        return group, False
    if standing.body_hash != group.body_hash:
        raise IdempotencyMismatch
    return standing, True


def read_group(groups: GroupBooks, store_id: str, group_id: str) -> Group:
    """Return a group.

    :raises NotFound: no such group in this store, or a deleted one.
    """
    found = groups.groups.get(store_id, group_id)
    if found is None or found.deleted_at is not None:
        raise NotFound
    return found


def list_groups(groups: GroupBooks, store_id: str, limit: int, before: str | None) -> tuple[list[Group], str | None]:
    """Return a page of groups, newest first, and where to go on (None at the end)."""
    return groups.groups.page(store_id, limit, before)


def change_group(groups: GroupBooks, store_id: str, group_id: str, changes: dict[str, Any], now: Instant) -> Group:
    """Make ``changes`` (of name, description, rule) to a group, over whatever it is by then.

    A group by rule stays one, and one by hand too: members and a rule at once would leave open who is in it.

    :raises NotFound: no such group in this store, or a deleted one.
    :raises GroupByHand: it has members and no rule.
    :raises Busy: it keeps changing, or the tables are out of reach; the same call is safe to repeat.
    """
    for _ in range(_TRIES):
        group = read_group(groups, store_id, group_id)
        if "rule" in changes and group.rule is None:
            raise GroupByHand("a group with members cannot be given a rule")
        changed = replace(group, **changes)
        if changed == group:
            return group
        changed = replace(changed, rev=group.rev + 1, updated_at=now)
        if groups.groups.save(store_id, changed):
            return changed
    raise Busy("the group keeps changing")


def delete_group(groups: GroupBooks, store_id: str, group_id: str, now: Instant) -> None:
    """Delete a group; jobs that run on it go on with who was in it.

    :raises NotFound: no such group in this store, or a deleted one.
    :raises Busy: it keeps changing, or the tables are out of reach; the same call is safe to repeat.
    """
    for _ in range(_TRIES):
        group = read_group(groups, store_id, group_id)
        if groups.groups.delete(store_id, replace(group, rev=group.rev + 1, deleted_at=now)):
            return
    raise Busy("the group keeps changing")
