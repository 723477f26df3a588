"""docs/openapi.json, from the handlers themselves: `PYTHONPATH=layers/shared python -m dev.openapi` writes it, with
`--print` it shows it.

The functions register their routes without answers' models, which a cold start has no use for; here the same handlers
are registered once more, with everything that readers want to know.
"""

import importlib
import json
import sys
from collections.abc import Iterator
from typing import Any, Final, get_args, get_type_hints

from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.event_handler.openapi.models import Server
from pydantic import BaseModel

from cashback.edge import exports, group_job_views, group_views
from cashback.edge.http import Api, Page, Route
from cashback.edge.models import Problem
from cashback.edge.problems import PROBLEM_JSON
from dev import openapi_webhooks
from dev.project import ROOT

DOCUMENT: Final = ROOT / "docs" / "openapi.json"
FUNCTIONS: Final = (
    "settings_api",
    "orders_api",
    "customers_api",
    "groups_api",
    "scenarios_api",
    "payouts_api",
    "platform_api",
)

ERRORS: Final = {
    400: "The request cannot be read: JSON, a header or a cursor",
    401: "No valid API key",
    403: "Not with this key's role, or no such route",
    404: "Not there, or another store's",
    409: "In conflict with the state, or with an earlier call of the same Idempotency-Key",
    413: "More than 1 MiB, or 5 MiB of a file",
    415: "Not a content type that the route takes",
    422: "Readable, but not valid; `errors` names the fields",
    429: "Too many requests",
    500: "A failure of ours",
    503: "Out of reach for now: repeat the same call after Retry-After seconds",
}
COLUMNS: Final = {
    "TransactionPage": exports.COLUMNS,
    "GroupMemberPage": group_views.COLUMNS,
    "GroupJobResultPage": group_job_views.COLUMNS,
}
"""Of each page that is also served as CSV."""

TABLE: Final = (
    "UTF-8 with CRLF, a header on every page, and 5,000 rows a page where no `limit` is asked for (less where they are"
    " long). Columns: {columns}. Amounts are numbers, negative ones too; every other cell is quoted, and"
    " begins with `'` where a spreadsheet would take it for a formula."
)
FILES: Final = {
    "/v1/groups/<group_id>/members": "UTF-8, at most 5 MiB and 100,000 rows; the header names customer_id, email or "
    "phone (in this order where there are several), other columns are left alone",
    "/v1/payouts/reconcile": "UTF-8, at most 1,000 rows; the header names reference, payout_id, amount, currency, "
    "status and occurred_at, in any order and nothing else",
}
"""What files look like, by the rule of the route that takes them."""
OPEN_PAGES: Final = {"application/json": "object", "text/html": "string"}
"""What the bodies of open pages are, by their content type."""

_ONLY_OF_WRITES: Final = frozenset({409, 413, 415})
"""A body that a route has no use for is looked at all the same."""

Schema = dict[str, Any]


def document() -> str:
    """The whole document, as it is committed."""
    return json.dumps(build(), indent=2, sort_keys=True) + "\n"


def build() -> Schema:
    """The paths and schemas of all functions."""
    paths: Schema = {}
    schemas: Schema = {}
    for name in FUNCTIONS:
        api: Api = importlib.import_module(f"functions.{name}.app").api
        part = of_function(api)
        paths |= part["paths"] | {rule: page(one) for rule, one in api.pages.items()}
        for model, schema in part["components"]["schemas"].items():
            if schemas.setdefault(model, schema) != schema:
                raise ValueError(f"two models are called {model}")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Cashback",
            "version": "1.0.0",
            "description": "Amounts are texts with exactly the decimals of the store's currency; times are RFC 3339.",
        },
        "servers": [{"url": "{api_url}", "variables": {"api_url": {"default": "https://api.example.com"}}}],
        "paths": {**paths, **openapi_webhooks.paths()},
        "components": {
            "schemas": {**schemas, **problem_schemas(), **openapi_webhooks.schemas()},
            "responses": {
                f"Problem{status}": {
                    "description": why,
                    "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
                }
                for status, why in ERRORS.items()
            },
            "securitySchemes": {
                "api_key": {"type": "http", "scheme": "bearer", "description": "cbk_<store>_<secret>"},
                "aws_iam": {
                    "type": "apiKey",
                    "name": "Authorization",
                    "in": "header",
                    "description": "AWS Signature Version 4 of the service execute-api",
                },
            },
        },
    }


def of_function(api: Api) -> Schema:
    """The document of one function's routes."""
    resolver = APIGatewayRestResolver(enable_validation=True)
    for route in api.routes:
        resolver.route(
            route.rule,
            route.method,
            status_code=route.status,
            summary=summary(route),
            operation_id=operation_id(route),
            tags=[route.rule.split("/")[2]],
            responses=answer(route),
        )(route.handler)
    text = resolver.get_openapi_json_schema(
        title="Cashback", version="1.0.0", openapi_version="3.1.0", servers=[Server(url="/")]
    )
    part: Schema = json.loads(text)
    for route in api.routes:
        path = route.rule.replace("<", "{").replace(">", "}")
        describe(part["paths"][path][route.method.lower()], route)
    schemas = part["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError", "ResponseValidationError"):
        schemas.pop(unused, None)
    for query in [name for name in schemas if name.endswith("Query")]:
        del schemas[query]
    forget_unsent(part)
    return part


