"""A cursor is good for its own list alone, on every route that has one. The routes come from the documentation, so that
a new list is tested here or fails here."""

import base64
import importlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

from cashback.adapters.deployment_keys import DeploymentKeyStore
from cashback.edge.cursors import Cursors, scope_of
from dev.client import Store
from dev.openapi import FUNCTIONS
from dev.project import STACK_NAME
from tests.e2e.full_store import CALLS, FullStore, Operation, ask, named, parts_of, queried
from tests.e2e.shop import problem

pytestmark = pytest.mark.row("S24", "77", "P18")

ORDERS = ("GET", "/v1/orders")
EXPORT = ("GET", "/v1/customers/{customer_id}/export")
MEBIBYTE = 1_048_576

LISTS = [operation for operation in CALLS if "cursor" in queried(operation)]
FILTERS = {
    "status": None,
    "type": None,
    "outcome": None,
    "customer_id": "4711",
    "webhook_endpoint_id": "whe_4711",
    "from": "2020-01-01T00:00:00Z",
    "to": "2050-01-01T00:00:00Z",
    "include_zero": "true",
    "q": "mug",
}
"""A value for every filter that a list may have; None stands for the first of its documented ones."""


@pytest.fixture(scope="module")
def cursors(full_store: FullStore) -> Mapping[Operation, str]:
    """The cursor of every list's second page."""
    return {operation: second_page(full_store, full_store.shop.store, operation) for operation in LISTS}


def smallest(operation: Operation) -> str:
    """The smallest page of a list, as a query: those of payouts and their requests have four sizes."""
    limit = queried(operation).get("limit", {})
    return f"?limit={limit.get('minimum', min(limit.get('enum', [0])))}" if limit else "?"


def second_page(full_store: FullStore, store: Store, operation: Operation, query: str = "") -> str:
    if operation == EXPORT:
        return of_export(full_store, store, int(datetime.now(UTC).timestamp()))
    found = ask(store, operation, full_store.ids, smallest(operation) + query).expect(200)["next_cursor"]
    assert isinstance(found, str), f"{named(operation)} has one page only: furnish the full_store with more of it"
    return found


def of_export(full_store: FullStore, store: Store, now: int) -> str:
    """A cursor as the stack makes them: it takes megabytes for an export to have a second page."""
    keys = DeploymentKeyStore(full_store.shop.stack.client("ssm"), f"/{STACK_NAME}/keys").read()
    scope = scope_of(store.store_id, EXPORT[1].format(**full_store.ids), {})
    made = Cursors(lambda: keys.cursor, scope, now).make(f"{full_store.ids['customer_id']}|orders|")
    assert made is not None
    return made


