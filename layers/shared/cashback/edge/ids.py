"""Ids and secrets that are made here, from the system's randomness."""

import base64
import secrets


def new_id(prefix: str, request: str | None) -> str:
    """Return an id: derived from the request where one can be repeated, so that repeating it finds the first."""
    if request is not None:
        return f"{prefix}_{request[:26]}"
    # Most calls make no id, and the import reads the metadata of a package.
    from ulid import ULID  # noqa: PLC0415

    return f"{prefix}_{str(ULID()).lower()}"


def new_api_key(store_id: str) -> str:
    """Return an API key of 160 random bits."""
    return f"cbk_{store_id}_{base64.b32encode(secrets.token_bytes(20)).decode().lower()}"


def new_webhook_secret(source: str) -> str:
    """Return a signing secret in the form that the source expects."""
    if source == "events":
        return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
    return secrets.token_hex(32)


def new_deployment_key() -> bytes:
    """Return a key for cursors or for hashes."""
    return secrets.token_bytes(32)
