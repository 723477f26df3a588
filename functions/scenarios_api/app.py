"""Scenarios, their tasks and figures, and promo codes."""

from typing import Any


def handler(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer a request of API Gateway."""
    return {"statusCode": 200}
