"""Every key of both tables, and nothing else builds one.

Every partition key starts ``S#<store>#``, so no key of one store can name an item of another; the exceptions are the
API keys (``K#``), the directory of stores (``STORES``), and what the sweeper reads: the index ``due`` (``D#``) and its
bookmark (``DUE``). Ids are escaped, so an id holding ``#`` cannot reach into another partition even where the edge
forgot to refuse it.
"""

from hashlib import sha256
from typing import NamedTuple


class Key(NamedTuple):
    """Partition and sort key of one item."""

    pk: str
    sk: str


STORES = "STORES"

BOOKMARK = Key("DUE", "BOOKMARK")
"""The hour where a sweep begins: nothing is left in the index ``due`` before it."""

SHARDS = 16
"""Partitions over which the hash of an id spreads what would make a single one hot."""

AFTER_ALL = "\U0010ffff"
"""Sorts after every key there is."""


def escape(part: str) -> str:
    """Percent-escape the two characters that have a meaning in keys."""
    return part.replace("%", "%25").replace("#", "%23")


def unescape(part: str) -> str:
    """Return what ``escape`` was given."""
    return part.replace("%23", "#").replace("%25", "%")


def _pk(store: str, *parts: str) -> str:
    return "#".join(["S", escape(store), *parts])


# Ledger table


def customer(store: str, customer_id: str) -> str:
    """Partition of a customer: entries in the Ledger table, account and profile in the State table."""
    return _pk(store, "C", escape(customer_id))


def entry(store: str, customer_id: str, cause: str) -> Key:
    """One ledger entry; the cause is the permanent idempotency key."""
    return Key(customer(store, customer_id), cause)


def posted_at_cause(posted_at: str, cause: str) -> str:
    """Sort key of the local index ``posted``: history in order of time."""
    return f"{posted_at}#{cause}"


# State table


def account(store: str, customer_id: str) -> Key:
    """Balance and figures of a customer."""
    return Key(customer(store, customer_id), "ACCOUNT")


def profile(store: str, customer_id: str) -> Key:
    """Who the customer is."""
    return Key(customer(store, customer_id), "PROFILE")


def note(store: str, customer_id: str, cause: str) -> Key:
    """The comment of one manual posting, erasable apart from its entry."""
    return Key(customer(store, customer_id), f"NOTE#{cause}")


def notes(store: str, customer_id: str) -> Key:
    """What the sort keys of a customer's notes begin with, in their partition."""
    return Key(customer(store, customer_id), "NOTE#")


def contact_holders(store: str, mac: str) -> str:
    """Partition of the customers who have one verified contact."""
    return _pk(store, "CONTACT", mac)


def contact(store: str, mac: str, customer_id: str) -> Key:
    """One verified contact of one customer."""
    return Key(contact_holders(store, mac), customer_id)


def findable_by(store: str, mac: str) -> str:
    """Partition of the customers who gave one contact that nobody has verified: to find them by, and never to claim."""
    return _pk(store, "FIND", mac)


def findable(store: str, mac: str, customer_id: str) -> Key:
    """One of them."""
    return Key(findable_by(store, mac), customer_id)


def payment_accounts(store: str, customer_id: str) -> Key:
    """What the sort keys of a customer's payment accounts begin with, in their partition."""
    return Key(customer(store, customer_id), "PAYACC#")


def payment_account(store: str, customer_id: str, account_id: str) -> Key:
    """One of them."""
    pk, prefix = payment_accounts(store, customer_id)
    return Key(pk, f"{prefix}{escape(account_id)}")


def account_holders(store: str, mac: str) -> str:
    """Partition of the customers who are paid to one account."""
    return _pk(store, "ACC", mac)


def account_holder(store: str, mac: str, customer_id: str) -> Key:
    """One of them."""
    return Key(account_holders(store, mac), customer_id)


def order(store: str, order_id: str) -> Key:
    """One order document."""
    return Key(_pk(store, "O", escape(order_id)), "ORDER")


def guests(store: str, mac: str) -> str:
    """Partition of the guests' orders that wait for a customer with this contact."""
    return _pk(store, "GUEST", mac)


def guest(store: str, mac: str, order_id: str) -> Key:
    """One of them."""
    return Key(guests(store, mac), escape(order_id))


ONCE = "ONCE#"
WATCH = "WATCH#"


def scenario(store: str, scenario_id: str) -> Key:
    """A scenario."""
    return Key(_pk(store, "SCN", escape(scenario_id)), "SCENARIO")


def catalogue(store: str) -> Key:
    """The scenarios that deliveries must know of: right before the settings, so that one query reads both."""
    return Key(_pk(store, "CFG"), "SCENARIOS")


