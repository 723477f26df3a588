"""The other entrance of docs/openapi.json: webhooks of the shops, at an address of their own and without a resolver.

A path for each source, because each signs in its own way. These are calls that shops make to us, so they are paths and
not OpenAPI's ``webhooks``, which are calls that we would make.
"""

import json
from typing import Any, Final

from cashback.domain.names import EVENTS, SHOPIFY, SOURCES, STORE_ID, WOOCOMMERCE
from cashback.domain.news import MAX_BODY
from cashback.edge.problems import PROBLEM_JSON
from cashback.storefronts.signatures import TOLERANCE
from dev.project import ROOT

CONTRACT: Final = ROOT / "docs" / "events.schema.json"
"""The source of the schemas of ``events``."""

EVENT: Final = "Event"
"""What the whole contract is called among the components; its parts are ``event.<name>``."""

_DEFINED: Final = "#/$defs/"
_COMPONENT: Final = "#/components/schemas/"
_BASE64: Final = r"^[A-Za-z0-9+/]+={0,2}$"

Schema = dict[str, Any]

REFUSALS: Final = {
    "400": "Not the bytes that were announced",
    "401": "No valid signature, or no such store",
    "413": f"More than {MAX_BODY} bytes, or more than a message of the queue holds once it is compressed",
    "415": "A content encoding",
    "503": "Out of reach for now: send it again after Retry-After seconds",
}

SIGNED: Final = {
    SHOPIFY: "Base64 of the HMAC-SHA256 of the raw body under the app's client secret.",
    WOOCOMMERCE: "Base64 of the HMAC-SHA256 of the raw body under the webhook's secret.",
    EVENTS: (
        "Standard Webhooks: `v1,` and the base64 of the HMAC-SHA256 of `<webhook-id>.<webhook-timestamp>.<raw body>`;"
        " more than one, separated by spaces, while the secret is rotated."
    ),
}

BODIES: Final = {
    SHOPIFY: "A resource of Shopify's Admin REST API, as its webhooks send it.",
    WOOCOMMERCE: "A resource of WooCommerce's REST API, as its webhooks send it.",
}


def paths() -> Schema:
    """The path of each source."""
    url = {"url": "{webhook_url}", "variables": {"webhook_url": {"default": "https://webhooks.example.com"}}}
    return {f"/webhooks/{{store_id}}/{source}": {"servers": [url], "post": operation(source)} for source in SOURCES}


def schemas() -> Schema:
    """The contract of ``events``, cut into components."""
    contract = json.loads(CONTRACT.read_text())
    whole = {"title": EVENT, "description": contract["description"], "oneOf": contract["oneOf"]}
    mapping = {name: f"{_DEFINED}{name}" for name in (part["$ref"].removeprefix(_DEFINED) for part in whole["oneOf"])}
    discriminator = {"propertyName": "type", "mapping": moved(mapping)}
    parts = {component(name): moved(schema) for name, schema in contract["$defs"].items()}
    return {EVENT: {**moved(whole), "discriminator": discriminator}, **parts}


def component(name: str) -> str:
    """What a part of the contract is called among the components."""
    return f"event.{name}"


def moved(schema: Any) -> Any:
    """The same schema, with references to where the parts of the contract are in the document."""
    if isinstance(schema, dict):
        return {name: moved(part) for name, part in schema.items()}
    if isinstance(schema, list):
        return [moved(part) for part in schema]
    if isinstance(schema, str) and schema.startswith(_DEFINED):
        return _COMPONENT + component(schema.removeprefix(_DEFINED))
    return schema


def operation(source: str) -> Schema:
    """How a source delivers."""
    schema = {"$ref": _COMPONENT + EVENT} if source == EVENTS else {"type": "object", "description": BODIES[source]}
    accepted = {"type": "object", "required": ["status"], "properties": {"status": {"const": "accepted"}}}
    problem = {PROBLEM_JSON: {"schema": {"$ref": f"{_COMPONENT}Problem"}}}
    content: Schema = {"application/json": {"schema": schema}}
    if source == WOOCOMMERCE:
        ping = {"type": "object", "required": ["webhook_id"], "properties": {"webhook_id": {"type": "integer"}}}
        why = "The ping when a webhook is activated; nobody signs it."
        content["application/x-www-form-urlencoded"] = {"schema": {**ping, "description": why}}
    return {
        "summary": f"Deliver an event of the source {source}.",
        "description": "Authenticated by the signature of the raw body. What it says is decided later: business"
        " problems, malformed JSON included, are never errors here.",
        "operationId": f"deliver_{source}",
        "tags": ["webhooks"],
        "security": [],
        "parameters": [store(), *headers(source)],
        "requestBody": {"required": True, "content": content},
        "responses": {
            "200": {"description": "Accepted", "content": {"application/json": {"schema": accepted}}},
            **{status: {"description": why, "content": problem} for status, why in REFUSALS.items()},
        },
    }


def store() -> Schema:
    """Whose event it is: the signature must be by a secret of this store."""
    return {
        "name": "store_id",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "pattern": f"^{STORE_ID}$"},
    }


def headers(source: str) -> list[Schema]:
    """The headers that a source is verified by, and its hints, which nobody signs."""
    if source == SHOPIFY:
        return [
            header("X-Shopify-Hmac-Sha256", SIGNED[source], _BASE64, required=True),
            header("X-Shopify-Topic", "A hint, needed where the body is nothing but an id."),
            header("X-Shopify-Webhook-Id", "Stands in the log."),
        ]
    if source == WOOCOMMERCE:
        return [
            header("X-WC-Webhook-Signature", f"{SIGNED[source]} Of the ping there is none.", _BASE64),
            header("X-WC-Webhook-Topic", "A hint, needed where the body is nothing but an id."),
            header("X-WC-Webhook-Delivery-ID", "Stands in the log."),
        ]
    seconds = f"Seconds since 1970; more than {TOLERANCE} away from now it is refused."
    return [
        header("webhook-id", "Of the message, without a full stop.", r"^[^.]+$", required=True),
        header("webhook-timestamp", seconds, r"^[0-9]{1,12}$", required=True),
        header("webhook-signature", SIGNED[source], required=True),
    ]


def header(name: str, why: str, pattern: str | None = None, *, required: bool = False) -> Schema:
    """One header."""
    schema = {"type": "string"} | ({"pattern": pattern} if pattern else {})
    return {"name": name, "in": "header", "description": why, "required": required, "schema": schema}