def page(one: Page) -> Schema:
    """A page that needs no key."""
    media = one.content_type.partition(";")[0]
    done = {"description": one.summary, "content": {media: {"schema": {"type": OPEN_PAGES[media]}}}}
    problems = {str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in (403, 429, 500, 503)}
    return {
        "get": {
            "operationId": one.rule.strip("/").replace("/", "_").replace(".", "_"),
            "summary": one.summary,
            "tags": ["docs"],
            "security": [],
            "responses": {"200": done, **problems},
        }
    }


def problem_schemas() -> Schema:
    """The form of every error."""
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    forget_unsent(schema)
    return {**schema.pop("$defs"), "Problem": schema}


def summary(route: Route) -> str:
    """The first line of the handler's docstring."""
    return (route.handler.__doc__ or "").strip().splitlines()[0]


def operation_id(route: Route) -> str:
    """The handler's name, which the operator's and the stores' functions may share."""
    name = route.handler.__name__
    return name if route.role else f"platform_{name}"


def answer(route: Route) -> dict[int, Any]:
    """What a route answers when all is well."""
    model, is_table = answered(route)
    if model is None:
        return {route.status: {"description": "Done"}}
    content: Schema = {"application/json": {"model": model}}
    if is_table:
        columns = ", ".join(COLUMNS[model.__name__])
        content["text/csv"] = {"schema": {"type": "string", "description": TABLE.format(columns=columns)}}
    described = {"description": (model.__doc__ or "").strip(), "content": content}
    return dict.fromkeys(statuses(route), described)


def answered(route: Route) -> tuple[type[BaseModel] | None, bool]:
    """The model of a route's answer, and whether it answers with CSV too, which is a text."""
    (found,) = get_args(get_type_hints(route.handler)["return"])
    options = get_args(found) or (found,)
    models = [option for option in options if isinstance(option, type) and issubclass(option, BaseModel)]
    return (models[0] if models else None), str in options


def statuses(route: Route) -> list[int]:
    """The statuses of a route's answers when all is well."""
    return [route.status, *([201] if route.creates else []), *([202] if route.defers else [])]


def problems(route: Route) -> Schema:
    """Every problem that a route may answer with."""
    return {
        str(status): {"$ref": f"#/components/responses/Problem{status}"}
        for status in ERRORS
        if route.method != "GET" or status not in _ONLY_OF_WRITES
    }


def describe(operation: Schema, route: Route) -> None:
    """Add what the resolver does not know: headers, security, the role, and what queries may hold."""
    done = {str(status): operation["responses"][str(status)] for status in statuses(route)}
    if route.status == 204:
        del done["204"]["content"]
    operation["responses"] = {**done, **problems(route)}
    operation["security"] = [{"aws_iam": []} if route.role is None else {"api_key": []}]
    if route.role is not None:
        operation["x-required-role"] = route.role.value
    query = get_type_hints(route.handler).get("query")
    fields = query.model_json_schema(by_alias=True)["properties"] if query is not None else {}
    definitions = query.model_json_schema(by_alias=True).get("$defs", {}) if query is not None else {}
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "query":
            parameter["schema"] = inlined(fields[parameter["name"]], definitions)
    operation["parameters"] = [*operation.get("parameters", []), *headers(route)]
    if answered(route)[1]:
        link = {"description": "Of CSV: the next page, relative to this one", "schema": {"type": "string"}}
        operation["responses"]["200"]["headers"] = {"Link": link}
    if route.takes_csv:
        operation["requestBody"]["content"]["text/csv"] = {
            "schema": {"type": "string", "description": FILES[route.rule]}
        }
        operation["requestBody"]["required"] = True


def inlined(schema: Schema, definitions: Schema) -> Schema:
    """The schema of a query's parameter, without its null: a parameter that is null is not sent."""
    options = [option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]
    chosen: Schema = {**options[0]} if len(options) == 1 else {"anyOf": options}
    if "$ref" in chosen:
        chosen = {**definitions[chosen["$ref"].rpartition("/")[2]]}
    if schema.get("default") is not None:
        chosen["default"] = schema["default"]
    return {name: value for name, value in chosen.items() if name not in {"title", "description"}}


def headers(route: Route) -> Iterator[Schema]:
    """The headers that a route reads."""
    yield header("X-Actor", "The person behind the key; kept with its id", r"^[!-~]([ -~]{0,98}[!-~])?$")
    if answered(route)[1]:
        yield header("Accept", "text/csv for CSV; anything else is JSON", r"^.{0,1000}$")
    if route.method == "POST":
        why = "The same call again gets the first answer"
        yield header("Idempotency-Key", why, r"^[!-~]{1,255}$", required=route.needs_key)
    if route.needs_version:
        yield header("If-Match", "The version that GET answered", r'^"?[0-9]{1,9}"?$', required=True)


def header(name: str, why: str, pattern: str, *, required: bool = False) -> Schema:
    """One header."""
    return {
        "name": name,
        "in": "header",
        "description": why,
        "required": required,
        "schema": {"type": "string", "pattern": pattern},
    }


def forget_unsent(schema: Any) -> None:
    """Leave out defaults of null: they stand for "not sent", which is what a missing field is anyway."""
    if isinstance(schema, dict):
        if "default" in schema and schema["default"] is None:
            del schema["default"]
        for part in schema.values():
            forget_unsent(part)
    elif isinstance(schema, list):
        for part in schema:
            forget_unsent(part)


def main() -> None:
    """Write the document, or print it."""
    if "--print" in sys.argv[1:]:
        sys.stdout.write(document())
        return
    DOCUMENT.write_text(document())


if __name__ == "__main__":
    main()
