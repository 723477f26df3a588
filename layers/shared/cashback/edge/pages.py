"""What the API says of itself: its OpenAPI document, which stands beside this module, and the page made from it."""

import json
from functools import cache
from pathlib import Path

from cashback.edge.api_reference import CONTENT_SECURITY_POLICY, api_reference

__all__ = ["CONTENT_SECURITY_POLICY", "openapi", "reference"]


@cache
def openapi() -> str:
    """The OpenAPI document of the API."""
    return Path(__file__).with_name("openapi.json").read_text(encoding="utf-8")


def reference() -> str:
    """The reference of the API, for people."""
    return api_reference(json.loads(openapi()))
