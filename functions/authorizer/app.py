"""API Gateway asks whom an API key belongs to."""

from typing import Any

from cashback.edge import deps
from cashback.edge.authorizer import authorize
from cashback.edge.clients import HURRIED, calls_begin_within
from cashback.edge.clock import now

deps.at_start(deps.api_keys)


@calls_begin_within(HURRIED)
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer with the key's store, id and role, or refuse."""
    return authorize(event, deps.api_keys(), now())
