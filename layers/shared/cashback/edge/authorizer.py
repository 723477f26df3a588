"""The API's TOKEN authorizer: an API key in, its store, key id and role out.

Imports neither pydantic nor a resolver: it stands before every cold call.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from cashback.domain.api_keys import API_KEY, expired
from cashback.domain.times import Instant

if TYPE_CHECKING:
    from cashback.adapters.dynamo.api_keys import ApiKeys

_HEADER: Final = re.compile(rf"[Bb]earer ({API_KEY.pattern})", re.ASCII)


def authorize(event: Mapping[str, Any], keys: "ApiKeys", now: Instant) -> dict[str, Any]:
    """Return the policy and context of a request's key.

    The policy covers the whole stage, because its cached answer serves the next route too; what a role may do is
    checked where the route is served. A table out of reach is a crash: API Gateway then answers 500 and nobody is
    let in.

    :raises Exception: "Unauthorized", which API Gateway answers with 401, for a key that opens nothing.
    """
    header = _HEADER.fullmatch(event.get("authorizationToken") or "")
    bearer = keys.bearer(header.group(1)) if header else None
    if bearer is None or expired(bearer.expires_at, now):
        raise Exception("Unauthorized")  # noqa: TRY002  # the very text is API Gateway's protocol
    return {
        "principalId": bearer.api_key_id,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": _stage(event["methodArn"])}],
        },
        "context": {"store_id": bearer.store_id, "api_key_id": bearer.api_key_id, "role": bearer.role},
    }


def _stage(method_arn: str) -> str:
    """Return everything of the API's stage that a method belongs to: ``<api arn>/<stage>/*``."""
    api, stage, *_ = method_arn.split("/")
    return f"{api}/{stage}/*"
