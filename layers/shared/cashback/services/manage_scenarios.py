"""Make, read, list, change and delete scenarios."""

from collections.abc import Mapping
from copy import replace
from typing import Any, Final

from cashback.domain.api_keys import Role
from cashback.domain.errors import IdempotencyMismatch, NotFound, VersionConflict
from cashback.domain.scenario_rules import check_credit, check_scenario
from cashback.domain.scenarios import Scenario, ScenarioStatus
from cashback.domain.settings import Settings
from cashback.domain.times import Instant
from cashback.services.books import Books

STARTING: Final = ("trigger", "limits", "once_per_order", "once_per_customer")
"""What decides which facts start a scenario."""

_TRIES: Final = 5
_PAGE: Final = 100


def create_scenario(books: Books, settings: Settings, scenario: Scenario, role: Role) -> tuple[Scenario, bool]:
    """Make a scenario. Return it, and whether this very call had made it before.

    :raises Invalid: as ``check_scenario``.
    :raises Forbidden: it credits more than this role may adjust by.
    :raises IdempotencyMismatch: the same Idempotency-Key with another body.
    :raises TooManyScenarios: the store has as many as it may.
    :raises VersionConflict: other scenarios of the store keep changing.
    """
    check_scenario(scenario)
    for _ in range(_TRIES):
        known = books.scenarios.get(settings.store_id, scenario.scenario_id)
        if known is not None and known.body_hash != scenario.body_hash:
            raise IdempotencyMismatch
        if known is not None:
            return known, True
        if role is not Role.ADMIN:
            check_credit(scenario, None, settings)
        live = books.scenarios.catalogue(settings.store_id)
        if books.scenarios.save(settings.store_id, scenario, live, scenario.created_at):
            return scenario, False
    raise _contended()


def read_scenario(books: Books, store_id: str, scenario_id: str) -> Scenario:
    """Return a scenario, a deleted one too: its tasks still run.

    :raises NotFound: no such scenario in this store.
    """
    found = books.scenarios.get(store_id, scenario_id)
    if found is None:
        raise NotFound
    return found


def list_scenarios(
    books: Books, store_id: str, status: ScenarioStatus | None, text: str | None, limit: int, before: str | None
) -> tuple[list[Scenario], str | None]:
    """Return a page of the scenarios that are not deleted, newest first, and where to go on (None at the end): those of
    a status, and those with a text in their name, whatever its case."""
    wanted = [
        (_place(scenario), scenario)
        for scenario in standing_scenarios(books, store_id)
        if status in (None, scenario.status) and (text is None or text.casefold() in scenario.name.casefold())
    ]
    left = [(place, scenario) for place, scenario in wanted if before is None or place < before]
    page = left[:limit]
    return [scenario for _, scenario in page], page[-1][0] if len(left) > limit else None


def standing_scenarios(books: Books, store_id: str) -> list[Scenario]:
    """Return the scenarios that are not deleted, newest first; a store has few."""
    found, place = books.scenarios.page(store_id, _PAGE, None)
    while place is not None:
        more, place = books.scenarios.page(store_id, _PAGE, place)
        found += more
    return found


def change_scenario(
    books: Books,
    settings: Settings,
    scenario_id: str,
    changes: Mapping[str, Any],
    role: Role,
    actor: str,
    now: Instant,
) -> Scenario:
    """Make ``changes`` to a scenario, over whatever it is by then. Tasks that wait keep what it said before.

    What was recorded before a change of what starts it, or while it was inactive, starts it no more.

    :raises NotFound: no such scenario in this store, or a deleted one.
    :raises Invalid: as ``check_scenario``.
    :raises Forbidden: it credits more than this role may adjust by.
    :raises TooManyScenarios: deliveries could not know of all that it says.
    :raises VersionConflict: it, or others of the store, keep changing.
    """
    for _ in range(_TRIES):
        scenario = _standing(books, settings.store_id, scenario_id)
        changed = replace(scenario, **changes)
        if changed == scenario:
            return scenario
        check_scenario(changed)
        if role is not Role.ADMIN:
            check_credit(changed, scenario, settings)
        written = _following(scenario, changed, actor, now)
        if books.scenarios.save(settings.store_id, written, books.scenarios.catalogue(settings.store_id), now):
            return written
    raise _contended()


def delete_scenario(books: Books, store_id: str, scenario_id: str, actor: str, now: Instant) -> None:
    """Delete a scenario: it starts nothing more, and what waits runs to its end.

    :raises NotFound: no such scenario in this store, or a deleted one.
    :raises VersionConflict: it, or others of the store, keep changing.
    """
    for _ in range(_TRIES):
        scenario = _standing(books, store_id, scenario_id)
        gone = replace(scenario, status=ScenarioStatus.INACTIVE, deleted_at=now)
        written = _following(scenario, gone, actor, now)
        if books.scenarios.save(store_id, written, books.scenarios.catalogue(store_id), now):
            return
    raise _contended()


def _standing(books: Books, store_id: str, scenario_id: str) -> Scenario:
    scenario = read_scenario(books, store_id, scenario_id)
    if scenario.deleted_at is not None:
        raise NotFound
    return scenario


def _following(before: Scenario, after: Scenario, actor: str, now: Instant) -> Scenario:
    """Return the next revision, with since when it starts what it does, or nothing."""
    was_active, is_active = (one.status is ScenarioStatus.ACTIVE for one in (before, after))
    is_moved = any(getattr(before, name) != getattr(after, name) for name in STARTING)
    return replace(
        after.succeeding(before, now),
        active_since=now if is_moved or (is_active and not was_active) else before.active_since,
        inactive_since=now if was_active and not is_active else before.inactive_since,
        rev=before.rev + 1,
        updated_at=now,
        updated_by=actor,
    )


def _place(scenario: Scenario) -> str:
    return f"{scenario.created_at}#{scenario.scenario_id}"


def _contended() -> VersionConflict:
    return VersionConflict("the store's scenarios keep changing: try again")
