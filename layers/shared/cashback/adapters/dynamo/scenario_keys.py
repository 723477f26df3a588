"""Keys of scenarios, of their tasks and what those watch, and of promo codes."""

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.keys import Key, escape, partition, unescape

ONCE = "ONCE#"

WATCH = "WATCH#"


def scenario(store: str, scenario_id: str) -> Key:
    """A scenario."""
    return Key(partition(store, "SCN", escape(scenario_id)), "SCENARIO")


def catalogue(store: str) -> Key:
    """The scenarios that deliveries must know of: right before the settings, so that one query reads both."""
    return Key(partition(store, "CFG"), "SCENARIOS")


def task(store: str, task_id: str) -> Key:
    """A task of a scenario."""
    return Key(partition(store, "T", escape(task_id)), "TASK")


def once_per_customer(store: str, customer_id: str, scenario_id: str) -> Key:
    """That a scenario was started for a customer."""
    return Key(keys.customer(store, customer_id), f"{ONCE}{escape(scenario_id)}")


def once_per_order(store: str, order_id: str, scenario_id: str) -> Key:
    """That a scenario was started for an order."""
    return Key(keys.order(store, order_id).pk, f"{ONCE}{escape(scenario_id)}")


def watch_of_customer(store: str, customer_id: str, event: str, task_id: str) -> Key:
    """That a task is to be told of an event of a customer."""
    return Key(keys.customer(store, customer_id), f"{WATCH}{event}#{escape(task_id)}")


def watch_of_order(store: str, order_id: str, event: str, task_id: str) -> Key:
    """That a task is to be told of an event of an order."""
    return Key(keys.order(store, order_id).pk, f"{WATCH}{event}#{escape(task_id)}")


def watched(sk: str) -> tuple[str, str]:
    """Return the event and the task in the sort key of a watch."""
    event, _, task_id = sk.removeprefix(WATCH).partition("#")
    return event, unescape(task_id)


def promo_code(store: str, code: str) -> Key:
    """A promo code."""
    return Key(partition(store, "P", escape(code)), "PROMO")


def scenarios_listed(store_id: str) -> str:
    """Partition of index ``listing``: the scenarios of a store."""
    return partition(store_id, "SCN")


def tasks_listed(store_id: str, scenario_id: str, part: str) -> str:
    """Partition of index ``listing``: the tasks of a scenario that wait or run, or that came to one of the ends."""
    return partition(store_id, "TASK", escape(scenario_id), part)


def promo_codes_listed(store_id: str) -> str:
    """Partition of index ``listing``: the promo codes of a store."""
    return partition(store_id, "PROMO")