def broken(cursor: str) -> dict[str, str]:
    """A cursor with one thing wrong."""
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    bits = {
        f"bit {bit} flipped": raw[: bit // 8] + bytes([raw[bit // 8] ^ (1 << bit % 8)]) + raw[bit // 8 + 1 :]
        for bit in (0, 255, 256, len(raw) * 4, len(raw) * 8 - 1)
    }
    cut = {f"cut to {n}": cursor[:n] for n in (0, 1, 43, len(cursor) // 2, len(cursor) - 4, len(cursor) - 1)}
    return {
        **{what: base64.urlsafe_b64encode(changed).decode().rstrip("=") for what, changed in bits.items()},
        **cut,
        "lengthened": f"{cursor}AAAA",
        "twice": cursor * 2,
        "padded": f"{cursor}%3D",
        "random": "Zm9vYmFyYmF6cXV4",
        "not ASCII": "%C3%A9",
        "no base64": "!!!!",
        "long": "A" * 60_000,
    }


def refused(ids: Mapping[str, str], store: Store, operation: Operation, query: str, what: str) -> None:
    answer = ask(store, operation, ids, smallest(operation) + query)
    assert problem(answer, 400)["code"] == "page_token_invalid", (what, answer.body)


@pytest.mark.parametrize("operation", LISTS, ids=named)
def test_a_cursor_goes_on_where_its_list_stopped(
    full_store: FullStore, cursors: Mapping[Operation, str], operation: Operation
) -> None:
    """So that what is refused below is refused for what is wrong with it."""
    query = f"{smallest(operation)}&cursor={cursors[operation]}"
    assert ask(full_store.shop.store, operation, full_store.ids, query).status == 200


@pytest.mark.parametrize("operation", LISTS, ids=named)
def test_a_cursor_that_was_tampered_with_is_refused(
    full_store: FullStore, cursors: Mapping[Operation, str], operation: Operation
) -> None:
    for what, bad in broken(cursors[operation]).items():
        refused(full_store.ids, full_store.shop.store, operation, f"&cursor={bad}", what)


@pytest.mark.parametrize("operation", LISTS, ids=named)
def test_a_cursor_of_another_route_is_refused(
    full_store: FullStore, cursors: Mapping[Operation, str], operation: Operation
) -> None:
    for other, cursor in cursors.items():
        if other != operation:
            refused(full_store.ids, full_store.shop.store, operation, f"&cursor={cursor}", named(other))


@pytest.mark.parametrize("operation", LISTS, ids=named)
def test_a_cursor_of_another_stores_same_list_is_refused(
    full_store: FullStore, twin: Store, cursors: Mapping[Operation, str], operation: Operation
) -> None:
    refused(full_store.ids, twin, operation, f"&cursor={cursors[operation]}", "of the full_store")


@pytest.mark.parametrize("operation", LISTS, ids=named)
def test_a_cursor_of_other_filters_is_refused(
    full_store: FullStore, cursors: Mapping[Operation, str], operation: Operation
) -> None:
    for name, schema in queried(operation).items():
        if name not in {"limit", "cursor"}:
            value = FILTERS[name] or schema["enum"][0]
            refused(
                full_store.ids, full_store.shop.store, operation, f"&{name}={value}&cursor={cursors[operation]}", name
            )


def test_a_cursor_of_a_filter_is_refused_without_it_and_with_another(full_store: FullStore) -> None:
    store = full_store.shop.store
    cursor = second_page(full_store, store, ORDERS, "&status=processed")
    assert ask(store, ORDERS, full_store.ids, f"{smallest(ORDERS)}&status=processed&cursor={cursor}").status == 200
    refused(full_store.ids, store, ORDERS, f"&cursor={cursor}", "without its filter")
    refused(full_store.ids, store, ORDERS, f"&status=pending&cursor={cursor}", "with another filter")


@pytest.mark.parametrize("operation", [one for one in LISTS if parts_of(one[1])], ids=named)
def test_a_cursor_of_the_list_of_another_is_refused(
    full_store: FullStore, cursors: Mapping[Operation, str], operation: Operation
) -> None:
    for name in parts_of(operation[1]):
        ids = {**full_store.ids, name: "4711"}
        refused(ids, full_store.shop.store, operation, f"&cursor={cursors[operation]}", name)


def test_a_cursor_is_good_for_a_day(full_store: FullStore) -> None:
    now = datetime.now(UTC)
    old = of_export(full_store, full_store.shop.store, int((now - timedelta(days=1, seconds=1)).timestamp()))
    refused(full_store.ids, full_store.shop.store, EXPORT, f"&cursor={old}", "a day old")
    young = of_export(full_store, full_store.shop.store, int((now - timedelta(hours=23)).timestamp()))
    assert ask(full_store.shop.store, EXPORT, full_store.ids, f"?cursor={young}").status == 200


@pytest.mark.parametrize("operation", LISTS, ids=named)
def test_a_cursor_of_a_mebibyte_is_refused(full_store: FullStore, operation: Operation) -> None:
    """Past the gateway, which takes no such address."""
    (function,) = [name for name in FUNCTIONS if operation in served_by(name)]
    method, template = operation
    caller = {"store_id": full_store.shop.store.store_id, "api_key_id": "key_none", "role": "admin"}
    answer = full_store.shop.stack.invoke(
        function,
        {
            "httpMethod": method,
            "path": template.format(**full_store.ids),
            "headers": {"content-type": "application/json", "idempotency-key": "long"},
            "multiValueQueryStringParameters": {"cursor": ["A" * MEBIBYTE]},
            "requestContext": {"requestId": "by-hand", "authorizer": caller},
            "body": json.dumps(CALLS[operation].body) if CALLS[operation].body else None,
        },
    )
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (400, "page_token_invalid")


@cache
def served_by(function: str) -> set[Operation]:
    """The routes of a function, as they are documented."""
    routes = importlib.import_module(f"functions.{function}.app").api.routes
    return {(route.method, route.rule.replace("<", "{").replace(">", "}")) for route in routes}
