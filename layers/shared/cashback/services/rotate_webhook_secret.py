"""Give a source of a store another signing secret; the one it had goes on signing until told otherwise."""

from cashback.domain.audit import Act, Origin
from cashback.domain.times import Instant
from cashback.services.books import Registry
from cashback.services.close_store import open_store


def rotate_webhook_secret(
    registry: Registry, store_id: str, source: str, secret: str, origin: Origin, now: Instant, *, keep_previous: bool
) -> None:
    """Make ``secret`` the current one of a source, and keep the one before it unless told otherwise.

    :raises NotFound: no such store.
    :raises StateConflict: another rotation was faster, or the store is closed.
    """
    open_store(registry.stores, store_id)
    write = registry.secrets.rotated(store_id, source, secret, keep_previous=keep_previous)
    registry.stores.act(store_id, Act("webhook_secret_rotated", source, now, origin), write)