def task(store: str, task_id: str) -> Key:
    """A task of a scenario."""
    return Key(_pk(store, "T", escape(task_id)), "TASK")


def once_per_customer(store: str, customer_id: str, scenario_id: str) -> Key:
    """That a scenario was started for a customer."""
    return Key(customer(store, customer_id), f"{ONCE}{escape(scenario_id)}")


def once_per_order(store: str, order_id: str, scenario_id: str) -> Key:
    """That a scenario was started for an order."""
    return Key(order(store, order_id).pk, f"{ONCE}{escape(scenario_id)}")


def watch_of_customer(store: str, customer_id: str, event: str, task_id: str) -> Key:
    """That a task is to be told of an event of a customer."""
    return Key(customer(store, customer_id), f"{WATCH}{event}#{escape(task_id)}")


def watch_of_order(store: str, order_id: str, event: str, task_id: str) -> Key:
    """That a task is to be told of an event of an order."""
    return Key(order(store, order_id).pk, f"{WATCH}{event}#{escape(task_id)}")


def watched(sk: str) -> tuple[str, str]:
    """Return the event and the task in the sort key of a watch."""
    event, _, task_id = sk.removeprefix(WATCH).partition("#")
    return event, unescape(task_id)


def promo_code(store: str, code: str) -> Key:
    """A promo code."""
    return Key(_pk(store, "P", escape(code)), "PROMO")


WAIT = "WAIT#"


def product(store: str, product_id: str) -> Key:
    """A product of the catalogue."""
    return Key(_pk(store, "PR", escape(product_id)), "PRODUCT")


def waits_for_product(store: str, product_id: str, order_id: str) -> Key:
    """One order that waits for a product, beside it."""
    return Key(product(store, product_id).pk, f"{WAIT}{escape(order_id)}")


def group(store: str, group_id: str) -> Key:
    """A group."""
    return Key(_pk(store, "G", escape(group_id)), "GROUP")


def group_members(store: str, group_id: str, shard: int) -> str:
    """One of the 16 partitions of a group's members."""
    return f"{group(store, group_id).pk}#{shard}"


def group_member(store: str, group_id: str, customer_id: str) -> Key:
    """One member; the partition follows from the customer, so nobody can be a member twice."""
    return Key(group_members(store, group_id, _shard(customer_id)), f"{MEMBER}{escape(customer_id)}")


MEMBER = "MEMBER#"


def member_id(sk: str) -> str:
    """Return the customer in the sort key of a member."""
    return unescape(sk.removeprefix(MEMBER))


def group_import(store: str, group_id: str, import_id: str) -> Key:
    """An import of members."""
    return Key(group(store, group_id).pk, f"IMPORT#{escape(import_id)}")


def import_rows(store: str, group_id: str, import_id: str, page: int) -> Key:
    """A page of its rows, as they were sent."""
    pk, sk = group_import(store, group_id, import_id)
    return Key(pk, f"{sk}#ROWS#{page:05d}")


def import_report(store: str, group_id: str, import_id: str, page: int) -> Key:
    """The rows of a page that added nobody."""
    pk, sk = group_import(store, group_id, import_id)
    return Key(pk, f"{sk}#REPORT#{page:05d}")


def job(store: str, job_id: str) -> Key:
    """A group job."""
    return Key(_pk(store, "J", escape(job_id)), "JOB")


def job_page(store: str, job_id: str, page: int) -> Key:
    """A page of the snapshot of its members."""
    return Key(job(store, job_id).pk, f"SNAP#{page:06d}")


def job_chunk(store: str, job_id: str, number: int) -> Key:
    """A chunk of its members, in one of 16 partitions."""
    return Key(_job_part(store, job_id, number % SHARDS), f"CHUNK#{number:07d}")


def job_progress(store: str, job_id: str, shard: int) -> Key:
    """What the chunks of one of the partitions came to."""
    return Key(_job_part(store, job_id, shard), "PROGRESS")


def _job_part(store: str, job_id: str, shard: int) -> str:
    return f"{job(store, job_id).pk}#{shard}"


REQUEST = "REQ#"


def incentive_request(store: str, request_id: str) -> Key:
    """An incentive request."""
    return Key(_pk(store, "R", escape(request_id)), "REQUEST")


def request_of_customer(store: str, customer_id: str, created_at: str, request_id: str) -> Key:
    """One request, in the partition of the customer who made it."""
    return Key(customer(store, customer_id), f"{REQUEST}{listed(created_at, request_id)}")


def payout(store: str, payout_id: str) -> Key:
    """A payout."""
    return Key(_pk(store, "Y", escape(payout_id)), "PAYOUT")


