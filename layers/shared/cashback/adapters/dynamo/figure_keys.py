"""Keys of what is counted: the totals of days, and the comparisons of balances with their entries."""

from cashback.adapters.dynamo.keys import Key, partition
from cashback.domain.fingerprints import fingerprint


def figures(store: str) -> str:
    """Partition of a store's day totals, and of what of its engine failed lately."""
    return partition(store, "STATS")


def day_totals(store: str, date: str) -> Key:
    """What a day of a store came to."""
    return Key(figures(store), f"DAY#{date}")


def day_date(sk: str) -> str:
    """Return the date in the sort key of day totals."""
    return sk.removeprefix("DAY#")


def drift(store: str, date: str) -> Key:
    """By how much the totals of a day were wrong."""
    return Key(figures(store), f"DRIFT#{date}")


def failure(store: str, at: str, code: str, change_id: str) -> Key:
    """That something of a store's engine failed at a time."""
    return Key(figures(store), f"FAILURE#{at}#{code}#{change_id}")


def failure_told(sk: str) -> tuple[str, str]:
    """Return when and what failed, from the sort key of a failure."""
    _, at, code, _ = sk.split("#")
    return at, code


def counted(store: str, occasion: str) -> Key:
    """Which changes of the tables, of those of one occasion, are counted in the day totals.

    What comes first of the key is random: by time, all that is new would lie at one end, where no split helps.
    """
    return Key(partition(store, "BATCH"), f"{fingerprint(occasion)[:4]}#{occasion}")


def told(store: str, event_id: str) -> Key:
    """That an event is on the bus although its record comes again."""
    return Key(partition(store, "BATCH"), f"{event_id}#TOLD")


def recount(store: str) -> Key:
    """How far the recount of a store's days is."""
    return Key(partition(store, "CFG"), "RECOUNT")


def reconciliation(store: str) -> Key:
    """How far the comparison of a store's balances with their entries is."""
    return Key(partition(store, "CFG"), "RECONCILIATION")


def reconciliation_reports(store: str) -> str:
    """Partition of what those comparisons came to, by day."""
    return partition(store, "RECON")


def reconciliation_report(store: str, date: str) -> Key:
    """What the comparison of one day came to."""
    return Key(reconciliation_reports(store), f"DAY#{date}")
