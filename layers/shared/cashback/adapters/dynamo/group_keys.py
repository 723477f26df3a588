"""Keys of groups, of their members and imports, and of group jobs."""

from cashback.adapters.dynamo.keys import Key, escape, partition, shard_by_hash, unescape
from cashback.domain.shards import SHARDS

MEMBER = "MEMBER#"


def group(store: str, group_id: str) -> Key:
    """A group."""
    return Key(partition(store, "G", escape(group_id)), "GROUP")


def group_members(store: str, group_id: str, shard: int) -> str:
    """One of the 16 partitions of a group's members."""
    return f"{group(store, group_id).pk}#{shard}"


def group_member(store: str, group_id: str, customer_id: str) -> Key:
    """One member; the partition follows from the customer, so nobody can be a member twice."""
    return Key(group_members(store, group_id, shard_by_hash(customer_id)), f"{MEMBER}{escape(customer_id)}")


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
    return Key(partition(store, "J", escape(job_id)), "JOB")


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


def groups_listed(store_id: str) -> str:
    """Partition of index ``listing``: the groups of a store."""
    return partition(store_id, "GROUP")


def jobs_listed(store_id: str) -> str:
    """Partition of index ``listing``: the group jobs of a store."""
    return partition(store_id, "JOB")
