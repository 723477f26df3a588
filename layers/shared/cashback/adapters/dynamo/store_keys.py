"""Keys of stores: the directory, settings, secrets, API keys, endpoints and what is sent there, answers, the audit."""

from cashback.adapters.dynamo.keys import Key, escape, partition

STORES = "STORES"


def store(store_id: str) -> Key:
    """A store in the directory."""
    return Key(STORES, store_id)


def settings(store: str, version: int | None = None) -> Key:
    """The current settings, or one version of their history."""
    return Key(partition(store, "CFG"), "SETTINGS" if version is None else f"SETTINGS#{version:08d}")


def closing(store: str) -> Key:
    """How far the erasure of a closed store is."""
    return Key(partition(store, "CFG"), "CLOSING")


def delay(store: str) -> Key:
    """How far behind the store's events were when one was last late."""
    return Key(partition(store, "CFG"), "DELAY")


def birthdays_done(store: str) -> Key:
    """Until which date the birthdays of a store are done."""
    return Key(partition(store, "CFG"), "BIRTHDAYS")


def webhook_secrets(store: str) -> str:
    """Partition of a store's encrypted signing secrets."""
    return partition(store, "SEC")


def webhook_secret(store: str, source: str) -> Key:
    """The encrypted signing secrets of one source."""
    return Key(webhook_secrets(store), source)


def keys_of_store(store: str) -> str:
    """Partition of a store's own view of its API keys."""
    return partition(store, "KEYS")


def key_of_store(store: str, api_key_id: str) -> Key:
    """One API key as its store sees it: everything but the key."""
    return Key(keys_of_store(store), f"KEY#{escape(api_key_id)}")


def key_guard(store: str) -> Key:
    """Revision of the set of keys, so that two deletions cannot both leave the other as the last admin."""
    return Key(keys_of_store(store), "GUARD")


def api_key(digest: str) -> Key:
    """An API key, found by its hash; the key itself is nowhere stored."""
    return Key(f"K#{digest}", "KEY")


def endpoints(store: str) -> str:
    """Partition of the addresses that a store's events are sent to."""
    return partition(store, "HOOK")


def endpoint(store: str, endpoint_id: str) -> Key:
    """One of them."""
    return Key(endpoints(store), escape(endpoint_id))


def deliveries(store: str) -> str:
    """Partition of what is sent there; the ids begin with a time."""
    return partition(store, "DLV")


def delivery(store: str, delivery_id: str) -> Key:
    """One event on its way to one address."""
    return Key(deliveries(store), escape(delivery_id))


def notice(store: str, event_id: str) -> Key:
    """That somebody was, or is being, told of an event."""
    return Key(partition(store, "NTF"), escape(event_id))


def answer(store: str, request_hash: str) -> Key:
    """The first answer to a request about many things."""
    return Key(partition(store, "REQUEST", escape(request_hash)), "ANSWER")


def audit(store_id: str, at: str, act_id: str) -> Key:
    """One line of the audit of admin acts, by month."""
    return Key(audit_month(store_id, at[:7]), f"{at}#{act_id}")


def audit_month(store_id: str, month: str) -> str:
    """Partition of the audit of one month, as in ``2026-11``."""
    return partition(store_id, "AUDIT", month)


def data_request(store_id: str, request_id: str) -> Key:
    """That a person's request for their data was written into the audit."""
    return Key(partition(store_id, "AUDIT"), f"DATA_REQUEST#{escape(request_id)}")


def redact_request(store_id: str, shop_domain: str) -> Key:
    """That a shop's request to forget all its customers was written into the audit."""
    return Key(partition(store_id, "AUDIT"), f"REDACT_REQUEST#{escape(shop_domain)}")
