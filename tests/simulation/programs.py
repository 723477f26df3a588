"""The expressions of one request, compiled once per distinct text, and its values bound to them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tests.simulation.conditions import compile_condition, read_condition
from tests.simulation.errors import invalid
from tests.simulation.expressions import Scope, values_of
from tests.simulation.updates import compile_update, read_update
from tests.simulation.values import admit_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.simulation.conditions import Condition
    from tests.simulation.expressions import TypeCheck
    from tests.simulation.updates import Action, Update
    from tests.simulation.values import Item, Values

EMPTY: Item = {}


@dataclass(frozen=True, slots=True)
class Program:
    """The expressions of one write, compiled together because they share names and values."""

    condition: Condition | None
    update: Update | None
    actions: tuple[Action, ...]
    touched: frozenset[str]
    used_values: frozenset[str]
    checks: tuple[TypeCheck, ...]
    slot: str


@lru_cache(maxsize=4096)
def program(condition: str | None, update: str | None, names: tuple[tuple[str, str], ...]) -> Program:
    scope = Scope(dict(names))
    actions = () if update is None else read_update(update, scope)
    tree = None if condition is None else read_condition("ConditionExpression", condition, scope)
    scope.require_used()
    return Program(
        None if tree is None else compile_condition(tree),
        compile_update(actions) if actions else None,
        actions,
        frozenset(str(action.path.parts[0]) for action in actions),
        frozenset(scope.used_values),
        tuple(scope.checks),
        "ConditionExpression" if update is None else "UpdateExpression",
    )


def names_of(request: Mapping[str, Any], *, expressions: bool) -> tuple[tuple[str, str], ...]:
    names: dict[str, str] | None = request.get("ExpressionAttributeNames")
    if names is None:
        return ()
    if not names:
        raise invalid("ExpressionAttributeNames must not be empty")
    if not expressions:
        raise invalid("ExpressionAttributeNames can only be specified when using expressions")
    return tuple(names.items())


def bind(request: Mapping[str, Any], used: frozenset[str], checks: Iterable[TypeCheck], slot: str) -> Values:
    """The request's values, admitted; exactly those that its expressions use, each of a type its operator takes."""
    given = request.get("ExpressionAttributeValues")
    if given is None:
        if used:
            values_of(used, {}, slot)
        return EMPTY
    if not given:
        raise invalid("ExpressionAttributeValues must not be empty")
    values = admit_all(given)
    if values.keys() != used:
        if not used:
            raise invalid("ExpressionAttributeValues can only be specified when using expressions")
        values_of(used, values, slot)
    for check in checks:
        check(values)
    return values
