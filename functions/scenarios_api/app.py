"""Scenarios: make, list, change and delete them; what became of their tasks; and the promo codes that they made."""

from typing import Annotated, Any

from cashback.edge import deps, scenario_views
from cashback.edge.clock import now
from cashback.edge.fields import Id
from cashback.edge.http import Api, Path, Query, Response, Role, answer
from cashback.edge.scenario_models import (
    CancelTask,
    ChangeScenario,
    CreateScenario,
    PromoCode,
    PromoCodePage,
    PromoCodesQuery,
    RedeemPromoCode,
    Scenario,
    ScenarioPage,
    ScenariosQuery,
    ScenarioStats,
    Task,
    TaskPage,
    TasksQuery,
)
from cashback.edge.scenario_requests import changes, new_scenario, redemption
from cashback.services import manage_scenarios, manage_tasks
from cashback.services.close_store import open_store
from cashback.services.read_scenario_stats import read_scenario_stats
from cashback.services.read_store import read_settings
from cashback.services.redeem_promo_code import list_promo_codes, redeem_promo_code

deps.at_start(deps.books)
api = Api()

# Made once: each costs a cold start as much as a route.
GivenId = Annotated[Id, Path()]
AskedTasks = Annotated[TasksQuery, Query()]

# What a body says that is not sent. Calling the models would build their validators in every cold start.
NO_CANCEL = CancelTask.model_construct()
NO_ORDER = RedeemPromoCode.model_construct()


@api.route("POST", "/v1/scenarios", Role.OPERATOR, status=201)
def create_scenario(body: CreateScenario) -> Response[Scenario]:
    """Make a scenario."""
    who, request, books = api.caller(), api.request(body), deps.books()
    settings = open_store(books.stores, who.store_id).settings()
    asked = new_scenario(body, settings.currency, who, request, now())
    scenario, replayed = manage_scenarios.create_scenario(books, settings, asked, who.role)
    return answer(scenario_views.scenario(scenario, settings), 201, replayed=replayed)


@api.route("GET", "/v1/scenarios", Role.VIEWER)
def list_scenarios(query: Annotated[ScenariosQuery, Query()]) -> Response[ScenarioPage]:
    """List the store's scenarios, newest first."""
    store_id, cursors, books = api.caller().store_id, api.cursors(query), deps.books()
    place, settings = cursors.read(query.cursor), read_settings(books, store_id).settings()
    found, place = manage_scenarios.list_scenarios(books, store_id, query.status, query.q, query.limit, place)
    return answer(scenario_views.scenario_page(found, cursors.make(place), settings))


@api.route("GET", "/v1/scenarios/<scenario_id>", Role.VIEWER)
def read_scenario(scenario_id: GivenId) -> Response[Scenario]:
    """Read a scenario, a deleted one too."""
    store_id, books = api.caller().store_id, deps.books()
    scenario = manage_scenarios.read_scenario(books, store_id, scenario_id)
    return answer(scenario_views.scenario(scenario, read_settings(books, store_id).settings()))


@api.route("PATCH", "/v1/scenarios/<scenario_id>", Role.OPERATOR)
def change_scenario(scenario_id: GivenId, body: ChangeScenario) -> Response[Scenario]:
    """Change a scenario; what is left out stays, and tasks that wait keep what it said before."""
    who, books = api.caller(), deps.books()
    settings = open_store(books.stores, who.store_id).settings()
    wanted = changes(body, settings.currency)
    changed = manage_scenarios.change_scenario(books, settings, scenario_id, wanted, who.role, who.actor, now())
    return answer(scenario_views.scenario(changed, settings))


@api.route("DELETE", "/v1/scenarios/<scenario_id>", Role.OPERATOR, status=204)
def delete_scenario(scenario_id: GivenId) -> Response[None]:
    """Delete a scenario: it starts nothing more, and what waits runs to its end."""
    who = api.caller()
    manage_scenarios.delete_scenario(deps.books(), who.store_id, scenario_id, who.actor, now())
    return Response(204)


@api.route("GET", "/v1/scenarios/<scenario_id>/stats", Role.VIEWER)
def read_stats(scenario_id: GivenId) -> Response[ScenarioStats]:
    """Count a scenario's tasks, and what they credited."""
    store_id, books = api.caller().store_id, deps.books()
    counted = read_scenario_stats(books, store_id, scenario_id)
    return answer(scenario_views.stats(counted, read_settings(books, store_id).currency))


@api.route("GET", "/v1/scenarios/<scenario_id>/tasks", Role.VIEWER)
def list_tasks_of(scenario_id: GivenId, query: AskedTasks) -> Response[TaskPage]:
    """List a scenario's tasks, newest first."""
    store_id, cursors, books = api.caller().store_id, api.cursors(query), deps.books()
    place = cursors.read(query.cursor)
    found, place = manage_tasks.list_tasks_of(books, store_id, scenario_id, query.status, query.limit, place)
    return answer(scenario_views.task_page(found, cursors.make(place)))


@api.route("GET", "/v1/tasks", Role.VIEWER)
def list_tasks(query: AskedTasks) -> Response[TaskPage]:
    """List the tasks of all scenarios that are not deleted, newest first."""
    store_id, cursors, books = api.caller().store_id, api.cursors(query), deps.books()
    place = cursors.read(query.cursor)
    found, place = manage_tasks.list_tasks(books, store_id, query.status, query.limit, place)
    return answer(scenario_views.task_page(found, cursors.make(place)))


@api.route("GET", "/v1/tasks/<task_id>", Role.VIEWER)
def read_task(task_id: GivenId) -> Response[Task]:
    """Read a task: why it ran, was skipped or was cancelled."""
    return answer(scenario_views.task(manage_tasks.read_task(deps.books(), api.caller().store_id, task_id)))


@api.route("POST", "/v1/tasks/<task_id>/cancel", Role.OPERATOR)
def cancel_task(task_id: GivenId, body: CancelTask = NO_CANCEL) -> Response[Task]:
    """Cancel a task that waits."""
    who, request, books = api.caller(), api.request(body), deps.books()
    task, replayed = manage_tasks.cancel_task(books, who.store_id, task_id, who.actor, request.request_hash, now())
    return answer(scenario_views.task(task), replayed=replayed)


@api.route("GET", "/v1/promo-codes", Role.VIEWER)
def list_codes(query: Annotated[PromoCodesQuery, Query()]) -> Response[PromoCodePage]:
    """List the store's promo codes, newest first."""
    store_id, cursors, books = api.caller().store_id, api.cursors(query), deps.books()
    found, place = list_promo_codes(books, store_id, query.limit, cursors.read(query.cursor))
    currency = read_settings(books, store_id).currency
    return answer(scenario_views.promo_code_page(found, cursors.make(place), currency, now()))


@api.route("POST", "/v1/promo-codes/<code>/redeem", Role.OPERATOR)
def redeem(code: GivenId, body: RedeemPromoCode = NO_ORDER) -> Response[PromoCode]:
    """Redeem a promo code, once."""
    who, request, books, at = api.caller(), api.request(body), deps.books(), now()
    currency = open_store(books.stores, who.store_id).currency
    promo, replayed = redeem_promo_code(books, who.store_id, code, redemption(body, who, request, at))
    return answer(scenario_views.promo_code(promo, currency, at), replayed=replayed)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Serve one request of API Gateway."""
    return api.resolve(event, context)
