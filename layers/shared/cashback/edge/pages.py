"""What the API says of itself: its OpenAPI document, which stands beside this module, and the page made from it."""

import base64
import json
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:auto;padding:1rem}"
    "nav ul{columns:20rem;padding-left:1rem}"
    "code,.path{font-family:ui-monospace,monospace;overflow-wrap:anywhere}"
    "section{border-top:1px solid #8886;padding:.5rem 0}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;vertical-align:top;padding:.25rem .75rem .25rem 0;border-bottom:1px solid #8883}"
    ".method{font-weight:bold}"
    ".who{color:#777}"
)

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src 'sha256-"
    + base64.b64encode(sha256(STYLE.encode()).digest()).decode()
    + "'"
)
"""Allows this page's own style and nothing else: even a text of the document that were taken for markup could do
nothing."""


@cache
def openapi() -> str:
    """The OpenAPI document of the API."""
    return Path(__file__).with_name("openapi.json").read_text(encoding="utf-8")


def reference() -> str:
    """The reference of the API, for people."""
    from cashback.edge.api_reference import api_reference  # noqa: PLC0415 - no call of a store pays for it

    return api_reference(json.loads(openapi()), STYLE)