PAYOUT_AUDIT = "AUDIT#"


def payout_audit(store: str, payout_id: str, number: int) -> Key:
    """One line of a payout's audit."""
    return Key(payout(store, payout_id).pk, f"{PAYOUT_AUDIT}{number:06d}")


def payouts_referred(store: str, mac: str) -> str:
    """Partition of the payouts that have one external reference."""
    return _pk(store, "REF", mac)


def payout_referred(store: str, mac: str, payout_id: str) -> Key:
    """One of them."""
    return Key(payouts_referred(store, mac), payout_id)


def payouts_found(store: str, mac: str) -> str:
    """Partition of the payouts that a beginning of a word finds; each is there by its place."""
    return _pk(store, "SEARCH", "payout", mac)


def answer(store: str, request_hash: str) -> Key:
    """The first answer to a request about many things."""
    return Key(_pk(store, "REQUEST", escape(request_hash)), "ANSWER")


def settings(store: str, version: int | None = None) -> Key:
    """The current settings, or one version of their history."""
    return Key(_pk(store, "CFG"), "SETTINGS" if version is None else f"SETTINGS#{version:08d}")


def closing(store: str) -> Key:
    """How far the erasure of a closed store is."""
    return Key(_pk(store, "CFG"), "CLOSING")


def delay(store: str) -> Key:
    """How far behind the store's events were when one was last late."""
    return Key(_pk(store, "CFG"), "DELAY")


def webhook_secrets(store: str) -> str:
    """Partition of a store's encrypted signing secrets."""
    return _pk(store, "SEC")


def webhook_secret(store: str, source: str) -> Key:
    """The encrypted signing secrets of one source."""
    return Key(webhook_secrets(store), source)


def store_keys(store: str) -> str:
    """Partition of a store's own view of its API keys."""
    return _pk(store, "KEYS")


def store_key(store: str, api_key_id: str) -> Key:
    """One API key as its store sees it: everything but the key."""
    return Key(store_keys(store), f"KEY#{escape(api_key_id)}")


def key_guard(store: str) -> Key:
    """Revision of the set of keys, so that two deletions cannot both leave the other as the last admin."""
    return Key(store_keys(store), "GUARD")


def api_key(digest: str) -> Key:
    """An API key, found by its hash; the key itself is nowhere stored."""
    return Key(f"K#{digest}", "KEY")


def endpoints(store: str) -> str:
    """Partition of the addresses that a store's events are sent to."""
    return _pk(store, "HOOK")


def endpoint(store: str, endpoint_id: str) -> Key:
    """One of them."""
    return Key(endpoints(store), escape(endpoint_id))


def deliveries(store: str) -> str:
    """Partition of what is sent there; the ids begin with a time."""
    return _pk(store, "DLV")


def delivery(store: str, delivery_id: str) -> Key:
    """One event on its way to one address."""
    return Key(deliveries(store), escape(delivery_id))


def notice(store: str, event_id: str) -> Key:
    """That somebody was, or is being, told of an event."""
    return Key(_pk(store, "NTF"), escape(event_id))


def birthdays_done(store: str) -> Key:
    """Until which date the birthdays of a store are done."""
    return Key(_pk(store, "CFG"), "BIRTHDAYS")


def recount(store: str) -> Key:
    """How far the recount of a store's days is."""
    return Key(_pk(store, "CFG"), "RECOUNT")


def figures(store: str) -> str:
    """Partition of a store's day totals, and of what of its engine failed lately."""
    return _pk(store, "STATS")


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


def counted(store: str, change_id: str) -> Key:
    """That a change of the tables is counted in the day totals."""
    return Key(_pk(store, "BATCH"), change_id)


def written(pk: str) -> tuple[str, str, str] | None:
    """Return the store, the kind (``C``, ``O``, ``T``, ``J``, ``P``) and the id of a partition of one thing; None for
    every other partition."""
    parts = pk.split("#")
    return (unescape(parts[1]), parts[2], unescape(parts[3])) if len(parts) == 4 and parts[0] == "S" else None


def reconciliation(store: str) -> Key:
    """How far the comparison of a store's balances with their entries is."""
    return Key(_pk(store, "CFG"), "RECONCILIATION")


def reconciliation_reports(store: str) -> str:
    """Partition of what those comparisons came to, by day."""
    return _pk(store, "RECON")


def reconciliation_report(store: str, date: str) -> Key:
    """What the comparison of one day came to."""
    return Key(reconciliation_reports(store), f"DAY#{date}")


def store(store_id: str) -> Key:
    """A store in the directory."""
    return Key(STORES, store_id)


