"""Ids, and secrets from the system's randomness."""

import base64
import secrets

from cashback.domain.names import EVENTS


def new_id(prefix: str, request_hash: str) -> str:
    """Return the id of what a request makes: repeating the request finds the same."""
    return f"{prefix}_{request_hash[:26]}"


def new_api_key(store_id: str) -> str:
    """Return an API key of 160 random bits."""
    return f"cbk_{store_id}_{base64.b32encode(secrets.token_bytes(20)).decode().lower()}"


def new_webhook_secret(source: str) -> str:
    """Return a signing secret in the form that the source expects."""
    if source == EVENTS:
        return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
    return secrets.token_hex(32)


def new_deployment_key() -> bytes:
    """Return a key for cursors or for hashes."""
    return secrets.token_bytes(32)
