"""The reference of the API as one page of HTML, from its OpenAPI document: no script, nothing from anywhere else."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

type Schema = Mapping[str, Any]

_METHODS: Final = ("get", "post", "put", "patch", "delete")
_LIMITS: Final = (
    "format",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "default",
)


def api_reference(document: Schema, style: str) -> str:
    """Return the page in a style. Every text of the document is escaped."""
    operations = list(_operations(document))
    schemas = document["components"]["schemas"]
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<title>{escape(document['info']['title'])} API</title><style>{style}</style></head><body>",
        f"<h1>{escape(document['info']['title'])} API {escape(document['info']['version'])}</h1>",
        f"<p>{escape(document['info'].get('description', ''))}</p>",
        '<p>As a document for tools: <a href="openapi.json">openapi.json</a></p>',
        "<nav><h2>Operations</h2><ul>",
        *(
            f'<li><a href="#{_anchor(one)}"><span class="method">{method.upper()}</span> '
            f'<span class="path">{escape(path)}</span></a></li>'
            for path, method, one in operations
        ),
        "</ul></nav><main>",
        *(_operation(path, method, one) for path, method, one in operations),
        "<h2>Schemas</h2>",
        *(_component(name, schema) for name, schema in sorted(schemas.items())),
        "</main></body></html>",
    ]
    return "".join(parts)


def _operations(document: Schema) -> Iterator[tuple[str, str, Schema]]:
    for path, item in sorted(document["paths"].items()):
        for method in _METHODS:
            if method in item:
                yield path, method, item[method]


def _anchor(operation: Schema) -> str:
    return f"operation-{escape(operation['operationId'])}"


def _operation(path: str, method: str, operation: Schema) -> str:
    security = [scheme for option in operation.get("security", []) for scheme in option]
    role = operation.get("x-required-role")
    who = f"{', '.join(security)}{f', at least {role}' if role else ''}" if security else "open to everyone"
    name = f'<span class="method">{method.upper()}</span> <span class="path">{escape(path)}</span>'
    parts = [
        f'<section id="{_anchor(operation)}"><h3>{name}</h3>',
        f"<p>{escape(operation.get('summary', ''))}</p>",
        f"<p>{escape(operation['description'])}</p>" if "description" in operation else "",
        f'<p class="who">Who may call it: {escape(who)}</p>',
    ]
    parameters = operation.get("parameters", [])
    if parameters:
        parts.append(_table(("Parameter", "in", "what"), map(_parameter, parameters)))
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        parts.append(f"<p>Body, <code>{escape(media)}</code>: {_kind(content['schema'])}</p>")
    parts.append(_table(("Answer", "what", "body"), map(_answer, operation["responses"].items())))
    return "".join([*parts, "</section>"])


def _parameter(parameter: Schema) -> tuple[str, str, str]:
    name = f"<code>{escape(parameter['name'])}</code>{'' if parameter.get('required') else ' (optional)'}"
    about = (escape(parameter.get("description", "")), _kind(parameter["schema"]))
    return name, escape(parameter["in"]), "<br>".join(filter(None, about))


def _answer(answer: tuple[str, Schema]) -> tuple[str, str, str]:
    status, response = answer
    if "$ref" in response:
        return escape(status), "a problem", '<a href="#schema-Problem">Problem</a>'
    content = response.get("content", {})
    bodies = (f"<code>{escape(media)}</code>: {_kind(one.get('schema', {}))}" for media, one in content.items())
    return escape(status), escape(response.get("description", "")), "<br>".join(bodies)


def _component(name: str, schema: Schema) -> str:
    head = f'<section id="schema-{escape(name)}"><h3>{escape(name)}</h3><p>{escape(schema.get("description", ""))}</p>'
    required = schema.get("required", ())
    rows = [
        (
            f"<code>{escape(field)}</code>{'' if field in required else ' (optional)'}",
            _kind(about),
            escape(about.get("description", "")) if isinstance(about, Mapping) else "",
        )
        for field, about in schema.get("properties", {}).items()
    ]
    body = _table(("Field", "type", "what"), rows) if rows else f"<p>{_kind(schema)}</p>"
    return f"{head}{body}</section>"


def _kind(schema: Schema | bool) -> str:
    """Return what a value may be, in a few words."""
    if isinstance(schema, bool):
        return "anything" if schema else "nothing"
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#schema-{name}">{name}</a>'
    for words in ("anyOf", "oneOf", "allOf"):
        if words in schema:
            return " or ".join(map(_kind, schema[words]))
    if "enum" in schema:
        return " or ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if "const" in schema:
        return f"<code>{escape(str(schema['const']))}</code>"
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {_kind(schema.get('items', {}))}{_limits(schema)}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"map of {_kind(schema['additionalProperties'])}"
    return escape(kind if isinstance(kind, str) else " or ".join(kind)) + _limits(schema)


def _limits(schema: Schema) -> str:
    return "".join(f", {name} <code>{escape(str(schema[name]))}</code>" for name in _LIMITS if name in schema)


def _table(heads: tuple[str, ...], rows: Any) -> str:
    head = "".join(f"<th>{name}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