def audit(store_id: str, at: str, act_id: str) -> Key:
    """One line of the audit of admin acts, by month."""
    return Key(audit_month(store_id, at[:7]), f"{at}#{act_id}")


def audit_month(store_id: str, month: str) -> str:
    """Partition of the audit of one month, as in ``2026-11``."""
    return _pk(store_id, "AUDIT", month)


def data_request(store_id: str, request_id: str) -> Key:
    """That a person's request for their data was written into the audit."""
    return Key(_pk(store_id, "AUDIT"), f"DATA_REQUEST#{escape(request_id)}")


def redact_request(store_id: str, shop_domain: str) -> Key:
    """That a shop's request to forget all its customers was written into the audit."""
    return Key(_pk(store_id, "AUDIT"), f"REDACT_REQUEST#{escape(shop_domain)}")


# Indexes of the State table


def orders_by_status(store_id: str, status: str) -> str:
    """Partition of index ``listing``: the orders of one status."""
    return _pk(store_id, "ORDER", status)


def orders_by_customer(store_id: str, customer_id: str) -> str:
    """Partition of index ``by_customer``."""
    return _pk(store_id, "CUST", escape(customer_id))


def customers_listed(store_id: str, customer_id: str) -> str:
    """Partition of index ``listing`` for a customer: one of 16, by hash, so that no partition grows hot."""
    return customers_listed_in(store_id, _shard(customer_id))


def all_customers_listed(store_id: str) -> list[str]:
    """Return all partitions of index ``listing`` for the customers of a store."""
    return [customers_listed_in(store_id, shard) for shard in range(SHARDS)]


def customers_listed_in(store_id: str, shard: int) -> str:
    """One of the partitions of index ``listing`` for customers."""
    return _pk(store_id, "CUST", str(shard))


def birthdays(store_id: str, month_day: str) -> str:
    """Partition of index ``listing``: whose birthday is on a day, as in ``02-29``; the sort key is the escaped id."""
    return _pk(store_id, "BDAY", month_day)


def incentive_requests_listed(store_id: str, status: str) -> str:
    """Partition of index ``listing``: the incentive requests of one status."""
    return _pk(store_id, "REQ", status)


def payouts_listed(store_id: str, status: str) -> str:
    """Partition of index ``listing``: the payouts of one status."""
    return _pk(store_id, "PAYOUT", status)


def products_listed(store_id: str) -> str:
    """Partition of index ``listing``: the products of a store, whose sort key is the escaped id."""
    return _pk(store_id, "PRODUCT")


def scenarios_listed(store_id: str) -> str:
    """Partition of index ``listing``: the scenarios of a store."""
    return _pk(store_id, "SCN")


def tasks_listed(store_id: str, scenario_id: str, part: str) -> str:
    """Partition of index ``listing``: the tasks of a scenario that wait or run, or that came to one of the ends."""
    return _pk(store_id, "TASK", escape(scenario_id), part)


def promo_codes_listed(store_id: str) -> str:
    """Partition of index ``listing``: the promo codes of a store."""
    return _pk(store_id, "PROMO")


def groups_listed(store_id: str) -> str:
    """Partition of index ``listing``: the groups of a store."""
    return _pk(store_id, "GROUP")


def jobs_listed(store_id: str) -> str:
    """Partition of index ``listing``: the group jobs of a store."""
    return _pk(store_id, "JOB")


def listed(created_at: str, item_id: str) -> str:
    """Sort key of both indexes: by time, ties by id."""
    return f"{created_at}#{escape(item_id)}"


def listed_id(place: str) -> str:
    """Return the id in a place that ``listed`` made."""
    return unescape(place.partition("#")[2])


def listed_until(at: str | None) -> str:
    """Return the place after everything of an instant, or after everything there is."""
    return f"{at or ':'}#{AFTER_ALL}"


def due(at: str, shard_of: str) -> str:
    """Partition of index ``due`` for what comes due at an instant: that of its hour, one of 16 by hash of its id."""
    return f"D#{at[:13]}#{_shard(shard_of)}"


def due_in(hour: str) -> list[str]:
    """Return all partitions of index ``due`` for an hour, as in ``2026-11-22T13``."""
    return [f"D#{hour}#{shard}" for shard in range(SHARDS)]


def due_place(at: str, store_id: str, kind: str, item_id: str) -> str:
    """Sort key of index ``due``: by time, and all that is needed to find the thing."""
    return "#".join([at, escape(store_id), escape(kind), escape(item_id)])


def due_thing(place: str) -> list[str]:
    """Return the instant, store, kind and id in a place that ``due_place`` made."""
    return [unescape(part) for part in place.split("#")]


def _shard(item_id: str) -> int:
    return sha256(item_id.encode()).digest()[0] % SHARDS
